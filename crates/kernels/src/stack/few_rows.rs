//! A batch of a few rows: going over the weights is what takes time, so that no layer's are read twice where once does.

use super::{OutputRows, Step, weights};
use crate::product::drive::{run, run_alone};
use crate::product::{PARTED, few};
use crate::{Pool, Real, Scratch};

pub(super) use crate::product::MOST_FEW_ROWS as MOST_ROWS;

/// Activations of every layer, costs and δ_L.
pub(super) fn forward<F: Real>(
    pool: &Pool,
    scratch: &mut Scratch<F>,
    step: &Step<'_, F>,
    cost: &impl Fn(OutputRows<'_, F>),
) {
    let rows = 0..step.input.rows;
    for (index, layer) in step.layers.iter().enumerate() {
        let product = step.forward_product(index, rows.clone());
        // SAFETY: the lengths were checked; activations of this layer overlap nothing that is read.
        unsafe { one(pool, scratch, layer.fan_in * layer.fan_out, product) };
    }
    // SAFETY: nothing else is under way.
    unsafe { step.cost_of(pool, rows, cost) };
}

/// δ of every layer, last first, and each layer's update: where it is plain descent, in the same pass over w.
pub(super) fn backward<F: Real>(pool: &Pool, scratch: &mut Scratch<F>, step: &Step<'_, F>) {
    for (index, layer) in step.layers.iter().enumerate().rev() {
        let weights = layer.fan_in * layer.fan_out;
        let update = step.weight_product(index);
        let back = step.backward_product(index, 0..step.input.rows);
        // SAFETY: the lengths were checked; δ of the layer before overlaps nothing that is read, nor do the weights.
        unsafe {
            if !back.is_some_and(|back| few::run(pool, &back, &update)) {
                if let Some(back) = back {
                    one(pool, scratch, weights, back);
                }
                one(pool, scratch, weights, update);
            }
        }
        weights::update_biases(pool, step, index);
    }
}

/// A product with a layer's weights, alone or cut among the threads.
///
/// # Safety
/// As for [`run`].
unsafe fn one<F: Real>(
    pool: &Pool,
    scratch: &mut Scratch<F>,
    weights: usize,
    product: crate::product::drive::Product<F>,
) {
    // SAFETY: the caller's promise; the workspace is the caller's.
    unsafe {
        if weights > PARTED {
            run(pool, scratch, product);
        } else {
            run_alone(pool.instruction_set(), product, scratch.workspace.as_mut_ptr());
        }
    }
}
