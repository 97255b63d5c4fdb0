//! One step after another: each is announced with its exact command, timed, and ends the run when it fails.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, pipe};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::tally::Tally;

/// The steps of a run so far: what they took and what their tests came to.
#[derive(Debug)]
pub struct Steps {
    root: PathBuf,
    started: Instant,
    done: Vec<(String, Duration)>,
    tally: Tally,
    has_program: bool,
}

impl Steps {
    /// No step yet; commands run in `root`.
    pub fn new(root: PathBuf) -> Self {
        Self { root, started: Instant::now(), done: Vec::new(), tally: Tally::default(), has_program: false }
    }

    /// The workspace's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where cargo builds.
    pub fn target(&self) -> PathBuf {
        std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| self.root.join("target"), |folder| self.root.join(folder))
    }

    /// `cargo` with these words, in the workspace's folder. The cargo that runs this program, not another one.
    pub fn cargo(&self, words: &[&str]) -> Command {
        let mut command = self.program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(words);
        command
    }

    /// A program, in the workspace's folder.
    pub fn program(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// Builds the command line as developers do, and says where it is; at most once, and not after
    /// [`program_is_built`](Self::program_is_built).
    pub fn built_program(&mut self) -> Result<PathBuf> {
        if !self.has_program {
            self.run("build the program", self.cargo(&["build", "--package", "deltarule-cli"]))?;
            self.has_program = true;
        }
        Ok(std::path::absolute(self.target()).context("no current folder")?.join("debug/deltarule"))
    }

    /// Tests of the whole workspace have built the command line for themselves. Built by its package alone, it has fewer features
    /// of what it depends on: all of that would be compiled again (405 s on two cores).
    pub fn program_is_built(&mut self) {
        self.has_program = true;
    }

    /// Runs a step that must exit 0, its output going where ours goes.
    pub fn run(&mut self, name: &str, mut command: Command) -> Result<()> {
        self.timed(name, &shown(&command), |_| {
            let status = command.status().with_context(|| format!("could not start: {}", shown(&command)))?;
            if !status.success() {
                bail!("{name} failed ({status}): {}", shown(&command));
            }
            Ok(())
        })
    }

    /// Runs a step that is made of tests: it must exit 0, each of its binaries must have run a test, none left out.
    pub fn run_tests(&mut self, name: &str, mut command: Command) -> Result<()> {
        self.timed(name, &shown(&command), |steps| {
            let shown = shown(&command);
            let (output, writer) = pipe().context("could not make a pipe")?;
            // One pipe for both streams keeps the order: cargo names a binary on one, the binary reports on the other.
            command.stdout(writer.try_clone().context("could not share a pipe")?).stderr(writer);
            let mut child = command.spawn().with_context(|| format!("could not start: {shown}"))?;
            // The command holds the pipe's writing ends; without this the output would never end.
            drop(command);
            let mut tally = Tally::default();
            for line in BufReader::new(output).split(b'\n') {
                let line = line.with_context(|| format!("could not read the output of {shown}"))?;
                let line = String::from_utf8_lossy(&line);
                tally.read(&line);
                println!("{line}");
            }
            let status = child.wait().with_context(|| format!("could not wait for {shown}"))?;
            steps.tally.add(&tally);
            if !status.success() {
                bail!("{name} failed ({status}): {shown}");
            }
            if tally.runners == 0 {
                bail!("{name} failed: no test runner reported: {shown}");
            }
            if !tally.complaints.is_empty() {
                bail!("{name} failed: {}: {shown}", tally.complaints.join("; "));
            }
            Ok(())
        })
    }

    /// Runs a step that counts as one test: a check done here rather than by a test runner.
    pub fn check(&mut self, name: &str, shown: &str, check: impl FnOnce(&Self) -> Result<()>) -> Result<()> {
        self.timed(name, shown, |steps| {
            let outcome = check(steps);
            match &outcome {
                Ok(()) => steps.tally.passed += 1,
                Err(_) => steps.tally.failed += 1,
            }
            outcome
        })
    }

    fn timed(&mut self, name: &str, shown: &str, work: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        println!("\n=== {name}\n    {shown}");
        let started = Instant::now();
        let outcome = work(self);
        let took = started.elapsed();
        println!(
            "--- {name}: {} in {:.1} s",
            if outcome.is_ok() { "done" } else { "FAILED" },
            took.as_secs_f64()
        );
        self.done.push((name.to_owned(), took));
        outcome
    }

    /// Says what each step took, and ends with the line `N passed, N failed`.
    ///
    /// A step that failed without a failing test (a lint, a build) counts as one failure.
    pub fn close(mut self, succeeded: bool) {
        if self.done.is_empty() && succeeded {
            return;
        }
        println!("\nTimes:");
        for (name, took) in &self.done {
            println!("  {:>7.1} s  {name}", took.as_secs_f64());
        }
        println!("  {:>7.1} s  all", self.started.elapsed().as_secs_f64());
        if !succeeded && self.tally.failed == 0 {
            self.tally.failed = 1;
        }
        println!("{}", self.tally);
    }
}

/// A command as one would type it, its own environment variables first.
pub fn shown(command: &Command) -> String {
    let variables = command
        .get_envs()
        .filter_map(|(name, value)| Some(format!("{}={}", name.to_string_lossy(), quoted(value?))));
    // Cargo says where it lies by its full path; what one types is its name.
    let program = Path::new(command.get_program());
    let program = match program.file_stem() {
        Some(stem) if stem == "cargo" => stem,
        _ => program.as_os_str(),
    };
    let words = std::iter::once(program).chain(command.get_args()).map(quoted);
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

/// A word with quotes around it where a shell would take it apart.
fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn steps() -> Steps {
        Steps::new(std::env::temp_dir())
    }

    #[test]
    fn a_command_is_shown_as_one_types_it() {
        let mut command = Command::new("/opt/rust/bin/cargo");
        command.args(["doc", "--config", "a = 'b'"]).env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(shown(&command), r"RUSTDOCFLAGS='-D warnings' cargo doc --config 'a = '\''b'\'''");
    }

    #[test]
    fn tests_on_both_streams_are_counted() {
        let mut steps = steps();
        let script = "echo '  Running a (b)' >&2; echo 'test result: ok. 3 passed; 0 failed; 0 ignored'";
        steps.run_tests("three", shell(script)).unwrap();
        assert_eq!(steps.tally.to_string(), "3 passed, 0 failed");
    }

    #[test]
    fn a_failing_runner_ends_the_run_and_is_counted() {
        let mut steps = steps();
        let error = steps
            .run_tests("x", shell("echo 'test result: FAILED. 3 passed; 2 failed'; exit 101"))
            .unwrap_err();
        assert!(error.to_string().starts_with("x failed (exit status: 101): sh -c"), "{error}");
        assert_eq!(steps.tally.to_string(), "3 passed, 2 failed");
    }

    #[test]
    fn a_step_without_any_test_fails() {
        let error = steps().run_tests("x", shell("exit 0")).unwrap_err();
        assert!(error.to_string().contains("no test runner reported"), "{error}");
        let error = steps().run_tests("x", shell("echo 'test result: ok. 0 passed; 0 failed'")).unwrap_err();
        assert!(error.to_string().contains("ran no test"), "{error}");
    }

    #[test]
    fn a_step_that_exits_otherwise_than_0_fails() {
        let error = steps().run("lint", shell("exit 3")).unwrap_err();
        assert_eq!(error.to_string(), "lint failed (exit status: 3): sh -c 'exit 3'");
    }
}
