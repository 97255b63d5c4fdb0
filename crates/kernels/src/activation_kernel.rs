//! Activations over slices: forward and backward.
//!
//! Each is one body in plain Rust, working on 16 numbers at a time, compiled for every instruction set.

#[cfg(test)]
mod tests;

use crate::activation::{INVERSE_SQRT_2_PI, SELU_ALPHA, SELU_SCALE};
use crate::isa::{Vectorised, vectorised};
use crate::softmax::{SoftmaxBackward, softmax_rows};
use crate::{Activation, InstructionSet, Pool, Real};

/// Numbers worked on together.
pub(crate) const LANES: usize = 16;
/// Numbers that one task takes.
const PIECE: usize = 4096;
/// Up to here one thread is faster than waking others.
pub(crate) const SERIAL: usize = 16_384;

/// Numbers that a compiled loop may take at once: four vectors of 16. A loop does the rest one number at a time, so in
/// single precision a rest is padded to a group; in double precision, where each number is a call, it is not.
pub(crate) const GROUP: usize = 64;
/// A rest of no more than this is padded to no more than this.
const FEW: usize = LANES;

/// How many of `length` numbers are worked on in place; the others are padded to a group.
fn in_place<F: Real>(length: usize) -> usize {
    if F::BYTES == 4 { length - length % GROUP } else { length }
}

/// Any activation but softmax.
pub(crate) fn forward<F: Real>(isa: InstructionSet, activation: Activation, values: &mut [F]) {
    let (whole, rest) = values.split_at_mut(in_place::<F>(values.len()));
    if !whole.is_empty() {
        vectorised(isa, Forward { activation, values: whole });
    }
    if rest.len() > FEW {
        let mut padded = [F::ZERO; GROUP];
        padded[..rest.len()].copy_from_slice(rest);
        vectorised(isa, Forward { activation, values: &mut padded });
        rest.copy_from_slice(&padded[..rest.len()]);
    } else if !rest.is_empty() {
        let mut padded = few(rest);
        vectorised(isa, ForwardFew { activation, values: &mut padded });
        rest.iter_mut().zip(padded).for_each(|(value, result)| *value = result);
    }
}

/// Any activation but softmax; `source` is z if the activation needs it, else a.
pub(crate) fn backward<F: Real>(isa: InstructionSet, activation: Activation, source: &[F], delta: &mut [F]) {
    if delta.len() <= FEW && is_arithmetic(activation) {
        return backward_few(activation, source, delta);
    }
    let (whole, rest) = delta.split_at_mut(in_place::<F>(delta.len()));
    let (whole_source, rest_source) = source.split_at(whole.len());
    if !whole.is_empty() {
        vectorised(isa, Backward { activation, source: whole_source, delta: whole });
    }
    if !rest.is_empty() {
        let (mut padded, mut padded_source) = ([F::ZERO; GROUP], [F::ZERO; GROUP]);
        padded[..rest.len()].copy_from_slice(rest);
        padded_source[..rest.len()].copy_from_slice(rest_source);
        vectorised(isa, Backward { activation, source: &padded_source, delta: &mut padded });
        rest.copy_from_slice(&padded[..rest.len()]);
    }
}

/// [`backward`] of up to [`FEW`] numbers: one at a time, which takes less than filling a vector up. Nothing in these
/// derivatives can be fused, so that the bits are those of any instruction set.
fn backward_few<F: Real>(activation: Activation, source: &[F], delta: &mut [F]) {
    Backward { activation, source, delta }.run::<false>();
}

/// Up to [`FEW`] numbers, filled up. By a loop: a call that copies so few takes longer.
fn few<F: Real>(values: &[F]) -> [F; FEW] {
    let mut padded = [F::ZERO; FEW];
    padded.iter_mut().zip(values).for_each(|(to, &value)| *to = value);
    padded
}

/// Whether the derivative is a few additions and multiplications of the stored activation.
fn is_arithmetic(activation: Activation) -> bool {
    use Activation::{Elu, Exp, Identity, LeakyRelu, Relu, Selu, Sigmoid, Tanh};
    matches!(activation, Identity | Sigmoid | Tanh | Relu | LeakyRelu { .. } | Elu { .. } | Selu | Exp)
}

/// `values[i] = f(values[i])`, flushed.
macro_rules! each {
    ($values:expr, $z:ident => $f:expr) => {
        for value in $values {
            let $z = *value;
            *value = ($f).flushed();
        }
    };
}

/// `delta[i] = delta[i] · f'(source[i])`, flushed.
macro_rules! each_slope {
    ($delta:expr, $source:expr, $s:ident => $slope:expr) => {
        for (value, &$s) in $delta.iter_mut().zip($source) {
            *value = (*value * $slope).flushed();
        }
    };
}

pub(crate) struct Forward<'a, F> {
    pub activation: Activation,
    pub values: &'a mut [F],
}

impl<F: Real> Vectorised for Forward<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let values = self.values;
        match self.activation {
            Activation::Identity => {}
            // Where nothing is to be flushed, nothing waits for it. No closure: on its own it would be without the instruction
            // set, and take its multiply-adds one by one from the C library (3-7-2: 0.75 µs a step instead of 0.1).
            Activation::Sigmoid if !F::SIGMOID_CAN_BE_SUBNORMAL => {
                for value in values {
                    *value = value.vector_sigmoid::<FMA>();
                }
            }
            Activation::Sigmoid => each!(values, z => z.vector_sigmoid::<FMA>()),
            Activation::Tanh => each!(values, z => z.vector_tanh::<FMA>()),
            Activation::Relu => each!(values, z => z.max(F::ZERO)),
            Activation::LeakyRelu { slope } => {
                let slope = F::from_f64(slope);
                each!(values, z => if z < F::ZERO { slope * z } else { z });
            }
            Activation::Elu { alpha } => elu::<F, FMA>(values, 1.0, alpha),
            Activation::Selu => elu::<F, FMA>(values, SELU_SCALE, SELU_ALPHA),
            Activation::Gelu => each!(values, z => z * z.vector_normal_cdf::<FMA>()),
            Activation::Silu => each!(values, z => z * z.vector_sigmoid::<FMA>()),
            Activation::Mish => each!(values, z => z * mish_omega::<F, FMA>(z)),
            Activation::Softplus => {
                each!(values, z => z.max(F::ZERO) + (-z.abs()).vector_exp::<FMA>().vector_ln_1p::<FMA>());
            }
            Activation::Exp => each!(values, z => z.vector_exp::<FMA>()),
            Activation::Softmax => unreachable!("softmax goes by rows"),
        }
    }
}

/// As [`Forward`], of so many numbers that the compiler knows how many there are.
struct ForwardFew<'a, F> {
    activation: Activation,
    values: &'a mut [F; FEW],
}

impl<F: Real> Vectorised for ForwardFew<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        Forward { activation: self.activation, values: self.values }.run::<FMA>();
    }
}

#[inline(always)]
fn elu<F: Real, const FMA: bool>(values: &mut [F], scale: f64, alpha: f64) {
    let (scale, product) = (F::from_f64(scale), F::from_f64(scale * alpha));
    each!(values, z => {
        let negative = if z > F::ZERO { F::ZERO } else { z };
        let below = product * negative.vector_exp_m1::<FMA>();
        if z < F::ZERO { below } else { scale * z }
    });
}

/// ω = tanh(ln(1 + eᶻ)) = ((1 + eᶻ)² − 1) / ((1 + eᶻ)² + 1), written with e = e^−|z| so that nothing overflows.
#[inline(always)]
fn mish_omega<F: Real, const FMA: bool>(z: F) -> F {
    let two = F::from_f64(2.0);
    let e = (-z.abs()).vector_exp::<FMA>();
    // z < 0: e(e + 2) over itself + 2;  z ≥ 0, both divided by e^(2z): 1 + 2e over itself + 2e².
    let below = e * (e + two);
    let above = F::ONE + two * e;
    let (numerator, rest) = if z < F::ZERO { (below, two) } else { (above, two * e * e) };
    numerator / (numerator + rest)
}

pub(crate) struct Backward<'a, F> {
    pub activation: Activation,
    /// z if the activation needs it, else a.
    pub source: &'a [F],
    pub delta: &'a mut [F],
}

impl<F: Real> Vectorised for Backward<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let (delta, source) = (self.delta, self.source);
        match self.activation {
            Activation::Identity => {}
            Activation::Sigmoid => each_slope!(delta, source, a => a * (F::ONE - a)),
            Activation::Tanh => each_slope!(delta, source, a => (F::ONE - a) * (F::ONE + a)),
            // Where a is not above 0 it is 0, or NaN, which is passed on.
            Activation::Relu => each_slope!(delta, source, a => if a > F::ZERO { F::ONE } else { a }),
            Activation::LeakyRelu { slope } => {
                let slope = F::from_f64(slope);
                each_slope!(delta, source, a => {
                    let below = if a <= F::ZERO { slope } else { a };
                    if a > F::ZERO { F::ONE } else { below }
                });
            }
            Activation::Elu { alpha } => {
                let alpha = F::from_f64(alpha);
                each_slope!(delta, source, a => if a > F::ZERO { F::ONE } else { a + alpha });
            }
            Activation::Selu => {
                let (scale, alpha) = (F::from_f64(SELU_SCALE), F::from_f64(SELU_SCALE * SELU_ALPHA));
                each_slope!(delta, source, a => if a > F::ZERO { scale } else { a + alpha });
            }
            Activation::Gelu => {
                let (half, height) = (F::from_f64(-0.5), F::from_f64(INVERSE_SQRT_2_PI));
                each_slope!(delta, source, z => {
                    z.vector_normal_cdf::<FMA>() + z * ((z * z * half).vector_exp::<FMA>() * height)
                });
            }
            Activation::Silu => each_slope!(delta, source, z => {
                let s = z.vector_sigmoid::<FMA>();
                s * (F::ONE + z * (F::ONE - s))
            }),
            Activation::Mish => each_slope!(delta, source, z => {
                let omega = mish_omega::<F, FMA>(z);
                omega + z * (F::ONE - omega) * (F::ONE + omega) * z.vector_sigmoid::<FMA>()
            }),
            Activation::Softplus => each_slope!(delta, source, a => -(-a).vector_exp_m1::<FMA>()),
            Activation::Exp => each_slope!(delta, source, a => a),
            Activation::Softmax => unreachable!("softmax goes by rows"),
        }
    }
}

/// Any activation, whole rows.
fn forward_rows<F: Real>(isa: InstructionSet, activation: Activation, units: usize, values: &mut [F]) {
    if activation == Activation::Softmax {
        softmax_rows(isa, units, values);
    } else {
        forward(isa, activation, values);
    }
}

/// Numbers per task: whole rows where a row belongs together.
pub(crate) fn piece_length(rows_belong_together: bool, units: usize) -> usize {
    if rows_belong_together { units * (PIECE / units).max(1) } else { PIECE }
}

pub(crate) fn check_rows(units: usize, length: usize) {
    assert!(units > 0 && length.is_multiple_of(units), "{length} numbers are not rows of {units} units");
}

/// a = f(z), both \[rows, units\].
///
/// # Panics
/// If `z` and `a` differ in length, or it is no multiple of `units`.
pub fn activate<F: Real>(pool: &Pool, activation: Activation, units: usize, z: &[F], a: &mut [F]) {
    assert_eq!(z.len(), a.len(), "z and a have one shape");
    check_rows(units, z.len());
    let isa = pool.instruction_set();
    let piece = piece_length(activation == Activation::Softmax, units);
    pool.for_pieces(a, piece, SERIAL, |index, values| {
        values.copy_from_slice(&z[index * piece..][..values.len()]);
        forward_rows(isa, activation, units, values);
    });
}

/// z ← f(z), \[rows, units\].
///
/// # Panics
/// If the length is no multiple of `units`.
pub fn activate_in_place<F: Real>(pool: &Pool, activation: Activation, units: usize, z: &mut [F]) {
    check_rows(units, z.len());
    let isa = pool.instruction_set();
    let piece = piece_length(activation == Activation::Softmax, units);
    pool.for_pieces(z, piece, SERIAL, |_, values| forward_rows(isa, activation, units, values));
}

/// δ = upstream ⊙ f', in place: `delta` goes in as ∂C/∂a and comes out as ∂C/∂z, \[rows, units\].
///
/// f' is taken from the stored a = f(z), or from `z` where [`Activation::needs_z`] says so; `z` is not read otherwise.
/// Softmax applies its Jacobian: δ = a ⊙ (g − Σ g·a) in each row.
///
/// # Panics
/// If lengths differ or are no multiple of `units`, or `z` is `None` where it is needed.
pub fn activate_backward<F: Real>(
    pool: &Pool,
    activation: Activation,
    units: usize,
    z: Option<&[F]>,
    a: &[F],
    delta: &mut [F],
) {
    assert_eq!(a.len(), delta.len(), "a and delta have one shape");
    check_rows(units, a.len());
    let source =
        if activation.needs_z() { z.expect("this activation's derivative is taken from z") } else { a };
    assert_eq!(source.len(), delta.len(), "z and delta have one shape");
    if delta.len() <= FEW && is_arithmetic(activation) {
        return backward_few(activation, source, delta);
    }
    let isa = pool.instruction_set();
    let piece = piece_length(activation == Activation::Softmax, units);
    pool.for_pieces(delta, piece, SERIAL, |index, delta| {
        let source = &source[index * piece..][..delta.len()];
        if activation == Activation::Softmax {
            vectorised(isa, SoftmaxBackward { units, a: source, delta });
        } else {
            backward(isa, activation, source, delta);
        }
    });
}

/// y = eˣ, number by number; 0 where it is below the smallest normal number.
///
/// # Panics
/// If `x` and `y` differ in length.
pub fn exp<F: Real>(pool: &Pool, x: &[F], y: &mut [F]) {
    activate(pool, Activation::Exp, 1, x, y);
}

/// y = 1/(1 + e⁻ˣ), number by number.
///
/// # Panics
/// If `x` and `y` differ in length.
pub fn sigmoid<F: Real>(pool: &Pool, x: &[F], y: &mut [F]) {
    activate(pool, Activation::Sigmoid, 1, x, y);
}

/// y = tanh x, number by number.
///
/// # Panics
/// If `x` and `y` differ in length.
pub fn tanh<F: Real>(pool: &Pool, x: &[F], y: &mut [F]) {
    activate(pool, Activation::Tanh, 1, x, y);
}
