//! `inspect`: what a model is made of.

use anyhow::Result;
use clap::ArgMatches;
use deltarule::memory::Bytes;
use deltarule::model::ModelSummary;

use super::source;
use crate::Outcome;
use crate::console::{Console, Style};
use crate::words::table::{Align, Table};
use crate::words::{self, abbreviate, count, figures};

/// The most columns, or classes, that are named.
const NAMED: usize = 20;

/// Shows the model.
///
/// # Errors
/// The library's, and where standard output cannot be written.
pub fn inspect(matches: &ArgMatches, console: &Console) -> Result<Outcome> {
    let (path, model) = source::model(matches)?;
    let summary = model.summary();
    console.show(format!(
        "{}\n{}",
        console.results().bold(&path.display().to_string()),
        text(&summary, console.results())
    ))?;
    console.document(&summary)?;
    Ok(Outcome::Done)
}

fn text(summary: &ModelSummary, style: Style) -> String {
    let mut lines = vec![format!("task        {}: {}", summary.task, listed(&summary.targets))];
    if !summary.classes.is_empty() {
        lines.push(format!("classes     {}", words::wrap(&listed(&summary.classes), 100, 12)));
    }
    lines.push(format!("inputs      {} numbers per row", count(summary.inputs)));
    let ensemble = if summary.members > 1 {
        format!(" in each of {} networks, averaged", summary.members)
    } else {
        String::new()
    };
    lines.push(format!("parameters  {} of {}{ensemble}", count(summary.parameters), summary.precision));
    lines.push(format!("memory      {}", words::wrap(&memory(summary), 100, 12)));
    lines.push(format!("digest      {}", summary.digest));
    if let Some(checksum) = &summary.checksum {
        lines.push(format!("checksum    {checksum}"));
    }
    let mut parts = vec![lines.join("\n"), columns(summary, style), layers(summary, style)];
    let splits: Vec<_> = ["train", "validation", "test"]
        .into_iter()
        .filter_map(|split| Some((split, summary.metrics.get(split)?)))
        .collect();
    if splits.iter().any(|(_, figures)| !figures.is_empty()) {
        parts.push(figures::splits(&splits, style));
    }
    let notes: Vec<String> =
        summary.notes.iter().map(|note| words::wrap(&format!("note: {note}"), 100, 6)).collect();
    if !notes.is_empty() {
        parts.push(notes.join("\n"));
    }
    parts.push(format!("{}\n{}", style.bold("trained with"), summary.config.to_toml().trim_end()));
    parts.join("\n\n")
}

/// What predicting and training hold.
fn memory(summary: &ModelSummary) -> String {
    let memory = summary.memory;
    let mut text = format!("{} of parameters", Bytes(memory.parameters));
    if let Some(training) = memory.training {
        let state = match training.optimizer {
            0 => String::new(),
            state => format!(", {} of the optimizer's", Bytes(state)),
        };
        text.push_str(&format!(
            "; in training {} with gradient and best epoch{state}, {} of workspace, {} for each encoded row, and the \
             table",
            Bytes(training.parameters),
            Bytes(training.workspace),
            Bytes(memory.row),
        ));
    }
    text
}

fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(NAMED).map(|name| abbreviate(name, 40)).collect();
    let rest = names.len() - shown.len();
    if rest == 0 { shown.join(", ") } else { format!("{} and {} more", shown.join(", "), count(rest)) }
}

fn columns(summary: &ModelSummary, style: Style) -> String {
    let mut table = Table::new(&[("column", Align::Left), ("type", Align::Left), ("becomes", Align::Left)]);
    let features: Vec<_> = summary.columns.iter().filter(|column| column.role == "feature").collect();
    for column in features.iter().take(NAMED) {
        let becomes = column.encoding.clone().unwrap_or_default();
        table.row([abbreviate(&column.name, 40), column.column_type.name().to_owned(), becomes]);
    }
    let rest = features.len().saturating_sub(NAMED);
    let text = table.text(style);
    if rest == 0 { text } else { format!("{text}\n… and {} more columns", count(rest)) }
}

fn layers(summary: &ModelSummary, style: Style) -> String {
    let mut table = Table::new(&[
        ("layer", Align::Left),
        ("units", Align::Right),
        ("activation", Align::Left),
        ("parameters", Align::Right),
        ("tensors", Align::Left),
    ]);
    for layer in &summary.layers {
        let tensors: Vec<String> = layer
            .tensors
            .iter()
            .map(|(name, shape)| {
                let shape: Vec<String> = shape.iter().map(ToString::to_string).collect();
                format!("{name} {}", shape.join("×"))
            })
            .collect();
        table.row([
            layer.kind.to_owned(),
            count(layer.units),
            layer.activation.unwrap_or_default().to_owned(),
            count(layer.parameters),
            abbreviate(&tensors.join(", "), 60),
        ]);
    }
    table.text(style)
}
