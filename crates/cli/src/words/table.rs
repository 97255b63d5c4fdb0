//! Tables in aligned columns, readable without colour.

use crate::console::Style;

/// Where a column's cells stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Rows of cells under a line of headings.
#[derive(Clone, Debug)]
pub struct Table {
    headings: Vec<String>,
    aligns: Vec<Align>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// No rows yet.
    #[must_use]
    pub fn new(columns: &[(&str, Align)]) -> Self {
        let headings = columns.iter().map(|(heading, _)| (*heading).to_owned()).collect();
        Self { headings, aligns: columns.iter().map(|(_, align)| *align).collect(), rows: Vec::new() }
    }

    /// Headings made while running: the first column of words, the others of numbers.
    #[must_use]
    pub fn of_numbers(first: &str, others: impl IntoIterator<Item = String>) -> Self {
        let headings: Vec<String> = std::iter::once(first.to_owned()).chain(others).collect();
        let numbers = headings.len() - 1;
        let aligns = std::iter::once(Align::Left).chain(std::iter::repeat_n(Align::Right, numbers)).collect();
        Self { headings, aligns, rows: Vec::new() }
    }

    /// Adds a row; missing cells stay empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut cells: Vec<String> = cells.into_iter().collect();
        cells.resize(self.headings.len(), String::new());
        self.rows.push(cells);
    }

    /// The lines, without an end of the last one.
    #[must_use]
    pub fn text(&self, style: Style) -> String {
        let widths: Vec<usize> = (0..self.headings.len())
            .map(|column| {
                let cells = self.rows.iter().map(|row| &row[column]).chain([&self.headings[column]]);
                cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
            })
            .collect();
        let line = |cells: &[String]| {
            let padded: Vec<String> = cells
                .iter()
                .zip(&widths)
                .zip(&self.aligns)
                .map(|((cell, &width), align)| match align {
                    Align::Left => format!("{cell:<width$}"),
                    Align::Right => format!("{cell:>width$}"),
                })
                .collect();
            padded.join("  ").trim_end().to_owned()
        };
        let mut lines = vec![style.bold(&line(&self.headings))];
        lines.extend(self.rows.iter().map(|row| line(row)));
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_without_blanks() {
        let mut table = Table::new(&[("name", Align::Left), ("rows", Align::Right), ("note", Align::Left)]);
        table.row(["xor".into(), "4".into(), "small".into()]);
        table.row(["digits".into(), "1,797".into()]);
        assert_eq!(table.text(Style::PLAIN), "name     rows  note\nxor         4  small\ndigits  1,797");
    }
}
