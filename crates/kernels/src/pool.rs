//! The thread pool: persistent workers, tasks shared out in advance, the caller taking part.
//!
//! # A region
//!
//! A call of [`Pool::run`] is a *region*. Participant p of P (0 is the caller) owns the tasks p, p + P, p + 2P, …; who has
//! finished its own takes those that others have not begun. Two words carry it all, each on a cache line of its own:
//!
//! - the *notice*, written by the caller: generation, participants, number of tasks, and the closure beside it;
//! - each participant's *place*: the generation it was last used in, how many of the owner's tasks are taken
//!   (*tickets*), whether the owner is inside.
//!
//! A region is over when in every place all tickets are taken and nobody is inside. Nobody is waited for who has not
//! come: a worker that sleeps, was not given a core, or does not exist in a forked child has its tasks done by others.
//! This is why the number of threads at work may change from one region to the next; what is computed does not depend
//! on it.
//!
//! # Waiting
//!
//! Nobody spins for longer than [`SPINS`] rounds. A worker then sleeps until it is rung; the caller, waiting for a
//! worker inside, sleeps until that one leaves. Ringing costs the caller a system call, so it is done when it pays
//! ([`Bell`]). Where the cores are needed by others, workers inside are late, and the pool works on fewer
//! threads for a while ([`Lateness`]).
//!
//! # How many threads
//!
//! No more than were asked for, than there are cores for, and than tasks. Kernels ask for a region only from a size on
//! from which it usually pays, each saying where; below, they stay on the calling thread. What regions bring on this
//! machine at this time is tried: now and then some hundred short regions are run on all threads and on half as many in
//! turns, and the faster number is kept ([`Trial`]).

mod bell;
mod lateness;
#[cfg(test)]
mod tests;
mod trial;
mod word;

use std::any::Any;
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::thread::{self, JoinHandle, Thread};
use std::time::Instant;

use crate::Buffer;
use crate::InstructionSet;
use crate::scratch::WORKSPACE;
use bell::Bell;
use lateness::Lateness;
use trial::Trial;
use word::*;

/// Rounds of `spin_loop` (about 40 µs) that anybody waits before sleeping.
const SPINS: u32 = 1500;
/// Rounds after which an idle worker fetches its own place back, which the caller has looked at.
const FETCH: u32 = 6;

/// A pool of worker threads and the instruction set that kernels use on it.
///
/// Every kernel takes one. What a kernel computes never depends on the number of threads, only how long it takes.
/// Workers spin briefly between jobs and then sleep. Dropping the pool ends them.
///
/// A pool may be shared: a `run` while another is under way (from another thread, or from inside a task) executes its
/// tasks on the calling thread alone. In a child of `fork`, where the workers do not exist, it works on the calling
/// thread alone.
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
    /// Locked while a job of this pool is under way.
    caller: Mutex<Caller>,
    /// How often the threads are halved at present, and how often kernels have asked while they were.
    halved: AtomicU32,
    asked: AtomicU32,
    /// The process that the workers live in.
    process: u32,
}

/// What the caller of a job knows of earlier ones.
struct Caller {
    generation: u64,
    bell: Bell,
    lateness: Lateness,
    trial: Trial,
}

/// A closure over (participant, task), its lifetime erased: it lives until the job is over.
type Job = *const (dyn Fn(usize, usize) + Sync);

/// Two cache lines, since the processor fetches them in pairs.
#[repr(align(128))]
struct OwnLine<T>(T);

struct Board {
    notice: AtomicU64,
    job: UnsafeCell<Option<Job>>,
    shutdown: AtomicBool,
}

struct Shared {
    board: OwnLine<Board>,
    /// By participant.
    places: Vec<OwnLine<AtomicU64>>,
    /// How many workers sleep, and which; the worker of participant p is number p − 1.
    sleepers: OwnLine<AtomicUsize>,
    asleep: Vec<AtomicBool>,
    threads: Vec<OnceLock<Thread>>,
    workspaces: Vec<UnsafeCell<Buffer<f32>>>,
    panicked: AtomicBool,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    gate: Mutex<()>,
    left: Condvar,
}

// SAFETY: `job` is written by the caller only while nobody is inside (see `run_as`), and read by workers inside;
// workspace i is used by participant i alone.
unsafe impl Sync for Shared {}
// SAFETY: the job's closure is `Sync` and outlives its use; nothing else is tied to a thread.
unsafe impl Send for Shared {}

impl Shared {
    fn new(workers: usize) -> Self {
        Self {
            board: OwnLine(Board {
                notice: AtomicU64::new(0),
                job: UnsafeCell::new(None),
                shutdown: AtomicBool::new(false),
            }),
            places: (0..=workers).map(|_| OwnLine(AtomicU64::new(FIRST_GENERATION << LOW_BITS))).collect(),
            sleepers: OwnLine(AtomicUsize::new(0)),
            asleep: (0..workers).map(|_| AtomicBool::new(false)).collect(),
            threads: (0..workers).map(|_| OnceLock::new()).collect(),
            workspaces: (0..workers).map(|_| UnsafeCell::new(Buffer::zeroed(WORKSPACE))).collect(),
            panicked: AtomicBool::new(false),
            panic: Mutex::new(None),
            gate: Mutex::new(()),
            left: Condvar::new(),
        }
    }

    /// Takes the next task of `owner`'s share, if one is left, and sets `enter` in the owner's place.
    ///
    /// This fails for a notice whose job is over: all tickets of its generation are taken, or the place is used for a
    /// newer one.
    fn claim(&self, notice: Notice, owner: usize, enter: u64) -> Option<usize> {
        let place = &self.places[owner].0;
        let mut word = place.load(Ordering::Relaxed);
        loop {
            let low = low_bits(word, notice.generation)?;
            let task = (low / TICKET) as usize * notice.participants + owner;
            if task >= notice.tasks {
                return None;
            }
            let next = (notice.generation << LOW_BITS) | (low + TICKET) | enter;
            match place.compare_exchange_weak(word, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Some(task),
                Err(now) => word = now,
            }
        }
    }

    /// How many tasks of `owner`'s share have not begun.
    fn remaining(&self, notice: Notice, owner: usize) -> usize {
        let word = self.places[owner].0.load(Ordering::Relaxed);
        let Some(low) = low_bits(word, notice.generation) else { return 0 };
        let share = notice.tasks.saturating_sub(owner).div_ceil(notice.participants);
        share.saturating_sub((low / TICKET) as usize)
    }

    /// Runs the task `first`, then the rest of the own share, then what others have not begun. The first panic is kept
    /// for the caller and ends the job. `since` is the time before the first task if somebody is asleep.
    fn work(
        &self,
        notice: Notice,
        participant: usize,
        first: usize,
        since: Option<Instant>,
        job: &(dyn Fn(usize, usize) + Sync),
    ) {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            job(participant, first);
            let mut done = 1;
            for owner in (participant..notice.participants).chain(0..participant) {
                loop {
                    // Looking at the clock after every short task would cost more than it brings.
                    if let Some(since) = since
                        && u32::is_power_of_two(done)
                    {
                        self.ring_where_worth(notice, since, done);
                    }
                    let Some(task) = self.claim(notice, owner, 0) else { break };
                    job(participant, task);
                    done += 1;
                }
            }
        }));
        if let Err(payload) = outcome {
            self.panic.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(payload);
            self.panicked.store(true, Ordering::Release);
            self.abandon(notice);
        }
    }

    /// Takes all tickets, so that no further task begins.
    fn abandon(&self, notice: Notice) {
        for place in &self.places[..notice.participants] {
            let mut word = place.0.load(Ordering::Relaxed);
            loop {
                let flags = low_bits(word, notice.generation).unwrap_or(0) & (INSIDE | WAITED);
                let next = notice.generation << LOW_BITS | ALL_TICKETS | flags;
                match place.0.compare_exchange_weak(word, next, Ordering::Relaxed, Ordering::Relaxed) {
                    Ok(_) => break,
                    Err(now) => word = now,
                }
            }
        }
    }

    fn worker(&self, participant: usize) {
        let _ = self.threads[participant - 1].set(thread::current());
        let (board, place) = (&self.board.0, &self.places[participant].0);
        let (mut seen, mut idle) = (0, 0);
        loop {
            let word = board.notice.load(Ordering::Acquire);
            if word != seen {
                seen = word;
                let notice = Notice::of(word, self.places.len());
                if participant < notice.participants {
                    idle = 0;
                    if let Some(first) = self.claim(notice, participant, INSIDE) {
                        // SAFETY: this worker is inside, so the caller neither replaces the job nor returns before
                        // it has left; and the notice has been read after the job was written.
                        if let Some(job) = unsafe { *board.job.get() } {
                            // SAFETY: as above, the closure is alive.
                            self.work(notice, participant, first, self.if_any_sleeps(), unsafe { &*job });
                        }
                        self.leave(place);
                    }
                }
            } else if board.shutdown.load(Ordering::Acquire) {
                return;
            } else if idle < SPINS {
                idle += 1;
                if idle == FETCH {
                    place.fetch_or(0, Ordering::Relaxed);
                }
                std::hint::spin_loop();
            } else {
                self.sleep(participant, seen);
                idle = 0;
            }
        }
    }

    fn leave(&self, place: &AtomicU64) {
        let before = place.fetch_and(!(INSIDE | WAITED), Ordering::Release);
        if before & WAITED != 0 {
            // Locked, so that the caller is either before its look at the place or already asleep.
            drop(self.gate());
            self.left.notify_all();
        }
    }

    fn gate(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps until rung, or for no time if there is something newer than `seen`.
    fn sleep(&self, participant: usize, seen: u64) {
        let (asleep, board) = (&self.asleep[participant - 1], &self.board.0);
        self.sleepers.0.fetch_add(1, Ordering::SeqCst);
        asleep.store(true, Ordering::SeqCst);
        // A notice that comes between this look and the sleep rings, or is done by others if the caller did not yet see
        // the sleeper; the end of the pool always rings.
        if board.notice.load(Ordering::SeqCst) == seen && !board.shutdown.load(Ordering::SeqCst) {
            thread::park();
        }
        self.awaken(participant);
    }

    /// Notes that the worker is awake; whether it was asleep.
    fn awaken(&self, participant: usize) -> bool {
        let asleep = &self.asleep[participant - 1];
        let was_asleep = asleep.load(Ordering::Relaxed) && asleep.swap(false, Ordering::AcqRel);
        if was_asleep {
            self.sleepers.0.fetch_sub(1, Ordering::Relaxed);
        }
        was_asleep
    }

    fn ring(&self, participant: usize) {
        if self.awaken(participant)
            && let Some(thread) = self.threads[participant - 1].get()
        {
            thread.unpark();
        }
    }

    fn if_any_sleeps(&self) -> Option<Instant> {
        (self.sleepers.0.load(Ordering::Relaxed) > 0).then(Instant::now)
    }

    /// Rings one sleeper whose share is worth it: `done` tasks have been done since `since`.
    #[cold]
    fn ring_where_worth(&self, notice: Notice, since: Instant, done: u32) {
        let sleeper = (1..notice.participants).find(|&participant| {
            self.asleep[participant - 1].load(Ordering::Relaxed) && self.remaining(notice, participant) > 0
        });
        if let Some(sleeper) = sleeper {
            let remaining = self.remaining(notice, sleeper) as f64;
            if since.elapsed().as_secs_f64() / f64::from(done) * remaining > bell::WORTH.as_secs_f64() {
                self.ring(sleeper);
            }
        }
    }

    /// Spins until nobody is inside, but not for long: the first who then still is.
    fn first_inside(&self, participants: usize) -> Option<usize> {
        let mut spins = 0;
        (1..participants).find(|&participant| {
            while self.places[participant].0.load(Ordering::Acquire) & INSIDE != 0 {
                spins += 1;
                if spins > SPINS {
                    return true;
                }
                std::hint::spin_loop();
            }
            false
        })
    }

    /// Sleeps until this worker has left.
    fn wait_for(&self, participant: usize) {
        let place = &self.places[participant].0;
        let mut gate = self.gate();
        while place.fetch_or(WAITED, Ordering::Acquire) & INSIDE != 0 {
            gate = self.left.wait(gate).unwrap_or_else(PoisonError::into_inner);
        }
        place.fetch_and(!WAITED, Ordering::Relaxed);
    }
}

impl Pool {
    /// A pool of `threads` threads, the caller being one of them (so 1 starts none), with the best instruction set of
    /// the machine.
    ///
    /// No more threads are started than this process may use cores at once: further ones could only get in each other's
    /// way.
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
        // The tests of this crate let more threads take part than a small machine has cores.
        let cores = if cfg!(test) { threads } else { thread::available_parallelism().map_or(1, usize::from) };
        let workers = threads.min(cores) - 1;
        let shared = Arc::new(Shared::new(workers));
        let halvings = (workers + 1).ilog2().min(MOST_HALVINGS);
        let caller = Caller {
            generation: FIRST_GENERATION,
            bell: Bell::new(),
            lateness: Lateness::new(halvings),
            trial: Trial::new(halvings),
        };
        let mut pool = Self {
            shared,
            workers: Vec::new(),
            instruction_set,
            caller: Mutex::new(caller),
            halved: AtomicU32::new(0),
            asked: AtomicU32::new(0),
            process: std::process::id(),
        };
        for participant in 1..=workers {
            let shared = Arc::clone(&pool.shared);
            let worker = thread::Builder::new()
                .name(format!("deltarule-{participant}"))
                .spawn(move || shared.worker(participant))
                .expect("the system starts a worker thread");
            pool.workers.push(worker);
        }
        pool
    }

    /// The number of threads, the caller's included: those asked for, or as many as there are cores for.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// The number of threads that a region is likely to have now. Kernels decide by it whether to ask for a region at
    /// all, and how finely to cut the work.
    pub(crate) fn threads_now(&self) -> usize {
        let halvings = self.halved.load(Ordering::Relaxed);
        if halvings == 0 {
            return self.threads();
        }
        // Now and then all, so that the kernel asks for a region and the next trial can begin.
        let asked = self.asked.load(Ordering::Relaxed).wrapping_add(1);
        self.asked.store(asked, Ordering::Relaxed);
        let halvings = if asked.is_multiple_of(trial::REGIONS) { 0 } else { halvings };
        participants(self.threads(), halvings, usize::MAX)
    }

    /// The instruction set that kernels use on this pool.
    pub fn instruction_set(&self) -> InstructionSet {
        self.instruction_set
    }

    /// Calls `f(task)` once for every task in `0..tasks`, on whichever thread takes it, and returns when all are done.
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
        if tasks > 1
            && !self.workers.is_empty()
            && let Some(caller) = self.lock_caller()
        {
            if tasks <= MOST_TASKS {
                self.run_together(caller, tasks, &f);
            } else {
                let group = tasks.div_ceil(MOST_TASKS);
                self.run_together(caller, tasks.div_ceil(group), &|participant, index| {
                    (index * group..tasks.min((index + 1) * group)).for_each(|task| f(participant, task));
                });
            }
        } else {
            (0..tasks).for_each(|task| f(0, task));
        }
    }

    /// The caller's knowledge, if no job is under way.
    fn lock_caller(&self) -> Option<MutexGuard<'_, Caller>> {
        match self.caller.try_lock() {
            Ok(caller) => Some(caller),
            Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn run_together(
        &self,
        mut caller: MutexGuard<'_, Caller>,
        tasks: usize,
        job: &(dyn Fn(usize, usize) + Sync),
    ) {
        let shared = &*self.shared;
        let (tried, is_tried) = caller.trial.next();
        let mut began = (is_tried || caller.lateness.watches()).then(Instant::now);
        let late = began.map_or(0, |now| caller.lateness.halvings(now));
        let (halvings, settled) = (tried.max(late), caller.trial.settled().max(late));
        // Looked at first: other cores read this line.
        if self.halved.load(Ordering::Relaxed) != settled {
            self.halved.store(settled, Ordering::Relaxed);
        }
        let participants = participants(self.threads(), halvings, tasks);
        if participants == 1 {
            // Unlocked before, so that a panic leaves nothing locked, except while this is being timed.
            let caller = is_tried.then_some(caller);
            (0..tasks).for_each(|task| job(0, task));
            if let (Some(mut caller), Some(began)) = (caller, began) {
                caller.trial.ended(began, Instant::now());
            }
            return;
        }
        let sleepers = shared.sleepers.0.load(Ordering::Relaxed) > 0;
        if sleepers && began.is_none() {
            began = Some(Instant::now());
        }
        let notice = self.announce(&mut caller, halvings, tasks, job);
        let rings = began.filter(|_| sleepers);
        if let Some(now) = rings
            && caller.bell.rings_at_once(now)
        {
            (1..participants).for_each(|participant| shared.ring(participant));
        }
        shared.work(notice, 0, 0, rings, job);
        let late = shared.first_inside(participants);
        if late.is_some() || began.is_some() {
            self.end_slowly(&mut caller, participants, late, began, rings);
            if is_tried && let Some(began) = began {
                caller.trial.ended(began, Instant::now());
            }
        }
        let panic = if shared.panicked.load(Ordering::Relaxed) {
            shared.panicked.store(false, Ordering::Relaxed);
            shared.panic.lock().unwrap_or_else(PoisonError::into_inner).take()
        } else {
            None
        };
        drop(caller);
        if let Some(payload) = panic {
            resume_unwind(payload);
        }
    }

    /// Opens a job, its first task taken by the caller.
    fn announce(
        &self,
        caller: &mut Caller,
        halvings: u32,
        tasks: usize,
        job: &(dyn Fn(usize, usize) + Sync),
    ) -> Notice {
        let shared = &*self.shared;
        caller.generation = (caller.generation + 1) % GENERATIONS;
        let generation = caller.generation;
        if generation.is_multiple_of(GENERATIONS / 4) {
            // A place that no job has used for so long must not look newer than the jobs to come. Nobody is inside.
            let last = generation.wrapping_sub(1) << LOW_BITS | ALL_TICKETS;
            shared.places.iter().for_each(|place| place.0.store(last, Ordering::Relaxed));
        }
        let word = generation << LOW_BITS | u64::from(halvings) << TASK_BITS | tasks as u64;
        // SAFETY: only the lifetime changes; the closure outlives the job, which ends before `run_together` returns.
        let job = unsafe {
            std::mem::transmute::<&(dyn Fn(usize, usize) + Sync), &'static (dyn Fn(usize, usize) + Sync)>(job)
        };
        // SAFETY: `caller` is locked, so the last job is over and nobody inside: nobody reads `job` now.
        unsafe { *shared.board.0.job.get() = Some(std::ptr::from_ref(job)) };
        shared.places[0].0.store(generation << LOW_BITS | TICKET, Ordering::Relaxed);
        shared.board.0.notice.store(word, Ordering::Release);
        Notice::of(word, self.threads())
    }

    /// The end of a job in which somebody is late, or which is being timed.
    #[cold]
    fn end_slowly(
        &self,
        caller: &mut Caller,
        participants: usize,
        late: Option<usize>,
        began: Option<Instant>,
        rings: Option<Instant>,
    ) {
        let waiting = Instant::now();
        if late.is_some() {
            (1..participants).for_each(|participant| self.shared.wait_for(participant));
            caller.lateness.waited(began, waiting, Instant::now());
        }
        if let Some(began) = rings {
            caller.bell.ended(began, waiting);
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
        if std::process::id() != self.process {
            // A forked child: the workers live in the parent only, and there is nobody to join.
            self.workers.drain(..).for_each(std::mem::forget);
            return;
        }
        self.shared.board.0.shutdown.store(true, Ordering::SeqCst);
        for worker in &self.workers {
            worker.thread().unpark();
        }
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
