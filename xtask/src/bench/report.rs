//! What a run came to: a table to read, and a file that keeps every figure.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use jiff::{Timestamp, Unit};
use serde_json::{Value, json};

use crate::bench::machine;
use crate::steps::Steps;

/// The version of the archive's form.
const FORMAT: u32 = 1;

/// A case that ours and the peers have run.
#[derive(Clone, Debug)]
pub struct Compared {
    case: String,
    /// Our answer for the counted steps, and each peer's agreement with it.
    counted: Value,
    checks: Vec<Value>,
    /// In the order of measuring.
    runs: Vec<Run>,
}

#[derive(Clone, Debug)]
struct Run {
    who: String,
    round: usize,
    answer: Value,
}

/// A contestant's best: over the numbers of threads, the smallest median over the rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Best {
    threads: u64,
    microseconds: f64,
}

impl Compared {
    /// A case whose steps agree, without any timed run yet.
    pub fn new(case: &str, counted: Value, checks: Vec<Value>) -> Self {
        Self { case: case.to_owned(), counted, checks, runs: Vec::new() }
    }

    /// Adds a timed run.
    pub fn add(&mut self, who: &str, round: usize, answer: Value) {
        self.runs.push(Run { who: who.to_owned(), round, answer });
    }

    /// Everyone who ran, ours first.
    fn contestants(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for run in &self.runs {
            if !names.contains(&run.who.as_str()) {
                names.push(run.who.as_str());
            }
        }
        names
    }

    fn best(&self, who: &str) -> Option<Best> {
        let mut by_threads = std::collections::BTreeMap::<u64, Vec<f64>>::new();
        for run in self.runs.iter().filter(|run| run.who == who) {
            let threads = run.answer["threads"].as_u64()?;
            by_threads.entry(threads).or_default().push(run.answer["microseconds_per_step"].as_f64()?);
        }
        by_threads
            .into_iter()
            .map(|(threads, times)| Best { threads, microseconds: median(times) })
            .min_by(|a, b| a.microseconds.total_cmp(&b.microseconds))
    }

    /// 10⁹ operations of one step, by our own account of a run: everyone computes the same products.
    fn operations(&self) -> Option<f64> {
        let ours = self.runs.iter().find(|run| run.answer["gflops"].is_number())?;
        Some(ours.answer["gflops"].as_f64()? * ours.answer["microseconds_per_step"].as_f64()? / 1e6)
    }

    /// What each peer says it consists of.
    fn versions(&self) -> Value {
        let of_peers = self.runs.iter().filter(|run| run.answer["versions"].is_object());
        of_peers.map(|run| (run.who.clone(), run.answer["versions"].clone())).collect()
    }

    fn to_json(&self) -> Value {
        let best: serde_json::Map<String, Value> = self
            .contestants()
            .into_iter()
            .filter_map(|who| {
                let best = self.best(who)?;
                let figures = json!({ "threads": best.threads, "microseconds_per_step": best.microseconds });
                Some((who.to_owned(), figures))
            })
            .collect();
        let runs: Vec<Value> = self
            .runs
            .iter()
            .map(|run| json!({ "who": run.who, "round": run.round, "answer": run.answer }))
            .collect();
        json!({
            "case": self.case, "counted_steps": self.counted, "agreement": self.checks, "best": best, "runs": runs,
        })
    }
}

/// The middle one, or the mean of the two in the middle; NaN of nothing.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

/// A row for each case and peer; `ratio` is our rows per second over the peer's.
pub fn table(compared: &[Compared]) -> String {
    let mut rows = vec![
        ["case", "threads", "µs/step", "GFLOP/s", "peer", "threads", "µs/step", "GFLOP/s", "ratio"]
            .map(str::to_owned),
    ];
    for case in compared {
        let Some((ours, operations)) = case.best("deltarule").zip(case.operations()) else { continue };
        for who in case.contestants().into_iter().filter(|&who| who != "deltarule") {
            let Some(theirs) = case.best(who) else { continue };
            let figures = |best: Best| {
                let gflops = operations / best.microseconds * 1e6;
                [best.threads.to_string(), three_digits(best.microseconds), three_digits(gflops)]
            };
            let [a, b, c] = figures(ours);
            let [d, e, f] = figures(theirs);
            let ratio = format!("{:.2}", theirs.microseconds / ours.microseconds);
            rows.push([case.case.clone(), a, b, c, who.to_owned(), d, e, f, ratio]);
        }
    }
    aligned(&rows)
}

/// Which of the table's columns are names, to be set to the left; figures go to the right.
const NAMES: [bool; 9] = [true, false, false, false, true, false, false, false, false];

fn aligned(rows: &[[String; 9]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 9] = std::array::from_fn(width);
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for ((cell, width), is_name) in row.iter().zip(widths).zip(NAMES) {
            line += &if is_name { format!("{cell:<width$}  ") } else { format!("{cell:>width$}  ") };
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// Three digits, where two decimals show as many.
fn three_digits(value: f64) -> String {
    let decimals = if value >= 99.95 {
        0
    } else if value >= 9.995 {
        1
    } else {
        2
    };
    format!("{value:.decimals$}")
}

/// Keeps a run as `bench/runs/DATE.json`, `DATE-2.json` where there is one of that day.
pub fn archive(steps: &Steps, wishes: &Value, scheduling: &str, compared: &[Compared]) -> Result<PathBuf> {
    let now = Timestamp::now().round(Unit::Second).context("no such time")?.to_string();
    let (date, _) = now.split_once('T').context("expected a date and a time")?;
    let document = json!({
        "format": FORMAT,
        "date": now,
        "machine": machine::description(),
        "measured": wishes,
        "scheduling": scheduling,
        "instruction_set": compared.first().map(|case| &case.counted["instruction_set"]),
        "peers": compared.first().map(Compared::versions),
        "cases": compared.iter().map(Compared::to_json).collect::<Vec<_>>(),
    });
    let folder = steps.root().join("bench/runs");
    std::fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    let (path, mut file) = new_file(&folder, date)?;
    writeln!(file, "{document:#}").with_context(|| format!("could not write {}", path.display()))?;
    Ok(path)
}

/// A file that was not there before.
fn new_file(folder: &Path, date: &str) -> Result<(PathBuf, File)> {
    for number in 1..1000 {
        let name = if number == 1 { format!("{date}.json") } else { format!("{date}-{number}.json") };
        let path = folder.join(name);
        match File::create_new(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("could not make {}", path.display())),
        }
    }
    bail!("{} holds too many runs of {date}", folder.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(threads: u64, microseconds: f64) -> Value {
        json!({ "threads": threads, "microseconds_per_step": microseconds })
    }

    fn compared() -> Compared {
        let mut case = Compared::new("xor", json!({}), vec![]);
        for (round, ours, theirs) in [(0, 4.0, 90.0), (1, 2.0, 100.0), (2, 3.0, 500.0)] {
            let mut one = answer(1, ours);
            // 6000 operations in a step of `ours` µs are 6/ours GFLOP/s.
            one["gflops"] = (6.0 / ours).into();
            case.add("deltarule", round, one);
            case.add("peer", round, answer(1, theirs));
            case.add("deltarule", round, answer(2, 5.0));
            case.add("peer", round, answer(2, 150.0));
        }
        case
    }

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0]), 2.5);
        assert!(median(vec![]).is_nan());
    }

    #[test]
    fn the_best_is_the_smallest_median_over_threads() {
        let case = compared();
        assert_eq!(case.best("deltarule"), Some(Best { threads: 1, microseconds: 3.0 }));
        assert_eq!(case.best("peer"), Some(Best { threads: 1, microseconds: 100.0 }));
        assert_eq!(case.best("nobody"), None);
    }

    #[test]
    fn the_table_shows_both_times_and_the_ratio() {
        // 100 µs to 3 µs is 33.33; 6000 operations in 3 µs are 2 GFLOP/s, in 100 µs 0.06.
        let expected = [
            "case  threads  µs/step  GFLOP/s  peer  threads  µs/step  GFLOP/s  ratio",
            "xor         1     3.00     2.00  peer        1      100     0.06  33.33",
        ];
        assert_eq!(table(&[compared()]).lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn three_digits_are_shown() {
        assert_eq!([0.62, 17.14, 99.96, 4313.2].map(three_digits), ["0.62", "17.1", "100", "4313"]);
    }

    #[test]
    fn a_run_is_never_written_over_another() {
        let folder = std::env::temp_dir().join(format!("deltarule-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let names: Vec<_> = (0..3).map(|_| new_file(&folder, "2026-01-02").unwrap().0).collect();
        let names: Vec<_> = names.iter().map(|path| path.file_name().unwrap().to_string_lossy()).collect();
        assert_eq!(names, ["2026-01-02.json", "2026-01-02-2.json", "2026-01-02-3.json"]);
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(new_file(&folder, "2026-01-02").is_err());
    }

    #[test]
    fn the_archive_keeps_every_run_in_its_order() {
        let document = compared().to_json();
        assert_eq!(document["best"]["peer"]["microseconds_per_step"], 100.0);
        assert_eq!(document["runs"].as_array().unwrap().len(), 12);
        assert_eq!(document["runs"][5]["answer"]["microseconds_per_step"], 100.0);
        assert_eq!(document["runs"][5]["round"], 1);
    }
}
