//! The server: every session has the same outputs as alone.

use std::fs;

use burn::tensor::{Device, Tensor, TensorData};
use memoria::{
    MemoriaConfig, MemoriaError,
    nn::{MemoriaLayer, MemoriaLayerConfig, MemoriaState, MemoriaStateConfig},
};
use memoria_testing::devices::devices;
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use rstest::rstest;

use super::server::{Request, Server, memory_file};

fn config() -> MemoriaStateConfig {
    MemoriaStateConfig::new(MemoriaConfig::new(3, 8, 4, 5.0, 3).with_ltm_exploration(1, 2))
}

fn layer(config: &MemoriaLayerConfig, device: &Device) -> MemoriaLayer {
    device.seed(5);
    config.init(device)
}

/// The segment of a session at some age; the same at every call.
fn segment(session: usize, age: usize, device: &Device) -> Tensor<2> {
    let mut rng = ChaCha8Rng::seed_from_u64((session * 1000 + age) as u64);
    let numbers = (0..5 * 16).map(|_| rng.random_range(-1.0..1.0)).collect();
    Tensor::from_data(TensorData::new::<f32, _>(numbers, [5, 16]), device)
}

fn request(session: usize, age: usize, device: &Device) -> Request {
    (format!("user-{session}"), segment(session, age, device))
}

/// The previous segment of a causal layer moves with its session.
#[rstest]
#[case::bidirectional(MemoriaLayerConfig::bidirectional(16, 2, 3))]
#[case::causal(MemoriaLayerConfig::causal(16, 2, 5))]
fn every_session_gets_what_it_would_get_alone(#[case] config_of_layer: MemoriaLayerConfig) {
    const SESSIONS: usize = 6;
    for (name, device) in devices() {
        let layer = layer(&config_of_layer, &device);
        let folder = tempfile::tempdir().unwrap();
        let new = || Server::new(layer.clone(), &config(), folder.path()).unwrap();
        let mut server = new();
        let mut alone: Vec<MemoriaState> =
            (0..SESSIONS).map(|_| config().init().unwrap()).collect();
        let mut ages = [0; SESSIONS];
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for round in 0..40 {
            // From time to time the server stops, and another one continues.
            if round % 15 == 14 {
                server.close().unwrap();
                server = new();
            }
            let mut sessions: Vec<usize> = (0..SESSIONS).collect();
            sessions.shuffle(&mut rng);
            // Some begin when others already have memories.
            sessions.retain(|&session| session < 3 || round >= 4);
            sessions.truncate(rng.random_range(1..=sessions.len()));
            let requests: Vec<Request> =
                sessions.iter().map(|&s| request(s, ages[s], &device)).collect();
            let replies = server.serve(&requests).unwrap();
            assert_eq!(replies.len(), requests.len());
            for ((hidden, reminded), &session) in replies.into_iter().zip(&sessions) {
                let segment = segment(session, ages[session], &device).unsqueeze::<3>();
                let expected = layer.forward(segment, &mut alone[session]).unwrap();
                assert_eq!(reminded, expected.recall.ids(0), "{name}, {round}, {session}");
                let expected = expected.hidden.squeeze_dim::<2>(0).into_data();
                let (got, expected) = (hidden.into_data(), expected);
                for (got, expected) in got.iter::<f32>().zip(expected.iter::<f32>()) {
                    // A GPU may multiply batches of different sizes in different ways.
                    let allowed = if matches!(name, "flex" | "ndarray") { 1e-6 } else { 1e-4 };
                    assert!((got - expected).abs() < allowed, "{name}: {got} for {expected}");
                }
                ages[session] += 1;
            }
        }
        assert!(ages.iter().all(|&age| age > 8), "{ages:?}");
    }
}

/// A session with a memory that cannot be saved stays in the batch, and no other is changed.
#[test]
fn a_session_that_cannot_be_saved_stays() {
    let device = Device::flex();
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let mut server =
        Server::new(layer(&MemoriaLayerConfig::causal(16, 2, 5), &device), &config(), &missing)
            .unwrap();
    let both = [request(0, 0, &device), request(1, 0, &device)];
    server.serve(&both).unwrap();
    let error = server.serve(&both[..1]).unwrap_err();
    assert!(matches!(error, MemoriaError::Io { .. }), "{error}");
    fs::create_dir(&missing).unwrap();
    assert_eq!(server.serve(&both).unwrap().len(), 2);
    server.close().unwrap();
    assert!(memory_file(&missing, "user-1").exists());
}
