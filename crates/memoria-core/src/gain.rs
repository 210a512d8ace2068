use burn::backend::{Backend, tensor::FloatTensor};

/// What reminded engrams gain in lifespan, in steps.
///
/// Usually attention weights times a scale: what was attended to lives on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LifespanGain<B: Backend> {
    /// No engram gains anything; time passes.
    Zero,
    /// One list per row, with one gain per reminded engram of that row, in the order of
    /// [`Recall::ids`](crate::Recall::ids).
    Host(Vec<Vec<f32>>),
    /// `[batch, k]`, as the reminded engrams came; padding is ignored. Read together with the next
    /// step's scores, so that reinforcement costs no device round trip of its own.
    Device(FloatTensor<B>),
}
