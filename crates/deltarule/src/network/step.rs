//! One training step: forward pass, cost, backward pass and update, fused where nothing wants the stored gradient.

use deltarule_kernels::{
    Activation, KeepsRows, LayerRows, MAX_LAYERS, Pool, Real, Rule, Stack, StackLayer, StepInput, Updated,
    update,
};

use super::{Network, Workspace};
use crate::dataset::Batch;
use crate::layer::{Engine, Kept, Layer, Pass};
use crate::loss::Loss;

/// The dense layers at a network's end, which step together: from layer `from` on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tail {
    from: usize,
    stack: Stack,
    /// The tail without its first layer, for batches whose zeros that layer skips.
    rest: Option<Stack>,
}

impl Tail {
    /// The longest tail of plain dense layers; `begins` says where each layer's parameters begin.
    pub(super) fn of(layers: &[Layer], begins: impl Fn(usize) -> usize) -> Option<Self> {
        let mut stack = Vec::new();
        for (index, layer) in layers.iter().enumerate().rev() {
            let Layer::Dense(dense) = layer else { break };
            let softmax_inside = dense.activation == Activation::Softmax && index + 1 < layers.len();
            if !dense.one_hot.is_empty() || softmax_inside || stack.len() == MAX_LAYERS {
                break;
            }
            let (fan_in, fan_out, activation) = (dense.dense_in, dense.fan_out, dense.activation);
            if fan_in == 0 {
                break;
            }
            stack.push(StackLayer { fan_in, fan_out, activation, at: begins(index) });
        }
        stack.reverse();
        let from = layers.len() - stack.len();
        let rest = (stack.len() > 1).then(|| Stack::new(stack[1..].to_vec()));
        (!stack.is_empty()).then(|| Self { from, stack: Stack::new(stack), rest })
    }

    /// The layers that step together, from which on: all, or all but a first one whose input's zeros are skipped, or not
    /// there in the first place.
    fn stack(&self, zeros_are_skipped: bool) -> (usize, Option<&Stack>) {
        if zeros_are_skipped && self.from == 0 {
            (1, self.rest.as_ref())
        } else {
            (self.from, Some(&self.stack))
        }
    }
}

impl<F: Real> KeepsRows<F> for Kept<F> {
    fn layer_rows(&mut self) -> LayerRows<'_, F> {
        LayerRows { z: &mut self.z, a: &mut self.a, delta: &mut self.delta }
    }
}

impl<F: Real> Network<F> {
    /// One step with the update by `rule` in it: the bits of [`forward`](Self::forward), the loss,
    /// [`backward`](Self::backward) and the update one after the other, without storing the weights' gradients. Where
    /// the cost is not finite, nothing is updated. Returns Σ weight·C.
    ///
    /// `first` and `second` are the rule's state, one number per parameter, or empty; `spare` is what `grads` is to
    /// `backward`; `total` is W. Decay in the rule applies to [`regularized`](Self::regularized) parameters.
    ///
    /// # Panics
    /// Where lengths do not agree.
    pub fn step(
        &mut self,
        pool: &Pool,
        ws: &mut Workspace<F>,
        batch: &Batch<'_, F>,
        pass: Pass,
        loss: &Loss,
        total: F,
        rule: &Rule<F>,
        state: [&mut [F]; 2],
        spare: &mut [F],
    ) -> f64 {
        if let (Some(zeros), None) = (&mut ws.zeros, batch.sparse) {
            zeros.look(pool, batch.rows, batch.dense);
        }
        let skips =
            batch.sparse.is_some() || ws.zeros.as_ref().is_some_and(|zeros| zeros.skipped().is_some());
        let (from, stack) = self.tail.as_ref().map_or((self.layers.len(), None), |tail| tail.stack(skips));
        assert!(batch.rows <= ws.rows, "the workspace has room for {} rows", ws.rows);
        batch.require_width(self.spec.input.dense);
        for index in 0..from {
            self.forward_looked(pool, ws, batch, index, pass);
        }
        let [first, second] = state;
        let cost = if let Some(stack) = stack {
            let Workspace { kept, scratch, costs, .. } = ws;
            let (before, kept) = kept.split_at_mut(from);
            let (x, dx) = match before.last_mut() {
                None => (batch.dense, None),
                Some(before) => {
                    let cells = batch.rows * self.layers[from - 1].units();
                    (&before.a[..cells], Some(&mut before.delta[..cells]))
                }
            };
            let to = Updated { w: &mut self.params, first: &mut *first, second: &mut *second };
            let squared_error_from = loss.squared_error_from(batch.targets, batch.weights);
            let input = StepInput { rows: batch.rows, x, total, rule, squared_error_from };
            stack.step(pool, scratch, to, input, kept, dx, costs, |output| {
                loss.rows(pool, output, batch.targets, batch.weights);
            })
        } else {
            let (z, a, delta) = self.output_and_delta(ws, batch.rows);
            loss.value_and_delta(pool, z, a, batch.targets, batch.weights, Some(delta))
        };
        if cost.is_finite() {
            for index in (0..from).rev() {
                let to = Updated { w: &mut [], first: &mut *first, second: &mut *second };
                self.step_layer(pool, ws, batch, index, total, rule, to, spare);
            }
        }
        cost
    }

    /// The backward pass and the update of one layer before the tail. Of `state` the parameters are left out.
    fn step_layer(
        &mut self,
        pool: &Pool,
        ws: &mut Workspace<F>,
        batch: &Batch<'_, F>,
        index: usize,
        total: F,
        rule: &Rule<F>,
        state: Updated<'_, F>,
        spare: &mut [F],
    ) {
        let range = self.layer_range(index);
        if let Layer::Dense(layer) = &self.layers[index] {
            self.delta_and_input_gradient(pool, ws, batch, layer, index);
            ws.arrange(index, batch);
            let (before, after) = ws.kept.split_at_mut(index);
            let input = self.input_of(before, ws.zeros.as_ref(), ws.columns.as_ref(), batch);
            let mut engine = Engine { pool, scratch: &mut ws.scratch };
            let to = Updated { w: &mut self.params, ..state }.range(range.clone());
            let spare = &mut spare[range];
            layer.gradient_update(&mut engine, &input, &after[0].delta, total, rule, to, spare);
            return;
        }
        self.backward_layer(pool, ws, batch, index, total, spare);
        let mut to = Updated { w: &mut self.params, ..state };
        for tensor in self.tensors.iter().filter(|tensor| tensor.layer == index) {
            let rule = if tensor.kind.is_regularized() { *rule } else { rule.without_decay() };
            update(pool, &rule, to.reborrow().range(tensor.range.clone()), &spare[tensor.range.clone()]);
        }
    }
}
