//! The backward pass in single precision against the one in double precision, tensor by tensor.

use deltarule_kernels::{Activation, Pool, Real};

use super::{WorstEntry, each_side};
use crate::dataset::{Dataset, SparseRows, Targets};
use crate::layer::{Layer, Pass, TensorKind};
use crate::loss::Loss;
use crate::network::{Network, Workspace};
use crate::optimizer::Regularization;

/// ‖g₃₂ − g₆₄‖ ≤ `SINGLE`·(‖m‖ + `FLOOR`·√n·‖m‖∞) for each tensor of n entries, m being the magnitudes of what the rows
/// bring to it, its ∞-norm that of the whole layer; and |δ₃₂ − δ₆₄| ≤ `SINGLE`·max(|δ|, s) at each output, s being
/// |ŷ| + |y| + |f'|·(Σ|a·w| + |b|), since ŷ = f(Σ a·w + b) may be what is left of large terms, or a tenth where ŷ is a
/// probability; both times the row's weight.
pub const SINGLE: f64 = 1e-5;

/// Part of a layer's largest magnitude that counts for each entry of its tensors, as 1e-3·‖g‖∞ does in double precision: a
/// bias before a normalisation has no gradient, so that all that is stored of it is rounding.
const FLOOR: f64 = 0.1;

/// Groups of rows whose parts of a gradient are told apart for the magnitudes.
const GROUPS: usize = 64;

/// The check of single precision.
#[derive(Clone, Debug, PartialEq)]
pub struct SingleCheck {
    /// Rows compared.
    pub rows: usize,
    /// Rows left out: in them a unit or an output stands on another side of its kink in single precision.
    pub kinks: usize,
    /// The largest |δ₃₂ − δ₆₄| / max(|δ|, s) of the outputs, see [`SINGLE`].
    pub delta_error: f64,
    /// One per parameter tensor.
    pub tensors: Vec<SingleTensor>,
}

/// The check of one tensor's gradient in single precision.
#[derive(Clone, Debug, PartialEq)]
pub struct SingleTensor {
    /// `layers.0.w`.
    pub name: String,
    /// Index of its layer.
    pub layer: usize,
    /// What it is.
    pub kind: TensorKind,
    /// ‖g₆₄‖.
    pub norm: f64,
    /// ‖m‖, m = Σ over the rows of |what the row brings| + |the penalties' part|.
    pub magnitude: f64,
    /// ‖g₃₂ − g₆₄‖ over what it is measured by, see [`SINGLE`].
    pub relative_error: f64,
    /// Where the two are furthest apart: `analytic` in single precision, `numeric` in double precision.
    pub worst: Option<WorstEntry>,
}

impl SingleCheck {
    /// Whether every tensor and every output's δ is within [`SINGLE`]; a NaN is not.
    #[must_use]
    pub fn is_within(&self) -> bool {
        self.delta_error <= SINGLE && self.tensors.iter().all(|tensor| tensor.relative_error <= SINGLE)
    }
}

/// Runs forward, cost and backward in both precisions on the same numbers, those of single precision, and compares.
///
/// What rounding does where large numbers nearly cancel is no mistake of the backward pass, and the closer a network is to
/// its minimum the more they do. So both passes start from the same δ of the output, which is compared by itself with the
/// size of ŷ and y, whose difference it is, and of the terms that ŷ is summed from (of a probability, with a part of 1); and a tensor's difference is measured by the magnitudes of what the rows bring
/// to it (of one row that is the gradient's own norm), as a ledger's is.
///
/// # Panics
/// Where the data do not fit the network.
///
/// ```
/// use deltarule::Pool;
/// use deltarule::activation::Activation;
/// use deltarule::dataset::{Dataset, Targets};
/// use deltarule::gradient_check::check_single;
/// use deltarule::layer::Pass;
/// use deltarule::loss::{Cost, Loss};
/// use deltarule::network::NetworkSpec;
/// use deltarule::optimizer::Regularization;
///
/// // One linear unit, w = 0.1 and b = 0, at x = 3 with the target 1: ∂C/∂w = x·(ŷ − y) = 3·(0.3 − 1) = −2.1.
/// let mut network = NetworkSpec::new(1).dense(1, Activation::Identity).build::<f64>(1)?;
/// network.params_mut().copy_from_slice(&[0.1, 0.0]);
/// let data = Dataset::from_dense(1, vec![3.0], Targets::Values { outputs: 1, values: vec![1.0] });
/// let loss = Loss::new(Cost::SquaredError, Activation::Identity, 0.0)?;
/// let check = check_single(&Pool::new(1), &network, &loss, &Regularization::default(), &data, Pass::Inference);
/// assert!(check.is_within() && (check.rows, check.kinks) == (1, 0));
/// assert!((check.tensors[0].norm - 2.1).abs() < 1e-6);
/// # Ok::<(), deltarule::Error>(())
/// ```
#[must_use]
pub fn check_single(
    pool: &Pool,
    network: &Network<f64>,
    loss: &Loss,
    regularization: &Regularization,
    data: &Dataset<f64>,
    pass: Pass,
) -> SingleCheck {
    let single: Network<f32> = network.cast();
    let double: Network<f64> = single.cast();
    let mut rows: Vec<usize> = (0..data.rows).collect();
    loop {
        let mut low = Run::new(pool, &single, loss, rows_of(data, &rows), pass);
        // The same numbers: what single precision made of them.
        let all: Vec<usize> = (0..rows.len()).collect();
        let mut high = Run::new(pool, &double, loss, rows_of(&low.data, &all), pass);
        let apart: Vec<bool> = low.sides.iter().zip(&high.sides).map(|(low, high)| low != high).collect();
        if apart.contains(&true) {
            rows = rows.into_iter().zip(apart).filter_map(|(row, apart)| (!apart).then_some(row)).collect();
            continue;
        }
        let delta_error = high.delta_error(&low);
        let shared: Vec<f32> = high.delta.iter().map(|&delta| delta as f32).collect();
        let of_single = low.gradient(pool, regularization, &shared);
        let of_double = high.gradient(pool, regularization, &shared);
        let magnitudes = high.magnitudes(pool, regularization, &shared);
        let tensors = tensors(&double, &of_single, &of_double, &magnitudes);
        return SingleCheck { rows: rows.len(), kinks: data.rows - rows.len(), delta_error, tensors };
    }
}

/// Some rows of a data set in another precision.
fn rows_of<F: Real, G: Real>(data: &Dataset<F>, rows: &[usize]) -> Dataset<G> {
    let order: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
    let sparse = data.sparse.as_ref().map(|all| {
        let mut some = SparseRows::with_capacity(all.columns(), order.len(), all.most_in(order.len()));
        some.gather(all, &order);
        some.cast()
    });
    let dense_width = if sparse.is_some() { 0 } else { data.dense_width };
    let numbers = |all: &[F], width: usize| -> Vec<G> {
        let of_row = |&row: &usize| all[row * width..(row + 1) * width].iter();
        rows.iter().flat_map(of_row).map(|x| G::from_f64(x.to_f64())).collect()
    };
    let codes = |all: &[u32], width: usize| -> Vec<u32> {
        rows.iter().flat_map(|&row| all[row * width..(row + 1) * width].iter().copied()).collect()
    };
    let targets = match &data.targets {
        Targets::Values { outputs, values } => {
            Targets::Values { outputs: *outputs, values: numbers(values, *outputs) }
        }
        Targets::Classes { classes, codes: all } => {
            Targets::Classes { classes: *classes, codes: codes(all, 1) }
        }
    };
    Dataset {
        rows: rows.len(),
        dense_width: data.dense_width,
        dense: numbers(&data.dense, dense_width).into(),
        sparse,
        code_width: data.code_width,
        codes: codes(&data.codes, data.code_width),
        targets,
        weights: data.weights.as_ref().map(|weights| numbers(weights, 1)),
    }
}

/// One precision's forward pass over the rows, and what it left.
struct Run<'a, F: Real> {
    network: &'a Network<F>,
    data: Dataset<F>,
    ws: Workspace<F>,
    /// δ of the output, `[rows × outputs]`.
    delta: Vec<F>,
    /// For each row, on which sides of its kinks it is.
    sides: Vec<Vec<bool>>,
}

impl<'a, F: Real> Run<'a, F> {
    fn new(pool: &Pool, network: &'a Network<F>, loss: &Loss, data: Dataset<F>, pass: Pass) -> Self {
        let rows = data.rows;
        let mut ws = network.workspace(rows.max(1));
        let mut sides = vec![Vec::new(); rows];
        let mut delta = Vec::new();
        if rows > 0 {
            let batch = data.range(0, rows);
            network.forward(pool, &mut ws, &batch, pass);
            let (z, a, of_output) = network.output_and_delta(&mut ws, rows);
            loss.value_and_delta(pool, z, a, batch.targets, batch.weights, Some(of_output));
            delta = of_output.to_vec();
            each_side(network, &ws, &batch, loss, |row, side| sides[row].push(side));
        }
        Self { network, data, ws, delta, sides }
    }

    /// The gradient by the backward pass from this δ of the output, with the penalties' part.
    fn gradient(&mut self, pool: &Pool, regularization: &Regularization, delta: &[f32]) -> Vec<F> {
        let mut gradient = self.backward(pool, delta);
        let regularized = self.network.regularized();
        regularization.add_gradient(pool, self.network.params(), &mut gradient, &regularized);
        gradient
    }

    fn backward(&mut self, pool: &Pool, delta: &[f32]) -> Vec<F> {
        let (network, rows) = (self.network, self.data.rows);
        let mut gradient = vec![F::ZERO; network.params().len()];
        if rows > 0 {
            let (_, _, of_output) = network.output_and_delta(&mut self.ws, rows);
            for (to, &from) in of_output.iter_mut().zip(delta) {
                *to = F::from_f64(f64::from(from));
            }
            let (batch, total) = (self.data.range(0, rows), F::from_f64(self.data.total_weight()));
            network.backward(pool, &mut self.ws, &batch, total, &mut gradient);
        }
        gradient
    }
}

impl Run<'_, f64> {
    /// See [`SingleCheck::delta_error`].
    fn delta_error(&self, single: &Run<'_, f32>) -> f64 {
        let rows = self.data.rows;
        let (z, a) = self.network.output(&self.ws, rows);
        let outputs = self.data.targets.outputs();
        let targets = self.data.targets.range(0, rows);
        let f = self.network.output_activation();
        let is_probability = matches!(f, Activation::Sigmoid | Activation::Softmax);
        let error = |(cell, (&high, &low)): (usize, (&f64, &f32))| {
            let (row, output) = (cell / outputs, cell % outputs);
            let weight = self.data.weights.as_ref().map_or(1.0, |weights| weights[row]);
            let size = weight
                * if is_probability {
                    FLOOR
                } else {
                    let terms = f.derivative(z[cell], a[cell]).abs() * self.terms(row, output);
                    a[cell].abs() + targets.value(row, output).abs() + terms
                };
            let difference = (f64::from(low) - high).abs();
            if difference == 0.0 { 0.0 } else { difference / size.max(high.abs()) }
        };
        let errors = self.delta.iter().zip(&single.delta).enumerate().map(error);
        // `max` would drop a NaN.
        errors.fold(0.0, |largest, error| if error.is_nan() || error > largest { error } else { largest })
    }

    /// Σ|a·w| + |b|, the magnitudes that an output's z is summed from; of a network of one layer, |b| alone.
    fn terms(&self, row: usize, output: usize) -> f64 {
        let last = self.network.layers().len() - 1;
        let Layer::Dense(dense) = &self.network.layers()[last] else { return 0.0 };
        let params = &self.network.params()[self.network.layer_range(last)];
        let (w, b) = params.split_at(dense.fan_in() * dense.fan_out);
        let before = last.checked_sub(1).map_or(&[][..], |before| {
            let units = self.network.layers()[before].units();
            &self.ws.kept[before].a[row * units..][..units]
        });
        let terms = before.iter().zip(w.chunks_exact(dense.fan_out)).map(|(a, w)| (a * w[output]).abs());
        terms.sum::<f64>() + b[output].abs()
    }

    /// Of each parameter the magnitudes of what groups of rows bring to its gradient, and of its penalties.
    ///
    /// The backward pass is linear in δ of the output, so that the parts from the δ of some rows, all others' 0, sum to the
    /// gradient, through a normalisation over the batch as well.
    fn magnitudes(&mut self, pool: &Pool, regularization: &Regularization, delta: &[f32]) -> Vec<f64> {
        let network = self.network;
        let mut magnitudes = vec![0.0; network.params().len()];
        regularization.add_gradient(pool, network.params(), &mut magnitudes, &network.regularized());
        magnitudes.iter_mut().for_each(|part| *part = part.abs());
        let outputs = self.data.targets.outputs();
        let of_group = self.data.rows.div_ceil(GROUPS).max(1) * outputs;
        let mut of_rows = vec![0.0; delta.len()];
        for (group, part) in delta.chunks(of_group).enumerate() {
            of_rows.fill(0.0);
            of_rows[group * of_group..][..part.len()].copy_from_slice(part);
            let brought = self.backward(pool, &of_rows);
            magnitudes.iter_mut().zip(brought).for_each(|(sum, part)| *sum += part.abs());
        }
        magnitudes
    }
}

/// Compares the two gradients, tensor by tensor.
pub(super) fn tensors(
    network: &Network<f64>,
    low: &[f32],
    high: &[f64],
    magnitudes: &[f64],
) -> Vec<SingleTensor> {
    let norm = |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|x| x * x).sum::<f64>().sqrt();
    let of_tensor = |tensor: &crate::layer::Tensor| {
        let (low, high) = (&low[tensor.range.clone()], &high[tensor.range.clone()]);
        let apart = || low.iter().zip(high).map(|(&low, &high)| f64::from(low) - high);
        let magnitude = norm(&mut magnitudes[tensor.range.clone()].iter().copied());
        let difference = norm(&mut apart());
        let of_layer = network.tensors().iter().filter(|other| other.layer == tensor.layer);
        let largest = of_layer
            .flat_map(|other| &magnitudes[other.range.clone()])
            .fold(0.0, |largest: f64, m| largest.max(*m));
        let size = magnitude + FLOOR * (high.len() as f64).sqrt() * largest;
        // A NaN is the furthest apart.
        let furthest = apart().enumerate().max_by(|(_, a), (_, b)| a.abs().total_cmp(&b.abs()));
        let worst = furthest.map(|(index, _)| WorstEntry {
            index,
            analytic: f64::from(low[index]),
            numeric: high[index],
        });
        SingleTensor {
            name: tensor.name.clone(),
            layer: tensor.layer,
            kind: tensor.kind,
            norm: norm(&mut high.iter().copied()),
            magnitude,
            relative_error: if difference == 0.0 { 0.0 } else { difference / size },
            worst,
        }
    };
    network.tensors().iter().map(of_tensor).collect()
}
