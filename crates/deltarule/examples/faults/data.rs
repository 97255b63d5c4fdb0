//! The data sets of the two halves.

use deltarule::table::{BundledOptions, ReadOptions, Table, read};

/// Which half: one to choose thresholds on, one to report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    Tune,
    Report,
}

/// A data set of a few thousand rows.
pub struct Data {
    pub name: &'static str,
    pub table: Table,
    pub target: &'static str,
    pub task: &'static str,
}

impl Half {
    /// Three seeds of its own.
    pub fn seeds(self) -> [u64; 3] {
        match self {
            Self::Tune => [1, 2, 3],
            Self::Report => [11, 12, 13],
        }
    }

    /// Four data sets of its own: two tables with several classes or two, a regression, a made-up one.
    pub fn data(self) -> Result<Vec<Data>, deltarule::Error> {
        Ok(match self {
            Self::Tune => vec![
                some("digits", "digits", "digit", "multiclass", 1, 0)?,
                some("adult", "adult, every tenth row", "salary", "binary", 10, 0)?,
                some("friedman", "friedman", "y", "regression", 1, 0)?,
                some("circles", "circles", "y", "binary", 1, 0)?,
            ],
            Self::Report => vec![
                some("mnist", "mnist, every twentieth row", "label", "multiclass", 20, 7)?,
                some("adult", "adult, other rows", "salary", "binary", 10, 5)?,
                some("diamonds", "diamonds, every fifteenth row", "price", "regression", 15, 3)?,
                some("moons", "moons", "y", "binary", 1, 0)?,
            ],
        })
    }
}

fn some(
    data: &str,
    name: &'static str,
    target: &'static str,
    task: &'static str,
    step: usize,
    first: usize,
) -> Result<Data, deltarule::Error> {
    let rows = matches!(data, "friedman").then_some(1500);
    let bundled = BundledOptions { rows, ..BundledOptions::default() };
    let table = read(data, &ReadOptions { bundled, ..ReadOptions::default() })?;
    let rows: Vec<usize> = (first..table.rows()).step_by(step).collect();
    let mut table = table.take_rows(&rows);
    table.test_rows = None;
    Ok(Data { name, table, target, task })
}
