//! The number type of a network: `f32` or `f64`.

use std::fmt::{Debug, Display};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use crate::erf;
use crate::nonzero::{ByColumns, SparseProducts, Walks};
use crate::product::Products;
use crate::stack::Tiny;
use crate::vector_math::VectorMath;

/// `f32` or `f64`. Sealed: the kernels are written for these two.
///
/// Names follow the standard library's floats; [`max`](Real::max) and [`min`](Real::min) differ from it by
/// propagating NaN.
pub trait Real:
    Copy
    + Default
    + PartialOrd
    + PartialEq
    + Debug
    + Display
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + Sum<Self>
    + Products
    + Walks
    + ByColumns
    + SparseProducts
    + Tiny
    + VectorMath
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// The distance from 1 to the next larger number.
    const EPSILON: Self;
    /// The smallest positive normal number; results below it are stored as 0.
    const MIN_POSITIVE: Self;
    /// The largest finite number.
    const MAX: Self;
    /// +∞.
    const INFINITY: Self;
    /// Not a number.
    const NAN: Self;
    /// `"f32"` or `"f64"`.
    const NAME: &'static str;
    /// Bytes of one number: 4 or 8.
    const BYTES: usize;

    /// The nearest number to `value`.
    fn from_f64(value: f64) -> Self;
    /// This number in double precision; exact.
    fn to_f64(self) -> f64;
    /// `value` in this precision; exact.
    fn from_f32(value: f32) -> Self;
    /// The nearest single-precision number.
    fn to_f32(self) -> f32;
    /// |x|.
    fn abs(self) -> Self;
    /// √x.
    fn sqrt(self) -> Self;
    /// eˣ.
    fn exp(self) -> Self;
    /// eˣ − 1 without loss of digits near 0.
    fn exp_m1(self) -> Self;
    /// The natural logarithm.
    fn ln(self) -> Self;
    /// ln(1 + x) without loss of digits near 0.
    fn ln_1p(self) -> Self;
    /// The hyperbolic tangent.
    fn tanh(self) -> Self;
    /// The sine.
    fn sin(self) -> Self;
    /// The cosine.
    fn cos(self) -> Self;
    /// The error function (2/√π) ∫₀ˣ exp(−t²) dt, to the last digits of the type.
    fn erf(self) -> Self;
    /// 1 − erf(x) without loss of digits for large x.
    fn erfc(self) -> Self;
    /// The larger of the two; NaN if either is NaN.
    fn max(self, other: Self) -> Self;
    /// The smaller of the two; NaN if either is NaN.
    fn min(self, other: Self) -> Self;
    /// Neither infinite nor NaN.
    fn is_finite(self) -> bool;
    /// Not a number.
    fn is_nan(self) -> bool;
    /// −1, 0 or 1 by sign, 0 at ±0, NaN for NaN.
    fn signum0(self) -> Self;
    /// xⁿ.
    fn powi(self, n: i32) -> Self;
    /// Appends the little-endian bytes.
    fn write_le(self, bytes: &mut Vec<u8>);
    /// Reads [`BYTES`](Real::BYTES) little-endian bytes.
    ///
    /// # Panics
    /// If `bytes` has another length.
    fn from_le(bytes: &[u8]) -> Self;
    /// This number, or 0 where its magnitude is below the smallest normal number; NaN stays NaN.
    #[inline(always)]
    fn flushed(self) -> Self {
        if self.abs() < Self::MIN_POSITIVE { Self::ZERO } else { self }
    }
}

macro_rules! real {
    ($float:ident, $from_f64:expr, $to_f32:expr) => {
        impl Real for $float {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const EPSILON: Self = $float::EPSILON;
            const MIN_POSITIVE: Self = $float::MIN_POSITIVE;
            const MAX: Self = $float::MAX;
            const INFINITY: Self = $float::INFINITY;
            const NAN: Self = $float::NAN;
            const NAME: &'static str = stringify!($float);
            const BYTES: usize = size_of::<$float>();

            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                $from_f64(value)
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn from_f32(value: f32) -> Self {
                Self::from(value)
            }
            #[inline(always)]
            fn to_f32(self) -> f32 {
                $to_f32(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $float::abs(self)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $float::sqrt(self)
            }
            #[inline(always)]
            fn exp(self) -> Self {
                $float::exp(self)
            }
            #[inline(always)]
            fn exp_m1(self) -> Self {
                $float::exp_m1(self)
            }
            #[inline(always)]
            fn ln(self) -> Self {
                $float::ln(self)
            }
            #[inline(always)]
            fn ln_1p(self) -> Self {
                $float::ln_1p(self)
            }
            #[inline(always)]
            fn tanh(self) -> Self {
                $float::tanh(self)
            }
            #[inline(always)]
            fn sin(self) -> Self {
                $float::sin(self)
            }
            #[inline(always)]
            fn cos(self) -> Self {
                $float::cos(self)
            }
            fn erf(self) -> Self {
                Self::from_f64(erf::erf(self.to_f64()))
            }
            fn erfc(self) -> Self {
                Self::from_f64(erf::erfc(self.to_f64()))
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                if self > other || self.is_nan() { self } else { other }
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                if self < other || self.is_nan() { self } else { other }
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                $float::is_finite(self)
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                $float::is_nan(self)
            }
            #[inline(always)]
            fn signum0(self) -> Self {
                if self == 0.0 { 0.0 } else { $float::signum(self) }
            }
            #[inline(always)]
            fn powi(self, n: i32) -> Self {
                $float::powi(self, n)
            }
            fn write_le(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }
            fn from_le(bytes: &[u8]) -> Self {
                let bytes = bytes.try_into().expect("as many bytes as the number type has");
                Self::from_le_bytes(bytes)
            }
        }
    };
}

real!(f32, (|value: f64| value as f32), (|value: f32| value));
real!(f64, (|value: f64| value), (|value: f64| value as f32));

#[cfg(test)]
mod tests {
    use super::*;

    fn laws<F: Real>() {
        // Maximum and minimum keep NaN from either side.
        assert!(Real::max(F::NAN, F::ONE).is_nan() && Real::max(F::ONE, F::NAN).is_nan());
        assert!(Real::min(F::NAN, F::ONE).is_nan() && Real::min(F::ONE, F::NAN).is_nan());
        assert_eq!(Real::max(F::ONE, F::ZERO), F::ONE);
        assert_eq!(Real::min(F::ONE, F::ZERO), F::ZERO);
        assert_eq!((-F::ONE).signum0(), -F::ONE);
        assert_eq!((-F::ZERO).signum0(), F::ZERO);
        assert!(F::NAN.signum0().is_nan());
        // Flushing: below the smallest normal number to 0, NaN kept.
        assert_eq!((F::MIN_POSITIVE * F::from_f64(0.5)).flushed(), F::ZERO);
        assert_eq!(F::MIN_POSITIVE.flushed(), F::MIN_POSITIVE);
        assert!(F::NAN.flushed().is_nan());
        assert_eq!((-F::INFINITY).flushed(), -F::INFINITY);
        let mut bytes = Vec::new();
        F::from_f64(-1.25).write_le(&mut bytes);
        assert_eq!(bytes.len(), F::BYTES);
        assert_eq!(F::from_le(&bytes), F::from_f64(-1.25));
    }

    #[test]
    fn both_types_keep_the_laws() {
        laws::<f32>();
        laws::<f64>();
        assert_eq!((<f32 as Real>::NAME, <f64 as Real>::NAME), ("f32", "f64"));
        assert_eq!(Real::erf(1.0_f32), 0.842_700_8);
    }
}
