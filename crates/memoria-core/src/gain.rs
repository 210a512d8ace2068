use burn::backend::{Backend, tensor::FloatTensor};

/// Lifespan gains of the reminded engrams, in steps.
///
/// Usually attention weights times a scale: attended engrams live longer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LifespanGain<B: Backend> {
    /// No engram gains anything; time passes.
    Zero,
    /// One list per row, with one gain per reminded engram of that row, in the order of
    /// [`Recall::ids`](crate::Recall::ids).
    Host(Vec<Vec<f32>>),
    /// `[batch, k]`, in the layout of the reminded engrams; padding is ignored. Read together with the next step's
    /// scores, so it costs no device round trip of its own.
    Device(FloatTensor<B>),
}
