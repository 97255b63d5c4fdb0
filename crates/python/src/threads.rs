//! The threads that networks compute with: idle ones wait for the next network, whichever that is.

use std::process;
use std::sync::{Mutex, PoisonError};

use deltarule::Pool;
use deltarule::config::Config;
use deltarule::run::cores;

/// Idle threads: the process that made them, and how many were wanted. A fit of a few rows takes less time than starting
/// a thread.
static IDLE: Mutex<Vec<((u32, usize), Pool)>> = Mutex::new(Vec::new());

/// Does something with as many threads as the settings want; to be called without the global lock. Callers at the same
/// time have threads of their own.
pub fn with<R>(config: &Config, work: impl FnOnce(&Pool) -> R) -> R {
    let kind = (process::id(), config.threads.unwrap_or_else(cores));
    let taken = {
        let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
        let at = idle.iter().position(|(of, _)| *of == kind);
        at.map(|at| idle.swap_remove(at).1)
    };
    let pool = taken.unwrap_or_else(|| Pool::new(kind.1));
    let result = work(&pool);
    let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
    // Threads of the process that this one was forked from cannot be joined.
    let (own, others): (Vec<_>, Vec<_>) = idle.drain(..).partition(|((process, _), _)| *process == kind.0);
    std::mem::forget(others);
    *idle = own;
    if idle.iter().all(|(of, _)| *of != kind) {
        idle.push((kind, pool));
    }
    result
}
