//! What is wrong with a run, in a few lines each.

use deltarule::health::{Evidence, Finding, Severity};

use super::{figure, printable, wrap};
use crate::console::Style;

/// Columns that a finding's lines are indented by.
const INDENT: usize = 10;
const WIDTH: usize = 100;

/// The findings that matter, a line each with the first proof, and what to do about them; notes are only named. Empty
/// where there is nothing to say.
#[must_use]
pub fn brief(findings: &[Finding], run: &str, style: Style) -> String {
    let shown: Vec<&Finding> = findings.iter().filter(|finding| finding.severity > Severity::Note).collect();
    let mut lines: Vec<String> = Vec::new();
    for finding in &shown {
        lines.push(heading(finding, style));
        lines.extend(finding.evidence.first().map(|evidence| indented(&proof(evidence))));
    }
    if let Some(remedy) = shown.first().and_then(|finding| finding.remedies.first()) {
        lines.push(String::new());
        lines.push(wrap(&format!("try {}: {}", remedy.flags(), printable(&remedy.what)), WIDTH, 4));
    }
    if !shown.is_empty() && !run.is_empty() {
        lines.push(format!("deltarule doctor {run} tells the causes, and measures which remedy helps"));
    }
    lines.extend(noted(findings, style));
    lines.join("\n")
}

fn noted(findings: &[Finding], style: Style) -> Option<String> {
    let ids: Vec<&str> =
        findings.iter().filter(|f| f.severity == Severity::Note).map(|finding| finding.id.id()).collect();
    (!ids.is_empty()).then(|| style.dim(&format!("noted, without harm to this run: {}", ids.join(", "))))
}

/// All findings, each with its evidence, cause and first remedy.
#[must_use]
pub fn full(findings: &[Finding], style: Style) -> String {
    let parts: Vec<String> = findings.iter().map(|finding| one(finding, style)).collect();
    parts.join("\n\n")
}

fn heading(finding: &Finding, style: Style) -> String {
    let mut place = Vec::new();
    place.extend(finding.layer.map(|layer| format!("layer {layer}")));
    match finding.step {
        Some(step) => place.push(format!("from step {step}")),
        None => place.push("before the first step".to_owned()),
    }
    format!(
        "{:<INDENT$}{}  {}",
        finding.severity.name(),
        style.bold(finding.id.id()),
        style.dim(&place.join(", "))
    )
}

fn one(finding: &Finding, style: Style) -> String {
    let mut lines = vec![heading(finding, style)];
    lines.extend(finding.evidence.iter().map(|evidence| indented(&proof(evidence))));
    lines.push(indented(&printable(&finding.cause)));
    if let Some(remedy) = finding.remedies.first() {
        lines.push(indented(&format!("try {}: {}", remedy.flags(), printable(&remedy.what))));
    }
    lines.join("\n")
}

fn indented(text: &str) -> String {
    format!("{:INDENT$}{}", "", wrap(text, WIDTH - INDENT, INDENT))
}

/// `share of units that are off: 0.94 (limit 0.7)`.
fn proof(evidence: &Evidence) -> String {
    let limit =
        evidence.threshold.map_or_else(String::new, |limit| format!(" (limit {})", super::short(limit)));
    format!("{}: {}{limit}", printable(&evidence.what), figure(evidence.value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use deltarule::health::Problem;

    fn finding(severity: Severity) -> Finding {
        Finding {
            id: Problem::DeadUnits,
            severity,
            layer: Some(2),
            step: Some(8),
            evidence: vec![Evidence {
                what: "share of units that are off".into(),
                value: 0.94,
                threshold: Some(0.7),
            }],
            cause: "a = 0 and f' = 0".into(),
            remedies: Vec::new(),
        }
    }

    #[test]
    fn notes_are_named_and_the_rest_is_told() {
        let plain = Style::PLAIN;
        let told = brief(&[finding(Severity::Warning), finding(Severity::Note)], "sales-1", plain);
        assert_eq!(
            told,
            "warning   dead-units  layer 2, from step 8\n          share of units that are off: 0.9400 (limit 0.7)\n\
             deltarule doctor sales-1 tells the causes, and measures which remedy helps\n\
             noted, without harm to this run: dead-units"
        );
        assert_eq!(brief(&[], "sales-1", plain), "");
        assert_eq!(
            full(&[finding(Severity::Note)], plain),
            "note      dead-units  layer 2, from step 8\n          share of units that are off: 0.9400 (limit 0.7)\n\
             \x20         a = 0 and f' = 0"
        );
    }
}
