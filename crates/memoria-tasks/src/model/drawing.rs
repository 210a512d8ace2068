//! Parameters drawn from a seed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::Tensor,
};

struct Draw;

impl ModuleVisitor for Draw {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        param.val();
    }
}

/// Draws the parameters now; otherwise Burn draws them at their first use.
pub(super) fn draw(model: &impl Module) {
    model.visit(&mut Draw);
}

/// Held while parameters are drawn. Burn has one random generator per backend, so draws of other threads would change
/// the parameters. Tests also hold it for their own draws.
pub(crate) fn drawing() -> MutexGuard<'static, ()> {
    static DRAWING: Mutex<()> = Mutex::new(());
    DRAWING.lock().unwrap_or_else(PoisonError::into_inner)
}
