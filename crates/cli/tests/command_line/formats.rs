//! What can be read, and how it is said.

use std::io::Write;

use crate::bad_input::{a_parquet_file, write_idx};
use crate::place::{Place, QUICK, flowers};

/// Trains quickly, and gives the rows that were read.
fn rows(place: &Place, arguments: &[&str]) -> u64 {
    let report = place.run(["train"].iter().chain(arguments).chain(&QUICK).chain(&["--json"])).json();
    ["train", "validation", "test"].iter().map(|part| report["rows"][part].as_u64().unwrap()).sum()
}

#[test]
fn tables_come_in_many_formats() {
    let place = Place::new();
    let table = flowers(60);
    place.write("t.tsv", table.replace(',', "\t"));
    place.write("s.csv", table.replace(',', ";"));
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(table.as_bytes()).unwrap();
    place.write("t.csv.gz", gz.finish().unwrap());
    place.write("t.parquet", a_parquet_file());
    place.write("t.npy", an_npy_file());
    write_idx(&place, 60, 60);
    for arguments in [
        &["t.tsv", "--target", "kind"][..],
        &["s.csv", "--target", "kind"],
        &["s.csv", "--target", "kind", "--delimiter", "semicolon"],
        &["t.csv.gz", "--target", "kind"],
        &["t.parquet", "--target", "y"],
        &["t.npy", "--target", "x1"],
        &["digits-idx"],
    ] {
        assert_eq!(rows(&place, arguments), 60, "{arguments:?}");
    }
}

/// Sixty rows of two numbers.
fn an_npy_file() -> Vec<u8> {
    let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (60, 2), }";
    let header = format!("{header:<117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    for row in 0..60 {
        let x = f64::from(row * 7 % 13);
        bytes.extend(x.to_le_bytes());
        bytes.extend((2.0 * x + 1.0).to_le_bytes());
    }
    bytes
}

#[test]
fn standard_input_is_a_table() {
    let place = Place::new();
    let arguments = ["train", "-", "--target", "kind", "--run", "first", "--json"];
    let report = place.run_on(flowers(60).as_bytes(), arguments.into_iter().chain(QUICK)).json();
    assert_eq!(report["model"], "runs/first/model.safetensors");
    let predicted = place.run_on(b"length,width,colour\n1,2,red\n", ["predict", "first", "-"]);
    assert_eq!(predicted.is_done().out.lines().count(), 2);
}

#[test]
fn reading_is_said_once_and_remembered_by_the_model() {
    let place = Place::new();
    // No header, -9 for a missing value, a delimiter that is not recognised by itself.
    let table: String =
        (0..60).map(|i| format!("{}:{}:{}\n", i % 7, if i == 5 { -9 } else { i % 5 }, i % 2)).collect();
    place.write("t.txt", table);
    let reading = ["--header", "false", "--delimiter", "colon", "--missing", "-9"];
    let arguments = ["train", "t.txt", "--target", "x2", "--run", "first"];
    place.run(arguments.iter().chain(&reading).chain(&QUICK)).is_done();
    assert_eq!(place.run(["predict", "first", "t.txt"]).is_done().out.lines().count(), 61);
    let evaluated = place.run(["evaluate", "first", "t.txt", "--json"]).json();
    assert_eq!(evaluated["rows"], 60);
    place.run(["predict", "first", "t.txt", "--delimiter", "tab"]).is_refused(&["t.txt"]);
}

#[test]
fn generated_sets_take_rows_and_noise() {
    let place = Place::new();
    assert_eq!(rows(&place, &["circles", "--rows", "120", "--noise", "0.2"]), 120);
}
