//! Apache Arrow's record batches: columns that another program of this process holds.
//!
//! Read are booleans, integers, floats, decimals, text (and bytes that are UTF-8), dictionaries of these, dates and
//! timestamps (a zone is an instant, without one the time is taken as UTC); null is missing. Nested columns, times of
//! day, durations and intervals are refused by name. A dictionary is a statement that a column's values are names: its
//! column holds words, whatever the dictionary holds.
//!
//! The batches are read where they lie. [`table`] takes their values over into columns of a [`Table`]; [`matrix`] writes
//! numbers into rows at once, without a table in between.

mod growing;

use std::ops::Range;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, BooleanArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use deltarule_kernels::Real;

pub(in crate::table) use self::growing::Growing;
use self::growing::Refusal;
use super::{Column, ColumnType, Table};
use crate::crew;
use crate::error::{Error, ErrorKind, Result};

/// Rows that are written together, so that they stay in the cache while column after column goes into them.
const BLOCK: usize = 64;

/// The type of each column, under the names that it goes by in messages; [`ColumnType::Category`] of a dictionary.
///
/// # Errors
/// [`ErrorKind::UnusableColumn`] for the first column whose type is not read.
pub fn column_types(schema: &Schema, names: &[String]) -> Result<Vec<ColumnType>> {
    let fields = schema.fields().iter().zip(names);
    fields.map(|(field, name)| column_type(field).ok_or_else(|| unread(name, field))).collect()
}

fn column_type(field: &Field) -> Option<ColumnType> {
    let kind = field.data_type();
    if extension(field).is_some() {
        return None;
    }
    if let DataType::Dictionary(..) = kind {
        return Growing::of(kind).map(|_| ColumnType::Category);
    }
    Some(match Growing::of(kind)? {
        Growing::U8(_) | Growing::F32(_) | Growing::F64(_) => ColumnType::Number,
        Growing::Boolean(_) => ColumnType::Boolean,
        Growing::Text(_) => ColumnType::Text,
        Growing::Datetime(_) => ColumnType::Datetime,
    })
}

/// The name of a program's own type, whose values mean something else than what they are stored as (months counted from 1970);
/// Arrow's own ones are stored as what they are.
fn extension(field: &Field) -> Option<&str> {
    field.extension_type_name().filter(|name| !name.starts_with("arrow."))
}

fn unread(name: &str, field: &Field) -> Error {
    let kind = extension(field).map_or_else(|| field.data_type().to_string(), str::to_owned);
    ErrorKind::UnusableColumn {
        column: name.to_owned(),
        what: format!("its type is {kind}; expected numbers, text, truth values, dates or timestamps"),
        next: "convert the column (a list into columns of its own, a duration into seconds), or drop it"
            .to_owned(),
    }
    .into()
}

/// The columns as a table, under these names.
///
/// # Errors
/// [`ErrorKind::UnusableColumn`] for a column whose type is not read, or a value that is infinite, out of range or not
/// UTF-8; [`ErrorKind::BadFormat`] where two columns have one name.
///
/// # Panics
/// Where there are not as many names as columns.
pub fn table(source: &str, schema: &Schema, batches: &[RecordBatch], names: &[String]) -> Result<Table> {
    assert_eq!(names.len(), schema.fields().len(), "each column has a name");
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let columns: Vec<usize> = (0..names.len()).collect();
    let threads = crew::for_values(rows * columns.len());
    let read = crew::map(threads, columns, |at| column(source, schema.field(at), batches, at, &names[at]));
    Table::new(source, read.into_iter().collect::<Result<_>>()?)
}

fn column(source: &str, field: &Field, batches: &[RecordBatch], at: usize, name: &str) -> Result<Column> {
    let kind = column_type(field).ok_or_else(|| unread(name, field))?;
    let mut growing = Growing::of(field.data_type()).ok_or_else(|| unread(name, field))?;
    for batch in batches {
        growing.append(batch.column(at).as_ref()).map_err(|refusal| refused(refusal, name))?;
    }
    let column = Column::new(name, growing.finish());
    if kind == ColumnType::Category { column.convert(kind, source) } else { Ok(column) }
}

fn refused(refusal: Refusal, name: &str) -> Error {
    let (what, next) = match refusal {
        Refusal::Infinite { row, got } => {
            (format!("row {row} holds {got}; expected a finite number"), "mend the value, or make it missing")
        }
        other => match other.at(Path::new("the table"), name).kind() {
            ErrorKind::BadFormat { what, expected, got, .. } => {
                (format!("{what}: got {got}; expected {expected}"), "mend the value, or drop the column")
            }
            other => (other.to_string(), "drop the column"),
        },
    };
    ErrorKind::UnusableColumn { column: name.to_owned(), what, next: next.to_owned() }.into()
}

/// Columns of numbers and truth values as rows, `[rows × columns]`: missing ones are NaN, others as near as the precision
/// allows (beyond its range infinite).
///
/// # Errors
/// [`ErrorKind::UnusableColumn`] for a column of another type.
///
/// # Panics
/// Where there are not as many names as columns.
pub fn matrix<F: Real>(schema: &Schema, batches: &[RecordBatch], names: &[String]) -> Result<Vec<F>> {
    let width = names.len();
    let types = column_types(schema, names)?;
    if let Some(at) = types.iter().position(|kind| !matches!(kind, ColumnType::Number | ColumnType::Boolean))
    {
        return Err(unread(&names[at], schema.field(at)));
    }
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let mut dense = vec![F::ZERO; rows * width];
    let mut rest = &mut dense[..];
    for batch in batches {
        let mut readers = Vec::with_capacity(width);
        for ((array, field), name) in batch.columns().iter().zip(schema.fields()).zip(names) {
            readers.push(Reader::of(array.as_ref(), field, name)?);
        }
        let (of_batch, after) = rest.split_at_mut(batch.num_rows() * width);
        rest = after;
        for (block, out) in of_batch.chunks_mut(BLOCK * width.max(1)).enumerate() {
            let from = block * BLOCK;
            let rows = from..from + out.len() / width;
            for (slot, reader) in readers.iter().enumerate() {
                reader.write(rows.clone(), &mut out[slot..], width);
            }
        }
    }
    Ok(dense)
}

/// Numbers of one column of a batch.
enum Reader<'a> {
    Array(&'a dyn Array),
    Boolean(&'a BooleanArray),
    /// Of types that have no numbers lying side by side: decimals, columns without a value.
    Taken(Column),
}

impl<'a> Reader<'a> {
    fn of(array: &'a dyn Array, field: &Field, name: &str) -> Result<Self> {
        if array.data_type().is_integer() || array.data_type().is_floating() {
            return Ok(Self::Array(array));
        }
        if let Some(booleans) = array.as_boolean_opt() {
            return Ok(Self::Boolean(booleans));
        }
        let mut growing = Growing::of(array.data_type()).ok_or_else(|| unread(name, field))?;
        growing.append(array).map_err(|refusal| refused(refusal, name))?;
        Ok(Self::Taken(Column::new(name, growing.finish())))
    }

    /// Writes these rows into every `width`-th place of `out`.
    fn write<F: Real>(&self, rows: Range<usize>, out: &mut [F], width: usize) {
        let array = match self {
            Self::Array(array) => *array,
            Self::Boolean(booleans) => {
                for (row, out) in rows.zip(out.iter_mut().step_by(width)) {
                    *out = if booleans.is_null(row) {
                        F::NAN
                    } else if booleans.value(row) {
                        F::ONE
                    } else {
                        F::ZERO
                    };
                }
                return;
            }
            Self::Taken(column) => {
                for (row, out) in rows.zip(out.iter_mut().step_by(width)) {
                    *out = F::from_f64(column.number(row));
                }
                return;
            }
        };
        match array.data_type() {
            DataType::Int8 => numbers::<F, Int8Type>(array, rows, out, width, f64::from),
            DataType::Int16 => numbers::<F, Int16Type>(array, rows, out, width, f64::from),
            DataType::Int32 => numbers::<F, Int32Type>(array, rows, out, width, f64::from),
            DataType::Int64 => numbers::<F, Int64Type>(array, rows, out, width, |value| value as f64),
            DataType::UInt8 => numbers::<F, UInt8Type>(array, rows, out, width, f64::from),
            DataType::UInt16 => numbers::<F, UInt16Type>(array, rows, out, width, f64::from),
            DataType::UInt32 => numbers::<F, UInt32Type>(array, rows, out, width, f64::from),
            DataType::UInt64 => numbers::<F, UInt64Type>(array, rows, out, width, |value| value as f64),
            DataType::Float16 => numbers::<F, Float16Type>(array, rows, out, width, f64::from),
            DataType::Float32 => numbers::<F, Float32Type>(array, rows, out, width, f64::from),
            _ => numbers::<F, Float64Type>(array, rows, out, width, |value| value),
        }
    }
}

fn numbers<F: Real, T: ArrowPrimitiveType>(
    array: &dyn Array,
    rows: Range<usize>,
    out: &mut [F],
    width: usize,
    number: impl Fn(T::Native) -> f64,
) {
    let array = array.as_primitive::<T>();
    for (value, out) in array.values()[rows.clone()].iter().zip(out.iter_mut().step_by(width)) {
        *out = F::from_f64(number(*value));
    }
    if array.null_count() > 0 {
        for (row, out) in rows.zip(out.iter_mut().step_by(width)) {
            if array.is_null(row) {
                *out = F::NAN;
            }
        }
    }
}

#[cfg(test)]
mod tests;
