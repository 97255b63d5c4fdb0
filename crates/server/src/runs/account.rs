//! What a run's files say of it, kept up to date as they grow.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

use deltarule::config::Config;
use deltarule::control::Control;
use deltarule::event::{EndReason, Event, Observer};
use deltarule::health::{Finding, Record, Severity, findings};
use deltarule::run_folder::{Progress, RunFolder, TimedEvent};
use serde::Serialize;
use serde_json::Value;

use super::tail::Tail;

/// Bytes that are read at a time.
const PIECE: usize = 4 << 20;

/// Bytes of a diagnosis, at most.
const DIAGNOSIS: u64 = 4 << 20;

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// A process is at it.
    Running,
    /// A process is at it, and waits.
    Paused,
    /// It has its model.
    Finished,
    /// Somebody ended it.
    Stopped,
    /// A number stopped being finite.
    Failed,
    /// Its process went before its end.
    Interrupted,
}

/// Done and planned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Epochs {
    done: u64,
    planned: u64,
}

/// The figure that early stopping watches, at its best.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Watched {
    name: String,
    value: f64,
    epoch: u64,
}

/// Findings by their severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    error: usize,
    warning: usize,
    note: usize,
}

/// A run in the table of runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The folder's name.
    pub name: String,
    /// How it stands.
    pub state: Standing,
    began: Option<String>,
    changed: Option<String>,
    data: Option<String>,
    task: Option<String>,
    parts: Vec<String>,
    epochs: Epochs,
    step: u64,
    parameters: u64,
    cost: Option<f64>,
    watched: Option<Watched>,
    validation: BTreeMap<String, Option<f64>>,
    seconds: f64,
    settings: Value,
    findings: Option<Counts>,
    /// Whether a process is at it, which hears controls.
    can_control: bool,
}

/// A run, all of it but its events.
#[derive(Clone, Debug, Serialize)]
pub struct Whole {
    #[serde(flatten)]
    summary: Summary,
    findings_told: Vec<Finding>,
    layers: Value,
    /// What the doctor's trials came to, if it was asked.
    trials: Value,
}

impl Whole {
    /// Whether a process is at the run, which hears controls.
    pub fn can_control(&self) -> bool {
        self.summary.can_control
    }
}

/// The account of one run.
pub struct Account {
    folder: RunFolder,
    tail: Tail,
    /// What is known of the events up to the tail.
    told: Told,
    config: Option<(SystemTime, Settings)>,
}

/// The configuration, as the library and as the page reads it.
#[derive(Clone)]
struct Settings {
    config: Option<Config>,
    values: Value,
}

#[derive(Default)]
struct Told {
    record: Record,
    parts: Vec<String>,
    began: Option<String>,
    changed: Option<String>,
    epochs: Epochs,
    step: u64,
    parameters: u64,
    cost: Option<f64>,
    best: Option<(u64, BTreeMap<String, Option<f64>>)>,
    last: BTreeMap<String, Option<f64>>,
    seconds: f64,
    is_paused: bool,
}

impl Account {
    /// Of the run in a folder, whose files are not read yet.
    pub fn new(folder: RunFolder) -> Self {
        let tail = Tail::new(&folder.events(), 0);
        Self { folder, tail, told: Told::default(), config: None }
    }

    /// Reads what has been written since the last time.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub fn refresh(&mut self) -> io::Result<()> {
        self.read_config()?;
        loop {
            let found = self.tail.read(PIECE)?;
            if found.reset {
                self.told = Told::default();
            }
            for line in &found.lines {
                // What an older or a newer version wrote is passed over.
                if let Ok(timed) = serde_json::from_slice::<TimedEvent>(line) {
                    self.told.hear(timed);
                }
            }
            if found.whole {
                return Ok(());
            }
        }
    }

    fn read_config(&mut self) -> io::Result<()> {
        let path = self.folder.config();
        let Some(changed) = absent_is_none(path.metadata().and_then(|metadata| metadata.modified()))? else {
            self.config = None;
            return Ok(());
        };
        if self.config.as_ref().is_some_and(|(at, _)| *at == changed) {
            return Ok(());
        }
        let text = absent_is_none(std::fs::read_to_string(&path))?.unwrap_or_default();
        let values =
            toml::from_str::<toml::Table>(&text).ok().and_then(|table| serde_json::to_value(table).ok());
        let config = Config::parse_toml(&text, &path).ok();
        self.config = Some((changed, Settings { config, values: values.unwrap_or(Value::Null) }));
        Ok(())
    }

    /// The run in the table.
    pub fn summary(&self) -> Summary {
        let told = &self.told;
        let setting = |name: &str| self.setting(name).and_then(Value::as_str).map(str::to_owned);
        let state = self.standing();
        Summary {
            name: self.folder.name(),
            state,
            began: told.began.clone(),
            changed: told.changed.clone(),
            data: setting("data"),
            task: setting("task"),
            parts: told.parts.clone(),
            epochs: told.epochs,
            step: told.step,
            parameters: told.parameters,
            cost: told.cost,
            watched: self.watched(),
            validation: told.last.clone(),
            seconds: told.seconds,
            settings: self.config.as_ref().map_or(Value::Null, |(_, settings)| settings.values.clone()),
            findings: self.findings().map(|found| count(&found)),
            can_control: matches!(state, Standing::Running | Standing::Paused),
        }
    }

    /// All of the run but its events.
    pub fn whole(&self) -> Whole {
        let layers = serde_json::to_value(&self.told.record.layers).unwrap_or(Value::Null);
        Whole {
            summary: self.summary(),
            findings_told: self.findings().unwrap_or_default(),
            layers,
            trials: self.trials().unwrap_or(Value::Null),
        }
    }

    /// `None` where there are none, or none that can be read.
    fn trials(&self) -> Option<Value> {
        let file = File::open(self.folder.diagnosis()).ok()?;
        serde_json::from_reader(file.take(DIAGNOSIS)).ok()
    }

    fn setting(&self, name: &str) -> Option<&Value> {
        self.config.as_ref().and_then(|(_, settings)| settings.values.get(name))
    }

    fn findings(&self) -> Option<Vec<Finding>> {
        let (_, settings) = self.config.as_ref()?;
        settings.config.as_ref().map(|config| findings(&self.told.record, config))
    }

    fn watched(&self) -> Option<Watched> {
        let name = self.setting("early_stopping")?.as_str()?;
        let (epoch, figures) = self.told.best.as_ref()?;
        let value = (*figures.get(name)?)?;
        Some(Watched { name: name.to_owned(), value, epoch: *epoch })
    }

    fn standing(&self) -> Standing {
        let record = &self.told.record;
        if is_written(&self.folder.events()) {
            return if self.told.is_paused { Standing::Paused } else { Standing::Running };
        }
        match (self.folder.progress(), record.end) {
            _ if record.failure.is_some() => Standing::Failed,
            (Progress::Finished, _) => Standing::Finished,
            (_, Some(end)) if end.reason == EndReason::Stopped => Standing::Stopped,
            _ => Standing::Interrupted,
        }
    }
}

impl Told {
    fn hear(&mut self, timed: TimedEvent) {
        let TimedEvent { time, event } = timed;
        self.record.observe(&event);
        let finite = |figure: f64| figure.is_finite().then_some(figure);
        match &event {
            Event::Started { part, parameters, epochs, step, .. } => {
                if !self.parts.contains(part) {
                    self.parts.push(part.clone());
                }
                self.began.get_or_insert_with(|| time.clone());
                (self.parameters, self.step, self.is_paused) = (*parameters, *step, false);
                self.epochs.planned = *epochs;
                if *step == 0 {
                    (self.epochs.done, self.best) = (0, None);
                }
            }
            Event::Progress { step, cost, .. } => (self.step, self.cost) = (*step, finite(*cost)),
            Event::Epoch { epoch, step, cost, validation, best, seconds, .. } => {
                (self.step, self.cost, self.seconds) = (*step, finite(*cost), *seconds);
                self.epochs.done = *epoch;
                self.last = validation.iter().map(|(name, &figure)| (name.clone(), finite(figure))).collect();
                if *best {
                    self.best = Some((*epoch, self.last.clone()));
                }
            }
            Event::Controlled { control, .. } => match control {
                Control::Pause => self.is_paused = true,
                Control::Resume | Control::Stop => self.is_paused = false,
                _ => {}
            },
            Event::Ended { step, seconds, epochs, .. } => {
                (self.step, self.seconds, self.epochs.done) = (*step, *seconds, *epochs);
            }
            _ => {}
        }
        self.changed = Some(time);
    }
}

fn count(found: &[Finding]) -> Counts {
    let of = |severity| found.iter().filter(|finding| finding.severity == severity).count();
    Counts { error: of(Severity::Error), warning: of(Severity::Warning), note: of(Severity::Note) }
}

/// Whether a process holds the file: whoever writes a run's events has it locked.
fn is_written(events: &Path) -> bool {
    let Ok(file) = File::open(events) else { return false };
    // Given back at once; who opens the log in that moment tries again.
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

fn absent_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
