use super::*;

/// A file with this header and `elements` bytes 0, 1, 2 …
fn idx(dimensions: &[u32], elements: usize) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, dimensions.len() as u8];
    dimensions.iter().for_each(|size| bytes.extend(size.to_be_bytes()));
    bytes.extend((0..elements).map(|i| i as u8));
    bytes
}

#[cfg(feature = "gzip")]
fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn folder(files: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

const IMAGES: &str = "train-images-idx3-ubyte";
const LABELS: &str = "train-labels-idx1-ubyte";

fn refused(files: &[(&str, Vec<u8>)]) -> String {
    read_folder(folder(files).path()).unwrap_err().to_string()
}

#[test]
fn pixels_become_columns_and_the_test_half_follows() {
    let folder = folder(&[
        (IMAGES, idx(&[3, 2, 2], 12)),
        (LABELS, idx(&[3], 3)),
        ("t10k-images-idx3-ubyte", idx(&[1, 2, 2], 4)),
        ("t10k-labels-idx1-ubyte", idx(&[1], 1)),
    ]);
    let table = read_folder(folder.path()).unwrap();
    assert_eq!(table.names(), ["pixel_0_0", "pixel_0_1", "pixel_1_0", "pixel_1_1", "label"]);
    // Image r of the training half is 4r, 4r + 1, 4r + 2, 4r + 3; the test image is 0, 1, 2, 3.
    assert_eq!(table.columns()[0].data, ColumnData::U8(vec![0, 4, 8, 0]));
    assert_eq!(table.columns()[3].data, ColumnData::U8(vec![3, 7, 11, 3]));
    let labels: Vec<_> =
        (0..4).map(|row| table.column("label").unwrap().word(row).unwrap().into_owned()).collect();
    assert_eq!(labels, ["0", "1", "2", "0"]);
    assert_eq!((table.test_rows, table.default_target.as_deref()), (Some(3..4), Some("label")));
}

#[cfg(feature = "gzip")]
#[test]
fn gzipped_files_are_read_without_a_test_half() {
    let files = [
        ("train-images-idx3-ubyte.gz", gzip(&idx(&[2, 1, 3], 6))),
        ("train-labels-idx1-ubyte.gz", gzip(&idx(&[2], 2))),
    ];
    let table = read_folder(folder(&files).path()).unwrap();
    assert_eq!((table.rows(), table.columns().len(), table.test_rows), (2, 4, None));
}

#[test]
fn transposing_crosses_block_edges() {
    let (rows, width) = (131, 3);
    let values: Vec<usize> = (0..rows * width).collect();
    let mut columns = vec![vec![usize::MAX; rows + 1]; width];
    transpose(&values, 1, &mut columns);
    for (c, column) in columns.iter().enumerate() {
        assert_eq!(column[0], usize::MAX);
        assert!(column[1..].iter().enumerate().all(|(r, value)| *value == r * width + c));
    }
}

#[test]
fn counts_that_disagree_name_both_files_and_both_numbers() {
    let message = refused(&[(IMAGES, idx(&[3, 2, 2], 12)), (LABELS, idx(&[4], 4))]);
    assert!(message.contains(IMAGES) && message.contains(LABELS), "{message}");
    assert!(message.contains('3') && message.contains("got 4"), "{message}");
}

#[test]
fn image_sizes_that_disagree_are_refused() {
    let message = refused(&[
        (IMAGES, idx(&[1, 2, 2], 4)),
        (LABELS, idx(&[1], 1)),
        ("t10k-images-idx3-ubyte", idx(&[1, 2, 3], 6)),
        ("t10k-labels-idx1-ubyte", idx(&[1], 1)),
    ]);
    assert!(message.contains("[2, 2]") && message.contains("[2, 3]"), "{message}");
}

#[test]
fn a_header_that_lies_about_the_length_is_refused_before_it_is_believed() {
    let labels = (LABELS, idx(&[3], 3));
    let message = refused(&[(IMAGES, idx(&[3, 2, 2], 11)), labels.clone()]);
    assert!(message.contains("12 bytes") && message.contains("11 bytes"), "{message}");
    let message = refused(&[(IMAGES, idx(&[3, 2, 2], 13)), labels.clone()]);
    assert!(message.contains("too many"), "{message}");
    for sizes in [[u32::MAX; 3], [u32::MAX, u32::MAX, 1]] {
        assert!(refused(&[(IMAGES, idx(&sizes, 11)), labels.clone()]).contains(IMAGES));
    }
    assert!(refused(&[(IMAGES, idx(&[0, u32::MAX, u32::MAX], 0)), (LABELS, idx(&[0], 0))]).contains(IMAGES));
    assert!(refused(&[(IMAGES, idx(&[3, 0, 0], 0)), labels]).contains("pixels"));
}

#[cfg(feature = "gzip")]
#[test]
fn a_packed_file_is_unpacked_no_further_than_its_header_promises() {
    // 64 MiB of zeros behind a header that promises 12 bytes.
    let mut bomb = idx(&[3, 2, 2], 12);
    bomb.resize(64 << 20, 0);
    let labels = (LABELS, idx(&[3], 3));
    let message = refused(&[("train-images-idx3-ubyte.gz", gzip(&bomb)), labels.clone()]);
    assert!(message.contains("13 bytes (too many)"), "{message}");

    let whole = gzip(&idx(&[3, 2, 2], 12));
    for cut in 0..whole.len() {
        let message = refused(&[("train-images-idx3-ubyte.gz", whole[..cut].to_vec()), labels.clone()]);
        assert!(message.contains(IMAGES), "{message}");
    }
}

#[test]
fn every_cut_of_a_file_is_refused() {
    let whole = idx(&[3, 2, 2], 12);
    for cut in 0..whole.len() {
        refused(&[(IMAGES, whole[..cut].to_vec()), (LABELS, idx(&[3], 3))]);
    }
}

#[test]
fn other_types_other_dimensions_and_halves_of_halves_are_refused() {
    let images = (IMAGES, idx(&[3, 2, 2], 12));
    let mut floats = idx(&[3], 3);
    floats[2] = 13;
    assert!(refused(&[images.clone(), (LABELS, floats)]).contains("0, 0, 13, 1"));
    assert!(refused(&[images.clone(), (LABELS, idx(&[3, 1], 3))]).contains("one label per image"));
    assert!(refused(&[images]).contains("beside the images"));
    assert!(refused(&[(LABELS, idx(&[3], 3))]).contains("beside the labels"));
    assert!(refused(&[]).contains("train-images"));
    assert!(refused(&[(IMAGES, idx(&[0, 2, 2], 0)), (LABELS, idx(&[0], 0))]).contains("no row"));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64), packed: bool) {
        let mut file = vec![0, 0, 8, 1];
        if packed {
            file = vec![0x1f, 0x8b, 8, 0];
        }
        file.extend(&bytes);
        let _ = Idx::parse(Path::new("t"), file);
        let _ = Idx::parse(Path::new("t"), bytes);
    }
}
