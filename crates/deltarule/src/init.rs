//! Initial weights.
//!
//! Biases begin at 0, scales at 1. A symmetric start (all weights equal) never breaks its symmetry: units of a layer
//! then receive equal gradients for ever, which is why `zeros` is offered for study only.

use deltarule_kernels::Real;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// How the weights `w [fan_in, fan_out]` of a dense layer are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Initializer {
    /// All 0.
    Zeros,
    /// U(−0.05, 0.05).
    Uniform,
    /// N(0, 0.05²).
    Normal,
    /// U(−r, r), r = √(6 / (fan_in + fan_out)) (Glorot & Bengio 2010, eq. 16).
    GlorotUniform,
    /// N(0, 2 / (fan_in + fan_out)) (Glorot & Bengio 2010, eq. 12).
    GlorotNormal,
    /// U(−r, r), r = √(6 / fan_in) (He et al. 2015).
    HeUniform,
    /// N(0, 2 / fan_in) (He et al. 2015, eq. 10).
    HeNormal,
    /// U(−r, r), r = √(3 / fan_in) (LeCun et al. 1998, §4.6).
    LecunUniform,
    /// N(0, 1 / fan_in) (LeCun et al. 1998, §4.6).
    LecunNormal,
    /// Orthonormal rows or columns, whichever are fewer (Saxe et al. 2014).
    Orthogonal,
}

/// Half the width of [`Initializer::Uniform`], and the deviation of [`Initializer::Normal`] (Keras' defaults).
const SMALL: f64 = 0.05;

impl Initializer {
    /// Every initialiser with its name.
    pub const NAMES: [(&'static str, Self); 10] = [
        ("zeros", Self::Zeros),
        ("uniform", Self::Uniform),
        ("normal", Self::Normal),
        ("glorot_uniform", Self::GlorotUniform),
        ("glorot_normal", Self::GlorotNormal),
        ("he_uniform", Self::HeUniform),
        ("he_normal", Self::HeNormal),
        ("lecun_uniform", Self::LecunUniform),
        ("lecun_normal", Self::LecunNormal),
        ("orthogonal", Self::Orthogonal),
    ];

    /// The initialiser of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|&(_, initializer)| initializer)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, known)| *known == self).map_or("unnamed", |&(name, _)| name)
    }

    /// Draws `w [fan_in, fan_out]`, row-major, in double precision first, so that f32 and f64 networks start alike.
    ///
    /// # Panics
    /// Where `w` does not hold `fan_in · fan_out` numbers.
    pub fn draw<F: Real>(self, fan_in: usize, fan_out: usize, rng: &mut impl Rng, w: &mut [F]) {
        assert_eq!(w.len(), fan_in * fan_out, "w is [fan_in, fan_out]");
        let (into, both) = (fan_in.max(1) as f64, (fan_in + fan_out).max(1) as f64);
        match self {
            Self::Zeros => w.fill(F::ZERO),
            Self::Uniform => uniform(SMALL, rng, w),
            Self::Normal => normal(SMALL, rng, w),
            Self::GlorotUniform => uniform((6.0 / both).sqrt(), rng, w),
            Self::GlorotNormal => normal((2.0 / both).sqrt(), rng, w),
            Self::HeUniform => uniform((6.0 / into).sqrt(), rng, w),
            Self::HeNormal => normal((2.0 / into).sqrt(), rng, w),
            Self::LecunUniform => uniform((3.0 / into).sqrt(), rng, w),
            Self::LecunNormal => normal((1.0 / into).sqrt(), rng, w),
            Self::Orthogonal => orthogonal(fan_in, fan_out, rng, w),
        }
    }
}

fn uniform<F: Real>(limit: f64, rng: &mut impl Rng, w: &mut [F]) {
    for value in w {
        *value = F::from_f64(rng.random_range(-limit..limit));
    }
}

fn normal<F: Real>(deviation: f64, rng: &mut impl Rng, w: &mut [F]) {
    for value in w {
        *value = F::from_f64(deviation * standard_normal(rng));
    }
}

/// One number of N(0, 1) (Box & Muller 1958; the second of each pair is not kept, so that a draw is a pure function
/// of the generator's position).
pub fn standard_normal(rng: &mut impl Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

/// Gram & Schmidt's orthogonalisation, run twice for each vector ("twice is enough", Kahan), of random normal vectors.
fn orthogonal<F: Real>(fan_in: usize, fan_out: usize, rng: &mut impl Rng, w: &mut [F]) {
    let (few, long) = (fan_in.min(fan_out), fan_in.max(fan_out));
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(few);
    while basis.len() < few {
        let mut vector: Vec<f64> = (0..long).map(|_| standard_normal(rng)).collect();
        for _ in 0..2 {
            for earlier in &basis {
                let along: f64 = vector.iter().zip(earlier).map(|(a, b)| a * b).sum();
                vector.iter_mut().zip(earlier).for_each(|(a, b)| *a -= along * b);
            }
        }
        let length = vector.iter().map(|a| a * a).sum::<f64>().sqrt();
        if length > 1e-6 {
            vector.iter_mut().for_each(|a| *a /= length);
            basis.push(vector);
        }
    }
    for i in 0..fan_in {
        for j in 0..fan_out {
            let value = if fan_in <= fan_out { basis[i][j] } else { basis[j][i] };
            w[i * fan_out + j] = F::from_f64(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};

    fn drawn(initializer: Initializer, fan_in: usize, fan_out: usize) -> Vec<f64> {
        let mut w = vec![0.0; fan_in * fan_out];
        initializer.draw(fan_in, fan_out, &mut stream(1, Purpose::Init, 0), &mut w);
        w
    }

    #[test]
    fn deviations_follow_their_papers() {
        // fan_in 200, fan_out 100: 2/300, 2/200, 1/200; a uniform on ±r has variance r²/3, made to agree.
        let cases = [
            (Initializer::GlorotUniform, 2.0 / 300.0),
            (Initializer::GlorotNormal, 2.0 / 300.0),
            (Initializer::HeUniform, 2.0 / 200.0),
            (Initializer::HeNormal, 2.0 / 200.0),
            (Initializer::LecunUniform, 1.0 / 200.0),
            (Initializer::LecunNormal, 1.0 / 200.0),
            (Initializer::Normal, SMALL * SMALL),
            (Initializer::Uniform, SMALL * SMALL / 3.0),
        ];
        for (initializer, variance) in cases {
            let w = drawn(initializer, 200, 100);
            let mean = w.iter().sum::<f64>() / w.len() as f64;
            let got = w.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / w.len() as f64;
            // 20,000 draws: the variance's own relative deviation is at most √(2/20000) = 1 %.
            assert!((got / variance - 1.0).abs() < 0.05, "{}: {got} against {variance}", initializer.name());
            assert!(mean.abs() < 5.0 * (variance / 20_000.0).sqrt());
        }
    }

    #[test]
    fn orthogonal_weights_have_orthonormal_rows_or_columns() {
        for (fan_in, fan_out) in [(5, 9), (9, 5), (1, 1)] {
            let w = drawn(Initializer::Orthogonal, fan_in, fan_out);
            let at = |i: usize, j: usize| w[i * fan_out + j];
            let few = fan_in.min(fan_out);
            for p in 0..few {
                for q in 0..few {
                    let dot: f64 = if fan_in <= fan_out {
                        (0..fan_out).map(|j| at(p, j) * at(q, j)).sum()
                    } else {
                        (0..fan_in).map(|i| at(i, p) * at(i, q)).sum()
                    };
                    assert!((dot - f64::from(u8::from(p == q))).abs() < 1e-12);
                }
            }
        }
    }

    #[test]
    fn names_come_back() {
        for (name, initializer) in Initializer::NAMES {
            assert_eq!(Initializer::from_name(name), Some(initializer));
            assert_eq!(initializer.name(), name);
        }
    }
}
