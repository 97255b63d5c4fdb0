//! A training loop of one's own: the four phases apart, then the crate's loop with someone listening and someone steering.
//!
//! forward · cost · backward · update are four calls. Between them lies everything that a step computes: activations,
//! deltas, gradients, parameters. The crate's own loop, [`Trainer::run`], is those four with epochs around them; it
//! tells an `Observer` what happens (any closure over `&Event`) and asks a `Controller` what is wanted (any closure from
//! the number of steps done to a `Control`).
//!
//! Run it with `cargo run --release --example custom_loop`.

use std::cell::Cell;

use deltarule::control::Control;
use deltarule::dataset::{BatchBuffer, Dataset, Targets};
use deltarule::event::Event;
use deltarule::loss::{Cost, Loss};
use deltarule::network::{Network, NetworkSpec};
use deltarule::optimizer::OptimizerSpec;
use deltarule::random::{Purpose, shuffle, stream};
use deltarule::table::{self, ReadOptions};
use deltarule::trainer::{Trainer, TrainerSettings};
use deltarule::{Activation, Pool, Result};

const BATCH: usize = 50;

/// The bundled circles: 1,000 rows of x1, x2 and the class y.
fn circles() -> Result<Dataset<f64>> {
    let table = table::read("circles", &ReadOptions::default())?;
    let y = table.column("y")?;
    let is_inner = |row| f64::from(u8::from(y.word(row).as_deref() == Some("1")));
    let x = (0..table.rows()).flat_map(|row| [table.number_at(row, 0), table.number_at(row, 1)]).collect();
    let values = (0..table.rows()).map(is_inner).collect();
    Ok(Dataset::from_dense(2, x, Targets::Values { outputs: 1, values }))
}

fn network() -> Result<Network<f64>> {
    NetworkSpec::new(2)
        .dense(16, Activation::Tanh)
        .dense(16, Activation::Tanh)
        .dense(1, Activation::Sigmoid)
        .build(1)
}

/// The four phases, called apart.
fn by_phases(pool: &Pool, rows: &Dataset<f64>, settings: TrainerSettings) -> Result<()> {
    println!(
        "{:>5} {:>9}   {:>10} {:>10} {:>10}   {:>10}",
        "epoch", "cost", "‖δ0‖", "‖δ1‖", "‖δ2‖", "‖∂C/∂w‖"
    );
    let mut trainer = Trainer::new(pool, network()?, settings)?;
    let mut gathered = BatchBuffer::new(rows, BATCH);
    let mut order: Vec<u32> = (0..rows.rows as u32).collect();
    for epoch in 1..=20 {
        shuffle(&mut order, &mut stream(1, Purpose::Shuffle, epoch));
        let mut sum = 0.0;
        for places in order.chunks(BATCH) {
            let batch = gathered.gather(pool, rows, places);
            trainer.forward(&batch);
            sum += trainer.cost(&batch);
            for layer in (0..3).rev() {
                trainer.backward_layer(&batch, layer);
            }
            trainer.update(batch.rows, 0.5);
        }
        if epoch <= 2 || epoch % 5 == 0 {
            // What the last step has left: δ of every layer, and the gradient that the update followed.
            let norm = |values: &[f64]| values.iter().map(|v| v * v).sum::<f64>().sqrt();
            print!("{epoch:>5} {:>9.5}  ", sum / rows.rows as f64);
            trainer.workspace().kept.iter().for_each(|kept| print!(" {:>10.5}", norm(&kept.delta)));
            println!("   {:>10.5}", norm(trainer.gradients()));
        }
    }
    Ok(())
}

/// The crate's loop, observed and controlled.
fn by_events(pool: &Pool, rows: &Dataset<f64>, settings: TrainerSettings) -> Result<()> {
    let mut trainer = Trainer::new(pool, network()?, settings)?;
    let last_cost = Cell::new(f64::INFINITY);
    let mut observer = |event: &Event| match event {
        Event::Started { parameters, rows, .. } => println!("started: {parameters} parameters, {rows} rows"),
        Event::Epoch { epoch, cost, learning_rate, .. } => {
            last_cost.set(*cost);
            if epoch % 5 == 0 {
                println!("epoch {epoch}: cost {cost:.5}, learning rate {learning_rate}");
            }
        }
        Event::Controlled { step, control } => println!("step {step}: {control:?}"),
        Event::Ended { reason, epochs, step, .. } => {
            println!("ended: {reason:?} after {epochs} epochs, {step} steps");
        }
        _ => {}
    };
    // Asked before each step until it wants nothing more: the rate is halved once, and when the cost is low it stops.
    let mut halved = false;
    let mut controller = |step: u64| {
        if step == 200 && !halved {
            halved = true;
            return Some(Control::ScaleLearningRate { factor: 0.5 });
        }
        (last_cost.get() < 0.01).then_some(Control::Stop)
    };
    trainer.run("circles", rows, None, &mut observer, &mut controller, &mut |_, _| Ok(None))?;
    Ok(())
}

fn main() -> Result<()> {
    let (pool, rows) = (Pool::new(1), circles()?);
    let loss = Loss::new(Cost::BinaryCrossEntropy, Activation::Sigmoid, 0.0)?;
    let settings = TrainerSettings::new(loss, OptimizerSpec::GradientDescent, 0.5, BATCH, 400);
    by_phases(&pool, &rows, settings.clone())?;
    println!();
    by_events(&pool, &rows, settings)
}
