//! Every product on every instruction set of the machine against the reference loops in double precision.

use proptest::prelude::*;

use super::epilogue::exact_inverse;
use super::*;
use crate::{descend, reference};

/// Numbers in [−1, 1), the first of them at an odd address.
struct Numbers<F> {
    buffer: Vec<F>,
}

impl<F: Real> Numbers<F> {
    fn new(length: usize, seed: u32) -> Self {
        let mut state = seed.wrapping_mul(747_796_405).wrapping_add(1);
        let draw = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            F::from_f64(f64::from(state >> 8) / 8_388_608.0 - 1.0)
        };
        Self { buffer: std::iter::repeat_with(draw).take(length + 1).collect() }
    }

    fn get(&self) -> &[F] {
        &self.buffer[1..]
    }

    fn get_mut(&mut self) -> &mut [F] {
        &mut self.buffer[1..]
    }

    fn doubles(&self) -> Vec<f64> {
        self.get().iter().map(|x| x.to_f64()).collect()
    }
}

/// Every number of `got` within what rounding each of `k` steps may add to sums of products of numbers ≤ 1.
fn check<F: Real>(got: &[F], exact: &[f64], k: usize, what: &str) {
    let bound = F::EPSILON.to_f64() * (k as f64 + 4.0);
    assert_eq!(got.len(), exact.len());
    for (i, (got, exact)) in got.iter().zip(exact).enumerate() {
        let difference = (got.to_f64() - exact).abs();
        assert!(difference <= bound * (1.0 + exact.abs()), "{what} [{i}]: {got} for {exact}");
    }
}

/// All products of one shape against the reference; the results, for comparing bits.
fn all_products<F: Real>(pool: &Pool, batch: usize, fan_in: usize, fan_out: usize, total: f64) -> Vec<u64> {
    let shape = format!("{} {:?} {batch}x{fan_in}x{fan_out}", F::NAME, pool);
    let mut scratch = Scratch::<F>::new();
    let (x, w) = (Numbers::new(batch * fan_in, 1), Numbers::<F>::new(fan_in * fan_out, 2));
    let (b, delta) = (Numbers::new(fan_out, 3), Numbers::new(batch * fan_out, 4));
    let (x64, w64, b64, delta64) = (x.doubles(), w.doubles(), b.doubles(), delta.doubles());

    let (mut z, mut exact) = (Numbers::new(batch * fan_out, 5), vec![0.0; batch * fan_out]);
    reference::product(fan_in, fan_out, &x64, &w64, &mut exact);
    affine(pool, &mut scratch, batch, fan_in, fan_out, x.get(), w.get(), None, z.get_mut());
    check(z.get(), &exact, fan_in, &format!("{shape}: z without bias"));
    exact.iter_mut().enumerate().for_each(|(i, z)| *z += b64[i % fan_out]);
    affine(pool, &mut scratch, batch, fan_in, fan_out, x.get(), w.get(), Some(b.get()), z.get_mut());
    check(z.get(), &exact, fan_in, &format!("{shape}: z"));

    let (mut dx, mut exact) = (Numbers::new(batch * fan_in, 6), vec![0.0; batch * fan_in]);
    reference::product_with_transposed(fan_out, fan_in, &delta64, &w64, &mut exact);
    back_product(pool, &mut scratch, batch, fan_in, fan_out, delta.get(), w.get(), dx.get_mut());
    check(dx.get(), &exact, fan_out, &format!("{shape}: dx"));

    let (mut dw, mut exact) = (Numbers::<F>::new(fan_in * fan_out, 7), vec![0.0; fan_in * fan_out]);
    reference::transposed_product(fan_in, fan_out, 0, &x64, &delta64, &mut exact);
    exact.iter_mut().for_each(|dw| *dw /= total);
    let (total, rate) = (F::from_f64(total), F::from_f64(0.3));
    weight_gradient(pool, &mut scratch, batch, fan_in, fan_out, x.get(), delta.get(), total, dw.get_mut());
    check(dw.get(), &exact, batch, &format!("{shape}: dw"));

    let (mut stepped, mut fused) =
        (Numbers::<F>::new(fan_in * fan_out, 2), Numbers::<F>::new(fan_in * fan_out, 2));
    descend(pool, stepped.get_mut(), dw.get(), rate);
    let (x, delta, fused) = (x.get(), delta.get(), fused.get_mut());
    let (rule, to) = (Rule::Descend { learning_rate: rate }, Updated::stateless(&mut *fused));
    weight_gradient_update(pool, &mut scratch, batch, fan_in, fan_out, x, delta, total, &rule, to);
    assert_eq!(bits(fused), bits(stepped.get()), "{shape}: fused descent has the bits of two steps");

    let (mut db, mut exact) = (Numbers::new(fan_out, 8), vec![0.0; fan_out]);
    reference::product(batch, fan_out, &vec![1.0; batch], &delta64, &mut exact);
    exact.iter_mut().for_each(|db| *db /= total.to_f64());
    bias_gradient(pool, batch, fan_out, delta, total, db.get_mut());
    check(db.get(), &exact, batch, &format!("{shape}: db"));
    [bits(z.get()), bits(dx.get()), bits(dw.get()), bits(db.get())].concat()
}

fn bits<F: Real>(numbers: &[F]) -> Vec<u64> {
    numbers.iter().map(|x| x.to_f64().to_bits()).collect()
}

fn pools() -> Vec<Pool> {
    InstructionSet::available().into_iter().map(|isa| Pool::with_instruction_set(1, isa)).collect()
}

#[test]
fn each_instruction_set_has_its_own_tiles_and_all_of_this_machine_are_tested() {
    for (pool, isa) in pools().iter().zip(InstructionSet::available()) {
        assert_eq!(pool.instruction_set(), isa);
        let lanes = match isa {
            InstructionSet::Portable => 4,
            InstructionSet::Avx2 => 8,
            InstructionSet::Avx512 => 16,
        };
        assert_eq!((f32::tiles(isa).lanes, f64::tiles(isa).lanes), (lanes, lanes / 2));
    }
    #[cfg(target_arch = "x86_64")]
    assert_eq!(pools().len() > 1, is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"));
}

#[test]
fn small_shapes() {
    for pool in pools() {
        for batch in 0..=17 {
            for fan_in in [0, 1, 2, 3, 7, 8, 15, 16, 17] {
                for fan_out in [0, 1, 2, 3, 5, 8, 13, 16, 17] {
                    all_products::<f32>(&pool, batch, fan_in, fan_out, 3.0);
                }
            }
        }
        for size in 0..=17 {
            all_products::<f64>(&pool, size, 17 - size, (size * 5) % 18, 4.0);
        }
    }
}

#[test]
fn edges_of_tiles_panels_blocks_and_pieces() {
    let shapes = [
        (1, 1025, 33),
        (27, 31, 97),
        (29, 32, 64),
        (28, 65, 31),
        (128, 100, 34),
        (241, 47, 70),
        (500, 33, 5),
        (1025, 16, 30),
        (2049, 3, 33),
        (15, 2050, 40),
        (40, 33, 1030),
        (300, 40, 1),
        (1, 300, 1),
        (70, 1, 70),
    ];
    for pool in pools() {
        for (batch, fan_in, fan_out) in shapes {
            all_products::<f32>(&pool, batch, fan_in, fan_out, batch as f64);
        }
        for (batch, fan_in, fan_out) in [(31, 65, 40), (1030, 40, 33), (3, 1030, 70)] {
            all_products::<f64>(&pool, batch, fan_in, fan_out, 64.0);
        }
    }
}

#[test]
fn same_bits_on_any_number_of_threads() {
    for isa in InstructionSet::available() {
        for (batch, fan_in, fan_out) in [(128, 130, 70), (1100, 33, 17), (64, 1100, 40), (600, 700, 1)] {
            let alone = all_products::<f32>(&Pool::with_instruction_set(1, isa), batch, fan_in, fan_out, 5.0);
            for threads in [2, 3] {
                let pool = Pool::with_instruction_set(threads, isa);
                assert!(
                    all_products::<f32>(&pool, batch, fan_in, fan_out, 5.0) == alone,
                    "{isa:?} {threads}"
                );
            }
        }
    }
}

#[test]
fn bits_of_a_row_do_not_depend_on_its_batch() {
    for pool in pools() {
        let mut scratch = Scratch::<f32>::new();
        let (fan_in, fan_out) = (1100, 37);
        let (x, w) = (Numbers::<f32>::new(60 * fan_in, 1), Numbers::<f32>::new(fan_in * fan_out, 2));
        let mut whole = vec![0.0; 60 * fan_out];
        affine(&pool, &mut scratch, 60, fan_in, fan_out, x.get(), w.get(), None, &mut whole);
        for (x, whole) in x.get().chunks(fan_in).zip(whole.chunks(fan_out)) {
            let mut alone = vec![0.0; fan_out];
            affine(&pool, &mut scratch, 1, fan_in, fan_out, x, w.get(), None, &mut alone);
            assert_eq!(bits(&alone), bits(whole));
        }
    }
}

#[test]
fn nan_and_infinity_reach_exactly_the_outputs_that_depend_on_them() {
    for pool in pools() {
        for (batch, fan_in, fan_out) in [(3, 5, 7), (40, 37, 70)] {
            for bad in [f32::NAN, f32::INFINITY] {
                let mut scratch = Scratch::new();
                let (mut x, w) = (vec![1.0; batch * fan_in], vec![1.0; fan_in * fan_out]);
                x[2 * fan_in + 4] = bad;
                let mut z = vec![0.0; batch * fan_out];
                affine(&pool, &mut scratch, batch, fan_in, fan_out, &x, &w, None, &mut z);
                assert!((0..z.len()).all(|i| z[i].is_finite() != (i / fan_out == 2)));
                let (delta, mut dw) = (vec![1.0; batch * fan_out], w.clone());
                weight_gradient(&pool, &mut scratch, batch, fan_in, fan_out, &x, &delta, 2.0, &mut dw);
                assert!((0..dw.len()).all(|i| dw[i].is_finite() != (i / fan_out == 4)));
                let mut w = w.clone();
                weight_gradient_update(
                    &pool,
                    &mut scratch,
                    batch,
                    fan_in,
                    fan_out,
                    &x,
                    &delta,
                    3.0,
                    &Rule::Descend { learning_rate: 0.1 },
                    Updated::stateless(&mut w),
                );
                assert!((0..w.len()).all(|i| w[i].is_finite() != (i / fan_out == 4)));
            }
        }
    }
}

#[test]
fn denormal_results_are_stored_as_zero() {
    for pool in pools() {
        let mut scratch = Scratch::new();
        let tiny = f32::MIN_POSITIVE;
        let mut z = [1.0; 2];
        affine(&pool, &mut scratch, 1, 1, 2, &[0.5], &[tiny, 4.0 * tiny], None, &mut z);
        assert_eq!(z, [0.0, 2.0 * tiny]);
    }
}

#[test]
fn nothing_is_allocated_once_reserved() {
    let pool = Pool::new(2);
    let mut scratch = Scratch::<f32>::for_product(130, 140, 150);
    let (bytes, packed) = (scratch.bytes(), scratch.packed.as_ptr());
    let (x, w, delta) = (vec![1.0; 130 * 140], vec![1.0; 140 * 150], vec![1.0; 130 * 150]);
    let (mut z, mut dx, mut dw) = (delta.clone(), x.clone(), w.clone());
    affine(&pool, &mut scratch, 130, 140, 150, &x, &w, None, &mut z);
    back_product(&pool, &mut scratch, 130, 140, 150, &delta, &w, &mut dx);
    weight_gradient(&pool, &mut scratch, 130, 140, 150, &x, &delta, 130.0, &mut dw);
    assert_eq!((scratch.bytes(), scratch.packed.as_ptr()), (bytes, packed));
}

#[test]
fn dividing_by_a_power_of_two_is_multiplying_by_its_inverse() {
    assert_eq!(exact_inverse(128.0_f32), Some(1.0 / 128.0));
    assert_eq!(exact_inverse(0.25_f64), Some(4.0));
    let others = [3.0, 0.0, -0.0, f32::NAN, f32::INFINITY, 2.0_f32.powi(127)];
    assert!(others.into_iter().all(|total| exact_inverse(total).is_none()));
}

#[test]
#[should_panic(expected = "w is [fan_in, fan_out]")]
fn a_wrong_length_panics() {
    affine(&Pool::new(1), &mut Scratch::new(), 1, 2, 2, &[1.0_f32; 2], &[1.0; 3], None, &mut [0.0; 2]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn any_shape(batch in 0_usize..90, fan_in in 0_usize..90, fan_out in 0_usize..90, total in 1_u32..200) {
        for pool in pools() {
            all_products::<f32>(&pool, batch, fan_in, fan_out, f64::from(total));
        }
    }

    #[test]
    fn matmul_with_each_transposition(m in 0_usize..40, k in 0_usize..40, n in 0_usize..40) {
        let (a, b) = (Numbers::<f32>::new(m * k, 1), Numbers::<f32>::new(k * n, 2));
        let (a64, b64) = (a.doubles(), b.doubles());
        for pool in pools() {
            for transpose in [Transpose::None, Transpose::Left, Transpose::Right] {
                let (mut c, mut exact) = (vec![0.0; m * n], vec![0.0; m * n]);
                match transpose {
                    Transpose::None => reference::product(k, n, &a64, &b64, &mut exact),
                    Transpose::Left => reference::transposed_product(m, n, 0, &a64, &b64, &mut exact),
                    Transpose::Right => reference::product_with_transposed(k, n, &a64, &b64, &mut exact),
                }
                matmul(&pool, &mut Scratch::new(), transpose, m, k, n, a.get(), b.get(), &mut c);
                check(&c, &exact, k, "matmul");
            }
        }
    }
}
