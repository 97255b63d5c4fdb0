//! The recursion of backpropagation, written as plain loops, beside the engine.
//!
//! Two layers: ŷ1 = f(x·w1 + b1), ŷ2 = f(ŷ1·w2 + b2). The cost depends on unit j of the first layer through *every*
//! unit k of the second, so the chain rule sums over the ways:
//!
//! ```text
//! ∂C/∂ŷ1_j  =  Σ_k  ∂z2_k/∂ŷ1_j · ∂ŷ2_k/∂z2_k · ∂C/∂ŷ2_k  =  Σ_k  w2_jk · f'(z2_k) · ∂C/∂ŷ2_k
//! ```
//!
//! That is the whole secret: what layer 1 needs, layer 2 has already, so a layer never looks further than its neighbour
//! (Rumelhart, Hinton & Williams 1986, eq. 14). The weights follow: ∂C/∂w_ij = x_i · δ_j, where δ_j = f'(z_j)·∂C/∂ŷ_j.
//!
//! Run it with `cargo run --release --example recursion`.

use deltarule::dataset::{Dataset, Targets};
use deltarule::loss::{Cost, Loss};
use deltarule::network::NetworkSpec;
use deltarule::optimizer::OptimizerSpec;
use deltarule::trainer::{Trainer, TrainerSettings};
use deltarule::{Activation, Pool, Result};

const INPUTS: usize = 3;
const HIDDEN: usize = 4;
const OUTPUTS: usize = 2;

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

fn main() -> Result<()> {
    let (x, y) = ([0.5, -1.0, 2.0], [1.0, 0.0]);
    let network = NetworkSpec::new(INPUTS)
        .dense(HIDDEN, Activation::Sigmoid)
        .dense(OUTPUTS, Activation::Sigmoid)
        .build(7)?;
    // The flat buffer holds w1 [3 × 4], b1 [4], w2 [4 × 2], b2 [2]; w[i][j] runs from unit i to unit j.
    let params: Vec<f64> = network.params().to_vec();
    let (w1, rest) = params.split_at(INPUTS * HIDDEN);
    let (b1, rest) = rest.split_at(HIDDEN);
    let (w2, b2) = rest.split_at(HIDDEN * OUTPUTS);

    // Forward.
    let (mut y1, mut y2) = ([0.0; HIDDEN], [0.0; OUTPUTS]);
    for j in 0..HIDDEN {
        let mut z = b1[j];
        for i in 0..INPUTS {
            z += x[i] * w1[i * HIDDEN + j];
        }
        y1[j] = sigmoid(z);
    }
    for k in 0..OUTPUTS {
        let mut z = b2[k];
        for j in 0..HIDDEN {
            z += y1[j] * w2[j * OUTPUTS + k];
        }
        y2[k] = sigmoid(z);
    }

    // Backward: C = ½·Σ (ŷ2 − y)², and f' = ŷ(1 − ŷ).
    let mut to_y1 = [0.0; HIDDEN]; // ∂C/∂ŷ1
    for j in 0..HIDDEN {
        for k in 0..OUTPUTS {
            let to_y2 = y2[k] - y[k]; // ∂C/∂ŷ2
            to_y1[j] += w2[j * OUTPUTS + k] * (y2[k] * (1.0 - y2[k])) * to_y2;
        }
    }
    let mut to_w1 = [0.0; INPUTS * HIDDEN]; // ∂C/∂w1
    for i in 0..INPUTS {
        for j in 0..HIDDEN {
            to_w1[i * HIDDEN + j] = x[i] * (y1[j] * (1.0 - y1[j])) * to_y1[j];
        }
    }

    // The engine, layer by layer: after layer 1's turn, layer 0 holds ∂C/∂ŷ1; its own turn makes δ of it.
    let row =
        Dataset::from_dense(INPUTS, x.to_vec(), Targets::Values { outputs: OUTPUTS, values: y.to_vec() });
    let batch = row.range(0, 1);
    let loss = Loss::new(Cost::SquaredError, Activation::Sigmoid, 0.0)?;
    let settings = TrainerSettings::new(loss, OptimizerSpec::GradientDescent, 1.0, 1, 1);
    let pool = Pool::new(1);
    let mut trainer = Trainer::new(&pool, network, settings)?;
    trainer.forward(&batch);
    trainer.cost(&batch);
    trainer.backward_layer(&batch, 1);
    let engine_to_y1 = trainer.workspace().kept[0].delta[..HIDDEN].to_vec();
    trainer.backward_layer(&batch, 0);

    println!("{:<12} {:>20} {:>20} {:>9}", "", "plain loops", "engine", "apart by");
    for (j, (loops, engine)) in to_y1.iter().zip(&engine_to_y1).enumerate() {
        println!("∂C/∂ŷ1_{j}     {loops:>20.15} {engine:>20.15} {:>9.1e}", (loops - engine).abs());
    }
    for (at, (loops, engine)) in to_w1.iter().zip(trainer.gradients()).enumerate() {
        let (i, j) = (at / HIDDEN, at % HIDDEN);
        println!("∂C/∂w1_{i}{j}    {loops:>20.15} {engine:>20.15} {:>9.1e}", (loops - engine).abs());
    }
    Ok(())
}
