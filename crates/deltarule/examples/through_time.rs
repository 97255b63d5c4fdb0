//! Backpropagation through time: one weight used at every step of a small recurrent cell.
//!
//! h_t = tanh(w·h_{t−1} + u·x_t + b), from h_0 = 0, and C = ½(h_T − y)². Unrolled, this is a network of T layers that all
//! have the *same* w. Moving w a little moves every layer's copy of it, so its gradient is the sum over the copies, that
//! is over the paths on which w can reach the cost (Werbos 1990):
//!
//! ```text
//! ∂C/∂w = Σ_t  ∂C/∂h_T · ∂h_T/∂h_{T−1} · … · ∂h_{t+1}/∂h_t · ∂h_t/∂w|_t      ∂h_t/∂h_{t−1} = (1 − h_t²)·w
//! ```
//!
//! The first table adds up those paths by hand for a cell of one unit. The second does the same for a cell of three
//! units with the engine's dense layer: one set of parameters, `T` forward calls, `T` backward calls, gradients summed.
//!
//! Run it with `cargo run --release --example through_time`.

use deltarule::layer::{Buffer, Dense, Engine, Kept, LayerInput, Scratch};
use deltarule::{Activation, Pool};

const STEPS: usize = 6;
const X: [f64; STEPS] = [1.0, -0.5, 0.3, 0.8, -1.2, 0.4];
const Y: f64 = 0.9;

/// The one-unit cell: h_0 … h_T and C.
fn unroll(w: f64, u: f64, b: f64) -> ([f64; STEPS + 1], f64) {
    let mut h = [0.0; STEPS + 1];
    for t in 1..=STEPS {
        h[t] = (w * h[t - 1] + u * X[t - 1] + b).tanh();
    }
    (h, 0.5 * (h[STEPS] - Y).powi(2))
}

/// Central differences with one step of Richardson's extrapolation, error O(h⁴).
fn difference(cost: impl Fn(f64) -> f64) -> f64 {
    let central = |h: f64| (cost(h) - cost(-h)) / (2.0 * h);
    (4.0 * central(5e-4) - central(1e-3)) / 3.0
}

fn by_hand() {
    let (w, u, b) = (0.9, 0.7, 0.1);
    let (h, cost) = unroll(w, u, b);
    println!("One unit, {STEPS} steps, w = {w}: C = {cost:.6}\n");
    println!("{:>3} {:>10} {:>14} {:>16}", "t", "h_t", "∂C/∂h_t", "path through w_t");
    let mut to_h = h[STEPS] - Y; // ∂C/∂h_T
    let mut sum = 0.0;
    for t in (1..=STEPS).rev() {
        let delta = to_h * (1.0 - h[t] * h[t]); // ∂C/∂z_t
        let path = delta * h[t - 1]; // ∂z_t/∂w = h_{t−1}
        println!("{t:>3} {:>10.6} {to_h:>14.9} {path:>16.9}", h[t]);
        sum += path;
        to_h = delta * w; // ∂C/∂h_{t−1}
    }
    let numeric = difference(|moved| unroll(w + moved, u, b).1);
    println!("{:>29} {sum:>15.9}\n{:>29} {numeric:>15.9}", "∂C/∂w, the sum", "finite differences");
    println!("{:>29} {:>15.1e}\n", "apart by, relatively", ((sum - numeric) / numeric).abs());
}

const INPUTS: usize = 1;
const UNITS: usize = 3;

/// The cell as a dense layer: its input row is (x_t, h_{t−1}), its activations are h_t.
const CELL: Dense =
    Dense { dense_in: INPUTS + UNITS, one_hot: Vec::new(), fan_out: UNITS, activation: Activation::Tanh };

/// What one step keeps: its input row, and room for h_t and δ_t.
struct Step {
    x: Vec<f64>,
    kept: Kept<f64>,
}

/// All steps forward from h_0 = 0; C = ½·Σ (h_T − y)².
fn forward(engine: &mut Engine<'_, f64>, params: &[f64]) -> (Vec<Step>, f64) {
    let mut steps: Vec<Step> = Vec::new();
    for &x_t in &X {
        let mut x = vec![x_t];
        match steps.last() {
            Some(before) => x.extend(&before.kept.a),
            None => x.extend([0.0; UNITS]),
        }
        let mut kept = Kept { a: Buffer::zeroed(UNITS), delta: Buffer::zeroed(UNITS), ..Kept::default() };
        CELL.forward(engine, params, &input(&x), &mut kept);
        steps.push(Step { x, kept });
    }
    let cost = steps[STEPS - 1].kept.a.iter().map(|h| 0.5 * (h - Y).powi(2)).sum();
    (steps, cost)
}

fn input(x: &[f64]) -> LayerInput<'_, f64> {
    LayerInput { rows: 1, x, sparse: None, nonzeros: None, codes: &[], code_width: 0 }
}

/// All steps backward, last first: the gradient of the one set of parameters is the sum of the steps' gradients.
fn backward(engine: &mut Engine<'_, f64>, params: &[f64], steps: &mut [Step]) -> Vec<f64> {
    let (mut sum, mut grads) = (vec![0.0; params.len()], vec![0.0; params.len()]);
    let mut to_h: Vec<f64> = steps[STEPS - 1].kept.a.iter().map(|h| h - Y).collect();
    let mut dx = [0.0; INPUTS + UNITS];
    for Step { x, kept } in steps.iter_mut().rev() {
        kept.delta.copy_from_slice(&to_h); // ∂C/∂h_t …
        CELL.delta(engine.pool, 1, kept); // … becomes δ_t = ∂C/∂z_t
        CELL.gradient(engine, &input(x), &kept.delta, 1.0, &mut grads);
        sum.iter_mut().zip(&grads).for_each(|(sum, step)| *sum += step);
        CELL.input_gradient(engine, params, 1, &kept.delta, &mut dx);
        to_h.copy_from_slice(&dx[INPUTS..]); // ∂C/∂h_{t−1}
    }
    sum
}

fn with_the_engine() {
    let pool = Pool::new(1);
    let mut scratch = Scratch::new();
    scratch.reserve(1, INPUTS + UNITS, UNITS);
    let mut engine = Engine { pool: &pool, scratch: &mut scratch };
    // w [(1 + 3) × 3], then b [3]: some numbers between −1 and 1.
    let params: Vec<f64> = (0..(INPUTS + UNITS + 1) * UNITS).map(|i| (1.7 * i as f64 + 0.5).sin()).collect();
    let (mut steps, cost) = forward(&mut engine, &params);
    let grads = backward(&mut engine, &params, &mut steps);

    println!("Three units: C = {cost:.6}, and the gradients of its {} parameters\n", params.len());
    println!("{:<26} {:>14} {:>14} {:>9}", "", "through time", "differences", "apart by");
    for (index, &gradient) in grads.iter().enumerate() {
        let numeric = difference(|moved| {
            let mut params = params.clone();
            params[index] += moved;
            let mut scratch = Scratch::new();
            forward(&mut Engine { pool: &pool, scratch: &mut scratch }, &params).1
        });
        let (row, unit) = (index / UNITS, index % UNITS);
        let from = match row {
            0 => "x".to_owned(),
            _ if row < INPUTS + UNITS => format!("h_{}", row - INPUTS),
            _ => "b".to_owned(),
        };
        let apart = ((gradient - numeric) / numeric).abs();
        println!(
            "{:<26} {gradient:>14.9} {numeric:>14.9} {apart:>9.1e}",
            format!("from {from} to unit {unit}")
        );
    }
}

fn main() {
    by_hand();
    with_the_engine();
}
