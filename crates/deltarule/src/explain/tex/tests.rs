//! The document's first line of mathematics, what it makes of hostile names, and that it closes what it opens.

use super::*;
use crate::activation::Activation;
use crate::dataset::{Dataset, Targets};
use crate::explain::{Anatomy, ColumnShare, InUnits, Names, Parameter, Reach};
use crate::layer::Pass;
use crate::loss::{Cost, Loss};
use crate::network::{LayerSpec, NetworkSpec};
use crate::optimizer::Regularization;
use deltarule_kernels::Pool;

const HOSTILE: &str = "a\\b{c}$d&e#f%g_h^i~j \"k\" <l>|漢字\u{1}\n\nä";

/// Every brace and every environment is closed, in order, and dollars come in pairs.
fn assert_closed(document: &str) {
    let mut open = Vec::new();
    let mut rest = document;
    let mut dollars = 0;
    while let Some(at) = rest.find(['\\', '{', '}', '$']) {
        let found = rest[at..].chars().next().unwrap();
        rest = &rest[at + 1..];
        match found {
            '{' => open.push("{".to_owned()),
            '}' => assert_eq!(open.pop().as_deref(), Some("{"), "before {rest:.60}"),
            '$' => dollars += 1,
            _ => {
                let word: String = rest.chars().take_while(char::is_ascii_alphabetic).collect();
                // A command of one sign, such as \{ or \\.
                rest = &rest[word.len().max(1)..];
                if word == "begin" || word == "end" {
                    let (name, behind) = rest.strip_prefix('{').unwrap().split_once('}').unwrap();
                    rest = behind;
                    match word.as_str() {
                        "begin" => open.push(name.to_owned()),
                        _ => assert_eq!(open.pop().as_deref(), Some(name), "before {rest:.60}"),
                    }
                }
            }
        }
    }
    assert!(open.is_empty() && dollars % 2 == 0, "{open:?} {dollars}");
    assert!(document.chars().all(|c| c == '\n' || c == ' ' || c.is_ascii_graphic()), "ASCII throughout");
}

/// The document of the first weight's gradient, over so many rows.
fn document(spec: &NetworkSpec, cost: Cost, rows: usize, pass: Pass, reach: Reach) -> String {
    let network = spec.build::<f64>(5).unwrap();
    let loss = Loss::new(cost, network.output_activation(), 0.0).unwrap();
    let outputs = spec.outputs();
    let values = |count: usize| (0..count).map(|i| ((i * 7 + 3) % 11) as f64 / 5.0 - 1.0).collect::<Vec<_>>();
    let targets = match cost {
        Cost::CrossEntropy => Targets::Classes {
            classes: outputs,
            codes: (0..rows).map(|row| (row % outputs) as u32).collect(),
        },
        _ => Targets::Values { outputs, values: values(rows * outputs) },
    };
    let data = Dataset::from_dense(2, values(rows * 2), targets);
    let names = Names {
        inputs: vec![HOSTILE.into(); 2],
        outputs: vec![HOSTILE.into(); outputs],
        rows: (4..4 + rows).collect(),
    };
    let (pool, penalties) = (Pool::new(1), Regularization { l1: 0.1, ..Regularization::default() });
    let anatomy = Anatomy::new(&pool, &network, &loss, &penalties, data.range(0, rows), pass, &names);
    let mut account = anatomy.account(Some(&Parameter::weight(0, 0, 0)), None, reach).unwrap();
    for output in &mut account.outputs {
        output.in_units = Some(InUnits { value: f64::NAN, target: f64::INFINITY });
    }
    let share =
        ColumnShare { column: HOSTILE.into(), gradient: Some(-1e-9), magnitude: None, times_input: 2.5e7 };
    account.columns = Some(Columns { output: HOSTILE.into(), shares: vec![share] });
    let whole = account.to_tex(HOSTILE);
    let ledger = account.ledger_to_tex(HOSTILE);
    assert_closed(&ledger);
    assert!(ledger.contains("factor by factor") && !ledger.contains("hangs on"));
    whole
}

#[test]
fn one_sigmoid_unit_is_the_textbooks_line_with_its_numbers_below() {
    let mut network = NetworkSpec::new(2).dense(1, Activation::Sigmoid).build::<f64>(1).unwrap();
    network.params_mut().copy_from_slice(&[0.5, -0.25, 0.1]);
    let data = Dataset::from_dense(2, vec![2.0, 1.0], Targets::Values { outputs: 1, values: vec![1.0] });
    let loss = Loss::new(Cost::SquaredError, Activation::Sigmoid, 0.0).unwrap();
    let names =
        Names { inputs: vec!["age".into(), "height".into()], outputs: vec!["ill".into()], rows: vec![] };
    let (pool, none) = (Pool::new(1), Regularization::default());
    let anatomy = Anatomy::new(&pool, &network, &loss, &none, data.range(0, 1), Pass::Inference, &names);
    let account = anatomy.account(Some(&Parameter::weight(0, 0, 0)), None, Reach::default()).unwrap();
    let document = account.ledger_to_tex("row 1");
    assert_closed(&document);
    // ŷ = σ(1 − 0.25 + 0.1) = 0.7006.
    let expected = "\\begin{align*}
\\frac{\\partial C}{\\partial w_{0}} &= x_{0} \\cdot \\hat{y}(1-\\hat{y}) \\cdot (\\hat{y}-y) \\tag{1} \\\\
 &= 2.000 \\cdot 0.7006(1-0.7006) \\cdot (0.7006-1.000) \\\\
 &= -0.1256
\\end{align*}
where $x_{0}=2.000$ (age), $\\hat{y}=0.7006$ (ill), $y=1.000$ (the target).
";
    assert!(document.contains(expected), "{document}");
}

#[test]
fn names_of_a_table_are_set_as_they_stand_and_all_is_closed() {
    let spec = NetworkSpec::new(2).dense(3, Activation::Tanh);
    let deep = spec.clone().dense(3, Activation::Gelu).dense(2, Activation::Softmax);
    let norm = |activation| LayerSpec::BatchNorm { activation };
    let normed = NetworkSpec::new(2)
        .dense(3, Activation::Identity)
        .with(norm(Activation::Relu))
        .dropout(0.5)
        .dense(3, Activation::Identity)
        .with(LayerSpec::LayerNorm { activation: Activation::Silu })
        .dense(2, Activation::Identity);
    let training = Pass::Training { seed: 1, step: 2 };
    for reach in [Reach { top: 9, depth: 9 }, Reach { top: 1, depth: 1 }, Reach { top: 0, depth: 0 }] {
        for rows in [1, 4] {
            let documents = [
                document(&deep, Cost::CrossEntropy, rows, Pass::Inference, reach),
                document(&normed, Cost::SquaredError, rows, training, reach),
            ];
            for document in documents {
                assert_closed(&document);
                assert!(document.contains("a\\textbackslash{}b\\{c\\}\\$d\\&e\\#f\\%g\\_\\allowbreak{}h"));
                assert!(!document.contains("\\mathrm"), "no word that is taken for a letter: {document}");
            }
        }
    }
}

#[test]
fn a_sum_shows_its_terms_their_numbers_and_the_rest() {
    let term = Quantity::product(
        "w1[0,2]·δ1[2]",
        vec![Quantity::given("w1[0,2]", 2.0), Quantity::given("δ1[2]", -0.3)],
    );
    let others = Others { count: 2, sum: 0.1, magnitude: 0.4 };
    let sum = Quantity::sum("∂C/∂a0[0]", vec![term], others);
    let equations = Equations { notation: Notation { one_layer: false, one_unit: false }, tolerance: 1e-12 };
    let mut text = String::new();
    equations.put(&sum, "1", &mut text);
    let expected = "\\begin{align*}
\\frac{\\partial C}{\\partial a^{(0)}_{0}} &= w^{(1)}_{0,2}\\cdot\\delta^{(1)}_{2} + \\text{2 others} \\tag{1} \\\\
 &= 2.000\\cdot (-0.3000) + 0.1000 \\\\
 &= -0.5000
\\end{align*}
Shares of the magnitudes: 60.0\\,\\%, of the rest together 40.0\\,\\%.

";
    assert_eq!(text, expected);
    // Where the parts do not give what was stored, it is seen there.
    let mut wrong = String::new();
    equations.put(&sum.stored_as(-0.25), "1", &mut wrong);
    assert!(wrong.contains("= -0.5000 \\quad\\text{(stored: }-0.2500\\text{)}"), "{wrong}");
}
