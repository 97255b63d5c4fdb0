//! The manual: every block of every chapter run, what it prints beside what is shown, and the book beside the one that the
//! server embeds.

mod book;
mod chapter;
mod outcome;
mod run;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use self::book::Files;
use self::chapter::{Kind, Line};
use self::run::{Difference, Edit, Mend, Shop};
use crate::steps::Steps;
use crate::{folder, machine, python};

/// The file that says which instruction set the outputs were written with. The last bits of a training hang on it, and after some
/// thousand steps so do the figures, and which of two remedies comes first.
const WRITTEN_WITH: &str = "docs/manual/instruction_set";

/// Digests of what the embedded book was built from, and of the book: so that a test can tell that it is stale without building
/// mdBook first, which takes minutes.
const BUILT_FROM: &str = "docs/manual/built_from";

/// What is done with what blocks print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outputs {
    /// It has to be what is shown.
    Compared,
    /// It may be anything: what a release shows is compared where it is written, by `cargo xtask manual`.
    LeftAlone,
}

/// Runs the blocks and compares.
///
/// What is printed is compared where that is asked for and the outputs were written with this machine's instruction set. Else
/// blocks have to run and to exit as they say.
pub fn test(steps: &mut Steps, outputs: Outputs) -> Result<()> {
    let shop = shop(steps, true)?;
    let chapters = read(steps.root())?;
    let written_with = std::fs::read_to_string(steps.root().join(WRITTEN_WITH))
        .with_context(|| format!("could not read {WRITTEN_WITH}"))?;
    let own = shop.instruction_set()?;
    let is_same = written_with.trim() == own;
    let compares = is_same && outputs == Outputs::Compared;
    if !is_same {
        println!("    outputs were written with {}, this is {own}: not compared", written_with.trim());
    }
    for (name, lines) in &chapters {
        let blocks = chapter::blocks(lines)?;
        steps.check(&format!("manual: {name}"), &format!("{} blocks", blocks.len()), |_| {
            let differences = shop.run(name, &blocks)?;
            if let Some(first) = differences.first().filter(|_| compares) {
                bail!("{}\nwrite what is printed with: cargo xtask manual --write", first.told);
            }
            Ok(())
        })?;
    }
    let made = book::sources(steps.root(), &chapters)?;
    steps.check("the manual that the server embeds", &embedded(steps).display().to_string(), |steps| {
        let recorded = std::fs::read_to_string(steps.root().join(BUILT_FROM))
            .with_context(|| format!("could not read {BUILT_FROM}"))?;
        let stands = book::digest(&folder::files(&embedded(steps))?);
        ensure!(
            recorded.trim() == format!("{} {stands}", book::digest(&made)),
            "{BUILT_FROM}: the embedded book is of other sources; write it anew with: cargo xtask manual --book"
        );
        Ok(())
    })
}

/// Runs and compares chapters by name, as `serve`, while they are written; with `writes`, writes what they print into them.
pub fn chapters(steps: &mut Steps, names: &[&str], writes: bool) -> Result<()> {
    let root = steps.root().to_owned();
    let all = read(&root)?;
    let known = || all.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    let mut chosen = Vec::new();
    for name in names {
        let found = all.iter().find(|(known, _)| known == name);
        let (name, lines) =
            found.with_context(|| format!("{name}: no such chapter; expected one of {}", known()))?;
        chosen.push((name, chapter::blocks(lines)?));
    }
    let asks_python = chosen.iter().flat_map(|(_, blocks)| blocks).any(|block| block.kind == Kind::Python);
    let shop = shop(steps, asks_python)?;
    for (name, blocks) in chosen {
        steps.check(&format!("manual: {name}"), &format!("{} blocks", blocks.len()), |_| {
            let differences = shop.run(name, &blocks)?;
            if writes {
                return mend(&root, differences);
            }
            match differences.first() {
                Some(first) => {
                    bail!("{}\nwrite what is printed with: cargo xtask manual --write {name}", first.told)
                }
                None => Ok(()),
            }
        })?;
    }
    Ok(())
}

/// Makes the manual show what came out.
fn mend(root: &Path, differences: Vec<Difference>) -> Result<()> {
    let mut edits: BTreeMap<PathBuf, Vec<Edit>> = BTreeMap::new();
    for Difference { file, mend, .. } in differences {
        match mend {
            Mend::Edit(edit) => edits.entry(file).or_default().push(edit),
            Mend::Figure(drawn) => book::write(&root.join(file), drawn.as_bytes())?,
        }
    }
    for (file, edits) in edits {
        let file = root.join(file);
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("could not read {}", file.display()))?;
        book::write(&file, run::edited(&text, &edits).as_bytes())?;
    }
    Ok(())
}

/// Builds the book of the chapters as they stand, and puts it where the server embeds it.
pub fn write_book(steps: &mut Steps) -> Result<()> {
    let chapters = read(steps.root())?;
    let built = build(steps, &chapters)?;
    folder::replace(&embedded(steps), &built)?;
    let digests = [book::digest(&book::sources(steps.root(), &chapters)?), book::digest(&built)];
    book::write(&steps.root().join(BUILT_FROM), format!("{}\n", digests.join(" ")).as_bytes())
}

/// Writes what blocks print into the chapters, and the book to where the server embeds it.
pub fn write(steps: &mut Steps) -> Result<()> {
    let shop = shop(steps, true)?;
    let root = steps.root().to_owned();
    let mut differences = Vec::new();
    for (name, lines) in &read(&root)? {
        let blocks = chapter::blocks(lines)?;
        steps.check(&format!("manual: {name}"), &format!("{} blocks", blocks.len()), |_| {
            differences.extend(shop.run(name, &blocks)?);
            Ok(())
        })?;
    }
    book::write(&root.join(WRITTEN_WITH), format!("{}\n", shop.instruction_set()?).as_bytes())?;
    mend(&root, differences)?;
    write_book(steps)
}

/// Each chapter's name and lines.
fn read(root: &Path) -> Result<Vec<(String, Vec<Line>)>> {
    let source = Path::new("docs/manual/src");
    let summary = root.join(source).join("SUMMARY.md");
    let summary =
        std::fs::read_to_string(&summary).with_context(|| format!("could not read {}", summary.display()))?;
    let names = book::chapters(&summary);
    ensure!(!names.is_empty(), "SUMMARY.md: expected chapters, got none");
    names
        .into_iter()
        .map(|name| {
            let lines = chapter::read(root, &source.join(format!("{name}.md")))?;
            Ok((name, lines))
        })
        .collect()
}

/// What blocks are run with: the program, and the Python that has the package, where a block asks for it.
fn shop(steps: &mut Steps, asks_python: bool) -> Result<Shop> {
    let program = steps.built_program()?;
    let python = if asks_python { python::installed(steps)? } else { PathBuf::from("python3") };
    let target = std::path::absolute(steps.target()).context("no current folder")?;
    let root = steps.root().to_owned();
    Shop::new(&root, &target.join("manual/run"), &program, &python)
}

fn build(steps: &mut Steps, chapters: &[(String, Vec<Line>)]) -> Result<Files> {
    let mdbook = machine::mdbook(steps)?;
    let folder = std::path::absolute(steps.target()).context("no current folder")?.join("manual/book");
    book::build(steps, &mdbook, &folder, chapters)
}

/// Where the server embeds the book.
fn embedded(steps: &Steps) -> PathBuf {
    steps.root().join("crates/server/manual")
}
