//! The few vector operations that walks, tiny networks and update rules need, for every vector type.
//!
//! All are `inline(always)` and become the caller's instructions: they may only be called from a function compiled for
//! the vector type's instruction set.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use crate::Real;

/// A vector of numbers.
pub(crate) trait Vector: Copy {
    /// f32 or f64.
    type Number: Real;
    /// Numbers in it.
    const LANES: usize;

    /// # Safety
    /// Here and below: the machine has the type's instruction set, and the caller is compiled for it.
    unsafe fn splat(value: Self::Number) -> Self;
    /// # Safety
    /// `at` points to LANES numbers.
    unsafe fn load(at: *const Self::Number) -> Self;
    /// The first `count` ≤ LANES numbers from `at`, then zeros.
    ///
    /// # Safety
    /// `at` points to `count` numbers.
    unsafe fn load_first(at: *const Self::Number, count: usize) -> Self;
    /// # Safety
    /// `at` points to room for LANES numbers.
    unsafe fn store(self, at: *mut Self::Number);
    /// Stores the first `count` ≤ LANES numbers.
    ///
    /// # Safety
    /// `at` points to room for `count` numbers.
    unsafe fn store_first(self, at: *mut Self::Number, count: usize);
    /// a·b + self, rounded once where the instruction set fuses it, as the dense products do.
    ///
    /// # Safety
    /// As above.
    unsafe fn add_product(self, a: Self, b: Self) -> Self;
    /// # Safety
    /// As above.
    unsafe fn add(self, other: Self) -> Self;
    /// # Safety
    /// As above.
    unsafe fn subtract(self, other: Self) -> Self;
    /// # Safety
    /// As above.
    unsafe fn multiply(self, other: Self) -> Self;
    /// # Safety
    /// As above.
    unsafe fn divide(self, other: Self) -> Self;
    /// # Safety
    /// As above.
    unsafe fn sqrt(self) -> Self;
    /// Magnitudes below the smallest normal number become 0; NaN stays.
    ///
    /// # Safety
    /// As above.
    unsafe fn flushed(self) -> Self;
    /// Whether any number is not 0; NaN is not.
    ///
    /// # Safety
    /// As above.
    unsafe fn any(self) -> bool;
}

#[cfg(target_arch = "x86_64")]
macro_rules! x86 {
    ($vector:ident, $number:ident, $lanes:literal, $load:ident, $store:ident, $splat:ident, $fma:ident, $add:ident,
     $sub:ident, $mul:ident, $div:ident, $sqrt:ident; $($own:item)+) => {
        impl Vector for $vector {
            type Number = $number;
            const LANES: usize = $lanes;

            #[inline(always)]
            unsafe fn splat(value: $number) -> Self {
                // SAFETY: the caller has the instruction set; here and below.
                unsafe { $splat(value) }
            }
            #[inline(always)]
            unsafe fn load(at: *const $number) -> Self {
                // SAFETY: the caller's promise.
                unsafe { $load(at) }
            }
            #[inline(always)]
            unsafe fn store(self, at: *mut $number) {
                // SAFETY: the caller's promise.
                unsafe { $store(at, self) };
            }
            #[inline(always)]
            unsafe fn add_product(self, a: Self, b: Self) -> Self {
                // SAFETY: as above.
                unsafe { $fma(a, b, self) }
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                // SAFETY: as above.
                unsafe { $add(self, other) }
            }
            #[inline(always)]
            unsafe fn subtract(self, other: Self) -> Self {
                // SAFETY: as above.
                unsafe { $sub(self, other) }
            }
            #[inline(always)]
            unsafe fn multiply(self, other: Self) -> Self {
                // SAFETY: as above.
                unsafe { $mul(self, other) }
            }
            #[inline(always)]
            unsafe fn divide(self, other: Self) -> Self {
                // SAFETY: as above.
                unsafe { $div(self, other) }
            }
            #[inline(always)]
            unsafe fn sqrt(self) -> Self {
                // SAFETY: as above.
                unsafe { $sqrt(self) }
            }
            $($own)+
        }
    };
}

/// `vfpclass`'s bits for negative zeros and for numbers below the smallest normal one.
#[cfg(target_arch = "x86_64")]
pub(crate) const FLUSHED_CLASSES: i32 = 0x04 | 0x20;

#[cfg(target_arch = "x86_64")]
macro_rules! avx512 {
    ($vector:ident, $number:ident, $lanes:literal, $mask:ident, $load_mask:ident, $store_mask:ident, $class:ident,
     $subtract:ident, $compare:ident, $($name:ident),+) => {
        x86! {
            $vector, $number, $lanes, $($name),+;
            #[inline(always)]
            unsafe fn load_first(at: *const $number, count: usize) -> Self {
                // SAFETY: lanes outside the mask are not read.
                unsafe { $load_mask(((1_u32 << count) - 1) as $mask, at) }
            }
            #[inline(always)]
            unsafe fn store_first(self, at: *mut $number, count: usize) {
                // SAFETY: lanes outside the mask are not written.
                unsafe { $store_mask(at, ((1_u32 << count) - 1) as $mask, self) };
            }
            #[inline(always)]
            unsafe fn flushed(self) -> Self {
                // SAFETY: as above. x − x is +0, and two instructions where a comparison of magnitudes takes three.
                unsafe { $subtract(self, $class::<FLUSHED_CLASSES>(self), self, self) }
            }
            #[inline(always)]
            unsafe fn any(self) -> bool {
                // SAFETY: as above.
                unsafe { $compare::<_CMP_NEQ_UQ>(self, Self::splat(0.0)) != 0 }
            }
        }
    };
}

/// All bits of one AVX2 vector's lanes set, then none of another's: a mask of the first lanes begins somewhere inside.
#[cfg(target_arch = "x86_64")]
static LANE_BITS: [u64; 8] = [u64::MAX, u64::MAX, u64::MAX, u64::MAX, 0, 0, 0, 0];

/// The first `count` numbers by halves, quarters and so on: a masked store is dozens of operations on Zen processors.
///
/// # Safety
/// The machine has AVX2; `at` points to room for `count` ≤ 8 numbers.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn store_some_ps(mut at: *mut f32, count: usize, vector: __m256) {
    // SAFETY: the caller's promise; the parts end at `count`.
    unsafe {
        if count == 8 {
            return _mm256_storeu_ps(at, vector);
        }
        let mut rest = _mm256_castps256_ps128(vector);
        if count & 4 != 0 {
            _mm_storeu_ps(at, rest);
            rest = _mm256_extractf128_ps::<1>(vector);
            at = at.add(4);
        }
        if count & 2 != 0 {
            _mm_storel_pd(at.cast(), _mm_castps_pd(rest));
            rest = _mm_movehl_ps(rest, rest);
            at = at.add(2);
        }
        if count & 1 != 0 {
            _mm_store_ss(at, rest);
        }
    }
}

/// [`store_some_ps`] in double precision.
///
/// # Safety
/// The machine has AVX2; `at` points to room for `count` ≤ 4 numbers.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn store_some_pd(mut at: *mut f64, count: usize, vector: __m256d) {
    // SAFETY: the caller's promise; the parts end at `count`.
    unsafe {
        if count == 4 {
            return _mm256_storeu_pd(at, vector);
        }
        let mut rest = _mm256_castpd256_pd128(vector);
        if count & 2 != 0 {
            _mm_storeu_pd(at, rest);
            rest = _mm256_extractf128_pd::<1>(vector);
            at = at.add(2);
        }
        if count & 1 != 0 {
            _mm_store_sd(at, rest);
        }
    }
}

#[cfg(target_arch = "x86_64")]
macro_rules! avx2 {
    ($vector:ident, $number:ident, $lanes:literal, $load_mask:ident, $store_some:ident,
     $compare:ident, $and:ident, $and_not:ident, $signs:ident, $($name:ident),+) => {
        x86! {
            $vector, $number, $lanes, $($name),+;
            #[inline(always)]
            unsafe fn load_first(at: *const $number, count: usize) -> Self {
                // SAFETY: the bits are twice a vector's, of which the second half is 0; lanes outside are not read.
                unsafe { $load_mask(at, _mm256_loadu_si256(LANE_BITS.as_ptr().byte_add(32 - count * size_of::<$number>()).cast())) }
            }
            #[inline(always)]
            unsafe fn store_first(self, at: *mut $number, count: usize) {
                // SAFETY: the caller's promise.
                unsafe { $store_some(at, count, self) };
            }
            #[inline(always)]
            unsafe fn flushed(self) -> Self {
                // SAFETY: as above. "Not less than" is true for NaN, which is kept.
                unsafe {
                    let magnitude = $and_not(Self::splat(-0.0), self);
                    $and($compare::<_CMP_NLT_UQ>(magnitude, Self::splat($number::MIN_POSITIVE)), self)
                }
            }
            #[inline(always)]
            unsafe fn any(self) -> bool {
                // SAFETY: as above.
                unsafe { $signs($compare::<_CMP_NEQ_UQ>(self, Self::splat(0.0))) != 0 }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
avx512!(
    __m512,
    f32,
    16,
    __mmask16,
    _mm512_maskz_loadu_ps,
    _mm512_mask_storeu_ps,
    _mm512_fpclass_ps_mask,
    _mm512_mask_sub_ps,
    _mm512_cmp_ps_mask,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_set1_ps,
    _mm512_fmadd_ps,
    _mm512_add_ps,
    _mm512_sub_ps,
    _mm512_mul_ps,
    _mm512_div_ps,
    _mm512_sqrt_ps
);
#[cfg(target_arch = "x86_64")]
avx512!(
    __m512d,
    f64,
    8,
    __mmask8,
    _mm512_maskz_loadu_pd,
    _mm512_mask_storeu_pd,
    _mm512_fpclass_pd_mask,
    _mm512_mask_sub_pd,
    _mm512_cmp_pd_mask,
    _mm512_loadu_pd,
    _mm512_storeu_pd,
    _mm512_set1_pd,
    _mm512_fmadd_pd,
    _mm512_add_pd,
    _mm512_sub_pd,
    _mm512_mul_pd,
    _mm512_div_pd,
    _mm512_sqrt_pd
);
#[cfg(target_arch = "x86_64")]
avx2!(
    __m256,
    f32,
    8,
    _mm256_maskload_ps,
    store_some_ps,
    _mm256_cmp_ps,
    _mm256_and_ps,
    _mm256_andnot_ps,
    _mm256_movemask_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_set1_ps,
    _mm256_fmadd_ps,
    _mm256_add_ps,
    _mm256_sub_ps,
    _mm256_mul_ps,
    _mm256_div_ps,
    _mm256_sqrt_ps
);
#[cfg(target_arch = "x86_64")]
avx2!(
    __m256d,
    f64,
    4,
    _mm256_maskload_pd,
    store_some_pd,
    _mm256_cmp_pd,
    _mm256_and_pd,
    _mm256_andnot_pd,
    _mm256_movemask_pd,
    _mm256_loadu_pd,
    _mm256_storeu_pd,
    _mm256_set1_pd,
    _mm256_fmadd_pd,
    _mm256_add_pd,
    _mm256_sub_pd,
    _mm256_mul_pd,
    _mm256_div_pd,
    _mm256_sqrt_pd
);

macro_rules! portable {
    ($number:ident, $lanes:literal) => {
        impl Vector for [$number; $lanes] {
            type Number = $number;
            const LANES: usize = $lanes;

            #[inline(always)]
            unsafe fn splat(value: $number) -> Self {
                [value; $lanes]
            }
            #[inline(always)]
            unsafe fn load(at: *const $number) -> Self {
                // SAFETY: the caller's promise; numbers are aligned, so is an array of them.
                unsafe { at.cast::<Self>().read() }
            }
            #[inline(always)]
            unsafe fn load_first(at: *const $number, count: usize) -> Self {
                if count == $lanes {
                    // SAFETY: the caller's promise.
                    return unsafe { Self::load(at) };
                }
                let mut numbers = [0.0; $lanes];
                // SAFETY: the caller's promise; `count` ≤ LANES.
                unsafe { std::ptr::copy_nonoverlapping(at, numbers.as_mut_ptr(), count) };
                numbers
            }
            #[inline(always)]
            unsafe fn store(self, at: *mut $number) {
                // SAFETY: the caller's promise.
                unsafe { at.cast::<Self>().write(self) };
            }
            #[inline(always)]
            unsafe fn store_first(self, at: *mut $number, count: usize) {
                // SAFETY: the caller's promise; `count` ≤ LANES.
                unsafe { std::ptr::copy_nonoverlapping(self.as_ptr(), at, count) };
            }
            #[inline(always)]
            unsafe fn add_product(self, a: Self, b: Self) -> Self {
                std::array::from_fn(|i| a[i] * b[i] + self[i])
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                std::array::from_fn(|i| self[i] + other[i])
            }
            #[inline(always)]
            unsafe fn subtract(self, other: Self) -> Self {
                std::array::from_fn(|i| self[i] - other[i])
            }
            #[inline(always)]
            unsafe fn multiply(self, other: Self) -> Self {
                std::array::from_fn(|i| self[i] * other[i])
            }
            #[inline(always)]
            unsafe fn divide(self, other: Self) -> Self {
                std::array::from_fn(|i| self[i] / other[i])
            }
            #[inline(always)]
            unsafe fn sqrt(self) -> Self {
                self.map(Real::sqrt)
            }
            #[inline(always)]
            unsafe fn flushed(self) -> Self {
                self.map(Real::flushed)
            }
            #[inline(always)]
            unsafe fn any(self) -> bool {
                self.into_iter().any(|number| number != 0.0)
            }
        }
    };
}

portable!(f32, 4);
portable!(f64, 2);

/// A number by itself: plain loops over these are what the compiler makes vectors of.
#[derive(Clone, Copy)]
pub(crate) struct Single<F>(pub F);

impl<F: Real> Vector for Single<F> {
    type Number = F;
    const LANES: usize = 1;

    #[inline(always)]
    unsafe fn splat(value: F) -> Self {
        Self(value)
    }
    #[inline(always)]
    unsafe fn load(at: *const F) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { *at })
    }
    #[inline(always)]
    unsafe fn load_first(at: *const F, count: usize) -> Self {
        // SAFETY: the caller's promise.
        Self(if count == 0 { F::ZERO } else { unsafe { *at } })
    }
    #[inline(always)]
    unsafe fn store(self, at: *mut F) {
        // SAFETY: the caller's promise.
        unsafe { *at = self.0 };
    }
    #[inline(always)]
    unsafe fn store_first(self, at: *mut F, count: usize) {
        if count > 0 {
            // SAFETY: the caller's promise.
            unsafe { *at = self.0 };
        }
    }
    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        Self(a.0 * b.0 + self.0)
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
    #[inline(always)]
    unsafe fn subtract(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
    #[inline(always)]
    unsafe fn multiply(self, other: Self) -> Self {
        Self(self.0 * other.0)
    }
    #[inline(always)]
    unsafe fn divide(self, other: Self) -> Self {
        Self(self.0 / other.0)
    }
    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        Self(self.0.sqrt())
    }
    #[inline(always)]
    unsafe fn flushed(self) -> Self {
        Self(self.0.flushed())
    }
    #[inline(always)]
    unsafe fn any(self) -> bool {
        self.0 != F::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InstructionSet;

    /// Flushing and finding numbers, beside the scalar's, for each special number in each lane.
    unsafe fn laws<V: Vector>() {
        let number = V::Number::from_f64;
        let least = V::Number::MIN_POSITIVE;
        let below = least * number(0.75);
        let special = [
            V::Number::ZERO,
            -V::Number::ZERO,
            least,
            -least,
            below,
            -below,
            V::Number::ONE,
            V::Number::MAX,
            V::Number::INFINITY,
            -V::Number::INFINITY,
            V::Number::NAN,
        ];
        for lane in 0..V::LANES {
            for value in special {
                let mut numbers = [V::Number::ZERO; 16];
                numbers[lane] = value;
                // SAFETY: the caller's promise; 16 numbers are as many as any vector's.
                let (any, one) = unsafe {
                    let vector = V::load(numbers.as_ptr());
                    vector.flushed().store(numbers.as_mut_ptr());
                    (vector.any(), V::splat(V::Number::ONE).sqrt().any())
                };
                let (got, expected) = (numbers[lane].to_f64(), value.flushed().to_f64());
                assert_eq!(got.to_bits(), expected.to_bits(), "{value} in lane {lane} of {}", V::LANES);
                assert_eq!((any, one), (value != V::Number::ZERO, true), "{value} in lane {lane}");
            }
        }
    }

    #[test]
    fn vectors_flush_as_numbers_do() {
        // SAFETY: portable, or available.
        unsafe {
            laws::<Single<f32>>();
            laws::<Single<f64>>();
            laws::<[f32; 4]>();
            laws::<[f64; 2]>();
            #[cfg(target_arch = "x86_64")]
            if InstructionSet::Avx2.is_available() {
                laws::<__m256>();
                laws::<__m256d>();
            }
            #[cfg(target_arch = "x86_64")]
            if InstructionSet::Avx512.is_available() {
                laws::<__m512>();
                laws::<__m512d>();
            }
        }
    }
}
