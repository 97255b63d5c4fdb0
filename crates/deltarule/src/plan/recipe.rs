//! What the plan chooses, and why.
//!
//! The numbers were tuned on adult, diamonds, digits, MNIST and small tables of 300 to 600 rows, several seeds each, by
//! the validation rows; the rule for a few rows on XOR with four hidden units, which all of 500 seeds solved (with tanh
//! or relu units one in fifty or more is stuck).

use super::{Planner, SMALLEST_SPLIT};
use crate::config::BatchSize;
use crate::task::Task;

/// The share of the rows for validation, and as much for test.
const PART: &str = "0.15";
/// Numbers that the piecewise encoding may fill, rows times columns times bins: 1 GiB in single precision.
const MOST_ENCODED: usize = 1 << 28;
/// The most inputs that the piecewise encoding may make of a row.
const WIDEST_ENCODED: usize = 4096;

pub(super) fn choose_all(planner: &mut Planner<'_>) {
    choose_split(planner);
    choose_encoding(planner);
    choose_cost(planner);
    choose_optimizer(planner);
    choose_network(planner);
    choose_steps(planner);
    choose_stopping(planner);
}

impl Planner<'_> {
    /// Whether so few rows are there that each of them is needed for training.
    fn is_tiny(&self) -> bool {
        self.facts.rows < SMALLEST_SPLIT && self.facts.validation_apart.is_none()
    }

    /// Whether each step takes the whole training set.
    fn is_full_batch(&self) -> bool {
        self.settings.batch_size == Some(BatchSize::All)
    }

    fn optimizer(&self) -> String {
        self.settings.optimizer.clone().unwrap_or_default()
    }
}

fn choose_split(planner: &mut Planner<'_>) {
    let facts = planner.facts;
    planner.choose("task", facts.task.name(), "inferred from the target");
    let rows = facts.rows;
    if rows < SMALLEST_SPLIT {
        let because = format!("{rows} rows are too few to set any apart: all of them are for training");
        planner.choose("validation", "0", because.clone());
        planner.choose("test", "0", because);
    } else {
        planner.choose("validation", PART, "decides when to stop and which epoch is kept; never trained on");
        if planner.settings.folds.is_some() {
            planner.choose("test", "0", "each fold in turn is the test set");
        } else {
            planner.choose("test", PART, "tells how well the model does on rows that had no say in it");
        }
    }
    let by_column = ["group", "time", "split_column"].into_iter().find(|key| planner.was_said(key));
    match (by_column, facts.smallest_class) {
        _ if rows < SMALLEST_SPLIT && planner.settings.folds.is_none() => {
            planner.choose("stratify", "false", "nothing is split");
        }
        (Some(key), _) => planner.choose("stratify", "false", format!("rows are split by {key}")),
        (None, Some(few @ 0..3)) => {
            planner.choose(
                "stratify",
                "false",
                format!("the rarest class has {few} rows, fewer than there are parts"),
            );
        }
        (None, _) => planner.choose("stratify", "true", "every part gets each class in the same share"),
    }
}

fn choose_encoding(planner: &mut Planner<'_>) {
    let facts = planner.facts;
    let rows = planner.training_rows();
    let columns = facts.numeric_columns.max(1);
    // √rows / 2 bins hold 2·√rows rows each: enough to say where a bin lies, few enough to learn something in each.
    let wanted = (((rows as f64).sqrt() / 2.0) as usize).clamp(4, 48);
    let affordable = (MOST_ENCODED / rows / columns).min(WIDEST_ENCODED / columns);
    let bins = wanted.min(affordable);
    let (scaling, encoding, because) = if facts.pixel_like {
        ("unit", "plain", "the features are pixels: bounded, and one range for all of them")
    } else if facts.numeric_columns == 0 {
        ("standard", "plain", "no column holds numbers")
    } else if planner.is_tiny() {
        ("standard", "plain", "too few rows for quantiles")
    } else if bins < 4 {
        ("robust", "plain", "the columns, taken apart at quantiles, would need too much memory")
    } else {
        (
            "robust",
            "piecewise",
            "quantiles do not mind outliers, and a network that can bend at them learns tables better",
        )
    };
    planner.choose("scaling", scaling, because);
    match planner.implied("numeric_encoding", encoding) {
        Some((setting, value)) => {
            planner.choose("numeric_encoding", value, format!("you said {}", setting.key));
        }
        None => planner.choose("numeric_encoding", encoding, because),
    }
    planner.choose("bins", &bins.max(2).to_string(), format!("about √rows / 2 of {rows} rows, from 4 to 48"));
    planner.choose("one_hot_limit", "50", "wider columns learn a few numbers per category instead");
    planner.choose("hash_limit", "20000", "bounds the memory that one column can take");
}

fn choose_cost(planner: &mut Planner<'_>) {
    let (natural, because) = match planner.facts.task {
        Task::Regression => ("squared_error", "a number is to be learnt: its mean"),
        Task::Binary => ("binary_cross_entropy", "one of two classes: the likelihood of what was seen"),
        Task::Multiclass => ("cross_entropy", "one of several classes: the likelihood of what was seen"),
        Task::Multilabel => ("binary_cross_entropy", "each label is yes or no for itself"),
    };
    match planner.implied("cost", natural) {
        Some((setting, cost)) => planner.choose("cost", cost, format!("you said {}", setting.key)),
        None => planner.choose("cost", natural, because),
    }
    let cost = planner.settings.cost.clone().unwrap_or_default();
    let (output, because) = match (cost.as_str(), planner.facts.task) {
        ("poisson", _) => ("exp", "rates are positive"),
        ("cross_entropy", _) => ("softmax", "the classes' probabilities sum to 1"),
        ("binary_cross_entropy", _) => ("sigmoid", "a probability"),
        (_, Task::Multiclass) => ("softmax", "the classes' probabilities sum to 1"),
        (_, Task::Binary | Task::Multilabel) => ("sigmoid", "a probability"),
        (_, Task::Regression) => ("identity", "a number without bounds"),
    };
    planner.choose("output_activation", output, because);
    if planner.facts.pixel_like && cost == "cross_entropy" {
        planner.choose("label_smoothing", "0.1", "keeps an image classifier from growing overconfident");
    } else {
        planner.choose("label_smoothing", "0", "probabilities stay honest");
    }
    if cost == "poisson" {
        planner.choose("target_scaling", "none", "counts are taken as they are");
    } else if planner.is("output_activation", "identity") {
        planner.choose("target_scaling", "standard", "so that the same learning rate does for any unit");
    } else {
        planner.choose("target_scaling", "none", "the output activation bounds what can be learnt");
    }
}

fn choose_optimizer(planner: &mut Planner<'_>) {
    let (usual, because) = if planner.is_tiny() {
        ("adam", "a few rows: steps of the same size for all weights, whatever the slope")
    } else {
        ("adamw", "adapts each weight's step, with decay that does not depend on it")
    };
    match planner.implied("optimizer", usual) {
        Some((setting, optimizer)) => {
            planner.choose("optimizer", optimizer, format!("you said {}", setting.key));
        }
        None => planner.choose("optimizer", usual, because),
    }
    choose_batch(planner);
    choose_rate(planner);
}

fn choose_batch(planner: &mut Planner<'_>) {
    let rows = planner.training_rows();
    let optimizer = planner.optimizer();
    if matches!(optimizer.as_str(), "lbfgs" | "rprop") {
        planner.choose(
            "batch_size",
            "all",
            format!("{optimizer} goes by the exact gradient of the whole set"),
        );
    } else if planner.is_tiny() {
        planner.choose("batch_size", "all", format!("{rows} rows fit one step"));
    } else {
        let batch = match rows {
            ..4_000 => "32",
            4_000..8_000 => "64",
            8_000..16_000 => "128",
            16_000..200_000 => "256",
            _ => "512",
        };
        let because = format!("small enough for many steps over {rows} rows, large enough to be fast");
        planner.choose("batch_size", batch, because);
    }
}

fn choose_rate(planner: &mut Planner<'_>) {
    let optimizer = planner.optimizer();
    let adaptive = is_adaptive(&optimizer);
    let (usual, because) = match optimizer.as_str() {
        "lbfgs" | "rprop" => ("constant", "the optimizer finds its own step sizes"),
        _ if planner.is_tiny() => ("cosine", "large steps first, ever smaller ones later"),
        _ => ("one_cycle", "a warm start, high rates early, then down to nothing"),
    };
    match planner.implied("schedule", usual) {
        Some((setting, schedule)) => {
            planner.choose("schedule", schedule, format!("you said {}", setting.key));
        }
        None => planner.choose("schedule", usual, because),
    }
    let (rate, because) = learning_rate(planner, &optimizer);
    // A constant rate must be right for the last step, too.
    let rate = if adaptive && planner.is("schedule", "constant") { rate / 3.0 } else { rate };
    planner.choose("learning_rate", &significant(rate), because);
    planner.choose("momentum", if optimizer == "rmsprop" { "0" } else { "0.9" }, "usual");
    let decay = if optimizer == "adamw" { "0.01" } else { "0" };
    planner.choose("weight_decay", decay, "the usual one of adamw, none for the others");
    planner.choose("clip_norm", "none", "the chosen rates do not need it");
    planner.choose("gamma", if planner.is("schedule", "exponential") { "0.95" } else { "0.1" }, "usual");
    let last = if planner.is("schedule", "cosine") { "0" } else { "4e-6" };
    planner.choose("final_fraction", last, "down to nothing");
    let (peak, because) = if adaptive {
        ("0.1", "steps adapted to each weight need a short rise only")
    } else {
        ("0.3", "usual")
    };
    planner.choose("peak_fraction", peak, because);
}

/// Whether an optimizer divides each weight's step by the size of its gradients.
fn is_adaptive(optimizer: &str) -> bool {
    matches!(optimizer, "adam" | "adamw" | "rmsprop")
}

fn learning_rate(planner: &Planner<'_>, optimizer: &str) -> (f64, &'static str) {
    let rows = planner.training_rows();
    let batch = match planner.settings.batch_size {
        Some(BatchSize::Rows(batch)) => batch.min(rows),
        _ => rows,
    };
    match (optimizer, planner.is_tiny()) {
        ("rprop", _) => (0.01, "each weight's first step; it finds the later ones"),
        ("gradient_descent", true) => (0.5, "a few rows allow large steps"),
        ("gradient_descent", false) => (0.1, "usual for plain descent on scaled inputs"),
        (_, true) if is_adaptive(optimizer) => (
            0.05 * (batch as f64 / rows as f64).sqrt(),
            "0.05 · √(batch / rows): a few rows allow large steps",
        ),
        (_, false) if is_adaptive(optimizer) => (
            3e-3 * (batch.min(512) as f64 / 256.0).sqrt(),
            "0.003 · √(batch / 256): smaller batches are noisier",
        ),
        (_, true) => (0.1, "a few rows allow large steps, of which momentum sums about ten"),
        (_, false) => (0.02, "momentum sums about ten steps"),
    }
}

/// Two significant digits, so that a plan reads well: 0.0010606 → 0.0011.
fn significant(number: f64) -> String {
    format!("{number:.1e}")
}

fn choose_network(planner: &mut Planner<'_>) {
    let facts = planner.facts;
    let tiny = planner.is_tiny();
    let (hidden, because) = if tiny {
        ("16", "enough bends for a few rows")
    } else if facts.pixel_like {
        ("512,256", "images have many inputs that act together")
    } else {
        ("256,128", "wide enough for tables of any size; training keeps it in check")
    };
    planner.choose("hidden", hidden, because);
    let (activation, because) = if facts.pixel_like && !tiny {
        ("relu", "fast, and keeps gradients alive")
    } else {
        ("silu", "smooth, and no unit gets stuck")
    };
    planner.choose("activation", activation, because);
    planner.choose(
        "normalization",
        "none",
        "two or three layers with matched initial weights do not need it",
    );
    let classes = facts.task.is_classification();
    let rows = planner.training_rows();
    let (dropout, because) = match () {
        () if planner.optimizer() == "lbfgs" => {
            ("0", "the line search needs the same cost at each evaluation")
        }
        () if tiny => ("0", "every unit is needed"),
        () if facts.pixel_like => ("0.2", "images overfit without"),
        () if classes => ("0.2", "keeps units from relying on each other"),
        () if rows < 10_000 => ("0.1", "keeps units from relying on each other"),
        () => ("0", "a number from this many rows needs every unit"),
    };
    planner.choose("dropout", dropout, because);
    let pixels_dropped = facts.pixel_like && !tiny && planner.optimizer() != "lbfgs";
    let (input_dropout, because) =
        if pixels_dropped { ("0.1", "no single pixel decides") } else { ("0", "each column may matter") };
    planner.choose("input_dropout", input_dropout, because);
    let activations = planner.settings.activation.clone().unwrap_or_default();
    let names: Vec<_> = activations.iter().map(|name| initializer(name)).collect();
    let names = if names.windows(2).all(|pair| pair[0] == pair[1]) {
        names[..names.len().min(1)].join(",")
    } else {
        names.join(",")
    };
    planner.choose("initializer", &names, "keeps signals the same size through this activation");
    let (output, because) = if tiny {
        ("glorot_uniform", "small random numbers tell the hidden units apart")
    } else {
        ("zeros", "training starts from an even guess; better on small tables, never worse")
    };
    planner.choose("output_initializer", output, because);
}

/// He for the ReLU family, LeCun for SELU, Glorot for the others, as
/// [`default_initializer`](crate::activation::default_initializer) says.
fn initializer(activation: &str) -> &'static str {
    match activation {
        "relu" | "leaky_relu" | "elu" | "gelu" | "silu" | "mish" => "he_normal",
        "selu" => "lecun_normal",
        _ => "glorot_uniform",
    }
}

fn choose_steps(planner: &mut Planner<'_>) {
    let rows = planner.training_rows();
    let (epochs, because) = if planner.is_tiny() {
        let epochs = if is_adaptive(&planner.optimizer()) { 1000 } else { 5000 };
        (epochs, "a few rows: an epoch takes microseconds".to_owned())
    } else if planner.is_full_batch() {
        (500, "an epoch is a single step".to_owned())
    } else {
        let batch = if let Some(BatchSize::Rows(batch)) = planner.settings.batch_size { batch } else { rows };
        let facts = planner.facts;
        let budget = if facts.task.is_classification() && !facts.pixel_like { 2000 } else { 3000 };
        let epochs = (budget as f64 * batch.min(rows) as f64 / rows as f64).round() as usize;
        (epochs.clamp(10, 60), format!("about {budget} steps, but from 10 to 60 epochs"))
    };
    planner.choose("epochs", &epochs.to_string(), because);
}

fn choose_stopping(planner: &mut Planner<'_>) {
    if !planner.validates() {
        planner.choose("early_stopping", "none", "no rows to watch");
    } else {
        let smoothed = planner.settings.label_smoothing.is_some_and(|share| share > 0.0);
        let (metric, because) = match planner.settings.cost.as_deref() {
            Some("squared_error") if !planner.facts.task.is_classification() => {
                ("rmse", "what the cost makes small")
            }
            Some("cross_entropy" | "binary_cross_entropy") if !smoothed => {
                ("log_loss", "what the cost makes small")
            }
            _ => ("cost", "what training makes small"),
        };
        planner.choose("early_stopping", metric, because);
    }
    let epochs = planner.settings.epochs.unwrap_or(1);
    let cools = ["one_cycle", "cosine"].into_iter().any(|name| planner.is("schedule", name));
    let (patience, because) = match epochs {
        ..=20 if cools => (epochs, "a short run goes on to its end; the best epoch's weights are kept"),
        _ if cools => (20, "a figure often gets better again as the rate falls"),
        _ => ((epochs / 5).clamp(5, 50), "a fifth of the epochs, from 5 to 50"),
    };
    planner.choose("patience", &patience.to_string(), because);
}
