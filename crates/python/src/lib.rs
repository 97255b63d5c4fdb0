//! `deltarule._core`: what the Python package is made of below its estimators. Conversion only: arrays become rows, dictionaries
//! become settings, events become dictionaries, errors become exceptions.

mod arrays;
mod encoder;
mod errors;
mod left;
mod mlp;
mod plain_model;
mod questions;
mod rows;
mod standing;
mod table;
mod threads;
mod watch;

use pyo3::prelude::*;

/// The Rust core of the package `deltarule`.
#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("DeltaruleError", module.py().get_type::<errors::DeltaruleError>())?;
    module.add_class::<encoder::Encoder>()?;
    module.add_class::<table::Table>()?;
    module.add_class::<mlp::Mlp>()
}
