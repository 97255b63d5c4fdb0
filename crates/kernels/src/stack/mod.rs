//! A stack of dense layers: one training step of all of them, with the passes' order chosen by shape.
//!
//! ```text
//! forward    a₀ = x   a_l = f_l(a_{l−1}·w_l + b_l)                   cost   δ_L
//! backward   δ_{l−1} = (δ_l·w_lᵀ) ⊙ f'_{l−1}                         update w_l, b_l by xᵀ·δ / W and Σ δ / W
//! ```
//!
//! **Tiny**, where every layer fits into a vector: one pass without plans or calls, on one thread.
//! **By rows**, where all weights together fit a core's own cache: a task takes a block of rows through all layers, cost
//! and backward pass; a second parallel region computes the gradients and applies the update. Two regions a step,
//! activations stay in the nearest cache, and no thread waits between layers.
//! **By layers**, where the weights are large: each product is cut among the threads, bias, f and f' applied to each
//! tile while it is at hand, and a layer's weights are updated right after they were read for δ·wᵀ.
//!
//! **A few rows**, whatever the weights: layer by layer, and where an update is plain descent, δ·wᵀ and the update in one
//! pass over w.
//!
//! Either way each number is computed by the same chain of operations as by [`affine`](crate::affine),
//! [`activate`](crate::activate), [`back_product`](crate::back_product),
//! [`activate_backward`](crate::activate_backward), [`weight_gradient`](crate::weight_gradient) and
//! [`update`](crate::update) one after the other, to the same bits.

mod by_layers;
mod by_rows;
mod few_rows;
#[cfg(test)]
mod tests;
mod tiny;
mod weights;

use std::mem::MaybeUninit;
use std::ops::Range;

use crate::product::dots;
use crate::product::drive::Product;
use crate::product::epilogue::{Finish, Then};
use crate::update::{Rule, Updated};
use crate::{Activation, Pool, Real, Scratch};

pub use tiny::Tiny;

/// The largest number of layers in a stack; deeper networks are more than one.
pub const MAX_LAYERS: usize = 32;

/// One dense layer of a stack: its shape, and where its parameters lie among those that a step is given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StackLayer {
    /// Rows of w.
    pub fan_in: usize,
    /// Columns of w.
    pub fan_out: usize,
    /// f. Softmax at the output only.
    pub activation: Activation,
    /// Where w \[fan_in, fan_out\] begins; b \[fan_out\] follows it.
    pub at: usize,
}

impl StackLayer {
    fn weights(&self) -> Range<usize> {
        self.at..self.at + self.fan_in * self.fan_out
    }

    fn biases(&self) -> Range<usize> {
        let begin = self.weights().end;
        begin..begin + self.fan_out
    }
}

/// What a step keeps of one layer, each \[rows, fan_out\].
#[derive(Debug)]
pub struct LayerRows<'a, F> {
    /// Pre-activations, where f' needs them or it is the output's; else empty.
    pub z: &'a mut [F],
    /// Activations.
    pub a: &'a mut [F],
    /// ∂C/∂z.
    pub delta: &'a mut [F],
}

/// Whatever holds what a step keeps of a layer.
pub trait KeepsRows<F> {
    /// The numbers, at least those of the step's rows.
    fn layer_rows(&mut self) -> LayerRows<'_, F>;
}

/// The output of some rows, given to the cost.
#[derive(Debug)]
pub struct OutputRows<'a, F> {
    /// Which rows of the batch.
    pub rows: Range<usize>,
    /// Their logits; of an identity output without z, the same as `a`.
    pub z: &'a [F],
    /// Their activations ŷ.
    pub a: &'a [F],
    /// Where their δ goes.
    pub delta: &'a mut [F],
    /// Where each row's weighted cost goes.
    pub costs: &'a mut [f64],
}

/// Consecutive dense layers that step together.
#[derive(Clone, Debug, PartialEq)]
pub struct Stack {
    layers: Vec<StackLayer>,
    weights: usize,
    /// Where the last layer's parameters end.
    parameters: usize,
    /// What is checked of each layer in each step.
    kept: Vec<KeptOf>,
    /// Whether δ of a squared error goes through f' of the output without z or other outputs.
    squared_error_is_plain: bool,
    /// Where every layer is tiny.
    tiny: Option<tiny::Layout>,
}

/// What a step keeps of a layer, told once: of a tiny network's step, finding it out anew would be a part.
#[derive(Clone, Copy, Debug, PartialEq)]
struct KeptOf {
    fan_out: usize,
    z: bool,
}

/// A batch and what a step does with it.
#[derive(Clone, Copy, Debug)]
pub struct StepInput<'a, F> {
    /// Rows in the batch.
    pub rows: usize,
    /// \[rows, fan_in of the first layer\].
    pub x: &'a [F],
    /// W, the sum of the rows' weights.
    pub total: F,
    /// How parameters follow their gradient; biases follow it without decay.
    pub rule: &'a Rule<F>,
    /// y \[rows, outputs\] where the cost is ½ Σ (a − y)² of each row, in the bits of
    /// [`squared_errors`](crate::squared_errors), δ then going through f' as by [`activate_backward`]: a tiny network may
    /// take it from here, and not call the cost. `None` where that is not so, or not known.
    ///
    /// [`activate_backward`]: crate::activate_backward
    pub squared_error_from: Option<&'a [F]>,
}

/// Pointers to what is kept of a layer.
#[derive(Clone, Copy)]
struct RawRows<F> {
    z: *mut F,
    a: *mut F,
    delta: *mut F,
}

/// A step under way: checked lengths behind raw pointers, for tasks that take disjoint rows or columns of them.
struct Step<'a, F> {
    layers: &'a [StackLayer],
    /// By reference: a copy would read two words at once that were just written one by one, and a tiny network's step
    /// would begin when all before it has left the processor.
    input: &'a StepInput<'a, F>,
    /// Targets of a squared error, where its δ goes through f' of the output without z or other outputs; else null.
    targets: *const F,
    w: *mut F,
    first: *mut F,
    second: *mut F,
    /// One for each layer, all written.
    kept: &'a [MaybeUninit<RawRows<F>>],
    dx: *mut F,
    costs: *mut f64,
}

// SAFETY: tasks of one region read what none of them writes, and write disjoint rows or columns.
unsafe impl<F: Send + Sync> Sync for Step<'_, F> {}

impl Stack {
    /// A stack of `layers`, each as wide at its input as the one before at its output.
    ///
    /// # Panics
    /// For no layer, more than [`MAX_LAYERS`], widths that do not meet, or softmax anywhere but at the output.
    pub fn new(layers: Vec<StackLayer>) -> Self {
        assert!(!layers.is_empty() && layers.len() <= MAX_LAYERS, "1 to {MAX_LAYERS} layers");
        for pair in layers.windows(2) {
            assert_eq!(pair[0].fan_out, pair[1].fan_in, "a layer takes what the one before puts out");
            assert!(pair[0].activation != Activation::Softmax, "softmax stands at the output");
        }
        let weights = layers.iter().map(|layer| layer.fan_in * layer.fan_out).sum();
        let parameters = layers.iter().map(|layer| layer.biases().end).max().unwrap_or(0);
        let kept = layers.iter().enumerate().map(|(index, layer)| {
            let (f, is_output) = (layer.activation, index + 1 == layers.len());
            KeptOf { fan_out: layer.fan_out, z: f.needs_z() || (is_output && f != Activation::Identity) }
        });
        let kept = kept.collect();
        let output = layers[layers.len() - 1].activation;
        let squared_error_is_plain = !output.needs_z() && output != Activation::Softmax;
        let tiny = tiny::Layout::of(&layers);
        Self { layers, weights, parameters, kept, squared_error_is_plain, tiny }
    }

    /// Its layers.
    pub fn layers(&self) -> &[StackLayer] {
        &self.layers
    }

    /// One step: forward pass, cost, backward pass, update. Returns the sum of the rows' costs; where that is not
    /// finite, nothing is updated.
    ///
    /// | argument | |
    /// |---|---|
    /// | `to` | all parameters and the rule's state, updated |
    /// | `kept` | one for each layer, overwritten: z, a and δ of every row |
    /// | `dx` | ∂C/∂x \[rows, fan_in\], overwritten, where it is given |
    /// | `costs` | at least one number per row, overwritten |
    /// | `cost` | computes costs and δ of some rows from their output; called for disjoint rows, on any thread |
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn step<F: Real, K: KeepsRows<F>>(
        &self,
        pool: &Pool,
        scratch: &mut Scratch<F>,
        mut to: Updated<'_, F>,
        input: StepInput<'_, F>,
        kept: &mut [K],
        dx: Option<&mut [F]>,
        costs: &mut [f64],
        cost: impl Fn(OutputRows<'_, F>) + Sync,
    ) -> f64 {
        let mut room = [const { MaybeUninit::uninit() }; MAX_LAYERS];
        let step = self.begin(&mut room, &mut to, &input, kept, dx, costs);
        if input.rows == 0 {
            return 0.0;
        }
        if let Some(layout) = &self.tiny
            && let Some(sum) = tiny::step(pool, layout, &step, &cost)
        {
            return sum;
        }
        scratch.reserve_workspace();
        if input.rows <= few_rows::MOST_ROWS {
            few_rows::forward(pool, scratch, &step, &cost);
            let sum = costs[..input.rows].iter().sum::<f64>();
            if sum.is_finite() {
                few_rows::backward(pool, scratch, &step);
            }
            sum
        } else if by_rows::is_for(self.layers.len(), self.weights) {
            by_rows::forward_backward(pool, scratch, &step, &cost);
            let sum = costs[..input.rows].iter().sum::<f64>();
            if sum.is_finite() {
                weights::update(pool, scratch, &step);
            }
            sum
        } else {
            by_layers::forward(pool, scratch, &step, &cost);
            let sum = costs[..input.rows].iter().sum::<f64>();
            if sum.is_finite() {
                by_layers::backward(pool, scratch, &step);
            }
            sum
        }
    }

    /// Checks every length. What is kept goes by `room`, so that a step of a tiny network copies nothing.
    #[inline]
    fn begin<'a, F: Real, K: KeepsRows<F>>(
        &'a self,
        room: &'a mut [MaybeUninit<RawRows<F>>; MAX_LAYERS],
        to: &mut Updated<'_, F>,
        input: &'a StepInput<'a, F>,
        kept: &mut [K],
        dx: Option<&mut [F]>,
        costs: &mut [f64],
    ) -> Step<'a, F> {
        to.check(input.rule);
        assert!(self.parameters <= to.w.len(), "every layer's parameters are there");
        let layers = &self.layers[..];
        let rows = input.rows;
        assert_eq!(input.x.len(), rows * layers[0].fan_in, "x is [rows, fan_in]");
        assert_eq!(kept.len(), layers.len(), "something kept for each layer");
        let outputs = rows * layers[layers.len() - 1].fan_out;
        assert!(input.squared_error_from.is_none_or(|y| y.len() == outputs), "y is [rows, outputs]");
        let targets = match input.squared_error_from {
            Some(y) if self.squared_error_is_plain => y.as_ptr(),
            _ => std::ptr::null(),
        };
        assert!(costs.len() >= rows, "a cost for each row");
        assert!(dx.as_ref().is_none_or(|dx| dx.len() == input.x.len()), "dx is [rows, fan_in]");
        for ((of, kept), raw) in self.kept.iter().zip(kept).zip(&mut *room) {
            let LayerRows { z, a, delta } = kept.layer_rows();
            let cells = rows * of.fan_out;
            assert!(a.len() >= cells && delta.len() >= cells, "kept rows are [rows, fan_out]");
            assert!(
                if of.z { z.len() >= cells } else { z.is_empty() },
                "z is kept where f' needs it, and of the output"
            );
            let z = if of.z { z.as_mut_ptr() } else { std::ptr::null_mut() };
            raw.write(RawRows { z, a: a.as_mut_ptr(), delta: delta.as_mut_ptr() });
        }
        Step {
            layers,
            input,
            targets,
            w: to.w.as_mut_ptr(),
            first: to.first.as_mut_ptr(),
            second: to.second.as_mut_ptr(),
            kept: &room[..layers.len()],
            dx: dx.map_or(std::ptr::null_mut(), <[F]>::as_mut_ptr),
            costs: costs.as_mut_ptr(),
        }
    }
}

impl<F: Real> Step<'_, F> {
    fn kept(&self, layer: usize) -> RawRows<F> {
        // SAFETY: `begin` has written one for each layer.
        unsafe { self.kept[layer].assume_init() }
    }

    /// What a layer reads, from row `row` on.
    fn input_of(&self, layer: usize, row: usize) -> *const F {
        if layer == 0 {
            self.input.x.as_ptr().wrapping_add(row * self.layers[0].fan_in)
        } else {
            self.kept(layer - 1).a.wrapping_add(row * self.layers[layer].fan_in).cast_const()
        }
    }

    /// z and a of some rows of a layer. Softmax is left at z, to be taken by rows.
    fn forward_product(&self, index: usize, rows: Range<usize>) -> Product<F> {
        let layer = &self.layers[index];
        let kept = self.kept(index);
        let at = rows.start * layer.fan_out;
        let is_softmax = layer.activation == Activation::Softmax;
        let z = if kept.z.is_null() { kept.z } else { kept.z.wrapping_add(at) };
        let row = self.w.wrapping_add(layer.biases().start).cast_const();
        let (finish, then) = match layer.activation {
            Activation::Softmax => (Finish::Add { row }, Then::Nothing),
            Activation::Identity if z.is_null() => (Finish::Add { row }, Then::Nothing),
            // A single column goes as a row, whose one number to add the tile does not know as a row.
            Activation::Relu if z.is_null() && layer.fan_out > 1 => (Finish::AddRelu { row }, Then::Nothing),
            activation => (Finish::Add { row }, Then::Activate { activation, z }),
        };
        Product {
            m: rows.len(),
            k: layer.fan_in,
            n: layer.fan_out,
            a: self.input_of(index, rows.start),
            a_row: layer.fan_in,
            a_step: 1,
            b: self.w.wrapping_add(layer.at).cast_const(),
            b_step: layer.fan_out,
            b_column: 1,
            c: if is_softmax { z } else { kept.a.wrapping_add(at) },
            finish,
            then,
            dots: false,
        }
    }

    /// δ of the layer before for some rows, from the δ of layer `index`; of the first layer ∂C/∂x, if that is wanted.
    fn backward_product(&self, index: usize, rows: Range<usize>) -> Option<Product<F>> {
        let layer = &self.layers[index];
        let at = rows.start * layer.fan_in;
        let (c, finish, then) = if index > 0 {
            let kept = self.kept(index - 1);
            let activation = self.layers[index - 1].activation;
            let source = if activation.needs_z() { kept.z } else { kept.a }.wrapping_add(at).cast_const();
            let (finish, then) = match activation {
                Activation::Identity => (Finish::Store, Then::Nothing),
                Activation::Relu => (Finish::ReluSlope { source, stride: layer.fan_in }, Then::Nothing),
                _ => (Finish::Store, Then::Slope { activation, source }),
            };
            (kept.delta.wrapping_add(at), finish, then)
        } else if self.dx.is_null() {
            return None;
        } else {
            (self.dx.wrapping_add(at), Finish::Store, Then::Nothing)
        };
        Some(Product {
            m: rows.len(),
            k: layer.fan_out,
            n: layer.fan_in,
            a: self.kept(index).delta.wrapping_add(rows.start * layer.fan_out).cast_const(),
            a_row: layer.fan_out,
            a_step: 1,
            b: self.w.wrapping_add(layer.at).cast_const(),
            b_step: 1,
            b_column: layer.fan_out,
            c,
            finish,
            then,
            dots: dots::are_for(self.input.rows, layer.fan_out),
        })
    }

    /// The output's activations where they go by rows, then costs and δ of some rows.
    ///
    /// # Safety
    /// No other task touches these rows' output and costs meanwhile.
    unsafe fn cost_of(&self, pool: &Pool, rows: Range<usize>, cost: &impl Fn(OutputRows<'_, F>)) {
        let last = self.layers.len() - 1;
        let (layer, kept) = (&self.layers[last], self.kept(last));
        let (at, cells) = (rows.start * layer.fan_out, rows.len() * layer.fan_out);
        // SAFETY: the caller's promise; lengths were checked by `begin`.
        unsafe {
            let a = std::slice::from_raw_parts_mut(kept.a.add(at), cells);
            if layer.activation == Activation::Softmax {
                a.copy_from_slice(std::slice::from_raw_parts(kept.z.add(at), cells));
                crate::softmax::softmax_rows(pool.instruction_set(), layer.fan_out, a);
            }
            let a = &*a;
            cost(OutputRows {
                z: if kept.z.is_null() { a } else { std::slice::from_raw_parts(kept.z.add(at), cells) },
                a,
                delta: std::slice::from_raw_parts_mut(kept.delta.add(at), cells),
                costs: std::slice::from_raw_parts_mut(self.costs.add(rows.start), rows.len()),
                rows,
            });
        }
    }

    /// xᵀ·δ / W of a layer's weights, and their update.
    fn weight_product(&self, index: usize) -> Product<F> {
        let layer = &self.layers[index];
        let &StepInput { rows, total, rule, .. } = self.input;
        let (finish, then) = match *rule {
            Rule::Descend { learning_rate } => (Finish::descend(total, learning_rate), Then::Nothing),
            rule => {
                let at = |state: *mut F, is_there: bool| {
                    if is_there { state.wrapping_add(layer.at) } else { std::ptr::null_mut() }
                };
                let states = rule.states();
                let (first, second) = (at(self.first, states > 0), at(self.second, states > 1));
                (Finish::divide(total), Then::Update { rule, first, second })
            }
        };
        Product {
            m: layer.fan_in,
            k: rows,
            n: layer.fan_out,
            a: self.input_of(index, 0),
            a_row: 1,
            a_step: layer.fan_in,
            b: self.kept(index).delta.cast_const(),
            b_step: layer.fan_out,
            b_column: 1,
            c: self.w.wrapping_add(layer.at),
            finish,
            then,
            dots: false,
        }
    }
}
