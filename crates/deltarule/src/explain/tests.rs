//! The parts sum to the gradient, for every parameter of small networks of every kind of layer.

use std::collections::{BTreeMap, BTreeSet};

use deltarule_kernels::{Pool, Real};

use super::*;
use crate::activation::Activation;
use crate::dataset::{Dataset, Embedded, InputShape, Targets};
use crate::loss::Cost;
use crate::network::{LayerSpec, NetworkSpec};

/// Numbers in [−1, 1).
fn numbers(seed: u32, length: usize) -> Vec<f64> {
    let mut state = seed.wrapping_mul(747_796_405).wrapping_add(1);
    let draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / 8_388_608.0 - 1.0
    };
    std::iter::repeat_with(draw).take(length).collect()
}

fn cast<F: Real>(numbers: &[f64]) -> Vec<F> {
    numbers.iter().map(|&x| F::from_f64(x)).collect()
}

struct Case {
    spec: NetworkSpec,
    cost: Cost,
    smoothing: f64,
    rows: usize,
    weighted: bool,
    regularization: Regularization,
}

fn case(spec: NetworkSpec, cost: Cost, rows: usize) -> Case {
    Case { spec, cost, smoothing: 0.0, rows, weighted: false, regularization: Regularization::default() }
}

fn data<F: Real>(case: &Case) -> Dataset<F> {
    let outputs = case.spec.outputs();
    let targets = match case.cost {
        Cost::CrossEntropy => {
            let codes = (0..case.rows).map(|row| (row * 7 % outputs) as u32).collect();
            Targets::Classes { classes: outputs, codes }
        }
        Cost::BinaryCrossEntropy | Cost::Focal { .. } | Cost::Poisson => {
            let values = (0..case.rows * outputs).map(|i| F::from_f64((i % 2) as f64)).collect();
            Targets::Values { outputs, values }
        }
        _ => Targets::Values { outputs, values: cast(&numbers(2, case.rows * outputs)) },
    };
    let width = case.spec.input.dense;
    let mut data = Dataset::from_dense(width, cast(&numbers(1, case.rows * width)), targets);
    let shape = &case.spec.input;
    data.code_width = shape.codes();
    let cardinalities =
        shape.embedded.iter().map(|table| table.cardinality).chain(shape.one_hot.iter().copied());
    let cardinalities: Vec<usize> = cardinalities.collect();
    for row in 0..case.rows {
        // One code past the last now and then: a category that training did not see.
        data.codes.extend(cardinalities.iter().enumerate().map(|(i, n)| ((row + i) % (n + 1)) as u32));
    }
    if case.weighted {
        data.weights = Some((0..case.rows).map(|row| F::from_f64(0.5 + row as f64)).collect());
    }
    data
}

/// Takes every parameter apart and holds all levels against what was stored.
fn sweep<F: Real>(case: &Case, pass: Pass, reach: Reach) {
    sweep_some::<F>(case, pass, reach, 3, 1);
}

/// The same with weights drawn from `seed`, of every `stride`-th parameter of each tensor.
fn sweep_some<F: Real>(case: &Case, pass: Pass, reach: Reach, seed: u64, stride: usize) {
    let tolerance = tolerance::<F>();
    let mut network = case.spec.build::<F>(seed).unwrap();
    // Nothing at its start value: biases, scales, running statistics.
    let drawn = numbers(4, network.params().len());
    network.params_mut().iter_mut().zip(&drawn).for_each(|(p, &d)| *p += F::from_f64(0.3 * d));
    let drawn = numbers(5, network.buffers().len());
    network.buffers_mut().iter_mut().zip(&drawn).for_each(|(p, &d)| *p += F::from_f64(0.3 * d));
    let loss = Loss::new(case.cost, network.output_activation(), case.smoothing).unwrap();
    let data = data::<F>(case);
    let names = Names::default();
    let batch = data.range(0, case.rows);
    let pool = Pool::new(1);
    let anatomy = Anatomy::new(&pool, &network, &loss, &case.regularization, batch, pass, &names);
    let (mut moved, mut taken) = (0, 0);
    for tensor in network.tensors() {
        for index in (0..tensor.range.len()).step_by(stride) {
            let parameter = Parameter::at(tensor, index);
            taken += 1;
            let quantity = anatomy.take_apart(&parameter, reach).unwrap();
            let stored = anatomy.gradient()[tensor.range.start + index].to_f64();
            assert_eq!(quantity.value, stored, "{parameter}");
            let difference = quantity.largest_difference();
            assert!(difference <= tolerance, "{parameter} {pass:?}: {difference:e}\n{quantity:#?}");
            moved += usize::from(stored != 0.0);
        }
    }
    assert!(moved > taken / 3, "most gradients are not 0: {moved} of {taken}");
    // The stages multiply to the whole way's ratio.
    let flow = anatomy.flow();
    let product: f64 = flow.iter().map(|stage| stage.through_factor * stage.activation_factor).product();
    if let (Some(first), Some(last)) = (flow.first(), flow.last()) {
        let ratio = last.left / first.sent;
        assert!((product - ratio).abs() <= 1e-12 * ratio, "{product} {ratio}");
        for stage in &flow {
            let lost = stage.lost.saturated + stage.lost.dead + stage.lost.rest;
            let passed = stage.activation_factor.powi(2);
            assert!((lost + passed - 1.0).abs() < 20.0 * tolerance, "{stage:?}");
        }
    }
}

const TRAINING: Pass = Pass::Training { seed: 7, step: 3 };

fn cases() -> Vec<Case> {
    let spec = NetworkSpec::new;
    let penalties = Regularization { l1: 0.01, l2: 0.1, ..Regularization::default() };
    let mut cases = vec![
        case(spec(3).dense(1, Activation::Sigmoid), Cost::SquaredError, 1),
        case(spec(3).dense(4, Activation::Tanh).dense(2, Activation::Identity), Cost::SquaredError, 1),
        case(spec(3).dense(4, Activation::Silu).dense(3, Activation::Softmax), Cost::SquaredError, 2),
        case(spec(3).dense(4, Activation::Gelu).dense(3, Activation::Softmax), Cost::CrossEntropy, 5),
        case(spec(2).dense(5, Activation::Selu).dense(2, Activation::Sigmoid), Cost::BinaryCrossEntropy, 4),
        case(spec(2).dense(5, Activation::Tanh).dense(2, Activation::Sigmoid), Cost::Focal { gamma: 2.0 }, 4),
        case(spec(2).dense(5, Activation::Tanh).dense(2, Activation::Softmax), Cost::Focal { gamma: 2.0 }, 4),
        case(spec(2).dense(5, Activation::Elu { alpha: 1.5 }).dense(1, Activation::Exp), Cost::Poisson, 4),
        case(spec(2).dense(5, Activation::Mish).dense(1, Activation::Softplus), Cost::Poisson, 4),
        case(
            spec(2).dense(6, Activation::Relu).dense(1, Activation::Identity),
            Cost::Huber { delta: 0.2 },
            6,
        ),
        case(spec(2).dense(6, Activation::Relu).dense(1, Activation::Identity), Cost::Absolute, 6),
        case(
            spec(2).dense(6, Activation::Tanh).dense(1, Activation::Tanh),
            Cost::Pinball { quantile: 0.9 },
            6,
        ),
    ];
    let deep = || spec(3).dense(5, Activation::Tanh).dense(4, Activation::Sigmoid).dense(4, Activation::Relu);
    cases.push(Case {
        weighted: true,
        regularization: penalties,
        smoothing: 0.1,
        ..case(deep().dense(3, Activation::Softmax), Cost::CrossEntropy, 6)
    });
    let norms = [
        LayerSpec::BatchNorm { activation: Activation::Tanh },
        LayerSpec::LayerNorm { activation: Activation::Silu },
    ];
    for norm in norms {
        let hidden = spec(3).dense(5, Activation::Identity).with(norm).dropout(0.4);
        let spec = hidden.dense(4, Activation::Sigmoid).dropout(0.2).dense(2, Activation::Identity);
        cases.push(Case { weighted: true, ..case(spec, Cost::SquaredError, 7) });
    }
    // Categories: two learnt tables and two one-hot groups.
    let table = |cardinality, dimension| Embedded { cardinality, dimension };
    let shape = InputShape { dense: 2, embedded: vec![table(3, 2), table(4, 1)], one_hot: vec![2, 3] };
    let spec = NetworkSpec::on(shape).dense(4, Activation::Tanh).dense(3, Activation::Softmax);
    cases.push(Case { regularization: penalties, ..case(spec, Cost::CrossEntropy, 9) });
    cases
}

#[test]
fn the_parts_of_every_gradient_sum_to_what_training_stores() {
    for case in cases() {
        for pass in [Pass::Inference, TRAINING] {
            for reach in
                [Reach { top: 100, depth: 100 }, Reach { top: 2, depth: 1 }, Reach { top: 0, depth: 0 }]
            {
                sweep::<f64>(&case, pass, reach);
                sweep::<f32>(&case, pass, reach);
            }
        }
    }
}

/// Digits as 0, so that one place stands for all.
fn without_numbers(text: &str) -> String {
    let mut short = String::new();
    for letter in text.chars() {
        let letter = if letter.is_ascii_digit() { '0' } else { letter };
        if letter != '0' || !short.ends_with('0') {
            short.push(letter);
        }
    }
    short
}

/// The page puts the words of a ledger into another language, and goes by `fixtures/ledger.json` for what there is to put. Who
/// changes them writes the file anew with `DELTARULE_UPDATE_FIXTURES=1`; the page's own test then asks for the rest.
#[test]
fn every_word_of_a_ledger_is_kept_for_those_who_translate_it() {
    fn hear(of: &Quantity, said: &mut BTreeMap<&str, BTreeSet<String>>) {
        let formula = if let Parts::Formula { formula, .. } = &of.parts { Some(formula) } else { None };
        let told = [("symbols", Some(&of.symbol)), ("meanings", of.meaning.as_ref()), ("formulas", formula)];
        for (what, text) in told {
            let has_words =
                |text: &&String| text.split(|c: char| !c.is_ascii_alphabetic()).any(|word| word.len() > 2);
            said.entry(what).or_default().extend(text.filter(has_words).map(|text| without_numbers(text)));
        }
        of.children().iter().for_each(|part| hear(part, said));
    }
    let mut said = BTreeMap::new();
    let names = Names::default();
    for case in cases() {
        for pass in [Pass::Inference, TRAINING] {
            let network = case.spec.build::<f64>(3).unwrap();
            let loss = Loss::new(case.cost, network.output_activation(), case.smoothing).unwrap();
            let (data, pool) = (data::<f64>(&case), Pool::new(1));
            let batch = data.range(0, case.rows);
            let anatomy = Anatomy::new(&pool, &network, &loss, &case.regularization, batch, pass, &names);
            for tensor in network.tensors() {
                let parameter = Parameter::at(tensor, tensor.range.len() - 1);
                let reach = Reach { top: 100, depth: 100 };
                hear(&anatomy.take_apart(&parameter, reach).unwrap(), &mut said);
            }
        }
    }
    let kept = serde_json::json!(said);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/ledger.json");
    if std::env::var_os("DELTARULE_UPDATE_FIXTURES").is_some() {
        std::fs::write(path, format!("{kept:#}\n")).unwrap();
    }
    let file: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(
        file, kept,
        "the words are not those of fixtures/ledger.json: write it anew with DELTARULE_UPDATE_FIXTURES=1, then put the \
         new ones into web/src/messages/ledger.ko.ts"
    );
}

/// Sums of hundreds of terms, whose roundings add up: a network of the size that is trained, its weights drawn anew for each
/// seed.
#[test]
fn a_network_of_many_units_with_random_weights_holds_the_tolerance_in_both_precisions() {
    let norm = |activation| LayerSpec::BatchNorm { activation };
    let spec = NetworkSpec::new(64)
        .dense(128, Activation::Identity)
        .with(norm(Activation::Relu))
        .dropout(0.3)
        .dense(128, Activation::Identity)
        .with(norm(Activation::Tanh))
        .dropout(0.2)
        .dense(10, Activation::Softmax);
    let case = case(spec, Cost::CrossEntropy, 12);
    // Product by product, every seventh parameter; all the way to the cost, a few of each tensor.
    let near = (Reach { top: 0, depth: 0 }, 7);
    let far = (Reach { top: 3, depth: 9 }, 1_009);
    for seed in 1..=3 {
        for (reach, stride) in [near, far] {
            for pass in [Pass::Inference, TRAINING] {
                sweep_some::<f32>(&case, pass, reach, seed, stride);
                sweep_some::<f64>(&case, pass, reach, seed, stride);
            }
        }
    }
}

#[test]
fn one_sigmoid_unit_reads_as_the_textbook_line() {
    // ∂C/∂w_i = x_i · ŷ(1−ŷ) · (ŷ−y).
    let mut network = NetworkSpec::new(2).dense(1, Activation::Sigmoid).build::<f64>(1).unwrap();
    network.params_mut().copy_from_slice(&[0.5, -0.25, 0.1]);
    let data = Dataset::from_dense(2, vec![2.0, 1.0], Targets::Values { outputs: 1, values: vec![1.0] });
    let loss = Loss::new(Cost::SquaredError, Activation::Sigmoid, 0.0).unwrap();
    let names =
        Names { inputs: vec!["age".into(), "height".into()], outputs: vec!["ill".into()], rows: vec![] };
    let (pool, none) = (Pool::new(1), Regularization::default());
    let anatomy = Anatomy::new(&pool, &network, &loss, &none, data.range(0, 1), Pass::Inference, &names);
    let gradient = anatomy.take_apart(&Parameter::weight(0, 0, 0), Reach::default()).unwrap();
    let factors: Vec<_> = gradient.children().iter().map(|part| part.symbol.as_str()).collect();
    assert_eq!(factors, ["x[0]", "f'0[0]", "∂C/∂ŷ"]);
    assert_eq!(gradient.children()[0].meaning.as_deref(), Some("age"));
    let Parts::Formula { formula, .. } = &gradient.children()[1].parts else { panic!("{gradient:?}") };
    assert_eq!(formula, "a · (1 − a)");
    // z = 1 − 0.25 + 0.1 = 0.85; ŷ = 0.700567; 2 · 0.209773 · −0.299433 = −0.125626.
    assert!((gradient.value + 0.125_626).abs() < 1e-6, "{}", gradient.value);
    assert_eq!(gradient.meaning.as_deref(), Some("the weight from age to ill"));
}

#[test]
fn a_parameter_that_is_not_there_is_refused_with_the_shape() {
    let network = NetworkSpec::new(2)
        .dense(3, Activation::Tanh)
        .dense(1, Activation::Identity)
        .build::<f32>(1)
        .unwrap();
    let refused = |parameter: Parameter| parameter.find(&network).unwrap_err().to_string();
    let beyond = refused(Parameter::weight(0, 2, 0));
    assert!(beyond.contains("layers.0.w,2,0") && beyond.contains("[2, 3]: 0 to 1, then 0 to 2"), "{beyond}");
    let absent = refused(Parameter::bias(7, 0));
    assert!(absent.contains("layers.7.b,0") && absent.contains("layers.1.b [1]"), "{absent}");
}

#[test]
fn a_dead_unit_and_a_saturated_one_are_where_the_signal_went() {
    // Unit 0 of the first layer never fires (b = −9); of the second, unit 1 sits at σ(9).
    let spec = NetworkSpec::new(1)
        .dense(2, Activation::Relu)
        .dense(2, Activation::Sigmoid)
        .dense(1, Activation::Identity);
    let mut network = spec.build::<f64>(1).unwrap();
    let params = [1.0, 1.0, -9.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.0, 9.0, 1.0, 1.0, 0.0];
    network.params_mut().copy_from_slice(&params);
    let data =
        Dataset::from_dense(1, vec![0.5, 0.25], Targets::Values { outputs: 1, values: vec![0.0, 0.0] });
    let loss = Loss::new(Cost::SquaredError, Activation::Identity, 0.0).unwrap();
    let (pool, none, names) = (Pool::new(1), Regularization::default(), Names::default());
    let anatomy = Anatomy::new(&pool, &network, &loss, &none, data.range(0, 2), Pass::Inference, &names);
    let flow = anatomy.flow();
    assert_eq!(
        flow.iter().map(|stage| (stage.layer, stage.through)).collect::<Vec<_>>(),
        [(1, Through::Weights), (0, Through::Weights)]
    );
    // Both weights to the output are 1: half of the squared norm goes to each sigmoid, and the saturated half is lost.
    assert!((flow[0].lost.saturated - 0.5).abs() < 1e-6 && flow[0].lost.dead == 0.0, "{:?}", flow[0]);
    assert!((flow[1].lost.dead - 0.5).abs() < 1e-12 && flow[1].lost.rest == 0.0, "{:?}", flow[1]);
}

/// A table of two numbers and a word; in row 5 one number is `moved` further.
fn houses(moved: [f64; 2]) -> crate::table::Table {
    use crate::table::{Column, Table};
    let numbers = |step: usize, modulus: usize, by: f64| -> Vec<f64> {
        (0..80).map(|i| (i * step % modulus) as f64 * 1.7 + if i == 5 { by } else { 0.0 }).collect()
    };
    let (area, age) = (numbers(7, 41, moved[0]), numbers(5, 37, moved[1]));
    let price =
        (0..80).map(|i| 3.0 * (i * 7 % 41) as f64 - 0.02 * ((i * 5 % 37) as f64).powi(2) + (i % 3) as f64);
    let words: Vec<&str> = (0..80).map(|i| ["north", "south", "west"][i % 3]).collect();
    let columns = vec![
        Column::numbers("area", area),
        Column::numbers("age", age),
        Column::words("side", &words),
        Column::numbers("price", price.collect()),
    ];
    Table::new("houses", columns).unwrap()
}

#[test]
fn columns_have_the_gradient_that_moving_them_has() {
    use crate::config::{Config, resolve};
    use crate::model::Members;

    for numbers in ["plain", "piecewise"] {
        let mut config = Config::default();
        let settings = [
            ("target", "price"),
            ("hidden", "6,5"),
            ("activation", "tanh"),
            ("precision", "f64"),
            ("epochs", "15"),
        ];
        for (key, value) in settings.into_iter().chain([("numeric_encoding", numbers)]) {
            config.set(key, value).unwrap();
        }
        let table = houses([0.0; 2]);
        let model = crate::run::fit(table.clone(), &config).unwrap().model;
        let Members::F64(networks) = model.members() else { panic!("trained in f64") };
        let config = model.config();
        let (loss, penalties) = (resolve::loss(config).unwrap(), resolve::regularization(config));
        let data = model.encoder().encode::<f64>(&table, &[5]).unwrap();
        let (pool, names) = (Pool::new(1), Names::default());
        let anatomy =
            Anatomy::new(&pool, &networks[0], &loss, &penalties, data.range(0, 1), Pass::Inference, &names);
        let gradient = anatomy.input_gradient(&pool, 0);
        let shares = gradient.by_column(model.encoder(), &table, &[5]).unwrap();
        let predicted = |moved| model.predict(&pool, &houses(moved)).unwrap().values()[5];
        let step = 1e-5;
        for (column, moved) in [("area", [step, 0.0]), ("age", [0.0, step])] {
            let numeric = (predicted(moved) - predicted(moved.map(|by: f64| -by))) / (2.0 * step);
            let share = shares.iter().find(|share| share.column == column).unwrap();
            let analytic = share.gradient.unwrap();
            assert!(numeric.abs() > 1e-6, "{numbers} {column}: {numeric}");
            assert!(
                (analytic - numeric).abs() <= 1e-4 * numeric.abs(),
                "{numbers} {column}: {analytic} {numeric}"
            );
            assert_eq!(share.magnitude, Some(analytic.abs()));
        }
        let side = shares.iter().find(|share| share.column == "side").unwrap();
        assert!(side.gradient.is_none() && side.times_input != 0.0, "{side:?}");
        // Over several rows: the mean.
        let rows = [5, 6, 9];
        let data = model.encoder().encode::<f64>(&table, &rows).unwrap();
        let anatomy =
            Anatomy::new(&pool, &networks[0], &loss, &penalties, data.range(0, 3), Pass::Inference, &names);
        let all = anatomy.input_gradient(&pool, 0).by_column(model.encoder(), &table, &rows).unwrap();
        let each: f64 = rows
            .iter()
            .map(|&row| {
                let data = model.encoder().encode::<f64>(&table, &[row]).unwrap();
                let batch = data.range(0, 1);
                let one =
                    Anatomy::new(&pool, &networks[0], &loss, &penalties, batch, Pass::Inference, &names);
                let shares = one.input_gradient(&pool, 0).by_column(model.encoder(), &table, &[row]).unwrap();
                shares.iter().find(|share| share.column == "area").unwrap().gradient.unwrap()
            })
            .sum();
        let area = all.iter().find(|share| share.column == "area").unwrap();
        assert!((area.gradient.unwrap() - each / 3.0).abs() <= 1e-9 * each.abs(), "{area:?} {each}");
    }
}

#[test]
fn of_a_softmax_the_gradients_of_all_outputs_sum_to_0() {
    let case = case(
        NetworkSpec::new(3).dense(4, Activation::Tanh).dense(3, Activation::Softmax),
        Cost::CrossEntropy,
        4,
    );
    let network = case.spec.build::<f64>(3).unwrap();
    let loss = Loss::new(case.cost, Activation::Softmax, 0.0).unwrap();
    let data = data::<f64>(&case);
    let (pool, names) = (Pool::new(1), Names::default());
    let anatomy =
        Anatomy::new(&pool, &network, &loss, &case.regularization, data.range(0, 4), Pass::Inference, &names);
    let all: Vec<_> = (0..3).map(|output| anatomy.input_gradient(&pool, output)).collect();
    for cell in 0..12 {
        let sum: f64 = all.iter().map(|one| one.gradient[cell]).sum();
        assert!(sum.abs() < 1e-15 && all[0].gradient[cell] != 0.0, "{sum}");
        assert_eq!(all[0].x[cell], data.dense[cell]);
    }
}
