//! The derivatives that are taken from the activation, against formulas and finite differences.

use deltarule::Activation;
use deltarule::activation::NAMES;

/// Places between −8 and 8, none nearer than 0.02 to 0, where some functions have a kink.
fn places() -> impl Iterator<Item = f64> {
    (0..400).map(|step| -8.0 + 16.0 * (f64::from(step) + 0.5) / 400.0)
}

#[test]
fn sigmoids_derivative_is_a_times_1_minus_a_and_at_most_a_quarter() {
    for z in places() {
        let a: f64 = Activation::Sigmoid.value(z);
        assert!((a - 1.0 / (1.0 + (-z).exp())).abs() < 1e-15);
        let derivative = Activation::Sigmoid.derivative(z, a);
        assert!((derivative - a * (1.0 - a)).abs() < 1e-16);
        assert!(derivative <= 0.25);
    }
    assert_eq!(Activation::Sigmoid.derivative(0.0, 0.5), 0.25);
}

#[test]
fn relus_derivative_is_0_or_1() {
    for z in places() {
        let a: f64 = Activation::Relu.value(z);
        assert_eq!(a, if z > 0.0 { z } else { 0.0 });
        assert_eq!(Activation::Relu.derivative(z, a), if z > 0.0 { 1.0 } else { 0.0 });
    }
}

#[test]
fn every_derivative_agrees_with_finite_differences() {
    const H: f64 = 1e-5;
    for (name, f) in NAMES {
        if f == Activation::Softmax {
            continue; // its derivative is a matrix over the row
        }
        for z in places() {
            let exact: f64 = f.derivative(z, f.value(z));
            let numeric = (f.value(z + H) - f.value(z - H)) / (2.0 * H);
            // h²·f‴/6 + ε·|f|/h ≈ 1e-10.
            let apart = (exact - numeric).abs() / exact.abs().max(1.0);
            assert!(apart < 1e-9, "{name} at {z}: {exact} against {numeric}");
        }
    }
}
