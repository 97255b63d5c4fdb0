//! What was measured on: a figure means nothing without it.

use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::bench::output;
use crate::steps::Steps;

/// A machine whose load average is above this share of its cores is busy with other things.
const BUSY: f64 = 0.25;

/// The machine, the toolchain, and what the machine reaches at best; what the system doesn't tell is null.
pub fn description(steps: &mut Steps) -> Result<Value> {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = load_average();
    if let Some(load) = load.filter(|load| *load > BUSY * cores as f64) {
        println!(
            "\nwarning: the machine is busy (load {load} on {cores} cores): ratios may hold, times do not"
        );
    }
    Ok(json!({
        "cpu": field(&cpuinfo, "model name"),
        "cpu_family": field(&cpuinfo, "cpu family"),
        "cpu_model": field(&cpuinfo, "model"),
        "cpu_stepping": field(&cpuinfo, "stepping"),
        "clock_mhz": field(&cpuinfo, "cpu MHz"),
        "cores": cores,
        "caches": caches(),
        "memory": field(&memory, "MemTotal"),
        "operating_system": said("uname", &["-sr"]),
        "load_average": load,
        "rustc": said("rustc", &["--version"]),
        "commit": said("git", &["describe", "--always", "--dirty", "--abbrev=12"]),
        "peak": peak(steps)?,
    }))
}

/// What the cores and their caches reach: see `crates/kernels/examples/peak.rs`.
pub fn peak(steps: &mut Steps) -> Result<Value> {
    let example = ["--release", "--package", "deltarule-kernels", "--example", "peak"];
    steps.run("build the measurement of the machine", steps.cargo(&[&["build"], &example[..]].concat()))?;
    let mut command = steps.program(steps.target().join("release/examples/peak"));
    command.arg("--json");
    serde_json::from_slice(&output(command)?).context("expected one JSON document from the example `peak`")
}

/// `L1 data`, `L2 unified` … of the first core.
fn caches() -> Map<String, Value> {
    let read = |index: usize, file: &str| {
        let path = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/{file}");
        std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
    };
    (0..8)
        .map_while(|index| {
            let name = format!("L{} {}", read(index, "level")?, read(index, "type")?.to_lowercase());
            Some((name, read(index, "size")?.into()))
        })
        .collect()
}

fn load_average() -> Option<f64> {
    let load = std::fs::read_to_string("/proc/loadavg").ok()?;
    load.split(' ').next()?.parse().ok()
}

/// A line `name : value` of `/proc/cpuinfo`, of the first core.
fn field(cpuinfo: &str, name: &str) -> Option<String> {
    cpuinfo.lines().filter_map(|line| line.split_once(':')).find_map(|(key, value)| {
        (key.trim() == name && !value.trim().is_empty()).then(|| value.trim().to_owned())
    })
}

fn said(program: &str, words: &[&str]) -> Option<String> {
    let output = Command::new(program).args(words).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(output.stdout.trim_ascii()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_is_named_by_its_first_core() {
        let cpuinfo =
            "processor\t: 0\nmodel\t\t: 17\nmodel name\t: A 9000\npower management:\n\nmodel name\t: B\n";
        assert_eq!(field(cpuinfo, "model name").as_deref(), Some("A 9000"));
        assert_eq!(field(cpuinfo, "model").as_deref(), Some("17"));
        assert_eq!(field(cpuinfo, "power management"), None);
        assert_eq!(field("", "model"), None);
    }

    #[test]
    fn the_compiler_is_known_and_a_missing_program_says_nothing() {
        assert!(said("rustc", &["--version"]).unwrap().starts_with("rustc "));
        assert_eq!(said("no-such-program", &[]), None);
    }
}
