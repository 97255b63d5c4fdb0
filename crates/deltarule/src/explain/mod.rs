//! A gradient taken apart: the chain rule with its numbers, from one parameter down to the cost.
//!
//! [`Anatomy`] runs one forward and one backward pass over a batch and keeps everything that they wrote. From that a
//! [`Quantity`] is built for any parameter: its gradient as the product of the chain rule's factors, each with its value,
//! the formula that it comes from, and the factors of its own:
//!
//! ```text
//! ∂C/∂w[i→j] = Σ_rows x_i · δ_j / W          δ_j = ∂C/∂a_j · f'(z_j)          ∂C/∂a_j = Σ_k w[j→k] · δ_k   …   δ_L = ŷ − y
//! ```
//!
//! Each quantity that the passes store (x, a, δ, the gradient) carries the stored number; what its own parts give is
//! computed beside it in double precision, so that the two can be held against each other at every level. [`Anatomy::flow`]
//! tells layer by layer what the backward pass did to the signal's size.
//!
//! [`explain`] does so of a model's prediction, [`explain_step`] of a step that a run's training took.
//!
//! Nothing here is used in training, and nothing here computes a gradient of its own: the passes are the network's.

mod account;
mod attribution;
mod drawing;
mod flow;
mod html;
mod of_model;
mod of_step;
mod parameter;
mod parts;
mod quantity;
#[cfg(test)]
mod tests;
mod tex;
mod training_step;

use deltarule_kernels::{Pool, Real};

use crate::dataset::Batch;
use crate::layer::Pass;
use crate::loss::Loss;
use crate::network::{Network, Workspace};
use crate::optimizer::Regularization;

pub use crate::activation::SATURATED;
pub use account::{Account, Columns, InUnits, Largest, Output};
pub use attribution::{ColumnShare, InputGradient};
pub use drawing::{Drawing, DrawnLayer, DrawnUnit, DrawnUnits};
pub use flow::{Lost, Stage, Through};
pub use of_model::{Question, explain, explain_drawn};
pub use of_step::explain_step;
pub use parameter::Parameter;
pub use quantity::{Others, Parts, Quantity, four_digits};
pub use training_step::{Clipped, TrainingStep};

/// How far stored numbers may be from what their parts give, as a part of what is added up: the passes add in their own
/// precision, the parts are added in double precision.
#[must_use]
pub fn tolerance<F: Real>() -> f64 {
    if F::BYTES == f32::BYTES { 1e-5 } else { 1e-12 }
}

/// How far a quantity is taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The largest terms of a sum that are taken apart themselves; the others are summed in one line.
    pub top: usize,
    /// How many layers towards the cost.
    pub depth: usize,
}

impl Default for Reach {
    fn default() -> Self {
        Self { top: 3, depth: 2 }
    }
}

/// The names of what goes in and comes out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Of each row of the first dense layer's w, as [`Encoder::feature_names`](crate::encoder::Encoder::feature_names) gives them.
    pub inputs: Vec<String>,
    /// Of each output: classes, or target columns.
    pub outputs: Vec<String>,
    /// The number of each of the batch's rows in its table, from 1; where it is empty they are counted from 1.
    pub rows: Vec<usize>,
}

impl Names {
    /// The number of a row of the batch.
    pub(crate) fn row(&self, row: usize) -> usize {
        self.rows.get(row).copied().unwrap_or(row + 1)
    }
}

/// One forward and one backward pass over a batch, with everything that they wrote.
///
/// ```
/// use deltarule::Pool;
/// use deltarule::activation::Activation;
/// use deltarule::dataset::{Dataset, Targets};
/// use deltarule::explain::{Anatomy, Names, Parameter, Reach};
/// use deltarule::layer::Pass;
/// use deltarule::loss::{Cost, Loss};
/// use deltarule::network::NetworkSpec;
/// use deltarule::optimizer::Regularization;
///
/// // One sigmoid unit, two inputs: w = (0.5, −0.25), b = 0.1, at x = (2, 1) with the target 1.
/// let mut network = NetworkSpec::new(2).dense(1, Activation::Sigmoid).build::<f64>(1)?;
/// network.params_mut().copy_from_slice(&[0.5, -0.25, 0.1]);
/// let data = Dataset::from_dense(2, vec![2.0, 1.0], Targets::Values { outputs: 1, values: vec![1.0] });
/// let loss = Loss::new(Cost::SquaredError, Activation::Sigmoid, 0.0)?;
/// let (pool, penalties, names) = (Pool::new(1), Regularization::default(), Names::default());
/// let anatomy = Anatomy::new(&pool, &network, &loss, &penalties, data.range(0, 1), Pass::Inference, &names);
///
/// // z = 1 − 0.25 + 0.1 = 0.85, ŷ = σ(z) = 0.7006; x·ŷ(1−ŷ)·(ŷ−y) = 2 · 0.2098 · −0.2994 = −0.1256.
/// let gradient = anatomy.take_apart(&Parameter::weight(0, 0, 0), Reach::default())?;
/// assert!((gradient.computed + 0.1256).abs() < 1e-4);
/// assert!((gradient.computed - gradient.value).abs() < 1e-15);
/// # Ok::<(), deltarule::Error>(())
/// ```
#[derive(Debug)]
pub struct Anatomy<'a, F: Real> {
    network: &'a Network<F>,
    loss: &'a Loss,
    regularization: &'a Regularization,
    batch: Batch<'a, F>,
    pass: Pass,
    names: &'a Names,
    ws: Workspace<F>,
    gradient: Vec<F>,
    total: f64,
    cost: f64,
}

impl<'a, F: Real> Anatomy<'a, F> {
    /// Runs the two passes. With [`Pass::Training`] they are those of that step; with [`Pass::Inference`] nothing is
    /// dropped and batch normalisation goes by its running statistics.
    ///
    /// # Panics
    /// Where the batch is of another shape than the network's input.
    #[must_use]
    pub fn new(
        pool: &Pool,
        network: &'a Network<F>,
        loss: &'a Loss,
        regularization: &'a Regularization,
        batch: Batch<'a, F>,
        pass: Pass,
        names: &'a Names,
    ) -> Self {
        let mut ws = network.workspace(batch.rows);
        network.forward(pool, &mut ws, &batch, pass);
        let (z, a, delta) = network.output_and_delta(&mut ws, batch.rows);
        let cost = loss.value_and_delta(pool, z, a, batch.targets, batch.weights, Some(delta));
        let total = batch.total_weight();
        let mut gradient = vec![F::ZERO; network.params().len()];
        network.backward(pool, &mut ws, &batch, F::from_f64(total), &mut gradient);
        regularization.add_gradient(pool, network.params(), &mut gradient, &network.regularized());
        Self { network, loss, regularization, batch, pass, names, ws, gradient, total, cost: cost / total }
    }

    /// The batch's mean cost, without penalties.
    #[must_use]
    pub fn cost(&self) -> f64 {
        self.cost
    }

    /// The gradient of every parameter, as the backward pass stored it, with the penalties' part; not clipped.
    #[must_use]
    pub fn gradient(&self) -> &[F] {
        &self.gradient
    }

    /// The network's outputs ŷ, `[rows × outputs]`.
    #[must_use]
    pub fn outputs(&self) -> &[F] {
        self.network.output(&self.ws, self.batch.rows).1
    }
}
