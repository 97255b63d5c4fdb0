//! The plain definitions: loops that can be checked by reading them.
//!
//! They are the oracle that every fast kernel is tested against, and, compiled for the machine's vector unit, what
//! runs in double precision. They neither split work nor flush denormals; lengths are the caller's care.

use crate::{Activation, Real};

/// c \[m, n\] = a \[m, k\] · b \[k, n\].
#[inline(always)]
pub fn product<F: Real>(k: usize, n: usize, a: &[F], b: &[F], c: &mut [F]) {
    if n == 0 {
        return;
    }
    c.fill(F::ZERO);
    for (i, c) in c.chunks_exact_mut(n).enumerate() {
        for (&a, b) in a[i * k..][..k].iter().zip(b.chunks_exact(n)) {
            for (c, &b) in c.iter_mut().zip(b) {
                *c += a * b;
            }
        }
    }
}

/// c \[m, n\] = a \[m, k\] · bᵀ, b \[n, k\].
#[inline(always)]
pub fn product_with_transposed<F: Real>(k: usize, n: usize, a: &[F], b: &[F], c: &mut [F]) {
    if n == 0 {
        return;
    }
    for (i, c) in c.chunks_exact_mut(n).enumerate() {
        for (j, c) in c.iter_mut().enumerate() {
            let (a, b) = (&a[i * k..][..k], &b[j * k..][..k]);
            *c = a.iter().zip(b).fold(F::ZERO, |sum, (&a, &b)| sum + a * b);
        }
    }
}

/// Rows `first..` of c \[m, n\] = aᵀ · b, a \[k, m\], b \[k, n\]; as many as `c` holds.
#[inline(always)]
pub fn transposed_product<F: Real>(m: usize, n: usize, first: usize, a: &[F], b: &[F], c: &mut [F]) {
    if n == 0 || m == 0 {
        return;
    }
    c.fill(F::ZERO);
    for (a, b) in a.chunks_exact(m).zip(b.chunks_exact(n)) {
        for (&a, c) in a[first..].iter().zip(c.chunks_exact_mut(n)) {
            for (c, &b) in c.iter_mut().zip(b) {
                *c += a * b;
            }
        }
    }
}

/// a ← f(a), rows of `units`.
pub fn activate<F: Real>(activation: Activation, units: usize, a: &mut [F]) {
    if activation == Activation::Softmax {
        a.chunks_exact_mut(units.max(1)).for_each(softmax);
    } else {
        a.iter_mut().for_each(|a| *a = activation.value(*a));
    }
}

/// δ ← δ ⊙ f', rows of `units`; `z` is read if the activation [needs it](Activation::needs_z).
pub fn activate_backward<F: Real>(activation: Activation, units: usize, z: &[F], a: &[F], delta: &mut [F]) {
    if activation == Activation::Softmax {
        for (a, delta) in a.chunks_exact(units.max(1)).zip(delta.chunks_exact_mut(units.max(1))) {
            let mean: F = a.iter().zip(delta.iter()).map(|(&a, &g)| a * g).sum();
            delta.iter_mut().zip(a).for_each(|(g, &a)| *g = a * (*g - mean));
        }
    } else {
        for (i, g) in delta.iter_mut().enumerate() {
            let z = if activation.needs_z() { z[i] } else { F::NAN };
            *g *= activation.derivative(z, a[i]);
        }
    }
}

/// One row of softmax: aⱼ ← e^(aⱼ − max) / Σ e^(a − max).
pub fn softmax<F: Real>(row: &mut [F]) {
    let max = row.iter().fold(-F::INFINITY, |max, &z| max.max(z));
    row.iter_mut().for_each(|z| *z = (*z - max).exp());
    let sum: F = row.iter().copied().sum();
    row.iter_mut().for_each(|z| *z /= sum);
}

/// One row of the logarithm of softmax: aⱼ ← aⱼ − max − ln Σ e^(a − max).
pub fn log_softmax<F: Real>(row: &mut [F]) {
    let max = row.iter().fold(-F::INFINITY, |max, &z| max.max(z));
    let sum: F = row.iter().map(|&z| (z - max).exp()).sum();
    row.iter_mut().for_each(|z| *z = *z - max - sum.ln());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_products_by_hand() {
        // [1 2] · [1 2 3; 4 5 6] = [1 + 8, 2 + 10, 3 + 12].
        let (a, b) = ([1.0, 2.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let mut c = [0.0; 3];
        product(2, 3, &a, &b, &mut c);
        assert_eq!(c, [9.0, 12.0, 15.0]);
        // [1 2] · [1 2; 3 4; 5 6]ᵀ = [1 + 4, 3 + 8, 5 + 12].
        product_with_transposed(2, 3, &a, &b, &mut c);
        assert_eq!(c, [5.0, 11.0, 17.0]);
        // [1 2; 3 4]ᵀ · [5; 6] = [1·5 + 3·6, 2·5 + 4·6]; the second row alone is 34.
        let mut c = [0.0; 2];
        transposed_product(2, 1, 0, &[1.0, 2.0, 3.0, 4.0], &[5.0, 6.0], &mut c);
        assert_eq!(c, [23.0, 34.0]);
        transposed_product(2, 1, 1, &[1.0, 2.0, 3.0, 4.0], &[5.0, 6.0], &mut c[..1]);
        assert_eq!(c[0], 34.0);
    }

    #[test]
    fn softmax_by_hand() {
        // e^(ln 1), e^(ln 3): 1/4 and 3/4, at any offset.
        let mut row = [1000.0_f64, 1000.0 + 3.0_f64.ln()];
        softmax(&mut row);
        assert!((row[0] - 0.25).abs() < 1e-12 && (row[1] - 0.75).abs() < 1e-12);
        let mut row = [-1000.0_f64, -1000.0 + 3.0_f64.ln()];
        log_softmax(&mut row);
        assert!((row[0] - 0.25_f64.ln()).abs() < 1e-12 && (row[1] - 0.75_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn softmax_jacobian_by_hand() {
        // a = [1/4, 3/4], g = [1, 0]: Σ g·a = 1/4, δ = [1/4·3/4, 3/4·(−1/4)].
        let mut delta = [1.0, 0.0];
        activate_backward(Activation::Softmax, 2, &[], &[0.25, 0.75], &mut delta);
        assert_eq!(delta, [0.1875, -0.1875]);
    }
}
