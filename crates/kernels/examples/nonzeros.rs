//! Microseconds of the first layer's products with and without the zeros of its input, one line per shape.
//!
//! `cargo run --release -p deltarule-kernels --example nonzeros -- [THREADS] [portable|avx2|avx512]`
//!
//! The input is drawn like handwriting: on 20 of 28 lines a run of 7 or 8 pixels. 19 % of the numbers are not 0.

use std::time::Instant;

use deltarule_kernels::{
    InstructionSet, Nonzeros, Pool, Rule, Scratch, Updated, affine, affine_nonzero, weight_gradient_update,
    weight_gradient_update_nonzero,
};

const SHAPES: [(usize, usize); 6] = [(10, 30), (64, 128), (128, 512), (128, 2500), (512, 192), (512, 384)];
const FAN_IN: usize = 784;
const BATCHES: u32 = 16;

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
    println!("microseconds, median of {RUNS}; {} on {threads} threads", isa.name());
    println!(
        "{:>18} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "batch x 784 x out", "find", "x·w", "without", "descend", "without"
    );
    for (batch, fan_out) in SHAPES {
        // Some batches in turn: a processor learns where a loop ends that it has seen before.
        let xs: Vec<Vec<f32>> = (0..BATCHES).map(|seed| handwriting(seed, batch)).collect();
        let numbers =
            |length: usize| -> Vec<f32> { (0..length).map(|i| (i % 17) as f32 * 0.1 - 0.8).collect() };
        let (mut w, b) = (numbers(FAN_IN * fan_out), numbers(fan_out));
        let (delta, mut z) = (numbers(batch * fan_out), numbers(batch * fan_out));
        let mut scratch = Scratch::for_product(batch, FAN_IN, fan_out);
        let mut nonzeros = Nonzeros::new(batch, FAN_IN);
        let (total, rate) = (batch as f32, Rule::Descend { learning_rate: 1e-9 });
        let [_, dense, dense_descend] = median(|i| {
            let began = Instant::now();
            affine(&pool, &mut scratch, batch, FAN_IN, fan_out, &xs[i], &w, Some(&b), &mut z);
            let multiplied = Instant::now();
            weight_gradient_update(
                &pool,
                &mut scratch,
                batch,
                FAN_IN,
                fan_out,
                &xs[i],
                &delta,
                total,
                &rate,
                Updated::stateless(&mut w),
            );
            [began, began, multiplied, Instant::now()]
        });
        let [find, sparse, sparse_descend] = median(|i| {
            let began = Instant::now();
            nonzeros.find(&pool, batch, &xs[i], usize::MAX);
            let found = Instant::now();
            affine_nonzero(&pool, &mut scratch, &nonzeros, fan_out, &xs[i], &w, Some(&b), &mut z);
            let multiplied = Instant::now();
            weight_gradient_update_nonzero(
                &pool,
                &mut scratch,
                &nonzeros,
                fan_out,
                &xs[i],
                &delta,
                total,
                &rate,
                Updated::stateless(&mut w),
            );
            [began, found, multiplied, Instant::now()]
        });
        println!(
            "{:>18} {find:>9.2} {dense:>9.2} {sparse:>9.2} {dense_descend:>9.2} {sparse_descend:>9.2}",
            format!("{batch} x 784 x {fan_out}")
        );
    }
}

fn handwriting(seed: u32, rows: usize) -> Vec<f32> {
    let mut state = seed;
    let mut draw = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    };
    let mut x = vec![0.0; rows * FAN_IN];
    for row in x.chunks_exact_mut(FAN_IN) {
        for line in 4..24 {
            let first = line * 28 + 5 + draw(12) as usize;
            for pixel in &mut row[first..first + 7 + draw(2) as usize] {
                *pixel = (1 + draw(255)) as f32 / 255.0;
            }
        }
    }
    x
}

/// Median microseconds of three phases of one call with a batch's number, each run as many calls as take a few
/// milliseconds.
fn median(mut call: impl FnMut(usize) -> [Instant; 4]) -> [f64; 3] {
    let start = Instant::now();
    call(0);
    let calls = (4e-3 / start.elapsed().as_secs_f64()).clamp(1.0, 10_000.0) as usize;
    let mut run = || {
        let mut sums = [0.0; 3];
        for i in 0..calls {
            let times = call(i % BATCHES as usize);
            for phase in 0..3 {
                sums[phase] += (times[phase + 1] - times[phase]).as_secs_f64() / calls as f64 * 1e6;
            }
        }
        sums
    };
    run();
    let runs: Vec<[f64; 3]> = (0..RUNS).map(|_| run()).collect();
    std::array::from_fn(|phase| {
        let mut times: Vec<f64> = runs.iter().map(|run| run[phase]).collect();
        times.sort_by(f64::total_cmp);
        times[RUNS / 2]
    })
}
