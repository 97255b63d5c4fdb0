//! Every remedy, once: what the rules prescribe and what a random change is drawn from.

use super::finding::Remedy;
use crate::config::Config;

const AUTO: &str = "auto";

fn remedy<const N: usize>(what: &str, changes: [(&str, &str); N]) -> Remedy {
    Remedy::new(what, changes.map(|(key, value)| (key, value.to_owned())))
}

/// All remedies that mean something for this configuration, whatever is wrong with the run: a tenth to a thousand times
/// the learning rate, other starts, activations, normalisation, penalties, steps, data. Leaving a column out is not among
/// them, since which one depends on the data.
#[must_use]
pub fn table(config: &Config) -> Vec<Remedy> {
    let rates =
        [0.001, 0.01, 0.1, 10.0, 100.0, 1000.0].into_iter().filter_map(|factor| rate_times(config, factor));
    let mut all: Vec<Remedy> = rates.collect();
    all.extend([
        planned_rate(),
        relu(),
        leaky_relu(),
        normalise(),
        fresh_start(),
        planned_network(),
        smaller_network(),
        clip(),
        calmer_momentum(),
        planned_batch(),
        adamw(),
        planned_output(),
        scaling(AUTO),
        scaling("robust"),
        scaling("standard"),
        without_penalties(),
        dropout(),
        more_decay(config),
        ensemble(),
        balance(),
        balance_and_watch(),
        keep_constant(),
        all_planned(),
    ]);
    all.extend(fewer_layers(config));
    all
}

pub(super) fn rate_times(config: &Config, factor: f64) -> Option<Remedy> {
    let rate = config.learning_rate? * factor;
    let what = match factor {
        0.1 => "a tenth of the learning rate".to_owned(),
        0.01 => "a hundredth of the learning rate".to_owned(),
        0.001 => "a thousandth of the learning rate".to_owned(),
        _ => format!("{factor} times the learning rate"),
    };
    Some(Remedy::new(what, [("learning_rate", plain(rate))]))
}

pub(super) fn planned_rate() -> Remedy {
    remedy("the learning rate that the plan chooses", [("learning_rate", AUTO)])
}

pub(super) fn relu() -> Remedy {
    remedy(
        "relu in the hidden layers, whose slope is 1 wherever it is on, with its own start (He et al. 2015)",
        [("activation", "relu"), ("initializer", AUTO)],
    )
}

pub(super) fn leaky_relu() -> Remedy {
    remedy(
        "leaky_relu in the hidden layers, whose slope is never 0 (Maas et al. 2013), with a fresh start",
        [("activation", "leaky_relu"), ("initializer", AUTO), ("weights", AUTO)],
    )
}

pub(super) fn normalise() -> Remedy {
    remedy(
        "normalise before each activation, so that units work where their slope is large (Ioffe & Szegedy 2015)",
        [("normalization", "batch"), ("initializer", AUTO), ("weights", AUTO)],
    )
}

pub(super) fn fresh_start() -> Remedy {
    remedy(
        "start each layer as its activation asks for (He or Glorot)",
        [("initializer", AUTO), ("output_initializer", AUTO), ("weights", AUTO)],
    )
}

pub(super) fn planned_network() -> Remedy {
    remedy(
        "the network that the plan chooses",
        [
            ("hidden", AUTO),
            ("activation", AUTO),
            ("initializer", AUTO),
            ("output_initializer", AUTO),
            ("normalization", AUTO),
            ("dropout", AUTO),
            ("weights", AUTO),
        ],
    )
}

pub(super) fn smaller_network() -> Remedy {
    remedy(
        "a smaller network",
        [("hidden", "16"), ("activation", AUTO), ("initializer", AUTO), ("dropout", AUTO), ("weights", AUTO)],
    )
}

/// `None` where there are no more than two hidden layers.
pub(super) fn fewer_layers(config: &Config) -> Option<Remedy> {
    let hidden = config.hidden.as_ref().filter(|hidden| hidden.len() > 2)?;
    let two = format!("{},{}", hidden[0], hidden[1]);
    Some(remedy(
        "two hidden layers: fewer factors between the cost and the first layer",
        [("hidden", &two), ("activation", AUTO), ("initializer", AUTO), ("dropout", AUTO), ("weights", AUTO)],
    ))
}

pub(super) fn clip() -> Remedy {
    remedy("limit the gradient's norm (Pascanu et al. 2013)", [("clip_norm", "1")])
}

pub(super) fn calmer_momentum() -> Remedy {
    remedy("the momentum that the plan chooses: a step then lasts some ten steps", [("momentum", AUTO)])
}

pub(super) fn planned_batch() -> Remedy {
    remedy(
        "batches of the size that the plan chooses, whose gradients vary less",
        [("batch_size", AUTO), ("momentum", AUTO), ("learning_rate", AUTO)],
    )
}

pub(super) fn adamw() -> Remedy {
    remedy(
        "adamw, which adapts each weight's step",
        [("optimizer", "adamw"), ("learning_rate", AUTO), ("momentum", AUTO), ("weight_decay", AUTO)],
    )
}

pub(super) fn planned_output() -> Remedy {
    remedy(
        "the output activation and the cost that belong to the task",
        [
            ("output_activation", AUTO),
            ("cost", AUTO),
            ("target_scaling", AUTO),
            ("label_smoothing", AUTO),
            ("output_initializer", AUTO),
        ],
    )
}

pub(super) fn scaling(how: &str) -> Remedy {
    let what = match how {
        "robust" => "scale by median and quantiles, which outliers do not move",
        "standard" => "standardise the columns",
        _ => "scale the columns as the plan chooses",
    };
    remedy(what, [("scaling", how)])
}

pub(super) fn without_penalties() -> Remedy {
    remedy(
        "no penalty on the weights, and no dropout",
        [("l1", "0"), ("l2", "0"), ("weight_decay", AUTO), ("dropout", "0"), ("input_dropout", "0")],
    )
}

pub(super) fn dropout() -> Remedy {
    remedy("drop units at random while training (Srivastava et al. 2014)", [("dropout", "0.3")])
}

pub(super) fn more_decay(config: &Config) -> Remedy {
    let decay = config.weight_decay.unwrap_or(0.0).max(0.001) * 10.0;
    Remedy::new("let weights decay ten times as fast", [("weight_decay", plain(decay))])
}

pub(super) fn ensemble() -> Remedy {
    remedy("average five networks", [("ensemble", "5")])
}

pub(super) fn balance() -> Remedy {
    remedy("weigh each class's rows inversely to their number", [("class_weight", "balanced")])
}

pub(super) fn balance_and_watch() -> Remedy {
    remedy(
        "watch a figure that the frequent class does not decide, and weigh the classes",
        [("early_stopping", "roc_auc"), ("class_weight", "balanced")],
    )
}

pub(super) fn keep_constant() -> Remedy {
    remedy("keep columns of one value, if they were left out by mistake", [("keep_constant", "true")])
}

/// All but the number of epochs: what is compared trains as long.
pub(crate) fn all_planned() -> Remedy {
    remedy(
        "network, optimizer, steps and penalties as the plan chooses",
        [
            ("hidden", AUTO),
            ("activation", AUTO),
            ("initializer", AUTO),
            ("output_initializer", AUTO),
            ("normalization", AUTO),
            ("optimizer", AUTO),
            ("learning_rate", AUTO),
            ("momentum", AUTO),
            ("batch_size", AUTO),
            ("schedule", AUTO),
            ("clip_norm", AUTO),
            ("l1", "0"),
            ("l2", "0"),
            ("weight_decay", AUTO),
            ("dropout", AUTO),
            ("input_dropout", AUTO),
            ("weights", AUTO),
        ],
    )
}

/// A number as a setting's text: three significant digits.
pub(super) fn plain(number: f64) -> String {
    let size = number.abs().log10().floor();
    if !(-4.0..=6.0).contains(&size) {
        let text = format!("{number:.2e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", digits.trim_end_matches('0').trim_end_matches('.'));
    }
    let text = format!("{number:.*}", (2.0 - size).max(0.0) as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}
