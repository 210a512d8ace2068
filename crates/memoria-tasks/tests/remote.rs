//! A training on a device of another machine gives the same results as a local one.
//!
//! The server runs in this process, and is reached over loopback. It is a separate test program: Burn treats a process
//! with a server as asynchronous, including its local devices.

use std::{net::TcpListener, path::Path, thread};

use burn::{
    remote::RemoteHost,
    server::{RemoteServer, WebSocketTransport},
    tensor::Device,
    train::Interrupter,
};
use memoria_tasks::{
    config::{RunConfig, TaskName},
    model::ContextName,
    runs::{Experiment, Outcome, Results, SavedRun, Test},
    training::EpochMetrics,
};

/// Returns a flex device that is served over loopback.
fn served() -> Device {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = RemoteHost::websocket(&format!("ws://{}", listener.local_addr().unwrap()));
    let serve =
        || RemoteServer::new([Device::flex()]).serve(WebSocketTransport::from_listener(listener));
    thread::spawn(serve);
    Device::remote_options(&host).init().unwrap()
}

fn experiment(device: &Device, output: &Path) -> Experiment {
    // Enough steps that a memory is reminded of engrams that it was trained to write.
    let values = ["training.epochs=2", "training.batch=4", "data.keys=32"].map(str::to_owned);
    let mut config = RunConfig::read(TaskName::Recall, None, &values).unwrap().quick();
    config.training.epoch_steps = 6;
    Experiment {
        config,
        contexts: vec![ContextName::Memoria, ContextName::Paper, ContextName::None],
        seeds: vec![0],
        device: device.clone(),
        output: output.to_owned(),
        resume: false,
        jobs: 1,
        command: "memoria train recall".into(),
    }
}

fn finished(experiment: &Experiment) -> Results {
    match experiment.run(&Interrupter::new()).unwrap() {
        Outcome::Finished(results) => results,
        Outcome::Interrupted => panic!("not interrupted"),
    }
}

/// Returns the losses of each epoch, in training and validation, of all runs.
fn losses(output: &Path) -> Vec<f64> {
    let of_run = |run: SavedRun| {
        let metrics = EpochMetrics::read(&run.folder().join("metrics.jsonl")).unwrap();
        metrics.into_iter().map(|metrics| metrics.values["loss"]).collect::<Vec<_>>()
    };
    SavedRun::all(output).unwrap().into_iter().flat_map(of_run).collect()
}

/// Returns the results of tests: numbers of stored and reminded engrams, and the accuracy.
fn told(results: &Results) -> Vec<(usize, usize, f64)> {
    let tests = results.runs.iter().flat_map(|run| &run.tests);
    let told = |test: &Test| match test {
        Test::Questions { stored, reminded, accuracy, .. } => (*stored, *reminded, *accuracy),
        other => panic!("{other:?}"),
    };
    tests.map(told).collect()
}

#[test]
fn a_training_elsewhere_is_the_training_here() {
    let folder = tempfile::tempdir().unwrap();
    let [here, there] = ["here", "there"].map(|name| folder.path().join(name));
    let elsewhere = experiment(&served(), &there);
    let [expected, got] = [&experiment(&Device::flex(), &here), &elsewhere].map(finished);
    let [expected_losses, got_losses] = [&here, &there].map(|output| losses(output));
    assert_eq!((expected_losses.len(), got_losses.len()), (12, 12));
    for (got, expected) in got_losses.iter().zip(&expected_losses) {
        assert!((got - expected).abs() < 1e-4, "{got_losses:?} for {expected_losses:?}");
    }
    assert_eq!(told(&got), told(&expected));
    // The saved models are read on the device again.
    assert_eq!(told(&elsewhere.evaluate().unwrap()), told(&got));
}
