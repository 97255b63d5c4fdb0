use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::{Compression, GzipLevel, ZstdLevel};
use ::parquet::file::properties::WriterProperties;
use arrow_array::builder::{ListBuilder, StringDictionaryBuilder};
use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array,
    Float64Array, Int8Array, Int32Array, Int64Array, LargeStringArray, NullArray, RecordBatch, StringArray,
    StringViewArray, Time32SecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
    TimestampSecondArray, UInt8Array, UInt16Array, UInt32Array, UInt64Array,
};

use super::super::column::{ColumnData, MISSING_CODE, MISSING_TIME};
use super::super::{ColumnType, read_bytes};
use super::*;
use crate::error::ErrorKind;

fn write_with(columns: Vec<(&str, ArrayRef)>, compression: Compression) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    );
    let batch = batch.unwrap();
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn write(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    write_with(columns, Compression::UNCOMPRESSED)
}

fn table(bytes: Vec<u8>) -> Result<Table> {
    read_bytes(bytes, "t.parquet", &ReadOptions::default())
}

/// The one column of a file of one column.
fn column(array: impl arrow_array::Array + 'static) -> ColumnData {
    table(write(vec![("c", Arc::new(array))])).unwrap().columns()[0].data.clone()
}

fn refusal(array: impl arrow_array::Array + 'static) -> Error {
    table(write(vec![("c", Arc::new(array))])).unwrap_err()
}

/// Numbers by their bits, so that missing ones (NaN) compare.
fn bits(data: &ColumnData) -> Vec<u64> {
    let column = Column::new("c", data.clone());
    (0..column.len()).map(|row| column.number(row).to_bits()).collect()
}

fn assert_numbers(data: &ColumnData, expected: &[f64]) {
    assert_eq!(bits(data), bits(&ColumnData::F64(expected.to_vec())));
}

#[test]
fn integers_and_floats_of_every_width_keep_their_values_and_nulls() {
    let expected = [-3.0, f64::NAN, 100.0];
    assert_numbers(&column(Int8Array::from(vec![Some(-3), None, Some(100)])), &expected);
    assert_numbers(&column(Int32Array::from(vec![Some(-3), None, Some(100)])), &expected);
    assert_numbers(&column(Int64Array::from(vec![Some(-3), None, Some(100)])), &expected);
    assert_numbers(&column(Float32Array::from(vec![Some(-3.0), None, Some(100.0)])), &expected);
    assert_numbers(&column(Float64Array::from(vec![Some(-3.0), Some(f64::NAN), Some(100.0)])), &expected);
    assert_numbers(&column(UInt16Array::from(vec![Some(65_535), None])), &[65_535.0, f64::NAN]);
    assert_numbers(&column(UInt32Array::from(vec![u32::MAX])), &[4_294_967_295.0]);
    assert_numbers(&column(UInt64Array::from(vec![1 << 60])), &[1_152_921_504_606_846_976.0]);
    assert_numbers(&column(NullArray::new(2)), &[f64::NAN, f64::NAN]);
    assert_eq!(column(UInt8Array::from(vec![7, 255])), ColumnData::U8(vec![7, 255]));
    assert_numbers(&column(UInt8Array::from(vec![Some(7), None])), &[7.0, f64::NAN]);
}

#[test]
fn bytes_with_a_null_in_a_later_batch_become_floats() {
    let mut values: Vec<Option<u8>> = (0..BATCH + 10).map(|i| Some((i % 256) as u8)).collect();
    values[BATCH + 5] = None;
    let data = column(UInt8Array::from(values.clone()));
    let expected: Vec<f64> = values.iter().map(|value| value.map_or(f64::NAN, f64::from)).collect();
    assert_numbers(&data, &expected);
}

#[test]
fn decimals_are_rounded_once() {
    // 12345 of scale 2 is 123.45; the largest of precision 38 is 10³⁸ − 1.
    let decimals =
        Decimal128Array::from(vec![Some(12_345), None, Some(-1)]).with_precision_and_scale(10, 2).unwrap();
    assert_numbers(&column(decimals), &[123.45, f64::NAN, -0.01]);
    let large = Decimal128Array::from(vec![10_i128.pow(38) - 1]).with_precision_and_scale(38, 0).unwrap();
    assert_numbers(&column(large), &[1e38]);
}

#[test]
fn booleans_and_every_kind_of_text() {
    let expected = ColumnData::Boolean(vec![Some(true), None, Some(false)]);
    assert_eq!(column(BooleanArray::from(vec![Some(true), None, Some(false)])), expected);
    let words = [Some("b"), None, Some("é"), Some("b")];
    let expected = ColumnData::Text(words.into_iter().collect());
    assert_eq!(column(StringArray::from(words.to_vec())), expected);
    assert_eq!(column(LargeStringArray::from(words.to_vec())), expected);
    assert_eq!(column(StringViewArray::from(words.to_vec())), expected);
    let bytes: Vec<Option<&[u8]>> = words.iter().map(|word| word.map(str::as_bytes)).collect();
    assert_eq!(column(BinaryArray::from(bytes)), expected);
    let error = refusal(BinaryArray::from(vec![Some(&b"a"[..]), Some(&b"\xff"[..])]));
    assert!(error.to_string().contains("row 2") && error.to_string().contains("UTF-8"), "{error}");
}

#[test]
fn dictionaries_are_read_as_what_they_hold() {
    let mut builder = StringDictionaryBuilder::<Int8Type>::new();
    ["z", "a", "z"].iter().for_each(|word| builder.append_value(word));
    builder.append_null();
    let ColumnData::Text(text) = column(builder.finish()) else { panic!("not text") };
    assert_eq!(
        (text.codes, text.dictionary),
        (vec![0, 1, 0, MISSING_CODE], vec!["z".to_owned(), "a".to_owned()])
    );
    let keys = Int32Array::from(vec![Some(1), None, Some(0), Some(1)]);
    let numbers = DictionaryArray::<Int32Type>::new(keys, Arc::new(Float64Array::from(vec![2.5, -1.0])));
    assert_numbers(&column(numbers), &[-1.0, f64::NAN, 2.5, -1.0]);
    let empty = DictionaryArray::<Int32Type>::new(
        Int32Array::from(vec![None::<i32>, None]),
        Arc::new(StringArray::from(Vec::<&str>::new())),
    );
    assert_eq!(column(empty), ColumnData::Text([None, None].into_iter().collect()));
}

#[test]
fn dates_and_timestamps_are_microseconds() {
    let day = 86_400_000_000;
    let expected = ColumnData::Datetime(vec![day, MISSING_TIME]);
    assert_eq!(column(Date32Array::from(vec![Some(1), None])), expected);
    assert_eq!(column(TimestampMillisecondArray::from(vec![Some(86_400_000), None])), expected);
    assert_eq!(column(TimestampNanosecondArray::from(vec![Some(day * 1000), None])), expected);
    let zoned = TimestampNanosecondArray::from(vec![Some(day * 1000), None]).with_timezone("+02:00");
    assert_eq!(column(zoned), expected);
    // A nanosecond before 1970 lies in the microsecond before it.
    assert_eq!(column(TimestampNanosecondArray::from(vec![-1])), ColumnData::Datetime(vec![-1]));
    assert!(refusal(TimestampMillisecondArray::from(vec![i64::MAX])).to_string().contains("row 1"));
    assert_eq!(column(TimestampSecondArray::from(vec![Some(86_400), None])), expected);
}

#[test]
fn infinities_are_refused_by_row_and_column() {
    for error in [
        refusal(Float64Array::from(vec![1.0, f64::INFINITY])),
        refusal(Float32Array::from(vec![1.0, f32::NEG_INFINITY])),
    ] {
        assert!(
            matches!(error.kind(), ErrorKind::InfiniteValue { line: 2, column, .. } if column == "c"),
            "{error}"
        );
    }
}

#[test]
fn nested_columns_and_times_of_day_are_refused_by_name_and_can_be_left_out() {
    let mut lists = ListBuilder::new(arrow_array::builder::Int32Builder::new());
    lists.append_value([Some(1), Some(2)]);
    let lists: ArrayRef = Arc::new(lists.finish());
    let time: ArrayRef = Arc::new(Time32SecondArray::from(vec![1]));
    let number: ArrayRef = Arc::new(Int32Array::from(vec![5]));
    for (name, array) in [("prices", lists), ("noon", time)] {
        let bytes = write(vec![(name, array), ("n", Arc::clone(&number))]);
        let message = table(bytes.clone()).unwrap_err().to_string();
        assert!(message.contains(&format!("{name:?}")) && message.contains("--ignore"), "{message}");
        let options = ReadOptions { ignore: vec![name.to_owned()], ..Default::default() };
        let rest = read_bytes(bytes, "t", &options).unwrap();
        assert_eq!((rest.names(), rest.number_at(0, 0)), (vec!["n".to_owned()], 5.0));
    }
}

/// Three columns over several batches.
fn sample(compression: Compression) -> (Vec<u8>, usize) {
    let rows = BATCH + 100;
    let numbers: Float64Array = (0..rows).map(|i| (i % 7 != 0).then_some(i as f64 / 3.0)).collect();
    let words: StringArray = (0..rows).map(|i| Some(["red", "green", "blue"][i % 3])).collect();
    let counts: Int64Array = (0..rows as i64).map(Some).collect();
    let columns: Vec<(&str, ArrayRef)> =
        vec![("number", Arc::new(numbers)), ("word", Arc::new(words)), ("count", Arc::new(counts))];
    (write_with(columns, compression), rows)
}

#[test]
fn every_compression_that_is_promised_is_read() {
    let plain = table(sample(Compression::UNCOMPRESSED).0).unwrap();
    for compression in [
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::ZSTD(ZstdLevel::default()),
        Compression::LZ4_RAW,
        Compression::LZ4,
    ] {
        let (bytes, rows) = sample(compression);
        let table = table(bytes).unwrap();
        assert_eq!(table.rows(), rows);
        for (column, expected) in table.columns().iter().zip(plain.columns()) {
            assert_eq!(bits(&column.data), bits(&expected.data), "{compression:?}");
        }
    }
    let message = table(
        write_with(vec![("c", Arc::new(Int32Array::from(vec![1])))], Compression::UNCOMPRESSED)[..20]
            .to_vec(),
    )
    .unwrap_err()
    .to_string();
    assert!(message.contains("t.parquet"), "{message}");
}

#[test]
fn files_on_disk_limits_types_and_unknown_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    std::fs::write(&path, sample(Compression::SNAPPY).0).unwrap();
    let read = |options: &ReadOptions| super::super::read(path.to_str().unwrap(), options);
    let types = vec![("count".to_owned(), ColumnType::Category)];
    let options = ReadOptions { limit: Some(10), types, ..Default::default() };
    let table = read(&options).unwrap();
    assert_eq!(table.rows(), 10);
    assert_eq!(table.column("count").unwrap().word(9).as_deref(), Some("9"));
    let options = ReadOptions { ignore: vec!["wort".to_owned()], ..Default::default() };
    let error = read(&options).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::UnknownColumn { similar, .. } if similar == &["word"]));
    let empty = write(vec![("c", Arc::new(Int32Array::from(Vec::<i32>::new())))]);
    std::fs::write(&path, empty).unwrap();
    assert!(matches!(read(&ReadOptions::default()).unwrap_err().kind(), ErrorKind::NoRows { .. }));
}

#[test]
fn every_cut_of_a_file_is_refused() {
    for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY] {
        let (whole, _) = sample(compression);
        // Every cut near both ends, and each 97th between.
        let cuts = (0..200).chain((200..whole.len()).step_by(97)).chain(whole.len() - 200..whole.len());
        for cut in cuts {
            let error = read_bytes(whole[..cut].to_vec(), "t.parquet", &ReadOptions::default()).unwrap_err();
            let told = matches!(error.kind(), ErrorKind::BadFormat { .. } | ErrorKind::EmptyFile { .. });
            assert!(told, "{cut} of {}: {error}", whole.len());
        }
    }
}

#[test]
fn rows_that_the_footer_promises_and_the_groups_lack_are_refused() {
    // A footer whose row counts disagree: the file's count is changed where the thrift field is written.
    // 1,000 rows is the zigzag varint 2000 = 0xd0 0x0f, which stands in the row group and in the file.
    let numbers: Int32Array = (0..1000).map(Some).collect();
    let bytes = write(vec![("c", Arc::new(numbers))]);
    let footer =
        bytes.len() - 8 - u32::from_le_bytes(bytes[bytes.len() - 8..][..4].try_into().unwrap()) as usize;
    let places = (footer..bytes.len() - 9).filter(|i| bytes[*i..*i + 2] == [0xd0, 0x0f]);
    let mut refused = 0;
    for place in places {
        let mut lie = bytes.clone();
        lie[place + 1] = 0x7f; // 16,360 / 2 = 8,168 rows instead
        match table(lie) {
            Ok(table) => assert_eq!(table.rows(), 1000),
            Err(error) => refused += usize::from(matches!(error.kind(), ErrorKind::BadFormat { .. })),
        }
    }
    assert!(refused >= 2, "{refused} lies were refused");
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    /// Small enough for thousands of tries, with dictionary pages and nulls.
    fn small() -> Vec<u8> {
        let numbers: Float64Array = (0..20).map(|i| (i % 7 != 0).then_some(f64::from(i))).collect();
        let words: StringArray = (0..20).map(|i| Some(["red", "green", "blue"][i % 3])).collect();
        write_with(vec![("number", Arc::new(numbers)), ("word", Arc::new(words))], Compression::SNAPPY)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]

        #[test]
        fn no_flipped_bytes_make_it_panic(flips in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..4)) {
            let mut bytes = small();
            for (place, flip) in flips {
                let place = place.index(bytes.len());
                bytes[place] ^= flip;
            }
            if let Ok(table) = table(bytes) {
                prop_assert!(table.columns().iter().all(|column| column.len() == table.rows()));
            }
        }

        #[test]
        fn no_bytes_make_it_panic(middle in prop::collection::vec(any::<u8>(), 0..200), length in 0_u32..300) {
            let mut bytes = b"PAR1".to_vec();
            bytes.extend(middle);
            bytes.extend(length.to_le_bytes());
            bytes.extend(b"PAR1");
            let _ = table(bytes);
        }
    }
}
