//! How well the findings find: faults that are known because they were put in, and runs that are known to be well.
//!
//!     cargo run --release -p deltarule --example faults -- tune|report [--repair] [--slice] [--keep FOLDER]
//!         [--again FOLDER] [--out FILE]
//!
//! puts each of the [faults](inject) into each data set of one half, three seeds each, trains, and asks
//! [`findings`](deltarule::health::findings) what is wrong; then trains configurations that do well and counts what is
//! found although nothing was put in. `tune` is the half that thresholds were chosen on, `report` the one whose figures
//! are published: other data, other seeds. Prints JSON: one line for each run, and a summary.
//!
//! `--repair` instead has the [doctor](deltarule::doctor) treat each fault that a configuration can undo, and chance, with as
//! many remedies of the same table, chosen in the same way.
//!
//! `--keep` writes each run's configuration and events, `--again` judges what was kept without training anew, so that
//! a changed rule is tried in a second. `--slice` takes one in 23; `--out` writes the summary
//! down.

mod data;
mod inject;
mod repair;
mod tally;
mod well;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use deltarule::config::Config;
use deltarule::control::Unattended;
use deltarule::event::{Event, Observer};
use deltarule::health::{Finding, Problem, Record, Severity, findings};
use deltarule::run;
use deltarule::table::Table;
use serde::{Deserialize, Serialize};

use data::Half;
use inject::Kind;
use repair::Repair;

/// A run that is to be judged: what is trained, and what is wrong with it.
pub struct Case {
    /// The data set.
    pub data: &'static str,
    /// The seed of all random numbers.
    pub seed: u64,
    /// `None`: nothing.
    pub fault: Option<&'static Kind>,
    /// The layer at fault, where it is one.
    pub layer: Option<usize>,
    /// The rows, the fault in them if it is one of the data.
    pub table: Table,
    /// The settings, the fault in them if it is one of those.
    pub config: Config,
    /// The settings without it.
    pub clean: Config,
}

/// What is kept of a run: enough to judge it anew.
#[derive(Serialize, Deserialize)]
struct Kept {
    data: String,
    seed: u64,
    fault: Option<String>,
    expected: Vec<Problem>,
    layer: Option<usize>,
    config: String,
    events: Vec<Event>,
    /// The validation figure that tells whether it went well; absent where there is no model.
    figure: Option<f64>,
    seconds: f64,
}

/// A run's judgement.
#[derive(Serialize)]
pub struct Judged {
    /// The data set.
    pub data: String,
    /// The seed.
    pub seed: u64,
    /// What was put in.
    pub fault: Option<String>,
    /// Whether one of the expected problems was found, as a warning or worse.
    pub found: bool,
    /// Whether it was found at the layer at fault; absent where no layer is.
    pub layer_found: Option<bool>,
    /// What was found, warnings and worse.
    pub ids: BTreeSet<&'static str>,
    /// What was found, notes included.
    pub noted: BTreeSet<&'static str>,
    /// The validation figure; NaN where there is no model.
    pub figure: f64,
    /// Seconds of training and judging.
    pub seconds: f64,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let half = match arguments.first().map(String::as_str) {
        Some("tune") => Half::Tune,
        Some("report") => Half::Report,
        _ => return Err("say tune or report".into()),
    };
    let says = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let path = |flag: &str| -> Option<PathBuf> {
        let at = arguments.iter().position(|argument| argument == flag)?;
        arguments.get(at + 1).map(PathBuf::from)
    };
    let summary = if says("--repair") {
        tally::repairs(&mend_all(half, says("--slice"))?)
    } else if let Some(folder) = path("--again") {
        tally::summary(&again(&folder)?)
    } else {
        tally::summary(&all(half, says("--slice"), path("--keep").as_deref())?)
    };
    println!("{summary:#}");
    if let Some(path) = path("--out") {
        std::fs::write(path, format!("{summary:#}\n"))?;
    }
    Ok(())
}

/// Trains and judges every case, on both cores.
fn all(half: Half, slice: bool, keep: Option<&Path>) -> Result<Vec<Judged>, Box<dyn std::error::Error>> {
    if let Some(folder) = keep {
        std::fs::create_dir_all(folder)?;
    }
    let scratch = tempfile::tempdir()?;
    let mut cases: Vec<Case> = inject::cases(half, scratch.path())?;
    cases.extend(well::cases(half)?);
    if slice {
        // A number without a common factor with those of kinds, seeds and data sets.
        cases = cases.into_iter().step_by(23).collect();
    }
    let total = cases.len();
    Ok(on_both_cores(cases, |index, case| {
        let kept = train(case);
        let judged = judge(&kept);
        println!("{}", serde_json::to_string(&judged).unwrap_or_default());
        eprintln!("{}/{total} {} {:?} {:.1} s", index + 1, kept.data, kept.fault, kept.seconds);
        if let Some(folder) = keep {
            let path = folder.join(format!("{index:04}.json"));
            std::fs::write(path, serde_json::to_vec(&kept).unwrap_or_default()).expect("a place to write");
        }
        judged
    }))
}

/// Does the same with each case, two at a time; what came of them is in the cases' order.
fn on_both_cores<T: Send>(cases: Vec<Case>, work: impl Fn(usize, Case) -> T + Sync) -> Vec<T> {
    let queue = Mutex::new(cases.into_iter().enumerate());
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some((index, case)) = queue.lock().expect("no thread panics").next() else { break };
                    let outcome = work(index, case);
                    done.lock().expect("no thread panics").push((index, outcome));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no thread panics");
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Lets the doctor treat every repairable fault, on both cores.
fn mend_all(half: Half, slice: bool) -> Result<Vec<Repair>, Box<dyn std::error::Error>> {
    let scratch = tempfile::tempdir()?;
    let tables = half.data()?;
    let mut cases = inject::cases(half, scratch.path())?;
    cases.retain(|case| case.fault.is_some_and(|kind| kind.repairable));
    if slice {
        cases = cases.into_iter().step_by(17).collect();
    }
    let total = cases.len();
    let repairs = on_both_cores(cases, |index, case| {
        let data = tables.iter().find(|data| data.name == case.data).expect("a case of this half");
        let repair = repair::repair(&case, &data.table)?;
        println!("{}", serde_json::to_string(&repair).unwrap_or_default());
        eprintln!("{}/{total} {} {} {:.0} s", index + 1, repair.data, repair.fault, repair.seconds);
        Ok(repair)
    });
    // One that could not be treated is no run less, but a failure of the measurement.
    repairs.into_iter().collect::<deltarule::Result<_>>().map_err(Into::into)
}

/// Judges what was kept.
fn again(folder: &Path) -> Result<Vec<Judged>, Box<dyn std::error::Error>> {
    let mut paths: Vec<PathBuf> = folder.read_dir()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        let kept: Kept = serde_json::from_slice(&std::fs::read(&path)?)?;
        let judged = judge(&kept);
        println!("{} {}", path.display(), serde_json::to_string(&judged)?);
        all.push(judged);
    }
    Ok(all)
}

fn train(case: Case) -> Kept {
    let began = Instant::now();
    let mut events = Vec::new();
    let mut listen = |event: &Event| {
        if !matches!(event, Event::Progress { .. }) {
            events.push(event.clone());
        }
    };
    let mut config = case.config.clone();
    config.threads = Some(1);
    let prepared = run::prepare_table(case.table, &config, None, None);
    let (settings, figure) = match &prepared {
        Ok(prepared) => {
            let fitted = run::fit_prepared(prepared, &mut listen, &mut Unattended);
            let figure = fitted.map_or(f64::NAN, |fitted| well::figure(&fitted.report));
            (prepared.plan.settings.clone(), figure)
        }
        Err(error) => {
            eprintln!("{} {:?}: {error}", case.data, case.fault.map(|kind| kind.name));
            (config, f64::NAN)
        }
    };
    Kept {
        data: case.data.to_owned(),
        seed: case.seed,
        fault: case.fault.map(|kind| kind.name.to_owned()),
        expected: case.fault.map_or_else(Vec::new, |kind| kind.expected.to_vec()),
        layer: case.layer,
        config: settings.to_toml(),
        events,
        figure: figure.is_finite().then_some(figure),
        seconds: began.elapsed().as_secs_f64(),
    }
}

fn judge(kept: &Kept) -> Judged {
    let mut record = Record::default();
    kept.events.iter().for_each(|event| record.observe(event));
    let config =
        Config::parse_toml(&kept.config, Path::new("config.toml")).expect("a complete configuration");
    let all = findings(&record, &config);
    let alarms: Vec<&Finding> = all.iter().filter(|finding| finding.severity > Severity::Note).collect();
    let right: Vec<&&Finding> = alarms.iter().filter(|finding| kept.expected.contains(&finding.id)).collect();
    Judged {
        data: kept.data.clone(),
        seed: kept.seed,
        fault: kept.fault.clone(),
        found: !right.is_empty(),
        layer_found: kept.layer.map(|layer| right.iter().any(|finding| finding.layer == Some(layer))),
        ids: alarms.iter().map(|finding| finding.id.id()).collect(),
        noted: all.iter().map(|finding| finding.id.id()).collect(),
        figure: kept.figure.unwrap_or(f64::NAN),
        seconds: kept.seconds,
    }
}
