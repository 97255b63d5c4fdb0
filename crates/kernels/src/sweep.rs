//! Sweeps over flat parameters: an optimizer's update, a sum, a scaling.

use crate::isa::{Vectorised, vectorised};
use crate::pool::Shareable;
use crate::update::{Rule, Updated, apply};
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
        if length <= SERIAL || pool.threads_now() == 1 {
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

/// One update of all of `to` by the gradient `dw`, by `rule`.
///
/// # Panics
/// If the lengths differ.
pub fn update<F: Real>(pool: &Pool, rule: &Rule<F>, to: Updated<'_, F>, dw: &[F]) {
    to.check(rule);
    let length = dw.len();
    assert_eq!(to.w.len(), length, "slices of one sweep have one length");
    let isa = pool.instruction_set();
    if length <= SERIAL || pool.threads_now() == 1 {
        vectorised(isa, Apply { rule, to, dw });
        return;
    }
    let states = rule.states();
    let w = Shareable::new(to.w.as_mut_ptr());
    let (first, second) = (Shareable::new(to.first.as_mut_ptr()), Shareable::new(to.second.as_mut_ptr()));
    pool.run(length.div_ceil(PIECE), |piece| {
        let begin = piece * PIECE;
        let count = PIECE.min(length - begin);
        let part = |pointer: &Shareable<F>, is_there: bool| {
            // SAFETY: pieces are disjoint parts of slices of `length` numbers that the caller has borrowed mutably
            // (checked above), and each piece is run once; a state that is not there gives an empty slice.
            unsafe {
                let begin = if is_there { begin } else { 0 };
                let count = if is_there { count } else { 0 };
                std::slice::from_raw_parts_mut(pointer.pointer().add(begin), count)
            }
        };
        let to =
            Updated { w: part(&w, true), first: part(&first, states > 0), second: part(&second, states > 1) };
        vectorised(isa, Apply { rule, to, dw: &dw[begin..][..count] });
    });
}

struct Apply<'a, F> {
    rule: &'a Rule<F>,
    to: Updated<'a, F>,
    dw: &'a [F],
}

impl<F: Real> Vectorised for Apply<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        apply(self.rule, self.to, self.dw);
    }
}

/// Gradient descent: w ← w − η·dw.
///
/// # Panics
/// If the lengths differ.
pub fn descend<F: Real>(pool: &Pool, w: &mut [F], dw: &[F], learning_rate: F) {
    update(pool, &Rule::Descend { learning_rate }, Updated::stateless(w), dw);
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

        let with_one = |rule: Rule<f64>, w: &mut [f64], v: &mut [f64]| {
            update(&pool, &rule, Updated { w, first: v, second: &mut [] }, &dw);
        };
        for nesterov in [false, true] {
            // v = 0.5·4 + 2 = 4; w = 1 − 0.1·4, or 1 − 0.1·(2 + 0.5·4): the same here.
            let (mut w, mut v) = ([1.0], [4.0]);
            with_one(Rule::Momentum { learning_rate: lr, mu: 0.5, nesterov }, &mut w, &mut v);
            assert_eq!((w, v), ([0.6], [4.0]));
        }

        let (mut w, mut v) = ([1.0], [12.0]);
        with_one(Rule::rmsprop(lr, 0.75, 1.0, None), &mut w, &mut v);
        assert_eq!(v, [10.0]); // 0.75·12 + 0.25·4
        assert!((w[0] - (1.0 - 0.2 / (10.0_f64.sqrt() + 1.0))).abs() < 1e-15);

        let (mut w, mut v, mut u) = ([1.0], [12.0], [3.0]);
        let to = Updated { w: &mut w, first: &mut v, second: &mut u };
        update(&pool, &Rule::rmsprop(lr, 0.75, 1.0, Some(0.5)), to, &dw);
        let step = 1.5 + 2.0 / (10.0_f64.sqrt() + 1.0);
        assert!((u[0] - step).abs() < 1e-15 && (w[0] - (1.0 - 0.1 * step)).abs() < 1e-15);

        // First step from zero: m̂ = dw, v̂ = dw², so w moves by η·dw/(|dw| + ε). With decay 0.5, w first shrinks by
        // 0.1·0.5.
        for (decay, start) in [(0.0, 1.0), (0.5, 0.95)] {
            let (mut w, mut m, mut v) = ([1.0], [0.0], [0.0]);
            let to = Updated { w: &mut w, first: &mut m, second: &mut v };
            update(&pool, &Rule::adam(lr, 0.9, 0.99, 0.5, 0.1, 0.01, decay), to, &dw);
            assert!((w[0] - (start - 0.1 * 2.0 / 2.5)).abs() < 1e-12);
        }

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
        let mut by = |rule: Rule<f32>, first: &mut [f32], second: &mut [f32]| {
            update(pool, &rule, Updated { w: &mut w, first, second }, &dw);
        };
        by(Rule::Momentum { learning_rate: 0.1, mu: 0.9, nesterov: true }, &mut m, &mut []);
        by(Rule::Momentum { learning_rate: 0.1, mu: 0.9, nesterov: false }, &mut m, &mut []);
        by(Rule::rmsprop(0.01, 0.9, 1e-8, None), &mut v, &mut []);
        by(Rule::rmsprop(0.01, 0.9, 1e-8, Some(0.9)), &mut v, &mut u);
        by(Rule::adam(0.01, 0.9, 0.999, 1e-8, 0.1, 0.001, 0.01), &mut m, &mut v);
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
