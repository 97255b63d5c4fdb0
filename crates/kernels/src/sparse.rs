//! One-hot columns as codes: the first layer's product without the zeros.
//!
//! A categorical column with `cardinality` values is a table of `cardinality` rows of weights; a sample's code picks
//! one. That is x·w for the column's one-hot block, and its gradient, at 1/cardinality of the work.

use crate::pool::Shareable;
use crate::{Pool, Real};

/// Columns that one task takes.
const COLUMNS: usize = 64;
/// Up to so many additions one thread is faster than waking others.
const SERIAL: usize = 65_536;

fn check<F>(batch: usize, fan_out: usize, rows: &[F], codes: &[u32], stride: usize) -> usize {
    assert!(fan_out > 0 && rows.len().is_multiple_of(fan_out), "the table is rows of {fan_out} numbers");
    assert!(batch == 0 || codes.len() > (batch - 1) * stride, "{batch} codes, {stride} apart");
    rows.len() / fan_out
}

/// z\[r\] ← z\[r\] + w\[code of r\] for every row r of the batch.
///
/// | argument | shape |
/// |---|---|
/// | `w_rows` | \[cardinality, fan_out\] |
/// | `codes` | the code of row r is `codes[r * stride]`; one that is ≥ cardinality adds nothing |
/// | `z` | \[batch, fan_out\] |
///
/// # Panics
/// If a length does not fit.
pub fn gather_add<F: Real>(
    pool: &Pool,
    batch: usize,
    fan_out: usize,
    w_rows: &[F],
    codes: &[u32],
    stride: usize,
    z: &mut [F],
) {
    let cardinality = check(batch, fan_out, w_rows, codes, stride);
    assert_eq!(z.len(), batch * fan_out, "z is [batch, fan_out]");
    let rows_per_piece = (4096 / fan_out).max(1);
    pool.for_pieces(z, rows_per_piece * fan_out, SERIAL, |piece, z| {
        for (r, z) in z.chunks_exact_mut(fan_out).enumerate() {
            let code = codes[(piece * rows_per_piece + r) * stride] as usize;
            if code < cardinality {
                z.iter_mut().zip(&w_rows[code * fan_out..]).for_each(|(z, &w)| *z = (*z + w).flushed());
            }
        }
    });
}

/// dw\[code\] = Σ δ\[r\] / total over the rows r of the batch with that code: the gradient of [`gather_add`].
///
/// `dw_rows` is overwritten, rows without a sample with zeros. Rows of the batch are added in order.
///
/// | argument | shape |
/// |---|---|
/// | `codes` | the code of row r is `codes[r * stride]`; one that is ≥ cardinality adds nothing |
/// | `delta` | \[batch, fan_out\] |
/// | `total` | the sum of the batch's row weights |
/// | `dw_rows` | \[cardinality, fan_out\] |
///
/// # Panics
/// If a length does not fit.
pub fn scatter_add<F: Real>(
    pool: &Pool,
    batch: usize,
    fan_out: usize,
    codes: &[u32],
    stride: usize,
    delta: &[F],
    total: F,
    dw_rows: &mut [F],
) {
    let cardinality = check(batch, fan_out, dw_rows, codes, stride);
    assert_eq!(delta.len(), batch * fan_out, "delta is [batch, fan_out]");
    let blocks = fan_out.div_ceil(COLUMNS);
    let dw = Shareable::new(dw_rows.as_mut_ptr());
    let block = |block: usize| {
        let begin = block * COLUMNS;
        let width = COLUMNS.min(fan_out - begin);
        let row = |code: usize| {
            // SAFETY: `code` < `cardinality`, so the range lies inside `dw_rows`, which is borrowed mutably for the
            // whole call; tasks have disjoint columns, and within a task one such slice lives at a time.
            unsafe { std::slice::from_raw_parts_mut(dw.pointer().add(code * fan_out + begin), width) }
        };
        (0..cardinality).for_each(|code| row(code).fill(F::ZERO));
        for r in 0..batch {
            let code = codes[r * stride] as usize;
            if code < cardinality {
                let delta = &delta[r * fan_out + begin..][..width];
                row(code).iter_mut().zip(delta).for_each(|(dw, &delta)| *dw += delta);
            }
        }
        for code in 0..cardinality {
            row(code).iter_mut().for_each(|dw| *dw = (*dw / total).flushed());
        }
    };
    if (batch + cardinality) * fan_out <= SERIAL {
        (0..blocks).for_each(block);
    } else {
        pool.run(blocks, block);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn by_hand() {
        let pool = Pool::new(1);
        // Two columns of codes, interleaved; the first is read: 1, 0, 7 (unseen).
        let codes = [1, 9, 0, 9, 7, 9];
        let mut z = [10.0, 10.0, 20.0, 20.0, 30.0, 30.0];
        gather_add(&pool, 3, 2, &[1.0, 2.0, 3.0, 4.0], &codes, 2, &mut z);
        assert_eq!(z, [13.0, 14.0, 21.0, 22.0, 30.0, 30.0]);
        // Codes 1, 0, 1: dw[0] = δ[1]/2, dw[1] = (δ[0] + δ[2])/2, dw[2] = 0.
        let mut dw = [f64::NAN; 6];
        scatter_add(&pool, 3, 2, &[1, 0, 1], 1, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2.0, &mut dw);
        assert_eq!(dw, [1.5, 2.0, 3.0, 4.0, 0.0, 0.0]);
    }

    proptest! {
        #[test]
        fn equals_the_dense_product_on_any_number_of_threads(
            batch in 0_usize..40, fan_out in 1_usize..130, cardinality in 0_usize..9, seed: u32,
        ) {
            let number = |i: usize| f64::from((i as u32 ^ seed).wrapping_mul(2_654_435_761) >> 20) - 2048.0;
            let codes: Vec<u32> = (0..batch).map(|r| (r as u32 * 7 + seed) % 10).collect();
            let w: Vec<f64> = (0..cardinality * fan_out).map(number).collect();
            let start: Vec<f64> = (0..batch * fan_out).map(|i| number(i + 1000)).collect();
            let one_hot = |r: usize, code: usize| f64::from(u8::from(codes[r] as usize == code));
            for threads in [1, 3] {
                let pool = Pool::new(threads);
                let mut z = start.clone();
                gather_add(&pool, batch, fan_out, &w, &codes, 1, &mut z);
                let mut dw = vec![0.0; w.len()];
                scatter_add(&pool, batch, fan_out, &codes, 1, &start, 4.0, &mut dw);
                for j in 0..fan_out {
                    for r in 0..batch {
                        let sum: f64 = (0..cardinality).map(|c| one_hot(r, c) * w[c * fan_out + j]).sum();
                        prop_assert_eq!(z[r * fan_out + j], start[r * fan_out + j] + sum);
                    }
                    for c in 0..cardinality {
                        let sum: f64 = (0..batch).map(|r| one_hot(r, c) * start[r * fan_out + j]).sum();
                        prop_assert_eq!(dw[c * fan_out + j], sum / 4.0);
                    }
                }
            }
        }
    }
}
