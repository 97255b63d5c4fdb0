//! What a session trains: rows, settings, layers; made in whole before the one before it is given up.

use std::collections::BTreeMap;

use deltarule::config::{Config, Part, resolve};
use deltarule::model::{Members, Model};
use deltarule::network::Network;
use deltarule::run::{self, Material, Prepared, Rows, cores};
use deltarule::run_folder::Progress;
use deltarule::table::read_bytes;
use deltarule::{Pool, Real};

use super::messages::Data;
use super::tables::Tables;
use crate::runs::Runs;

/// Parameters of a network, at most: what can be followed live.
const MOST_PARAMETERS: usize = 5_000_000;
/// Rows of a generated set, at most.
const MOST_ROWS: u64 = 100_000;
/// Epochs where neither settings nor a schedule want a number: nobody waits for so many.
const OPEN: &str = "1000000000";
/// What says in `config.toml` where rows and files are: a session has its own ways to say so.
const ELSEWHERE: [&str; 4] = ["data", "rows", "noise", "weights"];
/// What has a meaning for a run in a folder only.
const OF_RUNS: [&str; 6] = ["run", "resume", "telemetry", "checkpoint_epochs", "folds", "ensemble"];

/// What a session trains.
pub struct Subject {
    /// What it is called: a data set's name, a file's, a run's.
    pub name: String,
    /// The settings that were asked for.
    pub said: BTreeMap<String, String>,
    /// Rows and plan.
    pub prepared: Prepared,
    /// Encoded rows, cost and layers, in the plan's precision.
    pub made: Made,
    /// Where the rows came from, if no other machine can tell by the configuration.
    pub origin: Option<String>,
    /// Whether training has no end of its own.
    pub is_open: bool,
}

/// Encoded rows, cost and layers, and weights to start from, in one precision.
pub enum Made {
    F32(Start<f32>),
    F64(Start<f64>),
}

/// Where training starts.
pub struct Start<F: Real> {
    pub material: Material<F>,
    /// A trained network instead of a new one.
    pub network: Option<Network<F>>,
}

impl Subject {
    /// What the page asks for.
    ///
    /// # Errors
    /// What cannot be, in the library's words.
    pub fn asked(data: &Data, settings: &BTreeMap<String, String>, tables: &Tables) -> Result<Self, String> {
        let mut said = config_of(settings)?;
        let (rows, name, origin);
        match (&data.name, &data.upload) {
            (Some(named), None) => {
                if data.target.is_some() {
                    return Err("target: a data set that is called by its name has its own".into());
                }
                say_generated(named, data, &mut said)?;
                fill_in(&mut said)?;
                rows = Rows::read(&said).map_err(|error| error.to_string())?;
                (name, origin) = (named.clone(), None);
            }
            (None, Some(id)) => {
                let target = data
                    .target
                    .as_ref()
                    .ok_or("target: got none; expected the column that is to be learnt")?;
                if data.rows.is_some() || data.noise.is_some() || data.seed.is_some() {
                    return Err("rows, noise, seed: only generated data sets have them".into());
                }
                let upload = tables.get(id).ok_or("this table is not kept any more: send it again")?;
                said.data = Some(upload.name.clone());
                said.target = Some(vec![target.clone()]);
                fill_in(&mut said)?;
                let mut options = resolve::read_options(&said).map_err(|error| error.to_string())?;
                options.ignore.clear(); // the rows leave these out themselves
                let table = read_bytes(upload.bytes.clone(), &upload.name, &options)
                    .map_err(|error| error.to_string())?;
                rows = Rows::of_table(table, &said).map_err(|error| error.to_string())?;
                name = upload.name.clone();
                origin = Some(format!(
                    "The rows are those of {name}, as it was sent to the page: put it beside this file."
                ));
            }
            _ => {
                return Err(
                    "data: expected either the name of a data set, or an upload and its target".into()
                );
            }
        }
        let is_open = said.epochs.is_some() && !settings.contains_key("epochs");
        let prepared = rows.prepare(&said).map_err(|error| error.to_string())?;
        let made = Made::new(&prepared, None)?;
        let said = settings.clone();
        Ok(Self { name, said, prepared, made, origin, is_open })
    }

    /// A run of the folder: its settings, its data, and its model's weights where it has one.
    ///
    /// # Errors
    /// What cannot be, in the library's words.
    pub fn of_run(name: &str, runs: &Runs) -> Result<Self, String> {
        let folder = runs.open(name).ok_or_else(|| format!("there is no run {name:?}"))?;
        let text = folder.read_config().map_err(|error| error.to_string())?;
        let mut said = Config::parse_toml(&text, &folder.config()).map_err(|error| error.to_string())?;
        if said.folds.is_some() || said.ensemble.is_some_and(|members| members > 1) {
            return Err(format!("{name} has folds or an ensemble; a session trains one network"));
        }
        (said.run, said.resume, said.telemetry, said.checkpoint_epochs) = (None, None, None, None);
        let model = match folder.progress() {
            Progress::Finished => Some(Model::load(&folder.model()).map_err(|error| error.to_string())?),
            _ => None,
        };
        if model.is_some() {
            said.weights = None;
        }
        let prepared =
            Rows::read(&said).and_then(|rows| rows.prepare(&said)).map_err(|error| error.to_string())?;
        let made = Made::new(&prepared, model.as_ref())?;
        let said = said.said().map(|(setting, value)| (setting.key.to_owned(), value.to_string())).collect();
        Ok(Self { name: name.to_owned(), said, prepared, made, origin: None, is_open: false })
    }

    /// Threads that training has: one, unless the settings say otherwise, since the page wants some too.
    pub fn threads(&self) -> usize {
        self.prepared.plan.settings.threads.unwrap_or(1).clamp(1, cores())
    }
}

/// The settings, without those that a session has no use for.
fn config_of(settings: &BTreeMap<String, String>) -> Result<Config, String> {
    let mut said = Config::default();
    for (key, text) in settings {
        if ELSEWHERE.contains(&key.as_str()) {
            return Err(format!("{key}: a session's rows are said by its data"));
        }
        if OF_RUNS.contains(&key.as_str()) {
            return Err(format!("{key} is for runs; a session trains one network and keeps no folder"));
        }
        said.set(key, text).map_err(|error| error.to_string())?;
    }
    for (key, part) in [("validation", &said.validation), ("test", &said.test)] {
        if matches!(part, Some(Part::File(_))) {
            return Err(format!("{key}: a session takes a share of its rows, no file"));
        }
    }
    Ok(said)
}

/// A bundled set, with what its generator is to do. Its seed is the settings' own.
fn say_generated(name: &str, data: &Data, said: &mut Config) -> Result<(), String> {
    if deltarule::table::bundled(name).is_none_or(deltarule::table::BundledDataset::is_external) {
        return Err(format!("there is no data set {name:?} in the program"));
    }
    said.data = Some(name.to_owned());
    if data.rows.is_some_and(|rows| rows > MOST_ROWS) {
        return Err(format!("rows: expected at most {MOST_ROWS}"));
    }
    let wishes = [
        ("rows", data.rows.map(|rows| rows.to_string())),
        ("noise", data.noise.map(|noise| noise.to_string())),
        ("seed", data.seed.map(|seed| seed.to_string())),
    ];
    for (key, text) in wishes {
        let Some(text) = text else { continue };
        let before = said.seed;
        said.set(key, &text).map_err(|error| error.to_string())?;
        if before.is_some_and(|seed| said.seed != Some(seed)) {
            return Err("seed: the data's and the settings' differ; a run has one".into());
        }
    }
    // Pixels that are the same in all rows are pixels of the picture as well.
    if name == "digits" && said.keep_constant.is_none() {
        said.keep_constant = Some(true);
    }
    Ok(())
}

/// What holds here unless something else was asked for: training goes on until it is told to pause, and the network is what
/// was drawn, numbers as they are and nothing dropped at random.
fn fill_in(said: &mut Config) -> Result<(), String> {
    let is_steady = said.schedule.as_deref().is_none_or(|schedule| schedule == "constant");
    let stops = said.early_stopping.is_some() || said.patience.is_some() || said.min_delta.is_some();
    let ends = said.epochs.is_some() || said.warmup.is_some() || stops || !is_steady;
    let is_piecewise = said.numeric_encoding.is_some() || said.bins.is_some();
    let unsaid = [
        ("numeric_encoding", "plain", is_piecewise),
        ("dropout", "0", said.dropout.is_some()),
        ("input_dropout", "0", said.input_dropout.is_some()),
    ];
    for (key, text, is_said) in unsaid {
        if !is_said {
            said.set(key, text).map_err(|error| error.to_string())?;
        }
    }
    if !stops {
        said.set("early_stopping", "none").map_err(|error| error.to_string())?;
    }
    if said.schedule.is_none() {
        said.set("schedule", "constant").map_err(|error| error.to_string())?;
    }
    if !ends {
        said.set("epochs", OPEN).map_err(|error| error.to_string())?;
    }
    Ok(())
}

impl Made {
    fn new(prepared: &Prepared, model: Option<&Model>) -> Result<Self, String> {
        match prepared.plan.settings.precision.as_deref() {
            Some("f64") => Start::new(prepared, model).map(Self::F64),
            _ => Start::new(prepared, model).map(Self::F32),
        }
    }
}

impl<F: Real> Start<F> {
    fn new(prepared: &Prepared, model: Option<&Model>) -> Result<Self, String> {
        let settings = &prepared.plan.settings;
        // Before anything of that size is made.
        let encoder = run::check_memory(prepared).map_err(|error| error.to_string())?;
        let spec = resolve::network_spec(settings, encoder.input_shape().clone(), encoder.outputs());
        let parameters = spec.map_err(|error| error.to_string())?.parameters().unwrap_or(usize::MAX);
        if parameters > MOST_PARAMETERS {
            return Err(format!("{parameters} parameters; a session has at most {MOST_PARAMETERS}"));
        }
        let material = Material::new(prepared, &prepared.split, settings, Some(encoder))
            .map_err(|error| error.to_string())?;
        let training = material.trainer_settings(settings, 0).map_err(|error| error.to_string())?;
        material.trainer(&Pool::new(1), settings, training).map_err(|error| error.to_string())?;
        let network = match model.map(Model::members) {
            None => None,
            Some(Members::F32(networks)) => networks.first().map(Network::cast),
            Some(Members::F64(networks)) => networks.first().map(Network::cast),
        };
        if network.as_ref().is_some_and(|network| *network.spec() != material.spec) {
            return Err("the run's model is not of the layers that its settings and data give now".into());
        }
        Ok(Self { material, network })
    }
}
