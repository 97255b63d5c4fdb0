use super::*;
use crate::error::Error;

/// A file as NumPy writes it: the header padded with spaces to a multiple of 64, ended by a line feed.
fn npy(descr: &str, fortran: bool, shape: &str, elements: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(elements);
    bytes
}

fn read(bytes: &[u8]) -> Table {
    parse(bytes, Path::new("t.npy")).unwrap()
}

fn refused(bytes: &[u8]) -> Error {
    parse(bytes, Path::new("t.npy")).unwrap_err()
}

fn le<const N: usize>(values: impl IntoIterator<Item = [u8; N]>) -> Vec<u8> {
    values.into_iter().flatten().collect()
}

#[test]
fn matrices_are_read_in_both_orders() {
    // [[1, 2, 3], [4, 5, 6]]
    let by_rows = le([1.0, 2.0, 3.0, 4.0, 5.0, 6.0].map(f64::to_le_bytes));
    let by_columns = le([1.0, 4.0, 2.0, 5.0, 3.0, 6.0].map(f64::to_le_bytes));
    for bytes in [npy("<f8", false, "(2, 3)", &by_rows), npy("<f8", true, "(2, 3)", &by_columns)] {
        let table = read(&bytes);
        assert_eq!(table.names(), ["x0", "x1", "x2"]);
        assert_eq!(table.columns()[0].data, ColumnData::F64(vec![1.0, 4.0]));
        assert_eq!(table.columns()[2].data, ColumnData::F64(vec![3.0, 6.0]));
    }
}

#[test]
fn every_element_type_is_read_in_both_byte_orders() {
    let signed = [-3_i64, 100];
    let first =
        |descr: &str, elements: &[u8]| read(&npy(descr, false, "(2,)", elements)).columns()[0].clone();
    let numbers = |column: &Column| [column.number(0), column.number(1)];
    let expected = [-3.0, 100.0];
    assert_eq!(numbers(&first("|i1", &le(signed.map(|v| (v as i8).to_le_bytes())))), expected);
    assert_eq!(numbers(&first("<i2", &le(signed.map(|v| (v as i16).to_le_bytes())))), expected);
    assert_eq!(numbers(&first(">i2", &le(signed.map(|v| (v as i16).to_be_bytes())))), expected);
    assert_eq!(numbers(&first("<i4", &le(signed.map(|v| (v as i32).to_le_bytes())))), expected);
    assert_eq!(numbers(&first(">i8", &le(signed.map(i64::to_be_bytes)))), expected);
    assert_eq!(numbers(&first("<f4", &le([-3_f32, 100.0].map(f32::to_le_bytes)))), expected);
    assert_eq!(numbers(&first(">f4", &le([-3_f32, 100.0].map(f32::to_be_bytes)))), expected);
    assert_eq!(numbers(&first(">f8", &le([-3_f64, 100.0].map(f64::to_be_bytes)))), expected);
    assert_eq!(numbers(&first("<u4", &le([u32::MAX, 1].map(u32::to_le_bytes)))), [4_294_967_295.0, 1.0]);
    assert_eq!(numbers(&first("<u2", &le([65_535_u16, 1].map(u16::to_le_bytes)))), [65_535.0, 1.0]);
    assert_eq!(
        numbers(&first(">u8", &le([1_u64 << 40, 1].map(u64::to_be_bytes)))),
        [1_099_511_627_776.0, 1.0]
    );
    assert_eq!(first("|u1", &[200, 1]).data, ColumnData::U8(vec![200, 1]));
    assert_eq!(first("|b1", &[0, 1]).data, ColumnData::Boolean(vec![Some(false), Some(true)]));
}

#[test]
fn nan_is_missing_and_infinity_is_refused_by_its_place() {
    let table = read(&npy("<f4", false, "(2, 1)", &le([f32::NAN, 1.0].map(f32::to_le_bytes))));
    assert!(table.columns()[0].is_missing(0));
    let elements = le([1.0, 2.0, 3.0, f64::NEG_INFINITY].map(f64::to_le_bytes));
    let error = refused(&npy("<f8", false, "(2, 2)", &elements));
    assert!(
        matches!(error.kind(), ErrorKind::InfiniteValue { line: 2, column, got, .. } if column == "x1" && got == "-inf")
    );
}

#[test]
fn every_cut_and_a_byte_too_many_are_refused() {
    let mut whole = npy("<f8", false, "(2, 2)", &[0; 32]);
    for cut in 0..whole.len() {
        assert!(matches!(refused(&whole[..cut]).kind(), ErrorKind::BadFormat { .. }), "{cut}");
    }
    whole.push(0);
    assert!(refused(&whole).to_string().contains("too many"));
}

#[test]
fn shapes_that_lie_are_refused_before_they_are_believed() {
    for shape in [
        "(18446744073709551615, 18446744073709551615)",
        "(4611686018427387904, 4)",
        "(99999999999999999999,)",
    ] {
        assert!(
            matches!(refused(&npy("<f8", false, shape, &[0; 8])).kind(), ErrorKind::BadFormat { .. }),
            "{shape}"
        );
    }
    let mut long = npy("<f8", false, "(1,)", &[0; 8]);
    long[6] = 2; // version 2: the length is 32 bits, here ones from the header's text
    assert!(refused(&long).to_string().contains("at most 10000"));
    assert!(matches!(refused(&npy("<f8", false, "(0, 3)", &[])).kind(), ErrorKind::NoRows { .. }));
    assert!(matches!(refused(&npy("<f8", false, "(3, 0)", &[])).kind(), ErrorKind::NoRows { .. }));
}

#[test]
fn what_is_not_read_is_named_with_what_to_do() {
    for descr in ["<c8", "|O", "<U5", "<M8[ns]", "<f2"] {
        let message = refused(&npy(descr, false, "(1,)", &[0; 8])).to_string();
        assert!(message.contains(descr) && message.contains("astype"), "{message}");
    }
    assert!(refused(&npy("<f8", false, "(1, 1, 1)", &[0; 8])).to_string().contains("reshape"));
    assert!(refused(&npy("<f8", false, "()", &[0; 8])).to_string().contains("reshape"));
    let structured = npy("<f8", false, "(1,)", &[]);
    let text = String::from_utf8_lossy(&structured[10..]).replace("'<f8'", "[('a', '<f8')]");
    assert!(header(&text, Path::new("t")).unwrap_err().to_string().contains("structured"));
}

#[test]
fn version_two_headers_are_read() {
    let one = npy("<f8", false, "(1,)", &2.5_f64.to_le_bytes());
    let mut two = b"\x93NUMPY\x02\x00".to_vec();
    two.extend([one[8], one[9], 0, 0]);
    two.extend(&one[10..]);
    assert_eq!(read(&two).number_at(0, 0), 2.5);
}

proptest::proptest! {
    #[test]
    fn no_header_makes_it_panic(text in "[{}()'a-z:, 0-9_FT<|]{0,80}", elements in proptest::collection::vec(0_u8.., 0..64)) {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes.extend(&elements);
        let _ = parse(&bytes, Path::new("t"));
        let _ = parse(&elements, Path::new("t"));
    }

    #[test]
    fn no_flipped_byte_makes_it_panic(place in 0_usize..160, bits in 1_u8..) {
        let mut bytes = npy("<f8", false, "(2, 2)", &[0; 32]);
        if let Some(byte) = bytes.get_mut(place) {
            *byte ^= bits;
        }
        let _ = parse(&bytes, Path::new("t"));
    }
}
