use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use burn::{
    data::{
        dataloader::{DataLoader, DataLoaderIterator, Progress},
        dataset::DatasetError,
    },
    tensor::Device,
};

use super::{Batch, OtherRows, StepRows, batch::Builder};
use crate::data::{Split, Text};

/// A split of a text in parallel streams: each row continues, from step to step, where it was.
///
/// Every row has an equal part of the tokens. A segment ends where its document ends, and is padded; the next segment
/// begins another document. Every token is in one segment. Every token except the first of each document is asked for
/// at the previous token. Rows that end before the others end in padding.
#[derive(Clone, Debug)]
pub struct Streams {
    text: Arc<Text>,
    split: Split,
    /// For each row its segments, and whether a document begins with them.
    rows: Vec<Vec<(Range<usize>, bool)>>,
    /// Number of segments of a step.
    segments: usize,
}

/// Steps of [`Streams`], with a fixed number per epoch. An epoch continues where the previous one ended.
#[derive(Clone, Debug)]
pub struct StreamLoader {
    streams: Arc<Streams>,
    rows: StepRows,
    epoch_steps: usize,
    /// Number of epochs begun.
    epochs: Arc<AtomicUsize>,
    /// Whether every epoch is the same.
    again: bool,
    device: Device,
}

impl Streams {
    /// Splits a text into rows. A step has `segments` segments of each row.
    pub fn new(text: Arc<Text>, split: Split, rows: usize, segments: usize) -> Self {
        let (tokens, length) = (text.split(split), text.segment_length());
        let rows = rows.clamp(1, tokens.len().max(1));
        let cut = |row: usize| (row as u128 * tokens.len() as u128 / rows as u128) as usize;
        let row = |row: usize| {
            let part = cut(row)..cut(row + 1);
            let mut segments = Vec::new();
            let mut place = part.start;
            while place < part.end {
                let end = tokens.document(place).end.min(part.end);
                let starts = (place..end).step_by(length);
                segments
                    .extend(starts.map(|start| (start..end.min(start + length), start == place)));
                place = end;
            }
            segments
        };
        let rows = (0..rows).map(row).collect();
        Self { text, split, rows, segments: segments.max(1) }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Number of steps until every row has ended. The last one may have fewer segments than the others.
    pub fn steps(&self) -> usize {
        self.rows.iter().map(Vec::len).max().unwrap_or(0).div_ceil(self.segments)
    }

    /// Makes the batch of some rows of a step.
    pub fn step(&self, step: usize, rows: Range<usize>, device: &Device) -> Batch {
        let tokens = self.text.split(self.split);
        let others = self.others(step, &rows);
        let here = &self.rows[rows.clone()];
        let step_rows = StepRows { range: rows, of: self.rows() };
        let mut builder = Builder::new(step_rows, others, self.text.segment_length());
        for index in self.indices(step) {
            builder.segment();
            for (row, segments) in here.iter().enumerate() {
                let Some((range, begins)) = segments.get(index) else { continue };
                let with_next = tokens.tokens(range.start..self.asked(range).end);
                builder.tokens(row, *begins, &with_next[..range.len()]);
                for (at, &next) in with_next[1..].iter().enumerate() {
                    builder.ask(row, at, &[next], [None; 2]);
                }
            }
        }
        builder.build(device)
    }

    /// Returns facts about the other rows of a step.
    fn others(&self, step: usize, rows: &Range<usize>) -> OtherRows {
        let indices = self.indices(step);
        let others = || self.rows[..rows.start].iter().chain(&self.rows[rows.end..]);
        let segments = others().flat_map(|row| indices.clone().filter_map(|index| row.get(index)));
        OtherRows {
            asked: segments.map(|(range, _)| self.asked(range).len()).sum(),
            begin: others().all(|row| row.get(indices.start).is_some_and(|(_, begins)| *begins)),
        }
    }

    /// Places in the text of all tokens that a step asks for, in the order of its questions.
    pub fn places(&self, step: usize) -> Vec<usize> {
        let segments = |index| self.rows.iter().filter_map(move |row| row.get(index));
        self.indices(step).flat_map(segments).flat_map(|(range, _)| self.asked(range)).collect()
    }

    /// Segments of a row, in order: the places of their tokens, and whether a document begins with them.
    pub fn segments(&self, row: usize) -> &[(Range<usize>, bool)] {
        &self.rows[row]
    }

    /// Indices of a row's segments in a step.
    fn indices(&self, step: usize) -> Range<usize> {
        let last = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        (step * self.segments).min(last)..((step + 1) * self.segments).min(last)
    }

    /// Places of the tokens that a segment asks for: those after its first token, and the next token of its document.
    fn asked(&self, segment: &Range<usize>) -> Range<usize> {
        let document = self.text.split(self.split).document(segment.start);
        segment.start + 1..document.end.min(segment.end + 1)
    }
}

impl StreamLoader {
    /// Creates a loader for training that passes through the streams again and again, after `epochs_done` epochs.
    pub fn training(
        streams: Streams,
        epoch_steps: usize,
        epochs_done: usize,
        device: &Device,
    ) -> Self {
        let rows = StepRows::all(streams.rows());
        let epochs = Arc::new(AtomicUsize::new(epochs_done));
        let (streams, device) = (Arc::new(streams), device.clone());
        Self { streams, rows, epoch_steps, epochs, again: false, device }
    }

    /// Creates a loader of the first steps of streams, the same in every epoch.
    pub fn validation(streams: Streams, steps: usize, device: &Device) -> Self {
        let epoch_steps = steps.min(streams.steps());
        Self { again: true, ..Self::training(streams, epoch_steps, 0, device) }
    }
}

impl DataLoader<Batch> for StreamLoader {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<Batch> + 'a> {
        let epoch = self.epochs.fetch_add(1, Ordering::Relaxed);
        let first = if self.again { 0 } else { epoch * self.epoch_steps };
        Box::new(Epoch { loader: self, first, done: 0 })
    }

    /// Number of rows in all steps.
    fn num_items(&self) -> usize {
        self.epoch_steps * self.rows.range.len()
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<Batch>> {
        Arc::new(Self { device: device.clone(), ..self.clone() })
    }

    /// Returns a loader of some rows for all steps; items are counted row by row.
    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<Batch>> {
        let rows = self.rows.slice(start..end, self.num_items());
        let epochs = Arc::new(AtomicUsize::new(self.epochs.load(Ordering::Relaxed)));
        Arc::new(Self { rows, epochs, ..self.clone() })
    }
}

/// One epoch.
struct Epoch<'a> {
    loader: &'a StreamLoader,
    first: usize,
    done: usize,
}

impl Iterator for Epoch<'_> {
    type Item = Result<Batch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let StreamLoader { streams, rows, epoch_steps, device, .. } = self.loader;
        if self.done >= *epoch_steps || rows.range.is_empty() {
            return None;
        }
        let step = (self.first + self.done) % streams.steps().max(1);
        self.done += 1;
        Some(Ok(streams.step(step, rows.range.clone(), device)))
    }
}

impl DataLoaderIterator<Batch> for Epoch<'_> {
    fn progress(&self) -> Progress {
        let rows = self.loader.rows.range.len();
        Progress::new(self.done * rows, self.loader.num_items(), Some("rows".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{TextSplit, Vocabulary};

    /// Documents of the given lengths; every token is its place in the text.
    fn text(lengths: &[usize]) -> Arc<Text> {
        let mut split = TextSplit::default();
        for &length in lengths {
            let first = split.len() as u32;
            split.push(first..first + length as u32, length);
        }
        Arc::new(Text::new(
            Vocabulary::of_words(vec![]),
            4,
            [split, TextSplit::default(), TextSplit::default()],
        ))
    }

    /// For each row: the tokens seen, and pairs of a token and the next one asked for.
    fn read(streams: &Streams) -> Vec<(Vec<i64>, Vec<[i64; 2]>)> {
        let mut rows = vec![(vec![], vec![]); streams.rows()];
        for step in 0..streams.steps() {
            let batch = streams.step(step, 0..streams.rows(), &Device::flex());
            let [segments, count, length] = batch.tokens.dims();
            let tokens: Vec<i64> = batch.tokens.to_data().iter::<i64>().collect();
            let padding: Option<Vec<bool>> =
                batch.mask_pad.map(|mask| mask.to_data().iter::<bool>().collect());
            for place in 0..segments * count * length {
                let (row, real) =
                    (place / length % count, padding.as_ref().is_none_or(|mask| !mask[place]));
                let ended =
                    step * streams.segments + place / length / count >= streams.rows[row].len();
                if real && !ended {
                    rows[row].0.push(tokens[place]);
                }
            }
            let answers: Vec<i64> = batch.answers.to_data().iter::<i64>().collect();
            for (place, answer) in batch.asked.to_data().iter::<i64>().zip(answers) {
                let place = place as usize;
                rows[place / length % count].1.push([tokens[place], answer]);
            }
        }
        rows
    }

    #[test]
    fn every_token_is_seen_once_in_order() {
        for (lengths, rows, segments) in [
            (&[40][..], 1, 3),
            (&[41], 3, 2),
            (&[3, 1, 17, 4, 9], 2, 1),
            (&[5, 5, 5, 5], 4, 7),
            (&[2], 8, 1),
            (&[100, 1, 1, 30], 3, 4),
        ] {
            let streams = Streams::new(text(lengths), Split::Train, rows, segments);
            let total: usize = lengths.iter().sum();
            let read = read(&streams);
            let seen: Vec<i64> = read.iter().flat_map(|(seen, _)| seen).copied().collect();
            assert_eq!(seen, (0..total as i64).collect::<Vec<_>>(), "{lengths:?} in {rows}");
            let asked: Vec<[i64; 2]> = read.iter().flat_map(|(_, asked)| asked).copied().collect();
            let firsts: Vec<i64> = (0..lengths.len())
                .map(|document| lengths[..document].iter().sum::<usize>() as i64)
                .collect();
            let expected: Vec<[i64; 2]> = (0..total as i64)
                .filter(|token| !firsts.contains(token))
                .map(|token| [token - 1, token])
                .collect();
            assert_eq!(asked, expected, "{lengths:?} in {rows}");
        }
    }

    #[test]
    fn documents_begin_where_they_begin() {
        let streams = Streams::new(text(&[6, 3, 3]), Split::Train, 1, 2);
        let begins = |step| streams.step(step, 0..1, &Device::flex()).begins;
        // 0–3, 4–5; 6–8, 9–11.
        assert_eq!([begins(0), begins(1)], [[vec![0], vec![]], [vec![0], vec![0]]]);
        assert!(streams.step(0, 0..1, &Device::flex()).begins_anew());
    }

    #[test]
    fn epochs_go_on_where_the_last_one_ended() {
        let streams = Streams::new(text(&[64]), Split::Train, 2, 2);
        assert_eq!(streams.steps(), 4);
        let first = |loader: &dyn DataLoader<Batch>| {
            let batches: Vec<Batch> = loader.iter().map(Result::unwrap).collect();
            batches[0].tokens.to_data().iter::<i64>().next().unwrap()
        };
        let loader = StreamLoader::training(streams.clone(), 3, 0, &Device::flex());
        assert_eq!(loader.num_items(), 6);
        assert_eq!([first(&loader), first(&loader), first(&loader)], [0, 24, 16]);
        let resumed = StreamLoader::training(streams.clone(), 3, 2, &Device::flex());
        assert_eq!(first(&resumed), 16);
        let validation = StreamLoader::validation(streams, 2, &Device::flex());
        assert_eq!([first(&validation), first(&validation)], [0, 0]);
        // Half of the items are half of the rows.
        assert_eq!(first(&*loader.slice(3, 6)), 32 + 8);
    }
}
