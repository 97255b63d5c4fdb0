//! The folder that a run leaves behind: its configuration, events, checkpoint and model.
//!
//! ```text
//! runs/digits-3/
//!   config.toml              complete, runnable again
//!   events.jsonl             one event on each line, with its time
//!   controls.jsonl           what a page or another program asks of the run while it goes, one control on each line
//!   checkpoint.safetensors   the latest state to resume from
//!   model.safetensors        the trained model; its presence says that the run is finished
//! ```
//!
//! A folder that holds any of these files is never written by a new run: the caller is told to resume it, to delete it
//! or to choose another name. Nothing here trains, or knows what the files mean.

use std::fs::{File, TryLockError};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::atomic_file::write_atomically;
use crate::error::{ErrorKind, Result};
use crate::event::{Event, Observer};

/// The folder that holds the runs, where nothing else is said.
pub const RUNS: &str = "runs";

const CONFIG: &str = "config.toml";
const EVENTS: &str = "events.jsonl";
const CONTROLS: &str = "controls.jsonl";
const DIAGNOSIS: &str = "diagnosis.json";
const CHECKPOINT: &str = "checkpoint.safetensors";
const MODEL: &str = "model.safetensors";

/// How far a run in a folder has come, told by its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// No file of a run.
    Nothing,
    /// It began, but there is no checkpoint to resume from.
    Begun,
    /// There is a checkpoint, and no model yet.
    Resumable,
    /// There is a model.
    Finished,
}

/// A run's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Makes `runs/<name>-<N>` with the number after the highest taken one.
    ///
    /// The folder is made in one indivisible step, so that two runs that start at once get two folders.
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    pub fn numbered(runs: &Path, name: &str) -> Result<Self> {
        std::fs::create_dir_all(runs).map_err(|source| Error::io(runs, "create the folder", source))?;
        let mut number = highest_number(runs, name)?.saturating_add(1);
        loop {
            let path = runs.join(format!("{name}-{number}"));
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path }),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && number < u64::MAX => {
                    number += 1;
                }
                Err(source) => return Err(Error::io(path, "create the folder", source)),
            }
        }
    }

    /// Makes the folder at `path`, or takes one that holds no run yet.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] where it holds a run already; [`ErrorKind::Io`].
    pub fn create(path: &Path) -> Result<Self> {
        let folder = Self { path: path.to_owned() };
        let (first, why) = match folder.progress() {
            Progress::Nothing => {
                std::fs::create_dir_all(path)
                    .map_err(|source| Error::io(path, "create the folder", source))?;
                return Ok(folder);
            }
            Progress::Finished => ("holds a finished run", "delete it"),
            Progress::Resumable => ("holds an interrupted run", "say --resume to go on with it"),
            Progress::Begun => {
                ("holds a run that ended before its first checkpoint", "say --resume to begin it again")
            }
        };
        Err(ErrorKind::Conflict {
            first: "a new run".into(),
            second: path.display().to_string(),
            why: format!("the folder {first}, which is not overwritten; {why}, or give another --run"),
        }
        .into())
    }

    /// Opens the folder of a run that has begun.
    ///
    /// # Errors
    /// [`ErrorKind::FileNotFound`] where there is no such folder; [`ErrorKind::BadFormat`] where it holds no run.
    pub fn open(path: &Path) -> Result<Self> {
        let folder = Self { path: path.to_owned() };
        if !path.is_dir() {
            return Err(ErrorKind::FileNotFound { path: path.into() }.into());
        }
        if folder.progress() == Progress::Nothing {
            let (what, expected) =
                ("the folder".into(), format!("that of a run, with {CONFIG} and {EVENTS}"));
            let got = "neither".into();
            return Err(ErrorKind::BadFormat { path: path.into(), what, expected, got }.into());
        }
        Ok(folder)
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder's own name: `digits-3`.
    #[must_use]
    pub fn name(&self) -> String {
        let name = self.path.file_name().map(|name| name.to_string_lossy().into_owned());
        name.unwrap_or_else(|| self.path.display().to_string())
    }

    /// `config.toml`.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.path.join(CONFIG)
    }

    /// `events.jsonl`.
    #[must_use]
    pub fn events(&self) -> PathBuf {
        self.path.join(EVENTS)
    }

    /// `controls.jsonl`.
    #[must_use]
    pub fn controls(&self) -> PathBuf {
        self.path.join(CONTROLS)
    }

    /// `diagnosis.json`: what the doctor's trials came to, if it was asked.
    #[must_use]
    pub fn diagnosis(&self) -> PathBuf {
        self.path.join(DIAGNOSIS)
    }

    /// `checkpoint.safetensors`.
    #[must_use]
    pub fn checkpoint(&self) -> PathBuf {
        self.path.join(CHECKPOINT)
    }

    /// `model.safetensors`.
    #[must_use]
    pub fn model(&self) -> PathBuf {
        self.path.join(MODEL)
    }

    /// How far its run has come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        if self.model().exists() {
            Progress::Finished
        } else if self.checkpoint().exists() {
            Progress::Resumable
        } else if self.config().exists() || self.events().exists() {
            Progress::Begun
        } else {
            Progress::Nothing
        }
    }

    /// Writes `config.toml`.
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    pub fn write_config(&self, toml: &str) -> Result<()> {
        write_atomically(&self.config(), toml.as_bytes())
    }

    /// Reads `config.toml`.
    ///
    /// # Errors
    /// [`ErrorKind::FileNotFound`], [`ErrorKind::Io`].
    pub fn read_config(&self) -> Result<String> {
        let path = self.config();
        std::fs::read_to_string(&path).map_err(|source| Error::io(path, "read", source))
    }
}

/// Where `--run` points: a text with a separator in it is a path, any other a name under `runs`.
///
/// ```
/// use deltarule::run_folder::place;
/// use std::path::Path;
/// assert_eq!(place(Path::new("runs"), "wide").unwrap(), Path::new("runs").join("wide"));
/// assert_eq!(place(Path::new("runs"), "./wide").unwrap(), Path::new("./wide"));
/// ```
///
/// # Errors
/// [`ErrorKind::BadSetting`] where it is empty.
pub fn place(runs: &Path, run: &str) -> Result<PathBuf> {
    let path = Path::new(run);
    let mut parts = path.components();
    match (parts.next(), parts.next()) {
        (None, _) => Err(ErrorKind::BadSetting {
            setting: "run".into(),
            got: format!("{run:?}"),
            expected: "a name or a folder".into(),
            next: "say --run wide, or --run ./folder".into(),
        }
        .into()),
        (Some(Component::Normal(_)), None) if !run.contains(std::path::is_separator) => Ok(runs.join(run)),
        _ => Ok(path.to_owned()),
    }
}

/// A run's name after its data: the file's name without endings, in characters that need no quotes.
///
/// ```
/// use deltarule::run_folder::name_after;
/// assert_eq!(name_after("data/Sales 2026.csv.gz"), "Sales-2026");
/// assert_eq!(name_after("-"), "stdin");
/// ```
#[must_use]
pub fn name_after(data: &str) -> String {
    const LONGEST: usize = 40;
    if data == "-" {
        return "stdin".into();
    }
    let name =
        Path::new(data).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = name.trim_start_matches('.').split('.').next().unwrap_or_default();
    let safe: String =
        stem.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '-' }).take(LONGEST).collect();
    let safe = safe.trim_matches('-');
    if safe.is_empty() { "run".into() } else { safe.into() }
}

fn highest_number(runs: &Path, name: &str) -> Result<u64> {
    let error = |source| Error::io(runs, "list the folder", source);
    let mut highest = 0;
    for entry in std::fs::read_dir(runs).map_err(error)? {
        let taken = entry.map_err(error)?.file_name();
        let number =
            taken.to_str().and_then(|taken| taken.strip_prefix(name)?.strip_prefix('-')?.parse().ok());
        highest = highest.max(number.unwrap_or(0));
    }
    Ok(highest)
}

/// One line of `events.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimedEvent {
    /// When it was written down: RFC 3339, UTC.
    pub time: String,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// Writes events down, one line of JSON each.
///
/// While it is open it holds a lock on its file, so that no second process writes into the same run. Where a line
/// cannot be written (a full disk), the first such error is handed to `on_error`, the log stays silent from then on,
/// and training goes on.
pub struct EventLog {
    path: PathBuf,
    file: Option<File>,
    on_error: Box<dyn FnMut(&Error) + Send>,
}

impl EventLog {
    /// Opens `events.jsonl` of `folder` at its end; a last line that a crash cut short is taken off first.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] where another process writes it; [`ErrorKind::Io`].
    pub fn open(folder: &RunFolder, on_error: impl FnMut(&Error) + Send + 'static) -> Result<Self> {
        let path = folder.events();
        let error = |source| Error::io(&path, "write", source);
        let options = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = options.map_err(error)?;
        match lock(&file) {
            Err(TryLockError::WouldBlock) => {
                return Err(ErrorKind::Conflict {
                    first: "this process".into(),
                    second: folder.path.display().to_string(),
                    why:
                        "another process is writing to that run now; wait for its end, or give another --run"
                            .into(),
                }
                .into());
            }
            // A file system without locks (some network mounts) is no reason not to train.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let end = end_of_last_line(&mut file).map_err(error)?;
        file.set_len(end).map_err(error)?;
        file.seek(SeekFrom::End(0)).map_err(error)?;
        Ok(Self { path, file: Some(file), on_error: Box::new(on_error) })
    }

    fn write(&mut self, event: &Event) -> std::io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let time = jiff::Timestamp::now().to_string();
        let mut line = serde_json::to_vec(&TimedEvent { time, event: event.clone() })?;
        line.push(b'\n');
        file.write_all(&line)?; // one call, so that a reader beside us sees whole lines
        if matches!(event, Event::Ended { .. } | Event::Checkpointed { .. }) {
            file.sync_data()?;
        }
        Ok(())
    }
}

impl Observer for EventLog {
    fn observe(&mut self, event: &Event) {
        if let Err(source) = self.write(event) {
            self.file = None;
            (self.on_error)(&Error::io(&self.path, "write", source));
        }
    }
}

/// Locks the file; whoever only looks whether it is locked has it for a moment, which is waited for.
fn lock(file: &File) -> std::result::Result<(), TryLockError> {
    const TRIES: usize = 5;
    for _ in 1..TRIES {
        if !matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    file.try_lock()
}

/// Where the last whole line ends: reads back from the end in pieces until a line break.
fn end_of_last_line(file: &mut File) -> std::io::Result<u64> {
    const PIECE: u64 = 4096;
    let mut end = file.seek(SeekFrom::End(0))?;
    while end > 0 {
        let start = end.saturating_sub(PIECE);
        file.seek(SeekFrom::Start(start))?;
        let mut piece = Vec::new();
        file.take(end - start).read_to_end(&mut piece)?;
        if let Some(at) = piece.iter().rposition(|&byte| byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// Reads `events.jsonl`, handing each event to `each` in order; a last line without its end is left out, since its
/// writer may be at it. Returns whether there was one.
///
/// # Errors
/// [`ErrorKind::FileNotFound`], [`ErrorKind::Io`]; [`ErrorKind::BadFormat`] with the line's number where one is no
/// event, or longer than a mebibyte.
pub fn read_events(path: &Path, mut each: impl FnMut(TimedEvent)) -> Result<bool> {
    const LONGEST: u64 = 1 << 20;
    let error = |source| Error::io(path, "read", source);
    let mut lines = BufReader::new(File::open(path).map_err(error)?);
    let mut line = Vec::new();
    let mut number = 0_u64;
    loop {
        number += 1;
        line.clear();
        (&mut lines).take(LONGEST).read_until(b'\n', &mut line).map_err(error)?;
        if line.last() != Some(&b'\n') && (line.len() as u64) < LONGEST {
            return Ok(!line.is_empty());
        }
        match serde_json::from_slice(&line) {
            Ok(event) => each(event),
            Err(error) => {
                let (what, expected) = (format!("line {number}"), "one event as JSON".into());
                let (path, got) = (path.into(), error.to_string());
                return Err(ErrorKind::BadFormat { path, what, expected, got }.into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Control;
    use std::sync::{Arc, Mutex};

    fn event(step: u64) -> Event {
        Event::Controlled { step, control: Control::ScaleLearningRate { factor: 0.1 } }
    }

    fn steps(folder: &RunFolder) -> Vec<u64> {
        let mut steps = Vec::new();
        let _cut = read_events(&folder.events(), |timed| match timed.event {
            Event::Controlled { step, .. } => steps.push(step),
            other => panic!("{other:?}"),
        })
        .unwrap();
        steps
    }

    #[test]
    fn numbers_go_on_after_the_highest_taken_one() {
        let runs = tempfile::tempdir().unwrap();
        for taken in ["digits-2", "digits-7", "digits-x", "digits-wide-9", "other-30", "digits"] {
            std::fs::create_dir(runs.path().join(taken)).unwrap();
        }
        assert_eq!(RunFolder::numbered(runs.path(), "digits").unwrap().name(), "digits-8");
        assert_eq!(RunFolder::numbered(runs.path(), "digits").unwrap().name(), "digits-9");
        assert_eq!(RunFolder::numbered(&runs.path().join("new"), "a").unwrap().name(), "a-1");
    }

    #[test]
    fn runs_that_start_at_once_get_folders_of_their_own() {
        let runs = tempfile::tempdir().unwrap();
        let names: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| RunFolder::numbered(runs.path(), "a").unwrap().name()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let different: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(different.len(), 8, "{names:?}");
    }

    #[test]
    fn a_folder_with_a_run_in_it_is_not_taken_for_a_new_one() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("deep/wide");
        let folder = RunFolder::create(&path).unwrap();
        assert_eq!(folder.progress(), Progress::Nothing);
        assert_eq!(RunFolder::create(&path).unwrap(), folder); // still empty
        assert!(matches!(RunFolder::open(&path).unwrap_err().kind(), ErrorKind::BadFormat { .. }));
        let absent = RunFolder::open(&base.path().join("none")).unwrap_err();
        assert!(matches!(absent.kind(), ErrorKind::FileNotFound { .. }));

        folder.write_config("epochs = 3\n").unwrap();
        assert_eq!(folder.read_config().unwrap(), "epochs = 3\n");
        for (file, progress, advice) in [
            (folder.config(), Progress::Begun, "--resume"),
            (folder.checkpoint(), Progress::Resumable, "--resume"),
            (folder.model(), Progress::Finished, "delete"),
        ] {
            std::fs::write(file, "x").unwrap();
            assert_eq!(folder.progress(), progress);
            assert_eq!(RunFolder::open(&path).unwrap(), folder);
            let error = RunFolder::create(&path).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Conflict { .. }));
            assert!(error.to_string().contains(advice), "{error}");
        }
    }

    #[test]
    fn a_name_lies_under_runs_and_a_path_where_it_says() {
        let runs = Path::new("runs");
        assert_eq!(place(runs, "wide").unwrap(), runs.join("wide"));
        for path in ["./wide", "wide/", "..", ".", "a/b", "/tmp/x"] {
            assert_eq!(place(runs, path).unwrap(), Path::new(path), "{path}");
        }
        assert!(matches!(place(runs, "").unwrap_err().kind(), ErrorKind::BadSetting { .. }));
    }

    #[test]
    fn names_after_data_need_no_quotes() {
        for (data, name) in [
            ("digits", "digits"),
            ("datasets/mnist/", "mnist"),
            ("a b$c.parquet", "a-b-c"),
            (".hidden.csv", "hidden"),
            ("..", "run"),
            ("", "run"),
            ("größe.csv", "größe"),
        ] {
            assert_eq!(name_after(data), name, "{data}");
        }
        assert_eq!(name_after(&"x".repeat(300)).len(), 40);
    }

    #[test]
    fn events_are_appended_after_a_reopening_and_a_torn_line_is_taken_off() {
        let base = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(&base.path().join("r")).unwrap();
        let mut log = EventLog::open(&folder, |error| panic!("{error}")).unwrap();
        log.observe(&event(1));
        log.observe(&event(2));
        drop(log);
        let mut torn = File::options().append(true).open(folder.events()).unwrap();
        torn.write_all(&[b'{'; 10_000]).unwrap();
        assert_eq!(steps(&folder), [1, 2]); // the torn line may be one that is being written
        let mut log = EventLog::open(&folder, |error| panic!("{error}")).unwrap();
        log.observe(&event(3));
        assert_eq!(steps(&folder), [1, 2, 3]);
        let first = std::fs::read_to_string(folder.events()).unwrap();
        let line: serde_json::Value = serde_json::from_str(first.lines().next().unwrap()).unwrap();
        assert_eq!(line["event"], "controlled");
        assert!(line["time"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn a_second_writer_is_kept_out() {
        let base = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(&base.path().join("r")).unwrap();
        let first = EventLog::open(&folder, |_| {}).unwrap();
        let second = EventLog::open(&folder, |_| {}).err().expect("the first holds the lock");
        assert!(matches!(second.kind(), ErrorKind::Conflict { .. }));
        drop(first);
        EventLog::open(&folder, |_| {}).unwrap();
    }

    #[test]
    fn an_error_in_writing_is_told_once_and_stops_nothing() {
        let base = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(&base.path().join("r")).unwrap();
        let told = Arc::new(Mutex::new(0));
        let count = told.clone();
        let mut log = EventLog::open(&folder, move |_| *count.lock().unwrap() += 1).unwrap();
        log.file = Some(File::open(folder.events()).unwrap()); // cannot be written
        log.observe(&event(1));
        log.observe(&event(2));
        assert_eq!(*told.lock().unwrap(), 1);
    }

    #[test]
    fn a_line_that_is_no_event_is_named() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("events.jsonl");
        let good = serde_json::to_string(&TimedEvent { time: "t".into(), event: event(1) }).unwrap();
        std::fs::write(&path, format!("{good}\n{{}}\n")).unwrap();
        let error = read_events(&path, |_| {}).unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
        std::fs::write(&path, "x".repeat(3 << 20)).unwrap();
        assert!(read_events(&path, |_| {}).unwrap_err().to_string().contains("line 1"));
    }
}
