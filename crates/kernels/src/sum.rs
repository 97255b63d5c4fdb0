//! Sums in double precision whose bits depend on the length alone.
//!
//! A piece is summed by 16 accumulators, each taking every sixteenth number, which are then added in order; pieces are
//! added in order. Products of two single-precision numbers are exact in double precision, so every instruction set
//! gives the same bits.

use crate::isa::{Vectorised, vectorised};
use crate::pool::Shareable;
use crate::{Pool, Real};

const LANES: usize = 16;
/// Pieces have at least this many numbers; a shorter sum is one piece, and stays on the calling thread.
const MIN_PIECE: usize = 65_536;
/// At most this many pieces, so that their sums fit on the stack.
const MAX_PIECES: usize = 64;

struct Dot<'a, F> {
    a: &'a [F],
    b: &'a [F],
}

impl<F: Real> Vectorised for Dot<'_, F> {
    type Output = f64;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> f64 {
        let (groups_a, rest_a) = self.a.as_chunks::<LANES>();
        let (groups_b, rest_b) = self.b.as_chunks::<LANES>();
        let mut lanes = [0.0; LANES];
        for (a, b) in groups_a.iter().zip(groups_b) {
            for ((sum, &a), &b) in lanes.iter_mut().zip(a).zip(b) {
                *sum += a.to_f64() * b.to_f64();
            }
        }
        for ((sum, &a), &b) in lanes.iter_mut().zip(rest_a).zip(rest_b) {
            *sum += a.to_f64() * b.to_f64();
        }
        lanes.into_iter().sum()
    }
}

struct Total<'a, F> {
    a: &'a [F],
}

impl<F: Real> Vectorised for Total<'_, F> {
    type Output = f64;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> f64 {
        let (groups, rest) = self.a.as_chunks::<LANES>();
        let mut lanes = [0.0; LANES];
        for group in groups {
            for (sum, &a) in lanes.iter_mut().zip(group) {
                *sum += a.to_f64();
            }
        }
        for (sum, &a) in lanes.iter_mut().zip(rest) {
            *sum += a.to_f64();
        }
        lanes.into_iter().sum()
    }
}

struct AbsMax<'a, F> {
    a: &'a [F],
}

impl<F: Real> Vectorised for AbsMax<'_, F> {
    type Output = f64;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> f64 {
        let (groups, rest) = self.a.as_chunks::<LANES>();
        let mut lanes = [F::ZERO; LANES];
        for group in groups {
            for (max, &a) in lanes.iter_mut().zip(group) {
                *max = max.max(a.abs());
            }
        }
        for (max, &a) in lanes.iter_mut().zip(rest) {
            *max = max.max(a.abs());
        }
        lanes.into_iter().fold(F::ZERO, F::max).to_f64()
    }
}

/// `piece(begin, count)` of every piece of `0..length`, combined in order.
fn by_pieces(
    pool: &Pool,
    length: usize,
    piece: impl Fn(usize, usize) -> f64 + Sync,
    combine: impl Fn(f64, f64) -> f64,
) -> f64 {
    if length <= MIN_PIECE {
        return piece(0, length);
    }
    let size = length.div_ceil(MAX_PIECES).next_multiple_of(MIN_PIECE);
    let pieces = length.div_ceil(size);
    let mut sums = [0.0; MAX_PIECES];
    let shared = Shareable::new(sums.as_mut_ptr());
    pool.run(pieces, |index| {
        let begin = index * size;
        let sum = piece(begin, size.min(length - begin));
        // SAFETY: `index` < `pieces` ≤ MAX_PIECES, and each index is written by the one task that has it.
        unsafe { *shared.pointer().add(index) = sum };
    });
    sums[1..pieces].iter().fold(sums[0], |sum, &next| combine(sum, next))
}

/// Σ a·b in double precision.
///
/// # Panics
/// If the lengths differ.
pub fn dot64<F: Real>(pool: &Pool, a: &[F], b: &[F]) -> f64 {
    assert_eq!(a.len(), b.len(), "vectors of one length");
    let isa = pool.instruction_set();
    let piece = |begin: usize, count: usize| {
        vectorised(isa, Dot { a: &a[begin..][..count], b: &b[begin..][..count] })
    };
    by_pieces(pool, a.len(), piece, |x, y| x + y)
}

/// Σ a² in double precision.
pub fn sum_squares64<F: Real>(pool: &Pool, a: &[F]) -> f64 {
    dot64(pool, a, a)
}

/// Σ a in double precision.
pub fn sum64<F: Real>(pool: &Pool, a: &[F]) -> f64 {
    let isa = pool.instruction_set();
    let piece = |begin: usize, count: usize| vectorised(isa, Total { a: &a[begin..][..count] });
    by_pieces(pool, a.len(), piece, |x, y| x + y)
}

/// The largest magnitude, 0 for no numbers, NaN if any number is NaN.
pub fn abs_max<F: Real>(pool: &Pool, a: &[F]) -> F {
    let isa = pool.instruction_set();
    let piece = |begin: usize, count: usize| vectorised(isa, AbsMax { a: &a[begin..][..count] });
    F::from_f64(by_pieces(pool, a.len(), piece, Real::max))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InstructionSet;

    #[test]
    fn by_hand() {
        let pool = Pool::new(1);
        let a: Vec<f32> = (1..=20).map(|i| i as f32).collect();
        assert_eq!(sum64(&pool, &a), 210.0); // 20·21/2
        assert_eq!(sum_squares64(&pool, &a), 2870.0); // 20·21·41/6
        assert_eq!(dot64(&pool, &a[..3], &[1.0, -2.0, 1.0]), 0.0);
        assert_eq!(abs_max(&pool, &[1.0, -3.0, 2.0]), 3.0_f32);
        assert_eq!((sum64::<f64>(&pool, &[]), abs_max::<f64>(&pool, &[])), (0.0, 0.0));
    }

    #[test]
    fn nan_and_infinity_are_seen_wherever_they_are() {
        let pool = Pool::new(2);
        for length in [1, 15, 16, 17, 200_000] {
            for at in [0, length / 2, length - 1] {
                let mut a = vec![1.0_f32; length];
                a[at] = f32::NAN;
                assert!(abs_max(&pool, &a).is_nan() && sum64(&pool, &a).is_nan(), "{at} of {length}");
                a[at] = f32::NEG_INFINITY;
                assert_eq!(abs_max(&pool, &a), f32::INFINITY);
            }
        }
    }

    #[test]
    fn same_bits_on_every_instruction_set_and_thread_count() {
        let a: Vec<f32> = (0..300_007_u32).map(|i| (i.wrapping_mul(2_654_435_761) as f32) * 1e-9).collect();
        let sums = |pool: &Pool| [sum64(pool, &a), sum_squares64(pool, &a)].map(f64::to_bits);
        let oracle = sums(&Pool::with_instruction_set(1, InstructionSet::Portable));
        let exact: f64 = a.iter().map(|&x| f64::from(x)).sum();
        assert!((f64::from_bits(oracle[0]) - exact).abs() <= 1e-12 * exact.abs());
        for isa in InstructionSet::available() {
            for threads in [1, 2, 3] {
                assert_eq!(sums(&Pool::with_instruction_set(threads, isa)), oracle, "{isa:?} {threads}");
            }
        }
    }
}
