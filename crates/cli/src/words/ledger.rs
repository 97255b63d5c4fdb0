//! A quantity and its parts as lines of text, each part below what it belongs to.

use deltarule::explain::{Account, Others, Parts, Quantity, four_digits as number};

use super::counted;
use crate::console::Style;

/// The ledger: the quantity, its formula, its parts one by one, and whether they give what was stored, at each level to
/// the tolerance.
#[must_use]
pub fn text(account: &Account, style: Style) -> String {
    let &Account { ref ledger, difference, tolerance, .. } = account;
    let quantity = ledger;
    let meaning = quantity.meaning.as_deref().map(|words| format!("   {words}")).unwrap_or_default();
    let mut lines = vec![style.bold(&format!("{} = {}{meaning}", quantity.symbol, number(quantity.value)))];
    put_parts(quantity, 1, style, &mut lines);
    lines.push(String::new());
    lines.push(format!(
        "from its parts {}, stored {}, difference {:.1e}",
        precise(quantity.computed),
        precise(quantity.value),
        (quantity.computed - quantity.value).abs(),
    ));
    let verdict = if difference <= tolerance { "hold" } else { "DO NOT hold" };
    lines.push(format!(
        "all levels {verdict}: the largest difference is {difference:.1e} of what is added up (at most {tolerance:.0e})"
    ));
    lines.join("\n")
}

/// The parts of a quantity, `level` steps in.
fn put_parts(of: &Quantity, level: usize, style: Style, lines: &mut Vec<String>) {
    let indent = "  ".repeat(level);
    let children = of.children();
    match &of.parts {
        Parts::Given | Parts::Folded => return,
        Parts::Product { parts } => {
            let symbols: Vec<_> = parts.iter().map(|part| part.symbol.as_str()).collect();
            // Of a term that is named by its factors, the product is its name.
            if symbols.join("·") != of.symbol {
                lines.push(format!("{indent}= {}", symbols.join(" · ")));
            }
        }
        Parts::Sum { parts, others } => lines.push(format!("{indent}= Σ {}", terms(parts, *others))),
        Parts::Formula { formula, parts } => {
            let from: Vec<_> = parts.iter().map(named).collect();
            let from = if from.is_empty() { String::new() } else { format!(", {}", from.join(", ")) };
            lines.push(format!("{indent}= {formula}{from}"));
        }
    }
    // A formula's numbers stand beside it, but for those that are made of something themselves.
    let is_formula = matches!(of.parts, Parts::Formula { .. });
    let shown: Vec<&Quantity> =
        children.iter().filter(|part| !is_formula || !part.children().is_empty()).collect();
    let others = match &of.parts {
        Parts::Sum { others, .. } if others.count > 0 => Some(*others),
        _ => None,
    };
    let others_words = others.map(|others| counted(others.count, "other", "others"));
    let symbols = shown.iter().map(|part| part.symbol.chars().count());
    let width = symbols.chain(others_words.iter().map(|words| words.chars().count())).max().unwrap_or(0);
    let magnitude = match &of.parts {
        Parts::Sum { parts, others } => others.magnitude_with(parts),
        _ => 0.0,
    };
    for part in shown {
        let padded = format!("{}{}", part.symbol, " ".repeat(width - part.symbol.chars().count()));
        let mut line = format!("{indent}{padded}  {:>11}", number(part.value));
        if magnitude > 0.0 {
            line += &format!("  {:>5.1} %", 100.0 * part.value.abs() / magnitude);
        }
        if let Some(meaning) = &part.meaning {
            line += &format!("  {}", style.dim(meaning));
        }
        lines.push(line);
        put_parts(part, level + 1, style, lines);
    }
    if let (Some(others), Some(words)) = (others, others_words) {
        let padded = format!("{words}{}", " ".repeat(width - words.chars().count()));
        let share = if magnitude > 0.0 { 100.0 * others.magnitude / magnitude } else { 0.0 };
        lines.push(format!("{indent}{padded}  {:>11}  {share:>5.1} %", number(others.sum)));
    }
}

fn terms(parts: &[Quantity], others: Others) -> String {
    let all = parts.len() + others.count;
    match (all, others.count) {
        (1, _) => "of 1 term".into(),
        (all, 0) => format!("of {all} terms"),
        (all, _) if parts.is_empty() => format!("of {all} terms"),
        (all, _) => format!("of {all} terms, the {} largest, and their share of the magnitudes", parts.len()),
    }
}

/// `a1[3] = 0.2119`.
fn named(part: &Quantity) -> String {
    format!("{} = {}", part.symbol, number(part.value))
}

/// As many digits as single precision has.
fn precise(number: f64) -> String {
    format!("{number:.7e}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use deltarule::explain::Account;

    fn given(symbol: &str, value: f64) -> Quantity {
        Quantity {
            symbol: symbol.into(),
            meaning: None,
            value,
            computed: value,
            stored: false,
            parts: Parts::Given,
        }
    }

    #[test]
    fn a_sum_shows_its_largest_terms_their_shares_and_the_rest() {
        let term = Quantity {
            parts: Parts::Product { parts: vec![given("w", 2.0), given("δ", 0.3)] },
            ..given("w·δ", 0.6)
        };
        let others = Others { count: 2, sum: 0.1, magnitude: 0.4 };
        let sum =
            Quantity {
                stored: true, parts: Parts::Sum { parts: vec![term], others }, ..given("∂C/∂b", 0.7)
            };
        let account = |value: f64, difference| Account {
            pass: "inference",
            step: None,
            units: vec![1],
            outputs: Vec::new(),
            cost: 0.0,
            flow: Vec::new(),
            largest: Vec::new(),
            columns: None,
            ledger: Quantity { value, ..sum.clone() },
            difference,
            tolerance: 1e-5,
        };
        let words = text(&account(0.7, 0.0), Style::PLAIN);
        let expected = "\
∂C/∂b = 0.7000
  = Σ of 3 terms, the 1 largest, and their share of the magnitudes
  w·δ            0.6000   60.0 %
    w        2.000
    δ       0.3000
  2 others       0.1000   40.0 %

from its parts 7.0000000e-1, stored 7.0000000e-1, difference 0.0e0
all levels hold: the largest difference is 0.0e0 of what is added up (at most 1e-5)";
        assert_eq!(words, expected);
        assert!(text(&account(0.8, 0.1), Style::PLAIN).contains("all levels DO NOT hold"));
    }
}
