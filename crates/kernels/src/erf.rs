//! The error function in double precision, for exact GELU.
//!
//! Source: FreeBSD `lib/msun/src/s_erf.c`, whose rational approximations (error below one unit in the last place) and
//! intervals are used here:
//!
//! > Copyright (C) 1993 by Sun Microsystems, Inc. All rights reserved.
//! > Developed at SunPro, a Sun Microsystems, Inc. business.
//! > Permission to use, copy, modify, and distribute this software is freely granted, provided that this notice is
//! > preserved.

/// erf(1) rounded to single precision: the constant of the interval around 1.
const ERX: f64 = 8.450_629_115_104_675e-1;
/// erf(x) = x + x·P(x²)/Q(x²) on [0, 0.84375].
const P_SMALL: [f64; 5] = [
    1.283_791_670_955_125_6e-1,
    -3.250_421_072_470_015e-1,
    -2.848_174_957_559_851e-2,
    -5.770_270_296_489_442e-3,
    -2.376_301_665_665_016_3e-5,
];
const Q_SMALL: [f64; 6] = [
    1.0,
    3.979_172_239_591_553_5e-1,
    6.502_224_998_876_73e-2,
    5.081_306_281_875_766e-3,
    1.324_947_380_043_216_4e-4,
    -3.960_228_278_775_368e-6,
];
/// erf(1 + s) = ERX + P(s)/Q(s) on [0.84375, 1.25].
const P_ONE: [f64; 7] = [
    -2.362_118_560_752_659_4e-3,
    4.148_561_186_837_483_3e-1,
    -3.722_078_760_357_013e-1,
    3.183_466_199_011_617_5e-1,
    -1.108_946_942_823_966_8e-1,
    3.547_830_432_561_823_6e-2,
    -2.166_375_594_868_791e-3,
];
const Q_ONE: [f64; 7] = [
    1.0,
    1.064_208_804_008_442_3e-1,
    5.403_979_177_021_71e-1,
    7.182_865_441_419_627e-2,
    1.261_712_198_087_616_4e-1,
    1.363_708_391_202_905e-2,
    1.198_449_984_679_911e-2,
];
/// erfc(x) = exp(−x² − 0.5625 + R(1/x²)/S(1/x²)) / x on [1.25, 1/0.35].
const R_MIDDLE: [f64; 8] = [
    -9.864_944_034_847_148e-3,
    -6.938_585_727_071_818e-1,
    -1.055_862_622_532_329_1e1,
    -6.237_533_245_032_601e1,
    -1.623_966_694_625_734_7e2,
    -1.846_050_929_067_110_4e2,
    -8.128_743_550_630_66e1,
    -9.814_329_344_169_145,
];
const S_MIDDLE: [f64; 9] = [
    1.0,
    1.965_127_166_743_925_7e1,
    1.376_577_541_435_190_4e2,
    4.345_658_774_752_292_3e2,
    6.453_872_717_332_679e2,
    4.290_081_400_275_678_3e2,
    1.086_350_055_417_794_4e2,
    6.570_249_770_319_282,
    -6.042_441_521_485_81e-2,
];
/// The same on [1/0.35, 28].
const R_FAR: [f64; 7] = [
    -9.864_942_924_700_1e-3,
    -7.992_832_376_805_23e-1,
    -1.775_795_491_775_475_2e1,
    -1.606_363_848_558_219_2e2,
    -6.375_664_433_683_896e2,
    -1.025_095_131_611_077_2e3,
    -4.835_191_916_086_514e2,
];
const S_FAR: [f64; 8] = [
    1.0,
    3.033_806_074_348_246e1,
    3.257_925_129_965_739e2,
    1.536_729_586_084_437e3,
    3.199_858_219_508_595_5e3,
    2.553_050_406_433_164_4e3,
    4.745_285_412_069_554e2,
    -2.244_095_244_658_582e1,
];

fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, &c| sum * x + c)
}

/// erfc for 0.84375 ≤ x < 28.
fn erfc_tail(x: f64) -> f64 {
    if x < 1.25 {
        let s = x - 1.0;
        return 1.0 - ERX - polynomial(&P_ONE, s) / polynomial(&Q_ONE, s);
    }
    let s = 1.0 / (x * x);
    let ratio = if x < 1.0 / 0.35 {
        polynomial(&R_MIDDLE, s) / polynomial(&S_MIDDLE, s)
    } else {
        polynomial(&R_FAR, s) / polynomial(&S_FAR, s)
    };
    // −x² in two parts, the first exact: the low half of x's digits is cut off in `high`.
    let high = f64::from_bits(x.to_bits() & 0xffff_ffff_0000_0000);
    (-high * high - 0.5625).exp() * ((high - x) * (high + x) + ratio).exp() / x
}

/// The error function, (2/√π) ∫₀ˣ exp(−t²) dt.
pub(crate) fn erf(x: f64) -> f64 {
    let magnitude = x.abs();
    if magnitude < 0.84375 {
        let square = x * x;
        return x + x * (polynomial(&P_SMALL, square) / polynomial(&Q_SMALL, square));
    }
    if magnitude < 6.0 { (1.0 - erfc_tail(magnitude)).copysign(x) } else { x.signum() }
}

/// The complementary error function, 1 − erf(x) without its loss of digits for large x.
pub(crate) fn erfc(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x.abs() < 0.84375 {
        return 1.0 - erf(x);
    }
    match (x > 0.0, x.abs() < 28.0) {
        (true, true) => erfc_tail(x),
        (true, false) => 0.0,
        (false, true) => 2.0 - erfc_tail(-x),
        (false, false) => 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// erf and erfc to 17 digits (Abramowitz & Stegun table 7.1 extended with an arbitrary-precision evaluation).
    const KNOWN: [(f64, f64, f64); 6] = [
        (0.0, 0.0, 1.0),
        (0.5, 0.520_499_877_813_046_5, 0.479_500_122_186_953_5),
        (1.0, 0.842_700_792_949_714_9, 0.157_299_207_050_285_13),
        (2.0, 0.995_322_265_018_952_7, 0.004_677_734_981_047_266),
        (3.0, 0.999_977_909_503_001_4, 2.209_049_699_858_544e-5),
        (5.0, 0.999_999_999_998_462_5, 1.537_459_794_428_035e-12),
    ];

    #[test]
    fn known_values() {
        for (x, erf_x, erfc_x) in KNOWN {
            assert!((erf(x) - erf_x).abs() <= 1e-15, "erf({x}) = {}", erf(x));
            assert!((erf(-x) + erf_x).abs() <= 1e-15);
            assert!((erfc(x) - erfc_x).abs() <= 1e-14 * erfc_x, "erfc({x}) = {}", erfc(x));
            assert!((erfc(-x) - (2.0 - erfc_x)).abs() <= 1e-15);
        }
    }

    #[test]
    fn limits_and_nan() {
        assert_eq!((erf(f64::INFINITY), erf(f64::NEG_INFINITY)), (1.0, -1.0));
        assert_eq!((erfc(40.0), erfc(-40.0)), (0.0, 2.0));
        assert!(erf(f64::NAN).is_nan() && erfc(f64::NAN).is_nan());
    }
}
