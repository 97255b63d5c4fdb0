//! Optimizer updates: one pass over the flat parameters.
//!
//! Only additions, multiplications, divisions and square roots, each rounded once and none fused: the bits are the same
//! on every instruction set. Definitions are PyTorch's (`torch.optim`, version 2), dampening 0.

use crate::isa::{Vectorised, vectorised};
use crate::pool::Shareable;
use crate::{Pool, Real};

/// Numbers that one task takes.
const PIECE: usize = 16_384;
/// Up to here one thread is faster than waking others.
const SERIAL: usize = 65_536;

/// Runs `$body` for every index `$i` of slices of one length, on all threads if they are long; `$w` etc. are bound to
/// the slices inside. The first list is written, the second read.
macro_rules! sweep {
    ($pool:expr, $length:expr, write [$($out:ident),+], read [$($in:ident),*], capture [$($value:ident),*],
     |$i:ident| $body:block) => {{
        struct Body<'a, F> {
            $($out: &'a mut [F],)+
            $($in: &'a [F],)*
            $($value: F,)*
        }
        impl<F: Real> Vectorised for Body<'_, F> {
            type Output = ();
            #[inline(always)]
            fn run<const FMA: bool>(self) {
                let Self { $($out,)+ $($in,)* $($value,)* } = self;
                let length = [$($out.len()),+][0];
                $(let $out = &mut $out[..length];)+
                $(let $in = &$in[..length];)*
                #[allow(clippy::needless_range_loop)] // the rules index several slices, and read as formulas
                for $i in 0..length $body
            }
        }
        let (pool, length): (&Pool, usize) = ($pool, $length);
        $(assert_eq!($out.len(), length, "slices of one sweep have one length");)+
        $(assert_eq!($in.len(), length, "slices of one sweep have one length");)*
        let isa = pool.instruction_set();
        if length <= SERIAL || pool.threads() == 1 {
            vectorised(isa, Body::<F> { $($out,)+ $($in,)* $($value,)* });
        } else {
            $(let $out = Shareable::new($out.as_mut_ptr());)+
            pool.run(length.div_ceil(PIECE), |piece| {
                let begin = piece * PIECE;
                let count = PIECE.min(length - begin);
                $(
                    // SAFETY: pieces are disjoint parts of a slice of `length` numbers that the caller has borrowed
                    // mutably, and each piece is run once.
                    let $out = unsafe { std::slice::from_raw_parts_mut($out.pointer().add(begin), count) };
                )+
                $(let $in = &$in[begin..][..count];)*
                vectorised(isa, Body::<F> { $($out,)+ $($in,)* $($value,)* });
            });
        }
    }};
}

/// Gradient descent: w ← w − η·dw.
///
/// # Panics
/// If the lengths differ.
pub fn descend<F: Real>(pool: &Pool, w: &mut [F], dw: &[F], learning_rate: F) {
    sweep!(pool, w.len(), write[w], read[dw], capture[learning_rate], |i| {
        w[i] = (w[i] - learning_rate * dw[i]).flushed();
    });
}

/// Momentum: v ← μ·v + dw, then w ← w − η·v, or with `nesterov` w ← w − η·(dw + μ·v).
///
/// `mu` is μ; `v` starts at zero. Sources: Polyak 1964; Sutskever et al. 2013 in PyTorch's form.
///
/// # Panics
/// If the lengths differ.
pub fn momentum<F: Real>(
    pool: &Pool,
    w: &mut [F],
    dw: &[F],
    v: &mut [F],
    learning_rate: F,
    mu: F,
    nesterov: bool,
) {
    if nesterov {
        sweep!(pool, w.len(), write [w, v], read [dw], capture [learning_rate, mu], |i| {
            v[i] = (mu * v[i] + dw[i]).flushed();
            w[i] = (w[i] - learning_rate * (dw[i] + mu * v[i])).flushed();
        });
    } else {
        sweep!(pool, w.len(), write [w, v], read [dw], capture [learning_rate, mu], |i| {
            v[i] = (mu * v[i] + dw[i]).flushed();
            w[i] = (w[i] - learning_rate * v[i]).flushed();
        });
    }
}

/// RMSprop: v ← ρ·v + (1 − ρ)·dw², then w ← w − η·dw/(√v + ε).
///
/// With `velocity` = (u, μ) the step goes through a momentum buffer: u ← μ·u + dw/(√v + ε), w ← w − η·u.
/// `v` and `u` start at zero. Source: Tieleman and Hinton 2012, in PyTorch's form.
///
/// # Panics
/// If the lengths differ.
pub fn rmsprop<F: Real>(
    pool: &Pool,
    w: &mut [F],
    dw: &[F],
    v: &mut [F],
    learning_rate: F,
    rho: F,
    epsilon: F,
    velocity: Option<(&mut [F], F)>,
) {
    let rest = F::from_f64(1.0 - rho.to_f64());
    if let Some((u, mu)) = velocity {
        sweep!(pool, w.len(), write [w, v, u], read [dw], capture [learning_rate, rho, rest, epsilon, mu], |i| {
            v[i] = (rho * v[i] + rest * dw[i] * dw[i]).flushed();
            u[i] = (mu * u[i] + dw[i] / (v[i].sqrt() + epsilon)).flushed();
            w[i] = (w[i] - learning_rate * u[i]).flushed();
        });
    } else {
        sweep!(pool, w.len(), write [w, v], read [dw], capture [learning_rate, rho, rest, epsilon], |i| {
            v[i] = (rho * v[i] + rest * dw[i] * dw[i]).flushed();
            w[i] = (w[i] - learning_rate * (dw[i] / (v[i].sqrt() + epsilon))).flushed();
        });
    }
}

/// Adam, and AdamW where `decoupled_decay` is not 0.
///
/// ```text
/// w ← w·(1 − η·decoupled_decay)
/// m ← m + (1 − β₁)(dw − m)          v ← β₂·v + (1 − β₂)·dw²
/// w ← w − (η/bias1) · m / (√v/√bias2 + ε)
/// ```
///
/// `bias1` = 1 − β₁ᵗ and `bias2` = 1 − β₂ᵗ at step t = 1, 2, …; `m` and `v` start at zero. Sources: Kingma and Ba 2014;
/// Loshchilov and Hutter 2017; PyTorch's form.
///
/// # Panics
/// If the lengths differ.
pub fn adam<F: Real>(
    pool: &Pool,
    w: &mut [F],
    dw: &[F],
    m: &mut [F],
    v: &mut [F],
    learning_rate: F,
    beta1: F,
    beta2: F,
    epsilon: F,
    bias1: F,
    bias2: F,
    decoupled_decay: F,
) {
    let (rest1, rest2) = (F::from_f64(1.0 - beta1.to_f64()), F::from_f64(1.0 - beta2.to_f64()));
    let kept = F::from_f64(1.0 - learning_rate.to_f64() * decoupled_decay.to_f64());
    let (step, root) = (learning_rate / bias1, bias2.sqrt());
    sweep!(pool, w.len(), write [w, m, v], read [dw],
           capture [rest1, beta2, rest2, kept, step, root, epsilon], |i| {
        m[i] = (m[i] + rest1 * (dw[i] - m[i])).flushed();
        v[i] = (beta2 * v[i] + rest2 * dw[i] * dw[i]).flushed();
        w[i] = (kept * w[i] - step * (m[i] / (v[i].sqrt() / root + epsilon))).flushed();
    });
}

/// y ← y + α·x.
///
/// # Panics
/// If the lengths differ.
pub fn axpy<F: Real>(pool: &Pool, alpha: F, x: &[F], y: &mut [F]) {
    sweep!(pool, y.len(), write[y], read[x], capture[alpha], |i| {
        y[i] = (y[i] + alpha * x[i]).flushed();
    });
}

/// x ← α·x.
pub fn scale<F: Real>(pool: &Pool, alpha: F, x: &mut [F]) {
    sweep!(pool, x.len(), write [x], read [], capture [alpha], |i| {
        x[i] = (alpha * x[i]).flushed();
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InstructionSet;

    #[test]
    fn each_rule_by_hand() {
        let pool = Pool::new(1);
        let (dw, lr) = ([2.0_f64], 0.1);
        let mut w = [1.0];
        descend(&pool, &mut w, &dw, lr);
        assert_eq!(w, [0.8]); // 1 − 0.1·2

        let (mut w, mut v) = ([1.0], [4.0]);
        momentum(&pool, &mut w, &dw, &mut v, lr, 0.5, false);
        assert_eq!((w, v), ([0.6], [4.0])); // v = 0.5·4 + 2, w = 1 − 0.1·4

        let (mut w, mut v) = ([1.0], [4.0]);
        momentum(&pool, &mut w, &dw, &mut v, lr, 0.5, true);
        assert_eq!((w, v), ([0.6], [4.0])); // w = 1 − 0.1·(2 + 0.5·4)

        let (mut w, mut v) = ([1.0], [12.0]);
        rmsprop(&pool, &mut w, &dw, &mut v, lr, 0.75, 1.0, None);
        assert_eq!(v, [10.0]); // 0.75·12 + 0.25·4
        assert!((w[0] - (1.0 - 0.2 / (10.0_f64.sqrt() + 1.0))).abs() < 1e-15);

        let (mut w, mut v, mut u) = ([1.0], [12.0], [3.0]);
        rmsprop(&pool, &mut w, &dw, &mut v, lr, 0.75, 1.0, Some((&mut u, 0.5)));
        let step = 1.5 + 2.0 / (10.0_f64.sqrt() + 1.0);
        assert!((u[0] - step).abs() < 1e-15 && (w[0] - (1.0 - 0.1 * step)).abs() < 1e-15);

        // First step from zero: m̂ = dw, v̂ = dw², so w moves by η·dw/(|dw| + ε).
        let (mut w, mut m, mut v) = ([1.0], [0.0], [0.0]);
        adam(&pool, &mut w, &dw, &mut m, &mut v, lr, 0.9, 0.99, 0.5, 0.1, 0.01, 0.0);
        assert!((w[0] - (1.0 - 0.1 * 2.0 / 2.5)).abs() < 1e-12);
        // The same with decay 0.5: w first shrinks by 0.1·0.5.
        let (mut w, mut m, mut v) = ([1.0], [0.0], [0.0]);
        adam(&pool, &mut w, &dw, &mut m, &mut v, lr, 0.9, 0.99, 0.5, 0.1, 0.01, 0.5);
        assert!((w[0] - (0.95 - 0.1 * 2.0 / 2.5)).abs() < 1e-12);

        let mut y = [1.0];
        axpy(&pool, 3.0, &dw, &mut y);
        scale(&pool, 0.5, &mut y);
        assert_eq!(y, [3.5]); // (1 + 3·2)/2
    }

    #[test]
    fn denormals_become_zero_and_nan_stays() {
        let pool = Pool::new(1);
        let mut w = [f32::MIN_POSITIVE, f32::NAN, 1.0];
        descend(&pool, &mut w, &[f32::MIN_POSITIVE, 0.0, f32::NAN], 0.5);
        assert_eq!(w[0], 0.0);
        assert!(w[1].is_nan() && w[2].is_nan());
    }

    /// All sweeps on one buffer of 100,003 numbers, as one list of bits.
    fn all_sweeps(pool: &Pool) -> Vec<u32> {
        let numbers = |seed: u32| -> Vec<f32> {
            let mut state = seed;
            let draw = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / 8_388_608.0 - 1.0
            };
            std::iter::repeat_with(draw).take(100_003).collect()
        };
        let (mut w, dw, mut m) = (numbers(1), numbers(2), numbers(3));
        let (mut v, mut u): (Vec<f32>, _) = (numbers(4).iter().map(|x| x * x).collect(), numbers(5));
        descend(pool, &mut w, &dw, 0.1);
        momentum(pool, &mut w, &dw, &mut m, 0.1, 0.9, true);
        momentum(pool, &mut w, &dw, &mut m, 0.1, 0.9, false);
        rmsprop(pool, &mut w, &dw, &mut v, 0.01, 0.9, 1e-8, None);
        rmsprop(pool, &mut w, &dw, &mut v, 0.01, 0.9, 1e-8, Some((&mut u, 0.9)));
        adam(pool, &mut w, &dw, &mut m, &mut v, 0.01, 0.9, 0.999, 1e-8, 0.1, 0.001, 0.01);
        axpy(pool, 0.5, &u, &mut w);
        scale(pool, 0.9, &mut w);
        [w, m, v, u].concat().into_iter().map(f32::to_bits).collect()
    }

    #[test]
    fn same_bits_on_every_instruction_set_and_thread_count() {
        let oracle = all_sweeps(&Pool::with_instruction_set(1, InstructionSet::Portable));
        for isa in InstructionSet::available() {
            for threads in [1, 2, 3] {
                assert!(all_sweeps(&Pool::with_instruction_set(threads, isa)) == oracle, "{isa:?} {threads}");
            }
        }
    }
}
