//! Gradient descent on a layer's weights by a few rows: w −= η·(xᵀ·δ)/W, row by row of w as it lies, and δ·wᵀ taken on
//! the way.
//!
//! With few rows a step is bound by going over w. Taking δ·wᵀ and updating in one pass reads it once where two products
//! would read it twice. Both have the same bits as by those: w is read for δ·wᵀ before it is updated, each gradient is
//! one chain over the rows, and the terms of δ·wᵀ are added up as [`dots`](super::dots) says.

use std::ops::Range;

use super::drive::Product;
use super::epilogue::{Finish, Placed, TileSums, place};
use super::parts::on_own_parts;
use super::{MOST_FEW_ROWS, PARTED};
use crate::{InstructionSet, Pool, Real};

/// The gradient's way into w.
#[derive(Clone, Copy)]
pub struct Descent<F> {
    /// What the sums are divided by, or its exact inverse.
    by: F,
    is_inverse: bool,
    learning_rate: F,
}

/// δ \[rows, n\] and x \[rows, …\], and their strides.
#[derive(Clone, Copy)]
pub struct Batch<F> {
    delta: *const F,
    delta_stride: usize,
    x: *const F,
    x_stride: usize,
}

/// Descends in `rows` rows of w from `w` on, `columns` numbers of each, `stride` apart; where `sums` is given, puts
/// δ·wᵀ of each of the batch's rows there, rows of `sums_stride`, at most two vectors wide.
pub type FewFn<F> = unsafe fn(&Batch<F>, &Descent<F>, usize, *mut F, usize, usize, Option<(*mut F, usize)>);

/// What descends, if it is by a batch of few rows.
pub(super) fn descent_of<F: Real>(update: &Product<F>) -> Option<Descent<F>> {
    let Finish::Descend { by, exact_inverse, learning_rate } = update.finish else { return None };
    let is_for_few = (1..=MOST_FEW_ROWS).contains(&update.k) && update.a_row == 1 && update.b_column == 1;
    let (by, is_inverse) = (exact_inverse.unwrap_or(by), exact_inverse.is_some());
    (is_for_few && update.then.is_nothing()).then_some(Descent { by, is_inverse, learning_rate })
}

fn batch_of<F: Real>(update: &Product<F>) -> Batch<F> {
    Batch { delta: update.b, delta_stride: update.b_step, x: update.a, x_stride: update.a_step }
}

/// The update of a range of columns.
///
/// # Safety
/// As for [`run`](super::drive::run) of `update`, whose [descent](descent_of) this is.
pub(super) unsafe fn update_columns<F: Real>(
    isa: InstructionSet,
    update: &Product<F>,
    descent: &Descent<F>,
    columns: Range<usize>,
) {
    let batch = batch_of(update);
    let batch = Batch { delta: batch.delta.wrapping_add(columns.start), ..batch };
    let kernel = F::few(isa)[update.k - 1];
    let to = update.c.wrapping_add(columns.start);
    // SAFETY: the caller's promise.
    unsafe { kernel(&batch, descent, update.m, to, update.n, columns.len(), None) };
}

/// δ·wᵀ and the update of a layer in one pass over w, if they are of a batch of few rows; whether they were.
///
/// # Safety
/// As for [`run`](super::drive::run) of both.
pub(crate) unsafe fn run<F: Real>(pool: &Pool, back: &Product<F>, update: &Product<F>) -> bool {
    let Some(descent) = descent_of(update).filter(|_| back.dots) else { return false };
    let isa = pool.instruction_set();
    let panel = 2 * F::tiles(isa).lanes;
    let panels = update.m.div_ceil(panel);
    let parts = if update.m * update.n > PARTED { pool.threads_now().min(panels) } else { 1 };
    // SAFETY: the caller's promise; parts are disjoint rows of w, and columns of the δ before.
    let part = |part: usize| unsafe {
        for panel in panels * part / parts..panels * (part + 1) / parts {
            run_panel(isa, back, update, &descent, panel);
        }
    };
    if parts == 1 {
        part(0);
    } else {
        on_own_parts(pool, parts, |_, one| part(one));
    }
    true
}

/// Two vectors of columns of the δ before, and as many rows of w.
///
/// # Safety
/// As for [`run`].
unsafe fn run_panel<F: Real>(
    isa: InstructionSet,
    back: &Product<F>,
    update: &Product<F>,
    descent: &Descent<F>,
    panel: usize,
) {
    let tiles = F::tiles(isa);
    let lanes = tiles.lanes;
    let first = panel * 2 * lanes;
    let width = (update.m - first).min(2 * lanes);
    let vectors = width.div_ceil(lanes);
    let (last, stride) = (width - (vectors - 1) * lanes, vectors * lanes);
    let (rows, n, finish) = (back.m, back.n, back.finish.at(0, first));
    let mut tile_sums = TileSums::new();
    let sums: *mut F = tile_sums.0.as_mut_ptr().cast();
    let batch = batch_of(update);
    let batch = Batch { x: batch.x.wrapping_add(first), ..batch };
    // SAFETY: the panel's rows lie inside w and its columns inside x and the δ before; `sums` has room for a batch's
    // rows of two vectors.
    unsafe {
        let w = update.c.add(first * update.n);
        F::few(isa)[rows - 1](&batch, descent, width, w, update.n, update.n, Some((sums, stride)));
        let nothing = std::ptr::null();
        if back.then.is_nothing() {
            (tiles.finish)(rows, vectors, last, sums, nothing, 0, back.c.add(first), n, Some(&finish));
        } else {
            (tiles.finish)(rows, vectors, last, sums, nothing, 0, sums, stride, Some(&finish));
            let placed = Placed { rows, vectors, width, tile: sums, offset: first, stride: n };
            place(isa, tiles, &back.then, placed, back.c);
        }
    }
}

macro_rules! few {
    // The batch's rows; how many rows of w go side by side, and how many vectors of each, a multiple of NV.
    ($(#[$features:meta])? $module:ident, $float:ident, [$(($rows:literal, $side:literal, $width:literal))+]) => {
        pub(super) mod $module {
            use super::super::lanes::$module::{
                LANES, Vector, add, divide, first_lanes, flush, load, load_lanes, multiply, multiply_add, splat, store,
                store_lanes, subtract, sums_of_each, zero,
            };
            use super::{Batch, Descent, FewFn};
            use std::mem::MaybeUninit;

            /// Sums of an output side by side, in NV vectors.
            const SUMS: usize = 64 / size_of::<$float>();
            const NV: usize = SUMS / LANES;

            /// J rows of w, U vectors of each at a time; with BACK, what each of them and each of the batch's rows add up to, to be added by halves.
            ///
            /// # Safety
            /// x has J numbers in each of M rows, δ `columns` in each of M, w `columns` in each of J.
            // Where a vector is a whole line, NV is 1.
            #[allow(clippy::modulo_one)]
            $(#[$features])?
            #[inline]
            unsafe fn descend<const M: usize, const J: usize, const U: usize, const BACK: bool, const INVERSE: bool>(
                batch: &Batch<$float>,
                descent: &Descent<$float>,
                first: usize,
                w: *mut $float,
                stride: usize,
                columns: usize,
            ) -> [[Vector; J]; M] {
                let (by, rate) = (splat(descent.by), splat(descent.learning_rate));
                let mut x = [[zero(); J]; M];
                for i in 0..M {
                    for c in 0..J {
                        // SAFETY: as above.
                        x[i][c] = splat(unsafe { *batch.x.add(i * batch.x_stride + first + c) });
                    }
                }
                let mut sums = [[[zero(); NV]; J]; M];
                // U vectors of J rows, stage by stage, so that no operation waits for the one before it.
                macro_rules! pass {
                    ($p:ident, $vectors:expr, |$at:ident, $v:ident| $load:expr, |$to:ident, $new:ident| $store:expr) => {{
                        let (mut before, mut gradient) = ([[zero(); $vectors]; J], [[zero(); $vectors]; J]);
                        for c in 0..J {
                            for $v in 0..$vectors {
                                let $at = w.add(c * stride + $p + $v * LANES).cast_const();
                                before[c][$v] = $load;
                            }
                        }
                        for i in 0..M {
                            for $v in 0..$vectors {
                                let $at = batch.delta.add(i * batch.delta_stride + $p + $v * LANES);
                                let delta = $load;
                                for c in 0..J {
                                    gradient[c][$v] = multiply_add(x[i][c], delta, gradient[c][$v]);
                                    if BACK {
                                        let sum = &mut sums[i][c][$v % NV];
                                        *sum = multiply_add(delta, before[c][$v], *sum);
                                    }
                                }
                            }
                        }
                        macro_rules! each {
                            (|$sum:ident, $old:ident| $result:expr) => {
                                for c in 0..J {
                                    for v in 0..$vectors {
                                        let ($sum, $old) = (gradient[c][v], before[c][v]);
                                        gradient[c][v] = $result;
                                    }
                                }
                            };
                        }
                        if INVERSE {
                            each!(|sum, _old| multiply(sum, by));
                        } else {
                            each!(|sum, _old| divide(sum, by));
                        }
                        each!(|mean, _old| flush(mean));
                        each!(|mean, _old| multiply(rate, mean));
                        each!(|step, old| subtract(old, step));
                        each!(|new, _old| flush(new));
                        for c in 0..J {
                            for $v in 0..$vectors {
                                let ($to, $new) = (w.add(c * stride + $p + $v * LANES), gradient[c][$v]);
                                $store;
                            }
                        }
                    }};
                }
                let mut p = 0;
                // SAFETY: as above; the last numbers are loaded and stored by as many lanes as there are.
                unsafe {
                    while p + U * LANES <= columns {
                        pass!(p, U, |at, v| load(at), |to, new| store(to, new));
                        p += U * LANES;
                    }
                    while p + SUMS <= columns {
                        pass!(p, NV, |at, v| load(at), |to, new| store(to, new));
                        p += SUMS;
                    }
                    if p < columns {
                        let lanes = |v: usize| first_lanes(LANES.min((columns - p).saturating_sub(v * LANES)));
                        pass!(p, NV, |at, v| load_lanes(at, lanes(v)), |to, new| store_lanes(to, new, lanes(v)));
                    }
                }
                let mut halved = [[zero(); J]; M];
                for i in 0..M {
                    for c in 0..J {
                        let mut vectors = NV;
                        while vectors > 1 {
                            vectors /= 2;
                            for v in 0..vectors {
                                sums[i][c][v] = add(sums[i][c][v], sums[i][c][v + vectors]);
                            }
                        }
                        halved[i][c] = sums[i][c][0];
                    }
                }
                halved
            }

            /// # Safety
            /// As of [`FewFn`].
            $(#[$features])?
            #[inline]
            unsafe fn rows_of_w<const M: usize, const J: usize, const U: usize, const BACK: bool, const INVERSE: bool>(
                batch: &Batch<$float>,
                descent: &Descent<$float>,
                rows: usize,
                w: *mut $float,
                stride: usize,
                columns: usize,
                (sums, sums_stride): (*mut $float, usize),
            ) {
                for first in (0..rows).step_by(LANES) {
                    let group = LANES.min(rows - first);
                    let mut blocks = [[const { MaybeUninit::<Vector>::uninit() }; LANES]; M];
                    let mut j = 0;
                    while j < group {
                        let row = first + j;
                        // SAFETY: the caller's promise.
                        unsafe {
                            let w = w.add(row * stride);
                            if j + J <= group {
                                let of = descend::<M, J, U, BACK, INVERSE>(batch, descent, row, w, stride, columns);
                                for i in 0..M {
                                    for c in 0..J {
                                        blocks[i][j + c].write(of[i][c]);
                                    }
                                }
                                j += J;
                            } else {
                                let of = descend::<M, 1, U, BACK, INVERSE>(batch, descent, row, w, stride, columns);
                                for i in 0..M {
                                    blocks[i][j].write(of[i][0]);
                                }
                                j += 1;
                            }
                        }
                    }
                    if !BACK {
                        continue;
                    }
                    for i in 0..M {
                        blocks[i][group..].fill(MaybeUninit::new(zero()));
                        // SAFETY: all of them are written.
                        let block = unsafe { &*blocks[i].as_ptr().cast::<[Vector; LANES]>() };
                        // SAFETY: `sums` has room for M rows of whole vectors.
                        unsafe { store(sums.add(i * sums_stride + first), sums_of_each(block)) };
                    }
                }
            }

            $(#[$features])?
            unsafe fn few<const M: usize, const J: usize, const U: usize>(
                batch: &Batch<$float>,
                descent: &Descent<$float>,
                rows: usize,
                w: *mut $float,
                stride: usize,
                columns: usize,
                sums: Option<(*mut $float, usize)>,
            ) {
                let nowhere = (std::ptr::null_mut(), 0);
                // SAFETY: the caller's promise.
                unsafe {
                    match (sums, descent.is_inverse) {
                        (Some(to), true) => rows_of_w::<M, J, U, true, true>(batch, descent, rows, w, stride, columns, to),
                        (Some(to), false) => rows_of_w::<M, J, U, true, false>(batch, descent, rows, w, stride, columns, to),
                        (None, true) => rows_of_w::<M, J, U, false, true>(batch, descent, rows, w, stride, columns, nowhere),
                        (None, false) => rows_of_w::<M, J, U, false, false>(batch, descent, rows, w, stride, columns, nowhere),
                    }
                }
            }

            pub(in crate::product) static FEW: &[FewFn<$float>] = &[$(few::<$rows, $side, $width>),+];
        }
    };
}

few!(portable_f32, f32, [(1, 1, 4)(2, 1, 4)(3, 1, 4)(4, 1, 4)(5, 1, 4)(6, 1, 4)(7, 1, 4)(8, 1, 4)]);
few!(portable_f64, f64, [(1, 1, 4)(2, 1, 4)(3, 1, 4)(4, 1, 4)(5, 1, 4)(6, 1, 4)(7, 1, 4)(8, 1, 4)]);
#[cfg(target_arch = "x86_64")]
few!(
    #[target_feature(enable = "avx2,fma")]
    avx2_f32,
    f32,
    [(1, 2, 2)(2, 1, 2)(3, 1, 2)(4, 1, 2)(5, 1, 2)(6, 1, 2)(7, 1, 2)(8, 1, 2)]
);
#[cfg(target_arch = "x86_64")]
few!(
    #[target_feature(enable = "avx2,fma")]
    avx2_f64,
    f64,
    [(1, 2, 2)(2, 1, 2)(3, 1, 2)(4, 1, 2)(5, 1, 2)(6, 1, 2)(7, 1, 2)(8, 1, 2)]
);
#[cfg(target_arch = "x86_64")]
few!(
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
    avx512_f32,
    f32,
    [(1, 2, 2)(2, 2, 2)(3, 2, 2)(4, 2, 2)(5, 1, 4)(6, 1, 4)(7, 1, 4)(8, 1, 4)]
);
#[cfg(target_arch = "x86_64")]
few!(
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
    avx512_f64,
    f64,
    [(1, 2, 2)(2, 2, 2)(3, 2, 2)(4, 2, 2)(5, 1, 4)(6, 1, 4)(7, 1, 4)(8, 1, 4)]
);
