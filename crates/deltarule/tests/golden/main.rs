//! The engine against PyTorch, SciPy and scikit-learn, by the golden values in `fixtures/` (its README has the format).
//!
//! One loop reads every file there; a case that no test knows how to run, or a tensor that the engine did not produce,
//! is a failure. Tolerances: a tensor's difference is at most 1e-9 (f64) or 1e-5 (f32) of its norm.

mod figures;
mod pass;
mod reader;
mod updates;

use std::collections::BTreeMap;

use deltarule::Real;

use pass::Computed;
use reader::{Case, Description, Layer};

/// The largest difference allowed, as a part of the tensor's norm.
fn tolerance(description: &Description) -> f64 {
    match description.dtype.as_str() {
        "f64" => 1e-9,
        "f32" => 1e-5,
        other => panic!("{}: no precision {other}", description.name),
    }
}

/// Whether a tensor is given to the engine rather than expected from it: inputs, masks and start parameters.
fn is_given(name: &str, case: &Case) -> bool {
    let inputs = ["x", "codes", "targets", "weights"];
    let has = |name: &str| case.tensors.contains_key(name);
    inputs.contains(&name)
        || name.ends_with(".mask")
        || has(&pass::gradient_name(name))
        || has(&format!("{name}.steps"))
}

/// Compares every expected tensor of a case with the engine's, and returns what does not agree.
fn disagreements(case: &Case, computed: &Computed) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, tensor) in &case.tensors {
        if is_given(name, case) {
            continue;
        }
        let expected = tensor.values.as_slice();
        let masked: Vec<f64>;
        let (expected, got) = match (computed.get(name), name.strip_suffix(".delta")) {
            (Some(got), _) => (expected, got),
            (None, Some(layer)) if computed.contains_key(&format!("{layer}.delta_masked")) => {
                masked = masked_delta(case, layer, expected);
                (masked.as_slice(), &computed[&format!("{layer}.delta_masked")])
            }
            // The engine keeps z only where f' needs it, or a cost is computed from it.
            _ if name.ends_with(".z") && computed.contains_key(&name.replace(".z", ".a")) => continue,
            _ => {
                wrong.push(format!("{}: the engine has no {name}", label(case)));
                continue;
            }
        };
        wrong.extend(disagreement(case, name, expected, got));
    }
    wrong
}

/// A dropout layer's δ times its mask and 1/(1−rate): what the engine's buffer holds after the backward pass.
fn masked_delta(case: &Case, layer: &str, delta: &[f64]) -> Vec<f64> {
    let index: usize = layer.trim_start_matches("layers.").parse().expect("layers.N");
    let Layer::Dropout { rate, .. } = case.description.layers[index] else {
        panic!("{}: {layer} is no dropout", label(case));
    };
    let mask = case.values::<f64>(&format!("{layer}.mask"));
    delta.iter().zip(mask).map(|(delta, m)| delta * m / (1.0 - rate)).collect()
}

/// What is wrong with one tensor, if anything: ‖got − expected‖ above the tolerance times ‖expected‖.
///
/// A gradient that is zero but for rounding (of a bias before batch normalisation) is measured against its case's
/// weight gradient instead.
fn disagreement(case: &Case, name: &str, expected: &[f64], got: &[f64]) -> Option<String> {
    if expected.len() != got.len() {
        return Some(format!("{}: {name} has {} numbers, not {}", label(case), got.len(), expected.len()));
    }
    let norm = |values: &[f64]| values.iter().map(|v| v * v).sum::<f64>().sqrt();
    let difference = norm(&expected.iter().zip(got).map(|(e, g)| e - g).collect::<Vec<_>>());
    let scale = match name.strip_suffix(".db") {
        Some(layer) => norm(expected).max(norm(&case.values::<f64>(&format!("{layer}.delta")))),
        None => norm(expected),
    };
    let allowed = tolerance(&case.description) * scale;
    // Written so that a NaN is wrong too.
    let agrees = difference <= allowed;
    (!agrees).then(|| format!("{}: {name} differs by {difference:e}, allowed {allowed:e}", label(case)))
}

fn label(case: &Case) -> String {
    format!("{}.{}", case.description.name, case.description.dtype)
}

fn check_pass<F: Real>(case: &Case) -> Vec<String> {
    let (mut computed, network, mut grads) = pass::run::<F>(case);
    updates::regularise(case, &mut computed, &network, &mut grads);
    disagreements(case, &computed)
}

/// How many cases each kind must have at least: a fixture that went missing is noticed.
const AT_LEAST: [(&str, usize); 3] = [("pass", 150), ("steps", 11), ("lbfgs", 2)];

#[test]
fn every_case_agrees() {
    let (mut wrong, mut seen) = (Vec::new(), BTreeMap::<String, usize>::new());
    for case in reader::cases() {
        let description = &case.description;
        wrong.extend(match (description.kind.as_str(), description.dtype.as_str()) {
            ("pass", "f64") => check_pass::<f64>(&case),
            ("pass", "f32") => check_pass::<f32>(&case),
            ("steps", "f64") => {
                updates::ten_steps(&case).iter().flat_map(|computed| disagreements(&case, computed)).collect()
            }
            ("lbfgs", "f64") => updates::lbfgs(&case),
            (kind, dtype) => panic!("{}: no test for {kind} in {dtype}", description.name),
        });
        *seen.entry(description.kind.clone()).or_default() += 1;
    }
    assert!(wrong.is_empty(), "{} tensors disagree:\n{}", wrong.len(), wrong.join("\n"));
    for (kind, least) in AT_LEAST {
        assert!(seen[kind] >= least, "{} cases of {kind}, at least {least} expected", seen[kind]);
    }
}
