//! What a network is made of, as it is written into a model file; its layers are laid out from here.

use std::ops::Range;

use deltarule_kernels::{Activation, Buffer, Real};
use serde::{Deserialize, Serialize};

use super::Network;
use super::step::Tail;
use crate::activation;
use crate::dataset::InputShape;
use crate::error::{ErrorKind, Result};
use crate::init::Initializer;
use crate::layer::{BatchNorm, Dense, Dropout, Embedding, Layer, LayerNorm, Tensor};

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
    /// a softmax before the output, a normalisation of no units, a dropout rate outside \[0, 1).
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
        let tail = Tail::of(&layers, |index| stretches[index].0.start);
        let mut network = Network {
            spec: self.clone(),
            layers,
            tensors,
            params: Buffer::zeroed(used),
            buffer_names: buffers,
            buffers: vec![F::ZERO; buffered],
            stretches,
            tail,
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
            if width == 0 && matches!(layer, LayerSpec::BatchNorm { .. } | LayerSpec::LayerNorm { .. }) {
                return Err(refused(index, "a normalisation of no units", "units to normalise before it"));
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_that_make_no_network_are_refused() {
        let (relu, softmax) = (Activation::Relu, Activation::Softmax);
        let new = NetworkSpec::new;
        let only_codes = InputShape { one_hot: vec![3], ..InputShape::default() };
        let spoilt = [
            new(2),
            new(2).dropout(0.5),
            new(2).dense(0, relu).dense(1, relu),
            new(2).dense(3, softmax).dense(1, relu),
            new(2).dropout(1.0).dense(1, relu),
            new(2).dropout(f64::NAN).dense(1, relu),
            NetworkSpec::on(only_codes.clone())
                .with(LayerSpec::BatchNorm { activation: relu })
                .dense(1, relu),
            NetworkSpec::on(only_codes).with(LayerSpec::LayerNorm { activation: relu }).dense(1, relu),
        ];
        for spec in spoilt {
            let error = spec.build::<f32>(1).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::BadSetting { .. }), "{spec:?}: {error}");
        }
    }
}
