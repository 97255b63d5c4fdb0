//! Products of a small batch, cut by columns: each thread takes one contiguous part of them, the same in the product
//! that reads a layer's weights and in the one that updates them, so that each core's own cache keeps its part of w.
//!
//! With few rows, reading and writing w is all that takes time; lines that go from core to core in each step would
//! take several times as long.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use super::drive::{Plan, Product, run_panels};
use super::epilogue::{Placed, TileSums, place};
use super::tile::{InRegisters, Tiles, mode};
use super::{MOST_FEW_ROWS, PARTED, Products, few};
use crate::pool::Shareable;
use crate::{InstructionSet, Pool, Real, Scratch};

/// Bytes of δ that stay in the nearest cache while rows of w go by.
const NEAR_BYTES: usize = 16_384;

/// What a product of a small batch does with a layer's weights.
#[derive(Clone, Copy, PartialEq)]
enum Use {
    /// x·w reads them.
    Read,
    /// xᵀ·δ updates them.
    Update,
}

fn use_of<F>(product: &Product<F>) -> Option<Use> {
    if product.b_column != 1 {
        None
    } else if product.m <= MOST_FEW_ROWS && product.a_step == 1 {
        Some(Use::Read)
    } else if product.k <= MOST_FEW_ROWS && product.k > 0 && product.a_row == 1 {
        Some(Use::Update)
    } else {
        None
    }
}

/// Runs a product if it is of a small batch; whether it was.
///
/// # Safety
/// As for [`run`](super::drive::run).
pub(super) unsafe fn run<F: Real + Products>(
    pool: &Pool,
    scratch: &mut Scratch<F>,
    product: &Product<F>,
) -> bool {
    let Some(used) = use_of(product) else { return false };
    let isa = pool.instruction_set();
    let tiles = F::tiles_for(isa, product.n);
    let weights = product.n * if used == Use::Read { product.k } else { product.m };
    let panels = product.n.div_ceil(2 * tiles.lanes);
    let parts = if weights > PARTED { pool.threads_now().min(panels) } else { 1 };
    let plan = Plan::of_few_rows(product, tiles);
    scratch.reserve_workspace();
    let workspace = Shareable::new(scratch.workspace.as_mut_ptr());
    let part = |participant: usize, part: usize| {
        let workspace = match participant {
            0 => workspace.pointer(),
            // SAFETY: this is that participant, in a task of the job under way.
            _ => unsafe { pool.workspace(participant) }.as_mut_ptr().cast(),
        };
        let panels = panels * part / parts..panels * (part + 1) / parts;
        // SAFETY: the caller's promise; parts are disjoint ranges of columns, the workspace is this participant's.
        unsafe {
            match used {
                Use::Read => run_panels(isa, tiles, product, &plan, panels, workspace),
                Use::Update => update(isa, tiles, product, panels),
            }
        }
    };
    if parts == 1 {
        part(0, 0);
    } else {
        on_own_parts(pool, parts, part);
    }
    true
}

/// Calls `f(participant, part)` once for each part, participant i taking part i wherever it comes in time.
pub(super) fn on_own_parts(pool: &Pool, parts: usize, f: impl Fn(usize, usize) + Sync) {
    /// Participants that are told apart; further parts fall to whoever comes.
    const TOLD_APART: usize = 64;
    let taken = [const { AtomicBool::new(false) }; TOLD_APART];
    pool.run_as(parts, |participant, task| {
        if parts > TOLD_APART {
            return f(participant, task);
        }
        // As many tasks as parts, and each takes one: none is left over.
        let mine = (0..parts)
            .map(|i| (participant + i) % parts)
            .find(|&part| !taken[part].swap(true, Ordering::Relaxed))
            .expect("as many tasks as parts");
        f(participant, mine);
    });
}

/// xᵀ·δ of some panels: rows of w one after another, as they lie in memory, since with so few terms each tile is read
/// and written before the next one's lines would be found by jumping from row to row.
///
/// # Safety
/// As for [`run`], of a product of few terms.
unsafe fn update<F: Real>(isa: InstructionSet, tiles: &Tiles<F>, product: &Product<F>, panels: Range<usize>) {
    let &Product { m, k, n, a_step, b_step, then, c, .. } = product;
    let lanes = tiles.lanes;
    if let Some(descent) = few::descent_of(product) {
        let columns = panels.start * 2 * lanes..n.min(panels.end * 2 * lanes);
        // SAFETY: the caller's promise.
        return unsafe { few::update_columns(isa, product, &descent, columns) };
    }
    let together = (NEAR_BYTES / (k * 2 * lanes * F::BYTES)).max(1);
    let (rows_at_once, for_registers) = (tiles.rows(), product.is_for_registers());
    let mut tile_sums = TileSums::new();
    let sums: *mut F = tile_sums.0.as_mut_ptr().cast();
    for group in panels.clone().step_by(together) {
        let columns = group * 2 * lanes..n.min((group + together).min(panels.end) * 2 * lanes);
        for row in (0..m).step_by(rows_at_once) {
            let rows = rows_at_once.min(m - row);
            for column in columns.clone().step_by(2 * lanes) {
                let width = (n - column).min(2 * lanes);
                let vectors = width.div_ceil(lanes);
                let last = width - (vectors - 1) * lanes;
                let (offset, finish) = (row * n + column, product.finish.at(row, column));
                // SAFETY: rows, steps and columns lie inside a, b and c; `sums` has room for the largest tile.
                unsafe {
                    let compute = tiles.compute[usize::from(mode::ADJACENT)][rows - 1][vectors - 1];
                    let (a, b, to) = (product.a.add(row), product.b.add(column), c.add(offset));
                    if for_registers && last == lanes {
                        let there = InRegisters { c: to, stride: n, finish: &finish };
                        compute(k, a, a_step, b, b_step, last, sums, Some(&there));
                        continue;
                    }
                    compute(k, a, a_step, b, b_step, last, sums, None);
                    let (nothing, stride) = (std::ptr::null(), vectors * lanes);
                    if then.is_nothing() {
                        (tiles.finish)(rows, vectors, last, sums, nothing, 0, to, n, Some(&finish));
                    } else {
                        (tiles.finish)(rows, vectors, last, sums, nothing, 0, sums, stride, Some(&finish));
                        let placed = Placed { rows, vectors, width, tile: sums, offset, stride: n };
                        place(isa, tiles, &then, placed, c);
                    }
                }
            }
        }
    }
}
