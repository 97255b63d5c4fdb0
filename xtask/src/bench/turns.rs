//! A program that takes turns: it is started once for a case, and measures when it is told to.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::steps::shown;

/// A running program, waiting for its turn.
#[derive(Debug)]
pub struct Contestant {
    /// Whose program it is.
    pub who: &'static str,
    /// The way in which it is used; empty where there is one only.
    pub variant: &'static str,
    /// Threads it was given.
    pub threads: usize,
    shown: String,
    log: PathBuf,
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Contestant {
    /// Starts a program. What it says on standard error goes to a file in `logs`, shown where it fails.
    pub fn start(
        who: &'static str,
        variant: &'static str,
        threads: usize,
        mut command: Command,
        logs: &Path,
    ) -> Result<Self> {
        let shown = shown(&command);
        let log = logs.join(format!("{who}-{variant}-{threads}.log"));
        let file = File::create(&log).with_context(|| format!("could not write {}", log.display()))?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(file);
        let mut child = command.spawn().with_context(|| format!("could not start: {shown}"))?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().context("no output of a program just started")?);
        Ok(Self { who, variant, threads, shown, log, child, input, output })
    }

    /// `pytorch-compiled whole, 2 threads`.
    pub fn name(&self) -> String {
        let space = if self.variant.is_empty() { "" } else { " " };
        let s = if self.threads == 1 { "" } else { "s" };
        format!("{}{space}{}, {} thread{s}", self.who, self.variant, self.threads)
    }

    /// Has it train from the start weights again: `steps N` or `seconds T`. The answer is what it measured.
    pub fn turn(&mut self, length: &str) -> Result<Value> {
        let answer = self.answer(length);
        answer.with_context(|| {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(20)..].join("\n");
            format!("{} gave no answer to `{length}`: {}\n{last}", self.name(), self.shown)
        })
    }

    fn answer(&mut self, length: &str) -> Result<Value> {
        let input = self.input.as_mut().context("its input is closed")?;
        writeln!(input, "{length}")?;
        input.flush()?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        ensure!(!line.is_empty(), "it ended");
        let answer: Value = serde_json::from_str(&line).with_context(|| format!("no JSON: {line:?}"))?;
        let time = answer["microseconds_per_step"].as_f64();
        ensure!(time.is_some_and(|time| time > 0.0 && time.is_finite()), "no time in {line:?}");
        Ok(answer)
    }
}

impl Drop for Contestant {
    /// The end of its input is the sign to leave; a program that is done for is not waited for.
    fn drop(&mut self) {
        drop(self.input.take());
        if std::thread::panicking() {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Contestant {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Contestant::start("sh", "plain", 1, command, &std::env::temp_dir()).unwrap()
    }

    #[test]
    fn a_program_answers_each_turn_until_its_input_ends() {
        let mut sh = shell(r#"while read word n; do echo "{\"microseconds_per_step\": $n}"; done"#);
        assert_eq!(sh.name(), "sh plain, 1 thread");
        assert_eq!(sh.turn("steps 7").unwrap()["microseconds_per_step"], 7);
        assert_eq!(sh.turn("seconds 0.5").unwrap()["microseconds_per_step"], 0.5);
        // A step that took no time was not measured.
        assert!(sh.turn("steps 0").is_err());
    }

    #[test]
    fn a_program_that_ends_is_reported_with_its_last_words() {
        let error = format!("{:#}", shell("read line; echo out of luck >&2").turn("steps 1").unwrap_err());
        assert!(
            error.contains("gave no answer to `steps 1`: sh -c") && error.contains("out of luck"),
            "{error}"
        );
        let error = format!("{:#}", shell("read line; echo hello").turn("steps 1").unwrap_err());
        assert!(error.contains("no JSON"), "{error}");
    }
}
