//! `cargo xtask bench limits`: what a step costs as the work grows, beside what this machine could do at best.
//!
//! The model is described in `bench/README.md`; its figures come from `crates/kernels/examples/peak.rs` in the same run.

mod picture;

use std::path::{Path, PathBuf};

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
/// What a step may take of the limit, from [`WORK`] on, and what it aims at.
const BOUND: f64 = 1.6;
const AIM: f64 = 1.3;
/// Microseconds: below it calls are what takes the time.
const WORK: f64 = 2.0;
/// How many of the points farthest from their limit are named.
const WORST: usize = 5;

/// A network of equal layers.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Point {
    width: usize,
    depth: usize,
    batch: usize,
}

/// What a point took on a number of threads: microseconds, beside the limit.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Measured {
    point: Point,
    threads: usize,
    took: f64,
    limit: f64,
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

/// What it was asked for.
struct Wishes<'w> {
    realtime: bool,
    seconds: &'w str,
    threads: Vec<usize>,
    /// All of them where none were named.
    widths: Option<Vec<usize>>,
    json: Option<PathBuf>,
    picture: Option<PathBuf>,
    from: Option<PathBuf>,
}

impl<'w> Wishes<'w> {
    fn read(words: &[&'w str]) -> Result<Self> {
        let (threads, widths) = (vec![1, 2], None);
        let (json, picture, from) = (None, None, None);
        let mut wishes = Self { realtime: false, seconds: "0.3", threads, widths, json, picture, from };
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            let mut value = || words.next().copied().with_context(|| format!("{word} needs a value"));
            match word {
                "--realtime" => wishes.realtime = true,
                "--json" => wishes.json = Some(value()?.into()),
                "--picture" => wishes.picture = Some(value()?.into()),
                "--from" => wishes.from = Some(value()?.into()),
                "--seconds" => wishes.seconds = value()?,
                "--threads" => wishes.threads = numbers(word, value()?)?,
                "--width" => wishes.widths = Some(numbers(word, value()?)?),
                _ => bail!(
                    "bench limits knows no {word}; there are --width, --threads, --seconds, --realtime, --json FILE, \
                     --picture FILE and --from FILE"
                ),
            }
        }
        Ok(wishes)
    }

    fn widths(&self) -> &[usize] {
        self.widths.as_deref().unwrap_or(&WIDTHS)
    }
}

fn numbers(word: &str, list: &str) -> Result<Vec<usize>> {
    let number = |n: &str| n.parse().with_context(|| format!("{word}: expected a number, got {n:?}"));
    list.split(',').map(number).collect()
}

/// Measures every point, or takes figures kept before, prints the table and draws the picture.
pub fn run(steps: &mut Steps, words: &[&str]) -> Result<()> {
    let wishes = Wishes::read(words)?;
    let document = match &wishes.from {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("could not read {}", path.display()))?;
            serde_json::from_str(&text).with_context(|| format!("{}: expected JSON", path.display()))?
        }
        None => measure(steps, &wishes)?,
    };
    let mut measured = measured_in(&document)?;
    if let Some(widths) = &wishes.widths {
        measured.retain(|one| widths.contains(&one.point.width));
    }
    let best = best(&measured);
    println!("\n{}", table(&best));
    let write = |path: &Path, text: String| {
        std::fs::write(path, text).with_context(|| format!("could not write {}", path.display()))
    };
    if let Some(path) = &wishes.picture {
        write(path, picture::svg(&best, &caption(&document, &measured)))?;
    }
    let kept = format!("{document:#}\n");
    if wishes.from.is_none() && wishes.widths() == WIDTHS {
        let date = document["date"].as_str().unwrap_or_default();
        let path = steps.root().join(format!("bench/runs/{date}-limits.json"));
        write(&path, kept.clone())?;
        println!("kept as {}", path.display());
    }
    wishes.json.as_deref().map_or(Ok(()), |path| write(path, kept))
}

/// Every figure, with the machine's description.
fn measure(steps: &mut Steps, wishes: &Wishes<'_>) -> Result<Value> {
    build(steps)?;
    let description = machine::description(steps)?;
    let machines = machines(&description["peak"], &wishes.threads)?;
    let mut points_measured = Vec::new();
    steps.check("bench limits", "every width, depth and batch", |steps| {
        for point in points(wishes.widths()) {
            for machine in &machines {
                let words = words_of(point);
                let words = words.each_ref().map(String::as_str);
                let one = shape(steps, wishes.realtime, &words, machine.threads, wishes.seconds)?;
                points_measured.push(json!({
                    "width": point.width, "depth": point.depth, "batch": point.batch, "threads": machine.threads,
                    "microseconds_per_step": figure(&one, "microseconds_per_step")?, "limit": machine.limit(point),
                }));
            }
        }
        Ok(())
    })?;
    let date = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    Ok(json!({ "date": date, "machine": description, "points": points_measured }))
}

/// The points of a kept document.
fn measured_in(document: &Value) -> Result<Vec<Measured>> {
    let count = |point: &Value, key: &str| -> Result<usize> {
        let number = point[key].as_u64().with_context(|| format!("no count under {key:?} in {point}"))?;
        Ok(usize::try_from(number)?)
    };
    let points = document["points"].as_array().context("no points in the document")?;
    points
        .iter()
        .map(|one| {
            let (width, depth, batch) = (count(one, "width")?, count(one, "depth")?, count(one, "batch")?);
            Ok(Measured {
                point: Point { width, depth, batch },
                threads: count(one, "threads")?,
                took: figure(one, "microseconds_per_step")?,
                limit: figure(one, "limit")?,
            })
        })
        .collect()
}

/// What stands below the picture: the machine, the threads that were tried, and the date where it is known.
fn caption(document: &Value, measured: &[Measured]) -> String {
    let text = |value: &Value, before: &str| value.as_str().map(|text| format!("{before}{text}"));
    let mut threads: Vec<usize> = measured.iter().map(|one| one.threads).collect();
    threads.sort_unstable();
    threads.dedup();
    let threads: Vec<String> = threads.iter().map(usize::to_string).collect();
    let machine = &document["machine"];
    let named = ["cpu", "cpu_family", "cpu_model"].iter().zip(["", "family ", "model "]);
    let named: Vec<String> = named.filter_map(|(key, before)| text(&machine[key], before)).collect();
    let parts = [
        Some(named.join(", ")).filter(|named| !named.is_empty()),
        Some(format!("each point on its best number of threads of {}", threads.join(", "))),
        text(&document["date"], ""),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
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

impl Measured {
    fn ratio(&self) -> f64 {
        self.took / self.limit
    }

    fn is_judged(&self) -> bool {
        self.limit >= WORK
    }
}

/// Of each point the number of threads that took the least time; its limit is that of as many.
fn best(measured: &[Measured]) -> Vec<Measured> {
    let mut best: Vec<Measured> = Vec::new();
    for one in measured {
        match best.iter_mut().find(|other| other.point == one.point) {
            Some(other) if one.took < other.took => *other = *one,
            Some(_) => {}
            None => best.push(*one),
        }
    }
    best
}

/// Each point beside its limit, and the points that are farthest from it.
fn table(best: &[Measured]) -> String {
    let header = ["", "width", "depth", "batch", "threads", "µs/step", "limit", "ratio", "GFLOP/s"];
    let mut table = Table::new(1, header.map(str::to_owned).to_vec());
    for one in best {
        let Measured { point, threads, took, limit } = *one;
        table.row(vec![
            if one.is_judged() { verdict(one.ratio(), BOUND) } else { String::new() },
            point.width.to_string(),
            point.depth.to_string(),
            point.batch.to_string(),
            threads.to_string(),
            three_digits(took),
            three_digits(limit),
            format!("{:.2}", one.ratio()),
            three_digits(point.operations() / took / 1e3),
        ]);
    }
    let mut judged: Vec<&Measured> = best.iter().filter(|one| one.is_judged()).collect();
    judged.sort_by(|a, b| b.ratio().total_cmp(&a.ratio()));
    let within = |bound: f64| judged.iter().filter(|one| one.ratio() <= bound).count();
    let worst: Vec<String> = judged
        .iter()
        .take(WORST)
        .map(|one| {
            let Point { width, depth, batch } = one.point;
            format!("{:.2} (width {width}, depth {depth}, batch {batch})", one.ratio())
        })
        .collect();
    format!(
        "{table}\nfarthest from their limit: {}\n{} of {} points whose limit is {WORK} µs or more are within {BOUND} of \
         it, {} within {AIM}\n",
        worst.join(", "),
        within(BOUND),
        judged.len(),
        within(AIM)
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
        let one = |point, threads, took, limit| Measured { point, threads, took, limit };
        let measured = [one(small, 1, 0.3, 0.1), one(large, 1, 700.0, 500.0), one(large, 2, 600.0, 300.0)];
        let best = best(&measured);
        assert_eq!(best, [measured[0], measured[2]]);
        let table = table(&best);
        assert!(table.contains("above    512      1     64        2      600    300   2.00"), "{table}");
        assert!(
            table.contains("farthest from their limit: 2.00 (width 512, depth 1, batch 64)\n"),
            "{table}"
        );
        let judged = "0 of 1 points whose limit is 2 µs or more are within 1.6 of it, 0 within 1.3\n";
        assert!(table.ends_with(judged), "{table}");
        assert!(points(&WIDTHS).iter().all(|point| point.operations() <= MOST_OPERATIONS));
        assert!(points(&WIDTHS).len() > 60);
    }

    #[test]
    fn kept_figures_are_read_again_and_others_refused() {
        let point = json!({
            "width": 8, "depth": 1, "batch": 64, "threads": 2, "microseconds_per_step": 3.0, "limit": 2.0,
        });
        let document = json!({ "date": "2026-01-02", "machine": { "cpu": "A", "cpu_family": "26", "cpu_model": "2" }, "points": [point] });
        let measured = measured_in(&document).unwrap();
        assert_eq!((measured[0].threads, measured[0].ratio()), (2, 1.5));
        assert_eq!(
            caption(&document, &measured),
            "A, family 26, model 2; each point on its best number of threads of 2; 2026-01-02"
        );
        assert_eq!(caption(&json!({}), &measured), "each point on its best number of threads of 2");
        assert!(measured_in(&json!({ "points": [{ "width": 8 }] })).is_err());
        assert!(measured_in(&json!({})).is_err());
        let wishes = Wishes::read(&["--from", "a.json", "--picture", "b.svg", "--width", "8,32"]).unwrap();
        assert_eq!((wishes.widths(), wishes.from.is_some()), (&[8, 32][..], true));
        assert_eq!(Wishes::read(&[]).unwrap().widths(), WIDTHS);
        assert!(Wishes::read(&["--fast"]).is_err());
    }
}
