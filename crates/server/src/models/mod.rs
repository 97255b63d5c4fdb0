//! Finished runs' models with the data that they were trained on, for what is asked of single rows.
//!
//! ```text
//! runs/NAME/config.toml, model.safetensors  →  Studied     read once, when first asked, two at most
//!                                           →  rows        the worst first
//!                                           →  evaluation  confusion, calibration, residuals
//!                                           →  explained   one row's gradient taken apart, and its drawing
//! ```

mod evaluation;
mod explained;
mod rows;

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use deltarule::config::Config;
use deltarule::encoder::pixel_like;
use deltarule::model::Model;
use deltarule::run::{Prepared, cores, prepare};
use deltarule::run_folder::RunFolder;
use deltarule::{Error, ErrorKind, Pool};
use serde::{Deserialize, Serialize};

pub use explained::Question;
pub use rows::Asked;

/// Models with their data that are kept.
const KEPT: usize = 2;

/// Rows of a part that are looked at: evenly chosen ones where there are more.
const LOOKED_AT: usize = 100_000;

/// Why there is no answer, in words that name the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    words: String,
}

impl Refusal {
    pub(crate) fn not_found(words: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, words: words.into() }
    }

    pub(crate) fn conflict(words: impl Into<String>) -> Self {
        Self { status: StatusCode::CONFLICT, words: words.into() }
    }

    /// What was asked makes no sense.
    pub(crate) fn bad(words: impl Into<String>) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, words: words.into() }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.words)
    }
}

impl std::error::Error for Refusal {}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, words: error.to_string() }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            ErrorKind::FileNotFound { .. } => StatusCode::NOT_FOUND,
            ErrorKind::BadSetting { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::CONFLICT,
        };
        Self { status, words: error.to_string() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, format!("{}\n", self.words)).into_response()
    }
}

/// A part of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Those that the weights follow.
    Training,
    /// Those that training stops by.
    Validation,
    /// Those that nothing was chosen by.
    Test,
    /// All with a target.
    All,
}

/// A grey image that a row is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Image {
    /// Pixels of a side.
    side: usize,
    /// The least of its pixels that there is.
    least: f64,
    /// The greatest.
    most: f64,
}

/// A model, and the rows that it was made of.
pub struct Studied {
    model: Model,
    prepared: Prepared,
    pool: Pool,
    image: Option<Image>,
    /// What rows cost, of the parts that were asked for.
    costs: BTreeMap<Part, Vec<(u32, f64)>>,
}

impl Studied {
    /// Reads a run's model and its data, and divides them as the run did.
    ///
    /// # Errors
    /// Where there is no model yet, the data are not where they were, or either cannot be read.
    pub fn open(folder: &RunFolder) -> Result<Self, Refusal> {
        let shown = folder.path().display();
        if !folder.model().is_file() {
            let next = format!("go on with it: deltarule train --run {} --resume", folder.name());
            return Err(Refusal::conflict(format!(
                "{shown}: the run has no model yet: it was interrupted or is under way; wait for its end, or {next}"
            )));
        }
        let model = Model::load(&folder.model())?;
        let config = Config::parse_toml(&folder.read_config()?, &folder.config())?;
        if config.data.as_deref() == Some("-") {
            return Err(Refusal::conflict(format!(
                "{shown}: its data came from standard input and are not kept; train on a file to look at rows"
            )));
        }
        let prepared = prepare(&config).map_err(|error| {
            let refusal = Refusal::from(error);
            let words =
                format!("{shown}: its data cannot be read again: {refusal}; put them back where they were");
            Refusal { words, ..refusal }
        })?;
        let image = image_of(&prepared, &model);
        // A training beside it is to keep its cores.
        let pool = Pool::new(cores().div_ceil(2));
        Ok(Self { model, prepared, pool, image, costs: BTreeMap::new() })
    }

    /// What stands where the data came from now; nothing of generated data.
    fn data(&self) -> Option<Stamp> {
        stamp(Path::new(&self.prepared.table.source))
    }

    /// The rows of a part that have a target the model knows, from 0.
    fn rows_of(&self, part: Part) -> Result<Vec<u32>, Refusal> {
        let split = &self.prepared.split;
        let rows = match part {
            Part::Training => split.train.clone(),
            Part::Validation => split.validation.clone(),
            Part::Test => split.test.clone(),
            Part::All => {
                let parts = [&split.train, &split.validation, &split.test];
                let mut all: Vec<u32> = parts.into_iter().flatten().copied().collect();
                all.sort_unstable();
                all
            }
        };
        Ok(self.model.encoder().usable_rows(&self.prepared.table, &rows)?.rows)
    }

    /// The part that was held out: test rows, else validation rows, else those that were trained on.
    fn held_out(&self) -> Part {
        let split = &self.prepared.split;
        match (split.test.is_empty(), split.validation.is_empty()) {
            (false, _) => Part::Test,
            (true, false) => Part::Validation,
            (true, true) => Part::Training,
        }
    }

    /// A row of the table by its number from 1.
    fn row(&self, number: usize) -> Result<u32, Refusal> {
        let rows = self.prepared.table.rows();
        let source = &self.prepared.table.source;
        match u32::try_from(number) {
            Ok(found) if (1..=rows).contains(&number) => Ok(found - 1),
            _ => Err(Refusal::not_found(format!(
                "{source}: row {number} was asked for; the table has rows 1 to {rows}; give one of these"
            ))),
        }
    }
}

/// At most so many of the rows, evenly chosen.
fn evenly(rows: &[u32], most: usize) -> Vec<u32> {
    if rows.len() <= most {
        return rows.to_vec();
    }
    (0..most).map(|at| rows[at * rows.len() / most]).collect()
}

/// Rows are images where all features are pixels, as many as a square has.
fn image_of(prepared: &Prepared, model: &Model) -> Option<Image> {
    let columns = model.encoder().feature_columns().len();
    let names = pixel_columns(prepared);
    let side = columns_side(names.len())?;
    // Columns that never change are no features, but are pixels.
    if columns > names.len() {
        return None;
    }
    let (least, most) = pixel_like(&prepared.table, &prepared.split.train, &prepared.encoder)?;
    Some(Image { side, least, most })
}

/// The columns that may be pixels: neither target nor weight nor ignored, in the table's order.
fn pixel_columns(prepared: &Prepared) -> Vec<&str> {
    let roles = &prepared.encoder;
    let excluded = |name: &String| {
        roles.target.contains(name) || roles.ignore.contains(name) || roles.weight.as_ref() == Some(name)
    };
    let columns = prepared.table.columns().iter();
    columns.filter(|column| !excluded(&column.name)).map(|column| column.name.as_str()).collect()
}

/// The side of a square of so many pixels.
fn columns_side(columns: usize) -> Option<usize> {
    let side = (columns as f64).sqrt() as usize;
    (side >= 4 && side * side == columns).then_some(side)
}

/// The models that are kept, each behind a lock of its own: one question at a time.
#[derive(Default)]
pub struct Models {
    kept: Mutex<Vec<(String, Place)>>,
}

/// Where a run's model is or will be.
pub type Place = Arc<tokio::sync::Mutex<Option<Held>>>;

/// A model with its data, and the files that they were read from.
pub struct Held {
    model: Option<Stamp>,
    data: Option<Stamp>,
    studied: Studied,
}

/// A file's length, and when it was written.
type Stamp = (u64, SystemTime);

impl Models {
    /// The place of a run's model. The one that was asked for longest ago makes room.
    pub fn place(&self, name: &str) -> Place {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(known, _)| known == name);
        let found = at.map_or_else(|| (name.to_owned(), Place::default()), |at| kept.remove(at));
        let place = Arc::clone(&found.1);
        kept.push(found);
        let over = kept.len().saturating_sub(KEPT);
        kept.drain(..over);
        place
    }
}

/// What `work` makes of the run's model, which is read first where it is not held, or where other files stand there now.
///
/// # Errors
/// As [`Studied::open`], and those of `work`.
pub fn with<T>(
    held: &mut Option<Held>,
    folder: &RunFolder,
    work: impl FnOnce(&mut Studied) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let model = stamp(&folder.model());
    match held {
        Some(known) if model.is_some() && known.model == model && known.data == known.studied.data() => {
            work(&mut known.studied)
        }
        _ => {
            *held = None;
            let studied = Studied::open(folder)?;
            let data = studied.data();
            work(&mut held.insert(Held { model, data, studied }).studied)
        }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let of = |about: Metadata| Some((about.len(), about.modified().ok()?));
    std::fs::metadata(path).ok().and_then(of)
}
