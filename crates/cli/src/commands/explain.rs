//! `explain`: a gradient taken apart, and where the signal went.

use std::path::Path;

use anyhow::{Result, bail};
use clap::ArgMatches;
use deltarule::event::Event;
use deltarule::explain::{self, Account, Columns, Output, Parameter, Question, Reach, Stage, four_digits};
use deltarule::run_folder::{RUNS, RunFolder, place};
use deltarule::table::Table as Data;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::source;
use crate::Outcome;
use crate::arguments::Span;
use crate::console::{Console, Style, print};
use crate::words::ledger;
use crate::words::table::{Align, Table};
use crate::words::{counted, figure, short, wrap};

/// Explains.
///
/// # Errors
/// The library's, where a row or a network is not there, and where standard output cannot be written.
pub fn explain(matches: &ArgMatches, console: &Console) -> Result<Outcome> {
    if let Some(run) = matches.get_one::<String>("run") {
        return explain_step(run, matches, console);
    }
    let (path, model) = source::model(matches)?;
    let pool = source::pool(matches)?;
    let table = source::table(matches, &model, None)?;
    let span = rows_of(matches, &table)?;
    let rows: Vec<u32> = (span.first - 1..span.last).collect();
    let account = explain::explain(&pool, &model, &table, &rows, &question_of(matches))?;
    let rows = if span.first == span.last {
        format!("row {}", span.first)
    } else {
        format!("rows {} to {} as one batch", span.first, span.last)
    };
    let title = format!("{}: {rows} of {}", path.display(), table.source);
    let mut document = serde_json::to_value(&account)?;
    document["rows"] = json!({ "first": span.first, "last": span.last });
    let heading = format!("{title}, with inference statistics and no dropout");
    show(&account, &document, &title, &heading, matches, console)
}

/// Explains a step of a run's training.
fn explain_step(run: &str, matches: &ArgMatches, console: &Console) -> Result<Outcome> {
    let folder = RunFolder::open(&place(Path::new(RUNS), run)?)?;
    let number = matches.get_one::<u64>("step").copied().unwrap_or_default();
    let (threads, question) = (source::threads(matches)?, question_of(matches));
    let bar = console.draws().then(|| ProgressBar::new(number - 1));
    let mut observer = |event: &Event| {
        if let (Some(bar), Event::Progress { step, .. } | Event::Epoch { step, .. }) = (&bar, event) {
            bar.set_position(*step);
        }
    };
    let account = explain::explain_step(&folder, number, &question, threads, &mut observer);
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    let account = account?;
    let title = format!("{}: step {number} of its training", folder.path().display());
    show(&account, &serde_json::to_value(&account)?, &title, &title, matches, console)
}

/// Tells the account in the form that the arguments ask for; `heading` is said above the text.
fn show(
    account: &Account,
    document: &Value,
    title: &str,
    heading: &str,
    matches: &ArgMatches,
    console: &Console,
) -> Result<Outcome> {
    match matches.get_one::<String>("as").map(String::as_str) {
        _ if console.json => console.document(document)?,
        Some("json") => {
            let text = serde_json::to_string_pretty(document)?;
            print(|out| writeln!(out, "{text}"))?;
        }
        Some("tex") => {
            let text = match question_of(matches).parameter {
                Some(_) => account.ledger_to_tex(title),
                None => account.to_tex(title),
            };
            print(|out| write!(out, "{text}"))?;
        }
        Some("html") => print(|out| write!(out, "{}", account.to_html(title)))?,
        _ => {
            console.say(format!("{heading}\n"));
            console.show(text(account, console.results()))?;
        }
    }
    Ok(Outcome::Done)
}

/// What the arguments ask for.
fn question_of(matches: &ArgMatches) -> Question {
    let number = |id: &str| matches.get_one::<u32>(id).map(|&number| number as usize);
    let said = |id: &str| matches.get_one::<Parameter>(id).cloned();
    let usual = Question::default();
    Question {
        parameter: said("weight").or_else(|| said("parameter")),
        layer: number("layer"),
        reach: Reach {
            top: number("top").unwrap_or(usual.reach.top),
            depth: number("depth").unwrap_or(usual.reach.depth),
        },
        member: number("member").unwrap_or(usual.member),
        output: matches.get_one::<String>("output").cloned(),
    }
}

fn rows_of(matches: &ArgMatches, table: &Data) -> Result<Span> {
    let span = matches.get_one::<Span>("span").copied().unwrap_or_else(|| {
        let row = matches.get_one::<u32>("row").copied().unwrap_or(1);
        Span { first: row, last: row }
    });
    if span.last as usize > table.rows() {
        bail!(
            "{}: row {} was asked for; the table has rows 1 to {}; give one of these",
            table.source,
            span.last,
            table.rows()
        );
    }
    Ok(span)
}

fn text(account: &Account, style: Style) -> String {
    let mut parts = Vec::new();
    if let Some(step) = &account.step {
        let sentences: Vec<String> = step.sentences().iter().map(|said| wrap(said, 100, 2)).collect();
        parts.push(sentences.join("\n"));
    }
    if !account.outputs.is_empty() {
        parts.push(outputs_text(&account.outputs, style));
    }
    parts.push(format!("cost  {}", figure(account.cost)));
    if let Some(columns) = &account.columns {
        parts.push(columns_text(columns, style));
    }
    if !account.flow.is_empty() {
        parts.push(flow_text(&account.flow, style));
    }
    let mut table = Table::new(&[("largest gradients", Align::Left), ("∂C/∂p", Align::Right)]);
    for one in &account.largest {
        table.row([one.parameter.clone(), format!("{:.4e}", one.gradient)]);
    }
    parts.push(table.text(style));
    parts.push(ledger::text(account, style));
    parts.join("\n\n")
}

/// Outputs beside their targets, of a regression in the table's units as well.
fn outputs_text(outputs: &[Output], style: Style) -> String {
    let mut headings = vec![("output", Align::Left), ("ŷ", Align::Right), ("y", Align::Right)];
    if outputs.iter().any(|output| output.in_units.is_some()) {
        headings.extend([("ŷ in its units", Align::Right), ("y in its units", Align::Right)]);
    }
    let mut table = Table::new(&headings);
    for output in outputs {
        let mut cells = vec![output.name.clone(), figure(output.value), figure(output.target)];
        cells.extend(output.in_units.into_iter().flat_map(|own| [figure(own.value), figure(own.target)]));
        table.row(cells);
    }
    table.text(style)
}

/// What an output hangs on: the largest shares.
fn columns_text(columns: &Columns, style: Style) -> String {
    const SHOWN: usize = 10;
    let title = format!("{} hangs on", columns.output);
    let mut table = Table::new(&[
        (&title, Align::Left),
        ("∂ŷ/∂column", Align::Right),
        ("gradient × input", Align::Right),
    ]);
    for share in columns.shares.iter().take(SHOWN) {
        let gradient = share.gradient.map_or_else(String::new, four_digits);
        table.row([share.column.clone(), gradient, four_digits(share.times_input)]);
    }
    let rest = columns.shares.len().saturating_sub(SHOWN);
    let rest =
        if rest > 0 { format!("\n{}", counted(rest, "more column", "more columns")) } else { String::new() };
    format!("{}{rest}", table.text(style))
}

/// Where the signal went, from the output to the first layer.
fn flow_text(flow: &[Stage], style: Style) -> String {
    let mut table = Table::new(&[
        ("signal at", Align::Left),
        ("‖δ‖", Align::Right),
        ("way back", Align::Right),
        ("f'", Align::Right),
        ("lost: saturated", Align::Right),
        ("dead", Align::Right),
        ("rest", Align::Right),
    ]);
    table.row(["the output".into(), format!("{:.3e}", flow[0].sent)]);
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    for stage in flow {
        let name = stage.activation.map_or(stage.kind.to_owned(), |f| format!("{} {f}", stage.kind));
        let mut cells = vec![
            format!("layer {} {name}", stage.layer),
            format!("{:.3e}", stage.left),
            format!("× {}", short(round(stage.through_factor))),
        ];
        if stage.activation.is_some() {
            cells.push(format!("× {}", short(round(stage.activation_factor))));
            cells.extend([stage.lost.saturated, stage.lost.dead, stage.lost.rest].map(percent));
        }
        table.row(cells);
    }
    table.text(style)
}

/// Three significant digits.
fn round(number: f64) -> f64 {
    format!("{number:.2e}").parse().unwrap_or(number)
}
