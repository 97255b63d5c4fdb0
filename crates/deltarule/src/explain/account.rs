//! All that is told of some rows: what came out, where the signal went, the largest gradients, and one taken apart.

use deltarule_kernels::Real;
use serde::Serialize;

use super::{Anatomy, ColumnShare, Parameter, Quantity, Reach, Stage, TrainingStep, tolerance};
use crate::error::{ErrorKind, Result};
use crate::layer::{Layer, Pass, Tensor, TensorKind};

/// Largest gradients that are listed.
const LISTED: usize = 5;

/// What is told of some rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Account {
    /// How the passes were run: `inference` or `training`.
    pub pass: &'static str,
    /// Which step it was, of a pass of training.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<TrainingStep>,
    /// Units of each layer, from the first to the last.
    pub units: Vec<usize>,
    /// ŷ and y by name, of a single row.
    pub outputs: Vec<Output>,
    /// The mean cost, without penalties.
    pub cost: f64,
    /// The stages of the backward pass, from the last layer to the first.
    pub flow: Vec<Stage>,
    /// The largest gradients, of the network or of one layer.
    pub largest: Vec<Largest>,
    /// What one of the outputs hangs on, where that was added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Columns>,
    /// The gradient taken apart.
    pub ledger: Quantity,
    /// [`Quantity::largest_difference`] of it.
    pub difference: f64,
    /// At most so much may that be: [`tolerance`].
    pub tolerance: f64,
}

/// What an output hangs on, column by column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Columns {
    /// The output.
    pub output: String,
    /// Each column's share, the largest |gradient × input| first.
    pub shares: Vec<ColumnShare>,
}

/// One output of a row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Output {
    /// The class, or the target's column.
    pub name: String,
    /// ŷ.
    pub value: f64,
    /// y, as the network is to give it: 1 or 0 of a class, the scaled target of a regression.
    pub target: f64,
    /// Both as the table has them, of a regression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_units: Option<InUnits>,
}

/// An output and its target in the units of the table's column: the scaling undone.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct InUnits {
    /// ŷ.
    pub value: f64,
    /// y.
    pub target: f64,
}

/// A gradient among the largest.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Largest {
    /// The parameter, as `--parameter` takes it.
    pub parameter: String,
    /// ∂C/∂p.
    pub gradient: f64,
}

impl<F: Real> Anatomy<'_, F> {
    /// Tells it all. Without a parameter the largest gradient of a weight is taken apart, of that layer, or of the first one
    /// that has weights, from which the way to the cost is longest.
    ///
    /// # Errors
    /// [`ErrorKind::BadSetting`] for a parameter or a layer that is not there.
    pub fn account(
        &self,
        parameter: Option<&Parameter>,
        layer: Option<usize>,
        reach: Reach,
    ) -> Result<Account> {
        let chosen = self.chosen(parameter, layer)?;
        let largest = self.largest(|tensor| layer.is_none_or(|layer| tensor.layer == layer));
        let ledger = self.take_apart(&chosen, reach)?;
        let outputs = match self.batch.rows {
            1 => self.outputs().iter().enumerate().map(|(unit, a)| self.output(unit, a.to_f64())).collect(),
            _ => Vec::new(),
        };
        let named =
            |(parameter, gradient): (Parameter, f64)| Largest { parameter: parameter.to_string(), gradient };
        Ok(Account {
            units: self.network.layers().iter().map(Layer::units).collect(),
            step: None,
            pass: if self.pass == Pass::Inference { "inference" } else { "training" },
            outputs,
            cost: self.cost,
            flow: self.flow(),
            largest: largest.into_iter().map(named).collect(),
            columns: None,
            difference: ledger.largest_difference(),
            ledger,
            tolerance: tolerance::<F>(),
        })
    }

    /// The parameter that is taken apart: the one that was asked for, or that of the largest gradient.
    ///
    /// # Errors
    /// [`ErrorKind::BadSetting`] for a layer that is not there or has no parameters.
    pub(super) fn chosen(&self, parameter: Option<&Parameter>, layer: Option<usize>) -> Result<Parameter> {
        let largest = self.largest(|tensor| layer.is_none_or(|layer| tensor.layer == layer));
        if largest.is_empty() {
            return Err(self.no_such_layer(layer));
        }
        if let Some(parameter) = parameter {
            return Ok(parameter.clone());
        }
        let first = self.network.tensors().iter().find(|tensor| tensor.kind == TensorKind::Weight);
        let weights_of = layer.or(first.map(|tensor| tensor.layer));
        let weights = |tensor: &Tensor| tensor.kind == TensorKind::Weight && Some(tensor.layer) == weights_of;
        // A normalisation has no weights.
        Ok(self.largest(weights).into_iter().next().unwrap_or_else(|| largest[0].clone()).0)
    }

    fn output(&self, unit: usize, value: f64) -> Output {
        let name = self.names.outputs.get(unit).cloned().unwrap_or_else(|| format!("output {unit}"));
        let target = self.batch.targets.value(0, unit).to_f64();
        Output { name, value, target, in_units: None }
    }

    fn no_such_layer(&self, layer: Option<usize>) -> crate::Error {
        let mut with: Vec<_> = self.network.tensors().iter().map(|tensor| tensor.layer.to_string()).collect();
        with.dedup();
        ErrorKind::BadSetting {
            setting: "the layer".into(),
            got: layer.unwrap_or_default().to_string(),
            expected: format!("one with parameters: {}", with.join(", ")),
            next: "give one of these".into(),
        }
        .into()
    }

    /// The largest gradients of some tensors.
    fn largest(&self, of: impl Fn(&Tensor) -> bool) -> Vec<(Parameter, f64)> {
        let tensors = self.network.tensors().iter().filter(|tensor| of(tensor));
        let numbers = |tensor: &Tensor| &self.gradient[tensor.range.clone()];
        let mut all: Vec<(&Tensor, usize, f64)> = tensors
            .flat_map(|tensor| {
                numbers(tensor).iter().enumerate().map(move |(at, g)| (tensor, at, g.to_f64()))
            })
            .collect();
        if all.is_empty() {
            return Vec::new();
        }
        let by_size = |a: &(_, usize, f64), b: &(_, usize, f64)| b.2.abs().total_cmp(&a.2.abs());
        let most = LISTED.min(all.len());
        all.select_nth_unstable_by(most - 1, by_size);
        all.truncate(most);
        all.sort_by(by_size);
        let named = |(tensor, at, gradient): (&Tensor, usize, f64)| (Parameter::at(tensor, at), gradient);
        all.into_iter().map(named).collect()
    }
}
