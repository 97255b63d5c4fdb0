//! The named cases: configurations like any other.

use crate::config::Config;
use crate::error::{ErrorKind, Result, similar_names};

/// A case: its name, what it is, and the settings that make it.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// `xor`, `nielsen` …
    pub name: &'static str,
    /// What it stands for.
    pub about: &'static str,
    settings: &'static [(&'static str, &'static str)],
}

/// Settings that all cases share: plain gradient descent on rows as they lie.
const SHARED: &[(&str, &str)] = &[
    ("optimizer", "gradient_descent"),
    ("schedule", "constant"),
    ("validation", "0"),
    ("test", "0"),
    ("shuffle", "false"),
    ("early_stopping", "none"),
    ("numeric_encoding", "plain"),
    ("keep_constant", "true"),
    ("dropout", "0"),
    ("input_dropout", "0"),
    ("weight_decay", "0"),
    ("clip_norm", "none"),
    ("output_initializer", "glorot_uniform"),
    ("epochs", "1000000"),
];

/// η of a case under another optimizer than plain descent, and of any [shape](super::Shape): the customary rate of Adam.
pub const RATE_OF_OTHERS: f64 = 1e-3;

/// Every case, from the smallest network to the largest.
pub const CASES: [Case; 6] = [
    Case {
        name: "xor",
        about: "2-8-1 sigmoid, squared error, batch 4: what a step costs where there is nothing to compute",
        settings: &[
            ("data", "xor"),
            ("hidden", "8"),
            ("activation", "sigmoid"),
            ("output_activation", "sigmoid"),
            ("cost", "squared_error"),
            ("learning_rate", "0.1"),
            ("batch_size", "4"),
            ("scaling", "none"),
        ],
    },
    Case {
        name: "nielsen",
        about: "784-30-10 sigmoid, squared error, batch 10: the textbook's network on MNIST",
        settings: &[
            ("data", "mnist"),
            ("hidden", "30"),
            ("activation", "sigmoid"),
            ("output_activation", "sigmoid"),
            ("cost", "squared_error"),
            ("learning_rate", "0.1"),
            ("batch_size", "10"),
            ("scaling", "unit"),
        ],
    },
    Case {
        name: "tabular",
        about: "16-64-64-1 relu, squared error, batch 64: a regression on a table of numbers",
        settings: &[
            ("data", "friedman"),
            ("hidden", "64,64"),
            ("activation", "relu"),
            ("output_activation", "identity"),
            ("cost", "squared_error"),
            ("learning_rate", "0.01"),
            ("batch_size", "64"),
            ("scaling", "standard"),
        ],
    },
    Case {
        name: "mnist-small",
        about: "784-128-10 relu, cross-entropy, batch 64",
        settings: &[
            ("data", "mnist"),
            ("hidden", "128"),
            ("activation", "relu"),
            ("cost", "cross_entropy"),
            ("label_smoothing", "0"),
            ("learning_rate", "0.1"),
            ("batch_size", "64"),
            ("scaling", "unit"),
        ],
    },
    Case {
        name: "mnist-large",
        about: "784-512-512-10 relu, cross-entropy, batch 128",
        settings: &[
            ("data", "mnist"),
            ("hidden", "512,512"),
            ("activation", "relu"),
            ("cost", "cross_entropy"),
            ("label_smoothing", "0"),
            ("learning_rate", "0.1"),
            ("batch_size", "128"),
            ("scaling", "unit"),
        ],
    },
    Case {
        name: "ciresan",
        about: "784-2500-2000-1500-1000-500-10 relu, cross-entropy, batch 128 (Cireşan et al. 2010)",
        settings: &[
            ("data", "mnist"),
            ("hidden", "2500,2000,1500,1000,500"),
            ("activation", "relu"),
            ("cost", "cross_entropy"),
            ("label_smoothing", "0"),
            ("learning_rate", "0.1"),
            ("batch_size", "128"),
            ("scaling", "unit"),
        ],
    },
];

impl Case {
    /// The case of that name.
    ///
    /// # Errors
    /// [`ErrorKind::BadSetting`] with the names there are.
    pub fn named(name: &str) -> Result<&'static Self> {
        CASES.iter().find(|case| case.name == name).ok_or_else(|| {
            let known = CASES.map(|case| case.name.to_owned());
            let close = similar_names(name, &known);
            ErrorKind::BadSetting {
                setting: "case".into(),
                got: format!("{name:?}"),
                expected: format!("one of {}", known.join(", ")),
                next: if close.is_empty() { String::new() } else { format!("close: {}", close.join(", ")) },
            }
            .into()
        })
    }

    /// Its configuration, as `train --config` takes it; with another optimizer than plain descent where one is named,
    /// and then at [`RATE_OF_OTHERS`].
    ///
    /// # Errors
    /// [`ErrorKind::BadSetting`] where there is no such optimizer, or it takes no steps by batch: `lbfgs`.
    pub fn config(&self, optimizer: Option<&str>) -> Result<Config> {
        let mut config = Config::default();
        for (key, value) in SHARED.iter().chain(self.settings) {
            config.set(key, value)?;
        }
        if let Some(name) = optimizer.filter(|&name| name != "gradient_descent") {
            super::optimizer(name)?;
            config.set("optimizer", name)?;
            config.set("learning_rate", &RATE_OF_OTHERS.to_string())?;
        }
        Ok(config)
    }
}
