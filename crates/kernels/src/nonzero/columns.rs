//! Batches of a few rows: products over the columns that any of them has.
//!
//! With ten rows of pixels, half of the columns are 0 in all of them, and the walk over single numbers is slow: a
//! column has none to ten of them, and the processor guesses each time where the loop ends. So here the columns that
//! any row has are listed, and each is taken for all rows, without a look at bits:
//!
//! ```text
//! z[r]    = Σ_{i in list} x[r,i] · w[i,:]       all rows' sums stay in registers
//! dw[i,:] = Σ_r x[r,i] · δ[r,:]                 for i in the list
//! ```
//!
//! Terms with x = 0 among them hand the chain on as it is, where w and δ are finite: the bits are those of the walk.

#![allow(clippy::needless_range_loop)] // r and v count registers

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use super::settle::{Settle, Waiting, lanes, settle};
use super::walk::{Part, Walk};
use crate::pool::Shareable;
use crate::product::PIECE;
use crate::vector::Vector;
use crate::{InstructionSet, Pool, Real, Scratch};

/// The most rows of such a batch. Of more rows, few columns of pixels are left out, and the walk skips more.
pub(super) const FEW_ROWS: usize = 12;
/// Vectors of columns of which a number is kept for each row, sums or δ: 24 of AVX-512's 32 registers.
const PANEL_VECTORS: usize = 2;
/// Room behind a list for a whole vector of column numbers.
pub(super) const SLACK: usize = 16;
/// Multiply-adds up to which one thread is faster than waking others.
const SERIAL: usize = 400_000;
/// Columns in a task of the gradient.
const TASK: usize = 64;

/// Lists the columns of x \[rows, columns\] that are not 0 in every row; their number, and how many numbers are not 0.
type ListFn<F> = unsafe fn(usize, &[F], &mut [u32]) -> (usize, usize);
/// Computes rows from `first` on, of one panel of columns.
type ForwardFn<F> = unsafe fn(&Walk<F>, &[u32], usize, Panel);
/// Computes the gradient's rows of a part of the list, of one panel; whether all rows, listed or not, are wanted.
type GradientFn<F> = unsafe fn(&Walk<F>, &[u32], std::ops::Range<usize>, &Part<F>);

/// A panel's first column, and how many lanes of its last vector are columns.
#[derive(Clone, Copy)]
struct Panel {
    column: usize,
    last: usize,
}

/// The loops for one number type on one instruction set.
pub struct FewRows<F: 'static> {
    lanes: usize,
    pub(super) list: ListFn<F>,
    /// The most rows whose sums the registers hold, and by rows and vectors the loop.
    rows: usize,
    forward: [[ForwardFn<F>; PANEL_VECTORS]; FEW_ROWS],
    /// By rows and vectors.
    gradient: [[GradientFn<F>; PANEL_VECTORS]; FEW_ROWS],
}

/// The loops that a number type has for each instruction set.
pub trait ByColumns: Sized + 'static {
    /// The one for `isa`.
    #[doc(hidden)]
    fn few_rows(isa: InstructionSet) -> &'static FewRows<Self>;
}

macro_rules! by_rows {
    ($of_rows:ident, $vector:ty; $($rows:literal)+) => {
        [$([$of_rows::<$vector, $rows, 1>, $of_rows::<$vector, $rows, 2>]),+]
    };
}

macro_rules! few_rows {
    ($number:ident, $portable:ty, $avx2:ident, $avx512:ident, $list_avx512:ident) => {
        impl ByColumns for $number {
            fn few_rows(isa: InstructionSet) -> &'static FewRows<Self> {
                // Statics, not constants, for the reason given at `list_walkers`.
                static PORTABLE: FewRows<$number> = FewRows {
                    lanes: <$portable>::LANES,
                    list,
                    rows: 4,
                    forward: by_rows!(forward, $portable; 1 2 3 4 4 4 4 4 4 4 4 4),
                    gradient: by_rows!(gradient, $portable; 1 2 3 4 5 6 7 8 9 10 11 12),
                };
                #[cfg(target_arch = "x86_64")]
                static AVX2: FewRows<$number> = FewRows {
                    lanes: <$avx2>::LANES,
                    list: list_avx2,
                    rows: 4,
                    forward: by_rows!(forward_avx2, $avx2; 1 2 3 4 4 4 4 4 4 4 4 4),
                    gradient: by_rows!(gradient_avx2, $avx2; 1 2 3 4 5 6 7 8 9 10 11 12),
                };
                #[cfg(target_arch = "x86_64")]
                static AVX512: FewRows<$number> = FewRows {
                    lanes: <$avx512>::LANES,
                    list: $list_avx512,
                    rows: 12,
                    forward: by_rows!(forward_avx512, $avx512; 1 2 3 4 5 6 7 8 9 10 11 12),
                    gradient: by_rows!(gradient_avx512, $avx512; 1 2 3 4 5 6 7 8 9 10 11 12),
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

few_rows!(f32, [f32; 4], __m256, __m512, list_avx512_f32);
few_rows!(f64, [f64; 2], __m256d, __m512d, list_avx512);

macro_rules! compiled_for {
    ($forward:ident, $gradient:ident, $list:ident, $features:literal) => {
        /// # Safety
        /// As for [`forward`].
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $features)]
        unsafe fn $forward<V: Vector, const R: usize, const NV: usize>(
            walk: &Walk<V::Number>,
            list: &[u32],
            first: usize,
            panel: Panel,
        ) {
            // SAFETY: the caller's promise.
            unsafe { forward::<V, R, NV>(walk, list, first, panel) };
        }
        /// # Safety
        /// As for [`gradient`].
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $features)]
        unsafe fn $gradient<V: Vector, const R: usize, const NV: usize>(
            walk: &Walk<V::Number>,
            list: &[u32],
            outputs: std::ops::Range<usize>,
            part: &Part<V::Number>,
        ) {
            // SAFETY: the caller's promise.
            unsafe { gradient::<V, R, NV>(walk, list, outputs, part) };
        }
        /// [`list`], compiled for the instruction set.
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $features)]
        fn $list<F: Real>(columns: usize, x: &[F], to: &mut [u32]) -> (usize, usize) {
            list(columns, x, to)
        }
    };
}

compiled_for!(forward_avx2, gradient_avx2, list_avx2, "avx2,fma,popcnt,bmi1");
compiled_for!(
    forward_avx512,
    gradient_avx512,
    list_avx512,
    "avx2,fma,popcnt,bmi1,avx512f,avx512bw,avx512dq,avx512vl"
);

/// [`ListFn`] in plain Rust.
#[inline(always)]
fn list<F: Real>(columns: usize, x: &[F], to: &mut [u32]) -> (usize, usize) {
    let (mut listed, mut count) = (0, 0);
    for column in 0..columns {
        let found = x[column..].iter().step_by(columns).filter(|x| **x != F::ZERO).count();
        // Without a branch, which the processor could only guess.
        to[listed] = column as u32;
        listed += usize::from(found > 0);
        count += found;
    }
    (listed, count)
}

/// [`ListFn`] by comparisons whose masks are the columns.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,popcnt,bmi1,avx512f,avx512bw,avx512dq,avx512vl")]
fn list_avx512_f32(columns: usize, x: &[f32], to: &mut [u32]) -> (usize, usize) {
    const LANES: usize = 16;
    let (mut listed, mut count, zero) = (0, 0, _mm512_setzero_ps());
    let length = x.len();
    let numbers = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for first in (0..columns).step_by(LANES) {
        let lanes = ((1_u32 << LANES.min(columns - first)) - 1) as __mmask16;
        let mut any = 0;
        for row in x.chunks_exact(columns) {
            let from = row[first..].as_ptr();
            // What the next batch will be, where batches lie in order: it comes from memory while this one is worked on.
            // A hint reads nothing, wherever it points.
            _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add(length).cast());
            // SAFETY: lanes beyond the last column are not read.
            let x = unsafe { _mm512_maskz_loadu_ps(lanes, from) };
            let found = _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(x, zero);
            count += found.count_ones() as usize;
            any |= found;
        }
        let found =
            _mm512_maskz_compress_epi32(any, _mm512_add_epi32(numbers, _mm512_set1_epi32(first as i32)));
        let place = &mut to[listed..][..LANES];
        // SAFETY: a place for 16 numbers.
        unsafe { _mm512_storeu_si512(place.as_mut_ptr().cast(), found) };
        listed += any.count_ones() as usize;
    }
    (listed, count)
}

/// z of R rows from `first` on, NV vectors of columns.
///
/// # Safety
/// The machine has the vector type's instruction set, and the caller is compiled for it. The walk is x·w of so many
/// rows, its pointers good for its shape; listed are ascending terms; nobody else writes these rows' columns.
#[inline(always)]
unsafe fn forward<V: Vector, const R: usize, const NV: usize>(
    walk: &Walk<V::Number>,
    list: &[u32],
    first: usize,
    panel: Panel,
) {
    let x = walk.x.wrapping_add(first * walk.x_output);
    let b = walk.b.wrapping_add(panel.column);
    // SAFETY: listed terms have a number in each row of x and a row of b; the columns are there.
    unsafe {
        let mut total = [[V::splat(V::Number::ZERO); NV]; R];
        let mut rest = list;
        for piece in 0..walk.k.div_ceil(PIECE).max(1) {
            let end = ((piece + 1) * PIECE) as u32;
            let (now, later) = if walk.k <= PIECE {
                (rest, &[][..])
            } else {
                rest.split_at(rest.partition_point(|&term| term < end))
            };
            rest = later;
            let mut sums = [[V::splat(V::Number::ZERO); NV]; R];
            for &term in now {
                let term = term as usize;
                let row = b.add(term * walk.n);
                let mut columns = [V::splat(V::Number::ZERO); NV];
                for v in 0..NV {
                    let at = row.add(v * V::LANES);
                    columns[v] = if v + 1 < NV { V::load(at) } else { V::load_first(at, panel.last) };
                }
                for r in 0..R {
                    let value = V::splat(*x.add(r * walk.x_output + term));
                    for v in 0..NV {
                        sums[r][v] = sums[r][v].add_product(value, columns[v]);
                    }
                }
            }
            for r in 0..R {
                for v in 0..NV {
                    total[r][v] = if piece == 0 { sums[r][v] } else { total[r][v].add(sums[r][v]) };
                }
            }
        }
        leave(walk, first, panel, total);
    }
}

/// Adds the biases and stores.
///
/// # Safety
/// As for [`forward`].
#[inline(always)]
unsafe fn leave<V: Vector, const R: usize, const NV: usize>(
    walk: &Walk<V::Number>,
    first: usize,
    panel: Panel,
    total: [[V; NV]; R],
) {
    let Settle::Add { row } = walk.settle else { unreachable!("x·w has biases added at most") };
    for v in 0..NV {
        let width = if v + 1 < NV { V::LANES } else { panel.last };
        let at = panel.column + v * V::LANES;
        // SAFETY: the caller's promise.
        unsafe {
            let bias = if row.is_null() { None } else { Some(V::load_first(row.add(at), width)) };
            for r in 0..R {
                let z = bias.map_or(total[r][v], |bias| total[r][v].add(bias)).flushed();
                z.store_first(walk.c.add((first + r) * walk.n + at), width);
            }
        }
    }
}

/// The gradient's rows of `list` from R rows of a batch, NV vectors of columns, settled. Of `outputs`, those that are not listed are settled
/// as 0; an empty range leaves them alone.
///
/// # Safety
/// As for [`forward`], of a walk that is xᵀ·δ and outputs that are listed.
#[inline(always)]
unsafe fn gradient<V: Vector, const R: usize, const NV: usize>(
    walk: &Walk<V::Number>,
    list: &[u32],
    outputs: std::ops::Range<usize>,
    part: &Part<V::Number>,
) {
    let mut waiting = Waiting::new(part);
    let b = walk.b.wrapping_add(part.column);
    let mut next = outputs.start;
    // SAFETY: listed outputs have a number in each row of x; the columns are there.
    unsafe {
        let mut delta = [[V::splat(V::Number::ZERO); NV]; R];
        for r in 0..R {
            for v in 0..NV {
                delta[r][v] = V::load_first(b.add(r * walk.n + v * V::LANES), lanes::<V, NV>(part, v));
            }
        }
        for &output in list {
            let output = output as usize;
            while next < output.min(outputs.end) {
                settle(walk, part, next, [V::splat(V::Number::ZERO); NV], false, &mut waiting);
                next += 1;
            }
            next += 1;
            let x = walk.x.add(output);
            let mut sums = [V::splat(V::Number::ZERO); NV];
            for r in 0..R {
                let value = V::splat(*x.add(r * walk.x_term));
                for v in 0..NV {
                    sums[v] = sums[v].add_product(value, delta[r][v]);
                }
            }
            settle(walk, part, output, sums, true, &mut waiting);
        }
        while next < outputs.end {
            settle(walk, part, next, [V::splat(V::Number::ZERO); NV], false, &mut waiting);
            next += 1;
        }
        waiting.store::<V>(part);
    }
}

/// Runs x·w of a few rows.
///
/// # Safety
/// The walk is of [`FEW_ROWS`] rows at most, its pointers good for its shape, `c` overlaps nothing else, and listed are
/// the terms that any row has, ascending.
pub(super) unsafe fn run_forward<F: Real>(pool: &Pool, walk: &Walk<F>, list: &[u32]) {
    let few = F::few_rows(pool.instruction_set());
    let width = PANEL_VECTORS * few.lanes;
    let task = |panel: usize| {
        let column = panel * width;
        let vectors = (walk.n - column).min(width).div_ceil(few.lanes);
        let last = (walk.n - column).min(width) - (vectors - 1) * few.lanes;
        let mut first = 0;
        while first < walk.m {
            let rows = few.rows.min(walk.m - first);
            // SAFETY: the caller's promise; tasks write different columns.
            unsafe { few.forward[rows - 1][vectors - 1](walk, list, first, Panel { column, last }) };
            first += rows;
        }
    };
    super::run(pool, list.len() * walk.m * walk.n > SERIAL, walk.n.div_ceil(width), task);
}

/// Runs xᵀ·δ of a few rows, with what happens to its rows.
///
/// # Safety
/// As for [`run_forward`]; listed are the outputs.
pub(super) unsafe fn run_gradient<F: Real>(
    pool: &Pool,
    scratch: &mut Scratch<F>,
    walk: &Walk<F>,
    list: &[u32],
) {
    let few = F::few_rows(pool.instruction_set());
    // Plain descent leaves rows alone that no row of the batch has.
    let all = !matches!(walk.settle, Settle::Descend { .. });
    let vectors = walk.n.div_ceil(few.lanes);
    let panels = vectors.div_ceil(PANEL_VECTORS);
    let parts = if all { walk.m.div_ceil(TASK) } else { list.len().div_ceil(TASK) };
    scratch.reserve_workspace();
    let workspace = Shareable::new(scratch.workspace.as_mut_ptr());
    let task = |participant: usize, task: usize| {
        let workspace = match participant {
            0 => workspace.pointer(),
            // SAFETY: this is that participant, in a task of the job under way.
            _ => unsafe { pool.workspace(participant) }.as_mut_ptr().cast(),
        };
        let (panel, part) = (task % panels, task / panels);
        let (vector, next) = (panel * vectors / panels, (panel + 1) * vectors / panels);
        let (listed, outputs) = if all {
            let (from, to) = (part * TASK, walk.m.min((part + 1) * TASK));
            let place = |output: usize| list.partition_point(|&one| (one as usize) < output);
            (&list[place(from)..place(to)], from..to)
        } else {
            (&list[part * TASK..list.len().min((part + 1) * TASK)], 0..0)
        };
        let column = vector * few.lanes;
        let last = few.lanes.min(walk.n - (next - 1) * few.lanes);
        let part = Part::of_columns(column, last, workspace);
        // SAFETY: the caller's promise; parts are disjoint, the workspace is this participant's.
        unsafe { few.gradient[walk.k - 1][next - vector - 1](walk, listed, outputs, &part) };
    };
    if list.len() * walk.k * walk.n > SERIAL {
        pool.run_as(panels * parts, task);
    } else {
        (0..panels * parts).for_each(|index| task(0, index));
    }
}
