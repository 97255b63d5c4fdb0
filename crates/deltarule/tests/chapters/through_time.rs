//! Backpropagation through time: the gradient of a weight used at every step is the sum over its uses.

use deltarule::layer::{Buffer, Dense, Engine, Kept, LayerInput, Scratch};
use deltarule::{Activation, Pool};

const INPUTS: usize = 2;
const UNITS: usize = 3;
const STEPS: usize = 8;
const TARGET: f64 = 0.7;

/// A recurrent cell as a dense layer on (x_t, h_{t−1}).
fn cell() -> Dense {
    Dense { dense_in: INPUTS + UNITS, one_hot: Vec::new(), fan_out: UNITS, activation: Activation::Tanh }
}

fn x(t: usize) -> [f64; INPUTS] {
    [(2.1 * t as f64).sin(), (1.3 * t as f64 + 1.0).cos()]
}

fn params() -> Vec<f64> {
    (0..(INPUTS + UNITS + 1) * UNITS).map(|i| 0.8 * (1.7 * i as f64 + 0.5).sin()).collect()
}

/// C = ½·Σ (h_T − target)² by plain loops, with parameters of its own for each step.
fn unrolled_cost(params: &[Vec<f64>]) -> f64 {
    let mut h = [0.0; UNITS];
    for (t, params) in params.iter().enumerate() {
        let input: Vec<f64> = x(t).into_iter().chain(h).collect();
        let b = &params[(INPUTS + UNITS) * UNITS..];
        for j in 0..UNITS {
            let z = input.iter().enumerate().map(|(i, x)| x * params[i * UNITS + j]).sum::<f64>() + b[j];
            h[j] = z.tanh();
        }
    }
    h.iter().map(|h| 0.5 * (h - TARGET).powi(2)).sum()
}

/// Central differences with one step of Richardson's extrapolation.
fn difference(cost: impl Fn(f64) -> f64) -> f64 {
    let central = |h: f64| (cost(h) - cost(-h)) / (2.0 * h);
    (4.0 * central(5e-4) - central(1e-3)) / 3.0
}

/// The gradient of every step's own copy of the parameters, by the engine's dense layer; first step first.
fn gradients_by_step(params: &[f64]) -> Vec<Vec<f64>> {
    let (pool, cell, mut scratch) = (Pool::new(1), cell(), Scratch::new());
    let mut engine = Engine { pool: &pool, scratch: &mut scratch };
    let mut steps: Vec<(Vec<f64>, Kept<f64>)> = Vec::new();
    for t in 0..STEPS {
        let before = steps.last().map_or(vec![0.0; UNITS], |(_, kept)| kept.a.to_vec());
        let row: Vec<f64> = x(t).into_iter().chain(before).collect();
        let mut kept = Kept { a: Buffer::zeroed(UNITS), delta: Buffer::zeroed(UNITS), ..Kept::default() };
        let input = LayerInput { rows: 1, x: &row, sparse: None, nonzeros: None, codes: &[], code_width: 0 };
        cell.forward(&mut engine, params, &input, &mut kept);
        steps.push((row, kept));
    }
    let mut to_h: Vec<f64> = steps[STEPS - 1].1.a.iter().map(|h| h - TARGET).collect();
    let mut by_step = vec![vec![0.0; params.len()]; STEPS];
    let mut dx = [0.0; INPUTS + UNITS];
    for ((row, kept), grads) in steps.iter_mut().zip(&mut by_step).rev() {
        kept.delta.copy_from_slice(&to_h);
        cell.delta(&pool, 1, kept);
        let input = LayerInput { rows: 1, x: row, sparse: None, nonzeros: None, codes: &[], code_width: 0 };
        cell.gradient(&mut engine, &input, &kept.delta, 1.0, grads);
        cell.input_gradient(&mut engine, params, 1, &kept.delta, &mut dx);
        to_h.copy_from_slice(&dx[INPUTS..]);
    }
    by_step
}

fn assert_near(what: &str, got: f64, expected: f64, largest: f64) {
    let bound = 1e-6 * got.abs().max(expected.abs()) + 1e-9 * largest;
    assert!((got - expected).abs() <= bound, "{what}: {got} against {expected}");
}

#[test]
fn a_tied_weights_gradient_is_the_sum_over_the_unrolled_paths() {
    let params = params();
    let by_step = gradients_by_step(&params);
    let sum = |index: usize| by_step.iter().map(|grads| grads[index]).sum::<f64>();
    let largest = (0..params.len()).map(|index| sum(index).abs()).fold(0.0, f64::max);
    assert!(largest > 0.01);
    for index in 0..params.len() {
        // All copies moved together: the tied weight.
        let tied = difference(|moved| {
            let mut params = params.clone();
            params[index] += moved;
            unrolled_cost(&vec![params; STEPS])
        });
        assert_near(&format!("parameter {index}"), sum(index), tied, largest);
        // One step's copy moved alone: one path of the sum.
        for (t, grads) in by_step.iter().enumerate() {
            let alone = difference(|moved| {
                let mut copies = vec![params.clone(); STEPS];
                copies[t][index] += moved;
                unrolled_cost(&copies)
            });
            assert_near(&format!("parameter {index} at step {t}"), grads[index], alone, largest);
        }
    }
}
