//! Splitting a cell in two.

use crate::store::{host::vectors::centre, number::Number};

/// How often the direction in which vectors differ most is improved.
const IMPROVEMENTS: usize = 4;
/// How often vectors move to the nearer of two centres, and the centres to the mean of their vectors.
const MOVES: usize = 3;
/// The smaller half has at least the number of vectors divided by this.
const LEAST_PART: usize = 8;

/// Positions of a half, in the order that they had, and their mean.
pub(super) type Half = (Vec<u32>, Vec<f32>);

/// Two halves of at least two vectors, neither of them empty. First those below and above the median, about in the
/// direction in which they differ most. Then, unless a half becomes too small, those nearer to the mean of the one and
/// of the other.
pub(super) fn halves<'a, N: Number>(
    positions: &[u32],
    dim: usize,
    vector: impl Fn(u32) -> &'a [N] + Copy,
) -> [Half; 2] {
    let along = direction(positions, dim, vector);
    let projection = |&position: &u32| dot(vector(position), &along);
    let mut by_projection: Vec<(f64, u32)> =
        positions.iter().map(|position| (projection(position), *position)).collect();
    let middle = positions.len() / 2;
    by_projection.select_nth_unstable_by(middle, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let [mut below, mut above] = [&by_projection[..middle], &by_projection[middle..]]
        .map(|half| half.iter().map(|&(_, position)| position).collect::<Vec<u32>>());
    below.sort_unstable();
    above.sort_unstable();
    let with_mean = |half: Vec<u32>| {
        let centre = centre(half.len(), dim, |at| vector(half[at]));
        (half, centre)
    };
    let mut halves = [with_mean(below), with_mean(above)];
    for _ in 0..MOVES {
        let [(_, near), (_, far)] = &halves;
        let is_near = |&position: &u32| {
            let vector = vector(position);
            squared_distance(vector, near) <= squared_distance(vector, far)
        };
        let (below, above): (Vec<u32>, Vec<u32>) = positions.iter().partition(|p| is_near(p));
        if below.len().min(above.len()) < (positions.len() / LEAST_PART).max(1) {
            break;
        }
        halves = [with_mean(below), with_mean(above)];
    }
    halves
}

/// The approximate direction in which vectors differ most, by power iteration from the vector farthest from the mean.
fn direction<'a, N: Number>(
    positions: &[u32],
    dim: usize,
    vector: impl Fn(u32) -> &'a [N],
) -> Vec<f32> {
    let centre = centre(positions.len(), dim, |at| vector(positions[at]));
    let mut farthest = (0.0, None);
    for &position in positions {
        let distance = squared_distance(vector(position), &centre);
        if distance > farthest.0 {
            farthest = (distance, Some(position));
        }
    }
    let Some(farthest) = farthest.1 else { return vec![0.0; dim] };
    let differences = |position: u32| {
        let pairs = vector(position).iter().zip(&centre);
        pairs.map(|(number, centre)| number.to_f64() - f64::from(*centre))
    };
    let mut along: Vec<f64> = differences(farthest).collect();
    for _ in 0..IMPROVEMENTS {
        let mut next = vec![0.0; dim];
        for &position in positions {
            let by: f64 = differences(position).zip(&along).map(|(x, along)| x * along).sum();
            next.iter_mut().zip(differences(position)).for_each(|(next, x)| *next += by * x);
        }
        let norm = next.iter().map(|x| x * x).sum::<f64>().sqrt();
        if !(norm.is_finite() && norm > 0.0) {
            break;
        }
        along = next.into_iter().map(|x| x / norm).collect();
    }
    let norm = along.iter().map(|x| x * x).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
    along.into_iter().map(|x| (x / norm) as f32).collect()
}

fn dot<N: Number>(vector: &[N], with: &[f32]) -> f64 {
    vector.iter().zip(with).map(|(number, with)| number.to_f64() * f64::from(*with)).sum()
}

fn squared_distance<N: Number>(vector: &[N], from: &[f32]) -> f64 {
    let pairs = vector.iter().zip(from);
    pairs.map(|(number, from)| (number.to_f64() - f64::from(*from)).powi(2)).sum()
}
