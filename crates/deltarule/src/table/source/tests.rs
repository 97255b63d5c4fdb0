use std::io::Write;

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn refused(name: &str, bytes: &[u8]) -> Error {
    read_bytes(bytes.to_vec(), name, &ReadOptions::default()).unwrap_err()
}

#[test]
fn a_missing_file_and_an_unknown_data_set_are_told_apart() {
    let error = read("no/such/file.csv", &ReadOptions::default()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::FileNotFound { path } if path.ends_with("file.csv")));
    let error = read("spirlas", &ReadOptions::default()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::UnknownDataset { name, .. } if name == "spirlas"));
    assert!(error.to_string().contains("spirals"), "{error}");
}

#[cfg(feature = "csv")]
#[test]
fn files_are_read_by_their_bytes_whatever_they_are_called() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.dat");
    fs::write(&path, gzip(b"a,b\n1,2\n")).unwrap();
    let table = read(path.to_str().unwrap(), &ReadOptions::default()).unwrap();
    assert_eq!((table.rows(), table.names()), (1, vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(table.source, path.display().to_string());
    let path = folder.path().join("empty.csv");
    fs::write(&path, b"").unwrap();
    let error = read(path.to_str().unwrap(), &ReadOptions::default()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::EmptyFile { .. }));
}

#[test]
fn noise_and_rows_are_for_generated_sets_only() {
    for bundled in [
        super::super::BundledOptions { rows: Some(10), ..Default::default() },
        super::super::BundledOptions { noise: Some(0.1), ..Default::default() },
    ] {
        let options = ReadOptions { bundled, ..Default::default() };
        assert!(matches!(read("digits", &options).unwrap_err().kind(), ErrorKind::Conflict { .. }));
        assert!(matches!(read("a.csv", &options).unwrap_err().kind(), ErrorKind::Conflict { .. }));
        assert!(read("moons", &options).is_ok());
    }
}

#[cfg(feature = "csv")]
#[test]
fn several_gzip_streams_in_a_row_are_one_file() {
    let mut bytes = gzip(b"a,b\n1,2\n");
    bytes.extend(gzip(b"3,4\n"));
    assert_eq!(read_bytes(bytes, "t.csv.gz", &ReadOptions::default()).unwrap().rows(), 2);
}

#[test]
fn a_cut_or_flipped_gzip_stream_is_refused() {
    let whole = gzip(&b"a,b\n1,2\n3,4\n".repeat(100));
    for cut in 2..whole.len() {
        let error = refused("t.csv.gz", &whole[..cut]);
        assert!(
            matches!(error.kind(), ErrorKind::BadFormat { what, .. } if what == "gzip"),
            "{cut}: {error}"
        );
    }
    let mut flipped = whole.clone();
    let checksum = whole.len() - 8;
    flipped[checksum] ^= 1;
    assert!(matches!(refused("t.csv.gz", &flipped).kind(), ErrorKind::BadFormat { .. }));
}

#[test]
fn a_stream_that_expands_without_end_is_stopped() {
    let bomb = gzip(&vec![b'1'; 1 << 20]);
    let error = gunzip_at_most(&bomb, Path::new("t.csv.gz"), 1000).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotEnoughMemory { need: 1001, limit: 1000, .. }), "{error}");
}

#[test]
fn formats_that_are_not_read_are_named() {
    for (bytes, name) in [(&b"PK\x03\x04...."[..], "ZIP"), (b"ARROW1\0\0", "Arrow"), (b"%PDF-1.7", "PDF")] {
        let message = refused("t", bytes).to_string();
        assert!(message.contains(name) && message.contains("CSV"), "{message}");
    }
    assert!(refused("train-images-idx3-ubyte", &[0, 0, 8, 1, 0, 0, 0, 0]).to_string().contains("folder"));
    let folder = tempfile::tempdir().unwrap();
    let options = ReadOptions { format: Some(Format::Csv), ..Default::default() };
    assert!(read(folder.path().to_str().unwrap(), &options).unwrap_err().to_string().contains("folder"));
}

#[cfg(feature = "csv")]
#[test]
fn limits_types_and_left_out_columns_hold_for_every_source() {
    use super::super::ColumnType;
    let options = ReadOptions {
        limit: Some(2),
        types: vec![("y".to_owned(), ColumnType::Number)],
        ignore: vec!["x2".to_owned()],
        ..Default::default()
    };
    let table = read("or", &options).unwrap();
    assert_eq!((table.rows(), table.names()), (2, vec!["x1".to_owned(), "y".to_owned()]));
    assert_eq!(table.number_at(1, 1), 1.0);
    let options = ReadOptions { ignore: vec!["x9".to_owned()], ..Default::default() };
    assert!(matches!(read("or", &options).unwrap_err().kind(), ErrorKind::UnknownColumn { .. }));
}
