//! Reads `fixtures/`: every file a case, its description in the metadata, its tensors as f64.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use deltarule::Real;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

/// An activation as the fixtures describe it.
#[derive(Debug, Clone, Deserialize)]
pub struct Activation {
    pub name: String,
    pub slope: Option<f64>,
    pub alpha: Option<f64>,
}

/// One entry of a fixture's layer list.
#[expect(clippy::enum_variant_names, reason = "these are the layers' names")]
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Layer {
    Dense {
        fan_in: usize,
        fan_out: usize,
        activation: Activation,
        #[serde(default)]
        one_hot: Vec<usize>,
    },
    BatchNorm {
        size: usize,
        epsilon: f64,
        momentum: f64,
        activation: Activation,
    },
    LayerNorm {
        size: usize,
        epsilon: f64,
        activation: Activation,
    },
    Dropout {
        size: usize,
        rate: f64,
    },
    Embedding {
        tables: Vec<Table>,
    },
}

impl Layer {
    /// Units that the layer puts out, where its description says so.
    pub fn units(&self) -> Option<usize> {
        match self {
            Self::Dense { fan_out: size, .. }
            | Self::BatchNorm { size, .. }
            | Self::LayerNorm { size, .. }
            | Self::Dropout { size, .. } => Some(*size),
            Self::Embedding { .. } => None,
        }
    }
}

/// The size of an embedding's table.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    pub cardinality: usize,
    pub dimension: usize,
}

/// The cost and its parameters.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    pub name: String,
    pub delta: Option<f64>,
    pub quantile: Option<f64>,
    pub gamma: Option<f64>,
    #[serde(default)]
    pub label_smoothing: f64,
}

/// Penalties, clipping and the norm constraint; 0 or `None` where absent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regularisation {
    #[serde(default)]
    pub l1: f64,
    #[serde(default)]
    pub l2: f64,
    pub clip_norm: Option<f64>,
    pub clip_value: Option<f64>,
    pub max_norm: Option<f64>,
}

/// An update rule with every number of it.
#[derive(Debug, Clone, Deserialize)]
pub struct Optimizer {
    pub learning_rate: f64,
    #[serde(default)]
    pub weight_decay: f64,
    #[serde(flatten)]
    pub rule: Rule,
}

/// The rule itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum Rule {
    Sgd,
    Momentum { momentum: f64 },
    Nesterov { momentum: f64 },
    Rmsprop { alpha: f64, epsilon: f64 },
    Adam { beta1: f64, beta2: f64, epsilon: f64 },
    Adamw { beta1: f64, beta2: f64, epsilon: f64 },
    Rprop { eta_minus: f64, eta_plus: f64, step_min: f64, step_max: f64 },
}

/// A fixture's description: the one metadata key `case`. Unknown keys are refused, so that nothing is skipped unseen.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    pub format: u32,
    pub kind: String,
    pub name: String,
    pub dtype: String,
    pub batch: usize,
    pub inputs: usize,
    pub layers: Vec<Layer>,
    pub cost: Cost,
    pub weighted: bool,
    #[serde(default)]
    pub regularisation: Regularisation,
    pub optimizer: Option<Optimizer>,
    pub steps: Option<usize>,
}

/// A tensor in row-major order, whatever type it was stored in.
#[derive(Debug, Clone)]
pub struct Tensor {
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
}

/// One fixture file.
#[derive(Debug)]
pub struct Case {
    pub description: Description,
    pub tensors: BTreeMap<String, Tensor>,
}

impl Case {
    /// The tensor's values, in the precision of the engine.
    pub fn values<F: Real>(&self, name: &str) -> Vec<F> {
        match self.tensors.get(name) {
            Some(tensor) => tensor.values.iter().map(|&value| F::from_f64(value)).collect(),
            None => panic!("{}: no tensor {name}", self.description.name),
        }
    }

    /// Category codes, empty where the case has none.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "codes were small whole numbers"
    )]
    pub fn codes(&self) -> Vec<u32> {
        self.tensors
            .get("codes")
            .map_or_else(Vec::new, |t| t.values.iter().map(|&code| code as u32).collect())
    }
}

/// The repository's folder of fixtures.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

/// Every `GROUP/NAME.DTYPE.safetensors`, sorted by path.
pub fn cases() -> Vec<Case> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for group in std::fs::read_dir(folder()).expect("fixtures/ exists") {
        let group = group.expect("fixtures/ can be listed").path();
        if group.is_dir() {
            let files = std::fs::read_dir(group).expect("a group can be listed");
            paths.extend(files.map(|f| f.expect("a file can be listed").path()));
        }
    }
    paths.retain(|path| path.extension().is_some_and(|e| e == "safetensors"));
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Case {
    let bytes = std::fs::read(path).expect("a fixture can be read");
    let (_, header) = SafeTensors::read_metadata(&bytes).expect("a fixture is a safetensors file");
    let text = header.metadata().as_ref().and_then(|m| m.get("case")).expect("metadata has the key case");
    let description: Description =
        serde_json::from_str(text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(description.format, 1, "{}", path.display());
    let file = SafeTensors::deserialize(&bytes).expect("a fixture is a safetensors file");
    let tensors = file.tensors().into_iter().map(|(name, view)| {
        let values = match view.dtype() {
            Dtype::F64 => words(view.data()).map(f64::from_le_bytes).collect(),
            Dtype::F32 => words(view.data()).map(|b| f64::from(f32::from_le_bytes(b))).collect(),
            #[allow(clippy::cast_precision_loss, reason = "category codes are small")]
            Dtype::I64 => words(view.data()).map(|b| i64::from_le_bytes(b) as f64).collect(),
            other => panic!("{}: {name} has type {other:?}", path.display()),
        };
        (name, Tensor { shape: view.shape().to_vec(), values })
    });
    Case { tensors: tensors.collect(), description }
}

fn words<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    bytes.chunks_exact(N).map(|chunk| chunk.try_into().expect("a chunk of N bytes"))
}
