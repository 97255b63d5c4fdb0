//! Figures of classes and labels.

use deltarule_kernels::Real;
use serde::{Deserialize, Serialize};

use super::ranking::{area, area_of_ones};
use super::{check_lengths, rows_of, total_weight, weight_of};
use crate::event::Figures;

/// Weighted counts of rows, by true and by predicted class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Confusion {
    /// Number of classes.
    pub classes: usize,
    /// `[classes × classes]`, row-major: `counts[t·classes + p]` is the weight of the rows of class t predicted as p.
    pub counts: Vec<f64>,
    /// `[classes]`: the weight of the rows of each class. Above the sum of the row of `counts` by the rows for which
    /// nothing was predicted (NaN).
    pub support: Vec<f64>,
    /// `[classes]`: whether the class occurs among the targets or the predictions, whatever its weight.
    pub occurs: Vec<bool>,
}

/// How well one class is told from the others.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassFigures {
    /// Weight of the rows predicted right, of those predicted as this class; 0 where none is.
    pub precision: f64,
    /// Weight of the rows predicted right, of those of this class; 0 where none is.
    pub recall: f64,
    /// 2·precision·recall / (precision + recall); 0 where both are.
    pub f1: f64,
    /// Weight of the rows of this class.
    pub support: f64,
}

impl Confusion {
    /// Counts the rows.
    ///
    /// | argument | shape |
    /// |---|---|
    /// | `probabilities` | `[rows × classes]`; of two classes, `[rows]` of the second will do |
    /// | `codes` | `[rows]`, each below `classes` |
    /// | `weights` | `[rows]`, not negative; `None` means 1 each |
    ///
    /// The predicted class is the first of the most probable ones; of one probability per row, class 1 above ½. A row
    /// with a NaN is predicted as no class.
    ///
    /// # Panics
    /// Where lengths disagree or a code is not below `classes`.
    ///
    /// ```
    /// use deltarule::metric::Confusion;
    /// let confusion = Confusion::new(&[0.9, 0.6, 0.2], &[1, 0, 0], 2, None);
    /// assert_eq!(confusion.counts, [1.0, 1.0, 0.0, 1.0]); // of class 0: one right, one taken for 1
    /// assert_eq!(confusion.class(1).precision, 0.5);
    /// ```
    #[must_use]
    pub fn new<F: Real>(probabilities: &[F], codes: &[u32], classes: usize, weights: Option<&[F]>) -> Self {
        let rows = Rows::new(probabilities, codes, classes, weights);
        let mut confusion = Self {
            classes,
            counts: vec![0.0; classes * classes],
            support: vec![0.0; classes],
            occurs: vec![false; classes],
        };
        for (row, &code) in codes.iter().enumerate() {
            let (code, weight) = (code as usize, weight_of(weights, row));
            confusion.support[code] += weight;
            confusion.occurs[code] = true;
            if let Some(predicted) = rows.predicted(row) {
                confusion.counts[code * classes + predicted] += weight;
                confusion.occurs[predicted] = true;
            }
        }
        confusion
    }

    /// The weight of the rows predicted right, of all; `None` where all weigh 0.
    #[must_use]
    pub fn accuracy(&self) -> Option<f64> {
        let total: f64 = self.support.iter().sum();
        let right: f64 = (0..self.classes).map(|class| self.counts[class * self.classes + class]).sum();
        (total > 0.0).then(|| right / total)
    }

    /// Precision, recall, f1 and support of class `class`.
    ///
    /// # Panics
    /// Where `class` is not below the number of classes.
    #[must_use]
    pub fn class(&self, class: usize) -> ClassFigures {
        let predicted = (0..self.classes).map(|truth| self.counts[truth * self.classes + class]).sum();
        let support = self.support[class];
        class_figures(self.counts[class * self.classes + class], predicted, support)
    }

    /// f1 of class 1 where there are two classes; else its mean over the classes that occur.
    #[must_use]
    pub fn f1(&self) -> Option<f64> {
        if self.classes == 2 {
            return (self.support[0] + self.support[1] > 0.0).then(|| self.class(1).f1);
        }
        let occurring = (0..self.classes).filter(|&class| self.occurs[class]);
        mean(occurring.map(|class| self.class(class).f1))
    }
}

/// From the weights of the rows predicted right, predicted as the class, and of the class.
fn class_figures(right: f64, predicted: f64, support: f64) -> ClassFigures {
    let part = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
    ClassFigures {
        precision: part(right, predicted),
        recall: part(right, support),
        f1: part(2.0 * right, predicted + support),
        support,
    }
}

fn mean(figures: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0_u32);
    for figure in figures {
        sum += figure;
        count += 1;
    }
    (count > 0).then(|| sum / f64::from(count))
}

/// −ln of a probability, clipped to [ε, 1−ε] with the ε of its type (f32 1.2·10⁻⁷, f64 2.2·10⁻¹⁶); NaN stays NaN.
fn surprise<F: Real>(probability: F) -> f64 {
    -probability.max(F::EPSILON).min(F::ONE - F::EPSILON).to_f64().ln()
}

/// Probabilities with their rows' classes, of either width.
struct Rows<'a, F> {
    probabilities: &'a [F],
    classes: usize,
    /// Probabilities per row: `classes`, or 1 for the second of two classes.
    width: usize,
}

impl<'a, F: Real> Rows<'a, F> {
    fn new(probabilities: &'a [F], codes: &[u32], classes: usize, weights: Option<&[F]>) -> Self {
        let rows = codes.len();
        let width = if classes == 2 && probabilities.len() == rows { 1 } else { classes };
        check_lengths("probabilities", probabilities, rows, width, weights);
        assert!(codes.iter().all(|&code| (code as usize) < classes), "codes: below {classes}");
        Self { probabilities, classes, width }
    }

    fn row(&self, row: usize) -> &[F] {
        &self.probabilities[row * self.width..][..self.width]
    }

    fn predicted(&self, row: usize) -> Option<usize> {
        let row = self.row(row);
        if row.iter().any(|probability| probability.is_nan()) {
            return None;
        }
        if let [second] = row
            && self.classes == 2
        {
            return Some(usize::from(second.to_f64() > 0.5));
        }
        let mut best = 0;
        for class in 1..row.len() {
            if row[class] > row[best] {
                best = class;
            }
        }
        Some(best)
    }

    /// The probability of `class`.
    fn probability(&self, row: usize, class: usize) -> F {
        let row = self.row(row);
        match row {
            [second] if self.classes == 2 => {
                if class == 1 {
                    *second
                } else {
                    F::ONE - *second
                }
            }
            row => row[class],
        }
    }
}

/// The figures of one class per row: `accuracy`, `f1`, `log_loss`, `roc_auc`.
///
/// | argument | shape |
/// |---|---|
/// | `probabilities` | `[rows × classes]`; of two classes, `[rows]` of the second will do |
/// | `codes` | `[rows]`, each below `classes` |
/// | `weights` | `[rows]`, not negative; `None` means 1 each |
///
/// - `accuracy` and `f1`: see [`Confusion`].
/// - `log_loss`: the weighted mean of −ln(probability of the row's class), probabilities clipped to [ε, 1−ε] with the ε
///   of their type, so that a certain mistake costs 15.9 in f32 and 36.0 in f64; not normalised.
/// - `roc_auc`: of two classes, that of the second's probability; of more, the unweighted mean over the classes of each
///   one's against the rest (Provost & Domingos 2000 without their weights). Classes that no row has are left out;
///   the figure is absent where only one class occurs.
///
/// # Panics
/// Where lengths disagree or a code is not below `classes`.
///
/// ```
/// let figures = deltarule::metric::classification(&[0.5, 0.75], &[0, 1], 2, None);
/// assert_eq!(figures["accuracy"], 1.0); // ½ is not above ½: class 0
/// assert!((figures["log_loss"] - (2.0_f64.ln() + (4.0_f64 / 3.0).ln()) / 2.0).abs() < 1e-15);
/// ```
#[must_use]
pub fn classification<F: Real>(
    probabilities: &[F],
    codes: &[u32],
    classes: usize,
    weights: Option<&[F]>,
) -> Figures {
    let confusion = Confusion::new(probabilities, codes, classes, weights);
    let (Some(accuracy), Some(total)) = (confusion.accuracy(), total_weight(weights, codes.len())) else {
        return Figures::new();
    };
    let rows = Rows::new(probabilities, codes, classes, weights);
    let mut figures = Figures::from([("accuracy".to_owned(), accuracy)]);
    figures.extend(confusion.f1().map(|f1| ("f1".to_owned(), f1)));

    let surprises = codes.iter().enumerate().map(|(row, &code)| {
        weighted(weight_of(weights, row), surprise(rows.probability(row, code as usize)))
    });
    figures.insert("log_loss".to_owned(), surprises.sum::<f64>() / total);

    let positive_class = if classes == 2 { 1..2 } else { 0..classes };
    let areas = positive_class.filter_map(|class| {
        if F::BYTES == f32::BYTES && weights.is_none() {
            let score = |row: usize| rows.probability(row, class).to_f64() as f32;
            return area_of_ones(
                codes.iter().enumerate().map(|(row, &code)| (score(row), code as usize == class)),
            );
        }
        let scored = codes.iter().enumerate().map(|(row, &code)| {
            let positive = code as usize == class;
            (rows.probability(row, class).to_f64(), positive, weight_of(weights, row))
        });
        area(scored.collect())
    });
    figures.extend(mean(areas).map(|area| ("roc_auc".to_owned(), area)));
    figures
}

/// A row's share of a sum; rows of weight 0 have none, whatever their figure.
fn weighted(weight: f64, figure: f64) -> f64 {
    if weight == 0.0 { 0.0 } else { weight * figure }
}

/// The figures of several yes/no labels per row: `accuracy`, `f1`, `label_accuracy`, `log_loss`, `roc_auc`.
///
/// | argument | shape |
/// |---|---|
/// | `probabilities` | `[rows × labels]` |
/// | `targets` | `[rows × labels]`: 1 (anything above ½) is yes |
/// | `weights` | `[rows]`, not negative; `None` means 1 each |
///
/// - `accuracy`: the rows with every label right (scikit-learn's subset accuracy); `label_accuracy`: single labels right.
/// - `f1`, `log_loss`, `roc_auc`: the unweighted means over the labels of what [`classification`] says of each; `roc_auc`
///   leaves out labels that are the same in every row.
///
/// # Panics
/// Where lengths disagree.
///
/// ```
/// let figures = deltarule::metric::multilabel(&[0.9, 0.9, 0.2, 0.8], &[1.0, 0.0, 0.0, 1.0], 2, None);
/// assert_eq!((figures["accuracy"], figures["label_accuracy"]), (0.5, 0.75));
/// ```
#[must_use]
pub fn multilabel<F: Real>(
    probabilities: &[F],
    targets: &[F],
    labels: usize,
    weights: Option<&[F]>,
) -> Figures {
    let rows = rows_of(targets, labels);
    check_lengths("targets", targets, rows, labels, weights);
    check_lengths("probabilities", probabilities, rows, labels, None);
    let Some(total) = total_weight(weights, rows) else { return Figures::new() };
    let (mut rows_right, mut labels_right) = (0.0, 0.0);
    for (row, (probabilities, targets)) in
        probabilities.chunks_exact(labels).zip(targets.chunks_exact(labels)).enumerate()
    {
        // A NaN is neither yes nor no, hence wrong.
        let right =
            |(&probability, &target): (&F, &F)| !probability.is_nan() && yes(probability) == yes(target);
        let count = probabilities.iter().zip(targets).filter(|pair| right(*pair)).count();
        let weight = weight_of(weights, row);
        labels_right += weight * count as f64;
        rows_right += if count == labels { weight } else { 0.0 };
    }
    let (mut f1, mut log_loss, mut areas) = (0.0, 0.0, Vec::new());
    for label in 0..labels {
        let rows = || {
            let pairs = probabilities[label..].iter().zip(&targets[label..]).step_by(labels).enumerate();
            pairs.map(|(row, (&probability, &target))| (probability, yes(target), weight_of(weights, row)))
        };
        let figures = LabelFigures::of(rows());
        f1 += figures.f1;
        log_loss += figures.surprises / total;
        areas.extend(area(
            rows().map(|(probability, truth, weight)| (probability.to_f64(), truth, weight)).collect(),
        ));
    }
    let count = labels as f64;
    let mut figures = Figures::from([
        ("accuracy".to_owned(), rows_right / total),
        ("label_accuracy".to_owned(), labels_right / (total * count)),
        ("f1".to_owned(), f1 / count),
        ("log_loss".to_owned(), log_loss / count),
    ]);
    figures.extend(mean(areas.into_iter()).map(|area| ("roc_auc".to_owned(), area)));
    figures
}

/// Whether a probability, or a 0/1 target, says yes.
fn yes<F: Real>(number: F) -> bool {
    number.to_f64() > 0.5
}

/// Figures of one label among several.
struct LabelFigures {
    f1: f64,
    /// The weighted sum of −ln(probability of what was the case).
    surprises: f64,
}

impl LabelFigures {
    /// Of rows of (probability, truth, weight).
    fn of<F: Real>(rows: impl Iterator<Item = (F, bool, f64)>) -> Self {
        let (mut right, mut predicted, mut support, mut surprises) = (0.0, 0.0, 0.0, 0.0);
        for (probability, truth, weight) in rows {
            let guess = yes(probability);
            right += if guess && truth { weight } else { 0.0 };
            predicted += if guess { weight } else { 0.0 };
            support += if truth { weight } else { 0.0 };
            surprises += weighted(weight, surprise(if truth { probability } else { F::ONE - probability }));
        }
        Self { f1: class_figures(right, predicted, support).f1, surprises }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_figures(figures: &Figures, expected: &[(&str, f64)]) {
        let names: Vec<&str> = figures.keys().map(String::as_str).collect();
        let expected_names: Vec<&str> = expected.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, expected_names);
        for (name, value) in expected {
            assert!((figures[*name] - value).abs() < 1e-14, "{name}: {} is not {value}", figures[*name]);
        }
    }

    const CODES: [u32; 6] = [0, 2, 1, 2, 0, 1];
    #[rustfmt::skip]
    const PROBABILITIES: [f64; 18] = [
        0.7, 0.2, 0.1,
        0.1, 0.3, 0.6,
        0.2, 0.3, 0.5,
        0.25, 0.25, 0.5,
        0.3, 0.4, 0.3,
        0.1, 0.8, 0.1,
    ];
    const WEIGHTS: [f64; 6] = [1.0, 2.0, 0.5, 1.0, 3.0, 1.5];

    /// Values printed by scikit-learn 1.9.1 for the same numbers.
    #[test]
    fn three_classes_agree_with_scikit_learn() {
        let figures = classification(&PROBABILITIES, &CODES, 3, None);
        // 4 of 6 rows right. f1: class 0 2·1/(1+2), class 1 2·1/(2+2), class 2 2·2/(3+2); mean (2/3 + 1/2 + 4/5)/3.
        assert_figures(
            &figures,
            &[
                ("accuracy", 4.0 / 6.0),
                ("f1", 0.655_555_555_555_555_6),
                ("log_loss", 0.698_622_818_038_458_5),
                ("roc_auc", 0.916_666_666_666_666_6),
            ],
        );
        let figures = classification(&PROBABILITIES, &CODES, 3, Some(&WEIGHTS));
        assert_figures(
            &figures,
            &[
                ("accuracy", 5.5 / 9.0),
                ("f1", 0.594_871_794_871_794_8),
                ("log_loss", 0.735_565_946_015_861_1),
                ("roc_auc", 0.947_751_322_751_322_8),
            ],
        );
    }

    #[test]
    fn confusion_and_class_figures_agree_with_scikit_learn() {
        let confusion = Confusion::new(&PROBABILITIES, &CODES, 3, Some(&WEIGHTS));
        assert_eq!(confusion.counts, [1.0, 3.0, 0.0, 0.0, 1.5, 0.5, 0.0, 0.0, 3.0]);
        assert_eq!(confusion.support, [4.0, 2.0, 3.0]);
        let class = confusion.class(1);
        // Predicted as 1: weights 3 (wrong) and 1.5 (right); of class 1: 2.
        assert_eq!((class.precision, class.recall, class.support), (1.5 / 4.5, 0.75, 2.0));
        assert!((class.f1 - 3.0 / 6.5).abs() < 1e-15);
    }

    #[test]
    fn two_classes_agree_with_scikit_learn_in_either_width() {
        let (codes, second) = ([0, 1, 1, 0, 1], [0.1, 0.8, 0.4, 0.4, 0.9]);
        let both: Vec<f64> = second.iter().flat_map(|p| [1.0 - p, *p]).collect();
        let weights = [1.0, 2.0, 0.5, 1.0, 3.0];
        for probabilities in [&second[..], &both] {
            let figures = classification(probabilities, &codes, 2, None);
            let expected = [
                ("accuracy", 0.8),
                ("f1", 0.8),
                ("log_loss", 0.372_196_187_654_001_6),
                ("roc_auc", 11.0 / 12.0),
            ];
            assert_figures(&figures, &expected);
            let figures = classification(probabilities, &codes, 2, Some(&weights));
            assert_figures(
                &figures,
                &[
                    ("accuracy", 7.0 / 7.5),
                    ("f1", 10.0 / 10.5),
                    ("log_loss", 0.244_893_353_995_039_03),
                    ("roc_auc", 0.977_272_727_272_727_3),
                ],
            );
        }
    }

    #[test]
    fn several_labels_agree_with_scikit_learn() {
        let targets = [1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0];
        let probabilities = [0.9, 0.2, 0.4, 0.3, 0.3, 0.8, 0.6, 0.1];
        // All of a row right: the first alone. Single labels: 5 of 8.
        assert_figures(
            &multilabel(&probabilities, &targets, 2, None),
            &[
                ("accuracy", 0.25),
                ("f1", 0.583_333_333_333_333_3),
                ("label_accuracy", 0.625),
                ("log_loss", 0.561_508_762_279_511_3),
                ("roc_auc", 0.75),
            ],
        );
        assert_figures(
            &multilabel(&probabilities, &targets, 2, Some(&[1.0, 2.0, 0.5, 1.0])),
            &[
                ("accuracy", 1.0 / 4.5),
                ("f1", 0.452_380_952_380_952_35),
                ("label_accuracy", 5.5 / 9.0),
                ("log_loss", 0.610_367_816_500_882_7),
                ("roc_auc", 5.0 / 6.0),
            ],
        );
    }

    #[test]
    fn certain_mistakes_cost_the_logarithm_of_the_types_epsilon() {
        let log_loss = |figures: Figures| figures["log_loss"];
        assert_eq!(log_loss(classification(&[1.0_f32], &[0], 2, None)), -f64::from(f32::EPSILON).ln());
        assert_eq!(log_loss(classification(&[0.0_f64], &[1], 2, None)), -f64::EPSILON.ln());
        assert_eq!(log_loss(multilabel(&[1.0_f64, 0.0], &[0.0, 1.0], 2, None)), -f64::EPSILON.ln());
    }

    #[test]
    fn classes_that_do_not_occur_are_left_out_of_means() {
        // Only class 0 occurs and is predicted: its f1 is the mean, and there is no area.
        let figures = classification(&[0.8, 0.1, 0.1], &[0], 3, None);
        assert_eq!(figures["f1"], 1.0);
        assert!(!figures.contains_key("roc_auc"));
        // Classes 0 and 1 of three occur: two areas, both 1.
        let figures = classification(&[0.8, 0.1, 0.1, 0.2, 0.7, 0.1], &[0, 1], 3, None);
        assert_eq!((figures["f1"], figures["roc_auc"]), (1.0, 1.0));
        // Two classes without a positive row or prediction: f1 is 0, as in scikit-learn.
        assert_eq!(classification(&[0.1, 0.2], &[0, 0], 2, None)["f1"], 0.0);
    }

    #[test]
    fn nothing_comes_of_no_rows_or_no_weight() {
        assert!(classification::<f32>(&[], &[], 3, None).is_empty());
        assert!(classification(&[0.5], &[1], 2, Some(&[0.0])).is_empty());
        assert!(multilabel(&[0.5, 0.5], &[0.0, 1.0], 2, Some(&[0.0])).is_empty());
        assert!(multilabel::<f64>(&[], &[], 0, None).is_empty());
    }

    #[test]
    fn nan_is_a_wrong_prediction_and_no_hidden_one() {
        let figures = classification(&[f64::NAN, 0.9], &[0, 1], 2, None);
        assert_eq!(figures["accuracy"], 0.5);
        assert!(figures["log_loss"].is_nan() && figures["roc_auc"].is_nan());
        let confusion = Confusion::new(&[f32::NAN, 0.0, 0.0], &[1], 3, None);
        assert_eq!((confusion.counts.iter().sum::<f64>(), confusion.support[1]), (0.0, 1.0));
        let figures = multilabel(&[f64::NAN, 0.9], &[0.0, 1.0], 2, None);
        assert_eq!((figures["accuracy"], figures["label_accuracy"]), (0.0, 0.5));
        assert!(figures["log_loss"].is_nan());
    }

    #[test]
    #[should_panic(expected = "probabilities: 2 rows of 3")]
    fn a_probability_per_class_is_wanted() {
        let _ = classification(&[0.5, 0.5], &[0, 1], 3, None);
    }

    #[test]
    #[should_panic(expected = "codes: below 2")]
    fn codes_must_be_classes() {
        let _ = classification(&[0.5], &[2], 2, None);
    }

    #[test]
    #[should_panic(expected = "weights: one per row")]
    fn a_weight_per_row_is_wanted() {
        let _ = classification(&[0.5], &[1], 2, Some(&[1.0, 1.0]));
    }
}
