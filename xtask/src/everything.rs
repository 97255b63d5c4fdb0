//! `cargo xtask test`: the list of what has to hold, cheapest first.
//!
//! One profile (`dev`) and one target folder serve all of it, so that the dependencies are checked once and compiled
//! once: the tests, the examples, the binary, and the packages as they would be published share them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::steps::Steps;
use crate::{accept, bench, faults, features, instructions, machine, manual, python, web};

/// Runs everything, ending at the first step that fails.
pub fn test(steps: &mut Steps) -> Result<()> {
    machine::set_up(steps)?;
    steps.run("format", steps.cargo(&["fmt", "--all", "--check"]))?;
    steps.run("lints", steps.cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    lint_feature_sets(steps)?;
    documentation(steps)?;
    licences(steps)?;
    steps.run_tests("tests", steps.cargo(&["test", "--workspace"]))?;
    steps.program_is_built();
    // Units only: that the others compile so, the lints have seen, and what they test has no features.
    steps.run_tests(
        "tests without features",
        steps.cargo(&["test", "--package", "deltarule", "--no-default-features", "--lib"]),
    )?;
    examples(steps)?;
    faults::slice(steps)?;
    python::test(steps)?;
    web::test(steps)?;
    manual::test(steps, manual::Outputs::LeftAlone)?;
    packages(steps)?;
    accept::run_quick(steps)?;
    bench::slice(steps)?;
    instructions::guard(steps)?;
    size(steps)
}

/// The program that the bench's slice has built is small enough to be handed about; stripped it is smaller still.
fn size(steps: &mut Steps) -> Result<()> {
    const MOST: u64 = 25_000_000;
    let program = steps.target().join("release/deltarule");
    steps.check("size of the program", &format!("{}: at most {MOST} bytes", program.display()), |_| {
        let file = program.metadata().with_context(|| format!("no such file: {}", program.display()))?;
        ensure!(file.len() <= MOST, "{}: {} bytes, expected at most {MOST}", program.display(), file.len());
        println!("    {} bytes", file.len());
        Ok(())
    })
}

/// The library with no feature and with all, tests and examples included, and with each one alone: each without a warning. The
/// default set is what `lints` has seen already; what a test or an example asks for, one of these three sets has.
fn lint_feature_sets(steps: &mut Steps) -> Result<()> {
    let names = features::of_manifest(&steps.root().join("crates/deltarule/Cargo.toml"))?;
    let mut sets =
        vec![vec!["--all-targets", "--no-default-features"], vec!["--all-targets", "--all-features"]];
    sets.extend(names.iter().map(|name| vec!["--lib", "--no-default-features", "--features", name]));
    for set in sets {
        let words = [&["clippy", "--package", "deltarule"], &set[..], &["--", "-D", "warnings"]].concat();
        let name = format!("lints, library with {}", set[1..].join(" "));
        steps.run(&name, steps.cargo(&words))?;
    }
    Ok(())
}

/// The pages that docs.rs would build, with a broken link an error. The program is left out: its page would be written
/// over the library's, which has the same name.
fn documentation(steps: &mut Steps) -> Result<()> {
    let crates =
        ["--package", "deltarule-kernels", "--package", "deltarule", "--package", "deltarule-server"];
    let mut command = steps.cargo(&[&["doc", "--no-deps", "--all-features"], &crates[..]].concat());
    command.env("RUSTDOCFLAGS", "-D warnings");
    steps.run("documentation", command)
}

/// Licences, banned and doubled crates, and where crates come from.
fn licences(steps: &mut Steps) -> Result<()> {
    let deny = machine::cargo_deny(steps)?;
    let mut command = steps.program(deny);
    command.args(["check", "--hide-inclusion-graph", "licenses", "bans", "sources"]);
    steps.run("licences, bans, sources", command)
}

/// Every example is built, and the library's are run: each prints its numbers and exits 0.
fn examples(steps: &mut Steps) -> Result<()> {
    steps.run("build examples", steps.cargo(&["build", "--workspace", "--examples"]))?;
    let built = steps.target().join("debug/examples");
    // These measure, and are run by commands of their own.
    let measure = ["faults", "telemetry_cost"];
    for name in example_names(&steps.root().join("crates/deltarule/examples"))? {
        if measure.contains(&name.as_str()) {
            continue;
        }
        let command = steps.program(built.join(&name));
        steps.run(&format!("example {name}"), command)?;
    }
    Ok(())
}

/// The examples in a folder: `name.rs`, or a folder `name` with a `main.rs`.
fn example_names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let entries = folder.read_dir().with_context(|| format!("could not read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let is_example =
            path.extension().is_some_and(|ending| ending == "rs") || path.join("main.rs").is_file();
        if let (true, Some(stem)) = (is_example, path.file_stem()) {
            names.push(stem.to_string_lossy().into_owned());
        }
    }
    ensure!(!names.is_empty(), "{}: expected examples, got none", folder.display());
    names.sort();
    Ok(names)
}

/// The crates packed as for publishing, each built from its package alone.
fn packages(steps: &mut Steps) -> Result<()> {
    let words = [
        "publish",
        "--workspace",
        "--exclude",
        "xtask",
        "--exclude",
        "deltarule-python",
        "--dry-run",
        "--allow-dirty",
    ];
    let mut command = steps.cargo(&words);
    // A package is a workspace of its own that knows neither our target folder nor our profiles. What counts is that
    // it compiles, so nothing is optimized, and one folder for all keeps the dependencies from being compiled twice.
    command.env("CARGO_PROFILE_DEV_DEBUG", "false");
    command.env("CARGO_TARGET_DIR", absolute(steps)?.join("published"));
    forget_unpacked()?;
    steps.run("packages", command)
}

/// Removes our own crates from the sources that cargo keeps unpacked. It knows them by name and version alone, so that a
/// package would be built on what an earlier run of this step had packed under the same version.
fn forget_unpacked() -> Result<()> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| {
        let user = std::env::var_os("HOME")?;
        Some(Path::new(&user).join(".cargo"))
    });
    let Some(Ok(registries)) = home.map(|home| home.join("registry/src").read_dir()) else {
        return Ok(());
    };
    for registry in registries {
        let registry = registry?.path();
        for unpacked in
            registry.read_dir().with_context(|| format!("could not read {}", registry.display()))?
        {
            let unpacked = unpacked?;
            if unpacked.file_name().to_string_lossy().starts_with("deltarule-") {
                let unpacked = unpacked.path();
                std::fs::remove_dir_all(&unpacked)
                    .with_context(|| format!("could not remove {}", unpacked.display()))?;
            }
        }
    }
    Ok(())
}

fn absolute(steps: &Steps) -> Result<PathBuf> {
    std::path::absolute(steps.target()).context("could not tell the current folder")
}

/// Writes `docs/SETTINGS.md` anew: the test that compares the page with the definitions writes it when asked to.
pub fn write_settings_page(steps: &mut Steps) -> Result<()> {
    let mut command =
        steps.cargo(&["test", "--quiet", "--package", "deltarule", "--lib", "config::tests::the_page"]);
    command.env("UPDATE_DOCS", "1");
    steps.run("settings page", command)
}
