//! The innermost loops: a tile of outputs kept in registers, and the packing that feeds it, written once for every
//! vector type.
//!
//! A tile is `MR` rows by `NV` vectors of outputs. Each output is one chain of multiply-adds along the inner
//! dimension, in order; which tile it falls into does not touch its bits.

use super::epilogue::Finish;

/// How a tile reads the left matrix; the value of the `MODE` parameter.
pub(super) mod mode {
    /// Packed: the tile's rows lie side by side for each step of the inner dimension; so do the panel's columns.
    pub const PACKED: u8 = 0;
    /// Rows side by side in a wider matrix, as in xᵀ.
    pub const ADJACENT: u8 = 1;
    /// Each row along the inner dimension, as in x.
    pub const STRIDED: u8 = 2;
}

/// Computes one tile, `k` steps.
///
/// Arguments: `k`; the left matrix at the tile's first row, and its stride (between steps if adjacent, between rows if
/// strided); the right matrix at the tile's first column, and its stride between steps; how many lanes of the last
/// vector are columns; where to put the tile, rows of whole vectors one after another; or, where that is given, the
/// place in the output to which the tile goes finished, and from registers.
pub type TileFn<F> =
    unsafe fn(usize, *const F, usize, *const F, usize, usize, *mut F, Option<&InRegisters<'_, F>>);

/// How a tile of whole vectors is finished in registers: it is at `c`, whose rows are a stride apart.
pub struct InRegisters<'a, F> {
    pub c: *mut F,
    pub stride: usize,
    /// Of the kinds that [`is_for_registers`](Finish::is_for_registers).
    pub finish: &'a Finish<F>,
}

/// Takes a computed tile to its place: `rows`, `vectors`, lanes of the last vector; the tile, which may be overwritten; partial sums to add
/// first (or null) with their stride; the destination with its stride; and what to do on the way, or `None` for partial
/// sums, which are stored as they are.
pub type FinishFn<F> =
    unsafe fn(usize, usize, usize, *mut F, *const F, usize, *mut F, usize, Option<&Finish<F>>);

/// Packs: source and its stride, steps `k`, `width` columns, destination and its stride, and whether the destination
/// is filled up with zeros to whole vectors.
pub type PackFn<F> = unsafe fn(*const F, usize, usize, usize, *mut F, usize, bool);

/// The innermost loops for one number type on one instruction set.
pub struct Tiles<F: 'static> {
    /// Numbers in a vector.
    pub lanes: usize,
    /// `compute[mode][rows − 1][vectors − 1]`; its length is the largest number of rows.
    pub compute: [&'static [[TileFn<F>; 2]]; 3],
    pub finish: FinishFn<F>,
    /// From a matrix whose columns lie side by side.
    pub copy: PackFn<F>,
    /// From a matrix whose columns lie a stride apart, its steps side by side.
    pub transpose: PackFn<F>,
}

impl<F> Tiles<F> {
    /// The largest number of rows of a tile.
    pub fn rows(&self) -> usize {
        self.compute[0].len()
    }
}

/// Room for the largest tile of any instruction set: 14 rows by two vectors of 16.
pub(super) const LARGEST_TILE: usize = 14 * 32;

/// What a loop would do for each `$i` below a tile's number of rows, each written out with a constant.
macro_rules! unrolled {
    (($i:ident < $rows:ident) $body:block) => { unrolled!(0 1 2 3 4 5 6 7 8 9 10 11 12 13; $i $rows $body) };
    ($($at:literal)+; $i:ident $rows:ident $body:block) => {{
        $(if $at < $rows {
            let $i: usize = $at;
            $body
        })+
    }};
}

macro_rules! tiles {
    ($(#[$features:meta])? $float:ident, rows [$($rows:literal)+]) => {
        $(#[$features])?
        unsafe fn tile<const MR: usize, const NV: usize, const MODE: u8>(
            k: usize,
            mut a: *const $float,
            a_stride: usize,
            mut b: *const $float,
            b_stride: usize,
            last: usize,
            out: *mut $float,
            to: Option<&InRegisters<'_, $float>>,
        ) {
            let (row, a_step) = match MODE {
                mode::PACKED => (1, MR),
                mode::ADJACENT => (1, a_stride),
                _ => (a_stride, 1),
            };
            let b_step = if MODE == mode::PACKED { NV * LANES } else { b_stride };
            let last = first_lanes(last);
            let mut sums = [[zero(); NV]; MR];
            for _ in 0..k {
                // SAFETY: the caller gives matrices of at least `k` steps, the left of MR rows, the right of NV
                // vectors, of which the last is whole if packed and has `last` lanes otherwise.
                unsafe {
                    let mut columns = [zero(); NV];
                    for v in 0..NV {
                        let at = b.add(v * LANES);
                        let whole = MODE == mode::PACKED || v + 1 < NV;
                        columns[v] = if whole { load(at) } else { load_lanes(at, last) };
                    }
                    for i in 0..MR {
                        let x = splat(*a.add(i * row));
                        for v in 0..NV {
                            sums[i][v] = multiply_add(x, columns[v], sums[i][v]);
                        }
                    }
                }
                // Wrapping, since after the last step a stride may lead beyond the matrix.
                a = a.wrapping_add(a_step);
                b = b.wrapping_add(b_step);
            }
            let Some(&InRegisters { c, stride, finish }) = to else {
                for i in 0..MR {
                    for v in 0..NV {
                        // SAFETY: `out` has room for MR rows of NV vectors.
                        unsafe { store(out.add((i * NV + v) * LANES), sums[i][v]) };
                    }
                }
                return;
            };
            // The operations of `finish` below on sums that are in registers: no way through memory, no masks. Macros, as
            // a function would be given the sums in memory; and rows written out, as a loop would be left a loop, whose
            // sums are in memory from the start: set to zero there before the first step, and taken there after the last.
            macro_rules! each {
                (|$sum:ident, $i:ident, $v:ident| $result:expr) => {
                    unrolled!(($i < MR) {
                        for $v in 0..NV {
                            let $sum = sums[$i][$v];
                            // SAFETY: c has MR rows of NV vectors at its stride, as the source has at its own; the row to
                            // add has NV vectors.
                            unsafe {
                                let result = $result;
                                store(c.add($i * stride + $v * LANES), result);
                            }
                        }
                    })
                };
            }
            macro_rules! descend {
                ($rate:ident, $i:ident, $v:ident, $gradient:expr) => {{
                    let gradient = flush($gradient);
                    let before = load(c.add($i * stride + $v * LANES));
                    flush(subtract(before, multiply($rate, gradient)))
                }};
            }
            match finish {
                Finish::Store => each!(|sum, i, v| flush(sum)),
                &Finish::Add { row } => each!(|sum, i, v| flush(add(sum, load(row.add(v * LANES))))),
                &Finish::AddRelu { row } => {
                    each!(|sum, i, v| relu(flush(add(sum, load(row.add(v * LANES))))));
                }
                &Finish::ReluSlope { source, stride: source_stride } => each!(|sum, i, v| {
                    let a = load(source.add(i * source_stride + v * LANES));
                    flush(multiply(flush(sum), relu_slope(a)))
                }),
                &Finish::Descend { exact_inverse: Some(inverse), learning_rate, .. } => {
                    let (inverse, rate) = (splat(inverse), splat(learning_rate));
                    each!(|sum, i, v| descend!(rate, i, v, multiply(sum, inverse)));
                }
                &Finish::Descend { by, learning_rate, .. } => {
                    let (by, rate) = (splat(by), splat(learning_rate));
                    each!(|sum, i, v| descend!(rate, i, v, divide(sum, by)));
                }
                Finish::AddOne { .. } | Finish::Divide { .. } | Finish::Multiply { .. } => {
                    unreachable!("not for registers")
                }
            }
        }

        $(#[$features])?
        unsafe fn finish(
            rows: usize,
            vectors: usize,
            last: usize,
            tile: *mut $float,
            partial: *const $float,
            partial_stride: usize,
            c: *mut $float,
            c_stride: usize,
            finish: Option<&Finish<$float>>,
        ) {
            let (all, last_lanes) = (first_lanes(LANES), first_lanes(last));
            // Each vector of the tile, its columns' place `at` in c and its column, and what is to be stored there. A
            // macro, so that the kind of finish is looked at once and not for each vector.
            macro_rules! each {
                (|$sum:ident, $i:ident, $v:ident, $lanes:ident| $result:expr) => {
                    for $i in 0..rows {
                        for $v in 0..vectors {
                            let $lanes = if $v + 1 < vectors { all } else { last_lanes };
                            // SAFETY: the caller gives a tile of `rows` rows of whole vectors, and destination,
                            // partial sums, bias and source with as many columns as the lanes say; nothing beyond
                            // those is read or written.
                            unsafe {
                                let $sum = load(tile.add(($i * vectors + $v) * LANES));
                                let result = $result;
                                store_lanes(c.add($i * c_stride + $v * LANES), result, $lanes);
                            }
                        }
                    }
                };
            }
            if !partial.is_null() {
                for i in 0..rows {
                    for v in 0..vectors {
                        let lanes = if v + 1 < vectors { all } else { last_lanes };
                        // SAFETY: as above.
                        unsafe {
                            let at = tile.add((i * vectors + v) * LANES);
                            let before = load_lanes(partial.add(i * partial_stride + v * LANES), lanes);
                            store(at, add(before, load(at)));
                        }
                    }
                }
            }
            match finish {
                None => each!(|sum, i, v, lanes| sum),
                Some(Finish::Store) => each!(|sum, i, v, lanes| flush(sum)),
                Some(&Finish::Add { row }) => {
                    each!(|sum, i, v, lanes| flush(add(sum, load_lanes(row.add(v * LANES), lanes))));
                }
                Some(&Finish::AddRelu { row }) => {
                    each!(|sum, i, v, lanes| {
                        relu(flush(add(sum, load_lanes(row.add(v * LANES), lanes))))
                    });
                }
                Some(&Finish::AddOne { value }) => {
                    let value = splat(value);
                    each!(|sum, i, v, lanes| flush(add(sum, value)));
                }
                Some(&Finish::ReluSlope { source, stride }) => {
                    each!(|sum, i, v, lanes| {
                        let a = load_lanes(source.add(i * stride + v * LANES), lanes);
                        flush(multiply(flush(sum), relu_slope(a)))
                    });
                }
                Some(&Finish::Divide { by }) => {
                    let by = splat(by);
                    each!(|sum, i, v, lanes| flush(divide(sum, by)));
                }
                Some(&Finish::Multiply { by }) => {
                    let by = splat(by);
                    each!(|sum, i, v, lanes| flush(multiply(sum, by)));
                }
                Some(&Finish::Descend { by, exact_inverse, learning_rate }) => {
                    let (rate, divisor) = (splat(learning_rate), splat(by));
                    let inverse = splat(exact_inverse.unwrap_or_default());
                    macro_rules! descend {
                        ($sum:ident, $i:ident, $v:ident, $lanes:ident) => {{
                            let gradient = flush(if exact_inverse.is_some() {
                                multiply($sum, inverse)
                            } else {
                                divide($sum, divisor)
                            });
                            let before = load_lanes(c.add($i * c_stride + $v * LANES), $lanes);
                            flush(subtract(before, multiply(rate, gradient)))
                        }};
                    }
                    if last == LANES {
                        each!(|sum, i, v, lanes| descend!(sum, i, v, lanes));
                        return;
                    }
                    // Rows that do not end at a vector: a row's masked store overlaps the next row's load, which then
                    // waits for the store. So the results go back into the tile first, and out afterwards.
                    for i in 0..rows {
                        for v in 0..vectors {
                            let lanes = if v + 1 < vectors { all } else { last_lanes };
                            // SAFETY: as above.
                            unsafe {
                                let at = tile.add((i * vectors + v) * LANES);
                                let sum = load(at);
                                store(at, descend!(sum, i, v, lanes));
                            }
                        }
                    }
                    each!(|result, i, v, lanes| result);
                }
            }
        }

        $(#[$features])?
        unsafe fn copy(
            source: *const $float,
            stride: usize,
            k: usize,
            width: usize,
            to: *mut $float,
            to_stride: usize,
            fill: bool,
        ) {
            for first in (0..width).step_by(LANES) {
                let lanes = first_lanes(LANES.min(width - first));
                let stored = if fill { first_lanes(LANES) } else { lanes };
                for p in 0..k {
                    // SAFETY: the source has `width` numbers in each of `k` rows, the destination as many, or whole
                    // vectors where it is to be filled up.
                    unsafe {
                        let numbers = load_lanes(source.add(p * stride + first), lanes);
                        store_lanes(to.add(p * to_stride + first), numbers, stored);
                    }
                }
            }
        }

        $(#[$features])?
        unsafe fn transpose(
            source: *const $float,
            stride: usize,
            k: usize,
            width: usize,
            to: *mut $float,
            to_stride: usize,
            fill: bool,
        ) {
            // One or two columns are placed one number at a time; a whole block would take longer.
            if width <= 2 {
                let stored = first_lanes(if fill { LANES } else { width });
                for p in 0..k {
                    // SAFETY: as below.
                    unsafe {
                        let mut row = [0.0; LANES];
                        for j in 0..width {
                            row[j] = *source.add(j * stride + p);
                        }
                        store_lanes(to.add(p * to_stride), load(row.as_ptr()), stored);
                    }
                }
                return;
            }
            for first in (0..width).step_by(LANES) {
                let columns = LANES.min(width - first);
                let stored = first_lanes(if fill { LANES } else { columns });
                for step in (0..k).step_by(LANES) {
                    let steps = LANES.min(k - step);
                    let lanes = first_lanes(steps);
                    let mut block = [zero(); LANES];
                    // SAFETY: the source has `width` rows of `k` numbers; the destination `k` rows of `width`, or of
                    // whole vectors where it is to be filled up.
                    unsafe {
                        let source = source.add(first * stride + step);
                        if columns == LANES && steps == LANES {
                            for j in 0..LANES {
                                block[j] = load(source.add(j * stride));
                            }
                        } else {
                            for j in 0..columns {
                                block[j] = load_lanes(source.add(j * stride), lanes);
                            }
                        }
                        transpose_block(&mut block);
                        let to = to.add(step * to_stride + first);
                        if steps == LANES {
                            for p in 0..LANES {
                                store_lanes(to.add(p * to_stride), block[p], stored);
                            }
                        } else {
                            for p in 0..steps {
                                store_lanes(to.add(p * to_stride), block[p], stored);
                            }
                        }
                    }
                }
            }
        }

        pub(in crate::product) static TILES: Tiles<$float> = Tiles {
            lanes: LANES,
            compute: [
                &[$([tile::<$rows, 1, { mode::PACKED }>, tile::<$rows, 2, { mode::PACKED }>]),+],
                &[$([tile::<$rows, 1, { mode::ADJACENT }>, tile::<$rows, 2, { mode::ADJACENT }>]),+],
                &[$([tile::<$rows, 1, { mode::STRIDED }>, tile::<$rows, 2, { mode::STRIDED }>]),+],
            ],
            finish,
            copy,
            transpose,
        };
    };
}

macro_rules! tiles_of {
    ($(#[$features:meta])? $module:ident, $float:ident, $rows:tt) => {
        pub(super) mod $module {
            use super::{Finish, InRegisters, Tiles, mode};
            use crate::product::lanes::$module::*;

            tiles!($(#[$features])? $float, rows $rows);
        }
    };
}

tiles_of!(portable_f32, f32, [1 2 3 4]);
tiles_of!(portable_f64, f64, [1 2 3 4]);
#[cfg(target_arch = "x86_64")]
tiles_of!(#[target_feature(enable = "avx2,fma")] avx2_f32, f32, [1 2 3 4 5 6]);
#[cfg(target_arch = "x86_64")]
tiles_of!(#[target_feature(enable = "avx2,fma")] avx2_f64, f64, [1 2 3 4 5 6]);
#[cfg(target_arch = "x86_64")]
tiles_of!(
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
    avx512_f32, f32, [1 2 3 4 5 6 7 8 9 10 11 12 13 14]
);
#[cfg(target_arch = "x86_64")]
tiles_of!(
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
    avx512_half_f32, f32, [1 2 3 4 5 6 7 8 9 10 11 12 13 14]
);
#[cfg(target_arch = "x86_64")]
tiles_of!(
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
    avx512_f64, f64, [1 2 3 4 5 6 7 8 9 10 11 12 13 14]
);
