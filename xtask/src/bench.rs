//! `cargo xtask bench`: our training speed beside that of other libraries, measured in turns within one run.
//!
//! For each case of `deltarule bench`, the program exports start weights and encoded rows. Ours and every peer first take
//! the same few steps from them, and their losses must agree: what is timed is the same training. A short measurement
//! then tells which ways of using each peer, and how many threads, are worth more turns. These are timed one after
//! another, ours before each, several rounds of it, so that a slow moment of the machine hits all of them.

mod accuracy;
mod field;
mod inference;
mod jobs;
mod limits;
pub mod machine;
mod peers;
pub mod report;
mod shapes;
mod table;
mod turns;
mod wishes;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::bench::field::Field;
use crate::bench::jobs::JOBS;
use crate::bench::report::Document;
use crate::bench::wishes::Wishes;
use crate::steps::{Steps, shown};

/// Cases of the slice: small enough for every `cargo xtask test`.
const SLICE: [&str; 3] = ["xor", "nielsen", "tabular"];

/// Runs the comparison, or its slice.
pub fn run(steps: &mut Steps, words: &[&str]) -> Result<()> {
    if let ["accuracy", words @ ..] = words {
        return accuracy::run(steps, words);
    }
    if let ["inference", words @ ..] = words {
        return inference::run(steps, words);
    }
    if let ["limits", words @ ..] = words {
        return limits::run(steps, words);
    }
    let wishes = Wishes::read(words)?;
    if wishes.slice {
        return slice(steps);
    }
    build(steps)?;
    let mut document = Document::new(steps, &wishes)?;
    let jobs: Vec<_> = JOBS.iter().filter(|job| wishes.job(job)).collect();
    // One case that cannot be compared does not take the others' figures with it.
    let mut failed = None;
    if !jobs.is_empty() {
        let field = Field::new(steps, &wishes)?;
        for job in jobs {
            let name = format!("bench {}", job.name());
            let compared = steps.check(&name, &wishes.in_words(), |steps| {
                document.jobs.push(field.compare(steps, job, &wishes)?);
                Ok(())
            });
            if let Err(error) = compared {
                println!("    {error:#}");
                failed.get_or_insert(error);
            }
        }
    }
    if wishes.shapes() {
        document.shapes = shapes::run(steps, wishes.realtime)?;
    }
    println!("\n{}", document.text());
    document.keep(steps, &wishes, failed.is_none())?;
    failed.map_or(Ok(()), Err)
}

/// Three small cases of ours alone: that they run, and that the bench's steps are those of `train`, to the bit and on
/// any number of threads. No figure is judged.
pub fn slice(steps: &mut Steps) -> Result<()> {
    build(steps)?;
    let folder = folder(steps)?;
    for case in SLICE {
        steps.check(&format!("bench {case}"), "the same steps by bench and train", |steps| {
            slice_of(steps, &folder.join("slice"), case)
        })?;
    }
    Ok(())
}

fn slice_of(steps: &Steps, folder: &Path, case: &str) -> Result<()> {
    const COUNT: &str = "100";
    let bench = |words: &[&str]| -> Result<Value> {
        let mut command = steps.program(program(steps));
        command.args(["bench", "--json", "--quiet", "--case", case]).args(words);
        answer(command)
    };
    let timed = bench(&["--seconds", "0.2", "--threads", "1"])?;
    let rate = figure(&timed[0], "samples_per_second")?;
    ensure!(rate > 0.0, "{case}: expected a rate above 0, got {rate}");

    let counted = bench(&["--steps", COUNT, "--threads", "1,2"])?;
    let digest = digest(&counted[0])?;
    ensure!(digest == self::digest(&counted[1])?, "{case}: one and two threads end in different weights");

    let run = folder.join(case);
    if run.exists() {
        std::fs::remove_dir_all(&run).with_context(|| format!("could not remove {}", run.display()))?;
    }
    std::fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
    let mut command = steps.program(program(steps));
    command.args(["bench", "--print-config", "--quiet", "--case", case]);
    let config = folder.join(format!("{case}.toml"));
    std::fs::write(&config, output(command)?)
        .with_context(|| format!("could not write {}", config.display()))?;
    let mut command = steps.program(program(steps));
    command
        .args(["train", "--json", "--quiet", "--steps", COUNT, "--config"])
        .arg(config)
        .arg("--run")
        .arg(run);
    let trained = answer(command)?;
    ensure!(
        digest == self::digest(&trained)?,
        "{case}: {COUNT} steps of bench and of train end in different weights"
    );
    println!(
        "    {rate:.0} rows/s; {COUNT} steps by bench and train end in {}…",
        &digest[..12.min(digest.len())]
    );
    Ok(())
}

fn build(steps: &mut Steps) -> Result<()> {
    steps.run("build the program", steps.cargo(&["build", "--release", "--package", "deltarule-cli"]))
}

fn program(steps: &Steps) -> PathBuf {
    steps.target().join("release/deltarule")
}

/// Where a run's files lie; absolute, for every program to find them.
fn folder(steps: &Steps) -> Result<PathBuf> {
    std::path::absolute(steps.target().join("bench")).context("could not tell the current folder")
}

/// What a command prints; its own words go where ours go.
fn output(mut command: Command) -> Result<Vec<u8>> {
    let shown = shown(&command);
    command.stderr(std::process::Stdio::inherit());
    let output = command.output().with_context(|| format!("could not start: {shown}"))?;
    ensure!(output.status.success(), "{} from: {shown}", output.status);
    Ok(output.stdout)
}

fn answer(command: Command) -> Result<Value> {
    let shown = shown(&command);
    serde_json::from_slice(&output(command)?)
        .with_context(|| format!("expected one JSON document from: {shown}"))
}

fn figure(answer: &Value, key: &str) -> Result<f64> {
    answer[key].as_f64().with_context(|| format!("no number under {key:?} in {answer}"))
}

fn digest(answer: &Value) -> Result<String> {
    let digest = answer["digest"].as_str().with_context(|| format!("no digest in {answer}"))?;
    Ok(digest.to_owned())
}
