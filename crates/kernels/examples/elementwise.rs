//! Picoseconds per number of the element-wise kernels, for numbers in the cache and for a small layer.
//!
//! `cargo run --release -p deltarule-kernels --example elementwise -- [portable|avx2|avx512]`

use std::time::Instant;

use deltarule_kernels::{
    Activation, InstructionSet, Pool, Rule, Updated, activate_backward, activate_in_place, descend, update,
};

const ACTIVATIONS: [Activation; 13] = [
    Activation::Identity,
    Activation::Sigmoid,
    Activation::Tanh,
    Activation::Relu,
    Activation::LeakyRelu { slope: 0.01 },
    Activation::Elu { alpha: 1.0 },
    Activation::Selu,
    Activation::Gelu,
    Activation::Silu,
    Activation::Mish,
    Activation::Softplus,
    Activation::Exp,
    Activation::Softmax,
];

/// Runs of each kernel, of which the median is told.
const RUNS: usize = 31;

fn main() {
    let name = std::env::args().nth(1);
    let isa = InstructionSet::available()
        .into_iter()
        .find(|isa| name.as_deref() == Some(isa.name()))
        .unwrap_or(InstructionSet::best());
    let pool = Pool::with_instruction_set(1, isa);
    println!("picoseconds per number, rows of 10; {} on 1 thread", isa.name());
    println!("{:>28} {:>12} {:>12} {:>14} {:>14}", "", "4000 forward", "backward", "30 forward", "backward");
    for activation in ACTIVATIONS {
        print!("{:>28}", format!("{activation:?}"));
        for length in [4000, 30] {
            let start: Vec<f32> = (0..length).map(|i| (i % 17) as f32 * 0.2 - 1.6).collect();
            let mut values = start.clone();
            let forward = median(length, || {
                values.copy_from_slice(&start);
                activate_in_place(&pool, activation, 10, &mut values);
            });
            let (a, mut delta) = (values.clone(), start.clone());
            let backward = median(length, || {
                delta.copy_from_slice(&start);
                activate_backward(&pool, activation, 10, Some(&start), &a, &mut delta);
            });
            print!(" {forward:>12.0} {backward:>12.0}");
        }
        println!();
    }
    for length in [4000, 30] {
        let start: Vec<f32> = (0..length).map(|i| (i % 17) as f32 * 0.2 - 1.6).collect();
        let (mut w, mut m, mut v) = (start.clone(), vec![0.0; length], vec![0.0; length]);
        let plain = median(length, || descend(&pool, &mut w, &start, 1e-9));
        let rule = Rule::Momentum { learning_rate: 1e-9, mu: 0.9, nesterov: false };
        let with_momentum = median(length, || {
            update(&pool, &rule, Updated { w: &mut w, first: &mut m, second: &mut [] }, &start);
        });
        let with_adam = median(length, || {
            let rule = Rule::adam(1e-9, 0.9, 0.999, 1e-8, 0.1, 0.001, 0.0);
            update(&pool, &rule, Updated { w: &mut w, first: &mut m, second: &mut v }, &start);
        });
        println!("{length} numbers: descend {plain:.0}, momentum {with_momentum:.0}, adam {with_adam:.0}");
    }
}

/// Median picoseconds per number, each run about a million numbers.
fn median(length: usize, mut call: impl FnMut()) -> f64 {
    let calls = 1_000_000 / length;
    let mut run = || {
        let start = Instant::now();
        (0..calls).for_each(|_| call());
        start.elapsed().as_secs_f64() * 1e12 / (calls * length) as f64
    };
    run();
    let mut picoseconds: Vec<f64> = (0..RUNS).map(|_| run()).collect();
    picoseconds.sort_by(f64::total_cmp);
    picoseconds[RUNS / 2]
}
