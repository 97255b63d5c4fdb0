//! Apache Parquet: typed columns in compressed pages.
//!
//! Read are booleans, integers, floats, decimals, text (and bytes that are UTF-8), dictionaries of these, dates and
//! timestamps (a zone is an instant, without one the time is taken as UTC); null is missing. Nested columns, times of
//! day, durations and intervals are refused by name; [`ReadOptions::ignore`] leaves such a column out. Small integers
//! become 32-bit floats, which hold them exactly; 64-bit integers beyond 2⁵³ are rounded.
//!
//! What the file's footer promises is compared with the machine's memory before anything is read. The decoder is
//! another project's; where damaged bytes make it panic, that is caught at this one place and told as damage.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use ::parquet::file::reader::ChunkReader;
use arrow_schema::Schema;
use bytes::Bytes;

use super::arrow::Growing;
use super::source::ParquetInput;
use super::{Column, ReadOptions, Table, bad_format};
use crate::error::{Error, Result};
use crate::memory;

/// Rows decoded at a time: small enough to stay in the cache, large enough to pay for the calls.
const BATCH: usize = 8192;

/// A table from a Parquet file.
pub(super) fn read(input: ParquetInput, path: &Path, options: &ReadOptions) -> Result<Table> {
    let outcome = catch_unwind(AssertUnwindSafe(|| match input {
        ParquetInput::File(file) => decode(file, path, options),
        ParquetInput::Held(bytes) => decode(Bytes::from(bytes), path, options),
    }));
    outcome.unwrap_or_else(|_| Err(damaged(path, "bytes that its decoder cannot make sense of")))
}

fn decode<R: ChunkReader + 'static>(reader: R, path: &Path, options: &ReadOptions) -> Result<Table> {
    let broken = |error: ParquetError| damaged(path, &error.to_string());
    let builder = ParquetRecordBatchReaderBuilder::try_new(reader).map_err(broken)?;
    let schema = Arc::clone(builder.schema());
    let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    options.check_names(&path.display().to_string(), &names)?;
    let wanted: Vec<usize> = (0..names.len()).filter(|i| !options.ignores(&names[*i])).collect();
    let mut growing = wanted.iter().map(|i| grow(&schema, *i, path)).collect::<Result<Vec<_>>>()?;
    check_promises(builder.metadata(), wanted.len(), path, options)?;

    // Whole columns are left out, so the mask names roots; ignored ones are never decoded.
    let mask = ProjectionMask::roots(builder.parquet_schema(), wanted.iter().copied());
    let mut builder = builder.with_batch_size(BATCH).with_projection(mask);
    if let Some(limit) = options.limit {
        builder = builder.with_limit(limit);
    }
    for batch in builder.build().map_err(broken)? {
        let batch = batch.map_err(|error| damaged(path, &error.to_string()))?;
        if batch.num_columns() != growing.len() {
            return Err(damaged(path, "another number of columns than its schema has"));
        }
        for ((column, array), i) in growing.iter_mut().zip(batch.columns()).zip(&wanted) {
            column.append(array.as_ref()).map_err(|refusal| refusal.at(path, &names[*i]))?;
        }
    }
    let columns =
        growing.into_iter().zip(&wanted).map(|(column, i)| Column::new(names[*i].clone(), column.finish()));
    Table::new(path.display().to_string(), columns.collect())
}

fn grow(schema: &Schema, i: usize, path: &Path) -> Result<Growing> {
    let field = schema.field(i);
    Growing::of(field.data_type()).ok_or_else(|| {
        let what = format!("column {:?}", field.name());
        let expected = "numbers, text, booleans, dates or timestamps; flatten or convert the column, or leave it out \
                        (--ignore)";
        bad_format(path, &what, expected, &field.data_type().to_string())
    })
}

/// Compares what the footer promises with itself and with the machine's memory.
fn check_promises(
    metadata: &ParquetMetaData,
    columns: usize,
    path: &Path,
    options: &ReadOptions,
) -> Result<()> {
    let promised = metadata.file_metadata().num_rows();
    let groups = metadata.row_groups().iter().try_fold(0_i64, |sum, group| sum.checked_add(group.num_rows()));
    if promised < 0
        || groups != Some(promised)
        || metadata.row_groups().iter().any(|group| group.num_rows() < 0)
    {
        let got = format!("a footer of {promised} rows over row groups of {groups:?}");
        return Err(damaged(path, &got));
    }
    let rows = options.limit.map_or(promised as u64, |limit| (promised as u64).min(limit as u64));
    let need = rows.saturating_mul(columns as u64).saturating_mul(4); // at least a code or a 32-bit float each
    let next = "read fewer rows (--limit) or leave columns out (--ignore)";
    memory::require(&path.display().to_string(), need, next)?;
    let pages = metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
    let largest = pages.map(ColumnChunkMetaData::uncompressed_size).max().unwrap_or(0);
    memory::require(&path.display().to_string(), u64::try_from(largest).unwrap_or(u64::MAX), next)
}

fn damaged(path: &Path, got: &str) -> Error {
    bad_format(path, "Parquet", "a complete file; fetch or copy it again, or write it anew", got)
}

#[cfg(test)]
mod tests;
