//! The area under the receiver operating characteristic.

use deltarule_kernels::Real;

use super::weight_of;

/// The area under the receiver operating characteristic: the probability that a positive row scores above a negative
/// one, ties counting half (Mann & Whitney 1947, Hanley & McNeil 1982), each row by its weight.
///
/// ```text
/// Σ over positive p, negative n of w_p·w_n·([s_p > s_n] + ½[s_p = s_n])  /  (Σ w_p · Σ w_n)
/// ```
///
/// `None` where positive or negative rows are missing (or weigh 0); NaN where a score is NaN. O(rows · log rows).
///
/// # Panics
/// Where `scores`, `positive` and `weights` differ in length.
///
/// ```
/// // The pairs (positive, negative) are (0.35, 0.1) won, (0.35, 0.4) lost, (0.8, 0.1) won, (0.8, 0.4) won: ¾.
/// let area = deltarule::metric::roc_auc(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true], None);
/// assert_eq!(area, Some(0.75));
/// ```
#[must_use]
pub fn roc_auc<F: Real>(scores: &[F], positive: &[bool], weights: Option<&[F]>) -> Option<f64> {
    assert_eq!(scores.len(), positive.len(), "scores: one per row");
    if let Some(weights) = weights {
        assert_eq!(weights.len(), positive.len(), "weights: one per row");
    }
    let rows = scores.iter().zip(positive).enumerate();
    area(rows.map(|(row, (score, &positive))| (score.to_f64(), positive, weight_of(weights, row))).collect())
}

/// The area of rows that all weigh 1, by score and side, in single precision: as [`area`], in a time that grows with the
/// rows alone. (Sums of whole numbers are exact, so that the order within them is no matter.)
pub(super) fn area_of_ones(rows: impl Iterator<Item = (f32, bool)>) -> Option<f64> {
    let (mut positive, mut nan) = (0_u64, false);
    // Keys sort as the scores do: a negative number's bits are turned over, a positive one's sign is set. Below them
    // stands the side.
    let key = |(score, is_positive): (f32, bool)| {
        nan |= score.is_nan();
        positive += u64::from(is_positive);
        let bits = (score + 0.0).to_bits();
        let ordered = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
        u64::from(ordered) << 1 | u64::from(is_positive)
    };
    let mut keys: Vec<u64> = rows.map(key).collect();
    let negative = keys.len() as u64 - positive;
    if positive == 0 || negative == 0 {
        return None;
    }
    if nan {
        return Some(f64::NAN);
    }
    sort(&mut keys);
    let (mut won, mut negative_below) = (0.0, 0.0);
    for group in keys.chunk_by(|a, b| a >> 1 == b >> 1) {
        let positive_here = group.iter().filter(|&key| key & 1 == 1).count();
        let (positive_here, negative_here) = (positive_here as f64, (group.len() - positive_here) as f64);
        won += positive_here * (negative_below + 0.5 * negative_here);
        negative_below += negative_here;
    }
    Some(won / (positive as f64 * negative as f64))
}

/// Sorts keys of 33 bits, 11 at a time from the lowest on (radix sort; Knuth 1998, 5.2.5).
fn sort(keys: &mut Vec<u64>) {
    const BITS: u32 = 11;
    const FEW: usize = 1 << BITS;
    if keys.len() < FEW {
        keys.sort_unstable();
        return;
    }
    let mut sorted = vec![0; keys.len()];
    for digit in 0..3 {
        let place = |key: u64| (key >> (digit * BITS)) as usize % FEW;
        let mut starts = [0_usize; FEW];
        for &key in keys.iter() {
            starts[place(key)] += 1;
        }
        let mut below = 0;
        for start in &mut starts {
            (*start, below) = (below, below + *start);
        }
        for &key in keys.iter() {
            let start = &mut starts[place(key)];
            sorted[*start] = key;
            *start += 1;
        }
        std::mem::swap(keys, &mut sorted);
    }
}

/// The area of `(score, positive, weight)` rows.
pub(super) fn area(mut rows: Vec<(f64, bool, f64)>) -> Option<f64> {
    let weigh = |wanted| rows.iter().filter(|row| row.1 == wanted).map(|row| row.2).sum::<f64>();
    let (positive, negative): (f64, f64) = (weigh(true), weigh(false));
    if !(positive > 0.0 && negative > 0.0) {
        return None;
    }
    if rows.iter().any(|row| row.0.is_nan()) {
        return Some(f64::NAN);
    }
    // Equal scores are one group whatever their order in it, so sums do not depend on the sort being stable; the row's
    // side and weight settle the order, so that they do not depend on the rows' order either. −0 is made 0: a tie.
    for row in &mut rows {
        row.0 += 0.0;
    }
    rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.total_cmp(&b.2)));
    let (mut won, mut negative_below) = (0.0, 0.0);
    for group in rows.chunk_by(|a, b| a.0 == b.0) {
        let (mut positive_here, mut negative_here) = (0.0, 0.0);
        for &(_, positive, weight) in group {
            *(if positive { &mut positive_here } else { &mut negative_here }) += weight;
        }
        won += positive_here * (negative_below + 0.5 * negative_here);
        negative_below += negative_here;
    }
    Some(won / (positive * negative))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ties_count_half_and_a_side_missing_has_no_area() {
        assert_eq!(roc_auc(&[0.5, 0.5], &[true, false], None), Some(0.5));
        assert_eq!(roc_auc(&[-0.0, 0.0], &[true, false], None), Some(0.5));
        assert_eq!(roc_auc(&[0.5, 0.7], &[true, true], None), None);
        assert_eq!(roc_auc(&[0.5, 0.7], &[true, false], Some(&[1.0, 0.0])), None);
        assert_eq!(roc_auc::<f64>(&[], &[], None), None);
        assert!(roc_auc(&[0.5, f64::NAN], &[true, false], None).is_some_and(f64::is_nan));
        assert_eq!(roc_auc(&[f32::INFINITY, f32::NEG_INFINITY], &[true, false], None), Some(1.0));
    }

    #[test]
    #[should_panic(expected = "scores: one per row")]
    fn lengths_must_agree() {
        let _ = roc_auc(&[0.5], &[true, false], None);
    }

    #[test]
    fn rows_of_weight_one_have_the_same_area_either_way() {
        // Enough rows for every digit of the keys to be sorted by; ties, both signs, zeros.
        let mut state = 1_u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 8
        };
        for count in [3, 100, 5000] {
            let mut rows: Vec<(f32, bool)> = Vec::new();
            for _ in 0..count {
                let score = (random() % 4001) as f32 / 2000.0 - 1.0;
                rows.push((if random() % 9 == 0 { score * 1e-30 } else { score }, random() % 3 == 0));
            }
            rows.extend([(-0.0, true), (0.0, false), (f32::INFINITY, false), (f32::NEG_INFINITY, true)]);
            let slow = area(rows.iter().map(|&(score, side)| (f64::from(score), side, 1.0)).collect());
            assert_eq!(area_of_ones(rows.iter().copied()), slow);
            assert!(slow.is_some_and(|area| area > 0.0 && area < 1.0));
            rows.push((f32::NAN, true));
            assert!(area_of_ones(rows.iter().copied()).is_some_and(f64::is_nan));
            assert_eq!(area_of_ones(rows.iter().map(|&(score, _)| (score, true))), None);
        }
    }

    proptest! {
        /// Against the definition: all pairs, one by one.
        #[test]
        fn the_area_is_the_share_of_pairs_won(
            rows in proptest::collection::vec((0_i8..6, any::<bool>(), 0_u8..4), 0..40)
        ) {
            let scores: Vec<f64> = rows.iter().map(|row| f64::from(row.0) / 8.0).collect();
            let positive: Vec<bool> = rows.iter().map(|row| row.1).collect();
            let weights: Vec<f64> = rows.iter().map(|row| f64::from(row.2)).collect();
            let (mut won, mut pairs) = (0.0, 0.0);
            for p in (0..rows.len()).filter(|&p| positive[p]) {
                for n in (0..rows.len()).filter(|&n| !positive[n]) {
                    let weight = weights[p] * weights[n];
                    pairs += weight;
                    won += weight * if scores[p] > scores[n] {
                        1.0
                    } else if scores[p] == scores[n] {
                        0.5
                    } else {
                        0.0
                    };
                }
            }
            match roc_auc(&scores, &positive, Some(&weights)) {
                Some(area) => prop_assert!((area - won / pairs).abs() < 1e-12),
                None => prop_assert_eq!(pairs, 0.0),
            }
        }
    }
}
