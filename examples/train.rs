//! Your own language model with a memory: trained on a text in parallel streams, tested, and used to generate text.
//!
//! ```sh
//! cargo run --release --example train # CHANGELOG.md, byte by byte; any text with `-- book.txt`
//! ```

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use burn::{
    module::Module,
    nn::{
        Embedding, EmbeddingConfig, Initializer, Linear, LinearConfig,
        attention::generate_autoregressive_mask,
        transformer::{TransformerEncoder, TransformerEncoderConfig, TransformerEncoderInput},
    },
    tensor::{Device, Tensor},
};
use clap::Parser;
use memoria::{
    MemoriaConfig,
    models::GenerationConfig,
    nn::{MemoriaLayer, MemoriaLayerConfig, MemoriaLayerInput, MemoriaState, MemoriaStateConfig},
};
use memoria_tasks::{
    TaskError,
    config::TrainingConfig,
    data::{LmConfig, Split},
    evaluation::{TextMode, test_text},
    generation::Writer,
    print::{print_bytes, println},
    training::{Batch, SegmentModel, Trained, Trainer, on_ctrl_c},
};

/// Bytes of a segment, and the width of hidden states.
const LENGTH: usize = 32;
const WIDTH: usize = 96;

/// Any Burn module works: here blocks below and above a memory.
#[derive(Module, Debug)]
struct Model {
    tokens: Embedding,
    places: Embedding,
    below: TransformerEncoder,
    memory: MemoriaLayer,
    above: TransformerEncoder,
    output: Linear,
}

impl Model {
    fn new(vocabulary: usize, device: &Device) -> Self {
        let small = Initializer::Normal { mean: 0.0, std: 0.2 };
        let embedding = |count| EmbeddingConfig::new(count, WIDTH).with_initializer(small.clone());
        let block = TransformerEncoderConfig::new(WIDTH, 4 * WIDTH, 4, 1).with_norm_first(true);
        Self {
            tokens: embedding(vocabulary).init(device),
            places: embedding(LENGTH).init(device),
            below: block.init(device),
            memory: MemoriaLayerConfig::causal(WIDTH, 4, LENGTH).init(device),
            above: block.init(device),
            output: LinearConfig::new(WIDTH, vocabulary).init(device),
        }
    }
}

/// The training requires an empty memory, and logits at the positions that a batch asks for.
impl SegmentModel for Model {
    type Memory = MemoriaState;

    fn memory(&self) -> Result<MemoriaState, TaskError> {
        Ok(MemoriaStateConfig::new(MemoriaConfig::small()).with_bptt(4).init()?)
    }

    fn logits(&self, batch: &Batch, memory: &mut MemoriaState) -> Result<Tensor<2>, TaskError> {
        let mut all = Vec::new();
        for segment in batch.segments() {
            segment.begin_documents(memory)?;
            let (device, [rows, length]) = (segment.tokens.device(), segment.tokens.dims());
            let places = Tensor::arange(0..length as i64, &device).unsqueeze();
            let hidden = self.tokens.forward(segment.tokens) + self.places.forward(places);
            let mask = generate_autoregressive_mask(rows, length, &device);
            let block = |block: &TransformerEncoder, hidden| {
                block.forward(TransformerEncoderInput::new(hidden).mask_attn(mask.clone()))
            };
            // Padding comes last, so only the memory needs its mask.
            let hidden = block(&self.below, hidden);
            let input = MemoriaLayerInput::new(hidden).mask_pad(segment.mask_pad);
            let hidden = self.memory.forward(input, memory)?.hidden;
            all.push(block(&self.above, hidden));
        }
        Ok(self.output.forward(batch.asked(all)))
    }
}

/// Trains a small language model with a memory on a text, byte by byte.
#[derive(Parser)]
struct Options {
    /// The text; its last twentieths are for validation and tests.
    #[arg(default_value = "CHANGELOG.md")]
    text: PathBuf,
    /// Folder for checkpoints and metrics.
    #[arg(long, default_value = "out/train")]
    output: PathBuf,
    /// Continue after the last finished epoch.
    #[arg(long)]
    resume: bool,
    /// A run of a few seconds: it shows that everything works, but learns nothing.
    #[arg(long)]
    quick: bool,
}

fn train(options: &Options) -> Result<(), TaskError> {
    let text = Arc::new(LmConfig::file(&options.text, LENGTH).load()?);
    let [batch, epochs, epoch_steps] = if options.quick { [8, 1, 2] } else { [8, 2, 80] };
    let learning_rate = 2e-3;
    let config = TrainingConfig { batch, epochs, epoch_steps, learning_rate, ..Default::default() };
    let device = Device::flex();
    device.seed(0);
    let model = Model::new(text.vocabulary().len(), &device.clone().autodiff());
    let mut trainer = Trainer::new(config, &options.output).interrupter(on_ctrl_c()?);
    if options.resume {
        trainer = trainer.resume(&model, &device)?;
    }
    let Trained::Finished(model) = trainer.train_text(model, &text, &device)? else {
        println("Interrupted. To go on: the same command with --resume");
        return Ok(());
    };
    for mode in [TextMode::Carried, TextMode::Wiped] {
        let test = test_text(&model, model.memory()?, &text, mode, [1, 8, 100], &device, |_| ())?;
        println(&format!("{mode:?} memory: {:.3} bits per byte, on unseen text", test.value()));
    }
    let drawn = GenerationConfig::new(1).with_temperature(0.7).with_seed(1);
    let mut writer = Writer::new(&model, LENGTH, text.vocabulary().len(), &drawn, &device)?;
    writer.read(&text.split(Split::Test).tokens(0..4 * LENGTH), |_| ())?;
    let mut decoder = text.vocabulary().decoder();
    for _ in 0..200 {
        print_bytes(&decoder.add(writer.write()?)?);
    }
    println("");
    Ok(())
}

fn main() -> ExitCode {
    match train(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
