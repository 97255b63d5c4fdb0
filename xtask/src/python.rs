//! Virtual environments, and the Python package: built as a wheel, installed as a user would, tested from outside.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::steps::Steps;

/// The interpreter of a virtual environment in the target folder with what these files pin; what has changed is installed
/// anew.
pub fn environment(steps: &mut Steps, name: &str, requirements: &[PathBuf]) -> Result<PathBuf> {
    let folder =
        std::path::absolute(steps.target().join(name)).context("could not tell the current folder")?;
    let python = folder.join("bin/python");
    for (index, wanted) in requirements.iter().enumerate() {
        let file = wanted.file_name().context("requirements are files")?;
        let installed = folder.join(file);
        if is_current(wanted, &installed)? {
            continue;
        }
        if index == 0 {
            let mut command = steps.program("python3");
            command.args(["-m", "venv", "--clear"]).arg(&folder);
            steps.run("virtual environment", command)?;
        }
        let mut command = steps.program(&python);
        command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
        command.arg(wanted);
        steps.run(&format!("install {}", file.display()), command)?;
        // Copied last: an installation that was cut short is begun again.
        std::fs::copy(wanted, &installed)
            .with_context(|| format!("could not write {}", installed.display()))?;
    }
    Ok(python)
}

/// Whether what was installed is what is wanted.
fn is_current(wanted: &Path, installed: &Path) -> Result<bool> {
    let text = std::fs::read(wanted).with_context(|| format!("could not read {}", wanted.display()))?;
    Ok(std::fs::read(installed).is_ok_and(|installed| installed == text))
}

/// The interpreter of an environment that has the package and what its tests need.
pub fn installed(steps: &mut Steps) -> Result<PathBuf> {
    Ok(install(steps)?.0)
}

/// The interpreter, and the wheel that was built and installed.
fn install(steps: &mut Steps) -> Result<(PathBuf, PathBuf)> {
    let package = package(steps)?;
    // PyTorch is most of it, and stands alone so that everything else can be installed without.
    let wanted = ["requirements-test.txt", "requirements-torch.txt"].map(|file| package.join(file));
    let python = environment(steps, "python-venv", &wanted)?;
    let wheel = wheel(steps, &python, &package)?;
    let mut command = module(steps, &python, &package, "pip");
    command.args(["install", "--quiet", "--disable-pip-version-check", "--force-reinstall", "--no-deps"]);
    command.arg(&wheel);
    steps.run("install the wheel", command)?;
    Ok((python, wheel))
}

fn package(steps: &Steps) -> Result<PathBuf> {
    std::path::absolute(steps.root().join("crates/python")).context("no current folder")
}

/// The package's wheel into a fresh environment; its style, its types, its tests.
pub fn test(steps: &mut Steps) -> Result<()> {
    let package = package(steps)?;
    let (python, wheel) = install(steps)?;
    for (name, program, words) in [
        ("style of the Python package", "ruff", &["check", "."][..]),
        ("layout of the Python package", "ruff", &["format", "--check", "."]),
        ("types of the Python package", "mypy", &["--strict", "python/deltarule"]),
        (
            "stubs beside what they stand for",
            "mypy.stubtest",
            &["deltarule._core", "--ignore-disjoint-bases"],
        ),
    ] {
        let mut command = module(steps, &python, &package, program);
        command.args(words);
        steps.run(name, command)?;
    }
    // Whose model files the package shares.
    let program = steps.built_program()?;
    let mut command = module(steps, &python, &package, "pytest");
    command.args(["--quiet", "tests"]).env("DELTARULE_WHEEL", &wheel).env("DELTARULE_PROGRAM", program);
    steps.run_tests("tests of the Python package", command)
}

/// A module of the environment, run in the package's folder.
fn module(steps: &Steps, python: &Path, package: &Path, name: &str) -> Command {
    let mut command = steps.program(python);
    command.args(["-m", name]).current_dir(package);
    command
}

/// Builds the wheel in the profile of the tests, which shares their dependencies.
fn wheel(steps: &mut Steps, python: &Path, package: &Path) -> Result<PathBuf> {
    let target = std::path::absolute(steps.target()).context("no current folder")?;
    let out = target.join("wheels");
    if out.exists() {
        std::fs::remove_dir_all(&out).with_context(|| format!("could not empty {}", out.display()))?;
    }
    let mut command = module(steps, python, package, "maturin");
    command.args(["build", "--quiet", "--interpreter"]).arg(python).arg("--out").arg(&out);
    command.env("CARGO_TARGET_DIR", &target);
    steps.run("build the wheel", command)?;
    let wheels: Vec<PathBuf> = out
        .read_dir()
        .with_context(|| format!("no wheel in {}", out.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    match wheels.as_slice() {
        [wheel] => Ok(wheel.clone()),
        other => bail!("{}: expected one wheel, got {}", out.display(), other.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
