//! The run's folder, made as late as possible.

use std::cell::{OnceCell, RefCell};
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::prepare::DEFAULT_DATA;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::run_folder::{EventLog, RUNS, RunFolder, name_after, place};

/// A run's folder that is made when the first network is ready to train: until then the input may still be refused,
/// and a refused run leaves nothing behind.
pub(super) struct LateFolder<'a> {
    said: &'a Config,
    /// The configuration to be recorded; `None` where a run goes on that has its own.
    config: Option<String>,
    folder: OnceCell<RunFolder>,
    log: RefCell<Option<EventLog>>,
    failure: Arc<Mutex<Option<String>>>,
}

impl<'a> LateFolder<'a> {
    /// For the run that `said` names; `folder` where that run goes on, else `config` is recorded in a new one.
    pub(super) fn new(said: &'a Config, folder: Option<RunFolder>, config: String) -> Self {
        let config = folder.is_none().then_some(config);
        let made = OnceCell::new();
        if let Some(folder) = folder {
            // A cell that was made just now is empty.
            let _ = made.set(folder);
        }
        Self { said, config, folder: made, log: RefCell::new(None), failure: Arc::default() }
    }

    /// The folder if it exists by now.
    pub(super) fn existing(&self) -> Option<&RunFolder> {
        self.folder.get()
    }

    /// The folder, with its configuration and its event log; made at the first call.
    pub(super) fn open(&self) -> Result<&RunFolder> {
        let folder = match self.folder.get() {
            Some(folder) => folder,
            None => {
                let made = self.make()?;
                self.folder.get_or_init(|| made)
            }
        };
        if self.log.borrow().is_none() {
            if let Some(config) = &self.config {
                folder.write_config(config)?;
            }
            let told = Arc::clone(&self.failure);
            let log = EventLog::open(folder, move |error: &Error| {
                if let Ok(mut told) = told.lock() {
                    *told = Some(format!("{error}; the run went on without its event log"));
                }
            })?;
            *self.log.borrow_mut() = Some(log);
        }
        Ok(folder)
    }

    /// Writes an event to the log, if the folder exists by now.
    pub(super) fn record(&self, event: &Event) {
        if let Some(log) = self.log.borrow_mut().as_mut() {
            log.observe(event);
        }
    }

    /// What kept the log from being written.
    pub(super) fn failure(&self) -> Option<String> {
        self.failure.lock().ok().and_then(|mut failure| failure.take())
    }

    fn make(&self) -> Result<RunFolder> {
        match &self.said.run {
            Some(run) => RunFolder::create(&place(Path::new(RUNS), run)?),
            None => {
                let data = self.said.data.as_deref().unwrap_or(DEFAULT_DATA);
                RunFolder::numbered(Path::new(RUNS), &name_after(data))
            }
        }
    }
}
