//! Counts, shares and their intervals.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Judged;
use super::repair::{Repair, is_mended};

/// Wilson's interval of a share, 95 % (Wilson 1927).
pub fn wilson(hits: usize, of: usize) -> (f64, f64) {
    if of == 0 {
        return (0.0, 1.0);
    }
    let (n, z) = (of as f64, 1.959_964);
    let p = hits as f64 / n;
    let middle = p + z * z / (2.0 * n);
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let whole = 1.0 + z * z / n;
    // Of none or all the ends are 0 and 1, but for rounding.
    (((middle - half) / whole).max(0.0), ((middle + half) / whole).min(1.0))
}

fn share(hits: usize, of: usize) -> Value {
    let (from, to) = wilson(hits, of);
    json!({ "hits": hits, "of": of, "share": hits as f64 / of.max(1) as f64, "from": from, "to": to })
}

/// Of a data set's clean runs those that do well: at most 5 points, or half as much error again, behind the best.
fn well(judged: &[Judged]) -> Vec<&Judged> {
    let mut best: BTreeMap<&str, f64> = BTreeMap::new();
    for run in judged.iter().filter(|run| run.fault.is_none() && run.figure.is_finite()) {
        let best = best.entry(&run.data).or_insert(f64::NEG_INFINITY);
        *best = best.max(run.figure);
    }
    let does_well = |run: &&Judged| {
        let best = best.get(run.data.as_str()).copied().unwrap_or(f64::NAN);
        run.fault.is_none() && (run.figure >= best - 0.05 || 1.0 - run.figure <= 1.5 * (1.0 - best))
    };
    judged.iter().filter(does_well).collect()
}

/// How many of the broken runs were mended, fault by fault and in all.
pub fn repairs(repairs: &[Repair]) -> Value {
    let count = |runs: &[&Repair], figure: fn(&Repair) -> f64| {
        share(runs.iter().filter(|run| is_mended(figure(run), run.clean)).count(), runs.len())
    };
    let of = |name: &str, runs: &[&Repair]| {
        json!({
            "fault": name,
            "whole_anyway": count(runs, |run| run.broken),
            "mended": count(runs, |run| run.mended),
            "by_chance": count(runs, |run| run.by_chance),
        })
    };
    let mut faults: BTreeMap<&str, Vec<&Repair>> = BTreeMap::new();
    repairs.iter().for_each(|run| faults.entry(run.fault).or_default().push(run));
    let all: Vec<&Repair> = repairs.iter().collect();
    let worse: Vec<&Repair> = repairs.iter().filter(|run| !is_mended(run.broken, run.clean)).collect();
    json!({
        "faults": faults.iter().map(|(name, runs)| of(name, runs)).collect::<Vec<_>>(),
        "all": of("all", &all),
        "worse_without": of("those that the fault made worse", &worse),
        "runs": repairs,
        "seconds": repairs.iter().map(|run| run.seconds).sum::<f64>(),
    })
}

pub fn summary(judged: &[Judged]) -> Value {
    let mut faults: BTreeMap<&str, Vec<&Judged>> = BTreeMap::new();
    for run in judged {
        if let Some(fault) = &run.fault {
            faults.entry(fault).or_default().push(run);
        }
    }
    let of = |runs: &[&Judged]| share(runs.iter().filter(|run| run.found).count(), runs.len());
    let layers = |runs: &[&Judged]| {
        let with: Vec<bool> = runs.iter().filter_map(|run| run.layer_found).collect();
        share(with.iter().filter(|found| **found).count(), with.len())
    };
    let per_fault: Vec<Value> = faults
        .iter()
        .map(|(fault, runs)| {
            let mut ids: BTreeMap<&str, usize> = BTreeMap::new();
            runs.iter().flat_map(|run| &run.ids).for_each(|id| *ids.entry(id).or_default() += 1);
            json!({ "fault": fault, "recall": of(runs), "layer": layers(runs), "found": ids })
        })
        .collect();
    let all: Vec<&Judged> = faults.values().flatten().copied().collect();
    let well = well(judged);
    let clean = judged.iter().filter(|run| run.fault.is_none()).count();
    let mut false_ids: BTreeMap<&str, usize> = BTreeMap::new();
    well.iter().flat_map(|run| &run.ids).for_each(|id| *false_ids.entry(id).or_default() += 1);
    json!({
        "faults": per_fault,
        "recall": of(&all),
        "layer": layers(&all),
        "clean_runs": clean,
        "clean_runs_that_do_well": well.len(),
        "false_alarms": share(well.iter().filter(|run| !run.ids.is_empty()).count(), well.len()),
        "false_ids": false_ids,
        "seconds": judged.iter().map(|run| run.seconds).sum::<f64>(),
    })
}
