//! A single perceptron learns AND and OR, and cannot learn XOR.
//!
//! One unit: z = x·w + b, ŷ = σ(z). It answers "yes" where ŷ > ½, which is where x·w + b > 0: on one side of a straight
//! line. AND and OR can be cut by a line; XOR cannot (Minsky & Papert 1969), whatever the training does:
//!
//! ```text
//!     AND        OR         XOR
//!   1 · ●      1 ● ●      1 ● ·
//!   0 · ·      0 · ●      0 · ●
//!     0 1        0 1        0 1
//! ```
//!
//! With C = ½(ŷ − y)² the chain rule gives ∂C/∂w_i = ∂C/∂ŷ · dŷ/dz · ∂z/∂w_i = (ŷ − y) · ŷ(1 − ŷ) · x_i. The second
//! table sets that product beside the engine's number, row by row.
//!
//! Run it with `cargo run --release --example perceptron`.

use deltarule::dataset::{Dataset, Targets};
use deltarule::layer::Pass;
use deltarule::loss::{Cost, Loss};
use deltarule::network::{Network, NetworkSpec};
use deltarule::optimizer::OptimizerSpec;
use deltarule::trainer::{Trainer, TrainerSettings};
use deltarule::{Activation, Pool, Result};

/// The four rows of a truth table, in the order 00, 01, 10, 11.
fn truth_table(y: [f64; 4]) -> Dataset<f64> {
    let x = vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
    Dataset::from_dense(2, x, Targets::Values { outputs: 1, values: y.to_vec() })
}

/// ŷ of every row.
fn outputs(pool: &Pool, network: &Network<f64>, rows: &Dataset<f64>) -> Vec<f64> {
    let mut workspace = network.workspace(rows.rows);
    network.forward(pool, &mut workspace, &rows.range(0, rows.rows), Pass::Inference);
    network.output(&workspace, rows.rows).1.to_vec()
}

fn main() -> Result<()> {
    let pool = Pool::new(1);
    let perceptron = NetworkSpec::new(2).dense(1, Activation::Sigmoid);
    let loss = Loss::new(Cost::SquaredError, Activation::Sigmoid, 0.0)?;

    println!(
        "A perceptron after 4,000 steps of plain gradient descent, learning rate 2, on all four rows:\n"
    );
    println!(
        "{:<5} {:>8} {:>7} {:>7} {:>7} {:>7}   {:>6} {:>6} {:>6}   rows right",
        "", "cost", "ŷ(00)", "ŷ(01)", "ŷ(10)", "ŷ(11)", "w1", "w2", "b"
    );
    for (name, y) in [("AND", [0., 0., 0., 1.]), ("OR", [0., 1., 1., 1.]), ("XOR", [0., 1., 1., 0.])] {
        let rows = truth_table(y);
        let settings = TrainerSettings::new(loss, OptimizerSpec::GradientDescent, 2.0, 4, 4000);
        let mut trainer = Trainer::new(&pool, perceptron.build(1)?, settings)?;
        let cost = trainer.run_quietly(&rows)?.cost;

        let a = outputs(&pool, trainer.network(), &rows);
        let right = a.iter().zip(y).filter(|&(&a, y)| (a > 0.5) == (y == 1.0)).count();
        let w = trainer.network().params(); // w1, w2, b
        println!(
            "{name:<5} {cost:>8.5} {:>7.3} {:>7.3} {:>7.3} {:>7.3}   {:>6.2} {:>6.2} {:>6.2}   {right} of 4",
            a[0], a[1], a[2], a[3], w[0], w[1], w[2]
        );
    }

    println!(
        "\nIts gradient for one row at a time, taken apart (x2 = 1 gives ∂C/∂w2, and b has the input 1):\n"
    );
    println!(
        "{:<7} {:>9} {:>9} {:>9}   {:>13} {:>13} {:>9}",
        "row", "x2", "ŷ(1−ŷ)", "ŷ−y", "product", "engine ∂C/∂w2", "apart by"
    );
    let rows = truth_table([0., 1., 1., 0.]);
    let settings = TrainerSettings::new(loss, OptimizerSpec::GradientDescent, 1.0, 1, 1);
    let mut trainer = Trainer::new(&pool, perceptron.build(1)?, settings)?;
    for row in 0..4 {
        let batch = rows.range(row, row + 1);
        trainer.forward(&batch);
        trainer.cost(&batch);
        trainer.backward(&batch);

        let (x2, y) = (batch.dense[1], batch.targets.value(0, 0));
        let a = trainer.workspace().kept[0].a[0]; // ŷ
        let product = x2 * (a * (1.0 - a)) * (a - y);
        let engine = trainer.gradients()[1];
        println!(
            "{:<7} {x2:>9} {:>9.5} {:>9.5}   {product:>13.9} {engine:>13.9} {:>9.1e}",
            format!("{}{} → {y}", batch.dense[0], batch.dense[1]),
            a * (1.0 - a),
            a - y,
            (product - engine).abs()
        );
    }
    Ok(())
}
