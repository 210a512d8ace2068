use std::sync::Arc;

use crate::{
    EngramId, SearchTrace,
    history::{
        record::{put_adjusted, put_born, put_fired, put_reset, put_searched},
        row_history::{Beginning, Cursor, Piece, RowHistory},
    },
    id::Member,
};

/// Writes the history of a row while it happens.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder {
    beginning: Arc<Beginning>,
    /// A piece ends with the step after this many bytes.
    piece_bytes: usize,
    /// Full pieces, shared with the histories that were requested.
    pieces: Vec<Arc<Piece>>,
    /// The piece that is being written.
    last: Piece,
    /// The end of the record.
    end: Cursor,
    has_traces: bool,
    /// The reminded engrams of the present step's last firing.
    fired: Vec<EngramId>,
    gains: Vec<(EngramId, f32)>,
    promoted: Vec<EngramId>,
}

impl Recorder {
    /// A record from here on, in pieces that end with the step after this many bytes.
    pub(crate) fn new(beginning: Beginning, piece_bytes: usize) -> Self {
        let (end, last) = (beginning.at, Piece { at: beginning.at, bytes: Vec::new() });
        Self { beginning: Arc::new(beginning), piece_bytes, last, end, ..Self::default() }
    }

    /// The record up to now.
    pub(crate) fn history(&self) -> RowHistory {
        let last = Arc::new(self.last.clone());
        RowHistory {
            beginning: self.beginning.clone(),
            pieces: self.pieces.iter().cloned().chain([last]).collect(),
            end: self.end,
            has_traces: self.has_traces,
        }
    }

    /// Working engrams are made, with ids from `first` on.
    #[inline(never)]
    pub(crate) fn born(&mut self, first: u64, count: usize, lifespan: f32) {
        if count > 0 {
            let ids = first..first + count as u64;
            self.end.next_id = ids.end;
            put_born(&mut self.last.bytes, ids, lifespan);
        }
    }

    /// The working engrams fire together with the reminded ones.
    #[inline(never)]
    pub(crate) fn fired(&mut self, reminded_ltm: &[Member], reminded_stm: &[Member]) {
        let reminded = reminded_ltm.iter().chain(reminded_stm).map(|member| member.id);
        self.fired.clear();
        self.fired.extend(reminded);
        put_fired(&mut self.last.bytes, self.fired.iter().copied());
    }

    /// How the search reached the reminded engrams of the last firing.
    pub(crate) fn searched(&mut self, trace: &SearchTrace) {
        debug_assert!(trace.reached.iter().map(|reached| &reached.id).eq(&self.fired));
        self.has_traces = true;
        put_searched(&mut self.last.bytes, &trace.reached);
    }

    /// An engram gains lifespan; in order of id.
    pub(crate) fn gained(&mut self, id: EngramId, gain: f32) {
        self.gains.push((id, gain));
    }

    /// An engram becomes long-term; in order of id.
    pub(crate) fn promoted(&mut self, id: EngramId) {
        self.promoted.push(id);
    }

    /// The step ends, and some engrams die.
    #[inline(never)]
    pub(crate) fn adjusted(&mut self, dead: &[Member]) {
        let Self { last, end, fired, gains, promoted, .. } = self;
        let of_last_firing = fired.iter().eq(gains.iter().map(|gain| &gain.0));
        let dead = dead.iter().map(|member| member.id);
        put_adjusted(&mut last.bytes, gains, of_last_firing, promoted, dead);
        if let Some(last) = promoted.last() {
            end.long_term_below = last.0 + 1;
        }
        end.step += 1;
        let most = self.piece_bytes;
        if last.bytes.len() >= most {
            let next = Piece { at: *end, bytes: Vec::with_capacity(most + most / 8) };
            let mut full = core::mem::replace(last, next);
            full.bytes.shrink_to_fit();
            self.pieces.push(Arc::new(full));
        }
        self.fired.clear();
        self.gains.clear();
        self.promoted.clear();
    }

    /// The row is emptied of its living engrams, in order of id.
    pub(crate) fn reset(&mut self, living: impl ExactSizeIterator<Item = EngramId>) {
        put_reset(&mut self.last.bytes, living);
    }

    /// Allocated bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.beginning.bytes()
            + self.pieces.iter().map(|piece| piece.bytes()).sum::<usize>()
            + self.last.bytes()
            + self.fired.capacity() * size_of::<EngramId>()
            + self.gains.capacity() * size_of::<(EngramId, f32)>()
            + self.promoted.capacity() * size_of::<EngramId>()
    }
}
