//! Why deep networks of sigmoids hardly learn, and those of ReLUs do: 784-30-30-30-30-10 on MNIST.
//!
//! δ_l = (δ_{l+1}·wᵀ) ⊙ f'(z_l): each layer on the way back multiplies by its weights and by f'. A sigmoid's f' is at
//! most ¼, and Glorot's weights keep the length of a vector about as it is, so δ shrinks to a quarter or less at every
//! layer (Hochreiter 1991; Bengio, Simard & Frasconi 1994; Glorot & Bengio 2010; Nielsen 2015, ch. 5). A ReLU's f' is 1
//! for about half of the units, and He's weights, N(0, 2/fan_in), make up for the other half (He et al. 2015).
//!
//! What follows from it: while the ReLUs learn from the first batch on, the first layers of sigmoids hardly move through
//! the whole first epoch, and the output meanwhile learns nothing from what they pass on but how frequent each digit is.
//!
//! Run it with `cargo run --release --example vanishing_gradient` (it reads `datasets/mnist` of the repository).

use std::path::{Path, PathBuf};

use deltarule::control::Unattended;
use deltarule::dataset::{Dataset, Targets};
use deltarule::event::{Figures, Silent};
use deltarule::layer::{Pass, TensorKind};
use deltarule::loss::{Cost, Loss};
use deltarule::network::{Network, NetworkSpec};
use deltarule::optimizer::OptimizerSpec;
use deltarule::table::{self, ReadOptions, Table};
use deltarule::trainer::{Trainer, TrainerSettings, Validation};
use deltarule::{Activation, Pool, Result};

const HIDDEN_LAYERS: usize = 4;
const EPOCHS: u64 = 3;
const LEARNING_RATE: f64 = 0.1;

fn mnist_folder() -> PathBuf {
    let candidates =
        [Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/mnist"), PathBuf::from("datasets/mnist")];
    candidates.into_iter().find(|folder| folder.is_dir()).unwrap_or_else(|| {
        eprintln!(
            "This example needs datasets/mnist of deltarule's repository: run it from a checkout of it."
        );
        std::process::exit(2)
    })
}

/// Rows of the table as pixels from 0 to 1 and the digit.
fn encode(table: &Table, rows: std::ops::Range<usize>) -> Result<Dataset<f32>> {
    let label = table.position("label")?;
    let pixels: Vec<usize> = (0..table.columns().len()).filter(|&column| column != label).collect();
    let (mut x, mut codes) = (Vec::with_capacity(rows.len() * pixels.len()), Vec::with_capacity(rows.len()));
    for row in rows {
        x.extend(pixels.iter().map(|&column| table.number_at(row, column) as f32 / 255.0));
        let digit = table.columns()[label].word(row).and_then(|word| word.parse::<u32>().ok());
        codes.push(digit.expect("every image of MNIST has a digit"));
    }
    Ok(Dataset::from_dense(pixels.len(), x, Targets::Classes { classes: 10, codes }))
}

/// The root mean square over the rows of each layer's ‖δ_l‖, in the workspace of the last backward pass.
fn delta_norms(trainer: &Trainer<'_, f32>, rows: usize) -> Vec<f64> {
    let layers = trainer.network().layers().iter().zip(&trainer.workspace().kept);
    let squares = |delta: &[f32]| delta.iter().map(|&d| f64::from(d).powi(2)).sum::<f64>();
    layers.map(|(layer, kept)| (squares(&kept.delta[..rows * layer.units()]) / rows as f64).sqrt()).collect()
}

/// ‖w − w₀‖ / ‖w₀‖ of each layer's weights.
fn movement(network: &Network<f32>, before: &[f32]) -> Vec<f64> {
    let weights = network.tensors().iter().filter(|tensor| tensor.kind == TensorKind::Weight);
    let relative = |range: std::ops::Range<usize>| {
        let (now, then) = (&network.params()[range.clone()], &before[range]);
        let moved: f64 = now.iter().zip(then).map(|(&w, &w0)| f64::from(w - w0).powi(2)).sum();
        (moved / then.iter().map(|&w0| f64::from(w0).powi(2)).sum::<f64>()).sqrt()
    };
    weights.map(|tensor| relative(tensor.range.clone())).collect()
}

/// The share of rows whose largest output is their class.
fn accuracy(pool: &Pool, network: &Network<f32>, rows: &Dataset<f32>) -> f64 {
    let mut workspace = network.workspace(rows.rows);
    let batch = rows.range(0, rows.rows);
    network.forward(pool, &mut workspace, &batch, Pass::Inference);
    let (_, a) = network.output(&workspace, rows.rows);
    let is_right = |(row, a): (usize, &[f32])| {
        let most = (0..10).max_by(|&i, &j| a[i].total_cmp(&a[j])).unwrap_or(0);
        batch.targets.value(row, most) == 1.0
    };
    a.chunks_exact(10).enumerate().filter(|&row| is_right(row)).count() as f64 / rows.rows as f64
}

fn main() -> Result<()> {
    let folder = mnist_folder();
    let table = table::read(&folder.to_string_lossy(), &ReadOptions::default())?;
    let test_rows = table.test_rows.clone().unwrap_or(60_000..70_000);
    let (training, test) = (encode(&table, 0..test_rows.start)?, encode(&table, test_rows)?);
    let pool = Pool::new(std::thread::available_parallelism().map_or(1, usize::from));

    println!("784-30-30-30-30-10, softmax and cross-entropy, {EPOCHS} epochs of gradient descent over");
    println!("{} rows in batches of 32, learning rate {LEARNING_RATE}.\n", training.rows);
    println!(
        "{:<26} {:>9} {:>9} {:>9} {:>9} {:>9}   test accuracy",
        "", "layer 1", "layer 2", "layer 3", "layer 4", "output"
    );
    let mut gradients = Vec::new();
    for (name, f) in [("sigmoid, Glorot", Activation::Sigmoid), ("ReLU, He", Activation::Relu)] {
        // `dense` takes the initialiser that goes with the activation: Glorot's for sigmoids, He's for ReLUs.
        let mut spec = NetworkSpec::new(784);
        for _ in 0..HIDDEN_LAYERS {
            spec = spec.dense(30, f);
        }
        let network = spec.dense(10, Activation::Softmax).build::<f32>(1)?;
        let before = network.params().to_vec();
        let loss = Loss::new(Cost::CrossEntropy, Activation::Softmax, 0.0)?;
        let settings = TrainerSettings::new(loss, OptimizerSpec::GradientDescent, LEARNING_RATE, 32, EPOCHS);

        // δ of 1,000 rows at initialisation: a trainer with room for them, which takes no step.
        let wide = TrainerSettings { batch_size: 1000, ..settings.clone() };
        let mut onlooker = Trainer::new(&pool, network.clone(), wide)?;
        let rows = training.range(0, 1000);
        onlooker.forward(&rows);
        onlooker.cost(&rows);
        onlooker.backward(&rows);
        let norms = delta_norms(&onlooker, 1000);
        print!("{name:<16} {:<9}", "‖δ‖");
        norms.iter().for_each(|norm| print!(" {norm:>9.2e}"));
        println!();

        let mut trainer = Trainer::new(&pool, network, settings)?;
        let mut epoch = 0;
        let mut look = |trained: &Network<f32>| {
            epoch += 1;
            print!("{:<16} {:<9}", "", format!("epoch {epoch}"));
            movement(trained, &before).iter().for_each(|moved| print!(" {moved:>9.3}"));
            println!("   {:.4}", accuracy(&pool, trained, &test));
            Figures::new()
        };
        let look: &mut Validation<'_, f32> = &mut look;
        trainer.run(name, &training, Some(look), &mut Silent, &mut Unattended, &mut |_, _| Ok(None))?;
        gradients.push(norms);
    }
    println!(
        "\n‖δ‖: at initialisation, root mean square over 1,000 rows. Epochs: ‖w − w₀‖ / ‖w₀‖ after each."
    );
    for (name, norms) in ["sigmoid", "ReLU"].iter().zip(&gradients) {
        let per_layer = (norms[0] / norms[HIDDEN_LAYERS - 1]).powf(1.0 / (HIDDEN_LAYERS - 1) as f64);
        println!(
            "{name}: from layer to layer towards the input ‖δ‖ is multiplied by {per_layer:.2} on average."
        );
    }
    Ok(())
}
