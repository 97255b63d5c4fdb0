//! What another program needs to take the same steps: files.

use std::path::Path;

use serde_json::{Value, json};

use super::Work;
use crate::Error;
use crate::activation;
use crate::atomic_file::write_atomically;
use crate::error::Result;
use crate::layer::Layer;
use crate::model::write_weights;
use crate::optimizer::OptimizerSpec;
use crate::store;

impl Work {
    /// Writes the start weights, for others to begin from.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn save_weights(&self, path: &Path) -> Result<()> {
        write_weights(path, &self.network)
    }

    /// Writes all that another program needs to take these steps, into a folder that is made where there is none.
    ///
    /// | file | what |
    /// |---|---|
    /// | `case.json` | `case`, `batch_size`, `learning_rate`, `weight_decay`, `cost`; `optimizer`: its `name` and numbers; `layers`: `fan_in`, `fan_out`, `activation` of each |
    /// | `weights.safetensors` | the start weights, as [`save_weights`](Self::save_weights) writes them: `w` is `[fan_in, fan_out]`, the transpose of what PyTorch keeps |
    /// | `data.safetensors` | `x` `[rows, fan_in]` and `targets` `[rows, outputs]`, f32, encoded, in the order of training; classes are one-hot rows |
    ///
    /// Batch s holds the rows from s·`batch_size` on; the last of an epoch may be shorter, and the next one begins again.
    ///
    /// # Errors
    /// Where the folder or a file cannot be written.
    pub fn export(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder).map_err(|source| Error::io(folder, "write", source))?;
        self.save_weights(&folder.join("weights.safetensors"))?;

        let data = &self.data;
        let outputs = data.targets.outputs();
        let view = data.targets.range(0, data.rows);
        let targets: Vec<f32> = (0..data.rows)
            .flat_map(|row| (0..outputs).map(move |output| (row, output)))
            .map(|(row, output)| view.value(row, output))
            .collect();
        let tensors = [
            store::Tensor::new("x", &[data.rows, data.dense_width], &data.dense),
            store::Tensor::new("targets", &[data.rows, outputs], &targets),
        ];
        store::write_plain(&folder.join("data.safetensors"), &tensors)?;
        write_atomically(&folder.join("case.json"), format!("{:#}\n", self.description()).as_bytes())
    }

    fn description(&self) -> Value {
        let dense = self.network.layers().iter().filter_map(|layer| match layer {
            Layer::Dense(layer) => Some(json!({
                "fan_in": layer.dense_in,
                "fan_out": layer.fan_out,
                "activation": activation::name(layer.activation),
            })),
            _ => None,
        });
        json!({
            "case": self.name,
            "about": self.about,
            "batch_size": self.settings.batch_size,
            "learning_rate": self.settings.learning_rate.base,
            "weight_decay": self.settings.regularization.weight_decay,
            "optimizer": optimizer(&self.settings.optimizer),
            "cost": self.settings.loss.cost().name(),
            "layers": dense.collect::<Vec<_>>(),
        })
    }
}

/// The update rule's name, and its numbers where peers have it too.
fn optimizer(spec: &OptimizerSpec) -> Value {
    match *spec {
        OptimizerSpec::Adam { beta1, beta2, epsilon } | OptimizerSpec::AdamW { beta1, beta2, epsilon } => {
            json!({ "name": spec.name(), "beta1": beta1, "beta2": beta2, "epsilon": epsilon })
        }
        _ => json!({ "name": spec.name() }),
    }
}
