//! An encoder for a program that holds targets, classes and predictions itself, as the Python package does.

use std::borrow::Cow;

use deltarule_kernels::Real;

use super::features::{self, Feature, Recipe};
use super::target::TargetEncoder;
use super::values::is_words;
use super::{Encoder, EncoderOptions, Stored, check_roles, shape_of};
use crate::error::{ErrorKind, Result};
use crate::table::{ColumnType, Table};
use crate::task::Task;

impl Encoder {
    /// Fits on the features alone, for a caller that holds the targets itself: no column is the target, and what is
    /// learnt is one number, as it is, until [`with_target`](Self::with_target) says otherwise.
    ///
    /// # Errors
    /// As [`fit`](Self::fit) for features; [`ErrorKind::Conflict`] where the options name a target.
    ///
    /// # Panics
    /// Where a row is not below the table's number of rows.
    pub fn fit_features(table: &Table, training_rows: &[u32], options: &EncoderOptions) -> Result<Self> {
        if let Some(target) = options.target.first() {
            return Err(ErrorKind::Conflict {
                first: format!("target {target:?}"),
                second: "features alone".to_owned(),
                why: "the caller holds the targets".to_owned(),
            }
            .into());
        }
        check_roles(table, options)?;
        if training_rows.is_empty() {
            let (source, what) = (table.source.clone(), "training".to_owned());
            return Err(ErrorKind::TooFewRows { source, rows: 0, expected: 1, what }.into());
        }
        let mut notes = Vec::new();
        let features = features::fit(table, training_rows, options, &mut notes)?;
        let target = TargetEncoder::plain(Task::Regression, vec!["target".to_owned()], Vec::new());
        let target_types = vec![ColumnType::Number];
        let shape = shape_of(&features);
        let stored = Stored { features, target, target_types, weight: options.weight.clone(), notes };
        Ok(Self { stored, shape })
    }

    /// The same features for targets that the caller holds: columns of this type, classes in the order of their codes.
    /// The scales of a regression stay, where it was one of as many targets; otherwise targets are taken as they are.
    ///
    /// # Errors
    /// [`ErrorKind::BadFormat`] where task, columns and classes do not fit together.
    pub fn with_target(
        &self,
        task: Task,
        columns: Vec<String>,
        classes: Vec<String>,
        column_type: ColumnType,
    ) -> Result<Self> {
        let mut stored = self.stored.clone();
        stored.target_types = vec![column_type; columns.len()];
        let mut target = TargetEncoder::plain(task, columns, classes);
        if task == Task::Regression && stored.target.scales.len() == target.scales.len() {
            target.scales = std::mem::take(&mut stored.target.scales);
        }
        stored.target = target;
        Self::try_from(stored)
    }

    /// A regression's targets `[rows × outputs]`, in the table's units, as the network learns them: what
    /// [`decode_targets`](Self::decode_targets) takes back. Of other tasks, as they are.
    #[must_use]
    pub fn encode_targets<F: Real>(&self, targets: &[f64]) -> Vec<F> {
        let width = self.outputs();
        let encode = |(at, &y): (usize, &f64)| F::from_f64(self.stored.target.encode_one(at % width, y));
        targets.iter().enumerate().map(encode).collect()
    }

    /// The gradient of something with respect to the columns, per unit of each, `[rows × feature columns]`, from that with
    /// respect to the dense numbers, `[rows × dense]`. NaN in columns of categories and datetimes, which do not move; 0 where
    /// a number is missing.
    ///
    /// # Errors
    /// As [`encode_features`](Self::encode_features).
    pub fn gradient_by_column<F: Real>(
        &self,
        table: &Table,
        rows: &[u32],
        gradient: &[F],
    ) -> Result<Vec<f64>> {
        let slopes = self.slopes(table, rows)?;
        let (dense, columns) = (self.shape.dense, self.stored.features.len());
        let still = |feature: &Feature| !matches!(feature.recipe, Recipe::Number(_));
        let none: Vec<f64> =
            self.stored.features.iter().map(|feature| if still(feature) { f64::NAN } else { 0.0 }).collect();
        let origins = self.feature_origins();
        let mut by_column = none.repeat(rows.len());
        if dense == 0 {
            return Ok(by_column);
        }
        let of_rows = gradient.chunks_exact(dense).zip(slopes.chunks_exact(dense));
        for ((gradient, slopes), out) in of_rows.zip(by_column.chunks_exact_mut(columns)) {
            for ((gradient, slope), &column) in gradient.iter().zip(slopes).zip(&origins) {
                out[column] += gradient.to_f64() * slope;
            }
        }
        Ok(by_column)
    }

    /// The table with columns of words read as the types that they had in training, where these were others: dates that a
    /// program holds as text, as a CSV file does.
    ///
    /// # Errors
    /// As [`Column::convert`](crate::table::Column::convert).
    pub fn as_in_training<'t>(&self, table: &'t Table) -> Result<Cow<'t, Table>> {
        let mut read = Cow::Borrowed(table);
        for feature in self.stored.features.iter().filter(|f| !matches!(f.recipe, Recipe::Category(_))) {
            let held = table.columns().iter().find(|column| column.name == feature.name);
            if let Some(words) = held.filter(|column| is_words(column.column_type())) {
                let converted = words.convert(feature.column_type, &table.source)?;
                read = Cow::Owned(read.into_owned().with_column(converted)?);
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::{Scaling, TargetScaling};
    use crate::table::{Column, ColumnData};

    fn people() -> Table {
        let columns = vec![
            Column::numbers("age", vec![20.0, 40.0, f64::NAN, 30.0]),
            Column::words("sex", &["f", "m", "m", "f"]),
            Column::words("since", &["2024-01-01", "2024-02-01", "2025-01-01", "2023-03-01"]),
        ];
        Table::new("people", columns).unwrap()
    }

    fn options() -> EncoderOptions {
        EncoderOptions { scaling: Scaling::Standard, ..EncoderOptions::default() }
    }

    const ALL: [u32; 4] = [0, 1, 2, 3];

    #[test]
    fn features_are_those_of_a_fit_with_a_target() {
        let table = people();
        let with_target =
            table.clone().with_column(Column::words("pays", &["no", "yes", "yes", "no"])).unwrap();
        let whole =
            Encoder::fit(&with_target, &ALL, &EncoderOptions { target: vec!["pays".into()], ..options() })
                .unwrap();
        let alone = Encoder::fit_features(&table, &ALL, &options()).unwrap();
        assert_eq!(alone.feature_names(), whole.feature_names());
        let dense = |encoder: &Encoder| encoder.encode_features::<f64>(&table, &ALL).unwrap().dense;
        assert_eq!(dense(&alone), dense(&whole));
        let classes = ["no", "yes"].map(String::from).to_vec();
        let retargeted =
            alone.with_target(Task::Binary, vec!["pays".to_owned()], classes, ColumnType::Text).unwrap();
        assert_eq!(retargeted.classes(), whole.classes());
        assert_eq!(
            retargeted.encode::<f64>(&with_target, &ALL).unwrap(),
            whole.encode(&with_target, &ALL).unwrap()
        );
        assert!(
            Encoder::fit_features(
                &with_target,
                &ALL,
                &EncoderOptions { target: vec!["pays".into()], ..options() }
            )
            .is_err()
        );
    }

    #[test]
    fn classes_that_do_not_fit_the_task_are_refused() {
        let alone = Encoder::fit_features(&people(), &ALL, &options()).unwrap();
        let one = vec!["only".to_owned()];
        assert!(alone.with_target(Task::Binary, vec!["y".to_owned()], one, ColumnType::Text).is_err());
    }

    #[test]
    fn a_regressions_scale_goes_there_and_back_and_stays() {
        let table = people().with_column(Column::numbers("y", vec![100.0, 300.0, 200.0, 200.0])).unwrap();
        let options = EncoderOptions {
            target: vec!["y".into()],
            task: Some(Task::Regression),
            target_scaling: TargetScaling::Standard,
            ..options()
        };
        let encoder = Encoder::fit(&table, &ALL, &options).unwrap();
        // Mean 200, deviation √5000.
        let z = encoder.encode_targets::<f64>(&[100.0, 200.0]);
        assert!((z[0] + 100.0 / 5000.0_f64.sqrt()).abs() < 1e-12 && z[1] == 0.0);
        assert_eq!(encoder.decode_targets(&z), [100.0, 200.0]);
        let renamed = encoder
            .with_target(Task::Regression, vec!["target".into()], Vec::new(), ColumnType::Number)
            .unwrap();
        assert_eq!(renamed.decode_targets(&z), [100.0, 200.0]);
        let plain = Encoder::fit_features(&people(), &ALL, &EncoderOptions::default()).unwrap();
        assert_eq!(plain.encode_targets::<f64>(&[100.0]), [100.0]);
    }

    #[test]
    fn gradients_by_column_are_per_unit_of_it() {
        let mut people = people();
        people.drop_column("since").unwrap();
        let encoder = Encoder::fit_features(&people, &ALL, &options()).unwrap();
        // age, whether it is missing, two sexes: 20, 40, 30 and their median 30 have the deviation √50.
        assert_eq!(encoder.input_shape().dense, 4);
        let gradient = [2.0, 5.0, 7.0, 7.0].repeat(4);
        let by_column = encoder.gradient_by_column(&people, &ALL, &gradient).unwrap();
        assert_eq!(by_column.len(), 8);
        let spread = encoder.encode_features::<f64>(&people, &[0, 1]).unwrap().dense;
        let per_unit = (spread[4] - spread[0]) / 20.0;
        for row in [0, 1, 3] {
            assert!((by_column[row * 2] - 2.0 * per_unit).abs() < 1e-6, "{by_column:?}");
        }
        assert_eq!(by_column[4], 0.0);
        assert!(by_column.iter().skip(1).step_by(2).all(|x| x.is_nan()));
    }

    #[test]
    fn dates_held_as_words_are_read_as_dates() {
        let mut dated = people();
        let since = dated.column("since").unwrap().convert(ColumnType::Datetime, "here").unwrap();
        dated = dated.with_column(since).unwrap();
        let encoder = Encoder::fit_features(&dated, &ALL, &options()).unwrap();
        let words = people();
        let read = encoder.as_in_training(&words).unwrap();
        assert!(matches!(read.column("since").unwrap().data, ColumnData::Datetime(_)));
        assert!(matches!(read.column("sex").unwrap().data, ColumnData::Text(_)));
        let dense = |table: &Table| encoder.encode_features::<f64>(table, &ALL).unwrap().dense;
        assert_eq!(dense(&read), dense(&dated));
        assert!(matches!(encoder.as_in_training(&dated).unwrap(), Cow::Borrowed(_)));
    }
}
