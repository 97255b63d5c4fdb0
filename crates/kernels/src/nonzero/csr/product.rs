//! The loop over a list of terms, and the cutting of it into tasks.

#![allow(clippy::needless_range_loop)] // v counts registers

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m256, __m256d, __m512, __m512d};

use super::{SparseColumns, SparseView};
use crate::nonzero::settle::{Settle, Waiting, settle};
use crate::nonzero::walk::{PANEL_VECTORS, Part, Walk};
use crate::pool::Shareable;
use crate::product::PIECE;
use crate::vector::Vector;
use crate::{InstructionSet, Pool, Real, Scratch};

/// Multiply-adds, and numbers stored, up to which one thread is faster than waking others.
const SERIAL: usize = 100_000;
/// Tasks for each thread: rows hold different numbers of numbers.
const TASKS_EACH: usize = 8;

/// The terms of some outputs, each output a list of them.
#[derive(Clone, Copy)]
pub enum Lists<'a, F> {
    /// Outputs are rows from the first on.
    Rows(SparseView<'a, F>, usize),
    /// Outputs are columns from the first on, those that hold nothing included.
    Columns(&'a SparseColumns<F>, usize),
    /// Outputs are these columns.
    Touched(&'a SparseColumns<F>, &'a [u32]),
}

impl<'a, F: Real> Lists<'a, F> {
    /// The `index`th output, and its terms with their numbers.
    #[inline(always)]
    fn at(&self, index: usize) -> (usize, (&'a [u32], &'a [F])) {
        match *self {
            Self::Rows(x, first) => (first + index, x.row(first + index)),
            Self::Columns(x, first) => (first + index, x.column(first + index)),
            Self::Touched(x, columns) => (columns[index] as usize, x.column(columns[index] as usize)),
        }
    }
}

/// Computes so many outputs of a panel of columns.
type ListFn<F> = unsafe fn(&Walk<F>, &Part<F>, Lists<'_, F>, usize);

/// The loop for one number type on one instruction set.
pub struct ListWalker<F: 'static> {
    /// Numbers in a vector.
    lanes: usize,
    /// By the panel's number of vectors, from 1.
    walk: [ListFn<F>; PANEL_VECTORS],
}

/// The loops that a number type has for each instruction set.
pub trait SparseProducts: Sized + 'static {
    /// The one for `isa`.
    #[doc(hidden)]
    fn list_walker(isa: InstructionSet) -> &'static ListWalker<Self>;
}

macro_rules! by_vectors {
    ($run:ident, $vector:ty) => {
        ListWalker {
            lanes: <$vector>::LANES,
            walk: [
                $run::<$vector, 1>,
                $run::<$vector, 2>,
                $run::<$vector, 3>,
                $run::<$vector, 4>,
                $run::<$vector, 5>,
                $run::<$vector, 6>,
                $run::<$vector, 7>,
                $run::<$vector, 8>,
            ],
        }
    };
}

macro_rules! list_walkers {
    ($number:ident, $portable:ty, $avx2:ident, $avx512:ident) => {
        impl SparseProducts for $number {
            fn list_walker(isa: InstructionSet) -> &'static ListWalker<Self> {
                // Statics are compiled where they are defined; constants would be compiled, loops and all, in each crate that
                // multiplies.
                static PORTABLE: ListWalker<$number> = by_vectors!(run_part, $portable);
                #[cfg(target_arch = "x86_64")]
                static AVX2: ListWalker<$number> = by_vectors!(run_avx2, $avx2);
                #[cfg(target_arch = "x86_64")]
                static AVX512: ListWalker<$number> = by_vectors!(run_avx512, $avx512);
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

list_walkers!(f32, [f32; 4], __m256, __m512);
list_walkers!(f64, [f64; 2], __m256d, __m512d);

/// # Safety
/// As for [`run_part`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,popcnt,bmi1")]
unsafe fn run_avx2<V: Vector, const NV: usize>(
    walk: &Walk<V::Number>,
    part: &Part<V::Number>,
    lists: Lists<'_, V::Number>,
    outputs: usize,
) {
    // SAFETY: the caller's promise.
    unsafe { run_part::<V, NV>(walk, part, lists, outputs) };
}

/// # Safety
/// As for [`run_part`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,popcnt,bmi1,avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn run_avx512<V: Vector, const NV: usize>(
    walk: &Walk<V::Number>,
    part: &Part<V::Number>,
    lists: Lists<'_, V::Number>,
    outputs: usize,
) {
    // SAFETY: the caller's promise.
    unsafe { run_part::<V, NV>(walk, part, lists, outputs) };
}

/// Computes NV vectors of columns of `outputs` outputs.
///
/// # Safety
/// The machine has the vector type's instruction set. The walk's pointers are good for its shape, the lists' outputs and
/// terms lie inside it, and nobody else writes these outputs' columns or the part's room.
#[inline(always)]
unsafe fn run_part<V: Vector, const NV: usize>(
    walk: &Walk<V::Number>,
    part: &Part<V::Number>,
    lists: Lists<'_, V::Number>,
    outputs: usize,
) {
    let mut waiting = Waiting::new(part);
    for index in 0..outputs {
        let (output, (terms, values)) = lists.at(index);
        // SAFETY: the caller's promise.
        unsafe {
            let sums = sum::<V, NV>(walk, part, terms, values);
            settle(walk, part, output, sums, !terms.is_empty(), &mut waiting);
        }
    }
    // SAFETY: what waits was settled above.
    unsafe { waiting.store::<V>(part) };
}

/// The sum of an output's terms, pieces of [`PIECE`] terms each one chain, and these added up in order.
///
/// # Safety
/// As for [`run_part`].
#[inline(always)]
unsafe fn sum<V: Vector, const NV: usize>(
    walk: &Walk<V::Number>,
    part: &Part<V::Number>,
    terms: &[u32],
    values: &[V::Number],
) -> [V; NV] {
    let b = walk.b.wrapping_add(part.column);
    // SAFETY: terms have a row of b, in which the panel's columns are.
    unsafe {
        let nothing = [V::splat(V::Number::ZERO); NV];
        let (mut before, mut sums) = (nothing, nothing);
        let (mut is_first, mut end) = (true, PIECE);
        for (&term, &value) in terms.iter().zip(values) {
            let term = term as usize;
            if term >= end {
                before = if is_first { sums } else { add(before, sums) };
                (is_first, end, sums) = (false, (term / PIECE + 1) * PIECE, nothing);
            }
            let (value, b) = (V::splat(value), b.add(term * walk.n));
            for v in 0..NV - 1 {
                sums[v] = sums[v].add_product(value, V::load(b.add(v * V::LANES)));
            }
            let last = V::load_first(b.add((NV - 1) * V::LANES), part.last);
            sums[NV - 1] = sums[NV - 1].add_product(value, last);
        }
        if is_first { sums } else { add(before, sums) }
    }
}

/// # Safety
/// The machine has the vector type's instruction set.
#[inline(always)]
unsafe fn add<V: Vector, const NV: usize>(mut a: [V; NV], b: [V; NV]) -> [V; NV] {
    for v in 0..NV {
        // SAFETY: the caller's promise.
        a[v] = unsafe { a[v].add(b[v]) };
    }
    a
}

/// Runs x·w.
///
/// # Safety
/// The walk is of the shape of x, its pointers good for it, and `c` overlaps nothing else.
pub(super) unsafe fn run_rows<F: Real>(
    pool: &Pool,
    scratch: &mut Scratch<F>,
    walk: &Walk<F>,
    x: SparseView<'_, F>,
) {
    let threaded = x.count() * walk.n > SERIAL;
    // SAFETY: the caller's promise.
    unsafe { run(pool, scratch, walk, walk.m, threaded, |from, _| Lists::Rows(x, from)) };
}

/// Runs xᵀ·δ, with what happens to its rows.
///
/// # Safety
/// As for [`run_rows`], of a walk whose outputs are x's columns.
pub(super) unsafe fn run_columns<F: Real>(
    pool: &Pool,
    scratch: &mut Scratch<F>,
    walk: &Walk<F>,
    x: &SparseColumns<F>,
) {
    let touched = x.touched();
    // Plain descent leaves rows of w alone whose column does not occur.
    let sparing = matches!(walk.settle, Settle::Descend { .. });
    let outputs = if sparing { touched.len() } else { walk.m };
    let threaded = (walk.terms + outputs) * walk.n > SERIAL;
    // SAFETY: the caller's promise; columns are touched once each.
    unsafe {
        run(pool, scratch, walk, outputs, threaded, |from, to| {
            if sparing { Lists::Touched(x, &touched[from..to]) } else { Lists::Columns(x, from) }
        });
    }
}

/// Runs so many outputs, whose lists from one to another are told by `lists`.
///
/// # Safety
/// The walk's pointers are good for its shape, the lists are of its outputs, each of which is in one place, and of its
/// terms; `c` overlaps nothing else.
unsafe fn run<'a, F: Real>(
    pool: &Pool,
    scratch: &mut Scratch<F>,
    walk: &Walk<F>,
    outputs: usize,
    threaded: bool,
    lists: impl Fn(usize, usize) -> Lists<'a, F> + Sync,
) {
    if outputs == 0 || walk.n == 0 {
        return;
    }
    let walker = F::list_walker(pool.instruction_set());
    let vectors = walk.n.div_ceil(walker.lanes);
    let panels = vectors.div_ceil(PANEL_VECTORS);
    let threads = if threaded { pool.threads_now() } else { 1 };
    let parts = if threads > 1 { outputs.min((TASKS_EACH * threads).div_ceil(panels)) } else { 1 };
    let each = outputs.div_ceil(parts);
    let parts = outputs.div_ceil(each);
    scratch.reserve_workspace();
    let workspace = Shareable::new(scratch.workspace.as_mut_ptr());
    let task = |participant: usize, task: usize| {
        let workspace = match participant {
            0 => workspace.pointer(),
            // SAFETY: this is that participant, in a task of the job under way.
            _ => unsafe { pool.workspace(participant) }.as_mut_ptr().cast(),
        };
        let (part, panel) = (task / panels, task % panels);
        let (from, to) = (part * each, outputs.min((part + 1) * each));
        let (vector, next) = (panel * vectors / panels, (panel + 1) * vectors / panels);
        let last = walker.lanes.min(walk.n - (next - 1) * walker.lanes);
        let part = Part::of_columns(vector * walker.lanes, last, workspace);
        // SAFETY: the caller's promise; parts and panels are disjoint, the workspace is this participant's.
        unsafe { walker.walk[next - vector - 1](walk, &part, lists(from, to), to - from) };
    };
    if threads > 1 {
        pool.run_as(panels * parts, task);
    } else {
        (0..panels * parts).for_each(|index| task(0, index));
    }
}
