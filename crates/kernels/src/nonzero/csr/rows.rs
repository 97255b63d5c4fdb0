//! Rows of which only the numbers that are not 0 are held, owned and borrowed.

use crate::Real;

/// A matrix as compressed sparse rows (CSR): of each row its columns, ascending, and their numbers.
///
/// Zeros may be among the numbers, and cost what others do.
///
/// ```
/// use deltarule_kernels::SparseRows;
///
/// // [0 2 0 3]
/// // [0 0 0 0]
/// // [5 0 0 0], with its 5 told in two parts
/// let rows = SparseRows::new(4, vec![0, 2, 2, 4], vec![3, 1, 0, 0], vec![3.0_f32, 2.0, 4.0, 1.0]);
/// let row = |row| rows.all().row(row);
/// assert_eq!(row(0), (&[1, 3][..], &[2.0, 3.0][..]));
/// assert_eq!(row(2), (&[0][..], &[5.0][..]));
/// assert_eq!((rows.rows(), rows.count(), rows.all().number(1, 3)), (3, 3, 0.0));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SparseRows<F> {
    columns: usize,
    /// Where each row's columns begin in `indices`, and where the last one's end. Never empty, never falling.
    starts: Vec<usize>,
    /// Below `columns`, and rising within each row.
    indices: Vec<u32>,
    /// As many as indices.
    values: Vec<F>,
}

impl<F: Real> SparseRows<F> {
    /// Row i's columns are `indices[starts[i]..starts[i + 1]]`, in any order, and their numbers lie at the same places of
    /// `values`. Numbers of one column of one row are added up, in their order.
    ///
    /// # Panics
    /// If that makes no matrix: see [`SparseRows::fault`].
    pub fn new(columns: usize, starts: Vec<usize>, indices: Vec<u32>, values: Vec<F>) -> Self {
        if let Some(fault) = Self::fault(columns, &starts, &indices, values.len()) {
            panic!("{fault}");
        }
        let mut rows = Self { columns, starts, indices, values };
        let is_rising = |row: &[usize]| rows.indices[row[0]..row[1]].is_sorted_by(|a, b| a < b);
        if !rows.starts.windows(2).all(is_rising) {
            rows.sort();
        }
        rows
    }

    /// What keeps these parts from being a matrix of so many columns; `None` where nothing does.
    pub fn fault(columns: usize, starts: &[usize], indices: &[u32], values: usize) -> Option<String> {
        if columns > u32::MAX as usize {
            return Some(format!("expected at most {} columns, got {columns}", u32::MAX));
        }
        if indices.len() != values {
            return Some(format!("expected as many numbers as columns, got {values} and {}", indices.len()));
        }
        if starts.first() != Some(&0) || starts.last() != Some(&indices.len()) {
            return Some(format!(
                "expected starts of rows from 0 to {}, got {:?} to {:?}",
                indices.len(),
                starts.first(),
                starts.last()
            ));
        }
        if let Some(row) = starts.windows(2).position(|row| row[0] > row[1]) {
            return Some(format!("row {row} ends before it begins"));
        }
        let beyond = indices.iter().find(|index| **index as usize >= columns);
        beyond.map(|index| format!("expected columns below {columns}, got {index}"))
    }

    /// No rows yet, and room for so many with `count` numbers together.
    pub fn with_capacity(columns: usize, rows: usize, count: usize) -> Self {
        let mut starts = Vec::with_capacity(rows + 1);
        starts.push(0);
        Self { columns, starts, indices: Vec::with_capacity(count), values: Vec::with_capacity(count) }
    }

    /// Sorts each row's columns and adds up those that are one.
    fn sort(&mut self) {
        let mut row: Vec<(u32, F)> = Vec::new();
        let (mut kept, mut begin) = (0, 0);
        for end in &mut self.starts[1..] {
            let places = begin..*end;
            row.clear();
            row.extend(self.indices[places.clone()].iter().copied().zip(self.values[places].iter().copied()));
            row.sort_by_key(|(index, _)| *index);
            let first = kept;
            for &(index, value) in &row {
                if kept > first && self.indices[kept - 1] == index {
                    self.values[kept - 1] += value;
                } else {
                    (self.indices[kept], self.values[kept]) = (index, value);
                    kept += 1;
                }
            }
            (begin, *end) = (*end, kept);
        }
        self.indices.truncate(kept);
        self.values.truncate(kept);
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// Numbers in a row, those that are 0 included.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// How many numbers are held.
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// The most numbers that any `rows` different rows hold together.
    pub fn most_in(&self, rows: usize) -> usize {
        let mut counts: Vec<usize> = self.starts.windows(2).map(|row| row[1] - row[0]).collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        counts.iter().take(rows).sum()
    }

    /// All rows, borrowed.
    pub fn all(&self) -> SparseView<'_, F> {
        let Self { columns, starts, indices, values } = self;
        SparseView { columns: *columns, starts, indices, values }
    }

    /// Becomes the rows numbered `order` of `from`. Allocates where these hold more than there is room for.
    ///
    /// # Panics
    /// If `order` names a row that does not exist.
    pub fn gather(&mut self, from: &Self, order: &[u32]) {
        self.columns = from.columns;
        self.starts.truncate(1);
        self.indices.clear();
        self.values.clear();
        for &row in order {
            let (indices, values) = from.all().row(row as usize);
            self.indices.extend_from_slice(indices);
            self.values.extend_from_slice(values);
            self.starts.push(self.indices.len());
        }
    }

    /// The same in another precision.
    #[must_use]
    pub fn cast<G: Real>(&self) -> SparseRows<G> {
        let values = self.values.iter().map(|value| G::from_f64(value.to_f64())).collect();
        SparseRows {
            columns: self.columns,
            starts: self.starts.clone(),
            indices: self.indices.clone(),
            values,
        }
    }
}

/// Rows of a [`SparseRows`] that lie together, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct SparseView<'a, F> {
    columns: usize,
    /// One more than there are rows.
    starts: &'a [usize],
    /// All rows' columns and numbers, into which `starts` points.
    indices: &'a [u32],
    values: &'a [F],
}

impl<'a, F: Real> SparseView<'a, F> {
    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// Numbers in a row, those that are 0 included.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// How many numbers these rows hold.
    pub fn count(&self) -> usize {
        self.values().len()
    }

    /// The numbers that these rows hold, one row after another.
    pub fn values(&self) -> &'a [F] {
        &self.values[self.starts[0]..self.starts[self.rows()]]
    }

    /// A row's columns, rising, and their numbers.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline]
    pub fn row(&self, row: usize) -> (&'a [u32], &'a [F]) {
        let places = self.starts[row]..self.starts[row + 1];
        (&self.indices[places.clone()], &self.values[places])
    }

    /// One number of the matrix.
    ///
    /// # Panics
    /// If there is no such row or column.
    pub fn number(&self, row: usize, column: usize) -> F {
        assert!(column < self.columns, "column {column} of {}", self.columns);
        let (indices, values) = self.row(row);
        indices.binary_search(&(column as u32)).map_or(F::ZERO, |place| values[place])
    }

    /// The rows from `from` up to `to`.
    ///
    /// # Panics
    /// If there are no such rows.
    #[must_use]
    pub fn range(&self, from: usize, to: usize) -> Self {
        Self { starts: &self.starts[from..=to], ..*self }
    }
}
