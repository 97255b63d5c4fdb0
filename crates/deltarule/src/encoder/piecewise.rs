//! Piecewise linear encoding of a number (Gorishniy, Rubachev & Babenko 2022, «On Embeddings for Numerical Features in
//! Tabular Deep Learning», §3.2).
//!
//! With edges e₀ < e₁ < … < e_T, the t-th number is (x − e_{t−1}) / (e_t − e_{t−1}), kept within 0 and 1: bins below x
//! read 1, bins above it 0. (The paper lets the first and the last grow beyond; here the scaled number beside them does
//! that.)

use deltarule_kernels::Real;

/// Writes one number for each bin.
#[inline]
pub(super) fn write<F: Real>(edges: &[f64], value: f64, out: &mut [F]) {
    for (slot, pair) in out.iter_mut().zip(edges.windows(2)) {
        let within = (value - pair[0]) / (pair[1] - pair[0]);
        *slot = F::from_f64(within.clamp(0.0, 1.0));
    }
}

/// Edges for up to `bins` bins, ascending; none where fewer than two bins come of it (the scaled number says it all).
///
/// `sorted` are training values, `lowest` and `highest` the extremes of all of them. Up to `bins + 1` distinct values
/// are an edge each. Otherwise
/// 1. a value that fills a bin's worth of rows by itself (`heavy`) is an edge, so that many zeros do not merge all
///    quantiles into one bin from 0 to the largest value;
/// 2. the edges that are left are quantiles of the other values, ties merged;
/// 3. where at least a quarter of a bin of those others would lie between a heavy value and the next edge, the next distinct
///    value is an edge too: so that "exactly 0" can be told from "a little more than 0".
pub(super) fn edges(sorted: &[f64], lowest: f64, highest: f64, bins: usize) -> Vec<f64> {
    let most = bins.saturating_add(1);
    let mut distinct: Vec<(f64, usize)> = Vec::new();
    for &value in sorted {
        match distinct.last_mut() {
            Some((last, count)) if *last == value => *count += 1,
            _ => distinct.push((value, 1)),
        }
    }
    // A sample may have missed the extremes.
    let few = distinct.len() <= most;
    let all = merged(distinct.iter().take(most).map(|(value, _)| *value).chain([lowest, highest]).collect());
    let edges = if bins < 2 {
        Vec::new()
    } else if few && all.len() <= most {
        all
    } else {
        crowded(&distinct, sorted.len(), [lowest, highest], bins)
    };
    // A bin whose width is lost to rounding would divide by 0.
    let sound = edges.windows(2).all(|pair| (pair[1] - pair[0]).is_normal());
    if edges.len() > 2 && sound { edges } else { Vec::new() }
}

/// The edges where there are more distinct values than edges; see [`edges`].
fn crowded(distinct: &[(f64, usize)], rows: usize, extremes: [f64; 2], bins: usize) -> Vec<f64> {
    let most = bins + 1;
    let threshold = (rows / bins).max(2);
    let mut heavy: Vec<usize> = (0..distinct.len()).filter(|&at| distinct[at].1 >= threshold).collect();
    heavy.sort_by_key(|&at| (std::cmp::Reverse(distinct[at].1), at));
    heavy.truncate(most - 2);
    let mut others = distinct.to_vec();
    for &at in &heavy {
        others[at].1 = 0;
    }
    let fixed = merged(heavy.iter().map(|&at| distinct[at].0).chain(extremes).collect());
    let (edges, per_bin) = with_quantiles(&fixed, &others, most);
    // The distinct values next to a heavy one, where enough of the others lie between it and the edge on that side.
    let mut fences = Vec::new();
    for &at in &heavy {
        let Ok(edge) = edges.binary_search_by(|edge| edge.total_cmp(&distinct[at].0)) else { continue };
        let between = |from: f64, to: f64| -> usize {
            others.iter().filter(|(value, _)| from < *value && *value < to).map(|(_, count)| *count).sum()
        };
        if edge + 1 < edges.len() && 4 * between(edges[edge], edges[edge + 1]) >= per_bin.max(1) {
            fences.push(distinct[at + 1].0);
        }
        if edge > 0 && 4 * between(edges[edge - 1], edges[edge]) >= per_bin.max(1) {
            fences.push(distinct[at - 1].0);
        }
    }
    fences.truncate(most - fixed.len());
    let fixed = merged(fixed.into_iter().chain(fences).collect());
    with_quantiles(&fixed, &others, most).0
}

/// `fixed` edges and quantiles of the others, up to `most` in all; and the others' rows between two quantiles.
fn with_quantiles(fixed: &[f64], others: &[(f64, usize)], most: usize) -> (Vec<f64>, usize) {
    let rest: usize = others.iter().map(|(_, count)| count).sum();
    let left = most.saturating_sub(fixed.len());
    let mut edges = fixed.to_vec();
    let (mut passed, mut next) = (0, 1);
    for &(value, count) in others {
        passed += count;
        // The i-th quantile is the value at place i·rest/(left + 1).
        while next <= left && next * rest / (left + 1) < passed {
            edges.push(value);
            next += 1;
        }
    }
    (merged(edges), rest / (left + 1))
}

/// Ascending, each value once.
fn merged(mut edges: Vec<f64>) -> Vec<f64> {
    edges.sort_unstable_by(f64::total_cmp);
    edges.dedup();
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(edges: &[f64], value: f64) -> Vec<f64> {
        let mut out = vec![f64::NAN; edges.len() - 1];
        write(edges, value, &mut out);
        out
    }

    #[test]
    fn bins_below_read_one_and_bins_above_zero() {
        // Edges 0, 1, 3, 7: 2 is above the first bin, half-way through the second (from 1 to 3), below the third.
        let edges = [0.0, 1.0, 3.0, 7.0];
        assert_eq!(encoded(&edges, 2.0), [1.0, 0.5, 0.0]);
        assert_eq!(encoded(&edges, -5.0), [0.0, 0.0, 0.0]);
        assert_eq!(encoded(&edges, 7.0), [1.0, 1.0, 1.0]);
        assert_eq!(encoded(&edges, 1e300), [1.0, 1.0, 1.0]);
    }

    #[test]
    fn few_distinct_values_are_an_edge_each() {
        assert_eq!(edges(&[1.0, 1.0, 2.0, 5.0, 5.0], 1.0, 5.0, 8), [1.0, 2.0, 5.0]);
        assert!(edges(&[0.0, 1.0], 0.0, 1.0, 8).is_empty());
    }

    #[test]
    fn edges_of_even_values_are_quantiles() {
        // 0 … 99 in four bins: edges 0, then 3 of rest[i·100/4], then 99.
        let values: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(edges(&values, 0.0, 99.0, 4), [0.0, 25.0, 50.0, 75.0, 99.0]);
    }

    #[test]
    fn many_zeros_get_a_bin_of_their_own() {
        // 90 zeros and 1 … 100: zero fills far more than a bin's worth. A bin from 0 to 1 tells it apart, and the other
        // edges are quantiles of 1 … 100, not all zero.
        let mut values = vec![0.0; 900];
        values.extend((1..=100).map(f64::from));
        let edges = edges(&values, 0.0, 100.0, 8);
        assert_eq!(edges[..2], [0.0, 1.0]);
        assert_eq!(edges.len(), 9);
        assert!(edges.iter().filter(|edge| (10.0..=90.0).contains(*edge)).count() >= 5, "{edges:?}");
    }

    #[test]
    fn a_heavy_value_is_fenced_on_the_sides_where_many_others_are_near() {
        // 0 … 99 and 200 more of 50: between the quantiles around 50 there are other values on both sides.
        let mut values: Vec<f64> = (0..100).map(f64::from).collect();
        values.extend([50.0; 200]);
        values.sort_by(f64::total_cmp);
        let found = edges(&values, 0.0, 99.0, 6);
        for fence in [49.0, 50.0, 51.0] {
            assert!(found.contains(&fence), "{found:?}");
        }
        assert!(found.len() <= 7);
        // 0 … 9, 200 rows each, three strays between them, and 300 values from 60 to 89.9: the integers are edges, none is
        // spent on the strays, and the first of the far values fences 9 off.
        let mut values: Vec<f64> = (0..2000).map(|row| f64::from(row % 10)).collect();
        values.extend([4.1, 4.9, 5.1]);
        values.extend((600..900).map(|tenths| f64::from(tenths) / 10.0));
        values.sort_by(f64::total_cmp);
        let found = edges(&values, 0.0, 89.9, 16);
        assert!((0..10).all(|integer| found.contains(&f64::from(integer))), "{found:?}");
        assert!(![4.1, 4.9, 5.1].iter().any(|stray| found.contains(stray)), "{found:?}");
        assert!(found.contains(&60.0), "{found:?}");
    }

    #[test]
    fn edges_ascend_and_are_no_more_than_asked_for() {
        for bins in 0..20 {
            for distinct in [1_u32, 2, 3, 7, 40, 1000] {
                let mut values: Vec<f64> = (0..1000_u32).map(|row| f64::from(row * row % distinct)).collect();
                values.sort_by(f64::total_cmp);
                let found = edges(&values, values[0], values[999], bins);
                assert!(found.len() <= bins + 1, "{found:?}");
                assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "{found:?}");
                assert!(found.is_empty() || (found[0], found[found.len() - 1]) == (values[0], values[999]));
            }
        }
    }
}
