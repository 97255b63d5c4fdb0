//! Controls by way of a file: whoever may write into a run's folder may steer the run.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Control, Controller};
use crate::error::{Error, Result};

/// The time between two looks at the file.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How often the clock is read while training: a step of a tiny network takes less time than reading it.
const POLLS_BETWEEN_CLOCKS: u32 = 16;

/// The most of the file that a look reads; a control is a hundred bytes.
const MOST: u64 = 1 << 16;

/// A controller that does what lines of a file say, a [`Control`] as JSON each, from those on that are written after it
/// was made. A line that is none, or has no end yet, is passed over or waited for.
///
/// ```
/// use deltarule::control::{Control, ControlFile, Controller};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("controls.jsonl");
/// ControlFile::ask(&path, &Control::Pause)?; // of an earlier run
/// let mut file = ControlFile::new(&path);
/// ControlFile::ask(&path, &Control::ScaleLearningRate { factor: 0.5 })?;
/// std::thread::sleep(std::time::Duration::from_millis(110));
/// let wanted = (0..100).find_map(|step| file.poll(step));
/// assert_eq!(wanted, Some(Control::ScaleLearningRate { factor: 0.5 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ControlFile {
    path: PathBuf,
    offset: u64,
    polls: u32,
    looked: Instant,
    waiting: VecDeque<Control>,
    is_paused: bool,
}

impl ControlFile {
    /// Begins at the end of the file, which need not exist.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        let offset = path.metadata().map_or(0, |metadata| metadata.len());
        let (polls, looked, waiting) = (0, Instant::now(), VecDeque::new());
        Self { path: path.to_owned(), offset, polls, looked, waiting, is_paused: false }
    }

    /// Writes a control at the file's end, for the run that polls it.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io).
    pub fn ask(path: &Path, control: &Control) -> Result<()> {
        let write = || {
            let mut line = serde_json::to_vec(control)?;
            line.push(b'\n');
            OpenOptions::new().append(true).create(true).open(path)?.write_all(&line)
        };
        write().map_err(|source| Error::io(path, "write", source))
    }

    /// Takes up the whole lines that were written since the last look.
    fn look(&mut self) -> std::io::Result<()> {
        if self.path.metadata()?.len() <= self.offset {
            return Ok(());
        }
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.offset))?;
        let mut text = Vec::new();
        file.take(MOST).read_to_end(&mut text)?;
        let Some(end) = text.iter().rposition(|&byte| byte == b'\n') else {
            // What is longer than a look and has no end is no control.
            self.offset += if text.len() as u64 == MOST { MOST } else { 0 };
            return Ok(());
        };
        let lines = text[..end].split(|&byte| byte == b'\n');
        self.waiting.extend(lines.filter_map(|line| serde_json::from_slice(line).ok()));
        self.offset += end as u64 + 1;
        Ok(())
    }
}

impl Controller for ControlFile {
    fn poll(&mut self, _: u64) -> Option<Control> {
        if self.waiting.is_empty() {
            self.polls = self.polls.wrapping_add(1);
            let asks_the_clock = self.is_paused || self.polls.is_multiple_of(POLLS_BETWEEN_CLOCKS);
            if asks_the_clock && self.looked.elapsed() >= LOOK_EVERY {
                self.looked = Instant::now();
                // A file that is not there, or cannot be read, asks for nothing.
                let _ = self.look();
            }
        }
        let control = self.waiting.pop_front()?;
        match control {
            Control::Pause => self.is_paused = true,
            Control::Resume | Control::Stop => self.is_paused = false,
            _ => {}
        }
        Some(control)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(file: &mut ControlFile) -> Vec<Control> {
        file.looked = Instant::now().checked_sub(LOOK_EVERY).unwrap();
        (0..40).filter_map(|step| file.poll(step)).collect()
    }

    #[test]
    fn whole_lines_are_taken_once_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("controls.jsonl");
        let mut file = ControlFile::new(&path);
        assert_eq!(wanted(&mut file), []);
        for control in [Control::Pause, Control::Resume, Control::Stop] {
            ControlFile::ask(&path, &control).unwrap();
        }
        assert_eq!(wanted(&mut file), [Control::Pause, Control::Resume, Control::Stop]);
        assert_eq!(wanted(&mut file), []);
    }

    #[test]
    fn what_is_no_control_is_passed_over_and_half_a_line_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("controls.jsonl");
        let mut file = ControlFile::new(&path);
        let write = |text: &str| {
            let mut to = OpenOptions::new().append(true).create(true).open(&path).unwrap();
            to.write_all(text.as_bytes()).unwrap();
        };
        write("no JSON\n{\"control\":\"explode\"}\n\n{\"control\":\"pause\"}\n{\"control\":");
        assert_eq!(wanted(&mut file), [Control::Pause]);
        write("\"resume\"}\n");
        assert_eq!(wanted(&mut file), [Control::Resume]);
        write(&"x".repeat(3 << 16));
        for _ in 0..5 {
            assert_eq!(wanted(&mut file), []);
        }
        write("\n{\"control\":\"stop\"}\n");
        assert_eq!(wanted(&mut file), [Control::Stop]);
    }

    #[test]
    fn the_clock_is_read_seldom_while_training_and_each_time_in_a_pause() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("controls.jsonl");
        let mut file = ControlFile::new(&path);
        ControlFile::ask(&path, &Control::Pause).unwrap();
        file.looked = Instant::now().checked_sub(LOOK_EVERY).unwrap();
        let at = (0..40).position(|step| file.poll(step).is_some());
        assert_eq!(at, Some(POLLS_BETWEEN_CLOCKS as usize - 1));
        ControlFile::ask(&path, &Control::Resume).unwrap();
        file.looked = Instant::now().checked_sub(LOOK_EVERY).unwrap();
        assert_eq!(file.poll(16), Some(Control::Resume));
    }
}
