//! Parameters that are drawn by a seed.

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

/// Draws parameters, which Burn does when they are first used.
pub(super) fn draw(model: &impl Module) {
    model.visit(&mut Draw);
}

/// Held while parameters are drawn: Burn has one generator for each backend, and what others draw from it meanwhile
/// would make them others. Tests hold it for what they draw beside models.
pub(crate) fn drawing() -> MutexGuard<'static, ()> {
    static DRAWING: Mutex<()> = Mutex::new(());
    DRAWING.lock().unwrap_or_else(PoisonError::into_inner)
}
