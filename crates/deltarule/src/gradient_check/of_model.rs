//! A model's own networks checked on rows of a table, and what is furthest apart by the table's names.

use deltarule_kernels::{Pool, Real};

use super::{GradientCheck, SingleCheck, TensorCheck, check, check_single};
use crate::config::resolve;
use crate::error::Result;
use crate::explain::{Names, Parameter};
use crate::layer::Pass;
use crate::model::{Members, Model};
use crate::network::Network;
use crate::table::Table;

/// Entries that are named of each precision, and parameters stepped over.
const NAMED: usize = 5;

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All that was compared agrees, in both precisions.
    Passed,
    /// A gradient is wrong in double precision, or single precision is too far from it.
    Failed,
    /// Nothing compared is wrong, but too little could be compared: units that sit on their kink.
    Undecided,
}

/// The check of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelCheck {
    /// Rows that the cost was taken of.
    pub rows: usize,
    /// One for each network: an ensemble has several.
    pub networks: Vec<NetworkCheck>,
}

/// The check of a model's network.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkCheck {
    /// Backpropagation against finite differences, in double precision.
    pub double: GradientCheck,
    /// Single precision against double precision, by backpropagation.
    pub single: SingleCheck,
    /// The tensors' worst entries, by name: of double precision, then of single precision, largest relative error first.
    pub worst: Vec<NamedEntry>,
    /// Parameters that were stepped over for a kink, those with the largest gradients first.
    pub stepped_over: Vec<SteppedOver>,
}

/// A parameter whose gradients are the furthest apart of its tensor's.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedEntry {
    /// `f64`: backpropagation against differences; `f32`: single against double precision.
    pub precision: &'static str,
    /// `layers.0.w,2,5`.
    pub parameter: Parameter,
    /// `the weight from age to unit 5`.
    pub meaning: String,
    /// The gradient that is checked: by backpropagation, in that precision.
    pub got: f64,
    /// What it is checked against: by differences, or by backpropagation in double precision.
    pub expected: f64,
    /// Of `f64` the entry's, as [`TensorCheck::largest_relative_error`]; of `f32` its tensor's, over the magnitudes' norm.
    pub relative_error: f64,
}

/// A parameter that was stepped over, since a kink lies within reach of every difference.
#[derive(Clone, Debug, PartialEq)]
pub struct SteppedOver {
    /// `layers.0.w,2,5`.
    pub parameter: Parameter,
    /// `the weight from age to unit 5`.
    pub meaning: String,
    /// Its gradient by backpropagation.
    pub gradient: f64,
}

impl ModelCheck {
    /// What it came to.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let verdicts: Vec<Verdict> = self.networks.iter().map(NetworkCheck::verdict).collect();
        let worst_first = [Verdict::Failed, Verdict::Undecided];
        worst_first.into_iter().find(|verdict| verdicts.contains(verdict)).unwrap_or(Verdict::Passed)
    }
}

impl NetworkCheck {
    /// What it came to.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.double.failures() > 0 || !self.single.is_within() {
            Verdict::Failed
        } else if !self.double.passed() || self.single.rows == 0 {
            Verdict::Undecided
        } else {
            Verdict::Passed
        }
    }
}

/// Checks each of a model's networks on these rows as one batch, with the model's own cost and penalties, batch statistics,
/// and dropout masks frozen: up to `most_per_tensor` parameters of each tensor by differences, all of them in single
/// precision.
///
/// # Errors
/// As [`Encoder::encode`](crate::encoder::Encoder::encode).
///
/// # Panics
/// Where there is no row, or one is beyond the table's end.
pub fn check_model(
    pool: &Pool,
    model: &Model,
    table: &Table,
    rows: &[u32],
    most_per_tensor: usize,
) -> Result<ModelCheck> {
    match model.members() {
        Members::F32(networks) => of_networks(pool, model, networks, table, rows, most_per_tensor),
        Members::F64(networks) => of_networks(pool, model, networks, table, rows, most_per_tensor),
    }
}

fn of_networks<F: Real>(
    pool: &Pool,
    model: &Model,
    networks: &[Network<F>],
    table: &Table,
    rows: &[u32],
    most_per_tensor: usize,
) -> Result<ModelCheck> {
    let config = model.config();
    let (loss, regularization) = (resolve::loss(config)?, resolve::regularization(config));
    let pass = Pass::Training { seed: config.seed.unwrap_or(0), step: 0 };
    let data = model.encoder().encode::<f64>(table, rows)?;
    let names = Names::of(model.encoder(), rows);
    let one = |network: &Network<F>| {
        let (network, batch) = (network.cast(), data.range(0, data.rows));
        let double = check(pool, &network, &loss, &regularization, batch, pass, most_per_tensor);
        let single = check_single(pool, &network, &loss, &regularization, &data, pass);
        NetworkCheck::named(double, single, &network, &names)
    };
    Ok(ModelCheck { rows: rows.len(), networks: networks.iter().map(one).collect() })
}

impl NetworkCheck {
    /// With the worst entries by name.
    pub(super) fn named(
        double: GradientCheck,
        single: SingleCheck,
        network: &Network<f64>,
        names: &Names,
    ) -> Self {
        let name = |tensor: usize, index: usize| {
            let parameter = Parameter::at(&network.tensors()[tensor], index);
            let meaning = parameter.meaning(network, names).unwrap_or_default();
            (parameter, meaning)
        };
        let of_double =
            double.tensors.iter().map(|tensor| (tensor.worst.as_ref(), tensor.largest_relative_error));
        let of_single = single.tensors.iter().map(|tensor| (tensor.worst.as_ref(), tensor.relative_error));
        let all = of_double.enumerate().map(|one| ("f64", one));
        let all = all.chain(of_single.enumerate().map(|one| ("f32", one)));
        let entries = all.filter_map(|(precision, (tensor, (worst, relative_error)))| {
            let worst = worst?;
            let (parameter, meaning) = name(tensor, worst.index);
            let (got, expected) = (worst.analytic, worst.numeric);
            Some(NamedEntry { precision, parameter, meaning, got, expected, relative_error })
        });
        let (of_double, of_single) = entries.partition(|entry| entry.precision == "f64");
        let worst = [of_double, of_single].into_iter().flat_map(largest_first).collect();
        let kinks = |(at, tensor): (usize, &TensorCheck)| {
            let named = tensor.largest_kinks.iter().map(|&(index, gradient)| {
                let (parameter, meaning) = name(at, index);
                SteppedOver { parameter, meaning, gradient }
            });
            named.collect::<Vec<_>>()
        };
        let mut stepped_over: Vec<_> = double.tensors.iter().enumerate().flat_map(kinks).collect();
        stepped_over.sort_by(|a, b| b.gradient.abs().total_cmp(&a.gradient.abs()));
        stepped_over.truncate(NAMED);
        Self { double, single, worst, stepped_over }
    }
}

/// The entries with the largest errors; NaN before all.
fn largest_first(mut entries: Vec<NamedEntry>) -> Vec<NamedEntry> {
    entries.sort_by(|a, b| b.relative_error.abs().total_cmp(&a.relative_error.abs()));
    entries.truncate(NAMED);
    entries
}
