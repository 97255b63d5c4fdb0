//! Cross-validation's account: each fold's figures, their mean, and how sure the mean is.

use serde::Serialize;

use super::report::RowCounts;
use crate::event::Figures;

/// The figures of one fold's test rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FoldReport {
    /// Its number, from 1.
    pub fold: usize,
    /// Rows of each part.
    pub rows: RowCounts,
    /// The epoch whose weights were kept (the mean over an ensemble's members).
    pub best_epoch: f64,
    /// Figures on the rows that were left out.
    pub metrics: Figures,
}

/// A mean with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// Mean over the folds.
    pub mean: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end of the 95 % interval.
    pub high: f64,
}

/// All folds together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CrossValidation {
    /// Each fold's figures.
    pub folds: Vec<FoldReport>,
    /// Mean and 95 % interval of each figure that every fold has.
    pub metrics: std::collections::BTreeMap<String, Interval>,
}

impl CrossValidation {
    /// Sums the folds up.
    #[must_use]
    pub fn new(folds: Vec<FoldReport>) -> Self {
        let mut metrics = std::collections::BTreeMap::new();
        for name in folds.first().into_iter().flat_map(|fold| fold.metrics.keys()) {
            let values: Option<Vec<f64>> = folds.iter().map(|fold| fold.metrics.get(name).copied()).collect();
            if let Some(values) = values {
                metrics.insert(name.clone(), interval(&values));
            }
        }
        Self { folds, metrics }
    }
}

/// Mean ± t·s/√K with Student's t at 97.5 % and K−1 degrees of freedom (Student 1908). Folds share training rows, so
/// that the true uncertainty is somewhat larger (Bengio & Grandvalet 2004).
fn interval(values: &[f64]) -> Interval {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    let half = if values.len() < 2 { f64::NAN } else { student_t(values.len() - 1) * (variance / n).sqrt() };
    Interval { mean, low: mean - half, high: mean + half }
}

/// The 97.5 % quantile of Student's t.
///
/// Cornish & Fisher's expansion in 1/ν (Abramowitz & Stegun 1964, 26.7.5), to 2e-3 from ν = 5 on; tabulated below.
fn student_t(freedom: usize) -> f64 {
    const FEW: [f64; 4] = [12.706_205, 4.302_653, 3.182_446, 2.776_445];
    if let Some(&t) = FEW.get(freedom - 1) {
        return t;
    }
    let (z, v) = (1.959_963_985_f64, freedom as f64);
    let g1 = (z.powi(3) + z) / 4.0;
    let g2 = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    let g3 = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0;
    let g4 = (79.0 * z.powi(9) + 776.0 * z.powi(7) + 1482.0 * z.powi(5) - 1920.0 * z.powi(3) - 945.0 * z)
        / 92_160.0;
    z + g1 / v + g2 / v.powi(2) + g3 / v.powi(3) + g4 / v.powi(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_students() {
        // 1, 2, 3: mean 2, s 1, t(2) = 4.302653, half-width 4.302653/√3 = 2.484138.
        let got = interval(&[1.0, 2.0, 3.0]);
        assert!((got.mean - 2.0).abs() < 1e-12 && (got.high - 4.484_138).abs() < 1e-5, "{got:?}");
        // Tables: t(5) = 2.570582, t(9) = 2.262157, t(30) = 2.042272.
        for (freedom, t) in [(5, 2.570_582), (9, 2.262_157), (30, 2.042_272)] {
            assert!((student_t(freedom) - t).abs() < 2e-3, "{freedom}: {}", student_t(freedom));
        }
    }
}
