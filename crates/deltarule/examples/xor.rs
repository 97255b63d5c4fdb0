//! One hidden layer learns XOR, by plain gradient descent.
//!
//! A single unit cannot (see the example `perceptron`). Hidden units can: each cuts the plane by its own line, and what
//! the output unit sees is not (x1, x2) any more but the hidden activations, which *can* be cut by one (hyper)plane.
//! Nobody tells the hidden units what to become: ∂C/∂w of theirs comes by the chain rule through the output unit
//! (Rumelhart, Hinton & Williams 1986, who made XOR the first example of it).
//!
//! Run it with `cargo run --release --example xor`.

use deltarule::control::Unattended;
use deltarule::dataset::{Dataset, Targets};
use deltarule::event::Event;
use deltarule::layer::Pass;
use deltarule::loss::{Cost, Loss};
use deltarule::network::NetworkSpec;
use deltarule::optimizer::OptimizerSpec;
use deltarule::trainer::{Trainer, TrainerSettings};
use deltarule::{Activation, Pool, Result};

fn main() -> Result<()> {
    let x = vec![0.0_f64, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
    let xor = Dataset::from_dense(2, x, Targets::Values { outputs: 1, values: vec![0., 1., 1., 0.] });

    // 2 inputs – 4 hidden units – 1 output; w ← w − η·∂C/∂w with η = 2, all four rows in each step.
    let network = NetworkSpec::new(2).dense(4, Activation::Tanh).dense(1, Activation::Sigmoid).build(1)?;
    let loss = Loss::new(Cost::SquaredError, Activation::Sigmoid, 0.0)?;
    let settings = TrainerSettings::new(loss, OptimizerSpec::GradientDescent, 2.0, 4, 2000);
    let pool = Pool::new(1);
    let mut trainer = Trainer::new(&pool, network, settings)?;

    println!("{:>6} {:>10}", "epoch", "cost");
    let mut print = |event: &Event| {
        if let Event::Epoch { epoch, cost, .. } = event
            && [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000].contains(epoch)
        {
            println!("{epoch:>6} {cost:>10.6}");
        }
    };
    trainer.run("xor", &xor, None, &mut print, &mut Unattended, &mut |_, _| Ok(None))?;

    println!("\nWhat the hidden layer has made of the four rows, and what the output makes of that:\n");
    println!("{:<5} {:>7} {:>7} {:>7} {:>7}   {:>7}   y", "x", "a1", "a2", "a3", "a4", "ŷ");
    let network = trainer.into_network();
    let mut workspace = network.workspace(4);
    network.forward(&pool, &mut workspace, &xor.range(0, 4), Pass::Inference);
    let (hidden, output) = (&workspace.kept[0].a, &workspace.kept[1].a);
    for row in 0..4 {
        let a = &hidden[4 * row..][..4];
        println!(
            "{:<5} {:>7.3} {:>7.3} {:>7.3} {:>7.3}   {:>7.4}   {}",
            format!("{} {}", xor.dense[2 * row], xor.dense[2 * row + 1]),
            a[0],
            a[1],
            a[2],
            a[3],
            output[row],
            u8::from(row == 1 || row == 2)
        );
    }
    Ok(())
}
