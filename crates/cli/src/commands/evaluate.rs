//! `evaluate`: a model measured on a table.

use anyhow::Result;
use clap::ArgMatches;

use super::source;
use crate::Outcome;
use crate::console::Console;
use crate::words;

/// Measures the model.
///
/// # Errors
/// The library's, and where standard output cannot be written.
pub fn evaluate(matches: &ArgMatches, console: &Console) -> Result<Outcome> {
    let (path, model) = source::model(matches)?;
    let pool = source::pool(matches)?;
    let table = source::table(matches, &model, None)?;
    let evaluation = model.evaluate(&pool, &table)?;
    let rows = words::counted(evaluation.rows, "row", "rows");
    console.say(format!("{} on {} of {}\n", path.display(), rows, table.source));
    for note in &evaluation.notes {
        console.warn(words::wrap(&format!("note: {note}"), 100, 6));
    }
    let style = console.results();
    let mut parts = vec![words::figures::splits(&[("figure", &evaluation.figures)], style)];
    parts.extend(words::run::behind(&evaluation, "", style));
    console.show(parts.join("\n\n"))?;
    console.document(&evaluation)?;
    Ok(Outcome::Done)
}
