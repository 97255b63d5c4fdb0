//! Where the signal went: what each layer's backward pass did to the size of δ.

use deltarule_kernels::{Activation, Real};
use serde::Serialize;

use super::Anatomy;
use crate::activation::{SATURATED, largest_slope, name};
use crate::health::telemetry::ratio;
use crate::layer::{Layer, Pass};

/// What the signal goes through from a layer to the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Through {
    /// δ·wᵀ.
    Weights,
    /// A normalisation's derivative.
    Normalisation,
    /// A dropout's mask.
    Dropout,
}

/// The backward pass from one layer to the one before, as norms over the batch's rows and units.
///
/// Over all stages the two factors multiply to the norm of the first layer's δ over the output's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stage {
    /// The layer that the signal arrives at.
    pub layer: usize,
    /// What it is.
    pub kind: &'static str,
    /// Its activation's name, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<&'static str>,
    /// What lies between it and the layer after.
    pub through: Through,
    /// ‖δ‖ of the layer after; of a dropout ‖∂C/∂a‖.
    pub sent: f64,
    /// ‖∂C/∂a‖ here.
    pub arrived: f64,
    /// ‖δ‖ = ‖∂C/∂a ⊙ f'‖ here; the same as `arrived` where there is no activation.
    pub left: f64,
    /// `arrived` over `sent`: what the way between the layers does.
    pub through_factor: f64,
    /// `left` over `arrived`: what f' does.
    pub activation_factor: f64,
    /// Where f' took the rest.
    pub lost: Lost,
}

/// Parts of ‖∂C/∂a‖² that f' did not let through: together 1 − (left/arrived)².
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Lost {
    /// In units that are [`SATURATED`] in the row.
    pub saturated: f64,
    /// In units whose f' is 0 in every row of a batch of several: in a single row it is not known.
    pub dead: f64,
    /// In all others: a ReLU that is off in this row, the slope of a sigmoid in its middle. Negative where f' is above 1.
    pub rest: f64,
}

impl<F: Real> Anatomy<'_, F> {
    /// The stages of the backward pass, from the last layer to the first; none for a network of one layer.
    #[must_use]
    pub fn flow(&self) -> Vec<Stage> {
        let layers = self.network.layers();
        let mut stages = Vec::new();
        // Of the layer after: δ, or of a dropout, which has none, ∂C/∂a.
        let mut after = self.deltas(layers.len() - 1);
        for layer in (0..layers.len() - 1).rev() {
            let arrived = self.sent_back(layer + 1, &after);
            let activation = layers[layer].activation();
            let left = if activation.is_some() { self.deltas(layer) } else { arrived.clone() };
            let norms = [norm(&after), norm(&arrived), norm(&left)];
            stages.push(Stage {
                layer,
                kind: layers[layer].kind(),
                activation: activation.map(name),
                through: match layers[layer + 1] {
                    Layer::BatchNorm(_) | Layer::LayerNorm(_) => Through::Normalisation,
                    Layer::Dropout(_) => Through::Dropout,
                    Layer::Dense(_) | Layer::Embedding(_) => Through::Weights,
                },
                sent: norms[0],
                arrived: norms[1],
                left: norms[2],
                through_factor: ratio(norms[1], norms[0]),
                activation_factor: ratio(norms[2], norms[1]),
                lost: activation.map_or_else(Lost::default, |f| self.lost(layer, f, &arrived)),
            });
            after = left;
        }
        stages
    }

    /// ‖δ‖ of each layer over the batch's rows and units, of a dropout ‖∂C/∂a‖ behind its mask.
    #[must_use]
    pub fn delta_norms(&self) -> Vec<f64> {
        (0..self.network.layers().len()).map(|layer| norm(&self.deltas(layer))).collect()
    }

    fn deltas(&self, layer: usize) -> Vec<f64> {
        let cells = self.batch.rows * self.network.layers()[layer].units();
        self.ws.kept[layer].delta[..cells].iter().map(|delta| delta.to_f64()).collect()
    }

    /// ∂C/∂a of the layer before `layer`, from what that one has: δ, or ∂C/∂a of a dropout.
    fn sent_back(&self, layer: usize, from: &[f64]) -> Vec<f64> {
        let (rows, network) = (self.batch.rows, self.network);
        let kept = &self.ws.kept[layer];
        let params = &network.params()[network.layer_range(layer)];
        let units = network.layers()[layer].units();
        match &network.layers()[layer] {
            Layer::Dense(dense) => {
                let back = |delta: &[f64]| -> Vec<f64> {
                    let rows_of_w = params[..dense.dense_in * units].chunks_exact(units);
                    rows_of_w
                        .map(|w| w.iter().zip(delta).map(|(w, delta)| w.to_f64() * delta).sum())
                        .collect()
                };
                from.chunks_exact(units).flat_map(back).collect()
            }
            Layer::Dropout(_) if self.pass == Pass::Inference => from.to_vec(),
            Layer::Dropout(_) => from.iter().zip(&kept.extra).map(|(g, m)| g * m.to_f64()).collect(),
            Layer::BatchNorm(_) => {
                let mut back = from.to_vec();
                for (unit, scale) in params[..units].iter().enumerate() {
                    let cells = || (0..rows).map(|row| row * units + unit);
                    let mean = |of: &dyn Fn(usize) -> f64| cells().map(of).sum::<f64>() / rows as f64;
                    let (level, along) = if self.pass == Pass::Inference {
                        (0.0, 0.0)
                    } else {
                        (mean(&|cell| from[cell]), mean(&|cell| from[cell] * kept.extra[cell].to_f64()))
                    };
                    let scale = scale.to_f64() * kept.statistics[units + unit].to_f64();
                    for cell in cells() {
                        back[cell] = scale * (from[cell] - level - kept.extra[cell].to_f64() * along);
                    }
                }
                back
            }
            Layer::LayerNorm(_) => {
                let mut back = Vec::with_capacity(from.len());
                for (row, delta) in from.chunks_exact(units).enumerate() {
                    let hat = &kept.extra[row * units..][..units];
                    let g: Vec<f64> =
                        delta.iter().zip(params).map(|(delta, scale)| delta * scale.to_f64()).collect();
                    let level = g.iter().sum::<f64>() / units as f64;
                    let along =
                        g.iter().zip(hat).map(|(g, hat)| g * hat.to_f64()).sum::<f64>() / units as f64;
                    let inverse = kept.statistics[2 * row + 1].to_f64();
                    back.extend(
                        g.iter().zip(hat).map(|(g, hat)| inverse * (g - level - hat.to_f64() * along)),
                    );
                }
                back
            }
            Layer::Embedding(_) => unreachable!("embeddings stand first"),
        }
    }

    /// Which units' f' took how much of ‖∂C/∂a‖².
    fn lost(&self, layer: usize, f: Activation, arrived: &[f64]) -> Lost {
        let (rows, units) = (self.batch.rows, self.network.layers()[layer].units());
        let whole: f64 = arrived.iter().map(|g| g * g).sum();
        let mut lost = Lost::default();
        if whole == 0.0 || f == Activation::Softmax {
            return lost;
        }
        let slope = |row, unit| {
            f.derivative(self.pre_activation(layer, row, unit), self.activation_of(layer, row, unit))
        };
        for unit in 0..units {
            let is_dead = rows > 1 && (0..rows).all(|row| slope(row, unit) == 0.0);
            for row in 0..rows {
                let (g, slope) = (arrived[row * units + unit], slope(row, unit));
                let part = g * g * (1.0 - slope * slope) / whole;
                let to = if is_dead {
                    &mut lost.dead
                } else if largest_slope(f).is_some_and(|largest| slope < SATURATED * largest) {
                    &mut lost.saturated
                } else {
                    &mut lost.rest
                };
                *to += part;
            }
        }
        lost
    }
}

fn norm(numbers: &[f64]) -> f64 {
    numbers.iter().map(|x| x * x).sum::<f64>().sqrt()
}
