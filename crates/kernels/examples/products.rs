//! GFLOP/s of the products on the shapes of real layers, one line each.
//!
//! `cargo run --release -p deltarule-kernels --example products -- [THREADS] [portable|avx2|avx512]`

use std::time::Instant;

use deltarule_kernels::{
    InstructionSet, Pool, Rule, Scratch, Updated, affine, back_product, weight_gradient,
    weight_gradient_update,
};

const SHAPES: [(usize, usize, usize); 9] = [
    (128, 784, 512),
    (128, 512, 512),
    (128, 784, 2500),
    (128, 2500, 2000),
    (128, 2000, 1500),
    (64, 784, 128),
    (64, 64, 64),
    (10, 784, 30),
    (4, 2, 8),
];

/// Runs of each product, of which the median is told.
const RUNS: usize = 31;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let threads = arguments.first().map_or(1, |text| text.parse().expect("a number of threads"));
    let isa = InstructionSet::available()
        .into_iter()
        .find(|isa| arguments.get(1).is_some_and(|name| name == isa.name()))
        .unwrap_or(InstructionSet::best());
    let pool = Pool::with_instruction_set(threads, isa);
    println!("GFLOP/s and microseconds, median of {RUNS}; {} on {threads} threads", isa.name());
    println!(
        "{:>22} {:>16} {:>16} {:>16} {:>16}",
        "batch x in x out", "affine", "back", "gradient", "and descend"
    );
    for (batch, fan_in, fan_out) in SHAPES {
        let numbers =
            |length: usize| -> Vec<f32> { (0..length).map(|i| (i % 17) as f32 * 0.1 - 0.8).collect() };
        let (x, mut w, b) = (numbers(batch * fan_in), numbers(fan_in * fan_out), numbers(fan_out));
        let (delta, mut z) = (numbers(batch * fan_out), numbers(batch * fan_out));
        let (mut dx, mut dw) = (numbers(batch * fan_in), numbers(fan_in * fan_out));
        let mut scratch = Scratch::for_product(batch, fan_in, fan_out);
        let flops = 2.0 * (batch * fan_in * fan_out) as f64;
        let forward = median(flops, || {
            affine(&pool, &mut scratch, batch, fan_in, fan_out, &x, &w, Some(&b), &mut z);
        });
        let back = median(flops, || {
            back_product(&pool, &mut scratch, batch, fan_in, fan_out, &delta, &w, &mut dx);
        });
        let gradient = median(flops, || {
            weight_gradient(&pool, &mut scratch, batch, fan_in, fan_out, &x, &delta, 128.0, &mut dw);
        });
        let descend = median(flops, || {
            let (total, rule) = (128.0, Rule::Descend { learning_rate: 1e-9 });
            weight_gradient_update(
                &pool,
                &mut scratch,
                batch,
                fan_in,
                fan_out,
                &x,
                &delta,
                total,
                &rule,
                Updated::stateless(&mut w),
            );
        });
        print!("{:>22}", format!("{batch} x {fan_in} x {fan_out}"));
        for seconds in [forward, back, gradient, descend] {
            print!(" {:>7.1} {:>8.2}", flops / seconds * 1e-9, seconds * 1e6);
        }
        println!();
    }
}

/// Median seconds of one call, each run as many calls as make about a hundred million operations.
fn median(flops: f64, mut call: impl FnMut()) -> f64 {
    let calls = ((1e8 / flops) as usize).clamp(1, 10_000);
    let mut run = || {
        let start = Instant::now();
        (0..calls).for_each(|_| call());
        start.elapsed().as_secs_f64() / calls as f64
    };
    run();
    let mut seconds: Vec<f64> = (0..RUNS).map(|_| run()).collect();
    seconds.sort_by(f64::total_cmp);
    seconds[RUNS / 2]
}
