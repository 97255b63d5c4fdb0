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
/// are an edge each. Otherwise a value that fills a bin's worth of rows by itself gets a bin on either side, to the next
/// distinct values: so that "exactly 0" can be told from "nearly 0", and many zeros do not merge all quantiles into one
/// bin from 0 to the largest value. The edges that are left are quantiles of the other values, ties merged.
pub(super) fn edges(sorted: &[f64], lowest: f64, highest: f64, bins: usize) -> Vec<f64> {
    let most = bins.saturating_add(1);
    let mut distinct: Vec<(f64, usize)> = Vec::new();
    for &value in sorted {
        match distinct.last_mut() {
            Some((last, count)) if *last == value => *count += 1,
            _ => distinct.push((value, 1)),
        }
    }
    let mut edges = vec![lowest, highest];
    if distinct.len() <= most {
        edges.extend(distinct.iter().map(|(value, _)| *value));
    } else {
        let threshold = (sorted.len() / bins.max(1)).max(2);
        let mut heavy: Vec<usize> = (0..distinct.len()).filter(|&at| distinct[at].1 >= threshold).collect();
        heavy.sort_by_key(|&at| (std::cmp::Reverse(distinct[at].1), at));
        let mut is_heavy = vec![false; distinct.len()];
        for &at in &heavy {
            let around = &distinct[at.saturating_sub(1)..(at + 2).min(distinct.len())];
            if merged(&edges).len() + around.len() > most {
                break;
            }
            edges.extend(around.iter().map(|(value, _)| *value));
            is_heavy[at] = true;
        }
        edges = merged(&edges);
        let rest: Vec<f64> = distinct
            .iter()
            .zip(&is_heavy)
            .filter(|(_, heavy)| !**heavy)
            .flat_map(|((value, count), _)| std::iter::repeat_n(*value, *count))
            .collect();
        let left = most.saturating_sub(edges.len());
        edges.extend((1..=left).filter_map(|i| rest.get(i * rest.len() / (left + 1)).copied()));
    }
    let edges = merged(&edges);
    // A bin whose width is lost to rounding would divide by 0.
    let sound = edges.windows(2).all(|pair| (pair[1] - pair[0]).is_normal());
    if edges.len() > 2 && sound { edges } else { Vec::new() }
}

/// Ascending, each value once.
fn merged(edges: &[f64]) -> Vec<f64> {
    let mut edges = edges.to_vec();
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
    fn a_heavy_value_in_the_middle_is_fenced_on_both_sides() {
        let mut values: Vec<f64> = (0..100).map(f64::from).collect();
        values.extend([50.0; 200]);
        values.sort_by(f64::total_cmp);
        let edges = edges(&values, 0.0, 99.0, 6);
        for fence in [49.0, 50.0, 51.0] {
            assert!(edges.contains(&fence), "{edges:?}");
        }
        assert!(edges.len() <= 7);
    }
}
