//! Whether a tensor's graph is still there.

use std::sync::Arc;

use burn::{
    backend::{Dispatch, TensorMetadata, tensor::FloatTensor},
    tensor::Tensor,
};

/// A mark in a graph, which shows whether a `backward` has gone through it.
///
/// A product keeps its factors in the graph until then. This is one of them, a constant of which there is
/// no other handle; clones share it. On ndarray the mark never tells that it is gone: there a forgotten detach is
/// Burn's to notice.
#[derive(Clone, Debug)]
pub(crate) struct Tape(Option<Arc<FloatTensor<Dispatch>>>);

impl Tape {
    /// The same numbers, with a mark in their graph if they have one.
    pub(crate) fn mark(tensor: Tensor<3>) -> (Tensor<3>, Self) {
        if !has_graph(&tensor) {
            return (tensor, Self(None));
        }
        let one = Tensor::<3>::ones([1, 1, 1], (&tensor.device(), tensor.dtype()));
        let marked = tensor * one.clone();
        let mark = one.inner().into_dispatch();
        // A graph that did not keep the mark cannot show a `backward`.
        let is_kept = !mark.can_mut();
        (marked, Self(is_kept.then(|| Arc::new(mark))))
    }

    /// Whether there was a graph that is gone.
    pub(crate) fn is_consumed(&self) -> bool {
        self.0.as_ref().is_some_and(|mark| mark.can_mut())
    }
}

/// Whether there is a graph that a mark can tell of.
fn has_graph(tensor: &Tensor<3>) -> bool {
    tensor.is_autodiff() && is_tracked(tensor)
}

#[cfg(feature = "autodiff")]
fn is_tracked(tensor: &Tensor<3>) -> bool {
    tensor.is_tracked()
}

/// A program can enable Burn's autodiff without this crate's feature, and Burn does not tell then what is
/// tracked. On a host the mark tells: it is kept if, and only if, the tensor is.
#[cfg(not(feature = "autodiff"))]
fn is_tracked(tensor: &Tensor<3>) -> bool {
    memoria_core::computes_on_host::<Dispatch>(tensor.device().as_dispatch())
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn a_backward_consumes_it_and_nothing_else_does() {
        let device = Device::flex();
        let leaf = Tensor::<3>::ones([2, 3, 4], &device.autodiff()).require_grad();
        let (marked, tape) = Tape::mark(leaf.clone() * 3.0);
        assert!(!tape.is_consumed());
        let other = (leaf.clone() * 2.0).sum();
        let loss = marked.clone().sum();
        let copy = tape.clone();
        drop(other.backward());
        assert!(!tape.is_consumed() && !copy.is_consumed());
        let gradients = loss.backward();
        assert_eq!(leaf.grad(&gradients).unwrap().into_data().iter::<f32>().next(), Some(3.0));
        assert!(tape.is_consumed() && copy.is_consumed());
    }

    #[test]
    fn what_has_no_graph_has_none_to_lose() {
        for device in [Device::flex(), Device::flex().autodiff()] {
            let (_, tape) = Tape::mark(Tensor::<3>::ones([2, 3, 4], &device));
            assert!(!tape.is_consumed());
        }
    }
}
