//! What will be done, and why, before it is done.

use deltarule::plan::{Chosen, Reason};

use super::{abbreviate, wrap};
use crate::console::Style;

/// Said on the line about the data already, or no choice about the outcome.
const SHOWN_ELSEWHERE: [&str; 6] = ["data", "target", "task", "run", "resume", "threads"];

const WIDTH: usize = 100;
const WIDEST_VALUE: usize = 28;

/// The settings with their values and reasons; those that the user said are marked.
#[must_use]
pub fn text(reasons: &[Reason], style: Style) -> String {
    let shown: Vec<_> = reasons.iter().filter(|reason| !SHOWN_ELSEWHERE.contains(&reason.setting)).collect();
    let values: Vec<_> =
        shown.iter().map(|reason| abbreviate(&reason.value.to_string(), WIDEST_VALUE)).collect();
    let width_of = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
    let names = width_of(&mut shown.iter().map(|reason| reason.setting.len()));
    let widest = width_of(&mut values.iter().map(|value| value.chars().count()));
    let mut lines = vec![style.bold("plan (* as you said)")];
    for (reason, value) in shown.iter().zip(&values) {
        let mark = if reason.by == Chosen::Said { '*' } else { ' ' };
        let start = format!("{mark} {:<names$}  {value:<widest$}", reason.setting);
        if reason.by == Chosen::Said {
            lines.push(start.trim_end().to_owned());
            continue;
        }
        let indent = names + widest + 6;
        let because = wrap(&reason.because, WIDTH.saturating_sub(indent).max(30), 0);
        let mut because = because.lines();
        lines.push(format!("{start}  {}", style.dim(because.next().unwrap_or_default())));
        lines.extend(because.map(|line| format!("{:indent$}{}", "", style.dim(line))));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use deltarule::config::Value;

    #[test]
    fn said_settings_are_marked_and_reasons_stand_beside_the_others() {
        let reason = |setting, value: &str, by, because: &str| Reason {
            setting,
            value: Value::Text(value.into()),
            by,
            because: because.into(),
        };
        let text = text(
            &[
                reason("data", "a.csv", Chosen::Said, "as you said"),
                reason("hidden", "4", Chosen::Said, "as you said"),
                reason("optimizer", "adamw", Chosen::Planned, &"long ".repeat(25)),
            ],
            Style::PLAIN,
        );
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..2], ["plan (* as you said)", "* hidden     4"]);
        assert!(lines[2].starts_with("  optimizer  adamw  long long"), "{text}");
        assert!(lines[3].starts_with("                    long"), "{text}");
        assert_eq!(lines.len(), 4);
    }
}
