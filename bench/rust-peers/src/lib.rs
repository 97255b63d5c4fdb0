//! What the peers in Rust have in common: the case's files, the turns, the clock and the lines of JSON.
//!
//! The contract is that of `bench/peers/case.py`.

use std::io::{BufRead, Write};
use std::time::Instant;

use safetensors::SafeTensors;
use serde_json::{Value, json};

/// Rounds of a timed turn, of which the median counts.
const ROUNDS: usize = 15;

/// A case's description, its start weights, and its rows.
pub struct Case {
    name: String,
    threads: usize,
    pub batch_size: usize,
    pub learning_rate: f64,
    /// `None` for plain descent.
    pub adam: Option<Adam>,
    pub cross_entropy: bool,
    pub layers: Vec<Layer>,
    pub rows: usize,
    pub inputs: usize,
    pub outputs: usize,
    /// `[rows, inputs]`
    pub x: Vec<f32>,
    /// `[rows, outputs]`
    pub targets: Vec<f32>,
}

/// Adam's numbers.
#[derive(Clone, Copy)]
pub struct Adam {
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
}

/// A layer with its start weights.
pub struct Layer {
    pub fan_in: usize,
    pub fan_out: usize,
    pub activation: Activation,
    /// `[fan_in, fan_out]`
    pub w: Vec<f32>,
    pub b: Vec<f32>,
}

/// Softmax is part of the cost, here the identity.
#[derive(Clone, Copy)]
pub enum Activation {
    Identity,
    Sigmoid,
    Relu,
    Tanh,
}

impl Case {
    /// Reads the case that the arguments name.
    pub fn read() -> Self {
        let arguments: Vec<String> = std::env::args().collect();
        let value = |flag: &str| {
            let place = arguments.iter().position(|word| word == flag);
            let value = place.and_then(|place| arguments.get(place + 1));
            value.cloned().unwrap_or_else(|| panic!("expected {flag} with a value"))
        };
        let folder = std::path::PathBuf::from(value("--case-folder"));
        let threads = value("--threads").parse().expect("a number of threads");
        let described = std::fs::read(folder.join("case.json")).expect("a case.json");
        let described: Value = serde_json::from_slice(&described).expect("JSON");
        let bytes = |file: &str| std::fs::read(folder.join(file)).expect("a file of the case");
        let (weights, data) = (bytes("weights.safetensors"), bytes("data.safetensors"));
        let weights = SafeTensors::deserialize(&weights).expect("safetensors");
        let data = SafeTensors::deserialize(&data).expect("safetensors");
        let layers: Vec<Layer> = described["layers"]
            .as_array()
            .expect("layers")
            .iter()
            .enumerate()
            .map(|(index, layer)| Layer {
                fan_in: size(&layer["fan_in"]),
                fan_out: size(&layer["fan_out"]),
                activation: activation(layer["activation"].as_str().expect("an activation")),
                w: numbers(&weights, &format!("layers.{index}.w")),
                b: numbers(&weights, &format!("layers.{index}.b")),
            })
            .collect();
        let optimizer = &described["optimizer"];
        let number = |key: &str| optimizer[key].as_f64().expect("Adam's numbers");
        let adam = match optimizer["name"].as_str() {
            Some("gradient_descent") => None,
            Some("adam") => {
                Some(Adam { beta1: number("beta1"), beta2: number("beta2"), epsilon: number("epsilon") })
            }
            other => panic!("no such optimizer here: {other:?}"),
        };
        let (inputs, outputs) = (layers[0].fan_in, layers[layers.len() - 1].fan_out);
        let x = numbers(&data, "x");
        Self {
            name: described["case"].as_str().expect("a name").into(),
            threads,
            batch_size: size(&described["batch_size"]),
            learning_rate: described["learning_rate"].as_f64().expect("a rate"),
            adam,
            cross_entropy: match described["cost"].as_str() {
                Some("cross_entropy") => true,
                Some("squared_error") => false,
                other => panic!("no such cost here: {other:?}"),
            },
            rows: x.len() / inputs,
            inputs,
            outputs,
            x,
            targets: numbers(&data, "targets"),
            layers,
        }
    }

    /// The class of each row, of a case whose targets are one-hot rows.
    pub fn classes(&self) -> Vec<u32> {
        let class = |row: &[f32]| row.iter().position(|&target| target == 1.0).expect("a class") as u32;
        self.targets.chunks(self.outputs).map(class).collect()
    }

    /// The rows of each batch, from and up to.
    pub fn batches(&self) -> Vec<(usize, usize)> {
        let starts = (0..self.rows).step_by(self.batch_size);
        starts.map(|from| (from, self.rows.min(from + self.batch_size))).collect()
    }

    /// Answers to each line of standard input. `begin` sets the start weights and gives a function that takes so many
    /// steps, going on where it stopped, and gives the last loss.
    pub fn take_turns<T: FnMut(usize) -> f64>(&self, versions: &Value, mut begin: impl FnMut() -> T) {
        for line in std::io::stdin().lock().lines() {
            let line = line.expect("a line");
            let mut take = begin();
            let (per_step, steps, loss) = match line.split_once(' ') {
                Some(("steps", steps)) => {
                    let steps = steps.parse().expect("a number of steps");
                    let began = Instant::now();
                    let loss = take(steps);
                    (began.elapsed().as_secs_f64() / steps as f64, steps, loss)
                }
                Some(("seconds", seconds)) => measured(&mut take, seconds.parse().expect("seconds")),
                _ => panic!("expected `steps S` or `seconds T`, got {line:?}"),
            };
            let answer = json!({
                "case": self.name, "threads": self.threads, "variant": "",
                "optimizer": if self.adam.is_some() { "adam" } else { "gradient_descent" },
                "microseconds_per_step": per_step * 1e6,
                "samples_per_second": self.batch_size.min(self.rows) as f64 / per_step,
                "steps": steps, "loss": loss, "versions": versions,
            });
            let mut out = std::io::stdout().lock();
            writeln!(out, "{answer}").and_then(|()| out.flush()).expect("somebody listens");
        }
    }
}

/// Seconds per step, steps and the last loss: warmed up for a tenth of the time, then the median round.
fn measured(take: &mut impl FnMut(usize) -> f64, seconds: f64) -> (f64, usize, f64) {
    let (began, mut steps) = (Instant::now(), 0);
    while began.elapsed().as_secs_f64() < seconds / 10.0 || steps < 2 {
        let count = 1 + steps / 8;
        take(count);
        steps += count;
    }
    let per_step = began.elapsed().as_secs_f64() / steps as f64;
    let in_round = ((seconds / ROUNDS as f64 / per_step) as usize).max(1);
    let mut loss = f64::NAN;
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            loss = take(in_round);
            began.elapsed().as_secs_f64() / in_round as f64
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    (rounds[ROUNDS / 2], steps + ROUNDS * in_round, loss)
}

fn size(value: &Value) -> usize {
    value.as_u64().expect("a size") as usize
}

fn numbers(tensors: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    let bytes = tensors.tensor(name).expect("a tensor of the case").data().to_vec();
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect()
}

fn activation(name: &str) -> Activation {
    match name {
        "identity" | "softmax" => Activation::Identity,
        "sigmoid" => Activation::Sigmoid,
        "relu" => Activation::Relu,
        "tanh" => Activation::Tanh,
        other => panic!("no such activation here: {other}"),
    }
}
