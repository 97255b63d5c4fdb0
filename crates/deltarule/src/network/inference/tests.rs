use deltarule_kernels::{Activation, InstructionSet};

use super::*;
use crate::dataset::{Embedded, InputShape, TargetsView};
use crate::network::{LayerSpec, NetworkSpec};

/// A network with a layer of every kind, its biases and running statistics drawn as well.
fn everything<F: Real>() -> Network<F> {
    let input = InputShape {
        dense: 5,
        embedded: vec![Embedded { cardinality: 4, dimension: 3 }],
        one_hot: vec![3, 2],
    };
    let mut network: Network<F> = NetworkSpec::on(input)
        .dense(37, Activation::Relu)
        .with(LayerSpec::BatchNorm { activation: Activation::Tanh })
        .dropout(0.5)
        .dense(70, Activation::Gelu)
        .with(LayerSpec::LayerNorm { activation: Activation::Identity })
        .dense(3, Activation::Softmax)
        .build(7)
        .unwrap();
    let jitter = |i: usize| F::from_f64((i % 11) as f64 * 0.01);
    network.params_mut().iter_mut().enumerate().for_each(|(i, p)| *p += jitter(i));
    network.buffers_mut().iter_mut().enumerate().for_each(|(i, b)| *b += jitter(i));
    network
}

fn numbers<F: Real>(count: usize) -> Vec<F> {
    (0..count).map(|i| F::from_f64(((i * 37) % 101) as f64 / 50.0 - 1.0)).collect()
}

fn agrees_with_the_forward_pass<F: Real>(network: &Network<F>, pool: &Pool, rows: usize) {
    agrees_on(network, pool, rows, &numbers(rows * network.spec().input.dense));
}

fn agrees_on<F: Real>(network: &Network<F>, pool: &Pool, rows: usize, dense: &[F]) {
    let input = &network.spec().input;
    let codes: Vec<u32> = (0..rows * input.codes()).map(|i| (i * 7 % 5) as u32).collect();
    let targets = TargetsView::Values { outputs: 0, values: &[] };
    let batch = Batch { rows, dense, sparse: None, codes: &codes, targets, weights: None };
    let mut workspace = network.workspace(rows);
    network.forward(pool, &mut workspace, &batch, Pass::Inference);
    let (z, a) = network.output(&workspace, rows);
    let bits = |numbers: &[F]| numbers.iter().map(|n| n.to_f64().to_bits()).collect::<Vec<_>>();
    let mut inference = Inference::new(network, pool, usize::MAX);
    let (mut got_z, mut got_a) = (vec![F::NAN; z.len()], vec![F::NAN; a.len()]);
    inference.run(network, pool, &batch, &mut got_z, &mut got_a);
    let what = format!("{rows} rows, {pool:?}");
    assert_eq!((bits(&got_z), bits(&got_a)), (bits(z), bits(a)), "{what}");
    got_a.fill(F::NAN);
    inference.run(network, pool, &batch, &mut [], &mut got_a);
    assert_eq!(bits(&got_a), bits(a), "{what}, no logits");
    got_a.fill(F::NAN);
    Inference::new(network, pool, 5).run(network, pool, &batch, &mut [], &mut got_a);
    assert_eq!(bits(&got_a), bits(a), "{what}, more rows than were announced");
    if rows <= inference.most_at_once() {
        assert_eq!(bits(inference.few(network, pool, &batch)), bits(a), "{what}, at once");
    }
}

#[test]
fn the_bits_are_those_of_the_forward_pass_for_any_number_of_rows_and_threads() {
    for isa in InstructionSet::available() {
        for threads in [1, 2, 3] {
            let pool = Pool::with_instruction_set(threads, isa);
            for rows in [1, 2, 13, 27, 28, 41, 112, 113, 300] {
                agrees_with_the_forward_pass(&everything::<f32>(), &pool, rows);
            }
            agrees_with_the_forward_pass(&everything::<f64>(), &pool, 1);
            agrees_with_the_forward_pass(&everything::<f64>(), &pool, 230);
        }
    }
}

#[test]
fn wide_layers_are_shared_by_columns() {
    let network = NetworkSpec::new(600).dense(301, Activation::Relu).dense(1, Activation::Identity);
    let network: Network<f32> = network.build(3).unwrap();
    for threads in [1, 2, 3] {
        let pool = Pool::new(threads);
        for rows in [1, 2, 20, 200] {
            agrees_with_the_forward_pass(&network, &pool, rows);
            // And where most of the input is 0.
            let mut dense = numbers(rows * 600);
            dense.iter_mut().enumerate().filter(|(i, _)| i % 5 != 0).for_each(|(_, x)| *x = 0.0);
            agrees_on(&network, &pool, rows, &dense);
        }
    }
}

#[test]
fn a_nan_in_a_row_is_that_rows_alone() {
    let network: Network<f32> =
        NetworkSpec::new(3).dense(20, Activation::Tanh).dense(2, Activation::Identity).build(1).unwrap();
    let pool = Pool::new(1);
    let mut dense = numbers(3 * 3);
    dense[4] = f32::NAN;
    let targets = TargetsView::Values { outputs: 0, values: &[] };
    let batch = Batch { rows: 3, dense: &dense, sparse: None, codes: &[], targets, weights: None };
    let mut a = [0.0; 6];
    Inference::new(&network, &pool, 2).run(&network, &pool, &batch, &mut [], &mut a);
    let nothing = Batch { rows: 0, dense: &[], ..batch };
    Inference::new(&network, &pool, 2).run(&network, &pool, &nothing, &mut [], &mut []);
    let nan: Vec<bool> = a.iter().map(|a| a.is_nan()).collect();
    assert_eq!(nan, [false, false, true, true, false, false]);
}
