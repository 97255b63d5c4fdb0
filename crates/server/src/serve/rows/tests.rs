use std::borrow::Cow;

use axum::http::StatusCode;
use deltarule::Pool;
use serde_json::{Value, json};

use super::*;
use crate::serve::about::tests::{model_of, model_of_all_kinds, model_of_two_numbers};

fn inputs() -> Inputs {
    Inputs::new(model_of_all_kinds().encoder(), 1000)
}

fn two() -> Inputs {
    Inputs::new(model_of_two_numbers().encoder(), 1000)
}

/// The numbers of both columns, NaN as −1.
fn numbers(inputs: &Inputs, body: &str) -> Vec<Vec<f64>> {
    let table = inputs.table(body.as_bytes()).unwrap_or_else(|refusal| panic!("{body}: {refusal:?}"));
    let number = |row, column| match table.number_at(row, column) {
        missing if missing.is_nan() => -1.0,
        number => number,
    };
    (0..table.rows()).map(|row| (0..2).map(|column| number(row, column)).collect()).collect()
}

fn refused(inputs: &Inputs, body: &str) -> Refusal {
    match inputs.table(body.as_bytes()) {
        Ok(table) => panic!("{body} gave {} rows", table.rows()),
        Err(refusal) => refusal,
    }
}

#[test]
fn rows_come_in_four_forms() {
    let expected = vec![vec![1.0, 2.0], vec![3.0, -1.0]];
    for body in [
        r#"[{"a":1,"b":2},{"b":null,"a":3}]"#,
        r#"{"rows":[{"a":1,"b":2},{"a":3,"b":""}]}"#,
        r#"{"columns":{"b":[2,null],"a":[1,3]}}"#,
        r#" {"note":{"rows":[1]},"columns":{"c":[[{}]],"a":[1,"3"],"b":["2.0"," "]},"more":[null]} "#,
    ] {
        assert_eq!(numbers(&two(), body), expected, "{body}");
    }
    assert_eq!(numbers(&two(), r#"{"b":2,"a":1,"c":[1,{"a":5}]}"#), expected[..1]);
    for none in ["[]", r#"{"rows":[]}"#, r#"{"columns":{"a":[],"b":[]}}"#] {
        assert!(numbers(&two(), none).is_empty(), "{none}");
    }
}

#[test]
fn a_column_may_be_called_as_what_holds_the_rows() {
    use deltarule::table::Column;
    let of = |names: [&str; 2]| {
        let numbers = |name: &str, from: f64| Column::numbers(name, vec![from, from * 2.0, 7.0, 1.0]);
        Inputs::new(model_of(vec![numbers(names[0], 3.0), numbers(names[1], 5.0)]).encoder(), 10)
    };
    let named = of(["rows", "columns"]);
    let expected = vec![vec![1.0, 2.0]];
    for body in [
        r#"{"rows":1,"columns":2}"#,
        r#"[{"rows":1,"columns":2}]"#,
        r#"{"rows":[{"columns":2,"rows":1}]}"#,
        r#"{"columns":{"columns":[2],"rows":[1]}}"#,
    ] {
        assert_eq!(numbers(&named, body), expected, "{body}");
    }
    assert!(refused(&named, r#"{"rows":[],"columns":2}"#).message().contains("a row's own values"));
}

#[test]
fn values_are_of_their_columns_types() {
    let table = inputs()
        .table(
            br#"[{"age":"31","city":"Rome","member":1,"since":"2024-01-31"},
                 {"age":true,"city":7.50,"member":"yes","since":null},
                 {"age":-0.0,"city":12345678901234567890,"member":false,"since":"2024-01-31T01:00:00+01:00"},
                 {"age":1e-400,"city":null,"member":null,"since":""}]"#,
        )
        .unwrap();
    let words = |column: &str| -> Vec<Option<String>> {
        let column = table.column(column).unwrap();
        (0..4).map(|row| column.word(row).map(Cow::into_owned)).collect()
    };
    let some = |words: [&str; 4]| words.map(|word| (!word.is_empty()).then(|| word.to_owned())).to_vec();
    assert_eq!(words("age"), some(["31", "1", "-0", "0"]));
    assert_eq!(words("city"), some(["Rome", "7.5", "12345678901234567890", ""]));
    assert_eq!(words("member"), some(["true", "true", "false", ""]));
    assert_eq!(words("since"), some(["2024-01-31T00:00:00Z", "", "2024-01-31T00:00:00Z", ""]));
}

#[test]
fn json_and_csv_of_the_same_rows_are_predicted_to_the_same_bits() {
    let model = model_of_all_kinds();
    let json = br#"[{"age":31.25,"city":"Oslo","member":true,"since":"1970-03-01"},
                    {"age":null,"city":"Paris","member":null,"since":null}]"#;
    let csv = b"since,age,city,member\n1970-03-01,31.25,Oslo,true\n,,Paris,\n".to_vec();
    let reading = deltarule::table::ReadOptions {
        expected: model.encoder().column_types(),
        ..deltarule::table::ReadOptions::default()
    };
    let tables =
        [inputs().table(json).unwrap(), deltarule::table::read_bytes(csv, "t.csv", &reading).unwrap()];
    let [a, b] = tables.map(|table| model.predict(&Pool::new(1), &table).unwrap());
    assert_eq!(a, b);
    assert_eq!(a.rows(), 2);
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (body, message, fields) in [
        (
            r#"[{"a":1,"b":2},{"a":1}]"#,
            "row 2: the model needs column \"b\"",
            json!({"row": 2, "column": "b"}),
        ),
        (r#"[{"a":1,"B":2}]"#, "close: B; rename it", json!({"similar": ["B"]})),
        (r#"{}"#, "row 1: the model needs column \"a\"", json!({"row": 1})),
        (r#"{"columns":{"a":[1]}}"#, "needs column \"b\", which the table lacks", json!({"column": "b"})),
        (
            r#"{"columns":{"a":[1],"b":[]}}"#,
            "got 0 values; expected 1, as in column \"a\"",
            json!({"got": 0}),
        ),
        (
            r#"{"columns":{"a":[1],"b":2}}"#,
            "got 2; expected an array of the column's values",
            json!({"got": "2"}),
        ),
        (r#"[{"a":1,"a":2,"b":3}]"#, "got \"a\" twice", json!({"column": "a"})),
        (r#"{"columns":{"a":[1],"a":[1],"b":[1]}}"#, "got \"a\" twice", json!({"column": "a"})),
        (
            r#"[{"a":"old","b":1}]"#,
            "row 1, column \"a\": got \"old\"; expected a finite number",
            json!({"row": 1}),
        ),
        (
            r#"[{"a":1,"b":2},{"a":[1],"b":1}]"#,
            "row 2, column \"a\": got an array; expected one value",
            json!({}),
        ),
        (r#"[{"a":1,"b":{}}]"#, "got an object; expected one value", json!({"column": "b"})),
        (r#"[{"a":"1e999","b":1}]"#, "expected a finite number", json!({})),
        (r#"[1]"#, "got 1; expected an object for each row", json!({})),
        (r#"[[{"a":1,"b":1}]]"#, "got an array; expected an object for each row", json!({})),
        (r#"[{"a":1,"b":1}, null]"#, "after row 1: got null", json!({})),
        ("3", "got 3; expected an array of objects", json!({})),
        ("\"a\"", "got \"a\"; expected", json!({})),
        ("null", "got null; expected", json!({})),
        (r#"{"rows":[],"columns":{"a":[],"b":[]}}"#, "rows in more than one place", json!({})),
        (r#"{"rows":[],"rows":[]}"#, "rows in more than one place", json!({})),
        (r#"{"a":1,"rows":[{"a":1,"b":2}]}"#, "rows in more than one place", json!({})),
        (r#"{"rows":[{"a":1,"b":2}],"a":1}"#, "a row's own values", json!({})),
        (r#"{"rows":{"a":1}}"#, "needs column \"a\"", json!({})),
        ("", "no JSON (EOF", json!({})),
        ("[{\"a\":1,\"b\":2}", "no JSON (EOF", json!({})),
        ("[{\"a\":1,\"b\":2}]]", "trailing", json!({})),
        (r#"[{"a":1e999,"b":2}]"#, "number out of range", json!({})),
        (r#"[{"a":NaN,"b":2}]"#, "line 1, column 7", json!({})),
        (r#"[{"a":1,"b":2,}]"#, "trailing comma", json!({})),
        (r#"[{"a":"\ud800","b":2}]"#, "no JSON", json!({})),
    ] {
        let refusal = refused(&two(), body);
        assert_eq!(refusal.status(), StatusCode::BAD_REQUEST, "{body}");
        assert!(
            refusal.message().starts_with("the request") && refusal.message().contains(message),
            "{refusal:?}"
        );
        for (name, value) in fields.as_object().unwrap() {
            assert_eq!(refusal.field(name), value, "{body}: {name}");
        }
    }
    let refusal = refused(&inputs(), r#"[{"age":1,"city":"x","member":"perhaps","since":5}]"#);
    assert!(refusal.message().contains("expected true or false"), "{refusal:?}");
    let refusal = refused(&inputs(), r#"[{"age":1,"city":"x","member":true,"since":5}]"#);
    assert!(refusal.message().contains("expected an ISO 8601 date"), "{refusal:?}");
}

#[test]
fn hostile_bodies_end_soon_and_in_words() {
    // Nested deeper than any stack, where it is of use and where it is not.
    let deep = |before: &str, depth: usize| format!("{before}{}", "[".repeat(depth));
    for before in [
        "",
        "[",
        r#"{"a":"#,
        r#"{"rows":"#,
        r#"{"columns":{"a":"#,
        r#"[{"c":"#,
        r#"{"c":"#,
        r#"{"columns":{"c":"#,
    ] {
        let refusal = refused(&two(), &deep(before, 1_000_000));
        assert_eq!(refusal.status(), StatusCode::BAD_REQUEST, "{before}");
    }
    let whole = format!(r#"{{"a":1,"c":{}{},"b":2}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(numbers(&two(), &whole), [[1.0, 2.0]]);
    // A million rows of nothing say so at the first.
    let empty = format!("[{}{{}}]", "{},".repeat(1_000_000));
    assert!(refused(&two(), &empty).message().contains("row 1: the model needs"));
    // More rows than are taken, in both directions.
    let many = format!("[{}{}]", r#"{"a":1,"b":2},"#.repeat(1000), r#"{"a":1,"b":2}"#);
    let long = format!(r#"{{"columns":{{"a":[{}0]}}}}"#, "0,".repeat(1000));
    for body in [&many, &long] {
        let refusal = refused(&two(), body);
        assert_eq!(refusal.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert!(refusal.message().contains("more than 1000 rows"), "{refusal:?}");
    }
    // Names without number, and a long one, are not kept.
    let names: String = (0..100_000).map(|name| format!("\"n{name}\":0,")).collect();
    let body = format!("{{{names}\"{}\":1,\"b\":2}}", "a".repeat(1 << 20));
    let refusal = refused(&two(), &body);
    assert!(refusal.message().len() < 300, "{}", refusal.message().len());
    // A long value is cut in the message.
    let body = format!(r#"[{{"a":"{}","b":1}}]"#, "ü".repeat(1 << 20));
    assert!(refused(&two(), &body).message().len() < 400);
    // Bytes that are no text, a name and a value.
    for body in [&b"[{\"a\xff\":1}]"[..], b"[{\"a\":\"\xff\",\"b\":1}]", b"\xef\xbb\xbf[]", b"\x00", b"\xff"]
    {
        let refusal = two().table(body).unwrap_err();
        assert_eq!(refusal.status(), StatusCode::BAD_REQUEST, "{body:?}");
    }
}

#[test]
fn any_spoilt_body_is_answered_without_a_panic() {
    let body =
        br#"{"columns":{"age":[1,null],"city":["Rome",3],"member":[true,"no"],"since":["2024-01-31",null]}}"#;
    assert_eq!(inputs().table(body).unwrap().rows(), 2);
    for at in 0..body.len() {
        for with in [0, b'"', b'[', b'{', b']', b'}', b',', b'9', b'-', 0xff] {
            let mut spoilt = body.to_vec();
            spoilt[at] = with;
            if let Err(refusal) = inputs().table(&spoilt) {
                assert_ne!(refusal.field("message"), &Value::Null);
            }
        }
        assert!(inputs().table(&body[..at]).is_err());
    }
}
