//! `cargo xtask bench inference`: how fast a trained network answers, beside other engines, in turns within one run.
//!
//! `examples/inference.rs` of the library exports its networks' weights; `bench/peers/inference.py` answers with them in
//! each engine. The last row's probabilities must agree: what is timed is the same function.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::{machine, peers};
use crate::steps::{Steps, shown};

const ENGINES: [&str; 4] = ["onnxruntime", "torch", "torch-compile", "jax"];
/// How far probabilities may lie apart.
const AGREEMENT: f64 = 1e-5;

/// What it was asked for.
struct Wishes {
    threads: Vec<usize>,
    rounds: usize,
    python: Option<PathBuf>,
    realtime: bool,
}

impl Wishes {
    fn read(words: &[&str]) -> Result<Self> {
        let mut wishes = Self { threads: vec![1, 2], rounds: 3, python: None, realtime: false };
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            let mut value = || words.next().copied().with_context(|| format!("{word} needs a value"));
            match word {
                "--threads" => wishes.threads = value()?.split(',').map(count).collect::<Result<_>>()?,
                "--rounds" => wishes.rounds = count(value()?)?,
                "--python" => wishes.python = Some(value()?.into()),
                "--realtime" => wishes.realtime = true,
                _ => bail!(
                    "bench inference knows no {word}; there are --threads, --rounds, --python and --realtime"
                ),
            }
        }
        Ok(wishes)
    }
}

fn count(text: &str) -> Result<usize> {
    match text.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => bail!("expected a number from 1 on, got {text:?}"),
    }
}

/// Measures and prints the table; keeps every figure under `bench/runs/`.
pub fn run(steps: &mut Steps, words: &[&str]) -> Result<()> {
    let wishes = Wishes::read(words)?;
    let build = ["build", "--release", "--package", "deltarule", "--example", "inference"];
    steps.run("build the example", steps.cargo(&build))?;
    let ours = std::path::absolute(steps.target().join("release/examples/inference"))
        .context("could not tell the current folder")?;
    let python = match &wishes.python {
        Some(python) => python.clone(),
        None => peers::virtual_environment(steps, &[])?,
    };
    let folder = steps.target().join("bench/inference");
    std::fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    let folder = folder.canonicalize().with_context(|| format!("no such folder: {}", folder.display()))?;
    let mut export = steps.program(&ours);
    lines(export.arg("--export").arg(&folder))?;

    let mut runs = Vec::new();
    let said = format!("{} rounds, ours and {}", wishes.rounds, ENGINES.join(", "));
    steps.check("bench inference", &said, |steps| {
        for round in 0..wishes.rounds {
            for &threads in &wishes.threads {
                let threads = threads.to_string();
                let mut command = measured(steps, &wishes, &ours);
                runs.extend(in_round(round, lines(command.args(["--json", &threads]))?));
                for engine in ENGINES {
                    let mut command = measured(steps, &wishes, &python);
                    command.arg(steps.root().join("bench/peers/inference.py")).arg(engine);
                    command.arg("--folder").arg(&folder).args(["--threads", &threads]);
                    runs.extend(in_round(round, lines(&mut command)?));
                }
            }
        }
        agree(&runs)
    })?;
    println!("\n{}", table(&runs)?);
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    let archive = steps.root().join(format!("bench/runs/{today}-inference.json"));
    let kept = json!({ "machine": machine::description(steps)?, "realtime": wishes.realtime, "runs": runs });
    let text = serde_json::to_string_pretty(&kept).context("figures are JSON")? + "\n";
    std::fs::write(&archive, text).with_context(|| format!("could not write {}", archive.display()))?;
    println!("kept as {}", archive.display());
    Ok(())
}

/// A program, ahead of everything else on the machine where that is wished.
fn measured(steps: &Steps, wishes: &Wishes, program: &Path) -> Command {
    if !wishes.realtime {
        return steps.program(program);
    }
    let mut command = steps.program("chrt");
    command.args(["-f", "10"]).arg(program);
    command
}

/// The lines of JSON that a command prints.
fn lines(command: &mut Command) -> Result<Vec<Value>> {
    let shown = shown(command);
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("could not start: {shown}"))?;
    ensure!(output.status.success(), "{} from: {shown}", output.status);
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .map(|line| serde_json::from_str(line).with_context(|| format!("expected JSON from: {shown}")))
        .collect()
}

fn in_round(round: usize, lines: Vec<Value>) -> impl Iterator<Item = Value> {
    lines.into_iter().map(move |mut line| {
        line["round"] = json!(round);
        line
    })
}

/// That all engines give the same probabilities.
fn agree(runs: &[Value]) -> Result<()> {
    for of in ["probabilities", "image_probabilities"] {
        let mut first: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for run in runs {
            let (network, engine) = (text(run, "network")?, text(run, "engine")?);
            let got: Option<Vec<f64>> =
                run[of].as_array().map(|all| all.iter().filter_map(Value::as_f64).collect());
            let got = got.with_context(|| format!("no {of} in {run}"))?;
            let expected = first.entry(network).or_insert_with(|| got.clone());
            let alike = got.len() == expected.len()
                && !got.is_empty()
                && got.iter().zip(&*expected).all(|(got, expected)| (got - expected).abs() <= AGREEMENT);
            ensure!(alike, "{network}, {of}: expected {expected:?}, {engine} gives {got:?}");
        }
    }
    Ok(())
}

fn text<'a>(run: &'a Value, key: &str) -> Result<&'a str> {
    run[key].as_str().with_context(|| format!("no {key:?} in {run}"))
}

/// The median over the rounds of a figure, of one engine, network and number of threads.
fn figure(runs: &[&Value], key: &str) -> Result<f64> {
    let mut figures: Vec<f64> = runs.iter().filter_map(|run| run[key].as_f64()).collect();
    ensure!(!figures.is_empty(), "no {key:?} in any run");
    figures.sort_by(f64::total_cmp);
    Ok(figures[figures.len() / 2])
}

/// One line for each network, engine and number of threads, then how ours compares to the best of the others.
fn table(runs: &[Value]) -> Result<String> {
    let mut groups: BTreeMap<(&str, &str, u64), Vec<&Value>> = BTreeMap::new();
    for run in runs {
        let threads = run["threads"].as_u64().with_context(|| format!("no threads in {run}"))?;
        groups.entry((text(run, "network")?, text(run, "engine")?, threads)).or_default().push(run);
    }
    let mut out = format!(
        "{:<16} {:<14} {:>7} {:>11} {:>8} {:>13} {:>9}\n",
        "network", "engine", "threads", "one row us", "p99 us", "4096: rows/s", "images/s"
    );
    // Of each network: our best and the others' best row and rates.
    let mut best: BTreeMap<&str, [(f64, f64, f64); 2]> = BTreeMap::new();
    for ((network, engine, threads), runs) in &groups {
        let (row, p99) = (figure(runs, "row_median_us")?, figure(runs, "row_p99_us")?);
        let (rate, images) = (figure(runs, "rows_per_second")?, figure(runs, "images_per_second")?);
        out += &format!(
            "{network:<16} {engine:<14} {threads:>7} {row:>11.2} {p99:>8.2} {rate:>13.0} {images:>9.0}\n"
        );
        let is_ours = *engine == "deltarule";
        if is_ours && *threads == 1 {
            let reading = figure(runs, "reading_us")?;
            let ratio = row / reading;
            out += &format!(
                "{network:<16} {:<14} {threads:>7} {reading:>11.2} (one row takes {ratio:.2} of it)\n",
                "reading w"
            );
        }
        let best = &mut best.entry(network).or_insert([(f64::INFINITY, 0.0, 0.0); 2])[usize::from(!is_ours)];
        *best = (best.0.min(row), best.1.max(rate), best.2.max(images));
    }
    for (network, [ours, theirs]) in best {
        out += &format!(
            "{network}: one row in {:.2} of the best other's time; {:.2} times its rows/s, {:.2} times its images/s\n",
            ours.0 / theirs.0,
            ours.1 / theirs.1,
            ours.2 / theirs.2
        );
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_of(engine: &str, threads: u64, row: f64, rate: f64, probability: f64) -> Value {
        json!({
            "engine": engine, "network": "2-1", "threads": threads, "row_median_us": row, "row_p99_us": row,
            "rows_per_second": rate, "images_per_second": 2.0 * rate, "reading_us": 2.0,
            "probabilities": [0.25], "image_probabilities": [probability],
        })
    }

    #[test]
    fn ours_is_set_beside_the_best_of_the_others() {
        let runs = [
            run_of("deltarule", 1, 3.0, 100.0, 0.5),
            run_of("deltarule", 2, 4.0, 150.0, 0.5),
            run_of("jax", 1, 9.0, 50.0, 0.5),
            run_of("torch", 2, 6.0, 120.0, 0.5),
        ];
        let table = table(&runs).unwrap();
        assert!(table.contains("one row takes 1.50 of it"), "{table}");
        // 3 / 6, 150 / 120
        assert!(
            table.ends_with("2-1: one row in 0.50 of the best other's time; 1.25 times its rows/s, 1.25 times its images/s\n"),
            "{table}"
        );
    }

    #[test]
    fn engines_that_answer_differently_are_not_compared() {
        let of = |probability| run_of("jax", 1, 1.0, 1.0, probability);
        assert!(agree(&[of(0.5), of(0.500_009)]).is_ok());
        assert!(agree(&[of(0.5), of(0.500_011)]).unwrap_err().to_string().contains("jax gives"));
        assert!(agree(&[of(0.5), of(f64::NAN)]).is_err());
    }

    #[test]
    fn wrong_wishes_are_refused() {
        assert_eq!(Wishes::read(&["--threads", "1,4", "--realtime"]).unwrap().threads, [1, 4]);
        for words in [&["--fast"][..], &["--rounds", "0"], &["--threads"]] {
            assert!(Wishes::read(words).is_err(), "{words:?}");
        }
    }
}
