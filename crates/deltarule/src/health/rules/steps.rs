//! Problems of the steps: their length, and where they lead.

use super::{Case, Finding, Problem, Severity, against, beside, remedies};
use crate::health::finding::Remedy;
use crate::health::record::EpochPoint;
use crate::health::thresholds::{FLAT, GROWTH, LEAP, REVERSALS, SWING, TRAVEL, WORSE};

/// Steps after the start in which a leap counts.
const EARLY: u64 = 128;
/// Epochs that turns and flatness are told from, at least.
const FEWEST: usize = 8;

pub(super) fn look(case: &Case<'_>, found: &mut Vec<Finding>) {
    found.extend(non_finite(case));
    let high = too_high(case);
    let low = if high.is_none() { too_low(case, found) } else { None };
    found.extend(oscillating(case));
    if high.is_none() && low.is_none() {
        found.extend(plateau(case, found));
    }
    found.extend(high);
    found.extend(low);
}

fn non_finite(case: &Case<'_>) -> Option<Finding> {
    let failure = case.record.failure.as_ref()?;
    let place = failure.layer.map_or_else(String::new, |layer| format!(" of layer {layer}"));
    let mut prescribed: Vec<Remedy> = Vec::new();
    prescribed.extend(remedies::rate_times(case.config, 0.1));
    prescribed.extend(remedies::rate_times(case.config, 0.01));
    prescribed.push(remedies::clip());
    prescribed.push(remedies::scaling("auto"));
    Some(Finding {
        id: Problem::NonFinite,
        severity: Severity::Error,
        layer: failure.layer,
        step: Some(failure.step),
        evidence: vec![beside("the step in which it happened", failure.step as f64)],
        cause: format!(
            "in the {} phase{place} {}; what comes after has no value",
            failure.phase, failure.what
        ),
        remedies: prescribed,
    })
}

/// L-BFGS: how far a step goes is searched for, whatever the learning rate.
fn searches_lines(case: &Case<'_>) -> bool {
    case.config.optimizer.as_deref() == Some("lbfgs")
}

/// The longest step among the first ones, in the length that the layer starts with by its own initialiser (a layer that
/// starts at 0 has none of its own), the layer that took it, and when.
fn leap(case: &Case<'_>) -> Option<(f64, usize, u64)> {
    let mut longest: Option<(f64, usize, u64)> = None;
    for (look, layers) in case.record.each_look().take_while(|(look, _)| look.step <= EARLY) {
        for health in layers {
            let outline = &case.record.layers[health.layer];
            let (Some(weights), Some(usual)) = (&health.weights, outline.usual_weight()) else { continue };
            let ratio = weights.update / usual;
            // One of a few numbers moves as it likes.
            if outline.fan_in * outline.units >= 8 && longest.is_none_or(|(most, _, _)| ratio > most) {
                longest = Some((ratio, health.layer, look.step));
            }
        }
    }
    longest
}

/// The layer whose weights have grown most, in the length that its own initialiser draws, or that they began with if
/// that is more.
fn growth(case: &Case<'_>) -> Option<(f64, usize, u64)> {
    let (_, start) = case.record.each_look().next()?;
    let mut most: Option<(f64, usize, u64)> = None;
    for (look, layers) in case.record.each_look() {
        for (health, first) in layers.iter().zip(start) {
            let usual = case.record.layers[health.layer].usual_weight();
            let (Some(weights), Some(first), Some(usual)) = (&health.weights, &first.weights, usual) else {
                continue;
            };
            let times = weights.weight / first.weight.max(usual);
            if most.is_none_or(|(before, _, _)| times > before) {
                most = Some((times, health.layer, look.step));
            }
        }
    }
    most
}

fn too_high(case: &Case<'_>) -> Option<Finding> {
    let record = case.record;
    let diverged = record.failure.is_some();
    if searches_lines(case) || !diverged && record.judgement.is_none() {
        return None;
    }
    let (ratio, layer, step) = leap(case)?;
    let (times, grown, grown_step) = growth(case)?;
    let baseline = record.survey.as_ref().map(|survey| survey.baseline).filter(|baseline| *baseline > 0.0);
    let highest = record.epochs.iter().map(|epoch| epoch.cost).fold(0.0, f64::max);
    let worst = baseline.map_or(0.0, |baseline| highest / baseline);
    let is_long = ratio >= LEAP || times >= GROWTH;
    if !is_long || (record.learns() && !diverged && worst <= WORSE) {
        return None;
    }
    let step = if ratio >= LEAP { step } else { grown_step };
    let severity = if diverged { Severity::Error } else { Severity::Warning };
    let mut evidence = vec![against(
        format!("‖Δw‖ of {} in step {step}, in the ‖w‖ of its own initialiser", case.layer(layer)),
        ratio,
        LEAP,
    )];
    if times >= GROWTH {
        let what =
            format!("‖w‖ of {} in step {grown_step}, in that of its own initialiser", case.layer(grown));
        evidence.push(against(what, times, GROWTH));
    }
    if worst > WORSE {
        evidence.push(against(
            "the highest cost of an epoch, in costs of a constant prediction",
            worst,
            WORSE,
        ));
    }
    let mut prescribed: Vec<Remedy> = Vec::new();
    prescribed.extend(remedies::rate_times(case.config, 0.1));
    prescribed.extend(remedies::rate_times(case.config, 0.01));
    prescribed.extend(remedies::rate_times(case.config, 0.001));
    prescribed.push(remedies::planned_rate());
    Some(Finding {
        id: Problem::LearningRateTooHigh,
        severity,
        layer: None,
        step: Some(step),
        evidence,
        cause: "w ← w − η·∂C/∂w replaces the weights instead of correcting them: the gradient holds near where it was taken, \
                and η leads far beyond"
            .to_owned(),
        remedies: prescribed,
    })
}

fn too_low(case: &Case<'_>, found: &[Finding]) -> Option<Finding> {
    let record = case.record;
    if searches_lines(case) {
        return None;
    }
    // Of fewer steps than that it is not their length that is at fault.
    let end = record.end.as_ref().filter(|end| end.steps >= EARLY)?;
    let explained = [Problem::SymmetricUnits, Problem::DeadUnits];
    if record.learns() || found.iter().any(|finding| explained.contains(&finding.id)) {
        return None;
    }
    // Of each layer the mean over the looks, which are spread over the run; the layer that moved most counts.
    let mut travel: f64 = 0.0;
    let mut any_gradient = false;
    for (layer, outline) in record.layers.iter().enumerate() {
        let Some(usual) = outline.usual_weight() else { continue };
        let steps: Vec<f64> = record
            .each_look()
            .filter_map(|(_, layers)| layers[layer].weights.as_ref())
            .map(|weights| {
                any_gradient |= weights.gradient > 0.0;
                weights.update / usual
            })
            .collect();
        if !steps.is_empty() {
            travel = travel.max(steps.iter().sum::<f64>() / steps.len() as f64 * end.steps as f64);
        }
    }
    if travel >= TRAVEL || !any_gradient || record.looks.is_empty() {
        return None;
    }
    let mut prescribed: Vec<Remedy> = Vec::new();
    prescribed.extend(remedies::rate_times(case.config, 10.0));
    prescribed.extend(remedies::rate_times(case.config, 100.0));
    prescribed.extend(remedies::rate_times(case.config, 1000.0));
    prescribed.push(remedies::planned_rate());
    Some(Finding {
        id: Problem::LearningRateTooLow,
        severity: Severity::Warning,
        layer: None,
        step: Some(1),
        evidence: vec![against(
            format!("mean ‖Δw‖ of the layer that moved most, in the ‖w‖ of its own initialiser, times {} steps", end.steps),
            travel,
            TRAVEL,
        )],
        cause: "w ← w − η·∂C/∂w moves the weights by so little of their length that all steps together cannot have left \
                the start"
            .to_owned(),
        remedies: prescribed,
    })
}

/// The later epochs: from the second quarter on, once the first fall is over.
fn later<'a>(case: &Case<'a>) -> &'a [EpochPoint] {
    let epochs = &case.record.epochs;
    &epochs[epochs.len() / 4..]
}

fn oscillating(case: &Case<'_>) -> Option<Finding> {
    let later = later(case);
    if later.len() < FEWEST {
        return None;
    }
    let baseline = case.record.survey.as_ref().map_or(0.0, |survey| survey.baseline);
    let changes: Vec<f64> = later.windows(2).map(|pair| pair[1].cost - pair[0].cost).collect();
    let turns = changes.windows(2).filter(|pair| pair[0] * pair[1] < 0.0).count();
    let share = turns as f64 / (changes.len() - 1) as f64;
    let level = later.iter().map(|epoch| epoch.cost).sum::<f64>() / later.len() as f64;
    let swing = changes.iter().map(|change| change.abs()).sum::<f64>() / changes.len() as f64 / level.abs();
    // Near 0 the smallest change is a large share of the level.
    if share < REVERSALS || swing < SWING || level < 0.05 * baseline {
        return None;
    }
    let mut prescribed: Vec<Remedy> = Vec::new();
    prescribed.extend(remedies::rate_times(case.config, 0.1));
    if case.config.momentum.is_some_and(|momentum| momentum > 0.9) {
        prescribed.push(remedies::calmer_momentum());
    }
    prescribed.push(remedies::planned_batch());
    Some(Finding {
        id: Problem::OscillatingLoss,
        severity: case.severity(),
        layer: None,
        step: later.first().map(|epoch| epoch.step),
        evidence: vec![
            against("share of the later epochs in which the cost turned", share, REVERSALS),
            against("mean change from epoch to epoch, as a share of the cost", swing, SWING),
        ],
        cause: "steps lead across the valley and back: η, or the steps that momentum 1/(1−μ) adds up, are longer than it is \
                wide, or a batch's gradient differs from that of all rows"
            .to_owned(),
        remedies: prescribed,
    })
}

fn plateau(case: &Case<'_>, found: &[Finding]) -> Option<Finding> {
    let record = case.record;
    let baseline = record.survey.as_ref().map(|survey| survey.baseline).filter(|baseline| *baseline > 0.0)?;
    let judged = record.judgement.as_ref()?;
    if record.epochs.len() < FEWEST || record.removed(&judged.train) >= crate::health::thresholds::LEARNS {
        return None;
    }
    let half = &record.epochs[record.epochs.len() / 2..];
    let change = (half[0].cost - half[half.len() - 1].cost).abs() / baseline;
    if change >= FLAT || found.iter().any(|finding| finding.id == Problem::LabelsLookRandom) {
        return None;
    }
    let mut prescribed: Vec<Remedy> = Vec::new();
    prescribed.extend(remedies::rate_times(case.config, 10.0));
    prescribed.push(remedies::planned_network());
    prescribed.push(remedies::adamw());
    prescribed.push(remedies::all_planned());
    Some(Finding {
        id: Problem::Plateau,
        severity: Severity::Warning,
        layer: None,
        step: Some(half[0].step),
        evidence: vec![
            against("change of the cost over the second half, in costs of a constant prediction", change, FLAT),
            beside("share of a constant prediction's cost removed on training rows", record.removed(&judged.train)),
        ],
        cause: "the cost has stopped falling where it is still high: the gradient is 0 there, or does not reach the weights \
                that could lower it"
            .to_owned(),
        remedies: prescribed,
    })
}
