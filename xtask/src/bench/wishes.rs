//! What `cargo xtask bench` was asked for.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::bench::jobs::{ADAM, JOBS, Job, PLAIN, cases};
use crate::bench::peers::PEERS;

/// What `--case` calls the networks that ours alone is measured on.
const SHAPES: &str = "shapes";

/// The words after `bench`, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Wishes {
    cases: Vec<String>,
    optimizers: Vec<String>,
    peers: Vec<String>,
    /// Numbers of threads that everyone is given.
    pub threads: Vec<usize>,
    /// Length of a turn.
    pub seconds: f64,
    /// How often everyone has a turn.
    pub rounds: usize,
    /// Whether every way of using a peer is tried on every case.
    pub all_variants: bool,
    /// An interpreter that has the packages.
    pub python: Option<PathBuf>,
    /// Whether all run ahead of whatever else the machine does.
    pub realtime: bool,
    /// Where to write the document beside the archive.
    pub json: Option<PathBuf>,
    /// Ours alone, for `cargo xtask test`.
    pub slice: bool,
}

impl Wishes {
    /// Reads them.
    pub fn read(words: &[&str]) -> Result<Self> {
        let (cases, peers): (Vec<_>, Vec<_>) = (cases(), PEERS.iter().map(|peer| peer.name).collect());
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let mut wishes = Self {
            cases: owned(&[&cases[..], &[SHAPES]].concat()),
            optimizers: owned(&[PLAIN, ADAM]),
            peers: owned(&peers),
            threads: vec![1, 2],
            seconds: 0.5,
            rounds: 5,
            all_variants: false,
            python: None,
            realtime: false,
            json: None,
            slice: false,
        };
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            let mut value = || words.next().copied().with_context(|| format!("{word} needs a value"));
            match word {
                "--case" => wishes.cases = names(word, value()?, &[&cases[..], &[SHAPES]].concat())?,
                "--optimizer" => wishes.optimizers = names(word, value()?, &[PLAIN, ADAM])?,
                "--peer" => wishes.peers = names(word, value()?, &peers)?,
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
                "--json" => wishes.json = Some(value()?.into()),
                "--realtime" => wishes.realtime = true,
                "--all-variants" => wishes.all_variants = true,
                "--slice" => wishes.slice = true,
                _ => bail!(
                    "bench knows no {word}; there are --case, --optimizer, --peer, --threads, --seconds, --rounds, \
                     --all-variants, --python, --json FILE, --realtime and --slice"
                ),
            }
        }
        Ok(wishes)
    }

    /// Whether this job is wished for.
    pub fn job(&self, job: &Job) -> bool {
        self.cases.iter().any(|wish| wish == job.case)
            && self.optimizers.iter().any(|wish| wish == job.optimizer)
    }

    /// Whether ours alone is measured on shapes of interest.
    pub fn shapes(&self) -> bool {
        self.cases.iter().any(|wish| wish == SHAPES)
    }

    /// Whether this peer is wished for.
    pub fn peer(&self, name: &str) -> bool {
        self.peers.iter().any(|wish| wish == name)
    }

    /// A part of the jobs or peers is for trying things; the archive keeps whole runs.
    pub fn are_whole(&self) -> bool {
        self.shapes() && JOBS.iter().all(|job| self.job(job)) && PEERS.iter().all(|peer| self.peer(peer.name))
    }

    /// For the line that announces a job.
    pub fn in_words(&self) -> String {
        let Self { rounds, seconds, .. } = self;
        format!("{rounds} rounds of {seconds} s each, ours before each of {}", self.peers.join(", "))
    }

    /// How it was measured.
    pub fn described(&self) -> Value {
        json!({
            "seconds": self.seconds,
            "rounds": self.rounds,
            "threads": self.threads,
            "all_variants": self.all_variants,
            "scheduling": self.scheduling(),
        })
    }

    fn scheduling(&self) -> &'static str {
        if self.realtime {
            "realtime scheduling (chrt -f 10) of ours and the peers alike, because the machine was shared"
        } else {
            "as the system does it"
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_read_and_wrong_ones_refused() {
        let wishes = Wishes::read(&[]).unwrap();
        assert!(wishes.are_whole() && wishes.rounds == 5 && !wishes.realtime);
        assert!(wishes.shapes() && JOBS.iter().all(|job| wishes.job(job)));
        let words = ["--case", "xor,ciresan", "--threads", "1", "--realtime", "--json", "run.json"];
        let wishes = Wishes::read(&words).unwrap();
        assert_eq!(JOBS.iter().filter(|job| wishes.job(job)).count(), 2);
        assert_eq!(
            (wishes.threads.as_slice(), wishes.json.as_deref()),
            (&[1][..], Some("run.json".as_ref()))
        );
        assert!(!wishes.are_whole() && wishes.realtime);
        let wishes = Wishes::read(&["--optimizer", "adam", "--peer", "jax"]).unwrap();
        assert!(JOBS.iter().all(|job| wishes.job(job) == (job.optimizer == "adam")));
        assert!(wishes.peer("jax") && !wishes.peer("pytorch-eager") && !wishes.are_whole());
        for (words, expected) in [
            (&["--fast"][..], "bench knows no --fast"),
            (&["--case", "xro"], "--case: expected some of xor, nielsen"),
            (&["--case"], "--case needs a value"),
            (&["--peer", "abacus"], "--peer: expected some of pytorch-eager"),
            (&["--optimizer", "sgd"], "--optimizer: expected some of gradient_descent, adam"),
            (&["--threads", "0"], "--threads: expected 1 or more"),
            (&["--rounds", "0"], "--rounds: expected 1 or more"),
            (&["--seconds", "NaN"], "--seconds: expected up to an hour"),
            (&["--seconds", "soon"], "--seconds: expected a number"),
        ] {
            let error = Wishes::read(words).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
