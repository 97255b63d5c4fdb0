use super::*;

fn table() -> Table {
    let columns =
        vec![Column::numbers("price", vec![1.0, 2.0, 3.0]), Column::words("cut", &["good", "fair", "good"])];
    Table::new("here", columns).unwrap()
}

#[test]
fn an_absent_column_is_refused_with_the_close_names() {
    let error = table().column("prize").unwrap_err();
    let ErrorKind::UnknownColumn { source, column, similar, known } = error.kind() else { panic!("{error}") };
    assert_eq!((source.as_str(), column.as_str()), ("here", "prize"));
    assert_eq!(similar, &["price"]);
    assert_eq!(known, &["price", "cut"]);
}

#[test]
fn rows_are_taken_in_the_order_asked_for_and_dictionaries_stay_whole() {
    let taken = table().take_rows(&[2, 0, 2]);
    assert_eq!(taken.column("price").unwrap().data, ColumnData::F64(vec![3.0, 1.0, 3.0]));
    let ColumnData::Text(text) = &taken.column("cut").unwrap().data else { panic!("not text") };
    assert_eq!((text.codes.as_slice(), text.dictionary.len()), (&[0, 0, 0][..], 2));
    assert_eq!(table().take_rows(&[]).rows(), 0);
}

#[test]
fn columns_are_selected_dropped_added_and_replaced() {
    assert_eq!(table().select(&["cut", "price"]).unwrap().names(), ["cut", "price"]);
    assert!(table().select(&["cut", "cut"]).is_err());
    let mut less = table();
    assert_eq!(less.drop_column("cut").unwrap().word(1).as_deref(), Some("fair"));
    assert_eq!(less.names(), ["price"]);
    let more = less.with_column(Column::numbers("x", vec![0.0; 3])).unwrap();
    let more = more.with_column(Column::words("price", &["a", "b", "c"])).unwrap();
    assert_eq!(more.names(), ["price", "x"]);
    assert_eq!(more.column("price").unwrap().column_type(), ColumnType::Text);
    let error = more.with_column(Column::numbers("short", vec![0.0])).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ShapeMismatch { .. }));
}

#[test]
fn columns_of_other_lengths_or_equal_names_make_no_table() {
    let columns = vec![Column::numbers("a", vec![1.0]), Column::numbers("b", vec![1.0, 2.0])];
    assert!(matches!(Table::new("t", columns).unwrap_err().kind(), ErrorKind::ShapeMismatch { .. }));
    let columns = vec![Column::numbers("a", vec![1.0]), Column::numbers("a", vec![2.0])];
    assert!(matches!(Table::new("t", columns).unwrap_err().kind(), ErrorKind::BadFormat { .. }));
}

#[test]
fn every_type_tells_its_missing_values_numbers_and_words() {
    let column = |data| Column::new("c", data);
    let booleans = column(ColumnData::Boolean(vec![Some(true), None]));
    assert_eq!((booleans.number(0), booleans.word(0).as_deref()), (1.0, Some("true")));
    assert!(booleans.number(1).is_nan() && booleans.word(1).is_none());
    let times = column(ColumnData::Datetime(vec![1_500_000, MISSING_TIME]));
    assert_eq!((times.number(0), times.word(0).as_deref()), (1.5, Some("1970-01-01T00:00:01.5Z")));
    assert!(times.number(1).is_nan());
    let bytes = column(ColumnData::U8(vec![7]));
    assert_eq!((bytes.number(0), bytes.word(0).as_deref(), bytes.missing()), (7.0, Some("7"), 0));
    let floats = column(ColumnData::F32(vec![0.25, f32::NAN]));
    assert_eq!((floats.word(0).as_deref(), floats.missing()), (Some("0.25"), 1));
    assert!(Column::words("w", &["1"]).number(0).is_nan());
}

#[test]
fn types_are_named_and_unknown_names_list_the_known_ones() {
    for kind in ColumnType::ALL {
        assert_eq!(kind.name().parse::<ColumnType>().unwrap(), kind);
    }
    let message = "numeric".parse::<ColumnType>().unwrap_err().to_string();
    assert!(message.contains("number, category"), "{message}");
}
