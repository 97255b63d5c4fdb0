//! The vector operations that only tiny networks need. No closures here: they would be functions of their own, without the
//! instruction set, and might stay so.

#![allow(clippy::needless_range_loop)] // r counts registers

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;
use std::ops::Range;

use super::{LONGEST, Step};
use crate::InstructionSet;
use crate::update::Rule;
use crate::vector::{FLUSHED_CLASSES, Vector};

/// A vector with the operations that only tiny networks need.
pub(super) trait Lanes: Vector<Number = f32> {
    /// What the vector is of.
    const INSTRUCTION_SET: InstructionSet;
    /// The first lanes of R ≤ 4 vectors side by side, in this vector's first R lanes.
    ///
    /// # Safety
    /// As for [`Vector`].
    unsafe fn first_of<const R: usize>(vectors: [Self; R]) -> Self;
    /// Stores R ≤ 4 numbers: four of them without a mask, whose store the next load would wait for longer.
    ///
    /// # Safety
    /// As for [`Vector`]; `at` points to room for R numbers.
    unsafe fn store_few<const R: usize>(self, at: *mut f32);
    /// Lane i in all lanes.
    ///
    /// # Safety
    /// As for [`Vector`].
    unsafe fn lane(self, i: usize) -> Self;
    /// Whether [`flushed`](Vector::flushed) would change anything in these vectors.
    ///
    /// # Safety
    /// As for [`Vector`].
    unsafe fn any_to_flush<const R: usize>(vectors: [Self; R]) -> bool;
    /// Lets the parameters behind `at` in some lanes follow this gradient by any rule; a call, not inlined.
    ///
    /// # Safety
    /// As for [`backward`].
    unsafe fn follow_by(self, step: &Step<'_, f32>, rule: &Rule<f32>, at: usize, lanes: Range<usize>);
    /// The first half of this vector's lanes, then that of another's.
    ///
    /// # Safety
    /// As for [`Vector`].
    unsafe fn joined(self, other: Self) -> Self;
    /// Two vectors that begin with the lanes of this one's halves; what lies behind is any.
    ///
    /// # Safety
    /// As for [`Vector`].
    unsafe fn halves(self) -> [Self; 2];
    /// Four rows as columns, quarter by quarter: of quarter q, lane r of the j-th result is lane 4q + j of row r.
    ///
    /// # Safety
    /// As for [`Vector`].
    unsafe fn transposed(rows: [Self; 4]) -> [Self; 4];
    /// The next quarter first, the first last; a quarter is four lanes.
    ///
    /// # Safety
    /// As for [`Vector`].
    unsafe fn next_quarter(self) -> Self;
    /// Lanes 0 to `count` − 1 from `at`, the others those of this vector.
    ///
    /// # Safety
    /// As for [`Vector`]; `at` points to `count` numbers.
    unsafe fn load_over(self, at: *const f32, count: usize) -> Self;
    /// Lane j of the result is lane `from[j]` of this vector.
    ///
    /// # Safety
    /// As for [`Vector`].
    unsafe fn permuted(self, from: &[i32; LONGEST]) -> Self;
    /// Lanes 0 to `count` − 1 from `at`, `at` + `stride`, …, then zeros.
    ///
    /// # Safety
    /// As for [`Vector`]; these numbers are there.
    unsafe fn gathered(at: *const f32, stride: usize, count: usize) -> Self;
}

#[cfg(target_arch = "x86_64")]
impl Lanes for __m512 {
    const INSTRUCTION_SET: InstructionSet = InstructionSet::Avx512;

    #[inline(always)]
    unsafe fn first_of<const R: usize>(vectors: [Self; R]) -> Self {
        // SAFETY: the caller has the instruction set.
        unsafe {
            let low = _mm_unpacklo_ps(
                _mm512_castps512_ps128(vectors[0]),
                _mm512_castps512_ps128(vectors[1.min(R - 1)]),
            );
            let high = _mm_unpacklo_ps(
                _mm512_castps512_ps128(vectors[2.min(R - 1)]),
                _mm512_castps512_ps128(vectors[3.min(R - 1)]),
            );
            _mm512_zextps128_ps512(_mm_movelh_ps(low, high))
        }
    }
    #[inline(always)]
    unsafe fn store_few<const R: usize>(self, at: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe {
            if R == 4 { _mm_storeu_ps(at, _mm512_castps512_ps128(self)) } else { self.store_first(at, R) }
        }
    }
    #[inline(always)]
    unsafe fn follow_by(self, step: &Step<'_, f32>, rule: &Rule<f32>, at: usize, lanes: Range<usize>) {
        // SAFETY: the caller's promise.
        unsafe { super::follow_by_avx512(self, step, rule, at, lanes) };
    }
    #[inline(always)]
    unsafe fn lane(self, i: usize) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_permutexvar_ps(_mm512_set1_epi32(i as i32), self) }
    }
    #[inline(always)]
    unsafe fn joined(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_insertf32x8::<1>(self, _mm512_castps512_ps256(other)) }
    }
    #[inline(always)]
    unsafe fn halves(self) -> [Self; 2] {
        // SAFETY: as above.
        unsafe { [self, _mm512_zextps256_ps512(_mm512_extractf32x8_ps::<1>(self))] }
    }
    #[inline(always)]
    unsafe fn transposed([a, b, c, d]: [Self; 4]) -> [Self; 4] {
        // SAFETY: as above.
        unsafe {
            let [ab_low, ab_high] = [_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b)];
            let [cd_low, cd_high] = [_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d)];
            [
                _mm512_shuffle_ps::<0b01_00_01_00>(ab_low, cd_low),
                _mm512_shuffle_ps::<0b11_10_11_10>(ab_low, cd_low),
                _mm512_shuffle_ps::<0b01_00_01_00>(ab_high, cd_high),
                _mm512_shuffle_ps::<0b11_10_11_10>(ab_high, cd_high),
            ]
        }
    }
    #[inline(always)]
    unsafe fn next_quarter(self) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_shuffle_f32x4::<0b00_11_10_01>(self, self) }
    }
    #[inline(always)]
    unsafe fn load_over(self, at: *const f32, count: usize) -> Self {
        // SAFETY: as above; lanes outside the mask are not read.
        unsafe { _mm512_mask_loadu_ps(self, ((1_u32 << count) - 1) as __mmask16, at) }
    }
    #[inline(always)]
    unsafe fn any_to_flush<const R: usize>(vectors: [Self; R]) -> bool {
        // SAFETY: as above.
        unsafe {
            let mut any = 0;
            for r in 0..R {
                any |= _mm512_fpclass_ps_mask::<FLUSHED_CLASSES>(vectors[r]);
            }
            any != 0
        }
    }
    #[inline(always)]
    unsafe fn permuted(self, from: &[i32; LONGEST]) -> Self {
        // SAFETY: the caller has the instruction set; 16 lane numbers are loaded.
        unsafe { _mm512_permutexvar_ps(_mm512_loadu_si512(from.as_ptr().cast()), self) }
    }
    #[inline(always)]
    unsafe fn gathered(at: *const f32, stride: usize, count: usize) -> Self {
        // SAFETY: as above; only the first `count` lanes are read.
        unsafe {
            let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
            let places = _mm512_mullo_epi32(lanes, _mm512_set1_epi32(stride as i32));
            let mask = ((1_u32 << count) - 1) as __mmask16;
            _mm512_mask_i32gather_ps::<4>(_mm512_setzero_ps(), mask, places, at)
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl Lanes for __m256 {
    const INSTRUCTION_SET: InstructionSet = InstructionSet::Avx2;

    #[inline(always)]
    unsafe fn first_of<const R: usize>(vectors: [Self; R]) -> Self {
        // SAFETY: the caller has the instruction set.
        unsafe {
            let low = _mm_unpacklo_ps(
                _mm256_castps256_ps128(vectors[0]),
                _mm256_castps256_ps128(vectors[1.min(R - 1)]),
            );
            let high = _mm_unpacklo_ps(
                _mm256_castps256_ps128(vectors[2.min(R - 1)]),
                _mm256_castps256_ps128(vectors[3.min(R - 1)]),
            );
            _mm256_zextps128_ps256(_mm_movelh_ps(low, high))
        }
    }
    #[inline(always)]
    unsafe fn store_few<const R: usize>(self, at: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe {
            if R == 4 { _mm_storeu_ps(at, _mm256_castps256_ps128(self)) } else { self.store_first(at, R) }
        }
    }
    #[inline(always)]
    unsafe fn follow_by(self, step: &Step<'_, f32>, rule: &Rule<f32>, at: usize, lanes: Range<usize>) {
        // SAFETY: the caller's promise.
        unsafe { super::follow_by_avx2(self, step, rule, at, lanes) };
    }
    #[inline(always)]
    unsafe fn lane(self, i: usize) -> Self {
        // SAFETY: as above.
        unsafe { _mm256_permutevar8x32_ps(self, _mm256_set1_epi32(i as i32)) }
    }
    #[inline(always)]
    unsafe fn joined(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { _mm256_insertf128_ps::<1>(self, _mm256_castps256_ps128(other)) }
    }
    #[inline(always)]
    unsafe fn halves(self) -> [Self; 2] {
        // SAFETY: as above.
        unsafe { [self, _mm256_zextps128_ps256(_mm256_extractf128_ps::<1>(self))] }
    }
    #[inline(always)]
    unsafe fn transposed([a, b, c, d]: [Self; 4]) -> [Self; 4] {
        // SAFETY: as above.
        unsafe {
            let [ab_low, ab_high] = [_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b)];
            let [cd_low, cd_high] = [_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d)];
            [
                _mm256_shuffle_ps::<0b01_00_01_00>(ab_low, cd_low),
                _mm256_shuffle_ps::<0b11_10_11_10>(ab_low, cd_low),
                _mm256_shuffle_ps::<0b01_00_01_00>(ab_high, cd_high),
                _mm256_shuffle_ps::<0b11_10_11_10>(ab_high, cd_high),
            ]
        }
    }
    #[inline(always)]
    unsafe fn next_quarter(self) -> Self {
        // SAFETY: as above.
        unsafe { _mm256_permute2f128_ps::<0x01>(self, self) }
    }
    #[inline(always)]
    unsafe fn load_over(self, at: *const f32, count: usize) -> Self {
        // SAFETY: as above; lane numbers below `count` compare as smaller.
        unsafe {
            let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            let first = _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), lanes);
            _mm256_blendv_ps(self, Self::load_first(at, count), _mm256_castsi256_ps(first))
        }
    }
    #[inline(always)]
    unsafe fn any_to_flush<const R: usize>(vectors: [Self; R]) -> bool {
        // SAFETY: as above. As integers, magnitudes are in the order of the numbers; only +0 stays what it is.
        unsafe {
            let mut any = _mm256_setzero_si256();
            for r in 0..R {
                let bits = _mm256_castps_si256(vectors[r]);
                let magnitude = _mm256_and_si256(bits, _mm256_set1_epi32(i32::MAX));
                let small =
                    _mm256_cmpgt_epi32(_mm256_set1_epi32(f32::MIN_POSITIVE.to_bits() as i32), magnitude);
                let zero = _mm256_cmpeq_epi32(bits, _mm256_setzero_si256());
                any = _mm256_or_si256(any, _mm256_andnot_si256(zero, small));
            }
            _mm256_testz_si256(any, any) == 0
        }
    }
    #[inline(always)]
    unsafe fn permuted(self, from: &[i32; LONGEST]) -> Self {
        // SAFETY: the caller has the instruction set; 8 of 16 lane numbers are loaded.
        unsafe { _mm256_permutevar8x32_ps(self, _mm256_loadu_si256(from.as_ptr().cast())) }
    }
    #[inline(always)]
    unsafe fn gathered(at: *const f32, stride: usize, count: usize) -> Self {
        let mut lanes = [0.0; 8];
        for (lane, value) in lanes.iter_mut().enumerate().take(count) {
            // SAFETY: the caller's promise.
            *value = unsafe { *at.add(lane * stride) };
        }
        // SAFETY: 8 numbers.
        unsafe { Self::load(lanes.as_ptr()) }
    }
}
