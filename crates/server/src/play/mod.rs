//! The playground: a network that trains in the server while its page looks on.
//!
//! ```text
//! page  ─ WebSocket ─  session   text of JSON, both ways (messages: the contract)
//!                   →  engine    one thread: slices of training, and what was asked between them
//!                      ├ subject    rows, settings, layers, made in whole before the old ones are given up
//!                      ├ training   the library's trainer, held between any two steps
//!                      ├ phases     one step in forward · cost · backward · update
//!                      ├ frame      what is shown, with maps of the input plane and logits
//!                      ├ questions  one gradient checked, and taken apart
//!                      └ export     config.toml, model.safetensors
//! page  ─ POST ─────→  tables    files of the page's own
//! ```
//!
//! The engine is the library: nothing here computes what a network, a cost or a gradient is. However a training is held,
//! in slices, epochs, batches or phases, its weights have the bits of a run's.

mod engine;
mod export;
mod frame;
mod logits;
mod maps;
mod messages;
mod phases;
mod questions;
mod session;
mod subject;
mod tables;
#[cfg(test)]
mod tests;
mod training;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};

pub use engine::Command;
pub use export::File;
pub use session::{LARGEST as LARGEST_MESSAGE, serve};
pub use tables::{LARGEST as LARGEST_TABLE, Tables};

use crate::guard::Token;

/// Sessions at a time.
const SESSIONS: usize = 8;

/// What all sessions share.
#[derive(Default)]
pub struct Play {
    pub sessions: Arc<Sessions>,
    pub tables: Tables,
}

/// The sessions that go on, by their secret.
#[derive(Default)]
pub struct Sessions(Mutex<BTreeMap<String, mpsc::WeakSender<Command>>>);

/// A session's place among them, given up when it is dropped.
pub struct Seat {
    session: String,
    sessions: Arc<Sessions>,
}

impl Sessions {
    /// Takes a place for an engine that hears `commands`.
    ///
    /// # Errors
    /// In words, where all are taken, or the system has no random numbers.
    pub fn take(self: &Arc<Self>, commands: &mpsc::Sender<Command>) -> Result<Seat, String> {
        let session = Token::random().map_err(|error| error.to_string())?.to_string();
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.len() >= SESSIONS {
            return Err(format!("{SESSIONS} sessions are open: close one"));
        }
        taken.insert(session.clone(), commands.downgrade());
        Ok(Seat { session, sessions: Arc::clone(self) })
    }

    /// Asks a session for a file; `None` where there is no such session.
    pub async fn export(&self, session: &str, file: File) -> Option<Result<Vec<u8>, String>> {
        let commands = {
            let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            taken.get(session)?.upgrade()?
        };
        let (answer, answered) = oneshot::channel();
        commands.send(Command::Export(file, answer)).await.ok()?;
        answered.await.ok()
    }
}

impl Seat {
    /// The session's secret.
    pub fn session(&self) -> &str {
        &self.session
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.sessions.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.session);
    }
}
