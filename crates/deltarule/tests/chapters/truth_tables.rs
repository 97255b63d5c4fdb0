//! A perceptron learns AND and OR and cannot learn XOR; a hidden layer can.

use deltarule::dataset::Dataset;
use deltarule::network::NetworkSpec;
use deltarule::{Activation, Pool};

const SEEDS: std::ops::Range<u64> = 0..20;

fn truth_table(y: [f64; 4]) -> Dataset<f64> {
    crate::rows(2, vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], y.to_vec())
}

/// How many of the four rows are on their side of ½ after training, and the cost.
fn trained(spec: &NetworkSpec, y: [f64; 4], seed: u64, learning_rate: f64, epochs: u64) -> (usize, f64) {
    let (pool, rows) = (Pool::new(1), truth_table(y));
    let settings = crate::full_batch(Activation::Sigmoid, &rows, learning_rate, epochs);
    let mut trainer = crate::trainer::<f64>(&pool, spec, seed, settings);
    let cost = trainer.run_quietly(&rows).expect("finite numbers").cost;
    let a = crate::outputs(&pool, trainer.network(), &rows);
    (a.iter().zip(y).filter(|&(&a, y)| (a > 0.5) == (y == 1.0)).count(), cost)
}

#[test]
fn a_perceptron_learns_and_and_or() {
    let perceptron = NetworkSpec::new(2).dense(1, Activation::Sigmoid);
    for seed in SEEDS {
        for y in [[0.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 1.0]] {
            let (right, cost) = trained(&perceptron, y, seed, 2.0, 4000);
            assert_eq!(right, 4, "{y:?}, seed {seed}");
            // ½·0.05² = 0.00125: on average every output is within about 0.05 of its target.
            assert!(cost < 0.00125, "{y:?}, seed {seed}: {cost}");
        }
    }
}

#[test]
fn a_perceptron_never_learns_xor() {
    let perceptron = NetworkSpec::new(2).dense(1, Activation::Sigmoid);
    for seed in SEEDS {
        let (right, cost) = trained(&perceptron, [0.0, 1.0, 1.0, 0.0], seed, 2.0, 2000);
        assert!(right < 4, "seed {seed}");
        // The least that any line reaches is ŷ = ½ for every row: ½·¼ = 0.125 each.
        assert!((0.125 - 1e-9..0.127).contains(&cost), "seed {seed}: {cost}");
    }
}

#[test]
fn one_hidden_layer_learns_xor() {
    let network = NetworkSpec::new(2).dense(4, Activation::Tanh).dense(1, Activation::Sigmoid);
    for seed in SEEDS {
        let (right, cost) = trained(&network, [0.0, 1.0, 1.0, 0.0], seed, 2.0, 4000);
        assert_eq!(right, 4, "seed {seed}");
        assert!(cost < 0.00125, "seed {seed}: {cost}");
    }
}
