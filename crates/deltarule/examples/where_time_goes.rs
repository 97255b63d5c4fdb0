//! Where the time of a training goes: its parts, one by one, beside the bare steps that it cannot do without.
//!
//!     cargo run --release -p deltarule --example where_time_goes -- [DATA] [--KEY VALUE …]
//!
//! Trains on `DATA` (default: mnist; run from a checkout) with the settings that the plan chooses, two epochs unless
//! `--epochs` says otherwise, and prints for each part its milliseconds. The whole is measured from the fit of the
//! encoder to the end of the last epoch, by `run::fit_with`, with the events written to a file; the parts are measured
//! apart, with the same network on the same rows. *Bare* are the steps alone on rows as they lie, and the forward passes
//! over the validation rows alone. What is over is what encoding, shuffling, gathering, figures and events cost.

use std::fs::File;
use std::io::Write;
use std::time::Instant;

use deltarule::config::{Config, resolve};
use deltarule::control::Unattended;
use deltarule::dataset::{BatchBuffer, Dataset};
use deltarule::encoder::Encoder;
use deltarule::event::Event;
use deltarule::layer::Pass;
use deltarule::memory::{self, Bytes};
use deltarule::metric;
use deltarule::model::Scorer;
use deltarule::random::{Purpose, shuffle, stream};
use deltarule::run;
use deltarule::trainer::Trainer;
use deltarule::{Pool, Result};

/// Milliseconds since `began`, which begins anew.
fn lap(began: &mut Instant) -> f64 {
    let took = began.elapsed().as_secs_f64();
    *began = Instant::now();
    1e3 * took
}

fn said() -> std::result::Result<Config, Box<dyn std::error::Error>> {
    let mut config = Config::default();
    config.set("data", "mnist")?;
    config.set("epochs", "2")?;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.strip_prefix("--") {
            Some(key) => {
                let value = arguments.next().ok_or_else(|| format!("{argument} VALUE"))?;
                config.set(&key.replace('-', "_"), &value)?;
            }
            None => config.set("data", &argument)?,
        }
    }
    Ok(config)
}

/// Milliseconds of the steps of one epoch, on rows as they lie.
fn bare_steps(trainer: &mut Trainer<'_, f32>, train: &Dataset<f32>, batch: usize, rate: f64) -> f64 {
    let mut began = Instant::now();
    for from in (0..train.rows).step_by(batch) {
        trainer.step(&train.range(from, train.rows.min(from + batch)), rate);
    }
    lap(&mut began)
}

/// Milliseconds of an epoch's order, and of laying out its batches.
fn shuffling(pool: &Pool, train: &Dataset<f32>, batch: usize) -> (f64, f64) {
    let mut order: Vec<u32> = (0..train.rows as u32).collect();
    let mut buffer = BatchBuffer::new(train, batch);
    let mut began = Instant::now();
    shuffle(&mut order, &mut stream(0, Purpose::Shuffle, 1));
    let ordered = lap(&mut began);
    for rows in order.chunks(batch) {
        std::hint::black_box(buffer.gather(pool, train, rows));
    }
    (ordered, lap(&mut began))
}

/// Milliseconds of the forward passes over these rows, and of the figures.
fn validation(
    pool: &Pool,
    trainer: &Trainer<'_, f32>,
    rows: &Dataset<f32>,
    task: deltarule::Task,
) -> (f64, f64) {
    const BLOCK: usize = 512;
    let network = trainer.network();
    let mut workspace = network.workspace(BLOCK);
    let mut outputs = Vec::with_capacity(rows.rows * network.spec().outputs());
    let mut forward = |outputs: &mut Vec<f32>| {
        outputs.clear();
        let mut began = Instant::now();
        for from in (0..rows.rows).step_by(BLOCK) {
            let batch = rows.range(from, rows.rows.min(from + BLOCK));
            network.forward(pool, &mut workspace, &batch, Pass::Inference);
            outputs.extend_from_slice(network.output(&workspace, batch.rows).1);
        }
        lap(&mut began)
    };
    forward(&mut outputs);
    let passed = forward(&mut outputs);
    let mut began = Instant::now();
    let targets = rows.targets.range(0, rows.rows);
    std::hint::black_box(metric::figures(task, &outputs, targets, rows.weights.as_deref()));
    (passed, lap(&mut began))
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let config = said()?;
    let mut began = Instant::now();
    let prepared = run::prepare(&config)?;
    let loaded = lap(&mut began);
    let settings = &prepared.plan.settings;
    let epochs = settings.epochs.unwrap_or(1);
    let pool = Pool::new(settings.threads.unwrap_or_else(run::cores));

    let mut began = Instant::now();
    let encoder = Encoder::fit(&prepared.table, &prepared.split.train, &prepared.encoder)?;
    let fitted = lap(&mut began);
    let train = encoder.encode::<f32>(&prepared.table, &prepared.split.train)?;
    let watched = encoder.encode::<f32>(&prepared.table, &prepared.split.validation)?;
    let encoded = lap(&mut began);

    let spec = resolve::network_spec(settings, encoder.input_shape().clone(), encoder.outputs())?;
    let loss = resolve::loss(settings)?;
    let trainer_settings = resolve::trainer_settings(settings, loss, train.rows, 0)?;
    let (batch, rate) = (trainer_settings.batch_size, trainer_settings.learning_rate.base / 100.0);
    let mut trainer = Trainer::new(&pool, spec.build(0)?, trainer_settings)?;
    bare_steps(&mut trainer, &train, batch, rate);
    let before = bare_steps(&mut trainer, &train, batch, rate);
    let (ordered, gathered) = shuffling(&pool, &train, batch);
    let (passed, figures) = validation(&pool, &trainer, &watched, encoder.task());
    let scorer = Scorer::new(&encoder, loss, &prepared.table, &prepared.split.validation)?;
    std::hint::black_box(scorer.score(&pool, trainer.network()));
    let mut began = Instant::now();
    std::hint::black_box(scorer.score(&pool, trainer.network()));
    let scored = lap(&mut began);
    drop((scorer, watched));

    let (whole, evaluated, written, run_steps) = whole(&prepared.table, &config)?;
    // Before and after, since a machine's speed changes with what else it does.
    let steps = (before + bare_steps(&mut trainer, &train, batch, rate)) / 2.0;
    let times = epochs as f64;
    let bare = times * (steps + passed);
    println!(
        "{} rows to train on, {} to validate, {epochs} epochs of {} steps, {} threads",
        prepared.split.train.len(),
        prepared.split.validation.len(),
        prepared.split.train.len().div_ceil(batch),
        pool.threads()
    );
    println!("{:<34} {:>9}  {:>9}", "", "ms each", "ms");
    let row = |name: &str, each: f64, count: f64| println!("{name:<34} {each:>9.2}  {:>9.1}", each * count);
    row("load, split, plan (not counted)", loaded, 1.0);
    row("fit the encoder", fitted, 1.0);
    row("encode", encoded, 1.0);
    row("bare steps of an epoch", steps, times);
    row("bare validation forward", passed, times);
    row("order of the rows", ordered, times);
    row("lay out the batches", gathered, times);
    row("figures", figures, times);
    row("scoring, beside forward and figures", scored - passed - figures, times);
    row("events", written, 1.0);
    row("steps in the run, beside these", run_steps / times - steps - ordered - gathered, times);
    let parts = fitted + encoded + times * scored + run_steps + written;
    row("the rest", whole - parts, 1.0);
    row("whole, to the end of the last epoch", whole, 1.0);
    row("evaluation of the model (afterwards)", evaluated, 1.0);
    println!("whole / bare = {:.3} (at most 1.111)", whole / bare);
    if let Some(peak) = memory::peak() {
        println!("peak of resident memory {}", Bytes(peak));
    }
    Ok(())
}

/// Milliseconds of a whole run up to its last epoch's end, of what comes after, of writing events, and of the epochs
/// without their validation.
fn whole(table: &deltarule::table::Table, config: &Config) -> Result<(f64, f64, f64, f64)> {
    let path = std::env::temp_dir().join(format!("deltarule-events-{}", std::process::id()));
    let mut file = File::create(&path).map_err(|error| deltarule::Error::io(&path, "write", error))?;
    let (mut ended, mut written, mut stepping) = (0.0, 0.0, 0.0);
    let mut rows = 0.0;
    let prepared = run::prepare_table(table.clone(), config, None, None)?;
    let began = Instant::now();
    let mut observer = |event: &Event| {
        let told = Instant::now();
        if let Ok(mut line) = serde_json::to_vec(event) {
            line.push(b'\n');
            let _ = file.write_all(&line);
        }
        written += 1e3 * told.elapsed().as_secs_f64();
        match event {
            Event::Started { rows: count, .. } => rows = *count as f64,
            Event::Epoch { samples_per_second, .. } => stepping += 1e3 * rows / samples_per_second,
            Event::Ended { .. } => ended = 1e3 * began.elapsed().as_secs_f64(),
            _ => {}
        }
    };
    run::fit_prepared(&prepared, &mut observer, &mut Unattended)?;
    let all = 1e3 * began.elapsed().as_secs_f64();
    let _ = std::fs::remove_file(&path);
    Ok((ended, all - ended, written, stepping))
}
