//! `deltarule` alone: trains on the bundled digits and says what it did.

use anyhow::Result;
use deltarule::Pool;
use deltarule::config::Config;
use deltarule::event::EndReason;
use deltarule::model::{Model, Predictions};
use deltarule::run::Prepared;
use deltarule::table::Table;

use super::train::{follow, run_argument, show};
use crate::Outcome;
use crate::console::Console;
use crate::words;

/// Test rows that are shown with their predictions.
const SHOWN: usize = 3;
/// The digits' pictures.
const SIDE: usize = 8;
/// Shades of a pixel, from paper to ink.
const SHADES: [char; 5] = [' ', '·', '+', '#', '█'];
const DARKEST: f64 = 16.0;

/// Runs the demonstration.
///
/// # Errors
/// The library's.
pub fn demo(console: &Console) -> Result<Outcome> {
    console.say(words::wrap(
        "No command given, so here is what deltarule does, on the data set that comes with it: 1,797 handwritten \
         digits, pictures of 8 × 8 grey pixels. It will learn to tell which digit a picture shows, choose its own \
         settings, and measure itself on pictures that it has never seen. (deltarule --help lists the commands.)",
        100,
        0,
    ));
    console.say("");
    let mut config = Config::default();
    config.set("data", "digits")?;
    let mut shown = None;
    let mut planned = |prepared: &Prepared| {
        let rows: Vec<usize> = prepared.split.test.iter().take(SHOWN).map(|&row| row as usize).collect();
        shown = Some((prepared.table.take_rows(&rows), rows));
    };
    let report = follow(&config, console, &mut planned)?;
    show(&report, console)?;
    console.document(&report)?;
    let (Some(path), Some((table, rows))) = (&report.model, shown) else { return Ok(Outcome::Done) };
    if report.ended == EndReason::Stopped {
        return Ok(Outcome::Done);
    }
    let model = Model::load(path)?;
    let predictions = model.predict(&Pool::new(1), &table)?;
    console.say("\nThe saved model on test pictures:\n");
    console.say(pictures(&table, &rows, &predictions));
    let run = report.run.as_deref().map(run_argument).unwrap_or_default();
    console.say(format!(
        "\nWhat to try next:
  deltarule train digits --hidden 32 --optimizer sgd    your own settings; deltarule train -h lists them
  deltarule train sales.csv --target price              your own table: CSV, Parquet, npy, IDX
  deltarule inspect {run:<35} what the model is made of
  deltarule evaluate {run_digits:<34} measure it on a table
  deltarule datasets                                    the other data sets that come with it",
        run_digits = format!("{run} digits"),
    ));
    Ok(Outcome::Done)
}

/// Pictures side by side, each above what the model says of it.
fn pictures(table: &Table, rows: &[usize], predictions: &Predictions) -> String {
    const WIDTH: usize = 2 * SIDE + 14;
    let mut lines = Vec::new();
    for y in 0..SIDE {
        let line: String = (0..rows.len()).map(|row| format!("  {:<WIDTH$}", strip(table, row, y))).collect();
        lines.push(line.trim_end().to_owned());
    }
    let says = (0..rows.len()).map(|row| {
        let class = predictions.class(row);
        let name = class.and_then(|class| predictions.classes().get(class)).map_or("nothing", String::as_str);
        let probability = class.and_then(|class| predictions.probability(row, class)).unwrap_or(f64::NAN);
        let truth = table.position("digit").map(|column| table.number_at(row, column)).unwrap_or(f64::NAN);
        format!("  {:<WIDTH$}", format!("a {name} ({:.1} %); it is a {truth}", probability * 100.0))
    });
    lines.push(says.collect::<String>().trim_end().to_owned());
    lines.join("\n")
}

/// One line of a picture, two characters for each pixel.
fn strip(table: &Table, row: usize, y: usize) -> String {
    let shade = |x: usize| {
        let ink = table.number_at(row, y * SIDE + x).clamp(0.0, DARKEST) / DARKEST;
        let shade = SHADES[(ink * (SHADES.len() - 1) as f64).round() as usize];
        [shade, shade]
    };
    (0..SIDE).flat_map(shade).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use deltarule::table::{ReadOptions, read};

    #[test]
    fn a_picture_shows_ink_where_the_pixel_is_dark() {
        let table = read("digits", &ReadOptions { limit: Some(1), ..ReadOptions::default() }).unwrap();
        // The first row of the set is a zero: a ring with a hole in the middle.
        let lines: Vec<String> = (0..SIDE).map(|y| strip(&table, 0, y)).collect();
        assert!(lines.iter().all(|line| line.chars().count() == 2 * SIDE));
        assert!(lines[0].contains('█') || lines[0].contains('#'));
        assert_eq!(lines[3].chars().nth(2 * SIDE / 2), Some(' '), "{lines:#?}");
    }
}
