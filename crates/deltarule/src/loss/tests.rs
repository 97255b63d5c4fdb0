//! Costs and their slopes against numbers worked out by hand.

use super::focal::best_constant;
use super::*;

fn one_output(cost: Cost, output: Activation, z: f64, y: f64) -> (f64, f64) {
    let loss = Loss::new(cost, output, 0.0).unwrap();
    let a = output.value(z);
    let targets = TargetsView::Values { outputs: 1, values: &[y] };
    let mut delta = [0.0];
    let value = loss.value_and_delta(&Pool::new(1), &[z], &[a], targets, None, Some(&mut delta));
    (value, delta[0])
}

#[test]
fn squared_error_through_a_sigmoid_is_the_textbook_product() {
    // ŷ = σ(0.5) = 0.6224593312; C = ½(ŷ−1)² = 0.0712684783; δ = (ŷ−1)·ŷ(1−ŷ) = −0.0887234587.
    let (value, delta) = one_output(Cost::SquaredError, Activation::Sigmoid, 0.5, 1.0);
    assert!((value - 0.071_268_478_3).abs() < 1e-9, "{value}");
    assert!((delta + 0.088_723_458_7).abs() < 1e-9, "{delta}");
}

#[test]
fn squared_errors_of_many_rows_are_those_of_each_row() {
    let number = |i: usize| ((i * 37 + 11) % 101) as f32 / 50.0 - 1.0;
    let pool = Pool::new(1);
    let loss = Loss::new(Cost::SquaredError, Activation::Identity, 0.0).unwrap();
    for outputs in [1, 2, 3, 7, 8, 17] {
        for rows in [1, 4, 7, 64, 65, 130] {
            let a: Vec<f32> = (0..rows * outputs).map(number).collect();
            let y: Vec<f32> = (0..rows * outputs).map(|i| number(i + 5)).collect();
            let targets = TargetsView::Values { outputs, values: &y };
            let (mut delta, mut costs) = (vec![0.0; a.len()], Vec::new());
            let store = |row, cost: f64| costs.push((row, cost));
            loss.each_row(&pool, 0, &a, &a, targets, None, Some(&mut delta), store);
            assert_eq!(costs.len(), rows);
            for (row, &(number, cost)) in costs.iter().enumerate() {
                let one = row * outputs..(row + 1) * outputs;
                let squares = a[one.clone()].iter().zip(&y[one]).map(|(a, y)| f64::from(a - y).powi(2));
                let sum = if outputs < MANY_OUTPUTS {
                    squares.map(|square| 0.5 * square).sum()
                } else {
                    let mut sums = [0.0; 8];
                    squares.enumerate().for_each(|(j, square)| sums[j % 8] += square);
                    let [a, b, c, d] = [0, 1, 2, 3].map(|j| sums[j] + sums[j + 4]);
                    0.5 * ((a + c) + (b + d))
                };
                assert!((number, cost.to_bits()) == (row, sum.to_bits()), "{outputs} {rows} {row}");
            }
            assert!(delta.iter().zip(a.iter().zip(&y)).all(|(&delta, (&a, &y))| delta == a - y));
        }
    }
}

#[test]
fn cross_entropies_give_prediction_minus_target() {
    // −ln σ(0.5) = ln(1+e^−0.5) = 0.4740769842; δ = 0.6224593312 − 1.
    let (value, delta) = one_output(Cost::BinaryCrossEntropy, Activation::Sigmoid, 0.5, 1.0);
    assert!((value - 0.474_076_984_2).abs() < 1e-9 && (delta + 0.377_540_668_8).abs() < 1e-9);

    // Logits 1, 2, 3, class 0: lse = 3 + ln(1+e^−1+e^−2) = 3.4076059644; C = 2.4076059644.
    let loss = Loss::new(Cost::CrossEntropy, Activation::Softmax, 0.0).unwrap();
    let (z, a) = ([1.0, 2.0, 3.0], [0.090_030_573_2, 0.244_728_471_1, 0.665_240_955_8]);
    let mut delta = [0.0; 3];
    let targets = TargetsView::Classes { classes: 3, codes: &[0] };
    let value = loss.value_and_delta(&Pool::new(1), &z, &a, targets, Some(&[2.0]), Some(&mut delta));
    assert!((value - 2.0 * 2.407_605_964_4).abs() < 1e-8, "{value}");
    assert!((delta[0] - 2.0 * (a[0] - 1.0)).abs() < 1e-12 && (delta[2] - 2.0 * a[2]).abs() < 1e-12);
}

#[test]
fn huge_logits_neither_overflow_nor_lose_the_cost() {
    let (value, delta) = one_output(Cost::BinaryCrossEntropy, Activation::Sigmoid, 1e4, 0.0);
    assert_eq!((value, delta), (1e4, 1.0));
}

#[test]
fn a_cost_near_a_perfect_fit_keeps_its_digits() {
    // ln(1 + e^−z) at z = 30 is e^−30 = 9.357622968840175e-14, to the last digit (the next term is e^−60/2).
    for (z, y) in [(30.0, 1.0), (-30.0, 0.0)] {
        let (value, _) = one_output(Cost::BinaryCrossEntropy, Activation::Sigmoid, z, y);
        assert!((value / 9.357_622_968_840_175e-14 - 1.0).abs() < 1e-13, "{value:e}");
    }
    // Of two classes 30 apart it is the same number, even by outputs in single precision, of which the first is 1.
    let loss = Loss::new(Cost::CrossEntropy, Activation::Softmax, 0.0).unwrap();
    let targets = TargetsView::Classes { classes: 2, codes: &[0] };
    let (z, a) = ([107.5_f32, 77.5], [1.0, 9.357_623e-14]);
    let value = loss.value_and_delta(&Pool::new(1), &z, &a, targets, None, None);
    assert!((value / 9.357_622_968_840_175e-14 - 1.0).abs() < 1e-6, "{value:e}");
}

#[test]
fn kinked_costs_have_the_slopes_of_their_definitions() {
    assert_eq!(one_output(Cost::Absolute, Activation::Identity, 3.0, 1.0), (2.0, 1.0));
    assert_eq!(one_output(Cost::Huber { delta: 1.0 }, Activation::Identity, 3.0, 0.5), (2.0, 1.0));
    assert_eq!(one_output(Cost::Huber { delta: 1.0 }, Activation::Identity, 1.0, 0.5), (0.125, 0.5));
    // y − ŷ = 2 at q = 0.9 costs 1.8; y − ŷ = −2 costs 0.2.
    let (value, delta) = one_output(Cost::Pinball { quantile: 0.9 }, Activation::Identity, 1.0, 3.0);
    assert!((value - 1.8).abs() < 1e-12 && (delta + 0.9).abs() < 1e-12);
    let (value, delta) = one_output(Cost::Pinball { quantile: 0.9 }, Activation::Identity, 3.0, 1.0);
    assert!((value - 0.2).abs() < 1e-12 && (delta - 0.1).abs() < 1e-12);
    // e^1 − 2·1 and e^1 − 2.
    let (value, delta) = one_output(Cost::Poisson, Activation::Exp, 1.0, 2.0);
    assert!((value - 0.718_281_828).abs() < 1e-8 && (delta - 0.718_281_828).abs() < 1e-8);
}

#[test]
fn a_cost_without_a_meaning_on_its_output_is_refused() {
    assert!(Loss::new(Cost::CrossEntropy, Activation::Relu, 0.0).is_err());
    assert!(Loss::new(Cost::Poisson, Activation::Identity, 0.0).is_err());
    assert!(Loss::new(Cost::SquaredError, Activation::Identity, 0.1).is_err());
}

#[test]
fn a_nan_on_the_way_is_never_hidden() {
    let (value, _) = one_output(Cost::BinaryCrossEntropy, Activation::Sigmoid, f64::NAN, 0.0);
    assert!(value.is_nan());
    let loss = Loss::new(Cost::CrossEntropy, Activation::Softmax, 0.0).unwrap();
    let targets = TargetsView::Classes { classes: 2, codes: &[0] };
    let nan = f64::NAN;
    assert!(loss.value_and_delta(&Pool::new(1), &[0.0, nan], &[nan, nan], targets, None, None).is_nan());
}

/// Σ weight·C and δ of one row through a softmax or a sigmoid.
fn focal_row(gamma: f64, output: Activation, z: &[f64], y: &[f64], weight: f64) -> (f64, Vec<f64>) {
    let mut a = z.to_vec();
    if output == Activation::Softmax {
        let sum: f64 = z.iter().map(|z| z.exp()).sum();
        a.iter_mut().for_each(|a| *a = a.exp() / sum);
    } else {
        a.iter_mut().for_each(|a| *a = output.value(*a));
    }
    let loss = Loss::new(Cost::Focal { gamma }, output, 0.0).unwrap();
    let mut delta = vec![0.0; z.len()];
    let targets = TargetsView::Values { outputs: z.len(), values: y };
    let value = loss.value_and_delta(&Pool::new(1), z, &a, targets, Some(&[weight]), Some(&mut delta));
    (value, delta)
}

#[test]
fn a_focal_cost_weighs_a_row_by_how_unlikely_it_was() {
    // p = ¼, γ = 2: (¾)²·ln 4 = 0.5625·1.3862943611 = 0.7797905781. φ' = 0.5625 + 2·¾·¼·ln 4 = 1.0823603854; times
    // ŷ − y = −¾ it is −0.8117702891, and 0.8117702891 for the other class. The row weighs 2.
    let z = [0.0, 3.0_f64.ln()];
    let (value, delta) = focal_row(2.0, Activation::Softmax, &z, &[1.0, 0.0], 2.0);
    assert!((value - 2.0 * 0.779_790_578_1).abs() < 1e-9, "{value}");
    assert!((delta[0] + 2.0 * 0.811_770_289_1).abs() < 1e-9 && (delta[0] + delta[1]).abs() < 1e-12);
    // One sigmoid of the difference of the logits is the same two classes; two of them cost the sum.
    let (one, slope) = focal_row(2.0, Activation::Sigmoid, &z[1..], &[0.0], 2.0);
    assert!((one - value).abs() < 1e-12 && (slope[0] - delta[1]).abs() < 1e-12);
    let (two, slopes) = focal_row(2.0, Activation::Sigmoid, &[z[1], z[1]], &[0.0, 0.0], 1.0);
    assert!((two - value).abs() < 1e-12 && (slopes[1] - slope[0] / 2.0).abs() < 1e-12);
}

#[test]
fn a_focal_cost_is_the_cross_entropy_at_gamma_0_and_keeps_its_digits() {
    for y in [0.0, 1.0] {
        for z in [-700.0, -30.0, 0.5, 40.0, 700.0] {
            let focal = one_output(Cost::Focal { gamma: 0.0 }, Activation::Sigmoid, z, y);
            assert_eq!(focal, one_output(Cost::BinaryCrossEntropy, Activation::Sigmoid, z, y), "{z} {y}");
        }
    }
    // Next to a perfect fit u = C = e^−30 to 13 digits: C³ of γ = 2, and the slope is (1 + γ)·C² · −C, of which the last,
    // ŷ − 1, has three digits.
    let c = 9.357_622_968_840_175e-14;
    let (value, delta) = one_output(Cost::Focal { gamma: 2.0 }, Activation::Sigmoid, 30.0, 1.0);
    assert!((value / c.powi(3) - 1.0).abs() < 1e-12, "{value:e}");
    assert!((delta / (-3.0 * c.powi(3)) - 1.0).abs() < 1e-2, "{delta:e}");
    // With γ below 1, u^(γ−1) has no end at 0; the slope does.
    let (value, delta) = one_output(Cost::Focal { gamma: 0.5 }, Activation::Sigmoid, 800.0, 1.0);
    assert_eq!((value, delta.abs()), (0.0, 0.0));
}

#[test]
fn the_best_constant_of_a_focal_cost_costs_least() {
    for shares in [[0.5, 0.5, 0.0], [0.7, 0.2, 0.1], [0.98, 0.01, 0.01]] {
        let plain = best_constant(&shares, 0.0);
        assert!(plain.iter().zip(shares).all(|(p, share)| (p - share).abs() < 1e-9), "{plain:?}");
        for gamma in [0.5, 2.0, 5.0] {
            let cost = |p: &[f64]| -> f64 {
                let of = |(&p, share): (&f64, f64)| {
                    if share == 0.0 { 0.0 } else { share * -p.ln() * (1.0 - p).powf(gamma) }
                };
                p.iter().zip(shares).map(of).sum()
            };
            let best = best_constant(&shares, gamma);
            assert!((best.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{best:?}");
            for (from, to) in [(0, 1), (1, 0)] {
                let mut other = best.clone();
                let step = 1e-4 * best[from];
                other[from] -= step;
                other[to] += step;
                assert!(cost(&best) < cost(&other), "{shares:?} {gamma}");
            }
        }
    }
}
