//! Microseconds of one training step of a stack of dense layers, with the parts that it is made of.
//!
//! `cargo run --release --example steps -p deltarule-kernels [WIDTHS ROWS [THREADS]]`, as in `16,64,64,1 64 2`.

use std::time::Instant;

use deltarule_kernels::{
    Activation, KeepsRows, LayerRows, OutputRows, Pool, Rule, Scratch, Stack, StackLayer, StepInput, Updated,
};

#[derive(Default)]
struct Kept {
    z: Vec<f32>,
    a: Vec<f32>,
    delta: Vec<f32>,
}

impl KeepsRows<f32> for Kept {
    fn layer_rows(&mut self) -> LayerRows<'_, f32> {
        LayerRows { z: &mut self.z, a: &mut self.a, delta: &mut self.delta }
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    if let Some(widths) = arguments.next() {
        let widths: Vec<usize> = widths.split(',').map(|w| w.parse().expect("a width")).collect();
        let rows = arguments.next().expect("rows").parse().expect("a number of rows");
        let threads = arguments.next().map_or(vec![1, 2], |t| vec![t.parse().expect("threads")]);
        threads.into_iter().for_each(|threads| measure(&widths, rows, threads));
        return;
    }
    for (widths, rows) in [
        (&[2, 8, 1][..], 4),
        (&[4, 16, 3], 4),
        (&[784, 30, 10], 10),
        (&[16, 64, 64, 1], 64),
        (&[784, 128, 10], 64),
        (&[784, 512, 512, 10], 128),
    ] {
        [1, 2].into_iter().for_each(|threads| measure(widths, rows, threads));
    }
}

fn measure(widths: &[usize], rows: usize, threads: usize) {
    let mut at = 0;
    let mut layers = Vec::new();
    for (index, pair) in widths.windows(2).enumerate() {
        let last = index + 2 == widths.len();
        let activation = if last { Activation::Identity } else { Activation::Relu };
        layers.push(StackLayer { fan_in: pair[0], fan_out: pair[1], activation, at });
        at += pair[0] * pair[1] + pair[1];
    }
    let mut seed = 1_u32;
    let mut draw = |length: usize, scale: f32| -> Vec<f32> {
        let mut next = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            scale * ((seed >> 8) as f32 / 8_388_608.0 - 1.0)
        };
        (0..length).map(|_| next()).collect()
    };
    let mut kept: Vec<Kept> = layers
        .iter()
        .map(|l| Kept { z: vec![], a: vec![0.0; rows * l.fan_out], delta: vec![0.0; rows * l.fan_out] })
        .collect();
    let x = draw(rows * widths[0], 1.0);
    let pool = Pool::new(threads);
    let mut costs = vec![0.0; rows];
    let multiply_adds: usize = layers
        .iter()
        .enumerate()
        .map(|(i, l)| rows * l.fan_in * l.fan_out * if i == 0 { 2 } else { 3 })
        .sum();
    let stack = Stack::new(layers);
    print!("{:>18} {rows:>4} rows {threads} threads", format!("{widths:?}").replace([' ', '[', ']'], ""));
    let number = 1e-9;
    for rule in [Rule::Descend { learning_rate: 1e-9 }, Rule::adam(number, 0.9, 0.999, 1e-8, 0.1, 0.001, 0.0)]
    {
        let mut params = draw(at, 0.1);
        let (mut m, mut v) = (vec![0.0; at], vec![0.0; at]);
        let mut scratch = Scratch::new();
        let mut step = || {
            let to = Updated { w: &mut params, first: &mut m, second: &mut v };
            let input = StepInput { rows, x: &x, total: rows as f32, rule: &rule, squared_error_from: None };
            stack.step(
                &pool,
                &mut scratch,
                to,
                input,
                &mut kept,
                None,
                &mut costs,
                |output: OutputRows<'_, f32>| {
                    output.delta.copy_from_slice(output.a);
                    output.costs.fill(1.0);
                },
            )
        };
        let seconds = median(&mut step);
        print!("  {:>9.2} us {:>6.1} GFLOP/s", seconds * 1e6, 2e-9 * multiply_adds as f64 / seconds);
    }
    println!();
}

/// Seconds per call: the median of 15 rounds of about 20 ms.
fn median(f: &mut impl FnMut() -> f64) -> f64 {
    let began = Instant::now();
    let mut calls = 0_u32;
    while began.elapsed().as_secs_f64() < 0.05 {
        f();
        calls += 1;
    }
    let per_round = (calls * 2 / 5).max(1);
    let mut rounds: Vec<f64> = (0..15)
        .map(|_| {
            let began = Instant::now();
            for _ in 0..per_round {
                f();
            }
            began.elapsed().as_secs_f64() / f64::from(per_round)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[7]
}
