//! A run's account: what is read before, what came of it after.

use deltarule::Task;
use deltarule::metric::ResidualSummary;
use deltarule::model::Evaluation;
use deltarule::run::{CrossValidation, Prepared, Report};

use super::table::Table;
use super::{count, counted, figure, figures, name, printable};
use crate::console::Style;

/// What is learnt from what: a line or two.
#[must_use]
pub fn data(prepared: &Prepared) -> String {
    let (table, facts) = (&prepared.table, &prepared.facts);
    let targets = &prepared.encoder.target;
    let what = match facts.task {
        Task::Regression if targets.len() == 1 => "a number".to_owned(),
        Task::Regression => format!("{} numbers", targets.len()),
        Task::Binary => "2 classes".to_owned(),
        Task::Multiclass => counted(facts.outputs, "class", "classes"),
        Task::Multilabel => counted(facts.outputs, "label", "labels"),
    };
    let mut text = format!(
        "{}: {}, {}; to learn: {} ({}, {what})\n",
        printable(&table.source),
        counted(table.rows(), "row", "rows"),
        counted(table.columns().len(), "column", "columns"),
        printable(&targets.join(", ")),
        facts.task,
    );
    if let Some(fold) = prepared.folds.first() {
        text.push_str(&format!(
            "{} folds (the first: {} to train on, {} to validate, {} to test), then a model on all rows",
            prepared.folds.len(),
            count(fold.train.len()),
            count(fold.validation.len()),
            count(fold.test.len())
        ));
    } else {
        let split = &prepared.split;
        text.push_str(&format!("{} to train on", counted(split.train.len(), "row", "rows")));
        for (rows, purpose) in [(&split.validation, "to validate"), (&split.test, "to test")] {
            if !rows.is_empty() {
                text.push_str(&format!(", {} {purpose}", count(rows.len())));
            }
        }
    }
    text
}

/// The tables of a finished run, and where the model lies.
#[must_use]
pub fn results(report: &Report, style: Style) -> String {
    let columns: Vec<_> = ["train", "validation", "test"]
        .into_iter()
        .filter_map(|split| Some((split, report.metrics.get(split)?)))
        .collect();
    let mut parts = Vec::new();
    if let Some(folds) = &report.cross_validation {
        parts.push(cross_validation(folds, style));
        parts.push(format!(
            "The final model was trained on all {} rows; the folds say how well it may be expected to do.",
            count(report.rows.train)
        ));
    }
    parts.push(figures::splits(&columns, style));
    if let Some(evaluation) = &report.evaluation {
        let of =
            format!("{} of the {} rows", counted(evaluation.rows, "row", "rows"), report.evaluated_part());
        parts.extend(behind(evaluation, &format!(" on the {} rows", report.evaluated_part()), style));
        let _ = of;
    }
    let mut place = format!(
        "{} parameters, {} in {}, {} rows/s",
        count(report.parameters),
        counted(report.epochs as usize, "epoch", "epochs"),
        super::duration(report.seconds),
        super::rate(report.samples_per_second)
    );
    if let Some(model) = &report.model {
        place.push_str(&format!("\nmodel: {}", model.display()));
    }
    parts.push(place);
    parts.join("\n\n")
}

/// Classes or residuals behind an evaluation's figures.
#[must_use]
pub fn behind(evaluation: &Evaluation, of: &str, style: Style) -> Vec<String> {
    let mut parts = Vec::new();
    if !evaluation.per_class.is_empty() {
        parts.push(format!("classes{of}\n{}", figures::classes(&evaluation.per_class, style)));
    }
    if let Some(confusion) = &evaluation.confusion {
        let names: Vec<&str> = evaluation.per_class.iter().map(|report| report.class.as_str()).collect();
        if names.len() == confusion.classes {
            parts.push(format!("confusion{of}\n{}", figures::confusion(&names, confusion, style)));
        }
    }
    if has_residuals(&evaluation.residuals) {
        parts.push(format!("residuals{of}\n{}", figures::residuals(&evaluation.residuals, style)));
    }
    parts
}

fn has_residuals(residuals: &[(String, ResidualSummary)]) -> bool {
    residuals.iter().any(|(_, summary)| !summary.largest.is_empty())
}

fn cross_validation(folds: &CrossValidation, style: Style) -> String {
    let names: Vec<&String> = folds.metrics.keys().collect();
    let headings = std::iter::once("rows".to_owned()).chain(names.iter().map(|key| name(key).to_owned()));
    let mut table = Table::of_numbers("fold", headings);
    for fold in &folds.folds {
        let cells = names.iter().map(|key| fold.metrics.get(*key).map_or(String::new(), |&f| figure(f)));
        let start = [fold.fold.to_string(), count(fold.rows.test)];
        table.row(start.into_iter().chain(cells));
    }
    for (title, of) in [("mean", 0), ("95 % from", 1), ("95 % to", 2)] {
        let cells = names.iter().map(|key| {
            let interval = &folds.metrics[*key];
            figure([interval.mean, interval.low, interval.high][of])
        });
        table.row([title.to_owned(), String::new()].into_iter().chain(cells));
    }
    format!("cross-validation, figures on the rows left out\n{}", table.text(style))
}

/// What an interrupted run is told.
#[must_use]
pub fn stopped(report: &Report, run: &str) -> String {
    format!(
        "stopped after {} ({}); the checkpoint is kept\ngo on with: deltarule train --run {run} --resume",
        counted(report.epochs as usize, "epoch", "epochs"),
        counted(report.steps as usize, "step", "steps"),
    )
}
