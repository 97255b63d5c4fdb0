//! 784-30-30-30-30-10 on MNIST: through sigmoids δ shrinks towards the input, through ReLUs with He's weights it does not.
#![cfg(feature = "gzip")]

use std::path::Path;

use deltarule::dataset::{Dataset, Targets};
use deltarule::layer::TensorKind;
use deltarule::loss::{Cost, Loss};
use deltarule::network::NetworkSpec;
use deltarule::optimizer::OptimizerSpec;
use deltarule::table::{ReadOptions, read};
use deltarule::trainer::TrainerSettings;
use deltarule::{Activation, Pool};

const ROWS: usize = 5000;
const HIDDEN_LAYERS: usize = 4;

/// The first rows of MNIST, pixels from 0 to 1.
fn digits() -> Dataset<f32> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/mnist");
    let options = ReadOptions { limit: Some(ROWS), ..ReadOptions::default() };
    let table = read(folder.to_str().expect("a path in Unicode"), &options).expect("datasets/mnist");
    let label = table.position("label").expect("an IDX folder has labels");
    let (mut x, mut codes) = (Vec::with_capacity(ROWS * 784), Vec::with_capacity(ROWS));
    for row in 0..ROWS {
        let pixels = (0..table.columns().len()).filter(|&column| column != label);
        x.extend(pixels.map(|column| table.number_at(row, column) as f32 / 255.0));
        let word = table.columns()[label].word(row).expect("a digit");
        codes.push(word.parse::<u32>().expect("a digit"));
    }
    Dataset::from_dense(784, x, Targets::Classes { classes: 10, codes })
}

/// What depth does to one activation.
struct Depth {
    /// Root mean square over rows of ‖δ_l‖ at initialisation.
    deltas: Vec<f64>,
    /// ‖w − w₀‖ / ‖w₀‖ of each layer after training.
    moved: Vec<f64>,
    /// Mean cost of the last epoch.
    cost: f64,
}

fn depth(rows: &Dataset<f32>, f: Activation) -> Depth {
    let pool = Pool::new(2);
    let spec = (0..HIDDEN_LAYERS).fold(NetworkSpec::new(784), |spec, _| spec.dense(30, f));
    let spec = spec.dense(10, Activation::Softmax);
    let loss = Loss::new(Cost::CrossEntropy, Activation::Softmax, 0.0).expect("a pair");
    let settings = |batch_size, epochs| {
        TrainerSettings::new(loss, OptimizerSpec::GradientDescent, 0.1, batch_size, epochs)
    };

    let mut onlooker = crate::trainer::<f32>(&pool, &spec, 1, settings(1000, 1));
    let batch = rows.range(0, 1000);
    onlooker.forward(&batch);
    onlooker.cost(&batch);
    onlooker.backward(&batch);
    let squares = |values: &[f32]| values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>();
    let layers = onlooker.network().layers().iter().zip(&onlooker.workspace().kept);
    let norm = |units: usize, delta: &[f32]| (squares(&delta[..1000 * units]) / 1000.0).sqrt();
    let deltas = layers.map(|(layer, kept)| norm(layer.units(), &kept.delta)).collect();

    let mut trainer = crate::trainer::<f32>(&pool, &spec, 1, settings(32, 3));
    let before = trainer.network().params().to_vec();
    let cost = trainer.run_quietly(rows).expect("finite numbers").cost;
    let network = trainer.network();
    let weights = network.tensors().iter().filter(|tensor| tensor.kind == TensorKind::Weight);
    let moved = weights.map(|tensor| {
        let (w, w0) = (&network.params()[tensor.range.clone()], &before[tensor.range.clone()]);
        let difference: Vec<f32> = w.iter().zip(w0).map(|(w, w0)| w - w0).collect();
        (squares(&difference) / squares(w0)).sqrt()
    });
    Depth { deltas, moved: moved.collect(), cost }
}

#[test]
fn sigmoids_starve_the_first_layers_and_relus_with_he_do_not() {
    let rows = digits();
    let (sigmoid, relu) = (depth(&rows, Activation::Sigmoid), depth(&rows, Activation::Relu));

    // f' ≤ ¼, and Glorot's weights between layers of 30 units keep a vector's length: N(0, 2/60) has 30·(2/60) = 1.
    // So each layer keeps about a quarter of δ; four hidden layers about ¼³ from the last to the first.
    for l in 0..HIDDEN_LAYERS - 1 {
        let factor = sigmoid.deltas[l] / sigmoid.deltas[l + 1];
        assert!((0.15..0.35).contains(&factor), "layer {l}: {:?}", sigmoid.deltas);
    }
    // Half of the ReLUs pass δ on whole, and He's N(0, 2/30) doubles its square: 30·(2/30)·½ = 1.
    for l in 0..HIDDEN_LAYERS {
        let ratio = relu.deltas[l] / relu.deltas[HIDDEN_LAYERS];
        assert!((0.3..3.0).contains(&ratio), "layer {l}: {:?}", relu.deltas);
    }

    // After equal epochs the first layer of sigmoids has hardly moved, and nothing is learnt yet: the cost is that of
    // guessing, ln 10 = 2.303.
    assert!(sigmoid.moved[0] < 0.1 * relu.moved[0], "{:?} against {:?}", sigmoid.moved, relu.moved);
    assert!(sigmoid.cost > 2.2, "{}", sigmoid.cost);
    assert!(relu.cost < 0.6, "{}", relu.cost);
}
