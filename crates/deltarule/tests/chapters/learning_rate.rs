//! A learning rate too small, right, and too large.

use deltarule::control::Unattended;
use deltarule::dataset::Dataset;
use deltarule::event::Event;
use deltarule::network::NetworkSpec;
use deltarule::{Activation, ErrorKind, Pool, Result};

/// sin(3x) at 64 places.
fn sine() -> Dataset<f64> {
    let x: Vec<f64> = (0..64).map(|i| -1.0 + 2.0 * f64::from(i) / 63.0).collect();
    let y = x.iter().map(|x| (3.0 * x).sin()).collect();
    crate::rows(1, x, y)
}

/// The cost of each epoch of a network 1-16-1, as far as it got, and how it ended.
fn costs(learning_rate: f64, epochs: u64) -> (Vec<f64>, Result<()>) {
    let (pool, rows) = (Pool::new(1), sine());
    let spec = NetworkSpec::new(1).dense(16, Activation::Tanh).dense(1, Activation::Identity);
    let settings = crate::full_batch(Activation::Identity, &rows, learning_rate, epochs);
    let mut trainer = crate::trainer::<f64>(&pool, &spec, 3, settings);
    let mut costs = Vec::new();
    let mut note = |event: &Event| {
        if let Event::Epoch { cost, .. } = event {
            costs.push(*cost);
        }
    };
    let ended = trainer.run("sine", &rows, None, &mut note, &mut Unattended, &mut |_, _| Ok(None));
    (costs, ended.map(|_| ()))
}

fn rises(costs: &[f64]) -> usize {
    costs.windows(2).filter(|pair| pair[1] > pair[0]).count()
}

/// On C = ½w² a step is w ← (1 − η)·w: at 1 it is there at once, up to 2 it jumps from side to side on its way, above 2
/// each jump is larger than the last.
#[test]
fn one_weight_follows_its_formula() {
    let rows = crate::rows(1, vec![1.0], vec![0.0]);
    let pool = Pool::new(1);
    // b is moved as w is (its input is 1 too), so w + b ← (1 − 2η)·(w + b): η of one weight is half of it here.
    for eta in [0.01, 0.5, 1.0, 1.9, 2.1] {
        let spec = NetworkSpec::new(1).dense(1, Activation::Identity);
        let settings = crate::full_batch(Activation::Identity, &rows, eta / 2.0, 1);
        let mut trainer = crate::trainer::<f64>(&pool, &spec, 1, settings);
        let mut expected: f64 = trainer.network().params().iter().sum();
        for _ in 0..20 {
            trainer.step(&rows.range(0, 1), eta / 2.0);
            expected *= 1.0 - eta;
            let got: f64 = trainer.network().params().iter().sum();
            assert!((got - expected).abs() < 1e-12, "η = {eta}: {got} against {expected}");
        }
    }
}

#[test]
fn too_small_hardly_moves_and_never_rises() {
    let (slow, ended) = costs(0.001, 100);
    let (right, _) = costs(0.3, 100);
    assert!(ended.is_ok() && rises(&slow) == 0);
    assert!(slow[99] > 0.8 * slow[0], "{} of {}", slow[99], slow[0]);
    assert!(right[99] < 0.4 * right[0], "{} of {}", right[99], right[0]);
}

#[test]
fn the_right_one_falls_steadily_and_far() {
    let (costs, ended) = costs(0.3, 2000);
    assert!(ended.is_ok());
    assert_eq!(rises(&costs), 0);
    assert!(costs[1999] < 0.01 * costs[0], "{}", costs[1999]);
}

#[test]
fn too_large_jumps() {
    let (costs, ended) = costs(1.0, 2000);
    assert!(ended.is_ok());
    assert!(rises(&costs) > 100, "{} rises", rises(&costs));
    let jump = costs.windows(2).map(|pair| pair[1] / pair[0]).fold(0.0, f64::max);
    assert!(jump > 2.0, "the largest jump is to {jump} times the cost");
}

#[test]
fn far_too_large_leaves_the_finite_numbers_and_says_so() {
    let (costs, ended) = costs(2.0, 2000);
    assert!(matches!(ended.expect_err("no finite cost").kind(), ErrorKind::NonFinite { .. }));
    assert!(costs.iter().all(|cost| cost.is_finite()));
    assert!(costs.last() > costs.first());
}
