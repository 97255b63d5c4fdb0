//! One row's way through the network as a picture needs it: units with a and δ, and the weights between them.

use std::collections::BTreeSet;

use deltarule_kernels::Real;
use serde::Serialize;

use super::{Anatomy, Parameter, Quantity};
use crate::activation::name;
use crate::layer::{Layer, TensorKind};

/// The units of a network at one row, those of each layer that matter most to its cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Drawing {
    /// The parameter that the ledger is of, as `--parameter` takes it.
    pub parameter: String,
    /// What the first dense layer reads; δ there is ∂C/∂x.
    pub inputs: DrawnUnits,
    /// The layers from the first dense one on.
    pub layers: Vec<DrawnLayer>,
}

/// Some of a layer's units.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DrawnUnits {
    /// How many there are in all.
    pub units: usize,
    /// Those that are drawn, in their order.
    pub drawn: Vec<DrawnUnit>,
}

/// A layer, and how it reads the units before it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DrawnLayer {
    /// Its place among the network's layers.
    pub layer: usize,
    /// `dense`, `batch_norm`, `layer_norm`, `dropout`.
    pub kind: &'static str,
    /// Its activation's name, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<&'static str>,
    /// Its units.
    #[serde(flatten)]
    pub units: DrawnUnits,
    /// Of a dense layer, w of the units drawn, `[before][here]`; empty of the others, which read unit by unit.
    pub weights: Vec<Vec<f64>>,
    /// ∂C/∂w of the same, as the backward pass stored it.
    pub gradients: Vec<Vec<f64>>,
}

/// A unit at one row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DrawnUnit {
    /// Its place in its layer.
    pub unit: usize,
    /// A column's number, a class or a target, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// a; of an input x.
    pub a: f64,
    /// δ; of an input ∂C/∂x.
    pub delta: f64,
}

impl<F: Real> Anatomy<'_, F> {
    /// The batch's first row, with at most `most` units of a layer: those that `ledger`, which is `parameter`'s, names, the
    /// last layer's with the largest ŷ and |δ|, and of the others those of the largest |a·δ|.
    #[must_use]
    pub fn drawing(&self, parameter: &Parameter, ledger: &Quantity, most: usize) -> Drawing {
        let layers = self.network.layers();
        let first = layers.iter().position(|layer| matches!(layer, Layer::Dense(_))).unwrap_or(0);
        let named = named_in(ledger);
        let inputs = self.drawn_inputs(first, &named, most);
        let mut before = inputs.drawn.iter().map(|unit| unit.unit).collect::<Vec<_>>();
        let mut drawn = Vec::with_capacity(layers.len() - first);
        for (layer, made) in layers.iter().enumerate().skip(first) {
            let is_dense = matches!(made, Layer::Dense(_));
            // What reads unit by unit is drawn beside what it reads.
            let units = match is_dense {
                true => self.drawn_units(layer, &named, most),
                false => self.units_at(layer, &before),
            };
            let here: Vec<usize> = units.drawn.iter().map(|unit| unit.unit).collect();
            let between = |numbers: &[F]| -> Vec<Vec<f64>> {
                let w = self.weights_in(layer, numbers);
                let row = |from: &usize| here.iter().map(|to| w[from * units.units + to].to_f64()).collect();
                before.iter().map(row).collect()
            };
            let [weights, gradients] = match is_dense {
                true => [between(self.network.params()), between(&self.gradient)],
                false => [Vec::new(), Vec::new()],
            };
            drawn.push(DrawnLayer {
                layer,
                kind: made.kind(),
                activation: made.activation().map(name),
                weights,
                gradients,
                units,
            });
            before = here;
        }
        Drawing { parameter: parameter.to_string(), inputs, layers: drawn }
    }

    /// A dense layer's w in a buffer as long as the parameters.
    fn weights_in<'n>(&self, layer: usize, numbers: &'n [F]) -> &'n [F] {
        let is_it = |kind, of| kind == TensorKind::Weight && of == layer;
        let found = self.network.tensors().iter().find(|tensor| is_it(tensor.kind, tensor.layer));
        found.map_or(&[], |tensor| &numbers[tensor.range.clone()])
    }

    fn drawn_inputs(&self, first: usize, named: &BTreeSet<Unit>, most: usize) -> DrawnUnits {
        let Layer::Dense(dense) = &self.network.layers()[first] else {
            return DrawnUnits { units: 0, drawn: Vec::new() };
        };
        let w = self.weights_in(first, self.network.params());
        let deltas: Vec<f64> = (0..dense.fan_out).map(|unit| self.delta(first, 0, unit)).collect();
        let all = w.chunks_exact(dense.fan_out).enumerate().map(|(unit, w)| DrawnUnit {
            unit,
            name: self.names.inputs.get(unit).cloned(),
            a: self.input(first, 0, unit),
            delta: w.iter().zip(&deltas).map(|(w, delta)| w.to_f64() * delta).sum(),
        });
        let is_named = |unit| named.contains(&Unit::Input(unit));
        chosen(all.collect(), is_named, most, |unit| (unit.a * unit.delta).abs())
    }

    fn drawn_units(&self, layer: usize, named: &BTreeSet<Unit>, most: usize) -> DrawnUnits {
        let is_output = layer + 1 == self.network.layers().len();
        let every: Vec<usize> = (0..self.network.layers()[layer].units()).collect();
        let all = self.units_at(layer, &every).drawn;
        let is_named = |unit| named.contains(&Unit::Of(layer, unit));
        chosen(all, is_named, most, |unit| {
            if is_output { unit.a.abs().max(unit.delta.abs()) } else { (unit.a * unit.delta).abs() }
        })
    }

    fn units_at(&self, layer: usize, units: &[usize]) -> DrawnUnits {
        let one = |&unit: &usize| DrawnUnit {
            unit,
            name: self.names.of_unit(self.network, layer, unit),
            a: self.activation_of(layer, 0, unit),
            delta: self.delta(layer, 0, unit),
        };
        let drawn = units.iter().map(one).collect();
        DrawnUnits { units: self.network.layers()[layer].units(), drawn }
    }
}

/// The `most` units of the greatest size, those that are named before all others.
fn chosen(
    mut all: Vec<DrawnUnit>,
    is_named: impl Fn(usize) -> bool,
    most: usize,
    size: impl Fn(&DrawnUnit) -> f64,
) -> DrawnUnits {
    let units = all.len();
    all.sort_by(|a, b| is_named(b.unit).cmp(&is_named(a.unit)).then_with(|| size(b).total_cmp(&size(a))));
    all.truncate(most);
    all.sort_by_key(|unit| unit.unit);
    DrawnUnits { units, drawn: all }
}

/// A unit that a ledger names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    Input(usize),
    Of(usize, usize),
}

/// The units whose x, a, z or δ stand in a ledger, and those that its weights lie between.
fn named_in(ledger: &Quantity) -> BTreeSet<Unit> {
    let mut units = BTreeSet::new();
    let mut left = vec![ledger];
    while let Some(quantity) = left.pop() {
        units.extend(unit_of(&quantity.symbol));
        left.extend(quantity.children());
    }
    units
}

/// `x[3]`, `a1[2]`, `δ0[5]`, as [`parts`](super::parts) writes them; `∂C/∂w1[2,5]` names the unit that it leads to.
fn unit_of(symbol: &str) -> Option<Unit> {
    let (head, places) = symbol.strip_suffix(']')?.split_once('[')?;
    let to = places.rsplit(',').next()?.parse().ok()?;
    if head == "x" {
        return Some(Unit::Input(to));
    }
    let layer = head.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().ok()?;
    Some(Unit::Of(layer, to))
}

#[cfg(test)]
mod tests {
    use deltarule_kernels::Pool;

    use super::*;
    use crate::activation::Activation;
    use crate::dataset::{Dataset, Targets};
    use crate::explain::{Names, Reach};
    use crate::layer::Pass;
    use crate::loss::{Cost, Loss};
    use crate::network::NetworkSpec;
    use crate::optimizer::Regularization;

    #[test]
    fn a_symbol_names_its_unit() {
        assert_eq!(unit_of("x[12]"), Some(Unit::Input(12)));
        assert_eq!(unit_of("δ1[5]"), Some(Unit::Of(1, 5)));
        assert_eq!(unit_of("∂C/∂w2[3,4]"), Some(Unit::Of(2, 4)));
        assert_eq!(unit_of("ŷ"), None);
        assert_eq!(unit_of("Σ over rows"), None);
    }

    #[test]
    fn named_units_come_before_larger_ones_and_all_stay_in_order() {
        let unit = |unit, a| DrawnUnit { unit, name: None, a, delta: 1.0 };
        let all = vec![unit(0, 3.0), unit(1, -9.0), unit(2, 0.0), unit(3, 5.0)];
        let drawn = chosen(all, |unit| unit == 2, 2, |unit| unit.a.abs());
        assert_eq!(drawn.units, 4);
        assert_eq!(drawn.drawn.iter().map(|unit| unit.unit).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn a_drawing_has_the_numbers_of_the_passes() {
        let spec = NetworkSpec::new(3).dense(4, Activation::Tanh).dense(2, Activation::Softmax);
        let network = spec.build::<f64>(7).unwrap();
        let targets = Targets::Classes { classes: 2, codes: vec![1] };
        let data = Dataset::from_dense(3, vec![0.5, -1.0, 2.0], targets);
        let loss = Loss::new(Cost::CrossEntropy, Activation::Softmax, 0.0).unwrap();
        let (pool, penalties, names) = (Pool::new(1), Regularization::default(), Names::default());
        let batch = data.range(0, 1);
        let anatomy = Anatomy::new(&pool, &network, &loss, &penalties, batch, Pass::Inference, &names);
        let parameter = Parameter::weight(0, 1, 2);
        let ledger = anatomy.take_apart(&parameter, Reach::default()).unwrap();
        let whole = anatomy.drawing(&parameter, &ledger, 40);
        assert_eq!(whole.parameter, "layers.0.w,1,2");
        assert_eq!(whole.inputs.drawn.iter().map(|input| input.a).collect::<Vec<_>>(), [0.5, -1.0, 2.0]);
        for layer in &whole.layers {
            let at = network.layer_range(layer.layer).start;
            for (from, row) in layer.weights.iter().enumerate() {
                for (to, &w) in row.iter().enumerate() {
                    let place = at + from * layer.units.units + to;
                    assert_eq!(w, network.params()[place]);
                    assert_eq!(layer.gradients[from][to], anatomy.gradient()[place]);
                }
            }
        }
        // ∂C/∂x by hand: what the first layer's δ sends back.
        let (first, input) = (&whole.layers[0], &whole.inputs.drawn[1]);
        let back: f64 = first.weights[1].iter().zip(&first.units.drawn).map(|(w, unit)| w * unit.delta).sum();
        assert!((input.delta - back).abs() < 1e-15);

        let small = anatomy.drawing(&parameter, &ledger, 1);
        assert_eq!((small.inputs.drawn[0].unit, small.layers[0].units.drawn[0].unit), (1, 2));
        assert_eq!(small.layers[0].weights, [[network.params()[4 + 2]]]);
    }
}
