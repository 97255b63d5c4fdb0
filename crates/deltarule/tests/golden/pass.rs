//! One forward and backward pass of the engine over a case, every number of it under the fixture's name.

use std::collections::BTreeMap;

use deltarule::activation::Activation;
use deltarule::dataset::{Batch, Embedded, InputShape, TargetsView};
use deltarule::layer::Layer as EngineLayer;
use deltarule::layer::{EPSILON, LayerInput, MOMENTUM, Pass};
use deltarule::loss::{Cost, Loss};
use deltarule::network::{LayerSpec, Network, NetworkSpec, Workspace};
use deltarule::{Pool, Real};

use crate::reader::{self, Case, Description, Layer};

/// What the engine computed: tensors by the fixture's names, as f64.
pub type Computed = BTreeMap<String, Vec<f64>>;

/// The engine's network of a case, with the case's parameters in it.
pub fn network<F: Real>(case: &Case) -> Network<F> {
    let mut network = spec(&case.description).build_unset::<F>().expect("a fixture's network is valid");
    for (described, layer) in case.description.layers.iter().zip(network.layers()) {
        let name = &case.description.name;
        if let (Layer::Dense { fan_in, .. }, EngineLayer::Dense(layer)) = (described, layer) {
            assert_eq!(layer.fan_in(), *fan_in, "{name}: fan_in");
        }
        assert!(
            described.units().is_none_or(|units| units == layer.units()),
            "{name}: {}'s units",
            layer.kind()
        );
    }
    for tensor in network.tensors().to_vec() {
        let stored = &case.tensors[&tensor.name];
        assert_eq!(stored.shape, tensor.shape, "{}: shape of {}", case.description.name, tensor.name);
        network.params_mut()[tensor.range].copy_from_slice(&case.values::<F>(&tensor.name));
    }
    network
}

/// The engine's description of a case's network.
fn spec(description: &Description) -> NetworkSpec {
    let mut input = InputShape::dense(description.inputs);
    for layer in &description.layers {
        match layer {
            Layer::Embedding { tables } => {
                let sizes =
                    tables.iter().map(|t| Embedded { cardinality: t.cardinality, dimension: t.dimension });
                input.embedded = sizes.collect();
            }
            Layer::Dense { one_hot, .. } => input.one_hot.extend(one_hot),
            _ => {}
        }
    }
    let mut spec = NetworkSpec::on(input);
    for layer in &description.layers {
        spec = match layer {
            Layer::Dense { fan_out, activation, .. } => spec.dense(*fan_out, self::activation(activation)),
            Layer::BatchNorm { epsilon, momentum, activation, .. } => {
                assert_eq!((*epsilon, *momentum), (EPSILON, MOMENTUM));
                spec.with(LayerSpec::BatchNorm { activation: self::activation(activation) })
            }
            Layer::LayerNorm { epsilon, activation, .. } => {
                assert_eq!(*epsilon, EPSILON);
                spec.with(LayerSpec::LayerNorm { activation: self::activation(activation) })
            }
            Layer::Dropout { rate, .. } => spec.dropout(*rate),
            // The input's shape says it.
            Layer::Embedding { .. } => spec,
        };
    }
    spec
}

fn activation(described: &reader::Activation) -> Activation {
    let named = deltarule::activation::from_name(&described.name).expect("every fixture's activation exists");
    match named {
        Activation::LeakyRelu { slope } => assert_eq!(Some(slope), described.slope),
        Activation::Elu { alpha } => assert_eq!(Some(alpha), described.alpha),
        _ => assert_eq!((described.slope, described.alpha), (None, None)),
    }
    named
}

/// The engine's cost of a case.
pub fn loss(case: &Case) -> Loss {
    let cost = &case.description.cost;
    let kind = match cost.name.as_str() {
        "squared_error" => Cost::SquaredError,
        "absolute" => Cost::Absolute,
        "huber" => Cost::Huber { delta: cost.delta.expect("huber has a delta") },
        "pinball" => Cost::Pinball { quantile: cost.quantile.expect("pinball has a quantile") },
        "poisson" => Cost::Poisson,
        "binary_cross_entropy" => Cost::BinaryCrossEntropy,
        "cross_entropy" => Cost::CrossEntropy,
        "focal" => Cost::Focal { gamma: cost.gamma.expect("focal has a gamma") },
        other => panic!("{}: no cost {other}", case.description.name),
    };
    let Some(Layer::Dense { activation, .. }) = case.description.layers.last() else {
        panic!("{}: the last layer is dense", case.description.name);
    };
    Loss::new(kind, self::activation(activation), cost.label_smoothing)
        .expect("a fixture's cost fits its output")
}

/// A case's inputs, targets and weights in the engine's precision.
pub struct Rows<F> {
    x: Vec<F>,
    codes: Vec<u32>,
    targets: Vec<F>,
    classes: Option<Vec<u32>>,
    weights: Option<Vec<F>>,
    inputs: usize,
    code_width: usize,
    outputs: usize,
}

impl<F: Real> Rows<F> {
    /// All rows of the case. One-hot targets under cross-entropy become classes, as the engine has them.
    pub fn new(case: &Case) -> Self {
        let (targets, outputs) = (case.values::<F>("targets"), case.tensors["targets"].shape[1]);
        let class = |row: &[F]| row.iter().position(|&y| y == F::ONE).expect("a one-hot row has a 1") as u32;
        let is_class = loss(case).output() == Activation::Softmax
            && ["cross_entropy", "focal"].contains(&case.description.cost.name.as_str());
        Self {
            x: case.values("x"),
            codes: case.codes(),
            classes: is_class.then(|| targets.chunks_exact(outputs).map(class).collect()),
            targets,
            weights: case.description.weighted.then(|| case.values("weights")),
            inputs: case.description.inputs,
            code_width: case.tensors.get("codes").map_or(0, |codes| codes.shape[1]),
            outputs,
        }
    }

    /// The rows from `from` up to `to`.
    pub fn batch(&self, from: usize, to: usize) -> Batch<'_, F> {
        let targets = match &self.classes {
            Some(codes) => TargetsView::Classes { classes: self.outputs, codes: &codes[from..to] },
            None => self.values(from, to),
        };
        Batch {
            rows: to - from,
            dense: &self.x[from * self.inputs..to * self.inputs],
            sparse: None,
            codes: &self.codes[from * self.code_width..to * self.code_width],
            targets,
            weights: self.weights.as_ref().map(|weights| &weights[from..to]),
        }
    }

    /// The rows' targets as numbers, one-hot for classes.
    fn values(&self, from: usize, to: usize) -> TargetsView<'_, F> {
        let values = &self.targets[from * self.outputs..to * self.outputs];
        TargetsView::Values { outputs: self.outputs, values }
    }
}

/// Forward, cost and backward over a case's one batch. The gradients are those of the data's cost alone.
pub fn run<F: Real>(case: &Case) -> (Computed, Network<F>, Vec<F>) {
    let (pool, rows, loss) = (Pool::new(1), Rows::<F>::new(case), loss(case));
    let mut network = network::<F>(case);
    let batch = rows.batch(0, case.description.batch);
    let mut ws = network.workspace(batch.rows);
    let mut grads = vec![F::NAN; network.params().len()];
    let mut computed = Computed::new();

    forward_with_given_masks(&network, &pool, &mut ws, &batch, case);
    let total = batch.total_weight();
    let (z, a, delta) = network.output_and_delta(&mut ws, batch.rows);
    let sum = loss.value_and_delta(&pool, z, a, batch.targets, batch.weights, Some(delta));
    computed.insert("loss".into(), vec![sum / total]);
    computed.insert("cost_rows".into(), cost_rows(&loss, &pool, &rows, z, a));
    network.backward(&pool, &mut ws, &batch, F::from_f64(total), &mut grads);
    keep_layers(&mut computed, &network, &ws, batch.rows);

    let mut dx = vec![F::NAN; batch.dense.len()];
    network.input_gradient(&pool, &mut ws, &batch, &mut dx);
    computed.insert("dx".into(), wide(&dx));

    network.update_buffers(&ws, batch.rows);
    for (name, range) in network.buffer_names() {
        computed.insert(name.clone(), wide(&network.buffers()[range.clone()]));
    }
    network.forward(&pool, &mut ws, &batch, Pass::Inference);
    computed.insert("inference".into(), wide(network.output(&ws, batch.rows).1));
    (computed, network, grads)
}

/// The training pass, layer by layer. A dropout layer's own mask is exchanged for the case's.
fn forward_with_given_masks<F: Real>(
    network: &Network<F>,
    pool: &Pool,
    ws: &mut Workspace<F>,
    batch: &Batch<'_, F>,
    case: &Case,
) {
    for index in 0..network.layers().len() {
        network.forward_layer(pool, ws, batch, index, Pass::Training { seed: 1, step: 0 });
        let EngineLayer::Dropout(layer) = &network.layers()[index] else { continue };
        let factor = F::from_f64(1.0 / (1.0 - layer.rate));
        let mask = case.values::<F>(&format!("layers.{index}.mask"));
        let (before, after) = ws.kept.split_at_mut(index);
        let x = before.last().map_or(batch.dense, |kept| &kept.a[..]);
        after[0].extra.iter_mut().zip(mask).for_each(|(place, m)| *place = m * factor);
        layer.apply(
            &LayerInput { rows: batch.rows, x, sparse: None, nonzeros: None, codes: &[], code_width: 0 },
            &mut after[0],
        );
    }
}

/// C of each row by itself. Classes given as one-hot numbers must cost the same.
fn cost_rows<F: Real>(loss: &Loss, pool: &Pool, rows: &Rows<F>, z: &[F], a: &[F]) -> Vec<f64> {
    let outputs = rows.outputs;
    let row_cost = |row: usize| {
        let (z, a) = (&z[row * outputs..][..outputs], &a[row * outputs..][..outputs]);
        let cost = loss.value_and_delta(pool, z, a, rows.batch(row, row + 1).targets, None, None);
        let as_numbers = loss.value_and_delta(pool, z, a, rows.values(row, row + 1), None, None);
        assert_eq!(cost, as_numbers, "row {row}: the same target as a class and as one-hot numbers");
        cost
    };
    (0..z.len() / outputs).map(row_cost).collect()
}

/// Each layer's z (where the engine keeps it), a and δ.
fn keep_layers<F: Real>(computed: &mut Computed, network: &Network<F>, ws: &Workspace<F>, rows: usize) {
    for (index, (layer, kept)) in network.layers().iter().zip(&ws.kept).enumerate() {
        let cells = rows * layer.units();
        computed.insert(format!("layers.{index}.a"), wide(&kept.a[..cells]));
        if !kept.z.is_empty() {
            computed.insert(format!("layers.{index}.z"), wide(&kept.z[..cells]));
        }
        // A dropout's delta has been multiplied by its mask: it is the δ of the layer before's a.
        let name = if matches!(layer, EngineLayer::Dropout(_)) { "delta_masked" } else { "delta" };
        computed.insert(format!("layers.{index}.{name}"), wide(&kept.delta[..cells]));
    }
}

/// The gradients under their names, `suffix` behind each.
pub fn name_gradients<F: Real>(computed: &mut Computed, network: &Network<F>, grads: &[F], suffix: &str) {
    for tensor in network.tensors() {
        computed.insert(gradient_name(&tensor.name) + suffix, wide(&grads[tensor.range.clone()]));
    }
}

/// `layers.0.w` → `layers.0.dw`.
pub fn gradient_name(tensor: &str) -> String {
    let (stem, last) = tensor.split_at(tensor.match_indices('.').nth(1).map_or(0, |(at, _)| at + 1));
    format!("{stem}d{last}")
}

fn wide<F: Real>(values: &[F]) -> Vec<f64> {
    values.iter().map(|value| value.to_f64()).collect()
}
