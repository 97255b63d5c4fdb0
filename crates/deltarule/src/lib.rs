//! Train multilayer perceptrons by backpropagation on a CPU, and see why they learn or don't.
//!
//! Data come as a table: CSV, Parquet, NumPy, IDX, or a bundled one. The crate encodes its columns, plans what was not
//! said, trains, measures, and gives a model that predicts from raw rows. Everything between the table and the numbers is
//! open: layers, deltas, gradients, updates can be called one by one and looked at.
//!
//! # Train in twenty lines
//!
//! ```
//! use deltarule::config::Config;
//! use deltarule::table::{self, ReadOptions};
//! use deltarule::{Pool, Result, run};
//!
//! fn main() -> Result<()> {
//!     // A circle inside a circle, 1,000 rows. Instead of a bundled name: "sales.csv", "sales.parquet", a folder …
//!     let table = table::read("circles", &ReadOptions::default())?;
//!     let new_rows = table.take_rows(&[0, 1, 2, 3]);
//!
//!     // What is not said is planned from the table: encoder, network, cost, optimizer, batches, when to stop.
//!     let mut config = Config::default();
//!     config.set("target", "y")?;
//!     config.set("hidden", "16,16")?;
//!     let fitted = run::fit(table, &config)?;
//!
//!     for (part, figures) in &fitted.report.metrics {
//!         println!("{part:<10}  accuracy {:.3}  log loss {:.4}", figures["accuracy"], figures["log_loss"]);
//!     }
//!     let predictions = fitted.model.predict(&Pool::new(1), &new_rows)?;
//!     for (row, probability) in predictions.values().iter().enumerate() {
//!         println!("row {row}: the inner circle (class 1) with probability {probability:.3}");
//!     }
//!     // fitted.model.save("circles.safetensors".as_ref())? keeps it; Model::load gives it back.
//!     Ok(())
//! }
//! ```
//!
//! # The rooms, in the order in which data pass through them
//!
//! | room | |
//! |---|---|
//! | [`table`] | bytes → typed columns |
//! | [`config`], [`mod@plan`] | what was said → one validated plan, with its reasons |
//! | [`mod@split`], [`encoder`] | rows for training, validation, test; columns → numbers, codes and targets, fitted on training rows |
//! | [`dataset`] | encoded rows, and batches of them |
//! | [`activation`], [`init`], [`layer`], [`network`] | z = x·w + b, a = f(z); forward and backward over one flat parameter buffer |
//! | [`loss`] | C(ŷ, y) and δ = ∂C/∂z, out of one function |
//! | [`optimizer`], [`schedule`] | how parameters follow their gradient, and how fast |
//! | [`trainer`] | forward · cost · backward · update, and the epochs around them |
//! | [`event`], [`control`] | what a run tells, and what may be asked of it |
//! | [`metric`], [`explain`], [`gradient_check`] | figures; a gradient taken apart; backpropagation against finite differences |
//! | [`health`], [`doctor`] | what is wrong with a run, and why; which remedy helps, measured |
//! | [`model`] | encoder, networks and figures in one file; predicts and evaluates |
//! | [`store`], [`checkpoint`], [`run_folder`], [`atomic_file`] | files that are whole or not there |
//! | [`mod@run`], [`mod@bench`] | all of it put together; how fast it is |
//! | [`error`](mod@error), [`memory`], [`random`], [`task`] | what every room uses |
//!
//! A network alone, without tables and plans, takes [`network::NetworkSpec`], [`loss::Loss`] and [`trainer::Trainer`]: see
//! the example in [`trainer`]. The crate's `examples/` begin with a single perceptron and end with a loop of one's own.
//!
//! # Conventions
//!
//! Rows are samples, matrices are row-major: x `[batch, fan_in]`, w `[fan_in, fan_out]`, so that w\[i\]\[j\] runs from unit i
//! to unit j. δ is always ∂C/∂z. Everything is generic over [`Real`], `f32` or `f64`. Equal data, settings, seed and
//! instruction set give equal bits on any number of threads.
//!
//! # Features
//!
//! | feature | default | |
//! |---|---|---|
//! | `csv` | yes | CSV and TSV tables, also gzipped, and the bundled digits |
//! | `parquet` | yes | Apache Parquet tables |
//! | `npy` | yes | NumPy's `.npy` matrices |
//! | `gzip` | with `csv` | gzipped IDX folders |
//! | `arrow` | with `parquet` | tables from Arrow record batches (`table::arrow`) |
#![forbid(unsafe_code)]

pub mod activation;
pub mod atomic_file;
pub mod bench;
pub mod checkpoint;
pub mod communicator;
pub mod config;
pub mod control;
mod crew;
pub mod dataset;
pub mod doctor;
pub mod encoder;
pub mod error;
pub mod event;
pub mod explain;
pub mod gradient_check;
pub mod health;
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

/// The README's examples, compiled and run with the documentation's.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
