//! Updating after each sample, each mini-batch, the whole set: what is learnt from equally many samples.

use deltarule::dataset::{Dataset, Targets};
use deltarule::loss::{Cost, Loss};
use deltarule::network::NetworkSpec;
use deltarule::optimizer::OptimizerSpec;
use deltarule::table::{BundledOptions, ReadOptions, read};
use deltarule::trainer::TrainerSettings;
use deltarule::{Activation, Pool};

fn moons() -> Dataset<f64> {
    let bundled = BundledOptions { rows: Some(512), seed: 1, ..BundledOptions::default() };
    let table = read("moons", &ReadOptions { bundled, ..ReadOptions::default() }).expect("bundled");
    let y = table.column("y").expect("its target");
    let x = (0..512).flat_map(|row| [table.number_at(row, 0), table.number_at(row, 1)]).collect();
    let values = (0..512).map(|row| f64::from(u8::from(y.word(row).as_deref() == Some("1")))).collect();
    Dataset::from_dense(2, x, Targets::Values { outputs: 1, values })
}

/// The mean cost over the rows of the last epoch, each as it was trained on, and the number of updates.
fn trained(rows: &Dataset<f64>, batch_size: usize, learning_rate: f64, epochs: u64) -> (f64, u64) {
    let pool = Pool::new(1);
    let spec = NetworkSpec::new(2).dense(16, Activation::Tanh).dense(1, Activation::Sigmoid);
    let loss = Loss::new(Cost::BinaryCrossEntropy, Activation::Sigmoid, 0.0).expect("a pair");
    let settings =
        TrainerSettings::new(loss, OptimizerSpec::GradientDescent, learning_rate, batch_size, epochs);
    let outcome = crate::trainer(&pool, &spec, 1, settings).run_quietly(rows).expect("finite numbers");
    (outcome.cost, outcome.steps)
}

/// Each with the rate that suits it best, so that none loses by its rate alone.
#[test]
fn from_equally_many_samples_smaller_batches_learn_more() {
    let rows = moons();
    let best = |batch_size: usize| {
        let rates = [0.03, 0.1, 0.3, 1.0, 3.0];
        rates.map(|rate| trained(&rows, batch_size, rate, 32).0).into_iter().fold(f64::INFINITY, f64::min)
    };
    let (online, mini, full) = (best(1), best(32), best(512));
    assert!(online < 0.9 * mini && mini < 0.9 * full, "{online} {mini} {full}");
}

#[test]
fn an_epoch_has_as_many_updates_as_batches() {
    let rows = moons();
    assert_eq!(trained(&rows, 1, 0.1, 1).1, 512);
    assert_eq!(trained(&rows, 32, 0.1, 1).1, 16);
    assert_eq!(trained(&rows, 500, 0.1, 1).1, 2);
    assert_eq!(trained(&rows, 512, 0.1, 1).1, 1);
}
