//! What has to be on the machine: programs of the system, components of the toolchain, tools of our own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::steps::Steps;

/// A program of the system and the Debian package that brings it.
struct Program {
    name: &'static str,
    package: &'static str,
}

/// Programs of the system that building and testing call.
const PROGRAMS: [Program; 4] = [
    // The linker's driver, and the compiler of the C sources in zstd.
    Program { name: "cc", package: "gcc" },
    Program { name: "git", package: "git" },
    // Counts the kernels' instructions.
    Program { name: "valgrind", package: "valgrind" },
    // Compiles what `explain --format tex` writes, with the smallest set of packages that has amsmath.
    Program { name: "pdflatex", package: "texlive-latex-base" },
];

/// Components of the Rust toolchain beyond the compiler.
const COMPONENTS: [(&str, &str); 2] = [("fmt", "rustfmt"), ("clippy", "clippy")];

/// The version of cargo-deny that is built when there is none; the newest that Rust 1.95 compiles.
const DENY_VERSION: &str = "0.20.2";

/// The version of mdBook that is built when there is none; the newest that Rust 1.95 compiles.
const MDBOOK_VERSION: &str = "0.5.4";

/// The version of Node.js that vite 7 asks for.
const NODE_VERSION: (u32, u32) = (20, 19);

/// Sees that all of it is there.
///
/// Packages of the system are installed when we are root or `CI` is set; otherwise the command that would do it is
/// printed and the run fails.
pub fn set_up(steps: &mut Steps) -> Result<()> {
    let mut missing: Vec<&str> = PROGRAMS
        .iter()
        .filter(|program| !answers(program.name, &["--version"]))
        .map(|program| program.package)
        .collect();
    // Debian has what a virtual environment is made with in a package of its own.
    if !answers("python3", &["-c", "import ensurepip"]) {
        missing.push("python3-venv");
    }
    install(steps, &missing)?;
    for (subcommand, component) in COMPONENTS {
        if !answers("cargo", &[subcommand, "--version"]) {
            bail!(
                "missing in this Rust toolchain: {component}. Install with: rustup component add {component}"
            );
        }
    }
    Ok(())
}

/// Sees that the page can be built.
pub fn node(steps: &mut Steps) -> Result<()> {
    let missing: Vec<&str> = [("node", "nodejs"), ("npm", "npm")]
        .into_iter()
        .filter(|(program, _)| !answers(program, &["--version"]))
        .map(|(_, package)| package)
        .collect();
    install(steps, &missing)?;
    let said = Command::new("node").arg("--version").output().context("could not start node")?;
    let version = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    if !is_new_enough(&version) {
        let (major, minor) = NODE_VERSION;
        bail!("node is {version}; expected {major}.{minor} or later; Debian 13 and nodejs.org have it");
    }
    Ok(())
}

/// Whether `v20.19.1` is [`NODE_VERSION`] or later.
fn is_new_enough(version: &str) -> bool {
    let mut parts = version.trim_start_matches('v').split('.').map_while(|part| part.parse::<u32>().ok());
    (parts.next(), parts.next()) >= (Some(NODE_VERSION.0), Some(NODE_VERSION.1))
}

/// Sees that these files are there, each with the Debian package that brings it, as [`set_up`] does with programs.
pub fn packages(steps: &mut Steps, files: &[(&str, &'static str)]) -> Result<()> {
    let missing: Vec<&str> =
        files.iter().filter(|(file, _)| !Path::new(file).exists()).map(|(_, package)| *package).collect();
    install(steps, &missing)
}

fn install(steps: &mut Steps, missing: &[&str]) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let install =
        format!("apt-get update && apt-get install --yes --no-install-recommends {}", missing.join(" "));
    if !is_root() && std::env::var_os("CI").is_none() {
        bail!("missing on this machine: {}. Install with: sudo sh -c '{install}'", missing.join(", "));
    }
    let mut command = steps.program("sh");
    command.args(["-c", &install]).env("DEBIAN_FRONTEND", "noninteractive");
    steps.run("system packages", command)
}

/// Where cargo-deny lies; built first where it is missing, which takes minutes, once.
pub fn cargo_deny(steps: &mut Steps) -> Result<PathBuf> {
    tool(steps, "cargo-deny", &format!("cargo-deny {DENY_VERSION}"), DENY_VERSION, &[])
}

/// Where mdBook lies, built first as well. It only has to build: watching, serving and searching are left out.
pub fn mdbook(steps: &mut Steps) -> Result<PathBuf> {
    tool(steps, "mdbook", &format!("mdbook v{MDBOOK_VERSION}"), MDBOOK_VERSION, &["--no-default-features"])
}

/// A program from crates.io of which `--version` says `wanted`.
fn tool(steps: &mut Steps, name: &str, wanted: &str, version: &str, words: &[&str]) -> Result<PathBuf> {
    let tools = steps.target().join("tools");
    let own = tools.join("bin").join(name);
    for path in [PathBuf::from(name), own.clone()] {
        let said = Command::new(&path).arg("--version").stderr(Stdio::null()).output();
        if said.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).trim() == wanted) {
            return Ok(path);
        }
    }
    let mut command = steps.cargo(&["install", "--locked", "--profile", "dev", "--force"]);
    command.args(words).arg(format!("{name}@{version}")).arg("--root").arg(&tools);
    // It runs for a second, so what counts is the time to compile it: no optimization, no debugging information.
    command.env("CARGO_PROFILE_DEV_DEBUG", "false").env("CARGO_TARGET_DIR", tools.join("build"));
    steps.run(&format!("build {name}"), command)?;
    Ok(own)
}

fn answers(program: &str, words: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(words).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|said| said.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_node_are_compared_as_numbers() {
        for version in ["v20.19.0", "v20.20.2", "v22.1.0", "v100.0.0"] {
            assert!(is_new_enough(version), "{version}");
        }
        for version in ["v20.9.9", "v18.20.4", "v9.30.0", "", "nonsense"] {
            assert!(!is_new_enough(version), "{version}");
        }
    }
}
