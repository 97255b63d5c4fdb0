//! A learning rate too small, right, and too large.
//!
//! w ← w − η·∂C/∂w follows the tangent, so it is right only as far as the cost looks like its tangent. On a parabola
//! C = ½·c·w² the step is w ← (1 − ηc)·w: below 1/c it creeps towards 0, at 1/c it is there at once, between 1/c and
//! 2/c it jumps from side to side on its way, and above 2/c each jump is larger than the last (LeCun, Bottou, Orr &
//! Müller 1998, §1.3.2). A network's cost has many curvatures at once, and the largest sets the bound for all.
//!
//! Run it with `cargo run --release --example learning_rate`.

use deltarule::control::Unattended;
use deltarule::dataset::{Dataset, Targets};
use deltarule::event::Event;
use deltarule::loss::{Cost, Loss};
use deltarule::network::NetworkSpec;
use deltarule::optimizer::OptimizerSpec;
use deltarule::trainer::{Trainer, TrainerSettings};
use deltarule::{Activation, ErrorKind, Pool, Result};

fn main() -> Result<()> {
    let pool = Pool::new(1);
    let loss = Loss::new(Cost::SquaredError, Activation::Identity, 0.0)?;

    println!("One weight, C = ½·w², curvature 1, from w = 1: w after each step\n");
    println!("{:>6} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}", "η", 0, 1, 2, 3, 4, 5, 20);
    for rate in [0.01, 0.5, 1.0, 1.9, 2.1] {
        // The rule on a network of one weight: x = 1, y = 0, and b = 0 stays out of it.
        let mut w = 1.0;
        print!("{rate:>6}");
        for step in 0..=20 {
            if step <= 5 || step == 20 {
                print!(" {w:>9.4}");
            }
            let (x, y) = (1.0, 0.0);
            w -= rate * x * (x * w - y); // ∂C/∂w = x·(ŷ − y)
        }
        println!();
    }

    println!("\nA network 1-16-1 (tanh) learning sin(3x) from 64 rows, all in each step: its cost\n");
    let x: Vec<f64> = (0..64).map(|i| -1.0 + 2.0 * f64::from(i) / 63.0).collect();
    let y = x.iter().map(|x| (3.0 * x).sin()).collect();
    let rows = Dataset::from_dense(1, x, Targets::Values { outputs: 1, values: y });
    let shown = [1, 2, 3, 4, 5, 6, 7, 8, 20, 100, 500, 2000];
    print!("{:>6}", "η");
    shown.iter().for_each(|epoch| print!(" {epoch:>9}"));
    println!();
    for rate in [0.001, 0.01, 0.1, 0.5, 1.0, 2.0] {
        let network =
            NetworkSpec::new(1).dense(16, Activation::Tanh).dense(1, Activation::Identity).build(3)?;
        let settings = TrainerSettings::new(loss, OptimizerSpec::GradientDescent, rate, 64, 2000);
        let mut trainer = Trainer::new(&pool, network, settings)?;
        print!("{rate:>6}");
        let mut print = |event: &Event| {
            if let Event::Epoch { epoch, cost, .. } = event
                && shown.contains(epoch)
            {
                print!(" {}", short(*cost));
            }
        };
        let ended = trainer.run("sine", &rows, None, &mut print, &mut Unattended, &mut |_, _| Ok(None));
        match ended.as_ref().map_err(deltarule::Error::kind) {
            Ok(_) => println!(),
            // Numbers that are not finite are never trained on: the run stops and says where they came from.
            Err(ErrorKind::NonFinite { .. }) => println!(" … not finite any more"),
            Err(_) => return ended.map(|_| ()),
        }
    }
    Ok(())
}

fn short(cost: f64) -> String {
    if cost < 1000.0 { format!("{cost:>9.5}") } else { format!("{cost:>9.1e}") }
}
