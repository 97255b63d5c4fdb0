//! Which step of a training an account is of.

use std::path::PathBuf;

use serde::Serialize;

use crate::run::Replay;

/// Rows of a batch that sentences name.
const NAMED: usize = 8;

/// A step of a run's training: where it stands, what it learnt from, what it did to the parameter that is taken apart.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrainingStep {
    /// The run's folder.
    pub run: PathBuf,
    /// Which part of the run: `model`, or of an ensemble `model, member 3`.
    pub part: String,
    /// The step's number, from 1.
    pub number: u64,
    /// Its epoch, from 1.
    pub epoch: u64,
    /// The batch's place in the epoch, from 1.
    pub batch: u64,
    /// Batches in an epoch.
    pub batches: u64,
    /// What the rows are of.
    pub data: String,
    /// The batch's rows by their numbers in the table, from 1, in the batch's order.
    pub rows: Vec<usize>,
    /// W, the sum of their weights.
    pub weight: f64,
    /// η.
    pub learning_rate: f64,
    /// The parameter that is taken apart, as `--parameter` takes it.
    pub parameter: String,
    /// Its value before the step: the one that the passes went by.
    pub before: f64,
    /// Its value after the step.
    pub after: f64,
    /// What clipping made of the gradient, where it changed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clipped: Option<Clipped>,
    /// How the state before the step was come by.
    pub replay: Replay,
}

/// A gradient before and after it was clipped.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Clipped {
    /// ‖∂C/∂p‖ over all parameters, with the penalties' part.
    pub norm: f64,
    /// The same after clipping.
    pub to_norm: f64,
    /// What is left of the gradient that is taken apart.
    pub gradient: f64,
}

impl TrainingStep {
    /// All of it in plain words, in characters that any terminal and any font has (names of files apart).
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let mut sentences = vec![
            self.place(),
            "The pass is that of training: with this step's dropout masks, the batch's own statistics, row weights, \
             label smoothing and penalties."
                .to_owned(),
            format!(
                "At the learning rate {}, {} went from {:.7e} to {:.7e}.",
                short(self.learning_rate),
                self.parameter,
                self.before,
                self.after
            ),
        ];
        if let Some(Clipped { norm, to_norm, gradient }) = self.clipped {
            sentences.push(format!(
                "Training clipped the gradient, whose norm went from {norm:.4e} to {to_norm:.4e}: of this one it followed \
                 {gradient:.7e}."
            ));
        }
        sentences.push(self.origin());
        sentences
    }

    fn place(&self) -> String {
        let (named, rows) = (self.rows.iter().take(NAMED), self.rows.len());
        let mut numbers: Vec<String> = named.map(ToString::to_string).collect();
        let rest = rows - numbers.len();
        if rest > 0 {
            numbers.push(format!("and {rest} more"));
        }
        let (word, data) = (if rows == 1 { "row" } else { "rows" }, &self.data);
        let of = if self.part == "model" { String::new() } else { format!(" of {}", self.part) };
        format!(
            "Epoch {}, batch {} of {}{of}: {word} {} of {data}.",
            self.epoch,
            self.batch,
            self.batches,
            numbers.join(", ").replace(", and", " and")
        )
    }

    fn origin(&self) -> String {
        let Replay { from, checkpoint, steps, costs } = self.replay;
        let origin =
            if checkpoint { format!("the checkpoint after step {from}") } else { "the start".to_owned() };
        let steps = match steps {
            0 => "no step".to_owned(),
            1 => "1 step".to_owned(),
            steps => format!("{steps} steps"),
        };
        let compared = match costs {
            0 => "the run has recorded no cost of them to compare".to_owned(),
            1 => "the one cost that the run has recorded came out the same".to_owned(),
            costs => format!("the {costs} costs that the run has recorded came out the same"),
        };
        format!("Replayed from {origin}, {steps}; {compared}.")
    }
}

/// A number in full where that is short, else to as many digits as single precision has.
fn short(number: f64) -> String {
    let full = number.to_string();
    if full.len() <= 10 { full } else { format!("{number:.7e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_say_where_and_from_what() {
        let replay = Replay { from: 20, checkpoint: true, steps: 1, costs: 2 };
        let mut step = TrainingStep {
            run: "runs/a-1".into(),
            part: "model, member 2".into(),
            number: 22,
            epoch: 3,
            batch: 2,
            batches: 10,
            data: "a.csv".into(),
            rows: vec![7],
            weight: 1.0,
            learning_rate: 0.1,
            parameter: "layers.0.w,0,1".into(),
            before: 0.5,
            after: -0.25,
            clipped: None,
            replay,
        };
        let expected = [
            "Epoch 3, batch 2 of 10 of model, member 2: row 7 of a.csv.",
            "At the learning rate 0.1, layers.0.w,0,1 went from 5.0000000e-1 to -2.5000000e-1.",
            "Replayed from the checkpoint after step 20, 1 step; the 2 costs that the run has recorded came out the same.",
        ];
        let sentences = step.sentences();
        assert_eq!([&sentences[0], &sentences[2], &sentences[3]], expected);

        step.rows = (1..=40).collect();
        step.learning_rate = 1.0 / 3.0;
        step.clipped = Some(Clipped { norm: 4.0, to_norm: 1.0, gradient: 0.125 });
        step.replay = Replay { from: 0, checkpoint: false, steps: 21, costs: 0 };
        let sentences = step.sentences().join("\n");
        for part in [
            "rows 1, 2, 3, 4, 5, 6, 7, 8 and 32 more of a.csv",
            "learning rate 3.3333333e-1",
            "from 4.0000e0 to 1.0000e0: of this one it followed 1.2500000e-1",
            "from the start, 21 steps; the run has recorded no cost",
        ] {
            assert!(sentences.contains(part), "no {part:?} in {sentences}");
        }
    }
}
