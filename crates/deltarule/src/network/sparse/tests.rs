//! Sparse rows against the same rows as a matrix, to the bit.

use deltarule_kernels::{Pool, Real};
use proptest::prelude::*;

use crate::activation::Activation;
use crate::dataset::{Batch, Dataset, Embedded, InputShape, SparseRows, Targets};
use crate::error::ErrorKind;
use crate::explain::{Anatomy, Names};
use crate::gradient_check::{check, check_single};
use crate::layer::Pass;
use crate::loss::{Cost, Loss};
use crate::model::Predictor;
use crate::network::{Inference, LayerSpec, Network, NetworkSpec};
use crate::optimizer::{OptimizerSpec, Regularization};
use crate::trainer::{Trainer, TrainerSettings};

/// The same rows twice: sparse, and as a matrix. One number in `every` is held; the first row and the last column are empty.
fn rows<F: Real>(count: usize, width: usize, every: usize, one_hot: usize) -> [Dataset<F>; 2] {
    let number = |cell: usize| (cell.wrapping_mul(2_654_435_761) >> 7) % 1000;
    let (mut starts, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    let mut dense = vec![F::ZERO; count * width];
    for row in 0..count {
        for column in 0..width.saturating_sub(1) {
            let cell = row * width + column;
            if row > 0 && number(cell).is_multiple_of(every) {
                // One of those that are held is 0.
                let value = F::from_f64(if number(cell + 7) < 50 {
                    0.0
                } else {
                    number(cell + 1) as f64 / 500.0 - 1.0
                });
                dense[cell] = value;
                indices.push(column as u32);
                values.push(value);
            }
        }
        starts.push(values.len());
    }
    let targets = Targets::Classes { classes: 3, codes: (0..count as u32).map(|row| row * 7 % 3).collect() };
    let mut sparse = Dataset::from_sparse(SparseRows::new(width, starts, indices, values), targets.clone());
    let mut matrix = Dataset::from_dense(width, dense, targets);
    for data in [&mut sparse, &mut matrix] {
        if one_hot > 0 {
            data.code_width = 1;
            data.codes = (0..count as u32).map(|row| row % (one_hot as u32 + 1)).collect();
        }
        data.weights = Some((0..count).map(|row| F::from_f64(0.5 + (row % 4) as f64 / 4.0)).collect());
    }
    [sparse, matrix]
}

fn shape(dense: usize, one_hot: usize) -> InputShape {
    InputShape { dense, embedded: Vec::new(), one_hot: if one_hot > 0 { vec![one_hot] } else { Vec::new() } }
}

fn network<F: Real>(input: InputShape, hidden: &[usize]) -> Network<F> {
    let mut spec = NetworkSpec::on(input);
    for &units in hidden {
        spec = spec.dense(units, Activation::Tanh);
    }
    spec.dense(3, Activation::Softmax).build(5).unwrap()
}

fn settings(optimizer: &str, batch: usize) -> TrainerSettings {
    let loss = Loss::new(Cost::CrossEntropy, Activation::Softmax, 0.0).unwrap();
    let optimizer = OptimizerSpec::by_name(optimizer).unwrap();
    TrainerSettings { telemetry: true, ..TrainerSettings::new(loss, optimizer, 0.05, batch, 3) }
}

fn bits<F: Real>(numbers: &[F]) -> Vec<u64> {
    numbers.iter().map(|number| number.to_f64().to_bits()).collect()
}

/// Parameters after three epochs over sparse rows and over the same rows as a matrix.
fn trained<F: Real>(
    pool: &Pool,
    network: &Network<F>,
    data: &[Dataset<F>; 2],
    settings: &TrainerSettings,
) -> [Vec<u64>; 2] {
    [0, 1].map(|kind| {
        let network = network.clone();
        let mut trainer = if kind == 0 {
            Trainer::of_sparse_rows(pool, network, settings.clone()).unwrap()
        } else {
            Trainer::new(pool, network, settings.clone()).unwrap()
        };
        trainer.run_quietly(&data[kind]).unwrap();
        bits(trainer.network().params())
    })
}

#[test]
fn every_optimizer_trains_to_the_same_bits() {
    let pool = Pool::new(2);
    let data = rows::<f32>(150, 90, 9, 4);
    for optimizer in ["sgd", "momentum", "adam", "rmsprop", "lbfgs"] {
        for (batch, l2) in [(32, 0.0), (32, 0.01), (1000, 0.0), (1, 0.0)] {
            if batch == 1 && optimizer != "sgd" {
                continue;
            }
            let mut settings = settings(optimizer, batch);
            settings.regularization = Regularization { l2, ..Regularization::default() };
            let [sparse, matrix] = trained(&pool, &network(shape(90, 4), &[70, 20]), &data, &settings);
            assert!(sparse == matrix, "{optimizer}, batches of {batch}, l2 {l2}");
            assert_ne!(sparse, bits(network::<f32>(shape(90, 4), &[70, 20]).params()), "{optimizer}");
        }
    }
}

#[test]
fn a_trainer_that_was_made_for_matrices_takes_sparse_rows_too() {
    let pool = Pool::new(1);
    let [sparse, matrix] = rows::<f64>(40, 600, 20, 0);
    let run = |data: &Dataset<f64>| {
        let mut trainer = Trainer::new(&pool, network(shape(600, 0), &[16]), settings("adam", 8)).unwrap();
        trainer.run_quietly(data).unwrap();
        // By hand as well, the phases one by one.
        for from in [0, 20] {
            let batch = data.range(from, from + 8);
            trainer.forward(&batch);
            trainer.cost(&batch);
            trainer.backward(&batch);
            trainer.update(8, 0.01);
        }
        bits(trainer.network().params())
    };
    assert!(run(&sparse) == run(&matrix));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_shape_trains_and_predicts_to_the_same_bits(
        count in 1_usize..60, width in 1_usize..80, every in 1_usize..12, one_hot in 0_usize..4,
        hidden in proptest::collection::vec(1_usize..40, 0..3), batch in 1_usize..70, threads in 1_usize..4,
        adam: bool,
    ) {
        let pool = Pool::new(threads);
        let data = rows::<f32>(count, width, every, one_hot);
        let network = network(shape(width, one_hot), &hidden);
        let settings = settings(if adam { "adam" } else { "sgd" }, batch);
        let [sparse, matrix] = trained(&pool, &network, &data, &settings);
        prop_assert!(sparse == matrix);
        let outputs = |data: &Dataset<f32>, of_sparse: bool| {
            let batch = data.range(0, count);
            let (mut z, mut a) = (vec![0.0; count * 3], vec![0.0; count * 3]);
            let mut inference = if of_sparse {
                Inference::of_sparse_rows(&network, &pool, count)
            } else {
                Inference::new(&network, &pool, count)
            };
            inference.run(&network, &pool, &batch, &mut z, &mut a);
            let few = count.min(inference.most_at_once());
            let first = inference.few(&network, &pool, &data.range(0, few)).to_vec();
            assert_eq!(bits(&first), bits(&a[..few * 3]));
            (bits(&z), bits(&a))
        };
        let expected = outputs(&data[1], false);
        for of_sparse in [false, true] {
            prop_assert!(outputs(&data[0], of_sparse) == expected);
        }
        let mut predicted = vec![0.0; count * 3];
        let sparse = data[0].sparse.as_ref().unwrap().all();
        Predictor::on(network.clone(), Pool::new(threads)).predict_sparse_rows(sparse, &data[0].codes, &mut predicted);
        prop_assert!(bits(&predicted) == expected.1);
    }
}

#[test]
fn gradients_are_checked_and_taken_apart_as_those_of_a_matrix() {
    let pool = Pool::new(1);
    let [sparse, matrix] = rows::<f64>(12, 30, 5, 2);
    let network = network::<f64>(shape(30, 2), &[6]);
    let (loss, none) = (settings("sgd", 1).loss, Regularization::default());
    let of = |data: &Dataset<f64>| {
        let batch = data.range(0, 12);
        let names = Names::default();
        let anatomy = Anatomy::new(&pool, &network, &loss, &none, batch, Pass::Inference, &names);
        (
            check(&pool, &network, &loss, &none, batch, Pass::Inference, usize::MAX),
            check_single(&pool, &network, &loss, &none, data, Pass::Inference),
            anatomy.gradient().to_vec(),
            anatomy.input_gradient(&pool, 1),
        )
    };
    let (told, expected) = (of(&sparse), of(&matrix));
    assert!(told.0.passed() && told.1.is_within());
    assert_eq!(told, expected);
    // ∂ŷ/∂x of every column, whether a row holds it or not.
    let dx = |batch: &Batch<'_, f64>| {
        let (mut ws, mut dx) = (network.workspace(12), vec![0.0; 12 * 30]);
        network.forward(&pool, &mut ws, batch, Pass::Inference);
        network.delta_of_output(&mut ws, 12, 1);
        network.backward(&pool, &mut ws, batch, 1.0, &mut vec![0.0; network.params().len()]);
        network.input_gradient(&pool, &mut ws, batch, &mut dx);
        dx
    };
    assert_eq!(dx(&sparse.range(0, 12)), dx(&matrix.range(0, 12)));
}

#[test]
fn a_number_that_is_not_finite_is_found_in_the_input() {
    let pool = Pool::new(1);
    let sparse = SparseRows::new(5, vec![0, 1, 2], vec![3, 1], vec![1.0_f32, f32::INFINITY]);
    let data = Dataset::from_sparse(sparse, Targets::Classes { classes: 3, codes: vec![0, 1] });
    let mut trainer = Trainer::of_sparse_rows(&pool, network(shape(5, 0), &[4]), settings("sgd", 2)).unwrap();
    let error = trainer.run_quietly(&data).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NonFinite { phase, .. } if phase == "input"), "{error}");
}

#[test]
fn layers_that_would_make_a_matrix_of_the_rows_are_refused() {
    let pool = Pool::new(1);
    let [data, _] = rows::<f32>(8, 5, 2, 0);
    let (relu, softmax) = (Activation::Relu, Activation::Softmax);
    let table = InputShape { embedded: vec![Embedded { cardinality: 3, dimension: 2 }], ..shape(5, 0) };
    for (spec, kind) in [
        (NetworkSpec::new(5).dropout(0.5).dense(3, softmax), "dropout"),
        (NetworkSpec::new(5).with(LayerSpec::BatchNorm { activation: relu }).dense(3, softmax), "batch_norm"),
        (NetworkSpec::on(table).dense(3, softmax), "embedding"),
    ] {
        let network = spec.build::<f32>(1).unwrap();
        let error = Trainer::of_sparse_rows(&pool, network.clone(), settings("sgd", 4)).unwrap_err();
        assert!(error.to_string().contains(kind) && error.to_string().contains("sparse rows"), "{error}");
        let mut trainer = Trainer::new(&pool, network, settings("sgd", 4)).unwrap();
        let error = trainer.run_quietly(&data).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Conflict { .. }), "{error}");
    }
}
