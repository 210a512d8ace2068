//! The parameters of a module as PyTorch has them.

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::Tensor,
};
use burn_store::{
    BurnToPyTorchAdapter, ModuleAdapter, ModuleContext, PyTorchToBurnAdapter,
    burn_pack::Tensor as StoredTensor,
};

/// Linear layers of GPT-2 with weights that are stored as `[in, out]`, as Burn's are: Hugging Face's
/// `Conv1D`.
const NOT_TRANSPOSED: [&str; 4] = ["c_attn", "c_proj", "c_fc", "q_attn"];

/// One parameter of a module.
pub(crate) struct Parameter {
    /// Its path in the module, the last part as Burn calls it.
    pub(crate) path: String,
    /// Its path with the last part as PyTorch calls it.
    pub(crate) pytorch_path: String,
    /// Its shape as PyTorch has it.
    pub(crate) shape: Vec<usize>,
    /// The types of the modules it is in, outermost first.
    containers: Vec<String>,
}

impl Parameter {
    /// A tensor from PyTorch as Burn has it, under the path of this parameter.
    pub(crate) fn adapt(&self, mut tensor: StoredTensor) -> StoredTensor {
        tensor.name = self.pytorch_path.clone();
        if !is_stored_as_is(&tensor.name) {
            tensor = PyTorchToBurnAdapter.adapt(tensor, ModuleContext::new(&self.containers));
        }
        tensor.name = self.path.clone();
        tensor
    }
}

/// All parameters of a module, none of which is initialized by it.
pub(crate) fn layout<M: Module>(module: &M) -> Vec<Parameter> {
    let mut visitor = Layout::default();
    module.visit(&mut visitor);
    visitor.parameters
}

/// A tensor from Burn as PyTorch has it.
pub(crate) fn to_pytorch(tensor: StoredTensor, context: ModuleContext<'_>) -> StoredTensor {
    if is_stored_as_is(&tensor.name) {
        return tensor;
    }
    BurnToPyTorchAdapter.adapt(tensor, context)
}

fn is_stored_as_is(path: &str) -> bool {
    let mut parts = path.rsplit('.');
    let (_, module) = (parts.next(), parts.next());
    module.is_some_and(|module| NOT_TRANSPOSED.contains(&module))
}

#[derive(Default)]
struct Layout {
    parameters: Vec<Parameter>,
    path: Vec<String>,
    containers: Vec<String>,
}

impl ModuleVisitor for Layout {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.push(name.to_owned());
        self.containers.push(container_type.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
        self.containers.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let mut shape = param.lazy_shape().to_vec();
        let mut pytorch_path = self.path.clone();
        match self.containers.last().map(String::as_str) {
            Some("Struct:Linear") if D == 2 && !is_stored_as_is(&self.path.join(".")) => {
                shape.reverse();
            }
            Some("Struct:LayerNorm") => {
                let name = pytorch_path.pop().unwrap_or_default();
                pytorch_path.push(if name == "gamma" { "weight" } else { "bias" }.to_owned());
            }
            _ => {}
        }
        self.parameters.push(Parameter {
            path: self.path.join("."),
            pytorch_path: pytorch_path.join("."),
            shape,
            containers: self.containers.clone(),
        });
    }
}
