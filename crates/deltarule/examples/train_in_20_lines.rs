//! From a table to a trained network, in twenty lines.
//!
//! Run it with `cargo run --release --example train_in_20_lines`.

use deltarule::config::Config;
use deltarule::table::{self, ReadOptions};
use deltarule::{Pool, Result, run};

fn main() -> Result<()> {
    // A circle inside a circle, 1,000 rows. Instead of a bundled name: "sales.csv", "sales.parquet", a folder …
    let table = table::read("circles", &ReadOptions::default())?;
    let new_rows = table.take_rows(&[0, 1, 2, 3]);

    // What is not said is planned from the table: encoder, network, cost, optimizer, batches, when to stop.
    let mut config = Config::default();
    config.set("target", "y")?;
    config.set("hidden", "16,16")?;
    let fitted = run::fit(table, &config)?;

    for (part, figures) in &fitted.report.metrics {
        println!("{part:<10}  accuracy {:.3}  log loss {:.4}", figures["accuracy"], figures["log_loss"]);
    }
    let predictions = fitted.model.predict(&Pool::new(1), &new_rows)?;
    for (row, probability) in predictions.values().iter().enumerate() {
        println!("row {row}: the inner circle (class 1) with probability {probability:.3}");
    }
    // fitted.model.save("circles.safetensors".as_ref())? keeps it; Model::load gives it back.
    Ok(())
}
