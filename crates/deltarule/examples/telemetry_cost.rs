//! What it costs to look at the layers in one step of many.
//!
//!     cargo run --release -p deltarule --example telemetry_cost -- [CASE STEPS [THREADS [PAIRS]]]
//!
//! trains a case of `deltarule bench` with looks and without, in turns, and prints the median of the ratios with its 95 %
//! interval. Without arguments: `tabular` and `mnist-large`, 31 pairs, on both threads. The looks of the first steps (1, 2,
//! 4 …) are among those counted, so that a longer training costs a smaller share.

use deltarule::bench::{Case, Work};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, otherwise: u64| arguments.get(at).map_or(Ok(otherwise), |text| text.parse());
    let (threads, pairs) = (number(2, 2)? as usize, number(3, 31)? as usize);
    let cases = match arguments.first() {
        Some(name) => vec![(name.clone(), number(1, 2000)?)],
        None => vec![("tabular".to_owned(), 40_000), ("mnist-large".to_owned(), 1_500)],
    };
    for (name, steps) in cases {
        let work = Work::of_case(Case::named(&name)?, None, None)?;
        let cost = work.telemetry_cost(threads, pairs, steps)?;
        println!(
            "{name}: {steps} steps, {} looks: {:.2} % more time (95 %: {:.2} to {:.2}), {} pairs of {:.2} s, {threads} threads",
            cost.looks,
            100.0 * (cost.ratio - 1.0),
            100.0 * (cost.from - 1.0),
            100.0 * (cost.to - 1.0),
            cost.pairs,
            cost.seconds
        );
    }
    Ok(())
}
