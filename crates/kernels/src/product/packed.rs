//! Weights packed once for many products, as inference needs them.

use std::ops::Range;

use super::PIECE;
use super::epilogue::Finish;
use super::tile::{LARGEST_TILE, Tiles};
use super::vector::{self, RowProduct};
use crate::pool::Shareable;
use crate::{Buffer, InstructionSet, Pool, Real};

/// Rows that one task takes through all columns.
const BLOCK: usize = 112;
/// Multiply-adds up to which one thread is faster than waking others.
const SERIAL: usize = 200_000;

/// A weight matrix laid out in the order in which products on one instruction set read it.
///
/// Panels of two vectors of columns lie one after another, in each the numbers of one row of w after those of the row
/// before: whole vectors, filled up with zeros at the end of a row. A product reads it straight through, without
/// packing or copying anything: made once for weights that do not change, it serves one row as well as many.
///
/// Products with it have the bits of [`affine`](crate::affine).
///
/// ```
/// use deltarule_kernels::{PackedWeights, Pool};
///
/// let pool = Pool::new(1);
/// let w = PackedWeights::new(&pool, 2, 2, &[1.0_f32, 2.0, 3.0, 4.0]);
/// let mut z = [0.0; 4];
/// w.affine(&pool, 2, &[1.0, 2.0, 0.0, 1.0], Some(&[-10.0, 0.5]), &mut z);
/// // [1·1 + 2·3 − 10, 1·2 + 2·4 + 0.5] and [3 − 10, 4 + 0.5]
/// assert_eq!(z, [-3.0, 10.5, -7.0, 4.5]);
/// ```
pub struct PackedWeights<F> {
    isa: InstructionSet,
    fan_in: usize,
    fan_out: usize,
    numbers: Buffer<F>,
}

impl<F: Real> PackedWeights<F> {
    /// Packs `w` \[fan_in, fan_out\] for the instruction set of `pool`.
    ///
    /// # Panics
    /// If `w` has another length.
    pub fn new(pool: &Pool, fan_in: usize, fan_out: usize, w: &[F]) -> Self {
        assert_eq!(w.len(), fan_in * fan_out, "w is [fan_in, fan_out]");
        let isa = pool.instruction_set();
        let tiles = F::tiles(isa);
        let panel = 2 * tiles.lanes;
        let mut numbers = Buffer::<F>::zeroed(fan_in * fan_out.div_ceil(tiles.lanes) * tiles.lanes);
        for column in (0..fan_out).step_by(panel) {
            let width = panel.min(fan_out - column);
            let stride = width.div_ceil(tiles.lanes) * tiles.lanes;
            // SAFETY: the columns lie inside w; panels before this one are whole, so it begins at column·fan_in, and
            // whole vectors of `width` numbers are what is left of the room.
            unsafe {
                let to = numbers.as_mut_ptr().add(column * fan_in);
                (tiles.copy)(w.as_ptr().add(column), fan_out, fan_in, width, to, stride, true);
            }
        }
        Self { isa, fan_in, fan_out, numbers }
    }

    /// Rows of w.
    pub fn fan_in(&self) -> usize {
        self.fan_in
    }

    /// Columns of w.
    pub fn fan_out(&self) -> usize {
        self.fan_out
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.numbers.len() * F::BYTES
    }

    /// z = x·w + b.
    ///
    /// | argument | shape |
    /// |---|---|
    /// | `x` | \[batch, fan_in\] |
    /// | `b` | \[fan_out\] |
    /// | `z` | \[batch, fan_out\], overwritten |
    ///
    /// # Panics
    /// If a length does not fit, or the pool's instruction set is another than the weights were packed for.
    pub fn affine(&self, pool: &Pool, batch: usize, x: &[F], b: Option<&[F]>, z: &mut [F]) {
        self.affine_fetching(pool, batch, x, &[], b, z);
    }

    /// As [`affine`](Self::affine), asking meanwhile for what the calling thread will read next: `next` then lies near.
    ///
    /// # Panics
    /// As [`affine`](Self::affine).
    pub fn affine_fetching(
        &self,
        pool: &Pool,
        batch: usize,
        x: &[F],
        next: &[F],
        b: Option<&[F]>,
        z: &mut [F],
    ) {
        let &Self { isa, fan_in, fan_out, .. } = self;
        assert_eq!(pool.instruction_set(), isa, "weights are packed for one instruction set");
        assert_eq!(x.len(), batch * fan_in, "x is [batch, fan_in]");
        assert!(b.is_none_or(|b| b.len() == fan_out), "b is [fan_out]");
        assert_eq!(z.len(), batch * fan_out, "z is [batch, fan_out]");
        if batch == 0 || fan_out == 0 {
            return;
        }
        let finish = || b.map_or(Finish::Store, |b| Finish::Add { row: b.as_ptr() });
        if batch == 1 {
            // SAFETY: the lengths have been checked, and `z` is borrowed mutably.
            return unsafe { vector::run(pool, self.row(x, z, finish())) };
        }
        let panels = fan_out.div_ceil(2 * F::tiles(isa).lanes);
        let blocks = batch.div_ceil(BLOCK);
        let threads = pool.threads_now();
        let is_shared = threads > 1 && batch * fan_in * fan_out > SERIAL;
        // Threads share the columns of few rows.
        let parts = if is_shared && blocks < threads { threads.min(panels) } else { 1 };
        let z = Shareable::new(z.as_mut_ptr());
        let task = |index: usize| {
            let (part, first) = (index % parts, index / parts * BLOCK);
            let rows = BLOCK.min(batch - first);
            // The block that this thread will probably take next.
            let further = (first + threads * BLOCK).min(batch);
            let next =
                if blocks == 1 { next } else { &x[further * fan_in..(further + BLOCK).min(batch) * fan_in] };
            // SAFETY: the lengths have been checked, `z` is borrowed mutably, and tasks have disjoint rows or columns
            // of it.
            unsafe {
                let (x, z) = (x.as_ptr().add(first * fan_in), z.pointer().add(first * fan_out));
                self.rows(rows, panels * part / parts..panels * (part + 1) / parts, x, next, z, finish());
            }
        };
        if is_shared {
            pool.run(blocks * parts, task);
        } else {
            (0..blocks).for_each(task);
        }
    }

    fn row(&self, x: &[F], z: &mut [F], finish: Finish<F>) -> RowProduct<F> {
        let &Self { fan_in: k, fan_out: n, .. } = self;
        let lanes = F::tiles(self.isa).lanes;
        let is_odd = n.div_ceil(lanes) % 2 == 1;
        RowProduct {
            k,
            n,
            x: x.as_ptr(),
            w: self.numbers.as_ptr(),
            step: 2 * lanes,
            pair: 2 * lanes * k,
            last_step: if is_odd { lanes } else { 2 * lanes },
            z: z.as_mut_ptr(),
            finish,
        }
    }

    /// A block of rows: each of the panels, while it lies in the cache, with all tiles of rows.
    ///
    /// # Safety
    /// x is \[rows, fan_in\], z \[rows, fan_out\] and nobody else's.
    unsafe fn rows(
        &self,
        rows: usize,
        panels: Range<usize>,
        x: *const F,
        next: &[F],
        z: *mut F,
        finish: Finish<F>,
    ) {
        let tiles = F::tiles(self.isa);
        let count = rows.div_ceil(tiles.rows());
        let mut fetch = Fetch::new(next, panels.len() * count * self.fan_in);
        for column in panels.map(|panel| panel * 2 * tiles.lanes) {
            let finish = finish.at(0, column);
            for tile in 0..count {
                // The rows are shared evenly.
                let (first, end) = (rows * tile / count, rows * (tile + 1) / count);
                let tile = Tile { rows: end - first, column, finish, fetch };
                // SAFETY: rows and columns lie inside x and z.
                unsafe {
                    let (x, z) = (x.add(first * self.fan_in), z.add(first * self.fan_out + column));
                    self.tile(tiles, &tile, x, z);
                }
                fetch = fetch.after(self.fan_in);
            }
        }
    }

    /// One tile, piece by piece of the inner dimension.
    ///
    /// # Safety
    /// x points to the first of the tile's rows, z to its first output; there is room for the tile.
    unsafe fn tile(&self, tiles: &Tiles<F>, tile: &Tile<F>, x: *const F, z: *mut F) {
        let &Self { fan_in: k, fan_out: n, .. } = self;
        let &Tile { rows, column, ref finish, fetch } = tile;
        let width = (n - column).min(2 * tiles.lanes);
        let vectors = width.div_ceil(tiles.lanes);
        let last = width - (vectors - 1) * tiles.lanes;
        let stride = vectors * tiles.lanes;
        let mut sums = [const { Sums([std::mem::MaybeUninit::uninit(); LARGEST_TILE]) }; 2];
        let [sums, partial] = &mut sums;
        let (sums, partial) = (sums.0.as_mut_ptr().cast::<F>(), partial.0.as_mut_ptr().cast::<F>());
        let compute = F::panels(self.isa)[rows - 1][vectors - 1];
        for begin in (0..k.max(1)).step_by(PIECE) {
            let steps = PIECE.min(k - begin);
            let before = if begin == 0 { std::ptr::null() } else { partial.cast_const() };
            let fetch = fetch.after(begin);
            // SAFETY: the caller's promise; the panel has k rows of whole vectors.
            unsafe {
                let w = self.numbers.as_ptr().add(column * k + begin * stride);
                compute(steps, x.wrapping_add(begin), k, w, fetch.from, fetch.step, sums);
                let (to, to_stride, finish) =
                    if begin + steps == k { (z, n, Some(finish)) } else { (partial, stride, None) };
                (tiles.finish)(rows, vectors, last, sums, before, stride, to, to_stride, finish);
            }
        }
    }
}

/// A tile of the product: its rows, its first column, and what is done besides.
struct Tile<F> {
    rows: usize,
    column: usize,
    finish: Finish<F>,
    fetch: Fetch,
}

/// What is fetched while computing: from where, and how many bytes further in each step.
#[derive(Clone, Copy)]
struct Fetch {
    from: *const u8,
    step: usize,
}

impl Fetch {
    /// All of `next` within so many steps, at most a line in each.
    fn new<F>(next: &[F], steps: usize) -> Self {
        const LINE: usize = 64;
        Self { from: next.as_ptr().cast(), step: size_of_val(next).div_ceil(steps.max(1)).min(LINE) }
    }

    /// What is left after so many steps.
    fn after(self, steps: usize) -> Self {
        Self { from: self.from.wrapping_add(steps * self.step), ..self }
    }
}

impl<F> std::fmt::Debug for PackedWeights<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { isa, fan_in, fan_out, .. } = self;
        f.debug_struct("PackedWeights").field("isa", isa).field("shape", &(fan_in, fan_out)).finish()
    }
}

#[repr(align(64))]
struct Sums([std::mem::MaybeUninit<f32>; LARGEST_TILE]);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scratch, affine};

    fn numbers<F: Real>(count: usize, seed: usize) -> Vec<F> {
        (0..count).map(|i| F::from_f64((((i + seed) * 7919) % 1009) as f64 / 504.0 - 1.0)).collect()
    }

    fn bits<F: Real>(numbers: &[F]) -> Vec<u64> {
        numbers.iter().map(|x| x.to_f64().to_bits()).collect()
    }

    /// The packed product, and single rows packed and not, against the tiles of a product of three rows or more.
    fn agrees<F: Real>(pool: &Pool, batch: usize, fan_in: usize, fan_out: usize, special: &[f64]) {
        let (mut x, mut w) = (numbers::<F>(batch * fan_in, 1), numbers::<F>(fan_in * fan_out + 1, 2));
        let b = numbers(fan_out, 3);
        for (i, &value) in special.iter().enumerate() {
            if !x.is_empty() && w.len() > 1 {
                let (x_at, w_at) = ((i * 31) % x.len(), (i * 53) % w.len());
                x[x_at] = F::from_f64(value);
                w[w_at] = F::from_f64(value);
            }
        }
        let w = &w[1..]; // at no cache line
        let what = format!("{} {batch}x{fan_in}x{fan_out} {pool:?}", F::NAME);
        let packed = PackedWeights::new(pool, fan_in, fan_out, w);
        assert_eq!((packed.fan_in(), packed.fan_out()), (fan_in, fan_out));
        assert!(packed.bytes() >= w.len() * F::BYTES);
        for b in [None, Some(&b[..])] {
            // Three rows more, so that it is tiles that compute them.
            let tall: Vec<F> = x.iter().copied().chain(numbers(3 * fan_in, 9)).collect();
            let mut exact = vec![F::NAN; (batch + 3) * fan_out];
            affine(pool, &mut Scratch::new(), batch + 3, fan_in, fan_out, &tall, w, b, &mut exact);
            exact.truncate(batch * fan_out);
            let mut z = vec![F::NAN; batch * fan_out];
            packed.affine(pool, batch, &x, b, &mut z);
            assert_eq!(bits(&z), bits(&exact), "{what}");
            z.fill(F::NAN);
            packed.affine_fetching(pool, batch, &x, &tall, b, &mut z);
            assert_eq!(bits(&z), bits(&exact), "{what}: fetching");
            for row in 0..batch.min(2) {
                let x = &x[row * fan_in..][..fan_in];
                let exact = &exact[row * fan_out..][..fan_out];
                let mut z = vec![F::NAN; fan_out];
                packed.affine(pool, 1, x, b, &mut z);
                assert_eq!(bits(&z), bits(exact), "{what}: row {row} alone");
                z.fill(F::NAN);
                affine(pool, &mut Scratch::new(), 1, fan_in, fan_out, x, w, b, &mut z);
                assert_eq!(bits(&z), bits(exact), "{what}: row {row} alone, not packed");
            }
        }
    }

    fn pools(threads: usize) -> impl Iterator<Item = Pool> {
        InstructionSet::available().into_iter().map(move |isa| Pool::with_instruction_set(threads, isa))
    }

    #[test]
    fn small_shapes_have_the_bits_of_tiles() {
        for pool in pools(1) {
            for fan_in in [0, 1, 2, 5, 17] {
                for fan_out in 0..=17 {
                    for batch in [0, 1, 2, 5] {
                        agrees::<f32>(&pool, batch, fan_in, fan_out, &[]);
                    }
                    agrees::<f64>(&pool, 3, fan_in, fan_out, &[]);
                }
            }
        }
    }

    #[test]
    fn edges_of_vectors_groups_blocks_and_pieces_have_the_bits_of_tiles() {
        for threads in [1, 2, 3] {
            for pool in pools(threads) {
                for fan_out in [31, 32, 33, 47, 48, 64, 100, 127, 128, 129, 144, 145, 300] {
                    agrees::<f32>(&pool, 2, 40, fan_out, &[]);
                    agrees::<f64>(&pool, 2, 19, fan_out, &[]);
                }
                // Shared between threads, one row and many, and with several pieces.
                agrees::<f32>(&pool, 1, 784, 130, &[]);
                agrees::<f32>(&pool, 20, 500, 70, &[]);
                agrees::<f32>(&pool, 230, 31, 70, &[]);
                for fan_in in [1024, 1025, 2050] {
                    agrees::<f32>(&pool, 16, fan_in, 33, &[]);
                }
                agrees::<f64>(&pool, 16, 1030, 33, &[]);
            }
        }
    }

    #[test]
    fn numbers_that_are_none_and_those_too_small_end_as_in_tiles() {
        for pool in pools(1) {
            for special in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e-39, f64::from(f32::MAX)] {
                agrees::<f32>(&pool, 3, 20, 37, &[special, special]);
                agrees::<f64>(&pool, 3, 20, 37, &[special]);
            }
            // A product below the smallest normal number is stored as 0.
            let w = PackedWeights::new(&pool, 1, 1, &[1e-20_f32]);
            let mut z = [f32::NAN];
            w.affine(&pool, 1, &[1e-20], None, &mut z);
            assert_eq!(z, [0.0]);
        }
    }

    #[test]
    #[should_panic(expected = "w is [fan_in, fan_out]")]
    fn weights_of_another_shape_are_refused() {
        let _ = PackedWeights::new(&Pool::new(1), 2, 2, &[1.0_f32; 3]);
    }

    #[test]
    #[should_panic(expected = "z is [batch, fan_out]")]
    fn outputs_of_another_shape_are_refused() {
        PackedWeights::new(&Pool::new(1), 2, 2, &[1.0_f32; 4]).affine(
            &Pool::new(1),
            1,
            &[0.0; 2],
            None,
            &mut [0.0; 3],
        );
    }
}
