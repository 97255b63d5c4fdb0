//! `cargo xtask bench accuracy`: seconds of training until MNIST is told right to a given percentage, ours beside
//! PyTorch's, in turns within one run.
//!
//! `examples/time_to_accuracy.rs` of the library and `bench/peers/accuracy.py` each train a recipe of their own, frozen
//! beforehand, for each target. Both are started once and asked seed by seed, one after the other, so that a slow moment of
//! the machine hits both. Of the ways of using PyTorch, the one that took the least time in a trial counts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::field::ahead;
use super::table::Table;
use super::turns::Contestant;
use super::{machine, peers};
use crate::steps::Steps;

/// Percent of the test images, as both programs name their recipes.
const TARGETS: [&str; 2] = ["98.0", "98.5"];
const OURS: &str = "deltarule";
const PEER: &str = "pytorch";
const WAYS: [&str; 3] = ["eager", "compiled", "autocast"];
/// The largest part of the peer's time that ours may take.
const BOUND: f64 = 0.5;

/// What it was asked for.
struct Wishes {
    threads: usize,
    seeds: u64,
    python: Option<PathBuf>,
    realtime: bool,
}

impl Wishes {
    fn read(words: &[&str]) -> Result<Self> {
        let mut wishes = Self { threads: 2, seeds: 10, python: None, realtime: false };
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            let mut value = || words.next().copied().with_context(|| format!("{word} needs a value"));
            match word {
                "--threads" => wishes.threads = count(value()?)? as usize,
                "--seeds" => wishes.seeds = count(value()?)?,
                "--python" => wishes.python = Some(value()?.into()),
                "--realtime" => wishes.realtime = true,
                _ => bail!(
                    "bench accuracy knows no {word}; there are --threads, --seeds, --python and --realtime"
                ),
            }
        }
        Ok(wishes)
    }
}

fn count(text: &str) -> Result<u64> {
    match text.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => bail!("expected a number from 1 on, got {text:?}"),
    }
}

/// Measures and prints the table; keeps every figure under `bench/runs/`.
pub fn run(steps: &mut Steps, words: &[&str]) -> Result<()> {
    let wishes = Wishes::read(words)?;
    let build = ["build", "--release", "--package", "deltarule", "--example", "time_to_accuracy"];
    steps.run("build the example", steps.cargo(&build))?;
    let python = match &wishes.python {
        Some(python) => python.clone(),
        None => peers::virtual_environment(steps, &[])?,
    };
    // Before anything else runs here that is ours, so that the load is that of others.
    let machine = machine::description(steps)?;
    let (mut trials, mut runs) = (Vec::new(), Vec::new());
    let said = format!("{} seeds, ours and {PEER}, {} threads", wishes.seeds, wishes.threads);
    steps.check("bench accuracy", &said, |steps| {
        let mut entrants = Entrants::start(steps, &wishes, &python)?;
        for target in TARGETS {
            let way = entrants.trial(target, &mut trials)?;
            for seed in 0..wishes.seeds {
                runs.push(turn(&mut entrants.ours, target, seed)?);
                runs.push(turn(&mut entrants.theirs[way], target, seed)?);
            }
        }
        Ok(())
    })?;
    println!("\n{}", table(&runs)?);
    let kept = json!({
        "machine": machine, "realtime": wishes.realtime, "bound": BOUND, "trials": trials, "runs": runs,
    });
    keep(steps, &kept)
}

fn keep(steps: &Steps, kept: &Value) -> Result<()> {
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    let archive = steps.root().join(format!("bench/runs/{today}-accuracy.json"));
    let text = serde_json::to_string_pretty(kept).context("figures are JSON")? + "\n";
    std::fs::write(&archive, text).with_context(|| format!("could not write {}", archive.display()))?;
    println!("kept as {}", archive.display());
    Ok(())
}

/// The programs, each started once.
struct Entrants {
    ours: Contestant,
    /// One for each of [`WAYS`].
    theirs: Vec<Contestant>,
}

impl Entrants {
    fn start(steps: &Steps, wishes: &Wishes, python: &Path) -> Result<Self> {
        let target = std::path::absolute(steps.target()).context("could not tell the current folder")?;
        let logs = target.join("bench/accuracy");
        std::fs::create_dir_all(&logs).with_context(|| format!("could not make {}", logs.display()))?;
        let threads = wishes.threads.to_string();
        let start = |who, way, mut command: std::process::Command| {
            command.args(["--threads", &threads]);
            if wishes.realtime {
                command = ahead(steps, &command);
            }
            Contestant::start(who, way, wishes.threads, command, &logs)
        };
        let mut command = steps.program(target.join("release/examples/time_to_accuracy"));
        command.arg("--turns");
        let ours = start(OURS, "", command)?;
        let their = |way| {
            let mut command = steps.program(python);
            command.arg(steps.root().join("bench/peers/accuracy.py")).args(["--variant", way]);
            command.arg("--mnist").arg(steps.root().join("datasets/mnist"));
            command.env("OMP_NUM_THREADS", &threads).env("CUDA_VISIBLE_DEVICES", "");
            command.env("TORCHINDUCTOR_CACHE_DIR", target.join("bench/inductor"));
            start(PEER, way, command)
        };
        Ok(Self { ours, theirs: WAYS.into_iter().map(their).collect::<Result<_>>()? })
    }

    /// One turn of everyone, by which whatever has to be made once is made; then one of each way, of which the fastest
    /// goes on. Returns its number.
    fn trial(&mut self, target: &str, trials: &mut Vec<Value>) -> Result<usize> {
        turn(&mut self.ours, target, 0)?;
        let mut fastest = (0, f64::INFINITY);
        for (way, theirs) in self.theirs.iter_mut().enumerate() {
            turn(theirs, target, 0)?;
            let trial = turn(theirs, target, 0)?;
            let seconds = figure(&trial, "seconds")?;
            println!("    {target} %: {} took {seconds:.3} s in a trial", theirs.name());
            if seconds < fastest.1 {
                fastest = (way, seconds);
            }
            trials.push(trial);
        }
        Ok(fastest.0)
    }
}

/// What a program says of one training.
fn turn(contestant: &mut Contestant, target: &str, seed: u64) -> Result<Value> {
    let mut answer = contestant.turn(&format!("{target} {seed}"))?;
    ensure!(
        answer["target"] == target && answer["seed"] == seed,
        "{}: asked for {target} and seed {seed}, got {answer}",
        contestant.name()
    );
    let space = if contestant.variant.is_empty() { "" } else { " " };
    answer["who"] = json!(format!("{}{space}{}", contestant.who, contestant.variant));
    Ok(answer)
}

fn figure(answer: &Value, key: &str) -> Result<f64> {
    answer[key].as_f64().with_context(|| format!("no {key:?} in {answer}"))
}

fn word<'a>(answer: &'a Value, key: &str) -> Result<&'a str> {
    answer[key].as_str().with_context(|| format!("no {key:?} in {answer}"))
}

/// What the trainings of one program for one target come to.
#[derive(Debug, PartialEq)]
struct Summary {
    mean: f64,
    lowest: f64,
    seconds: f64,
}

impl Summary {
    fn of(runs: &[&Value]) -> Result<Self> {
        let all = |key| runs.iter().map(|run| figure(run, key)).collect::<Result<Vec<f64>>>();
        let (accuracies, seconds) = (all("accuracy")?, all("seconds")?);
        ensure!(!runs.is_empty(), "no run to sum up");
        Ok(Self {
            mean: accuracies.iter().sum::<f64>() / accuracies.len() as f64,
            lowest: accuracies.iter().copied().fold(f64::INFINITY, f64::min),
            seconds: median(seconds),
        })
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) { (values[middle - 1] + values[middle]) / 2.0 } else { values[middle] }
}

/// A line for each program and target; ours says how its time compares.
fn table(runs: &[Value]) -> Result<String> {
    let mut groups: BTreeMap<&str, BTreeMap<&str, Vec<&Value>>> = BTreeMap::new();
    for run in runs {
        let (target, who) = (word(run, "target")?, word(run, "who")?);
        groups.entry(target).or_default().entry(who).or_default().push(run);
    }
    let header = ["target", "who", "mean %", "", "lowest %", "median s", "ratio", ""];
    let mut table = Table::new(2, header.map(str::to_owned).to_vec());
    for (target, group) in groups {
        let wanted: f64 = target.parse().with_context(|| format!("no percentage: {target:?}"))?;
        let theirs = group.iter().find(|(who, _)| **who != OURS).context("no peer to compare with")?;
        let theirs = Summary::of(theirs.1)?.seconds;
        for (who, runs) in group {
            let summary = Summary::of(&runs)?;
            let ratio = (who == OURS).then_some(summary.seconds / theirs);
            table.row(vec![
                target.to_owned(),
                who.to_owned(),
                format!("{:.3}", summary.mean),
                (if summary.mean >= wanted { "reached" } else { "missed" }).to_owned(),
                format!("{:.2}", summary.lowest),
                format!("{:.3}", summary.seconds),
                ratio.map_or(String::new(), |ratio| format!("{ratio:.3}")),
                ratio.map_or("", |ratio| if ratio <= BOUND { "ok" } else { "above" }).to_owned(),
            ]);
        }
    }
    Ok(format!("{table}ratio: our median seconds over the peer's, at most {BOUND}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_of(who: &str, target: &str, accuracy: f64, seconds: f64) -> Value {
        json!({ "who": who, "target": target, "accuracy": accuracy, "seconds": seconds })
    }

    #[test]
    fn a_summary_is_mean_lowest_and_median() {
        let runs = [
            run_of(OURS, "98.0", 98.1, 3.0),
            run_of(OURS, "98.0", 97.9, 1.0),
            run_of(OURS, "98.0", 98.6, 9.0),
        ];
        let summary = Summary::of(&runs.iter().collect::<Vec<_>>()).unwrap();
        // (98.1 + 97.9 + 98.6) / 3
        assert!((summary.mean - 98.2).abs() < 1e-9);
        assert_eq!((summary.lowest, summary.seconds), (97.9, 3.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 9.0]), 3.0);
        assert!(Summary::of(&[]).is_err());
    }

    #[test]
    fn each_target_has_its_ratio_and_verdicts() {
        let runs = [
            run_of(OURS, "98.0", 98.1, 0.5),
            run_of("pytorch eager", "98.0", 98.0, 1.0),
            run_of(OURS, "98.5", 98.4, 1.5),
            run_of("pytorch compiled", "98.5", 98.6, 2.0),
        ];
        let text = table(&runs).unwrap();
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1], ["98.0", OURS, "98.100", "reached", "98.10", "0.500", "0.500", "ok"], "{text}");
        assert_eq!(lines[2], ["98.0", "pytorch", "eager", "98.000", "reached", "98.00", "1.000"], "{text}");
        // 1.5 / 2
        assert_eq!(
            lines[3],
            ["98.5", OURS, "98.400", "missed", "98.40", "1.500", "0.750", "above"],
            "{text}"
        );
    }

    #[test]
    fn runs_without_a_peer_or_a_figure_are_refused() {
        assert!(table(&[run_of(OURS, "98.0", 98.1, 0.5)]).is_err());
        assert!(table(&[run_of(OURS, "most", 98.1, 0.5), run_of(PEER, "most", 98.1, 0.5)]).is_err());
        assert!(Summary::of(&[&json!({ "accuracy": 98.0 })]).is_err());
    }

    #[test]
    fn wrong_wishes_are_refused() {
        let wishes = Wishes::read(&["--seeds", "3", "--threads", "4", "--realtime"]).unwrap();
        assert_eq!((wishes.seeds, wishes.threads, wishes.realtime), (3, 4, true));
        for words in [&["--fast"][..], &["--seeds", "0"], &["--threads"], &["--threads", "1,2"]] {
            assert!(Wishes::read(words).is_err(), "{words:?}");
        }
    }
}
