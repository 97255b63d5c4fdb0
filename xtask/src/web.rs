//! The page: its style, types and tests, its build beside the one that the server embeds, and the page in a real browser.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::steps::Steps;
use crate::{folder, machine};

/// What draws the page in the tests, and the letters of both languages: pictures are compared with kept ones.
const FILES: [(&str, &str); 3] = [
    ("/usr/bin/chromium", "chromium"),
    ("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", "fonts-dejavu-core"),
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
            let (built, own) = (folder::files(&built)?, folder::files(&embedded)?);
            if let Some(file) = folder::differing(&built, &own).first() {
                bail!(
                    "{}: not what web/ builds; write it anew with: cargo xtask web --write",
                    embedded.join(file).display()
                );
            }
            Ok(())
        },
    )?;
    let program = steps.built_program()?;
    let mut command = npm(steps, &["run", "--silent", "browser"]);
    command.env("DELTARULE_PROGRAM", program);
    steps.run_tests("the page in a browser", command)
}

/// Builds the page and puts it where the server embeds it.
pub fn write(steps: &mut Steps) -> Result<()> {
    install(steps)?;
    steps.run("build the page", npm(steps, &["run", "--silent", "build"]))?;
    let (built, embedded) = places(steps);
    folder::replace(&embedded, &folder::files(&built)?)
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
