//! The loop over the numbers that are not 0, and the cutting of it into tasks.
//!
//! One loop serves both products: output row i is the sum over s of x(i, s) · b(s, :), where for x·w the rows of x and
//! w are walked, for xᵀ·δ the columns of x and the rows of δ. The bits of a mask say which terms there are.
//!
//! ```text
//! for each panel of up to eight vectors of columns, each block of outputs     tasks, on any thread
//!     for each stretch of 64 terms                                           its rows of b are packed into the nearest cache
//!         for each output row of the block                                   sums in registers, kept between stretches
//!             for each bit of its mask in the stretch                        sums += x(i, s) · b(s, panel)
//! ```

#![allow(clippy::needless_range_loop)] // v counts registers

use super::scan::{self, ScanFn};
use super::settle::{Settle, UPDATED, Waiting, settle};
use crate::pool::Shareable;
use crate::product::PIECE;
use crate::scratch::WORKSPACE;
use crate::vector::Vector;
use crate::{InstructionSet, Pool, Real, Scratch};

/// Terms whose bits lie in one word of a mask.
pub(super) const WORD: usize = 32;
/// Terms that are walked for all outputs before the next ones are: two words.
pub(super) const STRETCH: usize = 64;
/// Stretches of one piece, each piece being one chain of multiply-adds.
const PIECE_STRETCHES: usize = PIECE / STRETCH;
/// The most vectors of columns that a panel has: each more makes a term's overhead less, and so many sums fit into the
/// registers of every instruction set.
pub(super) const PANEL_VECTORS: usize = 8;
/// Bytes of so many vectors of the longest kind.
const PANEL_BYTES: usize = 64 * PANEL_VECTORS;
/// Outputs whose sums are kept between stretches.
const GROUP: usize = 96;
// A workspace holds a stretch of a panel, the last vector of an output in each matrix, and the sums of a group in this
// piece and in those before.
const _: () = assert!(UPDATED * 64 <= PANEL_BYTES);
const _: () = assert!((STRETCH + 1 + 2 * GROUP) * PANEL_BYTES <= WORKSPACE * size_of::<f32>());
/// Vectors below which a panel is not made narrower for the threads' sake.
const NARROWEST: usize = 2;
/// Outputs below which b is read in place.
const FEW_OUTPUTS: usize = 16;
/// Multiply-adds up to which one thread is faster than waking others.
const SERIAL: usize = 100_000;

/// The masks of outputs: word t of output i at `masks[i * output + t * word]`, `words` of them.
#[derive(Clone, Copy)]
pub(super) struct Masks {
    pub masks: *const u32,
    pub output: usize,
    pub word: usize,
    pub words: usize,
}

// SAFETY: tasks read the masks, which nobody writes meanwhile.
unsafe impl Sync for Masks {}

impl Masks {
    /// The bits of one output in one stretch: two words, if the second is there.
    ///
    /// # Safety
    /// The output and the stretch are there.
    #[inline(always)]
    pub(super) unsafe fn bits(&self, output: usize, stretch: usize) -> u64 {
        let word = stretch * (STRETCH / WORD);
        let at = self.masks.wrapping_add(output * self.output + word * self.word);
        // SAFETY: the first word is there by the caller's promise, the second by the comparison.
        unsafe {
            let first = u64::from(*at);
            if word + 1 < self.words { first | u64::from(*at.add(self.word)) << WORD } else { first }
        }
    }
}

/// A product c \[m, n\] of x(i, s), at `x[i * x_output + s * x_term]`, with b \[k, n\], whose terms are the set bits of
/// the masks.
///
/// Made by the checked public functions only: the pointers are good for the shapes, and `c` overlaps nothing.
#[derive(Clone, Copy)]
pub(super) struct Walk<F> {
    pub m: usize,
    pub k: usize,
    pub n: usize,
    /// Terms of all outputs together.
    pub terms: usize,
    pub x: *const F,
    pub x_output: usize,
    pub x_term: usize,
    pub masks: Masks,
    /// The same bits by terms: which outputs have one.
    pub of_terms: Masks,
    pub b: *const F,
    pub c: *mut F,
    pub settle: Settle<F>,
}

// SAFETY: tasks read x, b and masks, which nobody writes meanwhile, and write disjoint blocks of `c`.
unsafe impl<F: Send + Sync> Sync for Walk<F> {}

impl<F> Walk<F> {
    /// A product of that shape, m, k and n, whose terms with their numbers are listed elsewhere: x and the masks are not read.
    pub(super) fn of_lists(
        (m, k, n): (usize, usize, usize),
        terms: usize,
        b: *const F,
        c: *mut F,
        settle: Settle<F>,
    ) -> Self {
        let none = Masks { masks: std::ptr::null(), output: 0, word: 0, words: 0 };
        let x = std::ptr::null();
        Self { m, k, n, terms, x, x_output: 0, x_term: 0, masks: none, of_terms: none, b, c, settle }
    }
}

/// One task's part of a product.
pub struct Part<F> {
    /// Outputs.
    first: usize,
    end: usize,
    /// The panel's first column, and how many lanes of its last vector are columns.
    pub(super) column: usize,
    pub(super) last: usize,
    /// Stretches that are walked together: one, if they are packed.
    together: usize,
    /// Room for a stretch of b's panel, or null where it is read in place.
    packed: *mut F,
    /// Room for the block's sums between stretches, then for the sums of the pieces before.
    kept: *mut F,
    /// Room for the last vector of an output in each matrix.
    pub(super) waiting: *mut F,
}

impl<F: Real> Part<F> {
    /// A panel that is not walked: only what is settled needs room, in a participant's workspace.
    pub(super) fn of_columns(column: usize, last: usize, workspace: *mut F) -> Self {
        let nowhere = std::ptr::null_mut();
        Self {
            first: 0,
            end: 0,
            column,
            last,
            together: 1,
            packed: nowhere,
            kept: nowhere,
            waiting: workspace,
        }
    }
}

/// A stretch of b's panel: its first row, the numbers from one to the next, and the columns in the last vector.
#[derive(Clone, Copy)]
struct Stretch<F> {
    b: *const F,
    stride: usize,
    last: usize,
}

/// Computes one part.
pub(super) type WalkFn<F> = unsafe fn(&Walk<F>, &Part<F>);

/// The loop for one number type on one instruction set.
pub struct Walker<F: 'static> {
    /// Numbers in a vector.
    pub(super) lanes: usize,
    /// By the panel's number of vectors, from 1.
    pub(super) walk: [WalkFn<F>; PANEL_VECTORS],
    /// Finds the terms.
    pub(super) scan: ScanFn<F>,
}

/// The walkers that a number type has for each instruction set.
pub trait Walks: Sized + 'static {
    /// The one for `isa`.
    #[doc(hidden)]
    fn walker(isa: InstructionSet) -> &'static Walker<Self>;
}

macro_rules! walkers {
    ($number:ident, $portable:ty, $avx2:ident, $avx512:ident, $scan_avx512:ident) => {
        impl Walks for $number {
            fn walker(isa: InstructionSet) -> &'static Walker<Self> {
                // Statics, not constants, for the reason given at `list_walkers`.
                static PORTABLE: Walker<$number> = Walker {
                    lanes: <$portable>::LANES,
                    walk: by_vectors!(run_part, $portable),
                    scan: scan::portable,
                };
                #[cfg(target_arch = "x86_64")]
                static AVX2: Walker<$number> =
                    Walker { lanes: <$avx2>::LANES, walk: by_vectors!(run_avx2, $avx2), scan: scan::avx2 };
                #[cfg(target_arch = "x86_64")]
                static AVX512: Walker<$number> = Walker {
                    lanes: <$avx512>::LANES,
                    walk: by_vectors!(run_avx512, $avx512),
                    scan: scan::$scan_avx512,
                };
                match isa {
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx2 => &AVX2,
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx512 => &AVX512,
                    _ => &PORTABLE,
                }
            }
        }
    };
}

macro_rules! by_vectors {
    ($run:ident, $vector:ty) => {
        [
            $run::<$vector, 1>,
            $run::<$vector, 2>,
            $run::<$vector, 3>,
            $run::<$vector, 4>,
            $run::<$vector, 5>,
            $run::<$vector, 6>,
            $run::<$vector, 7>,
            $run::<$vector, 8>,
        ]
    };
}

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m256, __m256d, __m512, __m512d};
walkers!(f32, [f32; 4], __m256, __m512, avx512_f32);
walkers!(f64, [f64; 2], __m256d, __m512d, avx512);

/// # Safety
/// As for [`run_part`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,popcnt,bmi1")]
unsafe fn run_avx2<V: Vector, const NV: usize>(walk: &Walk<V::Number>, part: &Part<V::Number>) {
    // SAFETY: the caller's promise.
    unsafe { run_part::<V, NV>(walk, part) };
}

/// # Safety
/// As for [`run_part`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,popcnt,bmi1,avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn run_avx512<V: Vector, const NV: usize>(walk: &Walk<V::Number>, part: &Part<V::Number>) {
    // SAFETY: the caller's promise.
    unsafe { run_part::<V, NV>(walk, part) };
}

/// Computes one part: NV vectors of columns of its outputs.
///
/// # Safety
/// The machine has the vector type's instruction set. The walk's pointers are good for its shape, the part lies inside
/// it, nobody else writes the part, and `kept` has room for it and is nobody else's.
#[inline(always)]
unsafe fn run_part<V: Vector, const NV: usize>(walk: &Walk<V::Number>, part: &Part<V::Number>) {
    let stretches = walk.k.div_ceil(STRETCH);
    let mut at = 0;
    loop {
        let piece_begins = at % PIECE_STRETCHES == 0;
        let piece_end = stretches.min((at / PIECE_STRETCHES + 1) * PIECE_STRETCHES);
        let end = piece_end.min(at + part.together);
        // SAFETY: the stretches are the walk's.
        let stretch = unsafe { pack::<V, NV>(walk, part, at) };
        // SAFETY: as promised to this function.
        unsafe {
            match (piece_begins, end == piece_end) {
                (true, true) => walk_outputs::<V, NV, true, true>(walk, part, stretch, at..end),
                (true, false) => walk_outputs::<V, NV, true, false>(walk, part, stretch, at..end),
                (false, true) => walk_outputs::<V, NV, false, true>(walk, part, stretch, at..end),
                (false, false) => walk_outputs::<V, NV, false, false>(walk, part, stretch, at..end),
            }
        }
        at = end;
        if at >= stretches {
            break;
        }
    }
}

/// Walks a part's outputs in some stretches, which begin a piece, or end one.
///
/// # Safety
/// As for [`run_part`]; the stretches are the walk's.
#[inline(always)]
unsafe fn walk_outputs<V: Vector, const NV: usize, const BEGINS: bool, const ENDS: bool>(
    walk: &Walk<V::Number>,
    part: &Part<V::Number>,
    stretch: Stretch<V::Number>,
    range: std::ops::Range<usize>,
) {
    let width = NV * V::LANES;
    let stretches = walk.k.div_ceil(STRETCH);
    let mut waiting = Waiting::new(part);
    for output in part.first..part.end {
        // SAFETY: outputs and stretches are the walk's, and there is room for sums as promised.
        unsafe {
            let kept = part.kept.wrapping_add((output - part.first) * width);
            let before = kept.wrapping_add(GROUP * width);
            let mut sums = if BEGINS { [V::splat(V::Number::ZERO); NV] } else { load::<V, NV>(kept) };
            let any = add_terms(walk, stretch, output, range.clone(), &mut sums);
            if !ENDS {
                store(&sums, kept);
                continue;
            }
            if range.start >= PIECE_STRETCHES {
                let before = load::<V, NV>(before);
                for v in 0..NV {
                    sums[v] = before[v].add(sums[v]);
                }
            }
            if range.end < stretches {
                store(&sums, before);
            } else {
                settle(walk, part, output, sums, any || stretches > 1, &mut waiting);
            }
        }
    }
    // SAFETY: what waits was settled above.
    unsafe { waiting.store::<V>(part) };
}

/// The rows of b from a stretch's first on, packed if there is room for it: a panel's rows in b begin anywhere, so that
/// most of their vectors would take two cache lines, and each row is read for many outputs.
///
/// # Safety
/// As for [`run_part`]; the stretch is the walk's.
#[inline(always)]
unsafe fn pack<V: Vector, const NV: usize>(
    walk: &Walk<V::Number>,
    part: &Part<V::Number>,
    stretch: usize,
) -> Stretch<V::Number> {
    let first = stretch * STRETCH;
    let b = walk.b.wrapping_add(first * walk.n + part.column);
    if part.packed.is_null() {
        return Stretch { b, stride: walk.n, last: part.last };
    }
    // Of few outputs, often none has a term: then its row of b is not read.
    let sparing = walk.of_terms.words <= STRETCH / WORD;
    for row in 0..walk.k.saturating_sub(first).min(STRETCH) {
        // SAFETY: the row is a term's, and has one or two words.
        if sparing && unsafe { walk.of_terms.bits(first + row, 0) } == 0 {
            continue;
        }
        for v in 0..NV {
            let lanes = if v + 1 < NV { V::LANES } else { part.last };
            // SAFETY: b has the walk's terms as rows, the panel's columns lie inside them; the room is a stretch's.
            unsafe {
                let numbers = V::load_first(b.add(row * walk.n + v * V::LANES), lanes);
                numbers.store(part.packed.add((row * NV + v) * V::LANES));
            }
        }
    }
    Stretch { b: part.packed, stride: NV * V::LANES, last: V::LANES }
}

/// # Safety
/// `from` points to NV vectors.
#[inline(always)]
unsafe fn load<V: Vector, const NV: usize>(from: *const V::Number) -> [V; NV] {
    // No closure: as a function of its own it would lack the instruction set.
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [V::splat(V::Number::ZERO); NV];
        for v in 0..NV {
            sums[v] = V::load(from.add(v * V::LANES));
        }
        sums
    }
}

/// # Safety
/// `to` points to room for NV vectors.
#[inline(always)]
pub(super) unsafe fn store<V: Vector, const NV: usize>(sums: &[V; NV], to: *mut V::Number) {
    for v in 0..NV {
        // SAFETY: the caller's promise.
        unsafe { sums[v].store(to.add(v * V::LANES)) };
    }
}

/// Adds one output's terms in some stretches, in order, and tells whether there are any in the last.
///
/// # Safety
/// As for [`run_part`]; the output and the stretches are the walk's.
#[inline(always)]
unsafe fn add_terms<V: Vector, const NV: usize>(
    walk: &Walk<V::Number>,
    stretch: Stretch<V::Number>,
    output: usize,
    stretches: std::ops::Range<usize>,
    sums: &mut [V; NV],
) -> bool {
    let x = walk.x.wrapping_add(output * walk.x_output);
    let mut any = false;
    for at in stretches.clone() {
        let x = x.wrapping_add(at * STRETCH * walk.x_term);
        let b = stretch.b.wrapping_add((at - stretches.start) * STRETCH * stretch.stride);
        // SAFETY: set bits are terms of the walk, at which x and b are.
        unsafe {
            let mut bits = walk.masks.bits(output, at);
            any = bits != 0;
            while bits != 0 {
                let term = bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let value = V::splat(*x.add(term * walk.x_term));
                let b = b.add(term * stretch.stride);
                for v in 0..NV - 1 {
                    sums[v] = sums[v].add_product(value, V::load(b.add(v * V::LANES)));
                }
                let last = V::load_first(b.add((NV - 1) * V::LANES), stretch.last);
                sums[NV - 1] = sums[NV - 1].add_product(value, last);
            }
        }
    }
    any
}

/// How a product is cut, by its shape.
struct Plan {
    /// Vectors of columns, shared evenly by the panels: the first `longer` have one more than `vectors_each`.
    panels: usize,
    vectors_each: usize,
    longer: usize,
    /// Blocks of outputs.
    blocks: usize,
    outputs_each: usize,
    threaded: bool,
}

impl Plan {
    fn new<F: Real>(walk: &Walk<F>, lanes: usize, threads: usize) -> Self {
        let vectors = walk.n.div_ceil(lanes);
        let threaded = threads > 1 && walk.terms * walk.n > SERIAL;
        let mut panels = vectors.div_ceil(PANEL_VECTORS);
        // Panels share the work evenly, whatever the masks, and leave each thread its own part of b: as many as fill
        // the threads, if they do not become narrow by it. But where states are updated, threads share the outputs: of
        // rows cut by columns, every thread would hold a few lines here and there, in few sets of its cache, and fetch
        // its neighbour's lines ahead of time (784-128 by Adam: 155 µs on two threads, 102 cut by outputs).
        let wanted = panels.next_multiple_of(threads);
        let by_outputs = threaded && walk.k <= STRETCH && matches!(walk.settle, Settle::Update { .. });
        if threaded && !by_outputs && vectors / wanted >= NARROWEST {
            panels = wanted;
        }
        // A single stretch keeps no sums.
        let room = if walk.k > STRETCH { GROUP } else { walk.m };
        let most = if by_outputs {
            walk.m.div_ceil(threads)
        } else if threaded && !panels.is_multiple_of(threads) {
            walk.m.div_ceil(4 * threads).clamp(1, room)
        } else {
            room
        };
        let blocks = walk.m.div_ceil(most);
        Self {
            panels,
            vectors_each: vectors / panels,
            longer: vectors % panels,
            blocks,
            outputs_each: walk.m.div_ceil(blocks),
            threaded,
        }
    }

    /// The first vector of a panel.
    fn first_vector(&self, panel: usize) -> usize {
        panel * self.vectors_each + panel.min(self.longer)
    }
}

/// Runs a product.
///
/// # Safety
/// The walk's pointers are good for its shape, `c` overlaps nothing else.
pub(super) unsafe fn run<F: Real>(pool: &Pool, scratch: &mut Scratch<F>, walk: &Walk<F>) {
    if walk.m == 0 || walk.n == 0 {
        return;
    }
    let walker = F::walker(pool.instruction_set());
    let plan = Plan::new(walk, walker.lanes, pool.threads_now());
    let few = walk.m < FEW_OUTPUTS;
    scratch.reserve_workspace();
    let workspace = Shareable::new(scratch.workspace.as_mut_ptr());
    let task = |participant: usize, index: usize| {
        let workspace = match participant {
            0 => workspace.pointer(),
            // SAFETY: this is that participant, in a task of the job under way.
            _ => unsafe { pool.workspace(participant) }.as_mut_ptr().cast(),
        };
        let (panel, block) = (index / plan.blocks, index % plan.blocks);
        let (vector, next) = (plan.first_vector(panel), plan.first_vector(panel + 1));
        let column = vector * walker.lanes;
        let part = Part {
            first: (block * plan.outputs_each).min(walk.m),
            end: ((block + 1) * plan.outputs_each).min(walk.m),
            column,
            last: walker.lanes.min(walk.n - (next - 1) * walker.lanes),
            packed: if few { std::ptr::null_mut() } else { workspace },
            together: if few { PIECE_STRETCHES } else { 1 },
            kept: workspace.wrapping_add((STRETCH + 1) * PANEL_BYTES / F::BYTES),
            waiting: workspace.wrapping_add(STRETCH * PANEL_BYTES / F::BYTES),
        };
        // SAFETY: the caller's promise; parts are disjoint, the workspace is this participant's.
        unsafe { walker.walk[next - vector - 1](walk, &part) };
    };
    let tasks = plan.panels * plan.blocks;
    if plan.threaded {
        pool.run_as(tasks, task);
    } else {
        (0..tasks).for_each(|index| task(0, index));
    }
}
