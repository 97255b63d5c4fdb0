//! Every product against the dense one, to the bit, on every instruction set of the machine.

use proptest::prelude::*;

use super::*;
use crate::{InstructionSet, affine, weight_gradient, weight_gradient_update};

/// Numbers in [−1, 1), of which one in `every` is not 0; of the others half are −0.
fn numbers<F: Real>(length: usize, seed: u32, every: u32) -> Vec<F> {
    let mut state = seed.wrapping_mul(747_796_405).wrapping_add(1);
    let mut draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 8
    };
    let mut number = || match (draw() % every.max(1), draw()) {
        (0, value) if every > 0 => F::from_f64(f64::from(value | 1) / 8_388_608.0 - 1.0),
        (_, value) => F::from_f64(if value % 2 == 0 { 0.0 } else { -0.0 }),
    };
    (0..length).map(|_| number()).collect()
}

fn bits<F: Real>(numbers: &[F]) -> Vec<u64> {
    numbers.iter().map(|x| x.to_f64().to_bits()).collect()
}

/// All products of one shape on `pool` against the dense ones, to the bit; one in `every` numbers of x is not 0.
fn check<F: Real>(pool: &Pool, batch: usize, fan_in: usize, fan_out: usize, every: u32, total: f64) {
    let what = format!("{} {pool:?} {batch}x{fan_in}x{fan_out} 1/{every}", F::NAME);
    let (mut scratch, rate) = (Scratch::<F>::new(), F::from_f64(0.3));
    let total = F::from_f64(total);
    let x = numbers::<F>(batch * fan_in, 1, every);
    let (w, b) = (numbers::<F>(fan_in * fan_out, 2, 1), numbers::<F>(fan_out, 3, 1));
    let delta = numbers::<F>(batch * fan_out, 4, 1);
    // Room for more rows than there are, and what was there before must not matter.
    let mut nonzeros = Nonzeros::new(batch + 5, fan_in);
    nonzeros.find(pool, batch + 5, &vec![F::ONE; (batch + 5) * fan_in], usize::MAX);
    assert!(nonzeros.find(pool, batch, &x, usize::MAX));
    assert_eq!(nonzeros.count(), x.iter().filter(|x| **x != F::ZERO).count(), "{what}");

    for b in [None, Some(&b[..])] {
        let (mut dense, mut z) = (vec![F::NAN; batch * fan_out], vec![F::NAN; batch * fan_out]);
        affine(pool, &mut scratch, batch, fan_in, fan_out, &x, &w, b, &mut dense);
        affine_nonzero(pool, &mut scratch, &nonzeros, fan_out, &x, &w, b, &mut z);
        assert_eq!(bits(&z), bits(&dense), "{what}: z");
    }
    let (mut dense, mut dw) = (vec![F::NAN; fan_in * fan_out], vec![F::NAN; fan_in * fan_out]);
    weight_gradient(pool, &mut scratch, batch, fan_in, fan_out, &x, &delta, total, &mut dense);
    weight_gradient_nonzero(pool, &mut scratch, &nonzeros, fan_out, &x, &delta, total, &mut dw);
    assert_eq!(bits(&dw), bits(&dense), "{what}: dw");
    let number = F::from_f64;
    let adam =
        Rule::adam(rate, number(0.9), number(0.99), number(1e-8), number(0.1), number(0.01), number(0.1));
    let rmsprop = Rule::rmsprop(rate, number(0.9), number(1e-8), Some(number(0.9)));
    // A first moment of 0 is where a feature that is absent moves nothing by Adam without decay.
    let rules = [
        (Rule::Descend { learning_rate: rate }, 0.5),
        (rmsprop, 0.5),
        (adam, 0.5),
        (adam, 0.0),
        (adam.without_decay(), 0.5),
        (adam.without_decay(), 0.0),
    ];
    for (rule, moment) in rules {
        // Of the second state half a number, so that Adam has a root to take.
        let start = [w.clone(), vec![number(moment); w.len()], vec![number(0.5); w.len()]];
        let (mut dense, mut stepped) = (start.clone(), start);
        let [w, first, second] = &mut dense;
        let to = Updated { w, first, second };
        weight_gradient_update(pool, &mut scratch, batch, fan_in, fan_out, &x, &delta, total, &rule, to);
        let [w, first, second] = &mut stepped;
        let to = Updated { w, first, second };
        weight_gradient_update_nonzero(pool, &mut scratch, &nonzeros, fan_out, &x, &delta, total, &rule, to);
        assert_eq!(bits(&stepped.concat()), bits(&dense.concat()), "{what}: {rule:?}");
    }
}

fn pools(threads: usize) -> Vec<Pool> {
    InstructionSet::available().into_iter().map(|isa| Pool::with_instruction_set(threads, isa)).collect()
}

#[test]
fn small_shapes() {
    for pool in pools(1) {
        for batch in 0..=17 {
            for fan_in in [0, 1, 2, 7, 16, 17] {
                for fan_out in [0, 1, 3, 8, 15, 16, 17] {
                    check::<f32>(&pool, batch, fan_in, fan_out, 3, 3.0);
                }
            }
            check::<f64>(&pool, batch, 17 - batch, (batch * 5) % 18, 2, 4.0);
        }
    }
}

#[test]
fn edges_of_words_stretches_pieces_panels_and_blocks() {
    let shapes = [
        (1, 1025, 33),
        (10, 784, 30),
        (31, 33, 129),
        (33, 65, 127),
        (64, 784, 128),
        (70, 1100, 300),
        (128, 100, 34),
        (300, 47, 70),
        (1025, 40, 130),
        (2049, 3, 33),
        (15, 2050, 140),
        (40, 33, 1030),
        (300, 40, 1),
        (1, 300, 1),
    ];
    for pool in pools(1) {
        for (batch, fan_in, fan_out) in shapes {
            for every in [0, 1, 8] {
                check::<f32>(&pool, batch, fan_in, fan_out, every, batch as f64);
            }
        }
        for (batch, fan_in, fan_out) in [(31, 65, 140), (1030, 40, 33), (20, 1030, 70)] {
            for every in [0, 1, 8] {
                check::<f64>(&pool, batch, fan_in, fan_out, every, 64.0);
            }
        }
    }
}

#[test]
fn any_number_of_threads() {
    for threads in [2, 3] {
        for pool in pools(threads) {
            for (batch, fan_in, fan_out) in [(128, 130, 70), (64, 784, 128), (1100, 64, 192), (64, 1100, 520)]
            {
                check::<f32>(&pool, batch, fan_in, fan_out, 4, 5.0);
            }
            check::<f64>(&pool, 200, 300, 40, 4, 128.0);
        }
    }
}

#[test]
fn nan_and_infinity_in_x_count_and_reach_the_outputs_that_depend_on_them() {
    for pool in pools(1) {
        for bad in [f32::NAN, f32::INFINITY, f32::MIN_POSITIVE / 2.0] {
            let (batch, fan_in, fan_out) = (20, 37, 70);
            let mut x = vec![0.0; batch * fan_in];
            x[2 * fan_in + 4] = bad;
            let mut nonzeros = Nonzeros::new(batch, fan_in);
            nonzeros.find(&pool, batch, &x, usize::MAX);
            assert_eq!(nonzeros.count(), 1);
            let (w, mut z) = (vec![1.0; fan_in * fan_out], vec![0.0; batch * fan_out]);
            affine_nonzero(&pool, &mut Scratch::new(), &nonzeros, fan_out, &x, &w, None, &mut z);
            let reached = |z: f32| !z.is_finite() && !bad.is_finite();
            assert!((0..z.len()).all(|i| reached(z[i]) == (i / fan_out == 2 && !bad.is_finite())));
            let (delta, mut w) = (vec![1.0; batch * fan_out], w);
            let mut scratch = Scratch::new();
            let (rule, to) = (Rule::Descend { learning_rate: 0.1 }, Updated::stateless(&mut w));
            weight_gradient_update_nonzero(
                &pool,
                &mut scratch,
                &nonzeros,
                fan_out,
                &x,
                &delta,
                2.0,
                &rule,
                to,
            );
            assert!((0..w.len()).all(|i| reached(w[i]) == (i / fan_out == 4 && !bad.is_finite())));
        }
    }
}

#[test]
fn an_absent_feature_contributes_nothing_even_where_its_weight_is_not_finite() {
    for pool in pools(1) {
        let (mut nonzeros, mut scratch) = (Nonzeros::new(1, 2), Scratch::new());
        let (x, w, mut z) = ([0.0, 2.0], [f32::INFINITY, f32::NAN, 3.0, 4.0], [0.0; 2]);
        nonzeros.find(&pool, 1, &x, 2);
        affine_nonzero(&pool, &mut scratch, &nonzeros, 2, &x, &w, None, &mut z);
        assert_eq!(z, [6.0, 8.0]);
    }
}

#[test]
fn denormal_results_are_stored_as_zero() {
    for pool in pools(1) {
        let (mut nonzeros, mut scratch) = (Nonzeros::new(1, 1), Scratch::new());
        let tiny = f32::MIN_POSITIVE;
        nonzeros.find(&pool, 1, &[0.5_f32], 1);
        let mut z = [1.0; 2];
        affine_nonzero(&pool, &mut scratch, &nonzeros, 2, &[0.5], &[tiny, 4.0 * tiny], None, &mut z);
        assert_eq!(z, [0.0, 2.0 * tiny]);
    }
}

#[test]
fn nothing_is_allocated_once_there_is_room() {
    let pool = Pool::new(2);
    let mut scratch = Scratch::<f32>::for_product(64, 784, 128);
    let mut nonzeros = Nonzeros::new(64, 784);
    let held = (scratch.bytes(), nonzeros.bytes(), nonzeros.by_row.as_ptr());
    let x = numbers::<f32>(64 * 784, 1, 5);
    let (mut w, delta, mut z) = (vec![1.0; 784 * 128], vec![1.0; 64 * 128], vec![1.0; 64 * 128]);
    nonzeros.find(&pool, 64, &x, usize::MAX);
    affine_nonzero(&pool, &mut scratch, &nonzeros, 128, &x, &w, None, &mut z);
    weight_gradient_nonzero(&pool, &mut scratch, &nonzeros, 128, &x, &delta, 64.0, &mut w);
    assert_eq!((scratch.bytes(), nonzeros.bytes(), nonzeros.by_row.as_ptr()), held);
}

#[test]
#[should_panic(expected = "x is the batch that was gone through")]
fn another_batch_panics() {
    let pool = Pool::new(1);
    let mut nonzeros = Nonzeros::new(4, 2);
    nonzeros.find(&pool, 1, &[1.0_f32, 0.0], 1);
    let x = [0.0_f32; 4];
    affine_nonzero(&pool, &mut Scratch::new(), &nonzeros, 1, &x, &[1.0; 2], None, &mut [0.0; 2]);
}

#[test]
#[should_panic(expected = "few enough")]
fn a_batch_with_too_many_panics() {
    let pool = Pool::new(1);
    let mut nonzeros = Nonzeros::new(1, 2);
    let x = [1.0_f32; 2];
    assert!(!nonzeros.find(&pool, 1, &x, 1));
    affine_nonzero(&pool, &mut Scratch::new(), &nonzeros, 1, &x, &[1.0; 2], None, &mut [0.0]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn any_shape(
        batch in 0_usize..90, fan_in in 0_usize..90, fan_out in 0_usize..160, every in 0_u32..9, total in 1_u32..200,
    ) {
        for pool in pools(1) {
            check::<f32>(&pool, batch, fan_in, fan_out, every, f64::from(total));
        }
    }
}
