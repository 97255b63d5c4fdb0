//! Encoded rows, and batches of them.
//!
//! A [`Dataset`] is what an encoder makes of a table: a dense matrix, category codes that stay sparse into the first
//! layer, targets and row weights. It knows nothing of columns' names or types. Instead of the matrix it may hold
//! [`SparseRows`], which stay sparse into the first layer as well. A [`Batch`] borrows rows that lie together: either a
//! range of the data set itself, or rows gathered into a [`BatchBuffer`] that was allocated once.

use std::ops::Deref;

use deltarule_kernels::{Pool, Real, gather_rows};
pub use deltarule_kernels::{SparseRows, SparseView};
use serde::{Deserialize, Serialize};

/// What the network's input looks like: `dense` numbers, then codes.
///
/// A row's codes are `embedded.len()` codes for the embedding tables, then `one_hot.len()` codes for one-hot groups.
/// A code equal to its cardinality (or above) means "none of them": it selects no row of the table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputShape {
    /// Numbers per row.
    pub dense: usize,
    /// Categorical columns that pass through a learnt table first.
    pub embedded: Vec<Embedded>,
    /// Cardinalities of categorical columns that enter the first dense layer as one-hot groups.
    pub one_hot: Vec<usize>,
}

/// A learnt table: `cardinality` rows of `dimension` numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Embedded {
    /// Rows of the table.
    pub cardinality: usize,
    /// Numbers per row.
    pub dimension: usize,
}

impl InputShape {
    /// An input of numbers only.
    #[must_use]
    pub fn dense(dense: usize) -> Self {
        Self { dense, ..Self::default() }
    }

    /// Codes per row.
    #[must_use]
    pub fn codes(&self) -> usize {
        self.embedded.len() + self.one_hot.len()
    }

    /// Numbers per row after the embedding tables, before one-hot groups.
    #[must_use]
    pub fn dense_and_embedded(&self) -> usize {
        self.dense + self.embedded.iter().map(|table| table.dimension).sum::<usize>()
    }

    /// Rows of the first dense layer's `w`: numbers, embeddings, then each one-hot group's categories.
    #[must_use]
    pub fn fan_in(&self) -> usize {
        self.dense_and_embedded() + self.one_hot.iter().sum::<usize>()
    }
}

/// Targets of all rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets<F> {
    /// `[rows × outputs]`: numbers, or 0/1 for binary and multi-label tasks.
    Values {
        /// Numbers per row.
        outputs: usize,
        /// Row-major.
        values: Vec<F>,
    },
    /// One class of `classes` per row.
    Classes {
        /// Number of classes, at least 2.
        classes: usize,
        /// Each below `classes`.
        codes: Vec<u32>,
    },
}

impl<F: Real> Targets<F> {
    /// Numbers that the network puts out per row.
    #[must_use]
    pub fn outputs(&self) -> usize {
        match self {
            Self::Values { outputs, .. } => *outputs,
            Self::Classes { classes, .. } => *classes,
        }
    }

    /// The targets of the rows from `from` up to `to`.
    #[must_use]
    #[inline]
    pub fn range(&self, from: usize, to: usize) -> TargetsView<'_, F> {
        match self {
            Self::Values { outputs, values } => {
                TargetsView::Values { outputs: *outputs, values: &values[from * outputs..to * outputs] }
            }
            Self::Classes { classes, codes } => {
                TargetsView::Classes { classes: *classes, codes: &codes[from..to] }
            }
        }
    }
}

/// Targets of a batch, borrowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TargetsView<'a, F> {
    /// `[batch × outputs]`.
    Values {
        /// Numbers per row.
        outputs: usize,
        /// Row-major.
        values: &'a [F],
    },
    /// One class per row.
    Classes {
        /// Number of classes.
        classes: usize,
        /// Each below `classes`.
        codes: &'a [u32],
    },
}

impl<F: Real> TargetsView<'_, F> {
    /// The targets of the rows from `from` up to `to`.
    #[must_use]
    pub fn range(self, from: usize, to: usize) -> Self {
        match self {
            Self::Values { outputs, values } => {
                Self::Values { outputs, values: &values[from * outputs..to * outputs] }
            }
            Self::Classes { classes, codes } => Self::Classes { classes, codes: &codes[from..to] },
        }
    }

    /// Numbers that the network puts out per row.
    #[must_use]
    pub fn outputs(&self) -> usize {
        match self {
            Self::Values { outputs, .. } => *outputs,
            Self::Classes { classes, .. } => *classes,
        }
    }

    /// The target of output `output` in row `row`; of a class, its one-hot value.
    #[must_use]
    pub fn value(&self, row: usize, output: usize) -> F {
        match self {
            Self::Values { outputs, values } => values[row * outputs + output],
            Self::Classes { codes, .. } => {
                if codes[row] as usize == output {
                    F::ONE
                } else {
                    F::ZERO
                }
            }
        }
    }
}

/// Encoded rows that are all its own.
pub type Dataset<F> = Samples<'static, F>;

/// Encoded rows, whose numbers may lie in memory of somebody else: a [`Dataset`] where they do not.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples<'a, F> {
    /// Number of rows.
    pub rows: usize,
    /// Numbers per row.
    pub dense_width: usize,
    /// `[rows × dense_width]`, row-major; empty where the numbers are in `sparse`.
    pub dense: Numbers<'a, F>,
    /// The numbers of rows that are mostly 0, instead of `dense`; rows of `dense_width` columns.
    pub sparse: Option<SparseRows<F>>,
    /// Codes per row.
    pub code_width: usize,
    /// `[rows × code_width]`, row-major.
    pub codes: Vec<u32>,
    /// One target per row.
    pub targets: Targets<F>,
    /// One non-negative weight per row; `None` means 1 each.
    pub weights: Option<Vec<F>>,
}

/// Numbers of one's own, or lent ones.
#[derive(Clone, Debug)]
pub enum Numbers<'a, F> {
    /// One's own.
    Own(Vec<F>),
    /// Somebody else's.
    Lent(&'a [F]),
}

impl<F> Deref for Numbers<'_, F> {
    type Target = [F];

    fn deref(&self) -> &[F] {
        match self {
            Self::Own(numbers) => numbers,
            Self::Lent(numbers) => numbers,
        }
    }
}

impl<F: Clone> Numbers<'_, F> {
    /// The numbers as one's own: lent ones are copied.
    #[must_use]
    pub fn into_vec(self) -> Vec<F> {
        match self {
            Self::Own(numbers) => numbers,
            Self::Lent(numbers) => numbers.to_vec(),
        }
    }

    /// The numbers to change: lent ones are copied first.
    pub fn to_mut(&mut self) -> &mut Vec<F> {
        if let Self::Lent(numbers) = self {
            *self = Self::Own(numbers.to_vec());
        }
        match self {
            Self::Own(numbers) => numbers,
            Self::Lent(_) => unreachable!("they were copied"),
        }
    }
}

impl<F> FromIterator<F> for Numbers<'_, F> {
    fn from_iter<I: IntoIterator<Item = F>>(numbers: I) -> Self {
        Self::Own(numbers.into_iter().collect())
    }
}

impl<F> From<Vec<F>> for Numbers<'_, F> {
    fn from(numbers: Vec<F>) -> Self {
        Self::Own(numbers)
    }
}

impl<F: PartialEq> PartialEq for Numbers<'_, F> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<F: PartialEq, const N: usize> PartialEq<[F; N]> for Numbers<'_, F> {
    fn eq(&self, other: &[F; N]) -> bool {
        **self == other[..]
    }
}

/// Rows that lie together, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a, F> {
    /// Number of rows.
    pub rows: usize,
    /// `[rows × dense]`; empty where the numbers are in `sparse`.
    pub dense: &'a [F],
    /// The numbers, instead of `dense`.
    pub sparse: Option<SparseView<'a, F>>,
    /// `[rows × codes per row]`.
    pub codes: &'a [u32],
    /// One target per row.
    pub targets: TargetsView<'a, F>,
    /// One weight per row; `None` means 1 each.
    pub weights: Option<&'a [F]>,
}

impl<F: Real> Batch<'_, F> {
    /// W, the sum of the rows' weights, in double precision and row order.
    #[must_use]
    pub fn total_weight(&self) -> f64 {
        match self.weights {
            None => self.rows as f64,
            Some(weights) => weights.iter().map(|weight| weight.to_f64()).sum(),
        }
    }

    /// A number of a row.
    ///
    /// # Panics
    /// Where there is none.
    #[must_use]
    pub fn number(&self, row: usize, column: usize) -> F {
        match self.sparse {
            Some(sparse) => sparse.number(row, column),
            None => self.dense[row * (self.dense.len() / self.rows) + column],
        }
    }

    /// The numbers that are held, in one stretch: all of them, or those of sparse rows.
    #[must_use]
    pub fn held(&self) -> &[F] {
        self.sparse.map_or(self.dense, |sparse| sparse.values())
    }

    /// # Panics
    /// Where rows do not have so many numbers.
    #[inline]
    pub(crate) fn require_width(&self, inputs: usize) {
        match self.sparse {
            None => assert_eq!(self.dense.len(), self.rows * inputs, "dense is [rows × inputs]"),
            Some(sparse) => {
                assert_eq!(
                    (sparse.rows(), sparse.columns()),
                    (self.rows, inputs),
                    "sparse is [rows × inputs]"
                );
            }
        }
    }
}

impl<F: Real> Dataset<F> {
    /// A data set of numbers only, all rows of weight 1.
    ///
    /// # Panics
    /// Where the lengths do not agree: `dense` must hold a whole number of rows, one for each target.
    #[must_use]
    pub fn from_dense(dense_width: usize, dense: Vec<F>, targets: Targets<F>) -> Self {
        Self::of(dense_width, Numbers::Own(dense), targets)
    }

    /// A data set of sparse rows, all of weight 1. A network that takes them begins with a dense layer.
    ///
    /// ```
    /// use deltarule::dataset::{Dataset, SparseRows, Targets};
    ///
    /// // Two rows of a thousand numbers, of which the first has one that is not 0.
    /// let rows = SparseRows::new(1000, vec![0, 1, 1], vec![17], vec![2.5_f32]);
    /// let data = Dataset::from_sparse(rows, Targets::Classes { classes: 2, codes: vec![1, 0] });
    /// assert_eq!(data.range(0, 2).number(0, 17), 2.5);
    /// ```
    ///
    /// # Panics
    /// Where there are not as many targets as rows.
    #[must_use]
    pub fn from_sparse(sparse: SparseRows<F>, targets: Targets<F>) -> Self {
        let mut dataset = Self::from_dense(0, Vec::new(), targets);
        assert_eq!(dataset.rows, sparse.rows(), "one row per target");
        dataset.dense_width = sparse.columns();
        dataset.sparse = Some(sparse);
        dataset
    }
}

impl<'a, F: Real> Samples<'a, F> {
    /// Rows of numbers that lie in somebody else's memory and are not copied, all of weight 1.
    ///
    /// ```
    /// use deltarule::dataset::{Samples, Targets};
    ///
    /// let x = [0.0_f32, 1.0, 2.0, 3.0];
    /// let rows = Samples::lent(2, &x, Targets::Classes { classes: 2, codes: vec![1, 0] });
    /// assert!(std::ptr::eq(rows.range(0, 2).dense, &x[..]));
    /// ```
    ///
    /// # Panics
    /// As [`Dataset::from_dense`].
    #[must_use]
    pub fn lent(dense_width: usize, dense: &'a [F], targets: Targets<F>) -> Self {
        Self::of(dense_width, Numbers::Lent(dense), targets)
    }

    fn of(dense_width: usize, dense: Numbers<'a, F>, targets: Targets<F>) -> Self {
        let rows = match &targets {
            Targets::Values { outputs, values } => values.len() / outputs,
            Targets::Classes { codes, .. } => codes.len(),
        };
        assert_eq!(dense.len(), rows * dense_width, "dense holds one row per target");
        let codes = Vec::new();
        Self { rows, dense_width, dense, sparse: None, code_width: 0, codes, targets, weights: None }
    }

    /// The rows from `from` up to `to`, without a copy.
    #[must_use]
    #[inline]
    pub fn range(&self, from: usize, to: usize) -> Batch<'_, F> {
        let (dense, sparse) = match &self.sparse {
            None => (&self.dense[from * self.dense_width..to * self.dense_width], None),
            Some(sparse) => (&[][..], Some(sparse.all().range(from, to))),
        };
        Batch {
            rows: to - from,
            dense,
            sparse,
            codes: &self.codes[from * self.code_width..to * self.code_width],
            targets: self.targets.range(from, to),
            weights: self.weights.as_ref().map(|weights| &weights[from..to]),
        }
    }

    /// W over all rows.
    #[must_use]
    pub fn total_weight(&self) -> f64 {
        self.range(0, self.rows).total_weight()
    }
}

/// Room for one batch of gathered rows.
#[derive(Clone, Debug)]
pub struct BatchBuffer<F: Real> {
    rows: Dataset<F>,
}

impl<F: Real> BatchBuffer<F> {
    /// Room for up to `batch_size` rows like those of `dataset`. This is the only allocation.
    #[must_use]
    pub fn new(dataset: &Samples<'_, F>, batch_size: usize) -> Self {
        let targets = match &dataset.targets {
            Targets::Values { outputs, .. } => {
                Targets::Values { outputs: *outputs, values: vec![F::ZERO; batch_size * outputs] }
            }
            Targets::Classes { classes, .. } => {
                Targets::Classes { classes: *classes, codes: vec![0; batch_size] }
            }
        };
        let room = |sparse: &SparseRows<F>| {
            SparseRows::with_capacity(sparse.columns(), batch_size, sparse.most_in(batch_size))
        };
        let cells = if dataset.sparse.is_some() { 0 } else { batch_size * dataset.dense_width };
        let rows = Dataset {
            rows: batch_size,
            dense_width: dataset.dense_width,
            dense: vec![F::ZERO; cells].into(),
            sparse: dataset.sparse.as_ref().map(room),
            code_width: dataset.code_width,
            codes: vec![0; batch_size * dataset.code_width],
            targets,
            weights: dataset.weights.as_ref().map(|_| vec![F::ZERO; batch_size]),
        };
        Self { rows }
    }

    /// Copies the rows numbered `order` of `dataset` next to each other.
    ///
    /// # Panics
    /// Where `order` is longer than the buffer, or names a row that does not exist.
    pub fn gather(&mut self, pool: &Pool, dataset: &Samples<'_, F>, order: &[u32]) -> Batch<'_, F> {
        let (width, code_width) = (dataset.dense_width, dataset.code_width);
        match (&mut self.rows.sparse, &dataset.sparse) {
            (Some(sparse), Some(from)) => sparse.gather(from, order),
            (None, None) => {
                let dense = &mut self.rows.dense.to_mut()[..order.len() * width];
                gather_rows(pool, &dataset.dense, width, order, dense);
            }
            _ => unreachable!("the buffer was made for this data set"),
        }
        for (slot, &row) in order.iter().enumerate() {
            let row = row as usize;
            self.rows.codes[slot * code_width..][..code_width]
                .copy_from_slice(&dataset.codes[row * code_width..][..code_width]);
            match (&mut self.rows.targets, &dataset.targets) {
                (Targets::Values { outputs, values }, Targets::Values { values: from, .. }) => {
                    let k = *outputs;
                    values[slot * k..][..k].copy_from_slice(&from[row * k..][..k]);
                }
                (Targets::Classes { codes, .. }, Targets::Classes { codes: from, .. }) => {
                    codes[slot] = from[row];
                }
                _ => unreachable!("the buffer was made for this data set"),
            }
            if let (Some(weights), Some(from)) = (&mut self.rows.weights, &dataset.weights) {
                weights[slot] = from[row];
            }
        }
        self.rows.range(0, order.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gathered_rows_stand_in_the_order_asked_for() {
        let targets = Targets::Classes { classes: 3, codes: vec![0, 1, 2] };
        let mut dataset = Dataset::from_dense(2, vec![0.0_f32, 1.0, 10.0, 11.0, 20.0, 21.0], targets);
        dataset.weights = Some(vec![1.0, 2.0, 4.0]);
        let mut buffer = BatchBuffer::new(&dataset, 2);
        let batch = buffer.gather(&Pool::new(1), &dataset, &[2, 0]);
        assert_eq!(batch.dense, [20.0, 21.0, 0.0, 1.0]);
        assert_eq!(batch.targets, TargetsView::Classes { classes: 3, codes: &[2, 0] });
        assert_eq!(batch.total_weight(), 5.0);
        assert_eq!(batch.targets.value(0, 2), 1.0);
    }

    #[test]
    fn sparse_rows_are_gathered_and_borrowed_like_dense_ones() {
        let targets = Targets::Values { outputs: 1, values: vec![0.0_f32, 1.0, 2.0] };
        let sparse = SparseRows::new(3, vec![0, 2, 2, 3], vec![0, 2, 1], vec![1.0, 2.0, 3.0]);
        let dataset = Dataset::from_sparse(sparse, targets);
        let mut buffer = BatchBuffer::new(&dataset, 2);
        for order in [[2, 0], [0, 1]] {
            let batch = buffer.gather(&Pool::new(1), &dataset, &order);
            for (place, &row) in order.iter().enumerate() {
                for column in 0..3 {
                    let expected = dataset.range(0, 3).number(row as usize, column);
                    assert_eq!(batch.number(place, column), expected);
                }
                assert_eq!(batch.targets.value(place, 0), row as f32);
            }
        }
        assert_eq!(dataset.range(2, 3).held(), [3.0]);
    }

    #[test]
    fn the_first_layers_rows_are_numbers_then_embeddings_then_one_hot_groups() {
        let shape = InputShape {
            dense: 3,
            embedded: vec![Embedded { cardinality: 1000, dimension: 8 }],
            one_hot: vec![5, 2],
        };
        assert_eq!((shape.codes(), shape.dense_and_embedded(), shape.fan_in()), (3, 11, 18));
    }
}
