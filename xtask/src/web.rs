//! The page: its style, types and tests, its build beside the one that the server embeds, and the page in a real browser.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::machine;
use crate::steps::Steps;

/// What draws the page in the tests, and the letters of both languages.
const FILES: [(&str, &str); 2] = [
    ("/usr/bin/chromium", "chromium"),
    ("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", "fonts-noto-cjk"),
];

/// All of it.
pub fn test(steps: &mut Steps) -> Result<()> {
    install(steps)?;
    machine::packages(steps, &FILES)?;
    steps.run("style of the page", npm(steps, &["run", "--silent", "lint"]))?;
    steps.run("types of the page", npm(steps, &["run", "--silent", "types"]))?;
    steps.run_tests("tests of the page", npm(steps, &["run", "--silent", "test"]))?;
    steps.run("build the page", npm(steps, &["run", "--silent", "build"]))?;
    let (built, embedded) = places(steps);
    steps.check(
        "the page that the server embeds",
        &format!("diff -r web/dist {}", embedded.display()),
        |_| {
            let (built, own) = (files(&built)?, files(&embedded)?);
            if let Some(file) = differing(&built, &own).first() {
                bail!(
                    "{}: not what web/ builds; write it anew with: cargo xtask web --write",
                    embedded.join(file).display()
                );
            }
            Ok(())
        },
    )?;
    steps.run("build the program", steps.cargo(&["build", "--package", "deltarule-cli"]))?;
    let target = std::path::absolute(steps.target()).context("no current folder")?;
    let mut command = npm(steps, &["run", "--silent", "browser"]);
    command.env("DELTARULE_PROGRAM", target.join("debug/deltarule"));
    steps.run_tests("the page in a browser", command)
}

/// Builds the page and puts it where the server embeds it.
pub fn write(steps: &mut Steps) -> Result<()> {
    install(steps)?;
    steps.run("build the page", npm(steps, &["run", "--silent", "build"]))?;
    let (built, embedded) = places(steps);
    if embedded.exists() {
        std::fs::remove_dir_all(&embedded)
            .with_context(|| format!("could not empty {}", embedded.display()))?;
    }
    for (name, bytes) in files(&built)? {
        let place = embedded.join(name);
        let folder = place.parent().context("a file lies in a folder")?;
        std::fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
        std::fs::write(&place, bytes).with_context(|| format!("could not write {}", place.display()))?;
    }
    Ok(())
}

/// What the lock file names, into `web/node_modules`, unless it is there.
fn install(steps: &mut Steps) -> Result<()> {
    machine::node(steps)?;
    let lock = steps.root().join("web/package-lock.json");
    let installed = steps.root().join("web/node_modules/installed-lock.json");
    let wanted = std::fs::read(&lock).with_context(|| format!("could not read {}", lock.display()))?;
    if std::fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    steps.run(
        "install the page's tools",
        npm(steps, &["ci", "--no-audit", "--no-fund", "--ignore-scripts"]),
    )?;
    // Written last: an installation that was cut short is begun again.
    std::fs::write(&installed, wanted).with_context(|| format!("could not write {}", installed.display()))
}

fn npm(steps: &Steps, words: &[&str]) -> Command {
    let mut command = steps.program("npm");
    // Colours would stand between the numbers that are counted.
    command.args(["--prefix", "web"]).args(words).env("NO_COLOR", "1").env_remove("FORCE_COLOR");
    command
}

/// Where the page is built, and where the server embeds it.
fn places(steps: &Steps) -> (PathBuf, PathBuf) {
    (steps.root().join("web/dist"), steps.root().join("crates/server/page"))
}

/// All files below a folder, by their path in it.
fn files(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(inner) = folders.pop() {
        let place = folder.join(&inner);
        for entry in place.read_dir().with_context(|| format!("could not read {}", place.display()))? {
            let entry = entry?;
            let path = inner.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(entry.path())
                    .with_context(|| format!("could not read {}", path.display()))?;
                found.insert(path, bytes);
            }
        }
    }
    Ok(found)
}

/// The files that only one of both has, or that are not the same.
fn differing<'a>(
    one: &'a BTreeMap<PathBuf, Vec<u8>>,
    other: &'a BTreeMap<PathBuf, Vec<u8>>,
) -> Vec<&'a PathBuf> {
    let mut names: Vec<_> =
        one.keys().chain(other.keys()).filter(|name| one.get(*name) != other.get(*name)).collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_missing_new_or_changed_differs() {
        let page = |files: &[(&str, &str)]| -> BTreeMap<PathBuf, Vec<u8>> {
            files.iter().map(|(name, text)| (PathBuf::from(name), text.as_bytes().to_vec())).collect()
        };
        let one = page(&[("index.html", "a"), ("app.js", "b"), ("app.css", "c")]);
        let other = page(&[("index.html", "a"), ("app.js", "B"), ("font", "d")]);
        let names = ["app.css", "app.js", "font"].map(PathBuf::from);
        assert_eq!(differing(&one, &other), names.iter().collect::<Vec<_>>());
        assert!(differing(&one, &one).is_empty());
    }

    #[test]
    fn files_of_folders_in_folders_are_found() {
        let found = files(&crate::workspace_root().join("xtask")).unwrap();
        assert!(found.contains_key(Path::new("src/web.rs")) && found.contains_key(Path::new("Cargo.toml")));
    }
}
