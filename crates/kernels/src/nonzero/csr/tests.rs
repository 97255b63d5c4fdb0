//! Every product against the dense one, to the bit, on every instruction set of the machine, and that against the plain
//! definition.

use proptest::prelude::*;

use super::*;
use crate::{InstructionSet, affine, reference, weight_gradient, weight_gradient_update};

/// Numbers in [−1, 1).
fn numbers<F: Real>(length: usize, seed: u32) -> Vec<F> {
    let mut state = seed.wrapping_mul(747_796_405).wrapping_add(1);
    let mut draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        F::from_f64(f64::from(state >> 8) / 8_388_608.0 - 1.0)
    };
    (0..length).map(|_| draw()).collect()
}

/// A matrix of which one number in `every` is held, and one in `every` of these is 0, dense and sparse.
fn matrix<F: Real>(rows: usize, columns: usize, seed: u32, every: u32) -> (Vec<F>, SparseRows<F>) {
    let mut state = seed.wrapping_mul(277_803_737).wrapping_add(7);
    let mut draw = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % below
    };
    let values = numbers::<F>(rows * columns, seed);
    let mut dense = vec![F::ZERO; rows * columns];
    let (mut starts, mut indices, mut held) = (vec![0], Vec::new(), Vec::new());
    for row in 0..rows {
        for column in 0..columns {
            if every > 0 && draw(every) == 0 {
                let cell = row * columns + column;
                let value = if draw(every + 1) == 0 { F::ZERO } else { values[cell] };
                dense[cell] = value;
                indices.push(column as u32);
                held.push(value);
            }
        }
        starts.push(held.len());
    }
    (dense, SparseRows::new(columns, starts, indices, held))
}

fn bits<F: Real>(numbers: &[F]) -> Vec<u64> {
    numbers.iter().map(|x| x.to_f64().to_bits()).collect()
}

fn near<F: Real>(got: &[F], expected: &[F], terms: usize) {
    for (got, expected) in got.iter().zip(expected) {
        let error = (got.to_f64() - expected.to_f64()).abs();
        assert!(error <= F::EPSILON.to_f64() * (terms + 2) as f64, "{got} and {expected}");
    }
}

/// All products of one shape on `pool` against the dense ones, to the bit.
fn check<F: Real>(pool: &Pool, (batch, fan_in, fan_out): (usize, usize, usize), every: u32, total: f64) {
    let what = format!("{} {pool:?} {batch}x{fan_in}x{fan_out} 1/{every}", F::NAME);
    let (mut scratch, number) = (Scratch::<F>::new(), F::from_f64);
    // The batch lies among other rows.
    let (all, sparse) = matrix::<F>(batch + 3, fan_in, 1 + batch as u32, every);
    let x = &all[2 * fan_in..(2 + batch) * fan_in];
    let rows = sparse.all().range(2, 2 + batch);
    let (w, b) = (numbers::<F>(fan_in * fan_out, 2), numbers::<F>(fan_out, 3));
    let (delta, total) = (numbers::<F>(batch * fan_out, 4), number(total));
    for b in [None, Some(&b[..])] {
        let (mut dense, mut z) = (vec![F::NAN; batch * fan_out], vec![F::NAN; batch * fan_out]);
        affine(pool, &mut scratch, batch, fan_in, fan_out, x, &w, b, &mut dense);
        affine_sparse(pool, &mut scratch, rows, fan_out, &w, b, &mut z);
        assert_eq!(bits(&z), bits(&dense), "{what}: z");
        if b.is_none() {
            reference::product(fan_in, fan_out, x, &w, &mut dense);
            near(&z, &dense, fan_in);
        }
    }

    // What was there before must not matter, nor that there is room for less.
    let mut columns = SparseColumns::new(fan_in, 3);
    columns.arrange(matrix::<F>(batch + 5, fan_in, 9, 2).1.all());
    columns.arrange(rows);
    assert_eq!((columns.rows(), columns.count()), (batch, rows.count()), "{what}");
    let (mut dense, mut dw) = (vec![F::NAN; fan_in * fan_out], vec![F::NAN; fan_in * fan_out]);
    weight_gradient(pool, &mut scratch, batch, fan_in, fan_out, x, &delta, total, &mut dense);
    weight_gradient_sparse(pool, &mut scratch, &columns, fan_out, &delta, total, &mut dw);
    assert_eq!(bits(&dw), bits(&dense), "{what}: dw");
    reference::transposed_product(fan_in, fan_out, 0, x, &delta, &mut dense);
    dw.iter_mut().for_each(|dw| *dw *= total);
    near(&dw, &dense, batch);

    let rate = number(0.3);
    let adam =
        Rule::adam(rate, number(0.9), number(0.99), number(1e-8), number(0.1), number(0.01), number(0.1));
    // A first moment of 0 is where a column that does not occur moves nothing by Adam without decay.
    let rules = [
        (Rule::Descend { learning_rate: rate }, 0.5),
        (Rule::Momentum { learning_rate: rate, mu: number(0.9), nesterov: true }, 0.5),
        (Rule::rmsprop(rate, number(0.9), number(1e-8), Some(number(0.9))), 0.5),
        (adam, 0.5),
        (adam.without_decay(), 0.5),
        (adam.without_decay(), 0.0),
    ];
    for (rule, moment) in rules {
        let start = [w.clone(), vec![number(moment); w.len()], vec![number(0.5); w.len()]];
        let (mut dense, mut stepped) = (start.clone(), start);
        let [w, first, second] = &mut dense;
        let to = Updated { w, first, second };
        weight_gradient_update(pool, &mut scratch, batch, fan_in, fan_out, x, &delta, total, &rule, to);
        let [w, first, second] = &mut stepped;
        let to = Updated { w, first, second };
        weight_gradient_update_sparse(pool, &mut scratch, &columns, fan_out, &delta, total, &rule, to);
        assert_eq!(bits(&stepped.concat()), bits(&dense.concat()), "{what}: {rule:?}");
    }
}

fn pools(threads: usize) -> Vec<Pool> {
    InstructionSet::available().into_iter().map(|isa| Pool::with_instruction_set(threads, isa)).collect()
}

#[test]
fn small_shapes() {
    for pool in pools(1) {
        for batch in [0, 1, 2, 5, 17] {
            for fan_in in [0, 1, 2, 7, 17] {
                for fan_out in [0, 1, 3, 8, 15, 16, 17] {
                    check::<f32>(&pool, (batch, fan_in, fan_out), 3, 3.0);
                }
            }
            check::<f64>(&pool, (batch, 17 - batch, (batch * 5) % 18), 2, 4.0);
        }
    }
}

#[test]
fn edges_of_pieces_panels_and_tasks() {
    let shapes = [
        (1, 1025, 33),
        (33, 65, 127),
        (64, 784, 129),
        (20, 1100, 300),
        (1025, 40, 130),
        (2049, 3, 33),
        (12, 4100, 10),
        (40, 33, 1030),
    ];
    for threads in [1, 3] {
        for pool in pools(threads) {
            for shape in shapes {
                for every in [0, 1, 9] {
                    check::<f32>(&pool, shape, every, shape.0 as f64);
                }
            }
            for shape in [(31, 65, 140), (1030, 40, 33), (20, 1030, 70)] {
                check::<f64>(&pool, shape, 5, 7.0);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_shape_has_the_dense_products_bits(
        batch in 0_usize..60, fan_in in 1_usize..90, fan_out in 1_usize..150, every in 0_u32..30, threads in 1_usize..4,
    ) {
        check::<f32>(&Pool::new(threads), (batch, fan_in, fan_out), every, 5.0);
        check::<f64>(&Pool::new(threads), (batch, fan_in, fan_out), every, 8.0);
    }

    #[test]
    fn columns_in_any_order_told_several_times_are_summed(
        rows in 1_usize..8, columns in 1_usize..6, cells in proptest::collection::vec((0_u32..8, 0_u32..6, -8_i8..8), 0..40),
    ) {
        let mut dense = vec![0.0_f64; rows * columns];
        let (mut starts, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
        for row in 0..rows {
            for &(_, column, value) in cells.iter().filter(|cell| cell.0 as usize % rows == row) {
                let column = column as usize % columns;
                dense[row * columns + column] += f64::from(value);
                indices.push(column as u32);
                values.push(f64::from(value));
            }
            starts.push(values.len());
        }
        let sparse = SparseRows::new(columns, starts, indices, values);
        for row in 0..rows {
            prop_assert!(sparse.all().row(row).0.is_sorted_by(|a, b| a < b));
            for column in 0..columns {
                prop_assert_eq!(sparse.all().number(row, column), dense[row * columns + column]);
            }
        }
    }
}

#[test]
fn an_absent_column_contributes_nothing_whatever_its_weight() {
    let x = SparseRows::new(2, vec![0, 1], vec![1], vec![2.0_f32]);
    let (w, mut z) = ([f32::NAN, f32::INFINITY, 3.0, 4.0], [0.0; 2]);
    affine_sparse(&Pool::new(1), &mut Scratch::new(), x.all(), 2, &w, None, &mut z);
    assert_eq!(z, [6.0, 8.0]);
}

#[test]
fn rows_are_gathered_and_borrowed_in_order() {
    let (_, all) = matrix::<f32>(9, 20, 3, 4);
    let order = [4, 0, 8, 4];
    let mut some = SparseRows::with_capacity(20, 4, all.most_in(4));
    for _ in 0..2 {
        some.gather(&all, &order);
        assert_eq!(some.rows(), 4);
        for (place, &row) in order.iter().enumerate() {
            assert_eq!(some.all().row(place), all.all().row(row as usize));
        }
    }
    let part = all.all().range(3, 7);
    assert_eq!((part.rows(), part.row(1), part.count()), (4, all.all().row(4), part.values().len()));
    assert_eq!(part.range(1, 1).count(), 0);
    let counts = |row: usize| all.all().row(row).0.len();
    assert_eq!(all.most_in(usize::MAX), all.count());
    assert_eq!(all.most_in(1), (0..9).map(counts).max().unwrap());
    assert_eq!(all.cast::<f64>().cast::<f32>(), all);
}

#[test]
fn parts_that_make_no_matrix_are_told() {
    let fault = |columns, starts: &[usize], indices: &[u32], values| {
        SparseRows::<f32>::fault(columns, starts, indices, values).unwrap_or_default()
    };
    assert_eq!(fault(3, &[0, 1], &[2], 1), "");
    assert!(fault(3, &[0, 1], &[2], 2).contains("as many numbers"));
    assert!(fault(3, &[1, 1], &[2], 1).contains("from 0 to 1"));
    assert!(fault(3, &[0, 2], &[2], 1).contains("from 0 to 1"));
    assert!(fault(3, &[], &[], 0).contains("from 0 to 0"));
    assert!(fault(3, &[0, 2, 1, 2], &[0, 1], 2).contains("row 1 ends"));
    assert!(fault(3, &[0, 1], &[3], 1).contains("columns below 3, got 3"));
}

#[test]
#[should_panic(expected = "columns below 3, got 3")]
fn such_parts_are_refused() {
    let _ = SparseRows::new(3, vec![0, 1], vec![3], vec![1.0_f32]);
}

#[test]
#[should_panic(expected = "w is [fan_in, fan_out]")]
fn lengths_must_agree() {
    let x = SparseRows::new(2, vec![0, 1], vec![1], vec![2.0_f32]);
    affine_sparse(&Pool::new(1), &mut Scratch::new(), x.all(), 2, &[0.0; 3], None, &mut [0.0; 2]);
}
