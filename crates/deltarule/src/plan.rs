//! From facts about the data and what a person said to a complete plan, with reasons: one pure function.
//!
//! [`plan`] opens nothing, draws nothing at random and measures nothing: equal facts and equal settings give an equal
//! plan on any machine. Whatever a person said stands; the plan fills in the rest, adapts what it chooses to what was
//! said (`--optimizer lbfgs` takes the whole set in a step), and says why. A complete plan's settings, planned again,
//! give the same settings.
//!
//! ```
//! use deltarule::config::Config;
//! use deltarule::plan::{Facts, plan};
//! use deltarule::Task;
//!
//! let facts = Facts { numeric_columns: 6, ..Facts::new(30_000, Task::Regression, 1) };
//! let mut said = Config::default();
//! said.set("hidden", "64")?;
//! let plan = plan(&facts, &said)?;
//! assert_eq!(plan.settings.hidden, Some(vec![64]));
//! assert_eq!(plan.settings.cost.as_deref(), Some("squared_error"));
//! for reason in &plan.reasons {
//!     println!("{} = {}: {}", reason.setting, reason.value, reason.because);
//! }
//! # Ok::<(), deltarule::Error>(())
//! ```

mod recipe;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::config::{Config, Part, SETTINGS, Setting, Unset, Value, resolve};
use crate::error::Result;
use crate::task::Task;

/// Below this many rows nothing is split off: a validation or test part would have a handful of rows.
pub const SMALLEST_SPLIT: usize = 50;

/// What the plan goes by: counts, no data.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Rows with a target that are to be divided into training, validation and test; without those that a file, a
    /// column or the format itself already sets apart.
    pub rows: usize,
    /// Rows set apart for validation by a file or a split column; `None`: a share of `rows` is.
    pub validation_apart: Option<usize>,
    /// Rows set apart for test by a file, a split column or the format (MNIST's `t10k`).
    pub test_apart: Option<usize>,
    /// What is to be learnt.
    pub task: Task,
    /// Numbers that the network puts out per row: the targets, the classes, or 1 for a binary task.
    pub outputs: usize,
    /// Rows of the rarest class; `None` where the task has no classes.
    pub smallest_class: Option<usize>,
    /// Columns of numbers, parts of datetimes included.
    pub numeric_columns: usize,
    /// Columns of categories.
    pub categorical_columns: usize,
    /// Whether the features are the pixels of an image: [`pixel_like`](crate::encoder::pixel_like).
    pub pixel_like: bool,
}

impl Facts {
    /// Facts of a table without columns yet: fill in the rest.
    #[must_use]
    pub fn new(rows: usize, task: Task, outputs: usize) -> Self {
        Self {
            rows,
            validation_apart: None,
            test_apart: None,
            task,
            outputs,
            smallest_class: None,
            numeric_columns: 0,
            categorical_columns: 0,
            pixel_like: false,
        }
    }
}

/// Who chose a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// The person, by a flag or a file.
    Said,
    /// The plan.
    Planned,
}

/// Why a setting has its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// The setting's key.
    pub setting: &'static str,
    /// Its value.
    pub value: Value,
    /// Who chose it.
    pub by: Chosen,
    /// Why, in words for people.
    pub because: String,
}

/// A complete configuration and its reasons.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Every setting that applies, filled in; what stays unset has no meaning in this run (`momentum` under Adam).
    pub settings: Config,
    /// One for each setting that was said or chosen by thought, in the settings' order; plain defaults have none.
    pub reasons: Vec<Reason>,
}

impl Plan {
    /// The complete configuration: `train --config` of it repeats the run. The run's own name is left out, so that the
    /// repetition gets one of its own, and so is the wish to resume.
    #[must_use]
    pub fn to_config(&self) -> Config {
        Config { run: None, resume: None, ..self.settings.clone() }
    }
}

/// Plans a run: every setting that a person left open is chosen by the data's facts and what was said.
///
/// # Errors
/// [`ErrorKind::BadSetting`](crate::ErrorKind::BadSetting) and [`ErrorKind::Conflict`](crate::ErrorKind::Conflict)
/// where what was said contradicts itself or the task.
pub fn plan(facts: &Facts, said: &Config) -> Result<Plan> {
    said.check()?;
    said.check_for(facts.task)?;
    let mut planner = Planner::new(facts, said);
    recipe::choose_all(&mut planner);
    planner.fill_in_defaults();
    let plan = planner.finish();
    plan.settings.check()?;
    resolve::loss(&plan.settings)?; // whether the cost has a meaning on the output's activation
    Ok(plan)
}

/// The plan in the making.
struct Planner<'a> {
    facts: &'a Facts,
    settings: Config,
    /// Keys that the person said.
    said: BTreeSet<&'static str>,
    reasons: Vec<Reason>,
}

impl<'a> Planner<'a> {
    fn new(facts: &'a Facts, said: &Config) -> Self {
        let mut planner = Self {
            facts,
            settings: said.clone(),
            said: said.said().map(|(setting, _)| setting.key).collect(),
            reasons: Vec::new(),
        };
        for (setting, value) in said.said() {
            let because = "as you said".to_owned();
            planner.reasons.push(Reason { setting: setting.key, value, by: Chosen::Said, because });
        }
        planner
    }

    /// Chooses a setting unless the person did, or it has no meaning beside the others.
    fn choose(&mut self, key: &'static str, value: &str, because: impl Into<String>) {
        let setting = crate::config::setting(key).expect("the recipe names settings of the table");
        if self.said.contains(key) || !self.applies(setting) {
            return;
        }
        self.settings.set(key, value).expect("the recipe chooses allowed values");
        let value = self.settings.value(key).expect("it was just set");
        self.reasons.push(Reason {
            setting: setting.key,
            value,
            by: Chosen::Planned,
            because: because.into(),
        });
    }

    fn is(&self, key: &str, name: &str) -> bool {
        self.settings.value(key) == Some(Value::Text(name.to_owned()))
    }

    fn was_said(&self, key: &str) -> bool {
        self.said.contains(key)
    }

    /// The value that a setting said by the person implies for `key`: `momentum` without an optimizer means the
    /// optimizer of that name. `None` where nothing said belongs to `key`, or all of it fits `otherwise`.
    fn implied(&self, key: &str, otherwise: &str) -> Option<(&'static Setting, &'static str)> {
        SETTINGS.iter().filter(|setting| self.said.contains(setting.key)).find_map(|setting| {
            let (other, values) = setting.only_with?;
            (other == key && !values.contains(&otherwise)).then_some((setting, values[0]))
        })
    }

    /// Whether a setting means anything beside the settings made so far.
    fn applies(&self, setting: &Setting) -> bool {
        let (facts, settings) = (self.facts, &self.settings);
        let belongs = setting.only_with.is_none_or(|(other, values)| {
            settings
                .value(other)
                .is_none_or(|value| matches!(value, Value::Text(name) if values.contains(&name.as_str())))
        });
        let no_layer = settings.hidden.as_ref().is_some_and(Vec::is_empty);
        let means = match setting.key {
            "target_scaling" => !facts.task.is_classification(),
            "stratify" | "class_weight" => matches!(facts.task, Task::Binary | Task::Multiclass),
            "activation" | "normalization" | "dropout" | "initializer" if no_layer => false,
            "initializer" | "output_initializer" => settings.weights.is_none(),
            "patience" | "min_delta" => !self.is("early_stopping", "none"),
            "validation" => facts.validation_apart.is_none(),
            "test" => facts.test_apart.is_none() && settings.split_column.is_none(),
            "run" | "resume" => false,
            _ => true,
        };
        belongs && means
    }

    /// Rows left for training by the shares chosen so far.
    fn training_rows(&self) -> usize {
        let share = |part: &Option<Part>| if let Some(Part::Fraction(share)) = part { *share } else { 0.0 };
        let apart = share(&self.settings.validation) + share(&self.settings.test);
        ((self.facts.rows as f64 * (1.0 - apart)).round() as usize).max(1)
    }

    /// Whether there will be rows to validate on.
    fn validates(&self) -> bool {
        match &self.settings.validation {
            Some(Part::Fraction(share)) => *share > 0.0,
            Some(Part::File(_)) => true,
            None => self.facts.validation_apart.is_some_and(|rows| rows > 0),
        }
    }

    fn fill_in_defaults(&mut self) {
        for setting in SETTINGS {
            if let Unset::Fixed(default) = setting.unset
                && self.settings.value(setting.key).is_none()
                && self.applies(setting)
            {
                self.settings.set(setting.key, default).expect("a default is allowed");
            }
        }
    }

    fn finish(mut self) -> Plan {
        let place = |key: &str| SETTINGS.iter().position(|setting| setting.key == key);
        self.reasons.sort_by_key(|reason| place(reason.setting));
        Plan { settings: self.settings, reasons: self.reasons }
    }
}
