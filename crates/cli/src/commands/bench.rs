//! `bench`: how fast the engine trains, and proof that it is the real one.

use std::path::PathBuf;

use anyhow::Result;
use clap::ArgMatches;
use deltarule::bench::{self, CASES, Case, Measurement, Options};
use deltarule::run::cores;

use crate::Outcome;
use crate::console::{Console, Style};
use crate::words::table::{Align, Table};
use crate::words::{count, figure, rate};

/// Runs the cases that were asked for, or writes what they start from.
///
/// # Errors
/// The library's, and where standard output cannot be written.
pub fn bench(matches: &ArgMatches, console: &Console) -> Result<Outcome> {
    let cases: Vec<&Case> = match matches.get_many::<String>("case") {
        Some(names) => names.map(|name| Case::named(name)).collect::<deltarule::Result<_>>()?,
        None => CASES.iter().collect(),
    };
    if matches.get_flag("print_config") {
        return print_configs(&cases, console);
    }
    if let Some(path) = matches.get_one::<PathBuf>("save_weights") {
        for case in cases {
            bench::save_weights(case, path)?;
            console.say(format!("{}: the start weights of {}", path.display(), case.name));
        }
        return Ok(Outcome::Done);
    }
    if let Some(folder) = matches.get_one::<PathBuf>("export") {
        for case in cases {
            let folder = folder.join(case.name);
            bench::export(case, &folder)?;
            console.say(format!("{}: all that {} begins from", folder.display(), case.name));
        }
        return Ok(Outcome::Done);
    }
    let threads: Vec<usize> = match matches.get_many::<u32>("threads") {
        Some(threads) => threads.map(|&threads| threads as usize).collect(),
        None => vec![cores()],
    };
    let mut measured = Vec::new();
    for case in cases {
        console.say(format!("{}: {}", case.name, case.about));
        for &threads in &threads {
            let options = Options {
                threads,
                seconds: matches.get_one::<f64>("seconds").copied().unwrap_or(SECONDS),
                steps: matches.get_one::<u64>("steps").copied(),
                weights: matches.get_one::<PathBuf>("weights").cloned(),
            };
            measured.push(bench::run(case, &options)?);
        }
    }
    console.say("");
    console.show(text(&measured, matches.contains_id("steps"), console.results()))?;
    console.document(&measured)?;
    Ok(Outcome::Done)
}

/// How long a case is measured where nothing is said.
pub const SECONDS: f64 = 3.0;

/// The cases as `train --config` takes them.
fn print_configs(cases: &[&Case], console: &Console) -> Result<Outcome> {
    let mut configs = serde_json::Map::new();
    for case in cases {
        let config = case.config()?;
        console.show(format!("# {}: {}\n{}", case.name, case.about, config.to_toml()).trim_end())?;
        configs.insert(case.name.to_owned(), serde_json::to_value(&config)?);
    }
    console.document(&configs)?;
    Ok(Outcome::Done)
}

fn text(measured: &[Measurement], counted_steps: bool, style: Style) -> String {
    let mut table = Table::new(&[
        ("case", Align::Left),
        ("threads", Align::Right),
        ("instructions", Align::Left),
        ("rows/s", Align::Right),
        ("µs/step", Align::Right),
        ("gflop/s", Align::Right),
        ("steps", Align::Right),
        ("loss", Align::Right),
    ]);
    for one in measured {
        table.row([
            one.case.clone(),
            one.threads.to_string(),
            one.instruction_set.clone(),
            rate(one.samples_per_second),
            figure(one.microseconds_per_step),
            figure(one.gflops),
            count(one.steps as usize),
            figure(one.loss),
        ]);
    }
    let mut text = table.text(style);
    if counted_steps {
        text.push('\n');
        for one in measured {
            text.push_str(&format!("\n{}, {} threads: weights {}", one.case, one.threads, one.digest));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bench_of_counted_steps_gives_the_digest_of_the_weights() {
        let one = Measurement {
            case: "xor".into(),
            threads: 2,
            instruction_set: "avx2".into(),
            samples_per_second: 8e6,
            microseconds_per_step: 0.5,
            gflops: 0.9,
            steps: 1000,
            loss: 0.125,
            cost: 0.126,
            digest: "abc".into(),
        };
        let words = text(&[one], true, Style::PLAIN);
        assert!(words.contains("8.0 million") && words.ends_with("xor, 2 threads: weights abc"), "{words}");
    }
}
