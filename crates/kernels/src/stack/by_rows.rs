//! Small weights: blocks of rows go through all layers.

use super::{OutputRows, Step};
use crate::pool::Shareable;
use crate::product::drive::run_alone;
use crate::{Pool, Real, Scratch};

/// Weights up to which every thread may read all of them: 512 KiB in single precision, half of a core's second cache
/// on current server processors.
const MOST_WEIGHTS: usize = 131_072;
/// Weights a layer up to which going by layers loses more on its regions, four a layer, than going by rows on reading
/// weights from the third cache,
const SMALL_LAYER: usize = 32_768;
/// as long as there are no more than so many: 1.5 MiB in single precision.
const MOST_OF_SMALL_LAYERS: usize = 393_216;
/// Multiply-adds up to which one thread is faster than two: about a microsecond and a half, against the half
/// microsecond that a parallel region costs.
const SERIAL: usize = 100_000;
/// Rows in a block at most.
const BLOCK: usize = 64;

/// Whether layers that have so many weights together go by rows.
pub(super) fn is_for(layers: usize, weights: usize) -> bool {
    weights <= MOST_WEIGHTS || weights <= (layers * SMALL_LAYER).min(MOST_OF_SMALL_LAYERS)
}

/// Activations, costs and δ of all rows.
pub(super) fn forward_backward<F: Real>(
    pool: &Pool,
    scratch: &mut Scratch<F>,
    step: &Step<'_, F>,
    cost: &(impl Fn(OutputRows<'_, F>) + Sync),
) {
    let rows = step.input.rows;
    let weights: usize = step.layers.iter().map(|layer| layer.fan_in * layer.fan_out).sum();
    let threads = if 2 * rows * weights > SERIAL { pool.threads_now() } else { 1 };
    let blocks = rows.div_ceil(BLOCK).next_multiple_of(threads).min(rows);
    let workspace = Shareable::new(scratch.workspace.as_mut_ptr());
    let task = |participant: usize, block: usize| {
        let workspace = match participant {
            0 => workspace.pointer(),
            // SAFETY: this is that participant, in a task of the job under way.
            _ => unsafe { pool.workspace(participant) }.as_mut_ptr().cast(),
        };
        let first = block * rows / blocks;
        let end = (block + 1) * rows / blocks;
        // SAFETY: blocks are disjoint rows; the weights are not written in this region.
        unsafe { pass(pool, step, first..end, workspace, cost) };
    };
    if threads > 1 {
        pool.run_as(blocks, task);
    } else {
        (0..blocks).for_each(|block| task(0, block));
    }
}

/// One block of rows.
///
/// # Safety
/// No other task touches these rows, and none writes the weights.
unsafe fn pass<F: Real>(
    pool: &Pool,
    step: &Step<'_, F>,
    rows: std::ops::Range<usize>,
    workspace: *mut F,
    cost: &impl Fn(OutputRows<'_, F>),
) {
    let isa = pool.instruction_set();
    // SAFETY: the caller's promise; the products are of checked lengths.
    unsafe {
        for layer in 0..step.layers.len() {
            run_alone(isa, step.forward_product(layer, rows.clone()), workspace);
        }
        step.cost_of(pool, rows.clone(), cost);
        for layer in (0..step.layers.len()).rev() {
            if let Some(product) = step.backward_product(layer, rows.clone()) {
                run_alone(isa, product, workspace);
            }
        }
    }
}
