//! Working on fewer threads while others need the cores.

use std::time::{Duration, Instant};

/// The first and the longest time for which the number of threads is reduced.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// How long regions are timed after a worker was late: several turns of a scheduler that lets each run for 4 ms.
const WATCH: Duration = Duration::from_millis(50);
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
            (self.watch, self.pause) = (None, (self.pause / 2).max(FIRST_PAUSE));
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

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A region in which the caller works for `work` and then waits for `wait`.
    fn region(lateness: &mut Lateness, now: &mut Instant, work: Duration, wait: Duration) -> u32 {
        let began = lateness.watches().then_some(*now);
        let halvings = began.map_or(0, |now| lateness.halvings(now));
        *now += work;
        if halvings == 0 {
            let waiting = *now;
            *now += wait;
            lateness.waited(began, waiting, *now);
        }
        halvings
    }

    #[test]
    fn workers_late_again_and_again_halve_the_threads_for_ever_longer() {
        let (mut lateness, mut now) = (Lateness::new(1), Instant::now());
        assert_eq!(region(&mut lateness, &mut now, MS / 100, 4 * MS), 0); // the first is only a reason to watch
        let mut together = 0;
        for _ in 0..100_000 {
            together += u32::from(region(&mut lateness, &mut now, MS / 100, 4 * MS) == 0);
        }
        // A second of work: pauses of 10, 20, 40, 80, 160, 250, … ms, with one attempt after each.
        assert!((2..12).contains(&together), "{together}");
    }

    #[test]
    fn long_tasks_that_end_apart_are_not_late() {
        let (mut lateness, mut now) = (Lateness::new(1), Instant::now());
        for _ in 0..1000 {
            assert_eq!(region(&mut lateness, &mut now, 3 * MS, 2 * MS), 0);
        }
    }

    #[test]
    fn when_nobody_is_late_all_threads_come_back() {
        let (mut lateness, mut now) = (Lateness::new(3), Instant::now());
        for _ in 0..2 {
            region(&mut lateness, &mut now, MS / 100, 4 * MS);
        }
        assert_eq!(lateness.halvings(now), 1);
        assert_eq!(lateness.halvings(now + FIRST_PAUSE), 0);
        assert!(lateness.watches());
        assert_eq!(lateness.halvings(now + FIRST_PAUSE + WATCH * 2), 0);
        assert!(!lateness.watches());
    }
}
