//! f and δ ⊙ f' of a tiny network's rows, in registers.

use super::SIDE_BY_SIDE;
use super::lanes::Lanes;
use crate::Activation;
use crate::activation_kernel::{Backward, Forward};
use crate::isa::Vectorised;

/// f(z) of whole vectors, of which the first `width` numbers count. The usual activations are compiled here, each for
/// itself, and stay in registers; the others are called, since the constants of all of them would be loaded for each
/// step.
///
/// # Safety
/// As for [`forward`].
#[inline(always)]
pub(super) unsafe fn activated<V: Lanes, const R: usize>(
    activation: Activation,
    width: usize,
    z: [V; R],
) -> [V; R] {
    // SAFETY: the caller's promise.
    unsafe {
        if R == SIDE_BY_SIDE && 2 * width <= V::LANES && activation != Activation::Identity {
            // Half of each vector is idle: two rows go in one.
            let [mut a, mut b, mut c, mut d] = [z[0], z[1 % R], z[2 % R], z[3 % R]];
            let [ab, cd] = activated_each::<V, 2>(activation, [a.joined(b), c.joined(d)]);
            [a, b] = ab.halves();
            [c, d] = cd.halves();
            let four = [a, b, c, d];
            let mut z = z;
            return each!(z, I => four[I]);
        }
        activated_each(activation, z)
    }
}

/// [`activated`] of whole vectors.
///
/// # Safety
/// As for [`forward`].
#[inline(always)]
unsafe fn activated_each<V: Lanes, const R: usize>(activation: Activation, mut z: [V; R]) -> [V; R] {
    /// `activation` is known where this is inlined.
    #[inline(always)]
    fn one<V: Lanes>(activation: Activation, mut z: V) -> V {
        Forward { activation, values: numbers(&mut z) }.run::<true>();
        z
    }
    /// Any other activation.
    fn called<V: Lanes>(activation: Activation, mut z: V) -> V {
        crate::activation_kernel::forward(V::INSTRUCTION_SET, activation, numbers(&mut z));
        z
    }
    match activation {
        Activation::Identity => z,
        Activation::Sigmoid => each!(z, I => one(Activation::Sigmoid, z[I])),
        Activation::Tanh => each!(z, I => one(Activation::Tanh, z[I])),
        Activation::Relu => each!(z, I => one(Activation::Relu, z[I])),
        other => each!(z, I => called(other, z[I])),
    }
}

/// δ = ∂C/∂a ⊙ f' of whole vectors, as [`activated_each`].
///
/// # Safety
/// As for [`backward`].
#[inline(always)]
pub(super) unsafe fn through_activation<V: Lanes, const R: usize>(
    activation: Activation,
    a: [V; R],
    mut delta: [V; R],
) -> [V; R] {
    /// `activation` is known where this is inlined.
    #[inline(always)]
    fn one<V: Lanes>(activation: Activation, mut a: V, mut delta: V) -> V {
        Backward { activation, source: numbers(&mut a), delta: numbers(&mut delta) }.run::<true>();
        delta
    }
    /// Any other activation.
    fn called<V: Lanes>(activation: Activation, mut a: V, mut delta: V) -> V {
        let (source, values) = (numbers(&mut a), numbers(&mut delta));
        crate::activation_kernel::backward(V::INSTRUCTION_SET, activation, source, values);
        delta
    }
    match activation {
        Activation::Identity => delta,
        Activation::Sigmoid => each!(delta, I => one(Activation::Sigmoid, a[I], delta[I])),
        Activation::Tanh => each!(delta, I => one(Activation::Tanh, a[I], delta[I])),
        Activation::Relu => each!(delta, I => one(Activation::Relu, a[I], delta[I])),
        other => each!(delta, I => called(other, a[I], delta[I])),
    }
}

/// The numbers of a vector.
#[inline(always)]
pub(super) fn numbers<V: Lanes>(vector: &mut V) -> &mut [f32] {
    // SAFETY: a vector is LANES numbers, without padding.
    unsafe { std::slice::from_raw_parts_mut(std::ptr::from_mut(vector).cast(), V::LANES) }
}
