//! Columns → rows: a block of rows at a time, so that a block of the matrix stays in the cache while column after column
//! is written into it. Stretches of rows are encoded on all cores.

use std::borrow::Cow;
use std::ops::Range;

use deltarule_kernels::Real;

use super::category::{CategoryRecipe, Form};
use super::features::{DatetimeRecipe, Feature, Recipe};
use super::number::NumberRecipe;
use super::values::{LARGEST, Numbers, Words, needed, not_finite, part_of, times};
use crate::crew;
use crate::error::Result;
use crate::table::{ColumnData, MISSING_TIME, Table};

/// Rows per block: 32 rows of 784 `f32` are 98 KiB.
const BLOCK: usize = 32;

/// Rows that a thread takes at a time: a number of whole blocks.
const STRETCH: usize = 32 * BLOCK;

/// Columns of bytes that are written together: 16 `f32` are a cache line.
const TOGETHER: usize = 16;

/// The features of these rows: the dense matrix and the codes, row-major.
pub(super) struct Matrix<F> {
    pub(super) dense: Vec<F>,
    pub(super) codes: Vec<u32>,
}

/// A column that is about to be written into the matrix.
enum Reader<'a, F> {
    Numbers {
        name: &'a str,
        numbers: Numbers<'a>,
        recipe: &'a NumberRecipe,
    },
    /// What each of the 256 bytes becomes, computed once.
    Bytes {
        values: &'a [u8],
        becomes: Vec<F>,
    },
    Times {
        times: Option<&'a [i64]>,
        recipe: &'a DatetimeRecipe,
    },
    /// The code of each dictionary entry; `missing` for rows without one.
    Words {
        codes: Cow<'a, [u32]>,
        becomes: Vec<u32>,
        missing: u32,
        dense: bool,
    },
}

/// A reader, and where it writes: dense numbers from `slot` on, or the code `slot`.
struct Placed<'a, F> {
    reader: Reader<'a, F>,
    slot: usize,
    width: usize,
}

/// One table for each of several columns of bytes whose numbers stand side by side, from `slot` on.
struct Pixels<'a, F> {
    slot: usize,
    columns: Vec<(&'a [u8], &'a [F; 256])>,
}

/// Encodes the features of these rows.
pub(super) fn encode<F: Real>(
    features: &[Feature],
    (dense_width, code_width, embedded): (usize, usize, usize),
    table: &Table,
    rows: &[u32],
) -> Result<Matrix<F>> {
    let readers = readers::<F>(features, embedded, table, rows)?;
    let (pixels, others) = sides(&readers);
    let mut dense = vec![F::ZERO; rows.len() * dense_width];
    let mut codes = vec![0; rows.len() * code_width];
    let mut stretches = Vec::with_capacity(rows.len().div_ceil(STRETCH));
    let (mut dense_left, mut codes_left) = (&mut dense[..], &mut codes[..]);
    for rows in rows.chunks(STRETCH) {
        let (dense, codes);
        (dense, dense_left) = dense_left.split_at_mut(rows.len() * dense_width);
        (codes, codes_left) = codes_left.split_at_mut(rows.len() * code_width);
        stretches.push((rows, dense, codes));
    }
    let stretch = |(rows, dense, codes): (&[u32], &mut [F], &mut [u32])| -> Result<()> {
        for (block, rows) in rows.chunks(BLOCK).enumerate() {
            let first = block * BLOCK;
            let dense = &mut dense[first * dense_width..(first + rows.len()) * dense_width];
            let codes = &mut codes[first * code_width..(first + rows.len()) * code_width];
            for pixels in &pixels {
                pixels.write(rows, dense, dense_width);
            }
            for placed in &others {
                placed.write(rows, (dense, dense_width), (codes, code_width))?;
            }
        }
        Ok(())
    };
    let threads = crew::for_values(rows.len() * (dense_width + code_width));
    // Of several faults the one that stands first is told, as one thread would.
    crew::map(threads, stretches, stretch).into_iter().collect::<Result<()>>()?;
    Ok(Matrix { dense, codes })
}

/// Columns of bytes that become one number each, by those that stand side by side; and all other columns.
fn sides<'a, F: Real>(readers: &'a [Placed<'a, F>]) -> (Vec<Pixels<'a, F>>, Vec<&'a Placed<'a, F>>) {
    let (mut pixels, mut others): (Vec<Pixels<'a, F>>, _) = (Vec::new(), Vec::new());
    for placed in readers {
        let one = match &placed.reader {
            Reader::Bytes { values, becomes } if placed.width == 1 => {
                Some(*values).zip(becomes.first_chunk())
            }
            _ => None,
        };
        let Some((values, becomes)) = one else {
            others.push(placed);
            continue;
        };
        match pixels.last_mut() {
            Some(last) if last.columns.len() < TOGETHER && last.slot + last.columns.len() == placed.slot => {
                last.columns.push((values, becomes));
            }
            _ => pixels.push(Pixels { slot: placed.slot, columns: vec![(values, becomes)] }),
        }
    }
    (pixels, others)
}

impl<F: Real> Pixels<'_, F> {
    fn write(&self, rows: &[u32], dense: &mut [F], dense_width: usize) {
        for (out, &row) in dense.chunks_exact_mut(dense_width).zip(rows) {
            let out = &mut out[self.slot..self.slot + self.columns.len()];
            for (out, (values, becomes)) in out.iter_mut().zip(&self.columns) {
                *out = becomes[usize::from(values[row as usize])];
            }
        }
    }
}

/// Opens every column, and gives each its place: numbers in the features' order; codes for learnt tables first, then
/// those of one-hot groups.
fn readers<'a, F: Real>(
    features: &'a [Feature],
    embedded: usize,
    table: &'a Table,
    rows: &[u32],
) -> Result<Vec<Placed<'a, F>>> {
    let (mut dense, mut table_code, mut group_code) = (0, 0, embedded);
    let mut placed = Vec::with_capacity(features.len());
    // Tables mostly have their columns in the order of the features: then one pass finds them all.
    let mut further = table.columns().iter();
    for feature in features {
        let column = match further.find(|column| column.name == feature.name) {
            Some(column) => column,
            None => {
                further = table.columns().iter();
                needed(table, &feature.name)?
            }
        };
        let width = feature.recipe.dense_width();
        let mut slot = dense;
        dense += width;
        let reader = match &feature.recipe {
            Recipe::Number(recipe) => match &column.data {
                ColumnData::U8(values) if rows.len() > 256 => {
                    Reader::Bytes { values, becomes: bytes(recipe) }
                }
                _ => Reader::Numbers { name: &feature.name, numbers: Numbers::of(column)?, recipe },
            },
            Recipe::Datetime(recipe) => Reader::Times { times: times(column)?, recipe },
            Recipe::Category(recipe) => {
                match recipe.form {
                    Form::Dense => {}
                    Form::Embedded(_) => {
                        slot = table_code;
                        table_code += 1;
                    }
                    Form::OneHot => {
                        slot = group_code;
                        group_code += 1;
                    }
                }
                words(recipe, Words::of(column, rows))
            }
        };
        placed.push(Placed { reader, slot, width });
    }
    Ok(placed)
}

fn bytes<F: Real>(recipe: &NumberRecipe) -> Vec<F> {
    let width = recipe.width();
    let mut becomes = vec![F::ZERO; 256 * width];
    for (byte, out) in becomes.chunks_exact_mut(width).enumerate() {
        recipe.write(byte as f64, out);
    }
    becomes
}

fn words<'a, F>(recipe: &CategoryRecipe, words: Words<'a>) -> Reader<'a, F> {
    Reader::Words {
        becomes: recipe.codes_of(&words.dictionary),
        missing: recipe.missing_code(),
        dense: recipe.form == Form::Dense,
        codes: words.codes,
    }
}

impl<F: Real> Placed<'_, F> {
    fn write(
        &self,
        rows: &[u32],
        (dense, dense_width): (&mut [F], usize),
        codes: (&mut [u32], usize),
    ) -> Result<()> {
        let (slot, width) = (self.slot, self.width);
        match &self.reader {
            Reader::Numbers { name, numbers, recipe } => {
                let place = (dense, dense_width, slot..slot + width);
                let wrong = match *numbers {
                    Numbers::U8(values) => write_numbers(recipe, rows, |row| f64::from(values[row]), place),
                    Numbers::F32(values) => write_numbers(recipe, rows, |row| f64::from(values[row]), place),
                    Numbers::F64(values) => write_numbers(recipe, rows, |row| values[row], place),
                    other => write_numbers(recipe, rows, |row| other.at(row), place),
                };
                if let Some((row, value)) = wrong {
                    return Err(not_finite(name, row, value));
                }
            }
            Reader::Bytes { values, becomes } => {
                for (out, &row) in dense.chunks_exact_mut(dense_width).zip(rows) {
                    let byte = usize::from(values[row as usize]);
                    out[slot..slot + width].copy_from_slice(&becomes[byte * width..][..width]);
                }
            }
            Reader::Times { times, recipe } => {
                for (out, &row) in dense.chunks_exact_mut(dense_width).zip(rows) {
                    let time = times.map_or(MISSING_TIME, |times| times[row as usize]);
                    write_parts(recipe, time, &mut out[slot..slot + width]);
                }
            }
            Reader::Words { codes: of_rows, becomes, missing, dense: as_numbers } => {
                let code =
                    |row: u32| becomes.get(of_rows[row as usize] as usize).copied().unwrap_or(*missing);
                if *as_numbers {
                    for (out, &row) in dense.chunks_exact_mut(dense_width).zip(rows) {
                        if let Some(category) = out[slot..slot + width].get_mut(code(row) as usize) {
                            *category = F::ONE;
                        }
                    }
                } else {
                    let (codes, code_width) = codes;
                    for (out, &row) in codes.chunks_exact_mut(code_width).zip(rows) {
                        out[slot] = code(row);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Writes a column of numbers; the first row and value that cannot be, where there is one.
#[inline]
fn write_numbers<F: Real>(
    recipe: &NumberRecipe,
    rows: &[u32],
    at: impl Fn(usize) -> f64,
    (dense, dense_width, slots): (&mut [F], usize, Range<usize>),
) -> Option<(u32, f64)> {
    let plain = if recipe.width() == 1 { recipe.scale } else { None };
    for (out, &row) in dense.chunks_exact_mut(dense_width).zip(rows) {
        let value = at(row as usize);
        let out = &mut out[slots.clone()];
        match plain {
            Some(scale) => {
                out[0] = F::from_f64(scale.apply(if value.is_nan() { recipe.fill } else { value }));
            }
            None => recipe.write(value, out),
        }
        // A finite number may still be too large for `f32` once it is scaled.
        if value.abs() > LARGEST || !out[0].is_finite() {
            return Some((row, value));
        }
    }
    None
}

fn write_parts<F: Real>(recipe: &DatetimeRecipe, time: i64, out: &mut [F]) {
    let mut at = 0;
    for (part, number) in &recipe.parts {
        number.write(part_of(*part, time), &mut out[at..at + number.width()]);
        at += number.width();
    }
    if recipe.missing {
        out[at] = if time == MISSING_TIME { F::ONE } else { F::ZERO };
    }
}
