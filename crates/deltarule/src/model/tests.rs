use deltarule_kernels::Real;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::activation::Activation;
use crate::encoder::EncoderOptions;
use crate::network::{LayerSpec, Network};
use crate::store::Tensor;
use crate::table::{Column, ColumnData};

fn people() -> Table {
    let columns = vec![
        Column::numbers("age", vec![20.0, 40.0, 60.0, 30.0, 50.0, 25.0]),
        Column::words("city", &["Rome", "Oslo", "Rome", "Bonn", "Oslo", "Bonn"]),
        Column::words("pays", &["no", "yes", "yes", "no", "yes", "no"]),
        Column::numbers("sum", vec![1.5, 2.0, 40.0, -3.0, 7.0, 0.25]),
        Column::words("kind", &["a", "b", "c", "a", "b", "c"]),
        Column::new("left", ColumnData::Boolean([true, false, true, true, false, false].map(Some).to_vec())),
        Column::new("right", ColumnData::Boolean([true, true, false, true, false, true].map(Some).to_vec())),
    ];
    Table::new("people.csv", columns).unwrap()
}

/// An encoder for these targets, on the columns age and city.
fn encoder(target: &[&str]) -> Encoder {
    let all = ["pays", "sum", "kind", "left", "right"];
    let options = EncoderOptions {
        target: target.iter().map(|&name| name.to_owned()).collect(),
        ignore: all.into_iter().filter(|name| !target.contains(name)).map(str::to_owned).collect(),
        ..EncoderOptions::default()
    };
    Encoder::fit(&people(), &[0, 1, 2, 3, 4, 5], &options).unwrap()
}

fn spec(encoder: &Encoder) -> NetworkSpec {
    let output = match encoder.task() {
        Task::Regression => Activation::Identity,
        Task::Multiclass => Activation::Softmax,
        Task::Binary | Task::Multilabel => Activation::Sigmoid,
    };
    NetworkSpec::on(encoder.input_shape().clone())
        .dense(4, Activation::Tanh)
        .with(LayerSpec::BatchNorm { activation: Activation::Identity })
        .dropout(0.5)
        .dense(encoder.outputs(), output)
}

fn model_of<F: Real>(target: &[&str], seeds: &[u64]) -> Model {
    let encoder = encoder(target);
    let spec = spec(&encoder);
    let networks: Vec<Network<F>> = seeds.iter().map(|&seed| spec.build(seed).unwrap()).collect();
    let mut config = Config::default();
    config.set("epochs", "3").unwrap();
    let metrics = BTreeMap::from([("test".to_owned(), Figures::from([("rmse".to_owned(), 0.1 + 0.2)]))]);
    Model::new(encoder, Members::of(&networks), &config, metrics).unwrap()
}

fn read_back(model: &Model) -> Model {
    Model::from_bytes(Path::new("m"), model.to_bytes().unwrap()).unwrap()
}

/// The content and the tensors of a model, to be spoilt and put into a file with a good checksum.
fn parts(model: &Model) -> (Value, Vec<Tensor<'_>>) {
    (model.content(), model.members.tensors())
}

fn refused(content: &Value, tensors: &[Tensor<'_>]) -> crate::Error {
    let bytes = store::encode(Kind::Model, content, tensors).unwrap();
    Model::from_bytes(Path::new("m"), bytes).unwrap_err()
}

#[test]
fn a_model_comes_back_as_it_was_and_predicts_the_same() {
    let pool = Pool::new(1);
    for model in [
        model_of::<f32>(&["pays"], &[1]),
        model_of::<f64>(&["sum"], &[1]),
        model_of::<f32>(&["kind"], &[1, 2, 3]),
        model_of::<f32>(&["left", "right"], &[1, 2]),
    ] {
        let read = read_back(&model);
        assert_eq!(read.members(), model.members());
        assert_eq!(read.encoder(), model.encoder());
        assert_eq!((read.config(), read.metrics()), (model.config(), model.metrics()));
        assert_eq!(read.digest(), model.digest());
        assert_eq!(read.to_bytes().unwrap(), model.to_bytes().unwrap());
        let before = model.predict(&pool, &people()).unwrap();
        assert_eq!(read.predict(&pool, &people()).unwrap(), before);
        assert_eq!(before.rows(), 6);
    }
}

#[test]
fn the_file_holds_tensors_under_plain_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let model = model_of::<f32>(&["pays"], &[1]);
    model.save(&path).unwrap();
    let stored = store::read_plain(&path).unwrap();
    let names: Vec<&str> = stored.tensors().map(|(name, _)| name).collect();
    assert!(names.starts_with(&["layers.0.b", "layers.0.w"]), "{names:?}");
    assert!(names.contains(&"layers.1.running_mean"), "{names:?}");
    let loaded = Model::load(&path).unwrap();
    assert_eq!(loaded.checksum().map(str::len), Some(64));
    let both = model_of::<f32>(&["pays"], &[1, 2]);
    let stored = store::decode(Path::new("m"), Kind::Model, both.to_bytes().unwrap()).unwrap();
    assert!(stored.shape("members.1.layers.0.w").is_ok());
}

#[test]
fn a_binary_prediction_is_the_second_class_above_one_half() {
    let model = model_of::<f32>(&["pays"], &[1]);
    let mut predictions = Predictions::none(&model);
    // 0.3 in single precision, ½ itself, 0.75, and an output that is not a number.
    predictions.extend(&[f64::from(0.3_f32), 0.5, 0.75, f64::NAN]);
    let mut csv = Vec::new();
    predictions.write_csv(&mut csv).unwrap();
    let csv = String::from_utf8(csv).unwrap();
    assert_eq!(
        csv,
        "prediction,probability_no,probability_yes\nno,0.7,0.3\nno,0.5,0.5\nyes,0.25,0.75\n,NaN,NaN\n"
    );
    let json = predictions.to_json();
    assert_eq!(json[0], json!({"prediction": "no", "probability_no": 0.7, "probability_yes": 0.3}));
    assert_eq!(json[3], json!({"prediction": null, "probability_no": null, "probability_yes": null}));
    assert_eq!((predictions.class(2), predictions.probability(2, 0)), (Some(1), Some(0.25)));
}

#[test]
fn a_class_is_the_first_of_the_most_probable() {
    let model = model_of::<f64>(&["kind"], &[1]);
    let mut predictions = Predictions::none(&model);
    predictions.extend(&[0.25, 0.375, 0.375]);
    assert_eq!(predictions.class(0), Some(1));
    assert_eq!(predictions.columns(), ["prediction", "probability_a", "probability_b", "probability_c"]);
    assert_eq!(predictions.to_json()[0]["prediction"], "b");
}

#[test]
fn labels_and_several_numbers_have_columns_of_their_own() {
    let labels = model_of::<f32>(&["left", "right"], &[1]);
    let mut predictions = Predictions::none(&labels);
    predictions.extend(&[0.75, 0.25]);
    assert_eq!(
        predictions.to_json()[0],
        json!({"prediction_left": true, "probability_left": 0.75, "prediction_right": false, "probability_right": 0.25})
    );
    let numbers = model_of::<f32>(&["sum", "age"], &[1]);
    assert_eq!(Predictions::none(&numbers).columns(), ["prediction_sum", "prediction_age"]);
    assert_eq!(Predictions::none(&model_of::<f32>(&["sum"], &[1])).columns(), ["prediction"]);
}

#[test]
fn rows_of_json_are_written_as_the_tree_has_them() {
    for targets in [&["pays"][..], &["kind"], &["left", "right"], &["sum"]] {
        let predictions = model_of::<f32>(targets, &[1]).predict(&Pool::new(1), &people()).unwrap();
        let mut text = b"[".to_vec();
        predictions.write_json_rows(false, &mut text).unwrap();
        predictions.write_json_rows(true, &mut text).unwrap();
        text.push(b']');
        let rows = serde_json::from_slice::<Value>(&text).unwrap();
        assert_eq!(rows.as_array().unwrap()[..6], predictions.to_json().as_array().unwrap()[..]);
        assert_eq!(rows.as_array().unwrap()[6..], predictions.to_json().as_array().unwrap()[..]);
    }
}

#[test]
fn a_prepared_model_answers_tables_of_any_length_with_the_same_bits() {
    fn check<F: Real>() {
        let model = model_of::<F>(&["kind"], &[1, 2]);
        let pool = Pool::new(1);
        let mut prepared = model.prepare(&pool);
        for rows in [1, 6, 0, 5000, 2] {
            let table = people().take_rows(&(0..rows).map(|row| row % 6).collect::<Vec<_>>());
            assert_eq!(prepared.predict(&table).unwrap(), model.predict(&Pool::new(2), &table).unwrap());
        }
        let lacking = people().select(&["age"]).unwrap();
        assert!(matches!(prepared.predict(&lacking).unwrap_err().kind(), ErrorKind::MissingColumn { .. }));
        assert_eq!(prepared.predict(&people()).unwrap(), model.predict(&pool, &people()).unwrap());
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn names_with_commas_and_quotes_are_quoted() {
    let mut model = model_of::<f32>(&["pays"], &[1]);
    let text = serde_json::to_string(&model.encoder).unwrap().replace("\"yes\"", "\"ye,\\\"s\"");
    model.encoder = serde_json::from_str(&text).unwrap();
    let mut predictions = Predictions::none(&model);
    predictions.extend(&[1.0]);
    let mut csv = Vec::new();
    predictions.write_csv(&mut csv).unwrap();
    let csv = String::from_utf8(csv).unwrap();
    assert_eq!(csv, "prediction,probability_no,\"probability_ye,\"\"s\"\n\"ye,\"\"s\",0.0,1.0\n");
}

#[test]
fn members_are_averaged() {
    let pool = Pool::new(1);
    for target in [["pays"], ["sum"], ["kind"]] {
        let single = |seed| model_of::<f64>(&target, &[seed]).predict(&pool, &people()).unwrap();
        let both = model_of::<f64>(&target, &[1, 2]).predict(&pool, &people()).unwrap();
        for ((a, b), mean) in single(1).values().iter().zip(single(2).values()).zip(both.values()) {
            assert!(((a + b) / 2.0 - mean).abs() <= 1e-15 * mean.abs(), "{target:?}: {a} {b} {mean}");
        }
    }
}

#[test]
fn predictions_do_not_need_the_target_and_do_not_depend_on_the_block() {
    let pool = Pool::new(1);
    let model = model_of::<f32>(&["sum"], &[1]);
    let mut table = people();
    let all = model.predict(&pool, &table).unwrap();
    table.drop_column("sum").unwrap();
    let rows: Vec<usize> = (0..3000).map(|row| row % 6).collect();
    let many = model.predict(&pool, &table.take_rows(&rows)).unwrap();
    assert_eq!(many.rows(), 3000);
    for (row, value) in many.values().iter().enumerate() {
        assert!((value - all.values()[row % 6]).abs() <= 1e-5 * value.abs());
    }
    let none = model.predict(&pool, &table.take_rows(&[])).unwrap();
    assert_eq!((none.rows(), none.to_json()), (0, json!([])));
}

#[test]
fn a_table_that_lacks_a_column_is_refused_by_name_even_without_rows() {
    let pool = Pool::new(1);
    let model = model_of::<f32>(&["pays"], &[1]);
    let mut table = people();
    table.drop_column("city").unwrap();
    for table in [table.clone(), table.take_rows(&[])] {
        match model.predict(&pool, &table).unwrap_err().kind() {
            ErrorKind::MissingColumn { column, .. } => assert_eq!(column, "city"),
            other => panic!("{other:?}"),
        }
    }
    let mut table = people();
    table.drop_column("pays").unwrap();
    let error = model.evaluate(&pool, &table).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MissingColumn { .. }), "{error}");
}

#[test]
fn an_evaluation_is_of_the_predictions_in_the_targets_units() {
    let pool = Pool::new(1);
    let model = model_of::<f64>(&["sum"], &[1]);
    let predicted = model.predict(&pool, &people()).unwrap();
    let truth = [1.5, 2.0, 40.0, -3.0, 7.0, 0.25];
    let errors = predicted.values().iter().zip(truth).map(|(p, y)| (y - p).abs());
    let worst = errors.clone().fold(0.0, f64::max);
    let evaluation = model.evaluate(&pool, &people()).unwrap();
    assert!((evaluation.figures["mae"] - errors.sum::<f64>() / 6.0).abs() < 1e-12);
    assert_eq!(evaluation.rows, 6);
    let (name, residuals) = &evaluation.residuals[0];
    assert_eq!(name, "sum");
    assert!((residuals.largest[0].residual.abs() - worst).abs() < 1e-12);
    assert!(evaluation.confusion.is_none() && evaluation.per_class.is_empty());
}

#[test]
fn an_evaluation_of_classes_counts_them_and_leaves_out_rows_without_a_target() {
    let pool = Pool::new(1);
    let model = model_of::<f32>(&["kind"], &[1]);
    let kinds = [Some("a"), None, Some("c"), Some("d"), Some("b"), Some("c")];
    let table =
        people().with_column(Column::new("kind", ColumnData::Text(kinds.into_iter().collect()))).unwrap();
    let evaluation = model.evaluate(&pool, &table).unwrap();
    assert_eq!(evaluation.rows, 4); // one missing, one of a class that training did not see
    assert_eq!(evaluation.notes.len(), 2);
    let confusion = evaluation.confusion.unwrap();
    assert_eq!(confusion.support, [1.0, 1.0, 2.0]);
    let predictions = model.predict(&pool, &table).unwrap();
    let right = [(0, 0), (2, 2), (4, 1), (5, 2)]
        .into_iter()
        .filter(|&(row, class)| predictions.class(row) == Some(class));
    assert_eq!(evaluation.figures["accuracy"], right.count() as f64 / 4.0);
    let names: Vec<&str> = evaluation.per_class.iter().map(|report| report.class.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(evaluation.per_class[2].figures.support, 2.0);

    let binary = model_of::<f32>(&["pays"], &[1]).evaluate(&pool, &people()).unwrap();
    assert_eq!(binary.confusion.unwrap().support, [3.0, 3.0]);
    let labels = model_of::<f32>(&["left", "right"], &[1]).evaluate(&pool, &people()).unwrap();
    assert!(labels.figures.contains_key("label_accuracy") && labels.confusion.is_none());

    let unknown = people().with_column(Column::words("kind", &["x"; 6])).unwrap();
    let error = model.evaluate(&pool, &unknown).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooFewRows { .. }), "{error}");
}

#[test]
fn networks_that_do_not_fit_are_refused() {
    let encoder = encoder(&["pays"]);
    let fitting = spec(&encoder).build::<f32>(1).unwrap();
    let other = NetworkSpec::new(7).dense(1, Activation::Sigmoid).build::<f32>(1).unwrap();
    let wide =
        NetworkSpec::on(encoder.input_shape().clone()).dense(3, Activation::Softmax).build::<f32>(1).unwrap();
    for networks in [vec![], vec![other.clone()], vec![wide], vec![fitting, other]] {
        let refused =
            Model::new(encoder.clone(), Members::F32(networks), &Config::default(), BTreeMap::new());
        assert!(matches!(refused.unwrap_err().kind(), ErrorKind::ShapeMismatch { .. }));
    }
}

#[test]
fn weights_that_are_not_finite_are_refused() {
    let mut model = model_of::<f32>(&["pays"], &[1]);
    let Members::F32(networks) = &mut model.members else { unreachable!("made of f32") };
    networks[0].params_mut()[3] = f32::NAN;
    let error = Model::from_bytes(Path::new("m"), model.to_bytes().unwrap()).unwrap_err();
    assert!(error.to_string().contains("NaN") && error.to_string().contains("layers.0.w"), "{error}");
}

#[test]
fn forged_sizes_are_refused_before_anything_is_allocated() {
    let model = model_of::<f32>(&["pays"], &[1]);
    let (content, tensors) = parts(&model);
    let huge = json!(u64::MAX / 2);
    let spoilt = |pointer: &str, value: &Value| {
        let mut content = content.clone();
        *content.pointer_mut(pointer).expect("there is such a place") = value.clone();
        content
    };
    for pointer in ["/network/layers/0/units", "/network/layers/3/units", "/network/input/dense", "/members"]
    {
        for value in [&huge, &json!(0), &json!(5), &json!(1_u64 << 40)] {
            let error = refused(&spoilt(pointer, value), &tensors);
            let kind = error.kind();
            let told = matches!(
                kind,
                ErrorKind::BadFormat { .. } | ErrorKind::ShapeMismatch { .. } | ErrorKind::BadSetting { .. }
            );
            assert!(told, "{pointer} = {value}: {error}");
        }
    }
    for (pointer, value) in [
        ("/precision", json!("f16")),
        ("/precision", json!("f64")),
        ("/task", json!("regression")),
        ("/network", json!(null)),
        ("/encoder", json!({})),
        ("/config", json!({"no_such_setting": 1})),
        ("/metrics", json!({"test": {"rmse": "small"}})),
    ] {
        let error = refused(&spoilt(pointer, &value), &tensors);
        assert!(matches!(error.kind(), ErrorKind::BadFormat { .. }), "{pointer} = {value}: {error}");
    }
}

#[test]
fn a_tensor_too_few_too_many_or_of_another_shape_is_refused() {
    let model = model_of::<f32>(&["pays"], &[1]);
    let (content, tensors) = parts(&model);
    assert!(matches!(refused(&content, &tensors[1..]).kind(), ErrorKind::BadFormat { .. }));
    let mut more = tensors.clone();
    more.push(Tensor::new("layers.9.w", &[1], &[0.0_f32]));
    assert!(matches!(refused(&content, &more).kind(), ErrorKind::BadFormat { .. }));
    let count = model.spec().input.fan_in() * 4;
    let flat = vec![0.0_f32; count];
    let mut turned = tensors.clone();
    turned[0] = Tensor::new("layers.0.w", &[count], &flat);
    assert!(matches!(refused(&content, &turned).kind(), ErrorKind::ShapeMismatch { .. }));
}

#[test]
fn a_cut_or_flipped_model_file_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let bytes = model_of::<f32>(&["pays"], &[1]).to_bytes().unwrap();
    for length in (1..bytes.len()).step_by(97) {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let error = Model::load(&path).unwrap_err();
        let told = matches!(error.kind(), ErrorKind::ChecksumMismatch { .. } | ErrorKind::BadFormat { .. });
        assert!(told, "cut at {length}: {error}");
    }
    for at in (0..bytes.len()).step_by(61) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 4;
        let error = Model::from_bytes(&path, flipped).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ChecksumMismatch { .. }), "flipped at {at}: {error}");
    }
}

#[test]
fn the_summary_tells_columns_layers_and_parameters() {
    let model = model_of::<f32>(&["pays"], &[1, 2]);
    let summary = model.summary();
    let columns: Vec<_> = summary.columns.iter().map(|column| (column.name.as_str(), column.role)).collect();
    assert_eq!(columns, [("age", "feature"), ("city", "feature"), ("pays", "target")]);
    assert_eq!(summary.members, 2);
    assert_eq!(summary.classes, ["no", "yes"]);
    let kinds: Vec<_> = summary.layers.iter().map(|layer| layer.kind).collect();
    assert_eq!(kinds, ["dense", "batch_norm", "dropout", "dense"]);
    // w and b of 4 units, scale and shift, w and b of the output.
    assert_eq!(summary.parameters, summary.inputs * 4 + 4 + 4 + 4 + 4 + 1);
    assert_eq!(summary.parameters, summary.layers.iter().map(|layer| layer.parameters).sum::<usize>());
    assert_eq!(serde_json::to_value(&summary).unwrap()["config"]["epochs"], 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn content_spoilt_anywhere_never_panics(place in any::<prop::sample::Index>(), with in 0_usize..6) {
        let model = model_of::<f32>(&["pays"], &[1]);
        let (mut content, tensors) = parts(&model);
        let mut pointers = Vec::new();
        pointers_of(&content, "", &mut pointers);
        let pointer = place.get(&pointers);
        let values = [json!(null), json!(-1), json!(1e300), json!(u64::MAX), json!("x"), json!([])];
        *content.pointer_mut(pointer).expect("it was found there") = values[with].clone();
        let bytes = store::encode(Kind::Model, &content, &tensors).unwrap();
        if let Ok(model) = Model::from_bytes(Path::new("m"), bytes) {
            let _ = model.predict(&Pool::new(1), &people());
        }
    }
}

fn pointers_of(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                pointers_of(value, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(values) => {
            for (i, value) in values.iter().enumerate() {
                pointers_of(value, &format!("{at}/{i}"), found);
            }
        }
        _ => {}
    }
}
