//! A batch of sparse rows, rearranged by columns for xᵀ·δ.

use super::SparseView;
use crate::Real;

/// The numbers of a batch of [`SparseRows`](super::SparseRows) column by column. Allocated once, for the batch that holds most.
///
/// What is done for a batch is done for the numbers that it holds, never for all columns: of a batch of a few words out of a
/// million, the others are not looked at.
#[derive(Clone, Debug)]
pub struct SparseColumns<F> {
    /// Rows of the batch.
    rows: usize,
    /// One for each column.
    places: Vec<Place>,
    /// The columns that hold a number, in the order in which they first occur.
    touched: Vec<u32>,
    /// The rows of a column's numbers, rising, at its place.
    terms: Vec<u32>,
    /// The numbers.
    values: Vec<F>,
}

/// Where a column's numbers lie, and how many there are.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    start: u32,
    count: u32,
}

impl<F: Real> SparseColumns<F> {
    /// Room for batches of rows of so many columns that hold up to `count` numbers; no batch yet.
    pub fn new(columns: usize, count: usize) -> Self {
        Self {
            rows: 0,
            places: vec![Place::default(); columns],
            touched: Vec::with_capacity(count.min(columns)),
            terms: vec![0; count],
            values: vec![F::ZERO; count],
        }
    }

    /// Rows of the batch.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Numbers in a row, those that are 0 included.
    pub fn columns(&self) -> usize {
        self.places.len()
    }

    /// The columns that hold a number, each once.
    pub fn touched(&self) -> &[u32] {
        &self.touched
    }

    /// How many numbers the batch holds, given by the places of the last column that it touched.
    pub(super) fn count(&self) -> usize {
        let last = self.touched.last().map(|&column| self.places[column as usize]);
        last.map_or(0, |place| (place.start + place.count) as usize)
    }

    /// A column's rows, rising, and its numbers in them.
    #[inline]
    pub(super) fn column(&self, column: usize) -> (&[u32], &[F]) {
        let Place { start, count } = self.places[column];
        let places = start as usize..(start + count) as usize;
        (&self.terms[places.clone()], &self.values[places])
    }

    /// Takes a batch. Allocates where it holds more than there is room for.
    ///
    /// # Panics
    /// If its rows have another number of columns, or it holds 2³² numbers or more.
    pub fn arrange(&mut self, batch: SparseView<'_, F>) {
        assert_eq!(batch.columns(), self.places.len(), "rows of so many columns");
        let count = batch.count();
        assert!(u32::try_from(count).is_ok(), "a batch holds fewer than 2^32 numbers, not {count}");
        for &column in &self.touched {
            self.places[column as usize].count = 0;
        }
        self.touched.clear();
        if self.terms.len() < count {
            self.terms.resize(count, 0);
            self.values.resize(count, F::ZERO);
        }
        self.rows = batch.rows();
        for row in 0..batch.rows() {
            for &column in batch.row(row).0 {
                let place = &mut self.places[column as usize];
                if place.count == 0 {
                    self.touched.push(column);
                }
                place.count += 1;
            }
        }
        let mut start = 0;
        for &column in &self.touched {
            let place = &mut self.places[column as usize];
            place.start = start;
            start += place.count;
        }
        // `start` walks through the column's places, and is set back below.
        for row in 0..batch.rows() {
            let (columns, values) = batch.row(row);
            for (&column, &value) in columns.iter().zip(values) {
                let at = &mut self.places[column as usize].start;
                self.terms[*at as usize] = row as u32;
                self.values[*at as usize] = value;
                *at += 1;
            }
        }
        for &column in &self.touched {
            let place = &mut self.places[column as usize];
            place.start -= place.count;
        }
    }
}
