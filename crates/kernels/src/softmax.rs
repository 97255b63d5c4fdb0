//! Softmax of rows, its logarithm and its derivative.

use crate::activation_kernel::{
    LANES, SERIAL, activate, activate_in_place, check_rows, forward, piece_length,
};
use crate::isa::{Vectorised, vectorised};
use crate::{Activation, InstructionSet, Pool, Real};

/// Each row minus its largest entry.
struct SubtractMax<'a, F> {
    units: usize,
    values: &'a mut [F],
}

impl<F: Real> Vectorised for SubtractMax<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for row in self.values.chunks_exact_mut(self.units) {
            let (groups, rest) = row.as_chunks::<LANES>();
            let max = if groups.is_empty() {
                -F::INFINITY
            } else {
                let mut lanes = [-F::INFINITY; LANES];
                for group in groups {
                    for (max, &z) in lanes.iter_mut().zip(group) {
                        *max = max.max(z);
                    }
                }
                lanes.into_iter().fold(-F::INFINITY, F::max)
            };
            let max = rest.iter().fold(max, |max, &z| max.max(z));
            for z in row.iter_mut() {
                *z -= max;
            }
        }
    }
}

/// Each row divided by its sum.
struct Normalise<'a, F> {
    units: usize,
    values: &'a mut [F],
}

impl<F: Real> Vectorised for Normalise<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for row in self.values.chunks_exact_mut(self.units) {
            let sum = row_sum(row);
            for a in row.iter_mut() {
                *a = (*a / sum).flushed();
            }
        }
    }
}

/// The sum of a row: 16 sums of every sixteenth number, added in order, then the rest.
#[inline(always)]
pub(crate) fn row_sum<F: Real>(row: &[F]) -> F {
    let (groups, rest) = row.as_chunks::<LANES>();
    let sum = if groups.is_empty() {
        F::ZERO
    } else {
        let mut lanes = [F::ZERO; LANES];
        for group in groups {
            for (sum, &value) in lanes.iter_mut().zip(group) {
                *sum += value;
            }
        }
        lanes.into_iter().sum()
    };
    rest.iter().fold(sum, |sum, &value| sum + value)
}

pub(crate) fn softmax_rows<F: Real>(isa: InstructionSet, units: usize, values: &mut [F]) {
    vectorised(isa, SubtractMax { units, values: &mut *values });
    forward(isa, Activation::Exp, values);
    vectorised(isa, Normalise { units, values });
}

fn log_softmax_rows<F: Real>(isa: InstructionSet, units: usize, values: &mut [F]) {
    vectorised(isa, SubtractMax { units, values: &mut *values });
    for row in values.chunks_exact_mut(units) {
        let mut sum = F::ZERO;
        for chunk in row.chunks(256) {
            let mut powers = [F::ZERO; 256];
            let powers = &mut powers[..chunk.len()];
            powers.copy_from_slice(chunk);
            forward(isa, Activation::Exp, powers);
            sum += row_sum(powers);
        }
        let ln = sum.ln();
        for z in row.iter_mut() {
            *z = (*z - ln).flushed();
        }
    }
}

/// δ = a ⊙ (g − Σ g·a) in each row.
pub(crate) struct SoftmaxBackward<'a, F> {
    pub units: usize,
    pub a: &'a [F],
    pub delta: &'a mut [F],
}

impl<F: Real> Vectorised for SoftmaxBackward<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (a, delta) in self.a.chunks_exact(self.units).zip(self.delta.chunks_exact_mut(self.units)) {
            let (groups, rest) = a.as_chunks::<LANES>();
            let (upstream, upstream_rest) = delta.as_chunks::<LANES>();
            let mut lanes = [F::ZERO; LANES];
            for (a, g) in groups.iter().zip(upstream) {
                for ((sum, &a), &g) in lanes.iter_mut().zip(a).zip(g) {
                    *sum += a * g;
                }
            }
            let sum = if groups.is_empty() { F::ZERO } else { lanes.into_iter().sum() };
            let sum = rest.iter().zip(upstream_rest).fold(sum, |sum, (&a, &g)| sum + a * g);
            for (g, &a) in delta.iter_mut().zip(a) {
                *g = (a * (*g - sum)).flushed();
            }
        }
    }
}

/// Softmax of each row of `units`: aⱼ = e^(zⱼ − max) / Σ e^(z − max).
///
/// # Panics
/// If `z` and `a` differ in length, or it is no multiple of `units`.
pub fn softmax<F: Real>(pool: &Pool, units: usize, z: &[F], a: &mut [F]) {
    activate(pool, Activation::Softmax, units, z, a);
}

/// [`softmax`] in place.
///
/// # Panics
/// If the length is no multiple of `units`.
pub fn softmax_in_place<F: Real>(pool: &Pool, units: usize, z: &mut [F]) {
    activate_in_place(pool, Activation::Softmax, units, z);
}

/// The logarithm of softmax of each row of `units`: zⱼ − max − ln Σ e^(z − max).
///
/// # Panics
/// If `z` and `out` differ in length, or it is no multiple of `units`.
pub fn log_softmax<F: Real>(pool: &Pool, units: usize, z: &[F], out: &mut [F]) {
    assert_eq!(z.len(), out.len(), "z and out have one shape");
    check_rows(units, z.len());
    let isa = pool.instruction_set();
    let piece = piece_length(true, units);
    pool.for_pieces(out, piece, SERIAL, |index, values| {
        values.copy_from_slice(&z[index * piece..][..values.len()]);
        log_softmax_rows(isa, units, values);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference;

    #[test]
    fn softmax_rows_of_every_width_and_far_from_zero() {
        for isa in InstructionSet::available() {
            let pool = Pool::with_instruction_set(1, isa);
            for units in (1..=40).chain([300, 5000]) {
                for offset in [0.0, 1e4, -1e4] {
                    let z: Vec<f32> =
                        (0..19 * units).map(|i| (i as f32 * 0.7).sin() * 4.0 + offset).collect();
                    let (mut a, mut logarithm) = (vec![0.0; z.len()], vec![0.0; z.len()]);
                    softmax(&pool, units, &z, &mut a);
                    log_softmax(&pool, units, &z, &mut logarithm);
                    let mut exact: Vec<f64> = z.iter().map(|&z| f64::from(z)).collect();
                    exact.chunks_exact_mut(units).for_each(reference::softmax);
                    for i in 0..z.len() {
                        assert!((f64::from(a[i]) - exact[i]).abs() <= 2e-6 * exact[i], "{units} {offset}");
                        let ln = exact[i].ln();
                        assert!(
                            (f64::from(logarithm[i]) - ln).abs() <= 1e-6 * (1.0 + ln.abs()),
                            "{units} {offset}"
                        );
                    }
                }
            }
        }
    }
}
