//! Random workloads, the same for every memory that runs them.

use burn::backend::{
    Backend, TensorData, read_sync,
    tensor::{Device, FloatTensor},
};
use memoria::{Engram, EngramId, LifespanGain, Memoria, MemoriaConfig, Stages};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A workload: the inputs of a memory, step by step and row by row.
#[derive(Clone, Debug)]
pub struct Story {
    /// Configuration of the memory.
    pub config: MemoriaConfig,
    /// Dimension of a vector.
    pub dim: usize,
    steps: Vec<Chapter>,
}

#[derive(Clone, Debug)]
struct Chapter {
    /// Whether each row is reset before the step.
    resets: Vec<bool>,
    /// Added working memories, `[add][row]`.
    added: Vec<Vec<Vec<f32>>>,
    /// Gains by row and place among the reminded engrams; further ones are not used.
    gains: Vec<Vec<f32>>,
    on_device: bool,
}

/// One row at the end of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// Results of its search, stage by stage.
    pub recollection: Stages,
    /// The reminded vectors, bit for bit.
    pub vectors: Vec<u32>,
    /// Engrams with their lifespans, bit for bit.
    pub engrams: Vec<(Engram, u32)>,
    /// Connections of every engram, with their counts.
    pub connections: Vec<Vec<(EngramId, u32)>>,
}

/// The size of a story.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "as those of a memory")]
pub struct Size {
    pub rows: usize,
    pub dim: usize,
    pub steps: usize,
    /// Maximum number of working memories added at once.
    pub width: usize,
}

impl Story {
    /// Makes a random story. Each row has a document that returns to three drifting topics, so similar engrams were
    /// often made long ago. Rows end and begin again, and steps add different numbers of memories.
    pub fn random(seed: u64, size: Size, config: MemoriaConfig) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let most = config.num_reminded_stm + config.num_final_ltms;
        let mut topics = vec![vec![vec![0.0f32; size.dim]; 3]; size.rows];
        let steps = (0..size.steps).map(|_| {
            for number in topics.iter_mut().flatten().flatten() {
                *number = *number * 0.95 + rng.random_range(-0.4..0.4);
            }
            let current: Vec<usize> = (0..size.rows).map(|_| rng.random_range(0..3)).collect();
            let adds = if rng.random_bool(0.15) { 2 } else { 1 };
            let added = (0..adds).map(|_| {
                let width = if rng.random_bool(0.8) {
                    size.width
                } else {
                    rng.random_range(0..=size.width)
                };
                let row = |(topics, &current): (&Vec<Vec<f32>>, &usize)| {
                    let numbers = topics[current].iter().cycle().take(width * size.dim);
                    numbers.map(|number| number + rng.random_range(-1.0..1.0)).collect()
                };
                topics.iter().zip(&current).map(row).collect()
            });
            let added = added.collect();
            let mut gain = || {
                if rng.random_bool(0.2) {
                    -0.5
                } else {
                    rng.random_range(0.0..config.initial_lifespan)
                }
            };
            Chapter {
                added,
                gains: (0..size.rows).map(|_| (0..most).map(|_| gain()).collect()).collect(),
                resets: (0..size.rows).map(|_| rng.random_bool(0.02)).collect(),
                on_device: rng.random_bool(0.5),
            }
        });
        let steps = steps.collect();
        Self { config, dim: size.dim, steps }
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.steps[0].gains.len()
    }

    /// Returns the story of one row.
    pub fn alone(&self, row: usize) -> Self {
        let only = |chapter: &Chapter| Chapter {
            added: chapter.added.iter().map(|rows| vec![rows[row].clone()]).collect(),
            gains: vec![chapter.gains[row].clone()],
            resets: vec![chapter.resets[row]],
            on_device: chapter.on_device,
        };
        Self { config: self.config, dim: self.dim, steps: self.steps.iter().map(only).collect() }
    }

    /// Runs the story on a new memory. Returns pages `[step][row]`.
    pub fn tell<B: Backend>(&self, device: &Device<B>) -> Vec<Vec<Page>> {
        let mut memory = Memoria::<B>::new(self.config).unwrap();
        self.tell_to(&mut memory, 0..self.steps.len(), device)
    }

    /// Runs some steps of the story on a memory.
    pub fn tell_to<B: Backend>(
        &self,
        memory: &mut Memoria<B>,
        steps: std::ops::Range<usize>,
        device: &Device<B>,
    ) -> Vec<Vec<Page>> {
        self.steps[steps].iter().map(|chapter| chapter.tell(memory, self.dim, device)).collect()
    }
}

impl Chapter {
    fn tell<B: Backend>(
        &self,
        memory: &mut Memoria<B>,
        dim: usize,
        device: &Device<B>,
    ) -> Vec<Page> {
        let ended: Vec<usize> = (0..memory.batch()).filter(|&row| self.resets[row]).collect();
        memory.reset_rows(&ended).unwrap();
        for rows in &self.added {
            let shape = [rows.len(), rows[0].len() / dim, dim];
            let data = TensorData::new(rows.concat(), shape);
            memory.add_working_memory(B::float_from_data(data, device)).unwrap();
        }
        let reminded = memory.remind().unwrap();
        let width = reminded.width();
        let read: Vec<u32> = reminded.data().cloned().map(bits::<B>).unwrap_or_default();
        let vectors = |row: usize| {
            let (known, padding) = read[row * width * dim..(row + 1) * width * dim]
                .split_at(reminded.ids(row).len() * dim);
            assert!(padding.iter().all(|&bits| bits == 0), "padding reads as zeros");
            known.to_vec()
        };
        let vectors: Vec<_> = (0..reminded.batch()).map(vectors).collect();
        let gains = self.gains.iter().take(reminded.batch());
        let gain = if self.on_device {
            let gains: Vec<f32> = gains.flat_map(|gains| &gains[..width]).copied().collect();
            let data = TensorData::new(gains, [reminded.batch(), width]);
            LifespanGain::Device(B::float_from_data(data, device))
        } else {
            let cut =
                gains.enumerate().map(|(row, gains)| gains[..reminded.ids(row).len()].to_vec());
            LifespanGain::Host(cut.collect())
        };
        memory.adjust(&reminded, gain).unwrap();
        // A clone is read, so that gains that wait on the device are still pending in the next step.
        let mut look = memory.clone();
        let state = look.state().unwrap();
        let page = |(row, (recollection, vectors)): (usize, (&Stages, Vec<u32>))| {
            let state = state.row(row).unwrap();
            let connections = |engram: Engram| {
                let connections = state.strongest_connections(engram.id, 8).unwrap();
                connections.into_iter().map(|c| (c.to, c.cofire_count)).collect()
            };
            Page {
                recollection: recollection.clone(),
                vectors,
                engrams: state.engrams().map(|e| (e, e.lifespan.to_bits())).collect(),
                connections: state.engrams().map(connections).collect(),
            }
        };
        reminded.stages().iter().zip(vectors).enumerate().map(page).collect()
    }
}

/// Returns the numbers of a tensor, bit for bit.
fn bits<B: Backend>(tensor: FloatTensor<B>) -> Vec<u32> {
    let data = read_sync(B::float_into_data(tensor)).unwrap();
    data.iter::<f32>().map(f32::to_bits).collect()
}
