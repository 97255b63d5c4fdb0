//! A run's events in a report: all of them, or of a long run as many as its pictures need.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Bytes of events in a report, about.
const MOST: usize = 20 << 20;

/// Events as they are told.
#[derive(Serialize)]
pub struct Told {
    events: Vec<Box<RawValue>>,
    /// How many there were and are, where some are left out.
    thinned: Option<Thinned>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Thinned {
    of: usize,
    kept: usize,
}

#[derive(Deserialize)]
struct Name<'a> {
    #[serde(borrow)]
    event: std::borrow::Cow<'a, str>,
}

/// Reads a run's events.
///
/// # Errors
/// Where the file cannot be read; one that is not there has none.
pub fn read(path: &Path) -> io::Result<Told> {
    told(path, MOST)
}

fn told(path: &Path, most: usize) -> io::Result<Told> {
    // What comes at every look or every few steps is what makes a file long.
    let (mut many, mut others) = (0, 0);
    each_line(path, |line, is_one_of_many| {
        *(if is_one_of_many { &mut many } else { &mut others }) += line.get().len();
    })?;
    let every = match most.checked_sub(others) {
        _ if many + others <= most => 1,
        Some(room) if room > 0 => many.div_ceil(room),
        _ => many.max(1),
    };
    let (mut of, mut at, mut events) = (0, 0, Vec::new());
    each_line(path, |line, is_one_of_many| {
        of += 1;
        at += usize::from(is_one_of_many);
        if !is_one_of_many || (at - 1).is_multiple_of(every) {
            events.push(line);
        }
    })?;
    let kept = events.len();
    Ok(Told { events, thinned: (kept < of).then_some(Thinned { of, kept }) })
}

/// Each line that is an event, and whether it is one of those that come again and again.
fn each_line(path: &Path, mut take: impl FnMut(Box<RawValue>, bool)) -> io::Result<()> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for line in BufReader::new(file).split(b'\n') {
        // A line that was cut off, or of no event, is left out as the page does.
        let Ok(line) = String::from_utf8(line?) else { continue };
        let Ok(name) = serde_json::from_str::<Name<'_>>(&line) else { continue };
        let is_one_of_many = matches!(&*name.event, "progress" | "health");
        if let Ok(line) = RawValue::from_string(line) {
            take(line, is_one_of_many);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_file_is_told_whole_and_a_long_one_thinned_of_what_is_many() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut lines = String::from("{\"event\":\"started\"}\n");
        for step in 0..100 {
            lines.push_str(&format!("{{\"event\":\"health\",\"step\":{step}}}\n"));
        }
        lines.push_str("{\"event\":\"ended\"}\nno JSON\n{\"event\":\"cut");
        std::fs::write(file.path(), &lines).unwrap();
        let whole = told(file.path(), MOST).unwrap();
        assert_eq!((whole.events.len(), whole.thinned), (102, None));
        let thin = told(file.path(), 400).unwrap();
        let kept: Vec<&str> = thin.events.iter().map(|line| line.get()).collect();
        assert!(kept.len() < 20 && kept[0].contains("started") && kept[kept.len() - 1].contains("ended"));
        assert!(kept[1].contains("\"step\":0"));
        assert_eq!(thin.thinned, Some(Thinned { of: 102, kept: kept.len() }));
    }
}
