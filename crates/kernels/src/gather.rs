//! Rows picked from a matrix: a shuffled batch laid out together.

use crate::{Pool, Real};

/// Numbers that one task copies, at least.
const PIECE: usize = 16_384;
/// Up to so many numbers one thread is faster than waking others.
const SERIAL: usize = 32_768;

/// out\[i\] ← rows\[order\[i\]\], each row being `width` numbers.
///
/// | argument | shape |
/// |---|---|
/// | `rows` | \[any number, width\] |
/// | `order` | \[batch\], each below the number of rows |
/// | `out` | \[batch, width\] |
///
/// # Panics
/// If a length does not fit, or `order` names a row that does not exist.
///
/// ```
/// let pool = deltarule_kernels::Pool::new(1);
/// let mut out = [0.0_f32; 4];
/// deltarule_kernels::gather_rows(&pool, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, &[2, 0], &mut out);
/// assert_eq!(out, [5.0, 6.0, 1.0, 2.0]);
/// ```
pub fn gather_rows<F: Real>(pool: &Pool, rows: &[F], width: usize, order: &[u32], out: &mut [F]) {
    assert_eq!(out.len(), order.len() * width, "out is [batch, width]");
    if width == 0 {
        return;
    }
    let in_piece = PIECE.div_ceil(width);
    pool.for_pieces(out, in_piece * width, SERIAL, |piece, out| {
        let order = &order[piece * in_piece..];
        for (out, &row) in out.chunks_exact_mut(width).zip(order) {
            out.copy_from_slice(&rows[row as usize * width..][..width]);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_in_the_order_asked_for_on_any_number_of_threads() {
        for width in [0, 1, 3, 784] {
            let rows: Vec<f32> = (0..50 * width).map(|number| number as f32).collect();
            for batch in [0_usize, 1, 17, 200] {
                let order: Vec<u32> = (0..batch as u32).map(|i| i * 7 % 50).collect();
                let expected: Vec<f32> =
                    order.iter().flat_map(|&row| rows[row as usize * width..][..width].to_vec()).collect();
                for threads in [1, 2, 3] {
                    let mut out = vec![-1.0; batch * width];
                    gather_rows(&Pool::new(threads), &rows, width, &order, &mut out);
                    assert_eq!(out, expected);
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "out is [batch, width]")]
    fn lengths_must_agree() {
        gather_rows(&Pool::new(1), &[1.0_f32; 4], 2, &[0], &mut [0.0; 3]);
    }
}
