//! `cargo xtask bench limits`: what a step costs as the work grows, beside what this machine could do at best.
//!
//! The model is described in `bench/README.md`; its figures come from `crates/kernels/examples/peak.rs` in the same run.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::bench::shapes::{shape, verdict};
use crate::bench::table::{Table, three_digits};
use crate::bench::{build, figure, machine};
use crate::steps::Steps;

/// Units of every layer, and as many inputs.
const WIDTHS: [usize; 6] = [8, 32, 128, 512, 2048, 4096];
/// Layers.
const DEPTHS: [usize; 3] = [1, 4, 16];
/// Rows in a batch.
const BATCHES: [usize; 5] = [1, 8, 64, 512, 4096];

/// A step of more operations takes a tenth of a second and longer, and tells nothing new: it is left out.
const MOST_OPERATIONS: f64 = 1e10;
/// Batches that the data consist of.
const ROWS_OF_BATCHES: usize = 4;
/// What a step may take of the limit, from [`WORK`] on.
const BOUND: f64 = 1.6;
/// Microseconds: below it calls are what takes the time.
const WORK: f64 = 2.0;

/// A network of equal layers.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Point {
    width: usize,
    depth: usize,
    batch: usize,
}

/// What so many threads reach together.
#[derive(Clone, Debug)]
struct Machine {
    threads: usize,
    operations_per_second: f64,
    levels: Vec<Level>,
}

/// A level of memory: bytes it holds, bytes read and copied per second.
#[derive(Clone, Copy, Debug)]
struct Level {
    holds: f64,
    read: f64,
    copied: f64,
}

/// Measures every point and prints the table.
pub fn run(steps: &mut Steps, words: &[&str]) -> Result<()> {
    let (mut realtime, mut json, mut seconds) = (false, None, "0.3");
    let (mut threads, mut widths) = (vec![1, 2], WIDTHS.to_vec());
    let read = |word: &str, list: &str| -> Result<Vec<usize>> {
        let number = |n: &str| n.parse().with_context(|| format!("{word}: expected a number, got {n:?}"));
        list.split(',').map(number).collect()
    };
    let mut words = words.iter();
    while let Some(&word) = words.next() {
        let mut value = || words.next().copied().with_context(|| format!("{word} needs a value"));
        match word {
            "--realtime" => realtime = true,
            "--json" => json = Some(PathBuf::from(value()?)),
            "--seconds" => seconds = value()?,
            "--threads" => threads = read(word, value()?)?,
            "--width" => widths = read(word, value()?)?,
            _ => bail!(
                "bench limits knows no {word}; there are --width, --threads, --seconds, --realtime and --json FILE"
            ),
        }
    }
    build(steps)?;
    let description = machine::description(steps)?;
    let machines = machines(&description["peak"], &threads)?;
    let mut measured = Vec::new();
    steps.check("bench limits", "every width, depth and batch", |steps| {
        for point in points(&widths) {
            for machine in &machines {
                let one = shape(
                    steps,
                    realtime,
                    &words_of(point).each_ref().map(String::as_str),
                    machine.threads,
                    seconds,
                )?;
                measured.push((
                    point,
                    machine.threads,
                    figure(&one, "microseconds_per_step")?,
                    machine.limit(point),
                ));
            }
        }
        Ok(())
    })?;
    println!("\n{}", table(&measured));
    if let Some(path) = json {
        let points: Vec<Value> = measured
            .iter()
            .map(|(point, threads, took, limit)| {
                json!({
                    "width": point.width, "depth": point.depth, "batch": point.batch, "threads": threads,
                    "microseconds_per_step": took, "limit": limit,
                })
            })
            .collect();
        let document = json!({ "machine": description, "points": points });
        std::fs::write(&path, format!("{document:#}\n"))
            .with_context(|| format!("could not write {}", path.display()))?;
    }
    Ok(())
}

fn points(widths: &[usize]) -> Vec<Point> {
    let mut points = Vec::new();
    for &width in widths {
        for depth in DEPTHS {
            let of = BATCHES.map(|batch| Point { width, depth, batch });
            points.extend(of.into_iter().filter(|point| point.operations() <= MOST_OPERATIONS));
        }
    }
    points
}

fn words_of(point: Point) -> [String; 6] {
    let layers = vec![point.width.to_string(); point.depth + 1].join(",");
    let (batch, batches) = (point.batch.to_string(), ROWS_OF_BATCHES.to_string());
    ["--layers".into(), layers, "--batch-size".into(), batch, "--batches".into(), batches]
}

impl Point {
    /// x·w and xᵀ·δ of every layer, δ·wᵀ of all but the first.
    fn operations(self) -> f64 {
        2.0 * (self.batch * self.width * self.width) as f64 * (3 * self.depth - 1) as f64
    }

    /// Bytes of what every step touches again: parameters, the rows, each layer's activations and deltas.
    fn working_set(self) -> f64 {
        let parameters = self.depth * self.width * (self.width + 1);
        let rows = 2 * ROWS_OF_BATCHES * self.batch * self.width;
        4.0 * (parameters + rows + 2 * self.depth * self.batch * self.width) as f64
    }
}

impl Machine {
    /// Microseconds that a step takes at best: Σ over products of the longer of arithmetic and memory.
    fn limit(&self, point: Point) -> f64 {
        let set = point.working_set();
        let last = self.levels.len() - 1;
        let level = self.levels[..last].iter().find(|level| set <= level.holds).unwrap_or(&self.levels[last]);
        let (matrix, rows) =
            (4.0 * (point.width * point.width) as f64, 4.0 * (point.batch * point.width) as f64);
        let arithmetic = 2.0 * (point.batch * point.width * point.width) as f64 / self.operations_per_second;
        // Read and written bytes of: z = x·w; w −= η·xᵀ·δ; δ·wᵀ.
        let time = |read: f64, written: f64| arithmetic.max(level.seconds(read, written));
        let (forward, update, back) =
            (time(matrix + rows, rows), time(2.0 * rows + matrix, matrix), time(rows + matrix, rows));
        let depth = point.depth as f64;
        (depth * (forward + update) + (depth - 1.0) * back) * 1e6
    }
}

impl Level {
    /// What is written is moved at the rate of copying, together with as much that is read; the rest is read.
    fn seconds(&self, read: f64, written: f64) -> f64 {
        let copied = read.min(written);
        (copied + written) / self.copied + (read - copied) / self.read
    }
}

/// What the measured machine reaches on each number of threads; of one that was not measured, nothing is known.
fn machines(peak: &Value, threads: &[usize]) -> Result<Vec<Machine>> {
    let reached = peak["reached"].as_array().context("no figures in the machine's measurement")?;
    threads
        .iter()
        .map(|&threads| {
            let of = reached.iter().find(|one| one["threads"].as_u64() == Some(threads as u64));
            let of = of.with_context(|| format!("the machine was not measured on {threads} threads"))?;
            let level = |level: &Value| -> Result<Level> {
                Ok(Level {
                    holds: figure(level, "holds")?,
                    read: figure(level, "read_gb_per_second")? * 1e9,
                    copied: figure(level, "copied_gb_per_second")? * 1e9,
                })
            };
            let levels =
                of["levels"].as_array().context("no levels")?.iter().map(level).collect::<Result<_>>()?;
            Ok(Machine { threads, operations_per_second: figure(of, "gflops")? * 1e9, levels })
        })
        .collect()
}

/// Of each point the best number of threads, beside the limit of as many.
fn table(measured: &[(Point, usize, f64, f64)]) -> String {
    let header = ["", "width", "depth", "batch", "threads", "µs/step", "limit", "ratio", "GFLOP/s"];
    let mut table = Table::new(1, header.map(str::to_owned).to_vec());
    let (mut judged, mut within) = (0, 0);
    let mut rest = measured;
    while let Some((point, ..)) = rest.first() {
        let of_point = rest.iter().take_while(|one| one.0 == *point).count();
        let (these, after) = rest.split_at(of_point);
        rest = after;
        let Some(&(_, threads, took, limit)) = these.iter().min_by(|a, b| a.2.total_cmp(&b.2)) else {
            continue;
        };
        let ratio = took / limit;
        let counts = limit >= WORK;
        judged += usize::from(counts);
        within += usize::from(counts && ratio <= BOUND);
        table.row(vec![
            if counts { verdict(ratio, BOUND) } else { String::new() },
            point.width.to_string(),
            point.depth.to_string(),
            point.batch.to_string(),
            threads.to_string(),
            three_digits(took),
            three_digits(limit),
            format!("{ratio:.2}"),
            three_digits(point.operations() / took / 1e3),
        ]);
    }
    format!(
        "{table}\n{within} of {judged} points whose limit is {WORK} µs or more are within {BOUND} of it\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        let level = |holds| Level { holds, read: 100e9, copied: 50e9 };
        Machine { threads: 1, operations_per_second: 100e9, levels: vec![level(1e3), level(1e12)] }
    }

    #[test]
    fn the_limit_is_arithmetic_for_large_batches_and_memory_for_single_rows() {
        // 1000·100·100·2 operations are 200 µs at 100 GFLOP/s, and there are two products of one layer.
        let large = Point { width: 100, depth: 1, batch: 1000 };
        assert!((machine().limit(large) - 400.0).abs() < 1e-9);
        // One row through 1000 × 1000: 4 MB read at 100 GB/s are 40 µs, and a little for the row; then 4 MB read and
        // written at 50 GB/s are 160 µs.
        let single = Point { width: 1000, depth: 1, batch: 1 };
        let limit = machine().limit(single);
        assert!((200.0..200.5).contains(&limit), "{limit}");
        // Two layers have three more products, one of them δ·wᵀ.
        let two = machine().limit(Point { depth: 2, ..single });
        assert!((440.0..441.0).contains(&two), "{two}");
    }

    #[test]
    fn the_smallest_level_that_holds_the_step_counts() {
        let mut machine = machine();
        machine.levels[0].read = 1000e9;
        machine.levels[0].copied = 1000e9;
        machine.levels[0].holds = 5e6;
        assert!(machine.limit(Point { width: 1000, depth: 1, batch: 1 }) < 50.0);
        assert!(machine.limit(Point { width: 2000, depth: 1, batch: 1 }) > 400.0);
    }

    #[test]
    fn points_below_the_least_work_are_shown_and_not_judged() {
        let (small, large) =
            (Point { width: 8, depth: 1, batch: 1 }, Point { width: 512, depth: 1, batch: 64 });
        let measured = [(small, 1, 0.3, 0.1), (large, 1, 700.0, 500.0), (large, 2, 600.0, 300.0)];
        let table = table(&measured);
        assert!(table.contains("above    512      1     64        2      600    300   2.00"), "{table}");
        assert!(
            table.ends_with("0 of 1 points whose limit is 2 µs or more are within 1.6 of it\n"),
            "{table}"
        );
        assert!(points(&WIDTHS).iter().all(|point| point.operations() <= MOST_OPERATIONS));
        assert!(points(&WIDTHS).len() > 60);
    }
}
