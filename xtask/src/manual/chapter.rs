//! A chapter: its lines, each knowing the file that it came from, and the fenced blocks among them.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

/// A line and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub text: String,
    pub file: PathBuf,
    /// From 1.
    pub number: usize,
}

/// What is done with a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Run by a shell, which has to exit with this, and leave a figure of the manual if it says so.
    Shell { exit: i32, figure: Option<String> },
    /// Run by a shell until what it serves has answered, and the blocks that ask it have run.
    Serves,
    /// Run by a shell while the block before it serves.
    Asks,
    /// Run by the Python of the package's tests.
    Python,
    /// Written to a file of this name.
    File(String),
    /// What the block before has printed.
    Output,
    /// Lines of a file that other tests run or compare.
    Included,
    /// Not run, and why.
    NotRun(String),
}

/// A fenced block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    pub kind: Kind,
    pub lines: Vec<Line>,
    /// The opening fence.
    pub fence: Line,
}

impl Block {
    /// All of it, each line ended.
    pub fn text(&self) -> String {
        self.lines.iter().flat_map(|line| [line.text.as_str(), "\n"]).collect()
    }

    /// File and line of its fence, as compilers say it.
    pub fn place(&self) -> String {
        place(&self.fence)
    }
}

fn place(line: &Line) -> String {
    format!("{}:{}", line.file.display(), line.number)
}

/// The lines of a file below `root`, with `{{#include FILE}}` and `{{#include FILE:ANCHOR}}` replaced by what they name.
pub fn read(root: &Path, file: &Path) -> Result<Vec<Line>> {
    let whole = root.join(file);
    let text =
        std::fs::read_to_string(&whole).with_context(|| format!("could not read {}", whole.display()))?;
    let mut lines = Vec::new();
    for (index, text) in text.lines().enumerate() {
        let line = Line { text: text.to_owned(), file: file.to_owned(), number: index + 1 };
        let Some(target) = included(text) else {
            lines.push(line);
            continue;
        };
        let (name, anchor) = target.split_once(':').map_or((target, None), |(name, at)| (name, Some(at)));
        let folder = file.parent().context("a file lies in a folder")?;
        let inner = read(root, &plain(&folder.join(name))).with_context(|| place(&line))?;
        lines.extend(match anchor {
            Some(anchor) => between(inner, anchor).with_context(|| place(&line))?,
            None => inner,
        });
    }
    Ok(lines)
}

/// What a line includes, where that is all it does.
fn included(line: &str) -> Option<&str> {
    line.trim().strip_prefix("{{#include ")?.strip_suffix("}}").map(str::trim)
}

/// A path without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    plain
}

/// The lines between `ANCHOR: name` and `ANCHOR_END: name`, moved to the left edge.
fn between(lines: Vec<Line>, name: &str) -> Result<Vec<Line>> {
    let is = |line: &Line, word: &str| {
        line.text.split_once(word).is_some_and(|(_, after)| after.trim().trim_start_matches(": ") == name)
    };
    let mut inside: Vec<Line> = lines
        .into_iter()
        .skip_while(|line| !is(line, "ANCHOR:"))
        .skip(1)
        .take_while(|line| !is(line, "ANCHOR_END:"))
        .filter(|line| !line.text.contains("ANCHOR"))
        .collect();
    ensure!(!inside.is_empty(), "no lines between ANCHOR: {name} and ANCHOR_END: {name}");
    let margin = |line: &Line| line.text.len() - line.text.trim_start().len();
    let least = inside.iter().filter(|line| !line.text.is_empty()).map(margin).min().unwrap_or(0);
    for line in &mut inside {
        line.text = line.text.get(least..).unwrap_or_default().to_owned();
    }
    Ok(inside)
}

/// The fenced blocks, each with what is to be done with it.
///
/// # Errors
/// A fence that does not end, a marker that nobody knows, and a block that nothing executes and that does not say why.
pub fn blocks(lines: &[Line]) -> Result<Vec<Block>> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut lines = lines.iter();
    // Whether only empty lines have come since a block that ran.
    let mut after_run = false;
    // Whether a block serves, and only those that ask it have come since, and what they print.
    let mut served = false;
    while let Some(fence) = lines.next() {
        let Some(info) = fence.text.trim_start().strip_prefix("```") else {
            after_run &= fence.text.trim().is_empty();
            continue;
        };
        let mut inside = Vec::new();
        loop {
            let line = lines.next().with_context(|| format!("{}: the block has no end", place(fence)))?;
            if line.text.trim() == "```" {
                break;
            }
            inside.push(line.clone());
        }
        let kind = kind(info, fence, &inside, after_run).with_context(|| place(fence))?;
        after_run = matches!(kind, Kind::Shell { .. } | Kind::Python | Kind::Asks);
        ensure!(served || kind != Kind::Asks, "{}: asks: no block before it serves", place(fence));
        served = match kind {
            Kind::Serves => true,
            Kind::Asks | Kind::Output => served,
            _ => false,
        };
        blocks.push(Block { kind, lines: inside, fence: fence.clone() });
    }
    Ok(blocks)
}

fn kind(info: &str, fence: &Line, inside: &[Line], after_run: bool) -> Result<Kind> {
    let words = words(info)?;
    let (language, markers) = words.split_first().context("a block says its language")?;
    let (mut exit, mut serves, mut asks, mut figure) = (None, false, false, None);
    for marker in markers {
        match marker.split_once('=').unwrap_or((marker, "")) {
            ("not-run", reason) if !reason.is_empty() => return Ok(Kind::NotRun(reason.to_owned())),
            ("not-run", _) => bail!("not-run: expected a reason, as in not-run=\"needs a network\""),
            ("file", name) if is_name(name) => return Ok(Kind::File(name.to_owned())),
            ("exit", number) => exit = Some(number.parse().context("exit: expected a whole number")?),
            ("figure", name) if is_name(name) => figure = Some(name.to_owned()),
            ("serves", "") => serves = true,
            ("asks", "") => asks = true,
            _ => {
                bail!("{marker}: expected exit=N, serves, asks, figure=NAME, file=NAME or not-run=\"REASON\"")
            }
        }
    }
    let is_included = !inside.is_empty() && inside.iter().all(|line| line.file != fence.file);
    match language.as_str() {
        "sh" if serves => Ok(Kind::Serves),
        "sh" if asks => Ok(Kind::Asks),
        "sh" => Ok(Kind::Shell { exit: exit.unwrap_or(0), figure }),
        "python" => Ok(Kind::Python),
        "text" if after_run => Ok(Kind::Output),
        "text" | "rust" | "json" | "toml" if is_included => Ok(Kind::Included),
        "text" => bail!("text that no block has printed; expected it after the block that prints it"),
        _ => bail!(
            "nothing executes this block; expected sh, python, file=NAME, an include, or not-run=\"REASON\""
        ),
    }
}

/// A file's name, not a way out of the chapter's folder.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains('/')
}

/// What stands between commas, those in quotes left alone.
fn words(info: &str) -> Result<Vec<String>> {
    let (mut words, mut quoted) = (vec![String::new()], false);
    for letter in info.trim().chars() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => words.push(String::new()),
            _ => words.last_mut().context("there is one at least")?.push(letter),
        }
    }
    ensure!(!quoted, "{info}: a quote has no end");
    ensure!(words.iter().all(|word| !word.is_empty()), "a block says its language, and no empty marker");
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<Line> {
        let file = PathBuf::from("a.md");
        text.lines()
            .enumerate()
            .map(|(index, text)| Line { text: text.into(), file: file.clone(), number: index + 1 })
            .collect()
    }

    fn kinds(text: &str) -> Vec<Kind> {
        blocks(&lines(text)).unwrap().into_iter().map(|block| block.kind).collect()
    }

    fn error(text: &str) -> String {
        format!("{:#}", blocks(&lines(text)).unwrap_err())
    }

    #[test]
    fn blocks_say_what_is_done_with_them() {
        let text = "# T\n```sh\na\nb\n```\n\n```text\nout\n```\n```sh,exit=2,figure=f.svg\nc\n```\n```python\nd\n```\n\
                    ```toml,file=run.toml\ne = 1\n```\n```sh,not-run=\"asks, and waits\"\nf\n```\n```sh,serves\ng\n```\n```sh,asks\nh\n```";
        let expected = [
            Kind::Shell { exit: 0, figure: None },
            Kind::Output,
            Kind::Shell { exit: 2, figure: Some("f.svg".into()) },
            Kind::Python,
            Kind::File("run.toml".into()),
            Kind::NotRun("asks, and waits".into()),
            Kind::Serves,
            Kind::Asks,
        ];
        assert_eq!(kinds(text), expected);
        let blocks = blocks(&lines(text)).unwrap();
        assert_eq!((blocks[0].text().as_str(), blocks[0].place().as_str()), ("a\nb\n", "a.md:2"));
    }

    #[test]
    fn a_block_that_nothing_executes_is_an_error_that_says_where() {
        assert!(error("\n```rust\nfn main() {}\n```").starts_with("a.md:2: nothing executes this block"));
        assert!(error("```text\nprinted by nobody\n```").contains("no block has printed"));
        assert!(error("```sh\na\n```\nwords between\n```text\nb\n```").contains("a.md:5"));
        assert!(
            error("```sh\na\n```\n```sh,asks\nb\n```").contains("a.md:4: asks: no block before it serves")
        );
        assert!(error("```sh,not-run\na\n```").contains("expected a reason"));
        assert!(error("```sh,twice\na\n```").contains("twice: expected exit=N"));
        assert!(error("```toml,file=../x\na\n```").contains("file=../x"));
        assert!(error("```\na\n```").contains("says its language"));
        assert!(error("```sh\na").contains("has no end"));
    }

    #[test]
    fn an_include_is_replaced_by_its_lines_which_know_where_they_stand() {
        let folder = std::env::temp_dir().join(format!("xtask-chapter-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("book")).unwrap();
        let code = "use x;\nfn main() {\n    // ANCHOR: part\n    one();\n\n    two();\n    // ANCHOR_END: part\n}\n";
        std::fs::write(folder.join("code.rs"), code).unwrap();
        std::fs::write(folder.join("book/a.md"), "```rust\n{{#include ../code.rs:part}}\n```\n").unwrap();
        let read = read(&folder, Path::new("book/a.md")).unwrap();
        let blocks = blocks(&read).unwrap();
        assert_eq!((&blocks[0].kind, blocks[0].text().as_str()), (&Kind::Included, "one();\n\ntwo();\n"));
        assert_eq!((blocks[0].lines[0].file.as_path(), blocks[0].lines[0].number), (Path::new("code.rs"), 4));
        let missing = between(lines("a\nb"), "part").unwrap_err();
        assert!(missing.to_string().contains("ANCHOR: part"), "{missing}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
