//! A chapter's blocks, run in order in a folder of the chapter's own.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, PipeReader, Read, Write, pipe};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::chapter::{Block, Kind};
use super::outcome;

/// How long one block may take, in seconds, on a machine that is busy.
const PATIENCE: u64 = 900;

/// Where blocks run, and with what.
pub struct Shop {
    /// The workspace.
    root: PathBuf,
    /// The folder that holds `deltarule` and what stands in for a browser.
    programs: PathBuf,
    /// The folder that holds each chapter's.
    places: PathBuf,
    python: PathBuf,
}

/// What came out otherwise than the manual shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The file that shows it, in the workspace.
    pub file: PathBuf,
    /// Block, and both.
    pub told: String,
    pub mend: Mend,
}

/// How the manual would show what came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mend {
    /// Lines replaced.
    Edit(Edit),
    /// The whole file.
    Figure(String),
}

/// Lines of a file that are to be replaced: from this line on so many, by this text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    pub from: usize,
    pub count: usize,
    pub text: String,
}

impl Shop {
    /// Lays out the programs below `folder`.
    pub fn new(root: &Path, folder: &Path, program: &Path, python: &Path) -> Result<Self> {
        let (programs, places) = (folder.join("programs"), folder.join("chapters"));
        if folder.exists() {
            std::fs::remove_dir_all(folder)
                .with_context(|| format!("could not empty {}", folder.display()))?;
        }
        for made in [&programs, &places] {
            std::fs::create_dir_all(made).with_context(|| format!("could not make {}", made.display()))?;
        }
        std::os::unix::fs::symlink(program, programs.join("deltarule"))
            .context("could not link the program")?;
        // Whatever opens a browser asks for this one first, which shows nothing.
        std::os::unix::fs::symlink("/bin/true", programs.join("xdg-open"))
            .context("could not link a browser")?;
        Ok(Self { root: root.to_owned(), programs, places, python: python.to_owned() })
    }

    /// Runs a chapter's blocks. Gives what is shown otherwise than it came out, and what would mend it.
    ///
    /// # Errors
    /// The first block that fails; outputs that differ are no error here.
    pub fn run(&self, name: &str, blocks: &[Block]) -> Result<Vec<Difference>> {
        let place = self.places.join(name);
        std::fs::create_dir_all(&place).with_context(|| format!("could not make {}", place.display()))?;
        // Bundled data sets are found by name where this folder is; figures are drawn by what lies in the other.
        for (folder, name) in [("datasets", "datasets"), ("docs/manual/figures", "figures")] {
            std::os::unix::fs::symlink(self.root.join(folder), place.join(name))
                .with_context(|| format!("could not link {folder}"))?;
        }
        let (mut differences, mut printed) = (Vec::new(), String::new());
        let mut served: Option<Served> = None;
        for block in blocks {
            if !matches!(block.kind, Kind::Asks | Kind::Output)
                && let Some(served) = served.take()
            {
                served.end()?;
            }
            if block.kind == Kind::Serves {
                served = Some(self.serve(&place, &block.text()).with_context(|| block.place())?);
            }
            let said = self.run_block(&place, block, served.as_ref()).with_context(|| block.place())?;
            printed = said.unwrap_or(printed);
            let told = |difference| format!("{}\n{difference}", block.place());
            if block.kind == Kind::Output
                && let Some(difference) = outcome::difference(&block.text(), &printed)
            {
                let edit = Edit {
                    from: block.fence.number + 1,
                    count: block.lines.len(),
                    text: printed.trim_end().trim_start_matches('\n').to_owned(),
                };
                let (file, told) = (block.fence.file.clone(), told(difference));
                differences.push(Difference { file, told, mend: Mend::Edit(edit) });
            }
            if let Kind::Shell { figure: Some(figure), .. } = &block.kind {
                let file = block.fence.file.with_file_name(figure);
                let drawn = std::fs::read_to_string(place.join(figure))
                    .with_context(|| format!("{}: it left no {figure}", block.place()))?;
                let shown = std::fs::read_to_string(self.root.join(&file)).unwrap_or_default();
                if let Some(difference) = outcome::difference(&shown, &drawn) {
                    differences.push(Difference { file, told: told(difference), mend: Mend::Figure(drawn) });
                }
            }
        }
        served.map_or(Ok(()), Served::end)?;
        Ok(differences)
    }

    /// What the program computes with.
    pub fn instruction_set(&self) -> Result<String> {
        let script = "deltarule --quiet bench --case xor --steps 1 --json";
        let printed = self.shell(&self.places, script, 0)?;
        let said: serde_json::Value = serde_json::from_str(&printed).context("bench: expected JSON")?;
        let name = said[0]["instruction_set"].as_str().context("bench names no instruction set")?;
        Ok(name.to_owned())
    }

    /// Runs one block, beside what is served. Gives what it printed, if it is one that prints.
    fn run_block(&self, place: &Path, block: &Block, served: Option<&Served>) -> Result<Option<String>> {
        match &block.kind {
            Kind::Shell { exit, .. } => self.shell(place, &block.text(), *exit).map(Some),
            Kind::Asks => {
                let served = served.context("nothing is served")?;
                self.shell(place, &served.asked(&block.text()), 0).map(|said| Some(served.told(&said)))
            }
            Kind::Python => self.python(place, &block.text()).map(Some),
            Kind::File(name) => {
                std::fs::write(place.join(name), block.text()).context("could not write it")?;
                Ok(None)
            }
            Kind::Serves | Kind::Output | Kind::Included | Kind::NotRun(_) => Ok(None),
        }
    }

    /// What a script prints on both streams, in the order in which it does.
    fn shell(&self, place: &Path, script: &str, exit: i32) -> Result<String> {
        let (printed, code) = self.output(place, "sh", &["-e", "-c", script])?;
        ensure!(code == Some(exit), "exited with {code:?}, expected {exit}; it printed:\n{printed}");
        Ok(printed)
    }

    fn python(&self, place: &Path, script: &str) -> Result<String> {
        let python = self.python.to_string_lossy();
        let (printed, code) = self.output(place, &python, &["-c", script])?;
        ensure!(code == Some(0), "exited with {code:?}, expected 0; it printed:\n{printed}");
        Ok(printed)
    }

    fn output(&self, place: &Path, program: &str, words: &[&str]) -> Result<(String, Option<i32>)> {
        let mut command = self.command("timeout", place)?;
        command.arg(PATIENCE.to_string()).arg(program).args(words);
        let (mut reader, writer) = pipe().context("could not make a pipe")?;
        command.stdout(writer.try_clone().context("could not share a pipe")?).stderr(writer);
        let mut child = command.spawn().with_context(|| format!("could not start {program}"))?;
        // The command holds the pipe's writing ends; without this the output would never end.
        drop(command);
        let mut printed = String::new();
        reader.read_to_string(&mut printed).context("it printed what is no text")?;
        let status = child.wait().context("could not wait for it")?;
        Ok((printed, status.code()))
    }

    fn command(&self, program: &str, place: &Path) -> Result<Command> {
        let mut path = OsString::from(&self.programs);
        path.push(":");
        path.push(std::env::var_os("PATH").context("there is no PATH")?);
        let mut command = Command::new(program);
        command.current_dir(place).stdin(Stdio::null()).env("PATH", path);
        command.env("NO_COLOR", "1").env("MPLBACKEND", "agg").env_remove("BROWSER");
        Ok(command)
    }

    /// Starts what serves, and waits until its address has answered.
    fn serve(&self, place: &Path, script: &str) -> Result<Served> {
        let shown = address(script).map(str::to_owned);
        let script = match &shown {
            Some(shown) => script.replace(shown, &free_address()?),
            None => script.to_owned(),
        };
        let mut command = self.command("sh", place)?;
        command.args(["-c", &script]).process_group(0);
        let (reader, writer) = pipe().context("could not make a pipe")?;
        command.stdout(writer.try_clone().context("could not share a pipe")?).stderr(writer);
        let mut child = command.spawn().context("could not start sh")?;
        drop(command);
        let mut said = BufReader::new(reader);
        match answered(&mut said) {
            Ok(address) => Ok(Served { child, shown, address, _said: said }),
            Err(error) => {
                end(&mut child)?;
                Err(error)
            }
        }
    }
}

/// What is served while blocks ask it.
struct Served {
    child: Child,
    /// The address that its block shows.
    shown: Option<String>,
    /// The one that it has: two manuals may be run at once on one machine.
    address: String,
    /// What it says further: a closed pipe would end it.
    _said: BufReader<PipeReader>,
}

impl Served {
    /// A script of the manual as it is run.
    fn asked(&self, script: &str) -> String {
        self.shown.as_ref().map_or_else(|| script.to_owned(), |shown| script.replace(shown, &self.address))
    }

    /// What it printed as the manual shows it.
    fn told(&self, printed: &str) -> String {
        self.shown.as_ref().map_or_else(|| printed.to_owned(), |shown| printed.replace(&self.address, shown))
    }

    fn end(mut self) -> Result<()> {
        end(&mut self.child)
    }
}

/// The address of this machine that a script serves at: `127.0.0.1:8000` after `--addr`.
fn address(script: &str) -> Option<&str> {
    let (_, said) = script.split_once("--addr ")?;
    let said = said.split_whitespace().next()?;
    said.starts_with("127.0.0.1:").then_some(said)
}

/// An address that nobody has just now.
fn free_address() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no port is free")?;
    Ok(listener.local_addr().context("a port has an address")?.to_string())
}

/// Waits for a line with an address, and asks it; gives host and port.
fn answered(said: &mut impl BufRead) -> Result<String> {
    let mut before = String::new();
    loop {
        let mut line = String::new();
        if said.read_line(&mut line).context("it printed what is no text")? == 0 {
            bail!("it ended before it told an address: {}", before.trim_end());
        }
        let Some((_, address)) = line.split_once("http://") else {
            before.push_str(&line);
            continue;
        };
        let address = address.split([' ', '#', '\n']).next().unwrap_or(address);
        let (host, path) = address.split_once('/').unwrap_or((address, ""));
        let mut stream = TcpStream::connect(host).with_context(|| format!("{host} does not answer"))?;
        stream.set_read_timeout(Some(Duration::from_secs(PATIENCE))).context("no time limit")?;
        let asked = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(asked.as_bytes()).with_context(|| format!("could not ask {host}"))?;
        let mut status = String::new();
        BufReader::new(stream).read_line(&mut status).context("the answer is no text")?;
        // Who asks for a token has answered as well.
        let is_there = ["HTTP/1.1 200", "HTTP/1.1 401"].iter().any(|answer| status.starts_with(answer));
        ensure!(is_there, "{host}: expected 200, got {status}");
        return Ok(host.to_owned());
    }
}

/// Ends a process and all that it has started.
fn end(child: &mut Child) -> Result<()> {
    let group = format!("-{}", child.id());
    Command::new("kill").args(["-s", "TERM", "--", &group]).status().context("could not start kill")?;
    child.wait().context("could not wait for what serves")?;
    Ok(())
}

/// The text with these edits made.
pub fn edited(text: &str, edits: &[Edit]) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let mut edits: Vec<&Edit> = edits.iter().collect();
    // From the end, so that the numbers of the lines before stay.
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.from));
    for edit in edits {
        let start = edit.from - 1;
        lines.splice(start..start + edit.count, edit.text.lines());
    }
    lines.into_iter().flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::super::chapter::{self, Line};
    use super::*;

    fn blocks(text: &str) -> Vec<Block> {
        let lines: Vec<Line> = text
            .lines()
            .enumerate()
            .map(|(index, text)| Line { text: text.into(), file: "a.md".into(), number: index + 1 })
            .collect();
        chapter::blocks(&lines).unwrap()
    }

    /// A shop whose `deltarule` is `echo`.
    fn run(name: &str, text: &str) -> Result<Vec<Difference>> {
        let folder = std::env::temp_dir().join(format!("xtask-run-{name}-{}", std::process::id()));
        let shop =
            Shop::new(&crate::workspace_root(), &folder, Path::new("/bin/echo"), Path::new("sh")).unwrap();
        let outcome = shop.run(name, &blocks(text));
        std::fs::remove_dir_all(&folder).unwrap();
        outcome
    }

    #[test]
    fn blocks_run_in_order_in_one_folder_and_what_they_print_is_compared() {
        let text = "```toml,file=a.toml\nx = 1\n```\n```sh\ndeltarule one; cat a.toml >&2\n```\n```text\none\nx = 1\n```";
        assert_eq!(run("same", text).unwrap(), []);
        let differences = run("other", &text.replace("one\nx = 1\n```", "two\n```")).unwrap();
        let edit = Edit { from: 8, count: 1, text: "one\nx = 1".into() };
        let told = "a.md:7\nshown:   two\nprinted: one".to_owned();
        assert_eq!(differences, [Difference { file: "a.md".into(), told, mend: Mend::Edit(edit) }]);
    }

    #[test]
    fn a_figure_is_compared_with_the_one_that_is_shown() {
        let differences = run("figure", "```sh,figure=new.svg\necho '<svg/>' > new.svg\n```").unwrap();
        assert_eq!(differences[0].file, Path::new("new.svg"));
        assert_eq!(differences[0].mend, Mend::Figure("<svg/>\n".into()));
        let error = format!("{:#}", run("none", "```sh,figure=new.svg\ntrue\n```").unwrap_err());
        assert!(error.starts_with("a.md:1: it left no new.svg"), "{error}");
    }

    #[test]
    fn a_block_that_exits_otherwise_is_an_error_that_says_where() {
        let error = format!("{:#}", run("exit", "\n```sh\nfalse; true\n```").unwrap_err());
        assert!(error.starts_with("a.md:2: exited with Some(1), expected 0"), "{error}");
        assert!(run("expected", "```sh,exit=3\nexit 3\n```").is_ok());
        assert!(run("unexpected", "```sh,exit=3\ntrue\n```").is_err());
    }

    /// Answers so many requests, each with its first line.
    fn listening(requests: usize) -> (String, std::thread::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let answers = std::thread::spawn(move || {
            for _ in 0..requests {
                let (mut stream, _) = listener.accept().unwrap();
                let mut asked = BufReader::new(stream.try_clone().unwrap());
                let (mut first, mut line) = (String::new(), String::new());
                asked.read_line(&mut first).unwrap();
                while asked.read_line(&mut line).unwrap() > "\r\n".len() {}
                write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{first}").unwrap();
            }
        });
        (address, answers)
    }

    #[test]
    fn what_serves_has_to_answer() {
        let error = format!("{:#}", run("silent", "```sh,serves\ndeltarule nothing\n```").unwrap_err());
        assert!(error.contains("before it told an address: nothing"), "{error}");
        let (address, answers) = listening(1);
        run("serves", &format!("```sh,serves\necho http://{address}/#/; sleep 60\n```")).unwrap();
        answers.join().unwrap();
    }

    #[test]
    fn what_is_served_is_asked_by_the_blocks_after_it_and_then_ended() {
        let (address, answers) = listening(2);
        let text = format!(
            "```sh,serves\necho http://{address}/b; echo $$ > id; sleep 60\n```\n```sh,asks\ncurl -s http://{address}/a\n```\n\
             ```text\nGET /a HTTP/1.1\n```\n```sh\nfor i in 1 2 3 4 5 6 7 8 9; do kill -0 $(cat id) || exit 0; sleep 0.1; done; exit \
             1\n```"
        );
        assert_eq!(run("asked", &text).unwrap(), []);
        answers.join().unwrap();
    }

    #[test]
    fn an_address_that_is_shown_gives_way_to_a_free_one() {
        assert_eq!(address("deltarule serve a --addr 127.0.0.1:8000 &"), Some("127.0.0.1:8000"));
        assert_eq!(
            (address("deltarule dashboard"), address("echo http://127.0.0.1:1"), address("a --addr [::]:1")),
            (None, None, None)
        );
        assert_ne!(free_address().unwrap(), "127.0.0.1:0");
    }

    #[test]
    fn edits_replace_lines_from_the_end() {
        let edits =
            [Edit { from: 2, count: 1, text: "B\nb".into() }, Edit { from: 4, count: 0, text: "new".into() }];
        assert_eq!(edited("1\n2\n3\n4\n", &edits), "1\nB\nb\n3\nnew\n4\n");
    }
}
