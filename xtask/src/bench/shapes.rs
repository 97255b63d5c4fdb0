//! `cargo xtask bench shapes`: that what holds for one small network holds for its neighbours, and that tiny numbers cost
//! nothing extra. Ours alone, on random rows.

use anyhow::Result;
use serde_json::{Value, json};

use crate::bench::report::median;
use crate::bench::table::{Table, three_digits};
use crate::bench::{answer, figure, program};
use crate::steps::Steps;

/// A shape's name, and the words that make it.
type Shape = (&'static str, &'static [&'static str]);

/// Networks where a call costs more than its arithmetic; each is held against the first.
const TINY: [Shape; 4] = [
    ("2-8-1 sigmoid", &["--layers", "2,8,1", "--activation", "sigmoid", "--output-activation", "sigmoid"]),
    ("2-5-1 sigmoid", &["--layers", "2,5,1", "--activation", "sigmoid", "--output-activation", "sigmoid"]),
    ("3-7-2 sigmoid", &["--layers", "3,7,2", "--activation", "sigmoid", "--output-activation", "sigmoid"]),
    ("4-16-3 tanh", &["--layers", "4,16,3", "--activation", "tanh", "--output-activation", "tanh"]),
];

/// How much more than in the first of [`TINY`] a multiplication may cost.
const GENERALITY: f64 = 1.25;

/// Training whose numbers underflow: the same as with start weights of the usual size, but for that.
///
/// With four layers of weights of 1e-13, what reaches the last hidden layer, and the first one's δ, is of the order of
/// 1e-39, below the smallest normal number (1.2e-38); of gradients as small, Adam's second moment is still smaller. With
/// weights of 1e-37 many are themselves below it. The learning rate is so small that they stay there.
const UNDERFLOWING: [(Shape, &str); 4] = [
    (("activations, deltas", &["--activation", "relu", "--learning-rate", "1e-9"]), "1e-13"),
    (("activations, deltas by tanh", &["--activation", "tanh", "--learning-rate", "1e-9"]), "1e-13"),
    (
        ("Adam's moments", &["--activation", "relu", "--optimizer", "adam", "--learning-rate", "1e-20"]),
        "1e-13",
    ),
    (
        ("weights that decay", &["--optimizer", "adamw", "--learning-rate", "1e-9", "--weight-decay", "1e3"]),
        "1e-37",
    ),
];

/// The network of [`UNDERFLOWING`].
const DEEP: [&str; 4] = ["--layers", "64,128,128,128,1", "--batch-size", "64"];

/// How much longer a step may take where its numbers underflow.
const NO_CLIFF: f64 = 1.05;

/// Turns of each; they are short, so there are many.
const ROUNDS: usize = 9;

/// Length of a turn in seconds.
const TURN: &str = "0.2";

/// Measures both, prints the tables, and gives every figure.
pub fn run(steps: &mut Steps, realtime: bool) -> Result<Value> {
    let mut tiny = Vec::new();
    steps.check("bench tiny shapes", "cost of a multiplication, batches of 4 rows, one thread", |steps| {
        let words: Vec<Vec<&str>> =
            TINY.iter().map(|(_, words)| [words, &["--batch-size", "4"][..]].concat()).collect();
        tiny = in_turns(steps, realtime, &words)?;
        Ok(())
    })?;
    let mut underflowing = Vec::new();
    steps.check("bench underflow", "64-128-128-128-1, batches of 64 rows, one thread", |steps| {
        let mut words = Vec::new();
        for ((_, own), scale) in &UNDERFLOWING {
            words.push([&DEEP[..], own].concat());
            words.push([&DEEP[..], own, &["--start-scale", scale]].concat());
        }
        underflowing = in_turns(steps, realtime, &words)?;
        Ok(())
    })?;
    println!("\ncost of a multiplication in tiny networks\n{}", tiny_table(&tiny));
    println!("steps whose numbers underflow\n{}", underflow_table(&underflowing));
    Ok(json!({
        "tiny": TINY.iter().zip(&tiny).map(|((name, _), one)| one.to_json(name)).collect::<Vec<_>>(),
        "underflow": UNDERFLOWING.iter().zip(underflowing.chunks(2)).map(|(((name, _), scale), pair)| {
            json!({ "what": name, "start_scale": scale, "usual": pair[0].to_json(name), "underflowing": pair[1].to_json(name) })
        }).collect::<Vec<_>>(),
    }))
}

/// What the turns of one shape came to.
#[derive(Clone, Debug)]
struct Measured {
    microseconds: Vec<f64>,
    operations: f64,
}

impl Measured {
    fn median(&self) -> f64 {
        median(self.microseconds.clone())
    }

    /// Of one multiplication and addition.
    fn nanoseconds(&self) -> f64 {
        self.median() * 1e3 / (self.operations / 2.0)
    }

    fn to_json(&self, name: &str) -> Value {
        json!({ "name": name, "operations": self.operations, "microseconds_per_step": self.microseconds })
    }
}

fn in_turns(steps: &Steps, realtime: bool, shapes: &[Vec<&str>]) -> Result<Vec<Measured>> {
    let mut measured = vec![Measured { microseconds: Vec::new(), operations: 0.0 }; shapes.len()];
    for _ in 0..ROUNDS {
        for (words, measured) in shapes.iter().zip(&mut measured) {
            let one = shape(steps, realtime, words, 1, TURN)?;
            measured.microseconds.push(figure(&one, "microseconds_per_step")?);
            measured.operations = figure(&one, "operations")?;
        }
    }
    Ok(measured)
}

/// One measurement of a network of that shape.
pub fn shape(steps: &Steps, realtime: bool, words: &[&str], threads: usize, seconds: &str) -> Result<Value> {
    let mut command = steps.program(program(steps));
    command.args(["bench", "--quiet", "--json", "--seconds", seconds, "--threads", &threads.to_string()]);
    command.args(words);
    let command = if realtime { super::field::ahead(steps, &command) } else { command };
    Ok(answer(command)?[0].take())
}

fn tiny_table(measured: &[Measured]) -> Table {
    let header = ["shape", "", "µs/step", "ns each", "to the first", "bound"];
    let mut table = Table::new(2, header.map(str::to_owned).to_vec());
    for ((name, _), one) in TINY.iter().zip(measured) {
        let ratio = one.nanoseconds() / measured[0].nanoseconds();
        table.row(vec![
            (*name).to_owned(),
            verdict(ratio, GENERALITY),
            three_digits(one.median()),
            format!("{:.3}", one.nanoseconds()),
            format!("{ratio:.2}"),
            format!("≤ {GENERALITY:.2}"),
        ]);
    }
    table
}

fn underflow_table(measured: &[Measured]) -> Table {
    let header = ["what underflows", "", "usual µs", "underflowing µs", "ratio", "bound"];
    let mut table = Table::new(2, header.map(str::to_owned).to_vec());
    for (((name, _), _), pair) in UNDERFLOWING.iter().zip(measured.chunks(2)) {
        let ratio = pair[1].median() / pair[0].median();
        table.row(vec![
            (*name).to_owned(),
            verdict(ratio, NO_CLIFF),
            three_digits(pair[0].median()),
            three_digits(pair[1].median()),
            format!("{ratio:.3}"),
            format!("≤ {NO_CLIFF:.2}"),
        ]);
    }
    table
}

/// `ok` up to the bound, `above` from there on; NaN is above.
pub fn verdict(ratio: f64, bound: f64) -> String {
    if ratio <= bound { "ok" } else { "above" }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(microseconds: [f64; 3], operations: f64) -> Measured {
        Measured { microseconds: microseconds.to_vec(), operations }
    }

    #[test]
    fn a_multiplications_cost_is_held_against_the_first_shape() {
        // 0.4 µs for 200 multiplications are 2 ns each; 0.8 µs for 300 are 2.67 ns, 1.33 times that.
        let table =
            tiny_table(&[measured([0.4, 0.5, 0.3], 400.0), measured([0.8, 0.8, 9.0], 600.0)]).to_string();
        assert!(table.contains("2-8-1 sigmoid  ok        0.40    2.000          1.00"), "{table}");
        assert!(table.contains("2-5-1 sigmoid  above     0.80    2.667          1.33"), "{table}");
    }

    #[test]
    fn underflow_is_held_against_the_same_without() {
        let pair = [measured([1.0, 2.0, 3.0], 1.0), measured([2.0, 2.2, 2.4], 1.0)];
        let table = underflow_table(&pair).to_string();
        assert!(table.contains("above      2.00             2.20  1.100  ≤ 1.05"), "{table}");
        assert_eq!(verdict(f64::NAN, 1.0), "above");
    }
}
