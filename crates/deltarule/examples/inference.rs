//! How fast a trained network answers: one row at a time, and 4,096 at once, of numbers without a pattern and of MNIST's
//! images, of which four numbers in five are 0.
//!
//! One row through a layer is bound by reading the layer's weights once, whatever the arithmetic: 401 KB of 784-128-10
//! from a core's second cache, 2.7 MB of 784-512-512-10 from the third. So the table sets beside each median the time
//! that merely summing the weights takes on one thread.
//!
//! `cargo run --release --example inference -- [--json] [THREADS…]`; `--json` prints one line of JSON for each row of
//! the table, as `bench/peers/inference.py` does, which `cargo xtask bench inference` compares it with; `--export DIR`
//! writes the weights and the images for that. MNIST is read from a checkout's `datasets/`.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use deltarule::Activation;
use deltarule::config::Config;
use deltarule::encoder::Encoder;
use deltarule::model::{Predictor, write_weights};
use deltarule::network::{Network, NetworkSpec};
use deltarule::run::prepare;
use serde_json::json;

/// Hidden units of the networks on 784 numbers with ten classes.
const NETWORKS: [&[usize]; 2] = [&[128], &[512, 512]];
const INPUTS: usize = 784;
const BATCH: usize = 4096;
/// Calls of which the median and the 99th percentile are told, and those before them.
const ROWS: usize = if cfg!(debug_assertions) { 50 } else { 5000 };
const BATCHES: usize = if cfg!(debug_assertions) { 1 } else { 30 };
const WARM_UP: usize = ROWS / 16;

fn main() -> deltarule::Result<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let export = arguments.iter().position(|argument| argument == "--export");
    let export = export.and_then(|at| arguments.drain(at..arguments.len().min(at + 2)).nth(1));
    let as_json = arguments.iter().any(|argument| argument == "--json");
    let mut threads: Vec<usize> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    if threads.is_empty() {
        threads = vec![1, 2];
    }
    if !as_json && export.is_none() {
        println!(
            "network           threads   one row      p99   reading w   4,096 rows   rows/s   GFLOP/s   images/s"
        );
    }
    let images = images()?;
    if let Some(folder) = &export {
        let bytes: Vec<u8> = images.iter().flat_map(|number| number.to_le_bytes()).collect();
        let path = Path::new(folder).join("images.f32");
        std::fs::write(&path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    for hidden in NETWORKS {
        let mut spec = NetworkSpec::new(INPUTS);
        for &units in hidden {
            spec = spec.dense(units, Activation::Relu);
        }
        let network = spec.dense(10, Activation::Softmax).build::<f32>(1)?;
        if let Some(folder) = &export {
            write_weights(&Path::new(folder).join(name(&network)).with_extension("safetensors"), &network)?;
            continue;
        }
        for &threads in &threads {
            report(&network, &images, threads, as_json);
        }
    }
    Ok(())
}

/// `784-128-10`.
fn name(network: &Network<f32>) -> String {
    let units = network.layers().iter().map(deltarule::layer::Layer::units);
    let widths: Vec<String> = std::iter::once(INPUTS).chain(units).map(|units| units.to_string()).collect();
    widths.join("-")
}

/// Some of MNIST's images, encoded as for training, with the pixels that are 0 in all of them.
fn images() -> deltarule::Result<Vec<f32>> {
    let mut config = Config::default();
    config.set("data", "mnist")?;
    config.set("keep_constant", "true")?;
    let prepared = prepare(&config)?;
    let encoder = Encoder::fit(&prepared.table, &prepared.split.train, &prepared.encoder)?;
    Ok(encoder.encode::<f32>(&prepared.table, &prepared.split.train[..BATCH])?.dense.into_vec())
}

fn report(network: &Network<f32>, images: &[f32], threads: usize, as_json: bool) {
    let name = name(network);
    let operations: usize = network.weight_matrices().iter().map(|(range, _, _)| 2 * range.len()).sum();

    let mut predictor = Predictor::new(network.clone(), threads);
    let x: Vec<f32> = (0..BATCH * INPUTS).map(number).collect();
    let mut out = vec![0.0; BATCH * network.outputs()];
    let row = sorted(WARM_UP, ROWS, || {
        black_box(predictor.predict_row(black_box(&x[..INPUTS])));
    });
    let reading = sorted(WARM_UP, ROWS, || {
        black_box(sum(black_box(network.params())));
    });
    let batch = sorted(3, BATCHES, || predictor.predict_rows(&x, &[], &mut out));
    assert!(out.iter().all(|a| a.is_finite()), "probabilities");
    let probabilities = out[out.len() - network.outputs()..].to_vec();
    let of_images = sorted(3, BATCHES, || predictor.predict_rows(images, &[], &mut out));
    let images_per_second = BATCH as f64 / of_images[BATCHES / 2];

    let (median, p99) = (row[ROWS / 2] * 1e6, row[ROWS * 99 / 100] * 1e6);
    let (reading, batch) = (reading[ROWS / 2] * 1e6, batch[BATCHES / 2]);
    let per_second = BATCH as f64 / batch;
    if as_json {
        let line = json!({
            "engine": "deltarule", "network": name, "threads": threads, "row_median_us": median, "row_p99_us": p99,
            "rows_per_second": per_second, "images_per_second": images_per_second, "reading_us": reading,
            "probabilities": probabilities, "image_probabilities": out[out.len() - network.outputs()..],
        });
        println!("{line}");
    } else {
        println!(
            "{name:<17} {threads:>7} {median:>7.2} us {p99:>5.2} us {reading:>8.2} us {:>9.2} ms {per_second:>8.0} {:>9.1} {images_per_second:>10.0}",
            batch * 1e3,
            per_second * operations as f64 * 1e-9
        );
    }
}

/// A number from 0 up to 1, the same in every program that is compared.
fn number(i: usize) -> f32 {
    (i as u64 * 2_654_435_761 % 1_000_003) as f32 * 1e-6
}

/// Seconds of each of `count` calls, in order of size.
fn sorted(warm_up: usize, count: usize, mut call: impl FnMut()) -> Vec<f64> {
    (0..warm_up).for_each(|_| call());
    let mut seconds: Vec<f64> = (0..count)
        .map(|_| {
            let began = Instant::now();
            call();
            began.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds
}

/// The sum of all numbers, by as many chains as the baseline's registers hold.
#[allow(clippy::needless_range_loop)] // zipped, the loop is not vectorised, and takes six times as long
fn sum(numbers: &[f32]) -> f32 {
    let mut sums = [0.0; 32];
    for chunk in numbers.as_chunks::<32>().0 {
        for i in 0..32 {
            sums[i] += chunk[i];
        }
    }
    sums.iter().sum()
}
