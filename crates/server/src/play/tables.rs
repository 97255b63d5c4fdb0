//! Tables that were sent by the page: kept as they came, since a session's settings say how they are read.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use deltarule::table::{ReadOptions, read_bytes};
use serde::Serialize;

use crate::guard::Token;

/// Bytes of a table, at most.
pub const LARGEST: usize = 64 << 20;
/// Tables that are kept; the oldest goes first.
const KEPT: usize = 8;
/// Characters of a name, at most.
const NAME: usize = 200;

/// A table as it came.
pub struct Upload {
    id: String,
    /// The file's name, of one part.
    pub name: String,
    /// What the file held.
    pub bytes: Vec<u8>,
}

/// The last tables that were sent.
#[derive(Default)]
pub struct Tables(Mutex<VecDeque<Arc<Upload>>>);

/// What the page is told of a table.
#[derive(Serialize)]
pub struct Uploaded {
    upload: String,
    rows: usize,
    columns: Vec<ColumnTold>,
}

#[derive(Serialize)]
struct ColumnTold {
    name: String,
    r#type: String,
}

impl Tables {
    /// Reads a table, and keeps it.
    ///
    /// # Errors
    /// The library's words where it is none; those of the system where it has no random numbers.
    pub fn keep(&self, name: &str, bytes: Vec<u8>) -> Result<Uploaded, String> {
        let name = file_name(name).ok_or("expected the file's name, such as sales.csv, in ?name=")?;
        let table =
            read_bytes(bytes.clone(), &name, &ReadOptions::default()).map_err(|error| error.to_string())?;
        let id = Token::random().map_err(|error: io::Error| error.to_string())?.to_string();
        let columns = table
            .columns()
            .iter()
            .map(|column| ColumnTold { name: column.name.clone(), r#type: column.column_type().to_string() })
            .collect();
        let told = Uploaded { upload: id.clone(), rows: table.rows(), columns };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.truncate(KEPT - 1);
        kept.push_front(Arc::new(Upload { id, name, bytes }));
        Ok(told)
    }

    /// The table of that number.
    pub fn get(&self, id: &str) -> Option<Arc<Upload>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|upload| upload.id == id).cloned()
    }
}

/// The last part of a name, without what could end a line of a configuration.
fn file_name(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = last.chars().filter(|letter| !letter.is_control()).take(NAME).collect();
    // A name that stands for something else is no file's.
    (!matches!(kept.trim(), "" | "." | ".." | "-")).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_of_one_part() {
        assert_eq!(file_name("C:\\a\\b.csv").as_deref(), Some("b.csv"));
        assert_eq!(file_name("../../etc/pass\nwd").as_deref(), Some("passwd"));
        for name in ["", "..", "a/", "-", "\n"] {
            assert_eq!(file_name(name), None, "{name:?}");
        }
    }

    #[test]
    fn the_oldest_table_makes_room() {
        let tables = Tables::default();
        let keep = |name: &str| tables.keep(name, b"a,b\n1,x\n2,y\n".to_vec()).unwrap();
        let first = keep("first.csv");
        assert_eq!((first.rows, first.columns.len(), first.columns[1].r#type.as_str()), (2, 2, "text"));
        assert_eq!(tables.get(&first.upload).unwrap().name, "first.csv");
        for number in 1..KEPT {
            keep(&format!("{number}.csv"));
        }
        assert!(tables.get(&first.upload).is_some());
        keep("last.csv");
        assert!(tables.get(&first.upload).is_none() && tables.get("").is_none());
        assert!(tables.keep("bad.csv", b"a,b\n1\n".to_vec()).is_err_and(|why| why.contains("bad.csv")));
    }
}
