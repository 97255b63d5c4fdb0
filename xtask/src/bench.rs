//! `cargo xtask bench`: our training speed beside that of other libraries, measured in turns within one run.
//!
//! For each case of `deltarule bench`, the program exports start weights and encoded rows. Ours and every peer first take
//! the same few steps from them, and their losses must agree: what is timed is the same training. Then they are timed
//! one after another, several rounds of it, so that a slow moment of the machine hits all of them.

mod inference;
mod machine;
mod peers;
mod report;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::bench::peers::{PEERS, Peer};
use crate::bench::report::Compared;
use crate::steps::{Steps, shown};

/// The cases, each with the number of steps after which losses are compared.
const CASES: [(&str, u64); 6] = [
    ("xor", 200),
    ("nielsen", 200),
    ("tabular", 200),
    ("mnist-small", 100),
    ("mnist-large", 50),
    ("ciresan", 10),
];

/// Cases of the slice: small enough for every `cargo xtask test`.
const SLICE: [&str; 3] = ["xor", "nielsen", "tabular"];

/// How far the losses of the same steps may lie apart, relative to ours: f32 sums in different orders.
const AGREEMENT: f64 = 1e-3;

/// What `cargo xtask bench` was asked for.
#[derive(Clone, Debug, PartialEq)]
struct Wishes {
    cases: Vec<String>,
    peers: Vec<String>,
    threads: Vec<usize>,
    seconds: f64,
    rounds: usize,
    python: Option<PathBuf>,
    realtime: bool,
    slice: bool,
}

impl Wishes {
    fn read(words: &[&str]) -> Result<Self> {
        let mut wishes = Self {
            cases: CASES.map(|(name, _)| name.to_owned()).to_vec(),
            peers: PEERS.iter().map(|peer| peer.name.to_owned()).collect(),
            threads: vec![1, 2],
            seconds: 2.0,
            rounds: 3,
            python: None,
            realtime: false,
            slice: false,
        };
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            let mut value = || words.next().copied().with_context(|| format!("{word} needs a value"));
            match word {
                "--case" => wishes.cases = names(word, value()?, &CASES.map(|(name, _)| name))?,
                "--peer" => {
                    let known: Vec<&str> = PEERS.iter().map(|peer| peer.name).collect();
                    wishes.peers = names(word, value()?, &known)?;
                }
                "--threads" => {
                    wishes.threads = value()?.split(',').map(|n| number(word, n)).collect::<Result<_>>()?;
                    ensure!(!wishes.threads.contains(&0), "{word}: expected 1 or more, got 0");
                }
                "--seconds" => {
                    wishes.seconds = number(word, value()?)?;
                    let seconds = wishes.seconds;
                    ensure!(
                        seconds > 0.0 && seconds < 3600.0,
                        "{word}: expected up to an hour, got {seconds}"
                    );
                }
                "--rounds" => {
                    wishes.rounds = number(word, value()?)?;
                    ensure!(wishes.rounds > 0, "{word}: expected 1 or more, got 0");
                }
                "--python" => wishes.python = Some(value()?.into()),
                "--realtime" => wishes.realtime = true,
                "--slice" => wishes.slice = true,
                _ => bail!(
                    "bench knows no {word}; there are --case, --peer, --threads, --seconds, --rounds, --python, \
                     --realtime and --slice"
                ),
            }
        }
        Ok(wishes)
    }

    /// A part of the cases or peers is for trying things; the archive keeps whole runs.
    fn are_whole(&self) -> bool {
        self.cases.len() == CASES.len() && self.peers.len() == PEERS.len()
    }
}

fn names(word: &str, list: &str, known: &[&str]) -> Result<Vec<String>> {
    list.split(',')
        .map(|name| {
            ensure!(known.contains(&name), "{word}: expected some of {}, got {name:?}", known.join(", "));
            Ok(name.to_owned())
        })
        .collect()
}

fn number<T: std::str::FromStr>(word: &str, text: &str) -> Result<T> {
    text.parse().ok().with_context(|| format!("{word}: expected a number, got {text:?}"))
}

/// Runs the comparison, or its slice.
pub fn run(steps: &mut Steps, words: &[&str]) -> Result<()> {
    if let ["inference", words @ ..] = words {
        return inference::run(steps, words);
    }
    let wishes = Wishes::read(words)?;
    if wishes.slice {
        return slice(steps);
    }
    build(steps)?;
    let python = match &wishes.python {
        Some(python) => python.clone(),
        None => peers::virtual_environment(steps)?,
    };
    let field = Field { python, realtime: wishes.realtime, folder: folder(steps)? };
    let mut compared = Vec::new();
    for (name, count) in CASES.iter().filter(|(name, _)| wishes.cases.iter().any(|wish| wish == name)) {
        let shown = format!(
            "{} rounds of {} s each, ours and {}",
            wishes.rounds,
            wishes.seconds,
            wishes.peers.join(", ")
        );
        let mut case = None;
        steps.check(&format!("bench {name}"), &shown, |steps| {
            case = Some(field.compare(steps, name, *count, &wishes)?);
            Ok(())
        })?;
        compared.extend(case);
    }
    let table = report::table(&compared);
    println!("\n{table}");
    if wishes.are_whole() {
        let archive = report::archive(steps, &wishes.described(), field.scheduling(), &compared)?;
        println!("kept as {}", archive.display());
    } else {
        println!("not kept under bench/runs: it holds whole runs only");
    }
    Ok(())
}

impl Wishes {
    fn described(&self) -> Value {
        json!({ "seconds": self.seconds, "rounds": self.rounds, "threads": self.threads })
    }
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

/// Who is measured, and how.
struct Field {
    python: PathBuf,
    realtime: bool,
    folder: PathBuf,
}

impl Field {
    /// One case: the same steps by all, then the rounds.
    fn compare(&self, steps: &Steps, case: &str, count: u64, wishes: &Wishes) -> Result<Compared> {
        let exported = self.export(steps, case)?;
        let peers: Vec<&Peer> =
            PEERS.iter().filter(|peer| wishes.peers.iter().any(|wish| wish == peer.name)).collect();
        let length = ["--steps".to_owned(), count.to_string()];
        let ours = self.ours(steps, case, &exported, 1, &length)?;
        let mut checks = Vec::new();
        for peer in &peers {
            let theirs = self.peer(steps, peer, &exported, 1, &length)?;
            checks.push(agreement(case, count, peer, &ours, &theirs)?);
        }
        let length = ["--seconds".to_owned(), wishes.seconds.to_string()];
        let mut compared = Compared::new(case, ours, checks);
        for round in 0..wishes.rounds {
            for &threads in &wishes.threads {
                compared.add("deltarule", round, self.ours(steps, case, &exported, threads, &length)?);
                for peer in &peers {
                    compared.add(peer.name, round, self.peer(steps, peer, &exported, threads, &length)?);
                }
            }
        }
        // MNIST's rows are 190 MB, once for each case.
        std::fs::remove_dir_all(&exported)
            .with_context(|| format!("could not remove {}", exported.display()))?;
        Ok(compared)
    }

    fn export(&self, steps: &Steps, case: &str) -> Result<PathBuf> {
        let mut command = steps.program(program(steps));
        command.args(["bench", "--quiet", "--case", case, "--export"]).arg(&self.folder);
        output(command)?;
        Ok(self.folder.join(case))
    }

    fn ours(
        &self,
        steps: &Steps,
        case: &str,
        exported: &Path,
        threads: usize,
        length: &[String],
    ) -> Result<Value> {
        let mut command = self.measured(steps, &program(steps));
        command.args(["bench", "--json", "--quiet", "--case", case, "--threads", &threads.to_string()]);
        command.args(length).arg("--weights").arg(exported.join("weights.safetensors"));
        Ok(answer(command)?[0].take())
    }

    fn peer(
        &self,
        steps: &Steps,
        peer: &Peer,
        exported: &Path,
        threads: usize,
        length: &[String],
    ) -> Result<Value> {
        let mut command = self.measured(steps, &self.python);
        command.arg(steps.root().join("bench/peers").join(peer.program));
        command.arg("--case-folder").arg(exported).args(["--threads", &threads.to_string()]).args(length);
        answer(command)
    }

    /// A program, ahead of everything else on the machine where that is wished.
    fn measured(&self, steps: &Steps, program: &Path) -> Command {
        if !self.realtime {
            return steps.program(program);
        }
        let mut command = steps.program("chrt");
        command.args(["-f", "10"]).arg(program);
        command
    }

    fn scheduling(&self) -> &'static str {
        if self.realtime {
            "realtime scheduling (chrt -f 10) of ours and the peers alike, because the machine was shared"
        } else {
            "as the system does it"
        }
    }
}

/// That a peer took the steps that we took: its last batch's loss is ours.
fn agreement(case: &str, count: u64, peer: &Peer, ours: &Value, theirs: &Value) -> Result<Value> {
    let (our_loss, their_loss) = (figure(ours, "loss")?, figure(theirs, "loss")?);
    let apart = (our_loss - their_loss).abs() / our_loss.abs();
    // A NaN must not pass.
    ensure!(
        apart <= AGREEMENT,
        "{case}: after {count} steps the loss is {our_loss}, {} has {their_loss}: {apart:.1e} apart, at most \
         {AGREEMENT:.0e} is expected",
        peer.name
    );
    Ok(json!({
        "peer": peer.name, "steps": count, "our_loss": our_loss, "their_loss": their_loss, "relative_difference": apart,
    }))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_read_and_wrong_ones_refused() {
        let wishes = Wishes::read(&[]).unwrap();
        assert!(wishes.are_whole() && wishes.rounds == 3 && !wishes.realtime);
        let wishes = Wishes::read(&["--case", "xor,ciresan", "--threads", "1", "--realtime"]).unwrap();
        assert_eq!(
            (wishes.cases.as_slice(), wishes.threads.as_slice()),
            (&["xor".into(), "ciresan".into()][..], &[1][..])
        );
        assert!(!wishes.are_whole() && wishes.realtime);
        for (words, expected) in [
            (&["--fast"][..], "bench knows no --fast"),
            (&["--case", "xro"], "--case: expected some of xor, nielsen"),
            (&["--case"], "--case needs a value"),
            (&["--peer", "abacus"], "--peer: expected some of pytorch-eager"),
            (&["--threads", "0"], "--threads: expected 1 or more"),
            (&["--rounds", "0"], "--rounds: expected 1 or more"),
            (&["--seconds", "NaN"], "--seconds: expected up to an hour"),
            (&["--seconds", "soon"], "--seconds: expected a number"),
        ] {
            let error = Wishes::read(words).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn losses_that_differ_are_not_compared_any_further() {
        let of = |loss: f64| json!({ "loss": loss });
        let check = |theirs: &Value| agreement("xor", 9, &PEERS[0], &of(0.5), theirs);
        // |0.5 − 0.5004| / 0.5 = 0.0008
        let apart = check(&of(0.5004)).unwrap()["relative_difference"].as_f64().unwrap();
        assert!((apart - 8e-4).abs() < 1e-12);
        assert!(check(&of(0.5006)).unwrap_err().to_string().contains("after 9 steps the loss is 0.5"));
        assert!(check(&json!({ "loss": null })).unwrap_err().to_string().contains("no number under"));
        assert!(agreement("xor", 9, &PEERS[0], &of(0.0), &of(0.0)).is_err());
    }
}
