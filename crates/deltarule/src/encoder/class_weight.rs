//! Weights of classes, which multiply the weights of their rows.

use deltarule_kernels::Real;
use serde::{Deserialize, Serialize};

use super::Encoder;
use crate::dataset::{Dataset, Targets};
use crate::error::{ErrorKind, Result, similar_names};
use crate::task::Task;

/// How much each class counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassWeight {
    /// As much as it has rows.
    #[default]
    None,
    /// All alike: w_c = W / (k·W_c), where W_c is the sum of the class's row weights, W that of all rows, and k the
    /// number of classes; without row weights n / (k·n_c) (King & Zeng 2001; scikit-learn's `balanced`).
    Balanced,
    /// By name; classes that are not named count 1.
    Explicit(Vec<(String, f64)>),
}

impl Encoder {
    /// The weight of each class, in the order of [`classes`](Encoder::classes), for the (training) rows of `dataset`.
    /// A class without rows counts 1.
    ///
    /// # Errors
    /// [`ErrorKind::BadSetting`] where the task has no classes (regression; multi-label tasks, whose rows are of several
    /// classes at once), for an unknown class, and for a weight that is negative or not finite.
    pub fn class_weights<F: Real>(&self, dataset: &Dataset<F>, how: &ClassWeight) -> Result<Vec<f64>> {
        let classes = self.classes();
        if !matches!(how, ClassWeight::None) && !matches!(self.task(), Task::Binary | Task::Multiclass) {
            return Err(bad(
                "class_weight",
                format!("a {} task", self.task()),
                "a binary or multiclass task",
                String::new(),
            ));
        }
        match how {
            ClassWeight::None => Ok(vec![1.0; classes.len()]),
            ClassWeight::Balanced => {
                let mut sums = vec![0.0; classes.len()];
                for row in 0..dataset.rows {
                    sums[class_of(&dataset.targets, row)] += weight_of(dataset, row);
                }
                let total: f64 = sums.iter().sum();
                let balanced =
                    |&sum: &f64| if sum > 0.0 { total / (classes.len() as f64 * sum) } else { 1.0 };
                Ok(sums.iter().map(balanced).collect())
            }
            ClassWeight::Explicit(named) => {
                let mut weights = vec![1.0; classes.len()];
                for (name, weight) in named {
                    let Some(class) = classes.iter().position(|class| class == name) else {
                        let close = similar_names(name, classes);
                        let next = if close.is_empty() {
                            String::new()
                        } else {
                            format!("close: {}", close.join(", "))
                        };
                        return Err(bad("class_weight", format!("{name:?}"), "the name of a class", next));
                    };
                    if !(weight.is_finite() && *weight >= 0.0) {
                        return Err(bad(
                            "class_weight",
                            format!("{name}: {weight}"),
                            "0 or a positive number",
                            String::new(),
                        ));
                    }
                    weights[class] = *weight;
                }
                Ok(weights)
            }
        }
    }

    /// Multiplies each row's weight by its class's. Weights that are all 1 change nothing.
    ///
    /// # Panics
    /// Where `weights` has not one number for each class, or the data set's targets are no classes.
    pub fn apply_class_weights<F: Real>(&self, dataset: &mut Dataset<F>, weights: &[f64]) {
        if weights.iter().all(|&weight| weight == 1.0) {
            return;
        }
        assert_eq!(weights.len(), self.classes().len(), "one weight for each class");
        let weighted = (0..dataset.rows)
            .map(|row| F::from_f64(weight_of(dataset, row) * weights[class_of(&dataset.targets, row)]))
            .collect();
        dataset.weights = Some(weighted);
    }
}

fn bad(setting: &str, got: String, expected: &str, next: String) -> crate::Error {
    ErrorKind::BadSetting { setting: setting.to_owned(), got, expected: expected.to_owned(), next }.into()
}

fn weight_of<F: Real>(dataset: &Dataset<F>, row: usize) -> f64 {
    dataset.weights.as_ref().map_or(1.0, |weights| weights[row].to_f64())
}

fn class_of<F: Real>(targets: &Targets<F>, row: usize) -> usize {
    match targets {
        Targets::Classes { codes, .. } => codes[row] as usize,
        Targets::Values { outputs, values } => usize::from(values[row * outputs] == F::ONE),
    }
}
