//! Problems of the data and the plan, known before the first step.

use super::{Case, Evidence, Finding, Problem, Severity, against, beside, plain, remedies};
use crate::config::ClassWeight;
use crate::health::finding::Remedy;
use crate::health::thresholds::{INPUT_SIZE, LEAK, OUT_OF_REACH, RARE};

pub(super) fn look(case: &Case<'_>, found: &mut Vec<Finding>) {
    found.extend(mismatch(case));
    found.extend(leak(case));
    found.extend(unscaled(case));
    found.extend(imbalance(case));
}

fn mismatch(case: &Case<'_>) -> Option<Finding> {
    let survey = case.record.survey.as_ref()?;
    let output = case.config.output_activation.as_deref()?;
    let cost = case.config.cost.as_deref()?;
    let finding = |severity, evidence: Vec<Evidence>, cause: String| Finding {
        id: Problem::OutputCostMismatch,
        severity,
        layer: Some(case.last_layer()),
        step: None,
        evidence,
        cause,
        remedies: vec![remedies::planned_output()],
    };
    if survey.out_of_reach > OUT_OF_REACH {
        return Some(finding(
            Severity::Error,
            vec![against(
                format!("share of the training targets that {output} cannot put out"),
                survey.out_of_reach,
                OUT_OF_REACH,
            )],
            format!(
                "ŷ = f(z) with f = {output} cannot be what these targets are: ŷ − y keeps its sign there, z runs to the end \
                 of f, and δ = ∂C/∂ŷ ⊙ f' with f' near 0 or the wrong level is all that is left"
            ),
        ));
    }
    let classes = match case.config.task.as_deref()? {
        "multiclass" => true,
        "binary" | "multilabel" => false,
        _ => return None,
    };
    let natural = matches!(
        (classes, output, cost),
        (true, "softmax", "cross_entropy" | "focal") | (false, "sigmoid", "binary_cross_entropy" | "focal")
    );
    if natural {
        return None;
    }
    // Squared error on a sigmoid or softmax is the textbook's pair: it learns, but f' stays in δ.
    let textbook = cost == "squared_error" && matches!((classes, output), (_, "sigmoid") | (true, "softmax"));
    let severity = if textbook { Severity::Note } else { Severity::Warning };
    let expected = if classes { "softmax with cross_entropy" } else { "sigmoid with binary_cross_entropy" };
    Some(finding(
        severity,
        Vec::new(),
        format!(
            "for classes, {expected} makes δ = ŷ − y; with {output} and {cost}, δ is another: {}",
            if textbook {
                "it keeps the factor f' = ŷ(1−ŷ), which is nearly 0 where the network is sure and wrong"
            } else {
                "ŷ is no probability, and rows that are classed well already still pull at the weights"
            }
        ),
    ))
}

fn leak(case: &Case<'_>) -> Option<Finding> {
    let survey = case.record.survey.as_ref()?;
    let best = survey.best_column.as_ref()?;
    if best.removed < LEAK || survey.columns < 2 {
        return None;
    }
    let (column, score) = (&best.column, &best.score);
    let mut ignored = case.config.ignore.clone().unwrap_or_default();
    ignored.push(column.clone());
    Some(Finding {
        id: Problem::LeakageSuspected,
        severity: Severity::Warning,
        layer: None,
        step: None,
        evidence: vec![
            against(
                format!("share of a constant's error that column {column:?} removes by itself"),
                best.removed,
                LEAK,
            ),
            beside(format!("its {score} on {} rows that its table was not made of", best.rows), best.value),
            beside(format!("the {score} of a constant"), best.baseline),
        ],
        cause: format!(
            "column {column:?} alone gives the target away: is it known when a prediction is wanted, or does it come from \
             the target? If so, the network learns to copy it, and its figures say nothing of new rows"
        ),
        remedies: vec![Remedy::new(format!("leave column {column:?} out"), [("ignore", ignored.join(","))])],
    })
}

fn unscaled(case: &Case<'_>) -> Option<Finding> {
    let largest = case.record.survey.as_ref()?.largest.as_ref()?;
    if largest.rms <= INPUT_SIZE {
        return None;
    }
    Some(Finding {
        id: Problem::UnscaledInputs,
        severity: Severity::Warning,
        layer: case.record.layers.iter().position(|layer| layer.kind == "dense"),
        step: None,
        evidence: vec![against(
            format!("root mean square of column {:?} as it enters the network", largest.column),
            largest.rms,
            INPUT_SIZE,
        )],
        cause: format!(
            "∂C/∂w = xᵀ·δ has x as a factor: the weights of column {:?} get steps about {} times those of a standardised one, \
             and a learning rate that suits them is too small for all others",
            largest.column,
            plain(largest.rms)
        ),
        remedies: vec![remedies::scaling("auto"), remedies::scaling("robust"), remedies::scaling("standard")],
    })
}

fn imbalance(case: &Case<'_>) -> Option<Finding> {
    let rarest = case.record.survey.as_ref()?.rarest.as_ref()?;
    if rarest.share > RARE {
        return None;
    }
    let weighted = case.config.class_weight.as_ref().is_some_and(|weight| *weight != ClassWeight::None);
    let found = case.record.judged().and_then(|part| part.rarest_found);
    let mut evidence = vec![against(format!("share of class {:?}", rarest.class), rarest.share, RARE)];
    evidence.extend(found.map(|found| beside("share of the rarest class's rows that are found", found)));
    Some(Finding {
        id: Problem::ClassImbalance,
        severity: if weighted { Severity::Note } else { Severity::Warning },
        layer: None,
        step: None,
        evidence,
        cause: format!(
            "C is a mean over rows, and class {:?} has {} of them: its δ is that share of a batch's gradient, and saying the \
             other class always costs next to nothing; accuracy hides it",
            rarest.class,
            plain(rarest.share)
        ),
        remedies: vec![remedies::balance(), remedies::balance_and_watch()],
    })
}
