//! A training step takes as long after many steps as after few.
//!
//! Burn keeps what was computed from parameters and reached by no loss for as long as the parameters live,
//! and looks through it in every `backward`. So a layer must compute nothing that is not read.

use std::time::{Duration, Instant};

use burn::{
    nn::LinearConfig,
    tensor::{Device, Distribution, Tensor},
};

/// The least time that a step takes early, and late.
fn times(steps: usize, mut step: impl FnMut()) -> [Duration; 2] {
    let window = 50;
    let mut least = |count: usize| {
        let mut least = Duration::MAX;
        for _ in 0..count {
            let start = Instant::now();
            step();
            least = least.min(start.elapsed());
        }
        least
    };
    least(window);
    let early = least(window);
    least(steps);
    [early, least(window)]
}

#[test]
fn experiment() {
    let device = Device::flex().autodiff();
    let x = || Tensor::<2>::random([2, 4], Distribution::Default, &device);
    let one = LinearConfig::new(4, 4).init(&device);
    let two = LinearConfig::new(4, 4).init(&device);
    let three = LinearConfig::new(4, 4).init(&device);
    let case: String = std::env::var("CASE").unwrap();
    let r = match case.as_str() {
        "child" => times(3000, || {
            let y = one.forward(x());
            let z = two.forward(y.clone());
            drop(y.sum().backward());
            drop(z);
        }),
        "narrow" => times(3000, || {
            let y = one.forward(x());
            let z = y.clone().narrow(0, 0, 1);
            drop(y.narrow(0, 1, 1).sum().backward());
            drop(z);
        }),
        "detached narrow" => times(3000, || {
            let y = one.forward(x());
            let z = y.clone().narrow(0, 0, 1).detach();
            drop(y.narrow(0, 1, 1).sum().backward());
            drop(z);
        }),
        "self" => times(3000, || {
            let y = one.forward(x());
            drop(y.clone().sum().backward());
            drop(y);
        }),
        "marked" => times(3000, || {
            let y = one.forward(x());
            let z = y.clone() * Tensor::<2>::ones([1, 1], &device);
            drop(y.sum().backward());
            drop(z);
        }),
        "later" => {
            let mut held = None;
            times(3000, || {
                let y = one.forward(x());
                let z = two.forward(y.clone());
                drop(y.sum().backward());
                held = Some(z);
            })
        }
        _ => panic!(),
    };
    println!("{case} {r:?}");
    drop(three);
}
