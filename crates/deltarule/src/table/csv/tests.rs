use super::super::column::{ColumnData, MISSING_CODE, MISSING_TIME};
use super::*;

/// The tests' texts lie in memory. Each is read whole and in pieces: nothing may depend on that.
fn parse(bytes: &[u8], path: &Path, options: &ReadOptions) -> Result<Table> {
    let whole = super::parse(&Input::Held(bytes), path, options);
    let shown = |read: &Result<Table>| format!("{read:?}");
    let cuts = if bytes.len() < 100_000 { [(1, 1), (3, 2), (7, 1), (20, 3)] } else { [(1 << 16, 2); 4] };
    for cut in cuts {
        let pieces = parse_cut(&Input::Held(bytes), path, options, cut);
        assert_eq!(shown(&pieces), shown(&whole), "in pieces of {cut:?}");
    }
    whole
}

fn parse_with(text: &str, options: &ReadOptions) -> Result<Table> {
    parse(text.as_bytes(), Path::new("t.csv"), options)
}

fn read(text: &str) -> Table {
    parse_with(text, &ReadOptions::default()).unwrap()
}

fn refused(text: &str) -> Error {
    parse_with(text, &ReadOptions::default()).unwrap_err()
}

fn numbers(table: &Table, name: &str) -> Vec<f64> {
    let column = table.column(name).unwrap();
    (0..column.len()).map(|row| column.number(row)).collect()
}

fn words(table: &Table, name: &str) -> Vec<String> {
    let column = table.column(name).unwrap();
    (0..column.len())
        .map(|row| column.word(row).map_or("∅".to_owned(), std::borrow::Cow::into_owned))
        .collect()
}

#[test]
fn types_are_inferred_from_all_rows() {
    let table =
        read("n,b,d,t,m\n1,true,2024-01-31,a,1\n,FALSE,,NA,\n-2.5e1,,1970-01-01T00:00:01Z,\"b, c\",x\n");
    assert_eq!(table.rows(), 3);
    assert_eq!(table.column("n").unwrap().column_type(), ColumnType::Number);
    assert_eq!(table.number_at(2, 0), -25.0);
    assert!(table.number_at(1, 0).is_nan());
    assert_eq!(table.column("b").unwrap().data, ColumnData::Boolean(vec![Some(true), Some(false), None]));
    let ColumnData::Datetime(times) = &table.column("d").unwrap().data else { panic!("not datetime") };
    assert_eq!(times[1..], [MISSING_TIME, 1_000_000]);
    assert_eq!(words(&table, "t"), ["a", "∅", "b, c"]);
    // `m` began as a number and ends as words: the first value is kept as it was written.
    assert_eq!(words(&table, "m"), ["1", "∅", "x"]);
}

#[test]
fn a_column_that_stops_being_numeric_keeps_the_words_of_its_numbers() {
    let table = read("zip,y\n007,1\n1e2,2\nA1,3\n007,4\n");
    assert_eq!(words(&table, "zip"), ["007", "1e2", "A1", "007"]);
    let ColumnData::Text(text) = &table.column("zip").unwrap().data else { panic!("not text") };
    assert_eq!(text.codes, [0, 1, 2, 0]);
}

#[test]
fn yes_and_no_stay_words_unless_declared() {
    assert_eq!(words(&read("y,a\nyes,1\nno,2\n"), "y"), ["yes", "no"]);
    let types = vec![("y".to_owned(), ColumnType::Boolean)];
    let table = parse_with("y,a\nyes,1\nN,2\n,3\n", &ReadOptions { types, ..Default::default() }).unwrap();
    assert_eq!(table.column("y").unwrap().data, ColumnData::Boolean(vec![Some(true), Some(false), None]));
}

#[test]
fn delimiters_are_inferred_from_the_first_line_outside_quotes() {
    for (delimiter, text) in
        [(',', "a,b\n1,2\n"), (';', "a;b\n1;2\n"), ('\t', "a\tb\n1\t2\n"), ('|', "a|b\n1|2\n")]
    {
        let table = read(text);
        assert_eq!(table.names(), ["a", "b"], "{delimiter:?}");
        assert_eq!(numbers(&table, "b"), [2.0]);
    }
    assert_eq!(read("\"a,x,y\";b\n1;2\n").names(), ["a,x,y", "b"]);
    let table = parse(b"a,b\n1,2\n", Path::new("t.tsv"), &ReadOptions::default()).unwrap();
    assert_eq!(table.names(), ["a,b"]);
    let options = ReadOptions { delimiter: Some(b'~'), ..Default::default() };
    assert_eq!(parse_with("a~b\n1~2\n", &options).unwrap().names(), ["a", "b"]);
    let options = ReadOptions { delimiter: Some(b'"'), ..Default::default() };
    assert!(matches!(parse_with("a\n1\n", &options).unwrap_err().kind(), ErrorKind::BadSetting { .. }));
}

#[test]
fn a_first_line_with_a_number_is_data_unless_said_otherwise() {
    let table = read("1,a\n2,b\n");
    assert_eq!((table.names(), table.rows()), (vec!["x0".to_owned(), "x1".to_owned()], 2));
    let header = ReadOptions { header: Some(true), ..Default::default() };
    assert_eq!(parse_with("2019,2020\n1,2\n", &header).unwrap().names(), ["2019", "2020"]);
    let none = ReadOptions { header: Some(false), ..Default::default() };
    assert_eq!(words(&parse_with("a,b\nc,d\n", &none).unwrap(), "x0"), ["a", "c"]);
}

#[test]
fn marks_spaces_line_ends_and_blank_lines_are_no_matter() {
    let table = read("\u{feff}a , b\r\n\r\n 1 ,\t x\r\n\r\n2,y");
    assert_eq!(table.names(), ["a", "b"]);
    assert_eq!(numbers(&table, "a"), [1.0, 2.0]);
    assert_eq!(words(&table, "b"), ["x", "y"]);
    assert_eq!(read(",a\n1,2\n").names(), ["unnamed_0", "a"]);
}

#[test]
fn a_column_without_any_value_is_numeric_and_missing() {
    let table = read("a,b\n,1\n?,2\nnull,3\n");
    assert!(numbers(&table, "a").iter().all(|value| value.is_nan()));
    let missing = vec!["-9".to_owned()];
    let table = parse_with("a\n-9\nNA\n", &ReadOptions { missing, ..Default::default() }).unwrap();
    let ColumnData::Text(text) = &table.column("a").unwrap().data else { panic!("not text") };
    assert_eq!(text.codes, [MISSING_CODE, 0]);
}

#[test]
fn declared_and_remembered_types_are_kept() {
    let types = vec![("id".to_owned(), ColumnType::Category)];
    let expected = vec![("zip".to_owned(), ColumnType::Category), ("absent".to_owned(), ColumnType::Number)];
    let options = ReadOptions { types, expected, ignore: vec!["x".to_owned()], ..Default::default() };
    let table = parse_with("id,zip,x\n01,007,5\n1,008,6\n", &options).unwrap();
    assert_eq!(table.names(), ["id", "zip"]);
    assert_eq!(words(&table, "id"), ["01", "1"]);
    assert_eq!(words(&table, "zip"), ["007", "008"]);

    let types = vec![("prise".to_owned(), ColumnType::Number)];
    let error = parse_with("price,b\n1,2\n", &ReadOptions { types, ..Default::default() }).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::UnknownColumn { similar, .. } if similar == &["price"]));
}

#[test]
fn limit_reads_only_the_first_rows() {
    let options = ReadOptions { limit: Some(1), ..Default::default() };
    assert_eq!(numbers(&parse_with("a\n1\nx\n", &options).unwrap(), "a"), [1.0]);
}

#[test]
fn nothing_and_a_header_alone_are_told_apart() {
    for text in ["", " \n\r\n\t", "\u{feff}\n"] {
        assert!(matches!(refused(text).kind(), ErrorKind::EmptyFile { .. }), "{text:?}");
    }
    assert!(matches!(refused("a,b\n").kind(), ErrorKind::NoRows { .. }));
    assert!(matches!(refused("a,b").kind(), ErrorKind::NoRows { .. }));
}

#[test]
fn ragged_rows_are_named_by_their_line_whatever_comes_before() {
    // The quoted line break makes row 1 span lines 2 and 3; line 4 is empty; line 5 has three cells.
    let error = refused("a,b\n\"x\ny\",1\n\n1,2,3\n");
    assert!(matches!(error.kind(), ErrorKind::RaggedRow { line: 5, expected: 2, got: 3, .. }), "{error}");
    let error = refused("a,b\r\n1,2\r\n3\r\n");
    assert!(matches!(error.kind(), ErrorKind::RaggedRow { line: 3, expected: 2, got: 1, .. }), "{error}");
    let error = refused("a,b\r1,2\r\r3\r"); // line ends of old Macs
    assert!(matches!(error.kind(), ErrorKind::RaggedRow { line: 4, expected: 2, got: 1, .. }), "{error}");
}

#[test]
fn infinite_numbers_among_numbers_are_refused_and_among_words_are_words() {
    let error = refused("a,b\n1,2\n1,1e999\n");
    assert!(
        matches!(error.kind(), ErrorKind::InfiniteValue { line: 3, got, .. } if got == "1e999"),
        "{error}"
    );
    let error = refused("a,b\n1,-inf\n1,2\n");
    assert!(
        matches!(error.kind(), ErrorKind::InfiniteValue { line: 2, got, .. } if got == "-inf"),
        "{error}"
    );
    assert_eq!(words(&read("car,y\nInfiniti,1\nInfinity,2\n"), "car"), ["Infiniti", "Infinity"]);
    let types = vec![("b".to_owned(), ColumnType::Number)];
    let error = parse_with("a,b\n1,inf\n", &ReadOptions { types, ..Default::default() }).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InfiniteValue { line: 2, .. }), "{error}");
}

#[test]
fn values_that_do_not_fit_their_declared_type_are_named() {
    let declared = |kind| ReadOptions { types: vec![("b".to_owned(), kind)], ..Default::default() };
    let text = "a,b\n1,\n1,soon\n";
    let error = parse_with(text, &declared(ColumnType::Number)).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::NotANumber { line: 3, column, got, .. } if column == "b" && got == "soon")
    );
    for kind in [ColumnType::Boolean, ColumnType::Datetime] {
        let message = parse_with(text, &declared(kind)).unwrap_err().to_string();
        assert!(
            message.contains("line 3") && message.contains("\"b\"") && message.contains("soon"),
            "{message}"
        );
    }
}

#[test]
fn broken_text_is_named_by_its_line() {
    let error = parse(b"a,b\n1,2\n1,caf\xe9\n", Path::new("t.csv"), &ReadOptions::default()).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::BadFormat { what, .. } if what == "line 3, field 2"),
        "{error}"
    );
    let error = parse(b"\xff\xfea\0,\0", Path::new("t.csv"), &ReadOptions::default()).unwrap_err();
    assert!(error.to_string().contains("UTF-16"), "{error}");
}

#[test]
fn a_quote_that_is_never_closed_is_found() {
    let mut text = String::from("a,b\n1,\"oops\n");
    text.push_str(&"1,2\n".repeat(CELL_LIMIT / 4));
    let message = refused(&text).to_string();
    assert!(message.contains("line 2") && message.contains("quote"), "{message}");
}

#[test]
fn two_columns_of_one_name_are_refused() {
    let message = refused("a,b,a\n1,2,3\n").to_string();
    assert!(message.contains("\"a\" twice"), "{message}");
}

#[test]
fn many_distinct_words_are_stored_once() {
    let mut text = String::from("id,n\n");
    for row in 0..200_000 {
        text.push_str(&format!("user-{},{row}\n", row % 50_000));
    }
    let table = read(&text);
    let ColumnData::Text(column) = &table.column("id").unwrap().data else { panic!("not text") };
    assert_eq!(column.dictionary.len(), 50_000);
    assert_eq!(column.codes[50_001], 1);
}

#[test]
fn a_late_fault_is_named_by_its_line() {
    // 3,000 rows of two lines each (a quoted line break), then a row of three cells: the header is line 1, the rows are
    // lines 2 to 6,001.
    for line_end in ["\n", "\r\n", "\r"] {
        let mut text = format!("a,b{line_end}");
        text.push_str(&format!("\"x{line_end}y\",1{line_end}").repeat(3000));
        text.push_str(&format!("1,2,3{line_end}"));
        let error = refused(&text);
        assert!(
            matches!(error.kind(), ErrorKind::RaggedRow { line: 6002, expected: 2, got: 3, .. }),
            "{error}"
        );
    }
    let mut text = String::from("a,b\n") + &"1,2\n".repeat(5000);
    text.push_str("1,caf");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(b"\xe9\n1\n");
    let error = parse(&bytes, Path::new("t.csv"), &ReadOptions::default()).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::BadFormat { what, .. } if what == "line 5002, field 2"),
        "{error}"
    );
}

#[test]
fn of_several_faults_the_first_is_told() {
    let types = vec![("b".to_owned(), ColumnType::Number)];
    let declared = ReadOptions { types, ..Default::default() };
    let many = "1,2\n".repeat(40);
    let error = parse_with(&format!("a,b\n{many}1,x\n{many}1\n{many}1,inf\n"), &declared).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotANumber { line: 42, .. }), "{error}");
    // Of one row, its length comes first.
    let error = parse_with("a,b\n1,x,3\n", &declared).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::RaggedRow { line: 2, got: 3, .. }), "{error}");
    let error = refused(&format!("a,b\n{many}1,1e999\n{many}1,inf\n"));
    assert!(
        matches!(error.kind(), ErrorKind::InfiniteValue { line: 42, got, .. } if got == "1e999"),
        "{error}"
    );
    // Beyond the rows that are wanted nothing is looked at.
    let options = ReadOptions { limit: Some(40), ..Default::default() };
    assert_eq!(parse_with(&format!("a,b\n{many}1\n"), &options).unwrap().rows(), 40);
}

#[test]
fn a_type_is_that_of_all_pieces() {
    // The first half are numbers, or missing; a word far below makes words of all.
    let numbers = "007,,1\n".repeat(50);
    let table = read(&format!("a,b,c\n{numbers}x,y,2\n{numbers}"));
    assert_eq!(words(&table, "a")[49..52], ["007", "x", "007"]);
    assert_eq!(words(&table, "b")[49..52], ["∅", "y", "∅"]);
    assert_eq!(table.column("c").unwrap().column_type(), ColumnType::Number);
    // Words first, then numbers: words all the same. Numbers, then times: words.
    let table = read(&format!("a,b\nx,1\n{}", "1,2024-01-31\n".repeat(50)));
    assert_eq!(words(&table, "a")[..2], ["x", "1"]);
    assert_eq!(words(&table, "b")[..2], ["1", "2024-01-31"]);
    // Missing for long, then truth values.
    let table = read(&format!("a,b\n{}1,true\n", "1,\n".repeat(50)));
    assert_eq!(table.column("b").unwrap().column_type(), ColumnType::Boolean);
    assert_eq!(table.column("b").unwrap().missing(), 50);
}

#[test]
fn long_lines_and_missing_ends_of_lines_are_read() {
    let long = "x".repeat(70_000);
    let table = read(&format!("a,b\n{long},1\n\"{long}\n\"\"{long}\",2\n3,4"));
    assert_eq!(words(&table, "a"), [long.clone(), format!("{long}\n\"{long}"), "3".to_owned()]);
    assert_eq!(numbers(&table, "b"), [1.0, 2.0, 4.0]);
    assert_eq!(read("a\n1\n").rows(), 1);
    assert_eq!(read("a,b\n1,").rows(), 1);
    assert_eq!(read("a,b\n1,2\n\n\n").rows(), 1);
    assert_eq!(words(&read("a\n\"x\""), "a"), ["x"]);
}

#[test]
fn empty_lines_before_the_first_record_are_passed_over() {
    // In pieces of a byte the first ones hold nothing but line breaks.
    let options = ReadOptions { header: Some(false), ..Default::default() };
    assert_eq!(words(&parse_with("\n\"\"\"\"\r", &options).unwrap(), "x0"), ["\""]);
    assert_eq!(parse_with("\r\r\n\n,,", &options).unwrap().names(), ["x0", "x1", "x2"]);
    let error = refused("\n\na,b\n1,2,3\n");
    assert!(matches!(error.kind(), ErrorKind::RaggedRow { line: 4, .. }), "{error}");
}

#[test]
fn files_are_read_piece_by_piece_gzipped_or_not() {
    use std::io::Write;
    let mut text = String::from("n,word,late\n");
    for row in 0..200_000 {
        text.push_str(&format!("{row}.25,\"w,{}\",{}\n", row % 7, if row == 199_000 { "x" } else { "1" }));
    }
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(text.as_bytes()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let held =
        super::parse(&Input::Held(text.as_bytes()), Path::new("t.csv"), &ReadOptions::default()).unwrap();
    for (name, bytes) in [("t.csv", text.into_bytes()), ("t.csv.gz", packer.finish().unwrap())] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let mut table = super::super::read(&path.to_string_lossy(), &ReadOptions::default()).unwrap();
        table.source = held.source.clone();
        assert_eq!(table, held);
    }
    assert_eq!(held.number_at(199_999, 0), 199_999.25);
    assert_eq!(held.column("late").unwrap().column_type(), ColumnType::Text);
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    /// What the `csv` crate makes of a text: the cells of its records, trimmed.
    fn oracle(text: &str) -> Vec<Vec<String>> {
        let mut reader =
            ::csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
        let cells = |record: ::csv::StringRecord| record.iter().map(|cell| trim(cell).to_owned()).collect();
        reader.records().map(|record| cells(record.unwrap())).collect()
    }

    proptest! {
        /// Any text is taken apart as the `csv` crate does, whatever the pieces.
        #[test]
        fn cells_are_those_of_the_csv_crate(text in "[ab1,\"\r\n ]{0,60}") {
            let expected = oracle(&text);
            let missing = Vec::new();
            let header = Some(false);
            let options = ReadOptions { header, missing, delimiter: Some(b','), ..Default::default() };
            let width = expected.first().map_or(0, Vec::len);
            let types: Vec<_> = (0..width).map(|i| (format!("x{i}"), ColumnType::Text)).collect();
            match parse_with(&text, &ReadOptions { types, ..options }) {
                Ok(table) => {
                    let rows = |row: usize| (0..width).map(|i| {
                        table.columns()[i].word(row).map_or(String::new(), std::borrow::Cow::into_owned)
                    }).collect::<Vec<_>>();
                    prop_assert_eq!((0..table.rows()).map(rows).collect::<Vec<_>>(), expected);
                }
                Err(error) => match error.kind() {
                    ErrorKind::RaggedRow { got, .. } => {
                        let ragged = expected.iter().find(|record| record.len() != width);
                        prop_assert_eq!(ragged.map(Vec::len), Some(*got));
                    }
                    ErrorKind::EmptyFile { .. } => prop_assert!(text.trim().is_empty()),
                    other => prop_assert!(false, "{:?}", other),
                },
            }
        }

        /// What another program quotes by RFC 4180 is read as it was meant.
        #[test]
        fn quoted_cells_round_trip(rows in prop::collection::vec(("[a-z][ -~\n\r\"é]{0,12}z", any::<i32>()), 1..20)) {
            let quote = |cell: &str| format!("\"{}\"", cell.replace('"', "\"\""));
            let mut text = String::from("word,number\n");
            for (word, number) in &rows {
                text.push_str(&format!("{},{number}\n", quote(word)));
            }
            let types = vec![("word".to_owned(), ColumnType::Text)];
            let table = parse_with(&text, &ReadOptions { types, ..Default::default() }).unwrap();
            let expected: Vec<String> = rows.iter().map(|(word, _)| word.clone()).collect();
            prop_assert_eq!(words(&table, "word"), expected);
            let expected: Vec<f64> = rows.iter().map(|(_, number)| f64::from(*number)).collect();
            prop_assert_eq!(numbers(&table, "number"), expected);
        }

        /// Rust writes the shortest decimal that is the number; reading gives it back bit for bit.
        #[test]
        fn finite_numbers_round_trip(values in prop::collection::vec(prop::num::f64::NORMAL | prop::num::f64::ZERO, 1..20)) {
            let mut text = String::from("v\n");
            values.iter().for_each(|value| text.push_str(&format!("{value:e}\n")));
            let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&numbers(&read(&text), "v")), bits(&values));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(&bytes, Path::new("t.csv"), &ReadOptions::default());
        }

        #[test]
        fn no_text_makes_it_panic(text in "[a-c0-9,;\"\r\n\t.é+-]{0,200}") {
            if let Ok(table) = parse_with(&text, &ReadOptions::default()) {
                prop_assert!(table.rows() > 0 && table.columns().iter().all(|column| column.len() == table.rows()));
            }
        }
    }
}
