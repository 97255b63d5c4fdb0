//! Runs with nothing wrong: configurations that people use, kept where they do well.

use deltarule::config::Config;
use deltarule::run::Report;

use super::Case;
use super::data::{Data, Half};

/// Configurations of each data set: at least 300 of a half are to do well.
const CONFIGURATIONS: usize = 84;

/// The figure on the validation rows by which a run does well: accuracy, or r².
pub fn figure(report: &Report) -> f64 {
    let figures = &report.metrics["validation"];
    let of = |name: &str| figures.get(name).copied();
    of("accuracy").or_else(|| of("r2")).unwrap_or(f64::NAN)
}

pub fn cases(half: Half) -> Result<Vec<Case>, Box<dyn std::error::Error>> {
    let mut cases = Vec::new();
    for data in half.data()? {
        for number in 0..CONFIGURATIONS {
            cases.push(case(&data, number, half.seeds()[number % 3])?);
        }
    }
    Ok(cases)
}

/// The configuration of that number: widths, depths, activations, optimizers, rates, batches, normalisation, dropout and
/// encodings go around at different paces, so that any two of them meet.
fn case(data: &Data, number: usize, seed: u64) -> Result<Case, Box<dyn std::error::Error>> {
    let pick = |options: &[&str], pace: usize| options[number / pace % options.len()].to_owned();
    let mut config = plain(data, seed)?;
    let activation = pick(&["relu", "tanh", "gelu", "leaky_relu", "elu", "sigmoid", "silu"], 1);
    // Sigmoids in more than one hidden layer are the first fault of them all.
    let hidden = if activation == "sigmoid" {
        pick(&["32", "64"], 2)
    } else {
        pick(&["32", "64,32", "128", "48,32,16"], 2)
    };
    config.set("hidden", &hidden)?;
    config.set("activation", &activation)?;
    let optimizer = pick(&["adamw", "adam", "momentum", "nesterov", "rmsprop"], 3);
    config.set("optimizer", &optimizer)?;
    let fast = ["0.001", "0.003", "0.005"];
    let slow = ["0.01", "0.02", "0.05"];
    let rate = match optimizer.as_str() {
        "adamw" | "adam" => pick(&fast, 5),
        "rmsprop" => "0.001".to_owned(),
        _ => pick(&slow, 5),
    };
    config.set("learning_rate", &rate)?;
    config.set("batch_size", &pick(&["32", "64"], 4))?;
    config.set("normalization", &pick(&["none", "none", "batch", "layer"], 3))?;
    config.set("dropout", &pick(&["0", "0", "0.1"], 2))?;
    config.set("schedule", &pick(&["constant", "one_cycle", "cosine"], 7))?;
    let (table, clean) = (data.table.clone(), config.clone());
    Ok(Case { data: data.name, seed, fault: None, layer: None, table, config, clean })
}

/// What faults are put into: two hidden layers, as people begin with.
pub fn plain(data: &Data, seed: u64) -> Result<Config, deltarule::Error> {
    let mut config = Config::default();
    for (key, value) in [
        ("target", data.target),
        ("task", data.task),
        ("hidden", "64,32"),
        ("activation", "relu"),
        ("batch_size", "32"),
        ("epochs", "40"),
        ("patience", "15"),
        ("schedule", "constant"),
        ("optimizer", "adam"),
        ("learning_rate", "0.002"),
        ("clip_norm", "none"),
        ("dropout", "0"),
        ("seed", &seed.to_string()),
    ] {
        config.set(key, value)?;
    }
    Ok(config)
}
