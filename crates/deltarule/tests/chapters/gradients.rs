//! The engine's gradients against the chain rule written out.

use deltarule::dataset::{Dataset, Targets};
use deltarule::network::NetworkSpec;
use deltarule::optimizer::OptimizerSpec;
use deltarule::trainer::TrainerSettings;
use deltarule::{Activation, Pool};

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

fn one_row_at_a_time() -> TrainerSettings {
    let loss = crate::squared_error(Activation::Sigmoid);
    TrainerSettings::new(loss, OptimizerSpec::GradientDescent, 1.0, 1, 1)
}

fn assert_near(what: &str, got: f64, expected: f64) {
    assert!((got - expected).abs() <= 1e-12, "{what}: {got} against {expected}");
}

/// ∂C/∂w_i = x_i · ŷ(1−ŷ) · (ŷ−y), ∂C/∂b = ŷ(1−ŷ) · (ŷ−y).
#[test]
fn the_perceptrons_gradient_is_the_textbook_product_term_by_term() {
    let pool = Pool::new(1);
    for seed in 0..20_u64 {
        let x: Vec<f64> = (0..5).map(|i| (1.3 * i as f64 + seed as f64).sin() * 2.0).collect();
        let y = (seed as f64 / 7.0).cos();
        let row = crate::rows(5, x.clone(), vec![y]);
        let spec = NetworkSpec::new(5).dense(1, Activation::Sigmoid);
        let mut trainer = crate::trainer::<f64>(&pool, &spec, seed, one_row_at_a_time());
        let batch = row.range(0, 1);
        trainer.forward(&batch);
        let cost = trainer.cost(&batch);
        trainer.backward(&batch);

        let params = trainer.network().params();
        let z = x.iter().zip(params).map(|(x, w)| x * w).sum::<f64>() + params[5];
        let a = sigmoid(z);
        assert_near("C", cost, 0.5 * (a - y) * (a - y));
        for (i, &gradient) in trainer.gradients().iter().enumerate() {
            let x_i = x.get(i).copied().unwrap_or(1.0); // b's input is 1
            assert_near(&format!("seed {seed}, input {i}"), gradient, x_i * (a * (1.0 - a)) * (a - y));
        }
    }
}

/// ∂C/∂ŷ1_j = Σ_k w2_jk · f'(z2_k) · ∂C/∂ŷ2_k, and the gradients of both layers that follow from it.
#[test]
fn the_two_layer_recursion_in_plain_loops_is_the_engines() {
    const INPUTS: usize = 3;
    const HIDDEN: usize = 5;
    const OUTPUTS: usize = 2;
    let pool = Pool::new(1);
    let spec =
        NetworkSpec::new(INPUTS).dense(HIDDEN, Activation::Sigmoid).dense(OUTPUTS, Activation::Sigmoid);
    for seed in 0..20 {
        let x: [f64; INPUTS] = [0, 1, 2].map(|i| (f64::from(i) + seed as f64).cos() * 2.0);
        let y: [f64; OUTPUTS] = [0.9, -0.3];
        let targets = Targets::Values { outputs: OUTPUTS, values: y.to_vec() };
        let row = Dataset::from_dense(INPUTS, x.to_vec(), targets);
        let mut trainer = crate::trainer::<f64>(&pool, &spec, seed, one_row_at_a_time());
        let batch = row.range(0, 1);
        trainer.forward(&batch);
        trainer.cost(&batch);
        trainer.backward_layer(&batch, 1);
        let engine_to_y1 = trainer.workspace().kept[0].delta[..HIDDEN].to_vec();
        trainer.backward_layer(&batch, 0);

        let params = trainer.network().params();
        let (w1, rest) = params.split_at(INPUTS * HIDDEN);
        let (b1, rest) = rest.split_at(HIDDEN);
        let (w2, b2) = rest.split_at(HIDDEN * OUTPUTS);
        let (mut y1, mut y2) = ([0.0; HIDDEN], [0.0; OUTPUTS]);
        for j in 0..HIDDEN {
            y1[j] = sigmoid((0..INPUTS).map(|i| x[i] * w1[i * HIDDEN + j]).sum::<f64>() + b1[j]);
        }
        for k in 0..OUTPUTS {
            y2[k] = sigmoid((0..HIDDEN).map(|j| y1[j] * w2[j * OUTPUTS + k]).sum::<f64>() + b2[k]);
        }
        let delta2: [f64; OUTPUTS] = std::array::from_fn(|k| y2[k] * (1.0 - y2[k]) * (y2[k] - y[k]));
        let mut expected = vec![0.0; params.len()];
        for j in 0..HIDDEN {
            let to_y1: f64 = (0..OUTPUTS).map(|k| w2[j * OUTPUTS + k] * delta2[k]).sum();
            assert_near(&format!("seed {seed}, ∂C/∂ŷ1_{j}"), engine_to_y1[j], to_y1);
            let delta1 = y1[j] * (1.0 - y1[j]) * to_y1;
            for i in 0..INPUTS {
                expected[i * HIDDEN + j] = x[i] * delta1;
            }
            expected[INPUTS * HIDDEN + j] = delta1;
            for k in 0..OUTPUTS {
                expected[(INPUTS + 1) * HIDDEN + j * OUTPUTS + k] = y1[j] * delta2[k];
            }
        }
        expected[params.len() - OUTPUTS..].copy_from_slice(&delta2);
        for (at, (&gradient, expected)) in trainer.gradients().iter().zip(expected).enumerate() {
            assert_near(&format!("seed {seed}, parameter {at}"), gradient, expected);
        }
    }
}
