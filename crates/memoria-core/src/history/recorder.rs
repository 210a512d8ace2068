use std::sync::Arc;

use crate::{
    EngramId,
    history::{
        record::{put_adjusted, put_born, put_fired, put_reset},
        row_history::{Beginning, PIECE, Piece, RowHistory},
    },
    id::Member,
};

/// Writes the history of a row while it happens.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    history: RowHistory,
    /// Those reminded in the present step's last firing.
    fired: Option<Vec<EngramId>>,
    gains: Vec<(EngramId, f32)>,
    promoted: Vec<EngramId>,
    scratch: Vec<u8>,
}

impl Recorder {
    pub(crate) fn new(beginning: Beginning) -> Self {
        Self {
            history: RowHistory::new(beginning),
            fired: None,
            gains: Vec::new(),
            promoted: Vec::new(),
            scratch: Vec::new(),
        }
    }

    pub(crate) fn history(&self) -> &RowHistory {
        &self.history
    }

    /// Working engrams are made, with ids from `first` on.
    pub(crate) fn born(&mut self, first: u64, count: usize, lifespan: f32) {
        if count > 0 {
            let ids = first..first + count as u64;
            self.history.end.next_id = ids.end;
            put_born(last_piece(&mut self.history), ids, lifespan);
        }
    }

    /// The working engrams fire together with what they reminded of.
    pub(crate) fn fired(&mut self, reminded_ltm: &[Member], reminded_stm: &[Member]) {
        let reminded = reminded_ltm.iter().chain(reminded_stm).map(|member| member.id);
        let fired = self.fired.get_or_insert_default();
        fired.clear();
        fired.extend(reminded);
        put_fired(last_piece(&mut self.history), fired.iter().copied(), &mut self.scratch);
    }

    /// An engram gains lifespan; in order of id.
    pub(crate) fn gained(&mut self, id: EngramId, gain: f32) {
        self.gains.push((id, gain));
    }

    /// An engram becomes long-term; in order of id.
    pub(crate) fn promoted(&mut self, id: EngramId) {
        self.promoted.push(id);
    }

    /// The step ends with the deaths of some.
    pub(crate) fn adjusted(&mut self, dead: &[Member]) {
        let Self { history, fired, gains, promoted, scratch } = self;
        let of_last_firing = fired.as_ref().is_some_and(|fired| {
            fired.len() == gains.len() && fired.iter().zip(&*gains).all(|(id, gain)| *id == gain.0)
        });
        let dead = dead.iter().map(|member| member.id);
        put_adjusted(last_piece(history), gains, of_last_firing, promoted, dead, scratch);
        if let Some(last) = promoted.last() {
            history.end.long_term_below = last.0 + 1;
        }
        history.end.step += 1;
        history.end_piece();
        self.fired = None;
        self.gains.clear();
        self.promoted.clear();
    }

    /// The row is emptied of whoever lives, in order of id.
    pub(crate) fn reset(&mut self, living: impl Iterator<Item = EngramId>) {
        put_reset(last_piece(&mut self.history), living, &mut self.scratch);
    }

    /// Bytes set aside.
    pub(crate) fn bytes(&self) -> usize {
        self.history.bytes()
            + self.fired.as_ref().map_or(0, Vec::capacity) * size_of::<EngramId>()
            + self.gains.capacity() * size_of::<(EngramId, f32)>()
            + self.promoted.capacity() * size_of::<EngramId>()
            + self.scratch.capacity()
    }
}

/// Where to write. A piece that a look at the history shares is copied first.
fn last_piece(history: &mut RowHistory) -> &mut Vec<u8> {
    let last = history.pieces.last_mut().expect("there is always a piece");
    &mut Arc::make_mut(last).bytes
}

impl RowHistory {
    /// Begins a new piece if the last one is long enough, between two steps.
    pub(super) fn end_piece(&mut self) {
        let Some(last) = self.pieces.last_mut().filter(|last| last.bytes.len() >= PIECE) else {
            return;
        };
        Arc::make_mut(last).bytes.shrink_to_fit();
        self.pieces.push(Arc::new(Piece { at: self.end, bytes: Vec::new() }));
    }
}
