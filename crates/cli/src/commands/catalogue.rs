//! `datasets`: what can be trained on by name.

use anyhow::Result;
use deltarule::table::bundled::{BundledDataset, catalogue};
use serde_json::json;

use crate::Outcome;
use crate::console::Console;
use crate::words::table::{Align, Table};
use crate::words::{self, count};

/// Lists the catalogue.
///
/// # Errors
/// Where standard output cannot be written.
pub fn datasets(console: &Console) -> Result<Outcome> {
    let style = console.results();
    let mut table = Table::new(&[
        ("name", Align::Left),
        ("rows", Align::Right),
        ("columns", Align::Right),
        ("task", Align::Left),
        ("target", Align::Left),
        ("what it is", Align::Left),
    ]);
    for entry in catalogue() {
        let name = entry.name.to_owned();
        let (task, target) = (entry.task.to_owned(), entry.target.to_owned());
        table.row([name, count(entry.rows), entry.columns.to_string(), task, target, entry.about.to_owned()]);
    }
    console.show(table.text(style))?;
    console.show("")?;
    console.show(words::wrap(
        "Train on one by its name: deltarule train circles. Those generated take --rows, --noise and --seed. mnist, \
         adult and diamonds are read from the folder datasets/ of a checkout; the others are part of the program. \
         Origins and licences: deltarule datasets --json.",
        100,
        0,
    ))?;
    console.document(&catalogue().iter().map(entry).collect::<Vec<_>>())?;
    Ok(Outcome::Done)
}

fn entry(entry: &BundledDataset) -> serde_json::Value {
    json!({
        "name": entry.name, "rows": entry.rows, "columns": entry.columns, "task": entry.task,
        "target": entry.target, "about": entry.about, "origin": entry.origin, "licence": entry.licence,
        "generated": entry.is_generated(), "external": entry.is_external(),
    })
}
