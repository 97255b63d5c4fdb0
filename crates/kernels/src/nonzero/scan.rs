//! Finding the numbers that are not 0: one pass over x that writes a bit for each, by rows and by columns.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use super::walk::WORD;
use crate::Real;

/// Rows scanned together, so that the columns' words are touched once for all of them.
const ROWS: usize = 8;

/// A scan of up to [`WORD`] rows.
pub(super) struct Scan<'a, F> {
    /// Numbers in a row, at least 1.
    pub columns: usize,
    /// `[rows × columns]`.
    pub x: &'a [F],
    /// For each row, its words: bit s of word t is column 32·t + s.
    pub by_row: &'a mut [u32],
    /// One word for each column: bit r is row r.
    pub by_column: &'a mut [u32],
}

/// Scans, and returns how many numbers are not 0. Unsafe where it needs an instruction set.
pub(super) type ScanFn<F> = unsafe fn(Scan<'_, F>) -> usize;

/// The scan in plain Rust.
#[inline(always)]
pub(super) fn portable<F: Real>(scan: Scan<'_, F>) -> usize {
    let Scan { columns, x, by_row, by_column } = scan;
    let words = columns.div_ceil(WORD);
    by_column.fill(0);
    let mut count = 0;
    for (row, x) in x.chunks_exact(columns).enumerate() {
        for (x, word) in x.chunks(WORD).zip(&mut by_row[row * words..]) {
            *word = 0;
            for (i, x) in x.iter().enumerate() {
                *word |= u32::from(*x != F::ZERO) << i;
            }
            count += word.count_ones() as usize;
        }
        for (x, column) in x.iter().zip(by_column.iter_mut()) {
            *column |= u32::from(*x != F::ZERO) << row;
        }
    }
    count
}

/// [`portable`], compiled for AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,popcnt")]
pub(super) fn avx2<F: Real>(scan: Scan<'_, F>) -> usize {
    portable(scan)
}

/// [`portable`], compiled for AVX-512.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,popcnt,avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn avx512<F: Real>(scan: Scan<'_, F>) -> usize {
    portable(scan)
}

/// The scan by comparisons whose masks are the bits.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,popcnt,avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn avx512_f32(scan: Scan<'_, f32>) -> usize {
    let Scan { columns, x, by_row, by_column } = scan;
    let words = columns.div_ceil(WORD);
    by_column.fill(0);
    let (mut count, zero) = (0, _mm512_setzero_ps());
    for (group, x) in x.chunks(ROWS * columns).enumerate() {
        let by_row = &mut by_row[group * ROWS * words..];
        for word in 0..words {
            let first = word * WORD;
            let lanes = ((1_u64 << WORD.min(columns - first)) - 1) as u32;
            let lanes = [lanes as u16, (lanes >> 16) as u16];
            let of_column: *mut i32 = by_column[first..].as_mut_ptr().cast();
            // SAFETY: lanes beyond the last column are neither read nor written.
            let mut bits = unsafe {
                [
                    _mm512_maskz_loadu_epi32(lanes[0], of_column),
                    _mm512_maskz_loadu_epi32(lanes[1], of_column.wrapping_add(16)),
                ]
            };
            for (r, row) in x.chunks_exact(columns).enumerate() {
                let from = row[first..].as_ptr();
                // A batch is often read here for the first time. The next rows come from memory meanwhile; a hint reads
                // nothing, wherever it points.
                let later = from.wrapping_add(ROWS * columns).cast();
                _mm_prefetch::<_MM_HINT_T0>(later);
                _mm_prefetch::<_MM_HINT_T0>(later.wrapping_add(64));
                let bit = _mm512_set1_epi32(1 << (group * ROWS + r));
                // SAFETY: as above.
                let masks = unsafe {
                    [
                        _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(_mm512_maskz_loadu_ps(lanes[0], from), zero),
                        _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(
                            _mm512_maskz_loadu_ps(lanes[1], from.wrapping_add(16)),
                            zero,
                        ),
                    ]
                };
                bits[0] = _mm512_mask_or_epi32(bits[0], masks[0], bits[0], bit);
                bits[1] = _mm512_mask_or_epi32(bits[1], masks[1], bits[1], bit);
                let found = u32::from(masks[0]) | u32::from(masks[1]) << 16;
                by_row[r * words + word] = found;
                count += found.count_ones() as usize;
            }
            // SAFETY: as above.
            unsafe {
                _mm512_mask_storeu_epi32(of_column, lanes[0], bits[0]);
                _mm512_mask_storeu_epi32(of_column.wrapping_add(16), lanes[1], bits[1]);
            }
        }
    }
    count
}
