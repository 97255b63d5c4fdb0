//! Products of a single row, z = x·w: bound by reading w once.
//!
//! A tile of one row would be two chains of multiply-adds, each waiting for its last; here up to eight vectors of
//! columns are computed side by side, so that the loads never wait. Each output is the same chain along the inner
//! dimension as in a tile, in the same pieces, and so has the same bits.
//!
//! Large products are cut into one contiguous part of the columns per thread, the same in every call: each core's own
//! cache keeps its part of w.

use super::epilogue::Finish;
use super::parts::on_own_parts;
use super::tile::Tiles;
use super::{PARTED, PIECE};
use crate::{InstructionSet, Pool, Real};

/// Vectors of columns computed side by side. Two loads and two multiply-adds a cycle need eight chains to hide four
/// cycles of latency; more of them do not fit into AVX2's registers.
pub(super) const WIDEST: usize = 8;

/// Computes a row of sums, `k` steps.
///
/// Arguments: `k`; x; w at the first column; its stride between steps; its stride from one pair of vectors to the next;
/// how many lanes of the last vector are columns; where to put the sums, whole vectors.
pub type RowFn<F> = unsafe fn(usize, *const F, *const F, usize, usize, usize, *mut F);

/// The row kernels of one number type on one instruction set: `[vectors − 1]`.
pub type RowFns<F> = [RowFn<F>; WIDEST];

/// A matrix of one row to be multiplied: w(p, j) of vector v = j / lanes is at
/// `w[p·step + (v / 2)·pair + (v % 2)·lanes + j % lanes]`, and of a lone last vector at `last_w[p·last_step + …]`.
///
/// Both layouts that there are fit: rows of adjacent columns (`step` = n, `pair` two vectors), and packed panels
/// (`step` two vectors, `pair` a whole panel; the last one may be a single vector wide).
#[derive(Clone, Copy)]
pub(super) struct RowProduct<F> {
    pub k: usize,
    pub n: usize,
    pub x: *const F,
    pub w: *const F,
    pub step: usize,
    pub pair: usize,
    /// Between steps of the last panel.
    pub last_step: usize,
    pub z: *mut F,
    pub finish: Finish<F>,
}

// SAFETY: tasks read `x` and `w`, which nobody writes meanwhile, and write disjoint columns of `z`.
unsafe impl<F: Send + Sync> Sync for RowProduct<F> {}

/// Runs a product of one row.
///
/// # Safety
/// The product's pointers are good for its shape, `z` overlaps nothing else.
pub(super) unsafe fn run<F: Real>(pool: &Pool, product: RowProduct<F>) {
    let isa = pool.instruction_set();
    let (tiles, kernels) = (F::tiles(isa), F::rows(isa));
    let pairs = product.n.div_ceil(2 * tiles.lanes);
    let parts = if product.k * product.n > PARTED { pool.threads_now().min(pairs) } else { 1 };
    let part = |part: usize| {
        let (first, end) = (pairs * part / parts, pairs * (part + 1) / parts);
        // SAFETY: the caller's promise; parts are disjoint ranges of columns.
        unsafe { run_pairs(tiles, kernels, &product, first, end) };
    };
    if parts == 1 {
        part(0);
        return;
    }
    on_own_parts(pool, parts, |_, one| part(one));
}

/// Runs a product of one row on the calling thread.
///
/// # Safety
/// As for [`run`].
pub(super) unsafe fn run_alone<F: Real>(isa: InstructionSet, product: RowProduct<F>) {
    let (tiles, kernels) = (F::tiles(isa), F::rows(isa));
    // SAFETY: the caller's promise.
    unsafe { run_pairs(tiles, kernels, &product, 0, product.n.div_ceil(2 * tiles.lanes)) };
}

/// The columns of the pairs of vectors `first..end`.
///
/// # Safety
/// As for [`run`].
unsafe fn run_pairs<F: Real>(
    tiles: &Tiles<F>,
    kernels: &RowFns<F>,
    product: &RowProduct<F>,
    first: usize,
    end: usize,
) {
    let lanes = tiles.lanes;
    let mut pair = first;
    while pair < end {
        let mut pairs = (WIDEST / 2).min(end - pair);
        let is_odd = |pairs: usize| product.n - (pair + pairs - 1) * 2 * lanes <= lanes;
        // A lone vector whose steps lie closer is computed by itself.
        if pairs > 1 && is_odd(pairs) && product.last_step != product.step {
            pairs -= 1;
        }
        let step =
            if pair + pairs == product.n.div_ceil(2 * lanes) { product.last_step } else { product.step };
        // SAFETY: the caller's promise.
        unsafe { run_group(tiles, kernels, product, pair, pairs, step) };
        pair += pairs;
    }
}

/// Up to [`WIDEST`] vectors of columns from the pair `pair` on.
///
/// # Safety
/// As for [`run`].
unsafe fn run_group<F: Real>(
    tiles: &Tiles<F>,
    kernels: &RowFns<F>,
    product: &RowProduct<F>,
    pair: usize,
    pairs: usize,
    step: usize,
) {
    let &RowProduct { k, n, x, w, z, .. } = product;
    let lanes = tiles.lanes;
    let column = pair * 2 * lanes;
    let width = (n - column).min(pairs * 2 * lanes);
    let vectors = width.div_ceil(lanes);
    let last = width - (vectors - 1) * lanes;
    let finish = product.finish.at(0, column);
    let mut rows = [RowSums::<F>::NEW; 2];
    let [sums, partial] = &mut rows;
    let (sums, partial) = (sums.0.as_mut_ptr().cast::<F>(), partial.0.as_mut_ptr().cast::<F>());
    for begin in (0..k.max(1)).step_by(PIECE) {
        let steps = PIECE.min(k - begin);
        let (is_first, is_last) = (begin == 0, begin + steps == k);
        // SAFETY: steps and columns lie inside x and w, the columns inside z; both rows of sums have room for all
        // vectors.
        unsafe {
            let w = w.wrapping_add(pair * product.pair + begin * step);
            kernels[vectors - 1](steps, x.wrapping_add(begin), w, step, product.pair, last, sums);
            let before = if is_first { std::ptr::null() } else { partial.cast_const() };
            let (to, finish) = if is_last { (z.add(column), Some(&finish)) } else { (partial, None) };
            (tiles.finish)(1, vectors, last, sums, before, 0, to, 0, finish);
        }
    }
}

/// Room for the widest row of sums of any instruction set, at a cache line.
#[repr(align(64))]
struct RowSums<F>([std::mem::MaybeUninit<F>; WIDEST * 16]);

impl<F> RowSums<F> {
    const NEW: Self = Self([const { std::mem::MaybeUninit::uninit() }; WIDEST * 16]);
}

macro_rules! rows {
    ($(#[$features:meta])? $module:ident, $float:ident) => {
        pub(super) mod $module {
            use super::super::lanes::$module::{
                LANES, first_lanes, load, load_lanes, multiply_add, splat, store, zero,
            };
            use super::RowFns;

            $(#[$features])?
            unsafe fn row<const NV: usize>(
                k: usize,
                x: *const $float,
                mut w: *const $float,
                step: usize,
                pair: usize,
                last: usize,
                out: *mut $float,
            ) {
                let last = first_lanes(last);
                let mut sums = [zero(); NV];
                for p in 0..k {
                    // SAFETY: the caller gives `k` numbers of x and steps of w, each of NV vectors, of the last of
                    // which `last` lanes are there.
                    unsafe {
                        let x = splat(*x.add(p));
                        for v in 0..NV {
                            let at = w.add(v / 2 * pair + v % 2 * LANES);
                            let w = if v + 1 < NV { load(at) } else { load_lanes(at, last) };
                            sums[v] = multiply_add(x, w, sums[v]);
                        }
                    }
                    // Wrapping, since after the last step it may lead beyond the matrix.
                    w = w.wrapping_add(step);
                }
                for v in 0..NV {
                    // SAFETY: `out` has room for NV vectors.
                    unsafe { store(out.add(v * LANES), sums[v]) };
                }
            }

            pub(in crate::product) static ROWS: RowFns<$float> =
                [row::<1>, row::<2>, row::<3>, row::<4>, row::<5>, row::<6>, row::<7>, row::<8>];
        }
    };
}

rows!(portable_f32, f32);
rows!(portable_f64, f64);
#[cfg(target_arch = "x86_64")]
rows!(
    #[target_feature(enable = "avx2,fma")]
    avx2_f32,
    f32
);
#[cfg(target_arch = "x86_64")]
rows!(
    #[target_feature(enable = "avx2,fma")]
    avx2_f64,
    f64
);
#[cfg(target_arch = "x86_64")]
rows!(
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
    avx512_f32,
    f32
);
#[cfg(target_arch = "x86_64")]
rows!(
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
    avx512_f64,
    f64
);
