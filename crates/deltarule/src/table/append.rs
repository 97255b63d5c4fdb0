//! One table below another, and the digest by which a table is known again.

use std::collections::HashMap;
use std::ops::Range;

use sha2::{Digest, Sha256};

use super::{Column, ColumnData, MISSING_CODE, Table, TextColumn};
use crate::error::{ErrorKind, Result, similar_names};

impl Table {
    /// Appends the rows of `other`, whose columns are found by name, and says where they lie now. Columns that only
    /// `other` has are left out.
    ///
    /// # Errors
    /// [`ErrorKind::MissingColumn`] for a column that `other` lacks; [`ErrorKind::UnusableColumn`] where a column's type
    /// is another one there and not convertible. The table is unchanged then.
    pub fn append(&mut self, other: Self) -> Result<Range<usize>> {
        let added = other.rows;
        let mut columns = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let Some(more) = other.columns.iter().find(|more| more.name == column.name) else {
                let similar = similar_names(&column.name, &other.names());
                let (source, column) = (other.source, column.name.clone());
                return Err(ErrorKind::MissingColumn { source, column, similar }.into());
            };
            let data = joined(&column.data, &more.data).ok_or_else(|| ErrorKind::UnusableColumn {
                column: column.name.clone(),
                what: format!(
                    "it is of type {} in {} and of type {} in {}",
                    column.column_type().name(),
                    self.source,
                    more.column_type().name(),
                    other.source
                ),
                next: format!("mend the file, or declare the type (--types {}=category)", column.name),
            })?;
            columns.push(data);
        }
        for (column, data) in self.columns.iter_mut().zip(columns) {
            column.data = data;
        }
        let from = self.rows;
        self.rows += added;
        Ok(from..self.rows)
    }

    /// SHA-256, in hexadecimal digits, over the names, types and values of all columns: equal tables, and only those,
    /// have equal digests.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let mut bytes = Vec::with_capacity(8 * CHUNK);
        for Column { name, data, .. } in &self.columns {
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name);
            hash.update([kind(data)]);
            match data {
                ColumnData::U8(values) => hash.update(values),
                ColumnData::F32(values) => each(&mut hash, &mut bytes, values, f32::to_le_bytes),
                ColumnData::F64(values) => each(&mut hash, &mut bytes, values, f64::to_le_bytes),
                ColumnData::Datetime(values) => each(&mut hash, &mut bytes, values, i64::to_le_bytes),
                ColumnData::Boolean(values) => {
                    each(&mut hash, &mut bytes, values, |v| [v.map_or(2, u8::from)]);
                }
                ColumnData::Text(TextColumn { codes, dictionary }) => {
                    each(&mut hash, &mut bytes, codes, u32::to_le_bytes);
                    for word in dictionary {
                        hash.update((word.len() as u64).to_le_bytes());
                        hash.update(word);
                    }
                }
            }
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Values hashed at once.
const CHUNK: usize = 4096;

fn each<T: Copy, const N: usize>(
    hash: &mut Sha256,
    bytes: &mut Vec<u8>,
    values: &[T],
    of: impl Fn(T) -> [u8; N],
) {
    for chunk in values.chunks(CHUNK) {
        bytes.clear();
        bytes.extend(chunk.iter().flat_map(|&value| of(value)));
        hash.update(&*bytes);
    }
}

fn kind(data: &ColumnData) -> u8 {
    match data {
        ColumnData::U8(_) => 0,
        ColumnData::F32(_) => 1,
        ColumnData::F64(_) => 2,
        ColumnData::Boolean(_) => 3,
        ColumnData::Text(_) => 4,
        ColumnData::Datetime(_) => 5,
    }
}

/// The values of both; numbers of different widths become f64. `None` where the types do not go together.
fn joined(above: &ColumnData, below: &ColumnData) -> Option<ColumnData> {
    use ColumnData::{Boolean, Datetime, F32, F64, Text, U8};
    fn both<T: Clone>(a: &[T], b: &[T]) -> Vec<T> {
        [a, b].concat()
    }
    Some(match (above, below) {
        (U8(a), U8(b)) => U8(both(a, b)),
        (F32(a), F32(b)) => F32(both(a, b)),
        (Boolean(a), Boolean(b)) => Boolean(both(a, b)),
        (Datetime(a), Datetime(b)) => Datetime(both(a, b)),
        (Text(a), Text(b)) => Text(joined_words(a, b)),
        (a, b) => F64(both(&numbers(a)?, &numbers(b)?)),
    })
}

fn numbers(data: &ColumnData) -> Option<Vec<f64>> {
    Some(match data {
        ColumnData::U8(values) => values.iter().map(|&v| f64::from(v)).collect(),
        ColumnData::F32(values) => values.iter().map(|&v| f64::from(v)).collect(),
        ColumnData::F64(values) => values.clone(),
        _ => return None,
    })
}

fn joined_words(above: &TextColumn, below: &TextColumn) -> TextColumn {
    let mut dictionary = above.dictionary.clone();
    let mut places: HashMap<&str, u32> = HashMap::with_capacity(dictionary.len());
    for (word, code) in above.dictionary.iter().zip(0..) {
        places.insert(word, code);
    }
    let translated: Vec<u32> = below
        .dictionary
        .iter()
        .map(|word| {
            places.get(word.as_str()).copied().unwrap_or_else(|| {
                dictionary.push(word.clone());
                dictionary.len() as u32 - 1
            })
        })
        .collect();
    let more =
        below.codes.iter().map(|&code| if code == MISSING_CODE { code } else { translated[code as usize] });
    TextColumn { codes: above.codes.iter().copied().chain(more).collect(), dictionary }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_appended_by_column_name_and_words_keep_their_meaning() {
        let mut table =
            Table::new("a", vec![Column::words("c", &["x", "y"]), Column::numbers("n", vec![1.0, 2.0])])
                .unwrap();
        let more =
            Table::new("b", vec![Column::numbers("n", vec![3.0, 4.0]), Column::words("c", &["z", "x"])])
                .unwrap();
        let before = table.digest();
        assert_eq!(table.append(more.clone()).unwrap(), 2..4);
        let words: Vec<_> =
            (0..4).map(|row| table.column("c").unwrap().word(row).unwrap().into_owned()).collect();
        assert_eq!(words, ["x", "y", "z", "x"]);
        assert_eq!(table.number_at(3, 1), 4.0);
        assert_ne!(table.digest(), before);
        assert_eq!(more.digest(), more.clone().digest());
    }

    #[test]
    fn a_missing_column_or_another_type_is_refused_and_nothing_changes() {
        let mut table = Table::new("a", vec![Column::numbers("n", vec![1.0])]).unwrap();
        let lacking = Table::new("b", vec![Column::numbers("m", vec![1.0])]).unwrap();
        assert!(matches!(table.append(lacking).unwrap_err().kind(), ErrorKind::MissingColumn { .. }));
        let words = Table::new("b", vec![Column::words("n", &["one"])]).unwrap();
        assert!(matches!(table.append(words).unwrap_err().kind(), ErrorKind::UnusableColumn { .. }));
        assert_eq!(table.rows(), 1);
    }
}
