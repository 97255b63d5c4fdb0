//! Every activation on every instruction set of the machine against its definition in double precision.

use super::*;
use crate::{InstructionSet, reference};

const ALL: [Activation; 13] = [
    Activation::Identity,
    Activation::Sigmoid,
    Activation::Tanh,
    Activation::Relu,
    Activation::LeakyRelu { slope: 0.01 },
    Activation::Elu { alpha: 1.5 },
    Activation::Selu,
    Activation::Gelu,
    Activation::Silu,
    Activation::Mish,
    Activation::Softplus,
    Activation::Exp,
    Activation::Softmax,
];

fn pools() -> Vec<Pool> {
    InstructionSet::available().into_iter().map(|isa| Pool::with_instruction_set(1, isa)).collect()
}

/// A million bit patterns spread over all of f32, and the special ones.
fn all_of_f32() -> Vec<f32> {
    let special = [0.0, 1.0, 88.722_83, 88.722_84, 87.336_54, 87.336_55, 87.4, 104.0, 9.1, 1e-20];
    let special = special.into_iter().chain([f32::INFINITY, f32::NAN, f32::MIN_POSITIVE, f32::MAX, 1e-40]);
    let special = special.flat_map(|x| [x, -x]);
    special.chain((0..u32::MAX).step_by(4093).map(f32::from_bits)).collect()
}

/// The distance of `got` from `exact` in units in the last place of `exact`.
fn ulps(got: f32, exact: f64) -> f64 {
    let exponent = (exact.abs().to_bits() >> 52) as i32 - 1023;
    (f64::from(got) - exact).abs() / 2.0_f64.powi(exponent - 23)
}

fn within_four_ulps(f: fn(&Pool, &[f32], &mut [f32]), exact: fn(f64) -> f64) {
    let x = all_of_f32();
    for pool in pools() {
        let mut y = vec![0.0; x.len()];
        f(&pool, &x, &mut y);
        for (&x, &y) in x.iter().zip(&y) {
            let exact = exact(f64::from(x));
            let fits = if exact.is_nan() {
                y.is_nan()
            } else if exact.abs() > f64::from(f32::MAX) {
                y == f32::INFINITY
            } else if exact.abs() >= f64::from(f32::MIN_POSITIVE) {
                ulps(y, exact) <= 4.0
            } else {
                // Below the normal numbers: flushed, or at the border the smallest normal number.
                y == 0.0 || f64::from(y.abs() - f32::MIN_POSITIVE) <= 1e-44
            };
            assert!(fits, "{pool:?}: {y:e} for {exact:e} at {x:e}");
        }
    }
}

#[test]
fn exp_within_four_units_in_the_last_place() {
    within_four_ulps(exp, f64::exp);
}

#[test]
fn sigmoid_within_four_units_in_the_last_place() {
    within_four_ulps(sigmoid, |x| Activation::Sigmoid.value(x));
}

#[test]
fn tanh_within_four_units_in_the_last_place() {
    within_four_ulps(tanh, f64::tanh);
}

/// Numbers of both signs, many sizes, and a length that leaves a rest.
fn inputs() -> Vec<f32> {
    let small = (-400..=400).map(|i| i as f32 * 0.03 + 0.001);
    small.chain([-100.0, -88.0, -30.0, -1e-6, 0.0, 1e-6, 30.0, 88.0]).collect()
}

#[test]
fn forward_and_backward_equal_their_definitions() {
    let z = inputs();
    let z64: Vec<f64> = z.iter().map(|&z| f64::from(z)).collect();
    let upstream: Vec<f32> = (0..z.len()).map(|i| (i as f32 * 0.37).sin()).collect();
    for pool in pools() {
        for activation in ALL {
            let units = if activation == Activation::Softmax { z.len() } else { 1 };
            let (mut a, mut exact) = (vec![0.0; z.len()], z64.clone());
            activate(&pool, activation, units, &z, &mut a);
            reference::activate(activation, units, &mut exact);
            let mut delta = upstream.clone();
            activate_backward(&pool, activation, units, Some(&z), &a, &mut delta);
            let mut exact_delta: Vec<f64> = upstream.iter().map(|&g| f64::from(g)).collect();
            let stored: Vec<f64> = a.iter().map(|&a| f64::from(a)).collect();
            reference::activate_backward(activation, units, &z64, &stored, &mut exact_delta);
            for i in 0..z.len() {
                // The tail of GELU goes through e^(−z²/2), whose exponent is rounded to single precision.
                let tail = if activation == Activation::Gelu { 1e-7 * z64[i] * z64[i] } else { 0.0 };
                let bound = (1e-6 + tail) * exact[i].abs() + 1e-36; // e⁻⁸⁸ is 0 here, times z
                assert!(
                    (f64::from(a[i]) - exact[i]).abs() <= bound,
                    "{activation:?} at {}: {} {}",
                    z[i],
                    a[i],
                    exact[i]
                );
                let bound = 2e-6 * exact_delta[i].abs() + 3e-7 * f64::from(upstream[i].abs());
                let difference = (f64::from(delta[i]) - exact_delta[i]).abs();
                assert!(difference <= bound, "{activation:?}' at {}: {} {}", z[i], delta[i], exact_delta[i]);
            }
            let mut in_place = z.clone();
            activate_in_place(&pool, activation, units, &mut in_place);
            assert_eq!(in_place, a);
        }
    }
}

#[test]
fn double_precision_equals_the_reference() {
    let z: Vec<f64> = inputs().iter().map(|&z| f64::from(z)).collect();
    for activation in ALL {
        let units = if activation == Activation::Softmax { 3 } else { 1 };
        let z = &z[..z.len() / 3 * 3];
        let (mut a, mut exact) = (vec![0.0; z.len()], z.to_vec());
        activate(&Pool::new(1), activation, units, z, &mut a);
        reference::activate(activation, units, &mut exact);
        for i in 0..z.len() {
            assert!((a[i] - exact[i]).abs() <= 1e-14 * exact[i].abs() + 1e-16, "{activation:?} at {}", z[i]);
        }
    }
}

#[test]
fn nan_is_never_dropped_and_every_length_works() {
    for pool in pools() {
        for activation in ALL {
            for length in 1..=40 {
                for bad in [0, length / 2, length - 1] {
                    let units = if activation == Activation::Softmax { length } else { 1 };
                    let mut z = vec![0.5_f32; length];
                    z[bad] = f32::NAN;
                    let mut a = vec![0.0; length];
                    activate(&pool, activation, units, &z, &mut a);
                    let others = (0..length).filter(|&i| a[i].is_nan()).count();
                    assert!(a[bad].is_nan(), "{activation:?} {length}");
                    assert_eq!(others, if activation == Activation::Softmax { length } else { 1 });
                    // A NaN in the upstream gradient too.
                    let (mut delta, a) = (z.clone(), vec![0.0; length]);
                    activate_backward(&pool, activation, units, Some(&a), &a, &mut delta);
                    assert!(delta[bad].is_nan(), "{activation:?}' {length}");
                }
            }
        }
    }
}

#[test]
fn same_bits_on_any_number_of_threads() {
    let z: Vec<f32> = (0..60_000).map(|i| ((i * 7919) % 2003) as f32 * 0.01 - 10.0).collect();
    for isa in InstructionSet::available() {
        for activation in ALL {
            let run = |threads: usize| {
                let pool = Pool::with_instruction_set(threads, isa);
                let (mut a, mut delta) = (vec![0.0; z.len()], z.clone());
                activate(&pool, activation, 30, &z, &mut a);
                activate_backward(&pool, activation, 30, Some(&z), &a, &mut delta);
                a.into_iter().chain(delta).map(f32::to_bits).collect::<Vec<u32>>()
            };
            let alone = run(1);
            assert!(run(2) == alone && run(3) == alone, "{activation:?}");
        }
    }
}

#[test]
#[should_panic(expected = "taken from z")]
fn a_missing_z_panics() {
    activate_backward(&Pool::new(1), Activation::Gelu, 1, None, &[1.0_f32], &mut [1.0]);
}

#[test]
#[should_panic(expected = "not rows of 3 units")]
fn rows_that_do_not_fit_panic() {
    activate_in_place(&Pool::new(1), Activation::Relu, 3, &mut [1.0_f32; 4]);
}
