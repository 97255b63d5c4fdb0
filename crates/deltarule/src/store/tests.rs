use super::*;
use proptest::prelude::*;
use serde_json::json;

fn example() -> Vec<u8> {
    let tensors = [
        Tensor::new("layers.1.w", &[2, 1], &[0.5_f32, -1.5]),
        Tensor::new("layers.0.w", &[1, 2], &[1.0_f32, f32::NAN]),
        Tensor::new("costs", &[2], &[0.1_f64, -0.0]),
    ];
    encode(Kind::Model, &json!({"task": "binary", "net\"work": [1, 2.5, null]}), &tensors).unwrap()
}

fn read_back(bytes: Vec<u8>) -> Result<Stored> {
    decode(Path::new("m.safetensors"), Kind::Model, bytes)
}

/// A file with this header and body whose checksum is right, as a forger would make it.
fn forged(header: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(body);
    bytes[DIGITS].copy_from_slice(&NO_DIGITS);
    let checksum = hex(&Sha256::digest(&bytes));
    bytes[DIGITS].copy_from_slice(checksum.as_bytes());
    bytes
}

fn header(envelope_rest: &str, tensors: &str) -> String {
    let prefix = std::str::from_utf8(PREFIX).unwrap();
    format!("{prefix}{}{envelope_rest}\"}}{tensors}}}", "0".repeat(64))
}

const REST: &str = r#"\",\"content\":{},\"kind\":\"model\",\"version\":1}"#;

#[test]
fn what_is_written_is_read_back_to_the_bit() {
    let stored = read_back(example()).unwrap();
    assert_eq!(stored.content(), &json!({"task": "binary", "net\"work": [1, 2.5, null]}));
    assert_eq!(stored.numbers::<f32>("layers.1.w", &[2, 1]).unwrap(), [0.5, -1.5]);
    assert!(stored.numbers::<f32>("layers.0.w", &[1, 2]).unwrap()[1].is_nan());
    let costs = stored.numbers::<f64>("costs", &[2]).unwrap();
    assert_eq!(
        costs.iter().map(|c| c.to_bits()).collect::<Vec<_>>(),
        [0.1_f64.to_bits(), (-0.0_f64).to_bits()]
    );
    assert_eq!(stored.converted::<f32>("costs", &[2]).unwrap(), [0.1_f32, 0.0]);
    let names: Vec<&str> = stored.tensors().map(|(name, _)| name).collect();
    assert_eq!(names, ["costs", "layers.0.w", "layers.1.w"]);
}

#[test]
fn the_bytes_are_those_of_the_safetensors_crate() {
    use safetensors::tensor::TensorView;
    let (wide, narrow) = ([0.5_f64, -1.5, 2.0], vec![1.0_f32; 40_000]);
    let tensors = [
        Tensor::new("b", &[200, 200], &narrow),
        Tensor::new("c", &[3], &wide),
        Tensor::new("a", &[2], &narrow[..2]),
    ];
    let wide: Vec<u8> = wide.iter().flat_map(|number| number.to_le_bytes()).collect();
    let narrow: Vec<u8> = narrow.iter().flat_map(|number| number.to_le_bytes()).collect();
    let views = [
        ("a", TensorView::new(Dtype::F32, vec![2], &narrow[..8]).unwrap()),
        ("b", TensorView::new(Dtype::F32, vec![200, 200], &narrow).unwrap()),
        ("c", TensorView::new(Dtype::F64, vec![3], &wide).unwrap()),
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plain.safetensors");
    write_plain(&path, &tensors).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), safetensors::serialize(views, None).unwrap());
}

#[test]
fn equal_contents_give_equal_files_whatever_the_order_of_keys_and_tensors() {
    let lengths = [0.0_f32, 1.0, 2.0];
    let tensors = |names: [&'static str; 2]| {
        names.map(|name| Tensor::new(name, &[1], &lengths[name.len()..name.len() + 1]))
    };
    let a = encode(Kind::Model, &json!({"a": 1, "b": {"d": 2, "c": 3}}), &tensors(["x", "yy"])).unwrap();
    let b = encode(Kind::Model, &json!({"b": {"c": 3, "d": 2}, "a": 1}), &tensors(["yy", "x"])).unwrap();
    assert_eq!(a, b);
}

#[test]
fn canonical_json_sorts_keys_and_escapes_them() {
    assert_eq!(
        canonical_json(&json!({"b": [1, {"z": 0.1, "a": "\n"}], "a\"": null})),
        "{\"a\\\"\":null,\"b\":[1,{\"a\":\"\\n\",\"z\":0.1}]}"
    );
}

#[test]
fn the_checksum_is_that_of_the_file_with_its_digits_zeroed() {
    let mut bytes = example();
    let checksum = read_back(bytes.clone()).unwrap().checksum().to_owned();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert_eq!(text.matches(&checksum).count(), 1);
    let at = bytes.windows(64).position(|window| window == checksum.as_bytes()).unwrap();
    bytes[at..at + 64].fill(b'0');
    assert_eq!(hex(&Sha256::digest(&bytes)), checksum);
}

#[test]
fn any_safetensors_reader_opens_the_file() {
    let bytes = example();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.tensor("layers.1.w").unwrap().shape(), [2, 1]);
}

#[test]
fn a_flipped_byte_is_found_wherever_it_is() {
    let bytes = example();
    for at in 0..bytes.len() {
        for bit in [0x01, 0x80] {
            let mut flipped = bytes.clone();
            flipped[at] ^= bit;
            let error = read_back(flipped).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::ChecksumMismatch { .. }), "byte {at}: {error}");
        }
    }
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let bytes = example();
    for length in (0..bytes.len()).step_by(97).chain(0..16).chain([bytes.len() - 1]) {
        let error = read_back(bytes[..length].to_vec()).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::ChecksumMismatch { .. } | ErrorKind::BadFormat { .. }),
            "cut at {length}: {error}"
        );
    }
    let mut longer = bytes;
    longer.push(0);
    assert!(matches!(read_back(longer).unwrap_err().kind(), ErrorKind::ChecksumMismatch { .. }));
}

#[test]
fn forged_headers_are_refused_after_the_checksum_too() {
    let good = forged(&header(REST, r#","t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#), &[0; 4]);
    assert_eq!(read_back(good.clone()).unwrap().numbers::<f32>("t", &[1]).unwrap(), [0.0]);

    let overlapping = r#","a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}"#;
    let outside = r#","t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#;
    let shape_and_length = r#","t":{"dtype":"F32","shape":[3],"data_offsets":[0,4]}"#;
    let overflow = r#","t":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,4]}"#;
    let backwards = r#","t":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}"#;
    let negative = r#","t":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}"#;
    let unknown_type = r#","t":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}"#;
    for tensors in [overlapping, outside, shape_and_length, overflow, backwards, negative, unknown_type, ""] {
        let error = read_back(forged(&header(REST, tensors), &[0; 4])).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::BadFormat { .. }), "{tensors}: {error}");
    }
    for length in [u64::MAX, u64::MAX - 8, 1 << 40, 0, 1] {
        let mut bytes = good.clone();
        bytes[..8].copy_from_slice(&length.to_le_bytes());
        bytes[DIGITS].copy_from_slice(&NO_DIGITS);
        let checksum = hex(&Sha256::digest(&bytes));
        bytes[DIGITS].copy_from_slice(checksum.as_bytes());
        let error = read_back(bytes).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::BadFormat { .. }), "{length}: {error}");
    }
    let deep = format!(r#"\",\"content\":{}"#, "[".repeat(100_000));
    let error = read_back(forged(&header(&deep, ""), &[])).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::BadFormat { .. }), "{error}");
}

#[test]
fn another_version_or_kind_is_told() {
    let newer = REST.replace("version\\\":1", "version\\\":2");
    let error = read_back(forged(&header(&newer, ""), &[])).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::BadVersion { expected: 1, .. }), "{error}");
    let error = decode(Path::new("m"), Kind::Checkpoint, example()).unwrap_err();
    assert!(error.to_string().contains("\"model\""), "{error}");
}

#[test]
fn wrong_names_shapes_and_types_are_told() {
    let stored = read_back(example()).unwrap();
    assert!(matches!(stored.numbers::<f32>("none", &[1]).unwrap_err().kind(), ErrorKind::BadFormat { .. }));
    assert!(matches!(stored.numbers::<f32>("costs", &[2]).unwrap_err().kind(), ErrorKind::BadFormat { .. }));
    let error = stored.numbers::<f32>("layers.1.w", &[1, 2]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ShapeMismatch { .. }), "{error}");
}

#[test]
fn two_tensors_of_one_name_are_not_written() {
    let twice = [Tensor::new("w", &[1], &[1.0_f32]), Tensor::new("w", &[1], &[2.0_f32])];
    assert!(encode(Kind::Model, &json!({}), &twice).is_err());
}

#[test]
fn plain_files_round_trip_and_are_no_models() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    write_plain(&path, &[Tensor::new("layers.0.b", &[2], &[1.0_f64, 2.0])]).unwrap();
    let stored = read_plain(&path).unwrap();
    assert_eq!(stored.converted::<f32>("layers.0.b", &[2]).unwrap(), [1.0, 2.0]);
    assert!(matches!(read(&path, Kind::Model).unwrap_err().kind(), ErrorKind::BadFormat { .. }));
}

#[test]
fn folders_absent_and_empty_files_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(read(folder.path(), Kind::Model).unwrap_err().kind(), ErrorKind::BadFormat { .. }));
    let path = folder.path().join("m.safetensors");
    assert!(matches!(read(&path, Kind::Model).unwrap_err().kind(), ErrorKind::FileNotFound { .. }));
    std::fs::write(&path, b"").unwrap();
    assert!(matches!(read(&path, Kind::Model).unwrap_err().kind(), ErrorKind::EmptyFile { .. }));
    std::fs::write(&path, example()).unwrap();
    assert!(read(&path, Kind::Model).is_ok());
}

#[test]
fn the_digest_is_sha_256_of_the_little_endian_bytes() {
    // SHA-256("abc"), FIPS 180-4's own example.
    assert_eq!(digest_bytes(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    let many: Vec<f32> = (0..40_000).map(|i| i as f32).collect();
    assert_eq!(digest(&many), digest_bytes(&to_bytes(&many)));
}

proptest! {
    #[test]
    fn single_numbers_keep_every_bit(bits in any::<u64>()) {
        let number = f64::from_bits(bits);
        let text = canonical_json(&serde_json::to_value(Exact(number)).unwrap());
        let Exact(back) = serde_json::from_value(serde_json::from_str(&text).unwrap()).unwrap();
        prop_assert!(back.to_bits() == bits || (number.is_nan() && back.is_nan()), "{number} {text} {back}");
    }

    #[test]
    fn bytes_of_any_kind_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(read_back(bytes.clone()).is_err());
        let _ = parse(Path::new("m"), &bytes);
    }

    #[test]
    fn headers_of_any_text_with_a_good_checksum_never_panic(rest in "[ -~]{0,120}", tensors in "[ -~]{0,120}") {
        let _ = read_back(forged(&header(&rest, &tensors), &[0; 8]));
    }

    #[test]
    fn every_bit_of_every_number_survives(bits in proptest::collection::vec(any::<u64>(), 1..50)) {
        let numbers: Vec<f64> = bits.iter().map(|&bits| f64::from_bits(bits)).collect();
        let bytes = encode(Kind::Checkpoint, &json!({}), &[Tensor::new("n", &[numbers.len()], &numbers)]).unwrap();
        let stored = decode(Path::new("c"), Kind::Checkpoint, bytes).unwrap();
        let back: Vec<u64> = stored.numbers::<f64>("n", &[numbers.len()]).unwrap().iter().map(|n| n.to_bits()).collect();
        prop_assert_eq!(back, bits);
    }
}
