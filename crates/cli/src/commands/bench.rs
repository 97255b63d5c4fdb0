//! `bench`: how fast the engine trains, and proof that it is the real one.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::ArgMatches;
use deltarule::bench::{CASES, Case, Length, Measurement, Shape, Work};
use deltarule::run::cores;

use crate::Outcome;
use crate::console::{Console, Style, print};
use crate::words::table::{Align, Table};
use crate::words::{count, figure, rate};

/// Runs the cases or the shape that were asked for, or writes what they start from.
///
/// # Errors
/// The library's, and where standard output cannot be written.
pub fn bench(matches: &ArgMatches, console: &Console) -> Result<Outcome> {
    let optimizer = matches.get_one::<String>("optimizer").map(String::as_str);
    let cases: Vec<&Case> = match matches.get_many::<String>("case") {
        Some(names) => names.map(|name| Case::named(name)).collect::<deltarule::Result<_>>()?,
        None if matches.contains_id("layers") => Vec::new(),
        None => CASES.iter().collect(),
    };
    if matches.get_flag("print_config") {
        return print_configs(&cases, optimizer, console);
    }
    let mut documents = Vec::new();
    let weights = matches.get_one::<PathBuf>("weights").map(PathBuf::as_path);
    // One after another: the rows of one case at a time are in memory.
    for case in cases {
        let work = || Work::of_case(case, optimizer, weights);
        work_at(work, case.name, matches, console, &mut documents)?;
    }
    if matches.contains_id("layers") {
        let shape = shape(matches);
        work_at(|| Work::of_shape(&shape), &shape.name(), matches, console, &mut documents)?;
    }
    if writes_files(matches) || matches.get_flag("turns") {
        return Ok(Outcome::Done);
    }
    console.say("");
    console.show(text(&documents, matches.contains_id("steps"), console.results()))?;
    console.document(&documents)?;
    Ok(Outcome::Done)
}

fn writes_files(matches: &ArgMatches) -> bool {
    matches.contains_id("save_weights") || matches.contains_id("export")
}

/// Does with one case or shape what was asked for.
fn work_at(
    work: impl Fn() -> deltarule::Result<Work>,
    name: &str,
    matches: &ArgMatches,
    console: &Console,
    measured: &mut Vec<Measurement>,
) -> Result<()> {
    let work = work()?;
    if let Some(path) = matches.get_one::<PathBuf>("save_weights") {
        work.save_weights(path)?;
        console.say(format!("{}: the start weights of {name}", path.display()));
        return Ok(());
    }
    if let Some(folder) = matches.get_one::<PathBuf>("export") {
        let folder = folder.join(name);
        work.export(&folder)?;
        console.say(format!("{}: all that {name} begins from", folder.display()));
        return Ok(());
    }
    console.say(format!("{name}: {}", work.about()));
    let threads: Vec<usize> = match matches.get_many::<u32>("threads") {
        Some(threads) => threads.map(|&threads| threads as usize).collect(),
        None => vec![cores()],
    };
    if matches.get_flag("turns") {
        return turns(&work, &threads);
    }
    let length = match matches.get_one::<u64>("steps") {
        Some(&steps) => Length::Steps(steps),
        None => Length::Seconds(matches.get_one::<f64>("seconds").copied().unwrap_or(SECONDS)),
    };
    for threads in threads {
        measured.push(work.measure(threads, length)?);
    }
    Ok(())
}

/// Measures once for each line of standard input, each time from the start, and answers with a line of JSON.
fn turns(work: &Work, threads: &[usize]) -> Result<()> {
    for line in std::io::stdin().lines() {
        let line = line.context("standard input cannot be read")?;
        let length = turn(&line).with_context(|| {
            format!("standard input: got {line:?}; expected `steps N` or `seconds T`, T up to {LONGEST}")
        })?;
        for &threads in threads {
            let answer = serde_json::to_string(&work.measure(threads, length)?)?;
            print(|out| writeln!(out, "{answer}"))?;
        }
    }
    Ok(())
}

fn turn(line: &str) -> Option<Length> {
    match line.split_once(' ')? {
        ("steps", steps) => steps.parse().ok().filter(|&steps| steps > 0).map(Length::Steps),
        ("seconds", seconds) => {
            seconds.parse().ok().filter(|&seconds| seconds > 0.0 && seconds <= LONGEST).map(Length::Seconds)
        }
        _ => None,
    }
}

/// The shape that the flags describe; what is not said is as in [`Shape::default`].
fn shape(matches: &ArgMatches) -> Shape {
    fn said<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, name: &str, default: T) -> T {
        matches.get_one::<T>(name).cloned().unwrap_or(default)
    }
    let default = Shape::default();
    let layers = matches.get_many::<u64>("layers");
    Shape {
        layers: layers.map_or(default.layers, |sizes| sizes.map(|&size| size as usize).collect()),
        batch_size: said(matches, "batch_size", default.batch_size as u64) as usize,
        batches: said(matches, "batches", default.batches as u64) as usize,
        activation: said(matches, "activation", default.activation),
        output_activation: matches.get_one::<String>("output_activation").cloned(),
        cost: said(matches, "cost", default.cost),
        optimizer: said(matches, "optimizer", default.optimizer),
        learning_rate: said(matches, "learning_rate", default.learning_rate),
        weight_decay: said(matches, "weight_decay", default.weight_decay),
        start_scale: said(matches, "start_scale", default.start_scale),
        seed: said(matches, "seed", default.seed),
    }
}

/// How long a case is measured where nothing is said.
pub const SECONDS: f64 = 3.0;

/// The longest that anything is measured: a day.
pub const LONGEST: f64 = 86_400.0;

/// The cases as `train --config` takes them.
fn print_configs(cases: &[&Case], optimizer: Option<&str>, console: &Console) -> Result<Outcome> {
    let mut configs = serde_json::Map::new();
    for case in cases {
        let config = case.config(optimizer)?;
        console.show(format!("# {}: {}\n{}", case.name, case.about, config.to_toml()).trim_end())?;
        configs.insert(case.name.to_owned(), serde_json::to_value(&config)?);
    }
    console.document(&configs)?;
    Ok(Outcome::Done)
}

fn text(measured: &[Measurement], counted_steps: bool, style: Style) -> String {
    let mut table = Table::new(&[
        ("case", Align::Left),
        ("optimizer", Align::Left),
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
            one.optimizer.clone(),
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
            optimizer: "adam".into(),
            threads: 2,
            instruction_set: "avx2".into(),
            samples_per_second: 8e6,
            microseconds_per_step: 0.5,
            gflops: 0.9,
            operations: 448.0,
            steps: 1000,
            loss: 0.125,
            cost: 0.126,
            digest: "abc".into(),
        };
        let words = text(&[one], true, Style::PLAIN);
        assert!(words.contains("8.0 million") && words.ends_with("xor, 2 threads: weights abc"), "{words}");
    }

    #[test]
    fn a_turn_is_a_number_of_steps_or_a_time() {
        assert_eq!(turn("steps 7"), Some(Length::Steps(7)));
        assert_eq!(turn("seconds 0.5"), Some(Length::Seconds(0.5)));
        for wrong in
            ["", "steps", "steps 0", "steps -1", "seconds 0", "seconds NaN", "seconds inf", "rounds 3"]
        {
            assert_eq!(turn(wrong), None, "{wrong:?}");
        }
    }
}
