//! The activation functions: what they are, as scalar definitions in either precision.

use crate::Real;

/// λ of SELU (Klambauer et al. 2017, *Self-normalizing neural networks*).
pub(crate) const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
/// α of SELU.
pub(crate) const SELU_ALPHA: f64 = 1.673_263_242_354_377_3;

/// An activation function a = f(z), applied to each number, softmax to each row.
///
/// | name | f(z) | f' |
/// |---|---|---|
/// | `Identity` | z | 1 |
/// | `Sigmoid` | 1/(1 + e⁻ᶻ) | a(1 − a) |
/// | `Tanh` | tanh z | 1 − a² |
/// | `Relu` | max(z, 0) | 1 where a > 0, else 0 |
/// | `LeakyRelu` | z, slope·z for z < 0 | 1 where a > 0, else slope |
/// | `Elu` | z, α(eᶻ − 1) for z < 0 | 1 where a > 0, else a + α |
/// | `Selu` | λz, λα(eᶻ − 1) for z < 0 | λ where a > 0, else a + λα |
/// | `Gelu` | z·Φ(z), Φ from the exact erf | Φ(z) + z·φ(z) |
/// | `Silu` | z·σ(z) | σ(z)·(1 + z(1 − σ(z))) |
/// | `Mish` | z·ω, ω = tanh(ln(1 + eᶻ)) | ω + z(1 − ω²)σ(z) |
/// | `Softplus` | ln(1 + eᶻ) | 1 − e⁻ᵃ |
/// | `Exp` | eᶻ | a |
/// | `Softmax` | eᶻⱼ / Σ eᶻ along the row | Jacobian: δ = a ⊙ (g − Σ g·a) |
///
/// Sources: ELU, Clevert et al. 2015; GELU, Hendrycks and Gimpel 2016; SiLU, Elfwing et al. 2017; Mish, Misra 2019.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// z itself.
    Identity,
    /// The logistic function.
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// The rectified linear unit.
    Relu,
    /// A rectified linear unit that lets a part of the negative side through.
    LeakyRelu {
        /// f' for z < 0; at least 0, usually 0.01.
        slope: f64,
    },
    /// The exponential linear unit.
    Elu {
        /// −f(−∞); at least 0, usually 1.
        alpha: f64,
    },
    /// The scaled exponential linear unit.
    Selu,
    /// The Gaussian error linear unit, exact.
    Gelu,
    /// The sigmoid linear unit, also called swish.
    Silu,
    /// Mish.
    Mish,
    /// A smooth rectifier.
    Softplus,
    /// The exponential, for rates.
    Exp,
    /// Probabilities over the row.
    Softmax,
}

impl Activation {
    /// Whether the derivative is taken from z; otherwise it is taken from a alone.
    pub fn needs_z(self) -> bool {
        matches!(self, Self::Gelu | Self::Silu | Self::Mish)
    }

    /// f(z), one number.
    ///
    /// # Panics
    /// For `Softmax`, whose value depends on the whole row.
    pub fn value<F: Real>(self, z: F) -> F {
        let scaled_elu = |scale: f64, alpha: f64| {
            let (scale, product) = (F::from_f64(scale), F::from_f64(scale * alpha));
            if z < F::ZERO { product * z.exp_m1() } else { scale * z }
        };
        match self {
            Self::Identity => z,
            Self::Sigmoid => sigmoid(z),
            Self::Tanh => z.tanh(),
            Self::Relu => z.max(F::ZERO),
            Self::LeakyRelu { slope } => {
                if z < F::ZERO {
                    F::from_f64(slope) * z
                } else {
                    z
                }
            }
            Self::Elu { alpha } => scaled_elu(1.0, alpha),
            Self::Selu => scaled_elu(SELU_SCALE, SELU_ALPHA),
            Self::Gelu => z * normal_cdf(z),
            Self::Silu => z * sigmoid(z),
            Self::Mish => z * softplus(z).tanh(),
            Self::Softplus => softplus(z),
            Self::Exp => z.exp(),
            Self::Softmax => panic!("softmax has a value for a row, not for one number"),
        }
    }

    /// f'(z), one number, from z and a = f(z); which of the two is read says [`needs_z`](Self::needs_z).
    ///
    /// # Panics
    /// For `Softmax`, whose derivative is a matrix over the row.
    pub fn derivative<F: Real>(self, z: F, a: F) -> F {
        let above = |otherwise: F, scale: F| if a > F::ZERO { scale } else { otherwise };
        match self {
            Self::Identity => F::ONE,
            Self::Sigmoid => a * (F::ONE - a),
            Self::Tanh => (F::ONE - a) * (F::ONE + a),
            // Where a is not above 0 it is 0, or NaN, which is passed on.
            Self::Relu => above(a, F::ONE),
            Self::LeakyRelu { slope } => above(if a.is_nan() { a } else { F::from_f64(slope) }, F::ONE),
            Self::Elu { alpha } => above(a + F::from_f64(alpha), F::ONE),
            Self::Selu => above(a + F::from_f64(SELU_SCALE * SELU_ALPHA), F::from_f64(SELU_SCALE)),
            Self::Gelu => {
                let density = (z * z * F::from_f64(-0.5)).exp() * F::from_f64(INVERSE_SQRT_2_PI);
                normal_cdf(z) + z * density
            }
            Self::Silu => {
                let s = sigmoid(z);
                s * (F::ONE + z * (F::ONE - s))
            }
            Self::Mish => {
                let omega = softplus(z).tanh();
                omega + z * (F::ONE - omega) * (F::ONE + omega) * sigmoid(z)
            }
            Self::Softplus => -(-a).exp_m1(),
            Self::Exp => a,
            Self::Softmax => panic!("softmax has a derivative for a row, not for one number"),
        }
    }
}

/// 1/√(2π), the height of the normal density.
pub(crate) const INVERSE_SQRT_2_PI: f64 = 0.398_942_280_401_432_7;

/// 1/(1 + e⁻ᶻ), from e^−|z| so that neither side overflows.
fn sigmoid<F: Real>(z: F) -> F {
    let e = (-z.abs()).exp();
    if z >= F::ZERO { F::ONE / (F::ONE + e) } else { e / (F::ONE + e) }
}

/// ln(1 + eᶻ) = max(z, 0) + ln(1 + e^−|z|).
fn softplus<F: Real>(z: F) -> F {
    z.max(F::ZERO) + (-z.abs()).exp().ln_1p()
}

/// Φ(z) = erfc(−z/√2) / 2.
fn normal_cdf<F: Real>(z: F) -> F {
    F::from_f64(0.5) * (-z * F::from_f64(std::f64::consts::FRAC_1_SQRT_2)).erfc()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Activation; 12] = [
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
    ];

    #[test]
    fn values_worked_by_hand() {
        let value = |activation: Activation, z: f64| activation.value(z);
        // σ(ln 3) = 1/(1 + 1/3) = 3/4.
        assert!((value(Activation::Sigmoid, 3.0_f64.ln()) - 0.75).abs() < 1e-15);
        assert_eq!(value(Activation::LeakyRelu { slope: 0.01 }, -2.0), -0.02);
        // ELU at −ln 2: α(1/2 − 1) = −α/2.
        assert!((value(Activation::Elu { alpha: 1.5 }, -(2.0_f64.ln())) + 0.75).abs() < 1e-15);
        // SiLU at ln 3: ln 3 · 3/4.
        assert!((value(Activation::Silu, 3.0_f64.ln()) - 0.75 * 3.0_f64.ln()).abs() < 1e-15);
        // softplus(0) = ln 2; tanh(ln 2) = (4 − 1)/(4 + 1) = 0.6, but mish(0) = 0·0.6.
        assert_eq!(value(Activation::Softplus, 0.0), 2.0_f64.ln());
        assert_eq!(value(Activation::Mish, 0.0), 0.0);
        // GELU(1) = Φ(1) = 0.841344746068543.
        assert!((value(Activation::Gelu, 1.0) - 0.841_344_746_068_543).abs() < 1e-15);
    }

    #[test]
    fn derivatives_agree_with_central_differences() {
        let h = 1e-5;
        for activation in ALL {
            for step in -40..=40 {
                let z = f64::from(step) * 0.2 + 0.013; // clear of the kinks at 0
                let numeric = (activation.value(z + h) - activation.value(z - h)) / (2.0 * h);
                let exact = activation.derivative(z, activation.value(z));
                assert!(
                    (numeric - exact).abs() <= 1e-8 * exact.abs().max(1.0),
                    "{activation:?} at {z}: {numeric} {exact}"
                );
            }
        }
    }

    #[test]
    fn nan_is_passed_on() {
        for activation in ALL {
            assert!(activation.value(f32::NAN).is_nan(), "{activation:?}");
            if activation != Activation::Identity {
                assert!(activation.derivative(f64::NAN, f64::NAN).is_nan(), "{activation:?}");
            }
        }
    }
}
