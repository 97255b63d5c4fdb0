use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::table::{ColumnData, TextColumn};

fn table(columns: Vec<Column>) -> Table {
    Table::new("test", columns).unwrap()
}

/// Columns `group` (so many groups) and `time` (descending), of so many rows.
fn grouped(rows: usize, groups: usize) -> Table {
    let words: Vec<String> = (0..rows).map(|row| format!("g{}", row * 31 % groups)).collect();
    let words: TextColumn = words.iter().map(|word| Some(word.as_str())).collect();
    let time = (0..rows).map(|row| (rows - row) as i64).collect();
    table(vec![
        Column::new("group", ColumnData::Text(words)),
        Column::new("time", ColumnData::Datetime(time)),
    ])
}

fn all(table: &Table) -> Vec<u32> {
    (0..table.rows() as u32).collect()
}

fn assert_partition(split: &Split, rows: &[u32]) {
    for part in [&split.train, &split.validation, &split.test] {
        assert!(part.windows(2).all(|pair| pair[0] < pair[1]), "ascending, none twice");
    }
    let mut union: Vec<u32> =
        split.train.iter().chain(&split.validation).chain(&split.test).copied().collect();
    union.sort_unstable();
    assert_eq!(union, rows);
}

/// How many of these rows each stratum has.
fn counts(part: &[u32], strata: &[u32]) -> BTreeMap<u32, usize> {
    part.iter().fold(BTreeMap::new(), |mut counts, &row| {
        *counts.entry(strata[row as usize]).or_default() += 1;
        counts
    })
}

fn words_of(part: &[u32], table: &Table) -> BTreeSet<String> {
    let column = table.column("group").unwrap();
    part.iter().map(|&row| column.word(row as usize).unwrap().into_owned()).collect()
}

proptest! {
    #[test]
    fn parts_are_disjoint_complete_and_stratified_within_one_row(
        strata in proptest::collection::vec(0_u32..5, 50..300),
        seed in any::<u64>(),
        validation in 0.0..0.4_f64,
        test in 0.0..0.4_f64,
    ) {
        let table = grouped(strata.len(), 10);
        let (validation, test) = (Part::Fraction(validation), Part::Fraction(test));
        let options = SplitOptions { validation, test, seed, ..SplitOptions::default() };
        let rows = all(&table);
        let split = split(&table, &rows, Some(&strata), &options).unwrap();
        assert_partition(&split, &rows);
        let sizes = counts(&rows, &strata);
        for (part, wanted) in [(&split.validation, validation), (&split.test, test)] {
            let wanted = wanted.of(rows.len());
            let of_part = counts(part, &strata);
            for (stratum, size) in &sizes {
                let share = *size as f64 * wanted as f64 / rows.len() as f64;
                let got = of_part.get(stratum).copied().unwrap_or(0) as f64;
                // A stratum of few rows keeps one of them for training.
                prop_assert!((got - share).abs() <= 1.0 + 1e-9 || *size <= 4, "{got} of {share}");
            }
        }
        for stratum in sizes.keys() {
            prop_assert!(counts(&split.train, &strata).contains_key(stratum), "every class is trained on");
        }
    }

    #[test]
    fn groups_stay_whole_and_every_part_has_one(rows in 50_usize..200, groups in 3_usize..30, seed in any::<u64>()) {
        let table = grouped(rows, groups);
        let options = SplitOptions { group: Some("group".into()), seed, ..SplitOptions::default() };
        let rows = all(&table);
        let split = split(&table, &rows, None, &options).unwrap();
        assert_partition(&split, &rows);
        let parts = [&split.train, &split.validation, &split.test].map(|part| words_of(part, &table));
        prop_assert!(parts.iter().all(|part| !part.is_empty()));
        prop_assert_eq!(parts.iter().map(BTreeSet::len).sum::<usize>(), words_of(&rows, &table).len());
    }

    #[test]
    fn the_oldest_rows_train_and_the_newest_test(rows in 50_usize..200) {
        let table = grouped(rows, 3);
        let options = SplitOptions { time: Some("time".into()), ..SplitOptions::default() };
        let rows = all(&table);
        let split = split(&table, &rows, None, &options).unwrap();
        assert_partition(&split, &rows);
        // Times descend with the row number.
        prop_assert!(split.test.last() < split.validation.first());
        prop_assert!(split.validation.last() < split.train.first());
    }

    #[test]
    fn every_row_is_tested_in_one_fold(
        strata in proptest::collection::vec(0_u32..4, 60..200),
        folds_wanted in 2_usize..8,
        seed in any::<u64>(),
        group in any::<bool>(),
    ) {
        let table = grouped(strata.len(), 12);
        let group = group.then(|| "group".to_owned());
        let options = SplitOptions { group: group.clone(), seed, ..SplitOptions::default() };
        let rows = all(&table);
        let splits = folds(&table, &rows, Some(&strata), folds_wanted, &options).unwrap();
        prop_assert_eq!(splits.len(), folds_wanted);
        let mut tested: Vec<u32> = splits.iter().flat_map(|split| split.test.clone()).collect();
        tested.sort_unstable();
        prop_assert_eq!(&tested, &rows);
        for split in &splits {
            assert_partition(split, &rows);
            if group.is_some() {
                let parts = [&split.train, &split.validation, &split.test].map(|part| words_of(part, &table));
                prop_assert_eq!(parts.iter().map(BTreeSet::len).sum::<usize>(), words_of(&rows, &table).len());
            } else {
                for (stratum, size) in counts(&rows, &strata) {
                    let got = counts(&split.test, &strata).get(&stratum).copied().unwrap_or(0);
                    prop_assert!(got >= size / folds_wanted && got <= size.div_ceil(folds_wanted));
                }
            }
        }
    }
}

#[test]
fn shares_of_a_worked_example() {
    // 100 rows of three classes, 60, 30 and 10; 15 for testing: quotas 9, 4.5 and 1.5, floors 9 + 4 + 1 = 14, and the
    // one that is left goes to the first of the two largest remainders: 9, 5, 1.
    let strata: Vec<u32> = (0..100).map(|row| u32::from(row >= 60) + u32::from(row >= 90)).collect();
    let table = grouped(100, 4);
    let split = split(&table, &all(&table), Some(&strata), &SplitOptions::default()).unwrap();
    let tests: Vec<usize> = counts(&split.test, &strata).into_values().collect();
    assert_eq!(tests, [9, 5, 1]);
}

#[test]
fn the_same_seed_gives_the_same_split_and_another_seed_another() {
    let table = grouped(100, 4);
    let with =
        |seed| split(&table, &all(&table), None, &SplitOptions { seed, ..SplitOptions::default() }).unwrap();
    assert_eq!(with(3), with(3));
    assert_ne!(with(3).test, with(4).test);
}

#[test]
fn of_few_rows_nothing_is_set_apart_and_a_note_says_so() {
    let table = grouped(49, 4);
    let split = split(&table, &all(&table), None, &SplitOptions::default()).unwrap();
    assert_eq!((split.train.len(), split.notes.len()), (49, 1));
    assert!(split.notes[0].contains("49 rows"), "{:?}", split.notes);
}

#[test]
fn the_sources_own_test_rows_are_the_test_part() {
    let mut table = grouped(120, 4);
    table.test_rows = Some(100..120);
    let split = split(&table, &all(&table), None, &SplitOptions::default()).unwrap();
    assert_eq!(split.test, (100..120).collect::<Vec<u32>>());
    // 15 % of the 100 others.
    assert_eq!((split.train.len(), split.validation.len()), (85, 15));
    let own = SplitOptions { test_rows: Some(0..5), validation_rows: Some(5..8), ..SplitOptions::default() };
    let split = super::split(&table, &all(&table), None, &own).unwrap();
    assert_eq!((split.test.len(), split.validation, split.train.len()), (5, vec![5, 6, 7], 112));
}

#[test]
fn a_column_says_each_rows_part() {
    let words = ["train", "test", "Train", "validation"];
    let table =
        table(vec![Column::words("part", &words), Column::words("bad", &["train", "x", "test", "test"])]);
    let with = |name: &str| SplitOptions { column: Some(name.into()), ..SplitOptions::default() };
    let split = split(&table, &[0, 1, 2, 3], None, &with("part")).unwrap();
    assert_eq!((split.train, split.validation, split.test), (vec![0, 2], vec![3], vec![1]));
    let error = super::split(&table, &[0, 1, 2, 3], None, &with("bad")).unwrap_err();
    assert!(error.to_string().contains("row 2 holds \"x\""), "{error}");
}

#[test]
fn without_validation_in_the_column_it_is_drawn_from_the_training_rows() {
    let words: Vec<&str> = (0..100).map(|row| if row < 80 { "train" } else { "test" }).collect();
    let table = table(vec![Column::words("part", &words)]);
    let options = SplitOptions { column: Some("part".into()), ..SplitOptions::default() };
    let split = split(&table, &all(&table), None, &options).unwrap();
    assert_eq!((split.train.len(), split.validation.len(), split.test.len()), (68, 12, 20));
    assert!(split.validation.iter().all(|&row| row < 80));
}

#[test]
fn time_folds_train_on_what_came_before() {
    // 12 rows, 3 folds, 4 stretches of 3; times descend, so the oldest row is the last.
    let table = grouped(12, 3);
    let options = SplitOptions { time: Some("time".into()), ..SplitOptions::default() };
    let splits = folds(&table, &all(&table), None, 3, &options).unwrap();
    let parts: Vec<(Vec<u32>, Vec<u32>)> =
        splits.into_iter().map(|split| (split.train, split.test)).collect();
    assert_eq!(parts[0], (vec![9, 10, 11], vec![6, 7, 8]));
    assert_eq!(parts[1], ((6..12).collect(), vec![3, 4, 5]));
    assert_eq!(parts[2], ((3..12).collect(), vec![0, 1, 2]));
}

#[test]
fn what_cannot_be_split_is_refused_by_its_kind() {
    let table = grouped(60, 2);
    let rows = all(&table);
    let refused = |options: SplitOptions| split(&table, &rows, None, &options).unwrap_err();
    let kind = |error: &crate::Error| std::mem::discriminant(error.kind());

    let half = Part::Fraction(0.5);
    let error = refused(SplitOptions { validation: half, test: half, ..SplitOptions::default() });
    assert!(matches!(error.kind(), ErrorKind::BadSetting { .. }), "{error}");
    let error = refused(SplitOptions { test: Part::Fraction(f64::NAN), ..SplitOptions::default() });
    assert!(matches!(error.kind(), ErrorKind::BadSetting { .. }), "{error}");
    let error = refused(SplitOptions { test: Part::Rows(usize::MAX), ..SplitOptions::default() });
    assert!(matches!(error.kind(), ErrorKind::BadSetting { .. }), "{error}");
    let two =
        SplitOptions { group: Some("group".into()), time: Some("time".into()), ..SplitOptions::default() };
    assert!(matches!(refused(two.clone()).kind(), ErrorKind::Conflict { .. }));
    assert_eq!(kind(&folds(&table, &rows, None, 3, &two).unwrap_err()), kind(&refused(two)));
    let error = refused(SplitOptions { group: Some("group".into()), ..SplitOptions::default() });
    assert!(matches!(error.kind(), ErrorKind::TooFewRows { expected: 3, .. }), "{error}");
    let error = refused(SplitOptions { time: Some("tame".into()), ..SplitOptions::default() });
    assert!(matches!(error.kind(), ErrorKind::UnknownColumn { .. }), "{error}");
    let error = refused(SplitOptions { time: Some("group".into()), ..SplitOptions::default() });
    assert!(matches!(error.kind(), ErrorKind::UnusableColumn { .. }), "{error}");
    let error = split(&table, &[], None, &SplitOptions::default()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooFewRows { rows: 0, .. }), "{error}");
}

#[test]
fn missing_groups_and_times_are_refused_with_their_row() {
    let group: TextColumn = (0..60).map(|row| (row != 7).then_some("g")).collect();
    let time = (0..60).map(|row| if row == 8 { f64::NAN } else { 1.0 }).collect();
    let table = table(vec![Column::new("group", ColumnData::Text(group)), Column::numbers("time", time)]);
    let by_group = SplitOptions { group: Some("group".into()), ..SplitOptions::default() };
    let by_time = SplitOptions { time: Some("time".into()), ..SplitOptions::default() };
    let error = split(&table, &all(&table), None, &by_group).unwrap_err();
    assert!(error.to_string().contains("row 8 has no group"), "{error}");
    let error = split(&table, &all(&table), None, &by_time).unwrap_err();
    assert!(error.to_string().contains("row 9 has no value"), "{error}");
}

#[test]
fn folds_are_refused_where_rows_or_groups_are_too_few() {
    let table = grouped(10, 2);
    let rows = all(&table);
    let with = |count, options: &SplitOptions| folds(&table, &rows, None, count, options).unwrap_err();
    let plain = SplitOptions::default();
    assert!(matches!(with(1, &plain).kind(), ErrorKind::BadSetting { .. }));
    assert!(matches!(with(11, &plain).kind(), ErrorKind::TooFewRows { expected: 11, .. }));
    let by_group = SplitOptions { group: Some("group".into()), ..plain.clone() };
    assert!(matches!(with(3, &by_group).kind(), ErrorKind::TooFewRows { expected: 3, .. }));
    let by_time = SplitOptions { time: Some("time".into()), ..plain.clone() };
    assert!(matches!(with(10, &by_time).kind(), ErrorKind::TooFewRows { expected: 11, .. }));
    let by_column = SplitOptions { column: Some("group".into()), ..plain };
    assert!(matches!(with(2, &by_column).kind(), ErrorKind::Conflict { .. }));
}

#[test]
fn parts_are_written_as_a_fraction_or_a_number() {
    let options: SplitOptions = toml::from_str("test = 0.25\nvalidation = 1000").unwrap();
    assert_eq!((options.test, options.validation), (Part::Fraction(0.25), Part::Rows(1000)));
    assert_eq!((options.test.of(10), options.validation.of(10)), (3, 1000)); // 2.5 rounds away from 0
}
