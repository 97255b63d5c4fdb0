//! Matrix products.

use crate::isa::{Vectorised, vectorised};
use crate::{Pool, Real, Scratch, reference};

/// The inner dimension is summed in pieces of this many terms: each piece is one chain of multiply-adds, and the
/// pieces' sums are added in order.
pub const PIECE: usize = 1024;

/// Which operands of [`matmul`] are stored transposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Transpose {
    /// c = a·b.
    #[default]
    None,
    /// c = aᵀ·b, `a` stored as \[k, m\].
    Left,
    /// c = a·bᵀ, `b` stored as \[n, k\].
    Right,
}

/// How the products of a number type run.
pub trait Products: Sized {
    /// Whether the products use packing buffers.
    fn packs() -> bool;
}

impl Products for f32 {
    fn packs() -> bool {
        true
    }
}

impl Products for f64 {
    fn packs() -> bool {
        false
    }
}

/// Numbers in the packed form of the left matrix.
pub(crate) fn packed_rows(rows: usize, inner: usize) -> usize {
    rows * inner
}

/// Multiply-adds up to which one thread is faster than waking others.
const SERIAL: usize = 100_000;

struct PlainProduct<'a, F> {
    transpose: Transpose,
    m: usize,
    k: usize,
    n: usize,
    first: usize,
    a: &'a [F],
    b: &'a [F],
    c: &'a mut [F],
}

impl<F: Real> Vectorised for PlainProduct<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { transpose, m, k, n, first, a, b, c } = self;
        let rows = c.len() / n;
        match transpose {
            Transpose::None => reference::product(k, n, &a[first * k..][..rows * k], b, c),
            Transpose::Right => reference::product_with_transposed(k, n, &a[first * k..][..rows * k], b, c),
            Transpose::Left => reference::transposed_product(m, n, first, a, b, c),
        }
    }
}

fn multiply<F: Real>(
    pool: &Pool,
    transpose: Transpose,
    (m, k, n): (usize, usize, usize),
    a: &[F],
    b: &[F],
    c: &mut [F],
    finish: impl Fn(usize, &mut [F]) + Sync,
) {
    if m == 0 || n == 0 {
        return;
    }
    let isa = pool.instruction_set();
    let rows = m.div_ceil(64).max(1);
    let serial = if m * k * n <= SERIAL { usize::MAX } else { 0 };
    pool.for_pieces(c, rows * n, serial, |piece, c| {
        vectorised(isa, PlainProduct { transpose, m, k, n, first: piece * rows, a, b, c: &mut *c });
        c.chunks_exact_mut(n).enumerate().for_each(|(r, c)| finish(piece * rows + r, c));
    });
}

/// c \[m, n\] = a·b, with one operand stored transposed if `transpose` says so.
///
/// # Panics
/// If a length does not fit.
pub fn matmul<F: Real>(
    pool: &Pool,
    scratch: &mut Scratch<F>,
    transpose: Transpose,
    m: usize,
    k: usize,
    n: usize,
    a: &[F],
    b: &[F],
    c: &mut [F],
) {
    assert_eq!((a.len(), b.len(), c.len()), (m * k, k * n, m * n), "a is m by k, b is k by n, c is m by n");
    scratch.reserve_rows(m, k);
    multiply(pool, transpose, (m, k, n), a, b, c, |_, c| c.iter_mut().for_each(|c| *c = c.flushed()));
}

/// z = x·w + b.
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
pub fn affine<F: Real>(
    pool: &Pool,
    scratch: &mut Scratch<F>,
    batch: usize,
    fan_in: usize,
    fan_out: usize,
    x: &[F],
    w: &[F],
    b: Option<&[F]>,
    z: &mut [F],
) {
    assert_eq!(x.len(), batch * fan_in, "x is [batch, fan_in]");
    assert_eq!(w.len(), fan_in * fan_out, "w is [fan_in, fan_out]");
    assert!(b.is_none_or(|b| b.len() == fan_out), "b is [fan_out]");
    assert_eq!(z.len(), batch * fan_out, "z is [batch, fan_out]");
    scratch.reserve_rows(batch, fan_in);
    multiply(pool, Transpose::None, (batch, fan_in, fan_out), x, w, z, |_, z| match b {
        Some(b) => z.iter_mut().zip(b).for_each(|(z, &b)| *z = (*z + b).flushed()),
        None => z.iter_mut().for_each(|z| *z = z.flushed()),
    });
}

/// dx = δ·wᵀ.
///
/// | argument | shape |
/// |---|---|
/// | `delta` | \[batch, fan_out\] |
/// | `w` | \[fan_in, fan_out\] |
/// | `dx` | \[batch, fan_in\], overwritten |
///
/// # Panics
/// If a length does not fit.
pub fn back_product<F: Real>(
    pool: &Pool,
    scratch: &mut Scratch<F>,
    batch: usize,
    fan_in: usize,
    fan_out: usize,
    delta: &[F],
    w: &[F],
    dx: &mut [F],
) {
    assert_eq!(delta.len(), batch * fan_out, "delta is [batch, fan_out]");
    assert_eq!(w.len(), fan_in * fan_out, "w is [fan_in, fan_out]");
    assert_eq!(dx.len(), batch * fan_in, "dx is [batch, fan_in]");
    scratch.reserve_rows(batch, fan_out);
    multiply(pool, Transpose::Right, (batch, fan_out, fan_in), delta, w, dx, |_, dx| {
        dx.iter_mut().for_each(|dx| *dx = dx.flushed());
    });
}

/// dw = xᵀ·δ / total: each number is the sum over the batch, divided and rounded once.
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
pub fn weight_gradient<F: Real>(
    pool: &Pool,
    scratch: &mut Scratch<F>,
    batch: usize,
    fan_in: usize,
    fan_out: usize,
    x: &[F],
    delta: &[F],
    total: F,
    dw: &mut [F],
) {
    check_gradient(batch, fan_in, fan_out, x, delta, dw);
    scratch.reserve_rows(fan_in, batch);
    multiply(pool, Transpose::Left, (fan_in, batch, fan_out), x, delta, dw, |_, dw| {
        dw.iter_mut().for_each(|dw| *dw = (*dw / total).flushed());
    });
}

fn check_gradient<F>(batch: usize, fan_in: usize, fan_out: usize, x: &[F], delta: &[F], w: &[F]) {
    assert_eq!(x.len(), batch * fan_in, "x is [batch, fan_in]");
    assert_eq!(delta.len(), batch * fan_out, "delta is [batch, fan_out]");
    assert_eq!(w.len(), fan_in * fan_out, "weights are [fan_in, fan_out]");
}

/// [`weight_gradient`] and gradient descent in one pass: w ← w − η·(xᵀ·δ / total), to the bits of
/// `weight_gradient` followed by [`descend`](crate::descend), without storing dw.
///
/// # Panics
/// If a length does not fit.
pub fn weight_gradient_descend<F: Real>(
    pool: &Pool,
    scratch: &mut Scratch<F>,
    batch: usize,
    fan_in: usize,
    fan_out: usize,
    x: &[F],
    delta: &[F],
    total: F,
    learning_rate: F,
    w: &mut [F],
) {
    check_gradient(batch, fan_in, fan_out, x, delta, w);
    let mut dw = vec![F::ZERO; w.len()];
    weight_gradient(pool, scratch, batch, fan_in, fan_out, x, delta, total, &mut dw);
    crate::descend(pool, w, &dw, learning_rate);
}

/// db = Σ δ / total over the batch.
///
/// `delta` is \[batch, fan_out\], `db` \[fan_out\], overwritten. Rows are added in order, in pieces of [`PIECE`].
///
/// # Panics
/// If a length does not fit.
pub fn bias_gradient<F: Real>(
    pool: &Pool,
    batch: usize,
    fan_out: usize,
    delta: &[F],
    total: F,
    db: &mut [F],
) {
    assert_eq!(delta.len(), batch * fan_out, "delta is [batch, fan_out]");
    assert_eq!(db.len(), fan_out, "db is [fan_out]");
    if fan_out == 0 {
        return;
    }
    let isa = pool.instruction_set();
    let serial = if delta.len() <= 65_536 { usize::MAX } else { 0 };
    pool.for_pieces(db, 64, serial, |piece, db| {
        vectorised(isa, ColumnSums { fan_out, first: piece * 64, delta, total, db });
    });
}

struct ColumnSums<'a, F> {
    fan_out: usize,
    first: usize,
    delta: &'a [F],
    total: F,
    db: &'a mut [F],
}

impl<F: Real> Vectorised for ColumnSums<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { fan_out, first, delta, total, db } = self;
        let mut sums = [F::ZERO; 64];
        let sums = &mut sums[..db.len()];
        db.fill(F::ZERO);
        for rows in delta.chunks(PIECE * fan_out) {
            sums.fill(F::ZERO);
            for row in rows.chunks_exact(fan_out) {
                sums.iter_mut().zip(&row[first..]).for_each(|(sum, &delta)| *sum += delta);
            }
            db.iter_mut().zip(&*sums).for_each(|(db, &sum)| *db += sum);
        }
        db.iter_mut().for_each(|db| *db = (*db / total).flushed());
    }
}
