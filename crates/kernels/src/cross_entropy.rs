//! Cross-entropies of rows of outputs, and their δ, by vectors.
//!
//! Both take the activations that the forward pass left, so that no exponential of a softmax is computed again, and both
//! keep their digits near a perfect fit, where a difference of logarithms would have none left.

use crate::activation_kernel::LANES;
use crate::isa::{Vectorised, vectorised};
use crate::softmax::row_sum;
use crate::{Pool, Real};

/// What costs of classes are computed from.
#[derive(Clone, Copy, Debug)]
pub struct ClassRows<'a, F> {
    /// Logits, \[rows, classes\].
    pub z: &'a [F],
    /// Their softmax, \[rows, classes\].
    pub a: &'a [F],
    /// The class of each row, \[rows\].
    pub codes: &'a [u32],
    /// Classes.
    pub classes: usize,
    /// s: the target of a row's class is 1 − s + s/classes, of the others s/classes.
    pub smoothing: f64,
}

/// −Σ_j y_j·ln a_j of each row over `costs`, and δ = ∂C/∂z = a − y over `delta`, \[rows, classes\], where it is given.
///
/// −ln a_j = ln(1 + o / a_j), o being the sum of all other a: no digit is lost where a_j is next to 1.
///
/// # Panics
/// If lengths differ, there is no class, or a code is not below `classes`.
///
/// # Example
/// ```
/// use deltarule_kernels::{ClassRows, Pool, cross_entropies, softmax};
///
/// let (pool, z) = (Pool::new(1), [0.0_f64, 3.0_f64.ln()]); // softmax: 1/4, 3/4
/// let (mut a, mut delta, mut costs) = ([0.0; 2], [0.0; 2], [0.0]);
/// softmax(&pool, 2, &z, &mut a);
/// let rows = ClassRows { z: &z, a: &a, codes: &[0], classes: 2, smoothing: 0.0 };
/// cross_entropies(&pool, rows, Some(&mut delta), &mut costs);
/// assert!((costs[0] - 4.0_f64.ln()).abs() < 1e-15);
/// assert!((delta[0] + 0.75).abs() < 1e-15 && (delta[1] - 0.75).abs() < 1e-15);
/// ```
pub fn cross_entropies<F: Real>(
    pool: &Pool,
    rows: ClassRows<'_, F>,
    delta: Option<&mut [F]>,
    costs: &mut [f64],
) {
    let ClassRows { z, a, codes, classes, .. } = rows;
    assert!(classes > 0, "there are classes");
    assert_eq!(codes.len(), costs.len(), "each row has a class and a cost");
    assert_eq!(z.len(), costs.len() * classes, "z is [rows, classes]");
    assert_eq!(a.len(), z.len(), "a is [rows, classes]");
    assert!(codes.iter().all(|&code| (code as usize) < classes), "a code is below {classes}");
    if let Some(delta) = delta {
        assert_eq!(delta.len(), a.len(), "δ is [rows, classes]");
        vectorised(pool.instruction_set(), ClassDeltas { rows, delta });
    }
    vectorised(pool.instruction_set(), ClassCosts { rows, costs });
}

/// y of a row's class, and of the others.
#[inline(always)]
fn class_targets<F: Real>(classes: usize, smoothing: f64) -> (F, F) {
    let of_others = smoothing / classes as f64;
    (F::from_f64(1.0 - smoothing + of_others), F::from_f64(of_others))
}

struct ClassDeltas<'a, F> {
    rows: ClassRows<'a, F>,
    delta: &'a mut [F],
}

impl<F: Real> Vectorised for ClassDeltas<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { rows: ClassRows { a, codes, classes, smoothing, .. }, delta } = self;
        let (of_class, of_others) = class_targets::<F>(classes, smoothing);
        for (delta, &a) in delta.iter_mut().zip(a) {
            *delta = a - of_others;
        }
        for (row, &code) in codes.iter().enumerate() {
            let at = row * classes + code as usize;
            delta[at] = a[at] - of_class;
        }
    }
}

struct ClassCosts<'a, F> {
    rows: ClassRows<'a, F>,
    costs: &'a mut [f64],
}

impl<F: Real> Vectorised for ClassCosts<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { rows: ClassRows { z, a, codes, classes, smoothing }, costs } = self;
        for (group, costs) in costs.chunks_mut(LANES).enumerate() {
            let first = group * LANES;
            let mut logarithms = [F::ZERO; LANES];
            for (row, &code) in codes[first..][..costs.len()].iter().enumerate() {
                let (at, code) = ((first + row) * classes, code as usize);
                logarithms[row] = sum_of_others(&a[at..][..classes], code) / a[at + code];
            }
            for logarithm in &mut logarithms {
                *logarithm = logarithm.vector_ln_1p_of_any::<FMA>();
            }
            for (row, cost) in costs.iter_mut().enumerate() {
                let (cells, code) = ((first + row) * classes, codes[first + row] as usize);
                let (z, a) = (&z[cells..][..classes], &a[cells..][..classes]);
                let is_nothing = a[code] < F::MIN_POSITIVE / F::EPSILON;
                *cost = if is_nothing { cost_from_afar(z, a, code) } else { logarithms[row].to_f64() };
                if smoothing != 0.0 {
                    // −ln a_j = −ln a_code + z_code − z_j
                    let mut differences = 0.0;
                    for z_j in z {
                        differences += (z[code] - *z_j).to_f64();
                    }
                    *cost += smoothing / classes as f64 * differences;
                }
            }
        }
    }
}

/// The sum of a row's numbers but that of `code`: of a short row in order, of a long one those before it and those after it.
#[inline(always)]
fn sum_of_others<F: Real>(row: &[F], code: usize) -> F {
    if row.len() >= LANES {
        return row_sum(&row[..code]) + row_sum(&row[code + 1..]);
    }
    // As many turns for any code: how many they are is foreseen.
    let mut sum = F::ZERO;
    for (j, &a) in row.iter().enumerate() {
        sum += if j == code { F::ZERO } else { a };
    }
    sum
}

/// −ln a_code where a_code is next to nothing: (m − z_code) + ln(1 + o / a_m), m being the largest logit and o the sum of
/// the softmax of the others.
fn cost_from_afar<F: Real>(z: &[F], a: &[F], code: usize) -> f64 {
    let mut top = 0;
    for j in 1..z.len() {
        if z[j] > z[top] {
            top = j;
        }
    }
    let others: f64 = a[..top].iter().chain(&a[top + 1..]).map(|a| a.to_f64()).sum();
    (z[top].to_f64() - z[code].to_f64()) + (others / a[top].to_f64()).ln_1p()
}

/// −y·ln a − (1 − y)·ln(1 − a) of each output, a being the sigmoid of z, summed in each row over `costs`, and
/// δ = ∂C/∂z = a − y over `delta`, where it is given. `smoothing` s takes y to (1 − s)·y + s/2.
///
/// | argument | shape | |
/// |---|---|---|
/// | `z`, `a`, `y` | \[rows, outputs\] | logits, their sigmoid, targets |
/// | `delta` | \[rows, outputs\] | out |
/// | `costs` | \[rows\] | out |
///
/// ln(1 + e^z) − y·z, with ln(1 + e^z) = max(z, 0) + ln(1 + e^−|z|). The large numbers cancel first: near a perfect fit y·z
/// is all of max(z, 0), and what is left is a logarithm of full precision. That is taken in the number type, the rest in
/// double precision.
///
/// # Panics
/// If lengths differ.
///
/// # Example
/// ```
/// use deltarule_kernels::{Pool, binary_cross_entropies};
///
/// let (mut delta, mut costs) = ([0.0_f64; 2], [0.0; 2]);
/// binary_cross_entropies(&Pool::new(1), 1, &[0.0, 0.0], &[0.5, 0.5], &[1.0, 0.0], 0.0, Some(&mut delta), &mut costs);
/// assert_eq!((delta, costs), ([-0.5, 0.5], [2.0_f64.ln(); 2]));
/// ```
pub fn binary_cross_entropies<F: Real>(
    pool: &Pool,
    outputs: usize,
    z: &[F],
    a: &[F],
    y: &[F],
    smoothing: f64,
    delta: Option<&mut [F]>,
    costs: &mut [f64],
) {
    assert_eq!(z.len(), costs.len() * outputs, "z is [rows, outputs]");
    assert_eq!(a.len(), z.len(), "a is [rows, outputs]");
    assert_eq!(y.len(), z.len(), "y is [rows, outputs]");
    assert!(delta.as_ref().is_none_or(|delta| delta.len() == a.len()), "δ is [rows, outputs]");
    let delta = delta.unwrap_or(&mut []);
    vectorised(pool.instruction_set(), Binary { outputs, z, a, y, smoothing, delta, costs });
}

struct Binary<'a, F> {
    outputs: usize,
    z: &'a [F],
    a: &'a [F],
    y: &'a [F],
    smoothing: f64,
    /// Empty where δ is not wanted.
    delta: &'a mut [F],
    costs: &'a mut [f64],
}

impl<F: Real> Vectorised for Binary<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { outputs, z, a, y, smoothing, delta, costs } = self;
        let (kept, spread) = (1.0 - smoothing, 0.5 * smoothing);
        for ((delta, &a), &y) in delta.iter_mut().zip(a).zip(y) {
            *delta = a - F::from_f64(y.to_f64() * kept + spread);
        }
        costs.fill(0.0);
        let (mut row, mut output) = (0, 0);
        for (z, y) in z.chunks(LANES).zip(y.chunks(LANES)) {
            let (mut logits, mut targets) = ([F::ZERO; LANES], [F::ZERO; LANES]);
            for (lane, (&z, &y)) in z.iter().zip(y).enumerate() {
                (logits[lane], targets[lane]) = (z, y);
            }
            let mut values = [0.0; LANES];
            for lane in 0..LANES {
                let (z, y) = (logits[lane], targets[lane].to_f64() * kept + spread);
                let linear = z.max(F::ZERO).to_f64() - F::from_f64(y).to_f64() * z.to_f64();
                let logarithm = (-z.abs()).vector_exp::<FMA>().vector_ln_1p::<FMA>();
                values[lane] = linear + logarithm.to_f64();
            }
            for &value in &values[..z.len()] {
                costs[row] += value;
                output += 1;
                if output == outputs {
                    (row, output) = (row + 1, 0);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, InstructionSet, activate, softmax};

    fn logits<F: Real>(count: usize, scale: f64) -> Vec<F> {
        (0..count).map(|i| F::from_f64((((i * 37 + 11) % 101) as f64 / 50.0 - 1.0) * scale)).collect()
    }

    /// −Σ y·ln softmax(z) in double precision, from the definition.
    fn exact<F: Real>(z: &[F], code: usize, smoothing: f64) -> f64 {
        let largest = z.iter().map(|z| z.to_f64()).fold(f64::NEG_INFINITY, f64::max);
        let ln_sum = z.iter().map(|z| (z.to_f64() - largest).exp()).sum::<f64>().ln();
        let y = |j| if j == code { 1.0 - smoothing } else { 0.0 } + smoothing / z.len() as f64;
        z.iter().enumerate().map(|(j, z)| y(j) * (largest - z.to_f64() + ln_sum)).sum()
    }

    fn check_classes<F: Real>(pool: &Pool, rows: usize, classes: usize, smoothing: f64, scale: f64) {
        let z = logits::<F>(rows * classes, scale);
        let codes: Vec<u32> = (0..rows).map(|row| (row * 7 % classes) as u32).collect();
        let mut a = vec![F::ZERO; z.len()];
        softmax(pool, classes, &z, &mut a);
        let (mut delta, mut costs) = (vec![F::NAN; a.len()], vec![f64::NAN; rows]);
        let given = ClassRows { z: &z, a: &a, codes: &codes, classes, smoothing };
        cross_entropies(pool, given, Some(&mut delta), &mut costs);
        for (row, &cost) in costs.iter().enumerate() {
            let cells = row * classes..(row + 1) * classes;
            let expected = exact(&z[cells.clone()], codes[row] as usize, smoothing);
            let bound = 16.0 * F::EPSILON.to_f64() * expected.max(1e-300) + f64::EPSILON * scale;
            assert!(
                (cost - expected).abs() <= bound,
                "{pool:?} {} {classes} classes, row {row}: {cost} for {expected}",
                F::NAME
            );
            for j in 0..classes {
                let one_hot = if codes[row] as usize == j { 1.0 - smoothing } else { 0.0 };
                let y = F::from_f64(one_hot + smoothing / classes as f64);
                assert!((delta[cells.start + j] - (a[cells.start + j] - y)).abs() <= F::EPSILON);
            }
        }
        let mut again = vec![f64::NAN; rows];
        cross_entropies(pool, given, None, &mut again);
        assert_eq!(costs, again);
    }

    #[test]
    fn costs_of_classes_are_those_of_the_definition() {
        for isa in InstructionSet::available() {
            let pool = Pool::with_instruction_set(1, isa);
            for classes in [1, 2, 3, 10, 15, 16, 17, 33, 100] {
                for rows in [0, 1, 5, 16, 37] {
                    for (smoothing, scale) in [(0.0, 3.0), (0.0, 60.0), (0.1, 3.0)] {
                        check_classes::<f32>(&pool, rows, classes, smoothing, scale);
                        check_classes::<f64>(&pool, rows, classes, smoothing, scale);
                    }
                }
            }
        }
    }

    #[test]
    fn binary_costs_are_those_of_the_definition() {
        fn check<F: Real>(pool: &Pool, rows: usize, outputs: usize, smoothing: f64) {
            let z = logits::<F>(rows * outputs, 20.0);
            let y: Vec<F> = (0..z.len()).map(|i| if i % 3 == 0 { F::ONE } else { F::ZERO }).collect();
            let mut a = vec![F::ZERO; z.len()];
            activate(pool, Activation::Sigmoid, outputs, &z, &mut a);
            let (mut delta, mut costs) = (vec![F::NAN; a.len()], vec![f64::NAN; rows]);
            binary_cross_entropies(pool, outputs, &z, &a, &y, smoothing, Some(&mut delta), &mut costs);
            for (row, &cost) in costs.iter().enumerate() {
                let mut expected = 0.0;
                for at in row * outputs..(row + 1) * outputs {
                    let target = y[at].to_f64() * (1.0 - smoothing) + smoothing / 2.0;
                    let z = z[at].to_f64();
                    expected += z.max(0.0) - target * z + (-z.abs()).exp().ln_1p();
                    assert!((delta[at] - (a[at] - F::from_f64(target))).abs() <= F::EPSILON);
                }
                let bound = 16.0 * F::EPSILON.to_f64() * expected;
                assert!((cost - expected).abs() <= bound, "{cost} for {expected}");
            }
        }
        for isa in InstructionSet::available() {
            let pool = Pool::with_instruction_set(1, isa);
            for (rows, outputs) in [(0, 1), (1, 1), (40, 1), (7, 3), (3, 17)] {
                for smoothing in [0.0, 0.2] {
                    check::<f32>(&pool, rows, outputs, smoothing);
                    check::<f64>(&pool, rows, outputs, smoothing);
                }
            }
        }
    }

    #[test]
    fn what_is_not_a_number_shows() {
        let pool = Pool::new(1);
        for classes in [3, 20] {
            for at in [0, 1, classes - 1] {
                let mut z = vec![0.5_f32; classes];
                z[at] = f32::NAN;
                let (mut a, mut costs) = (vec![0.0; classes], [0.0]);
                softmax(&pool, classes, &z, &mut a);
                let rows = ClassRows { z: &z, a: &a, codes: &[1], classes, smoothing: 0.0 };
                cross_entropies(&pool, rows, None, &mut costs);
                assert!(costs[0].is_nan(), "{classes} classes, {at}");
            }
        }
        let mut costs = [0.0];
        binary_cross_entropies(&pool, 1, &[f32::NAN], &[f32::NAN], &[1.0], 0.0, None, &mut costs);
        assert!(costs[0].is_nan());
    }
}
