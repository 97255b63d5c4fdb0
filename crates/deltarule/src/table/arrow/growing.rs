//! A column as it grows batch by batch.

use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    DecimalType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, PrimitiveArray};
use arrow_schema::{DataType, TimeUnit};

use super::super::cell::TextBuilder;
use super::super::column::{ColumnData, MISSING_CODE, MISSING_TIME};
use crate::error::{Error, ErrorKind};

/// The values so far.
pub(in crate::table) enum Growing {
    /// Bytes, while none is missing.
    U8(Vec<u8>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Boolean(Vec<Option<bool>>),
    Text(TextBuilder),
    Datetime(Vec<i64>),
}

/// Why a column cannot be taken, and on which of its rows (from 1).
pub(in crate::table) enum Refusal {
    Infinite { row: usize, got: String },
    OutOfRange { row: usize, got: String },
    NotUtf8 { row: usize },
    Type { got: String },
}

impl Refusal {
    pub(in crate::table) fn at(self, path: &Path, column: &str) -> Error {
        let bad = |row: Option<usize>, expected: &str, got: String| {
            let place = row.map_or_else(String::new, |row| format!("row {row}, "));
            let what = format!("{place}column {column:?}");
            ErrorKind::BadFormat { path: path.to_owned(), what, expected: expected.to_owned(), got }.into()
        };
        match self {
            Self::Infinite { row, got } => {
                let (path, column) = (path.to_owned(), column.to_owned());
                ErrorKind::InfiniteValue { path, line: row as u64, column, got }.into()
            }
            Self::OutOfRange { row, got } => bad(Some(row), "a time within 292,000 years of 1970", got),
            Self::NotUtf8 { row } => bad(Some(row), "text in UTF-8", "other bytes".to_owned()),
            Self::Type { got } => bad(None, "the type that its schema promises", got),
        }
    }
}

impl Growing {
    /// An empty column for that type; `None` where it is not read.
    pub(in crate::table) fn of(kind: &DataType) -> Option<Self> {
        Some(match kind {
            DataType::Boolean => Self::Boolean(Vec::new()),
            DataType::UInt8 => Self::U8(Vec::new()),
            DataType::Int8 | DataType::Int16 | DataType::UInt16 | DataType::Float16 | DataType::Float32 => {
                Self::F32(Vec::new())
            }
            DataType::Null | DataType::Int32 | DataType::Int64 | DataType::UInt32 | DataType::UInt64 => {
                Self::F64(Vec::new())
            }
            DataType::Float64
            | DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..) => Self::F64(Vec::new()),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text(TextBuilder::default()),
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
                Self::Text(TextBuilder::default())
            }
            DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => Self::Datetime(Vec::new()),
            DataType::Dictionary(_, values) if !matches!(**values, DataType::Dictionary(..)) => {
                Self::of(values)?
            }
            _ => return None,
        })
    }

    /// Appends a batch.
    pub(in crate::table) fn append(&mut self, array: &dyn Array) -> Result<(), Refusal> {
        if let DataType::Dictionary(..) = array.data_type() {
            return self.append_dictionary(array);
        }
        if let Self::U8(values) = self {
            if array.null_count() == 0 && matches!(array.data_type(), DataType::UInt8) {
                values.extend_from_slice(array.as_primitive::<UInt8Type>().values());
                return Ok(());
            }
            *self = Self::F32(values.iter().map(|value| f32::from(*value)).collect());
        }
        match self {
            Self::F32(values) => append_f32(values, array),
            Self::F64(values) => append_f64(values, array),
            Self::Boolean(values) => {
                let booleans = array.as_boolean_opt().ok_or_else(|| wrong_type(array))?;
                values.extend(booleans.iter());
                Ok(())
            }
            Self::Text(builder) => append_text(builder, array),
            Self::Datetime(values) => append_times(values, array),
            Self::U8(_) => Err(wrong_type(array)),
        }
    }

    /// Appends a batch of keys into a dictionary: the dictionary is read as a column of its own, then picked from.
    fn append_dictionary(&mut self, array: &dyn Array) -> Result<(), Refusal> {
        let dictionary = array.as_any_dictionary_opt().ok_or_else(|| wrong_type(array))?;
        let keys = dictionary.keys();
        let mut words = Self::of(dictionary.values().data_type()).ok_or_else(|| wrong_type(array))?;
        words.append(dictionary.values().as_ref())?;
        if dictionary.values().is_empty() {
            (0..keys.len()).for_each(|_| self.push_missing());
            return Ok(());
        }
        let places = dictionary.normalized_keys();
        if let (Self::Text(builder), Self::Text(words)) = (&mut *self, &words) {
            // Each word is looked up once per batch instead of once per row; unused words are not taken over.
            let mut codes: Vec<Option<u32>> = vec![None; dictionary.values().len()];
            for (row, place) in places.into_iter().enumerate() {
                let word = if keys.is_null(row) { None } else { words.get(place) };
                let code =
                    word.map_or(MISSING_CODE, |word| *codes[place].get_or_insert_with(|| builder.code(word)));
                builder.push_code(code);
            }
            return Ok(());
        }
        for (row, place) in places.into_iter().enumerate() {
            if keys.is_null(row) { self.push_missing() } else { self.push_from(&words, place) }
        }
        Ok(())
    }

    fn push_missing(&mut self) {
        match self {
            Self::U8(values) => {
                *self = Self::F32(values.iter().map(|value| f32::from(*value)).chain([f32::NAN]).collect());
            }
            Self::F32(values) => values.push(f32::NAN),
            Self::F64(values) => values.push(f64::NAN),
            Self::Boolean(values) => values.push(None),
            Self::Text(builder) => builder.push_missing(),
            Self::Datetime(values) => values.push(MISSING_TIME),
        }
    }

    /// Appends value `place` of a column that [`Growing::of`] made for the same type.
    fn push_from(&mut self, words: &Self, place: usize) {
        match (&mut *self, words) {
            (Self::U8(values), Self::U8(words)) => values.push(words[place]),
            (Self::U8(values), Self::F32(words)) => {
                // The dictionary holds a null, so that this column becomes one of floats.
                *self =
                    Self::F32(values.iter().map(|value| f32::from(*value)).chain([words[place]]).collect());
            }
            (Self::F32(values), Self::U8(words)) => values.push(f32::from(words[place])),
            (Self::F32(values), Self::F32(words)) => values.push(words[place]),
            (Self::F64(values), Self::F64(words)) => values.push(words[place]),
            (Self::Boolean(values), Self::Boolean(words)) => values.push(words[place]),
            (Self::Datetime(values), Self::Datetime(words)) => values.push(words[place]),
            _ => self.push_missing(),
        }
    }

    /// The column.
    pub(in crate::table) fn finish(self) -> ColumnData {
        match self {
            Self::U8(values) => ColumnData::U8(values),
            Self::F32(values) => ColumnData::F32(values),
            Self::F64(values) => ColumnData::F64(values),
            Self::Boolean(values) => ColumnData::Boolean(values),
            Self::Text(builder) => ColumnData::Text(builder.finish()),
            Self::Datetime(values) => ColumnData::Datetime(values),
        }
    }
}

fn wrong_type(array: &dyn Array) -> Refusal {
    Refusal::Type { got: array.data_type().to_string() }
}

/// The primitive array of that type, or a refusal where the decoder gave another.
fn primitive<T: ArrowPrimitiveType>(array: &dyn Array) -> Result<&PrimitiveArray<T>, Refusal> {
    array.as_primitive_opt::<T>().ok_or_else(|| wrong_type(array))
}

fn append_f32(values: &mut Vec<f32>, array: &dyn Array) -> Result<(), Refusal> {
    fn extend<T: ArrowPrimitiveType>(
        values: &mut Vec<f32>,
        array: &dyn Array,
        number: impl Fn(T::Native) -> f32,
    ) -> Result<(), Refusal> {
        for value in primitive::<T>(array)? {
            let value = value.map_or(f32::NAN, &number);
            if value.is_infinite() {
                return Err(Refusal::Infinite { row: values.len() + 1, got: value.to_string() });
            }
            values.push(value);
        }
        Ok(())
    }
    match array.data_type() {
        DataType::UInt8 => extend::<UInt8Type>(values, array, f32::from),
        DataType::Int8 => extend::<Int8Type>(values, array, f32::from),
        DataType::UInt16 => extend::<UInt16Type>(values, array, f32::from),
        DataType::Int16 => extend::<Int16Type>(values, array, f32::from),
        DataType::Float16 => extend::<Float16Type>(values, array, f32::from),
        DataType::Float32 => extend::<Float32Type>(values, array, |value| value),
        _ => Err(wrong_type(array)),
    }
}

fn append_f64(values: &mut Vec<f64>, array: &dyn Array) -> Result<(), Refusal> {
    fn extend<T: ArrowPrimitiveType>(
        values: &mut Vec<f64>,
        array: &dyn Array,
        number: impl Fn(T::Native) -> f64,
    ) -> Result<(), Refusal> {
        for value in primitive::<T>(array)? {
            let value = value.map_or(f64::NAN, &number);
            if value.is_infinite() {
                return Err(Refusal::Infinite { row: values.len() + 1, got: value.to_string() });
            }
            values.push(value);
        }
        Ok(())
    }
    /// Decimals by way of their words: rounded once, for every precision and scale.
    fn decimals<T: DecimalType + ArrowPrimitiveType>(
        values: &mut Vec<f64>,
        array: &dyn Array,
    ) -> Result<(), Refusal> {
        let array = primitive::<T>(array)?;
        for row in 0..array.len() {
            let value = if array.is_null(row) {
                f64::NAN
            } else {
                array.value_as_string(row).parse().unwrap_or(f64::NAN)
            };
            values.push(value);
        }
        Ok(())
    }
    match array.data_type() {
        DataType::Null => {
            values.resize(values.len() + array.len(), f64::NAN);
            Ok(())
        }
        DataType::Int32 => extend::<Int32Type>(values, array, f64::from),
        DataType::UInt32 => extend::<UInt32Type>(values, array, f64::from),
        DataType::Int64 => extend::<Int64Type>(values, array, |value| value as f64),
        DataType::UInt64 => extend::<UInt64Type>(values, array, |value| value as f64),
        DataType::Float64 => extend::<Float64Type>(values, array, |value| value),
        DataType::Decimal32(..) => decimals::<Decimal32Type>(values, array),
        DataType::Decimal64(..) => decimals::<Decimal64Type>(values, array),
        DataType::Decimal128(..) => decimals::<Decimal128Type>(values, array),
        DataType::Decimal256(..) => decimals::<Decimal256Type>(values, array),
        _ => Err(wrong_type(array)),
    }
}

fn append_text(builder: &mut TextBuilder, array: &dyn Array) -> Result<(), Refusal> {
    fn words<'a>(
        builder: &mut TextBuilder,
        words: impl Iterator<Item = Option<&'a str>>,
    ) -> Result<(), Refusal> {
        words.for_each(|word| match word {
            Some(word) => builder.push(word),
            None => builder.push_missing(),
        });
        Ok(())
    }
    fn bytes<'a>(
        builder: &mut TextBuilder,
        bytes: impl Iterator<Item = Option<&'a [u8]>>,
    ) -> Result<(), Refusal> {
        for word in bytes {
            match word.map(std::str::from_utf8) {
                Some(Ok(word)) => builder.push(word),
                Some(Err(_)) => return Err(Refusal::NotUtf8 { row: builder.len() + 1 }),
                None => builder.push_missing(),
            }
        }
        Ok(())
    }
    match array.data_type() {
        DataType::Utf8 => words(builder, array.as_string::<i32>().iter()),
        DataType::LargeUtf8 => words(builder, array.as_string::<i64>().iter()),
        DataType::Utf8View => words(builder, array.as_string_view().iter()),
        DataType::Binary => bytes(builder, array.as_binary::<i32>().iter()),
        DataType::LargeBinary => bytes(builder, array.as_binary::<i64>().iter()),
        DataType::BinaryView => bytes(builder, array.as_binary_view().iter()),
        _ => Err(wrong_type(array)),
    }
}

fn append_times(values: &mut Vec<i64>, array: &dyn Array) -> Result<(), Refusal> {
    const DAY: i64 = 86_400_000_000;
    fn extend<T: ArrowPrimitiveType>(
        values: &mut Vec<i64>,
        array: &dyn Array,
        microseconds: impl Fn(T::Native) -> Option<i64>,
    ) -> Result<(), Refusal> {
        for value in primitive::<T>(array)? {
            let time = match value {
                None => MISSING_TIME,
                Some(value) => microseconds(value).filter(|time| *time != MISSING_TIME).ok_or_else(|| {
                    Refusal::OutOfRange { row: values.len() + 1, got: format!("{value:?}") }
                })?,
            };
            values.push(time);
        }
        Ok(())
    }
    match array.data_type() {
        DataType::Date32 => extend::<Date32Type>(values, array, |days| i64::from(days).checked_mul(DAY)),
        DataType::Date64 => extend::<Date64Type>(values, array, |value| value.checked_mul(1000)),
        DataType::Timestamp(TimeUnit::Second, _) => {
            extend::<TimestampSecondType>(values, array, |value| value.checked_mul(1_000_000))
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            extend::<TimestampMillisecondType>(values, array, |value| value.checked_mul(1000))
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            extend::<TimestampMicrosecondType>(values, array, Some)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            extend::<TimestampNanosecondType>(values, array, |value| Some(value.div_euclid(1000)))
        }
        _ => Err(wrong_type(array)),
    }
}
