//! Several devices give the result of one.

use burn::module::{ModuleVisitor, Param};
use memoria_core::{Engram, EngramId};
use memoria_nn::MemoriaState;
use rand::RngExt;
use rstest::rstest;

use super::*;
use crate::data::{Split, Text, TextSplit, Vocabulary};

/// Documents of one to four segments; each segment has no question or asks for one or two tokens.
#[derive(Debug)]
struct Uneven;

impl Task for Uneven {
    fn vocabulary(&self) -> usize {
        5
    }

    fn segment_length(&self) -> usize {
        2
    }

    fn document(&self, id: DocumentId) -> Result<Document, TaskError> {
        let mut rng = id.rng();
        let count = rng.random_range(1..5);
        let mut segment = |_| {
            let tokens: Vec<u32> = (0..2).map(|_| rng.random_range(0..5)).collect();
            let asked = rng.random_range(0..3);
            let question = |at| Question { at, answer: vec![tokens[at]], told: None, via: None };
            Segment { questions: (0..asked).map(question).collect(), tokens }
        };
        Ok(Document { segments: (0..count).map(&mut segment).collect() })
    }
}

/// A text of long documents, and of many documents of one token, which have no questions. Of five rows the last one has
/// the short documents, and ends after the others.
fn text() -> Arc<Text> {
    let split = |lengths: &[usize]| {
        let mut split = TextSplit::default();
        for (document, &length) in lengths.iter().enumerate() {
            split.push((0..length).map(|at| ((at * at + document) % 5) as u32), length);
        }
        split
    };
    let train = split(&[&[50, 6, 44, 30, 7][..], &[1; 12]].concat());
    let splits = [train, split(&[20]), TextSplit::default()];
    Arc::new(Text::new(Vocabulary::of_words(vec![]), 2, splits))
}

/// The results of a training.
#[derive(Debug)]
struct Came {
    parameters: Vec<f32>,
    /// Losses of each epoch, of training and validation.
    losses: Vec<f64>,
    /// For each row, its engrams and their vectors.
    memory: Vec<Vec<(Engram, Vec<f32>)>>,
}

#[derive(Clone, Copy, Debug)]
enum Of {
    Documents,
    Text,
}

/// Trains two epochs with five rows per step; `devices` is the number of devices in each epoch.
fn trained(of: Of, devices: [usize; 2], strategy: DeviceStrategy, config: &TrainingConfig) -> Came {
    let device = Device::flex();
    let folder = tempfile::tempdir().unwrap();
    let model = || decoder(ContextName::Memoria, &device.clone().autodiff());
    let mut parameters = Vec::new();
    for epochs in 1..=2 {
        if devices[0] == devices[1] && epochs == 1 {
            continue;
        }
        let config = TrainingConfig { epochs, ..config.clone() };
        let devices = vec![device.clone(); devices[epochs - 1]];
        let mut trainer = Trainer::new(config, folder.path()).strategy(strategy);
        if devices.len() > 1 {
            trainer = trainer.devices(&devices);
        }
        let trainer = trainer.resume(&model(), &device).unwrap();
        let trained = match of {
            Of::Documents => {
                let task: Arc<dyn Task> = Arc::new(Uneven);
                trainer.train_documents(model(), &task, 0, &device)
            }
            Of::Text => trainer.train_text(model(), &text(), &device),
        };
        let Trained::Finished(model) = trained.unwrap() else { panic!("finished") };
        parameters = Parameters::of(&model);
    }
    let metrics = EpochMetrics::read(&folder.path().join("metrics.jsonl")).unwrap();
    let losses = metrics.iter().map(|metrics| metrics.values["loss"]).collect();
    Came { parameters, losses, memory: memory(&folder.path().join("checkpoint/memory-2.memoria")) }
}

fn memory(path: &Path) -> Vec<Vec<(Engram, Vec<f32>)>> {
    let mut memory = MemoriaState::load(path, &Device::flex()).unwrap();
    memory.verify().unwrap();
    let state = memory.state().unwrap();
    let row = |row| {
        let row = state.row(row).unwrap();
        let vector = |id: EngramId| {
            let vector = row.vectors(&[id]).unwrap().unwrap();
            Tensor::<2>::from_dispatch(vector).into_data().iter::<f32>().collect()
        };
        row.engrams().map(|engram| (engram, vector(engram.id))).collect()
    };
    (0..state.batch()).map(row).collect()
}

#[derive(Default)]
struct Parameters(Vec<f32>);

impl Parameters {
    fn of(model: &Decoder) -> Vec<f32> {
        let mut all = Self::default();
        model.visit(&mut all);
        all.0
    }
}

impl ModuleVisitor for Parameters {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.extend(param.val().into_data().iter::<f32>());
    }
}

fn config() -> TrainingConfig {
    TrainingConfig { epoch_steps: 5, batch: 5, segments: 2, validation: 3, ..training() }
}

fn close<T: Copy + Into<f64>>(one: &[T], several: &[T], what: &str) {
    assert_eq!(one.len(), several.len(), "{what}");
    for (&one, &several) in one.iter().zip(several) {
        let (one, several) = (one.into(), several.into());
        let tolerance = 1e-5 * f64::max(1.0, one.abs());
        assert!((one - several).abs() < tolerance, "{what}: {one} and {several}");
    }
}

fn assert_alike(one: &Came, several: &Came) {
    close(&one.losses, &several.losses, "losses");
    close(&one.parameters, &several.parameters, "parameters");
}

fn assert_same_memory(one: &Came, several: &Came) {
    assert_eq!([one.memory.len(), several.memory.len()], [5, 5]);
    for (one, several) in one.memory.iter().zip(&several.memory) {
        assert_eq!(one.len(), several.len());
        for ((one, vector), (other, others)) in one.iter().zip(several) {
            assert_eq!(Engram { lifespan: 0.0, ..*one }, Engram { lifespan: 0.0, ..*other });
            close(&[one.lifespan], &[other.lifespan], "lifespans");
            close(vector, others, "vectors");
        }
    }
}

/// The loss is not the mean of the devices' means: their rows have different numbers of questions, or none.
#[rstest]
fn several_devices_come_to_what_one_comes_to(
    #[values(Of::Documents, Of::Text)] of: Of,
    #[values(DeviceStrategy::First, DeviceStrategy::Sharded)] strategy: DeviceStrategy,
    #[values(2, 3, 5)] devices: usize,
) {
    let one = trained(of, [1, 1], strategy, &config());
    let several = trained(of, [devices, devices], strategy, &config());
    assert_alike(&one, &several);
    assert!(one.losses[2] < one.losses[0], "{:?}", one.losses);
}

#[rstest]
fn the_memories_of_several_devices_are_the_rows_of_one(#[values(2, 3, 5)] devices: usize) {
    let [one, several] = [1, devices]
        .map(|devices| trained(Of::Text, [devices; 2], DeviceStrategy::First, &config()));
    assert_same_memory(&one, &several);
    let engrams = one.memory.iter().map(Vec::len);
    assert!(engrams.clone().min() < engrams.max(), "rows that began a document hold fewer");
}

#[test]
fn gradients_of_several_steps_are_added_up_on_several_devices() {
    // The text is read to its end once and begun again.
    let config = TrainingConfig { accumulation: 2, epoch_steps: 7, ..config() };
    let [one, several] =
        [1, 2].map(|devices| trained(Of::Text, [devices; 2], DeviceStrategy::First, &config));
    assert_alike(&one, &several);
    assert_same_memory(&one, &several);
}

#[rstest]
fn a_training_goes_on_with_any_number_of_devices(
    #[values([1, 2], [2, 1], [3, 2])] devices: [usize; 2],
) {
    let [whole, cut] = [[1, 1], devices]
        .map(|devices| trained(Of::Text, devices, DeviceStrategy::First, &config()));
    assert_alike(&whole, &cut);
    assert_same_memory(&whole, &cut);
}

#[test]
fn some_rows_ask_for_nothing() {
    let streams = Streams::new(text(), Split::Train, 5, 2);
    let shares = |step| {
        let step = |row| streams.step(step, row..row + 1, &Device::flex());
        (0..5).map(|row| step(row).share()).collect::<Vec<_>>()
    };
    let shares: Vec<Vec<f64>> = (0..streams.steps()).map(shares).collect();
    let sum = |step: &Vec<f64>| step.iter().sum::<f64>();
    let some = |step: &Vec<f64>| step.contains(&0.0) && (sum(step) - 1.0).abs() < 1e-12;
    assert!(shares.iter().any(some), "{shares:?}");
    assert!(shares.iter().any(|step| sum(step) == 0.0), "of a whole step: {shares:?}");
}

#[test]
fn what_several_devices_cannot_do_is_refused() {
    let device = Device::flex();
    let refused = |rows, strategy, loader: Option<StreamLoader>| {
        let folder = tempfile::tempdir().unwrap();
        let model = decoder(ContextName::Memoria, &device.clone().autodiff());
        let config = TrainingConfig { batch: rows, ..config() };
        let devices = [device.clone(), device.clone()];
        let trainer = Trainer::new(config, folder.path()).devices(&devices).strategy(strategy);
        let trained = match loader {
            Some(loader) => {
                let loader = Arc::new(loader);
                trainer.train(model, loader.clone(), loader, &device)
            }
            None => trainer.train_text(model, &text(), &device),
        };
        trained.unwrap_err().to_string()
    };
    let error = refused(1, DeviceStrategy::First, None);
    assert_eq!(error, "rows of a step must be at least 2, one for each device, got 1");
    let error = refused(2, DeviceStrategy::Ddp, None);
    assert!(error.starts_with("devices of the strategy Ddp must be CUDA, got "), "{error}");
    // A loader with slices that do not separate the rows: here there is only one row, and one slice has it.
    let streams = Streams::new(text(), Split::Train, 1, 2);
    let loader = StreamLoader::training(streams, 5, 0, &device);
    let error = refused(1, DeviceStrategy::First, Some(loader));
    assert_eq!(error, "rows of a batch must be those of one of 2 devices, got all of a step");
}

#[test]
fn a_training_does_not_go_on_with_another_number_of_rows() {
    let device = Device::flex();
    let folder = tempfile::tempdir().unwrap();
    let model = || decoder(ContextName::Memoria, &device.clone().autodiff());
    let trainer = |batch, epochs| {
        let trainer = Trainer::new(TrainingConfig { batch, epochs, ..config() }, folder.path());
        trainer.resume(&model(), &device).unwrap()
    };
    trainer(5, 1).train_text(model(), &text(), &device).unwrap();
    let error = trainer(3, 2).train_text(model(), &text(), &device).unwrap_err();
    let expected = "rows of a step must be 5, as the memory that is gone on with has them, got 3";
    assert_eq!(error.to_string(), expected);
}
