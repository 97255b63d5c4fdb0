//! What a doctor says.

use deltarule::doctor::{Arm, Chart, Prescription, Trial};

use super::table::{Align, Table};
use super::{duration, findings as words, name, printable, wrap};
use crate::console::Style;

/// All findings, notes included, or that there are none.
#[must_use]
pub fn findings(chart: &Chart, style: Style) -> String {
    if chart.findings.is_empty() {
        let looks = chart.record.looks.len();
        return if looks == 0 && chart.record.survey.is_none() {
            "nothing was found, and little was looked at: the run was trained without telemetry".to_owned()
        } else {
            format!(
                "nothing was found, in {}",
                super::counted(looks, "look at the layers", "looks at the layers")
            )
        };
    }
    words::full(&chart.findings, style)
}

/// The trials, the best first, and what follows from them.
#[must_use]
pub fn trials(prescription: &Prescription, style: Style) -> String {
    let mut table = Table::new(&[
        ("change", Align::Left),
        (name(prescription.metric), Align::Right),
        ("gain", Align::Right),
        ("from", Align::Right),
        ("to", Align::Right),
        ("seeds", Align::Right),
    ]);
    for trial in &prescription.trials {
        table.row(row(trial));
    }
    format!(
        "{}\n\n{}\n\n{}",
        table.text(style),
        wrap(
            &format!(
                "gain: of {} on the {} rows over no change, mean, least and most of the seeds; {} in all",
                name(prescription.metric),
                prescription.part,
                duration(prescription.seconds)
            ),
            100,
            0
        ),
        verdict(prescription, style)
    )
}

fn row(trial: &Trial) -> Vec<String> {
    let change = match &trial.arm {
        Arm::NoChange => "no change".to_owned(),
        Arm::Remedy { remedy, .. } => printable(&remedy.flags()),
        Arm::Random { remedy } => format!("{} (at random)", printable(&remedy.flags())),
    };
    let change = super::abbreviate(&change, 60);
    if trial.failed.is_some() {
        return vec![change, String::new(), "impossible".to_owned()];
    }
    let mean = |figures: &[f64]| figures.iter().sum::<f64>() / figures.len() as f64;
    if trial.figures.is_empty() {
        let seen = trial.screened.map_or_else(String::new, figure);
        let why = if trial.screened.is_some() { "given up" } else { "no time" };
        return vec![change, seen, why.to_owned()];
    }
    let mut cells = vec![change, figure(mean(&trial.figures))];
    match trial.gain {
        Some(gain) => cells.extend([gain.mean, gain.least, gain.most].map(signed)),
        None => cells.extend([String::new(), String::new(), String::new()]),
    }
    cells.push(trial.figures.len().to_string());
    cells
}

fn figure(number: f64) -> String {
    if number == f64::MAX { "broke down".to_owned() } else { super::figure(number) }
}

fn signed(number: f64) -> String {
    format!("{}{}", if number >= 0.0 { "+" } else { "−" }, super::figure(number.abs()))
}

fn verdict(prescription: &Prescription, style: Style) -> String {
    let told = match prescription.winner() {
        Some(remedy) => format!("{}: {}", style.bold(&remedy.flags()), printable(&remedy.what)),
        None if prescription.trials.iter().any(|trial| trial.gain.is_some()) => {
            "no remedy beats doing nothing".to_owned()
        }
        None => "nothing was measured: no change was trained to its end; give a larger --budget".to_owned(),
    };
    let more = if prescription.complete { "" } else { " (the budget did not suffice for all of it)" };
    wrap(&format!("{told}{more}"), 100, 0)
}
