//! The libraries that we are compared with, and the Python that runs them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::steps::Steps;

/// A library to be compared with: a program under `bench/peers/` that trains an exported case and prints one JSON line.
///
/// `bench/peers/case.py` says what it is given and what it prints.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// As the table and the archive call it.
    pub name: &'static str,
    /// Its file.
    pub program: &'static str,
}

/// Every peer.
pub const PEERS: &[Peer] = &[Peer { name: "pytorch-eager", program: "pytorch_eager.py" }];

/// The interpreter of a virtual environment with what `bench/requirements.txt` pins; made anew when that has changed.
pub fn virtual_environment(steps: &mut Steps) -> Result<PathBuf> {
    let folder = steps.target().join("bench-venv");
    let folder =
        std::path::absolute(&folder).with_context(|| format!("no such place: {}", folder.display()))?;
    let python = folder.join("bin/python");
    let requirements = steps.root().join("bench/requirements.txt");
    let installed = folder.join("requirements.txt");
    if is_current(&requirements, &installed)? {
        return Ok(python);
    }
    let mut command = steps.program("python3");
    command.args(["-m", "venv", "--clear"]).arg(&folder);
    steps.run("virtual environment", command)?;
    let mut command = steps.program(&python);
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    command.arg(&requirements);
    steps.run("install the peers", command)?;
    // Copied last: an installation that was cut short is begun again.
    std::fs::copy(&requirements, &installed)
        .with_context(|| format!("could not write {}", installed.display()))?;
    Ok(python)
}

/// Whether what was installed is what is wanted.
fn is_current(wanted: &Path, installed: &Path) -> Result<bool> {
    let text = std::fs::read(wanted).with_context(|| format!("could not read {}", wanted.display()))?;
    Ok(std::fs::read(installed).is_ok_and(|installed| installed == text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_has_its_program_and_its_pinned_packages() {
        let bench = crate::workspace_root().join("bench");
        for peer in PEERS {
            assert!(bench.join("peers").join(peer.program).is_file(), "{}", peer.program);
        }
        let requirements = std::fs::read_to_string(bench.join("requirements.txt")).unwrap();
        let packages: Vec<&str> =
            requirements.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
        assert!(!packages.is_empty() && packages.iter().all(|line| line.contains("==")), "{packages:?}");
    }

    #[test]
    fn an_environment_is_current_only_with_the_same_requirements() {
        let bench = crate::workspace_root().join("bench");
        let wanted = bench.join("requirements.txt");
        assert!(is_current(&wanted, &wanted).unwrap());
        assert!(!is_current(&wanted, &bench.join("README.md")).unwrap());
        assert!(!is_current(&wanted, &bench.join("no-such-file")).unwrap());
        assert!(is_current(&bench.join("no-such-file"), &wanted).is_err());
    }
}
