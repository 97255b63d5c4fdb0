//! The thread pool: persistent workers, tasks claimed by a counter, the caller taking part.

use std::any::Any;
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::InstructionSet;
use crate::scratch::{Aligned, WORKSPACE};

/// Rounds of `spin_loop` (about 40 µs) that a worker waits for the next job before it sleeps.
const SPINS: u32 = 1500;
/// Rounds of `spin_loop` that the caller waits for the last tasks before it lets other threads run.
const CALLER_SPINS: u32 = 20_000;

/// A pool of worker threads and the instruction set that kernels use on it.
///
/// Every kernel takes one. What a kernel computes never depends on the number of threads, only how long it takes.
/// Workers spin briefly between jobs and then sleep. Dropping the pool ends them.
///
/// A pool may be shared: a `run` while another is under way (from another thread, or from inside a task) executes its
/// tasks on the calling thread alone.
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
///
/// let pool = deltarule_kernels::Pool::new(2);
/// let sum = AtomicUsize::new(0);
/// pool.run(5, |task| {
///     sum.fetch_add(task, Ordering::Relaxed);
/// });
/// assert_eq!(sum.into_inner(), 0 + 1 + 2 + 3 + 4);
/// ```
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    instruction_set: InstructionSet,
    /// Set while a job of this pool is under way.
    busy: AtomicBool,
}

/// A closure over (participant, task), its lifetime erased: it lives until the job is closed and all have left it.
type Job = *const (dyn Fn(usize, usize) + Sync);

/// `state` is generation · 2³² + OPEN? + number of workers inside the job.
const OPEN: u64 = 1 << 31;
const INSIDE: u64 = OPEN - 1;
const GENERATION: u64 = 1 << 32;

#[repr(align(128))]
struct OwnLine<T>(T);

struct Shared {
    state: OwnLine<AtomicU64>,
    next: OwnLine<AtomicUsize>,
    job: UnsafeCell<(Option<Job>, usize)>,
    workspaces: Vec<UnsafeCell<Aligned<f32>>>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    sleepers: AtomicUsize,
    gate: Mutex<()>,
    bell: Condvar,
    shutdown: AtomicBool,
}

// SAFETY: `job` is written by the caller only while no job is open and no worker inside (see `run_as`), and read by
// workers that have counted themselves in; workspace i is used by participant i alone.
unsafe impl Sync for Shared {}
// SAFETY: the job's closure is `Sync` and outlives its use; nothing else is tied to a thread.
unsafe impl Send for Shared {}

impl Shared {
    fn gate(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Claims and runs tasks until none is left. The first panic is kept for the caller and ends the job.
    fn work(&self, participant: usize, tasks: usize, job: &(dyn Fn(usize, usize) + Sync)) {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            loop {
                let task = self.next.0.fetch_add(1, Ordering::Relaxed);
                if task >= tasks {
                    break;
                }
                job(participant, task);
            }
        }));
        if let Err(payload) = outcome {
            self.next.0.store(tasks, Ordering::Relaxed);
            self.panic.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(payload);
        }
    }

    /// Whether `state` shows a job that this worker, last in generation `seen`, has not yet entered.
    fn is_news(state: u64, seen: u64) -> bool {
        state & OPEN != 0 && state / GENERATION != seen
    }

    fn worker(&self, participant: usize) {
        let mut seen = 0;
        let mut spins = 0;
        loop {
            let state = self.state.0.load(Ordering::Acquire);
            if Self::is_news(state, seen) {
                let entered =
                    self.state.0.compare_exchange(state, state + 1, Ordering::AcqRel, Ordering::Relaxed);
                if entered.is_ok() {
                    seen = state / GENERATION;
                    // SAFETY: this worker is counted in `state`, so the caller neither replaces the job nor
                    // returns before the count is given back below.
                    let (job, tasks) = unsafe { *self.job.get() };
                    if let Some(job) = job {
                        // SAFETY: as above, the closure is alive.
                        self.work(participant, tasks, unsafe { &*job });
                    }
                    self.state.0.fetch_sub(1, Ordering::Release);
                }
                spins = 0;
            } else if self.shutdown.load(Ordering::Acquire) {
                return;
            } else if spins < SPINS {
                spins += 1;
                std::hint::spin_loop();
            } else {
                self.sleep(seen);
                spins = 0;
            }
        }
    }

    /// Sleeps until there is a job after generation `seen`, or the pool ends.
    fn sleep(&self, seen: u64) {
        let mut gate = self.gate();
        // Announced before the state is read, both sequentially consistent: either the caller sees the sleeper and
        // rings, or the sleeper sees the job.
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        while !Self::is_news(self.state.0.load(Ordering::SeqCst), seen)
            && !self.shutdown.load(Ordering::SeqCst)
        {
            gate = self.bell.wait(gate).unwrap_or_else(PoisonError::into_inner);
        }
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
    }

    fn ring(&self) {
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            drop(self.gate());
            self.bell.notify_all();
        }
    }
}

/// Gives `busy` back when the job ends, also by a panic.
struct Busy<'a>(&'a AtomicBool);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Pool {
    /// A pool of `threads` threads, the caller being one of them (so 1 starts none), with the best instruction set of
    /// the machine.
    ///
    /// # Panics
    /// If `threads` is 0, or the system refuses to start a thread.
    pub fn new(threads: usize) -> Self {
        Self::with_instruction_set(threads, InstructionSet::best())
    }

    /// The same with a chosen instruction set.
    ///
    /// # Panics
    /// If `threads` is 0, the machine lacks the instruction set, or the system refuses to start a thread.
    pub fn with_instruction_set(threads: usize, instruction_set: InstructionSet) -> Self {
        assert!(threads > 0, "a pool has at least one thread, the caller's");
        assert!(instruction_set.is_available(), "this machine cannot run {}", instruction_set.name());
        let shared = Arc::new(Shared {
            state: OwnLine(AtomicU64::new(0)),
            next: OwnLine(AtomicUsize::new(0)),
            job: UnsafeCell::new((None, 0)),
            workspaces: (1..threads).map(|_| UnsafeCell::new(Aligned::zeroed(WORKSPACE))).collect(),
            panic: Mutex::new(None),
            sleepers: AtomicUsize::new(0),
            gate: Mutex::new(()),
            bell: Condvar::new(),
            shutdown: AtomicBool::new(false),
        });
        let mut pool = Self { shared, workers: Vec::new(), instruction_set, busy: AtomicBool::new(false) };
        for participant in 1..threads {
            let shared = Arc::clone(&pool.shared);
            let worker = thread::Builder::new()
                .name(format!("deltarule-{participant}"))
                .spawn(move || shared.worker(participant))
                .expect("the system starts a worker thread");
            pool.workers.push(worker);
        }
        pool
    }

    /// The number of threads, the caller's included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// The instruction set that kernels use on this pool.
    pub fn instruction_set(&self) -> InstructionSet {
        self.instruction_set
    }

    /// Calls `f(task)` once for every task in `0..tasks`, on whichever thread claims it, and returns when all are done.
    ///
    /// # Panics
    /// If a task panics, its panic is raised here once every task under way has ended; tasks not yet begun are
    /// dropped, and the pool stays usable.
    pub fn run(&self, tasks: usize, f: impl Fn(usize) + Sync) {
        self.run_as(tasks, |_, task| f(task));
    }

    /// [`run`](Self::run) that also tells the task who runs it: 0 is the caller, workers count from 1. Tasks with the
    /// same participant never overlap within one call.
    pub(crate) fn run_as(&self, tasks: usize, f: impl Fn(usize, usize) + Sync) {
        let alone = tasks <= 1 || self.workers.is_empty() || self.busy.swap(true, Ordering::Acquire);
        if alone {
            for task in 0..tasks {
                f(0, task);
            }
            return;
        }
        let busy = Busy(&self.busy);
        let shared = &*self.shared;
        let job: &(dyn Fn(usize, usize) + Sync) = &f;
        // SAFETY: only the lifetime changes; `f` outlives the job, which ends below before this function returns.
        let erased = unsafe {
            std::mem::transmute::<&(dyn Fn(usize, usize) + Sync), &'static (dyn Fn(usize, usize) + Sync)>(job)
        };
        // SAFETY: `busy` was free, so the last job is closed and every worker has left it: nobody reads `job` now.
        unsafe { *shared.job.get() = (Some(std::ptr::from_ref(erased)), tasks) };
        shared.next.0.store(0, Ordering::Relaxed);
        let generation = shared.state.0.load(Ordering::Relaxed) / GENERATION + 1;
        shared.state.0.store(((generation & 0xffff_ffff) * GENERATION) | OPEN, Ordering::SeqCst);
        shared.ring();
        shared.work(0, tasks, job);
        shared.state.0.fetch_and(!OPEN, Ordering::AcqRel);
        let mut spins = 0;
        while shared.state.0.load(Ordering::Acquire) & INSIDE != 0 {
            spins += 1;
            if spins < CALLER_SPINS {
                std::hint::spin_loop();
            } else {
                thread::yield_now();
            }
        }
        let panic = shared.panic.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(busy);
        if let Some(payload) = panic {
            resume_unwind(payload);
        }
    }

    /// The product workspace of worker `participant`, which counts from 1.
    ///
    /// # Safety
    /// Only for use by that participant inside a task of the job under way, one such borrow at a time.
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn workspace(&self, participant: usize) -> &mut [f32] {
        // SAFETY: the caller's promise: nobody else holds this workspace.
        unsafe { &mut *self.shared.workspaces[participant - 1].get() }
    }

    /// Calls `f(index, piece)` for every piece of `values`: `piece` numbers each, the last perhaps shorter. Several
    /// threads take part if `values` is longer than `serial`.
    pub(crate) fn for_pieces<F: Send>(
        &self,
        values: &mut [F],
        piece: usize,
        serial: usize,
        f: impl Fn(usize, &mut [F]) + Sync,
    ) {
        if values.len() <= serial || self.workers.is_empty() {
            values.chunks_mut(piece.max(1)).enumerate().for_each(|(index, piece)| f(index, piece));
            return;
        }
        let (length, start) = (values.len(), Shareable(values.as_mut_ptr()));
        self.run(length.div_ceil(piece), |index| {
            let begin = index * piece;
            let count = piece.min(length - begin);
            // SAFETY: pieces are disjoint parts of `values`, which is mutably borrowed for the whole call, and each
            // index is run once.
            let values = unsafe { std::slice::from_raw_parts_mut(start.pointer().add(begin), count) };
            f(index, values);
        });
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.shutdown.store(true, Ordering::SeqCst);
        self.shared.ring();
        for worker in self.workers.drain(..) {
            // A worker catches the panics of its tasks, so this cannot fail; and a drop must not panic.
            let _ = worker.join();
        }
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool")
            .field("threads", &self.threads())
            .field("instruction_set", &self.instruction_set)
            .finish()
    }
}

/// A pointer that tasks on several threads may hold; each task makes disjoint use of it.
pub(crate) struct Shareable<T>(*mut T);

impl<T> Shareable<T> {
    pub(crate) fn new(pointer: *mut T) -> Self {
        Self(pointer)
    }

    /// The pointer. A method, so that closures capture the wrapper and not the bare pointer in it.
    #[inline(always)]
    pub(crate) fn pointer(&self) -> *mut T {
        self.0
    }
}

// SAFETY: the users (tasks of one job) touch disjoint parts, each saying so where it dereferences.
unsafe impl<T: Send> Sync for Shareable<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Shareable<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_runs_once() {
        for threads in [1, 2, 3, 7] {
            let pool = Pool::new(threads);
            assert_eq!(pool.threads(), threads);
            for tasks in [0, 1, 2, 3, 50, 1000] {
                let counts: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                pool.run(tasks, |task| {
                    counts[task].fetch_add(1, Ordering::Relaxed);
                });
                assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1));
            }
        }
    }

    #[test]
    fn many_short_jobs_with_sleep_between() {
        let pool = Pool::new(3);
        let sum = AtomicUsize::new(0);
        for round in 0..2000 {
            pool.run(4, |_| {
                sum.fetch_add(1, Ordering::Relaxed);
            });
            if round % 500 == 0 {
                // Long enough that the workers fall asleep and must be rung.
                thread::sleep(std::time::Duration::from_millis(3));
            }
        }
        assert_eq!(sum.into_inner(), 8000);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
        let pool = Pool::new(2);
        for bad in [0, 5, 9] {
            let caught = catch_unwind(AssertUnwindSafe(|| {
                pool.run(10, |task| assert!(task != bad, "task {task} fails"));
            }));
            let message =
                *caught.expect_err("the panic is raised").downcast::<String>().expect("its message");
            assert_eq!(message, format!("task {bad} fails"));
            let sum = AtomicUsize::new(0);
            pool.run(10, |task| {
                sum.fetch_add(task, Ordering::Relaxed);
            });
            assert_eq!(sum.into_inner(), 45);
        }
    }

    #[test]
    fn nested_runs_and_shared_pools_work() {
        let pool = Pool::new(2);
        let sum = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        pool.run(4, |_| {
                            pool.run(3, |_| {
                                sum.fetch_add(1, Ordering::Relaxed);
                            });
                        });
                    }
                });
            }
        });
        assert_eq!(sum.into_inner(), 3 * 50 * 4 * 3);
    }

    #[test]
    #[should_panic(expected = "at least one thread")]
    fn zero_threads_are_refused() {
        Pool::new(0);
    }
}
