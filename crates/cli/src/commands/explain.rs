//! `explain`: a gradient taken apart, and where the signal went.

use anyhow::{Result, bail};
use clap::ArgMatches;
use deltarule::config::resolve;
use deltarule::encoder::Encoder;
use deltarule::explain::{Account, Anatomy, Columns, Names, Parameter, Reach, Stage, four_digits};
use deltarule::layer::Pass;
use deltarule::model::{Members, Model};
use deltarule::network::Network;
use deltarule::table::Table as Data;
use deltarule::{Pool, Real, Task};
use serde_json::{Value, json};

use super::source;
use crate::Outcome;
use crate::arguments::Span;
use crate::console::{Console, Style, print};
use crate::words::ledger;
use crate::words::table::{Align, Table};
use crate::words::{counted, figure, short};

/// Explains.
///
/// # Errors
/// The library's, where a row or a network is not there, and where standard output cannot be written.
pub fn explain(matches: &ArgMatches, console: &Console) -> Result<Outcome> {
    let (path, model) = source::model(matches)?;
    let pool = source::pool(matches)?;
    let table = source::table(matches, &model, None)?;
    let span = rows_of(matches, &table)?;
    let asked = Asked::of(matches);
    let account = match model.members() {
        Members::F32(networks) => one(&pool, &model, networks, &table, span, &asked)?,
        Members::F64(networks) => one(&pool, &model, networks, &table, span, &asked)?,
    };
    let rows = if span.first == span.last {
        format!("row {}", span.first)
    } else {
        format!("rows {} to {} as one batch", span.first, span.last)
    };
    let title = format!("{}: {rows} of {}", path.display(), table.source);
    match matches.get_one::<String>("as").map(String::as_str) {
        _ if console.json => console.document(&document(&account, span)?)?,
        Some("json") => {
            let text = serde_json::to_string_pretty(&document(&account, span)?)?;
            print(|out| writeln!(out, "{text}"))?;
        }
        Some("html") => print(|out| write!(out, "{}", account.to_html(&title)))?,
        _ => {
            console.say(format!("{title}, with inference statistics and no dropout\n"));
            console.show(text(&account, console.results()))?;
        }
    }
    Ok(Outcome::Done)
}

/// What the arguments ask for.
struct Asked {
    parameter: Option<Parameter>,
    layer: Option<usize>,
    reach: Reach,
    member: usize,
    output: Option<String>,
}

impl Asked {
    fn of(matches: &ArgMatches) -> Self {
        let number = |id: &str| matches.get_one::<u32>(id).map(|&number| number as usize);
        let said = |id: &str| matches.get_one::<Parameter>(id).cloned();
        let usual = Reach::default();
        Self {
            parameter: said("weight").or_else(|| said("parameter")),
            layer: number("layer"),
            reach: Reach {
                top: number("top").unwrap_or(usual.top),
                depth: number("depth").unwrap_or(usual.depth),
            },
            member: number("member").unwrap_or(1),
            output: matches.get_one::<String>("output").cloned(),
        }
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

fn one<F: Real>(
    pool: &Pool,
    model: &Model,
    networks: &[Network<F>],
    table: &Data,
    span: Span,
    asked: &Asked,
) -> Result<Account> {
    let Some(network) = networks.get(asked.member - 1) else {
        bail!(
            "--member {}: the model has {}; give one from 1 to {}",
            asked.member,
            counted(networks.len(), "network", "networks"),
            networks.len()
        );
    };
    let config = model.config();
    let (loss, regularization) = (resolve::loss(config)?, resolve::regularization(config));
    let rows: Vec<u32> = (span.first - 1..span.last).collect();
    let data = model.encoder().encode::<F>(table, &rows)?;
    let names = names_of(model.encoder(), span);
    let batch = data.range(0, data.rows);
    let anatomy = Anatomy::new(pool, network, &loss, &regularization, batch, Pass::Inference, &names);
    let mut account = anatomy.account(asked.parameter.as_ref(), asked.layer, asked.reach)?;
    let output = output_of(asked, &names, anatomy.outputs())?;
    let gradient = anatomy.input_gradient(pool, output);
    account.columns = Some(Columns {
        output: names.outputs[output].clone(),
        shares: gradient.by_column(model.encoder(), table, &rows)?,
    });
    Ok(account)
}

/// The output that was asked for: by the name that is shown, or by the class alone.
fn output_of<F: Real>(asked: &Asked, names: &Names, outputs: &[F]) -> Result<usize> {
    let Some(said) = &asked.output else {
        let first = outputs[..names.outputs.len()].iter().enumerate();
        return Ok(first.max_by(|(_, a), (_, b)| a.to_f64().total_cmp(&b.to_f64())).map_or(0, |(at, _)| at));
    };
    let is_it =
        |name: &&String| *name == said || name.split_once(" = ").is_some_and(|(_, class)| class == said);
    match names.outputs.iter().position(|name| is_it(&name)) {
        Some(output) => Ok(output),
        None => bail!("--output {said}: no such output; expected one of {}", names.outputs.join(", ")),
    }
}

/// Columns and classes. A binary task's one output is the probability of its second class.
fn names_of(encoder: &Encoder, span: Span) -> Names {
    let classes = encoder.classes();
    let outputs = match (encoder.task(), classes) {
        (Task::Binary, [_, second]) => vec![format!("{} = {second}", encoder.target_names().join(", "))],
        (_, []) => encoder.target_names().to_vec(),
        (_, classes) => {
            classes.iter().map(|class| format!("{} = {class}", encoder.target_names().join(", "))).collect()
        }
    };
    Names { inputs: encoder.feature_names(), outputs, first_row: span.first as usize }
}

fn text(account: &Account, style: Style) -> String {
    let mut parts = Vec::new();
    if !account.outputs.is_empty() {
        let mut table = Table::new(&[("output", Align::Left), ("ŷ", Align::Right)]);
        for output in &account.outputs {
            table.row([output.name.clone(), figure(output.value)]);
        }
        parts.push(table.text(style));
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

fn document(account: &Account, span: Span) -> Result<Value> {
    let mut document = serde_json::to_value(account)?;
    document["rows"] = json!({ "first": span.first, "last": span.last });
    Ok(document)
}
