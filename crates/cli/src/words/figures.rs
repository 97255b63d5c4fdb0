//! Figures in tables: of splits, classes, residuals, folds.

use std::collections::BTreeSet;

use deltarule::event::Figures;
use deltarule::metric::{Confusion, ResidualSummary};
use deltarule::model::ClassReport;

use super::table::{Align, Table};
use super::{abbreviate, count, figure, name};
use crate::console::Style;

/// More classes than these are not shown one by one.
pub const MOST_CLASSES: usize = 12;
/// The most large residuals, or confusions, that are listed.
const LISTED: usize = 10;
const WIDEST_CLASS: usize = 20;
const WIDEST_HEADING: usize = 10;

/// A figure in each row, a split in each column; figures that no split has, and splits without any, are left out.
#[must_use]
pub fn splits(columns: &[(&str, &Figures)], style: Style) -> String {
    let columns: Vec<_> = columns.iter().filter(|(_, figures)| !figures.is_empty()).collect();
    let names: BTreeSet<&String> = columns.iter().flat_map(|(_, figures)| figures.keys()).collect();
    let mut table = Table::of_numbers("", columns.iter().map(|(split, _)| (*split).to_owned()));
    for key in names {
        let cells = columns.iter().map(|(_, figures)| figures.get(key).map_or(String::new(), |&f| figure(f)));
        table.row(std::iter::once(name(key).to_owned()).chain(cells));
    }
    table.text(style)
}

/// Precision, recall, f1 and support of each class; of many classes those of the lowest f1.
#[must_use]
pub fn classes(reports: &[ClassReport], style: Style) -> String {
    let mut shown: Vec<&ClassReport> = reports.iter().collect();
    if reports.len() > MOST_CLASSES {
        shown.sort_by(|a, b| a.figures.f1.total_cmp(&b.figures.f1));
        shown.truncate(MOST_CLASSES);
    }
    let headings = ["precision", "recall", "f1", "support"].map(str::to_owned);
    let mut table = Table::of_numbers("class", headings);
    for report in &shown {
        let f = &report.figures;
        let class = abbreviate(&report.class, WIDEST_CLASS);
        table.row([class, figure(f.precision), figure(f.recall), figure(f.f1), weight(f.support)]);
    }
    let mut text = table.text(style);
    if reports.len() > shown.len() {
        text.push_str(&format!(
            "\n… the {} of lowest f1 of {} classes; --json gives all",
            shown.len(),
            count(reports.len())
        ));
    }
    text
}

/// Who was taken for whom: a matrix, or of many classes the most frequent mistakes.
#[must_use]
pub fn confusion(names: &[&str], confusion: &Confusion, style: Style) -> String {
    let classes = confusion.classes;
    if classes > MOST_CLASSES {
        return mistakes(names, confusion, style);
    }
    let headings = names.iter().map(|class| abbreviate(class, WIDEST_HEADING));
    let mut table = Table::of_numbers("is \\ taken for", headings);
    for (class, counts) in names.iter().zip(confusion.counts.chunks(classes)) {
        let cells = counts.iter().map(|&n| if n == 0.0 { "·".to_owned() } else { weight(n) });
        table.row(std::iter::once(abbreviate(class, WIDEST_CLASS)).chain(cells));
    }
    table.text(style)
}

fn mistakes(names: &[&str], confusion: &Confusion, style: Style) -> String {
    let classes = confusion.classes;
    let mut mistakes: Vec<(f64, usize, usize)> = (0..classes * classes)
        .filter(|cell| cell / classes != cell % classes && confusion.counts[*cell] > 0.0)
        .map(|cell| (confusion.counts[cell], cell / classes, cell % classes))
        .collect();
    mistakes.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut table = Table::new(&[("is", Align::Left), ("taken for", Align::Left), ("rows", Align::Right)]);
    for &(rows, is, taken) in mistakes.iter().take(LISTED) {
        table.row([
            abbreviate(names[is], WIDEST_CLASS),
            abbreviate(names[taken], WIDEST_CLASS),
            weight(rows),
        ]);
    }
    let rest = mistakes.len().saturating_sub(LISTED);
    let text = table.text(style);
    if rest == 0 { text } else { format!("{text}\n… and {} rarer mistakes; --json gives all", count(rest)) }
}

/// Rows, or their weight where it is not whole.
fn weight(weight: f64) -> String {
    if weight.fract() == 0.0 && weight < 1e15 { count(weight as usize) } else { figure(weight) }
}

/// What is left between targets and predictions, for each target.
#[must_use]
pub fn residuals(summaries: &[(String, ResidualSummary)], style: Style) -> String {
    let quantiles = ResidualSummary::QUANTILES.map(|quantile| match quantile {
        0.5 => "median".to_owned(),
        share => format!("{} %", share * 100.0),
    });
    let mut table =
        Table::of_numbers("target − prediction", std::iter::once("mean".to_owned()).chain(quantiles));
    for (target, summary) in summaries {
        let numbers = std::iter::once(summary.mean).chain(summary.quantiles).map(figure);
        table.row(std::iter::once(abbreviate(target, WIDEST_CLASS)).chain(numbers));
    }
    let mut text = table.text(style);
    let mut largest =
        Table::of_numbers("largest", ["row", "target", "prediction", "difference"].map(str::to_owned));
    const LARGEST: usize = 3;
    for (target, summary) in summaries {
        for one in summary.largest.iter().take(LARGEST) {
            let numbers = [one.target, one.prediction, one.residual].map(figure);
            let start = [abbreviate(target, WIDEST_CLASS), count(one.row + 1)];
            largest.row(start.into_iter().chain(numbers));
        }
    }
    text.push_str("\n\n");
    text.push_str(&largest.text(style));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use deltarule::metric::{ClassFigures, LargeResidual};

    #[test]
    fn splits_without_figures_are_left_out() {
        let train = Figures::from([("accuracy".into(), 1.0), ("log_loss".into(), 0.0125)]);
        let test = Figures::from([("accuracy".into(), 0.96)]);
        let text =
            splits(&[("train", &train), ("validation", &Figures::new()), ("test", &test)], Style::PLAIN);
        assert_eq!(text, "           train    test\naccuracy  1.0000  0.9600\nlog loss  0.0125");
    }

    fn report(class: &str, f1: f64) -> ClassReport {
        let figures = ClassFigures { precision: 1.0, recall: 0.5, f1, support: 2000.0 };
        ClassReport { class: class.into(), figures }
    }

    #[test]
    fn classes_stand_in_their_order_and_of_many_the_worst_are_shown() {
        let text = classes(&[report("no", 0.9), report("yes", 0.6)], Style::PLAIN);
        assert_eq!(
            text,
            "class  precision  recall      f1  support\nno        1.0000  0.5000  0.9000    2,000\n\
             yes       1.0000  0.5000  0.6000    2,000"
        );
        let many: Vec<_> = (0..40).map(|i| report(&format!("c{i}"), 1.0 - f64::from(i) / 100.0)).collect();
        let text = super::classes(&many, Style::PLAIN);
        assert_eq!(text.lines().count(), 1 + MOST_CLASSES + 1);
        assert!(text.lines().nth(1).unwrap().starts_with("c39"));
        assert!(text.ends_with("the 12 of lowest f1 of 40 classes; --json gives all"));
    }

    #[test]
    fn a_confusion_matrix_shows_mistakes_and_of_many_classes_lists_them() {
        let two = Confusion::new(&[0.9, 0.6, 0.2], &[1, 0, 0], 2, None);
        assert_eq!(
            confusion(&["no", "yes"], &two, Style::PLAIN),
            "is \\ taken for  no  yes\nno               1    1\nyes              ·    1"
        );
        let (classes, mut probabilities) = (13, vec![0.0; 13 * 13]);
        for row in 0..classes {
            probabilities[row * classes + if row == 3 { 5 } else { row }] = 1.0;
        }
        let codes: Vec<u32> = (0..13).collect();
        let many = Confusion::new(&probabilities, &codes, classes, None);
        let names: Vec<String> = (0..13).map(|class| format!("c{class}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(confusion(&names, &many, Style::PLAIN), "is  taken for  rows\nc3  c5            1");
    }

    #[test]
    fn residuals_are_summed_up_and_the_largest_named_by_their_rows() {
        let summary = ResidualSummary {
            mean: 0.5,
            quantiles: [-2.0, -1.0, 0.0, 1.0, 2.0],
            largest: vec![LargeResidual { row: 6, target: 3.0, prediction: 5.0, residual: -2.0 }],
        };
        let text = residuals(&[("price".into(), summary)], Style::PLAIN);
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[0].split_whitespace().eq("target − prediction mean 5 % 25 % median 75 % 95 %".split(' '))
        );
        assert!(lines[4].split_whitespace().eq("price 7 3.0000 5.0000 -2.0000".split(' ')), "{text}");
    }
}
