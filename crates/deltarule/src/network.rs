//! The network: layers over one flat parameter buffer; forward, backward; a workspace allocated once.
//!
//! ```text
//! forward    x ─ layer 0 ─ a₀ ─ layer 1 ─ a₁ ─ … ─ a_L = ŷ
//! cost       Σ weight·C(ŷ, y), δ_L                                    (loss.rs)
//! backward   δ_L → ∂C/∂w_L, ∂C/∂a_{L−1} → δ_{L−1} → ∂C/∂w_{L−1} …      layer by layer, last first
//! ```
//!
//! Nothing here allocates after [`Network::workspace`], knows of an optimizer, or draws a random number that is not a
//! function of (seed, step, layer).

mod inference;
mod sparse;
mod spec;
mod step;
mod zeros;

use std::ops::Range;

use deltarule_kernels::{Activation, Buffer, Pool, Real, Scratch, SparseColumns};

use crate::dataset::Batch;
use crate::init::Initializer;
use crate::layer::{
    BatchNorm, Dense, Engine, Kept, Layer, LayerInput, LayerNorm, Pass, SparseInput, Tensor, TensorKind,
};
use crate::random::{Purpose, stream};

use step::Tail;

pub use inference::Inference;
pub use spec::{LayerSpec, NetworkSpec};
use zeros::Zeros;

/// A network with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Network<F: Real> {
    spec: NetworkSpec,
    layers: Vec<Layer>,
    tensors: Vec<Tensor>,
    params: Buffer<F>,
    buffer_names: Vec<(String, Range<usize>)>,
    buffers: Vec<F>,
    /// Each layer's stretch of `params` and of `buffers`.
    stretches: Vec<(Range<usize>, Range<usize>)>,
    /// The dense layers at the end that step together, if there are any.
    tail: Option<Tail>,
}

/// Everything that a forward and backward pass write, allocated once for the largest batch.
#[derive(Debug)]
pub struct Workspace<F: Real> {
    rows: usize,
    /// What each layer keeps, by its index.
    pub kept: Vec<Kept<F>>,
    scratch: Scratch<F>,
    /// Each row's weighted cost.
    costs: Vec<f64>,
    embedding_spare: Vec<F>,
    zeros: Option<Zeros>,
    /// The batch by columns, of sparse rows whose gradient was asked for.
    columns: Option<SparseColumns<F>>,
    /// How the last forward pass was run: the backward pass differentiates what that one computed.
    pass: Pass,
}

impl<F: Real> Workspace<F> {
    /// Rows of the largest batch.
    #[must_use]
    pub fn max_rows(&self) -> usize {
        self.rows
    }
}

impl<F: Real> Network<F> {
    /// What it is made of.
    #[must_use]
    pub fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    /// Its layers.
    #[must_use]
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Where each parameter tensor lies in [`Network::params`].
    #[must_use]
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// All parameters, one tensor after another.
    #[must_use]
    pub fn params(&self) -> &[F] {
        &self.params
    }

    /// All parameters, to be written.
    pub fn params_mut(&mut self) -> &mut [F] {
        &mut self.params
    }

    /// Names and places of the measured numbers (running statistics).
    #[must_use]
    pub fn buffer_names(&self) -> &[(String, Range<usize>)] {
        &self.buffer_names
    }

    /// The measured numbers.
    #[must_use]
    pub fn buffers(&self) -> &[F] {
        &self.buffers
    }

    /// The measured numbers, to be written.
    pub fn buffers_mut(&mut self) -> &mut [F] {
        &mut self.buffers
    }

    /// Numbers per row that it puts out.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(0, Layer::units)
    }

    /// The output's activation.
    #[must_use]
    pub fn output_activation(&self) -> Activation {
        self.layers.last().and_then(Layer::activation).unwrap_or(Activation::Identity)
    }

    /// The stretches of parameters that penalties and decay apply to.
    #[must_use]
    pub fn regularized(&self) -> Vec<Range<usize>> {
        self.tensors.iter().filter(|t| t.kind.is_regularized()).map(|t| t.range.clone()).collect()
    }

    /// Where each dense layer's w lies, with its fan_in and fan_out.
    #[must_use]
    pub fn weight_matrices(&self) -> Vec<(Range<usize>, usize, usize)> {
        let weights = self.tensors.iter().filter(|t| t.kind == TensorKind::Weight);
        weights.map(|t| (t.range.clone(), t.shape[0], t.shape[1])).collect()
    }

    /// Draws all parameters anew: each layer from its own stream of `seed`.
    pub fn initialize(&mut self, seed: u64) {
        self.params.fill(F::ZERO);
        self.reset_scales_and_buffers();
        let embedding = usize::from(!self.spec.input.embedded.is_empty());
        for tensor in &self.tensors {
            let w = &mut self.params[tensor.range.clone()];
            let mut rng = stream(seed, Purpose::Init, tensor.range.start as u64);
            match (tensor.kind, &self.layers[tensor.layer]) {
                (TensorKind::Weight, Layer::Dense(_)) => {
                    let LayerSpec::Dense { initializer, .. } = self.spec.layers[tensor.layer - embedding]
                    else {
                        unreachable!("layers are laid out from the spec, one for one");
                    };
                    initializer.draw(tensor.shape[0], tensor.shape[1], &mut rng, w);
                }
                // N(0, 1/dimension): a table's row then has the length of one standardised number.
                (TensorKind::Table, _) => {
                    Initializer::LecunNormal.draw(tensor.shape[1], tensor.shape[0], &mut rng, w);
                }
                _ => {}
            }
        }
    }

    fn reset_scales_and_buffers(&mut self) {
        for tensor in self.tensors.iter().filter(|t| t.kind == TensorKind::Scale) {
            self.params[tensor.range.clone()].fill(F::ONE);
        }
        for (name, range) in &self.buffer_names {
            let start = if name.ends_with("running_variance") { F::ONE } else { F::ZERO };
            self.buffers[range.clone()].fill(start);
        }
    }

    /// The same network in another precision.
    #[must_use]
    pub fn cast<G: Real>(&self) -> Network<G> {
        let cast = |values: &[F]| -> Vec<G> { values.iter().map(|v| G::from_f64(v.to_f64())).collect() };
        Network {
            spec: self.spec.clone(),
            layers: self.layers.clone(),
            tensors: self.tensors.clone(),
            params: Buffer::from(&*cast(&self.params)),
            buffer_names: self.buffer_names.clone(),
            buffers: cast(&self.buffers),
            stretches: self.stretches.clone(),
            tail: self.tail.clone(),
        }
    }

    /// Room for forward and backward passes over up to `rows` rows.
    #[must_use]
    pub fn workspace(&self, rows: usize) -> Workspace<F> {
        let mut ws = self.workspace_without_input(rows);
        if let Some(Layer::Dense(first)) = self.layers.first() {
            ws.scratch.reserve(rows, first.dense_in, first.fan_out);
        }
        ws.zeros = Zeros::of_first(&self.layers, rows);
        ws
    }

    /// All room but what products with the input's matrix need.
    fn workspace_without_input(&self, rows: usize) -> Workspace<F> {
        let mut scratch = Scratch::new();
        scratch.reserve(0, 0, 0);
        let mut embedding_spare = Vec::new();
        let last = self.layers.len() - 1;
        for (index, layer) in self.layers.iter().enumerate() {
            match layer {
                Layer::Dense(_) if index == 0 => {}
                Layer::Dense(dense) => scratch.reserve(rows, dense.dense_in, dense.fan_out),
                Layer::Embedding(embedding) => embedding_spare = vec![F::ZERO; rows * embedding.units()],
                _ => {}
            }
        }
        let kept = self.layers.iter().enumerate().map(|(i, layer)| layer.keep(rows, i == last)).collect();
        Workspace {
            rows,
            kept,
            scratch,
            costs: vec![0.0; rows],
            embedding_spare,
            zeros: None,
            columns: None,
            pass: Pass::Inference,
        }
    }

    /// Bytes that [`Network::workspace`] takes for `rows` rows, packing space apart, from the spec alone.
    #[must_use]
    pub fn workspace_bytes(spec: &NetworkSpec, rows: usize) -> u64 {
        let mut width = spec.input.dense_and_embedded();
        // Without embeddings, at most a bit by rows and one by columns for each number: 2 of 32 or fewer of a cell.
        let mut cells = if spec.input.embedded.is_empty() { width.div_ceil(16) } else { 3 * width };
        for layer in &spec.layers {
            if let LayerSpec::Dense { units, .. } = layer {
                width = *units;
            }
            cells = cells.saturating_add(width.saturating_mul(4));
        }
        (cells as u64).saturating_mul(rows as u64).saturating_mul(F::BYTES as u64)
    }

    /// The forward pass: every layer's activations into the workspace.
    ///
    /// # Panics
    /// Where the batch is larger than the workspace, or of another shape than the network's input.
    pub fn forward(&self, pool: &Pool, ws: &mut Workspace<F>, batch: &Batch<'_, F>, pass: Pass) {
        assert!(batch.rows <= ws.rows, "the workspace has room for {} rows", ws.rows);
        batch.require_width(self.spec.input.dense);
        for index in 0..self.layers.len() {
            self.forward_layer(pool, ws, batch, index, pass);
        }
    }

    /// The forward pass of one layer, from the activations of the one before.
    pub fn forward_layer(
        &self,
        pool: &Pool,
        ws: &mut Workspace<F>,
        batch: &Batch<'_, F>,
        index: usize,
        pass: Pass,
    ) {
        if let (0, Some(zeros), None) = (index, &mut ws.zeros, batch.sparse) {
            zeros.look(pool, batch.rows, batch.dense);
        }
        self.forward_looked(pool, ws, batch, index, pass);
    }

    /// The same after the batch's zeros have been looked at.
    fn forward_looked(
        &self,
        pool: &Pool,
        ws: &mut Workspace<F>,
        batch: &Batch<'_, F>,
        index: usize,
        pass: Pass,
    ) {
        ws.pass = pass;
        let (before, after) = ws.kept.split_at_mut(index);
        let (input, kept) = (self.input_of(before, ws.zeros.as_ref(), None, batch), &mut after[0]);
        let params = self.layer_params(index);
        match &self.layers[index] {
            Layer::Embedding(layer) => layer.forward(params, &input, kept),
            Layer::Dense(layer) => {
                layer.forward(&mut Engine { pool, scratch: &mut ws.scratch }, params, &input, kept);
            }
            Layer::BatchNorm(layer) => {
                let buffers = self.layer_buffers(index);
                layer.forward(pool, params, &self.buffers[buffers], pass, &input, kept);
            }
            Layer::LayerNorm(layer) => layer.forward(pool, params, &input, kept),
            Layer::Dropout(layer) => layer.forward(index, pass, &input, kept),
        }
    }

    /// The output's pre-activations (logits) and activations ŷ of the last forward pass.
    #[must_use]
    pub fn output<'a>(&self, ws: &'a Workspace<F>, rows: usize) -> (&'a [F], &'a [F]) {
        let kept = &ws.kept[self.layers.len() - 1];
        let cells = rows * self.outputs();
        let a = &kept.a[..cells];
        (if kept.z.is_empty() { a } else { &kept.z[..cells] }, a)
    }

    /// The output's logits, activations, and the place for δ_L, for [`Loss::value_and_delta`].
    ///
    /// [`Loss::value_and_delta`]: crate::loss::Loss::value_and_delta
    pub fn output_and_delta<'a>(
        &self,
        ws: &'a mut Workspace<F>,
        rows: usize,
    ) -> (&'a [F], &'a [F], &'a mut [F]) {
        let kept = &mut ws.kept[self.layers.len() - 1];
        let cells = rows * self.outputs();
        let a = &kept.a[..cells];
        (if kept.z.is_empty() { a } else { &kept.z[..cells] }, a, &mut kept.delta[..cells])
    }

    /// The backward pass, from δ_L in the workspace: every gradient over `grads`, every δ in the workspace.
    /// `batch` is that of the forward pass before, `total` is W. What that pass computed is differentiated: after one of
    /// [`Pass::Inference`], nothing is dropped and batch normalisation's statistics are constants.
    pub fn backward(
        &self,
        pool: &Pool,
        ws: &mut Workspace<F>,
        batch: &Batch<'_, F>,
        total: F,
        grads: &mut [F],
    ) {
        for index in (0..self.layers.len()).rev() {
            self.backward_layer(pool, ws, batch, index, total, grads);
        }
    }

    /// The backward pass of one layer: δ_l, its gradients, and ∂C/∂a of the layer before. Layers are called last
    /// first, the last with δ_L (not ∂C/∂a_L) in its `delta`.
    ///
    /// # Panics
    /// Where `grads` does not hold one number per parameter.
    pub fn backward_layer(
        &self,
        pool: &Pool,
        ws: &mut Workspace<F>,
        batch: &Batch<'_, F>,
        index: usize,
        total: F,
        grads: &mut [F],
    ) {
        assert_eq!(grads.len(), self.params.len(), "one gradient per parameter");
        let grads = &mut grads[self.layer_range(index)];
        if let Layer::Dense(layer) = &self.layers[index] {
            self.delta_and_input_gradient(pool, ws, batch, layer, index);
            ws.arrange(index, batch);
            let (before, after) = ws.kept.split_at_mut(index);
            let input = self.input_of(before, ws.zeros.as_ref(), ws.columns.as_ref(), batch);
            layer.gradient(
                &mut Engine { pool, scratch: &mut ws.scratch },
                &input,
                &after[0].delta,
                total,
                grads,
            );
            return;
        }
        let pass = ws.pass;
        let (before, after) = ws.kept.split_at_mut(index);
        let kept = &mut after[0];
        let params = self.layer_params(index);
        match &self.layers[index] {
            Layer::Embedding(layer) => {
                let input = self.input_of(before, ws.zeros.as_ref(), None, batch);
                layer.gradient(pool, &input, &kept.delta, &mut ws.embedding_spare, total, grads);
            }
            Layer::BatchNorm(layer) => {
                let dx = before.last_mut().map(|kept| &mut kept.delta[..]);
                layer.backward(pool, batch.rows, params, pass, kept, total, grads, dx);
            }
            Layer::LayerNorm(layer) => {
                let dx = before.last_mut().map(|kept| &mut kept.delta[..]);
                layer.backward(pool, batch.rows, params, kept, total, grads, dx);
            }
            Layer::Dropout(layer) => {
                if pass != Pass::Inference {
                    layer.backward(batch.rows, kept);
                }
                if let Some(before) = before.last_mut() {
                    let cells = batch.rows * layer.units;
                    before.delta[..cells].copy_from_slice(&kept.delta[..cells]);
                }
            }
            Layer::Dense(_) => unreachable!("done above"),
        }
    }

    /// Updates batch normalisation's running statistics from the last forward pass of a training step.
    #[inline]
    pub fn update_buffers(&mut self, ws: &Workspace<F>, rows: usize) {
        if self.buffers.is_empty() {
            return;
        }
        for index in 0..self.layers.len() {
            let range = self.layer_buffers(index);
            if let Layer::BatchNorm(layer) = &self.layers[index] {
                layer.update_buffers(rows, &ws.kept[index], &mut self.buffers[range]);
            }
        }
    }

    /// δ_L = ∂ŷ/∂z of one output in each row, in the place of the cost's: a backward pass then differentiates that output.
    ///
    /// # Panics
    /// Where there is no such output, or no forward pass of so many rows was made.
    pub fn delta_of_output(&self, ws: &mut Workspace<F>, rows: usize, output: usize) {
        let (f, units) = (self.output_activation(), self.outputs());
        assert!(output < units, "output {output} of {units}");
        let (z, a, delta) = self.output_and_delta(ws, rows);
        let rows = delta.chunks_exact_mut(units).zip(z.chunks_exact(units)).zip(a.chunks_exact(units));
        for ((delta, z), a) in rows {
            for (unit, delta) in delta.iter_mut().enumerate() {
                let own = if unit == output { F::ONE } else { F::ZERO };
                *delta = match f {
                    // ∂ŷ_o/∂z_j = ŷ_j·([j = o] − ŷ_o), since it is ŷ_o·([j = o] − ŷ_j).
                    Activation::Softmax => a[unit] * (own - a[output]),
                    f => own * f.derivative(z[unit], a[unit]),
                };
            }
        }
    }

    /// ∂C/∂x of the batch's numbers after a backward pass, `[rows × inputs]`, each row's of its own weighted cost.
    ///
    /// # Panics
    /// Where `dx` is not of that length.
    pub fn input_gradient(&self, pool: &Pool, ws: &mut Workspace<F>, batch: &Batch<'_, F>, dx: &mut [F]) {
        assert_eq!(dx.len(), batch.rows * self.spec.input.dense, "dx is [rows × inputs]");
        let params = self.layer_params(0);
        match &self.layers[0] {
            Layer::Embedding(layer) => layer.input_gradient(batch.rows, &ws.kept[0].delta, dx),
            Layer::Dense(layer) => {
                let mut engine = Engine { pool, scratch: &mut ws.scratch };
                layer.input_gradient(&mut engine, params, batch.rows, &ws.kept[0].delta, dx);
            }
            Layer::Dropout(_) => dx.copy_from_slice(&ws.kept[0].delta[..dx.len()]),
            Layer::BatchNorm(layer) => {
                let mut spare = vec![F::ZERO; 2 * layer.units];
                let mut kept = ws.kept[0].clone();
                // δ stands already: with f = identity the activation's factor is 1.
                let linear = BatchNorm { units: layer.units, activation: Activation::Identity };
                linear.backward(pool, batch.rows, params, ws.pass, &mut kept, F::ONE, &mut spare, Some(dx));
            }
            Layer::LayerNorm(layer) => {
                let mut spare = vec![F::ZERO; 2 * layer.units];
                let mut kept = ws.kept[0].clone();
                let linear = LayerNorm { units: layer.units, activation: Activation::Identity };
                linear.backward(pool, batch.rows, params, &mut kept, F::ONE, &mut spare, Some(dx));
            }
        }
    }

    /// δ_l in place of ∂C/∂a_l (the last layer has it already), then ∂C/∂a_{l−1} = δ_l·wᵀ.
    fn delta_and_input_gradient(
        &self,
        pool: &Pool,
        ws: &mut Workspace<F>,
        batch: &Batch<'_, F>,
        layer: &Dense,
        index: usize,
    ) {
        let (before, after) = ws.kept.split_at_mut(index);
        if index + 1 < self.layers.len() {
            layer.delta(pool, batch.rows, &mut after[0]);
        }
        if let Some(before) = before.last_mut() {
            let mut engine = Engine { pool, scratch: &mut ws.scratch };
            let delta = &after[0].delta;
            layer.input_gradient(&mut engine, self.layer_params(index), batch.rows, delta, &mut before.delta);
        }
    }

    fn input_of<'a>(
        &self,
        before: &'a [Kept<F>],
        zeros: Option<&'a Zeros>,
        columns: Option<&'a SparseColumns<F>>,
        batch: &Batch<'a, F>,
    ) -> LayerInput<'a, F> {
        let (rows, codes, code_width) = (batch.rows, batch.codes, self.spec.input.codes());
        let (x, sparse, nonzeros) = match (before.last(), batch.sparse) {
            (Some(kept), _) => (&kept.a[..rows * self.layers[before.len() - 1].units()], None, None),
            (None, Some(rows)) => (batch.dense, Some(SparseInput { rows, columns }), None),
            (None, None) => (batch.dense, None, zeros.and_then(Zeros::skipped)),
        };
        LayerInput { rows, x, sparse, nonzeros, codes, code_width }
    }

    /// The stretch of the flat buffer that is one layer's.
    #[must_use]
    pub fn layer_range(&self, index: usize) -> Range<usize> {
        self.stretches[index].0.clone()
    }

    fn layer_params(&self, index: usize) -> &[F] {
        &self.params[self.layer_range(index)]
    }

    fn layer_buffers(&self, index: usize) -> Range<usize> {
        self.stretches[index].1.clone()
    }
}
