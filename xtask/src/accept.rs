//! `cargo xtask accept`: what the program must reach on real data with its defaults, run by the real binary.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::steps::Steps;

/// One command of the program, repeated over seeds, and what its figures must reach.
struct Acceptance {
    name: &'static str,
    /// The words after `deltarule`; `--seed N --json` is added.
    words: &'static [&'static str],
    seeds: std::ops::RangeInclusive<u64>,
    bounds: &'static [Bound],
    /// Runs in seconds, therefore in every `cargo xtask test`.
    quick: bool,
}

/// A lower bound on a figure of the answer.
struct Bound {
    /// Where the figure stands in the JSON answer, as a JSON pointer.
    figure: &'static str,
    /// Which of the seeds' values is compared.
    of: Of,
    at_least: f64,
}

/// One value out of several seeds'.
#[derive(Clone, Copy, Debug)]
enum Of {
    Each,
    Mean,
    Median,
}

const TEST_ACCURACY: &str = "/metrics/test/accuracy";

/// Everything that is promised; the bounds are those of the first release.
const ACCEPTANCES: [Acceptance; 5] = [
    Acceptance {
        name: "digits",
        words: &["train", "digits"],
        seeds: 1..=10,
        bounds: &[
            Bound { figure: TEST_ACCURACY, of: Of::Mean, at_least: 0.98 },
            Bound { figure: TEST_ACCURACY, of: Of::Each, at_least: 0.96 },
        ],
        quick: true,
    },
    Acceptance {
        name: "xor",
        words: &["train", "xor", "--hidden", "4"],
        seeds: 1..=20,
        bounds: &[Bound { figure: "/metrics/train/accuracy", of: Of::Each, at_least: 1.0 }],
        quick: true,
    },
    Acceptance {
        name: "mnist",
        words: &["train", "datasets/mnist"],
        seeds: 1..=3,
        bounds: &[Bound { figure: TEST_ACCURACY, of: Of::Median, at_least: 0.982 }],
        quick: false,
    },
    Acceptance {
        name: "adult",
        words: &["train", "datasets/adult.csv.gz", "--target", "salary"],
        seeds: 1..=3,
        bounds: &[
            Bound { figure: TEST_ACCURACY, of: Of::Median, at_least: 0.857 },
            Bound { figure: "/metrics/test/roc_auc", of: Of::Median, at_least: 0.914 },
        ],
        quick: false,
    },
    Acceptance {
        name: "diamonds",
        words: &["train", "datasets/diamonds.csv.gz", "--target", "price"],
        seeds: 1..=3,
        bounds: &[Bound { figure: "/metrics/test/r2", of: Of::Median, at_least: 0.978 }],
        quick: false,
    },
];

/// Runs those of these names, all of them where none is named.
pub fn run_named(steps: &mut Steps, names: &[&str]) -> Result<()> {
    let known = ACCEPTANCES.map(|acceptance| acceptance.name);
    if let Some(name) = names.iter().find(|name| !known.contains(name)) {
        bail!("no acceptance run is called {name}; there are {}", known.join(", "));
    }
    run(steps, |acceptance| names.is_empty() || names.contains(&acceptance.name))
}

/// Runs the quick ones.
pub fn run_quick(steps: &mut Steps) -> Result<()> {
    run(steps, |acceptance| acceptance.quick)
}

fn run(steps: &mut Steps, wanted: impl Fn(&Acceptance) -> bool) -> Result<()> {
    steps.run("build the program", steps.cargo(&["build", "--release", "--package", "deltarule-cli"]))?;
    let (mut met, mut wanting) = (0, Vec::new());
    for acceptance in ACCEPTANCES.iter().filter(|acceptance| wanted(acceptance)) {
        let shown = format!("deltarule {} --json, seeds {:?}", acceptance.words.join(" "), acceptance.seeds);
        // One that falls short doesn't keep the others from telling their figures.
        match steps.check(&format!("accept {}", acceptance.name), &shown, |steps| acceptance.hold(steps)) {
            Ok(()) => met += 1,
            Err(error) => wanting.push(format!("{}: {error:#}", acceptance.name)),
        }
    }
    ensure!(
        wanting.is_empty(),
        "{met} acceptance runs held, {} did not: {}",
        wanting.len(),
        wanting.join("; ")
    );
    Ok(())
}

impl Acceptance {
    /// Trains once per seed in a folder of its own, and compares.
    fn hold(&self, steps: &Steps) -> Result<()> {
        let answers =
            self.seeds.clone().map(|seed| self.answer(steps, seed)).collect::<Result<Vec<Value>>>()?;
        let mut short = Vec::new();
        for bound in self.bounds {
            let values =
                answers.iter().map(|answer| figure(answer, bound.figure)).collect::<Result<Vec<f64>>>()?;
            let value = bound.of.pick(&values);
            let said =
                format!("{:?} {} = {value:.4}, expected at least {}", bound.of, bound.figure, bound.at_least);
            println!("    {said}; by seed {values:.4?}");
            if value.is_nan() || value < bound.at_least {
                short.push(said);
            }
        }
        ensure!(short.is_empty(), "{}", short.join("; "));
        Ok(())
    }

    fn answer(&self, steps: &Steps, seed: u64) -> Result<Value> {
        let run = steps.target().join("accept").join(format!("{}-{seed}", self.name));
        if run.exists() {
            std::fs::remove_dir_all(&run).with_context(|| format!("could not remove {}", run.display()))?;
        }
        let mut command = steps.program(steps.target().join("release/deltarule"));
        command.args(self.words).args(["--json", "--seed", &seed.to_string(), "--run"]).arg(&run);
        let shown = crate::steps::shown(&command);
        let output = command.output().with_context(|| format!("could not start: {shown}"))?;
        if !output.status.success() {
            bail!("{} from: {shown}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("expected one JSON document from: {shown}"))
    }
}

fn figure(answer: &Value, pointer: &str) -> Result<f64> {
    answer
        .pointer(pointer)
        .and_then(Value::as_f64)
        .with_context(|| format!("no number at {pointer} in {answer}"))
}

impl Of {
    fn pick(self, values: &[f64]) -> f64 {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        match self {
            // A NaN sorts to an end and is chosen by hand, so that it can't hide behind a good minimum.
            Self::Each => sorted.iter().copied().find(|value| value.is_nan()).unwrap_or(sorted[0]),
            Self::Mean => values.iter().sum::<f64>() / values.len() as f64,
            Self::Median => sorted[sorted.len() / 2],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_of_several() {
        let values = [0.97, 0.99, 0.95];
        assert_eq!(Of::Each.pick(&values), 0.95);
        // (0.97 + 0.99 + 0.95) / 3 = 0.97
        assert!((Of::Mean.pick(&values) - 0.97).abs() < 1e-12);
        assert_eq!(Of::Median.pick(&values), 0.97);
        assert!(Of::Each.pick(&[0.97, f64::NAN]).is_nan());
        assert!(Of::Mean.pick(&[0.97, f64::NAN]).is_nan());
    }

    #[test]
    fn a_figure_is_found_by_its_pointer() {
        let answer = serde_json::json!({ "metrics": { "test": { "accuracy": 0.5, "r2": null } } });
        assert_eq!(figure(&answer, TEST_ACCURACY).unwrap(), 0.5);
        let error = figure(&answer, "/metrics/test/r2").unwrap_err();
        assert!(error.to_string().starts_with("no number at /metrics/test/r2"), "{error}");
    }
}
