//! Problems of what was learnt, known at the end.

use super::{Case, Finding, Problem, Severity, against, beside, remedies};
use crate::health::thresholds::{CHANCE, GAP, LEARNS, MEMORISED, SPREAD, UNLEARNT};

/// Problems that leave a network untrained: what it then says of its rows is explained by them.
pub(super) const UNTRAINED: [Problem; 8] = [
    Problem::NonFinite,
    Problem::SymmetricUnits,
    Problem::DeadUnits,
    Problem::SaturatedUnits,
    Problem::VanishingGradient,
    Problem::ExplodingGradient,
    Problem::LearningRateTooHigh,
    Problem::LearningRateTooLow,
];

pub(super) fn look(case: &Case<'_>, found: &mut Vec<Finding>) {
    let untrained = found.iter().any(|finding| UNTRAINED.contains(&finding.id));
    let random = if untrained { None } else { random_labels(case) };
    if random.is_some() {
        // What early stopping goes back to is the start, which knows nothing: that follows from the labels.
        found.extend(random);
        return;
    }
    found.extend(overfitting(case));
    found.extend(underfitting(case));
    found.extend(constant(case));
}

fn constant(case: &Case<'_>) -> Option<Finding> {
    let part = case.record.judged()?;
    if part.spread >= SPREAD {
        return None;
    }
    Some(Finding {
        id: Problem::ConstantPrediction,
        severity: Severity::Error,
        layer: Some(case.last_layer()),
        step: case.record.end.as_ref().map(|end| end.steps),
        evidence: vec![
            against("standard deviation of the predictions, in that of the targets", part.spread, SPREAD),
            beside("cost", part.cost),
            beside("cost of a constant prediction", part.baseline),
        ],
        cause: "ŷ is nearly the same for every row: only the output's bias was learnt, whose gradient Σδ needs no x; what \
                tells rows apart does not reach the output, or its gradient does not reach the weights"
            .to_owned(),
        remedies: vec![
            remedies::planned_network(),
            remedies::without_penalties(),
            remedies::all_planned(),
            remedies::keep_constant(),
        ],
    })
}

fn overfitting(case: &Case<'_>) -> Option<Finding> {
    let judgement = case.record.judgement.as_ref()?;
    let validation = judgement.validation.as_ref()?;
    let (train, other) = (case.record.removed(&judgement.train), case.record.removed(validation));
    if train - other < GAP {
        return None;
    }
    let rows = case.record.survey.as_ref().map_or(0, |survey| survey.rows);
    Some(Finding {
        id: Problem::Overfitting,
        severity: Severity::Warning,
        layer: None,
        step: case.record.end.as_ref().map(|end| end.steps),
        evidence: vec![
            against("difference of what is removed of a constant prediction's cost", train - other, GAP),
            beside("removed on training rows", train),
            beside("removed on validation rows", other),
            beside("training rows", rows as f64),
        ],
        cause: format!(
            "the gradient is that of {rows} training rows, and the weights have followed what is particular to them, which \
             other rows do not have"
        ),
        remedies: vec![
            remedies::dropout(),
            remedies::more_decay(case.config),
            remedies::smaller_network(),
            remedies::ensemble(),
        ],
    })
}

fn underfitting(case: &Case<'_>) -> Option<Finding> {
    let record = case.record;
    let train = record.removed(&record.judgement.as_ref()?.train);
    if train >= UNLEARNT {
        return None;
    }
    let mut evidence =
        vec![against("share of a constant prediction's cost removed on training rows", train, UNLEARNT)];
    if let Some(best) = record.survey.as_ref().and_then(|survey| survey.best_column.as_ref()) {
        let what = format!("share of a constant's error that column {:?} removes by itself", best.column);
        evidence.push(beside(what, best.removed));
    }
    Some(Finding {
        id: Problem::Underfitting,
        severity: Severity::Warning,
        layer: None,
        step: record.end.as_ref().map(|end| end.steps),
        evidence,
        cause: "the network has not learnt even the rows that it was trained on: penalties that weigh more than the cost, \
                too few units or steps, a gradient that does not arrive, or columns that say nothing of the target"
            .to_owned(),
        remedies: vec![
            remedies::without_penalties(),
            remedies::all_planned(),
        ],
    })
}

/// How often it was tried to fit the validation rows by chance: where early stopping watches, the epoch that is judged is
/// the best of all that were watched. No more than the least share of 999 permutations can bear.
fn tries(case: &Case<'_>) -> usize {
    const MOST: usize = 40;
    let watched = case.config.early_stopping.as_deref().is_some_and(|watched| watched != "none");
    let epochs = case.record.epochs.iter().filter(|epoch| epoch.validation_cost.is_some()).count();
    if watched { epochs.clamp(1, MOST) } else { 1 }
}

/// Share of a constant prediction's cost that the epoch with the least cost removed on the rows it trained on.
fn memorised(case: &Case<'_>) -> Option<f64> {
    let survey = case.record.survey.as_ref()?;
    let least = case.record.epochs.iter().map(|epoch| epoch.cost).fold(f64::INFINITY, f64::min);
    let room = survey.baseline - survey.floor;
    (room > 0.0 && least.is_finite()).then(|| (survey.baseline - least) / room)
}

fn random_labels(case: &Case<'_>) -> Option<Finding> {
    let judgement = case.record.judgement.as_ref()?;
    let validation = judgement.validation.as_ref()?;
    let tries = tries(case);
    let chance = (validation.chance * tries as f64).min(1.0);
    if chance <= CHANCE || case.record.removed(validation) >= LEARNS / 2.0 {
        return None;
    }
    let memorised = memorised(case)?;
    if memorised < MEMORISED {
        return None;
    }
    Some(Finding {
        id: Problem::LabelsLookRandom,
        severity: Severity::Warning,
        layer: None,
        step: None,
        evidence: vec![
            against(
                format!(
                    "share of 999 permutations of {} validation targets fitted at least as well, times the {tries} \
                     epochs that the best was chosen from",
                    validation.rows
                ),
                chance,
                CHANCE,
            ),
            beside("share of a constant prediction's cost removed on validation rows", case.record.removed(validation)),
            against("share of it removed on the training rows, in the best epoch", memorised, MEMORISED),
        ],
        cause: "what ŷ − y taught on the training rows says nothing of others: the targets have nothing to do with the \
                columns, have been put beside the wrong rows, or the signal is too weak for so few rows"
            .to_owned(),
        remedies: Vec::new(),
    })
}
