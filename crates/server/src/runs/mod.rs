//! The runs in a folder, as far as their files tell.

mod account;
mod tail;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use deltarule::run_folder::RunFolder;

pub use account::{Summary, Whole};
pub use tail::{Found, Tail};

use account::Account;

/// The folder of all runs.
pub struct Runs {
    folder: PathBuf,
    accounts: Mutex<BTreeMap<String, Account>>,
}

impl Runs {
    /// Of a folder, which need not exist yet.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), accounts: Mutex::default() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Every run, by name. One that cannot be read is left out: it may be on its way out.
    ///
    /// # Errors
    /// Where the folder cannot be listed.
    pub fn summaries(&self) -> io::Result<Vec<Summary>> {
        let names = self.names()?;
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.retain(|name, _| names.contains(name));
        for name in names {
            if let Some(folder) = self.open(&name) {
                accounts.entry(name).or_insert_with(|| Account::new(folder));
            }
        }
        Ok(accounts
            .values_mut()
            .filter_map(|account| account.refresh().ok().map(|()| account.summary()))
            .collect())
    }

    /// One run; `None` where there is none of this name.
    ///
    /// # Errors
    /// Where its files cannot be read.
    pub fn whole(&self, name: &str) -> io::Result<Option<Whole>> {
        let Some(folder) = self.open(name) else { return Ok(None) };
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let account = accounts.entry(name.to_owned()).or_insert_with(|| Account::new(folder));
        account.refresh()?;
        Ok(Some(account.whole()))
    }

    /// Whether a process is at the run, and hears what is asked of it.
    ///
    /// # Errors
    /// Where its files cannot be read.
    pub fn is_going_on(&self, name: &str) -> io::Result<bool> {
        Ok(self.whole(name)?.is_some_and(|whole| whole.can_control()))
    }

    /// A run's folder: a name of one part, under which there is a run.
    pub fn open(&self, name: &str) -> Option<RunFolder> {
        let mut parts = Path::new(name).components();
        let (Some(Component::Normal(only)), None) = (parts.next(), parts.next()) else { return None };
        (only == name).then(|| RunFolder::open(&self.folder.join(name)).ok()).flatten()
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }
}
