//! Rows as JSON has them → a table of the columns that the model needs.
//!
//! | body | is |
//! |---|---|
//! | `[{"a": 1, "b": "x"}, …]` | rows |
//! | `{"a": 1, "b": "x"}` | one row |
//! | `{"rows": [{…}, …]}` | rows |
//! | `{"columns": {"a": [1, …], "b": ["x", …]}}` | columns of one length |
//!
//! `null` and `""` are missing values. A row has every column that the model needs, even where it has no value: so the room that a
//! table takes is bounded by the body's length, and a name that is written otherwise is told. What the model does not need is
//! skipped, whatever it holds. Nothing is built but the columns.

use std::collections::HashMap;
use std::fmt;

use deltarule::encoder::Encoder;
use deltarule::error::similar_names;
use deltarule::table::{ColumnType, Table, TypedColumn};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::refusal::{Refusal, SOURCE};

/// Characters of a value that a message shows, at most.
const SHOWN: usize = 60;
/// Names that the model does not need which are kept, to tell which of them is close to one that it does.
const KEPT: usize = 64;
/// Integers up to here are double-precision numbers.
const EXACT: u64 = 1 << 53;

/// The columns that a model needs.
pub struct Inputs {
    columns: Vec<(String, ColumnType)>,
    places: HashMap<String, usize>,
    /// Rows at once.
    most: usize,
}

impl Inputs {
    /// Those of a model's encoder; a request may have so many rows.
    pub fn new(encoder: &Encoder, most: usize) -> Self {
        let columns: Vec<_> =
            encoder.input_columns().iter().map(|input| (input.name.to_owned(), input.column_type)).collect();
        let places = columns.iter().enumerate().map(|(place, (name, _))| (name.clone(), place)).collect();
        Self { columns, places, most }
    }

    /// The table of a request's JSON.
    ///
    /// # Errors
    /// Where it is none, lacks a column, or holds a value that is not of its column's type.
    pub fn table(&self, json: &[u8]) -> Result<Table, Refusal> {
        let mut filler = Filler::new(self);
        let mut reader = serde_json::Deserializer::from_slice(json);
        let read = Slot { filler: &mut filler, place: Place::Top }.deserialize(&mut reader);
        if let Err(error) = read.and_then(|()| reader.end()) {
            return Err(filler.refusal.take().unwrap_or_else(|| not_json(&error)));
        }
        let names = self.columns.iter().map(|(name, _)| name);
        let columns =
            filler.columns.into_iter().zip(names).map(|(column, name)| column.finish(name)).collect();
        Ok(Table::new(SOURCE, columns)?)
    }
}

fn not_json(error: &serde_json::Error) -> Refusal {
    Refusal::bad(format!(
        "{SOURCE}, line {}, column {}: got what is no JSON ({error}); expected an array of objects, one for each row; GET /v1/model \
         names the columns",
        error.line(),
        error.column()
    ))
}

/// The columns on their way.
struct Filler<'i> {
    inputs: &'i Inputs,
    columns: Vec<TypedColumn>,
    /// Rows that are whole.
    rows: usize,
    /// Of each column the number of the last row that it was met in, from 1.
    met: Vec<usize>,
    /// Columns met in the row that is read.
    found: usize,
    /// The column that comes next if rows have the columns in the model's order.
    next: usize,
    /// Names that the model does not need.
    others: Vec<String>,
    /// Whether `rows` or `columns` were there.
    is_wrapped: bool,
    /// Why reading was ended.
    refusal: Option<Refusal>,
}

/// What a name stands for.
struct Named {
    /// The column that the model needs.
    column: Option<usize>,
    /// At the top: `rows` or `columns`.
    wrapper: Option<Wrapper>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wrapper {
    Rows,
    Columns,
}

impl<'i> Filler<'i> {
    fn new(inputs: &'i Inputs) -> Self {
        Self {
            inputs,
            columns: inputs.columns.iter().map(|(_, kind)| TypedColumn::new(*kind)).collect(),
            rows: 0,
            met: vec![0; inputs.columns.len()],
            found: 0,
            next: 0,
            others: Vec::new(),
            is_wrapped: false,
            refusal: None,
        }
    }

    /// Ends the reading; the error itself says nothing.
    fn refuse<E: Error>(&mut self, refusal: Refusal) -> E {
        self.refusal = Some(refusal);
        E::custom("refused")
    }

    /// The column of that name. Names mostly come in the model's order: then one comparison finds it.
    fn column_of(&mut self, name: &str) -> Option<usize> {
        let expected = self.inputs.columns.get(self.next).is_some_and(|(next, _)| next == name);
        let column = if expected { Some(self.next) } else { self.inputs.places.get(name).copied() };
        match column {
            Some(column) => self.next = column + 1,
            None if self.others.len() < KEPT && name.len() <= 4 * SHOWN => self.others.push(name.to_owned()),
            None => {}
        }
        column
    }

    /// Notes that the row which is read has a column.
    fn meet<E: Error>(&mut self, column: usize) -> Result<(), E> {
        let row = self.rows + 1;
        if self.met[column] == row {
            let name = &self.inputs.columns[column].0;
            let refusal =
                Refusal::bad(format!("{SOURCE}, row {row}: got {name:?} twice; expected each name once"));
            return Err(self.refuse(refusal.with("row", row).with("column", name.as_str())));
        }
        self.met[column] = row;
        self.found += 1;
        Ok(())
    }

    /// Ends a row, which must have had every column.
    fn end_row<E: Error>(&mut self) -> Result<(), E> {
        if self.found < self.columns.len() {
            return Err(self.refuse_without(true));
        }
        (self.rows, self.found, self.next) = (self.rows + 1, 0, 0);
        self.others.clear();
        Ok(())
    }

    /// Says which column was not met.
    fn refuse_without<E: Error>(&mut self, in_row: bool) -> E {
        let row = self.rows + 1;
        let absent = self.met.iter().position(|&met| met != row).unwrap_or(0);
        let name = self.inputs.columns[absent].0.as_str();
        let similar = similar_names(name, &self.others);
        let place = if in_row { format!("{SOURCE}, row {row}") } else { SOURCE.to_owned() };
        let lacks = if in_row { "row" } else { "table" };
        let next = match similar.as_slice() {
            [] => "add it (null where there is no value)".to_owned(),
            names => {
                format!("close: {}; rename it, or add it (null where there is no value)", names.join(", "))
            }
        };
        let refusal = Refusal::bad(format!(
            "{place}: the model needs column {name:?}, which the {lacks} lacks; {next}"
        ))
        .with("column", name)
        .with("similar", similar);
        self.refuse(if in_row { refusal.with("row", row) } else { refusal })
    }

    /// Says that a value is not what its column takes. It would have been the next one.
    fn refuse_value<E: Error>(&mut self, column: usize, got: &str, expected: &str) -> E {
        let row = self.columns[column].len() + 1;
        let name = self.inputs.columns[column].0.as_str();
        let got = match got.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}…", &got[..end]),
            None => got.to_owned(),
        };
        let refusal = Refusal::bad(format!(
            "{SOURCE}, row {row}, column {name:?}: got {got}; expected {expected}; mend the value, or give null (missing)"
        ));
        self.refuse(refusal.with("row", row).with("column", name).with("got", got).with("expected", expected))
    }

    /// Says that something stands where rows or values belong.
    fn refuse_shape<E: Error>(&mut self, got: &str, expected: &str) -> E {
        let place = match self.rows {
            0 => SOURCE.to_owned(),
            rows => format!("{SOURCE}, after row {rows}"),
        };
        let refusal =
            Refusal::bad(format!("{place}: got {got}; expected {expected}; GET /v1/model names the columns"));
        self.refuse(refusal.with("got", got).with("expected", expected))
    }

    fn check_most<E: Error>(&mut self, rows: usize) -> Result<(), E> {
        if rows <= self.inputs.most {
            return Ok(());
        }
        let most = self.inputs.most;
        Err(self.refuse(too_many_rows(most)))
    }
}

/// A request of more rows than are taken at once.
pub fn too_many_rows(most: usize) -> Refusal {
    Refusal::too_large(format!(
        "{SOURCE}: more than {most} rows; expected at most so many at once; send them in parts"
    ))
    .with("expected", most)
}

/// Where a value stands.
#[derive(Clone, Copy)]
enum Place {
    /// All of the body.
    Top,
    /// An object that is one row.
    Row,
    /// What `rows` or `columns` at the top holds, and the column of that name, if the model needs one.
    Wrapped(Wrapper, Option<usize>),
    /// What a column of `columns` holds.
    Series(usize),
    /// One value of a column.
    Cell(usize),
    /// Of no use to the model.
    Elsewhere,
}

/// Reads what stands in a place.
struct Slot<'f, 'i> {
    filler: &'f mut Filler<'i>,
    place: Place,
}

/// Rows as an array of objects, or one object.
const ROWS: &str = "an array of objects, one for each row";

impl Slot<'_, '_> {
    /// A value that is neither array nor object: of the column that stands here, if one does.
    fn scalar<E: Error>(
        self,
        push: impl FnOnce(&mut TypedColumn) -> Result<(), deltarule::table::Unfit>,
        told: impl FnOnce() -> String,
    ) -> Result<(), E> {
        let column = match self.place {
            Place::Cell(column) | Place::Wrapped(_, Some(column)) => column,
            Place::Top => return Err(self.filler.refuse_shape(&told(), ROWS)),
            Place::Row => return Err(self.filler.refuse_shape(&told(), "an object for each row")),
            Place::Series(column) => {
                return Err(self.filler.refuse_value(column, &told(), "an array of the column's values"));
            }
            Place::Wrapped(..) | Place::Elsewhere => return Ok(()),
        };
        if matches!(self.place, Place::Wrapped(..)) {
            self.filler.meet(column)?;
        }
        match push(&mut self.filler.columns[column]) {
            Ok(()) => Ok(()),
            Err(unfit) => Err(self.filler.refuse_value(column, &told(), unfit.expected)),
        }
    }

    /// The columns of `columns`, which must all be there, and be of one length.
    fn columns<'de, A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let filler = self.filler;
        while let Some(named) = map.next_key_seed(Key { filler: &mut *filler, at_top: false })? {
            match named.column {
                Some(column) => {
                    filler.meet(column)?;
                    map.next_value_seed(Slot { filler: &mut *filler, place: Place::Series(column) })?;
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if filler.found < filler.columns.len() {
            return Err(filler.refuse_without(false));
        }
        let rows = filler.columns.first().map_or(0, TypedColumn::len);
        let other = filler.columns.iter().position(|column| column.len() != rows);
        if let Some(other) = other {
            let ((first, _), (name, _)) = (&filler.inputs.columns[0], &filler.inputs.columns[other]);
            let got = filler.columns[other].len();
            let refusal = Refusal::bad(format!(
                "{SOURCE}, column {name:?}: got {got} values; expected {rows}, as in column {first:?}; give null where there is no \
                 value"
            ));
            let refusal = refusal.with("column", name.as_str()).with("got", got).with("expected", rows);
            return Err(filler.refuse(refusal));
        }
        (filler.rows, filler.found) = (rows, 0);
        Ok(())
    }

    /// One row; at the top perhaps what holds all rows.
    fn row<'de, A: MapAccess<'de>>(self, mut map: A, at_top: bool) -> Result<(), A::Error> {
        let filler = self.filler;
        while let Some(named) = map.next_key_seed(Key { filler: &mut *filler, at_top })? {
            let place = match (named.wrapper, named.column) {
                (Some(wrapper), column) => Place::Wrapped(wrapper, column),
                (None, Some(column)) => {
                    filler.meet(column)?;
                    Place::Cell(column)
                }
                (None, None) => Place::Elsewhere,
            };
            map.next_value_seed(Slot { filler: &mut *filler, place })?;
        }
        if !filler.is_wrapped || !at_top {
            return filler.end_row();
        }
        if filler.found > 0 {
            return Err(filler.refuse_shape("rows, and a row's own values beside them", "one of the two"));
        }
        Ok(())
    }

    /// Notes that all rows stand in `rows` or `columns`, which may be there once.
    fn wrap<E: Error>(&mut self) -> Result<(), E> {
        if self.filler.is_wrapped || self.filler.found > 0 {
            return Err(self
                .filler
                .refuse_shape("rows in more than one place", "\"rows\" or \"columns\", once"));
        }
        self.filler.is_wrapped = true;
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Slot<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        match self.place {
            Place::Elsewhere => from.deserialize_ignored_any(IgnoredAny).map(|_| ()),
            _ => from.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Slot<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ROWS)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        let push = |column: &mut TypedColumn| {
            column.push_missing();
            Ok(())
        };
        self.scalar(push, || "null".to_owned())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.scalar(|column| column.push_boolean(value), || value.to_string())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.scalar(|column| column.push_number(value), || value.to_string())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        // Beyond that a category's name would lose its last digits.
        let push = |column: &mut TypedColumn| match value {
            0..=EXACT => column.push_number(value as f64),
            _ => column.push_word(&value.to_string()),
        };
        self.scalar(push, || value.to_string())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        let push = |column: &mut TypedColumn| match value.unsigned_abs() {
            0..=EXACT => column.push_number(value as f64),
            _ => column.push_word(&value.to_string()),
        };
        self.scalar(push, || value.to_string())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.scalar(|column| column.push_word(value), || format!("{value:?}"))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        match self.place {
            Place::Top | Place::Wrapped(Wrapper::Rows, _) => {
                if !matches!(self.place, Place::Top) {
                    self.wrap()?;
                }
                let filler = self.filler;
                while seq.next_element_seed(Slot { filler: &mut *filler, place: Place::Row })?.is_some() {
                    filler.check_most(filler.rows)?;
                }
                Ok(())
            }
            Place::Series(column) => {
                let filler = self.filler;
                while seq
                    .next_element_seed(Slot { filler: &mut *filler, place: Place::Cell(column) })?
                    .is_some()
                {
                    filler.check_most(filler.columns[column].len())?;
                }
                Ok(())
            }
            Place::Row => Err(self.filler.refuse_shape("an array", "an object for each row")),
            Place::Cell(column) | Place::Wrapped(_, Some(column)) => {
                Err(self.filler.refuse_value(column, "an array", "one value"))
            }
            Place::Wrapped(..) | Place::Elsewhere => {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(())
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        match self.place {
            Place::Top => self.row(map, true),
            Place::Row => self.row(map, false),
            Place::Wrapped(Wrapper::Columns, _) => {
                self.wrap()?;
                self.columns(map)
            }
            Place::Series(column) => {
                Err(self.filler.refuse_value(column, "an object", "an array of the column's values"))
            }
            Place::Cell(column) | Place::Wrapped(_, Some(column)) => {
                Err(self.filler.refuse_value(column, "an object", "one value"))
            }
            Place::Wrapped(..) | Place::Elsewhere => {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(())
            }
        }
    }
}

/// Reads a name.
struct Key<'f, 'i> {
    filler: &'f mut Filler<'i>,
    at_top: bool,
}

impl<'de> DeserializeSeed<'de> for Key<'_, '_> {
    type Value = Named;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Named, D::Error> {
        from.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Key<'_, '_> {
    type Value = Named;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a column's name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Named, E> {
        let wrapper = match name {
            "rows" if self.at_top => Some(Wrapper::Rows),
            "columns" if self.at_top => Some(Wrapper::Columns),
            _ => None,
        };
        Ok(Named { column: self.filler.column_of(name), wrapper })
    }
}

#[cfg(test)]
mod tests;
