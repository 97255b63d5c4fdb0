//! The loops around the tiles: which part of a product each task takes, what is packed, and in which order the pieces
//! of a long inner dimension are added.
//!
//! ```text
//! for each panel of two vectors of columns and each block of rows      tasks, on any thread
//!     for each piece of the inner dimension                            in order
//!         pack the panel's piece of b, if that pays
//!         for each tile of the block                                   computed, then finished
//! ```

use std::ops::Range;

use super::epilogue::{Finish, Placed, Then, TileSums, place};
use super::tile::{InRegisters, Tiles, mode};
use super::vector::{self, RowProduct};
use super::{PIECE, Products};
use super::{dots, few, parts};
use crate::activation_kernel::{backward, forward};
use crate::isa::InstructionSet;
use crate::pool::Shareable;
use crate::scratch::{PACKED_AT, PACKED_ROOM, ROW_BLOCK};
use crate::{Pool, Real, Scratch};

/// A product c = a·b, where a(i, p) is at `a[i * a_row + p * a_step]` and b(p, j) at `b[p * b_step + j * b_column]`;
/// one of the two strides of each is 1. c is \[m, n\].
///
/// Made by the checked public functions only: the pointers are good for the shapes, and `c` overlaps nothing.
#[derive(Clone, Copy)]
pub(crate) struct Product<F> {
    pub m: usize,
    pub k: usize,
    pub n: usize,
    pub a: *const F,
    pub a_row: usize,
    pub a_step: usize,
    pub b: *const F,
    pub b_step: usize,
    pub b_column: usize,
    pub c: *mut F,
    pub finish: Finish<F>,
    pub then: Then<F>,
    /// Whether each output's terms are summed as [`dots`] says. They lie side by side in both operands then.
    pub dots: bool,
}

// SAFETY: tasks read `a` and `b`, which nobody writes meanwhile, and write disjoint blocks of `c`.
unsafe impl<F: Send + Sync> Sync for Product<F> {}

/// Multiply-adds up to which one thread is faster than waking others.
const SERIAL: usize = 200_000;
/// Multiply-adds up to which nothing of the left matrix is packed.
const UNPACKED: usize = 16_384;
/// Rows of the left matrix up to which a right matrix with adjacent columns is read in place,
const FEW_ROWS: usize = 28;
/// or numbers of the right matrix up to which it stays in the nearest cache as it lies.
const NEAR: usize = 6_144;

/// What is decided about one product, by its shape.
pub(super) struct Plan {
    /// Tiles along the rows. They share the rows evenly: the first `longer` have one more than `rows_each`.
    tiles: usize,
    rows_each: usize,
    longer: usize,
    /// Tiles in one task.
    tiles_per_block: usize,
    blocks: usize,
    panels: usize,
    pack_left: bool,
    pack_right: bool,
    /// Whether the right matrix is too large for the cache and scattered over memory where it is packed.
    fetch: bool,
    /// Whether the output is too large for the cache.
    fetch_output: bool,
    /// How many panels further a thread probably works next.
    stride: usize,
    threaded: bool,
}

/// Numbers from which on a matrix is not expected in the nearer caches.
const LARGE: usize = 65_536;

impl Plan {
    fn new<F>(product: &Product<F>, tiles: &Tiles<F>, threads: usize) -> Self {
        let &Product { m, k, n, .. } = product;
        let work = m * k * n;
        let panels = (n + 2 * tiles.lanes - 1) >> (2 * tiles.lanes).trailing_zeros();
        let threaded = threads > 1;
        let pack_left = work > UNPACKED && panels > 2;
        // A single panel whose steps follow one another without a gap lies as packing would lay it.
        let lies_packed = product.b_step == n && (n == tiles.lanes || n == 2 * tiles.lanes);
        let pack_right = product.b_column != 1 || (m > FEW_ROWS && k * n > NEAR && !lies_packed);
        let one = Self {
            tiles: 1,
            rows_each: m,
            longer: 0,
            tiles_per_block: 1,
            blocks: 1,
            panels,
            pack_left,
            pack_right,
            fetch: pack_right && product.b_column == 1 && k * n > LARGE,
            fetch_output: m * n > LARGE,
            stride: if threaded { threads } else { 1 },
            threaded,
        };
        // Apart for the sake of tiny products, whose time the divisions below would double.
        if m <= tiles.rows() {
            return one;
        }
        let row_tiles = m.div_ceil(tiles.rows());
        let most = ROW_BLOCK / tiles.rows();
        if threaded && row_tiles * panels <= 8 * threads {
            // Few tiles: as many equal tasks as threads, or a multiple, panels whole where they come out even.
            let even = (threads / greatest_common_divisor(panels, threads)).min(row_tiles);
            let blocks = even.max(row_tiles.div_ceil(most));
            let row_tiles = row_tiles.next_multiple_of(blocks);
            let tiles_per_block = row_tiles / blocks;
            let (rows_each, longer) = (m / row_tiles, m % row_tiles);
            return Self { tiles: row_tiles, rows_each, longer, tiles_per_block, blocks, ..one };
        }
        // Fewer tiles to a task where few panels would leave threads without work, but enough to repay packing b.
        let wanted = if threaded { (row_tiles * panels).div_ceil(8 * threads).clamp(4, most) } else { most };
        let blocks = row_tiles.div_ceil(wanted);
        let tiles_per_block = row_tiles.div_ceil(blocks);
        Self {
            tiles: row_tiles,
            rows_each: m / row_tiles,
            longer: m % row_tiles,
            tiles_per_block,
            blocks,
            ..one
        }
    }

    /// Of a few rows, by which a matrix is read that lies in the order in which it is needed: nothing is packed.
    pub(super) fn of_few_rows<F>(product: &Product<F>, tiles: &Tiles<F>) -> Self {
        Self {
            pack_left: false,
            pack_right: false,
            fetch: false,
            fetch_output: false,
            ..Self::new(product, tiles, 1)
        }
    }

    /// The first row of a tile; of the tile after the last, the number of rows.
    fn first_row(&self, tile: usize) -> usize {
        tile * self.rows_each + tile.min(self.longer)
    }
}

/// The largest number that divides both, by Euclid's algorithm.
fn greatest_common_divisor(one: usize, other: usize) -> usize {
    if other == 0 { one } else { greatest_common_divisor(other, one % other) }
}

/// Packs a part of the left matrix: task t packs tile t mod tiles of piece t div tiles. The pieces lie one after
/// another, tile by tile within a piece: the tile with first row r in the piece of `steps` steps after step s begins
/// at m·s + r·steps.
///
/// # Safety
/// As for [`run`]; `packed` has room for m·k numbers; each task is run once at a time.
unsafe fn pack_left<F: Real>(
    tiles: &Tiles<F>,
    product: &Product<F>,
    plan: &Plan,
    packed: *mut F,
    task: usize,
) {
    let &Product { m, k, a_row, a_step, .. } = product;
    let (tile, piece) = (task % plan.tiles, task / plan.tiles);
    let first = plan.first_row(tile);
    let rows = plan.first_row(tile + 1) - first;
    let begin = piece * PIECE;
    let steps = PIECE.min(k - begin);
    let pack = if a_row == 1 { tiles.copy } else { tiles.transpose };
    let stride = if a_row == 1 { a_step } else { a_row };
    // SAFETY: rows first..first + rows and steps begin..begin + steps lie inside `a`; the destination's parts of
    // different tasks are disjoint and together m·k numbers.
    unsafe {
        let from = product.a.add(first * a_row + begin * a_step);
        pack(from, stride, steps, rows, packed.add(m * begin + first * steps), rows, false);
    }
}

/// Asks for the cache lines of `rows` rows of `width` numbers, `stride` apart. Never faults, wherever it points.
#[inline(always)]
fn prefetch<F>(first: *const F, stride: usize, rows: usize, width: usize) {
    #[cfg(target_arch = "x86_64")]
    for row in 0..rows {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let begin = first.wrapping_add(row * stride).cast::<i8>();
        let last_byte = (width * size_of::<F>()).saturating_sub(1);
        for byte in (0..last_byte).step_by(64).chain([last_byte]) {
            // SAFETY: a prefetch is a hint; it reads nothing.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(begin.wrapping_add(byte)) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (first, stride, rows, width);
}

/// Runs a product.
///
/// # Safety
/// The product's pointers are good for its shape, `c` overlaps nothing else.
pub(crate) unsafe fn run<F: Real + Products>(pool: &Pool, scratch: &mut Scratch<F>, product: Product<F>) {
    if product.m == 0 || product.n == 0 {
        return;
    }
    if product.dots {
        // SAFETY: the caller's promise.
        return unsafe { dots::run(pool, &product) };
    }
    let product = product.with_columns();
    let isa = pool.instruction_set();
    if let Some(row) = product.as_row(isa) {
        // SAFETY: the caller's promise.
        unsafe {
            vector::run(pool, row);
            product.then_in_row(isa);
        }
        return;
    }
    if product.is_small() {
        scratch.reserve_workspace();
        // SAFETY: the caller's promise; the workspace is the caller's.
        return unsafe { run_small(isa, &product, scratch.workspace.as_mut_ptr()) };
    }
    // SAFETY: the caller's promise.
    if unsafe { parts::run(pool, scratch, &product) } {
        return;
    }
    let tiles = F::tiles_for(isa, product.n);
    let threads = if product.m * product.k * product.n > SERIAL { pool.threads_now() } else { 1 };
    let plan = Plan::new(&product, tiles, threads);
    let packed = if plan.pack_left {
        scratch.reserve_packed(product.m * product.k);
        let packed = Shareable::new(scratch.packed.as_mut_ptr());
        // SAFETY: the caller's promise; room has just been made.
        let task = |task: usize| unsafe { pack_left(tiles, &product, &plan, packed.pointer(), task) };
        let tasks = plan.tiles * product.k.div_ceil(PIECE);
        if plan.threaded {
            pool.run(tasks, task);
        } else {
            (0..tasks).for_each(task);
        }
        Some(packed)
    } else {
        None
    };
    let workspace = Shareable::new(if plan.needs_workspace(&product) {
        scratch.reserve_workspace();
        scratch.workspace.as_mut_ptr()
    } else {
        std::ptr::null_mut()
    });
    let task = |participant: usize, index: usize| {
        let workspace = match participant {
            0 => workspace.pointer(),
            // SAFETY: this is that participant, in a task of the job under way.
            _ => unsafe { pool.workspace(participant) }.as_mut_ptr().cast(),
        };
        let packed = packed.as_ref().map(|packed| packed.pointer().cast_const());
        let (panel, block) =
            if plan.blocks == 1 { (index, 0) } else { (index / plan.blocks, index % plan.blocks) };
        let block = Block { panel, block, packed, workspace };
        // SAFETY: the caller's promise; blocks are disjoint, the workspace is this participant's.
        unsafe { run_block(isa, tiles, &product, &plan, &block) };
    };
    let tasks = plan.panels * plan.blocks;
    if plan.threaded {
        pool.run_as(tasks, task);
    } else {
        (0..tasks).for_each(|index| task(0, index));
    }
}

/// Runs a product on the calling thread, without a region and without a scratch: for products that are tasks of a
/// larger one.
///
/// # Safety
/// As for [`run`]; `workspace` is a participant's, and nobody else's meanwhile.
pub(crate) unsafe fn run_alone<F: Real + Products>(
    isa: InstructionSet,
    product: Product<F>,
    workspace: *mut F,
) {
    if product.dots {
        // SAFETY: the caller's promise.
        return unsafe { dots::run_alone(isa, &product) };
    }
    if product.is_small() {
        // SAFETY: the caller's promise.
        return unsafe { run_small(isa, &product, workspace) };
    }
    let product = product.with_columns();
    if product.m == 0 || product.n == 0 {
        return;
    }
    if let Some(row) = product.as_row(isa) {
        // SAFETY: the caller's promise.
        unsafe {
            vector::run_alone(isa, row);
            product.then_in_row(isa);
        }
        return;
    }
    if let Some(descent) = few::descent_of(&product) {
        // SAFETY: the caller's promise.
        return unsafe { few::update_columns(isa, &product, &descent, 0..product.n) };
    }
    let tiles = F::tiles_for(isa, product.n);
    let mut plan = Plan::new(&product, tiles, 1);
    let room = workspace.wrapping_add(PACKED_AT * size_of::<f32>() / F::BYTES);
    plan.pack_left &= product.m * product.k * F::BYTES <= PACKED_ROOM * size_of::<f32>();
    let packed = plan.pack_left.then(|| {
        for task in 0..plan.tiles * product.k.div_ceil(PIECE) {
            // SAFETY: the caller's promise; the workspace's last part has room.
            unsafe { pack_left(tiles, &product, &plan, room, task) };
        }
        room.cast_const()
    });
    for panel in 0..plan.panels {
        for block in 0..plan.blocks {
            // SAFETY: the caller's promise.
            unsafe { run_block(isa, tiles, &product, &plan, &Block { panel, block, packed, workspace }) };
        }
    }
}

/// Multiply-adds up to which a product is small: its parts are in the nearest cache, and to plan it would take as long
/// as to do it.
const SMALL: usize = 4096;
/// Rows from which on a small product of one column is computed as a row.
const COLUMN: usize = 16;

impl<F: Real> Product<F> {
    /// Whether its tiles of whole vectors go from registers to their place.
    pub(super) fn is_for_registers(&self) -> bool {
        self.then.is_nothing() && self.finish.is_for_registers()
    }

    fn is_small(&self) -> bool {
        let &Self { m, k, n, .. } = self;
        // Of one column, tiles would fill one lane of each vector: from some rows on it is better computed as a row.
        let is_column = n == 1 && m >= COLUMN;
        m * n <= SMALL && (1..=PIECE).contains(&k) && m * k * n <= SMALL && m > 0 && n > 0 && !is_column
    }
}

/// Runs a small product: tiles one after the other, nothing packed but a right matrix that lies transposed.
///
/// # Safety
/// As for [`run_alone`], of a product that is small.
unsafe fn run_small<F: Real + Products>(isa: InstructionSet, product: &Product<F>, workspace: *mut F) {
    let &Product { m, k, n, a, a_row, a_step, c, .. } = product;
    let tiles = F::tiles_for(isa, n);
    let lanes = tiles.lanes;
    let is_packed = product.b_column != 1;
    let (b, b_step) = if is_packed {
        let stride = n.next_multiple_of(lanes);
        // SAFETY: b has k steps of n columns; the workspace has room for as many, filled up to whole vectors.
        unsafe { (tiles.transpose)(product.b, product.b_column, k, n, workspace, stride, true) };
        (workspace.cast_const(), stride)
    } else {
        (product.b, product.b_step)
    };
    let (a_stride, how) = if a_row == 1 { (a_step, mode::ADJACENT) } else { (a_row, mode::STRIDED) };
    let for_registers = product.is_for_registers();
    let mut tile_sums = TileSums::new();
    let sums: *mut F = tile_sums.0.as_mut_ptr().cast();
    for column in (0..n).step_by(2 * lanes) {
        let width = (n - column).min(2 * lanes);
        let vectors = if width > lanes { 2 } else { 1 };
        let last = width - (vectors - 1) * lanes;
        for row in (0..m).step_by(tiles.rows()) {
            let rows = (m - row).min(tiles.rows());
            let (offset, finish) = (row * n + column, product.finish.at(row, column));
            // SAFETY: rows, steps and columns lie inside a, b and c; `sums` has room for the largest tile.
            unsafe {
                let compute = tiles.compute[usize::from(how)][rows - 1][vectors - 1];
                let lanes_read = if is_packed { lanes } else { last };
                let (a, b) = (a.add(row * a_row), b.add(column));
                let there = InRegisters { c: c.add(offset), stride: n, finish: &finish };
                if for_registers && last == lanes {
                    compute(k, a, a_stride, b, b_step, lanes_read, sums, Some(&there));
                    continue;
                }
                compute(k, a, a_stride, b, b_step, lanes_read, sums, None);
                let nothing = std::ptr::null();
                if product.then.is_nothing() {
                    (tiles.finish)(rows, vectors, last, sums, nothing, 0, c.add(offset), n, Some(&finish));
                } else {
                    let stride = vectors * lanes;
                    (tiles.finish)(rows, vectors, last, sums, nothing, 0, sums, stride, Some(&finish));
                    let placed = Placed { rows, vectors, width, tile: sums, offset, stride: n };
                    place(isa, tiles, &product.then, placed, c);
                }
            }
        }
    }
}

/// A product cut into tasks, to be run beside those of others in one region; its left matrix is read in place.
pub(crate) struct Cut<F> {
    product: Product<F>,
    plan: Plan,
}

impl<F: Real + Products> Cut<F> {
    /// Cuts for `threads` threads.
    pub(crate) fn new(isa: InstructionSet, product: Product<F>, threads: usize) -> Self {
        let product = product.with_columns();
        let mut plan = Plan::new(&product, F::tiles_for(isa, product.n), threads);
        plan.pack_left = false;
        Self { product, plan }
    }

    /// How many tasks.
    pub(crate) fn tasks(&self) -> usize {
        if self.product.m == 0 || self.product.n == 0 { 0 } else { self.plan.panels * self.plan.blocks }
    }

    /// Runs one.
    ///
    /// # Safety
    /// As for [`run_alone`]; each task is run by one participant at a time.
    pub(crate) unsafe fn run_task(&self, isa: InstructionSet, task: usize, workspace: *mut F) {
        let (panel, block) = (task / self.plan.blocks, task % self.plan.blocks);
        let block = Block { panel, block, packed: None, workspace };
        // SAFETY: the caller's promise.
        unsafe { run_block(isa, F::tiles_for(isa, self.product.n), &self.product, &self.plan, &block) };
    }
}

impl<F: Real> Product<F> {
    /// A single column is computed as a single row, cᵀ = bᵀ·aᵀ, so that vectors are filled.
    fn with_columns(self) -> Self {
        if self.n != 1 || self.m == 1 {
            return self;
        }
        let finish = match self.finish {
            // SAFETY: the row to add has one number for each of n = 1 columns.
            Finish::Add { row } => Finish::AddOne { value: unsafe { *row } },
            Finish::ReluSlope { source, .. } => Finish::ReluSlope { source, stride: self.m },
            other => other,
        };
        Self {
            m: 1,
            n: self.m,
            a: self.b,
            a_row: self.b_column,
            a_step: self.b_step,
            b: self.a,
            b_step: self.a_step,
            b_column: self.a_row,
            finish,
            ..self
        }
    }
}

impl<F: Real> Product<F> {
    /// A product of one row whose operands lie in the order in which they are needed.
    fn as_row(&self, isa: InstructionSet) -> Option<RowProduct<F>> {
        let &Self { m, k, n, a, a_step, b, b_step, b_column, c, finish, .. } = self;
        let pair = 2 * F::tiles(isa).lanes;
        let row = RowProduct { k, n, x: a, w: b, step: b_step, pair, last_step: b_step, z: c, finish };
        let then = !matches!(self.then, Then::Update { .. });
        (m == 1 && a_step == 1 && b_column == 1 && then).then_some(row)
    }

    /// What happens after the product to a row that is in its place already.
    ///
    /// # Safety
    /// As for [`run`].
    unsafe fn then_in_row(&self, isa: InstructionSet) {
        // SAFETY: the caller's promise: rows of n numbers.
        let row = unsafe { std::slice::from_raw_parts_mut(self.c, self.n) };
        match self.then {
            Then::Nothing => {}
            Then::Activate { activation, z } => {
                if !z.is_null() {
                    // SAFETY: as above.
                    unsafe { std::slice::from_raw_parts_mut(z, self.n) }.copy_from_slice(row);
                }
                forward(isa, activation, row);
            }
            Then::Slope { activation, source } => {
                // SAFETY: as above.
                backward(isa, activation, unsafe { std::slice::from_raw_parts(source, self.n) }, row);
            }
            Then::Update { .. } => unreachable!("as_row leaves these to the tiles"),
        }
    }
}

impl Plan {
    fn needs_workspace<F>(&self, product: &Product<F>) -> bool {
        self.pack_right || product.k > PIECE
    }
}

/// Computes all rows of some panels.
///
/// # Safety
/// As for [`run_block`].
pub(super) unsafe fn run_panels<F: Real>(
    isa: InstructionSet,
    tiles: &Tiles<F>,
    product: &Product<F>,
    plan: &Plan,
    panels: Range<usize>,
    workspace: *mut F,
) {
    for panel in panels {
        for block in 0..plan.blocks {
            // SAFETY: the caller's promise.
            unsafe { run_block(isa, tiles, product, plan, &Block { panel, block, packed: None, workspace }) };
        }
    }
}

/// One task's part of a product.
struct Block<F> {
    panel: usize,
    block: usize,
    /// The packed left matrix, if it is packed.
    packed: Option<*const F>,
    /// Room for one panel of one piece, then for the partial sums of one block of rows.
    workspace: *mut F,
}

/// Computes one block of rows of one panel of columns.
///
/// # Safety
/// As for [`run`]; the workspace is of `WORKSPACE` single-precision numbers' size and nobody else's.
unsafe fn run_block<F: Real>(
    isa: InstructionSet,
    tiles: &Tiles<F>,
    product: &Product<F>,
    plan: &Plan,
    block: &Block<F>,
) {
    let &Product { m, k, n, a_row, a_step, b_step, b_column, .. } = product;
    let lanes = tiles.lanes;
    let column = block.panel * 2 * lanes;
    let width = (n - column).min(2 * lanes);
    let vectors = width.div_ceil(lanes);
    let last = width - (vectors - 1) * lanes;
    let tile_range =
        block.block * plan.tiles_per_block..plan.tiles.min((block.block + 1) * plan.tiles_per_block);
    let block_row = plan.first_row(tile_range.start);
    let partial = block.workspace.wrapping_add(PIECE * 2 * lanes);
    let mut tile_sums = TileSums::new();
    let sums: *mut F = tile_sums.0.as_mut_ptr().cast();
    let then = product.then;
    let for_registers = last == lanes && product.is_for_registers();
    for begin in (0..k.max(1)).step_by(PIECE) {
        let steps = PIECE.min(k - begin);
        // Wrapping, since of no steps (k = 0) the matrices are empty and a column's or row's place lies beyond them.
        let b = product.b.wrapping_add(begin * b_step + column * b_column);
        // SAFETY: steps and columns lie inside b (see `Product`); the packed piece inside the workspace's first part.
        let (b, stride) = unsafe {
            if plan.pack_right {
                let pack = if b_column == 1 { tiles.copy } else { tiles.transpose };
                let from = if b_column == 1 { b_step } else { b_column };
                pack(b, from, steps, width, block.workspace, vectors * lanes, true);
                (block.workspace.cast_const(), vectors * lanes)
            } else {
                (b, b_step)
            }
        };
        let (is_first, is_last) = (begin == 0, begin + steps == k);
        // What will be packed next, if it is scattered over memory: this panel's next piece, or the first of the panel
        // that this thread will probably take next. It is fetched while the tiles are computed, a part by each.
        let (next_begin, next_column) =
            if is_last { (0, column + plan.stride * 2 * lanes) } else { (begin + PIECE, column) };
        let next_steps = PIECE.min(k - next_begin);
        let fetched = if plan.fetch && next_column + 2 * lanes <= n {
            next_steps.div_ceil(tile_range.len())
        } else {
            0
        };
        for tile in tile_range.clone() {
            let row = plan.first_row(tile);
            let rows = plan.first_row(tile + 1) - row;
            if fetched > 0 {
                let step = (tile - tile_range.start) * fetched;
                let from = product.b.wrapping_add((next_begin + step) * b_step + next_column);
                prefetch(from, b_step, fetched.min(next_steps.saturating_sub(step)), 2 * lanes);
            }
            if plan.fetch_output {
                prefetch(product.c.wrapping_add(row * n + column), n, rows, width);
            }
            // SAFETY: rows, steps and columns lie inside a, b and c; `sums` has room for the largest tile; partial
            // sums of the block's rows fit into the workspace's second part.
            unsafe {
                let (a, a_stride, how) = match block.packed {
                    Some(packed) => (packed.add(m * begin + row * steps), rows, mode::ADJACENT),
                    None if a_row == 1 => {
                        (product.a.wrapping_add(row + begin * a_step), a_step, mode::ADJACENT)
                    }
                    None => (product.a.wrapping_add(row * a_row + begin), a_row, mode::STRIDED),
                };
                let how = if block.packed.is_some() && plan.pack_right { mode::PACKED } else { how };
                let lanes_read = if plan.pack_right { lanes } else { last };
                let compute = tiles.compute[usize::from(how)][rows - 1][vectors - 1];
                let offset = row * n + column;
                let finish = product.finish.at(row, column);
                if for_registers && steps == k {
                    let there = InRegisters { c: product.c.add(offset), stride: n, finish: &finish };
                    compute(steps, a, a_stride, b, stride, lanes_read, sums, Some(&there));
                    continue;
                }
                compute(steps, a, a_stride, b, stride, lanes_read, sums, None);
                let partial = partial.add((row - block_row) * 2 * lanes);
                let before = if is_first { std::ptr::null() } else { partial.cast_const() };
                let (to, to_stride, finish) = match (is_last, then.is_nothing()) {
                    (true, true) => (product.c.add(offset), n, Some(&finish)),
                    // Finished in the tile itself, all lanes of it.
                    (true, false) => (sums, vectors * lanes, Some(&finish)),
                    (false, _) => (partial, 2 * lanes, None),
                };
                (tiles.finish)(rows, vectors, last, sums, before, 2 * lanes, to, to_stride, finish);
                if is_last && !then.is_nothing() {
                    let placed = Placed { rows, vectors, width, tile: sums, offset, stride: n };
                    place(isa, tiles, &then, placed, product.c);
                }
            }
        }
    }
}
