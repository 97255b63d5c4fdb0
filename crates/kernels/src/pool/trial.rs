//! Trying how many threads are fastest.
//!
//! How much a second thread brings depends on more than a kernel can know when it asks for a region: on how long a cache
//! line takes from core to core (on one virtual machine 50 ns at times and 250 ns at others, as the host places its
//! cores), on the time between regions, on what other programs do. So it is measured, on the caller's own work: the
//! outcome is the same with any number of threads.

use std::time::{Duration, Instant};

/// Regions of a window: enough that windows of a repeated step of ten regions differ by little. Fewer, if they take long.
pub(super) const REGIONS: u32 = 64;
const FEWEST: u32 = 24;
const ENOUGH: Duration = Duration::from_millis(4);
/// Regions before a window that are not counted: threads wake, caches change.
const WARM_UP: u32 = 8;
/// Windows of each of the two numbers that are compared, in turns. The longest of each is left out.
const PAIRS: usize = 6;
/// Time in a window beyond which regions are so long that threads help in any case.
const LONG: Duration = Duration::from_millis(60);
/// A longer pause between two regions is something else than the work that is compared.
const LONGEST_GAP: Duration = Duration::from_micros(100);
/// From one trial to the next: at first, and when trials have long had the same outcome.
const FIRST_INTERVAL: Duration = Duration::from_millis(50);
const LONGEST_INTERVAL: Duration = Duration::from_secs(1);
/// The least time between trials, in durations of the last one: half of a trial is spent with the slower number.
const RARELY: u32 = 30;
/// Fewer threads win if their time is below so many hundredths of that of more. Above 100, since a trial's regions are cut
/// for all threads, whichever do them: settled on one thread, kernels cut nothing, and `mnist-small` on a Zen 5, whose
/// trial said 14.7 µs a region on one thread and 14.1 on two, took 59 and 69 µs a step.
const FEWER_WIN: u32 = 110;

/// The number of threads found best so far, as how often all are halved, and the trial under way.
pub(super) struct Trial {
    most: u32,
    best: u32,
    /// Whether the next trial is of more threads, where both more and fewer are possible.
    upward: bool,
    interval: Duration,
    /// Regions until the clock is looked at.
    left: u32,
    last: Option<Instant>,
    running: Option<Running>,
}

struct Running {
    other: u32,
    window: usize,
    regions: u32,
    length: u32,
    began: Instant,
    times: [[Duration; PAIRS]; 2],
    ended: Option<Instant>,
}

impl Trial {
    /// Of a pool whose threads may be halved `most` times.
    pub(super) fn new(most: u32) -> Self {
        Self {
            most,
            best: 0,
            upward: false,
            interval: FIRST_INTERVAL,
            left: REGIONS,
            // Work that is over sooner is not slowed down by a trial, half of which goes the slower way.
            last: Some(Instant::now()),
            running: None,
        }
    }

    /// How often the threads are halved between trials; during one, regions of all threads are wanted.
    pub(super) fn settled(&self) -> u32 {
        if self.running.is_some() { 0 } else { self.best }
    }

    /// How often the threads are halved for the region that begins, and whether it is timed.
    pub(super) fn next(&mut self) -> (u32, bool) {
        if let Some(running) = &self.running {
            return (if running.window % 2 == 0 { self.best } else { running.other }, true);
        }
        self.left -= 1;
        if self.left == 0 {
            // With fewer threads, kernels seldom ask.
            self.left = if self.best == 0 { REGIONS } else { 1 };
            self.consider(Instant::now());
        }
        (self.best, false)
    }

    #[cold]
    fn consider(&mut self, now: Instant) {
        if self.last.is_some_and(|last| now - last < self.interval) {
            return;
        }
        self.upward = self.best == self.most || (self.best > 0 && !self.upward);
        let other = if self.upward { self.best - 1 } else { self.best + 1 };
        let times = [[Duration::ZERO; PAIRS]; 2];
        self.running =
            Some(Running { other, window: 0, regions: 0, length: REGIONS, began: now, times, ended: None });
    }

    /// Notes a timed region.
    #[cold]
    pub(super) fn ended(&mut self, began: Instant, now: Instant) {
        let Some(running) = &mut self.running else { return };
        let gap = running.ended.map_or(Duration::ZERO, |ended| began - ended);
        running.ended = Some(now);
        running.regions += 1;
        if running.regions <= WARM_UP {
            return;
        }
        let time = &mut running.times[running.window % 2][running.window / 2];
        *time += now - began + gap.min(LONGEST_GAP);
        if *time > LONG {
            self.conclude(0, now);
            return;
        }
        let counted = running.regions - WARM_UP;
        if running.window == 0 && counted == FEWEST && *time > ENOUGH {
            // For all windows of this trial: one that ended as soon as it has been interrupted would tell too much.
            running.length = FEWEST;
        }
        if counted < running.length {
            return;
        }
        running.regions = 0;
        running.window += 1;
        if running.window % 2 == 1 {
            return;
        }
        let pairs = running.window / 2;
        let [best, other] = running.times.map(|times| trimmed(&times[..pairs]));
        // Where one is much the slower, no time is spent on finding out by how much; two pairs, so that it is not for an
        // interruption.
        if pairs == PAIRS || (pairs > 1 && other > best * 3 / 2) || (pairs > 2 && best > other * 3 / 2) {
            let other_is_fewer = running.other > self.best;
            let (fewer, more) = if other_is_fewer { (other, best) } else { (best, other) };
            let fewer_win = fewer * 100 < more * FEWER_WIN;
            let winner = if fewer_win == other_is_fewer { running.other } else { self.best };
            self.conclude(winner, now);
        }
    }

    fn conclude(&mut self, winner: u32, now: Instant) {
        let taken = self.running.as_ref().map_or(Duration::ZERO, |running| now - running.began);
        let interval =
            if winner == self.best { (self.interval * 2).min(LONGEST_INTERVAL) } else { FIRST_INTERVAL };
        self.interval = interval.max(taken * RARELY);
        (self.best, self.last, self.running, self.left) = (winner, Some(now), None, 1);
    }
}

/// The sum without the longest, of several.
fn trimmed(times: &[Duration]) -> Duration {
    let longest = if times.len() > 1 { times.iter().copied().max() } else { None };
    times.iter().sum::<Duration>() - longest.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs regions of which one with `halvings` takes `time(halvings)` until a trial has ended; the number found best.
    fn tried(trial: &mut Trial, now: &mut Instant, time: impl Fn(u32) -> Duration) -> u32 {
        trial.left = 1;
        trial.last = None;
        loop {
            let (halvings, timed) = trial.next();
            let began = *now;
            *now += time(halvings);
            if timed {
                trial.ended(began, *now);
            } else if trial.running.is_none() {
                return trial.best;
            }
        }
    }

    #[test]
    fn the_faster_number_wins() {
        let (mut trial, mut now) = (Trial::new(1), Instant::now());
        let slow_together = |halvings| Duration::from_micros(if halvings == 0 { 20 } else { 10 });
        let fast_together = |halvings| Duration::from_micros(if halvings == 0 { 10 } else { 16 });
        assert_eq!(tried(&mut trial, &mut now, slow_together), 1);
        assert_eq!(tried(&mut trial, &mut now, slow_together), 1);
        assert_eq!(tried(&mut trial, &mut now, fast_together), 0);
        assert_eq!(tried(&mut trial, &mut now, fast_together), 0);
        // Two threads have to bring a tenth; long regions are for all threads.
        let alike = |halvings: u32| Duration::from_micros(if halvings == 0 { 100 } else { 109 });
        assert_eq!(tried(&mut trial, &mut now, alike), 1);
        assert_eq!(tried(&mut trial, &mut now, alike), 1);
        assert_eq!(tried(&mut trial, &mut now, |_| Duration::from_millis(5)), 0);
    }

    #[test]
    fn of_many_threads_the_best_number_is_found_step_by_step() {
        let (mut trial, mut now) = (Trial::new(4), Instant::now());
        let best_at_three = |halvings: u32| Duration::from_micros(10 + 5 * u64::from(halvings.abs_diff(3)));
        for _ in 0..8 {
            tried(&mut trial, &mut now, best_at_three);
        }
        assert_eq!(trial.best, 3);
    }

    #[test]
    fn one_interruption_decides_nothing() {
        let (mut trial, mut now) = (Trial::new(1), Instant::now());
        let regions = std::cell::Cell::new(0);
        let interrupted_once = |halvings| {
            regions.set(regions.get() + 1);
            Duration::from_micros(if regions.get() == 50 { 5000 } else { 10 + 2 * u64::from(halvings) })
        };
        assert_eq!(tried(&mut trial, &mut now, interrupted_once), 0);
    }
}
