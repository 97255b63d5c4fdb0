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

use std::ops::Range;

use deltarule_kernels::{Activation, Pool, Real, Scratch};
use serde::{Deserialize, Serialize};

use crate::activation;
use crate::dataset::{Batch, InputShape};
use crate::error::{ErrorKind, Result};
use crate::init::Initializer;
use crate::layer::{
    BatchNorm, Dense, Dropout, Embedding, Engine, Kept, Layer, LayerInput, LayerNorm, Pass, Tensor,
    TensorKind,
};
use crate::random::{Purpose, stream};

/// What a network is made of: its input and its layers, as they are written into a model file.
///
/// ```
/// use deltarule::activation::Activation;
/// use deltarule::network::NetworkSpec;
/// let spec = NetworkSpec::new(784).dense(30, Activation::Sigmoid).dense(10, Activation::Softmax);
/// assert_eq!(spec.build::<f32>(1)?.params().len(), 784 * 30 + 30 + 30 * 10 + 10);
/// # Ok::<(), deltarule::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkSpec {
    /// What a row looks like.
    pub input: InputShape,
    /// The layers, first first.
    pub layers: Vec<LayerSpec>,
}

/// One layer of a [`NetworkSpec`]; its input width follows from the layer before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LayerSpec {
    /// z = x·w + b, a = f(z).
    Dense {
        /// fan_out.
        units: usize,
        /// f.
        #[serde(with = "activation::as_name")]
        activation: Activation,
        /// How w begins.
        initializer: Initializer,
    },
    /// Normalisation over the batch, then f.
    BatchNorm {
        /// f.
        #[serde(with = "activation::as_name")]
        activation: Activation,
    },
    /// Normalisation over the row's units, then f.
    LayerNorm {
        /// f.
        #[serde(with = "activation::as_name")]
        activation: Activation,
    },
    /// Units left out at random in training.
    Dropout {
        /// Probability that a unit is left out.
        rate: f64,
    },
}

impl NetworkSpec {
    /// A network on rows of `inputs` numbers, without layers yet.
    #[must_use]
    pub fn new(inputs: usize) -> Self {
        Self::on(InputShape::dense(inputs))
    }

    /// A network on rows of that shape, without layers yet.
    #[must_use]
    pub fn on(input: InputShape) -> Self {
        Self { input, layers: Vec::new() }
    }

    /// Adds a dense layer with the activation's [default initialiser](activation::default_initializer).
    #[must_use]
    pub fn dense(self, units: usize, activation: Activation) -> Self {
        self.dense_with(units, activation, activation::default_initializer(activation))
    }

    /// Adds a dense layer.
    #[must_use]
    pub fn dense_with(self, units: usize, activation: Activation, initializer: Initializer) -> Self {
        self.with(LayerSpec::Dense { units, activation, initializer })
    }

    /// Adds a layer.
    #[must_use]
    pub fn with(mut self, layer: LayerSpec) -> Self {
        self.layers.push(layer);
        self
    }

    /// Adds dropout.
    #[must_use]
    pub fn dropout(self, rate: f64) -> Self {
        self.with(LayerSpec::Dropout { rate })
    }

    /// Numbers that the network puts out per row; 0 without a dense layer.
    #[must_use]
    pub fn outputs(&self) -> usize {
        let units = |layer: &LayerSpec| match layer {
            LayerSpec::Dense { units, .. } => Some(*units),
            _ => None,
        };
        self.layers.iter().rev().find_map(units).unwrap_or(0)
    }

    /// The number of parameters, without building anything. `None` where it overflows.
    #[must_use]
    pub fn parameters(&self) -> Option<usize> {
        let mut sum = 0_usize;
        for table in &self.input.embedded {
            sum = sum.checked_add(table.cardinality.checked_mul(table.dimension)?)?;
        }
        let mut width = self.input.fan_in();
        for layer in &self.layers {
            match layer {
                LayerSpec::Dense { units, .. } => {
                    sum = sum.checked_add(width.checked_add(1)?.checked_mul(*units)?)?;
                    width = *units;
                }
                LayerSpec::BatchNorm { .. } | LayerSpec::LayerNorm { .. } => {
                    sum = sum.checked_add(2 * width)?;
                }
                LayerSpec::Dropout { .. } => {}
            }
        }
        Some(sum)
    }

    /// Builds the network with parameters drawn from `seed`.
    ///
    /// # Errors
    /// [`ErrorKind::BadSetting`] where the layers make no network: none, of no units, a last layer that is not dense,
    /// a softmax before the output, a dropout rate outside \[0, 1).
    pub fn build<F: Real>(&self, seed: u64) -> Result<Network<F>> {
        let mut network = self.build_unset()?;
        network.initialize(seed);
        Ok(network)
    }

    /// Builds the network with all parameters 0 (scales 1), for weights that come from elsewhere.
    ///
    /// # Errors
    /// As [`NetworkSpec::build`].
    pub fn build_unset<F: Real>(&self) -> Result<Network<F>> {
        let layers = self.lay_out()?;
        let mut tensors = Vec::new();
        let mut buffers: Vec<(String, Range<usize>)> = Vec::new();
        let (mut used, mut buffered) = (0, 0);
        let mut stretches = Vec::with_capacity(layers.len());
        for (index, layer) in layers.iter().enumerate() {
            let starts = (used, buffered);
            for (kind, suffix, shape) in layer.tensors() {
                let range = used..used + shape.iter().product::<usize>();
                used = range.end;
                tensors.push(Tensor {
                    name: format!("layers.{index}.{suffix}"),
                    layer: index,
                    kind,
                    shape,
                    range,
                });
            }
            for (suffix, length) in layer.buffers() {
                buffers.push((format!("layers.{index}.{suffix}"), buffered..buffered + length));
                buffered += length;
            }
            stretches.push((starts.0..used, starts.1..buffered));
        }
        let mut network = Network {
            spec: self.clone(),
            layers,
            tensors,
            params: vec![F::ZERO; used],
            buffer_names: buffers,
            buffers: vec![F::ZERO; buffered],
            stretches,
        };
        network.reset_scales_and_buffers();
        Ok(network)
    }

    fn lay_out(&self) -> Result<Vec<Layer>> {
        let mut layers = Vec::with_capacity(self.layers.len() + 1);
        if !self.input.embedded.is_empty() {
            let tables = self.input.embedded.clone();
            layers.push(Layer::Embedding(Embedding { dense_in: self.input.dense, tables }));
        }
        let mut width = self.input.dense_and_embedded();
        let mut one_hot = self.input.one_hot.clone();
        for (index, layer) in self.layers.iter().enumerate() {
            let last = index + 1 == self.layers.len();
            layers.push(match *layer {
                LayerSpec::Dense { units, activation, .. } => {
                    if units == 0 {
                        return Err(refused(index, "a dense layer of 0 units", "1 or more"));
                    }
                    if activation == Activation::Softmax && !last {
                        return Err(refused(
                            index,
                            "softmax in a hidden layer",
                            "softmax at the output only",
                        ));
                    }
                    let one_hot = std::mem::take(&mut one_hot);
                    let dense = Dense { dense_in: width, one_hot, fan_out: units, activation };
                    width = units;
                    Layer::Dense(dense)
                }
                LayerSpec::BatchNorm { activation } => {
                    Layer::BatchNorm(BatchNorm { units: width, activation })
                }
                LayerSpec::LayerNorm { activation } => {
                    Layer::LayerNorm(LayerNorm { units: width, activation })
                }
                LayerSpec::Dropout { rate } => {
                    if !(0.0..1.0).contains(&rate) {
                        let got = format!("a dropout rate of {rate}");
                        return Err(refused(index, &got, "at least 0 and below 1"));
                    }
                    Layer::Dropout(Dropout { units: width, rate })
                }
            });
        }
        match layers.last() {
            Some(Layer::Dense(_)) => Ok(layers),
            _ => Err(refused(self.layers.len(), "no dense layer at the end", "a dense layer as the output")),
        }
    }
}

fn refused(layer: usize, got: &str, expected: &str) -> crate::Error {
    ErrorKind::BadSetting {
        setting: format!("layer {layer} of the network"),
        got: got.to_owned(),
        expected: expected.to_owned(),
        next: String::new(),
    }
    .into()
}

/// A network with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Network<F> {
    spec: NetworkSpec,
    layers: Vec<Layer>,
    tensors: Vec<Tensor>,
    params: Vec<F>,
    buffer_names: Vec<(String, Range<usize>)>,
    buffers: Vec<F>,
    /// Each layer's stretch of `params` and of `buffers`.
    stretches: Vec<(Range<usize>, Range<usize>)>,
}

/// Everything that a forward and backward pass write, allocated once for the largest batch.
#[derive(Debug)]
pub struct Workspace<F: Real> {
    rows: usize,
    /// What each layer keeps, by its index.
    pub kept: Vec<Kept<F>>,
    scratch: Scratch<F>,
    embedding_spare: Vec<F>,
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
        let cast = |values: &[F]| values.iter().map(|v| G::from_f64(v.to_f64())).collect();
        Network {
            spec: self.spec.clone(),
            layers: self.layers.clone(),
            tensors: self.tensors.clone(),
            params: cast(&self.params),
            buffer_names: self.buffer_names.clone(),
            buffers: cast(&self.buffers),
            stretches: self.stretches.clone(),
        }
    }

    /// Room for forward and backward passes over up to `rows` rows.
    #[must_use]
    pub fn workspace(&self, rows: usize) -> Workspace<F> {
        let mut scratch = Scratch::new();
        let mut embedding_spare = Vec::new();
        let last = self.layers.len() - 1;
        for layer in &self.layers {
            match layer {
                Layer::Dense(dense) => scratch.reserve(rows, dense.dense_in, dense.fan_out),
                Layer::Embedding(embedding) => embedding_spare = vec![F::ZERO; rows * embedding.units()],
                _ => {}
            }
        }
        let kept = self.layers.iter().enumerate().map(|(i, layer)| layer.keep(rows, i == last)).collect();
        Workspace { rows, kept, scratch, embedding_spare }
    }

    /// Bytes that [`Network::workspace`] takes for `rows` rows, packing space apart, from the spec alone.
    #[must_use]
    pub fn workspace_bytes(spec: &NetworkSpec, rows: usize) -> u64 {
        let mut width = spec.input.dense_and_embedded();
        let mut cells = if spec.input.embedded.is_empty() { 0 } else { 3 * width };
        for layer in &spec.layers {
            if let LayerSpec::Dense { units, .. } = layer {
                width = *units;
            }
            cells += 4 * width;
        }
        (cells as u64).saturating_mul(rows as u64).saturating_mul(F::BYTES as u64)
    }

    /// The forward pass: every layer's activations into the workspace.
    ///
    /// # Panics
    /// Where the batch is larger than the workspace, or of another shape than the network's input.
    pub fn forward(&self, pool: &Pool, ws: &mut Workspace<F>, batch: &Batch<'_, F>, pass: Pass) {
        assert!(batch.rows <= ws.rows, "the workspace has room for {} rows", ws.rows);
        assert_eq!(batch.dense.len(), batch.rows * self.spec.input.dense, "dense is [rows × inputs]");
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
        let (before, after) = ws.kept.split_at_mut(index);
        let (input, kept) = (self.input_of(before, batch), &mut after[0]);
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
    /// `total` is W.
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
            let (before, after) = ws.kept.split_at_mut(index);
            let input = self.input_of(before, batch);
            layer.gradient(
                &mut Engine { pool, scratch: &mut ws.scratch },
                &input,
                &after[0].delta,
                total,
                grads,
            );
            return;
        }
        let (before, after) = ws.kept.split_at_mut(index);
        let kept = &mut after[0];
        let params = self.layer_params(index);
        match &self.layers[index] {
            Layer::Embedding(layer) => {
                let input = self.input_of(before, batch);
                layer.gradient(pool, &input, &kept.delta, &mut ws.embedding_spare, total, grads);
            }
            Layer::BatchNorm(layer) => {
                let dx = before.last_mut().map(|kept| &mut kept.delta[..]);
                layer.backward(pool, batch.rows, params, kept, total, grads, dx);
            }
            Layer::LayerNorm(layer) => {
                let dx = before.last_mut().map(|kept| &mut kept.delta[..]);
                layer.backward(pool, batch.rows, params, kept, total, grads, dx);
            }
            Layer::Dropout(layer) => {
                layer.backward(batch.rows, kept);
                if let Some(before) = before.last_mut() {
                    let cells = batch.rows * layer.units;
                    before.delta[..cells].copy_from_slice(&kept.delta[..cells]);
                }
            }
            Layer::Dense(_) => unreachable!("done above"),
        }
    }

    /// The backward pass with the plain update w ← w − η·∂C/∂w in it, each layer's as soon as the one before has its
    /// ∂C/∂a: the same bits as [`Network::backward`] and then the update, without storing the weights' gradients.
    /// `spare` is what `grads` is to `backward`.
    pub fn backward_and_descend(
        &mut self,
        pool: &Pool,
        ws: &mut Workspace<F>,
        batch: &Batch<'_, F>,
        total: F,
        learning_rate: F,
        spare: &mut [F],
    ) {
        for index in (0..self.layers.len()).rev() {
            let range = self.layer_range(index);
            if let Layer::Dense(layer) = &self.layers[index] {
                self.delta_and_input_gradient(pool, ws, batch, layer, index);
                let (before, after) = ws.kept.split_at_mut(index);
                let input = self.input_of(before, batch);
                let mut engine = Engine { pool, scratch: &mut ws.scratch };
                let (params, spare) = (&mut self.params[range.clone()], &mut spare[range]);
                layer.gradient_descend(
                    &mut engine,
                    &input,
                    &after[0].delta,
                    total,
                    learning_rate,
                    params,
                    spare,
                );
            } else {
                self.backward_layer(pool, ws, batch, index, total, spare);
                deltarule_kernels::descend(
                    pool,
                    &mut self.params[range.clone()],
                    &spare[range],
                    learning_rate,
                );
            }
        }
    }

    /// Updates batch normalisation's running statistics from the last forward pass of a training step.
    pub fn update_buffers(&mut self, ws: &Workspace<F>, rows: usize) {
        for index in 0..self.layers.len() {
            let range = self.layer_buffers(index);
            if let Layer::BatchNorm(layer) = &self.layers[index] {
                layer.update_buffers(rows, &ws.kept[index], &mut self.buffers[range]);
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
                linear.backward(pool, batch.rows, params, &mut kept, F::ONE, &mut spare, Some(dx));
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

    fn input_of<'a>(&self, before: &'a [Kept<F>], batch: &Batch<'a, F>) -> LayerInput<'a, F> {
        let x = match (before.last(), before.len()) {
            (Some(kept), index) => &kept.a[..batch.rows * self.layers[index - 1].units()],
            (None, _) => batch.dense,
        };
        LayerInput { rows: batch.rows, x, codes: batch.codes, code_width: self.spec.input.codes() }
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
