//! Ctrl-C and SIGTERM: the first ends a training at the next step with a checkpoint, and a server after what is underway; the
//! second ends at once.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use deltarule::control::{Control, Controller};

/// How often the user has asked to stop.
static ASKED: AtomicU32 = AtomicU32::new(0);

/// Whether there is no training to end any more: the signal means the program.
static TRAINED: AtomicBool = AtomicBool::new(false);

/// What a shell reports of a program ended by Ctrl-C: 128 + SIGINT.
const ENDED_AT_ONCE: i32 = 130;

/// Listens to the signals from now on.
///
/// # Errors
/// Where the system does not allow it.
pub fn listen() -> Result<()> {
    ctrlc::set_handler(|| {
        if ASKED.fetch_add(1, Ordering::SeqCst) > 0 {
            std::process::exit(ENDED_AT_ONCE);
        }
        if TRAINED.load(Ordering::SeqCst) {
            return;
        }
        let words = "\nending after this step, with a checkpoint (once more to end at once, without)";
        let _ = writeln!(std::io::stderr(), "{words}");
    })
    .context("cannot listen to Ctrl-C")
}

/// Calls `stop` at the first signal from now on; the second ends the program at once.
///
/// # Errors
/// Where the system does not allow it.
pub fn end_with(stop: impl Fn() + Send + 'static) -> Result<()> {
    ctrlc::set_handler(move || {
        if ASKED.fetch_add(1, Ordering::SeqCst) > 0 {
            std::process::exit(ENDED_AT_ONCE);
        }
        stop();
    })
    .context("cannot listen to Ctrl-C")
}

/// Waits, after the training, until the user has had enough.
pub fn wait() {
    TRAINED.store(true, Ordering::SeqCst);
    wait_for(&ASKED);
}

/// Returns at once where it was asked before: the signal may come while the last words are being written.
fn wait_for(asked: &AtomicU32) {
    const LOOK: Duration = Duration::from_millis(50);
    while asked.load(Ordering::SeqCst) == 0 {
        std::thread::sleep(LOOK);
    }
}

/// Passes the wish to stop on to the trainer.
#[derive(Debug, Default)]
pub struct Interrupter {
    told: bool,
}

impl Controller for Interrupter {
    fn poll(&mut self, _: u64) -> Option<Control> {
        if self.told || ASKED.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.told = true;
        Some(Control::Stop)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_wish_that_came_before_the_waiting_ends_it() {
        static ASKED_BEFORE: AtomicU32 = AtomicU32::new(1);
        let (ended, end) = mpsc::channel();
        std::thread::spawn(move || {
            wait_for(&ASKED_BEFORE);
            let _ = ended.send(());
        });
        end.recv_timeout(Duration::from_secs(20)).expect("it waits for a second signal");
    }
}
