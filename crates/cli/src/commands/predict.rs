//! `predict`: one row of predictions for each row of a table.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::ArgMatches;
use deltarule::atomic_file::AtomicFile;
use deltarule::model::{Model, Predictions};
use deltarule::run::cores;
use deltarule::table::Table;
use deltarule::{Error, Pool};
use serde_json::json;

use super::source;
use crate::Outcome;
use crate::console::{Console, output_error};
use crate::words;

/// Rows from which on predicting takes as many threads as there are cores.
const FEW_ROWS: usize = 128;

/// Predicts.
///
/// # Errors
/// The library's, and where the output cannot be written.
pub fn predict(matches: &ArgMatches, console: &Console) -> Result<Outcome> {
    let (path, model) = source::model(matches)?;
    let out = matches.get_one::<PathBuf>("out").filter(|out| out.as_os_str() != "-");
    if let Some(out) = out {
        refuse_an_input(out, &path, matches.get_one::<String>("data"))?;
    }
    let threads = source::threads(matches)?;
    let table = source::table(matches, &model, None)?;
    // A second thread takes longer to start than it would save on a few rows.
    let pool = Pool::new(threads.unwrap_or_else(|| if table.rows() < FEW_ROWS { 1 } else { cores() }));
    match out {
        Some(out) => {
            let mut file = AtomicFile::create(out)?;
            let refused = |error| anyhow::Error::from(Error::io(out, "write", error));
            let rows = write(&model, &pool, &table, &mut file, refused)?;
            file.commit()?;
            console.say(format!("{}: {}", out.display(), words::counted(rows, "prediction", "predictions")));
            console.document(&json!({ "rows": rows, "out": out }))?;
        }
        None if console.json => {
            let predictions = model.predict(&pool, &table)?;
            let rows = predictions.rows();
            console.document(&json!({ "rows": rows, "predictions": predictions.to_json() }))?;
        }
        None => {
            let mut stdout = BufWriter::with_capacity(1 << 16, io::stdout().lock());
            write(&model, &pool, &table, &mut stdout, output_error)?;
        }
    }
    // The process ends here: its memory need not be given back piece by piece.
    std::mem::forget((model, table));
    Ok(Outcome::Done)
}

/// Writes all predictions as CSV, block by block; gives their number.
fn write(
    model: &Model,
    pool: &Pool,
    table: &Table,
    out: &mut impl Write,
    refused: impl Fn(io::Error) -> anyhow::Error,
) -> Result<usize> {
    let (mut rows, mut failed) = (0, None);
    let mut put = |block: &Predictions| -> io::Result<()> {
        if rows == 0 {
            block.write_csv_header(out)?;
        }
        rows += block.rows();
        block.write_csv_rows(out)
    };
    let outcome = model.predict_in_blocks(pool, table, &mut |block| {
        put(block).map_err(|error| {
            let kind = error.kind();
            failed = Some(error);
            Error::io("output", "write", kind.into())
        })
    });
    if let Some(error) = failed {
        return Err(refused(error));
    }
    outcome?;
    out.flush().map_err(refused)?;
    Ok(rows)
}

/// The output may not take the place of what it is made from.
fn refuse_an_input(out: &Path, model: &Path, data: Option<&String>) -> Result<()> {
    let same = |other: &Path| matches!((out.canonicalize(), other.canonicalize()), (Ok(a), Ok(b)) if a == b);
    for (what, path) in [("the model", Some(model)), ("the table", data.map(Path::new))] {
        if path.is_some_and(|path| path.is_file() && same(path)) {
            bail!(
                "--out {}: that is {what} that is read; expected another file; give another name",
                out.display()
            );
        }
    }
    Ok(())
}
