//! The squared error of many outputs, whose rows are summed by vectors.

use crate::isa::{Vectorised, vectorised};
use crate::{Pool, Real};

/// Accumulators of a row: numbers of the longest vector in double precision.
const LANES: usize = 8;

/// ½ Σ_j (a_j − y_j)² of each row over `costs`, and a − y over `delta`, where it is given.
///
/// | argument | shape | |
/// |---|---|---|
/// | `a`, `y` | \[rows, outputs\] | predictions and targets |
/// | `delta` | \[rows, outputs\] | out |
/// | `costs` | \[rows\] | out |
///
/// Differences are rounded to the number type, as δ is; their squares are summed in double precision, in which those of
/// single precision are exact: fewer than 8 in order; of more, output j by accumulator j mod 8, and accumulators by
/// halves, (0 + 4) + (2 + 6) and so on. The bits depend on nothing else.
///
/// # Panics
/// If the lengths differ.
///
/// # Example
/// ```
/// use deltarule_kernels::{Pool, squared_errors};
///
/// let (mut delta, mut costs) = ([0.0_f32; 4], [0.0; 2]);
/// squared_errors(&Pool::new(1), 2, &[1.0, 2.0, 3.0, 4.0], &[1.0, 0.0, 0.0, 0.0], Some(&mut delta), &mut costs);
/// assert_eq!((delta, costs), ([0.0, 2.0, 3.0, 4.0], [2.0, 12.5])); // ½·2², ½·(3² + 4²)
/// ```
pub fn squared_errors<F: Real>(
    pool: &Pool,
    outputs: usize,
    a: &[F],
    y: &[F],
    delta: Option<&mut [F]>,
    costs: &mut [f64],
) {
    assert_eq!(a.len(), costs.len() * outputs, "a is [rows, outputs]");
    assert_eq!(y.len(), a.len(), "y is [rows, outputs]");
    assert!(delta.as_ref().is_none_or(|delta| delta.len() == a.len()), "δ is [rows, outputs]");
    let isa = pool.instruction_set();
    match delta {
        Some(delta) => vectorised(isa, Rows { outputs, a, y, delta, costs }),
        None => vectorised(isa, Rows { outputs, a, y, delta: &mut [], costs }),
    }
}

struct Rows<'a, F> {
    outputs: usize,
    a: &'a [F],
    y: &'a [F],
    /// Empty where δ is not wanted.
    delta: &'a mut [F],
    costs: &'a mut [f64],
}

impl<F: Real> Vectorised for Rows<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { outputs, a, y, delta, costs } = self;
        for ((delta, &a), &y) in delta.iter_mut().zip(a).zip(y) {
            *delta = a - y;
        }
        for (row, cost) in costs.iter_mut().enumerate() {
            let row = row * outputs..(row + 1) * outputs;
            *cost = row_cost(&a[row.clone()], &y[row]);
        }
    }
}

/// ½ Σ_j (a_j − y_j)² of one row, as [`squared_errors`] defines it.
#[inline(always)]
pub(crate) fn row_cost<F: Real>(a: &[F], y: &[F]) -> f64 {
    if a.len() < LANES {
        let mut sum = 0.0;
        for (&a, &y) in a.iter().zip(y) {
            let r = (a - y).to_f64();
            sum += r * r;
        }
        return 0.5 * sum;
    }
    let ((a, rest_a), (y, rest_y)) = (a.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (a, y) in a.iter().zip(y) {
        for j in 0..LANES {
            let r = (a[j] - y[j]).to_f64();
            sums[j] += r * r;
        }
    }
    for ((sum, &a), &y) in sums.iter_mut().zip(rest_a).zip(rest_y) {
        let r = (a - y).to_f64();
        *sum += r * r;
    }
    0.5 * (((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InstructionSet;

    fn check<F: Real>(pool: &Pool, rows: usize, outputs: usize) {
        let number = |i: usize| F::from_f64(((i * 37 + 11) % 101) as f64 / 50.0 - 1.0);
        let a: Vec<F> = (0..rows * outputs).map(number).collect();
        let y: Vec<F> = (0..rows * outputs).map(|i| number(i * 3 + 5)).collect();
        let (mut delta, mut costs) = (vec![F::NAN; a.len()], vec![f64::NAN; rows]);
        squared_errors(pool, outputs, &a, &y, Some(&mut delta), &mut costs);
        for (row, cost) in costs.iter().enumerate() {
            let mut sums = [0.0; 8];
            for j in 0..outputs {
                let r = a[row * outputs + j] - y[row * outputs + j];
                assert!(delta[row * outputs + j] == r);
                sums[j % 8] += r.to_f64() * r.to_f64();
            }
            let [a, b, c, d] = [0, 1, 2, 3].map(|j| sums[j] + sums[j + 4]);
            let in_order = sums.iter().fold(0.0, |sum, square| sum + square);
            let expected: f64 = 0.5 * if outputs < 8 { in_order } else { (a + c) + (b + d) };
            assert_eq!(cost.to_bits(), expected.to_bits(), "{pool:?} {rows}x{outputs} row {row}");
        }
        let mut again = vec![f64::NAN; rows];
        squared_errors(pool, outputs, &a, &y, None, &mut again);
        assert_eq!(costs, again);
    }

    #[test]
    fn every_instruction_set_has_the_bits_of_the_definition() {
        for isa in InstructionSet::available() {
            let pool = Pool::with_instruction_set(1, isa);
            for outputs in [0, 1, 2, 3, 7, 8, 9, 16, 17, 130] {
                for rows in [0, 1, 4, 9] {
                    check::<f32>(&pool, rows, outputs);
                    check::<f64>(&pool, rows, outputs);
                }
            }
        }
    }

    #[test]
    fn what_is_not_a_number_shows() {
        let mut costs = [0.0; 2];
        squared_errors(&Pool::new(1), 1, &[f32::NAN, f32::INFINITY], &[0.0; 2], None, &mut costs);
        assert!(costs[0].is_nan() && costs[1] == f64::INFINITY);
    }
}
