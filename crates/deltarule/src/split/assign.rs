//! Which part each row goes to: by chance, by class, by group, by time.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::error::{ErrorKind, Result};
use crate::random::{Purpose, shuffle, stream};
use crate::table::{Column, ColumnData, MISSING_TIME};

use super::unusable;

/// A part of a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Train,
    Validation,
    Test,
}

/// 0 … n−1 in the random order of (seed, counter).
pub(super) fn shuffled(n: usize, (seed, counter): (u64, u64)) -> Vec<u32> {
    let mut order: Vec<u32> = (0..n as u32).collect();
    shuffle(&mut order, &mut stream(seed, Purpose::Split, counter));
    order
}

/// The places of each stratum's rows, in random order; strata in ascending order. Without strata, all rows are one.
pub(super) fn strata_of(strata: Option<&[u32]>, count: usize, chance: (u64, u64)) -> Vec<Vec<usize>> {
    let order = shuffled(count, chance);
    let Some(strata) = strata else { return vec![order.into_iter().map(|at| at as usize).collect()] };
    let mut by_stratum: HashMap<u32, Vec<usize>> = HashMap::new();
    for at in order {
        by_stratum.entry(strata[at as usize]).or_default().push(at as usize);
    }
    let mut numbered: Vec<(u32, Vec<usize>)> = by_stratum.into_iter().collect();
    numbered.sort_unstable_by_key(|(stratum, _)| *stratum);
    numbered.into_iter().map(|(_, rows)| rows).collect()
}

/// `wanted` rows shared out in proportion to `sizes`, each share within one row of it (the method of the largest
/// remainder, Hamilton 1792), and none above its `most`, as far as these allow.
fn shares(sizes: &[usize], wanted: usize, most: &[usize]) -> Vec<usize> {
    let total: usize = sizes.iter().sum();
    let quota = |at: usize| sizes[at] as u128 * wanted as u128;
    let mut shares: Vec<usize> =
        (0..sizes.len()).map(|at| ((quota(at) / total.max(1) as u128) as usize).min(most[at])).collect();
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|&at| (Reverse(quota(at) % total.max(1) as u128), at));
    let mut left = wanted - shares.iter().sum::<usize>();
    for at in order {
        if left > 0 && shares[at] < most[at] {
            shares[at] += 1;
            left -= 1;
        }
    }
    shares
}

/// By chance; with strata, each in proportion, and at least one row of each trains.
pub(super) fn by_chance(
    strata: Option<&[u32]>,
    count: usize,
    [validation, test]: [usize; 2],
    chance: (u64, u64),
) -> Vec<Place> {
    let strata = strata_of(strata, count, chance);
    let sizes: Vec<usize> = strata.iter().map(Vec::len).collect();
    let spare: Vec<usize> = sizes.iter().map(|size| size.saturating_sub(1)).collect();
    let tests = shares(&sizes, test, &spare);
    let spare: Vec<usize> = spare.iter().zip(&tests).map(|(spare, test)| spare - test).collect();
    let validations = shares(&sizes, validation, &spare);
    let mut places = vec![Place::Train; count];
    for ((rows, test), validation) in strata.iter().zip(tests).zip(validations) {
        for &at in &rows[..test] {
            places[at] = Place::Test;
        }
        for &at in &rows[test..test + validation] {
            places[at] = Place::Validation;
        }
    }
    places
}

/// Each row's time; refuses missing ones.
pub(super) fn time_order(column: &Column, rows: &[u32]) -> Result<Vec<usize>> {
    let missing = |row: u32| {
        let what = format!("row {} has no value", u64::from(row) + 1);
        unusable(column, what, "rows are split by time: fill it in, or leave the row out")
    };
    let mut order: Vec<usize> = (0..rows.len()).collect();
    match &column.data {
        ColumnData::Text(_) | ColumnData::Boolean(_) => {
            let what = format!("it holds values of type {}", column.column_type());
            return Err(unusable(
                column,
                what,
                "rows are split by time: give a column of datetimes or numbers",
            ));
        }
        ColumnData::Datetime(values) => {
            if let Some(&row) = rows.iter().find(|&&row| values[row as usize] == MISSING_TIME) {
                return Err(missing(row));
            }
            order.sort_by_key(|&at| values[rows[at] as usize]);
        }
        _ => {
            if let Some(&row) = rows.iter().find(|&&row| column.number(row as usize).is_nan()) {
                return Err(missing(row));
            }
            let time = |at: usize| column.number(rows[at] as usize);
            order.sort_by(|&a, &b| time(a).total_cmp(&time(b)));
        }
    }
    Ok(order)
}

/// The oldest rows train, then come those for validation, the newest test. Rows of one time keep their order.
pub(super) fn by_time(column: &Column, rows: &[u32], [validation, test]: [usize; 2]) -> Result<Vec<Place>> {
    let order = time_order(column, rows)?;
    let mut places = vec![Place::Train; rows.len()];
    let newest = rows.len() - test;
    for &at in &order[newest - validation..newest] {
        places[at] = Place::Validation;
    }
    for &at in &order[newest..] {
        places[at] = Place::Test;
    }
    Ok(places)
}

/// The places of each group's rows, groups in the order of their first row; refuses rows without a group.
pub(super) fn groups_of(column: &Column, rows: &[u32]) -> Result<Vec<Vec<usize>>> {
    let mut index: HashMap<String, usize> = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (at, &row) in rows.iter().enumerate() {
        let Some(word) = column.word(row as usize) else {
            let what = format!("row {} has no group", u64::from(row) + 1);
            return Err(unusable(column, what, "rows are split by group: fill it in, or leave the row out"));
        };
        let known = index.get(word.as_ref()).copied();
        let group = known.unwrap_or_else(|| {
            groups.push(Vec::new());
            index.insert(word.into_owned(), groups.len() - 1);
            groups.len() - 1
        });
        groups[group].push(at);
    }
    Ok(groups)
}

/// Whole groups, in random order: each is taken for a part while that brings the part nearer to its number of rows; a
/// part that none brings nearer gets the smallest group that is left.
pub(super) fn by_group(
    source: &str,
    column: &Column,
    rows: &[u32],
    [validation, test]: [usize; 2],
    chance: (u64, u64),
) -> Result<Vec<Place>> {
    let groups = groups_of(column, rows)?;
    let needed = 1 + usize::from(validation > 0) + usize::from(test > 0);
    if groups.len() < needed {
        return Err(ErrorKind::TooFewRows {
            source: format!("{source}: {} groups in column {:?}", groups.len(), column.name),
            rows: rows.len(),
            expected: needed,
            what: "a split by group (a group for each part)".to_owned(),
        }
        .into());
    }
    let mut left: Vec<usize> =
        shuffled(groups.len(), chance).into_iter().map(|group| group as usize).collect();
    let mut places = vec![Place::Train; rows.len()];
    let parts = [(Place::Test, test, needed - 1), (Place::Validation, validation, 1)];
    for (place, wanted, keep) in parts.into_iter().filter(|(_, wanted, _)| *wanted > 0) {
        let mut have = 0_usize;
        let mut chosen = Vec::new();
        for &group in &left {
            let size = groups[group].len();
            if chosen.len() + keep < left.len() && (have + size).abs_diff(wanted) < have.abs_diff(wanted) {
                have += size;
                chosen.push(group);
            }
        }
        if chosen.is_empty() {
            chosen.extend(left.iter().copied().min_by_key(|&group| groups[group].len()));
        }
        for &group in &chosen {
            for &at in &groups[group] {
                places[at] = place;
            }
        }
        left.retain(|group| !chosen.contains(group));
    }
    Ok(places)
}
