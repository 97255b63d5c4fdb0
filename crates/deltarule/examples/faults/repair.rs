//! Whether what the doctor prescribes mends a run, beside what chance would have prescribed.

use std::time::Duration;

use deltarule::config::Config;
use deltarule::control::Unattended;
use deltarule::doctor::{self, Arm, Options};
use deltarule::event::{Event, Observer, Silent};
use deltarule::health::{Record, findings};
use deltarule::run::{self, Rows};
use deltarule::table::Table;
use serde::Serialize;

use super::Case;
use super::well::figure;

/// What became of a broken run.
#[derive(Serialize)]
pub struct Repair {
    pub data: &'static str,
    pub seed: u64,
    pub fault: &'static str,
    /// The figure without the fault, with it, after the doctor, after as many remedies drawn at random.
    pub clean: f64,
    pub broken: f64,
    pub mended: f64,
    pub by_chance: f64,
    /// What the doctor chose.
    pub remedy: String,
    pub seconds: f64,
}

/// Within two points of the clean run, or 5 % more error.
pub fn is_mended(figure: f64, clean: f64) -> bool {
    figure >= clean - 0.02 || 1.0 - figure <= 1.05 * (1.0 - clean)
}

/// Lets the doctor treat a case, and chance; `table` has the rows without the fault.
pub fn repair(case: &Case, table: &Table) -> Result<Repair, deltarule::Error> {
    let began = std::time::Instant::now();
    let without = Config { threads: Some(1), ..case.clean.clone() };
    let clean = figure(&run::fit(table.clone(), &without)?.report);
    let mut config = case.config.clone();
    config.threads = Some(1);
    let mut record = Record::default();
    let rows = Rows::of_table(case.table.clone(), &config)?;
    let prepared = rows.prepare(&config)?;
    let mut listen = |event: &Event| record.observe(event);
    let broken = run::fit_prepared(&prepared, &mut listen, &mut Unattended);
    let broken = broken.map_or(0.0, |fitted| figure(&fitted.report));
    let complete = prepared.plan.to_config();
    let found = findings(&record, &complete);
    let arms = doctor::arms(&complete, &prepared.facts, &found, case.seed);
    let tried = arms.len().saturating_sub(1);
    let mut at_random = vec![Arm::NoChange];
    at_random.extend(doctor::random_arms(&complete, &prepared.facts, &[], tried, case.seed ^ 0x5eed));
    let (mended, remedy) = treat(&rows, &complete, &arms, broken)?;
    let (by_chance, _) = treat(&rows, &complete, &at_random, broken)?;
    Ok(Repair {
        data: case.data,
        seed: case.seed,
        fault: case.fault.map_or("", |kind| kind.name),
        clean,
        broken,
        mended,
        by_chance,
        remedy,
        seconds: began.elapsed().as_secs_f64(),
    })
}

/// The figure after the remedy that measured best, and that remedy; of none, the figure as it was.
fn treat(rows: &Rows, config: &Config, arms: &[Arm], before: f64) -> Result<(f64, String), deltarule::Error> {
    if arms.len() < 2 {
        return Ok((before, String::new()));
    }
    let options = Options { budget: Duration::from_secs(3600), seeds: 2, threads: 1, metric: None };
    let prescription = doctor::measure(config, arms, &options, rows, &|_| {})?;
    let Some(remedy) = prescription.winner() else { return Ok((before, "none".to_owned())) };
    let mended = Config { threads: Some(1), ..remedy.apply(config)? };
    let fitted = run::fit_prepared(&rows.prepare(&mended)?, &mut Silent, &mut Unattended);
    Ok((fitted.map_or(0.0, |fitted| figure(&fitted.report)), remedy.flags()))
}
