//! Large weights: each product is cut among the threads.

use super::{OutputRows, Step, weights};
use crate::product::drive::run;
use crate::{Pool, Real, Scratch};

/// Rows whose cost one task computes.
const COST_ROWS: usize = 16;

/// Activations of every layer, costs and δ_L.
pub(super) fn forward<F: Real>(
    pool: &Pool,
    scratch: &mut Scratch<F>,
    step: &Step<'_, F>,
    cost: &(impl Fn(OutputRows<'_, F>) + Sync),
) {
    let rows = step.input.rows;
    for layer in 0..step.layers.len() {
        // SAFETY: the lengths were checked; activations of this layer overlap nothing that is read.
        unsafe { run(pool, scratch, step.forward_product(layer, 0..rows)) };
    }
    pool.run(rows.div_ceil(COST_ROWS), |block| {
        let first = block * COST_ROWS;
        // SAFETY: blocks are disjoint rows.
        unsafe { step.cost_of(pool, first..rows.min(first + COST_ROWS), cost) };
    });
}

/// δ of every layer, last first; a layer's weights are updated when δ·wᵀ has been taken.
pub(super) fn backward<F: Real>(pool: &Pool, scratch: &mut Scratch<F>, step: &Step<'_, F>) {
    for layer in (0..step.layers.len()).rev() {
        if let Some(product) = step.backward_product(layer, 0..step.input.rows) {
            // SAFETY: the lengths were checked; δ of the layer before overlaps nothing that is read.
            unsafe { run(pool, scratch, product) };
        }
        // SAFETY: as above, of the weights.
        unsafe { run(pool, scratch, step.weight_product(layer)) };
        weights::update_biases(pool, step, layer);
    }
}
