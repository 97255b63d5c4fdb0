//! Approximating a function of one variable with one hidden layer of growing width.
//!
//! ŷ(x) = b + Σ_j v_j · tanh(w_j·x + c_j): each hidden unit is a step somewhere, of some steepness and height, and a sum
//! of enough steps comes as near to any continuous function on an interval as one likes (Cybenko 1989; Hornik,
//! Stinchcombe & White 1989). The theorem says that the weights *exist*; the table shows what training finds of them.
//!
//! L-BFGS finds them here: on few rows and few weights it gets further than gradient descent by far (Nocedal & Wright
//! 2006, ch. 7).
//!
//! Run it with `cargo run --release --example approximate`.

use deltarule::dataset::{Dataset, Targets};
use deltarule::layer::Pass;
use deltarule::loss::{Cost, Loss};
use deltarule::network::NetworkSpec;
use deltarule::optimizer::OptimizerSpec;
use deltarule::trainer::{Trainer, TrainerSettings};
use deltarule::{Activation, Pool, Result};

/// A wave that gets faster to the right, on a slope.
fn f(x: f64) -> f64 {
    (8.0 * (x + 1.0) * (x + 1.0)).sin() + 0.5 * x
}

/// `count` rows spread evenly over [−1, 1].
fn rows(count: usize) -> Dataset<f64> {
    let x: Vec<f64> = (0..count).map(|i| -1.0 + 2.0 * i as f64 / (count - 1) as f64).collect();
    let y = x.iter().copied().map(f).collect();
    Dataset::from_dense(1, x, Targets::Values { outputs: 1, values: y })
}

fn main() -> Result<()> {
    let pool = Pool::new(1);
    // Measured between the rows it was trained on: 2,001 places against 201.
    let (training, measured) = (rows(201), rows(2001));
    let loss = Loss::new(Cost::SquaredError, Activation::Identity, 0.0)?;

    println!(
        "f(x) = sin(8(x+1)²) + x/2 on [−1, 1]; 201 rows, up to 3,000 iterations of L-BFGS, best of 3 seeds\n"
    );
    println!("{:>6} {:>11} {:>14} {:>14}", "width", "parameters", "rms error", "most wrong by");
    for width in [1, 2, 4, 8, 16, 32, 64] {
        let spec = NetworkSpec::new(1).dense(width, Activation::Tanh).dense(1, Activation::Identity);
        let mut best = (f64::INFINITY, f64::INFINITY);
        for seed in 1..=3 {
            let settings = TrainerSettings::new(
                loss,
                OptimizerSpec::Lbfgs { history: 20, tolerance: 0.0 },
                1.0,
                201,
                3000,
            );
            let mut trainer = Trainer::new(&pool, spec.build(seed)?, settings)?;
            trainer.run_quietly(&training)?;

            let network = trainer.into_network();
            let batch = measured.range(0, measured.rows);
            let mut workspace = network.workspace(measured.rows);
            network.forward(&pool, &mut workspace, &batch, Pass::Inference);
            let (_, a) = network.output(&workspace, measured.rows);
            let errors = a.iter().zip(measured.dense.iter()).map(|(a, &x)| (a - f(x)).abs());
            let (squares, most) = errors.fold((0.0, 0.0_f64), |(sum, most), e| (sum + e * e, most.max(e)));
            let rms = (squares / measured.rows as f64).sqrt();
            if rms < best.0 {
                best = (rms, most);
            }
        }
        println!("{width:>6} {:>11} {:>14.6} {:>14.6}", 3 * width + 1, best.0, best.1);
    }
    Ok(())
}
