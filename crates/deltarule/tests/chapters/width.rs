//! One hidden layer approximates a function of one variable, the better the wider it is.

use deltarule::network::NetworkSpec;
use deltarule::optimizer::OptimizerSpec;
use deltarule::trainer::TrainerSettings;
use deltarule::{Activation, Pool};

#[test]
fn wider_layers_approximate_better() {
    let pool = Pool::new(1);
    let x: Vec<f64> = (0..101).map(|i| -1.0 + 2.0 * f64::from(i) / 100.0).collect();
    let y = x.iter().map(|x| (4.0 * (x + 1.0) * (x + 1.0)).sin() + 0.5 * x).collect();
    let rows = crate::rows(1, x, y);
    let rms = |width: usize| {
        let spec = NetworkSpec::new(1).dense(width, Activation::Tanh).dense(1, Activation::Identity);
        let loss = crate::squared_error(Activation::Identity);
        let best_of = |seed| {
            let settings = TrainerSettings::new(
                loss,
                OptimizerSpec::Lbfgs { history: 20, tolerance: 0.0 },
                1.0,
                101,
                500,
            );
            let mut trainer = crate::trainer::<f64>(&pool, &spec, seed, settings);
            (2.0 * trainer.run_quietly(&rows).expect("finite numbers").cost).sqrt()
        };
        (1..=6).map(best_of).fold(f64::INFINITY, f64::min)
    };
    let errors = [1, 2, 4].map(rms);
    for pair in errors.windows(2) {
        assert!(pair[1] < 0.9 * pair[0], "{errors:?}");
    }
    // f's standard deviation is about 0.75: one unit explains a part of it, four nearly all.
    assert!(errors[0] > 0.4 && errors[2] < 0.02, "{errors:?}");
}
