//! A file of lines that somebody else is writing: each whole line once, in order.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A line longer than this is no event, and is passed over.
const LONGEST_LINE: usize = 1 << 20;

/// What the beginning of a file is known by.
const HEAD: usize = 256;

/// A place in a file of lines.
#[derive(Clone, Debug)]
pub struct Tail {
    path: PathBuf,
    offset: u64,
    /// The file's first bytes: another file under the same name has others, since each line has its time.
    head: Vec<u8>,
}

/// What a read found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Whether the file was replaced, so that the lines are from its beginning.
    pub reset: bool,
    /// Whole lines, without their ends.
    pub lines: Vec<Vec<u8>>,
    /// Whether there was no whole line left.
    pub whole: bool,
}

impl Tail {
    /// Begins `offset` bytes into the file, where a line begins.
    pub fn new(path: &Path, offset: u64) -> Self {
        Self { path: path.to_owned(), offset, head: Vec::new() }
    }

    /// Where the next line begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The lines that there are, about `most` bytes of them. A last line without its end is left to the next read.
    ///
    /// # Errors
    /// Where the file cannot be read; that it is not there is no error, but no lines.
    pub fn read(&mut self, most: usize) -> io::Result<Found> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let reset = std::mem::take(&mut self.offset) > 0;
                self.head.clear();
                return Ok(Found { reset, whole: true, ..Found::default() });
            }
            Err(error) => return Err(error),
        };
        let mut found = Found { reset: self.is_another(&mut file)?, ..Found::default() };
        if found.reset {
            self.offset = 0;
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let left = file.metadata()?.len().saturating_sub(self.offset);
        let mut text = vec![0; most.max(2 * LONGEST_LINE).min(usize::try_from(left).unwrap_or(usize::MAX))];
        let length = fill(&mut file, &mut text)?;
        let mut rest = &text[..length];
        while length - rest.len() < most {
            let Some(end) = rest.iter().position(|&byte| byte == b'\n') else { break };
            if (1..=LONGEST_LINE).contains(&end) {
                found.lines.push(rest[..end].to_vec());
            }
            self.offset += end as u64 + 1;
            rest = &rest[end + 1..];
        }
        found.whole = length as u64 >= left && !rest.contains(&b'\n');
        if rest.len() > LONGEST_LINE && !rest.contains(&b'\n') {
            // What has no end within a line's longest is passed over piece by piece.
            self.offset += rest.len() as u64;
        }
        Ok(found)
    }

    /// Whether this is another file than the one that was read before.
    fn is_another(&mut self, file: &mut File) -> io::Result<bool> {
        let mut head = vec![0; HEAD];
        let length = fill(file, &mut head)?;
        head.truncate(length);
        let shorter = file.metadata()?.len() < self.offset;
        let is_another = shorter || !head.starts_with(&self.head);
        self.head = head;
        Ok(is_another)
    }
}

/// Reads until the buffer is full or the file at its end.
fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;

    fn texts(found: &Found) -> Vec<&str> {
        found.lines.iter().map(|line| std::str::from_utf8(line).unwrap()).collect()
    }

    #[test]
    fn each_whole_line_comes_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let mut tail = Tail::new(&path, 0);
        assert_eq!(tail.read(1000).unwrap(), Found { whole: true, ..Found::default() });
        fs::write(&path, "one\ntwo\nthr").unwrap();
        let found = tail.read(1000).unwrap();
        assert_eq!(
            (texts(&found), found.whole, found.reset, tail.offset()),
            (vec!["one", "two"], true, false, 8)
        );
        assert_eq!(texts(&tail.read(1000).unwrap()), [""; 0]);
        fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"ee\n\nfour\n").unwrap();
        let found = tail.read(1000).unwrap();
        assert_eq!((texts(&found), found.reset), (vec!["three", "four"], false));
        // A place that was told before, in another process.
        assert_eq!(texts(&Tail::new(&path, 8).read(1000).unwrap()), ["three", "four"]);
    }

    #[test]
    fn a_read_is_bounded_and_says_that_there_is_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        fs::write(&path, "abc\n".repeat(100)).unwrap();
        let mut tail = Tail::new(&path, 0);
        let mut lines = 0;
        loop {
            let found = tail.read(40).unwrap();
            assert!(found.lines.len() <= 10);
            lines += found.lines.len();
            if found.whole {
                break;
            }
        }
        assert_eq!(lines, 100);
    }

    #[test]
    fn a_file_that_took_the_place_of_another_is_read_from_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        fs::write(&path, "first\nsecond\n").unwrap();
        let mut tail = Tail::new(&path, 0);
        assert_eq!(tail.read(1000).unwrap().lines.len(), 2);
        for (text, expected) in [("other\nlines\nand more\n", 3), ("x\n", 1)] {
            fs::write(&path, text).unwrap();
            let found = tail.read(1000).unwrap();
            assert!(found.reset && found.lines.len() == expected, "{found:?}");
        }
        fs::remove_file(&path).unwrap();
        assert!(tail.read(1000).unwrap().reset);
        assert!(!tail.read(1000).unwrap().reset);
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let mut text = vec![b'x'; 5 * LONGEST_LINE];
        text.extend(b"\nshort\n");
        fs::write(&path, text).unwrap();
        let mut tail = Tail::new(&path, 0);
        let mut lines = Vec::new();
        for _ in 0..10 {
            lines.extend(tail.read(1000).unwrap().lines);
        }
        assert_eq!(lines.last().unwrap(), b"short");
        assert!(lines.iter().all(|line| line.len() <= LONGEST_LINE));
    }
}
