//! What a model is made of, for people and for `inspect --json`.

use deltarule_kernels::Real;
use serde::Serialize;

use super::{Members, Model, SplitFigures};
use crate::activation;
use crate::config::{self, BatchSize, Config};
use crate::encoder::Note;
use crate::network::Network;
use crate::store;
use crate::table::ColumnType;
use crate::task::Task;
use crate::trainer::Need;

/// Everything about a model but its numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelSummary {
    /// Version of the file format.
    pub format: u32,
    /// Checksum of the file that it was loaded from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
    /// SHA-256 of the parameters.
    pub digest: String,
    /// What is predicted.
    pub task: Task,
    /// `f32` or `f64`.
    pub precision: &'static str,
    /// Networks that are averaged.
    pub members: usize,
    /// Parameters of one network.
    pub parameters: usize,
    /// The target columns.
    pub targets: Vec<String>,
    /// The classes' names, in the order of their codes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// The columns that a table must have.
    pub columns: Vec<ColumnSummary>,
    /// Numbers that enter the first dense layer per row.
    pub inputs: usize,
    /// What the model takes in memory, and its training.
    pub memory: MemorySummary,
    /// The layers, first first.
    pub layers: Vec<LayerSummary>,
    /// What was noticed of the training table.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// Figures of each split after training.
    pub metrics: SplitFigures,
    /// The configuration.
    pub config: Config,
}

/// Bytes of memory; see [`memory`](crate::memory) for what each is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MemorySummary {
    /// The parameters of all members: what predicting holds.
    pub parameters: u64,
    /// What training one member with the model's configuration holds beside its rows; absent where a batch is all
    /// rows, whose number a model does not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub training: Option<Need>,
    /// Each encoded row, targets included; the table comes on top.
    pub row: u64,
}

/// A column that the model reads.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnSummary {
    /// Its name.
    pub name: String,
    /// Its type in the training table.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    /// `feature` or `target`.
    pub role: &'static str,
    /// What becomes of a feature, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
}

/// A layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerSummary {
    /// `dense`, `batch_norm`, `layer_norm`, `dropout`, `embedding`.
    pub kind: &'static str,
    /// Numbers that it puts out per row.
    pub units: usize,
    /// Its activation, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<&'static str>,
    /// Names and shapes of its tensors.
    pub tensors: Vec<(String, Vec<usize>)>,
    /// Parameters.
    pub parameters: usize,
}

impl ModelSummary {
    pub(super) fn of(model: &Model) -> Self {
        let encoder = model.encoder();
        let (parameters, layers) = match model.members() {
            Members::F32(networks) => (networks[0].params().len(), layers(&networks[0])),
            Members::F64(networks) => (networks[0].params().len(), layers(&networks[0])),
        };
        let encodings = encoder.column_encodings();
        // Features come first, then targets.
        let columns = encoder.column_types().into_iter().enumerate().map(|(i, (name, column_type))| {
            let encoding = encodings.get(i).cloned();
            let role = if encoding.is_some() { "feature" } else { "target" };
            ColumnSummary { name, column_type, role, encoding }
        });
        Self {
            format: store::VERSION,
            checksum: model.checksum().map(str::to_owned),
            digest: model.digest(),
            task: model.task(),
            precision: model.members().precision(),
            members: model.members().len(),
            parameters,
            targets: encoder.target_names().to_vec(),
            classes: encoder.classes().to_vec(),
            columns: columns.collect(),
            inputs: encoder.input_shape().fan_in(),
            memory: memory(model, parameters),
            layers,
            notes: encoder.notes().to_vec(),
            metrics: model.metrics().clone(),
            config: model.config().clone(),
        }
    }
}

fn memory(model: &Model, parameters: usize) -> MemorySummary {
    fn of<F: Real>(model: &Model, parameters: usize) -> MemorySummary {
        let numbers = parameters as u64 * model.members().len() as u64;
        let training = match (config::resolve::optimizer(model.config()), model.config().batch_size) {
            (Ok(optimizer), Some(BatchSize::Rows(batch))) => {
                Some(Need::of::<F>(model.members().spec(), &optimizer, batch))
            }
            _ => None,
        };
        let row = model.encoder().memory_need::<F>(1);
        MemorySummary { parameters: numbers * F::BYTES as u64, training, row }
    }
    match model.members() {
        Members::F32(_) => of::<f32>(model, parameters),
        Members::F64(_) => of::<f64>(model, parameters),
    }
}

fn layers<F: Real>(network: &Network<F>) -> Vec<LayerSummary> {
    let summary = |(index, layer): (usize, &crate::layer::Layer)| {
        let tensors = network.tensors().iter().filter(|tensor| tensor.layer == index);
        LayerSummary {
            kind: layer.kind(),
            units: layer.units(),
            activation: layer.activation().map(activation::name),
            tensors: tensors.map(|tensor| (tensor.name.clone(), tensor.shape.clone())).collect(),
            parameters: network.layer_range(index).len(),
        }
    };
    network.layers().iter().enumerate().map(summary).collect()
}
