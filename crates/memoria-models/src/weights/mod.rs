//! Reading and writing weights in the files that PyTorch has.

mod file;
mod fill;
mod layout;
mod names;
mod pretrained;
mod report;
mod save;

pub use pretrained::{Pretrained, model_type};
pub use report::LoadReport;
