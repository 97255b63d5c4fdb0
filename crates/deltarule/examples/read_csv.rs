//! How long a table takes from its file to the matrix that a network is trained on, part by part.
//!
//!     cargo run --release -p deltarule --example read_csv -- FILE --target COLUMN [--rounds 3]
//!
//! Reads, splits 70/15/15, fits the encoder on the training rows (numbers to mean 0 and deviation 1, words one-hot) and
//! encodes all three parts to `f32`. `bench/peers/csv_read.py` does the same with polars and scikit-learn;
//! `bench/peers/csv_file.py` writes a file of a million rows.

use std::time::Instant;

use deltarule::encoder::{Encoder, EncoderOptions};
use deltarule::memory::{self, Bytes};
use deltarule::split::{SplitOptions, split};
use deltarule::table::{self, ReadOptions};

/// Seconds of each part of a round.
#[derive(Clone, Copy)]
struct Parts {
    read: f64,
    split: f64,
    fit: f64,
    encode: f64,
}

impl Parts {
    fn sum(self) -> f64 {
        self.read + self.split + self.fit + self.encode
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (mut file, mut target, mut rounds) = ("digits".to_owned(), "digit".to_owned(), 3);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--target" => target = arguments.next().ok_or("--target COLUMN")?,
            "--rounds" => rounds = arguments.next().ok_or("--rounds N")?.parse()?,
            _ => file = argument,
        }
    }
    let mut best: Option<Parts> = None;
    let (mut rows, mut width) = (0, 0);
    for _ in 0..rounds {
        let parts;
        (parts, rows, width) = round(&file, &target)?;
        best = best.filter(|best| best.sum() <= parts.sum()).or(Some(parts));
    }
    let best = best.ok_or("--rounds 1 or more")?;
    println!("{file}: {rows} rows, {width} numbers and codes per row; best of {rounds}");
    for (part, seconds) in
        [("read", best.read), ("split", best.split), ("fit", best.fit), ("encode", best.encode)]
    {
        println!("{part:<8} {:>9.1} ms", 1e3 * seconds);
    }
    println!("{:<8} {:>9.1} ms, {:.0} rows/s", "all", 1e3 * best.sum(), rows as f64 / best.sum());
    if let Some(peak) = memory::peak() {
        println!("peak of resident memory {}", Bytes(peak));
    }
    Ok(())
}

fn round(file: &str, target: &str) -> deltarule::Result<(Parts, usize, usize)> {
    let began = Instant::now();
    let table = table::read(file, &ReadOptions::default())?;
    let read = began.elapsed().as_secs_f64();
    let rows: Vec<u32> = (0..table.rows() as u32).collect();
    let parts = split(&table, &rows, None, &SplitOptions::default())?;
    let divided = began.elapsed().as_secs_f64();
    let options = EncoderOptions { target: vec![target.to_owned()], ..EncoderOptions::default() };
    let encoder = Encoder::fit(&table, &parts.train, &options)?;
    let fitted = began.elapsed().as_secs_f64();
    for part in [&parts.train, &parts.validation, &parts.test] {
        std::hint::black_box(encoder.encode::<f32>(&table, part)?);
    }
    let encoded = began.elapsed().as_secs_f64();
    let shape = encoder.input_shape();
    let parts = Parts { read, split: divided - read, fit: fitted - divided, encode: encoded - fitted };
    Ok((parts, table.rows(), shape.dense + shape.codes()))
}
