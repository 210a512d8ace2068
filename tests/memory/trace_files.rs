//! A malformed trace file is refused with the place of the error.

use burn::backend::Flex;
use memoria_testing::{replay, trace::Trace};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rstest::rstest;

const TRACE: &str = r#"{
  "config": {"num_reminded_stm": 1, "stm_capacity": 2, "ltm_search_depth": 1,
             "initial_lifespan": 3, "num_final_ltms": 1},
  "batch": 1, "dim": 2,
  "steps": [
    {"working_memory": [[[1, 2], [3, 4]]], "gain": [[0.5, 0.5]]},
    {"working_memory": [[[5, 6]]], "reset_rows": [], "gain": [[0.5, 0.5, 0.5]]}
  ]
}"#;

/// Returns the result of a trace file with this text.
fn replay(text: &str) -> Result<replay::Replay, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, text).unwrap();
    replay::run::<Flex>(&Trace::read(file.path())?, &Default::default())
}

#[test]
fn a_sound_file_is_replayed() {
    let replay = replay(TRACE).unwrap();
    assert_eq!(replay.steps[1][0].alive.len(), 3);
}

#[test]
fn a_file_may_begin_with_nothing() {
    let text = TRACE.replace("[[[1, 2], [3, 4]]]", "[[]]");
    let replay = replay(&text).unwrap();
    assert_eq!(replay.steps[0].len(), 1);
    assert_eq!(replay.steps[1][0].alive.len(), 1);
}

#[rstest]
#[case::cut_off(&TRACE[..TRACE.len() - 3], "", "line 8")]
#[case::misspelt("stm_capacity", "stm_capazity", "unknown field `stm_capazity`")]
#[case::no_number("[3, 4]", "[3, true]", "line 6")]
#[case::missing(r#""gain": [[0.5, 0.5]]"#, r#""grain": [[0.5, 0.5]]"#, "missing field `gain`")]
#[case::lifespan("lifespan\": 3", "lifespan\": 0", "config: `initial_lifespan`")]
#[case::no_rows("\"batch\": 1", "\"batch\": 0", "`batch` and `dim` must be above 0")]
#[case::rows("\"batch\": 1", "\"batch\": 2", "steps[0].working_memory must have 2 entries, got 1")]
#[case::vector("[3, 4]", "[3]", "steps[0].working_memory[0][1] must have 2 entries, got 1")]
#[case::reset("[], \"gain\"", "[7], \"gain\"", "steps[1].reset_rows[0] must be below 1, got 7")]
#[case::gain("[[0.5, 0.5, 0.5]]", "[[]]", "steps[1]: gain[0] has no entry for engram")]
#[case::infinite("[5, 6]", "[5, 1e38]", "steps[1]: working memory 0 of row 0 must be finite")]
fn a_malformed_one_is_refused_with_the_place(
    #[case] what: &str,
    #[case] instead: &str,
    #[case] place: &str,
) {
    // A case without a replacement is a whole file.
    let text = if instead.is_empty() { what.to_owned() } else { TRACE.replace(what, instead) };
    let error = replay(&text).unwrap_err();
    assert!(error.contains(place), "{error}");
}

/// After any change of a file, the result is a replay or a message.
#[test]
fn changed_files_do_not_panic() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let digits = b"0123456789-+.eE[]{},:\" truefalsn";
    let mut replayed = 0;
    for _ in 0..10_000 {
        let mut text = TRACE.as_bytes().to_vec();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..text.len());
            match rng.random_range(0..4) {
                0 => text[at] = digits[rng.random_range(0..digits.len())],
                1 => text.insert(at, digits[rng.random_range(0..digits.len())]),
                2 => drop(text.remove(at)),
                _ => text.truncate(text.len() - at % 9),
            }
        }
        let text = String::from_utf8(text).unwrap();
        if let Ok(trace) = Trace::parse(&text) {
            replayed += usize::from(replay::run::<Flex>(&trace, &Default::default()).is_ok());
        }
    }
    assert!(replayed > 100, "{replayed} of the changed files are read");
}
