//! Networks of any shape on random rows: what a step costs as the work grows, and where its numbers are tiny.

use deltarule_kernels::Activation;

use super::{RATE_OF_OTHERS, Work, optimizer};
use crate::activation;
use crate::dataset::{Dataset, Targets};
use crate::error::{ErrorKind, Result};
use crate::init::standard_normal;
use crate::loss::{Cost, Loss};
use crate::network::NetworkSpec;
use crate::random::{Purpose, stream};
use crate::trainer::TrainerSettings;

/// A network's shape and all else that its steps depend on. Inputs are standard normal numbers, targets standard normal
/// numbers or, under cross-entropy, random classes: what a step costs does not depend on whether there is something to
/// learn.
///
/// ```
/// use deltarule::bench::{Length, Shape, Work};
/// let shape = Shape { layers: vec![3, 7, 2], batch_size: 4, ..Shape::default() };
/// let work = Work::of_shape(&shape)?;
/// let measured = work.measure(1, Length::Steps(10))?;
/// assert_eq!((measured.case.as_str(), measured.steps), ("3-7-2", 10));
/// // 2·4·(3·7·2 + 7·2·3) = 672 multiplications and additions in the products of a step.
/// assert_eq!(measured.operations, 672.0);
/// # Ok::<(), deltarule::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// Inputs, then the units of each layer, outputs last.
    pub layers: Vec<usize>,
    /// Rows in a batch.
    pub batch_size: usize,
    /// Batches that the data consist of; they are gone through over and over.
    pub batches: usize,
    /// Of the hidden layers.
    pub activation: String,
    /// Of the last layer; `None` for what goes with the cost: identity or softmax.
    pub output_activation: Option<String>,
    /// `squared_error` or `cross_entropy`.
    pub cost: String,
    /// The update rule's name.
    pub optimizer: String,
    /// η.
    pub learning_rate: f64,
    /// Decoupled weight decay: each step also takes η·λ·w from w.
    pub weight_decay: f64,
    /// What the start weights are multiplied by: with 1e-20, activations and gradients of the second layer are products
    /// of two such numbers, too small for a normal f32.
    pub start_scale: f64,
    /// Of data and start weights.
    pub seed: u64,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            layers: vec![64, 64, 64, 64],
            batch_size: 64,
            batches: 4,
            activation: "relu".into(),
            output_activation: None,
            cost: Cost::SquaredError.name().into(),
            optimizer: "gradient_descent".into(),
            learning_rate: RATE_OF_OTHERS,
            weight_decay: 0.0,
            start_scale: 1.0,
            seed: 0,
        }
    }
}

impl Shape {
    /// `64-64-64-64`.
    #[must_use]
    pub fn name(&self) -> String {
        let sizes: Vec<String> = self.layers.iter().map(usize::to_string).collect();
        sizes.join("-")
    }

    fn check(&self) -> Result<()> {
        let sizes = [self.batch_size, self.batches];
        if self.layers.len() < 2 || self.layers.contains(&0) {
            return Err(refused(
                "layers",
                &self.name(),
                "inputs and the units of one or more layers, each 1 or more",
            ));
        }
        if sizes.contains(&0) {
            return Err(refused("batch_size", &format!("{sizes:?}"), "1 or more rows and batches"));
        }
        // Data and parameters each below 2³² numbers: within the memory that machines have, and no product overflows.
        let numbers = |rows: usize, width: usize| rows.checked_mul(width).filter(|&n| n < 1 << 32);
        let rows = self.batch_size.checked_mul(self.batches);
        let data =
            rows.and_then(|rows| numbers(rows, self.layers[0].max(self.layers[self.layers.len() - 1])));
        let parameters = self.layers.windows(2).try_fold(0_usize, |sum, pair| {
            sum.checked_add(numbers(pair[0], pair[1])?).filter(|&n| n < 1 << 32)
        });
        if data.is_none() || parameters.is_none() {
            return Err(refused("layers", &self.name(), "fewer than 2^32 parameters and numbers of data"));
        }
        Ok(())
    }

    fn activation(&self, name: &str) -> Result<Activation> {
        activation::from_name(name).ok_or_else(|| refused("activation", name, "an activation's name"))
    }
}

impl Work {
    /// The steps of a network of that shape.
    ///
    /// # Errors
    /// [`ErrorKind::BadSetting`] for a name that is none, a shape without layers or of more than 2³² parameters;
    /// [`ErrorKind::Conflict`] where cost and output do not go together.
    pub fn of_shape(shape: &Shape) -> Result<Self> {
        shape.check()?;
        let cost = match shape.cost.as_str() {
            "squared_error" => Cost::SquaredError,
            "cross_entropy" => Cost::CrossEntropy,
            other => return Err(refused("cost", other, "squared_error or cross_entropy")),
        };
        let output = match &shape.output_activation {
            Some(name) => shape.activation(name)?,
            None if cost == Cost::CrossEntropy => Activation::Softmax,
            None => Activation::Identity,
        };
        let (inputs, units) = (shape.layers[0], &shape.layers[1..]);
        if cost == Cost::CrossEntropy && units[units.len() - 1] < 2 {
            return Err(refused("layers", &shape.name(), "two or more outputs under cross-entropy"));
        }
        let hidden = shape.activation(&shape.activation)?;
        let mut spec = NetworkSpec::new(inputs);
        for (index, &units_here) in units.iter().enumerate() {
            spec = spec.dense(units_here, if index + 1 == units.len() { output } else { hidden });
        }
        let mut network = spec.build::<f32>(shape.seed)?;
        network.params_mut().iter_mut().for_each(|w| *w = (f64::from(*w) * shape.start_scale) as f32);
        let loss = Loss::new(cost, output, 0.0)?;
        let (rate, batch) = (shape.learning_rate, shape.batch_size);
        let mut settings = TrainerSettings::new(loss, optimizer(&shape.optimizer)?, rate, batch, 1);
        settings.regularization.weight_decay = shape.weight_decay;
        settings.shuffle = false;
        let about = format!("{} {}, {}, batch {batch}", shape.name(), shape.activation, shape.cost);
        Ok(Self {
            name: shape.name(),
            about,
            data: rows(shape, cost, units[units.len() - 1]),
            network,
            settings,
        })
    }
}

fn rows(shape: &Shape, cost: Cost, outputs: usize) -> Dataset<f32> {
    use rand::RngExt;
    let rows = shape.batch_size * shape.batches;
    let mut rng = stream(shape.seed, Purpose::Data, 0);
    let x: Vec<f32> = (0..rows * shape.layers[0]).map(|_| standard_normal(&mut rng) as f32).collect();
    let targets = if cost == Cost::CrossEntropy {
        Targets::Classes {
            classes: outputs,
            codes: (0..rows).map(|_| rng.random_range(0..outputs as u32)).collect(),
        }
    } else {
        Targets::Values {
            outputs,
            values: (0..rows * outputs).map(|_| standard_normal(&mut rng) as f32).collect(),
        }
    };
    Dataset::from_dense(shape.layers[0], x, targets)
}

fn refused(setting: &str, got: &str, expected: &str) -> crate::Error {
    ErrorKind::BadSetting {
        setting: setting.into(),
        got: format!("{got:?}"),
        expected: expected.into(),
        next: String::new(),
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Length;

    fn shape(layers: &[usize]) -> Shape {
        Shape { layers: layers.to_vec(), batch_size: 5, ..Shape::default() }
    }

    #[test]
    fn every_word_of_a_shape_is_checked() {
        let refused = |shape: Shape, expected: &str| {
            let error = Work::of_shape(&shape).expect_err("refused").to_string();
            assert!(error.contains(expected), "{error}");
        };
        refused(shape(&[3]), "inputs and the units");
        refused(shape(&[3, 0, 2]), "inputs and the units");
        refused(Shape { batch_size: 0, ..shape(&[3, 2]) }, "1 or more rows");
        refused(shape(&[1 << 20, 1 << 20, 2]), "fewer than 2^32");
        refused(Shape { batches: usize::MAX, ..shape(&[3, 2]) }, "fewer than 2^32");
        refused(Shape { activation: "wave".into(), ..shape(&[3, 4, 2]) }, "activation: got \"wave\"");
        refused(Shape { cost: "poisson".into(), ..shape(&[3, 4, 2]) }, "squared_error or cross_entropy");
        refused(Shape { cost: "cross_entropy".into(), ..shape(&[3, 1]) }, "two or more outputs");
        refused(Shape { optimizer: "lbfgs".into(), ..shape(&[3, 4, 2]) }, "optimizer: got \"lbfgs\"");
        let cost = "cross_entropy".into();
        let entropy_of_relu = Shape { cost, output_activation: Some("relu".into()), ..shape(&[3, 4, 2]) };
        assert!(Work::of_shape(&entropy_of_relu).is_err());
    }

    #[test]
    fn a_shape_trains_the_same_on_any_number_of_threads() {
        for optimizer in ["gradient_descent", "adam"] {
            let shape =
                Shape { optimizer: optimizer.into(), cost: "cross_entropy".into(), ..shape(&[9, 33, 17, 4]) };
            let work = Work::of_shape(&shape).unwrap();
            let [one, two] = [1, 2].map(|threads| work.measure(threads, Length::Steps(20)).unwrap());
            assert_eq!(one.digest, two.digest);
            assert!(one.loss.is_finite());
        }
    }

    #[test]
    fn weights_begin_at_their_scale() {
        let largest = |scale: f64| {
            let work = Work::of_shape(&Shape { start_scale: scale, ..shape(&[4, 6, 2]) }).unwrap();
            work.network.params().iter().fold(0.0, |largest: f64, &w| largest.max(f64::from(w.abs())))
        };
        let ratio = largest(1e-20) / largest(1.0) / 1e-20;
        assert!((ratio - 1.0).abs() < 1e-6, "{ratio}");
    }
}
