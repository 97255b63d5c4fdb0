//! Products that skip the exact zeros of their input: pixels, counts, one-hot columns, sums of bins.
//!
//! An output of x·w is one chain of multiply-adds, and a term with x = 0 leaves the chain as it is:
//! `fma(0, w, sum) = sum` for every finite w. So walking the other terms alone, in order, gives **the bits of the dense
//! product**, at the cost of the terms that there are. (A sum that is −0 where the dense one is +0 is possible; results
//! are flushed, which stores +0 for both.)
//!
//! What is not formed: 0·∞ and 0·NaN. A feature that is absent from a row contributes nothing to it, even where its
//! weight is not finite, as the rows of w that a one-hot code does not select. Of a batch of a few rows ([`columns`]) this
//! holds for features that are absent from all of them.
//!
//! [`Nonzeros`] holds a bit for each number of a batch, by rows for x·w and by columns for xᵀ·δ; the numbers themselves
//! are read from x. That is 1/16 of x's size, made in one pass, and needs no transposition.

mod columns;
mod csr;
mod scan;
mod settle;
#[cfg(test)]
mod tests;
mod walk;

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::pool::Shareable;
use crate::product::epilogue::exact_inverse;
use crate::update::{Rule, Updated};
use crate::{Pool, Real, Scratch};
use scan::Scan;
use settle::Settle;
use walk::{Masks, WORD, Walk};

pub use columns::ByColumns;
pub use csr::{
    SparseColumns, SparseProducts, SparseRows, SparseView, affine_sparse, weight_gradient_sparse,
    weight_gradient_update_sparse,
};
pub use walk::Walks;

/// Where the numbers of a batch are not 0. Allocated once for the largest batch.
///
/// ```
/// use deltarule_kernels::{Nonzeros, Pool, Scratch, affine_nonzero};
///
/// // z = [0·1 + 2·3, 0·2 + 2·4]: one of two terms is formed.
/// let (pool, mut scratch) = (Pool::new(1), Scratch::<f32>::new());
/// let (x, w, mut z) = ([0.0, 2.0], [1.0, 2.0, 3.0, 4.0], [0.0; 2]);
/// let mut nonzeros = Nonzeros::new(1, 2);
/// assert!(nonzeros.find(&pool, 1, &x, 1));
/// affine_nonzero(&pool, &mut scratch, &nonzeros, 2, &x, &w, None, &mut z);
/// assert_eq!(z, [6.0, 8.0]);
/// ```
#[derive(Clone, Debug)]
pub struct Nonzeros {
    rows: usize,
    columns: usize,
    count: usize,
    is_ready: bool,
    by_row: Vec<u32>,
    by_column: Vec<u32>,
    /// Of a batch of a few rows, instead of those: the columns that any of them has, and how many these are.
    list: Vec<u32>,
    listed: usize,
}

/// Numbers up to which one thread finds them faster than several.
const SERIAL: usize = 32_768;

fn run(pool: &Pool, threaded: bool, tasks: usize, task: impl Fn(usize) + Sync) {
    if threaded {
        pool.run(tasks, task);
    } else {
        (0..tasks).for_each(task);
    }
}

impl Nonzeros {
    /// Room for batches of up to `max_rows` rows of `columns` numbers; no batch yet.
    pub fn new(max_rows: usize, columns: usize) -> Self {
        Self {
            rows: 0,
            columns,
            count: 0,
            is_ready: true,
            by_row: vec![0; max_rows * columns.div_ceil(WORD)],
            by_column: vec![0; max_rows.div_ceil(WORD) * columns],
            list: vec![0; columns + columns::SLACK],
            listed: 0,
        }
    }

    /// Rows of the batch.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Numbers in a row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// How many of the batch's numbers are not 0, if it has been gone through to its end. NaN is not 0; −0 is.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        (self.by_row.len() + self.by_column.len() + self.list.len()) * size_of::<u32>()
    }

    /// Goes through a batch x \[rows, columns\], and tells whether at most `most` of its numbers are not 0; of a few
    /// rows also whether at most twice as many numbers lie in the columns that any of the rows has. Only then may it be
    /// used in products. It stops where there are more.
    ///
    /// # Panics
    /// If it has more rows than there is room for, or `x` is not of that length.
    pub fn find<F: Real>(&mut self, pool: &Pool, rows: usize, x: &[F], most: usize) -> bool {
        let (columns, words) = (self.columns, self.columns.div_ceil(WORD));
        assert_eq!(x.len(), rows * columns, "x is [rows, columns]");
        assert!(rows * words <= self.by_row.len(), "there is room for so many rows");
        (self.rows, self.count, self.listed, self.is_ready) = (rows, 0, 0, true);
        if x.is_empty() {
            return true;
        }
        if self.is_few() {
            let list = F::few_rows(pool.instruction_set()).list;
            // SAFETY: the pool has checked the instruction set.
            (self.listed, self.count) = unsafe { list(columns, x, &mut self.list) };
            // All rows of a listed column are multiplied, a dense product's work, but in fewer columns.
            self.is_ready = self.count <= most && self.listed * rows <= most.saturating_mul(2);
            return self.is_ready;
        }
        let threaded = x.len() > SERIAL;
        self.scan(pool, threaded, x, most);
        self.is_ready = self.count <= most;
        self.is_ready
    }

    /// Whether products go by columns.
    fn is_few(&self) -> bool {
        (1..=columns::FEW_ROWS).contains(&self.rows)
    }

    fn columns_listed(&self) -> &[u32] {
        &self.list[..self.listed]
    }

    fn scan<F: Real>(&mut self, pool: &Pool, threaded: bool, x: &[F], most: usize) {
        let (rows, columns, words) = (self.rows, self.columns, self.columns.div_ceil(WORD));
        let scan = F::walker(pool.instruction_set()).scan;
        let by_row = Shareable::new(self.by_row.as_mut_ptr());
        let by_column = Shareable::new(self.by_column.as_mut_ptr());
        let count = AtomicUsize::new(0);
        run(pool, threaded, rows.div_ceil(WORD), |block| {
            if count.load(Ordering::Relaxed) > most {
                return;
            }
            let first = block * WORD;
            let end = rows.min(first + WORD);
            // SAFETY: both have room for the batch's rows; blocks are disjoint parts of them, and each is run once.
            let (by_row, by_column) = unsafe {
                let by_row = by_row.pointer().add(first * words);
                let by_column = by_column.pointer().add(block * columns);
                (
                    std::slice::from_raw_parts_mut(by_row, (end - first) * words),
                    std::slice::from_raw_parts_mut(by_column, columns),
                )
            };
            let x = &x[first * columns..end * columns];
            // SAFETY: the pool has checked the instruction set.
            let found = unsafe { scan(Scan { columns, x, by_row, by_column }) };
            count.fetch_add(found, Ordering::Relaxed);
        });
        self.count = count.into_inner();
    }

    fn masks_of_rows(&self) -> Masks {
        let words = self.columns.div_ceil(WORD);
        Masks { masks: self.by_row.as_ptr(), output: words, word: 1, words }
    }

    fn masks_of_columns(&self) -> Masks {
        let words = self.rows.div_ceil(WORD);
        Masks { masks: self.by_column.as_ptr(), output: 1, word: self.columns, words }
    }

    fn check<F>(&self, x: &[F]) {
        assert!(self.is_ready, "the batch has few enough nonzeros");
        assert_eq!(x.len(), self.rows * self.columns, "x is the batch that was gone through");
    }

    /// xᵀ·δ.
    fn gradient<F: Real>(
        &self,
        pool: &Pool,
        scratch: &mut Scratch<F>,
        fan_out: usize,
        (x, delta, w): (&[F], &[F], &mut [F]),
        settle: Settle<F>,
    ) {
        self.check(x);
        assert_eq!(delta.len(), self.rows * fan_out, "delta is [batch, fan_out]");
        assert_eq!(w.len(), self.columns * fan_out, "weights and their gradients are [fan_in, fan_out]");
        let walk = Walk {
            m: self.columns,
            k: self.rows,
            n: fan_out,
            terms: self.count,
            x: x.as_ptr(),
            x_output: 1,
            x_term: self.columns,
            masks: self.masks_of_columns(),
            of_terms: self.masks_of_rows(),
            b: delta.as_ptr(),
            c: w.as_mut_ptr(),
            settle,
        };
        // SAFETY: the lengths have been checked, set bits and listed columns are inside the batch, and `w` is borrowed
        // mutably.
        unsafe {
            if self.is_few() && fan_out > 0 {
                columns::run_gradient(pool, scratch, &walk, self.columns_listed());
            } else {
                walk::run(pool, scratch, &walk);
            }
        }
    }
}

/// [`affine`](crate::affine), z = x·w + b, without the terms where x is 0: the same bits where w is finite.
///
/// | argument | shape |
/// |---|---|
/// | `nonzeros` | of `x` |
/// | `x` | \[batch, fan_in\] |
/// | `w` | \[fan_in, fan_out\] |
/// | `b` | \[fan_out\] |
/// | `z` | \[batch, fan_out\], overwritten |
///
/// # Panics
/// If a length does not fit the batch that `nonzeros` has gone through.
pub fn affine_nonzero<F: Real>(
    pool: &Pool,
    scratch: &mut Scratch<F>,
    nonzeros: &Nonzeros,
    fan_out: usize,
    x: &[F],
    w: &[F],
    b: Option<&[F]>,
    z: &mut [F],
) {
    nonzeros.check(x);
    assert_eq!(w.len(), nonzeros.columns * fan_out, "w is [fan_in, fan_out]");
    assert!(b.is_none_or(|b| b.len() == fan_out), "b is [fan_out]");
    assert_eq!(z.len(), nonzeros.rows * fan_out, "z is [batch, fan_out]");
    let walk = Walk {
        m: nonzeros.rows,
        k: nonzeros.columns,
        n: fan_out,
        terms: nonzeros.count,
        x: x.as_ptr(),
        x_output: nonzeros.columns,
        x_term: 1,
        masks: nonzeros.masks_of_rows(),
        of_terms: nonzeros.masks_of_columns(),
        b: w.as_ptr(),
        c: z.as_mut_ptr(),
        settle: Settle::Add { row: b.map_or(std::ptr::null(), <[F]>::as_ptr) },
    };
    // SAFETY: the lengths have been checked, set bits and listed columns are inside the batch, and `z` is borrowed
    // mutably.
    unsafe {
        if nonzeros.is_few() && fan_out > 0 {
            columns::run_forward(pool, &walk, nonzeros.columns_listed());
        } else {
            walk::run(pool, scratch, &walk);
        }
    }
}

/// [`weight_gradient`](crate::weight_gradient), dw = xᵀ·δ / total, without the terms where x is 0: the same bits where
/// δ is finite.
///
/// | argument | shape |
/// |---|---|
/// | `nonzeros` | of `x` |
/// | `x` | \[batch, fan_in\] |
/// | `delta` | \[batch, fan_out\], each row already multiplied with its weight |
/// | `total` | the sum of the batch's row weights |
/// | `dw` | \[fan_in, fan_out\], overwritten |
///
/// # Panics
/// If a length does not fit the batch that `nonzeros` has gone through.
pub fn weight_gradient_nonzero<F: Real>(
    pool: &Pool,
    scratch: &mut Scratch<F>,
    nonzeros: &Nonzeros,
    fan_out: usize,
    x: &[F],
    delta: &[F],
    total: F,
    dw: &mut [F],
) {
    let settle = Settle::Divide { by: total, exact_inverse: exact_inverse(total) };
    nonzeros.gradient(pool, scratch, fan_out, (x, delta, dw), settle);
}

/// [`weight_gradient_nonzero`] and an update by `rule` in one pass: the bits of
/// [`weight_gradient_update`](crate::weight_gradient_update) where δ is finite.
///
/// Plain descent does not touch rows of w whose feature is 0 in the whole batch; they are expected to be flushed, as
/// all stored weights are.
///
/// # Panics
/// If a length does not fit the batch that `nonzeros` has gone through.
pub fn weight_gradient_update_nonzero<F: Real>(
    pool: &Pool,
    scratch: &mut Scratch<F>,
    nonzeros: &Nonzeros,
    fan_out: usize,
    x: &[F],
    delta: &[F],
    total: F,
    rule: &Rule<F>,
    to: Updated<'_, F>,
) {
    to.check(rule);
    let Updated { w, first, second } = to;
    let settle = Settle::update(total, *rule, first, second);
    nonzeros.gradient(pool, scratch, fan_out, (x, delta, w), settle);
}
