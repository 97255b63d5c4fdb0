//! Products a·bᵀ of few rows, δ·wᵀ of a small batch: sums along rows that lie as they are needed, without turning w.
//!
//! With as many rows as a tile has, turning a block of w costs little beside its multiply-adds. With a few it costs more
//! than they do. So here an output is L sums side by side, L numbers being 64 bytes: sum l adds up the terms l, l + L,
//! l + 2L, … in order, and the sums are added by halves, l and l + L/2, then l and l + L/4, and so on. The bits depend
//! on nothing else, not on the vectors' length nor on threads.

use super::drive::Product;
use super::epilogue::{Placed, TileSums, place};
use super::parts::on_own_parts;
use super::{MOST_FEW_ROWS, PARTED};
use crate::{InstructionSet, Pool, Real};

/// The least terms of a sum: with fewer, adding up the L sums takes longer than the terms.
const LEAST_TERMS: usize = 32;

/// Computes up to two vectors of columns of some rows: `k` terms; a and its stride between rows; b at the first column
/// and its stride between columns; how many columns; where to put the sums, and its stride between rows.
pub type DotsFn<F> = unsafe fn(usize, *const F, usize, *const F, usize, usize, *mut F, usize);

/// Whether a batch of so many rows is computed here, with sums of so many terms: a matter of the whole batch, whichever
/// rows of it a task takes.
pub(crate) fn are_for(batch: usize, terms: usize) -> bool {
    batch <= MOST_FEW_ROWS && terms >= LEAST_TERMS
}

/// Runs a product.
///
/// # Safety
/// As for [`run`](super::drive::run), of a product that [is for dots](are_for) and whose operands have adjacent terms.
pub(super) unsafe fn run<F: Real>(pool: &Pool, product: &Product<F>) {
    let isa = pool.instruction_set();
    let panels = product.n.div_ceil(2 * F::tiles(isa).lanes);
    let parts = if product.k * product.n > PARTED { pool.threads_now().min(panels) } else { 1 };
    // SAFETY: the caller's promise; parts are disjoint ranges of columns.
    let part =
        |part: usize| unsafe { run_panels(isa, product, panels * part / parts, panels * (part + 1) / parts) };
    if parts == 1 { part(0) } else { on_own_parts(pool, parts, |_, one| part(one)) }
}

/// Runs a product on the calling thread.
///
/// # Safety
/// As for [`run`].
pub(super) unsafe fn run_alone<F: Real>(isa: InstructionSet, product: &Product<F>) {
    // SAFETY: the caller's promise.
    unsafe { run_panels(isa, product, 0, product.n.div_ceil(2 * F::tiles(isa).lanes)) };
}

/// The panels of two vectors of columns `first..end`.
///
/// # Safety
/// As for [`run`].
unsafe fn run_panels<F: Real>(isa: InstructionSet, product: &Product<F>, first: usize, end: usize) {
    let &Product { m, k, n, a, a_row, b, b_column, c, .. } = product;
    let (tiles, kernels) = (F::tiles(isa), F::dots(isa));
    let lanes = tiles.lanes;
    let mut tile_sums = TileSums::new();
    let sums: *mut F = tile_sums.0.as_mut_ptr().cast();
    for column in (first * 2 * lanes..n.min(end * 2 * lanes)).step_by(2 * lanes) {
        let width = (n - column).min(2 * lanes);
        let vectors = width.div_ceil(lanes);
        let (last, stride) = (width - (vectors - 1) * lanes, vectors * lanes);
        let finish = product.finish.at(0, column);
        // SAFETY: rows and columns lie inside a, b and c; `sums` has room for all rows of two vectors.
        unsafe {
            for row in (0..m).step_by(kernels.len()) {
                let rows = kernels.len().min(m - row);
                let (a, b) = (a.add(row * a_row), b.add(column * b_column));
                kernels[rows - 1](k, a, a_row, b, b_column, width, sums.add(row * stride), stride);
            }
            let nothing = std::ptr::null();
            if product.then.is_nothing() {
                (tiles.finish)(m, vectors, last, sums, nothing, 0, c.add(column), n, Some(&finish));
            } else {
                (tiles.finish)(m, vectors, last, sums, nothing, 0, sums, stride, Some(&finish));
                let placed = Placed { rows: m, vectors, width, tile: sums, offset: column, stride: n };
                place(isa, tiles, &product.then, placed, c);
            }
        }
    }
}

macro_rules! dots {
    // Rows, and how many columns go side by side: a divisor of the vector's lanes, so many that sums are in registers.
    ($(#[$features:meta])? $module:ident, $float:ident, [$(($rows:literal, $columns:literal))+]) => {
        pub(super) mod $module {
            use super::super::lanes::$module::{
                LANES, Vector, add, first_lanes, load, load_lanes, multiply_add, store, sums_of_each, zero,
            };
            use super::DotsFn;
            use std::mem::MaybeUninit;

            /// Sums of an output side by side, in NV vectors.
            const SUMS: usize = 64 / size_of::<$float>();
            const NV: usize = SUMS / LANES;

            $(#[$features])?
            unsafe fn dots<const M: usize, const J: usize>(
                k: usize,
                a: *const $float,
                a_stride: usize,
                b: *const $float,
                b_stride: usize,
                columns: usize,
                out: *mut $float,
                out_stride: usize,
            ) {
                let whole = k / SUMS * SUMS;
                for first in (0..columns).step_by(LANES) {
                    let group = LANES.min(columns - first);
                    let mut blocks = [[const { MaybeUninit::<Vector>::uninit() }; LANES]; M];
                    let mut j = 0;
                    while j < group {
                        let mut sums = [[[zero(); NV]; J]; M];
                        let mut p = 0;
                        macro_rules! add_terms {
                            (|$at:ident, $v:ident| $load:expr) => {
                                for $v in 0..NV {
                                    let mut x = [zero(); M];
                                    for i in 0..M {
                                        let $at = a.add(i * a_stride + p + $v * LANES);
                                        x[i] = $load;
                                    }
                                    for c in 0..J {
                                        // Past the last column, that one once more: its sums fall into lanes that nobody takes.
                                        let column = first + (j + c).min(group - 1);
                                        let $at = b.add(column * b_stride + p + $v * LANES);
                                        let w = $load;
                                        for i in 0..M {
                                            sums[i][c][$v] = multiply_add(x[i], w, sums[i][c][$v]);
                                        }
                                    }
                                }
                            };
                        }
                        // SAFETY: M rows of a and the columns of b have `k` terms, of which the last ones are loaded by as
                        // many lanes as there are.
                        unsafe {
                            while p < whole {
                                add_terms!(|at, v| load(at));
                                p += SUMS;
                            }
                            if p < k {
                                add_terms!(|at, v| {
                                    let there = LANES.min((k - p).saturating_sub(v * LANES));
                                    load_lanes(at, first_lanes(there))
                                });
                            }
                        }
                        for i in 0..M {
                            for c in 0..J {
                                let mut of = sums[i][c];
                                let mut vectors = NV;
                                while vectors > 1 {
                                    vectors /= 2;
                                    for v in 0..vectors {
                                        of[v] = add(of[v], of[v + vectors]);
                                    }
                                }
                                blocks[i][j + c].write(of[0]);
                            }
                        }
                        j += J;
                    }
                    for i in 0..M {
                        blocks[i][j.min(LANES)..].fill(MaybeUninit::new(zero()));
                        // SAFETY: all of them are written.
                        let block = unsafe { &*blocks[i].as_ptr().cast::<[Vector; LANES]>() };
                        // SAFETY: `out` has room for M rows of whole vectors.
                        unsafe { store(out.add(i * out_stride + first), sums_of_each(block)) };
                    }
                }
            }

            pub(in crate::product) static DOTS: &[DotsFn<$float>] = &[$(dots::<$rows, $columns>),+];
        }
    };
}

dots!(portable_f32, f32, [(1, 2)(2, 1)(3, 1)(4, 1)]);
dots!(portable_f64, f64, [(1, 2)(2, 1)(3, 1)(4, 1)]);
#[cfg(target_arch = "x86_64")]
dots!(
    #[target_feature(enable = "avx2,fma")]
    avx2_f32,
    f32,
    [(1, 4)(2, 2)(3, 1)(4, 1)]
);
#[cfg(target_arch = "x86_64")]
dots!(
    #[target_feature(enable = "avx2,fma")]
    avx2_f64,
    f64,
    [(1, 4)(2, 2)(3, 1)(4, 1)]
);
#[cfg(target_arch = "x86_64")]
dots!(
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
    avx512_f32,
    f32,
    [(1, 8)(2, 8)(3, 4)(4, 4)(5, 2)(6, 2)(7, 2)(8, 2)]
);
#[cfg(target_arch = "x86_64")]
dots!(
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
    avx512_f64,
    f64,
    [(1, 8)(2, 8)(3, 4)(4, 4)(5, 2)(6, 2)(7, 2)(8, 2)]
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scratch, back_product};

    /// Numbers in [−1, 1).
    fn numbers<F: Real>(length: usize, seed: usize) -> Vec<F> {
        (0..length).map(|i| F::from_f64(((i * 7919 + seed * 104_729) % 2003) as f64 / 1001.5 - 1.0)).collect()
    }

    /// One output as the module's page defines it, by multiply-adds.
    fn defined<F: Real>(a: &[F], b: &[F], multiply_add: fn(F, F, F) -> F) -> F {
        let mut sums = vec![F::ZERO; 64 / F::BYTES];
        for (i, (&a, &b)) in a.iter().zip(b).enumerate() {
            let sum = &mut sums[i % (64 / F::BYTES)];
            *sum = multiply_add(a, b, *sum);
        }
        while sums.len() > 1 {
            let high = sums.split_off(sums.len() / 2);
            sums.iter_mut().zip(high).for_each(|(low, high)| *low += high);
        }
        sums[0].flushed()
    }

    fn check<F: Real>(pool: &Pool, [batch, fan_in, fan_out]: [usize; 3], fused: fn(F, F, F) -> F) {
        let is_fused = pool.instruction_set() != InstructionSet::Portable;
        let multiply_add = if is_fused { fused } else { |a, b, c| a * b + c };
        let (delta, w) = (numbers::<F>(batch * fan_out, 1), numbers::<F>(fan_in * fan_out, 2));
        let mut dx = vec![F::NAN; batch * fan_in];
        back_product(pool, &mut Scratch::new(), batch, fan_in, fan_out, &delta, &w, &mut dx);
        for (delta, dx) in delta.chunks(fan_out).zip(dx.chunks(fan_in)) {
            for (w, &dx) in w.chunks(fan_out).zip(dx) {
                assert!(dx == defined(delta, w, multiply_add), "{pool:?} {batch}x{fan_in}x{fan_out}");
            }
        }
    }

    #[test]
    fn sums_are_those_of_the_definition_on_any_instruction_set_and_number_of_threads() {
        for isa in InstructionSet::available() {
            for threads in [1, 2, 3] {
                let pool = Pool::with_instruction_set(threads, isa);
                for batch in 1..=MOST_FEW_ROWS {
                    for (fan_in, fan_out) in [(1, 32), (7, 33), (16, 47), (33, 64), (40, 100), (300, 130)] {
                        check::<f32>(&pool, [batch, fan_in, fan_out], f32::mul_add);
                        check::<f64>(&pool, [batch, fan_in, fan_out], f64::mul_add);
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_not_a_number_stays_in_its_row_and_small_results_are_0() {
        let (mut delta, w) = (vec![1e-30_f32; 2 * 40], vec![1e-20_f32; 3 * 40]);
        delta[70] = f32::NAN;
        let mut dx = [1.0; 6];
        back_product(&Pool::new(1), &mut Scratch::new(), 2, 3, 40, &delta, &w, &mut dx);
        assert!(dx[..3] == [0.0; 3] && dx[3..].iter().all(|dx| dx.is_nan()));
    }
}
