//! A right gradient passes in both precisions; a wrong one fails and is named.

use super::*;
use crate::dataset::{Dataset, Targets};
use crate::explain::Names;
use crate::network::{LayerSpec, NetworkSpec};

fn data(rows: usize, outputs: usize) -> Dataset<f64> {
    let numbers = |count: usize, step: usize| -> Vec<f64> {
        (0..count).map(|i| (i * step % 23) as f64 / 11.0 - 1.0).collect()
    };
    Dataset::from_dense(
        2,
        numbers(rows * 2, 7),
        Targets::Values { outputs, values: numbers(rows * outputs, 5) },
    )
}

fn names() -> Names {
    Names { inputs: vec!["age".into(), "height".into()], outputs: vec!["price".into()], rows: vec![] }
}

/// A network with everything in it, its data and its cost.
fn network() -> (Network<f64>, Loss) {
    let spec = NetworkSpec::new(2)
        .dense(5, Activation::Identity)
        .with(LayerSpec::BatchNorm { activation: Activation::Relu })
        .dropout(0.3)
        .dense(4, Activation::Tanh)
        .dense(1, Activation::Identity);
    (spec.build(3).unwrap(), Loss::new(Cost::SquaredError, Activation::Identity, 0.0).unwrap())
}

const PASS: Pass = Pass::Training { seed: 3, step: 1 };

fn objective<'a>(
    pool: &'a Pool,
    network: &Network<f64>,
    loss: &'a Loss,
    regularization: &'a Regularization,
    batch: Batch<'a, f64>,
) -> Objective<'a> {
    Objective::new(pool, network, loss, regularization, batch, PASS)
}

#[test]
fn a_right_gradient_passes_in_both_precisions() {
    let (network, loss) = network();
    let (pool, penalties) = (Pool::new(1), Regularization { l2: 0.01, ..Regularization::default() });
    let data = data(40, 1);
    let double = check(&pool, &network, &loss, &penalties, data.range(0, 40), PASS, usize::MAX);
    let single = check_single(&pool, &network, &loss, &penalties, &data, PASS);
    assert_eq!(single.rows + single.kinks, 40);
    let named = NetworkCheck::named(double, single, &network, &names());
    assert_eq!(named.verdict(), Verdict::Passed, "{named:#?}");
    // Single precision is another one than double: its gradients differ, by less than is allowed.
    let errors = named.single.tensors.iter().map(|tensor| tensor.relative_error);
    let largest = errors.fold(0.0, f64::max);
    assert!(largest > 1e-9 && largest < SINGLE, "{named:#?}");
}

#[test]
fn a_wrong_gradient_fails_and_its_parameter_is_named() {
    let (network, loss) = network();
    let (pool, none, data) = (Pool::new(1), Regularization::default(), data(12, 1));
    let mut objective = objective(&pool, &network, &loss, &none, data.range(0, 12));
    let (cost, mut grads, here) = objective.differentiated();
    // The second weight from height: of `layers.0.w`, [2, 5], row 1, column 1.
    grads[6] += 1e-4;
    let tensors = objective.compare(&grads, &here, usize::MAX);
    let single = check_single(&pool, &network, &loss, &none, &data, PASS);
    let named = NetworkCheck::named(GradientCheck { cost, tensors }, single, &network, &names());
    assert_eq!((named.verdict(), named.double.failures()), (Verdict::Failed, 1));
    let worst = &named.worst[0];
    assert_eq!((worst.precision, worst.parameter.to_string().as_str()), ("f64", "layers.0.w,1,1"));
    assert_eq!(worst.meaning, "the weight from height to unit 1");
    assert!((worst.got - worst.expected - 1e-4).abs() < 1e-9, "{worst:?}");
}

#[test]
fn single_precision_that_is_off_fails_and_is_named() {
    let (network, loss) = network();
    let (pool, none, data) = (Pool::new(1), Regularization::default(), data(12, 1));
    let mut single = check_single(&pool, &network, &loss, &none, &data, PASS);
    assert!(single.is_within(), "{single:#?}");
    let double = check(&pool, &network, &loss, &none, data.range(0, 12), PASS, usize::MAX);
    let low: Vec<f32> = vec![0.5; network.params().len()];
    let mut high: Vec<f64> = vec![0.5; low.len()];
    // The last parameter: the output's bias.
    *high.last_mut().unwrap() += 1e-4;
    single.tensors = single::tensors(&network, &low, &high, &high);
    let named = NetworkCheck::named(double, single, &network, &names());
    assert_eq!(named.verdict(), Verdict::Failed);
    let worst = named.worst.iter().find(|entry| entry.precision == "f32").unwrap();
    assert_eq!(worst.meaning, "the bias of price");
    // 1e-4 of 0.5001 and a tenth of it.
    assert!((worst.relative_error - 1e-4 / 0.55011).abs() < 1e-6, "{worst:?}");
    let mut no_number = check_single(&pool, &network, &loss, &none, &data, PASS);
    no_number.delta_error = f64::NAN;
    assert!(!no_number.is_within());
}

#[test]
fn a_unit_on_its_kink_is_stepped_over_by_name() {
    // z = 0 in every row: all three parameters of the first unit move it off its kink; the output's do not.
    let spec = NetworkSpec::new(2).dense(1, Activation::Relu).dense(1, Activation::Identity);
    let mut network = spec.build::<f64>(1).unwrap();
    network.params_mut().copy_from_slice(&[0.0, 0.0, 0.0, 1.0, 0.5]);
    let loss = Loss::new(Cost::SquaredError, Activation::Identity, 0.0).unwrap();
    let (pool, none, data) = (Pool::new(1), Regularization::default(), data(6, 1));
    let double = check(&pool, &network, &loss, &none, data.range(0, 6), PASS, usize::MAX);
    let single = check_single(&pool, &network, &loss, &none, &data, PASS);
    let named = NetworkCheck::named(double, single, &network, &names());
    assert_eq!(named.verdict(), Verdict::Undecided, "{named:#?}");
    let over: Vec<_> = named.stepped_over.iter().map(|one| one.meaning.as_str()).collect();
    assert_eq!(over.len(), 3, "{named:#?}");
    assert!(
        over.contains(&"the weight from age to unit 0") && over.contains(&"the bias of unit 0"),
        "{over:?}"
    );
}

#[test]
fn a_row_whose_unit_changes_sides_in_single_precision_is_left_out() {
    // z = w·x + b with w·x = 1 + 1e-9, b = −1: positive in double precision only, where w keeps the digits; but both
    // passes go by the numbers of single precision, so that the two sums must differ: 3 numbers whose sum is inexact.
    let spec = NetworkSpec::new(2).dense(1, Activation::Relu).dense(1, Activation::Identity);
    let mut network = spec.build::<f64>(1).unwrap();
    // x = (2²⁴, 1): 2²⁴ + 1 is no number of single precision; less 2²⁴ it is 0 there, and 1 in double precision.
    let large = 16_777_216.0;
    network.params_mut().copy_from_slice(&[1.0, 1.0, -large, 1.0, 0.5]);
    let loss = Loss::new(Cost::SquaredError, Activation::Identity, 0.0).unwrap();
    let dense = vec![large, 1.0, large + 4.0, 0.0];
    let data = Dataset::from_dense(2, dense, Targets::Values { outputs: 1, values: vec![0.0, 0.0] });
    let single =
        check_single(&Pool::new(1), &network, &loss, &Regularization::default(), &data, Pass::Inference);
    assert_eq!((single.rows, single.kinks), (1, 1), "{single:#?}");
    assert!(single.is_within(), "{single:#?}");
}

#[test]
fn cancellation_between_rows_is_no_wrong_gradient() {
    // At the least-squares solution the rows' parts cancel to rounding: of the gradient itself nothing is left to be right.
    let spec = NetworkSpec::new(1).dense(1, Activation::Identity);
    let mut network = spec.build::<f64>(1).unwrap();
    // y = (0, 1, 0.5) at x = (0, 1, 2): w = 0.25, b = 0.25; residuals 0.25, −0.5, 0.25.
    network.params_mut().copy_from_slice(&[0.25, 0.25]);
    let values = vec![0.1, 1.1, 0.6];
    network.params_mut()[1] += 0.1;
    let data = Dataset::from_dense(1, vec![0.0, 1.0, 2.0], Targets::Values { outputs: 1, values });
    let loss = Loss::new(Cost::SquaredError, Activation::Identity, 0.0).unwrap();
    let single = check_single(&Pool::new(1), &network, &loss, &Regularization::default(), &data, PASS);
    assert!(single.is_within(), "{single:#?}");
    // Σ|δ|/3 = (0.25 + 0.5 + 0.25)/3 for the bias; its gradient is a ten-millionth of that at most.
    assert!((single.tensors[1].magnitude - 1.0 / 3.0).abs() < 1e-6, "{single:#?}");
    assert!(single.tensors[1].norm < 1e-7, "{single:#?}");
}

#[test]
fn an_output_that_is_left_of_large_terms_is_as_exact_as_these() {
    // ŷ = 1000·tanh(0.3x) − 999·tanh(0.3x) is a thousandth of its terms, and y is as small.
    let mut network = NetworkSpec::new(1)
        .dense(2, Activation::Tanh)
        .dense(1, Activation::Identity)
        .build::<f64>(1)
        .unwrap();
    network.params_mut().copy_from_slice(&[0.3, 0.3, 0.0, 1e-9, 1000.0, -999.0, 0.0]);
    let rows = 32;
    let dense: Vec<f64> = (0..rows).map(|row| 0.1 + 0.05 * row as f64).collect();
    let targets = Targets::Values { outputs: 1, values: vec![0.3; rows] };
    let data = Dataset::from_dense(1, dense, targets);
    let loss = Loss::new(Cost::SquaredError, Activation::Identity, 0.0).unwrap();
    let single =
        check_single(&Pool::new(1), &network, &loss, &Regularization::default(), &data, Pass::Inference);
    assert!(single.is_within(), "{single:?}");
    assert!(single.delta_error > 0.0);
}

/// Checks at parameters where little of the gradient is left, then with its largest entry wrong by a thousandth of itself.
fn right_and_wrong(network: &Network<f64>, loss: &Loss, data: &Dataset<f64>) {
    let (pool, none) = (Pool::new(1), Regularization::default());
    let mut objective = objective(&pool, network, loss, &none, data.range(0, data.rows));
    let (cost, mut grads, here) = objective.differentiated();
    let tensors = objective.compare(&grads, &here, usize::MAX);
    let right = GradientCheck { cost, tensors };
    assert!(right.passed(), "{right:#?}");
    let largest = (0..grads.len()).max_by(|&a, &b| grads[a].abs().total_cmp(&grads[b].abs())).unwrap();
    grads[largest] *= 1.001;
    let tensors = objective.compare(&grads, &here, usize::MAX);
    assert_eq!(GradientCheck { cost, tensors }.failures(), 1);
}

#[test]
fn at_a_minimum_rounding_is_allowed_and_a_mistake_is_not() {
    // The least squares of above, b off by 1e-9: the gradient is that small, and the cost 0.0625.
    let spec = NetworkSpec::new(1).dense(1, Activation::Identity);
    let mut network = spec.build::<f64>(1).unwrap();
    network.params_mut().copy_from_slice(&[0.25, 0.25 + 1e-9]);
    let values = vec![0.0, 1.0, 0.5];
    let data = Dataset::from_dense(1, vec![0.0, 1.0, 2.0], Targets::Values { outputs: 1, values });
    let loss = Loss::new(Cost::SquaredError, Activation::Identity, 0.0).unwrap();
    right_and_wrong(&network, &loss, &data);

    // Three classes with logits 25 apart: ŷ − y is e^−25 = 1.4e-11, known to 1e-16.
    let spec = NetworkSpec::new(2).dense(3, Activation::Softmax);
    let mut network = spec.build::<f64>(1).unwrap();
    network.params_mut().copy_from_slice(&[25.0, 0.0, -25.0, 0.0, 25.0, -25.0, 0.0, 0.0, 0.0]);
    let targets = Targets::Classes { classes: 3, codes: vec![0, 1, 2] };
    let data = Dataset::from_dense(2, vec![1.0, 0.0, 0.0, 1.0, -1.0, -1.0], targets);
    let loss = Loss::new(Cost::CrossEntropy, Activation::Softmax, 0.0).unwrap();
    right_and_wrong(&network, &loss, &data);

    // Two, of one logit.
    let spec = NetworkSpec::new(1).dense(1, Activation::Sigmoid);
    let mut network = spec.build::<f64>(1).unwrap();
    network.params_mut().copy_from_slice(&[25.0, 0.0]);
    let targets = Targets::Values { outputs: 1, values: vec![1.0, 0.0] };
    let data = Dataset::from_dense(1, vec![1.0, -1.1], targets);
    let loss = Loss::new(Cost::BinaryCrossEntropy, Activation::Sigmoid, 0.0).unwrap();
    right_and_wrong(&network, &loss, &data);
}
