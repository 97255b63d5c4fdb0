//! Why backpropagation is arithmetic instead of differentiation: seconds per gradient, three ways.
//!
//! 1. **Backpropagation.** One forward pass, one backward pass of about twice its work: the cost of a gradient is a
//!    small multiple of the cost of a *value*, however many parameters there are (Baur & Strassen 1983; Griewank &
//!    Walther 2008, §4.6).
//! 2. **The same with f' evaluated anew** from z: an exponential for each unit, where a(1 − a) needs the stored
//!    activation only.
//! 3. **Finite differences**, (C(w + h) − C(w)) / h: one forward pass *per parameter*, and half of the digits are lost.
//!
//! Networks n-n-n of sigmoids with squared error, 10 rows, double precision, one thread.
//!
//! Run it with `cargo run --release --example why_arithmetic`.

use std::time::Instant;

use deltarule::dataset::{Batch, Dataset, Targets};
use deltarule::layer::{Buffer, Dense, Engine, Layer, LayerInput, Pass, Scratch};
use deltarule::network::{Network, NetworkSpec, Workspace};
use deltarule::{Activation, Pool, Result};

const ROWS: usize = 10;

/// Above 10,000 parameters, finite differences are measured on about this many of them, spread evenly, and scaled up.
const MEASURED: usize = 1000;

/// How f' is come by.
#[derive(Clone, Copy)]
enum Derivative {
    /// a(1 − a).
    Stored,
    /// σ(z)(1 − σ(z)).
    Anew,
}

struct Bench<'a> {
    pool: &'a Pool,
    network: Network<f64>,
    ws: Workspace<f64>,
    scratch: Scratch<f64>,
    batch: Batch<'a, f64>,
}

impl Bench<'_> {
    /// Mean over the rows of C = ½·Σ (ŷ − y)².
    fn cost(&mut self) -> f64 {
        self.network.forward(self.pool, &mut self.ws, &self.batch, Pass::Inference);
        let (_, a) = self.network.output(&self.ws, ROWS);
        let outputs = self.network.outputs();
        let r = |(cell, &a): (usize, &f64)| a - self.batch.targets.value(cell / outputs, cell % outputs);
        a.iter().enumerate().map(|cell| 0.5 * r(cell).powi(2)).sum::<f64>() / ROWS as f64
    }

    /// Forward, then backward: δ = ∂C/∂a ⊙ f', ∂C/∂w = xᵀ·δ, ∂C/∂x = δ·wᵀ, layer by layer.
    fn gradient(&mut self, derivative: Derivative, grads: &mut [f64]) {
        self.network.forward(self.pool, &mut self.ws, &self.batch, Pass::Inference);
        let layers: Vec<&Dense> = self.network.layers().iter().filter_map(dense).collect();
        let outputs = self.network.outputs();
        let last = &mut self.ws.kept[layers.len() - 1];
        for (cell, (delta, a)) in last.delta.iter_mut().zip(&last.a).enumerate() {
            *delta = a - self.batch.targets.value(cell / outputs, cell % outputs); // ∂C/∂ŷ
        }
        let mut engine = Engine { pool: self.pool, scratch: &mut self.scratch };
        for (index, layer) in layers.iter().enumerate().rev() {
            let (before, after) = self.ws.kept.split_at_mut(index);
            let kept = &mut after[0];
            match derivative {
                Derivative::Stored => layer.delta(self.pool, ROWS, kept),
                Derivative::Anew => {
                    for (delta, &z) in kept.delta.iter_mut().zip(&kept.z) {
                        let s = 1.0 / (1.0 + (-z).exp());
                        *delta *= s * (1.0 - s);
                    }
                }
            }
            let x = before.last().map_or(self.batch.dense, |kept| &kept.a);
            let input = LayerInput { rows: ROWS, x, sparse: None, nonzeros: None, codes: &[], code_width: 0 };
            let range = self.network.layer_range(index);
            layer.gradient(&mut engine, &input, &kept.delta, ROWS as f64, &mut grads[range.clone()]);
            if let Some(before) = before.last_mut() {
                let params = &self.network.params()[range];
                layer.input_gradient(&mut engine, params, ROWS, &kept.delta, &mut before.delta);
            }
        }
    }

    /// (C(w + h) − C(w)) / h for one parameter.
    fn difference(&mut self, index: usize, cost: f64) -> f64 {
        const H: f64 = 1e-7;
        let w = self.network.params()[index];
        self.network.params_mut()[index] = w + H;
        let moved = self.cost();
        self.network.params_mut()[index] = w;
        (moved - cost) / H
    }
}

fn dense(layer: &Layer) -> Option<&Dense> {
    match layer {
        Layer::Dense(dense) => Some(dense),
        _ => None,
    }
}

/// Seconds of one call.
fn seconds(call: impl FnOnce()) -> f64 {
    let start = Instant::now();
    call();
    start.elapsed().as_secs_f64()
}

fn main() -> Result<()> {
    let pool = Pool::new(1);
    println!(
        "{:>10}   {:>15} {:>15} {:>18}   {:>15} {:>14}",
        "parameters",
        "backpropagation",
        "with f' anew",
        "finite differences",
        "times as long",
        "most apart by"
    );
    for width in [7, 22, 70, 223] {
        let spec =
            NetworkSpec::new(width).dense(width, Activation::Sigmoid).dense(width, Activation::Sigmoid);
        let network = spec.build::<f64>(1)?;
        let numbers = |phase: f64| (0..ROWS * width).map(|i| (0.37 * i as f64 + phase).sin()).collect();
        let targets = Targets::Values { outputs: width, values: numbers(1.0) };
        let rows = Dataset::from_dense(width, numbers(0.0), targets);
        let mut ws = network.workspace(ROWS);
        // A layer keeps z where it finds room for it; sigmoid's f' needs none, so room is made for the comparison.
        ws.kept.iter_mut().for_each(|kept| kept.z = Buffer::zeroed(ROWS * width));
        let batch = rows.range(0, ROWS);
        let mut bench = Bench { pool: &pool, network, ws, scratch: Scratch::new(), batch };

        let parameters = bench.network.params().len();
        let (mut grads, mut anew) = (vec![0.0; parameters], vec![0.0; parameters]);
        // In turn, and of each the fastest call: what it takes when nothing else has the processor.
        let (mut stored, mut evaluated) = (f64::INFINITY, f64::INFINITY);
        let start = Instant::now();
        while start.elapsed().as_secs_f64() < 0.4 {
            stored = stored.min(seconds(|| bench.gradient(Derivative::Stored, &mut grads)));
            evaluated = evaluated.min(seconds(|| bench.gradient(Derivative::Anew, &mut anew)));
        }

        let every = if parameters > 10_000 { parameters.div_ceil(MEASURED) } else { 1 };
        let cost = bench.cost();
        let start = Instant::now();
        let mut apart = 0.0_f64;
        for index in (0..parameters).step_by(every) {
            apart = apart.max((bench.difference(index, cost) - grads[index]).abs());
        }
        let measured = parameters.div_ceil(every);
        let differences = start.elapsed().as_secs_f64() * parameters as f64 / measured as f64;
        let scaled = if every > 1 { "*" } else { " " };
        println!(
            "{parameters:>10}   {:>12.2} µs {:>12.2} µs {:>14.0} µs{scaled}   {:>15.0} {apart:>14.1e}",
            1e6 * stored,
            1e6 * evaluated,
            1e6 * differences,
            differences / stored
        );
    }
    println!("\n* measured on about {MEASURED} of the parameters and scaled up.");
    Ok(())
}
