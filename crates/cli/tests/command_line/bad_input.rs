//! Bad input: exit code 2, a message that says where, what, what was expected and what next, and nothing written.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch};

use crate::place::{Place, QUICK, Ran, flowers};

/// Trains on a file of these bytes; nothing but the file may be there afterwards.
fn refused_table(bytes: impl AsRef<[u8]>, arguments: &[&str], words: &[&str]) {
    let place = Place::new();
    let file = place.write("t.csv", bytes);
    let ran = place.run(["train", "t.csv"].iter().chain(arguments));
    ran.is_refused(words);
    assert_eq!(place.files(), [file], "{ran:#?}");
}

#[test]
fn a_missing_file() {
    let place = Place::new();
    place.run(["train", "none.csv", "--target", "y"]).is_refused(&["none.csv", "no such file"]);
    assert!(place.files().is_empty());
}

#[test]
fn an_empty_file() {
    refused_table("", &["--target", "y"], &["t.csv", "empty", "expected a header"]);
}

#[test]
fn a_header_only() {
    refused_table("x,y\n", &["--target", "y"], &["t.csv", "a header and no row"]);
}

#[test]
fn a_ragged_row() {
    refused_table("x,y\n1,2\n3,4,5\n", &["--target", "y"], &["t.csv, line 3", "3 fields", "expected 2"]);
}

#[test]
fn an_absent_target_column() {
    refused_table(flowers(9), &["--target", "kin"], &["\"kin\"", "close: kind"]);
    refused_table(flowers(9), &["--target", "zebra"], &["\"zebra\"", "length, width, colour, kind"]);
    refused_table(flowers(9), &[], &["target", "--target COLUMN", "length, width, colour, kind"]);
}

#[test]
fn a_target_with_one_class() {
    refused_table("x,y\n1,a\n2,a\n3,a\n", &["--target", "y"], &["\"y\"", "one class"]);
}

#[test]
fn settings_that_only_the_data_or_the_network_can_refuse() {
    for (arguments, words) in [
        (&["--class-weight", "zebra=3"][..], &["class_weight", "zebra"][..]),
        (&["--output-activation", "relu"], &["cross_entropy", "relu"]),
        (&["--optimizer", "lbfgs", "--normalization", "batch"], &["lbfgs", "batch"]),
        (&["--weights", "none.safetensors"], &["none.safetensors"]),
    ] {
        let arguments = [&["--target", "kind", "--hidden", "3", "--epochs", "1"], arguments].concat();
        refused_table(flowers(60), &arguments, words);
    }
}

#[test]
fn a_target_that_is_all_missing() {
    refused_table("x,y\n1,\n2,\n3,\n", &["--target", "y"], &["y"]);
}

#[test]
fn text_in_a_column_declared_numeric() {
    let words = ["t.csv, line 3", "\"x\"", "\"many\"", "expected a number"];
    refused_table("x,y\n1,2\nmany,4\n", &["--target", "y", "--types", "x=number"], &words);
}

#[test]
fn an_infinity() {
    refused_table("x,y\n1,2\ninf,4\n", &["--target", "y"], &["t.csv, line 3", "\"inf\"", "finite"]);
}

#[test]
fn a_parquet_file_cut_short() {
    let whole = a_parquet_file();
    for length in [whole.len() - 1, whole.len() / 2, 4] {
        let place = Place::new();
        place.write("t.parquet", &whole[..length]);
        let arguments = ["train", "t.parquet", "--target", "y"];
        place.run(arguments.into_iter().chain(QUICK)).is_refused(&["t.parquet"]);
        assert_eq!(place.files().len(), 1);
    }
}

/// Sixty rows of `x` and `y`.
pub fn a_parquet_file() -> Vec<u8> {
    let column = |of: fn(f64) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from((0..60).map(|i| of(f64::from(i))).collect::<Vec<_>>()))
    };
    let columns = [("x", column(|i| i * 7.0 % 13.0)), ("y", column(|i| i * 7.0 % 13.0 * 2.0 + 1.0))];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn idx_files_whose_counts_disagree() {
    let place = Place::new();
    write_idx(&place, 60, 59);
    place.run(["train", "digits-idx"]).is_refused(&["59", "60"]);
    assert!(!place.path("runs").exists());
}

/// A folder of IDX files: pictures of 2 × 2 pixels and their labels.
pub fn write_idx(place: &Place, pictures: u32, labels: u32) {
    std::fs::create_dir(place.path("digits-idx")).unwrap();
    let mut bytes = vec![0, 0, 8, 3];
    for size in [pictures, 2, 2] {
        bytes.extend(size.to_be_bytes());
    }
    bytes.extend((0..pictures * 4).map(|pixel| if pixel / 4 % 2 == 0 { 200 + pixel as u8 % 50 } else { 9 }));
    place.write("digits-idx/train-images-idx3-ubyte", bytes);
    let mut bytes = vec![0, 0, 8, 1];
    bytes.extend(labels.to_be_bytes());
    bytes.extend((0..labels).map(|label| label as u8 % 2));
    place.write("digits-idx/train-labels-idx1-ubyte", bytes);
}

#[test]
fn a_model_file_that_is_cut_or_flipped_in_one_byte() {
    let place = Place::with_model();
    let whole = place.read("runs/first/model.safetensors");
    for at in [0, 9, whole.len() / 3, whole.len() / 2, whole.len() - 1] {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        place.write("bad.safetensors", &flipped);
        place.run(["predict", "bad.safetensors", "flowers.csv"]).is_refused(&["bad.safetensors"]);
        place.write("bad.safetensors", &whole[..at]);
        place.run(["inspect", "bad.safetensors"]).is_refused(&["bad.safetensors"]);
    }
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    place.write("bad.safetensors", &flipped);
    place.run(["evaluate", "bad.safetensors", "flowers.csv"]).is_refused(&["damaged", "SHA-256"]);
}

#[test]
fn a_table_that_lacks_a_column_of_the_model() {
    let place = Place::with_model();
    place.write("new.csv", "length,widht,colour\n1,2,red\n");
    let arguments = ["predict", "first", "new.csv", "--out", "p.csv"];
    place.run(arguments).is_refused(&["new.csv", "\"width\"", "close: widht"]);
    assert!(!place.path("p.csv").exists());
}

#[test]
fn an_option_value_that_is_not_allowed() {
    for (arguments, words) in [
        (["--optimizer", "foo"], vec!["optimizer", "\"foo\"", "gradient_descent", "lbfgs"]),
        (["--learning-rate", "0"], vec!["learning_rate", "got 0", "above 0"]),
        (["--learning-rate", "NaN"], vec!["learning_rate", "NaN", "above 0"]),
        (["--learning-rate", "-0.1"], vec!["learning_rate", "-0.1", "above 0"]),
        (["--epochs", "0"], vec!["epochs", "from 1 to"]),
        (["--seed", "many"], vec!["seed", "\"many\""]),
        (["--header", "maybe"], vec!["maybe"]),
        (["--validation", "1.5"], vec!["validation", "1.5"]),
    ] {
        let place = Place::new();
        let ran = place.run(["train", "xor"].iter().chain(&arguments));
        if arguments[0] == "--header" {
            // The word after a flag that may stand alone is taken for another table.
            assert_eq!(ran.code, Some(2), "{ran:#?}");
        } else {
            ran.is_refused(&words);
        }
        assert!(place.files().is_empty());
    }
}

#[test]
fn a_configuration_with_a_mistake_names_its_line() {
    let place = Place::new();
    for (text, words) in [
        ("epochs = 3\nhiden = [4]\n", ["c.toml, line 2", "hiden", "hidden"]),
        ("epochs = 0\n", ["c.toml, line 1", "epochs", "from 1 to"]),
        ("epochs = \n", ["c.toml, line 1", "c.toml", "line 1"]),
    ] {
        place.write("c.toml", text);
        place.run(["train", "xor", "--config", "c.toml"]).is_refused(&words);
    }
    place.run(["train", "--config", "none.toml"]).is_refused(&["none.toml", "no such file"]);
    assert!(!place.path("runs").exists());
}

#[test]
fn settings_that_contradict_each_other() {
    let place = Place::new();
    let ran: Ran = place.run(["train", "xor", "--momentum", "0.9", "--optimizer", "adam"]);
    ran.is_refused(&["momentum", "adam"]);
    place.run(["train", "xor", "--target", "y", "--ignore", "y"]).is_refused(&["target y", "ignore y"]);
    place.run(["train", "xor", "--ignore", "zebra"]).is_refused(&["\"zebra\"", "x1, x2, y"]);
    assert!(place.files().is_empty());
}

#[test]
fn a_plan_above_the_memory_there_is() {
    let place = Place::new();
    let arguments = ["train", "xor", "--hidden", "1000000,1000000,1000000"];
    place.run(arguments).is_refused(&["needs about", "allows", "--hidden"]);
    assert!(place.files().is_empty());
}

#[test]
fn a_model_that_does_not_exist() {
    let place = Place::with_model();
    place.run(["inspect", "frist"]).is_refused(&["frist", "close: first"]);
    place.run(["inspect", "zebra"]).is_refused(&["zebra", "runs here: first"]);
    Place::new().run(["inspect", "zebra"]).is_refused(&["zebra", "deltarule train"]);
}

#[test]
fn an_output_that_cannot_be_written_or_is_an_input() {
    let place = Place::with_model();
    let before = place.read("flowers.csv");
    let predict = |out: &str| place.run(["predict", "first", "flowers.csv", "--out", out]);
    predict("none/p.csv").is_refused(&["none/p.csv", "cannot write"]);
    predict("./flowers.csv").is_refused(&["flowers.csv", "the table that is read"]);
    predict("runs/first/model.safetensors").is_refused(&["the model that is read"]);
    assert_eq!(place.read("flowers.csv"), before);
}

#[test]
fn a_finished_run_is_not_overwritten() {
    let place = Place::with_model();
    let before = place.read("runs/first/model.safetensors");
    place.run(["train", "xor", "--run", "first"]).is_refused(&["runs/first", "finished run", "--run"]);
    place.run(["train", "--resume"]).is_refused(&["resume", "--run"]);
    place.run(["train", "--resume", "--run", "none"]).is_refused(&["none"]);
    assert_eq!(place.read("runs/first/model.safetensors"), before);
}
