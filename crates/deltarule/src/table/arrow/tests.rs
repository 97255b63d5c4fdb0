use std::sync::Arc;

use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, DurationSecondArray, Float32Array,
    Float64Array, Int8Array, Int64Array, NullArray, RecordBatch, StringArray, StringViewArray, UInt8Array,
};

use super::super::{ColumnData, MISSING_TIME};
use super::*;

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
        .unwrap()
}

fn names(batch: &RecordBatch) -> Vec<String> {
    batch.schema().fields().iter().map(|field| field.name().clone()).collect()
}

fn table_of(batches: &[RecordBatch]) -> Result<Table> {
    table("t", &batches[0].schema(), batches, &names(&batches[0]))
}

fn mixed() -> RecordBatch {
    let words: DictionaryArray<Int8Type> = [Some("b"), None, Some("a"), Some("b")].into_iter().collect();
    let codes = DictionaryArray::<Int32Type>::new(
        [Some(1), Some(0), None, Some(1)].into_iter().collect(),
        Arc::new(Int64Array::from(vec![10, 20])),
    );
    batch(vec![
        ("number", Arc::new(Float32Array::from(vec![Some(0.5), None, Some(-1.0), Some(2.0)]))),
        ("word", Arc::new(StringViewArray::from(vec![Some("x"), Some("y"), None, Some("x")]))),
        ("category", Arc::new(words)),
        ("code", Arc::new(codes)),
        ("truth", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false), Some(true)]))),
        ("day", Arc::new(Date32Array::from(vec![Some(0), Some(1), None, Some(3)]))),
    ])
}

#[test]
fn each_type_becomes_its_column() {
    use ColumnType::{Boolean, Category, Datetime, Number, Text};
    let batch = mixed();
    let types = column_types(&batch.schema(), &names(&batch)).unwrap();
    assert_eq!(types, [Number, Text, Category, Category, Boolean, Datetime]);
    let table = table_of(&[batch]).unwrap();
    let words = |column: &str| -> Vec<Option<String>> {
        let column = table.column(column).unwrap();
        (0..4).map(|row| column.word(row).map(std::borrow::Cow::into_owned)).collect()
    };
    let said = |words: [&str; 4]| words.map(|word| (!word.is_empty()).then(|| word.to_owned())).to_vec();
    assert_eq!(words("number"), said(["0.5", "", "-1", "2"]));
    assert_eq!(words("word"), said(["x", "y", "", "x"]));
    assert_eq!(words("category"), said(["b", "", "a", "b"]));
    // A dictionary of integers holds names, written as integers are.
    assert_eq!(words("code"), said(["20", "10", "", "20"]));
    assert_eq!(words("truth"), said(["true", "", "false", "true"]));
    let day = 86_400_000_000;
    assert_eq!(table.column("day").unwrap().data, ColumnData::Datetime(vec![0, day, MISSING_TIME, 3 * day]));
}

#[test]
fn chunks_and_slices_are_read_as_one_column() {
    let whole = mixed();
    let parts = [whole.slice(0, 1), whole.slice(1, 0), whole.slice(1, 3)];
    let (once, apart) = (table_of(&[whole]).unwrap(), table_of(&parts).unwrap());
    for (a, b) in once.columns().iter().zip(apart.columns()) {
        for row in 0..4 {
            assert_eq!(a.word(row), b.word(row), "{} {row}", a.name);
        }
    }
}

#[test]
fn numbers_become_rows_whatever_their_width() {
    let rows = 3 * BLOCK + 5;
    let values = || 0..rows as i64;
    let truth: Vec<Option<bool>> = values().map(|v| (v % 5 != 0).then_some(v % 2 == 0)).collect();
    let decimals =
        Decimal128Array::from_iter_values(values().map(i128::from)).with_precision_and_scale(20, 2).unwrap();
    let whole = batch(vec![
        ("i8", Arc::new(Int8Array::from_iter_values(values().map(|v| (v % 100) as i8 - 50)))),
        ("u8", Arc::new(values().map(|v| (v % 3 > 0).then_some(v as u8)).collect::<UInt8Array>())),
        ("i64", Arc::new(Int64Array::from_iter_values(values().map(|v| v << 30)))),
        ("f64", Arc::new(Float64Array::from_iter_values(values().map(|v| v as f64 / 3.0)))),
        ("truth", Arc::new(BooleanArray::from(truth))),
        ("decimal", Arc::new(decimals)),
        ("nothing", Arc::new(NullArray::new(rows))),
    ]);
    let parts = [whole.slice(0, BLOCK + 1), whole.slice(BLOCK + 1, rows - BLOCK - 1)];
    let matrix = matrix::<f64>(&whole.schema(), &parts, &names(&whole)).unwrap();
    let same = |a: f64, b: f64| a == b || a.is_nan() && b.is_nan();
    // The reader of Parquet is the oracle.
    let table = table_of(&[whole]).unwrap();
    assert_eq!(matrix.len(), rows * 7);
    for (row, numbers) in matrix.chunks_exact(7).enumerate() {
        for (column, &number) in numbers.iter().enumerate() {
            assert!(same(number, table.number_at(row, column)), "row {row}, column {column}: {number}");
        }
    }
    assert_eq!(matrix[7..13], [-49.0, 1.0, (1_u64 << 30) as f64, 1.0 / 3.0, 0.0, 0.01]);
    let wide = batch(vec![("x", Arc::new(Float64Array::from(vec![1e300, -1e300, 0.1])))]);
    let single = super::matrix::<f32>(&wide.schema(), std::slice::from_ref(&wide), &names(&wide)).unwrap();
    assert_eq!(single, [f32::INFINITY, f32::NEG_INFINITY, 0.1]);
}

#[test]
fn what_is_not_read_is_refused_by_name() {
    let duration = batch(vec![
        ("fine", Arc::new(Int8Array::from(vec![1]))),
        ("waited", Arc::new(DurationSecondArray::from(vec![1]))),
    ]);
    let refusal = table_of(std::slice::from_ref(&duration)).unwrap_err().to_string();
    assert!(refusal.contains("\"waited\"") && refusal.contains("Duration"), "{refusal}");
    assert_eq!(column_types(&duration.schema(), &names(&duration)).unwrap_err().to_string(), refusal);
    let infinite = batch(vec![("x", Arc::new(Float64Array::from(vec![0.0, f64::INFINITY])))]);
    let refusal = table_of(&[infinite]).unwrap_err().to_string();
    assert!(refusal.contains("column \"x\": row 2 holds inf"), "{refusal}");
    let words = batch(vec![("w", Arc::new(StringArray::from(vec!["a"])))]);
    let refusal =
        super::matrix::<f32>(&words.schema(), std::slice::from_ref(&words), &names(&words)).unwrap_err();
    assert!(refusal.to_string().contains("\"w\""), "{refusal}");
}

#[test]
fn another_programs_own_types_are_refused_and_arrows_are_read_as_stored() {
    let of = |extension: &str| {
        let name = ("ARROW:extension:name".to_owned(), extension.to_owned());
        let field = Field::new("month", DataType::Int64, true).with_metadata([name].into());
        Schema::new(vec![field])
    };
    let names = ["month".to_owned()];
    let values =
        RecordBatch::try_new(Arc::new(of("pandas.period")), vec![Arc::new(Int64Array::from(vec![600]))]);
    let values = [values.unwrap()];
    let refusal = table("t", &of("pandas.period"), &values, &names).unwrap_err().to_string();
    assert!(refusal.contains("column \"month\": its type is pandas.period"), "{refusal}");
    assert!(matrix::<f64>(&of("pandas.period"), &values, &names).is_err());
    assert_eq!(matrix::<f64>(&of("arrow.opaque"), &values, &names).unwrap(), [600.0]);
}

#[test]
fn no_rows_and_no_columns_are_tables() {
    let none = mixed().slice(0, 0);
    let table = table_of(std::slice::from_ref(&none)).unwrap();
    assert_eq!((table.rows(), table.columns().len()), (0, 6));
    let schema = Schema::empty();
    assert_eq!(super::table("t", &schema, &[], &[]).unwrap().rows(), 0);
    assert!(matrix::<f32>(&schema, &[], &[]).unwrap().is_empty());
}
