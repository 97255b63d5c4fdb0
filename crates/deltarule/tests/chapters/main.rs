//! The chapters of an introduction to backpropagation, each claim as an assertion. The programs in `examples/` print
//! the numbers that these tests judge. Everything is seeded; no test looks at a clock.

mod activations;
mod batch_size;
mod depth;
mod gradients;
mod learning_rate;
mod through_time;
mod truth_tables;
mod width;

use deltarule::dataset::{Dataset, Targets};
use deltarule::layer::Pass;
use deltarule::loss::{Cost, Loss};
use deltarule::network::{Network, NetworkSpec};
use deltarule::optimizer::OptimizerSpec;
use deltarule::trainer::{Trainer, TrainerSettings};
use deltarule::{Activation, Pool, Real};

/// Rows with one number as the target.
fn rows(inputs: usize, x: Vec<f64>, y: Vec<f64>) -> Dataset<f64> {
    Dataset::from_dense(inputs, x, Targets::Values { outputs: 1, values: y })
}

/// Squared error through that output.
fn squared_error(output: Activation) -> Loss {
    Loss::new(Cost::SquaredError, output, 0.0).expect("squared error goes with every output")
}

/// Plain gradient descent with all rows in each step.
fn full_batch(output: Activation, rows: &Dataset<f64>, learning_rate: f64, epochs: u64) -> TrainerSettings {
    let loss = squared_error(output);
    TrainerSettings::new(loss, OptimizerSpec::GradientDescent, learning_rate, rows.rows, epochs)
}

/// A trainer on the network of `spec` drawn from `seed`.
fn trainer<'p, F: Real>(
    pool: &'p Pool,
    spec: &NetworkSpec,
    seed: u64,
    settings: TrainerSettings,
) -> Trainer<'p, F> {
    Trainer::new(pool, spec.build(seed).expect("a network"), settings).expect("settings that fit it")
}

/// ŷ of every row.
fn outputs<F: Real>(pool: &Pool, network: &Network<F>, rows: &Dataset<F>) -> Vec<F> {
    let mut workspace = network.workspace(rows.rows);
    network.forward(pool, &mut workspace, &rows.range(0, rows.rows), Pass::Inference);
    network.output(&workspace, rows.rows).1.to_vec()
}
