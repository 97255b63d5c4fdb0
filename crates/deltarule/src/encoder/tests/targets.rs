//! Targets: tasks, classes, scales, class weights, rows without a target.

use super::*;

/// A table of the target `y` beside a feature that varies.
fn with_target(y: Column) -> Table {
    let x = (0..y.len()).map(|row| row as f64 * 1.5).collect();
    table(vec![Column::numbers("x", x), Column { name: "y".into(), ..y }])
}

fn numbers(values: &[f64]) -> Column {
    Column::numbers("y", values.to_vec())
}

#[test]
fn the_task_follows_the_targets_values() {
    let task = |y: Column| {
        let table = with_target(y);
        infer_task(&table, &all(&table), &["y".into()]).unwrap()
    };
    assert_eq!(task(numbers(&[0.0, 1.0, 1.0])), Task::Binary);
    assert_eq!(task(numbers(&[7.0, -3.0, 7.0])), Task::Binary);
    assert_eq!(task(numbers(&[0.0, 1.0, 2.0])), Task::Multiclass);
    assert_eq!(task(numbers(&[3.0, 1.0, 2.0, f64::NAN])), Task::Multiclass);
    assert_eq!(task(numbers(&[2.0, 3.0, 4.0])), Task::Regression); // counted from neither 0 nor 1
    assert_eq!(task(numbers(&[0.0, 1.0, 3.0])), Task::Regression); // a gap
    assert_eq!(task(numbers(&[0.0, 0.5])), Task::Regression);
    assert_eq!(task(Column::numbers("y", (0..20).map(f64::from).collect())), Task::Multiclass);
    assert_eq!(task(Column::numbers("y", (0..21).map(f64::from).collect())), Task::Regression);
    assert_eq!(task(Column::new("y", ColumnData::U8(vec![0, 9, 4, 1, 2, 3, 5, 6, 7, 8]))), Task::Multiclass);
    assert_eq!(task(Column::new("y", ColumnData::Boolean(vec![Some(true), Some(false)]))), Task::Binary);
    assert_eq!(task(Column::words("y", &["a", "b", "a"])), Task::Binary);
    assert_eq!(task(Column::words("y", &["a", "b", "c"])), Task::Multiclass);
}

#[test]
fn several_targets_are_labels_or_numbers() {
    let a = Column::numbers("a", vec![0.0, 1.0, 0.0]);
    let b = Column::new("b", ColumnData::Boolean(vec![Some(true), Some(false), Some(true)]));
    let c = Column::numbers("c", vec![0.5, 1.5, 4.0]);
    let d = Column::words("d", &["p", "q", "p"]);
    let table = table(vec![Column::numbers("x", vec![1.0, 2.0, 4.0]), a, b, c, d]);
    let with = |names: &[&str]| EncoderOptions {
        target: names.iter().map(|name| (*name).to_owned()).collect(),
        ..EncoderOptions::default()
    };
    let encoder = fit(&table, &EncoderOptions { ignore: vec!["c".into(), "d".into()], ..with(&["a", "b"]) });
    assert_eq!((encoder.task(), encoder.outputs(), encoder.classes().len()), (Task::Multilabel, 2, 0));
    let targets = encoder.encode::<f32>(&table, &[0, 1]).unwrap().targets;
    assert_eq!(targets, Targets::Values { outputs: 2, values: vec![0.0, 1.0, 1.0, 0.0] });
    let encoder = fit(&table, &EncoderOptions { target_scaling: TargetScaling::None, ..with(&["c", "a"]) });
    assert_eq!(
        (encoder.task(), encoder.target_values(&table, &[1]).unwrap()),
        (Task::Regression, vec![1.5, 1.0])
    );
    assert!(matches!(refused(&table, &with(&["a", "d"])).kind(), ErrorKind::UnusableTarget { .. }));
    let binary = EncoderOptions { task: Some(Task::Binary), ..with(&["a", "b"]) };
    assert!(matches!(refused(&table, &binary).kind(), ErrorKind::Conflict { .. }));
    let labels = EncoderOptions { task: Some(Task::Multilabel), ..with(&["a", "c"]) };
    assert!(refused(&table, &labels).to_string().contains("row 1 holds 0.5"));
    assert!(matches!(refused(&table, &with(&[])).kind(), ErrorKind::BadSetting { .. }));
}

#[test]
fn classes_stand_in_the_order_of_numbers_or_letters() {
    let table = with_target(Column::words("y", &["10", "9", "10", "-1"]));
    assert_eq!(fit(&table, &options()).classes(), ["-1", "9", "10"]);
    let table = with_target(Column::words("y", &["no", "yes", "maybe"]));
    let encoder = fit(&table, &options());
    assert_eq!(encoder.classes(), ["maybe", "no", "yes"]);
    let targets = encoder.encode::<f32>(&table, &[0, 1, 2]).unwrap().targets;
    assert_eq!(targets, Targets::Classes { classes: 3, codes: vec![1, 2, 0] });
    // A binary task puts out the probability of the second class.
    let table = with_target(Column::words("y", &["no", "yes", "no"]));
    let encoder = fit(&table, &options());
    assert_eq!((encoder.classes(), encoder.outputs()), (&["no".to_owned(), "yes".to_owned()][..], 1));
    let targets = encoder.encode::<f32>(&table, &[0, 1]).unwrap().targets;
    assert_eq!(targets, Targets::Values { outputs: 1, values: vec![0.0, 1.0] });
}

#[test]
fn targets_that_cannot_be_learnt_are_refused() {
    let ids: Vec<String> = (0..30).map(|row| format!("id{row}")).collect();
    let ids = text("y", &ids.iter().map(|id| Some(id.as_str())).collect::<Vec<_>>());
    let cases = [
        (numbers(&[3.0, 3.0, f64::NAN]), None, "it is 3 in every training row"),
        (numbers(&[f64::NAN, f64::NAN]), None, "all its values are missing"),
        (text("y", &[None, None]), None, "all its values are missing"),
        (Column::words("y", &["a", "a"]), None, "one class"),
        (ids, None, "30 classes in 30 training rows"),
        (Column::new("y", ColumnData::Datetime(vec![1, 2])), None, "datetimes"),
        (Column::words("y", &["a", "b"]), Some(Task::Regression), "regression needs numbers"),
        (numbers(&[1.0, 2.0, 3.0]), Some(Task::Binary), "binary needs two"),
    ];
    for (y, task, word) in cases {
        let error = refused(&with_target(y), &EncoderOptions { task, ..options() });
        assert!(matches!(error.kind(), ErrorKind::UnusableTarget { .. }), "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
    let error = refused(&with_target(numbers(&[1.0, f64::INFINITY])), &options());
    assert!(error.to_string().contains("row 2 holds an infinite number"), "{error}");
}

#[test]
fn a_logarithmic_scale_takes_the_unit_from_the_small_targets() {
    // 1 … 21: the 5 % quantile is 2 (type 7: place 0.05·20 = 1). y = 6: ln(1 + 6/2) = ln 4.
    let y: Vec<f64> = (1..=21).map(f64::from).collect();
    let table = with_target(numbers(&y));
    let scaled = |target_scaling| {
        fit(&table, &EncoderOptions { task: Some(Task::Regression), target_scaling, ..options() })
    };
    let encoder = scaled(TargetScaling::Log);
    let logs: Vec<f64> = y.iter().map(|y| (1.0 + y / 2.0).ln()).collect();
    let mean = logs.iter().sum::<f64>() / 21.0;
    let deviation = (logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / 21.0).sqrt();
    let Targets::Values { values, .. } = encoder.encode::<f64>(&table, &[5]).unwrap().targets else {
        panic!()
    };
    assert!((values[0] - (4.0_f64.ln() - mean) / deviation).abs() < 1e-12);
    assert!((encoder.decode_targets(&values)[0] - 6.0).abs() < 1e-12);
    assert!(encoder.notes().contains(&Note::LogTarget { column: "y".into() }));
    // Even steps are not skewed: no logarithm of itself.
    assert_eq!(scaled(TargetScaling::Auto), scaled(TargetScaling::Standard));
    let skewed = with_target(numbers(&(0..40).map(|row| (0.2 * f64::from(row)).exp()).collect::<Vec<_>>()));
    let auto = fit(&skewed, &EncoderOptions { target_scaling: TargetScaling::Auto, ..options() });
    assert!(auto.notes().contains(&Note::LogTarget { column: "y".into() }));
    let judged = |table: &Table, task| skewed_target(table, &all(table), &options(), task);
    assert!(judged(&skewed, Task::Regression) && !judged(&skewed, Task::Multiclass));
    assert!(!judged(&table, Task::Regression), "even steps");
    let negative = with_target(numbers(&[-1.0, 0.5, 3.0]));
    let error = refused(&negative, &EncoderOptions { target_scaling: TargetScaling::Log, ..options() });
    assert!(error.to_string().contains("smallest training value is -1"), "{error}");
}

#[test]
fn rows_without_a_target_are_counted_and_left_out() {
    let y = text("y", &[Some("a"), None, Some("b"), Some("c"), Some("a")]);
    let table = with_target(y);
    let usable = usable_rows(&table, &["y".into()]).unwrap();
    assert_eq!((usable.rows.as_slice(), usable.missing), (&[0, 2, 3, 4][..], 1));
    assert_eq!(usable.notes()[0].to_string(), "1 row left out: the target is missing");
    let encoder = Encoder::fit(&table, &[0, 2, 4], &options()).unwrap();
    let usable = encoder.usable_rows(&table, &all(&table)).unwrap();
    assert_eq!((usable.rows.as_slice(), usable.missing, usable.unknown), (&[0, 2, 4][..], 1, 1));
    let error = encoder.encode::<f32>(&table, &[0, 3]).unwrap_err().to_string();
    assert!(error.contains("row 4 holds \"c\"") && error.contains("a, b"), "{error}");
    let error = encoder.encode::<f32>(&table, &[1]).unwrap_err().to_string();
    assert!(error.contains("missing in row 2"), "{error}");
    let none = with_target(numbers(&[f64::NAN]));
    assert!(matches!(
        usable_rows(&none, &["y".into()]).unwrap_err().kind(),
        ErrorKind::UnusableTarget { .. }
    ));
}

#[test]
fn strata_are_classes_or_combinations_of_labels() {
    let table = with_target(Column::words("y", &["a", "b", "a", "c"]));
    assert_eq!(strata(&table, &all(&table), &options()).unwrap(), Some(vec![0, 1, 0, 2]));
    let table = with_target(numbers(&[0.5, 1.5]));
    assert_eq!(strata(&table, &all(&table), &options()).unwrap(), None);
}

#[test]
fn predictions_need_no_target_and_get_placeholders() {
    let table = with_target(Column::words("y", &["a", "b", "c"]));
    let encoder = fit(&table, &options());
    let features = table.select(&["x"]).unwrap();
    let data = encoder.encode_features::<f32>(&features, &[0, 2]).unwrap();
    assert_eq!(data.targets, Targets::Classes { classes: 3, codes: vec![0, 0] });
    assert_eq!(data.dense, encoder.encode::<f32>(&table, &[0, 2]).unwrap().dense);
    let error = encoder.encode::<f32>(&features, &[0]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MissingColumn { column, .. } if column == "y"));
}

#[test]
fn balanced_class_weights_make_the_classes_count_alike() {
    // Classes a, a, a, b: n / (k·n_c) = 4/(2·3) = 2/3 and 4/(2·1) = 2.
    let table = with_target(Column::words("y", &["a", "a", "b", "a"]));
    let encoder = fit(&table, &options());
    let mut data = encoder.encode::<f64>(&table, &all(&table)).unwrap();
    let weights = encoder.class_weights(&data, &ClassWeight::Balanced).unwrap();
    assert_eq!(weights, [4.0 / 6.0, 2.0]);
    encoder.apply_class_weights(&mut data, &weights);
    assert_eq!(data.weights, Some(vec![4.0 / 6.0, 4.0 / 6.0, 2.0, 4.0 / 6.0]));
    // Once balanced, they are balanced.
    let again = encoder.class_weights(&data, &ClassWeight::Balanced).unwrap();
    assert!(again.iter().all(|weight| (weight - 1.0).abs() < 1e-12), "{again:?}");
    let named = ClassWeight::Explicit(vec![("b".into(), 5.0)]);
    assert_eq!(encoder.class_weights(&data, &named).unwrap(), [1.0, 5.0]);
    assert_eq!(encoder.class_weights(&data, &ClassWeight::None).unwrap(), [1.0, 1.0]);
    for (name, weight) in [("B", 1.0), ("b", -1.0), ("b", f64::NAN)] {
        let how = ClassWeight::Explicit(vec![(name.into(), weight)]);
        assert!(matches!(
            encoder.class_weights(&data, &how).unwrap_err().kind(),
            ErrorKind::BadSetting { .. }
        ));
    }
    let regression = with_target(numbers(&[0.5, 1.5]));
    let encoder = fit(&regression, &options());
    let data = encoder.encode::<f32>(&regression, &[0, 1]).unwrap();
    let error = encoder.class_weights(&data, &ClassWeight::Balanced).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::BadSetting { .. }));
}
