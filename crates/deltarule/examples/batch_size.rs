//! Updating after each sample, after each mini-batch, or after the whole set.
//!
//! The gradient of the mean cost over *n* rows costs *n* times as much as that of one row, but it is only √n times as
//! accurate (its error is a mean's). So many cheap, noisy steps get further per sample than few exact ones (Bottou &
//! Bousquet 2008; LeCun et al. 1998, §1.4.1). Per *second* the mini-batch wins: the rows of a batch pass through the
//! weights together, and a processor multiplies matrices faster than it multiplies vectors one by one.
//!
//! Handwritten digits, 64-32-10, softmax and cross-entropy, plain gradient descent; each batch size with the learning
//! rate that suits it best among 0.03, 0.1, 0.3, 1, 3 (larger batches bear larger rates, since their gradient is surer).
//!
//! Run it with `cargo run --release --example batch_size`.

use deltarule::control::Unattended;
use deltarule::dataset::{Dataset, Targets};
use deltarule::event::Event;
use deltarule::loss::{Cost, Loss};
use deltarule::network::NetworkSpec;
use deltarule::optimizer::OptimizerSpec;
use deltarule::table::{self, ReadOptions};
use deltarule::trainer::{Trainer, TrainerSettings};
use deltarule::{Activation, Pool, Result};

const EPOCHS: u64 = 64;

/// The bundled digits: 64 pixels from 0 to 16, scaled to 0 … 1, and the digit.
fn digits() -> Result<Dataset<f32>> {
    let table = table::read("digits", &ReadOptions::default())?;
    let digit = table.position("digit")?;
    let pixels: Vec<usize> = (0..table.columns().len()).filter(|&column| column != digit).collect();
    let (mut x, mut codes) = (Vec::new(), Vec::new());
    for row in 0..table.rows() {
        x.extend(pixels.iter().map(|&column| table.number_at(row, column) as f32 / 16.0));
        let word = table.columns()[digit].word(row);
        codes.push(
            word.and_then(|word| word.parse::<u32>().ok()).expect("every row of the digits has a digit"),
        );
    }
    Ok(Dataset::from_dense(pixels.len(), x, Targets::Classes { classes: 10, codes }))
}

/// Cost over each epoch, as it was trained on, and the seconds since the start at its end.
fn train(pool: &Pool, rows: &Dataset<f32>, batch_size: usize, learning_rate: f64) -> Result<Vec<(f64, f64)>> {
    let network = NetworkSpec::new(64).dense(32, Activation::Tanh).dense(10, Activation::Softmax).build(1)?;
    let loss = Loss::new(Cost::CrossEntropy, Activation::Softmax, 0.0)?;
    let settings =
        TrainerSettings::new(loss, OptimizerSpec::GradientDescent, learning_rate, batch_size, EPOCHS);
    let mut trainer = Trainer::new(pool, network, settings)?;
    let mut curve = Vec::new();
    let mut note = |event: &Event| {
        if let Event::Epoch { cost, seconds, .. } = event {
            curve.push((*cost, *seconds));
        }
    };
    trainer.run("digits", rows, None, &mut note, &mut Unattended, &mut |_, _| Ok(None))?;
    Ok(curve)
}

fn main() -> Result<()> {
    let rows = digits()?;
    let pool = Pool::new(1);
    let sizes = [("each sample", 1), ("mini-batches of 32", 32), ("the whole set", rows.rows)];

    let mut chosen = Vec::new();
    for (name, batch_size) in sizes {
        let mut best: Option<(f64, Vec<(f64, f64)>)> = None;
        for rate in [0.03, 0.1, 0.3, 1.0, 3.0] {
            let curve = train(&pool, &rows, batch_size, rate)?;
            let cost = |curve: &[(f64, f64)]| curve[EPOCHS as usize - 1].0;
            if best.as_ref().is_none_or(|(_, earlier)| cost(&curve) < cost(earlier)) {
                best = Some((rate, curve));
            }
        }
        chosen.extend(best.map(|(rate, curve)| (name, batch_size, rate, curve)));
    }

    println!("{:<20} {:>5} {:>9}   cost after … samples seen", "an update after", "η", "updates");
    print!("{:<20} {:>5} {:>9}", "", "", "");
    let epochs = [1, 2, 4, 8, 16, 32, 64];
    epochs.iter().for_each(|epoch| print!(" {:>9}", epoch * rows.rows));
    println!();
    for (name, batch_size, rate, curve) in &chosen {
        print!("{name:<20} {rate:>5} {:>9}", rows.rows.div_ceil(*batch_size) * EPOCHS as usize);
        epochs.iter().for_each(|epoch| print!(" {:>9.4}", curve[epoch - 1].0));
        println!();
    }

    println!("\n{:<20}   milliseconds until the cost of an epoch was below", "an update after");
    let levels = [1.0, 0.5, 0.2, 0.1, 0.05, 0.02];
    print!("{:<20}", "");
    levels.iter().for_each(|level| print!(" {level:>9}"));
    println!(" {:>14}", "samples/s");
    for (name, _, _, curve) in &chosen {
        print!("{name:<20}");
        for level in levels {
            match curve.iter().find(|(cost, _)| *cost < level) {
                Some((_, seconds)) => print!(" {:>9.1}", 1e3 * seconds),
                None => print!(" {:>9}", "–"),
            }
        }
        println!(" {:>14.0}", rows.rows as f64 * EPOCHS as f64 / curve[EPOCHS as usize - 1].1);
    }
    Ok(())
}
