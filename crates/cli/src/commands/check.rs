//! `check`: backpropagation against finite differences on a model's own network.

use anyhow::{Result, bail};
use clap::ArgMatches;
use deltarule::config::resolve;
use deltarule::gradient_check::{self, ABSOLUTE, GradientCheck, MOST_KINKS, RELATIVE};
use deltarule::layer::Pass;
use deltarule::model::{Members, Model};
use deltarule::network::Network;
use deltarule::table::Table as Data;
use deltarule::{Pool, Real};
use serde_json::{Value, json};

use super::source;
use crate::Outcome;
use crate::console::{Console, Style};
use crate::words::table::{Align, Table};
use crate::words::{count, counted};

/// Checks the gradient.
///
/// # Errors
/// The library's, and where standard output cannot be written.
pub fn check(matches: &ArgMatches, console: &Console) -> Result<Outcome> {
    let (path, model) = source::model(matches)?;
    let number = |id: &str| matches.get_one::<u32>(id).map_or(1, |&number| number as usize);
    let (rows, most) = (number("check_rows"), number("parameters"));
    let pool = source::pool(matches)?;
    let table = source::table(matches, &model, None)?;
    let all: Vec<u32> = (0..table.rows() as u32).collect();
    let mut chosen = model.encoder().usable_rows(&table, &all)?.rows;
    if chosen.is_empty() {
        bail!(
            "{}: no row has a known target; a gradient check needs at least 1; give rows with one",
            table.source
        );
    }
    chosen.truncate(rows);
    let checks = match model.members() {
        Members::F32(networks) => check_all(&pool, &model, networks, &table, &chosen, most)?,
        Members::F64(networks) => check_all(&pool, &model, networks, &table, &chosen, most)?,
    };
    let passed = checks.iter().all(GradientCheck::passed);
    console.say(format!(
        "{}: backpropagation against finite differences in f64, on {} of {}\n",
        path.display(),
        counted(chosen.len(), "row", "rows"),
        table.source
    ));
    console.show(text(&checks, passed, console.results()))?;
    console.document(&document(&checks, passed, chosen.len()))?;
    Ok(if passed { Outcome::Done } else { Outcome::Problem })
}

/// Each network of the model, with its own cost and penalties; dropout masks frozen.
fn check_all<F: Real>(
    pool: &Pool,
    model: &Model,
    networks: &[Network<F>],
    table: &Data,
    rows: &[u32],
    most: usize,
) -> Result<Vec<GradientCheck>> {
    let config = model.config();
    let (loss, regularization) = (resolve::loss(config)?, resolve::regularization(config));
    let pass = Pass::Training { seed: config.seed.unwrap_or(0), step: 0 };
    let data = model.encoder().encode::<f64>(table, rows)?;
    let one = |network: &Network<F>| {
        let batch = data.range(0, data.rows);
        gradient_check::check(pool, &network.cast(), &loss, &regularization, batch, pass, most)
    };
    Ok(networks.iter().map(one).collect())
}

fn text(checks: &[GradientCheck], passed: bool, style: Style) -> String {
    let mut table = Table::new(&[
        ("tensor", Align::Left),
        ("compared", Align::Right),
        ("kinks", Align::Right),
        ("largest relative error", Align::Right),
        ("failures", Align::Right),
        ("worst entry", Align::Right),
        ("by backpropagation", Align::Right),
        ("by differences", Align::Right),
    ]);
    for (member, check) in checks.iter().enumerate() {
        let prefix = if checks.len() > 1 { format!("members.{member}.") } else { String::new() };
        for tensor in &check.tensors {
            let mut cells = vec![
                format!("{prefix}{}", tensor.name),
                count(tensor.compared),
                count(tensor.kinks),
                format!("{:.1e}", tensor.largest_relative_error),
                count(tensor.failures),
            ];
            if let Some(worst) = &tensor.worst {
                cells.push(worst.index.to_string());
                cells.extend([worst.analytic, worst.numeric].map(|number| format!("{number:.9e}")));
            }
            table.row(cells);
        }
    }
    let failures: usize = checks.iter().map(GradientCheck::failures).sum();
    let verdict = match (passed, failures) {
        (true, _) => "passed",
        // Nothing compared is wrong, but too little could be compared: units that sit on their kink.
        (false, 0) => "undecided, too many kinks (try other rows or more of them)",
        _ => "failed",
    };
    format!(
        "{}\n\n{}: |a − n| ≤ {RELATIVE:e}·max(|a|, |n|) + {ABSOLUTE:e}·‖g‖∞ for every parameter compared, at most {} % \
         stepped over for a kink",
        table.text(style),
        style.bold(verdict),
        MOST_KINKS * 100.0
    )
}

fn document(checks: &[GradientCheck], passed: bool, rows: usize) -> Value {
    let tensors = checks.iter().enumerate().flat_map(|(member, check)| {
        check.tensors.iter().map(move |tensor| {
            json!({
                "member": member,
                "tensor": tensor.name,
                "compared": tensor.compared,
                "kinks": tensor.kinks,
                "largest_relative_error": tensor.largest_relative_error,
                "failures": tensor.failures,
                "worst": tensor.worst.as_ref().map(|worst| json!({
                    "index": worst.index, "analytic": worst.analytic, "numeric": worst.numeric,
                })),
            })
        })
    });
    json!({
        "passed": passed,
        "rows": rows,
        "cost": checks.iter().map(|check| check.cost).collect::<Vec<_>>(),
        "tolerance": { "relative": RELATIVE, "absolute": ABSOLUTE, "most_kinks": MOST_KINKS },
        "tensors": tensors.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use deltarule::gradient_check::{TensorCheck, WorstEntry};
    use deltarule::layer::TensorKind;

    fn a_check(failures: usize) -> GradientCheck {
        GradientCheck {
            cost: 0.5,
            tensors: vec![TensorCheck {
                name: "layers.0.w".into(),
                kind: TensorKind::Weight,
                compared: 12,
                kinks: 0,
                largest_relative_error: 2.5e-9,
                failures,
                worst: Some(WorstEntry { index: 3, analytic: 0.25, numeric: 0.250_000_000_6 }),
            }],
        }
    }

    #[test]
    fn a_failed_check_says_so_in_words_and_in_json() {
        let checks = [a_check(1)];
        assert!(!checks[0].passed());
        let words = text(&checks, false, Style::PLAIN);
        assert!(
            words.contains("layers.0.w") && words.contains("2.5e-9") && words.contains("failed:"),
            "{words}"
        );
        let document = document(&checks, false, 4);
        assert_eq!(document["passed"], false);
        assert_eq!(document["tensors"][0]["worst"]["index"], 3);
    }

    #[test]
    fn too_many_kinks_are_not_called_a_wrong_gradient() {
        let mut check = a_check(0);
        check.tensors[0].kinks = 5; // of 17, more than 1 %
        assert!(!check.passed());
        let words = text(&[check], false, Style::PLAIN);
        assert!(words.contains("undecided, too many kinks") && !words.contains("failed:"), "{words}");
    }

    #[test]
    fn an_ensembles_tensors_are_told_apart() {
        let words = text(&[a_check(0), a_check(0)], true, Style::PLAIN);
        assert!(words.contains("members.1.layers.0.w") && words.contains("passed:"), "{words}");
    }
}
