//! What the cores and their memory reach at best: f32 multiply-adds, and bytes read and copied in each level of cache.
//!
//! `cargo run --release -p deltarule-kernels --example peak -- [--json] [portable|avx2|avx512]`
//!
//! Every thread works on memory of its own: half of what its own level holds, its share of a quarter of the third level,
//! its share of three quarters, which others' work may leave less of, and 128 MB of main memory. A multiply-add is two operations; a byte copied counts twice, once read
//! and once written. Each figure is the best of [`RUNS`] runs: a peak is what nothing disturbed.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::Instant;

use deltarule_kernels::InstructionSet;

/// Runs of each measurement, of which the best one is told.
const RUNS: usize = 7;

/// Bytes that each run reads, or copies, again and again in a small cache.
const BYTES_IN_RUN: usize = 1 << 28;

/// Independent chains of multiply-adds: more than latency × units of any core.
const CHAINS: usize = 12;

/// Multiply-adds of each chain in a run.
const LENGTH: usize = 1 << 22;

/// A level of the memory: what the threads' caches hold together, and how many bytes of it each thread works on.
struct Level {
    name: &'static str,
    holds: usize,
    bytes: usize,
}

/// What so many threads reach together.
struct Reached {
    threads: usize,
    gflops: f64,
    /// GB/s read and copied, by level.
    bandwidths: Vec<(f64, f64)>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let isa = InstructionSet::available()
        .into_iter()
        .find(|isa| arguments.iter().any(|name| name == isa.name()))
        .unwrap_or(InstructionSet::best());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut counts = vec![1, 2, cores];
    counts.retain(|&threads| threads <= cores);
    counts.dedup();
    let reached: Vec<Reached> = counts.into_iter().map(|threads| measured(isa, threads)).collect();
    if arguments.iter().any(|word| word == "--json") {
        println!("{}", json(isa, &reached));
    } else {
        print!("{}", text(isa, &reached));
    }
}

fn measured(isa: InstructionSet, threads: usize) -> Reached {
    let operations = operations_of_run(isa) * threads as f64;
    let gflops = operations / best(threads, |_| multiply_adds(isa), || ()) / 1e9;
    let bandwidths = levels(threads)
        .iter()
        .map(|level| {
            let length = level.bytes / 4;
            let rounds = (BYTES_IN_RUN / level.bytes).max(1);
            let bytes = (threads * rounds * level.bytes) as f64;
            let all = || Numbers::new(length);
            let halves = || (Numbers::new(length / 2), Numbers::new(length / 2));
            let read = best(threads, |from| (0..rounds).for_each(|_| read(isa, from.get())), all);
            // Half of the memory is copied to the other half.
            let copied = best(
                threads,
                |(from, to): &mut (Numbers, Numbers)| {
                    (0..rounds).for_each(|_| copy(isa, from.get(), to.get_mut()));
                },
                halves,
            );
            (bytes / read / 1e9, bytes / copied / 1e9)
        })
        .collect();
    Reached { threads, gflops, bandwidths }
}

/// Numbers that begin at a cache line.
struct Numbers {
    room: Vec<f32>,
    from: usize,
    length: usize,
}

impl Numbers {
    fn new(length: usize) -> Self {
        let room = vec![1.0; length + 16];
        let from = room.as_ptr().align_offset(64);
        Self { room, from, length }
    }

    fn get(&self) -> &[f32] {
        &self.room[self.from..][..self.length]
    }

    fn get_mut(&mut self) -> &mut [f32] {
        &mut self.room[self.from..][..self.length]
    }
}

/// The levels' sizes as the system tells them, or what is usual; those after the second are shared by the threads.
fn levels(threads: usize) -> [Level; 5] {
    let kibibytes = |index: usize, usual: usize| {
        let path = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/size");
        let told = std::fs::read_to_string(path).ok();
        told.and_then(|text| text.trim().strip_suffix('K')?.parse().ok()).unwrap_or(usual) * 1024
    };
    let (first, second, third) = (kibibytes(0, 32), kibibytes(2, 512), kibibytes(3, 16384));
    [
        Level { name: "L1", holds: first * threads, bytes: first / 2 },
        Level { name: "L2", holds: second * threads, bytes: second / 2 },
        Level { name: "L3", holds: third / 2, bytes: third / 4 / threads },
        Level { name: "full L3", holds: third, bytes: third * 3 / 4 / threads },
        Level { name: "memory", holds: usize::MAX, bytes: 1 << 27 },
    ]
}

/// The shortest time from the first thread's start to the last one's end.
fn best<T>(threads: usize, work: impl Fn(&mut T) + Sync, make: impl Fn() -> T + Sync) -> f64 {
    let start = Barrier::new(threads);
    // Each takes its own times: whoever only waits for them may be kept waiting.
    let own_times = || {
        let mut own = make();
        let mut run = |_| {
            start.wait();
            let began = Instant::now();
            work(&mut own);
            (began, Instant::now())
        };
        // The first run warms up.
        (0..=RUNS).map(&mut run).collect::<Vec<_>>()
    };
    let times: Vec<Vec<(Instant, Instant)>> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(own_times)).collect();
        running.into_iter().map(|thread| thread.join().expect("nothing here panics")).collect()
    });
    let runs = (1..=RUNS).map(|run| {
        let began = times.iter().map(|own| own[run].0).min();
        let ended = times.iter().map(|own| own[run].1).max();
        ended.zip(began).map_or(f64::NAN, |(ended, began)| (ended - began).as_secs_f64())
    });
    runs.fold(f64::INFINITY, f64::min)
}

/// Numbers that one instruction works on.
fn lanes(isa: InstructionSet) -> usize {
    match isa.name() {
        "avx512" => 16,
        "avx2" => 8,
        _ => 4,
    }
}

fn operations_of_run(isa: InstructionSet) -> f64 {
    2.0 * (LENGTH * CHAINS * lanes(isa)) as f64
}

fn multiply_adds(isa: InstructionSet) {
    match isa.name() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `InstructionSet::available` names what the machine has.
        "avx512" => unsafe { x86::multiply_adds_avx512() },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        "avx2" => unsafe { x86::multiply_adds_avx2() },
        _ => {
            let mut sums = [[0.0_f32; 4]; CHAINS];
            let factor = black_box([0.5_f32; 4]);
            for _ in 0..LENGTH {
                for sum in &mut sums {
                    (0..4).for_each(|i| sum[i] = sum[i] * factor[i] + factor[i]);
                }
            }
            black_box(sums);
        }
    }
}

fn read(isa: InstructionSet, from: &[f32]) {
    match isa.name() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `InstructionSet::available` names what the machine has.
        "avx512" => unsafe { x86::read_avx512(from) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        "avx2" => unsafe { x86::read_avx2(from) },
        _ => {
            let mut sums = [0.0_f32; 16];
            for sixteen in from.as_chunks::<16>().0 {
                (0..16).for_each(|i| sums[i] += sixteen[i]);
            }
            black_box(sums);
        }
    }
}

fn copy(isa: InstructionSet, from: &[f32], to: &mut [f32]) {
    match isa.name() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `InstructionSet::available` names what the machine has.
        "avx512" => unsafe { x86::copy_avx512(from, to) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        "avx2" => unsafe { x86::copy_avx2(from, to) },
        _ => to.copy_from_slice(from),
    }
    black_box(to);
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;
    use std::hint::black_box;

    use super::{CHAINS, LENGTH};

    /// The three loops for one width of register; each iteration of the memory loops works on 8 registers.
    macro_rules! loops {
        ($features:literal, $lanes:literal, $set:ident, $fma:ident, $add:ident, $load:ident, $store:ident,
         $multiply_adds:ident, $read:ident, $copy:ident) => {
            #[target_feature(enable = $features)]
            pub fn $multiply_adds() {
                let factor = black_box($set(0.5));
                let mut sums = [$set(0.0); CHAINS];
                for _ in 0..LENGTH {
                    for sum in &mut sums {
                        *sum = $fma(*sum, factor, factor);
                    }
                }
                black_box(sums);
            }

            #[target_feature(enable = $features)]
            pub fn $read(from: &[f32]) {
                let mut sums = [$set(0.0); 8];
                for block in from.as_chunks::<{ 8 * $lanes }>().0 {
                    for (i, sum) in sums.iter_mut().enumerate() {
                        // SAFETY: a block holds 8 registers; unaligned loads are allowed.
                        *sum = $add(*sum, unsafe { $load(block.as_ptr().add(i * $lanes)) });
                    }
                }
                black_box(sums);
            }

            #[target_feature(enable = $features)]
            pub fn $copy(from: &[f32], to: &mut [f32]) {
                let blocks = from.as_chunks::<{ 8 * $lanes }>().0.iter();
                for (from, to) in blocks.zip(to.as_chunks_mut::<{ 8 * $lanes }>().0) {
                    for i in 0..8 {
                        // SAFETY: each block holds 8 registers; unaligned loads and stores are allowed.
                        unsafe {
                            $store(to.as_mut_ptr().add(i * $lanes), $load(from.as_ptr().add(i * $lanes)));
                        }
                    }
                }
            }
        };
    }

    loops!(
        "avx512f",
        16,
        _mm512_set1_ps,
        _mm512_fmadd_ps,
        _mm512_add_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        multiply_adds_avx512,
        read_avx512,
        copy_avx512
    );
    loops!(
        "avx2,fma",
        8,
        _mm256_set1_ps,
        _mm256_fmadd_ps,
        _mm256_add_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        multiply_adds_avx2,
        read_avx2,
        copy_avx2
    );
}

fn text(isa: InstructionSet, reached: &[Reached]) -> String {
    let mut text =
        format!("{}, best of {RUNS}; GB/s read and copied\n{:>8} {:>8}", isa.name(), "threads", "GFLOP/s");
    for level in levels(1) {
        text += &format!(" {:>8} {:>8}", level.name, "copied");
    }
    text.push('\n');
    for Reached { threads, gflops, bandwidths } in reached {
        text += &format!("{threads:>8} {gflops:>8.1}");
        for (read, copied) in bandwidths {
            text += &format!(" {read:>8.1} {copied:>8.1}");
        }
        text.push('\n');
    }
    text
}

fn json(isa: InstructionSet, reached: &[Reached]) -> String {
    let by_level = |threads: usize, bandwidths: &[(f64, f64)]| {
        let levels = levels(threads);
        let forms = levels.iter().zip(bandwidths).map(|(level, (read, copied))| {
            let Level { name, holds, bytes } = level;
            format!(
                r#"{{ "level": "{name}", "holds": {holds}, "worked_on": {bytes}, "read_gb_per_second": {read:.2}, "copied_gb_per_second": {copied:.2} }}"#
            )
        });
        forms.collect::<Vec<_>>().join(", ")
    };
    let forms = reached.iter().map(|Reached { threads, gflops, bandwidths }| {
        let levels = by_level(*threads, bandwidths);
        format!(r#"{{ "threads": {threads}, "gflops": {gflops:.2}, "levels": [{levels}] }}"#)
    });
    let forms = forms.collect::<Vec<_>>().join(", ");
    format!(r#"{{ "instruction_set": "{}", "reached": [{forms}] }}"#, isa.name())
}
