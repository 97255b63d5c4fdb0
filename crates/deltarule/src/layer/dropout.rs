//! Dropout: units left out at random while training (Srivastava et al. 2014), in the inverted form, so that nothing
//! is to be scaled at inference.

use deltarule_kernels::Real;
use rand::Rng;

use super::{Kept, LayerInput, Pass};
use crate::random::{Purpose, stream};

/// a = x ⊙ m / (1 − rate), each m 0 with probability `rate`, else 1; a = x at inference.
#[derive(Clone, Debug, PartialEq)]
pub struct Dropout {
    /// Units.
    pub units: usize,
    /// Probability that a unit is left out; at least 0, below 1.
    pub rate: f64,
}

impl Dropout {
    /// Draws the step's mask and applies it. The mask is a function of (seed, step, layer), so that it can be drawn
    /// again; `kept.extra` holds m / (1 − rate).
    pub fn forward<F: Real>(&self, layer: usize, pass: Pass, input: &LayerInput<'_, F>, kept: &mut Kept<F>) {
        let cells = input.rows * self.units;
        if let Pass::Training { seed, step } = pass {
            self.draw(seed, step, layer, &mut kept.extra[..cells]);
            self.apply(input, kept);
        } else {
            kept.a[..cells].copy_from_slice(&input.x[..cells]);
        }
    }

    /// a = x ⊙ the mask that `kept.extra` holds, whose entries are 0 or 1/(1 − rate).
    pub fn apply<F: Real>(&self, input: &LayerInput<'_, F>, kept: &mut Kept<F>) {
        let cells = input.rows * self.units;
        for ((a, &x), &m) in kept.a[..cells].iter_mut().zip(input.x).zip(&kept.extra) {
            *a = x * m;
        }
    }

    /// The mask of one step, each entry 0 or 1/(1 − rate).
    pub fn draw<F: Real>(&self, seed: u64, step: u64, layer: usize, mask: &mut [F]) {
        /// Entries drawn at once: the generator gives its blocks whole, and the comparisons are of vectors.
        const DRAWN: usize = 256;
        let mut rng = stream(seed, Purpose::Dropout, step << 16 | layer as u64);
        // A unit is left out where 16 random bits are below rate·2¹⁶: the rate is kept to 1/65536.
        let threshold = (self.rate * 65_536.0).round() as u32;
        let factor = F::from_f64(1.0 / (1.0 - self.rate));
        let mut bytes = [0; 2 * DRAWN];
        for part in mask.chunks_mut(DRAWN) {
            // Whole words of 64 bits, as the generator counts.
            rng.fill_bytes(&mut bytes[..(2 * part.len()).next_multiple_of(8)]);
            for (m, bits) in part.iter_mut().zip(bytes.as_chunks().0) {
                // Chosen without a branch: nobody could guess where it goes.
                *m = std::hint::select_unpredictable(
                    u32::from(u16::from_le_bytes(*bits)) < threshold,
                    F::ZERO,
                    factor,
                );
            }
        }
    }

    /// ∂C/∂x = ∂C/∂a ⊙ m / (1 − rate), in place.
    pub fn backward<F: Real>(&self, rows: usize, kept: &mut Kept<F>) {
        let cells = rows * self.units;
        for (delta, &m) in kept.delta[..cells].iter_mut().zip(&kept.extra) {
            *delta *= m;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_keeps_the_rate_and_the_mean() {
        let dropout = Dropout { units: 1000, rate: 0.3 };
        let mut mask = vec![0.0_f64; 100_000];
        dropout.draw(5, 17, 1, &mut mask);
        let dropped = mask.iter().filter(|&&m| m == 0.0).count() as f64 / 1e5;
        // √(0.3·0.7/10⁵) = 0.00145; five of them.
        assert!((dropped - 0.3).abs() < 0.0073, "{dropped}");
        assert!(mask.iter().all(|&m| m == 0.0 || m == 1.0 / 0.7));
        let mut again = vec![0.0; 100_000];
        dropout.draw(5, 17, 1, &mut again);
        assert_eq!(mask, again);
        dropout.draw(5, 18, 1, &mut again);
        assert_ne!(mask, again);
    }

    #[test]
    fn a_mask_is_of_the_streams_words_sixteen_bits_an_entry() {
        for (rate, length) in [(0.0, 9_usize), (0.25, 3), (0.5, 256), (0.1, 1027), (0.999_999, 5)] {
            let dropout = Dropout { units: 1, rate };
            let mut rng = stream(3, Purpose::Dropout, 11 << 16 | 2);
            let factor = 1.0 / (1.0 - rate);
            let expected: Vec<f64> = (0..length.div_ceil(4))
                .map(|_| rng.next_u64())
                .flat_map(|word| [0, 16, 32, 48].map(|shift| (word >> shift) & 0xffff))
                .map(|bits| if (bits as f64) < (rate * 65_536.0).round() { 0.0 } else { factor })
                .take(length)
                .collect();
            let mut mask = vec![f64::NAN; length];
            dropout.draw(3, 11, 2, &mut mask);
            assert_eq!(mask, expected, "rate {rate}, {length} entries");
        }
    }
}
