use proptest::prelude::*;

use super::*;
use crate::table::{Column, ColumnData, MISSING_TIME, TextColumn};

mod targets;

fn table(columns: Vec<Column>) -> Table {
    Table::new("test", columns).unwrap()
}

fn all(table: &Table) -> Vec<u32> {
    (0..table.rows() as u32).collect()
}

fn text(name: &str, words: &[Option<&str>]) -> Column {
    Column::new(name, ColumnData::Text(words.iter().copied().collect::<TextColumn>()))
}

/// A target of so many rows: 0, 1, 0, 1 …
fn alternating(rows: usize) -> Column {
    Column::numbers("y", (0..rows).map(|row| (row % 2) as f64).collect())
}

fn options() -> EncoderOptions {
    EncoderOptions { target: vec!["y".into()], ..EncoderOptions::default() }
}

fn fit(table: &Table, options: &EncoderOptions) -> Encoder {
    Encoder::fit(table, &all(table), options).unwrap()
}

fn refused(table: &Table, options: &EncoderOptions) -> Error {
    Encoder::fit(table, &all(table), options).unwrap_err()
}

#[test]
fn columns_that_say_nothing_are_kept_on_request_so_that_the_width_is_the_tables() {
    let column = |name: &str, values: &[u8]| Column::new(name, ColumnData::U8(values.to_vec()));
    let table = table(vec![
        column("black", &[0, 0, 0, 0]),
        column("x", &[0, 5, 10, 3]),
        column("again", &[0, 5, 10, 3]),
        column("grey", &[4, 4, 4, 4]),
        alternating(4),
    ]);
    let dropped = fit(&table, &options());
    assert_eq!(dropped.input_shape().dense, 1);
    for scaling in [Scaling::Unit, Scaling::Standard, Scaling::Robust, Scaling::None] {
        let encoder = fit(&table, &EncoderOptions { keep_constant: true, scaling, ..options() });
        assert_eq!(encoder.input_shape().dense, 4, "{scaling:?}");
        let data = encoder.encode::<f32>(&table, &all(&table)).unwrap();
        assert!(data.dense.iter().all(|x| x.is_finite()));
        assert_eq!((data.dense[4], data.dense[5]), (0.0, data.dense[6]), "black, x and again of row 1");
    }
}

#[test]
fn a_robust_number_is_clipped_smoothly() {
    // 0 … 4: median 2, quartiles 1 and 3: x′ = (x − 2) / 2; 4 becomes 1 / √(1 + 1/9) = 0.948683.
    let table = table(vec![Column::numbers("x", vec![0.0, 1.0, 2.0, 3.0, 4.0]), alternating(5)]);
    let encoder = fit(&table, &EncoderOptions { scaling: Scaling::Robust, ..options() });
    let data = encoder.encode::<f64>(&table, &all(&table)).unwrap();
    assert!((data.dense[4] - 0.948_683_298).abs() < 1e-9);
    assert_eq!((data.dense[2], data.dense[0]), (0.0, -data.dense[4]));
    let far = Table::new("far", vec![Column::numbers("x", vec![1e12])]).unwrap();
    let data = encoder.encode_features::<f32>(&far, &[0]).unwrap();
    assert!(data.dense[0] <= 3.0);
}

#[test]
fn pixels_share_one_range() {
    // 16 columns, of which the first reaches from 0 to 10 only, the last to 250: all are divided by 250.
    let mut columns: Vec<Column> = (0..16)
        .map(|pixel| Column::new(format!("p{pixel}"), ColumnData::U8(vec![0, 10, 5, pixel + 1])))
        .collect();
    columns[15] = Column::new("p15", ColumnData::U8(vec![250, 0, 5, 7]));
    columns.push(alternating(4));
    let table = table(columns);
    let unit = EncoderOptions { scaling: Scaling::Unit, ..options() };
    assert_eq!(pixel_like(&table, &all(&table), &unit), Some((0.0, 250.0)));
    let data = fit(&table, &unit).encode::<f64>(&table, &all(&table)).unwrap();
    assert_eq!((data.dense[16], data.dense[15]), (10.0 / 250.0, 1.0));
}

#[test]
fn a_column_of_bytes_is_encoded_alike_one_by_one_and_in_bulk() {
    let values: Vec<u8> = (0..600).map(|row| (row * 7 % 256) as u8).collect();
    let table = table(vec![Column::new("p", ColumnData::U8(values)), alternating(600)]);
    let piecewise = NumericEncoding::Piecewise { bins: 6 };
    let encoder = fit(&table, &EncoderOptions { numeric_encoding: piecewise, ..options() });
    let bulk = encoder.encode::<f32>(&table, &all(&table)).unwrap();
    assert_eq!(bulk.dense_width, 7);
    for row in [0, 1, 255, 599] {
        let single = encoder.encode::<f32>(&table, &[row]).unwrap();
        assert_eq!(single.dense[..], bulk.dense[row as usize * 7..][..7]);
    }
}

#[test]
fn missing_numbers_are_the_median_and_say_so_only_where_training_had_some() {
    let nan = f64::NAN;
    let a = Column::numbers("a", vec![1.0, nan, 3.0, 8.0]);
    let b = Column::numbers("b", vec![1.0, 2.0, 3.0, 8.0]);
    let table = table(vec![a, b, alternating(4)]);
    let encoder = fit(&table, &EncoderOptions { scaling: Scaling::None, ..options() });
    assert_eq!(encoder.feature_names(), ["a", "a=missing", "b"]);
    let gap =
        Table::new("gap", vec![Column::numbers("a", vec![nan, 5.0]), Column::numbers("b", vec![nan, nan])]);
    let data = encoder.encode_features::<f64>(&gap.unwrap(), &[0, 1]).unwrap();
    // The median of 1, 3, 8 is 3; of 1, 2, 3, 8 it is 2.5.
    assert_eq!(data.dense, [3.0, 1.0, 2.5, 5.0, 0.0, 2.5]);
}

#[test]
fn a_wholly_missing_column_of_any_type_can_be_predicted_from() {
    let columns = vec![
        Column::numbers("n", vec![1.0, 2.0, 3.0, 4.0]),
        Column::words("w", &["a", "b", "a", "c"]),
        Column::new("t", ColumnData::Datetime(vec![0, 86_400_000_000, 5, 400 * 86_400_000_000])),
        Column::new("b", ColumnData::Boolean(vec![Some(true), Some(false), Some(true), Some(true)])),
        alternating(4),
    ];
    let encoder = fit(&table(columns), &options());
    let empty = |name: &str| text(name, &[None]);
    let data = encoder.encode_features::<f32>(&table(["n", "w", "t", "b"].map(empty).into()), &[0]).unwrap();
    let at = |name: &str| data.dense[encoder.feature_names().iter().position(|known| known == name).unwrap()];
    // The median of 1 … 4 is their mean; no word is chosen; true is the more frequent truth value.
    assert_eq!((at("n"), at("w=a"), at("w=b"), at("w=c"), at("b")), (0.0, 0.0, 0.0, 0.0, 1.0));
    let nans = Column::numbers("t", vec![f64::NAN]);
    let others = ["n", "w", "b"].map(empty);
    let again = encoder.encode_features::<f32>(&table([&[nans][..], &others].concat()), &[0]).unwrap();
    assert_eq!(data, again);
}

#[test]
fn words_become_numbers_groups_or_tables_by_their_number() {
    let word = |row: usize, of: usize| format!("w{:02}", row % of);
    let column = |name: &str, of: usize| {
        let words: Vec<String> = (0..120).map(|row| word(row, of)).collect();
        text(name, &words.iter().map(|word| Some(word.as_str())).collect::<Vec<_>>())
    };
    let table = table(vec![
        column("two", 2),
        column("ten", 10),
        column("forty", 40),
        column("fifty", 50),
        alternating(120),
    ]);
    let options = EncoderOptions { one_hot_limit: 20, hash_limit: 45, ..options() };
    assert_eq!(feature_counts(&table, &options), (0, 4));
    let encoder = fit(&table, &options);
    let shape = encoder.input_shape();
    // forty: ⌈1.6·40^0.56⌉ = ⌈1.6·7.891⌉ = 13; fifty is hashed into 45 buckets: ⌈1.6·8.429⌉ = 14.
    let dimensions: Vec<(usize, usize)> =
        shape.embedded.iter().map(|table| (table.cardinality, table.dimension)).collect();
    assert_eq!((shape.dense, dimensions, &shape.one_hot), (2, vec![(40, 13), (45, 14)], &vec![10]));
    assert_eq!(encoder.feature_names().len(), shape.fan_in());
    assert_eq!(encoder.feature_names()[2], "forty~1");
    assert_eq!(encoder.feature_names().last().unwrap(), "ten=w09");
    let data = encoder.encode::<f32>(&table, &[31]).unwrap();
    // Row 31: w01 of two, w31 of forty, w01 of ten.
    assert_eq!(data.dense, [0.0, 1.0]);
    assert_eq!((data.codes[0], data.codes[2], data.code_width), (31, 1, 3));
    assert!(data.codes[1] < 45);
    let unseen = |name: &str| Column::words(name, &["never seen"]);
    let unseen = Table::new("unseen", ["two", "ten", "forty", "fifty"].map(unseen).into()).unwrap();
    let data = encoder.encode_features::<f32>(&unseen, &[0]).unwrap();
    assert_eq!(data.dense, [0.0, 0.0]);
    assert_eq!((data.codes[0], data.codes[2]), (40, 10), "none of the categories");
    assert!(data.codes[1] < 45, "hashed like any other word");
    assert!(
        encoder.notes().iter().any(|note| matches!(note, Note::Hashed { distinct: 50, buckets: 45, .. }))
    );
}

#[test]
fn integers_are_categories_where_that_is_said() {
    let table = table(vec![Column::numbers("code", vec![10.0, 9.0, 10.0, 9.0, 7.0]), alternating(5)]);
    let encoder = fit(&table, &EncoderOptions { categorical: vec!["code".into()], ..options() });
    assert_eq!(encoder.feature_names(), ["code=7", "code=9", "code=10"]);
    let declared = EncoderOptions { types: vec![("code".into(), ColumnType::Category)], ..options() };
    assert_eq!(fit(&table, &declared).feature_names(), encoder.feature_names());
    assert_eq!(encoder.encode::<f32>(&table, &[1]).unwrap().dense, [0.0, 1.0, 0.0]);
    // Read as words, or as bytes, the values are the same categories.
    for column in [Column::words("code", &["9"]), Column::new("code", ColumnData::U8(vec![9]))] {
        let other = Table::new("other", vec![column]).unwrap();
        assert_eq!(encoder.encode_features::<f32>(&other, &[0]).unwrap().dense, [0.0, 1.0, 0.0]);
    }
}

#[test]
fn a_datetime_becomes_the_parts_that_vary() {
    let day = 86_400_000_000_i64;
    let times = vec![0, day, MISSING_TIME, 31 * day];
    let table = table(vec![Column::new("at", ColumnData::Datetime(times)), alternating(4)]);
    let encoder = fit(&table, &EncoderOptions { scaling: Scaling::None, ..options() });
    assert_eq!(encoder.feature_names(), ["at.month", "at.weekday", "at=missing"]);
    let data = encoder.encode::<f64>(&table, &all(&table)).unwrap();
    // Thursday 1, Friday 2 January; the medians 1 and (3, 4, 6) → 4; Sunday 1 February.
    assert_eq!(data.dense, [1.0, 3.0, 0.0, 1.0, 4.0, 0.0, 1.0, 4.0, 1.0, 2.0, 6.0, 0.0]);
    let error = refused(&table, &EncoderOptions { datetime_parts: Vec::new(), ..options() });
    assert!(error.to_string().contains("datetime_parts"), "{error}");
}

#[test]
fn columns_that_say_nothing_are_dropped_with_a_note() {
    let ids: Vec<String> = (0..30).map(|row| format!("id{row}")).collect();
    let ids = text("id", &ids.iter().map(|word| Some(word.as_str())).collect::<Vec<_>>());
    let x: Vec<f64> = (0..30).map(|row| f64::from(row * row % 7)).collect();
    let with_gaps = |value: f64| (0..30).map(|row| if row < 5 { f64::NAN } else { value }).collect();
    let table = table(vec![
        ids.clone(),
        Column::numbers("x", x.clone()),
        Column::numbers("copy", x.clone()),
        Column::new("copy32", ColumnData::F32(x.iter().map(|x| *x as f32).collect())),
        Column::numbers("one", vec![1.0; 30]),
        Column::words("word", &["w"; 30]),
        Column::numbers("none", vec![f64::NAN; 30]),
        Column::numbers("gaps", with_gaps(3.0)),
        Column::numbers("number", (5..35).map(f64::from).collect()),
        Column::numbers("leak", (0..30).map(|row| (row % 2) as f64).collect()),
        alternating(30),
    ]);
    let encoder = fit(&table, &options());
    assert_eq!(encoder.feature_names(), ["x", "gaps=missing", "number", "leak"]);
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    let expected = [
        Note::OnlyMissingness { column: "gaps".into() },
        Note::RowNumber { column: "number".into() },
        Note::SameAsTarget { column: "leak".into() },
        Note::Constant { columns: names(&["one", "word"]) },
        Note::AllMissing { columns: names(&["none"]) },
        Note::Identifier { columns: names(&["id"]) },
        Note::Duplicate { pairs: vec![pair("copy", "x"), pair("copy32", "x")] },
    ];
    assert_eq!(encoder.notes(), expected);
    assert!(encoder.notes()[6].to_string().ends_with("copy (as x), copy32 (as x)"));
    let kept = fit(&table, &EncoderOptions { categorical: names(&["id"]), ..options() });
    assert!(kept.feature_names().contains(&"id=id7".to_owned()), "asked for, it is kept");
}

#[test]
fn equal_columns_of_words_are_told_by_their_words() {
    let a = text("a", &[Some("p"), Some("q"), None, Some("p")]);
    let b = text("b", &[Some("p"), Some("q"), None, Some("p")]);
    let renamed = text("c", &[Some("q"), Some("p"), None, Some("q")]);
    let table = table(vec![a, b, renamed, alternating(4)]);
    assert_eq!(fit(&table, &options()).feature_columns(), ["a", "c"]);
}

#[test]
fn infinities_and_numbers_too_large_are_refused_with_column_and_row() {
    for (value, word) in [(f64::INFINITY, "infinite"), (f64::NEG_INFINITY, "infinite"), (1e200, "too large")]
    {
        let table = table(vec![Column::numbers("x", vec![1.0, value, 2.0, 3.0]), alternating(4)]);
        let error = refused(&table, &options());
        assert!(matches!(error.kind(), ErrorKind::UnusableColumn { .. }));
        let error = error.to_string();
        assert!(error.contains("\"x\"") && error.contains("row 2") && error.contains(word), "{error}");
        let encoder = Encoder::fit(&table, &[0, 2, 3], &options()).unwrap();
        let error = encoder.encode::<f64>(&table, &[1]).unwrap_err().to_string();
        assert!(error.contains("row 2"), "{error}");
    }
    // Finite in double precision, infinite in single precision once it is scaled.
    let table = table(vec![Column::numbers("x", vec![1.0, 1e60, 2.0, 3.0]), alternating(4)]);
    let encoder = Encoder::fit(&table, &[0, 2, 3], &options()).unwrap();
    assert!(encoder.encode::<f64>(&table, &[1]).is_ok());
    assert!(encoder.encode::<f32>(&table, &[1]).unwrap_err().to_string().contains("1e60"));
}

#[test]
fn huge_and_tiny_numbers_are_scaled_without_overflow() {
    for unit in [1e149, 1e-300] {
        let table = table(vec![Column::numbers("x", vec![-unit, 0.0, unit]), alternating(3)]);
        let data = fit(&table, &options()).encode::<f32>(&table, &all(&table)).unwrap();
        // Deviation √(2/3): 1 / 0.8165 = 1.2247.
        assert!(
            (data.dense[2] - 1.224_745).abs() < 1e-5 && data.dense[0] == -data.dense[2],
            "{:?}",
            data.dense
        );
    }
}

#[test]
fn values_of_another_type_are_refused_when_predicting() {
    let time = ColumnData::Datetime(vec![0, 86_400_000_000, 3 * 86_400_000_000]);
    let training =
        table(vec![Column::numbers("x", vec![1.0, 2.0, 4.0]), Column::new("t", time), alternating(3)]);
    let encoder = fit(&training, &options());
    let t = || text("t", &[None]);
    let error =
        encoder.encode_features::<f32>(&table(vec![Column::words("x", &["abc"]), t()]), &[0]).unwrap_err();
    assert!(error.to_string().contains("row 1 holds \"abc\"; expected a number"), "{error}");
    let numbers = table(vec![Column::numbers("x", vec![1.0]), Column::numbers("t", vec![5.0])]);
    let error = encoder.encode_features::<f32>(&numbers, &[0]).unwrap_err();
    assert!(error.to_string().contains("expected a datetime"), "{error}");
    let error =
        encoder.encode_features::<f32>(&table(vec![Column::numbers("X", vec![1.0]), t()]), &[0]).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::MissingColumn { column, similar, .. } if column == "x" && similar[0] == "X")
    );
}

#[test]
fn roles_that_contradict_and_names_that_are_absent_are_refused() {
    let table = table(vec![Column::numbers("x", vec![1.0, 2.0]), alternating(2)]);
    let y = || vec!["y".to_owned()];
    let conflicts = [
        EncoderOptions { ignore: y(), ..options() },
        EncoderOptions { weight: Some("y".into()), ..options() },
        EncoderOptions { target: vec!["y".into(), "y".into()], ..options() },
    ];
    for options in conflicts {
        assert!(matches!(refused(&table, &options).kind(), ErrorKind::Conflict { .. }));
    }
    for options in [
        EncoderOptions { target: vec!["z".into()], ..options() },
        EncoderOptions { ignore: vec!["z".into()], ..options() },
        EncoderOptions { types: vec![("z".into(), ColumnType::Number)], ..options() },
    ] {
        assert!(matches!(refused(&table, &options).kind(), ErrorKind::UnknownColumn { .. }));
    }
    let declared = EncoderOptions { types: vec![("x".into(), ColumnType::Datetime)], ..options() };
    assert!(matches!(refused(&table, &declared).kind(), ErrorKind::UnusableColumn { .. }));
    let error = Encoder::fit(&table, &[], &options()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooFewRows { rows: 0, .. }));
    let error = refused(&table, &EncoderOptions { ignore: vec!["x".into()], ..options() });
    assert!(error.to_string().contains("no other column"), "{error}");
}

#[test]
fn row_weights_are_read_and_checked() {
    let with = |weights: Vec<f64>| {
        let x = Column::numbers("x", (0..weights.len()).map(|row| row as f64).collect());
        let y = alternating(weights.len());
        table(vec![x, Column::numbers("weight", weights), y])
    };
    let options = EncoderOptions { weight: Some("weight".into()), ..options() };
    let table = with(vec![0.0, 2.5]);
    let encoder = fit(&table, &options);
    assert_eq!(encoder.feature_names(), ["x"]);
    assert_eq!(encoder.encode::<f32>(&table, &[1, 0]).unwrap().weights, Some(vec![2.5, 0.0]));
    assert_eq!(encoder.encode_features::<f32>(&table, &[0]).unwrap().weights, None);
    for (weights, word) in [
        (vec![1.0, -1.0], "row 2 holds -1"),
        (vec![f64::NAN, 1.0], "no value"),
        (vec![f64::INFINITY, 1.0], "infinite"),
        (vec![0.0, 0.0], "weight 0"),
    ] {
        let error = refused(&with(weights), &options);
        assert!(
            matches!(error.kind(), ErrorKind::UnusableColumn { .. }) && error.to_string().contains(word),
            "{error}"
        );
    }
}

/// Columns of every type with missing values, from a list of small numbers.
fn mixed(rows: &[(u8, u8, u8)]) -> Table {
    let words = ["red", "green", "blue", "black", "white"];
    let number = |value: u8| if value.is_multiple_of(11) { f64::NAN } else { f64::from(value % 50) };
    let truth = |value: u8| (!value.is_multiple_of(7)).then_some(value.is_multiple_of(2));
    let time = |value: u8| {
        if value.is_multiple_of(13) { MISSING_TIME } else { i64::from(value) * 40_000_000_000_000 }
    };
    let word = |value: u8| (!value.is_multiple_of(9)).then(|| words[usize::from(value) % words.len()]);
    table(vec![
        Column::numbers("n", rows.iter().map(|row| number(row.0)).collect()),
        Column::new("p", ColumnData::U8(rows.iter().map(|row| row.1).collect())),
        Column::new("b", ColumnData::Boolean(rows.iter().map(|row| truth(row.1)).collect())),
        Column::new("t", ColumnData::Datetime(rows.iter().map(|row| time(row.2)).collect())),
        text("w", &rows.iter().map(|row| word(row.2)).collect::<Vec<_>>()),
        Column::numbers("y", rows.iter().map(|row| f64::from(row.0) * 0.5).collect()),
    ])
}

fn variants() -> impl Strategy<Value = EncoderOptions> {
    let scaling =
        prop_oneof![Just(Scaling::Standard), Just(Scaling::Robust), Just(Scaling::Unit), Just(Scaling::None)];
    let target = prop_oneof![
        Just(TargetScaling::Standard),
        Just(TargetScaling::Log),
        Just(TargetScaling::Auto),
        Just(TargetScaling::None)
    ];
    (scaling, target, 0_usize..12, 0_usize..8, 0_usize..8, 1_usize..8).prop_map(
        |(scaling, target_scaling, bins, one_hot_limit, sparse_above, hash_limit)| EncoderOptions {
            scaling,
            target_scaling,
            numeric_encoding: NumericEncoding::Piecewise { bins },
            one_hot_limit,
            sparse_above,
            hash_limit,
            ..options()
        },
    )
}

proptest! {
    #[test]
    fn rows_that_are_not_trained_on_never_change_the_encoder(
        rows in proptest::collection::vec(any::<(u8, u8, u8)>(), 12..60),
        others in proptest::collection::vec(any::<(u8, u8, u8)>(), 12..60),
        options in variants(),
    ) {
        let train: Vec<u32> = (0..rows.len() as u32).collect();
        let with = |more: &[(u8, u8, u8)]| {
            Encoder::fit(&mixed(&[&rows, more].concat()), &train, &options).map_err(|error| error.to_string())
        };
        prop_assert_eq!(with(&others), with(&[]));
    }

    #[test]
    fn an_encoder_survives_its_file_and_encodes_finite_numbers(
        rows in proptest::collection::vec(any::<(u8, u8, u8)>(), 2..60),
        options in variants(),
    ) {
        let table = mixed(&rows);
        let train: Vec<u32> = (0..rows.len() as u32 / 2 + 1).collect();
        let Ok(encoder) = Encoder::fit(&table, &train, &options) else { return Ok(()) };
        let file = serde_json::to_string(&encoder).unwrap();
        let read: Encoder = serde_json::from_str(&file).unwrap();
        prop_assert_eq!(&read, &encoder);
        prop_assert_eq!(serde_json::to_string(&read).unwrap(), file);
        let known = encoder.usable_rows(&table, &all(&table)).unwrap().rows;
        let data = encoder.encode::<f32>(&table, &known).unwrap();
        prop_assert!(data.dense.iter().all(|number| number.is_finite()));
        let shape = encoder.input_shape();
        prop_assert_eq!(data.dense.len(), known.len() * shape.dense);
        prop_assert_eq!(data.codes.len(), known.len() * shape.codes());
        prop_assert_eq!(encoder.feature_names().len(), shape.fan_in());
        let most: Vec<usize> =
            shape.embedded.iter().map(|table| table.cardinality).chain(shape.one_hot.iter().copied()).collect();
        for codes in data.codes.chunks_exact(shape.codes().max(1)) {
            prop_assert!(codes.iter().zip(&most).all(|(code, most)| *code as usize <= *most));
        }
        // Any rows in any order are the same rows.
        let reversed: Vec<u32> = known.iter().rev().copied().collect();
        let backwards = encoder.encode::<f32>(&table, &reversed).unwrap();
        prop_assert_eq!(&backwards.dense[..shape.dense], &data.dense[data.dense.len() - shape.dense..]);
        // Targets come back in the table's units.
        let values = encoder.encode::<f64>(&table, &known).unwrap();
        if let (Targets::Values { values, .. }, Task::Regression) = (values.targets, encoder.task()) {
            let exact = encoder.target_values(&table, &known).unwrap();
            for (decoded, exact) in encoder.decode_targets(&values).iter().zip(exact) {
                prop_assert!((decoded - exact).abs() <= 1e-9 * exact.abs().max(1.0));
            }
        }
    }
}

#[test]
fn a_table_of_a_single_row_is_refused_not_divided_by() {
    let one = table(vec![Column::numbers("x", vec![1.0]), Column::numbers("y", vec![1.0])]);
    assert!(matches!(refused(&one, &options()).kind(), ErrorKind::UnusableTarget { .. }));
}

#[test]
fn an_encoder_whose_file_was_tampered_with_is_refused() {
    let table = table(vec![
        Column::numbers("x", vec![1.0, 2.0, 3.0, 4.0]),
        Column::words("w", &["a", "b", "a", "b"]),
        Column::words("y", &["p", "q", "p", "q"]),
    ]);
    let encoder = fit(
        &table,
        &EncoderOptions { numeric_encoding: NumericEncoding::Piecewise { bins: 4 }, ..options() },
    );
    let file = serde_json::to_string(&encoder).unwrap();
    let refused = |from: &str, to: &str| {
        assert!(file.contains(from), "{from} in {file}");
        assert!(serde_json::from_str::<Encoder>(&file.replacen(from, to, 1)).is_err(), "{to}");
    };
    refused("[1.0,2.0,3.0,4.0]", "[1.0,2.0,2.0,4.0]");
    refused("[1.0,2.0,3.0,4.0]", "[1.0]");
    refused(r#"{"words":["a","b"]}"#, r#"{"hashed":0}"#);
    refused(r#"{"words":["a","b"]}"#, r#"{"hashed":4294967295}"#);
    refused(r#"{"words":["a","b"]}"#, r#"{"words":[]}"#);
    refused(r#"["p","q"]"#, r#"["p"]"#);
    refused(r#""spread":"#, r#""spread":-"#);
    refused(r#""target_types":["text"]"#, r#""target_types":[]"#);
}

#[test]
fn fifty_thousand_words_in_a_million_rows_stay_codes() {
    // Codes, targets and a weight-free row of one number: 4 + 4 + 4 bytes a row, and as many again on the way.
    let rows = 1_000_000;
    let dictionary: Vec<String> = (0..50_000).map(|word| format!("word {word}")).collect();
    let codes: Vec<u32> = (0..rows).map(|row| (row as u64 * 48_271 % 50_000) as u32).collect();
    let words = Column::new("w", ColumnData::Text(TextColumn { codes, dictionary }));
    let x = Column::new("x", ColumnData::U8((0..rows).map(|row| (row % 251) as u8).collect()));
    let y = Column::new("y", ColumnData::U8((0..rows).map(|row| (row % 2) as u8).collect()));
    let table = table(vec![words, x, y]);
    for (hash_limit, cardinality) in [(20_000, 20_000), (100_000, 50_000)] {
        let encoder = fit(&table, &EncoderOptions { hash_limit, ..options() });
        let shape = encoder.input_shape();
        assert_eq!((shape.dense, shape.one_hot.len(), shape.embedded[0].cardinality), (1, 0, cardinality));
        assert!(encoder.memory_need::<f32>(rows) <= 32 << 20, "{}", encoder.memory_need::<f32>(rows));
        let data = encoder.encode::<f32>(&table, &all(&table)).unwrap();
        assert_eq!((data.dense.len(), data.codes.len()), (rows, rows));
        assert!(data.codes.iter().all(|&code| (code as usize) < cardinality));
    }
}

#[test]
fn options_have_names_for_every_choice() {
    let text = r#"
        target = ["y"]
        task = "binary"
        scaling = "robust"
        numeric_encoding = { piecewise = { bins = 16 } }
        datetime_parts = ["day_of_year", "elapsed"]
        target_scaling = "auto"
        types = [["x", "category"]]
    "#;
    let read: EncoderOptions = toml::from_str(text).unwrap();
    assert_eq!(read.numeric_encoding, NumericEncoding::Piecewise { bins: 16 });
    let again: EncoderOptions = toml::from_str(&toml::to_string(&read).unwrap()).unwrap();
    assert_eq!(again, read);
}

#[test]
fn a_column_of_numbers_that_a_stray_word_or_commas_made_words_is_told() {
    let mut stray: Vec<String> = (0..30).map(|i| (i * i).to_string()).collect();
    stray[7] = "oops".into();
    let commas: Vec<String> = (0..30).map(|i| format!("1,{i:03}")).collect();
    let words: Vec<String> = (0..30).map(|i| format!("w{i}")).collect();
    let column = |name: &str, words: &[String]| {
        text(name, &words.iter().map(|word| Some(word.as_str())).collect::<Vec<_>>())
    };
    let number = Column::numbers("x", (0..30).map(|i| f64::from(i * 7 % 11)).collect());
    let columns = vec![number, column("stray", &stray), column("commas", &commas), column("words", &words)];
    let encoder = fit(&table([columns, vec![alternating(30)]].concat()), &options());
    let told: Vec<String> = encoder.notes().iter().map(ToString::to_string).collect();
    assert!(told.iter().any(|note| note.contains("29 of 30 are numbers; mend \"oops\"")), "{told:?}");
    assert!(told.iter().any(|note| note.contains("commas in its numbers (\"1,000\")")), "{told:?}");
    assert!(!told.iter().any(|note| note.starts_with("words is taken")), "{told:?}");
}
