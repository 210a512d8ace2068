//! If short-term memory has too many vectors for a processor's caches, it is searched by codes. The results are the
//! same as without codes.

use burn::{backend::Dispatch, tensor::Device};
use memoria::{EngramKind, MemoriaConfig};
use memoria_testing::story::{Page, Size, Story};

/// Short-term memory has codes if it has more numbers than this.
const CODED_ABOVE: usize = 1 << 20;

#[test]
fn a_row_remembers_what_it_would_remember_alone() {
    let config = MemoriaConfig::new(30, 300, 4, 9.0, 20);
    let size = Size { rows: 5, dim: 1024, steps: 20, width: 40 };
    let (story, device) = (Story::random(7, size, config), Device::flex());
    let together = story.tell::<Dispatch>(device.as_dispatch());
    let coded =
        together.iter().filter(|pages| pages.iter().map(numbers).sum::<usize>() > CODED_ABOVE);
    assert!(coded.count() > 5, "few steps have so much in short-term memory");
    for row in 0..story.rows() {
        let alone = story.alone(row).tell::<Dispatch>(device.as_dispatch());
        for (step, (together, alone)) in together.iter().zip(&alone).enumerate() {
            assert!(alone.first().map_or(0, numbers) < CODED_ABOVE);
            assert_eq!(together.get(row), alone.first(), "row {row}, step {step}");
        }
    }

    fn numbers(page: &Page) -> usize {
        page.engrams.iter().filter(|(engram, _)| engram.kind == EngramKind::ShortTerm).count()
            * 1024
    }
}
