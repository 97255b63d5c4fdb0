//! Every layer × activation × cost × regulariser against central differences in f64 (DESIGN §5's tolerances).

use deltarule::activation::{Activation, NAMES};
use deltarule::dataset::{Dataset, Embedded, InputShape, Targets};
use deltarule::gradient_check::check;
use deltarule::layer::{Pass, TensorKind};
use deltarule::loss::{Cost, Loss};
use deltarule::network::{LayerSpec, NetworkSpec};
use deltarule::optimizer::Regularization;
use deltarule::random::{Purpose, stream};
use deltarule::{Pool, init};

/// Rows with embedded and one-hot codes, some of them "none", and unequal weights.
fn rows(outputs: usize, cost: Cost, seed: u64) -> Dataset<f64> {
    let mut rng = stream(seed, Purpose::Data, 0);
    let count = 6;
    let mut normal = |scale: f64| scale * init::standard_normal(&mut rng);
    let dense = (0..count * 3).map(|_| normal(1.0)).collect();
    let cells = count * outputs;
    let values = |values: Vec<f64>| Targets::Values { outputs, values };
    let targets = match cost {
        Cost::CrossEntropy | Cost::Focal { .. } => {
            let codes = (0..count as u32).map(|i| i % outputs as u32).collect();
            Targets::Classes { classes: outputs, codes }
        }
        Cost::BinaryCrossEntropy => values((0..cells).map(|i| (i % 2) as f64).collect()),
        Cost::Poisson => values((0..cells).map(|i| (i % 4) as f64).collect()),
        _ => values((0..cells).map(|_| normal(2.0)).collect()),
    };
    Dataset {
        rows: count,
        dense_width: 3,
        dense,
        sparse: None,
        code_width: 2,
        codes: (0..count as u32).flat_map(|i| [i % 5, (i + 1) % 4]).collect(),
        targets,
        weights: Some((0..count).map(|i| 0.5 + i as f64 / 4.0).collect()),
    }
}

fn input() -> InputShape {
    InputShape { dense: 3, embedded: vec![Embedded { cardinality: 4, dimension: 2 }], one_hot: vec![3] }
}

/// Returns (compared, stepped over).
fn assert_checked(
    what: &str,
    spec: &NetworkSpec,
    cost: Cost,
    smoothing: f64,
    regularization: &Regularization,
) -> (usize, usize) {
    let pool = Pool::new(1);
    let outputs = spec.outputs();
    let mut counts = (0, 0);
    // Dropout and batch normalisation are other functions at inference, with backward passes of training only.
    let is_random =
        |layer: &LayerSpec| matches!(layer, LayerSpec::BatchNorm { .. } | LayerSpec::Dropout { .. });
    for seed in 0..2 {
        let network = spec.build::<f64>(seed).unwrap();
        let loss = Loss::new(cost, network.output_activation(), smoothing).unwrap();
        let data = rows(outputs, cost, seed);
        let pass = if spec.layers.iter().any(is_random) {
            Pass::Training { seed, step: 3 }
        } else {
            Pass::Inference
        };
        let result =
            check(&pool, &network, &loss, regularization, data.range(0, data.rows), pass, usize::MAX);
        let sum = |of: fn(&deltarule::gradient_check::TensorCheck) -> usize| {
            result.tensors.iter().map(of).sum::<usize>()
        };
        assert_eq!(sum(|t| t.compared + t.kinks), network.params().len());
        assert_eq!(sum(|t| t.failures), 0, "{what}, seed {seed}, {pass:?}: {result:#?}");
        counts = (counts.0 + sum(|t| t.compared), counts.1 + sum(|t| t.kinks));
    }
    counts
}

fn assert_few_kinks(counts: &[(usize, usize)]) {
    let compared: usize = counts.iter().map(|(compared, _)| compared).sum();
    let kinks: usize = counts.iter().map(|(_, kinks)| kinks).sum();
    assert!(kinks as f64 <= 0.01 * (kinks + compared) as f64, "{kinks} of {compared} stepped over");
}

#[test]
fn every_cost_through_every_output() {
    let every: Vec<Activation> = NAMES.iter().map(|&(_, activation)| activation).collect();
    let cases = [
        (Cost::SquaredError, every.clone()),
        (Cost::Absolute, every.clone()),
        (Cost::Huber { delta: 0.7 }, every.clone()),
        (Cost::Pinball { quantile: 0.8 }, every),
        (Cost::Poisson, vec![Activation::Exp, Activation::Softplus]),
        (Cost::BinaryCrossEntropy, vec![Activation::Sigmoid]),
        (Cost::CrossEntropy, vec![Activation::Softmax]),
        (Cost::Focal { gamma: 2.0 }, vec![Activation::Softmax, Activation::Sigmoid]),
        (Cost::Focal { gamma: 0.5 }, vec![Activation::Softmax, Activation::Sigmoid]),
    ];
    let mut counts = Vec::new();
    for (cost, outputs) in cases {
        for output in outputs {
            for count in [1, 2, 5] {
                if count == 1 && output == Activation::Softmax {
                    continue; // one class has no other
                }
                let spec = NetworkSpec::on(input()).dense(4, Activation::Tanh).dense(count, output);
                let what = format!("{cost:?} through {output:?} × {count}");
                counts.push(assert_checked(&what, &spec, cost, 0.0, &Regularization::default()));
            }
        }
    }
    assert_few_kinks(&counts);
}

#[test]
fn every_hidden_activation_in_every_layer() {
    let mut counts = Vec::new();
    for (name, activation) in NAMES.into_iter().filter(|&(_, a)| a != Activation::Softmax) {
        let plain = NetworkSpec::on(input()).dense(5, activation).dense(4, activation);
        let batch = NetworkSpec::on(input())
            .dense(5, Activation::Identity)
            .with(LayerSpec::BatchNorm { activation })
            .dropout(0.3)
            .dense(4, activation);
        let layer = NetworkSpec::on(input())
            .dropout(0.2)
            .dense(5, Activation::Identity)
            .with(LayerSpec::LayerNorm { activation });
        for (kind, spec) in [("dense", plain), ("batch", batch), ("layer", layer)] {
            let spec = spec.dense(2, Activation::Softmax);
            let none = Regularization::default();
            counts.push(assert_checked(&format!("{name}, {kind}"), &spec, Cost::CrossEntropy, 0.0, &none));
        }
    }
    assert_few_kinks(&counts);
}

#[test]
fn every_penalty_and_smoothing() {
    let spec = NetworkSpec::on(input()).dense(4, Activation::Silu).dense(3, Activation::Softmax);
    let penalties = [
        Regularization { l1: 0.05, ..Regularization::default() },
        Regularization { l2: 0.1, ..Regularization::default() },
        Regularization { l1: 0.02, l2: 0.3, ..Regularization::default() },
    ];
    let mut counts = Vec::new();
    for penalty in &penalties {
        counts.push(assert_checked(&format!("{penalty:?}"), &spec, Cost::CrossEntropy, 0.1, penalty));
    }
    let labels = NetworkSpec::on(input()).dense(4, Activation::Softplus).dense(5, Activation::Sigmoid);
    counts.push(assert_checked("labels", &labels, Cost::BinaryCrossEntropy, 0.2, &penalties[2]));
    assert_few_kinks(&counts);
}

/// The check itself must be able to fail.
#[test]
fn a_cost_that_is_no_number_does_not_pass() {
    let pool = Pool::new(1);
    let network =
        NetworkSpec::on(input()).dense(4, Activation::Tanh).dense(2, Activation::Identity).build(1).unwrap();
    let loss = Loss::new(Cost::SquaredError, Activation::Identity, 0.0).unwrap();
    let mut data = rows(2, Cost::SquaredError, 1);
    let none = Regularization::default();
    assert!(check(&pool, &network, &loss, &none, data.range(0, 6), Pass::Inference, usize::MAX).passed());
    data.dense.to_mut()[0] = f64::NAN;
    assert!(!check(&pool, &network, &loss, &none, data.range(0, 6), Pass::Inference, usize::MAX).passed());
}

/// Failures and kinks of a network whose weights before a layer normalisation are `weight` in size, of either sign, and
/// whose biases are 0: what it normalises hardly varies.
fn failures_and_kinks_of_small_weights(weight: f64, regularization: &Regularization) -> (usize, usize) {
    let spec = NetworkSpec::on(input())
        .dense(4, Activation::Identity)
        .with(LayerSpec::LayerNorm { activation: Activation::Tanh })
        .dense(2, Activation::Softmax);
    let mut network = spec.build::<f64>(1).unwrap();
    let first = network.tensors().iter().find(|tensor| tensor.kind == TensorKind::Weight).unwrap();
    let range = first.range.clone();
    for (i, w) in network.params_mut()[range].iter_mut().enumerate() {
        *w = if i % 2 == 0 { weight } else { -weight };
    }
    let data = rows(2, Cost::CrossEntropy, 1);
    let loss = Loss::new(Cost::CrossEntropy, Activation::Softmax, 0.0).unwrap();
    let batch = data.range(0, data.rows);
    let result = check(&Pool::new(1), &network, &loss, regularization, batch, Pass::Inference, usize::MAX);
    (result.failures(), result.tensors.iter().map(|tensor| tensor.kinks).sum())
}

#[test]
fn a_layer_norm_of_units_that_hardly_vary_is_differentiated_with_shorter_steps() {
    // Its slope, 1/√(variance + 1e-5), bends within √1e-5 = 3e-3: a step of 1e-3 is too long.
    assert_eq!(failures_and_kinks_of_small_weights(0.0, &Regularization::default()), (0, 0));
}

#[test]
fn weights_that_an_l1_penalty_has_brought_near_0_are_compared() {
    let l1 = Regularization { l1: 0.01, ..Regularization::default() };
    for weight in [0.0, 1e-12, 1e-7, 1e-4] {
        assert_eq!(failures_and_kinks_of_small_weights(weight, &l1), (0, 0), "{weight:e}");
    }
}
