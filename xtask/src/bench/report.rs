//! What a run came to: tables to read, and a file that keeps every figure.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use jiff::{Timestamp, Unit};
use serde_json::{Map, Value, json};

use crate::bench::jobs::{ADAM, ADAM_COST, Bound, Job, PLAIN};
use crate::bench::machine;
use crate::bench::peers::{PEERS, PRODUCTS};
use crate::bench::table::{Table, three_digits};
use crate::bench::turns::Contestant;
use crate::bench::wishes::Wishes;
use crate::steps::Steps;

/// The version of the archive's form.
const FORMAT: u32 = 2;

/// What we are called.
pub const OURS: &str = "deltarule";

/// A job that ours and the peers have run.
#[derive(Clone, Debug)]
pub struct Compared {
    job: Job,
    /// Our answer for the counted steps, and each peer's agreement with it.
    pub counted: Value,
    /// Each peer's agreement with it.
    pub checks: Vec<Value>,
    /// The single measurements that decided who stays.
    pub qualifying: Vec<Value>,
    /// In the order of measuring.
    runs: Vec<Run>,
}

#[derive(Clone, Debug)]
struct Run {
    who: String,
    variant: String,
    threads: usize,
    round: usize,
    answer: Value,
}

/// A contestant's best: over its ways and the numbers of threads, the smallest median over the rounds.
#[derive(Clone, Debug, PartialEq)]
struct Best {
    who: String,
    variant: String,
    threads: usize,
    microseconds: f64,
}

impl Compared {
    /// A job whose counted steps we have taken.
    pub fn new(job: &Job, counted: Value) -> Self {
        Self { job: *job, counted, checks: Vec::new(), qualifying: Vec::new(), runs: Vec::new() }
    }

    /// Adds a timed turn.
    pub fn add(&mut self, contestant: &Contestant, round: usize, answer: Value) {
        let (who, variant) = (contestant.who.to_owned(), contestant.variant.to_owned());
        self.runs.push(Run { who, variant, threads: contestant.threads, round, answer });
    }

    /// Whether a contestant's best is within that factor of the fastest peer's; ours and the products always are.
    pub fn is_near(&self, who: &str, factor: f64) -> bool {
        let time = |best: Option<Best>| best.map_or(0.0, |best| best.microseconds);
        who == OURS || who == PRODUCTS.name || time(self.best(who)) <= factor * time(self.best_peer())
    }

    /// Medians of each way and number of threads, in the order in which they first ran.
    fn medians(&self, who: &str) -> Vec<Best> {
        let mut medians: Vec<Best> = Vec::new();
        for run in self.runs.iter().filter(|run| run.who == who) {
            let same = |best: &Best| best.variant == run.variant && best.threads == run.threads;
            if medians.iter().any(same) {
                continue;
            }
            let times = self.runs.iter().filter(|other| {
                other.who == who && other.variant == run.variant && other.threads == run.threads
            });
            let times = times.filter_map(|run| run.answer["microseconds_per_step"].as_f64()).collect();
            let (who, variant) = (run.who.clone(), run.variant.clone());
            medians.push(Best { who, variant, threads: run.threads, microseconds: median(times) });
        }
        medians
    }

    fn best(&self, who: &str) -> Option<Best> {
        self.medians(who).into_iter().min_by(|a, b| a.microseconds.total_cmp(&b.microseconds))
    }

    fn best_peer(&self) -> Option<Best> {
        let bests = PEERS.iter().filter_map(|peer| self.best(peer.name));
        bests.min_by(|a, b| a.microseconds.total_cmp(&b.microseconds))
    }

    fn ours_on(&self, threads: usize) -> Option<f64> {
        self.medians(OURS).into_iter().find(|best| best.threads == threads).map(|best| best.microseconds)
    }

    /// 10⁹ operations per second of steps that take so long: everyone computes the same products.
    fn gflops(&self, microseconds: f64) -> Option<f64> {
        let ours = self.runs.iter().find(|run| run.who == OURS)?;
        Some(ours.answer["operations"].as_f64()? / microseconds / 1e3)
    }

    /// What a bound is about, what is reached, and what must be.
    fn judged(&self, bound: &Bound) -> Option<(String, f64, f64)> {
        let ours = self.best(OURS)?.microseconds;
        Some(match bound {
            Bound::OverBest(least) => {
                let best = self.best_peer()?;
                (format!("over the best peer, {}", best.who), best.microseconds / ours, *least)
            }
            Bound::Over(who, least) => (format!("over {who}"), self.best(who)?.microseconds / ours, *least),
            Bound::OfProducts(least) => {
                let products = self.best(PRODUCTS.name)?.microseconds;
                (format!("of the rate of {}", PRODUCTS.name), products / ours, *least)
            }
            Bound::SecondCore(least) => {
                ("one thread over two".to_owned(), self.ours_on(1)? / self.ours_on(2)?, *least)
            }
        })
    }

    /// Everyone who ran, ours first.
    fn contestants(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for run in &self.runs {
            if !names.contains(&run.who.as_str()) {
                names.push(run.who.as_str());
            }
        }
        names
    }

    /// What each peer says it consists of.
    fn versions(&self) -> Map<String, Value> {
        let of_peers = self.runs.iter().filter(|run| run.answer["versions"].is_object());
        of_peers.map(|run| (run.who.clone(), run.answer["versions"].clone())).collect()
    }

    fn to_json(&self) -> Value {
        let form = |best: &Best| {
            json!({
                "variant": best.variant, "threads": best.threads, "microseconds_per_step": best.microseconds,
            })
        };
        let names = self.contestants();
        let best: Map<String, Value> =
            names.iter().filter_map(|who| Some(((*who).to_owned(), form(&self.best(who)?)))).collect();
        let bounds: Vec<Value> = self
            .job
            .bounds
            .iter()
            .filter_map(|bound| self.judged(bound))
            .map(|(what, reached, least)| {
                json!({ "what": what, "reached": reached, "bound": least, "ok": reached >= least })
            })
            .collect();
        let runs: Vec<Value> = self
            .runs
            .iter()
            .map(|run| {
                json!({
                    "who": run.who, "variant": run.variant, "threads": run.threads, "round": run.round,
                    "answer": run.answer,
                })
            })
            .collect();
        json!({
            "case": self.job.case, "optimizer": self.job.optimizer, "counted_steps": self.counted,
            "agreement": self.checks, "qualifying": self.qualifying, "best": best, "bounds": bounds, "runs": runs,
        })
    }
}

/// The middle one, or the mean of the two in the middle; NaN of nothing.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

/// A run under way, and all that it keeps.
#[derive(Clone, Debug)]
pub struct Document {
    machine: Value,
    measured: Value,
    /// In the order of measuring.
    pub jobs: Vec<Compared>,
    /// Of ours alone: see [`shapes`](crate::bench::shapes).
    pub shapes: Value,
}

impl Document {
    /// Describes the machine as it is before the first measurement.
    pub fn new(steps: &mut Steps, wishes: &Wishes) -> Result<Self> {
        let (machine, measured) = (machine::description(steps)?, wishes.described());
        Ok(Self { machine, measured, jobs: Vec::new(), shapes: Value::Null })
    }

    /// The tables.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for optimizer in [PLAIN, ADAM] {
            let jobs: Vec<&Compared> =
                self.jobs.iter().filter(|job| job.job.optimizer == optimizer).collect();
            if !jobs.is_empty() {
                text +=
                    &format!("µs per step, {optimizer}, best of the numbers of threads\n{}\n", times(&jobs));
            }
        }
        if !self.jobs.is_empty() {
            text += &format!("ours\n{}\n", ours(&self.jobs));
            text += &format!("what must hold\n{}", bounds(&self.jobs));
        }
        text
    }

    /// Keeps the run in the archive where it is whole and no case is missing, and where else it was wished for.
    pub fn keep(&self, steps: &Steps, wishes: &Wishes, is_complete: bool) -> Result<()> {
        let now = Timestamp::now().round(Unit::Second).context("the clock is out of range")?.to_string();
        let (date, _) = now.split_once('T').context("expected a date and a time")?;
        let document = self.to_json(&now);
        if let Some(path) = &wishes.json {
            std::fs::write(path, format!("{document:#}\n"))
                .with_context(|| format!("could not write {}", path.display()))?;
        }
        if wishes.are_whole() && is_complete {
            let path = archive(&steps.root().join("bench/runs"), date, &document)?;
            println!("\nkept as {}", path.display());
        } else {
            println!("\nnot kept under bench/runs: it holds whole runs only");
        }
        Ok(())
    }

    fn to_json(&self, now: &str) -> Value {
        let versions: Map<String, Value> = self.jobs.iter().flat_map(Compared::versions).collect();
        json!({
            "format": FORMAT,
            "date": now,
            "machine": self.machine,
            "measured": self.measured,
            "instruction_set": self.jobs.first().map(|job| &job.counted["instruction_set"]),
            "peers": versions,
            "cases": self.jobs.iter().map(Compared::to_json).collect::<Vec<_>>(),
            "shapes": self.shapes,
        })
    }
}

/// A row for everyone, a column for each case.
fn times(jobs: &[&Compared]) -> Table {
    let header = std::iter::once(String::new()).chain(jobs.iter().map(|job| job.job.case.to_owned()));
    let mut table = Table::new(1, header.collect());
    for who in std::iter::once(OURS).chain(PEERS.iter().map(|peer| peer.name)) {
        let bests: Vec<Option<Best>> = jobs.iter().map(|job| job.best(who)).collect();
        if bests.iter().any(Option::is_some) {
            let cell =
                |best: &Option<Best>| best.as_ref().map_or("–".into(), |b| three_digits(b.microseconds));
            table.row(std::iter::once(who.to_owned()).chain(bests.iter().map(cell)).collect());
        }
    }
    table
}

/// Ours beside the limit and the best peer.
fn ours(jobs: &[Compared]) -> Table {
    let header = [
        "case",
        "best peer",
        "way",
        "1 thread",
        "2 threads",
        "GFLOP/s",
        "torch.mm",
        "share",
        "peer",
        "threads",
        "ratio",
    ];
    let mut table = Table::new(3, header.map(str::to_owned).to_vec());
    let shown = |time: Option<f64>| time.map_or("–".into(), three_digits);
    for job in jobs {
        let Some(ours) = job.best(OURS) else { continue };
        let (peer, products) = (job.best_peer(), job.best(PRODUCTS.name).map(|best| best.microseconds));
        let of_peer = |f: fn(&Best) -> String| peer.as_ref().map_or("–".into(), f);
        table.row(vec![
            job.job.name(),
            of_peer(|peer| peer.who.clone()),
            of_peer(|peer| peer.variant.clone()),
            shown(job.ours_on(1)),
            shown(job.ours_on(2)),
            shown(job.gflops(ours.microseconds)),
            shown(products),
            products
                .map_or("–".into(), |products| format!("{:.0} %", products / ours.microseconds * 100.0)),
            of_peer(|peer| three_digits(peer.microseconds)),
            of_peer(|peer| peer.threads.to_string()),
            peer.as_ref()
                .map_or("–".into(), |peer| format!("{:.2}", peer.microseconds / ours.microseconds)),
        ]);
    }
    table
}

fn bounds(jobs: &[Compared]) -> Table {
    let header = ["case", "what", "", "reached", "bound"];
    let mut table = Table::new(3, header.map(str::to_owned).to_vec());
    let mut row = |case: String, what: String, ok: bool, reached: f64, bound: String| {
        let verdict = if ok { "ok" } else { "below" };
        table.row(vec![case, what, verdict.into(), format!("{reached:.2}"), bound]);
    };
    for job in jobs {
        for (what, reached, least) in job.job.bounds.iter().filter_map(|bound| job.judged(bound)) {
            row(job.job.name(), what, reached >= least, reached, format!("≥ {least:.2}"));
        }
    }
    let of = |optimizer| {
        let job = jobs.iter().find(|job| job.job.case == "mnist-small" && job.job.optimizer == optimizer);
        job.and_then(|job| job.best(OURS)).map(|best| best.microseconds)
    };
    if let Some((adam, plain)) = of(ADAM).zip(of(PLAIN)) {
        let cost = adam / plain;
        let what = "time of a step with Adam over one without".to_owned();
        row("mnist-small".into(), what, cost <= ADAM_COST, cost, format!("≤ {ADAM_COST:.2}"));
    }
    table
}

/// Writes a run into the archive, under its date.
pub fn archive(folder: &Path, date: &str, document: &Value) -> Result<PathBuf> {
    std::fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
    let (path, mut file) = new_file(folder, date)?;
    writeln!(file, "{document:#}").with_context(|| format!("could not write {}", path.display()))?;
    Ok(path)
}

/// A file that was not there before.
fn new_file(folder: &Path, date: &str) -> Result<(PathBuf, File)> {
    for number in 1..1000 {
        let name = if number == 1 { format!("{date}.json") } else { format!("{date}-{number}.json") };
        let path = folder.join(name);
        match File::create_new(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("could not make {}", path.display())),
        }
    }
    bail!("{} holds too many runs of {date}", folder.display())
}

#[cfg(test)]
mod tests;
