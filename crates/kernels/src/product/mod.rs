//! Matrix products: checked entrances here, the loops in `drive`, the innermost ones in `tile`.

pub(crate) mod dots;
pub(crate) mod drive;
pub(crate) mod epilogue;
pub(crate) mod few;
mod lanes;
mod packed;
mod panel;
mod parts;
#[cfg(test)]
mod tests;
mod tile;
mod vector;

use crate::isa::{Vectorised, vectorised};
use crate::update::{Rule, Updated};
use crate::{InstructionSet, Pool, Real, Scratch};
use dots::DotsFn;
use drive::Product;
use epilogue::{Finish, Then};
use few::FewFn;
pub use packed::PackedWeights;
use panel::PanelFns;
use tile::Tiles;
use vector::RowFns;

/// The inner dimension is summed in pieces of this many terms: each piece is one chain of multiply-adds, and the
/// pieces' sums are added in order.
pub const PIECE: usize = 1024;

/// The most rows of a batch that is of a few rows: its products are bound by going over w, and go their own ways.
pub(crate) const MOST_FEW_ROWS: usize = 8;

/// Weights from which on a second thread repays waking it for a product of a few rows.
pub(crate) const PARTED: usize = 32_768;

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

/// The innermost loops that a number type has for each instruction set.
pub trait Products: Sized + 'static {
    /// Those for `isa`.
    #[doc(hidden)]
    fn tiles(isa: InstructionSet) -> &'static Tiles<Self>;
    /// Those for outputs of so many columns: of few, of shorter vectors.
    #[doc(hidden)]
    fn tiles_for(isa: InstructionSet, columns: usize) -> &'static Tiles<Self>;
    /// Those of single rows.
    #[doc(hidden)]
    fn rows(isa: InstructionSet) -> &'static RowFns<Self>;
    /// Those of few rows by a transposed matrix: `[rows − 1]`.
    #[doc(hidden)]
    fn dots(isa: InstructionSet) -> &'static [DotsFn<Self>];
    /// Those that descend by a batch of few rows: `[rows − 1]`.
    #[doc(hidden)]
    fn few(isa: InstructionSet) -> &'static [FewFn<Self>];
    /// Those of rows by packed panels.
    #[doc(hidden)]
    fn panels(isa: InstructionSet) -> &'static PanelFns<Self>;
}

macro_rules! products {
    ($float:ident, $portable:ident, $avx2:ident, $avx512:ident, $narrow:ident) => {
        impl Products for $float {
            #[inline]
            fn tiles(isa: InstructionSet) -> &'static Tiles<Self> {
                match isa {
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx2 => &tile::$avx2::TILES,
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx512 => &tile::$avx512::TILES,
                    _ => &tile::$portable::TILES,
                }
            }
            #[inline]
            fn tiles_for(isa: InstructionSet, columns: usize) -> &'static Tiles<Self> {
                match isa {
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx512 if columns <= lanes::$narrow::LANES => &tile::$narrow::TILES,
                    _ => Self::tiles(isa),
                }
            }
            #[inline]
            fn rows(isa: InstructionSet) -> &'static RowFns<Self> {
                match isa {
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx2 => &vector::$avx2::ROWS,
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx512 => &vector::$avx512::ROWS,
                    _ => &vector::$portable::ROWS,
                }
            }
            #[inline]
            fn dots(isa: InstructionSet) -> &'static [DotsFn<Self>] {
                match isa {
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx2 => dots::$avx2::DOTS,
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx512 => dots::$avx512::DOTS,
                    _ => dots::$portable::DOTS,
                }
            }
            #[inline]
            fn few(isa: InstructionSet) -> &'static [FewFn<Self>] {
                match isa {
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx2 => few::$avx2::FEW,
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx512 => few::$avx512::FEW,
                    _ => few::$portable::FEW,
                }
            }
            #[inline]
            fn panels(isa: InstructionSet) -> &'static PanelFns<Self> {
                match isa {
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx2 => panel::$avx2::PANELS,
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx512 => panel::$avx512::PANELS,
                    _ => panel::$portable::PANELS,
                }
            }
        }
    };
}

products!(f32, portable_f32, avx2_f32, avx512_f32, avx512_half_f32);
products!(f64, portable_f64, avx2_f64, avx512_f64, avx512_f64);

/// c \[m, n\] = a·b, with one operand stored transposed if `transpose` says so.
///
/// # Panics
/// If a length does not fit.
///
/// ```
/// use deltarule_kernels::{Pool, Scratch, Transpose, matmul};
///
/// // [1 2] · [5 6; 7 8]ᵀ = [1·5 + 2·6, 1·7 + 2·8]
/// let mut c = [0.0_f32; 2];
/// let (a, b) = ([1.0, 2.0], [5.0, 6.0, 7.0, 8.0]);
/// matmul(&Pool::new(1), &mut Scratch::new(), Transpose::Right, 1, 2, 2, &a, &b, &mut c);
/// assert_eq!(c, [17.0, 23.0]);
/// ```
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
    let (a_row, a_step) = if transpose == Transpose::Left { (1, m) } else { (k, 1) };
    let (b_step, b_column) = if transpose == Transpose::Right { (1, k) } else { (n, 1) };
    let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
    let product = Product {
        m,
        k,
        n,
        a,
        a_row,
        a_step,
        b,
        b_step,
        b_column,
        c,
        finish: Finish::Store,
        then: Then::Nothing,
        dots: false,
    };
    // SAFETY: the lengths have been checked, and `c` is borrowed mutably.
    unsafe { drive::run(pool, scratch, product) };
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
    let product = Product {
        m: batch,
        k: fan_in,
        n: fan_out,
        a: x.as_ptr(),
        a_row: fan_in,
        a_step: 1,
        b: w.as_ptr(),
        b_step: fan_out,
        b_column: 1,
        c: z.as_mut_ptr(),
        finish: b.map_or(Finish::Store, |b| Finish::Add { row: b.as_ptr() }),
        then: Then::Nothing,
        dots: false,
    };
    // SAFETY: the lengths have been checked, and `z` is borrowed mutably.
    unsafe { drive::run(pool, scratch, product) };
}

/// dx = δ·wᵀ. Of up to 8 rows and from 32 terms on, a sum is made of sums side by side, of 16 numbers in single precision
/// and 8 in double: term o goes to sum o mod 16, these are added by halves. Else it is one chain, in the order of terms.
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
    let product = Product {
        m: batch,
        k: fan_out,
        n: fan_in,
        a: delta.as_ptr(),
        a_row: fan_out,
        a_step: 1,
        b: w.as_ptr(),
        b_step: 1,
        b_column: fan_out,
        c: dx.as_mut_ptr(),
        finish: Finish::Store,
        then: Then::Nothing,
        dots: dots::are_for(batch, fan_out),
    };
    // SAFETY: the lengths have been checked, and `dx` is borrowed mutably.
    unsafe { drive::run(pool, scratch, product) };
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
    gradient(pool, scratch, (batch, fan_in, fan_out), x, delta, dw, Finish::divide(total), Then::Nothing);
}

/// [`weight_gradient`] and an update by `rule` in one pass, each block while it is at hand: the bits of
/// `weight_gradient` followed by [`update`](crate::update), without storing dw.
///
/// # Panics
/// If a length does not fit.
pub fn weight_gradient_update<F: Real>(
    pool: &Pool,
    scratch: &mut Scratch<F>,
    batch: usize,
    fan_in: usize,
    fan_out: usize,
    x: &[F],
    delta: &[F],
    total: F,
    rule: &Rule<F>,
    to: Updated<'_, F>,
) {
    to.check(rule);
    let Updated { w, first, second } = to;
    let (first, second) = (first.as_mut_ptr(), second.as_mut_ptr());
    let (finish, then) = match *rule {
        Rule::Descend { learning_rate } => (Finish::descend(total, learning_rate), Then::Nothing),
        rule => (Finish::divide(total), Then::Update { rule, first, second }),
    };
    gradient(pool, scratch, (batch, fan_in, fan_out), x, delta, w, finish, then);
}

fn gradient<F: Real>(
    pool: &Pool,
    scratch: &mut Scratch<F>,
    (batch, fan_in, fan_out): (usize, usize, usize),
    x: &[F],
    delta: &[F],
    w: &mut [F],
    finish: Finish<F>,
    then: Then<F>,
) {
    assert_eq!(x.len(), batch * fan_in, "x is [batch, fan_in]");
    assert_eq!(delta.len(), batch * fan_out, "delta is [batch, fan_out]");
    assert_eq!(w.len(), fan_in * fan_out, "weights and their gradients are [fan_in, fan_out]");
    let product = Product {
        m: fan_in,
        k: batch,
        n: fan_out,
        a: x.as_ptr(),
        a_row: 1,
        a_step: fan_in,
        b: delta.as_ptr(),
        b_step: fan_out,
        b_column: 1,
        c: w.as_mut_ptr(),
        finish,
        then,
        dots: false,
    };
    // SAFETY: the lengths have been checked, and `w` is borrowed mutably.
    unsafe { drive::run(pool, scratch, product) };
}

/// Numbers of δ up to which its columns are summed by one thread.
const SERIAL_SUMS: usize = 65_536;
/// Columns summed together.
pub(crate) const COLUMNS: usize = 64;

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
    let serial = if delta.len() <= SERIAL_SUMS { usize::MAX } else { 0 };
    pool.for_pieces(db, COLUMNS, serial, |piece, db| {
        vectorised(isa, ColumnSums { fan_out, first: piece * COLUMNS, delta, total, db });
    });
}

/// Σ δ of N columns, `from` on, over the first N of `db`; rows in order, in pieces.
#[inline(always)]
fn sum_columns<F: Real, const N: usize>(fan_out: usize, from: usize, delta: &[F], db: &mut [F]) {
    let mut total = [F::ZERO; N];
    for rows in delta.chunks(PIECE * fan_out) {
        let mut sums = [F::ZERO; N];
        for row in rows.chunks_exact(fan_out) {
            for (sum, &delta) in sums.iter_mut().zip(&row[from..][..N]) {
                *sum += delta;
            }
        }
        for (total, sum) in total.iter_mut().zip(sums) {
            *total += sum;
        }
    }
    db[..N].copy_from_slice(&total);
}

/// Σ δ / total of some columns.
pub(crate) struct ColumnSums<'a, F> {
    pub fan_out: usize,
    pub first: usize,
    pub delta: &'a [F],
    pub total: F,
    pub db: &'a mut [F],
}

impl<F: Real> Vectorised for ColumnSums<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { fan_out, first, delta, total, db } = self;
        // In groups of known width, whose sums are vectors in registers. A pass over the rows takes as long for a narrow
        // group as for a wide one (each waits for its last addition), so that a rest goes back into columns that are done
        // where that makes it one group: they come out the same.
        let mut done = 0;
        while done < db.len() {
            let rest = db.len() - done;
            let whole = rest.next_power_of_two();
            let width = if whole <= db.len().min(COLUMNS) { whole } else { (whole / 2).min(COLUMNS) };
            let start = done.min(db.len() - width);
            let (from, db) = (first + start, &mut db[start..]);
            match width {
                64 => sum_columns::<F, 64>(fan_out, from, delta, db),
                32 => sum_columns::<F, 32>(fan_out, from, delta, db),
                16 => sum_columns::<F, 16>(fan_out, from, delta, db),
                8 => sum_columns::<F, 8>(fan_out, from, delta, db),
                4 => sum_columns::<F, 4>(fan_out, from, delta, db),
                2 => sum_columns::<F, 2>(fan_out, from, delta, db),
                _ => sum_columns::<F, 1>(fan_out, from, delta, db),
            }
            done = start + width;
        }
        db.iter_mut().for_each(|db| *db = (*db / total).flushed());
    }
}
