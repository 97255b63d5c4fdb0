//! `check`: a receipt that the model's own network is differentiated rightly, in both precisions.

use anyhow::{Result, bail};
use clap::ArgMatches;
use deltarule::gradient_check::{
    ABSOLUTE, MOST_KINKS, ModelCheck, NamedEntry, NetworkCheck, RELATIVE, SINGLE, Verdict, WorstEntry,
    check_model,
};
use deltarule::layer::TensorKind;
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
    let check = check_model(&pool, &model, &table, &chosen, most)?;
    console.say(format!(
        "{}: backpropagation against finite differences in f64, and in f32 against f64, on {} of {}\n",
        path.display(),
        counted(chosen.len(), "row", "rows"),
        table.source
    ));
    console.show(text(&check, console.results()))?;
    console.document(&document(&check))?;
    Ok(if check.verdict() == Verdict::Passed { Outcome::Done } else { Outcome::Problem })
}

/// `members.1.` of an ensemble, nothing of a single network.
fn prefix(check: &ModelCheck, member: usize) -> String {
    if check.networks.len() > 1 { format!("members.{member}.") } else { String::new() }
}

fn text(check: &ModelCheck, style: Style) -> String {
    let mut parts = vec![tensors_text(check, style), worst_text(check, style)];
    parts.extend(kinks_text(check, style));
    let verdict = match check.verdict() {
        Verdict::Passed => "passed",
        Verdict::Failed => "failed",
        Verdict::Undecided => "undecided, too many kinks (try other rows or more of them)",
    };
    parts.push(format!(
        "{}:\nf64: |a − n| ≤ {RELATIVE:e}·max(|a|, |n|) + {ABSOLUTE:e}·‖g‖∞ + rounding for every parameter compared, a by \
         backpropagation, n by differences; at most {} % stepped over for a kink\nf32: ‖a − g‖ ≤ {SINGLE:e} of each \
         tensor's norm, a by backpropagation in f32, g in f64, from the same δ of the output; the norm is that of the \
         magnitudes that the rows bring, which may cancel, and a tenth of the layer's largest; δ is within {SINGLE:e} of \
         itself, of |ŷ| + |y|, or of a tenth where ŷ is a probability",
        style.bold(verdict),
        MOST_KINKS * 100.0
    ));
    parts.join("\n\n")
}

/// Each tensor's errors.
fn tensors_text(check: &ModelCheck, style: Style) -> String {
    let mut table = Table::new(&[
        ("tensor", Align::Left),
        ("kind", Align::Left),
        ("compared", Align::Right),
        ("kinks", Align::Right),
        ("failures", Align::Right),
        ("largest error, f64", Align::Right),
        ("error of the norm, f32", Align::Right),
    ]);
    for (member, network) in check.networks.iter().enumerate() {
        let prefix = prefix(check, member);
        for (double, single) in network.double.tensors.iter().zip(&network.single.tensors) {
            table.row([
                format!("{prefix}{}", double.name),
                kind(double.kind).into(),
                count(double.compared),
                count(double.kinks),
                count(double.failures),
                format!("{:.1e}", double.largest_relative_error),
                format!("{:.1e}", single.relative_error),
            ]);
        }
        let delta = format!("{:.1e}", network.single.delta_error);
        let nothing = ["", "", "", "", ""].map(str::to_owned);
        table.row([format!("{prefix}δ of the output")].into_iter().chain(nothing).chain([delta]));
    }
    table.text(style)
}

/// Where the two sides of each comparison are furthest apart.
fn worst_text(check: &ModelCheck, style: Style) -> String {
    let mut table = Table::new(&[
        ("furthest apart", Align::Left),
        ("", Align::Left),
        ("", Align::Left),
        ("by backpropagation", Align::Right),
        ("expected", Align::Right),
        ("error", Align::Right),
    ]);
    for (member, network) in check.networks.iter().enumerate() {
        for entry in &network.worst {
            table.row([
                format!("{}{}", prefix(check, member), entry.parameter),
                entry.precision.into(),
                entry.meaning.clone(),
                format!("{:.9e}", entry.got),
                format!("{:.9e}", entry.expected),
                format!("{:.1e}", entry.relative_error),
            ]);
        }
    }
    table.text(style)
}

/// What was stepped over: nothing where nothing was.
fn kinks_text(check: &ModelCheck, style: Style) -> Option<String> {
    let of = |network: &NetworkCheck| network.double.tensors.iter().map(|tensor| tensor.kinks).sum::<usize>();
    let (parameters, rows) = (
        check.networks.iter().map(of).sum::<usize>(),
        check.networks.iter().map(|network| network.single.kinks).sum::<usize>(),
    );
    let mut parts = Vec::new();
    if parameters > 0 {
        let title = format!("stepped over for a kink: {}", counted(parameters, "parameter", "parameters"));
        let mut table = Table::new(&[(&title, Align::Left), ("", Align::Left), ("∂C/∂p", Align::Right)]);
        for (member, network) in check.networks.iter().enumerate() {
            for one in &network.stepped_over {
                let name = format!("{}{}", prefix(check, member), one.parameter);
                table.row([name, one.meaning.clone(), format!("{:.4e}", one.gradient)]);
            }
        }
        parts.push(table.text(style));
    }
    if rows > 0 {
        let rows = counted(rows, "row", "rows");
        parts.push(format!(
            "left out of the comparison in f32: {rows} with a unit or an output on another side of its kink there"
        ));
    }
    (!parts.is_empty()).then(|| parts.join("\n\n"))
}

/// The last part of the tensors' names, but that of a normalisation and a table in words.
fn kind(kind: TensorKind) -> &'static str {
    match kind {
        TensorKind::Weight => "w",
        TensorKind::Bias => "b",
        TensorKind::Scale => "scale",
        TensorKind::Shift => "shift",
        TensorKind::Table => "table",
    }
}

fn document(check: &ModelCheck) -> Value {
    let networks = || check.networks.iter().enumerate();
    json!({
        "passed": check.verdict() == Verdict::Passed,
        "verdict": match check.verdict() {
            Verdict::Passed => "passed",
            Verdict::Failed => "failed",
            Verdict::Undecided => "undecided",
        },
        "rows": check.rows,
        "cost": networks().map(|(_, network)| network.double.cost).collect::<Vec<_>>(),
        "tolerance": {
            "relative": RELATIVE, "absolute": ABSOLUTE, "most_kinks": MOST_KINKS, "single": SINGLE,
        },
        "tensors": networks().flat_map(|(member, network)| tensors(member, network)).collect::<Vec<_>>(),
        "worst": networks()
            .flat_map(|(member, network)| network.worst.iter().map(move |entry| named(member, entry)))
            .collect::<Vec<_>>(),
        "stepped_over": networks()
            .flat_map(|(member, network)| network.stepped_over.iter().map(move |one| json!({
                "member": member,
                "parameter": one.parameter.to_string(),
                "meaning": one.meaning,
                "gradient": one.gradient,
            })))
            .collect::<Vec<_>>(),
        "single": networks()
            .map(|(member, network)| json!({
                "member": member,
                "rows": network.single.rows,
                "rows_left_out": network.single.kinks,
                "delta_error": network.single.delta_error,
            }))
            .collect::<Vec<_>>(),
    })
}

fn tensors(member: usize, network: &NetworkCheck) -> Vec<Value> {
    let worst = |worst: &Option<WorstEntry>| {
        worst.as_ref().map(
            |worst| json!({ "index": worst.index, "analytic": worst.analytic, "numeric": worst.numeric }),
        )
    };
    let both = network.double.tensors.iter().zip(&network.single.tensors);
    both.map(|(double, single)| {
        json!({
            "member": member,
            "tensor": double.name,
            "layer": double.layer,
            "kind": kind(double.kind),
            "compared": double.compared,
            "kinks": double.kinks,
            "largest_relative_error": double.largest_relative_error,
            "failures": double.failures,
            "worst": worst(&double.worst),
            "single": {
                "relative_error": single.relative_error,
                "norm": single.norm,
                "magnitude": single.magnitude,
            },
        })
    })
    .collect()
}

fn named(member: usize, entry: &NamedEntry) -> Value {
    json!({
        "member": member,
        "precision": entry.precision,
        "parameter": entry.parameter.to_string(),
        "meaning": entry.meaning,
        "got": entry.got,
        "expected": entry.expected,
        "relative_error": entry.relative_error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use deltarule::explain::Parameter;
    use deltarule::gradient_check::{GradientCheck, SingleCheck, SingleTensor, SteppedOver, TensorCheck};

    fn a_network(failures: usize) -> NetworkCheck {
        let (name, kind) = ("layers.0.w".to_owned(), TensorKind::Weight);
        let worst = WorstEntry { index: 3, analytic: 0.25, numeric: 0.250_000_000_6 };
        let double = TensorCheck {
            name: name.clone(),
            layer: 0,
            kind,
            compared: 12,
            kinks: 0,
            largest_kinks: Vec::new(),
            largest_relative_error: 2.5e-9,
            failures,
            worst: Some(worst),
        };
        let single = SingleTensor {
            name,
            layer: 0,
            kind,
            norm: 0.5,
            magnitude: 1.0,
            relative_error: 3.5e-8,
            worst: None,
        };
        let entry = NamedEntry {
            precision: "f64",
            parameter: Parameter::weight(0, 1, 1),
            meaning: "the weight from age to unit 1".into(),
            got: 0.25,
            expected: 0.250_000_000_6,
            relative_error: 2.5e-9,
        };
        NetworkCheck {
            double: GradientCheck { cost: 0.5, tensors: vec![double] },
            single: SingleCheck { rows: 4, kinks: 0, delta_error: 1e-8, tensors: vec![single] },
            worst: vec![entry],
            stepped_over: Vec::new(),
        }
    }

    fn a_check(networks: Vec<NetworkCheck>) -> ModelCheck {
        ModelCheck { rows: 4, networks }
    }

    #[test]
    fn a_failed_check_says_so_in_words_and_in_json() {
        let check = a_check(vec![a_network(1)]);
        let words = text(&check, Style::PLAIN);
        for expected in ["layers.0.w,1,1", "the weight from age to unit 1", "2.5e-9", "3.5e-8", "failed:"] {
            assert!(words.contains(expected), "no {expected:?} in {words}");
        }
        let document = document(&check);
        assert_eq!((&document["passed"], &document["verdict"]), (&false.into(), &"failed".into()));
        assert_eq!(document["tensors"][0]["worst"]["index"], 3);
        assert_eq!(document["worst"][0]["parameter"], "layers.0.w,1,1");
    }

    #[test]
    fn single_precision_alone_can_fail() {
        let mut network = a_network(0);
        network.single.tensors[0].relative_error = 2e-5;
        assert!(text(&a_check(vec![network]), Style::PLAIN).contains("failed:"));
    }

    #[test]
    fn too_many_kinks_are_named_and_not_called_a_wrong_gradient() {
        let mut network = a_network(0);
        network.double.tensors[0].kinks = 5; // of 17, more than 1 %
        network.single.kinks = 2;
        let meaning = "the bias of unit 2".to_owned();
        network.stepped_over =
            vec![SteppedOver { parameter: Parameter::bias(0, 2), meaning, gradient: 0.125 }];
        let words = text(&a_check(vec![network]), Style::PLAIN);
        assert!(words.contains("undecided, too many kinks") && !words.contains("failed:"), "{words}");
        for expected in ["stepped over for a kink: 5 parameters", "the bias of unit 2", "1.2500e-1", "2 rows"]
        {
            assert!(words.contains(expected), "no {expected:?} in {words}");
        }
    }

    #[test]
    fn an_ensembles_tensors_are_told_apart() {
        let words = text(&a_check(vec![a_network(0), a_network(0)]), Style::PLAIN);
        assert!(words.contains("members.1.layers.0.w") && words.contains("passed:"), "{words}");
    }
}
