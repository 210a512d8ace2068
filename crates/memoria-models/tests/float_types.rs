//! Models, layers, generation and training in every float type, on devices with any of them as default.
//!
//! A device's default is chosen once in a process, so that each has one of its own.

use std::{env, process::Command};

use burn::{
    module::{Module, ModuleMapper, Param},
    nn::{Dropout, DropoutConfig},
    optim::{GradientsParams, SgdConfig},
    tensor::{DType, Device, Distribution, FloatDType, Tensor},
};
use memoria_core::{Correlation, MemoriaConfig, Pooling};
use memoria_models::{
    Activation, EncoderConfig, EncoderKind, GenerationConfig, Gpt2Config, MemoryConfig, ModelInput,
    ModelMemory,
};
use memoria_nn::{MemoriaLayerConfig, MemoriaLayerInput, MemoriaStateConfig, apply_dropout};

const TYPES: [FloatDType; 4] =
    [FloatDType::F32, FloatDType::F16, FloatDType::BF16, FloatDType::F64];
const VARIABLE: &str = "MEMORIA_TEST_DEFAULT_FLOAT";
const VOCABULARY: usize = 31;

/// Gives every parameter a float type.
struct To(DType);

impl ModuleMapper for To {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| {
            let tracks = tensor.is_require_grad();
            tensor.cast(self.0).detach().set_require_grad(tracks)
        })
    }
}

/// The paper's memory, and learned recall.
fn memories() -> [MemoryConfig; 3] {
    let memoria = MemoriaConfig::new(3, 8, 4, 3.0, 3);
    let learned = MemoryConfig::causal(8, memoria).with_bptt(2).with_num_memories(Some(4));
    let gaussian = memoria.with_correlation(Correlation::Gaussian).with_pooling(Pooling::Max);
    [
        MemoryConfig::new(4, memoria).with_bptt(2),
        MemoryConfig { memoria: gaussian, ..learned.clone() }.with_num_queries(2),
        learned.with_num_memories(None),
    ]
}

/// Row 1 is shorter, and has nothing at all in the third segment.
fn segment(at: i64, device: &Device) -> ModelInput {
    let row = |row: i64| (0..8).map(move |place| (at * 7 + row * 3 + place * place) % 31).collect();
    let rows: Vec<Vec<i64>> = (0..2).map(row).collect();
    let known = if at == 2 { 0 } else { 5 };
    let mask = [vec![1; 8], (0..8).map(|place| i64::from(place < known)).collect()];
    ModelInput::from_rows(&rows, Some(&mask), VOCABULARY, device).unwrap()
}

fn assert_lived(memory: &mut ModelMemory, dtype: DType) {
    memory.memoria().verify().unwrap();
    let state = memory.state().unwrap();
    for row in 0..2 {
        assert!(state.row(row).unwrap().counts().long_term > 0, "{dtype:?}, row {row}");
    }
}

fn assert_finite<const D: usize>(tensor: Tensor<D>, dtype: DType) {
    assert_eq!(tensor.dtype(), dtype);
    assert!(tensor.into_data().iter::<f64>().all(f64::is_finite), "{dtype:?}");
}

/// Gains are summed in single precision, or in double if the model has that.
fn of_gains(dtype: DType) -> DType {
    if dtype == DType::F64 { DType::F64 } else { DType::F32 }
}

/// Takes a model through eight segments, with autodiff in steps of two, and returns it.
fn train<M: Module, const D: usize, const G: usize>(
    mut model: M,
    memory: &mut ModelMemory,
    dtype: DType,
    device: &Device,
    forward: impl Fn(&M, &ModelInput, &mut ModelMemory) -> (Tensor<D>, Option<Tensor<G>>),
) -> M {
    let mut optimizer = SgdConfig::new().init();
    for at in 0..8 {
        let (logits, gains) = forward(&model, &segment(at, device), memory);
        assert_finite(logits.clone(), dtype);
        if let Some(gains) = gains {
            assert_finite(gains, of_gains(dtype));
        }
        if device.is_autodiff() && at % 2 == 1 {
            let gradients = logits.powi_scalar(2).mean().backward();
            let gradients = GradientsParams::from_grads(gradients, &model);
            assert!(gradients.len() > 20);
            model = optimizer.step(1e-2, model, gradients);
            memory.detach();
        }
    }
    assert_lived(memory, dtype);
    model
}

fn gpt2(memory: &MemoryConfig, dtype: DType, device: &Device) {
    let config = Gpt2Config::new(VOCABULARY, 8, 16, 2, 2).with_memory(memory.clone());
    let model = config.init(device).unwrap().map(&mut To(dtype));
    let mut memory = memory.init().unwrap();
    let model = train(model, &mut memory, dtype, device, |model, input, memory| {
        let output = model.forward(input, Some(memory)).unwrap();
        (output.logits, output.gains)
    });
    let config = GenerationConfig::new(20).with_temperature(1.0).with_segment_len(5);
    let rows = model.generate(&[vec![5, 6, 7], vec![8, 9, 10]], &config, Some(&mut memory));
    assert_eq!(rows.unwrap()[1].tokens.len(), 20);
    memory.memoria().verify().unwrap();
    model.forward(&segment(9, device), Some(&mut memory)).unwrap();
}

fn encoder(kind: EncoderKind, memory: &MemoryConfig, dtype: DType, device: &Device) {
    let config = EncoderConfig::new(kind, VOCABULARY, 16, 3, 2, 24, 12);
    let config = config.with_memory(memory.clone(), 0);
    let config = EncoderConfig { hidden_act: Activation::GeluNew, ..config };
    let model = config.init(device).unwrap().map(&mut To(dtype));
    let mut memory = memory.init().unwrap();
    train(model, &mut memory, dtype, device, |model, input, memory| {
        let output = model.forward(input, Some(memory)).unwrap();
        (output.logits, output.gains)
    });
}

fn layer(config: MemoriaLayerConfig, dtype: DType, device: &Device) {
    let layer = config.init(device).map(&mut To(dtype));
    let memoria = MemoriaConfig::new(4, 8, 5, 4.0, 4);
    let mut memory = MemoriaStateConfig::new(memoria).with_bptt(2).init().unwrap();
    let mut total = None;
    for at in 0..8 {
        let normal = Distribution::Normal(0.0, 1.0);
        let hidden = Tensor::<3>::random([2, 5, 16], normal, (device, dtype));
        let padding = segment(at, device).mask_pad.unwrap().narrow(1, 0, 5);
        let input = MemoriaLayerInput::new(hidden).mask_pad(padding);
        let output = layer.forward(input, &mut memory).unwrap().hidden;
        assert_finite(output.clone(), dtype);
        total = Some(match total {
            None => output.mean(),
            Some(total) => total + output.mean(),
        });
    }
    if device.is_autodiff() {
        let gradients = total.unwrap().backward();
        let gradients = GradientsParams::from_grads(gradients, &layer);
        assert!(gradients.len() > 10);
    }
    memory.verify().unwrap();
}

fn activations(dtype: DType, device: &Device) {
    for activation in Activation::ALL {
        let x = Tensor::<1>::from_data([-2.0, 0.5, 3.0], (device, dtype));
        assert_eq!(activation.forward(x).dtype(), dtype, "{activation}");
    }
}

/// Masks do not come again, whatever the type that numbers are drawn in by default.
fn dropout(dtype: DType, device: &Device) {
    let layer: Dropout = DropoutConfig::new(0.5).init();
    let ones = Tensor::<1>::ones([64], (&device.clone().autodiff(), dtype));
    let mut masks: Vec<Vec<u8>> = (0..2_000)
        .map(|_| {
            apply_dropout(&layer, ones.clone()).into_data().iter().map(|x: f32| x as u8).collect()
        })
        .collect();
    masks.sort();
    masks.dedup();
    assert_eq!(masks.len(), 2_000);
}

/// What is told to run in a process of its own, and by itself with the usual default.
#[test]
fn in_a_process_of_its_own() {
    let default = env::var(VARIABLE).unwrap_or_else(|_| "F32".to_owned());
    let default = TYPES.into_iter().find(|dtype| format!("{dtype:?}") == default).unwrap();
    let mut device = Device::flex();
    device.configure(default).unwrap();
    assert_eq!(Tensor::<1>::zeros([1], &device).dtype(), DType::from(default));
    for dtype in TYPES.map(DType::from) {
        for device in [device.clone(), device.clone().autodiff()] {
            println!(
                "{dtype:?} where {default:?} is the default, autodiff {}",
                device.is_autodiff()
            );
            layer(MemoriaLayerConfig::bidirectional(16, 2, 3), dtype, &device);
            let causal = MemoriaLayerConfig::causal(16, 2, 4);
            layer(causal.clone(), dtype, &device);
            layer(causal.with_num_memories(None), dtype, &device);
            for memory in memories() {
                gpt2(&memory, dtype, &device);
                encoder(EncoderKind::Bert, &memory, dtype, &device);
            }
            encoder(EncoderKind::Roberta, &memories()[0], dtype, &device);
            activations(dtype, &device);
        }
        dropout(dtype, &device);
        tokens_count_one_by_one(dtype, &device);
    }
}

#[test]
fn on_devices_of_every_default() {
    for default in TYPES {
        let output = Command::new(env::current_exe().unwrap())
            .args(["--exact", "in_a_process_of_its_own", "--nocapture"])
            .env(VARIABLE, format!("{default:?}"))
            .output()
            .unwrap();
        let told = [output.stdout, output.stderr].map(|told| String::from_utf8(told).unwrap());
        assert!(output.status.success() && told[0].contains("1 passed"), "{}{}", told[0], told[1]);
    }
}

/// In a segment of 1,024 tokens an engram that is reminded alone has all the attention of each: its gain is
/// α, and no less for having been added up token by token.
fn tokens_count_one_by_one(dtype: DType, device: &Device) {
    let memory = MemoryConfig::new(1, MemoriaConfig::new(1, 1, 1, 3.0, 0));
    let config = Gpt2Config::new(VOCABULARY, 1_024, 4, 1, 1).with_memory(memory.clone());
    let model = config.init(device).unwrap().map(&mut To(dtype));
    let mut memory = memory.init().unwrap();
    // Two short segments and the long one, which is reminded of the first's engram.
    for _ in 0..2 {
        let input = ModelInput::from_rows(&[vec![5, 6]], None, VOCABULARY, device).unwrap();
        model.forward(&input, Some(&mut memory)).unwrap();
    }
    let config = GenerationConfig::new(1_023);
    model.generate(&[vec![7]], &config, Some(&mut memory)).unwrap();
    let state = memory.state().unwrap();
    let row = state.row(0).unwrap();
    let first = row.engrams().next().unwrap();
    // Two steps have passed.
    assert_eq!((first.id.0, first.age), (0, 2));
    assert!((first.lifespan - (3.0 + 8.0 - 2.0)).abs() < 1e-3, "{dtype:?}: {}", first.lifespan);
}
