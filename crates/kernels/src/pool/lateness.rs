//! Working on fewer threads while others need the cores.

use std::time::{Duration, Instant};

/// The first and the longest time for which the number of threads is reduced.
const FIRST_PAUSE: Duration = Duration::from_millis(4);
const LONGEST_PAUSE: Duration = Duration::from_millis(128);
/// How long regions are timed after a worker was late.
const WATCH: Duration = Duration::from_millis(20);
/// Lost time below which nothing is concluded.
const LEAST: Duration = Duration::from_micros(300);
/// The share of the time that may be lost.
const SHARE: u32 = 8;

/// How late workers are, and what is concluded from it.
///
/// A worker inside a region is late when the caller has waited for it for longer than the caller itself has worked in
/// that region: tasks are alike, so such a worker has probably been taken off its core. That costs the caller
/// milliseconds, against microseconds of work, so where it happens often the pool halves its threads, for a time that
/// doubles with every failed attempt to use all of them again.
pub(super) struct Lateness {
    most: u32,
    /// How often the number of threads is halved until `until`.
    halvings: u32,
    until: Option<Instant>,
    pause: Duration,
    /// Since when regions are timed.
    watch: Option<Instant>,
    lost: Duration,
}

impl Lateness {
    /// Of a pool whose threads may be halved `most` times.
    pub(super) fn new(most: u32) -> Self {
        Self { most, halvings: 0, until: None, pause: FIRST_PAUSE, watch: None, lost: Duration::ZERO }
    }

    /// Whether the time of regions matters now.
    pub(super) fn watches(&self) -> bool {
        self.watch.is_some() || self.until.is_some()
    }

    /// How often the threads are halved for a region that begins now.
    pub(super) fn halvings(&mut self, now: Instant) -> u32 {
        if let Some(until) = self.until {
            if now < until {
                return self.halvings;
            }
            (self.until, self.halvings) = (None, 0);
            (self.watch, self.lost) = (Some(now), Duration::ZERO);
        }
        if self.watch.is_some_and(|since| now - since > WATCH) {
            (self.watch, self.pause) = (None, FIRST_PAUSE);
        }
        0
    }

    /// Notes that the caller, in a region begun at `began` if that is known, waited long for a worker.
    pub(super) fn waited(&mut self, began: Option<Instant>, waiting: Instant, now: Instant) {
        let (Some(since), Some(began)) = (self.watch, began) else {
            (self.watch, self.lost) = (Some(now), Duration::ZERO);
            return;
        };
        self.lost += (now - waiting).saturating_sub(waiting - began);
        if self.lost > LEAST && self.lost * SHARE > now - since {
            self.halvings = (self.halvings + 1).min(self.most);
            self.until = Some(now + self.pause);
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            self.watch = None;
        }
    }
}
