//! `cargo xtask faults`: how well faults that were put in are found and mended, and how often something is found where
//! nothing was put in.
//!
//! The library's example `faults` does the work, on the half of data and seeds that no threshold was chosen on; this
//! archives its figures under `bench/runs/` and writes the tables of `docs/DIAGNOSIS.md`.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use jiff::{Timestamp, Unit};
use serde_json::{Value, json};

use crate::bench::machine;
use crate::bench::report::archive;
use crate::steps::Steps;

const PAGE: &str = "docs/DIAGNOSIS.md";
const BEGIN: &str = "<!-- cargo xtask faults: begin -->";
const END: &str = "<!-- cargo xtask faults: end -->";

/// Runs all of it; with `--findings` no repairs, which take most of the time.
pub fn run(steps: &mut Steps, words: &[&str]) -> Result<()> {
    let with_repairs = match words {
        [] => true,
        ["--findings"] => false,
        _ => bail!("faults knows no {}; there is --findings, which leaves the repairs out", words.join(" ")),
    };
    let build = ["build", "--release", "--package", "deltarule", "--example", "faults"];
    steps.run("build faults", steps.cargo(&build))?;
    let program = steps.target().join("release/examples/faults");
    let folder = steps.target().join("faults");
    std::fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    let findings = ask(steps, &program, &["report"], &folder.join("findings.json"))?;
    let repairs = if with_repairs {
        ask(steps, &program, &["report", "--repair"], &folder.join("repairs.json"))?
    } else {
        Value::Null
    };
    let now = Timestamp::now().round(Unit::Second).context("the clock is out of range")?.to_string();
    let (date, _) = now.split_once('T').context("expected a date and a time")?;
    let document = json!({
        "date": now,
        "machine": machine::description(steps)?,
        "findings": findings,
        "repairs": repairs,
    });
    let path = archive(&steps.root().join("bench/runs"), &format!("{date}-faults"), &document)?;
    println!("\narchived: {}", path.display());
    write_page(&steps.root().join(PAGE), &tables(&document)?)
}

/// A few of the faults and of the clean runs, in the profile of the tests: whether findings still find.
pub fn slice(steps: &mut Steps) -> Result<()> {
    let program = steps.target().join("debug/examples/faults");
    let out = steps.target().join("faults-slice.json");
    let summary = ask(steps, &program, &["report", "--slice"], &out)?;
    steps.check("faults that were put in are found", "recall at least 0.9, no false alarm", |_| {
        let recall = share(&summary["recall"], "share")?;
        let alarms = share(&summary["false_alarms"], "hits")?;
        ensure!(recall >= 0.9, "recall {recall} of {}: expected at least 0.9", summary["recall"]["of"]);
        ensure!(alarms == 0.0, "{alarms} false alarms: {}", summary["false_ids"]);
        Ok(())
    })
}

/// Runs the example and reads what it wrote.
fn ask(steps: &mut Steps, program: &Path, words: &[&str], out: &Path) -> Result<Value> {
    let mut command = steps.program(program);
    command.args(words).arg("--out").arg(out);
    steps.run(&format!("faults {}", words.join(" ")), command)?;
    let text = std::fs::read(out).with_context(|| format!("could not read {}", out.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{}: expected JSON", out.display()))
}

fn share(of: &Value, key: &str) -> Result<f64> {
    of[key].as_f64().with_context(|| format!("no {key} in {of}"))
}

/// `12 of 12`, and in all rows the interval.
fn counted(of: &Value) -> Result<String> {
    Ok(format!("{} of {}", share(of, "hits")?, share(of, "of")?))
}

fn with_interval(of: &Value) -> Result<String> {
    let percent = |key| share(of, key).map(|share| 100.0 * share);
    Ok(format!(
        "{} = {:.1} % ({:.1} to {:.1})",
        counted(of)?,
        percent("share")?,
        percent("from")?.max(0.0),
        percent("to")?
    ))
}

fn tables(document: &Value) -> Result<String> {
    let findings = &document["findings"];
    let cpu = document["machine"]["cpu"].as_str().unwrap_or("an unnamed processor");
    let mut page = format!(
        "Measured on {}, {cpu}, commit {}.\n\n",
        document["date"].as_str().unwrap_or_default(),
        document["machine"]["commit"].as_str().unwrap_or("unknown")
    );
    writeln!(page, "| | share | 95 % by Wilson in brackets |\n|---|---|---|")?;
    writeln!(
        page,
        "| faults found, by the right name | {} | at least 95 % |",
        with_interval(&findings["recall"])?
    )?;
    writeln!(page, "| layer at fault named | {} | at least 90 % |", with_interval(&findings["layer"])?)?;
    writeln!(
        page,
        "| clean runs with an alarm | {} | at most 2 % |",
        with_interval(&findings["false_alarms"])?
    )?;
    writeln!(page, "\n| fault | found | layer | what was found, in so many runs |\n|---|---|---|---|")?;
    for fault in findings["faults"].as_array().context("no faults")? {
        let found = fault["found"].as_object().context("no findings")?;
        let ids: Vec<String> = found.iter().map(|(id, runs)| format!("{id} {runs}")).collect();
        let layer =
            if share(&fault["layer"], "of")? > 0.0 { counted(&fault["layer"])? } else { String::new() };
        let name = fault["fault"].as_str().unwrap_or_default();
        writeln!(page, "| {name} | {} | {layer} | {} |", counted(&fault["recall"])?, ids.join(", "))?;
    }
    let repairs = &document["repairs"];
    if !repairs.is_null() {
        let row = |name: &str, of: &Value, counted: fn(&Value) -> Result<String>| -> Result<String> {
            let cells = ["whole_anyway", "mended", "by_chance"].map(|key| counted(&of[key]));
            let [whole, mended, chance] = cells;
            Ok(format!("| {name} | {} | {} | {} |", whole?, mended?, chance?))
        };
        writeln!(
            page,
            "\n| fault | as good without repair | after the doctor | after chance |\n|---|---|---|---|"
        )?;
        for fault in repairs["faults"].as_array().context("no repairs")? {
            writeln!(page, "{}", row(fault["fault"].as_str().unwrap_or_default(), fault, counted)?)?;
        }
        for (name, key) in [("all", "all"), ("those that the fault made worse", "worse_without")] {
            writeln!(page, "{}", row(name, &repairs[key], with_interval)?)?;
        }
    }
    Ok(page)
}

/// Puts the tables between their marks.
fn write_page(path: &Path, tables: &str) -> Result<()> {
    let page = std::fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?;
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.with_context(|| format!("{}: expected {BEGIN} … {END}", path.display()))?;
    let page = format!("{before}{BEGIN}\n\n{tables}\n{END}{after}");
    std::fs::write(path, page).with_context(|| format!("could not write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_told_with_their_interval() {
        let of = json!({ "hits": 212, "of": 213, "share": 0.995_31, "from": 0.973_89, "to": 0.999_17 });
        assert_eq!(with_interval(&of).unwrap(), "212 of 213 = 99.5 % (97.4 to 99.9)");
        let fault = json!({ "fault": "f", "recall": of, "layer": { "hits": 0, "of": 0 }, "found": { "dead-units": 3 } });
        let document = json!({
            "date": "d",
            "machine": { "cpu": "c", "commit": "e" },
            "findings": { "recall": of, "layer": of, "false_alarms": of, "faults": [fault] },
            "repairs": null,
        });
        let page = tables(&document).unwrap();
        assert!(page.contains("| f | 212 of 213 |  | dead-units 3 |"), "{page}");
        assert!(!page.contains("after the doctor"));
        let none = json!({ "hits": 0, "of": 12, "share": 0.0, "from": 0.0, "to": 0.24 });
        let row = json!({ "fault": "f", "whole_anyway": none, "mended": of, "by_chance": none });
        let mut document = document;
        document["repairs"] = json!({ "faults": [row], "all": row, "worse_without": row });
        let page = tables(&document).unwrap();
        assert!(page.contains("| f | 0 of 12 | 212 of 213 | 0 of 12 |"), "{page}");
        let whole = "0 of 12 = 0.0 % (0.0 to 24.0) | 212 of 213 = 99.5 % (97.4 to 99.9)";
        assert!(page.contains(&format!("| those that the fault made worse | {whole}")), "{page}");
    }
}
