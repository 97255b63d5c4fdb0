//! A trained model: encoder, networks, configuration and figures, in one file.
//!
//! A model predicts from raw rows: the encoder inside it turns a table's columns into the network's input and the
//! network's outputs into the target's words and units. Several members (an ensemble) are averaged: probabilities of
//! classes, numbers in the target's own units.
//!
//! ```text
//! table ─ encoder ─ x ─ network(s) ─ ŷ ─ averaged, decoded ─ Predictions
//! ```
//!
//! The file is [`store`]'s: tensors `layers.0.w`, `layers.0.b` … (of an ensemble `members.0.layers.0.w` …), and JSON
//! with `task`, `precision`, `members`, `network`, `encoder`, `config` and `metrics`. A file may hold anything, so
//! [`Model::load`] believes no size in it before the numbers in the file bear it out, and refuses weights that are not
//! finite. Nothing here trains.

mod costs;
mod evaluation;
mod members;
mod predictions;
mod predictor;
mod prepared;
mod scorer;
mod summary;
mod weights;

use std::collections::BTreeMap;
use std::path::Path;

use deltarule_kernels::Pool;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use evaluation::evaluate_encoded;
pub use evaluation::{ClassReport, Evaluation, evaluate};
pub use members::Members;
pub use predictions::Predictions;
pub use predictor::Predictor;
pub use prepared::Prepared;
pub use scorer::Scorer;
pub use summary::{ColumnSummary, LayerSummary, MemorySummary, ModelSummary};
pub use weights::{read_weights, write_weights};

use crate::config::Config;
use crate::encoder::Encoder;
use crate::error::{ErrorKind, Result};
use crate::event::Figures;
use crate::network::NetworkSpec;
use crate::store::{self, Exact, Kind, Stored};
use crate::table::Table;
use crate::task::Task;

/// Figures of each split: `train`, `validation`, `test`.
pub type SplitFigures = BTreeMap<String, Figures>;

/// A trained model.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    encoder: Encoder,
    members: Members,
    config: Config,
    metrics: SplitFigures,
    checksum: Option<String>,
}

impl Model {
    /// Puts a model together. Of the configuration, what the outcome depends on is kept ([`Config::recorded`]).
    ///
    /// # Errors
    /// [`ErrorKind::ShapeMismatch`] where there is no network, the networks differ in their layers, or take or give
    /// other shapes than the encoder does.
    pub fn new(encoder: Encoder, members: Members, config: &Config, metrics: SplitFigures) -> Result<Self> {
        members.check(&encoder)?;
        Ok(Self { encoder, members, config: config.recorded(), metrics, checksum: None })
    }

    /// What columns become.
    #[must_use]
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// The networks; one, or those of an ensemble.
    #[must_use]
    pub fn members(&self) -> &Members {
        &self.members
    }

    /// What the networks are made of.
    #[must_use]
    pub fn spec(&self) -> &NetworkSpec {
        self.members.spec()
    }

    /// What is predicted.
    #[must_use]
    pub fn task(&self) -> Task {
        self.encoder.task()
    }

    /// The configuration that it was trained with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The figures of each split, as they were after training.
    #[must_use]
    pub fn metrics(&self) -> &SplitFigures {
        &self.metrics
    }

    /// SHA-256 of all parameters, members one after another: equal where every bit is.
    #[must_use]
    pub fn digest(&self) -> String {
        self.members.digest()
    }

    /// The checksum of the file that it was loaded from.
    #[must_use]
    pub fn checksum(&self) -> Option<&str> {
        self.checksum.as_deref()
    }

    /// Writes the model file: beside the target, synced, then renamed. Equal models give equal files.
    ///
    /// # Errors
    /// As [`store::write`].
    pub fn save(&self, path: &Path) -> Result<()> {
        store::write(path, Kind::Model, &self.content(), &self.members.tensors())
    }

    /// The bytes that [`Model::save`] writes.
    ///
    /// # Errors
    /// As [`store::encode`].
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        store::encode(Kind::Model, &self.content(), &self.members.tensors())
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// As [`store::read`]; [`ErrorKind::BadFormat`] where the content is no model of this version's, or a weight is
    /// not finite; [`ErrorKind::ShapeMismatch`] where tensors, network and encoder do not fit together.
    pub fn load(path: &Path) -> Result<Self> {
        Self::from_stored(store::read(path, Kind::Model)?)
    }

    /// Reads a model from the bytes of its file; `path` only names them in errors.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self> {
        Self::from_stored(store::decode(path, Kind::Model, bytes)?)
    }

    fn content(&self) -> Value {
        let exact =
            |figures: &Figures| figures.iter().map(|(name, value)| (name.clone(), Exact(*value))).collect();
        let content = Content {
            task: self.task(),
            precision: self.members.precision().to_owned(),
            members: self.members.len(),
            network: self.spec().clone(),
            encoder: self.encoder.clone(),
            config: self.config.clone(),
            metrics: self.metrics.iter().map(|(split, figures)| (split.clone(), exact(figures))).collect(),
        };
        serde_json::to_value(content).expect("maps have text for keys")
    }

    fn from_stored(mut stored: Stored) -> Result<Self> {
        let content = stored.take_content();
        let stored = &stored;
        let content: Content = serde_json::from_value(content).map_err(|error| {
            stored.bad("its content".into(), "what a model says of itself".into(), error.to_string())
        })?;
        if content.task != content.encoder.task() {
            let (expected, got) = (content.encoder.task().to_string(), content.task.to_string());
            return Err(stored.bad("its task".into(), expected, got));
        }
        let (spec, count) = (&content.network, content.members);
        members::check_sizes(stored, spec, &content.encoder, count)?;
        let members = match content.precision.as_str() {
            "f32" => Members::F32(members::read(stored, spec, count)?),
            "f64" => Members::F64(members::read(stored, spec, count)?),
            other => {
                return Err(stored.bad("its precision".into(), "f32 or f64".into(), format!("{other:?}")));
            }
        };
        members.check(&content.encoder)?;
        let figures = |figures: BTreeMap<String, Exact>| {
            figures.into_iter().map(|(name, Exact(f))| (name, f)).collect()
        };
        Ok(Self {
            encoder: content.encoder,
            members,
            config: content.config,
            metrics: content.metrics.into_iter().map(|(split, named)| (split, figures(named))).collect(),
            checksum: Some(stored.checksum().to_owned()),
        })
    }

    /// A prediction for each row of the table, in its order; the target columns may be absent.
    ///
    /// # Errors
    /// [`ErrorKind::MissingColumn`] for a column that the table lacks, and what else
    /// [`Encoder::encode_features`] refuses.
    pub fn predict(&self, pool: &Pool, table: &Table) -> Result<Predictions> {
        let mut all = Predictions::none(self);
        self.predict_in_blocks(pool, table, &mut |block| {
            all.append(block);
            Ok(())
        })?;
        Ok(all)
    }

    /// As [`Model::predict`], handing blocks of rows to `each` one after another, so that memory is bounded whatever
    /// the number of rows.
    ///
    /// # Errors
    /// As [`Model::predict`]; the first error of `each`.
    pub fn predict_in_blocks(
        &self,
        pool: &Pool,
        table: &Table,
        each: &mut dyn FnMut(&Predictions) -> Result<()>,
    ) -> Result<()> {
        Prepared::new(self, pool, table.rows()).predict_in_blocks(table, each)
    }

    /// Makes it ready to predict tables one after another on `pool`.
    #[must_use]
    pub fn prepare<'m>(&'m self, pool: &'m Pool) -> Prepared<'m> {
        Prepared::new(self, pool, usize::MAX)
    }

    /// How well the model predicts the rows of a table that has the target columns. Rows without a target, or of a
    /// class that training did not see, are left out and counted in the evaluation's notes.
    ///
    /// # Errors
    /// As [`evaluate`].
    pub fn evaluate(&self, pool: &Pool, table: &Table) -> Result<Evaluation> {
        let rows = numbered_rows(table)?;
        match &self.members {
            Members::F32(networks) => evaluate(networks, &self.encoder, pool, table, &rows),
            Members::F64(networks) => evaluate(networks, &self.encoder, pool, table, &rows),
        }
    }

    /// The names of the columns that its predictions have.
    #[must_use]
    pub fn output_columns(&self) -> Vec<String> {
        Predictions::none(self).columns()
    }

    /// What `inspect` shows.
    #[must_use]
    pub fn summary(&self) -> ModelSummary {
        ModelSummary::of(self)
    }
}

/// All rows of a table by number.
fn numbered_rows(table: &Table) -> Result<Vec<u32>> {
    match u32::try_from(table.rows()) {
        Ok(rows) => Ok((0..rows).collect()),
        Err(_) => Err(ErrorKind::BadFormat {
            path: table.source.clone().into(),
            what: "rows".into(),
            expected: format!("at most {} at once", u32::MAX),
            got: table.rows().to_string(),
        }
        .into()),
    }
}

/// The JSON beside the tensors.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    task: Task,
    precision: String,
    members: usize,
    network: NetworkSpec,
    encoder: Encoder,
    config: Config,
    metrics: BTreeMap<String, BTreeMap<String, Exact>>,
}

#[cfg(test)]
mod tests;
