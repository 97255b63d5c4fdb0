//! What products of bfloat16 with sums in single precision would give: the rate of the instruction, and of a tile that
//! reads both operands from the nearest caches, beside the same in single precision; and what rounding numbers to
//! bfloat16 costs, which every step would have to do to weights, activations and δ.
//!
//! `cargo run --release -p deltarule-kernels --example bf16`

#[cfg(target_arch = "x86_64")]
fn main() {
    if is_x86_feature_detected!("avx512bf16") && is_x86_feature_detected!("avx512bw") {
        // SAFETY: the instruction set is there.
        unsafe { x86::measure() };
    } else {
        println!("this processor has no AVX512_BF16");
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn main() {
    println!("measured on x86-64 with AVX512_BF16 only");
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;
    use std::hint::black_box;
    use std::time::Instant;

    /// Rows and steps of a tile of two vectors of columns; both operands of so many fit the nearest cache.
    const ROWS: usize = 12;
    const STEPS: usize = 128;
    const TILES: usize = 40_000;

    /// Billions of multiplications and additions in a second of the fastest of seven runs.
    fn rate(mut run: impl FnMut()) -> f64 {
        let operations = (2 * TILES * ROWS * 32 * STEPS) as f64;
        let mut best = f64::INFINITY;
        for _ in 0..7 {
            let began = Instant::now();
            run();
            best = best.min(began.elapsed().as_secs_f64());
        }
        operations / best * 1e-9
    }

    /// # Safety
    /// The processor has AVX-512 F, BW and BF16.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    pub unsafe fn measure() {
        let a = vec![0.5_f32; ROWS * STEPS];
        let b = vec![0.25_f32; 32 * STEPS];
        // Pairs of steps lie in one 32-bit lane: half as many lanes for as many numbers.
        let pairs = [vec![0x3f00_3f00_u32; ROWS * STEPS / 2], vec![0x3e80_3e80_u32; 32 * STEPS / 2]];
        let mut sums = [[0.0_f32; 32]; ROWS];
        let single = rate(|| {
            for _ in 0..TILES {
                // SAFETY: the operands have ROWS and 32 numbers for each step.
                unsafe { tile_f32(black_box(a.as_ptr()), black_box(b.as_ptr()), &mut sums) };
            }
        });
        let half = rate(|| {
            for _ in 0..TILES {
                // SAFETY: as above, of pairs of steps.
                unsafe { tile_bf16(black_box(pairs[0].as_ptr()), black_box(pairs[1].as_ptr()), &mut sums) };
            }
        });
        println!(
            "tile of {ROWS} rows and 32 columns: {single:.0} GFLOP/s in f32, {half:.0} with bf16 operands"
        );
        println!("{:.2} times as fast", half / single);
        rounding();
    }

    /// # Safety
    /// As for [`measure`]; `a` has ROWS and `b` 32 numbers for each step.
    #[target_feature(enable = "avx512f")]
    unsafe fn tile_f32(mut a: *const f32, mut b: *const f32, out: &mut [[f32; 32]; ROWS]) {
        let mut sums = [[_mm512_setzero_ps(); 2]; ROWS];
        for _ in 0..STEPS {
            // SAFETY: the caller's promise.
            unsafe {
                let columns = [_mm512_loadu_ps(b), _mm512_loadu_ps(b.add(16))];
                for (r, sums) in sums.iter_mut().enumerate() {
                    let x = _mm512_set1_ps(*a.add(r));
                    sums[0] = _mm512_fmadd_ps(x, columns[0], sums[0]);
                    sums[1] = _mm512_fmadd_ps(x, columns[1], sums[1]);
                }
                (a, b) = (a.add(ROWS), b.add(32));
            }
        }
        leave(&sums, out);
    }

    /// # Safety
    /// As for [`tile_f32`], of pairs of steps.
    #[target_feature(enable = "avx512f,avx512bf16")]
    unsafe fn tile_bf16(mut a: *const u32, mut b: *const u32, out: &mut [[f32; 32]; ROWS]) {
        let mut sums = [[_mm512_setzero_ps(); 2]; ROWS];
        for _ in 0..STEPS / 2 {
            // SAFETY: the caller's promise; any bits are pairs of bfloat16.
            unsafe {
                let load =
                    |at: *const u32| std::mem::transmute::<__m512i, __m512bh>(_mm512_loadu_si512(at.cast()));
                let columns = [load(b), load(b.add(16))];
                for (r, sums) in sums.iter_mut().enumerate() {
                    let x = _mm512_set1_epi32(a.add(r).read().cast_signed());
                    let x = std::mem::transmute::<__m512i, __m512bh>(x);
                    sums[0] = _mm512_dpbf16_ps(sums[0], x, columns[0]);
                    sums[1] = _mm512_dpbf16_ps(sums[1], x, columns[1]);
                }
                (a, b) = (a.add(ROWS), b.add(32));
            }
        }
        leave(&sums, out);
    }

    #[target_feature(enable = "avx512f")]
    fn leave(sums: &[[__m512; 2]; ROWS], out: &mut [[f32; 32]; ROWS]) {
        for (sums, out) in sums.iter().zip(out) {
            // SAFETY: a row is two vectors.
            unsafe {
                _mm512_storeu_ps(out.as_mut_ptr(), sums[0]);
                _mm512_storeu_ps(out.as_mut_ptr().add(16), sums[1]);
            }
        }
    }

    /// Numbers in memory, as `ciresan` has weights, rounded to bfloat16.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn rounding() {
        const NUMBERS: usize = 12_000_000;
        let (from, mut to) = (vec![0.3_f32; NUMBERS], vec![0_u16; NUMBERS]);
        let mut best = f64::INFINITY;
        for _ in 0..5 {
            let began = Instant::now();
            for (from, to) in from.as_chunks::<16>().0.iter().zip(to.as_chunks_mut::<16>().0) {
                // SAFETY: 16 numbers each.
                unsafe {
                    let rounded = _mm512_cvtneps_pbh(_mm512_loadu_ps(from.as_ptr()));
                    _mm256_storeu_si256(
                        to.as_mut_ptr().cast(),
                        std::mem::transmute::<__m256bh, __m256i>(rounded),
                    );
                }
            }
            black_box(&mut to);
            best = best.min(began.elapsed().as_secs_f64());
        }
        println!("rounding 12 million numbers in memory: {:.1} ms on one thread", best * 1e3);
    }
}
