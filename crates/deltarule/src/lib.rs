//! Train multilayer perceptrons by backpropagation on a CPU, and see why they learn or don't.
#![forbid(unsafe_code)]

pub mod activation;
pub mod atomic_file;
pub mod bench;
pub mod checkpoint;
pub mod config;
pub mod control;
pub mod dataset;
pub mod encoder;
pub mod error;
pub mod event;
pub mod gradient_check;
pub mod init;
pub mod layer;
pub mod loss;
pub mod memory;
pub mod metric;
pub mod model;
pub mod network;
pub mod optimizer;
pub mod plan;
pub mod random;
pub mod run;
pub mod run_folder;
pub mod schedule;
pub mod split;
pub mod store;
pub mod table;
pub mod task;
pub mod trainer;

pub use error::{Error, ErrorKind, Result};
pub use task::Task;

pub use deltarule_kernels::{Activation, InstructionSet, Pool, Real};
