//! Elementary functions without branches, so that a loop over them becomes vector instructions.
//!
//! Single precision: exponentials by Cody and Waite's reduction x = n·ln 2 + r and a polynomial in r (coefficients of
//! S. L. Moshier's Cephes library, `expf`), the scale 2ⁿ added to the exponent bits. Within 4 units in the last place
//! where the result is a normal number. Double precision calls the standard library.
//!
//! `FMA` says whether the code around has a fused multiply-add instruction; without one, `mul_add` would be a call.

use crate::Real;

/// a·b + c, fused where that is one instruction.
#[inline(always)]
fn fma<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// The polynomial c₀ + c₁x + … by Horner's rule.
#[inline(always)]
fn horner<const FMA: bool, const N: usize>(coefficients: [f32; N], x: f32) -> f32 {
    let mut sum = coefficients[N - 1];
    let mut i = N - 1;
    while i > 0 {
        i -= 1;
        sum = fma::<FMA>(sum, x, coefficients[i]);
    }
    sum
}

/// Adding 1.5·2²³ to a number below 2²² in magnitude rounds it to an integer and leaves that in the low bits.
const ROUND: f32 = 12_582_912.0;
/// ln 2 in two parts; the first has few enough digits that n times it is exact.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;
/// eʳ = 1 + r + r²·P(r) for |r| ≤ ln 2 / 2.
const EXP: [f32; 6] = [0.5, 1.666_666_5e-1, 4.166_579_6e-2, 8.333_452e-3, 1.398_2e-3, 1.987_569_1e-4];
/// Above this, eˣ is larger than any finite number.
const EXP_MAX: f32 = 88.722_83;
/// Below this, eˣ is smaller than any normal number.
const EXP_MIN: f32 = -87.336_55;

/// Of eˣ for x = −`minus_x` = n·ln 2 + r: n shifted to where a float's exponent is, and eʳ − 1.
///
/// The sign is turned here, on the way into multiply-adds, where it costs nothing: turned before, a limit of x is no
/// longer a minimum for the compiler but a comparison, whose mask is waited for.
#[inline(always)]
fn exp_parts<const FMA: bool>(minus_x: f32) -> (u32, f32) {
    let shifted = fma::<FMA>(minus_x, -std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let minus_r = fma::<FMA>(n, LN_2_LOW, fma::<FMA>(n, LN_2_HIGH, minus_x));
    // P by pairs (Estrin's rule): as many operations as Horner's, of which three wait for one another instead of five.
    let [a, b, c] = [
        fma::<FMA>(-EXP[1], minus_r, EXP[0]),
        fma::<FMA>(-EXP[3], minus_r, EXP[2]),
        fma::<FMA>(-EXP[5], minus_r, EXP[4]),
    ];
    let square = minus_r * minus_r;
    let p = fma::<FMA>(square, fma::<FMA>(square, c, b), a);
    (shifted.to_bits() << 23, fma::<FMA>(square, p, -minus_r))
}

/// The functions that the vectorised kernels call on each number.
pub trait VectorMath: Sized {
    /// eˣ; 0 where the result is below the smallest normal number.
    fn vector_exp<const FMA: bool>(self) -> Self;
    /// eˣ − 1 for x ≤ 0.
    fn vector_exp_m1<const FMA: bool>(self) -> Self;
    /// Whether [`vector_sigmoid`](Self::vector_sigmoid) can be below the smallest normal number and not be 0.
    const SIGMOID_CAN_BE_SUBNORMAL: bool;
    /// 1/(1 + e⁻ˣ).
    fn vector_sigmoid<const FMA: bool>(self) -> Self;
    /// The hyperbolic tangent.
    fn vector_tanh<const FMA: bool>(self) -> Self;
    /// ln(1 + x) for 0 ≤ x ≤ 1.
    fn vector_ln_1p<const FMA: bool>(self) -> Self;
    /// ln(1 + x) for x ≥ 0.
    fn vector_ln_1p_of_any<const FMA: bool>(self) -> Self;
    /// Φ(x) = (1 + erf(x/√2)) / 2, the normal distribution function.
    fn vector_normal_cdf<const FMA: bool>(self) -> Self;
}

impl VectorMath for f32 {
    #[inline(always)]
    fn vector_exp<const FMA: bool>(self) -> Self {
        let (scale, p) = exp_parts::<FMA>(-self);
        // 1 + p lies in [0.70, 1.42], so adding n to its exponent cannot leave the exponent's range within the bounds.
        let power = Self::from_bits((1.0 + p).to_bits().wrapping_add(scale));
        let beyond = if self > EXP_MAX { Self::INFINITY } else { self * 0.0 };
        let beyond = if self < EXP_MIN { 0.0 } else { beyond };
        if (EXP_MIN..=EXP_MAX).contains(&self) { power } else { beyond }
    }

    #[inline(always)]
    fn vector_exp_m1<const FMA: bool>(self) -> Self {
        // e⁻⁴⁰ − 1 is −1 in single precision. NaN compares false and stays.
        let minus_x = if -self > 40.0 { 40.0 } else { -self };
        let (scale, p) = exp_parts::<FMA>(minus_x);
        let scale = Self::from_bits(1.0_f32.to_bits().wrapping_add(scale));
        fma::<FMA>(scale, p, scale - 1.0)
    }

    const SIGMOID_CAN_BE_SUBNORMAL: bool = false;

    #[inline(always)]
    fn vector_sigmoid<const FMA: bool>(self) -> Self {
        // From −88 on down, n is −127 and 2ⁿ becomes 0. NaN compares false and stays, by p.
        let magnitude = self.abs();
        let minus_x = if magnitude > 88.0 { 88.0 } else { magnitude };
        let (scale, p) = exp_parts::<FMA>(minus_x);
        let scale = Self::from_bits(1.0_f32.to_bits().wrapping_add(scale));
        // 2ⁿ·(1 + p), with the rounding of 1 + p only, as long as it is a normal number.
        let e = fma::<FMA>(scale, p, scale);
        let e = if minus_x >= -EXP_MIN { 0.0 } else { e };
        let numerator = if self >= 0.0 { 1.0 } else { e };
        numerator / (1.0 + e)
    }

    #[inline(always)]
    fn vector_tanh<const FMA: bool>(self) -> Self {
        // Below 2⁻¹³, x: the next term, x³/3, is less than a quarter of a unit in the last place. There the exponential's powers
        // of x would be below the smallest normal number, which takes a processor longer.
        const SMALL: f32 = 1.0 / 8192.0;
        let magnitude = self.abs();
        let at_least = if magnitude < SMALL { SMALL } else { magnitude };
        // tanh |x| = −t / (t + 2) with t = e^(−2|x|) − 1, which keeps its digits near 0.
        let t = (-2.0 * at_least).vector_exp_m1::<FMA>();
        let tanh = (-t / (t + 2.0)).copysign(self);
        if magnitude < SMALL { self } else { tanh }
    }

    #[inline(always)]
    fn vector_ln_1p<const FMA: bool>(self) -> Self {
        // ln(1 + x) = 2·artanh(s), s = x/(2 + x) ≤ 1/3: the series 2s·(1 + s²/3 + s⁴/5 + …) to below 2⁻²⁹.
        const SERIES: [f32; 8] =
            [2.0, 2.0 / 3.0, 2.0 / 5.0, 2.0 / 7.0, 2.0 / 9.0, 2.0 / 11.0, 2.0 / 13.0, 2.0 / 15.0];
        let s = self / (2.0 + self);
        s * horner::<FMA, 8>(SERIES, s * s)
    }

    #[inline(always)]
    fn vector_ln_1p_of_any<const FMA: bool>(self) -> Self {
        // 1 + x = 2ⁿ·(1 + m), 0 ≤ m < 1. Below 1, n = 0 and m = x, which 1 + x would round.
        let bits = (1.0 + self).to_bits();
        let n = (bits >> 23) as f32 - 127.0;
        let m = Self::from_bits((bits & 0x007f_ffff) | 1.0_f32.to_bits()) - 1.0;
        let (n, m) = if self < 1.0 { (0.0, self) } else { (n, m) };
        let ln = fma::<FMA>(n, LN_2_HIGH, fma::<FMA>(n, LN_2_LOW, m.vector_ln_1p::<FMA>()));
        // Infinity and NaN stay.
        if self < Self::INFINITY { ln } else { self }
    }

    #[inline(always)]
    fn vector_normal_cdf<const FMA: bool>(self) -> Self {
        // erfc(u) = t·exp(−u² + P(t)), t = 1/(1 + u/2), u ≥ 0: W. H. Press et al., Numerical Recipes, section 6.2,
        // relative error 1.2e-7 everywhere.
        const P: [f32; 10] = [
            -1.265_512_2,
            1.000_023_7,
            0.374_091_96,
            0.096_784_18,
            -0.186_288_06,
            0.278_868_07,
            -1.135_204,
            1.488_515_9,
            -0.822_152_2,
            0.170_872_77,
        ];
        let u = self.abs() * std::f32::consts::FRAC_1_SQRT_2;
        let t = 1.0 / (1.0 + 0.5 * u);
        let exponent = fma::<FMA>(self * self, -0.5, horner::<FMA, 10>(P, t));
        let half_tail = 0.5 * t * exponent.vector_exp::<FMA>();
        if self > 0.0 { 1.0 - half_tail } else { half_tail }
    }
}

impl VectorMath for f64 {
    #[inline(always)]
    fn vector_exp<const FMA: bool>(self) -> Self {
        self.exp()
    }
    #[inline(always)]
    fn vector_exp_m1<const FMA: bool>(self) -> Self {
        self.exp_m1()
    }
    const SIGMOID_CAN_BE_SUBNORMAL: bool = true;

    #[inline(always)]
    fn vector_sigmoid<const FMA: bool>(self) -> Self {
        let e = (-self.abs()).exp();
        (if self >= 0.0 { 1.0 } else { e }) / (1.0 + e)
    }
    #[inline(always)]
    fn vector_tanh<const FMA: bool>(self) -> Self {
        self.tanh()
    }
    #[inline(always)]
    fn vector_ln_1p<const FMA: bool>(self) -> Self {
        self.ln_1p()
    }
    #[inline(always)]
    fn vector_ln_1p_of_any<const FMA: bool>(self) -> Self {
        self.ln_1p()
    }
    #[inline(always)]
    fn vector_normal_cdf<const FMA: bool>(self) -> Self {
        0.5 * Real::erfc(-self * std::f64::consts::FRAC_1_SQRT_2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_of_any_size() {
        let check = |x: f32| {
            let exact = f64::from(x).ln_1p();
            for ln in [x.vector_ln_1p_of_any::<true>(), x.vector_ln_1p_of_any::<false>()] {
                let bound = 4.0 * f64::from(f32::EPSILON) * exact;
                assert!((f64::from(ln) - exact).abs() <= bound, "{x}: {ln} for {exact}");
            }
        };
        (f32::MIN_POSITIVE.to_bits()..f32::MAX.to_bits()).step_by(10_007).map(f32::from_bits).for_each(check);
        [0.0, 1.0, 1.0 - f32::EPSILON, 1.0 + f32::EPSILON, f32::MAX].into_iter().for_each(check);
        assert_eq!(f32::INFINITY.vector_ln_1p_of_any::<true>(), f32::INFINITY);
        assert!(f32::NAN.vector_ln_1p_of_any::<true>().is_nan());
    }
}
