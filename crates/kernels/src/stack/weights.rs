//! The gradients of all layers and their updates, in one parallel region.

use std::mem::MaybeUninit;

use super::{MAX_LAYERS, Step};
use crate::isa::{Vectorised, vectorised};
use crate::pool::Shareable;
use crate::product::drive::{Cut, run_alone};
use crate::product::{COLUMNS, ColumnSums};
use crate::update::{Rule, Updated, apply};
use crate::{Pool, Real, Scratch};

/// Multiply-adds up to which one thread is faster than two.
const SERIAL: usize = 50_000;

/// Updates weights and biases of every layer.
pub(super) fn update<F: Real>(pool: &Pool, scratch: &mut Scratch<F>, step: &Step<'_, F>) {
    let isa = pool.instruction_set();
    let weights: usize = step.layers.iter().map(|layer| layer.fan_in * layer.fan_out).sum();
    let threads = if step.input.rows * weights > SERIAL { pool.threads_now() } else { 1 };
    if threads == 1 {
        for layer in (0..step.layers.len()).rev() {
            // SAFETY: the lengths were checked; the workspace is the caller's.
            unsafe { run_alone(isa, step.weight_product(layer), scratch.workspace.as_mut_ptr()) };
            update_biases(pool, step, layer);
        }
        return;
    }
    let mut cuts = [const { MaybeUninit::<Cut<F>>::uninit() }; MAX_LAYERS];
    let mut tasks = 0;
    for (layer, cut) in cuts.iter_mut().enumerate().take(step.layers.len()) {
        let cut = cut.write(Cut::new(isa, step.weight_product(layer), threads));
        tasks += cut.tasks();
    }
    let workspace = Shareable::new(scratch.workspace.as_mut_ptr());
    let cuts = &cuts;
    let task = |participant: usize, mut task: usize| {
        let workspace = match participant {
            0 => workspace.pointer(),
            // SAFETY: this is that participant, in a task of the job under way.
            _ => unsafe { pool.workspace(participant) }.as_mut_ptr().cast(),
        };
        // Last layers first: their tasks are the smaller ones as a rule, but come with what is still in the cache. The
        // biases after all weights: between layers of one task each, every other task would be a layer's biases, and
        // one thread of two would own all products.
        for layer in (0..step.layers.len()).rev() {
            // SAFETY: written above for each layer.
            let cut = unsafe { cuts[layer].assume_init_ref() };
            if task < cut.tasks() {
                // SAFETY: the lengths were checked; tasks write disjoint parts of the weights.
                unsafe { cut.run_task(isa, task, workspace) };
                return;
            }
            task -= cut.tasks();
        }
        update_biases(pool, step, task);
    };
    pool.run_as(tasks + step.layers.len(), task);
}

/// Updates a layer's biases by Σ δ / W.
pub(super) fn update_biases<F: Real>(pool: &Pool, step: &Step<'_, F>, index: usize) {
    let layer = &step.layers[index];
    let (rule, at, length) = (step.input.rule.without_decay(), layer.biases().start, layer.fan_out);
    let states = rule.states();
    let part = |pointer: *mut F, is_there: bool| {
        // SAFETY: the biases lie inside the parameters and the states that the rule has; one task of this layer's
        // touches them.
        if is_there { unsafe { std::slice::from_raw_parts_mut(pointer.add(at), length) } } else { &mut [] }
    };
    // SAFETY: δ of the step's rows, which no task of this region writes.
    let delta =
        unsafe { std::slice::from_raw_parts(step.kept(index).delta, step.input.rows * layer.fan_out) };
    let to = Updated {
        w: part(step.w, true),
        first: part(step.first, states > 0),
        second: part(step.second, states > 1),
    };
    let total = step.input.total;
    vectorised(pool.instruction_set(), Biases { rule: &rule, fan_out: layer.fan_out, delta, total, to });
}

struct Biases<'a, F> {
    rule: &'a Rule<F>,
    fan_out: usize,
    delta: &'a [F],
    total: F,
    to: Updated<'a, F>,
}

impl<F: Real> Vectorised for Biases<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(mut self) {
        for first in (0..self.fan_out).step_by(COLUMNS) {
            let count = COLUMNS.min(self.fan_out - first);
            let mut db = [F::ZERO; COLUMNS];
            let db = &mut db[..count];
            ColumnSums { fan_out: self.fan_out, first, delta: self.delta, total: self.total, db }
                .run::<FMA>();
            apply(self.rule, self.to.reborrow().range(first..first + count), db);
        }
    }
}
