//! What was measured on: a figure means nothing without it.

use std::process::Command;

use serde_json::{Value, json};

/// The machine and the toolchain; what the system doesn't tell is null.
pub fn description() -> Value {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    json!({
        "cpu": field(&cpuinfo, "model name"),
        "cpu_family": field(&cpuinfo, "cpu family"),
        "cpu_model": field(&cpuinfo, "model"),
        "cpu_stepping": field(&cpuinfo, "stepping"),
        "cores": std::thread::available_parallelism().ok().map(usize::from),
        "operating_system": said("uname", &["-sr"]),
        "load_average": load.split(' ').next().and_then(|load| load.parse::<f64>().ok()),
        "rustc": said("rustc", &["--version"]),
        "commit": said("git", &["describe", "--always", "--dirty", "--abbrev=12"]),
    })
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
