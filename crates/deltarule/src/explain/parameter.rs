//! Which parameter: a place in one of the network's tensors.

use std::fmt;

use deltarule_kernels::Real;

use super::Names;
use crate::error::{ErrorKind, Result};
use crate::layer::{Layer, Tensor, TensorKind};
use crate::network::Network;

/// A parameter by its tensor's name and its place there: `layers.0.w,2,5` is the weight from the first layer's input 2 to
/// its unit 5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// `layers.0.w`, as [`Network::tensors`] has it.
    pub tensor: String,
    /// One number for each of the tensor's dimensions, from 0.
    pub place: Vec<usize>,
}

/// A parameter found in a network.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub layer: usize,
    pub kind: TensorKind,
    /// Place in the flat buffer.
    pub at: usize,
    /// Place in the tensor; of a tensor of one dimension the second is 0.
    pub place: [usize; 2],
    /// Number of the tensor among those of its layer and kind.
    pub number: usize,
}

impl Parameter {
    /// The weight of layer `layer` from input `from` to unit `to`.
    #[must_use]
    pub fn weight(layer: usize, from: usize, to: usize) -> Self {
        Self { tensor: format!("layers.{layer}.w"), place: vec![from, to] }
    }

    /// The bias of layer `layer`'s unit `to`.
    #[must_use]
    pub fn bias(layer: usize, to: usize) -> Self {
        Self { tensor: format!("layers.{layer}.b"), place: vec![to] }
    }

    /// The one at a place in a tensor's numbers, row-major.
    #[must_use]
    pub fn at(tensor: &Tensor, index: usize) -> Self {
        let mut place = vec![0; tensor.shape.len()];
        let mut rest = index;
        for (place, size) in place.iter_mut().zip(&tensor.shape).rev() {
            (*place, rest) = (rest % size, rest / size);
        }
        Self { tensor: tensor.name.clone(), place }
    }

    /// What it is in words, by the names of columns and classes: `the weight from age to unit 3`.
    ///
    /// # Errors
    /// [`ErrorKind::BadSetting`] for a tensor or a place that the network does not have.
    pub fn meaning<F: Real>(&self, network: &Network<F>, names: &Names) -> Result<String> {
        Ok(names.of_parameter(network, &self.find(network)?))
    }

    /// Finds it.
    pub(super) fn find<F: Real>(&self, network: &Network<F>) -> Result<Found> {
        let Some(tensor) = network.tensors().iter().find(|tensor| tensor.name == self.tensor) else {
            let known: Vec<_> = network
                .tensors()
                .iter()
                .map(|tensor| format!("{} {:?}", tensor.name, tensor.shape))
                .collect();
            return Err(refused(self, format!("one of {}", known.join(", ")), "give a tensor that there is"));
        };
        let fits = self.place.len() == tensor.shape.len()
            && self.place.iter().zip(&tensor.shape).all(|(place, size)| place < size);
        if !fits {
            let bounds: Vec<_> = tensor.shape.iter().map(|size| format!("0 to {}", size - 1)).collect();
            let expected = format!(
                "a place inside it ({} is {:?}: {})",
                tensor.name,
                tensor.shape,
                bounds.join(", then ")
            );
            return Err(refused(self, expected, "give one of these"));
        }
        let mut offset = 0;
        for (place, size) in self.place.iter().zip(&tensor.shape) {
            offset = offset * size + place;
        }
        let alike = network.tensors().iter().filter(|t| t.layer == tensor.layer && t.kind == tensor.kind);
        let number = alike.take_while(|t| t.name != tensor.name).count();
        let place = [self.place[0], self.place.get(1).copied().unwrap_or(0)];
        Ok(Found { layer: tensor.layer, kind: tensor.kind, at: tensor.range.start + offset, place, number })
    }
}

/// What a network's parameters and units are called.
impl Names {
    /// A unit of the last layer: its class or target.
    pub(super) fn of_unit<F: Real>(&self, network: &Network<F>, layer: usize, unit: usize) -> Option<String> {
        let is_output = layer + 1 == network.layers().len();
        self.outputs.get(unit).filter(|_| is_output).cloned()
    }

    pub(super) fn of_parameter<F: Real>(&self, network: &Network<F>, found: &Found) -> String {
        let ([first, second], layer) = (found.place, found.layer);
        let unit = |unit| self.of_unit(network, layer, unit).unwrap_or_else(|| format!("unit {unit}"));
        let input = |at: usize| self.inputs.get(at).cloned();
        match found.kind {
            TensorKind::Weight => {
                let name = input(first).filter(|_| is_first_dense(network, layer));
                let from = name.unwrap_or_else(|| format!("input {first}"));
                format!("the weight from {from} to {}", unit(second))
            }
            TensorKind::Bias => format!("the bias of {}", unit(first)),
            TensorKind::Scale => format!("the scale of {}", unit(first)),
            TensorKind::Shift => format!("the shift of {}", unit(first)),
            TensorKind::Table => {
                let column = table_column(network, layer, found.number) + second;
                let name = input(column).unwrap_or_else(|| format!("input {column}"));
                format!("{name} of category {first}")
            }
        }
    }
}

/// Whether no dense layer comes before: then its w has a row for each of the input's names.
pub(super) fn is_first_dense<F: Real>(network: &Network<F>, layer: usize) -> bool {
    !network.layers()[..layer].iter().any(|layer| matches!(layer, Layer::Dense(_)))
}

/// The first column of an embedding's table in its output.
pub(super) fn table_column<F: Real>(network: &Network<F>, layer: usize, table: usize) -> usize {
    let Layer::Embedding(embedding) = &network.layers()[layer] else { return 0 };
    embedding.dense_in + embedding.tables[..table].iter().map(|table| table.dimension).sum::<usize>()
}

fn refused(parameter: &Parameter, expected: String, next: &str) -> crate::Error {
    ErrorKind::BadSetting {
        setting: "the parameter".into(),
        got: parameter.to_string(),
        expected,
        next: next.into(),
    }
    .into()
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.tensor)?;
        self.place.iter().try_for_each(|place| write!(f, ",{place}"))
    }
}
