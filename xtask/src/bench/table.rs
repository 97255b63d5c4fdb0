//! Columns set to the left or to the right.

use std::fmt;

/// A table: names to the left, figures to the right.
#[derive(Clone, Debug)]
pub struct Table {
    names: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table whose first `names` columns are names.
    pub fn new(names: usize, header: Vec<String>) -> Self {
        Self { names, rows: vec![header] }
    }

    /// Adds a row of as many cells.
    pub fn row(&mut self, cells: Vec<String>) {
        assert_eq!(cells.len(), self.rows[0].len(), "as many cells as columns: {cells:?}");
        self.rows.push(cells);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width =
            |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.rows[0].len()).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                line += &if column < self.names {
                    format!("{cell:<width$}  ")
                } else {
                    format!("{cell:>width$}  ")
                };
            }
            writeln!(f, "    {}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Three digits, where two decimals show as many.
pub fn three_digits(value: f64) -> String {
    let decimals = if value >= 99.95 {
        0
    } else if value >= 9.995 {
        1
    } else {
        2
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_to_the_left_and_figures_to_the_right() {
        let mut table = Table::new(1, ["case", "µs"].map(str::to_owned).to_vec());
        table.row(["a".to_owned(), "1234".to_owned()].to_vec());
        assert_eq!(table.to_string(), "    case    µs\n    a     1234\n");
    }

    #[test]
    fn three_digits_are_shown() {
        assert_eq!([0.62, 17.14, 99.96, 4313.2].map(three_digits), ["0.62", "17.1", "100", "4313"]);
    }
}
