//! A temporary folder to run the program in.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// Settings of a small, quick training.
pub const QUICK: [&str; 4] = ["--hidden", "4", "--epochs", "3"];

/// The folder.
pub struct Place {
    folder: TempDir,
}

/// What a run of the program came to.
#[derive(Debug)]
pub struct Ran {
    /// The exit code.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A folder with `flowers.csv` in it, and a model trained on it under the run `first`.
    pub fn with_model() -> Self {
        let place = Self::new();
        place.write("flowers.csv", flowers(60));
        let arguments = ["train", "flowers.csv", "--target", "kind", "--run", "first"];
        place.run(arguments.into_iter().chain(QUICK)).is_done();
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_deltarule"));
        command.args(arguments).current_dir(self.folder.path());
        command.env_remove("COLUMNS").env_remove("NO_COLOR").env("TERM", "xterm-256color");
        command
    }

    pub fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    /// Runs with these bytes on standard input.
    pub fn run_on<S: AsRef<OsStr>>(&self, input: &[u8], arguments: impl IntoIterator<Item = S>) -> Ran {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        Ran::of(child.wait_with_output().unwrap())
    }

    /// All files below the folder.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        collect(self.folder.path(), &mut files);
        files.sort();
        files
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        files.push(path.clone());
        if path.is_dir() {
            collect(&path, files);
        }
    }
}

impl Ran {
    pub fn of(output: std::process::Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    pub fn is_done(&self) -> &Self {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self
    }

    /// The one JSON document on standard output.
    pub fn json(&self) -> Value {
        self.is_done();
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// It could not run, says so in one line of these words, and shows no backtrace.
    pub fn is_refused(&self, words: &[&str]) -> &Self {
        assert_eq!(self.code, Some(2), "{self:#?}");
        assert_eq!(self.out, "", "{self:#?}");
        let error = self.err.lines().find(|line| line.starts_with("error: "));
        let error = error.unwrap_or_else(|| panic!("no line of error: {self:#?}"));
        for word in words {
            assert!(error.contains(word), "no {word:?} in: {error}");
        }
        assert!(!self.err.contains("panicked") && !self.err.contains("backtrace"), "{self:#?}");
        self
    }
}

/// Kills a program that has not ended by the time it should have, so that a test that would wait for it for ever fails, with what
/// it said. Dropped, it lets the program be.
pub struct Deadline {
    _met: Sender<()>,
}

impl Deadline {
    pub fn of(child: &Child) -> Self {
        const TIME: Duration = Duration::from_secs(120);
        let (met, is_met) = mpsc::channel();
        let id = child.id().to_string();
        std::thread::spawn(move || {
            if is_met.recv_timeout(TIME) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = Command::new("kill").args(["-KILL", &id]).status();
            }
        });
        Self { _met: met }
    }
}

/// A table of two numbers, a colour and a kind that follows from them.
pub fn flowers(rows: usize) -> String {
    let mut text = "length,width,colour,kind\n".to_owned();
    for i in 0..rows {
        let (length, width) = ((i * 7 % 13) as f64 / 2.0, (i * 5 % 11) as f64 / 3.0);
        let colour = ["red", "blue", "white"][i % 3];
        let kind = if length + 2.0 * width > 6.5 { "tall" } else { "low" };
        text.push_str(&format!("{length:.1},{width:.2},{colour},{kind}\n"));
    }
    text
}
