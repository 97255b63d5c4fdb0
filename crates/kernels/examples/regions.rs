//! What a parallel region costs: the time of `Pool::run` over the time of its tasks, by tasks, task length and the pause
//! since the last region.
//!
//! `cargo run --release -p deltarule-kernels --example regions -- [threads]`

use std::hint::{black_box, spin_loop};
use std::time::{Duration, Instant};

use deltarule_kernels::Pool;

/// Measurements of each figure, of which the median is told.
const RUNS: usize = 31;

fn main() {
    let threads = std::env::args().nth(1).and_then(|threads| threads.parse().ok()).unwrap_or(2);
    let (pool, alone) = (Pool::new(threads), Pool::new(1));
    println!("nanoseconds of a region on {} threads, and of its tasks on one", pool.threads());
    println!("{:>6} {:>10} {:>10} {:>10} {:>10}", "tasks", "task", "pause µs", "region", "alone");
    for (tasks, rounds) in [(1, 0), (2, 0), (8, 0), (2, 10), (2, 100), (8, 100), (8, 1000), (64, 100)] {
        for pause in [0, 1, 10, 100] {
            let pause = Duration::from_micros(pause);
            let region = median(&pool, tasks, rounds, pause);
            let serial = median(&alone, tasks, rounds, pause);
            let task = median(&alone, 1, rounds, Duration::ZERO);
            println!("{tasks:>6} {task:>10.0} {:>10} {region:>10.0} {serial:>10.0}", pause.as_micros());
        }
    }
}

/// A task: `rounds` steps of a generator, each of which needs the last one's number.
fn task(rounds: u64) {
    let number =
        (0..black_box(rounds)).fold(1_u64, |number, round| (number ^ (number >> 7)).wrapping_mul(round | 1));
    black_box(number);
}

/// Median nanoseconds of a region of `tasks` tasks, with a pause before each.
fn median(pool: &Pool, tasks: usize, rounds: u64, pause: Duration) -> f64 {
    let regions = 200;
    let mut nanoseconds: Vec<f64> = (0..RUNS)
        .map(|_| {
            let mut inside = Duration::ZERO;
            let all = Instant::now();
            for _ in 0..regions {
                if pause.is_zero() {
                    pool.run(tasks, |_| task(rounds));
                } else {
                    let paused = Instant::now();
                    while paused.elapsed() < pause {
                        spin_loop();
                    }
                    let start = Instant::now();
                    pool.run(tasks, |_| task(rounds));
                    inside += start.elapsed();
                }
            }
            let spent = if pause.is_zero() { all.elapsed() } else { inside };
            spent.as_secs_f64() * 1e9 / f64::from(regions)
        })
        .collect();
    nanoseconds.sort_by(f64::total_cmp);
    nanoseconds[RUNS / 2]
}
