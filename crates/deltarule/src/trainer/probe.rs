//! A look at the layers in one training step of many: the step is taken phase by phase, to the same bits, and what stands
//! in the workspace between two phases is measured. Nothing is computed twice, and nothing asks the network for more than
//! it keeps anyway.
//!
//! *When.* In the first step, in steps 2, 4, 8 …, and from [`Probe::interval`] steps on at every multiple of that. The
//! interval is a function of the network's sizes, so that a look costs about a hundredth of the steps between two of them
//! on any machine: see [`interval`].
//!
//! *L-BFGS* takes a step from all rows, in trials, and goes on with the gradient of the last one. Looked at is the point that
//! a step has arrived at (in the first step the one that it began from), by its first block of rows.

use std::ops::Range;

use deltarule_kernels::{Pool, Real};

use super::Trainer;
use crate::dataset::Batch;
use crate::health::telemetry::{LayerHealth, Slopes, WeightHealth, norm, ratio, rounded, twins};
use crate::layer::{Layer, TensorKind};
use crate::network::{Network, Workspace};

/// Rows that a sample has at least, if the batch has them; with wide layers no more.
const FEWEST_ROWS: usize = 32;
/// Activations of the widest layer in a sample, about.
const CELLS: usize = 16_384;
/// Weights of a layer whose step is measured: all of them, or so many in [`BLOCKS`] equal parts.
const WEIGHTS: usize = 32_768;
const BLOCKS: usize = 32;

/// What is kept between two looks, and room for one.
#[derive(Debug)]
pub(super) struct Probe<F: Real> {
    interval: u64,
    rows: usize,
    slopes: Vec<Option<Slopes>>,
    weights: Vec<Weights>,
    /// The sampled weights before the step, one layer after another.
    before: Vec<F>,
    after: Vec<F>,
}

/// Which of a layer's parameters are looked at.
#[derive(Debug)]
struct Weights {
    layer: usize,
    all: Range<usize>,
    /// Of a dense layer: the biases.
    bias: Option<Range<usize>>,
    blocks: Vec<Range<usize>>,
    /// Where they lie in `before`.
    place: Range<usize>,
}

impl Weights {
    /// By how much a norm over the blocks falls short of one over all.
    fn scale(&self) -> f64 {
        (self.all.len() as f64 / self.place.len().max(1) as f64).sqrt()
    }

    fn gather<F: Real>(&self, from: &[F], to: &mut [F]) {
        let mut at = self.place.start;
        for block in &self.blocks {
            to[at..at + block.len()].copy_from_slice(&from[block.clone()]);
            at += block.len();
        }
    }
}

/// Steps between two looks, so that these take a hundredth of the time: an estimate of both in nanoseconds, by sizes
/// alone. Of a look: 25 µs for the event (its text, its line in a file), 4 ns for each activation, 3 for each weight, and
/// half a step for what a step loses by being taken in phases. Of a step: its multiply-adds at 200 a nanosecond, which
/// two fast cores reach on dense rows, and 100 ns; slower ones only make the share smaller.
fn interval(products: f64, cells: f64, weights: f64) -> u64 {
    let step = products / 200.0 + 100.0;
    let look = 25_000.0 + 4.0 * cells + 3.0 * weights + step / 2.0;
    ((100.0 * look / step).ceil() as u64).max(64)
}

impl<F: Real> Probe<F> {
    pub fn new(network: &Network<F>, batch: usize) -> Self {
        let layers = network.layers();
        let widest = layers.iter().map(Layer::units).max().unwrap_or(1).max(1);
        let rows = batch.min((CELLS / widest).max(FEWEST_ROWS)).max(1);
        let mut weights = Vec::new();
        let mut at = 0;
        for (layer, kind) in layers.iter().enumerate() {
            let whole = network.layer_range(layer);
            if whole.is_empty() {
                continue;
            }
            let of = |kind| {
                network.tensors().iter().find(|t| t.layer == layer && t.kind == kind).map(|t| t.range.clone())
            };
            let dense = matches!(kind, Layer::Dense(_));
            let all = if dense { of(TensorKind::Weight).unwrap_or(whole) } else { whole };
            if all.is_empty() {
                continue;
            }
            let blocks = blocks(&all);
            let length: usize = blocks.iter().map(Range::len).sum();
            let bias = if dense { of(TensorKind::Bias) } else { None };
            weights.push(Weights { layer, all, bias, blocks, place: at..at + length });
            at += length;
        }
        let cells: usize = layers.iter().map(|layer| rows * layer.units()).sum();
        let products = 3.0 * (batch * network.params().len()) as f64;
        Self {
            interval: interval(products, cells as f64, at as f64),
            rows,
            slopes: layers.iter().map(|l| l.activation().map(|f| Slopes::new(f, l.units()))).collect(),
            weights,
            before: vec![F::ZERO; at],
            after: vec![F::ZERO; at],
        }
    }

    /// Rows of a batch that are looked at.
    pub fn rows(&self, batch: usize) -> usize {
        batch.min(self.rows)
    }

    /// Whether the step after so many is looked at.
    pub fn is_due(&self, steps: u64) -> bool {
        if steps < self.interval {
            steps == 0 || (steps + 1).is_power_of_two()
        } else {
            steps.is_multiple_of(self.interval)
        }
    }

    /// What each layer's activations look like after a forward pass.
    fn look_forward(&mut self, network: &Network<F>, ws: &Workspace<F>, rows: usize) -> Vec<LayerHealth> {
        let layers = network.layers().iter().enumerate().zip(&mut self.slopes);
        layers
            .map(|((layer, kind), slopes)| {
                let (kept, cells) = (&ws.kept[layer], rows * kind.units());
                let z = if kept.z.is_empty() { &kept.z[..] } else { &kept.z[..cells] };
                let activations = slopes.as_mut().map(|slopes| slopes.look(z, &kept.a[..cells]));
                LayerHealth { layer, activations, ..LayerHealth::default() }
            })
            .collect()
    }

    /// What the forward pass left, and the backward pass, layer by layer: ∂C/∂a stands in the place of δ until a layer's turn
    /// comes. `total` is what the gradient is divided by.
    pub fn look_back(
        &mut self,
        pool: &Pool,
        network: &Network<F>,
        ws: &mut Workspace<F>,
        batch: &Batch<'_, F>,
        total: f64,
        grads: &mut [F],
    ) -> Vec<LayerHealth> {
        let rows = self.rows(batch.rows);
        let mut layers = self.look_forward(network, ws, rows);
        let last = layers.len() - 1;
        let mut sent = 0.0;
        for index in (0..=last).rev() {
            let cells = rows * network.layers()[index].units();
            let energy = |ws: &Workspace<F>| {
                let kept = &ws.kept[index];
                self.slopes[index]
                    .as_ref()
                    .map(|slopes| slopes.energy(&kept.a[..cells], &kept.delta[..cells]))
            };
            let arrived = if index == last { None } else { energy(ws) };
            let came = norm(pool, &ws.kept[index].delta[..cells]);
            network.backward_layer(pool, ws, batch, index, F::from_f64(total), grads);
            let health = &mut layers[index];
            // A dropout has no δ: what arrives at it is what the layer before gets, through the mask.
            let mut left = came;
            if let Some(energy) = energy(ws) {
                left = energy.whole.sqrt();
                if let Some(arrived) = arrived {
                    health.pass_activation(arrived, energy);
                }
            }
            if index < last {
                health.through = Some(rounded(ratio(came, sent)));
            }
            health.delta = rounded(left);
            sent = left;
        }
        layers
    }

    /// Keeps the sampled weights as they are before the update.
    pub fn remember(&mut self, params: &[F]) {
        for weights in &self.weights {
            weights.gather(params, &mut self.before);
        }
    }

    /// The remembered weights, and the gradients at `params`.
    pub fn look_at_gradients(&mut self, pool: &Pool, params: &[F], grads: &[F], layers: &mut [LayerHealth]) {
        for weights in &self.weights {
            let twins = match &weights.bias {
                Some(bias) => twins(&params[weights.all.clone()], &params[bias.clone()]),
                None => 0.0,
            };
            weights.gather(grads, &mut self.after);
            let gradient = rounded(norm(pool, &self.after[weights.place.clone()]) * weights.scale());
            let weight = rounded(norm(pool, &self.before[weights.place.clone()]) * weights.scale());
            layers[weights.layer].weights =
                Some(WeightHealth { weight, gradient, twins, ..WeightHealth::default() });
        }
    }

    /// What the update made of the remembered weights.
    pub fn look_at_update(&mut self, pool: &Pool, params: &[F], layers: &mut [LayerHealth]) {
        for weights in &self.weights {
            weights.gather(params, &mut self.after);
            let (after, before) =
                (&mut self.after[weights.place.clone()], &self.before[weights.place.clone()]);
            after.iter_mut().zip(before).for_each(|(after, &before)| *after -= before);
            let update = norm(pool, after) * weights.scale();
            if let Some(health) = &mut layers[weights.layer].weights {
                health.update = rounded(update);
                health.update_ratio = rounded(ratio(update, health.weight));
            }
        }
    }
}

/// All of a stretch, or [`BLOCKS`] equal parts of it.
fn blocks(all: &Range<usize>) -> Vec<Range<usize>> {
    if all.len() <= WEIGHTS {
        return vec![all.clone()];
    }
    let length = WEIGHTS / BLOCKS;
    let begin = |block: usize| all.start + (all.len() - length) * block / (BLOCKS - 1);
    (0..BLOCKS).map(|block| begin(block)..begin(block) + length).collect()
}

impl<F: Real> Trainer<'_, F> {
    /// A step as [`Trainer::step`] takes it, to the same bits, and what its layers looked like on the way; nothing of a
    /// step that had no cost to learn from.
    pub(super) fn step_looked_at(
        &mut self,
        probe: &mut Probe<F>,
        batch: &Batch<'_, F>,
        learning_rate: f64,
    ) -> (f64, Vec<LayerHealth>) {
        self.forward(batch);
        let cost = self.cost(batch);
        if batch.total_weight() <= 0.0 || !cost.is_finite() {
            self.finish_step(learning_rate);
            return (cost, Vec::new());
        }
        let total = batch.total_weight();
        let Self { pool, network, ws, grads, .. } = self;
        let mut layers = probe.look_back(pool, network, ws, batch, total, grads);
        probe.remember(network.params());
        probe.look_at_gradients(pool, network.params(), grads, &mut layers);
        self.update(batch.rows, learning_rate);
        probe.look_at_update(self.pool, self.network.params(), &mut layers);
        (cost, layers)
    }
}
