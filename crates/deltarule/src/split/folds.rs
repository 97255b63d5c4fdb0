//! K splits for cross-validation.

use super::{Part, Split, SplitOptions, assign, check, draw, finish};
use crate::error::{ErrorKind, Result};
use crate::table::Table;

/// Divides `rows` into K folds: in split k the k-th fold is tested on, and the others train (a part of them is drawn for
/// validation as [`SplitOptions::validation`] says, in the same way as the folds).
///
/// | | folds |
/// |---|---|
/// | by default | rows by chance; of each class and in all, the folds' numbers of rows differ by at most 1 |
/// | `group` | whole groups, the largest first, each to the fold with the fewest rows |
/// | `time` | rows in order of time in K + 1 stretches; split k trains on the first k and tests on the next |
///
/// Every row is tested on exactly once; with `time`, every row but those of the first stretch. Rows that the table sets
/// apart for testing are rows like the others here.
///
/// # Errors
/// [`ErrorKind::BadSetting`] for fewer than 2 folds; [`ErrorKind::TooFewRows`] for fewer rows or groups than the folds
/// need; otherwise as [`split`](super::split()); [`ErrorKind::Conflict`] where a split column is named.
///
/// # Panics
/// Where `strata` is not as long as `rows`, or a row is not below the table's number of rows.
pub fn folds(
    table: &Table,
    rows: &[u32],
    strata: Option<&[u32]>,
    count: usize,
    options: &SplitOptions,
) -> Result<Vec<Split>> {
    assert!(strata.is_none_or(|strata| strata.len() == rows.len()), "one stratum for each row");
    check(options)?;
    if let Some(name) = &options.column {
        return Err(ErrorKind::Conflict {
            first: format!("split by column {name:?}"),
            second: format!("{count} folds"),
            why: "the column says one split; leave out one of the two".to_owned(),
        }
        .into());
    }
    if count < 2 {
        return Err(ErrorKind::BadSetting {
            setting: "folds".to_owned(),
            got: count.to_string(),
            expected: "2 or more".to_owned(),
            next: String::new(),
        }
        .into());
    }
    let by_time = options.time.is_some();
    let numbers = if let Some(name) = &options.time {
        by_stretch(table, name, rows, count)?
    } else if let Some(name) = &options.group {
        by_group(table, name, rows, count, options.seed)?
    } else {
        by_chance(table, rows, strata.filter(|_| options.stratify), count, options.seed)?
    };
    let mut splits = Vec::with_capacity(count);
    for fold in 0..count {
        let trains = |number: usize| if by_time { number <= fold } else { number != fold };
        let tests = |number: usize| number == fold + usize::from(by_time);
        let rest: Vec<usize> = (0..rows.len()).filter(|&at| trains(numbers[at])).collect();
        // Counter 0 is the split's and the folds' own chance.
        let counter = fold as u64 + 1;
        let mut parts =
            draw(table, rows, strata, &rest, (options.validation, Part::Rows(0)), counter, options)?;
        parts.test = (0..rows.len()).filter(|&at| tests(numbers[at])).map(|at| rows[at]).collect();
        splits.push(finish(parts, table)?);
    }
    Ok(splits)
}

fn too_few(source: String, rows: usize, expected: usize, folds: usize) -> crate::Error {
    ErrorKind::TooFewRows { source, rows, expected, what: format!("cross-validation with {folds} folds") }
        .into()
}

/// Deals each stratum's rows out to the folds in turn, going on where the stratum before it ended.
fn by_chance(
    table: &Table,
    rows: &[u32],
    strata: Option<&[u32]>,
    count: usize,
    seed: u64,
) -> Result<Vec<usize>> {
    if rows.len() < count {
        return Err(too_few(table.source.clone(), rows.len(), count, count));
    }
    let mut numbers = vec![0; rows.len()];
    let dealt = assign::strata_of(strata, rows.len(), (seed, 0)).into_iter().flatten();
    for (turn, at) in dealt.enumerate() {
        numbers[at] = turn % count;
    }
    Ok(numbers)
}

/// The largest group first (groups of one size in random order), each to the fold with the fewest rows.
fn by_group(table: &Table, name: &str, rows: &[u32], count: usize, seed: u64) -> Result<Vec<usize>> {
    let groups = assign::groups_of(table.column(name)?, rows)?;
    if groups.len() < count {
        let source = format!("{}: {} groups in column {name:?}", table.source, groups.len());
        return Err(too_few(source, rows.len(), count, count));
    }
    let mut order: Vec<usize> =
        assign::shuffled(groups.len(), (seed, 0)).into_iter().map(|at| at as usize).collect();
    order.sort_by_key(|&group| std::cmp::Reverse(groups[group].len()));
    let mut sizes = vec![0_usize; count];
    let mut numbers = vec![0; rows.len()];
    for group in order {
        let fold = (0..count).min_by_key(|&fold| (sizes[fold], fold)).unwrap_or(0);
        sizes[fold] += groups[group].len();
        for &at in &groups[group] {
            numbers[at] = fold;
        }
    }
    Ok(numbers)
}

/// K + 1 stretches of time, as equal as can be.
fn by_stretch(table: &Table, name: &str, rows: &[u32], count: usize) -> Result<Vec<usize>> {
    let stretches = count.saturating_add(1);
    if rows.len() < stretches {
        return Err(too_few(table.source.clone(), rows.len(), stretches, count));
    }
    let order = assign::time_order(table.column(name)?, rows)?;
    let mut numbers = vec![0; rows.len()];
    for (turn, at) in order.into_iter().enumerate() {
        numbers[at] = turn * stretches / rows.len();
    }
    Ok(numbers)
}
