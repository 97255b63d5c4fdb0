//! Batch normalisation (Ioffe & Szegedy 2015) and layer normalisation (Ba, Kiros & Hinton 2016), each with the
//! activation that follows it.
//!
//! x̂ = (x − μ)/√(σ² + ε), z = γ·x̂ + β, a = f(z), with μ and the biased σ² taken over the batch for each unit, or over
//! the units for each row. With g = δ·γ, one backward formula serves both: ∂C/∂x = (g − mean g − x̂·mean(g·x̂))/√(σ²+ε),
//! the means over the same set as μ. Row weights do not enter μ and σ².

use deltarule_kernels::{Activation, Pool, Real, activate, activate_backward, activate_in_place};

use super::{Kept, LayerInput, Pass};

/// ε, inside the root (PyTorch's default; Keras has 1e-3).
pub const EPSILON: f64 = 1e-5;

/// Share of a new batch in the running statistics (PyTorch's default).
pub const MOMENTUM: f64 = 0.1;

/// Normalisation over the batch. Parameters: γ then β. Buffers: running mean, then running variance.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNorm {
    /// Units.
    pub units: usize,
    /// f.
    pub activation: Activation,
}

/// Normalisation over a row's units. Parameters: γ then β.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerNorm {
    /// Units.
    pub units: usize,
    /// f.
    pub activation: Activation,
}

impl BatchNorm {
    /// Normalises by the batch's statistics in training, by `buffers` at inference.
    pub fn forward<F: Real>(
        &self,
        pool: &Pool,
        params: &[F],
        buffers: &[F],
        pass: Pass,
        input: &LayerInput<'_, F>,
        kept: &mut Kept<F>,
    ) {
        let (units, n) = (self.units, F::from_f64(input.rows as f64));
        let epsilon = F::from_f64(EPSILON);
        let x = &input.x[..input.rows * units];
        let (mean, rest) = kept.statistics.split_at_mut(units);
        let (inverse, variance) = rest.split_at_mut(units);
        if pass == Pass::Inference {
            mean.copy_from_slice(&buffers[..units]);
            variance.copy_from_slice(&buffers[units..]);
        } else {
            mean.fill(F::ZERO);
            variance.fill(F::ZERO);
            for row in x.chunks_exact(units) {
                mean.iter_mut().zip(row).for_each(|(sum, &x)| *sum += x);
            }
            mean.iter_mut().for_each(|sum| *sum /= n);
            for row in x.chunks_exact(units) {
                for ((sum, &x), &mean) in variance.iter_mut().zip(row).zip(mean.iter()) {
                    *sum += (x - mean) * (x - mean);
                }
            }
            variance.iter_mut().for_each(|sum| *sum /= n);
        }
        for (inverse, &variance) in inverse.iter_mut().zip(variance.iter()) {
            *inverse = F::ONE / (variance + epsilon).sqrt();
        }
        for (row, x) in x.chunks_exact(units).enumerate() {
            let hat = &mut kept.extra[row * units..][..units];
            for j in 0..units {
                hat[j] = (x[j] - mean[j]) * inverse[j];
            }
        }
        scale_and_activate(pool, self.activation, units, params, input.rows, kept);
    }

    /// New running statistics from the batch that was just seen: r ← 0.9·r + 0.1·batch, the variance unbiased
    /// (n/(n−1)), as PyTorch does. A batch of one row, such as an epoch's last may be, has no variance and changes
    /// nothing (PyTorch refuses it).
    pub fn update_buffers<F: Real>(&self, rows: usize, kept: &Kept<F>, buffers: &mut [F]) {
        if rows < 2 {
            return;
        }
        let momentum = F::from_f64(MOMENTUM);
        let unbiased = F::from_f64(rows as f64 / (rows - 1) as f64);
        let (mean, variance) = (&kept.statistics[..self.units], &kept.statistics[2 * self.units..]);
        let (running_mean, running_variance) = buffers.split_at_mut(self.units);
        for j in 0..self.units {
            running_mean[j] += momentum * (mean[j] - running_mean[j]);
            running_variance[j] += momentum * (variance[j] * unbiased - running_variance[j]);
        }
    }

    /// Turns `kept.delta` into δ, writes γ's and β's gradients and, where wanted, ∂C/∂x: of a forward pass of
    /// [`Pass::Inference`], whose statistics do not depend on x, γ·δ/√(σ²+ε).
    pub fn backward<F: Real>(
        &self,
        pool: &Pool,
        rows: usize,
        params: &[F],
        pass: Pass,
        kept: &mut Kept<F>,
        total: F,
        grads: &mut [F],
        dx: Option<&mut [F]>,
    ) {
        let units = self.units;
        let sums_are_totals = if pass == Pass::Inference { F::ZERO } else { F::from_f64(1.0 / rows as f64) };
        delta_and_gradient(pool, self.activation, units, rows, kept, grads);
        if let Some(dx) = dx {
            // Σδ and Σδ·x̂ over the batch are β's and γ's gradients before the division by the total weight.
            let (scale_sum, shift_sum) = grads.split_at(units);
            let inverse = &kept.statistics[units..2 * units];
            for row in 0..rows {
                let at = row * units..(row + 1) * units;
                let (delta, hat, dx) = (&kept.delta[at.clone()], &kept.extra[at.clone()], &mut dx[at]);
                for j in 0..units {
                    let centred = delta[j] - (shift_sum[j] + hat[j] * scale_sum[j]) * sums_are_totals;
                    dx[j] = params[j] * inverse[j] * centred;
                }
            }
        }
        grads.iter_mut().for_each(|sum| *sum /= total);
    }
}

impl LayerNorm {
    /// Normalises each row by its own mean and variance.
    pub fn forward<F: Real>(&self, pool: &Pool, params: &[F], input: &LayerInput<'_, F>, kept: &mut Kept<F>) {
        let (units, n) = (self.units, F::from_f64(self.units as f64));
        for (row, x) in input.x[..input.rows * units].chunks_exact(units).enumerate() {
            let mean = x.iter().copied().sum::<F>() / n;
            let variance = x.iter().map(|&x| (x - mean) * (x - mean)).sum::<F>() / n;
            let inverse = F::ONE / (variance + F::from_f64(EPSILON)).sqrt();
            kept.statistics[2 * row] = mean;
            kept.statistics[2 * row + 1] = inverse;
            for (hat, &x) in kept.extra[row * units..][..units].iter_mut().zip(x) {
                *hat = (x - mean) * inverse;
            }
        }
        scale_and_activate(pool, self.activation, units, params, input.rows, kept);
    }

    /// Turns `kept.delta` into δ, writes γ's and β's gradients and, where wanted, ∂C/∂x.
    pub fn backward<F: Real>(
        &self,
        pool: &Pool,
        rows: usize,
        params: &[F],
        kept: &mut Kept<F>,
        total: F,
        grads: &mut [F],
        dx: Option<&mut [F]>,
    ) {
        let units = self.units;
        delta_and_gradient(pool, self.activation, units, rows, kept, grads);
        grads.iter_mut().for_each(|sum| *sum /= total);
        let Some(dx) = dx else { return };
        let n = F::from_f64(units as f64);
        for row in 0..rows {
            let at = row * units..(row + 1) * units;
            let (delta, hat, dx) = (&kept.delta[at.clone()], &kept.extra[at.clone()], &mut dx[at]);
            let (mut sum, mut along) = (F::ZERO, F::ZERO);
            for j in 0..units {
                dx[j] = delta[j] * params[j];
                sum += dx[j];
                along += dx[j] * hat[j];
            }
            let inverse = kept.statistics[2 * row + 1];
            for (dx, &hat) in dx.iter_mut().zip(hat) {
                *dx = inverse * (*dx - (sum + hat * along) / n);
            }
        }
    }
}

/// z = γ·x̂ + β, a = f(z).
fn scale_and_activate<F: Real>(
    pool: &Pool,
    activation: Activation,
    units: usize,
    params: &[F],
    rows: usize,
    kept: &mut Kept<F>,
) {
    let cells = rows * units;
    let (scale, shift) = params.split_at(units);
    let keeps_z = !kept.z.is_empty();
    let z = if keeps_z { &mut kept.z[..cells] } else { &mut kept.a[..cells] };
    for (z, hat) in z.chunks_exact_mut(units).zip(kept.extra.chunks_exact(units)) {
        for j in 0..units {
            z[j] = scale[j] * hat[j] + shift[j];
        }
    }
    if keeps_z {
        activate(pool, activation, units, &kept.z[..cells], &mut kept.a[..cells]);
    } else {
        activate_in_place(pool, activation, units, &mut kept.a[..cells]);
    }
}

/// δ = ∂C/∂a ⊙ f', and the undivided sums Σδ·x̂ (γ's) and Σδ (β's) over `grads`.
fn delta_and_gradient<F: Real>(
    pool: &Pool,
    activation: Activation,
    units: usize,
    rows: usize,
    kept: &mut Kept<F>,
    grads: &mut [F],
) {
    let cells = rows * units;
    let z = (!kept.z.is_empty()).then(|| &kept.z[..cells]);
    activate_backward(pool, activation, units, z, &kept.a[..cells], &mut kept.delta[..cells]);
    grads.fill(F::ZERO);
    let (scale, shift) = grads.split_at_mut(units);
    for (delta, hat) in kept.delta[..cells].chunks_exact(units).zip(kept.extra.chunks_exact(units)) {
        for j in 0..units {
            scale[j] += delta[j] * hat[j];
            shift[j] += delta[j];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_statistics_move_by_a_tenth_and_not_at_all_for_one_row() {
        let layer = BatchNorm { units: 1, activation: Activation::Identity };
        // Mean 3, 1/√(σ²+ε) (not read), biased variance 4.
        let kept = Kept { statistics: vec![3.0_f64, 0.0, 4.0], ..Kept::default() };
        let mut buffers = [1.0, 2.0];
        layer.update_buffers(1, &kept, &mut buffers);
        assert_eq!(buffers, [1.0, 2.0]);
        // Two rows: the unbiased variance is 4·2/1 = 8. 1 + 0.1·(3 − 1), 2 + 0.1·(8 − 2).
        layer.update_buffers(2, &kept, &mut buffers);
        assert!((buffers[0] - 1.2).abs() < 1e-15 && (buffers[1] - 2.6).abs() < 1e-15, "{buffers:?}");
    }
}
