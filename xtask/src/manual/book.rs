//! The book: chapters with what they include, mdBook's pages of them, and what of that the server embeds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::chapter::Line;
use crate::steps::Steps;

/// The most that the embedded book may weigh.
const MOST: usize = 1_000_000;

/// Where links lead that leave the book.
const REPOSITORY: &str = "https://github.com/deltarule/deltarule/blob/main";

/// Pictures that included pages show.
const PICTURES: [&str; 2] = ["docs/gradient_flow.svg", "docs/limits.svg"];

/// A file of the book by its name.
pub type Files = BTreeMap<PathBuf, Vec<u8>>;

/// The chapters' names, in the order of `SUMMARY.md`.
pub fn chapters(summary: &str) -> Vec<String> {
    summary
        .lines()
        .filter_map(|line| {
            let (_, rest) = line.split_once("](")?;
            rest.strip_suffix(".md)").map(str::to_owned)
        })
        .collect()
}

/// Builds the book with `mdbook` in `folder`, from the chapters as they were read.
pub fn build(
    steps: &mut Steps,
    mdbook: &Path,
    folder: &Path,
    chapters: &[(String, Vec<Line>)],
) -> Result<Files> {
    let source = steps.root().join("docs/manual");
    let src = folder.join("src");
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| format!("could not empty {}", folder.display()))?;
    }
    std::fs::create_dir_all(folder.join("theme"))
        .with_context(|| format!("could not make {}", folder.display()))?;
    copy(&source.join("book.toml"), &folder.join("book.toml"))?;
    copy(&source.join("theme/index.hbs"), &folder.join("theme/index.hbs"))?;
    copy(&source.join("src/SUMMARY.md"), &src.join("SUMMARY.md"))?;
    for (name, lines) in chapters {
        write(&src.join(format!("{name}.md")), markdown(lines).as_bytes())?;
    }
    let mut command = steps.program(mdbook);
    command.arg("build").arg(folder);
    steps.run("build the manual", command)?;

    let mut files = Files::new();
    let shown: Vec<&str> = chapters.iter().map(|(name, _)| name.as_str()).chain(["index"]).collect();
    for name in shown {
        let name = PathBuf::from(format!("{name}.html"));
        let built = folder.join("book").join(&name);
        let page =
            std::fs::read_to_string(&built).with_context(|| format!("could not read {}", built.display()))?;
        let page = under_policy(&page_of(&page, &name.to_string_lossy()));
        let page = page.with_context(|| built.display().to_string())?;
        files.insert(name.clone(), page.into_bytes());
    }
    let root = steps.root().to_owned();
    for picture in PICTURES.iter().map(|name| root.join(name)).chain(own_pictures(&source.join("src"))?) {
        let name = picture.file_name().context("a picture is a file")?;
        files.insert(PathBuf::from(name), bytes(&picture)?);
    }
    let tokens = text(&root.join("web/src/style/tokens.css"))?;
    let style = format!("{}\n{}", by_system(&tokens)?, text(&source.join("theme/manual.css"))?);
    files.insert(PathBuf::from("manual.css"), style.into_bytes());
    let weight: usize = files.values().map(Vec::len).sum();
    ensure!(weight <= MOST, "the book weighs {weight} bytes, expected at most {MOST}");
    check_links(&files)?;
    Ok(files)
}

/// All that [`build`] makes the book of, but mdBook itself.
pub fn sources(root: &Path, chapters: &[(String, Vec<Line>)]) -> Result<Files> {
    let source = root.join("docs/manual");
    let mut files = Files::new();
    for (name, lines) in chapters {
        files.insert(PathBuf::from(name), markdown(lines).into_bytes());
    }
    let named =
        ["book.toml", "theme/index.hbs", "theme/manual.css", "src/SUMMARY.md"].map(|name| source.join(name));
    let pictures = PICTURES.iter().map(|name| root.join(name)).chain(own_pictures(&source.join("src"))?);
    for file in named.into_iter().chain(pictures).chain([root.join("web/src/style/tokens.css")]) {
        let name = file.file_name().context("a source is a file")?.into();
        files.insert(name, bytes(&file)?);
    }
    Ok(files)
}

/// A digest of files and their names: FNV-1a of 64 bits (Fowler, Noll and Vo), which tells an edit from none.
pub fn digest(files: &Files) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut take = |bytes: &[u8]| {
        for &byte in bytes.iter().chain(&[0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for (name, bytes) in files {
        take(name.to_string_lossy().as_bytes());
        take(bytes);
    }
    format!("{hash:016x}")
}

/// Links to a page, an anchor or a file that the book doesn't have are errors.
fn check_links(files: &Files) -> Result<()> {
    let mut broken = Vec::new();
    for (name, page) in files.iter().filter(|(name, _)| name.extension().is_some_and(|end| end == "html")) {
        let page = String::from_utf8_lossy(page);
        for link in values(&page, "href").chain(values(&page, "src")) {
            if ["https://", "data:", "/"].iter().any(|start| link.starts_with(start)) {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { name.clone() } else { PathBuf::from(file) };
            let found = files.get(&target).is_some_and(|target| {
                anchor.is_empty() || values(&String::from_utf8_lossy(target), "id").any(|id| id == anchor)
            });
            if !found {
                broken.push(format!("{}: {link}", name.display()));
            }
        }
    }
    ensure!(broken.is_empty(), "links of the manual that lead nowhere:\n{}", broken.join("\n"));
    Ok(())
}

/// The values of an attribute.
fn values<'a>(page: &'a str, attribute: &str) -> impl Iterator<Item = &'a str> {
    page.split(&format!(" {attribute}=\""))
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect::<Vec<_>>()
        .into_iter()
}

/// The chapter as mdBook takes it: the runner's markers, which are no language, are left out.
fn markdown(lines: &[Line]) -> String {
    lines
        .iter()
        .flat_map(|line| {
            let text = line.text.as_str();
            let is_fence = text.trim_start().starts_with("```");
            [if is_fence { text.split(',').next().unwrap_or(text) } else { text }, "\n"]
        })
        .collect()
}

/// A page with its own place in the list of chapters marked, and links out of the book led to the repository.
fn page_of(page: &str, name: &str) -> String {
    let own = format!("<a href=\"{name}\"");
    let page = page.replace(&own, &format!("<a aria-current=\"page\" href=\"{name}\""));
    // A chapter's file lies in docs/, so `..` is the repository.
    let mut whole = String::with_capacity(page.len());
    let mut pieces = page.split("href=\"../");
    whole.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (link, rest) = piece.split_once('"').unwrap_or((piece, ""));
        // mdBook takes every .md for a chapter.
        let link = link.replace(".html", ".md");
        whole.push_str(&format!("href=\"{REPOSITORY}/{link}\"{rest}"));
    }
    whole
}

/// A page that the server's policy lets through, which knows no style of an element's own and no script. What may have to be
/// scrolled is reached by keyboard.
fn under_policy(page: &str) -> Result<String> {
    let mut page = page
        .replace("<pre>", "<pre tabindex=\"0\">")
        .replace("<div class=\"table-wrapper\">", "<div class=\"table-wrapper\" tabindex=\"0\">");
    for side in ["left", "center", "right"] {
        page = page.replace(&format!("style=\"text-align: {side}\""), &format!("class=\"{side}\""));
    }
    for forbidden in [" style=\"", "<style", "<script"] {
        if let Some((before, _)) = page.split_once(forbidden) {
            bail!("line {}: the server's policy forbids {forbidden}", before.matches('\n').count() + 1);
        }
    }
    Ok(page)
}

/// The page's colours, the dark ones where the system asks for them: without a script nobody else can.
fn by_system(tokens: &str) -> Result<String> {
    let dark = ":root[data-theme=\"dark\"] {";
    let Some((light, rest)) = tokens.split_once(dark) else { bail!("tokens.css: expected {dark}") };
    let (inside, rest) = rest.split_once('}').context("tokens.css: the dark colours have no end")?;
    Ok(format!("{light}@media (prefers-color-scheme: dark) {{\n:root {{{inside}}}\n}}{rest}"))
}

fn own_pictures(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut pictures = Vec::new();
    for entry in folder.read_dir().with_context(|| format!("could not read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "svg") {
            pictures.push(path);
        }
    }
    Ok(pictures)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    write(to, &bytes(from)?)
}

fn bytes(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("could not read {}", file.display()))
}

fn text(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()))
}

/// Writes a file and the folders that it lies in.
pub fn write(file: &Path, bytes: &[u8]) -> Result<()> {
    let folder = file.parent().context("a file lies in a folder")?;
    std::fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
    std::fs::write(file, bytes).with_context(|| format!("could not write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_changes_the_digest() {
        let of = |files: &[(&str, &str)]| {
            digest(
                &files.iter().map(|(name, text)| (PathBuf::from(name), text.as_bytes().to_vec())).collect(),
            )
        };
        assert_eq!(of(&[("a", "b")]), of(&[("a", "b")]));
        let others =
            [of(&[]), of(&[("a", "c")]), of(&[("b", "b")]), of(&[("a", "b"), ("c", "")]), of(&[("ab", "")])];
        assert!(others.iter().all(|other| *other != of(&[("a", "b")])), "{others:?}");
    }

    #[test]
    fn chapters_are_those_of_the_summary() {
        let summary = "# Summary\n\n[Start](index.md)\n- [A](a.md)\n  - [B, c](b-c.md)\n- [Draft]()\n";
        assert_eq!(chapters(summary), ["index", "a", "b-c"]);
    }

    #[test]
    fn links_out_of_the_book_lead_to_the_repository() {
        let page = page_of("<a href=\"a.html\">A</a> <a href=\"../bench/README.html#x\">b</a>!", "a.html");
        let expected = format!(
            "<a aria-current=\"page\" href=\"a.html\">A</a> <a href=\"{REPOSITORY}/bench/README.md#x\">b</a>!"
        );
        assert_eq!(page, expected);
    }

    #[test]
    fn a_page_has_nothing_that_the_policy_forbids() {
        let page = "<pre><code>a</code></pre><td style=\"text-align: right\">1</td>";
        let expected = "<pre tabindex=\"0\"><code>a</code></pre><td class=\"right\">1</td>";
        assert_eq!(under_policy(page).unwrap(), expected);
        for forbidden in ["<p style=\"color: red\">", "<script>", "<style>"] {
            let error = under_policy(&format!("<h1>\n{forbidden}")).unwrap_err().to_string();
            assert!(error.starts_with("line 2: "), "{error}");
        }
    }

    #[test]
    fn links_that_lead_nowhere_are_told() {
        let page = |text: &str| -> Files {
            [("a.html", text), ("b.html", "<h2 id=\"part\">")]
                .into_iter()
                .map(|(name, text)| (PathBuf::from(name), text.as_bytes().to_vec()))
                .collect()
        };
        check_links(&page("<a href=\"b.html#part\"> <a href=\"#\"> <a href=\"https://x.y\">")).unwrap();
        for broken in ["<a href=\"c.html\">", "<a href=\"b.html#other\">", "<img src=\"d.svg\">"] {
            let error = check_links(&page(broken)).unwrap_err().to_string();
            assert!(error.contains("a.html: "), "{error}");
        }
    }

    #[test]
    fn dark_colours_come_by_the_system() {
        let style = by_system(":root {\n  --a: 1;\n}\n:root[data-theme=\"dark\"] {\n  --a: 2;\n}\n").unwrap();
        assert!(style.contains("@media (prefers-color-scheme: dark) {\n:root {\n  --a: 2;\n}\n}"), "{style}");
        assert!(by_system(":root {}").is_err());
    }

    #[test]
    fn the_runners_markers_are_not_shown() {
        let line = |text: &str| Line { text: text.into(), file: "a.md".into(), number: 1 };
        let lines = ["```sh,exit=2", "a, b", "```"].map(line);
        assert_eq!(markdown(&lines), "```sh\na, b\n```\n");
    }
}
