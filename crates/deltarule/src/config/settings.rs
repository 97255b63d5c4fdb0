//! The settings, each defined once.
//!
//! The macro makes three things of each entry: its [`Setting`] in [`SETTINGS`], its field in [`Config`], and the way
//! between the field and a [`Value`].

use std::collections::BTreeMap;

use super::kind::{Bound, Kind};
use super::setting::{Scope, Section, Setting, Unset};
use super::value::{BatchSize, ClassWeight, Field, Limit, Part, Value, Warmup};

use Bound::{Excluding, Including, Open};
use Kind::{Choice, Either, Flag, Integer, List, Number, Pairs, Path, Text};
use Unset::{Fixed, Nothing, Planned};

const POSITIVE: Kind = Number(Excluding(0.0), Open);
const NOT_NEGATIVE: Kind = Number(Including(0.0), Open);
/// From 0 up to, but without, 1: a momentum, a dropout, a share.
const BELOW_ONE: Kind = Number(Including(0.0), Excluding(1.0));
const WITHIN_ONE: Kind = Number(Excluding(0.0), Excluding(1.0));
const COUNT: Kind = Integer(1, i64::MAX);
const COUNT_OF_EPOCHS: Kind = Integer(1, 1_000_000_000);
const WITHIN_ONE_CLOSED: Kind = Number(Including(0.0), Including(1.0));
const BOUND_OR_NONE: Kind = Either(&[Choice(&["none"]), POSITIVE]);
const ROWS_FROM: Kind = Either(&[BELOW_ONE, Path]);

/// The names of the activations of hidden layers.
pub const ACTIVATIONS: &[&str] =
    &["identity", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "softplus"];

/// The names of the activations of the output layer.
const OUTPUT_ACTIVATIONS: &[&str] = &[
    "identity",
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "mish",
    "softplus",
    "exp",
    "softmax",
];

const INITIALIZERS: &[&str] = &[
    "zeros",
    "uniform",
    "normal",
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "lecun_uniform",
    "lecun_normal",
    "orthogonal",
];

/// The figures that early stopping can watch, or `none`.
const WATCHED: &[&str] = &["none", "cost", "accuracy", "log_loss", "roc_auc", "f1", "rmse", "mae", "r2"];

/// The widest layer that can be asked for: a guard against a slip of the keyboard; what fits is told by the memory plan.
const WIDEST: i64 = 1_000_000;

macro_rules! settings {
    ($($section:ident { $(
        $(#[doc = $help:literal])+
        $key:ident: $type:ty = $kind:expr, $value_name:literal, $unset:expr, $scope:ident, $example:literal
            $(, only with $other:ident [$($value:literal),+])?;
    )* })*) => {
        /// Every setting, section by section, in the order of help and documentation.
        pub const SETTINGS: &[Setting] = &[$($(
            Setting {
                key: stringify!($key),
                section: Section::$section,
                kind: $kind,
                value_name: $value_name,
                unset: $unset,
                scope: Scope::$scope,
                only_with: settings!(@only_with $($other [$($value),+])?),
                example: $example,
                help: concat!($($help),+),
            },
        )*)*];

        /// What a person said: every setting once, `None` where nothing was said and the plan chooses.
        ///
        /// Fields set by hand are checked by [`Config::check`]; [`plan`](crate::plan::plan) does so first.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Config {
            $($(
                $(#[doc = $help])+
                pub $key: Option<$type>,
            )*)*
        }

        impl Config {
            /// The value of a setting, `None` where it is unset (or there is none of that name).
            #[must_use]
            pub fn value(&self, key: &str) -> Option<Value> {
                match key {
                    $($( stringify!($key) => self.$key.as_ref().map(Field::to_value), )*)*
                    _ => None,
                }
            }

            /// Puts a checked value into its field, `None` to unset it; false where the forms disagree.
            pub(super) fn put(&mut self, key: &str, value: Option<Value>) -> bool {
                match key {
                    $($( stringify!($key) => {
                        let filled = value.is_some();
                        self.$key = value.and_then(Field::from_value);
                        self.$key.is_some() == filled
                    } )*)*
                    _ => false,
                }
            }
        }
    };
    (@only_with) => { None };
    (@only_with $other:ident [$($value:literal),+]) => { Some((stringify!($other), &[$($value),+])) };
}

settings! {
    Data {
        /// The table: a path (CSV, TSV, Parquet, npy, a folder of IDX files), a bundled data set's name, or - for CSV
        /// on standard input.
        data: String = Path, "DATA", Nothing("the bundled digits"), FileName, "sales.csv";
        /// The column to be learnt; several for multi-output regression or multi-label classification.
        target: Vec<String> = List(&Text), "COLUMN,…", Nothing("the data set's own target column"), Recorded, "price";
        /// What kind of target it is; by itself it is inferred from the target column.
        task: String = Choice(&["regression", "binary", "multiclass", "multilabel"]), "TASK", Planned, Recorded, "binary";
        /// The table's format; by itself it is recognised by content, then by name.
        format: String = Choice(&["csv", "parquet", "npy", "idx"]), "FORMAT", Nothing("recognised"), Recorded, "csv";
        /// Whether a CSV file's first line holds the columns' names.
        header: bool = Flag, "BOOL", Nothing("true unless the first line holds a number"), Recorded, "false";
        /// What separates a CSV file's cells.
        delimiter: String = Choice(&["comma", "tab", "semicolon", "bar", "space", "colon"]), "DELIMITER",
            Nothing("recognised"), Recorded, "semicolon";
        /// The types of columns that are to be read otherwise than inferred.
        types: BTreeMap<String, String> = Pairs(&Choice(&["number", "category", "boolean", "datetime", "text"])),
            "COLUMN=TYPE,…", Nothing("inferred"), Recorded, "zip=category,sold=datetime";
        /// Cells that mean "missing", besides the usual ones (empty, NA, NaN, null, None, ?).
        missing: Vec<String> = List(&Text), "TEXT,…", Nothing("the usual ones"), Recorded, "-999,unknown";
        /// Columns of whole numbers that are to be taken as categories.
        categorical: Vec<String> = List(&Text), "COLUMN,…", Nothing("text and boolean columns"), Recorded, "zip,month";
        /// Columns to be left out.
        ignore: Vec<String> = List(&Text), "COLUMN,…", Nothing("none"), Recorded, "id,name";
        /// The column that holds the rows' weights: numbers of at least 0.
        weight: String = Text, "COLUMN", Nothing("every row weighs 1"), Recorded, "weight";
        /// The parts into which date and time columns are taken apart; none to have such columns refused.
        datetime_parts: Vec<String> =
            List(&Choice(&["year", "month", "day", "weekday", "hour", "minute", "day_of_year", "elapsed"])), "PART,…",
            Fixed("year,month,weekday,hour"), Recorded, "year,month,weekday";
        /// How many rows a bundled generator makes.
        rows: usize = Integer(1, 1_000_000_000), "N", Nothing("the generator's own"), Recorded, "2000";
        /// The standard deviation of the noise that a bundled generator adds.
        noise: f64 = NOT_NEGATIVE, "SIGMA", Nothing("the generator's own"), Recorded, "0.1";
    }
    Split {
        /// The validation rows: a share of all rows (0 for none), or another file.
        validation: Part = ROWS_FROM, "SHARE|FILE", Planned, FileName, "0.2";
        /// The test rows: a share of all rows (0 for none), or another file.
        test: Part = ROWS_FROM, "SHARE|FILE", Planned, FileName, "test.csv";
        /// The column that says for each row whether it is for train, validation or test.
        split_column: String = Text, "COLUMN", Nothing("rows are drawn"), Recorded, "part";
        /// The column whose equal values must stay together in one part (or fold).
        group: String = Text, "COLUMN", Nothing("rows are independent"), Recorded, "customer";
        /// The column by which earlier rows go to training and later ones to validation and test.
        time: String = Text, "COLUMN", Nothing("rows have no order"), Recorded, "sold";
        /// Whether every part gets each class in the same share.
        stratify: bool = Flag, "BOOL", Planned, Recorded, "true";
        /// Cross-validation over so many folds, then a final model on all rows.
        folds: usize = Integer(2, 1000), "K", Nothing("no cross-validation"), Recorded, "5";
        /// Train so many networks that differ in their seed, and average their predictions.
        ensemble: usize = Integer(1, 1000), "N", Fixed("1"), Recorded, "5";
    }
    Encoding {
        /// Whether columns are kept that say nothing, having one value in all training rows or the same as another.
        keep_constant: bool = Flag, "BOOL", Fixed("false"), Recorded, "true";
        /// How numbers are scaled: by mean and standard deviation, by median and quantiles with smooth clipping, to
        /// shares of the largest value in the whole table (pixels), or not.
        scaling: String = Choice(&["standard", "robust", "unit", "none"]), "SCALING", Planned, Recorded, "robust";
        /// How a number enters the network: as it is, or also as its place among the training values' quantiles
        /// (piecewise linear encoding, Gorishniy et al. 2022).
        numeric_encoding: String = Choice(&["plain", "piecewise"]), "ENCODING", Planned, Recorded, "piecewise";
        /// The most pieces for one column.
        bins: usize = Integer(2, 1024), "N", Planned, Recorded, "48", only with numeric_encoding ["piecewise"];
        /// The most categories of a column that are entered one-hot; above, a table of learnt numbers is used.
        one_hot_limit: usize = Integer(0, 1_000_000), "N", Planned, Recorded, "64";
        /// The most categories of a column that get a row of their own in the table; above, they are hashed.
        hash_limit: usize = Integer(2, 100_000_000), "N", Planned, Recorded, "100000";
        /// What is done to a number to be learnt: standardised, its logarithm standardised, or nothing.
        target_scaling: String = Choice(&["standard", "log", "none"]), "SCALING", Planned, Recorded, "log";
    }
    Network {
        /// The widths of the hidden layers; none for a network without.
        hidden: Vec<usize> = List(&Integer(1, WIDEST)), "WIDTH,…", Planned, Recorded, "256,128";
        /// The hidden layers' activation, or one for each.
        activation: Vec<String> = List(&Choice(ACTIVATIONS)), "NAME,…", Planned, Recorded, "relu";
        /// The output layer's activation; by itself it follows the cost.
        output_activation: String = Choice(OUTPUT_ACTIVATIONS), "NAME", Planned, Recorded, "sigmoid";
        /// Normalisation before each hidden activation: over the batch (Ioffe & Szegedy 2015), over the layer (Ba et
        /// al. 2016), or none.
        normalization: String = Choice(&["none", "batch", "layer"]), "NAME", Planned, Recorded, "batch";
        /// The share of each hidden layer's outputs that is dropped in training (Srivastava et al. 2014), or one share
        /// for each layer.
        dropout: Vec<f64> = List(&BELOW_ONE), "SHARE,…", Planned, Recorded, "0.2";
        /// The share of the inputs that is dropped in training.
        input_dropout: f64 = BELOW_ONE, "SHARE", Planned, Recorded, "0.1";
        /// How the hidden layers' weights start, or one way for each; by itself it follows each layer's activation (He for the ReLU family, Glorot else).
        initializer: Vec<String> = List(&Choice(INITIALIZERS)), "NAME,…", Planned, Recorded, "he_normal";
        /// How the output layer's weights start.
        output_initializer: String = Choice(INITIALIZERS), "NAME", Planned, Recorded, "zeros";
    }
    Cost {
        /// What training makes small.
        cost: String = Choice(&["squared_error", "absolute", "huber", "pinball", "poisson", "binary_cross_entropy",
            "cross_entropy", "focal"]), "COST", Planned, Recorded, "squared_error";
        /// Where Huber's cost turns from square to straight, in units of the scaled target.
        huber_delta: f64 = POSITIVE, "DELTA", Fixed("1"), Recorded, "1.5", only with cost ["huber"];
        /// The quantile that pinball cost learns.
        quantile: f64 = WITHIN_ONE, "Q", Fixed("0.5"), Recorded, "0.9", only with cost ["pinball"];
        /// How much less rows that are classed well already weigh in focal cost (Lin et al. 2017); 0 is the cross-entropy.
        focal_gamma: f64 = NOT_NEGATIVE, "GAMMA", Fixed("2"), Recorded, "1.5", only with cost ["focal"];
        /// How much of each target class's probability is spread evenly over all classes (Szegedy et al. 2016).
        label_smoothing: f64 = BELOW_ONE, "SHARE", Planned, Recorded, "0.1",
            only with cost ["cross_entropy", "binary_cross_entropy"];
        /// What a row weighs on account of its class: the same for all, inversely to its class's number of rows, or by
        /// name.
        class_weight: ClassWeight = Either(&[Choice(&["none", "balanced"]), Pairs(&POSITIVE)]), "none|balanced|CLASS=W,…",
            Fixed("none"), Recorded, "balanced";
    }
    Optimizer {
        /// The update rule.
        optimizer: String = Choice(&["gradient_descent", "momentum", "nesterov", "rmsprop", "adam", "adamw", "rprop",
            "lbfgs"]), "NAME", Planned, Recorded, "adam";
        /// η, the size of a step: the schedule's highest; of rprop, the first step's.
        learning_rate: f64 = POSITIVE, "RATE", Planned, Recorded, "0.001",
            only with optimizer ["adamw", "adam", "gradient_descent", "momentum", "nesterov", "rmsprop", "rprop"];
        /// How much of the last step is kept.
        momentum: f64 = BELOW_ONE, "SHARE", Planned, Recorded, "0.95",
            only with optimizer ["momentum", "nesterov", "rmsprop"];
        /// How much of the running mean of squared gradients is kept.
        rho: f64 = BELOW_ONE, "SHARE", Fixed("0.9"), Recorded, "0.99", only with optimizer ["rmsprop"];
        /// How much of the running mean of gradients is kept.
        beta1: f64 = BELOW_ONE, "SHARE", Fixed("0.9"), Recorded, "0.8", only with optimizer ["adamw", "adam"];
        /// How much of the running mean of squared gradients is kept.
        beta2: f64 = BELOW_ONE, "SHARE", Fixed("0.999"), Recorded, "0.99", only with optimizer ["adamw", "adam"];
        /// What keeps the division by a root of squared gradients finite.
        epsilon: f64 = POSITIVE, "EPSILON", Fixed("1e-8"), Recorded, "1e-7",
            only with optimizer ["adamw", "adam", "rmsprop"];
        /// How many past steps L-BFGS models the curvature from.
        lbfgs_history: usize = Integer(1, 1000), "N", Fixed("10"), Recorded, "20", only with optimizer ["lbfgs"];
        /// L-BFGS ends where no element of the gradient is above this, or above what is 0 in its precision.
        lbfgs_tolerance: f64 = NOT_NEGATIVE, "TOLERANCE", Fixed("0"), Recorded, "1e-5",
            only with optimizer ["lbfgs"];
        /// λ of the penalty λ·Σ|w| on weights.
        l1: f64 = NOT_NEGATIVE, "LAMBDA", Fixed("0"), Recorded, "1e-5";
        /// λ of the penalty ½·λ·Σw² on weights.
        l2: f64 = NOT_NEGATIVE, "LAMBDA", Fixed("0"), Recorded, "1e-4";
        /// Decoupled weight decay (Loshchilov & Hutter 2019): each step also takes η·λ·w from w.
        weight_decay: f64 = NOT_NEGATIVE, "LAMBDA", Planned, Recorded, "0.01",
            only with optimizer ["adamw", "adam", "gradient_descent", "momentum", "nesterov", "rmsprop"];
        /// The longest that a unit's vector of incoming weights may be.
        max_norm: Limit = BOUND_OR_NONE, "NORM|none", Fixed("none"), Recorded, "3";
        /// The longest that the whole gradient may be; longer ones are shortened.
        clip_norm: Limit = BOUND_OR_NONE, "NORM|none", Planned, Recorded, "1";
        /// The largest that a gradient's component may be; larger ones are cut.
        clip_value: Limit = BOUND_OR_NONE, "VALUE|none", Fixed("none"), Recorded, "0.5";
    }
    Schedule {
        /// How the learning rate changes.
        schedule: String = Choice(&["constant", "step", "exponential", "inverse_scaling", "cosine", "one_cycle",
            "reduce_on_plateau"]), "NAME", Planned, Recorded, "cosine";
        /// The rising start of the learning rate: a share of all steps (0.05), or a number of steps (100).
        warmup: Warmup = Either(&[Integer(0, i64::MAX), BELOW_ONE]), "SHARE|STEPS", Fixed("0"), Recorded, "0.05";
        /// Epochs between two falls.
        step_epochs: u64 = COUNT_OF_EPOCHS, "N", Fixed("30"), Recorded, "10", only with schedule ["step"];
        /// The factor of each fall (step, reduce_on_plateau) or of each epoch (exponential).
        gamma: f64 = WITHIN_ONE, "FACTOR", Planned, Recorded, "0.5",
            only with schedule ["exponential", "step", "reduce_on_plateau"];
        /// The power p of η / (1 + epochs done)ᵖ.
        power: f64 = POSITIVE, "POWER", Fixed("0.5"), Recorded, "0.25", only with schedule ["inverse_scaling"];
        /// The last learning rate as a share of the highest.
        final_fraction: f64 = WITHIN_ONE_CLOSED, "SHARE", Planned, Recorded, "0.01",
            only with schedule ["cosine", "one_cycle"];
        /// The share of the steps over which the rate rises.
        peak_fraction: f64 = BELOW_ONE, "SHARE", Planned, Recorded, "0.25", only with schedule ["one_cycle"];
        /// Epochs without a better figure before the rate falls.
        plateau_patience: u64 = COUNT_OF_EPOCHS, "N", Fixed("10"), Recorded, "3",
            only with schedule ["reduce_on_plateau"];
    }
    Training {
        /// Rows per step: 1 updates after each row, all once per epoch.
        batch_size: BatchSize = Either(&[Integer(1, 1_000_000_000), Choice(&["all"])]), "ROWS|all", Planned, Recorded,
            "64";
        /// How often each training row is used, at most.
        epochs: u64 = COUNT_OF_EPOCHS, "N", Planned, Recorded, "50";
        /// Ends training after so many steps, if the epochs have not done so before.
        steps: u64 = COUNT, "N", Nothing("no bound"), Recorded, "10000";
        /// Whether the rows are put in a new order before each epoch.
        shuffle: bool = Flag, "BOOL", Fixed("true"), Recorded, "false";
        /// The figure on the validation rows that decides when to stop and which epoch's weights are kept.
        early_stopping: String = Choice(WATCHED), "METRIC", Planned, Recorded, "log_loss";
        /// Epochs without a better figure before training stops.
        patience: u64 = COUNT_OF_EPOCHS, "N", Planned, Recorded, "20";
        /// By how much a figure must be better to count as better.
        min_delta: f64 = NOT_NEGATIVE, "DELTA", Fixed("0"), Recorded, "0.001";
        /// The numbers that training computes with: 32 or 64 bits.
        precision: String = Choice(&["f32", "f64"]), "PRECISION", Fixed("f32"), Recorded, "f64";
        /// What all random numbers are drawn from; the same seed gives the same bits.
        seed: u64 = Integer(0, i64::MAX), "N", Fixed("0"), Recorded, "7";
        /// A model file whose weights training starts from.
        weights: String = Path, "FILE", Nothing("drawn by the initializer"), FileName, "first.safetensors";
    }
    Run {
        /// Threads; the outcome is the same with any number.
        threads: usize = Integer(1, 1024), "N", Nothing("one for each core"), RunOnly, "2";
        /// The run's name, or a path of the folder for its files.
        run: String = Path, "NAME|DIR", Nothing("named by data and time"), RunOnly, "runs/first";
        /// Go on from the run's last checkpoint.
        resume: bool = Flag, "BOOL", Fixed("false"), RunOnly, "true";
        /// Whether a step in many is looked at, layer by layer: what the findings go by. The weights are the same.
        telemetry: bool = Flag, "BOOL", Nothing("true"), RunOnly, "false";
        /// Epochs between two checkpoints.
        checkpoint_epochs: u64 = COUNT_OF_EPOCHS, "N", Nothing("once in half a minute"), RunOnly, "1";
    }
}
