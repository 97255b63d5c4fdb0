//! A pool in a child of `fork`, where its workers do not exist: it works alone, and can be dropped.
#![cfg(unix)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use deltarule_kernels::Pool;

/// A sum over many regions, some after a pause so that workers are asleep.
fn work(pool: &Pool) -> usize {
    let sum = AtomicUsize::new(0);
    for round in 0..300 {
        pool.run(1 + round % 17, |task| {
            sum.fetch_add(task * round, Ordering::Relaxed);
        });
        if round % 100 == 0 {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    sum.into_inner()
}

/// Whether `child` ends well in the child of a fork, within a minute.
fn ends_well_in_a_fork(child: impl FnOnce()) -> bool {
    // SAFETY: the child uses what exists in it, the forking thread and memory, and leaves without returning.
    let id = unsafe { libc::fork() };
    assert!(id >= 0, "the system forks");
    if id == 0 {
        let outcome = catch_unwind(AssertUnwindSafe(child));
        // SAFETY: ends the child at once; nothing of the parent's is run in it.
        unsafe { libc::_exit(i32::from(outcome.is_err())) };
    }
    let (deadline, mut status) = (Instant::now() + Duration::from_secs(60), 0);
    loop {
        // SAFETY: `id` is this process's child, not yet waited for; `status` is a place for an int.
        match unsafe { libc::waitpid(id, &raw mut status, libc::WNOHANG) } {
            0 if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            0 => {
                // SAFETY: as above.
                unsafe { libc::kill(id, libc::SIGKILL) };
                return false;
            }
            _ => return libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0,
        }
    }
}

#[test]
fn a_forked_child_works_alone() {
    let pool = Pool::new(4);
    let expected = work(&Pool::new(1));
    assert_eq!(work(&pool), expected);
    // Forked while the workers are awake, then while they sleep.
    for pause in [0, 20] {
        std::thread::sleep(Duration::from_millis(pause));
        pool.run(8, |_| ());
        std::thread::sleep(Duration::from_millis(pause));
        let pool = &pool;
        assert!(ends_well_in_a_fork(|| {
            assert_eq!(work(pool), expected);
            // A pool of the child's own has workers.
            assert_eq!(work(&Pool::new(2)), expected);
        }));
    }
    assert_eq!(work(&pool), expected);
}

#[test]
fn a_forked_child_drops_the_pool() {
    let pool = Pool::new(4);
    work(&pool);
    let mut pool = Some(pool);
    assert!(ends_well_in_a_fork(|| drop(pool.take())));
    // The parent's is alive.
    assert_eq!(work(&pool.unwrap()), work(&Pool::new(1)));
}
