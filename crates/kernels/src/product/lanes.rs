//! A vector of numbers and what the innermost loops do with it, under the same names for every instruction set: a
//! module each, so that the loops are written once and compiled in each.

/// Transposes a square block through memory; for the vector types without a faster way.
#[cfg(target_arch = "x86_64")]
macro_rules! transpose_through_memory {
    ($(#[$features:meta])? $float:ident) => {
        $(#[$features])?
        #[inline]
        pub(in crate::product) fn transpose_block(block: &mut [Vector; LANES]) {
            let (mut rows, mut columns) = ([[0.0; LANES]; LANES], [[0.0; LANES]; LANES]);
            for i in 0..LANES {
                // SAFETY: a row has room for a vector.
                unsafe { store(rows[i].as_mut_ptr(), block[i]) };
            }
            for i in 0..LANES {
                for j in 0..LANES {
                    columns[i][j] = rows[j][i];
                }
            }
            for i in 0..LANES {
                // SAFETY: a column has as many numbers as a vector.
                block[i] = unsafe { load(columns[i].as_ptr()) };
            }
        }
    };
}

/// The sum of each vector of a block, in its lane of one vector: halves of the vector are added, lane l and l + L/2, then
/// halves of that, and so on.
macro_rules! sums_by_transposing {
    ($(#[$features:meta])?) => {
        $(#[$features])?
        #[inline]
        pub(in crate::product) fn sums_of_each(block: &[Vector; LANES]) -> Vector {
            let mut block = *block;
            transpose_block(&mut block);
            let mut rows = LANES;
            while rows > 1 {
                rows /= 2;
                for row in 0..rows {
                    block[row] = add(block[row], block[row + rows]);
                }
            }
            block[0]
        }
    };
}

/// Transposes 8 by 8 single-precision numbers: pairs, then fours within each half of a vector, then the halves.
#[cfg(target_arch = "x86_64")]
macro_rules! transpose_8_by_8 {
    ($(#[$features:meta])?) => {
        $(#[$features])?
        #[inline]
        pub(in crate::product) fn transpose_block(block: &mut [Vector; LANES]) {
            let (mut pairs, mut fours) = (*block, *block);
            for i in (0..8).step_by(2) {
                pairs[i] = _mm256_unpacklo_ps(block[i], block[i + 1]);
                pairs[i + 1] = _mm256_unpackhi_ps(block[i], block[i + 1]);
            }
            for i in (0..8).step_by(4) {
                fours[i] = _mm256_shuffle_ps::<0x44>(pairs[i], pairs[i + 2]);
                fours[i + 1] = _mm256_shuffle_ps::<0xee>(pairs[i], pairs[i + 2]);
                fours[i + 2] = _mm256_shuffle_ps::<0x44>(pairs[i + 1], pairs[i + 3]);
                fours[i + 3] = _mm256_shuffle_ps::<0xee>(pairs[i + 1], pairs[i + 3]);
            }
            for c in 0..4 {
                block[c] = _mm256_permute2f128_ps::<0x20>(fours[c], fours[4 + c]);
                block[4 + c] = _mm256_permute2f128_ps::<0x31>(fours[c], fours[4 + c]);
            }
        }
    };
}

/// [`sums_by_transposing`] of 8 single-precision numbers, by fewer shuffles: where two vectors' halves are added, one of
/// them keeps both. The order in which vectors are paired leaves each sum in its lane.
#[cfg(target_arch = "x86_64")]
macro_rules! sums_of_8 {
    ($(#[$features:meta])?) => {
        $(#[$features])?
        #[inline]
        pub(in crate::product) fn sums_of_each(block: &[Vector; LANES]) -> Vector {
            let halves = |i: usize| {
                let (a, b) = (block[i], block[i + 4]);
                add(_mm256_permute2f128_ps::<0x20>(a, b), _mm256_permute2f128_ps::<0x31>(a, b))
            };
            let quarters = |i: usize| {
                let (a, b) = (_mm256_castps_pd(halves(i)), _mm256_castps_pd(halves(i + 1)));
                let (low, high) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b));
                add(_mm256_castpd_ps(low), _mm256_castpd_ps(high))
            };
            let (a, b) = (quarters(0), quarters(2));
            add(_mm256_shuffle_ps::<0x88>(a, b), _mm256_shuffle_ps::<0xdd>(a, b))
        }
    };
}

/// The wrappers of one x86 vector type: `first_lanes` makes a mask.
#[cfg(target_arch = "x86_64")]
macro_rules! x86_vector {
    ($(#[$features:meta])? $float:ident, $vector:ident, $lanes:literal, $zero:ident, $load:ident, $store:ident,
     $splat:ident, $fma:ident, $add:ident, $sub:ident, $mul:ident, $div:ident) => {
        pub(in crate::product) type Vector = $vector;
        pub(in crate::product) const LANES: usize = $lanes;

        $(#[$features])?
        #[inline]
        pub(in crate::product) fn zero() -> Vector {
            $zero()
        }
        /// # Safety
        /// `at` points to LANES numbers.
        $(#[$features])?
        #[inline]
        pub(in crate::product) unsafe fn load(at: *const $float) -> Vector {
            // SAFETY: the caller's promise.
            unsafe { $load(at) }
        }
        /// # Safety
        /// `at` points to room for LANES numbers.
        $(#[$features])?
        #[inline]
        pub(in crate::product) unsafe fn store(at: *mut $float, vector: Vector) {
            // SAFETY: the caller's promise.
            unsafe { $store(at, vector) };
        }
        $(#[$features])?
        #[inline]
        pub(in crate::product) fn splat(value: $float) -> Vector {
            $splat(value)
        }
        $(#[$features])?
        #[inline]
        pub(in crate::product) fn multiply_add(a: Vector, b: Vector, c: Vector) -> Vector {
            $fma(a, b, c)
        }
        $(#[$features])?
        #[inline]
        pub(in crate::product) fn add(a: Vector, b: Vector) -> Vector {
            $add(a, b)
        }
        $(#[$features])?
        #[inline]
        pub(in crate::product) fn subtract(a: Vector, b: Vector) -> Vector {
            $sub(a, b)
        }
        $(#[$features])?
        #[inline]
        pub(in crate::product) fn multiply(a: Vector, b: Vector) -> Vector {
            $mul(a, b)
        }
        $(#[$features])?
        #[inline]
        pub(in crate::product) fn divide(a: Vector, b: Vector) -> Vector {
            $div(a, b)
        }
    };
}

#[cfg(target_arch = "x86_64")]
macro_rules! avx512 {
    ($module:ident, $float:ident, $vector:ident, $lanes:literal, $mask:ident, $load_mask:ident, $store_mask:ident,
     $compare:ident, $class:ident, $subtract:ident, $max:ident, $blend:ident, $($name:ident),+ ; $($block:item)+) => {
        pub(super) mod $module {
            use crate::vector::FLUSHED_CLASSES;
            use std::arch::x86_64::*;

            x86_vector!(#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
                $float, $vector, $lanes, $($name),+);

            pub(in crate::product) type Mask = $mask;
            /// The mask of the first `count` lanes.
            #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
            #[inline]
            pub(in crate::product) fn first_lanes(count: usize) -> Mask {
                ((1_u32 << count) - 1) as Mask
            }
            /// # Safety
            /// `at` points to as many numbers as the mask has lanes.
            #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
            #[inline]
            pub(in crate::product) unsafe fn load_lanes(at: *const $float, lanes: Mask) -> Vector {
                // SAFETY: lanes outside the mask are not read.
                unsafe { $load_mask(lanes, at) }
            }
            /// # Safety
            /// `at` points to room for as many numbers as the mask has lanes.
            #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
            #[inline]
            pub(in crate::product) unsafe fn store_lanes(at: *mut $float, vector: Vector, lanes: Mask) {
                // SAFETY: lanes outside the mask are not written.
                unsafe { $store_mask(at, lanes, vector) };
            }
            #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
            #[inline]
            pub(in crate::product) fn flush(vector: Vector) -> Vector {
                // x − x is +0.
                $subtract(vector, $class::<FLUSHED_CLASSES>(vector), vector, vector)
            }
            #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
            #[inline]
            pub(in crate::product) fn relu(z: Vector) -> Vector {
                // The second operand where either is NaN.
                $max(zero(), z)
            }
            #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
            #[inline]
            pub(in crate::product) fn relu_slope(a: Vector) -> Vector {
                $blend($compare::<_CMP_GT_OQ>(a, zero()), a, splat(1.0))
            }
            $($block)+
        }
    };
}

#[cfg(target_arch = "x86_64")]
macro_rules! avx2 {
    ($module:ident, $float:ident, $vector:ident, $lanes:literal, $integer:ident, $load_mask:ident, $store_mask:ident,
     $compare:ident, $and:ident, $and_not:ident, $max:ident, $blend:ident, $($name:ident),+ ; $($block:item)+) => {
        pub(super) mod $module {
            use std::arch::x86_64::*;

            x86_vector!(#[target_feature(enable = "avx2,fma")] $float, $vector, $lanes, $($name),+);

            pub(in crate::product) type Mask = __m256i;
            /// The mask of the first `count` lanes: all bits set in each.
            #[target_feature(enable = "avx2,fma")]
            #[inline]
            pub(in crate::product) fn first_lanes(count: usize) -> Mask {
                static BITS: [$integer; 2 * LANES] = {
                    let mut bits = [0; 2 * LANES];
                    let mut i = 0;
                    while i < LANES {
                        bits[i] = -1;
                        i += 1;
                    }
                    bits
                };
                let bits: &[$integer; LANES] = BITS[LANES - count..][..LANES].try_into().expect("LANES of them");
                // SAFETY: 256 bits, at any alignment.
                unsafe { _mm256_loadu_si256(bits.as_ptr().cast()) }
            }
            /// # Safety
            /// `at` points to as many numbers as the mask has lanes.
            #[target_feature(enable = "avx2,fma")]
            #[inline]
            pub(in crate::product) unsafe fn load_lanes(at: *const $float, lanes: Mask) -> Vector {
                // SAFETY: lanes outside the mask are not read.
                unsafe { $load_mask(at, lanes) }
            }
            /// # Safety
            /// `at` points to room for as many numbers as the mask has lanes.
            #[target_feature(enable = "avx2,fma")]
            #[inline]
            pub(in crate::product) unsafe fn store_lanes(at: *mut $float, vector: Vector, lanes: Mask) {
                // SAFETY: lanes outside the mask are not written.
                unsafe { $store_mask(at, lanes, vector) };
            }
            #[target_feature(enable = "avx2,fma")]
            #[inline]
            pub(in crate::product) fn flush(vector: Vector) -> Vector {
                // "Not less than" is true for NaN, which is kept.
                let magnitude = $and_not(splat(-0.0), vector);
                $and($compare::<_CMP_NLT_UQ>(magnitude, splat($float::MIN_POSITIVE)), vector)
            }
            #[target_feature(enable = "avx2,fma")]
            #[inline]
            pub(in crate::product) fn relu(z: Vector) -> Vector {
                // The second operand where either is NaN.
                $max(zero(), z)
            }
            #[target_feature(enable = "avx2,fma")]
            #[inline]
            pub(in crate::product) fn relu_slope(a: Vector) -> Vector {
                $blend(a, splat(1.0), $compare::<_CMP_GT_OQ>(a, zero()))
            }
            $($block)+
        }
    };
}

macro_rules! portable {
    ($module:ident, $float:ident, $lanes:literal) => {
        pub(super) mod $module {

            pub(in crate::product) type Vector = [$float; LANES];
            pub(in crate::product) const LANES: usize = $lanes;

            #[inline(always)]
            pub(in crate::product) fn zero() -> Vector {
                [0.0; LANES]
            }
            /// # Safety
            /// `at` points to LANES numbers.
            #[inline(always)]
            pub(in crate::product) unsafe fn load(at: *const $float) -> Vector {
                // SAFETY: the caller's promise.
                unsafe { at.cast::<Vector>().read() }
            }
            /// # Safety
            /// `at` points to room for LANES numbers.
            #[inline(always)]
            pub(in crate::product) unsafe fn store(at: *mut $float, vector: Vector) {
                // SAFETY: the caller's promise.
                unsafe { at.cast::<Vector>().write(vector) };
            }
            #[inline(always)]
            pub(in crate::product) fn first_lanes(count: usize) -> usize {
                count
            }
            /// # Safety
            /// `at` points to `lanes` numbers.
            #[inline(always)]
            pub(in crate::product) unsafe fn load_lanes(at: *const $float, lanes: usize) -> Vector {
                let mut vector = zero();
                // SAFETY: the caller's promise; `lanes` ≤ LANES.
                unsafe { std::ptr::copy_nonoverlapping(at, vector.as_mut_ptr(), lanes) };
                vector
            }
            /// # Safety
            /// `at` points to room for `lanes` numbers.
            #[inline(always)]
            pub(in crate::product) unsafe fn store_lanes(at: *mut $float, vector: Vector, lanes: usize) {
                // SAFETY: the caller's promise; `lanes` ≤ LANES.
                unsafe { std::ptr::copy_nonoverlapping(vector.as_ptr(), at, lanes) };
            }
            #[inline(always)]
            pub(in crate::product) fn splat(value: $float) -> Vector {
                [value; LANES]
            }
            #[inline(always)]
            pub(in crate::product) fn multiply_add(a: Vector, b: Vector, c: Vector) -> Vector {
                add(multiply(a, b), c)
            }
            #[inline(always)]
            pub(in crate::product) fn add(a: Vector, b: Vector) -> Vector {
                std::array::from_fn(|i| a[i] + b[i])
            }
            #[inline(always)]
            pub(in crate::product) fn subtract(a: Vector, b: Vector) -> Vector {
                std::array::from_fn(|i| a[i] - b[i])
            }
            #[inline(always)]
            pub(in crate::product) fn multiply(a: Vector, b: Vector) -> Vector {
                std::array::from_fn(|i| a[i] * b[i])
            }
            #[inline(always)]
            pub(in crate::product) fn divide(a: Vector, b: Vector) -> Vector {
                std::array::from_fn(|i| a[i] / b[i])
            }
            #[inline(always)]
            pub(in crate::product) fn flush(vector: Vector) -> Vector {
                vector.map(crate::Real::flushed)
            }
            #[inline(always)]
            pub(in crate::product) fn relu(z: Vector) -> Vector {
                z.map(|z| crate::Real::max(z, 0.0))
            }
            #[inline(always)]
            pub(in crate::product) fn relu_slope(a: Vector) -> Vector {
                a.map(|a| if a > 0.0 { 1.0 } else { a })
            }
            #[inline(always)]
            pub(in crate::product) fn transpose_block(block: &mut [Vector; LANES]) {
                let rows = *block;
                *block = std::array::from_fn(|i| std::array::from_fn(|j| rows[j][i]));
            }
            sums_by_transposing!();
        }
    };
}

portable!(portable_f32, f32, 4);
portable!(portable_f64, f64, 2);

#[cfg(target_arch = "x86_64")]
avx512!(
    avx512_f32, f32, __m512, 16, __mmask16, _mm512_maskz_loadu_ps, _mm512_mask_storeu_ps, _mm512_cmp_ps_mask,
    _mm512_fpclass_ps_mask, _mm512_mask_sub_ps, _mm512_max_ps, _mm512_mask_blend_ps,
    _mm512_setzero_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_set1_ps, _mm512_fmadd_ps, _mm512_add_ps,
    _mm512_sub_ps, _mm512_mul_ps, _mm512_div_ps;
    /// 16 by 16: pairs, then fours within each quarter of a vector, then the quarters.
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
    #[inline]
    pub(in crate::product) fn transpose_block(block: &mut [Vector; LANES]) {
        let (mut pairs, mut fours) = (*block, *block);
        for i in (0..16).step_by(2) {
            pairs[i] = _mm512_unpacklo_ps(block[i], block[i + 1]);
            pairs[i + 1] = _mm512_unpackhi_ps(block[i], block[i + 1]);
        }
        let low = |a, b| _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
        let high = |a, b| _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
        for i in (0..16).step_by(4) {
            fours[i] = low(pairs[i], pairs[i + 2]);
            fours[i + 1] = high(pairs[i], pairs[i + 2]);
            fours[i + 2] = low(pairs[i + 1], pairs[i + 3]);
            fours[i + 3] = high(pairs[i + 1], pairs[i + 3]);
        }
        for c in 0..4 {
            let even_low = _mm512_shuffle_f32x4::<0x88>(fours[c], fours[4 + c]);
            let odd_low = _mm512_shuffle_f32x4::<0xdd>(fours[c], fours[4 + c]);
            let even_high = _mm512_shuffle_f32x4::<0x88>(fours[8 + c], fours[12 + c]);
            let odd_high = _mm512_shuffle_f32x4::<0xdd>(fours[8 + c], fours[12 + c]);
            block[c] = _mm512_shuffle_f32x4::<0x88>(even_low, even_high);
            block[4 + c] = _mm512_shuffle_f32x4::<0x88>(odd_low, odd_high);
            block[8 + c] = _mm512_shuffle_f32x4::<0xdd>(even_low, even_high);
            block[12 + c] = _mm512_shuffle_f32x4::<0xdd>(odd_low, odd_high);
        }
    }
    /// As of 8 numbers, one halving more.
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
    #[inline]
    pub(in crate::product) fn sums_of_each(block: &[Vector; LANES]) -> Vector {
        let halves = |i: usize| {
            let (a, b) = (block[i], block[i + 4]);
            add(_mm512_shuffle_f32x4::<0x44>(a, b), _mm512_shuffle_f32x4::<0xee>(a, b))
        };
        let quarters = |i: usize| {
            let (a, b) = (halves(i), halves(i + 8));
            add(_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0xdd>(a, b))
        };
        let eighths = |i: usize| {
            let (a, b) = (_mm512_castps_pd(quarters(i)), _mm512_castps_pd(quarters(i + 1)));
            let (low, high) = (_mm512_unpacklo_pd(a, b), _mm512_unpackhi_pd(a, b));
            add(_mm512_castpd_ps(low), _mm512_castpd_ps(high))
        };
        let (a, b) = (eighths(0), eighths(2));
        add(_mm512_shuffle_ps::<0x88>(a, b), _mm512_shuffle_ps::<0xdd>(a, b))
    }
);

// Half vectors, for matrices of few columns: a processor does two of them in the time of a whole one, or one as fast.
#[cfg(target_arch = "x86_64")]
avx512!(
    avx512_half_f32, f32, __m256, 8, __mmask8, _mm256_maskz_loadu_ps, _mm256_mask_storeu_ps, _mm256_cmp_ps_mask,
    _mm256_fpclass_ps_mask, _mm256_mask_sub_ps, _mm256_max_ps, _mm256_mask_blend_ps,
    _mm256_setzero_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_set1_ps, _mm256_fmadd_ps, _mm256_add_ps,
    _mm256_sub_ps, _mm256_mul_ps, _mm256_div_ps;
    transpose_8_by_8! { #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")] }
);

#[cfg(target_arch = "x86_64")]
avx512!(
    avx512_f64, f64, __m512d, 8, __mmask8, _mm512_maskz_loadu_pd, _mm512_mask_storeu_pd, _mm512_cmp_pd_mask,
    _mm512_fpclass_pd_mask, _mm512_mask_sub_pd, _mm512_max_pd, _mm512_mask_blend_pd,
    _mm512_setzero_pd, _mm512_loadu_pd, _mm512_storeu_pd, _mm512_set1_pd, _mm512_fmadd_pd, _mm512_add_pd,
    _mm512_sub_pd, _mm512_mul_pd, _mm512_div_pd;
    transpose_through_memory! { #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")] f64 }
    sums_by_transposing! { #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")] }
);

#[cfg(target_arch = "x86_64")]
avx2!(
    avx2_f32, f32, __m256, 8, i32, _mm256_maskload_ps, _mm256_maskstore_ps, _mm256_cmp_ps, _mm256_and_ps,
    _mm256_andnot_ps, _mm256_max_ps, _mm256_blendv_ps,
    _mm256_setzero_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_set1_ps, _mm256_fmadd_ps, _mm256_add_ps,
    _mm256_sub_ps, _mm256_mul_ps, _mm256_div_ps;
    transpose_8_by_8! { #[target_feature(enable = "avx2,fma")] }
    sums_of_8! { #[target_feature(enable = "avx2,fma")] }
);

#[cfg(target_arch = "x86_64")]
avx2!(
    avx2_f64, f64, __m256d, 4, i64, _mm256_maskload_pd, _mm256_maskstore_pd, _mm256_cmp_pd, _mm256_and_pd,
    _mm256_andnot_pd, _mm256_max_pd, _mm256_blendv_pd,
    _mm256_setzero_pd, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_set1_pd, _mm256_fmadd_pd, _mm256_add_pd,
    _mm256_sub_pd, _mm256_mul_pd, _mm256_div_pd;
    transpose_through_memory! { #[target_feature(enable = "avx2,fma")] f64 }
    sums_by_transposing! { #[target_feature(enable = "avx2,fma")] }
);
