//! What the pool's two kinds of words say.

/// What a notice says. Its word is generation · 2²⁶ + halvings · 2²² + tasks.
#[derive(Clone, Copy)]
pub(super) struct Notice {
    pub generation: u64,
    pub participants: usize,
    pub tasks: usize,
}

pub(super) const TASK_BITS: u32 = 22;
pub(super) const MOST_TASKS: usize = (1 << TASK_BITS) - 1;
/// The bits below the generation, in a notice's word as in a place's.
pub(super) const LOW_BITS: u32 = 26;
pub(super) const LOW: u64 = (1 << LOW_BITS) - 1;
/// Jobs after which generations begin again.
pub(super) const GENERATIONS: u64 = 1 << (64 - LOW_BITS);
/// Shortly before they begin again in tests, so that these see it.
pub(super) const FIRST_GENERATION: u64 = if cfg!(test) { GENERATIONS - 100 } else { 0 };
/// The threads of a pool may be halved for a job this often.
pub(super) const MOST_HALVINGS: u32 = (1 << (LOW_BITS - TASK_BITS)) - 1;

/// The participants of a job of several tasks on a pool of `threads` threads, halved `halvings` times.
pub(super) fn participants(threads: usize, halvings: u32, tasks: usize) -> usize {
    (threads >> halvings).max(1).min(tasks)
}

impl Notice {
    pub fn of(word: u64, threads: usize) -> Self {
        let tasks = word as usize & MOST_TASKS;
        let halvings = (word & LOW) as u32 >> TASK_BITS;
        Self { generation: word >> LOW_BITS, participants: participants(threads, halvings, tasks), tasks }
    }
}

/// A place's word is generation · 2²⁶ + tickets · 4 + WAITED? + INSIDE?.
pub(super) const INSIDE: u64 = 1;
/// The caller sleeps until this worker leaves.
pub(super) const WAITED: u64 = 2;
pub(super) const TICKET: u64 = 4;
/// More tickets than any share has tasks: nothing more is begun.
pub(super) const ALL_TICKETS: u64 = LOW & !(INSIDE | WAITED);

/// The tickets taken in a place for a job of this generation, with its flags; none if they are all of newer jobs.
pub(super) fn low_bits(word: u64, generation: u64) -> Option<u64> {
    let older = generation.wrapping_sub(word >> LOW_BITS) % GENERATIONS;
    match older {
        0 => Some(word & LOW),
        1..=MIDDLE => Some(0),
        _ => None,
    }
}
pub(super) const MIDDLE: u64 = GENERATIONS / 2;
