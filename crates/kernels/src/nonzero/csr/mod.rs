//! The first layer's products of rows that are sparse from the start: counts of words, hashed features, one-hot columns by
//! the thousand. What is not held is neither read nor stored, so that a batch costs what its numbers do.
//!
//! ```text
//! z[r]    = b + Σ x[r,i]·w[i,:]     over the columns i that row r holds      SparseRows
//! dw[i,:] = Σ x[r,i]·δ[r,:] / W     over the rows r that hold column i       SparseColumns
//! ```
//!
//! Terms are added in the dense product's order and pieces, which has **the same bits** where w and δ are finite, as the
//! other products without zeros have. Each row of z, and each row of w, is one task's: rows of z are shared among threads
//! as they lie, rows of w as well, or, where plain descent leaves all others alone, those whose column occurs.

mod columns;
mod product;
mod rows;
#[cfg(test)]
mod tests;

pub use columns::SparseColumns;
pub use product::SparseProducts;
pub use rows::{SparseRows, SparseView};

use super::settle::Settle;
use super::walk::Walk;
use crate::product::epilogue::exact_inverse;
use crate::update::{Rule, Updated};
use crate::{Pool, Real, Scratch};

/// [`affine`](crate::affine), z = x·w + b, of sparse rows: the same bits where w is finite.
///
/// | argument | shape |
/// |---|---|
/// | `x` | \[batch, fan_in\] |
/// | `w` | \[fan_in, fan_out\] |
/// | `b` | \[fan_out\] |
/// | `z` | \[batch, fan_out\], overwritten |
///
/// # Panics
/// If a length does not fit.
///
/// ```
/// use deltarule_kernels::{Pool, Scratch, SparseRows, affine_sparse};
///
/// // x = [0 2]: z = [2·3 + 1, 2·4 + 1].
/// let x = SparseRows::new(2, vec![0, 1], vec![1], vec![2.0_f32]);
/// let (w, b, mut z) = ([1.0, 2.0, 3.0, 4.0], [1.0; 2], [0.0; 2]);
/// affine_sparse(&Pool::new(1), &mut Scratch::new(), x.all(), 2, &w, Some(&b), &mut z);
/// assert_eq!(z, [7.0, 9.0]);
/// ```
pub fn affine_sparse<F: Real>(
    pool: &Pool,
    scratch: &mut Scratch<F>,
    x: SparseView<'_, F>,
    fan_out: usize,
    w: &[F],
    b: Option<&[F]>,
    z: &mut [F],
) {
    assert_eq!(w.len(), x.columns() * fan_out, "w is [fan_in, fan_out]");
    assert!(b.is_none_or(|b| b.len() == fan_out), "b is [fan_out]");
    assert_eq!(z.len(), x.rows() * fan_out, "z is [batch, fan_out]");
    let settle = Settle::Add { row: b.map_or(std::ptr::null(), <[F]>::as_ptr) };
    let walk =
        Walk::of_lists((x.rows(), x.columns(), fan_out), x.count(), w.as_ptr(), z.as_mut_ptr(), settle);
    // SAFETY: the lengths have been checked, a view's columns are below their number, and `z` is borrowed mutably.
    unsafe { product::run_rows(pool, scratch, &walk, x) };
}

/// [`weight_gradient`](crate::weight_gradient), dw = xᵀ·δ / total, of sparse rows: the same bits where δ is finite.
///
/// | argument | shape |
/// |---|---|
/// | `x` | \[batch, fan_in\] |
/// | `delta` | \[batch, fan_out\], each row already multiplied with its weight |
/// | `total` | the sum of the batch's row weights |
/// | `dw` | \[fan_in, fan_out\], overwritten |
///
/// # Panics
/// If a length does not fit.
pub fn weight_gradient_sparse<F: Real>(
    pool: &Pool,
    scratch: &mut Scratch<F>,
    x: &SparseColumns<F>,
    fan_out: usize,
    delta: &[F],
    total: F,
    dw: &mut [F],
) {
    let settle = Settle::Divide { by: total, exact_inverse: exact_inverse(total) };
    gradient(pool, scratch, x, fan_out, delta, dw, settle);
}

/// [`weight_gradient_sparse`] and an update by `rule` in one pass: the bits of
/// [`weight_gradient_update`](crate::weight_gradient_update) where δ is finite.
///
/// Plain descent does not touch rows of w whose column does not occur in the batch; they are expected to be flushed, as all
/// stored weights are.
///
/// # Panics
/// If a length does not fit.
pub fn weight_gradient_update_sparse<F: Real>(
    pool: &Pool,
    scratch: &mut Scratch<F>,
    x: &SparseColumns<F>,
    fan_out: usize,
    delta: &[F],
    total: F,
    rule: &Rule<F>,
    to: Updated<'_, F>,
) {
    to.check(rule);
    let Updated { w, first, second } = to;
    gradient(pool, scratch, x, fan_out, delta, w, Settle::update(total, *rule, first, second));
}

fn gradient<F: Real>(
    pool: &Pool,
    scratch: &mut Scratch<F>,
    x: &SparseColumns<F>,
    fan_out: usize,
    delta: &[F],
    w: &mut [F],
    settle: Settle<F>,
) {
    assert_eq!(delta.len(), x.rows() * fan_out, "delta is [batch, fan_out]");
    assert_eq!(w.len(), x.columns() * fan_out, "weights and their gradients are [fan_in, fan_out]");
    let walk =
        Walk::of_lists((x.columns(), x.rows(), fan_out), x.count(), delta.as_ptr(), w.as_mut_ptr(), settle);
    // SAFETY: the lengths have been checked, a column's rows are below their number, and `w` is borrowed mutably.
    unsafe { product::run_columns(pool, scratch, &walk, x) };
}
