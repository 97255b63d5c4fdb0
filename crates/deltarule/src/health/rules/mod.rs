//! The rules: from a run's record and its settings to what is wrong with it.

mod data;
mod fit;
mod signal;
mod steps;
#[cfg(test)]
mod tests;

use super::finding::{Evidence, Finding, Problem, Severity};
use super::record::{Look, Record};
use super::remedies::{self, plain};
use super::telemetry::LayerHealth;
use super::thresholds::IN_A_ROW;
use crate::config::Config;

/// What is wrong with a run, as far as its record goes: before the first step what the data and the plan say, after the
/// end all of it. The gravest come first, causes before what follows from them.
///
/// `config` is the complete configuration, as a plan gives it and the run's folder keeps it.
#[must_use]
pub fn findings(record: &Record, config: &Config) -> Vec<Finding> {
    let case = Case { record, config };
    let mut found = Vec::new();
    data::look(&case, &mut found);
    signal::look(&case, &mut found);
    steps::look(&case, &mut found);
    fit::look(&case, &mut found);
    // What keeps a network from saying anything of its rows is as grave as that it says nothing.
    if found.iter().any(|finding| finding.id == Problem::ConstantPrediction) {
        let causes = found.iter_mut().filter(|finding| fit::UNTRAINED.contains(&finding.id));
        causes.for_each(|finding| finding.severity = Severity::Error);
    }
    found.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), finding.id));
    found
}

/// A run that is being looked at.
struct Case<'a> {
    record: &'a Record,
    config: &'a Config,
}

impl Case<'_> {
    /// A problem in the way of the signal: of a run that does well in spite of it, a note.
    fn severity(&self) -> Severity {
        if self.record.learns() { Severity::Note } else { Severity::Warning }
    }

    /// `layer 2 (dense, 64 units, sigmoid)`.
    fn layer(&self, layer: usize) -> String {
        let outline = &self.record.layers[layer];
        let activation = outline.activation.as_ref().map_or_else(String::new, |name| format!(", {name}"));
        format!("layer {layer} ({}, {} units{activation})", outline.kind, outline.units)
    }

    /// The activation's name; empty where a layer has none.
    fn activation(&self, layer: usize) -> &str {
        self.record.layers[layer].activation.as_deref().unwrap_or_default()
    }

    fn last_layer(&self) -> usize {
        self.record.layers.len().saturating_sub(1)
    }

    /// The first step of the first [`IN_A_ROW`] looks in a row at which `shows` of one layer; looks before the first
    /// update are left out where `after_start`.
    fn shows_from(
        &self,
        layer: usize,
        after_start: bool,
        shows: impl Fn(&Look, &[LayerHealth], &LayerHealth) -> bool,
    ) -> Option<u64> {
        let mut row = 0;
        let mut first = 0;
        for (look, layers) in self.record.each_look() {
            if after_start && look.step <= 1 {
                continue;
            }
            if layers.get(layer).is_some_and(|health| shows(look, layers, health)) {
                if row == 0 {
                    first = look.step;
                }
                row += 1;
                if f64::from(row) >= IN_A_ROW {
                    return Some(first);
                }
            } else {
                row = 0;
            }
        }
        None
    }

    /// The last look's layers.
    fn last_look(&self) -> Option<&[LayerHealth]> {
        self.record.each_look().next_back().map(|(_, layers)| layers)
    }

    fn is_normalised(&self) -> bool {
        self.config.normalization.as_deref().is_some_and(|name| name != "none")
    }
}

/// Evidence with a threshold.
fn against(what: impl Into<String>, value: f64, threshold: f64) -> Evidence {
    Evidence { what: what.into(), value, threshold: Some(threshold) }
}

/// Evidence to be compared with.
fn beside(what: impl Into<String>, value: f64) -> Evidence {
    Evidence { what: what.into(), value, threshold: None }
}
