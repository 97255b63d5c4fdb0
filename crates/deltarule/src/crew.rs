//! Threads for work that is cut beforehand: reading, fitting and encoding tables.
//!
//! Training has a [`Pool`](deltarule_kernels::Pool) of its own, whose workers live as long as it does; here threads are
//! started for one piece of work of milliseconds and more, and end with it. What comes out never depends on how many
//! there are.

use std::sync::{Mutex, PoisonError};

/// Less work than this (in values to be looked at) is not worth a thread: starting one takes some 30 µs.
const WORTH_A_THREAD: usize = 1 << 17;

/// The number of cores that this process may use.
#[must_use]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// How many threads so many values are worth.
pub(crate) fn for_values(values: usize) -> usize {
    cores().min(values / WORTH_A_THREAD).max(1)
}

/// Calls `work` once on each of so many threads, the caller's among them, and waits for all.
///
/// # Panics
/// If one of them panics.
pub(crate) fn run(threads: usize, work: impl Fn() + Sync) {
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(&work);
        }
        work();
    });
}

/// `f` of every item, in the items' order, computed by so many threads that take one item after another.
///
/// # Panics
/// If `f` panics.
pub(crate) fn map<T: Send, R: Send>(threads: usize, items: Vec<T>, f: impl Fn(T) -> R + Sync) -> Vec<R> {
    if threads <= 1 || items.len() <= 1 {
        return items.into_iter().map(f).collect();
    }
    let threads = threads.min(items.len());
    let mut results: Vec<Option<R>> = Vec::new();
    results.resize_with(items.len(), || None);
    let queue = Mutex::new(items.into_iter().zip(&mut results));
    run(threads, || {
        // The lock is given back before `f` begins.
        while let Some((item, place)) = next(&queue) {
            *place = Some(f(item));
        }
    });
    results.into_iter().flatten().collect()
}

fn next<I: Iterator>(queue: &Mutex<I>) -> Option<I::Item> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_the_items() {
        for threads in [1, 2, 5] {
            for count in [0_usize, 1, 2, 100] {
                let squares = map(threads, (0..count).collect(), |n| n * n);
                assert_eq!(squares, (0..count).map(|n| n * n).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn little_work_gets_one_thread() {
        assert_eq!(for_values(1000), 1);
        assert!(for_values(usize::MAX) == cores());
    }

    #[test]
    fn a_panic_is_the_callers() {
        let caught = std::panic::catch_unwind(|| map(3, vec![1, 2, 3], |n| assert!(n < 3)));
        assert!(caught.is_err());
    }
}
