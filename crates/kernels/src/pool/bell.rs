//! When sleeping workers are rung.

use std::time::{Duration, Instant};

/// Work for a sleeper from which on ringing it pays. A ring costs the caller 6 µs, and the sleeper arrives after about
/// as long again (measured in a virtual machine, where waking an idle core is a call of the host).
pub(super) const WORTH: Duration = Duration::from_micros(25);
/// A pause of the caller after which awake workers have fallen asleep.
const PAUSE: Duration = Duration::from_micros(50);

/// The rule for ringing workers that sleep as a region begins.
///
/// Regions that follow each other without a pause are an *episode*. If the last one was long, workers are rung at once,
/// else only when the caller has worked for as long as ringing costs. So neither a long region waits for its threads,
/// nor does every short one after a pause pay for threads that come too late.
pub(super) struct Bell {
    /// The caller's time in regions that began with sleepers, in this episode.
    alone: Duration,
    ended: Option<Instant>,
    eager: bool,
}

impl Bell {
    pub(super) fn new() -> Self {
        Self { alone: Duration::ZERO, ended: None, eager: true }
    }

    /// Whether to ring before the first task of a region that begins with sleepers.
    pub(super) fn rings_at_once(&mut self, now: Instant) -> bool {
        if let Some(ended) = self.ended
            && now - ended > PAUSE
        {
            self.eager = self.alone > WORTH;
            self.alone = Duration::ZERO;
        }
        self.eager || self.alone > WORTH
    }

    /// Notes a region that began with sleepers.
    pub(super) fn ended(&mut self, began: Instant, ended: Instant) {
        self.alone += ended - began;
        self.ended = Some(ended);
    }
}
