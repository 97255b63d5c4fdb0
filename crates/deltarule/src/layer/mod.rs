//! The closed set of layers, each a forward and a backward side by side.
//!
//! A layer holds sizes only: its parameters are its stretch of the network's one flat buffer, its activations and
//! deltas lie in the workspace. For layers with an activation, z is what f is applied to, and the backward function is
//! given `delta` = ∂C/∂a and turns it into δ = ∂C/∂z in place; then it computes the parameters' gradients and, where
//! asked, ∂C/∂x for the layer before.

mod dense;
mod dropout;
mod embedding;
mod norm;

use std::ops::Range;

use deltarule_kernels::{Activation, Nonzeros, Pool, Real, SparseColumns, SparseView};

pub use deltarule_kernels::{Buffer, Scratch};
pub use dense::Dense;
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use norm::{BatchNorm, EPSILON, LayerNorm, MOMENTUM};

/// One layer of a network.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Layer {
    /// Learnt tables for category codes, set beside the numbers.
    Embedding(Embedding),
    /// z = x·w + b, a = f(z).
    Dense(Dense),
    /// Normalisation over the batch, then f.
    BatchNorm(BatchNorm),
    /// Normalisation over a row's units, then f.
    LayerNorm(LayerNorm),
    /// Units left out at random while training.
    Dropout(Dropout),
}

/// What a parameter tensor is to its layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TensorKind {
    /// w of a dense layer, `[fan_in, fan_out]`.
    Weight,
    /// b of a dense layer, `[fan_out]`.
    Bias,
    /// γ of a normalisation, `[units]`.
    Scale,
    /// β of a normalisation, `[units]`.
    Shift,
    /// An embedding's table, `[cardinality, dimension]`.
    Table,
}

impl TensorKind {
    /// Whether penalties and decay apply: to weights and tables; not to biases, scales and shifts, which
    /// have no part in how steep the function is (Goodfellow, Bengio & Courville 2016, §7.1).
    #[must_use]
    pub fn is_regularized(self) -> bool {
        matches!(self, Self::Weight | Self::Table)
    }
}

/// A parameter tensor: where it lies in the flat buffer, and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// `layers.0.w`.
    pub name: String,
    /// Index of its layer.
    pub layer: usize,
    /// What it is.
    pub kind: TensorKind,
    /// Row-major shape.
    pub shape: Vec<usize>,
    /// Its stretch of the flat buffer.
    pub range: Range<usize>,
}

/// How a forward pass is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// No dropout; batch normalisation by its running statistics.
    Inference,
    /// Dropout masks are a function of `seed` and `step`; batch normalisation by the batch's own statistics.
    Training {
        /// The run's seed.
        seed: u64,
        /// Steps done before this one.
        step: u64,
    },
}

/// What a layer reads: the activations before it, and for the first layers the batch's codes.
#[derive(Clone, Copy, Debug)]
pub struct LayerInput<'a, F> {
    /// Number of rows.
    pub rows: usize,
    /// `[rows × the layer's input width]`; empty where `sparse` is read.
    pub x: &'a [F],
    /// The batch's numbers instead of `x`, for a dense layer that is the first.
    pub sparse: Option<SparseInput<'a, F>>,
    /// Where `x` is not 0, if its zeros are to be skipped.
    pub nonzeros: Option<&'a Nonzeros>,
    /// `[rows × code_width]`.
    pub codes: &'a [u32],
    /// Codes per row.
    pub code_width: usize,
}

/// A batch of sparse rows: for a forward pass as they are, for a gradient by columns as well.
#[derive(Clone, Copy, Debug)]
pub struct SparseInput<'a, F> {
    /// The rows.
    pub rows: SparseView<'a, F>,
    /// The same by columns, once a gradient is asked for.
    pub columns: Option<&'a SparseColumns<F>>,
}

/// What a layer keeps from its forward pass for its backward pass. Allocated once, for the largest batch.
#[derive(Clone, Debug, Default)]
pub struct Kept<F: Real> {
    /// Activations, `[rows × units]`.
    pub a: Buffer<F>,
    /// Pre-activations where f' needs them, or at the output; else empty.
    pub z: Buffer<F>,
    /// ∂C/∂a, then δ = ∂C/∂z, `[rows × units]`.
    pub delta: Buffer<F>,
    /// Normalised input x̂ of a normalisation; a dropout's mask with its factor 1/(1−rate).
    pub extra: Buffer<F>,
    /// Batch normalisation: mean, 1/√(σ²+ε), σ², each `[units]`. Layer normalisation: mean and 1/√(σ²+ε) of each row.
    pub statistics: Vec<F>,
}

/// The arithmetic's surroundings: threads and packing space.
#[derive(Debug)]
pub struct Engine<'a, F: Real> {
    /// Who computes.
    pub pool: &'a Pool,
    /// Where operands are packed.
    pub scratch: &'a mut Scratch<F>,
}

impl Layer {
    /// Units that the layer puts out.
    #[must_use]
    pub fn units(&self) -> usize {
        match self {
            Self::Embedding(layer) => layer.units(),
            Self::Dense(layer) => layer.fan_out,
            Self::BatchNorm(layer) => layer.units,
            Self::LayerNorm(layer) => layer.units,
            Self::Dropout(layer) => layer.units,
        }
    }

    /// The activation f, where the layer has one.
    #[must_use]
    pub fn activation(&self) -> Option<Activation> {
        match self {
            Self::Dense(layer) => Some(layer.activation),
            Self::BatchNorm(layer) => Some(layer.activation),
            Self::LayerNorm(layer) => Some(layer.activation),
            Self::Embedding(_) | Self::Dropout(_) => None,
        }
    }

    /// `dense`, `batch_norm`, `layer_norm`, `dropout`, `embedding`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Embedding(_) => "embedding",
            Self::Dense(_) => "dense",
            Self::BatchNorm(_) => "batch_norm",
            Self::LayerNorm(_) => "layer_norm",
            Self::Dropout(_) => "dropout",
        }
    }

    /// Kind, suffix and shape of each of its tensors, in the order in which they lie in the buffer.
    pub(crate) fn tensors(&self) -> Vec<(TensorKind, String, Vec<usize>)> {
        match self {
            Self::Embedding(layer) => layer
                .tables
                .iter()
                .enumerate()
                .map(|(i, t)| (TensorKind::Table, format!("table.{i}"), vec![t.cardinality, t.dimension]))
                .collect(),
            Self::Dense(layer) => vec![
                (TensorKind::Weight, "w".into(), vec![layer.fan_in(), layer.fan_out]),
                (TensorKind::Bias, "b".into(), vec![layer.fan_out]),
            ],
            Self::BatchNorm(BatchNorm { units, .. }) | Self::LayerNorm(LayerNorm { units, .. }) => vec![
                (TensorKind::Scale, "scale".into(), vec![*units]),
                (TensorKind::Shift, "shift".into(), vec![*units]),
            ],
            Self::Dropout(_) => Vec::new(),
        }
    }

    /// Names and lengths of its buffers: numbers that are measured, not learnt.
    pub(crate) fn buffers(&self) -> Vec<(&'static str, usize)> {
        match self {
            Self::BatchNorm(layer) => vec![("running_mean", layer.units), ("running_variance", layer.units)],
            _ => Vec::new(),
        }
    }

    /// Room for `rows` rows; `is_output` keeps z for the loss.
    pub(crate) fn keep<F: Real>(&self, rows: usize, is_output: bool) -> Kept<F> {
        let cells = rows * self.units();
        let room = |wanted: bool| Buffer::zeroed(if wanted { cells } else { 0 });
        let with_z =
            self.activation().is_some_and(|f| f.needs_z() || (is_output && f != Activation::Identity));
        let (extra, statistics) = match self {
            Self::BatchNorm(layer) => (true, 3 * layer.units),
            Self::LayerNorm(_) => (true, 2 * rows),
            Self::Dropout(_) => (true, 0),
            Self::Embedding(_) | Self::Dense(_) => (false, 0),
        };
        Kept {
            a: room(true),
            z: room(with_z),
            delta: room(true),
            extra: room(extra),
            statistics: vec![F::ZERO; statistics],
        }
    }
}
