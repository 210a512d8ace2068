//! A page for each first question: which layer, training, sizes, keeping a memory, float types and devices, costs, why
//! something was recalled, coming from the Python package, errors, the program.
//!
//! These modules hold documentation only.

#[doc = include_str!("guide/layer.md")]
pub mod layer {}

#[doc = include_str!("guide/training.md")]
pub mod training {}

#[doc = include_str!("guide/sizes.md")]
pub mod sizes {}

#[doc = include_str!("guide/keeping.md")]
pub mod keeping {}

#[doc = include_str!("guide/devices.md")]
pub mod devices {}

#[doc = include_str!("guide/costs.md")]
pub mod costs {}

#[doc = include_str!("guide/why.md")]
pub mod why {}

#[doc = include_str!("guide/python.md")]
pub mod python {}

#[doc = include_str!("guide/errors.md")]
pub mod errors {}

#[doc = include_str!("guide/program.md")]
pub mod program {}
