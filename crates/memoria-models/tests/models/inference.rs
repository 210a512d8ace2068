//! A memory that training has left, in the hands of the same weights without autodiff: nothing of training
//! comes with it.

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use memoria_core::MemoriaConfig;
use memoria_models::{
    EncoderConfig, EncoderKind, Gpt2Config, MemoryConfig, ModelInput, ModelMemory,
};
use memoria_nn::{MemoriaLayerConfig, MemoriaStateConfig, Recall};
use rstest::rstest;

const VOCABULARY: usize = 31;

fn memory(bptt: usize) -> MemoryConfig {
    MemoryConfig::new(4, MemoriaConfig::new(3, 8, 4, 3.0, 3)).with_bptt(bptt)
}

/// Two rows, of which the second is padded in every third segment.
fn segment(at: i64, device: &Device) -> ModelInput {
    let row = |row: i64| (0..8).map(move |place| (at * 7 + row * 3 + place * place) % 31).collect();
    let rows: Vec<Vec<i64>> = (0..2).map(row).collect();
    let mask = [vec![1; 8], [vec![1; 5], vec![i64::from(at % 3 != 0); 3]].concat()];
    ModelInput::from_rows(&rows, Some(&mask), VOCABULARY, device).unwrap()
}

/// What a segment comes to.
struct Output {
    hidden: Tensor<3>,
    recall: Option<Recall>,
    gains: Option<Tensor<2>>,
}

type Forward = Box<dyn Fn(&ModelInput, &mut ModelMemory) -> Output>;

fn gpt2(bptt: usize, device: &Device) -> [Forward; 2] {
    let config = Gpt2Config::new(VOCABULARY, 8, 16, 2, 2).with_memory(memory(bptt));
    let model = config.init(device).unwrap();
    [model.clone(), model.valid()].map(|model| -> Forward {
        Box::new(move |input, memory| {
            let output = model.forward(input, Some(memory)).unwrap();
            Output { hidden: output.hidden, recall: output.recall, gains: output.gains }
        })
    })
}

fn bert(bptt: usize, device: &Device) -> [Forward; 2] {
    let config = EncoderConfig::new(EncoderKind::Bert, VOCABULARY, 16, 3, 2, 24, 8)
        .with_memory(memory(bptt), 0);
    let model = config.init(device).unwrap();
    [model.clone(), model.valid()].map(|model| -> Forward {
        Box::new(move |input, memory| {
            let output = model.forward(input, Some(memory)).unwrap();
            Output { hidden: output.hidden, recall: output.recall, gains: output.gains }
        })
    })
}

fn assert_untracked(output: &Output) {
    assert!(!output.hidden.is_autodiff());
    assert!(output.gains.as_ref().is_none_or(|gains| !gains.is_autodiff()));
    let Some(recall) = &output.recall else { return };
    assert!(!recall.working.is_autodiff());
    assert!(recall.reminded.as_ref().is_none_or(|reminded| !reminded.data.is_autodiff()));
}

#[rstest]
fn a_memory_of_training_makes_no_pass_one_of_training(
    #[values(gpt2, bert)] models: fn(usize, &Device) -> [Forward; 2],
    #[values(0, 2)] bptt: usize,
    #[values("open", "detached", "consumed")] window: &str,
    #[values(false, true)] reads_there: bool,
) {
    let device = Device::flex().autodiff();
    let [training, inference] = models(bptt, &device);
    let mut memory = memory(bptt).init().unwrap();
    for at in 0..5 {
        let output = training(&segment(at, &device), &mut memory);
        if at < 4 || window == "consumed" {
            output.hidden.sum().backward();
        }
        if at < 4 || window == "detached" {
            memory.detach();
        }
    }
    // Where inputs are made does not matter: the model's device decides.
    let device = if reads_there { device.clone().inner() } else { device };
    let [once, twice] = [(); 2].map(|()| {
        let output = inference(&segment(5, &device), &mut memory.clone());
        assert_untracked(&output);
        output.hidden.into_data()
    });
    assert_eq!(once, twice, "there is no dropout");
    for at in 0..20 {
        assert_untracked(&inference(&segment(at, &device), &mut memory));
    }
    // And training goes on from it.
    let device = Device::flex().autodiff();
    let output = training(&segment(9, &device), &mut memory);
    assert!(output.hidden.is_autodiff());
    output.hidden.sum().backward();
}

#[rstest]
fn a_layer_is_reminded_without_autodiff(
    #[values(0, 2)] bptt: usize,
    #[values(false, true)] is_peek: bool,
    #[values(false, true)] is_consumed: bool,
    #[values(MemoriaLayerConfig::bidirectional(16, 2, 3), MemoriaLayerConfig::causal(16, 2, 5))]
    config: MemoriaLayerConfig,
) {
    let device = Device::flex().autodiff();
    let layer = config.with_dropout(0.5).init(&device);
    let memoria = MemoriaConfig::new(4, 8, 5, 4.0, 4);
    let mut memory = MemoriaStateConfig::new(memoria).with_bptt(bptt).init().unwrap();
    let hidden = |device: &Device| Tensor::<3>::ones([2, 5, 16], device).cumsum(1);
    let outputs = [(); 4].map(|()| layer.forward(hidden(&device), &mut memory).unwrap().hidden);
    if is_consumed {
        Tensor::cat(outputs.to_vec(), 0).sum().backward();
    }
    let (valid, device) = (layer.valid(), device.clone().inner());
    let [once, twice] = [(); 2].map(|()| {
        let mut memory = memory.clone();
        let output = match is_peek {
            true => valid.forward_peek(hidden(&device), &mut memory),
            false => valid.forward(hidden(&device), &mut memory),
        };
        let output = output.unwrap();
        assert!(!output.recall.reminded.unwrap().data.is_autodiff());
        assert!(!output.hidden.is_autodiff());
        output.hidden.into_data()
    });
    assert_eq!(once, twice);
    // To have looked does not end the window, a step does.
    let tracked = |memory: &mut memoria_nn::MemoriaState| {
        let output = layer.forward(hidden(&Device::flex().autodiff()), memory).unwrap();
        output.recall.reminded.unwrap().data.is_tracked()
    };
    if is_peek {
        valid.forward_peek(hidden(&device), &mut memory).unwrap();
        if is_consumed {
            memory.detach();
        }
    } else {
        valid.forward(hidden(&device), &mut memory).unwrap();
    }
    assert_eq!(tracked(&mut memory), is_peek && bptt > 0 && !is_consumed);
}
