//! `cargo xtask instructions`: how many machine instructions some kernels take, beside what they are expected to take.
//!
//! A regression guard that asks no clock: callgrind counts the instructions of one call of each kernel in
//! `crates/kernels/examples/instructions/main.rs`, built with the release profile. The same program takes the same number
//! of them on every machine: one thread, the AVX2 path (valgrind shows every program the same processor with AVX2,
//! whichever is underneath), numbers that are drawn alike, no address that counts. What is expected stands in
//! `expected.txt` beside that example, with the compiler it was counted with.
//!
//! Where a kernel takes more than the margin above that, the step fails. It fails for fewer as well, since a gain that
//! the table does not know could be lost again unnoticed. Whoever means a change writes the table anew with `--write`,
//! and the numbers show in the change's diff. Fewer instructions are not always less time: this guards, `cargo xtask
//! bench` measures.
//!
//! Callgrind is called directly. The harness `gungraun` calls it just so, but would bring some 30 crates to the kernels'
//! tests, and a runner with about 180 more, which each fresh clone would have to compile first.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

use crate::machine;
use crate::steps::{Steps, shown};

const EXAMPLE: &str = "instructions";
const EXPECTED: &str = "crates/kernels/examples/instructions/expected.txt";

/// What a count may differ by. Counts repeat exactly; but a change elsewhere may have the compiler inline otherwise, and
/// filling and copying short rows is the C library's, which comes in versions: up to 3 of 100 in the smallest kernels.
const MARGIN: f64 = 0.03;

/// What it may differ by under another compiler than the table's, which chooses and orders instructions anew. What is
/// left to find are kernels that lost their vectors or their inlining, which cost a multiple.
const MARGIN_OF_OTHER_COMPILER: f64 = 0.15;

/// The table, as its file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Expected {
    /// What `rustc --version` says.
    compiler: String,
    kernels: Vec<Kernel>,
}

/// A kernel and the instructions of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Kernel {
    name: String,
    count: u64,
}

/// Why a kernel's count does not hold.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Complaint {
    Grew,
    Fell,
    /// Counted, but not in the table.
    New,
    /// In the table, but counted no more.
    Gone,
}

/// Counts and compares, or with `--write` puts what has been counted into the table.
pub fn run(steps: &mut Steps, words: &[&str]) -> Result<()> {
    machine::set_up(steps)?;
    match words {
        [] => guard(steps),
        ["--write"] => write(steps),
        _ => bail!("instructions knows no {}; there is --write", words.join(" ")),
    }
}

/// Counts and compares.
pub fn guard(steps: &mut Steps) -> Result<()> {
    build(steps)?;
    steps.check("instruction counts", &shown(&callgrind(steps, "KERNEL")), |steps| {
        let file = steps.root().join(EXPECTED);
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("could not read {}", file.display()))?;
        let expected = Expected::read(&text).with_context(|| file.display().to_string())?;
        let compiler = compiler(steps)?;
        let is_same = compiler == expected.compiler;
        if !is_same {
            println!(
                "    compiled by {compiler}, expected counts are of {}: the margin is {:.0} % instead of {:.0} %",
                expected.compiler,
                100.0 * MARGIN_OF_OTHER_COMPILER,
                100.0 * MARGIN
            );
        }
        expected.compare(&count_all(steps)?, is_same)
    })
}

fn write(steps: &mut Steps) -> Result<()> {
    build(steps)?;
    steps.check("write instruction counts", &shown(&callgrind(steps, "KERNEL")), |steps| {
        let (compiler, kernels) = (compiler(steps)?, count_all(steps)?);
        let file = steps.root().join(EXPECTED);
        println!("    {} kernels into {}", kernels.len(), file.display());
        std::fs::write(&file, Expected { compiler, kernels }.text())
            .with_context(|| format!("could not write {}", file.display()))
    })
}

/// What counts is what users run, therefore the release profile.
fn build(steps: &mut Steps) -> Result<()> {
    let words = ["build", "--release", "--package", "deltarule-kernels", "--example", EXAMPLE];
    let mut command = steps.cargo(&words);
    // Callgrind knows what to count by its name, which the release profile leaves out.
    command.env("CARGO_PROFILE_RELEASE_STRIP", "none");
    steps.run("build the counted kernels", command)
}

fn program(steps: &Steps) -> PathBuf {
    steps.target().join("release/examples").join(EXAMPLE)
}

/// Callgrind's record of a kernel; `callgrind_annotate` shows what is in it.
fn record(steps: &Steps, kernel: &str) -> PathBuf {
    let name = kernel.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "-");
    steps.target().join(EXAMPLE).join(format!("{name}.callgrind"))
}

fn callgrind(steps: &Steps, kernel: &str) -> std::process::Command {
    let mut command = steps.program("valgrind");
    command.args(["--tool=callgrind", "--toggle-collect=instructions::counted*"]);
    command.arg(format!("--callgrind-out-file={}", record(steps, kernel).display()));
    // Somebody's own options could count other things.
    command.env_remove("VALGRIND_OPTS").arg(program(steps)).arg(kernel);
    command
}

fn compiler(steps: &Steps) -> Result<String> {
    said(steps.program(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("--version"))
}

/// What a command prints, without the line's end; what else it says only where it fails.
fn said(command: &mut std::process::Command) -> Result<String> {
    let output = command.output().with_context(|| format!("could not start: {}", shown(command)))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} from: {}\n{}", output.status, shown(command), complaint.trim());
    Ok(String::from_utf8(output.stdout).context("expected text")?.trim().to_owned())
}

fn count_all(steps: &Steps) -> Result<Vec<Kernel>> {
    let folder = steps.target().join(EXAMPLE);
    std::fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    let names = said(&mut steps.program(program(steps)))?;
    names
        .lines()
        .map(|name| {
            said(&mut callgrind(steps, name))?;
            let record = record(steps, name);
            let text = std::fs::read_to_string(&record)
                .with_context(|| format!("could not read {}", record.display()))?;
            let count = total(&text).with_context(|| format!("{name}: {}", record.display()))?;
            Ok(Kernel { name: name.to_owned(), count })
        })
        .collect()
}

/// The instructions in a record of callgrind.
fn total(record: &str) -> Result<u64> {
    let total = record.lines().find_map(|line| line.strip_prefix("totals:")).context("no line `totals:`")?;
    let count = total.trim().parse().with_context(|| format!("expected one number, got {total:?}"))?;
    // Also what is found where the function around which it collects has been inlined or renamed.
    ensure!(count > 0, "no instruction was counted: the program has no function `instructions::counted`");
    Ok(count)
}

impl Expected {
    fn read(text: &str) -> Result<Self> {
        let mut lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let compiler = lines.next().filter(|line| line.starts_with("rustc ")).context(
            "expected the line of `rustc --version` first, then a line `COUNT NAME` for each kernel",
        )?;
        let mut kernels: Vec<Kernel> = Vec::new();
        for line in lines {
            let kernel = line.trim().split_once(' ').and_then(|(count, name)| {
                Some(Kernel { name: name.trim().to_owned(), count: count.parse().ok().filter(|&n| n > 0)? })
            });
            let kernel = kernel.with_context(|| format!("expected `COUNT NAME`, got {line:?}"))?;
            ensure!(kernels.iter().all(|other| other.name != kernel.name), "{} is there twice", kernel.name);
            kernels.push(kernel);
        }
        Ok(Self { compiler: compiler.to_owned(), kernels })
    }

    fn text(&self) -> String {
        let mut text = format!(
            "# Instructions of one call of each kernel of main.rs on the AVX2 path, and the compiler of which they are.\n\
             # Written by `cargo xtask instructions --write`, compared by `cargo xtask test`.\n\n{}\n\n",
            self.compiler
        );
        self.kernels.iter().for_each(|Kernel { name, count }| text += &format!("{count:>8} {name}\n"));
        text
    }

    /// Prints all, and fails where one does not hold.
    fn compare(&self, counted: &[Kernel], is_same_compiler: bool) -> Result<()> {
        let margin = if is_same_compiler { MARGIN } else { MARGIN_OF_OTHER_COMPILER };
        let mut complaints = Vec::new();
        for Kernel { name, count } in counted {
            let expected = self.kernels.iter().find(|kernel| kernel.name == *name).map(|kernel| kernel.count);
            let said = in_words(name, *count, expected);
            println!("    {said}");
            match judge(*count, expected, margin) {
                // Another compiler's gain is no news of ours, and would spoil the table for the one it is of.
                Some(Complaint::Fell) if !is_same_compiler => println!("      fewer, by the other compiler"),
                Some(complaint) => complaints.push((complaint, said)),
                None => {}
            }
        }
        let gone = self.kernels.iter().filter(|kernel| counted.iter().all(|other| other.name != kernel.name));
        complaints.extend(gone.map(|kernel| (Complaint::Gone, kernel.name.clone())));
        ensure!(complaints.is_empty(), "{}", told(&complaints, margin));
        Ok(())
    }
}

fn in_words(name: &str, count: u64, expected: Option<u64>) -> String {
    match expected {
        Some(expected) => {
            format!(
                "{name}: {count} instructions, expected {expected}, x{:.3}",
                count as f64 / expected as f64
            )
        }
        None => format!("{name}: {count} instructions"),
    }
}

fn judge(count: u64, expected: Option<u64>, margin: f64) -> Option<Complaint> {
    let Some(expected) = expected else { return Some(Complaint::New) };
    let ratio = count as f64 / expected as f64;
    if ratio > 1.0 + margin {
        Some(Complaint::Grew)
    } else if ratio < 1.0 - margin {
        Some(Complaint::Fell)
    } else {
        None
    }
}

/// All complaints, the worst kind first, and what one can do.
fn told(complaints: &[(Complaint, String)], margin: f64) -> String {
    let percent = 100.0 * margin;
    let kinds = [
        (Complaint::Grew, format!("more instructions than expected by over {percent:.0} %")),
        (Complaint::Fell, format!("fewer by over {percent:.0} %, so that {EXPECTED} is out of date")),
        (Complaint::New, format!("not in {EXPECTED}")),
        (Complaint::Gone, format!("in {EXPECTED}, but counted no more")),
    ];
    let mut text = String::new();
    for (kind, what) in kinds {
        let kernels: Vec<&str> =
            complaints.iter().filter(|(other, _)| *other == kind).map(|(_, said)| said.as_str()).collect();
        if !kernels.is_empty() {
            text += &format!("{what}:\n  {}\n", kernels.join("\n  "));
        }
    }
    text + "If this is intended, write the table anew: cargo xtask instructions --write\n\
            If not, `callgrind_annotate` shows what was counted: KERNEL.callgrind, in `instructions` of the target folder."
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const RUSTC: &str = "rustc 1.95.0 (59807616e 2026-04-14)";

    fn kernel(name: &str, count: u64) -> Kernel {
        Kernel { name: name.to_owned(), count }
    }

    fn expected(kernels: &[Kernel]) -> Expected {
        Expected { compiler: RUSTC.to_owned(), kernels: kernels.to_vec() }
    }

    #[test]
    fn the_committed_table_is_as_it_would_be_written() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(EXPECTED);
        let text = std::fs::read_to_string(file).unwrap();
        let table = Expected::read(&text).unwrap();
        assert!(!table.kernels.is_empty());
        assert_eq!(table.text(), text);
    }

    #[test]
    fn a_table_that_is_written_is_read() {
        let table = expected(&[kernel("affine 4x8x3", 941), kernel("step 2-8-1, 4 rows", 12_345_678)]);
        assert_eq!(Expected::read(&table.text()).unwrap(), table);
    }

    #[test]
    fn a_table_with_a_mistake_names_it() {
        let error = |text: &str| Expected::read(text).unwrap_err().to_string();
        assert!(error("").starts_with("expected the line of `rustc --version` first"));
        assert!(error("941 affine\n").starts_with("expected the line of `rustc --version` first"));
        let after = |lines: &str| error(&format!("{RUSTC}\n{lines}\n"));
        assert_eq!(after("affine 941"), r#"expected `COUNT NAME`, got "affine 941""#);
        assert_eq!(after("941"), r#"expected `COUNT NAME`, got "941""#);
        assert_eq!(after("0 affine"), r#"expected `COUNT NAME`, got "0 affine""#);
        assert_eq!(after("941 affine\n942 affine"), "affine is there twice");
    }

    #[test]
    fn a_count_holds_within_the_margin() {
        // 3 % of 1000 are 30, 15 % are 150.
        let judged = |count| judge(count, Some(1000), MARGIN);
        assert_eq!([970, 1000, 1030].map(judged), [None; 3]);
        assert_eq!(judged(1031), Some(Complaint::Grew));
        assert_eq!(judged(969), Some(Complaint::Fell));
        assert_eq!(judge(1150, Some(1000), MARGIN_OF_OTHER_COMPILER), None);
        assert_eq!(judge(1151, Some(1000), MARGIN_OF_OTHER_COMPILER), Some(Complaint::Grew));
        assert_eq!(judge(1, None, MARGIN), Some(Complaint::New));
    }

    #[test]
    fn what_does_not_hold_is_named_with_the_way_out() {
        let table = expected(&[kernel("a", 1000), kernel("b", 1000), kernel("c", 1000), kernel("d", 1000)]);
        let counted = [kernel("a", 1040), kernel("b", 900), kernel("c", 1010), kernel("e", 5)];
        let error = table.compare(&counted, true).unwrap_err().to_string();
        let lines: Vec<&str> = error.lines().collect();
        assert_eq!(lines[0], "more instructions than expected by over 3 %:");
        assert_eq!(lines[1], "  a: 1040 instructions, expected 1000, x1.040");
        assert!(lines[2].starts_with("fewer by over 3 %"), "{error}");
        assert_eq!(lines[3], "  b: 900 instructions, expected 1000, x0.900");
        assert_eq!(lines[4..6], [&format!("not in {EXPECTED}:"), "  e: 5 instructions"]);
        assert_eq!(lines[6..8], [&format!("in {EXPECTED}, but counted no more:"), "  d"]);
        assert!(lines[8].ends_with("cargo xtask instructions --write"), "{error}");
        assert!(!error.contains("c: "), "{error}");
    }

    #[test]
    fn another_compiler_may_take_fewer_and_a_little_more() {
        let table = expected(&[kernel("a", 1000)]);
        for count in [500, 1000, 1140] {
            table.compare(&[kernel("a", count)], false).unwrap();
        }
        let error = table.compare(&[kernel("a", 1160)], false).unwrap_err().to_string();
        assert!(error.starts_with("more instructions than expected by over 15 %:"), "{error}");
    }

    #[test]
    fn a_record_has_one_total_above_0() {
        assert_eq!(total("summary: 941\n\ntotals: 941\n").unwrap(), 941);
        assert!(total("totals: 0\n").unwrap_err().to_string().starts_with("no instruction was counted"));
        assert!(total("totals: 1 2\n").unwrap_err().to_string().starts_with("expected one number"));
        assert!(total("summary: 941\n").unwrap_err().to_string().starts_with("no line"));
    }
}
