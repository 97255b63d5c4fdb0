//! The pieces of a file read on all cores, and put together in the file's order.
//!
//! What a column is follows from its first value and from whether all others fit. Each piece says what its own first
//! value promised and whether the piece kept it; a value fits exactly one of numbers, truth values and times, so the
//! whole keeps the promise where all pieces made the same and kept it. The result is that of one piece after another.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::builder::ColumnBuilder;
use super::cut::Cutter;
use super::piece::{Fault, Piece, Rules, What};
use crate::crew;
use crate::error::Result;
use crate::memory;
use crate::table::ColumnData;

/// All pieces of a file, in order.
pub(super) struct Pieces {
    pieces: Vec<Piece>,
}

/// What a pass goes by.
pub(super) struct Pass<'a> {
    pub(super) rules: &'a Rules<'a>,
    /// The columns as they begin in every piece.
    pub(super) columns: &'a [Option<ColumnBuilder>],
    /// Bytes of the first piece that hold the names.
    pub(super) skip: usize,
    /// The most rows to be read.
    pub(super) limit: Option<usize>,
    /// The file's length, where that is known, and its name.
    pub(super) length: Option<u64>,
    pub(super) source: &'a str,
    pub(super) threads: usize,
}

/// Where the threads of a pass meet.
struct Desk<'c, 'a> {
    cutter: &'c mut Cutter<'a>,
    first: Option<Vec<u8>>,
    given: usize,
    rows: u64,
    over: Option<crate::Error>,
    stopped: bool,
    pieces: Vec<(usize, Piece)>,
}

impl Pass<'_> {
    /// Reads `first` and what the cutter has after it.
    pub(super) fn run(&self, cutter: &mut Cutter<'_>, first: Option<Vec<u8>>) -> Result<Pieces> {
        let desk = Desk { cutter, first, given: 0, rows: 0, over: None, stopped: false, pieces: Vec::new() };
        let desk = Mutex::new(desk);
        // Rows are counted one piece after another where only some are wanted.
        let threads = if self.limit.is_some() { 1 } else { self.threads };
        crew::run(threads, || self.work(&desk));
        let mut desk = desk.into_inner().unwrap_or_else(PoisonError::into_inner);
        desk.pieces.sort_unstable_by_key(|(index, _)| *index);
        let pieces: Vec<Piece> = desk.pieces.into_iter().map(|(_, piece)| piece).collect();
        match desk.over {
            // A fault before the place where reading stopped is the one to be told.
            Some(error) if pieces.iter().all(|piece| piece.fault.is_none()) => Err(error),
            _ => Ok(Pieces { pieces }),
        }
    }

    fn work(&self, desk: &Mutex<Desk<'_, '_>>) {
        loop {
            // The lock is given back before the piece is read.
            let taken = self.take(&mut lock(desk));
            let Some((index, bytes)) = taken else { break };
            let from = if index == 0 { self.skip } else { 0 };
            let left = self.limit.map_or(usize::MAX, |limit| limit - lock(desk).rows as usize);
            let piece = self.rules.read(&bytes, from, self.columns.to_vec(), left);
            let mut desk = lock(desk);
            desk.rows += piece.rows as u64;
            desk.stopped |= piece.fault.is_some();
            desk.pieces.push((index, piece));
            desk.cutter.reuse(bytes);
        }
    }

    /// The next piece to be read; `None` where there is none, or where it is of no use any more.
    fn take(&self, desk: &mut Desk<'_, '_>) -> Option<(usize, Vec<u8>)> {
        if desk.stopped || self.limit.is_some_and(|limit| desk.rows >= limit as u64) {
            return None;
        }
        let bytes = match desk.first.take() {
            Some(first) => Ok(Some(first)),
            None => self.check_memory(desk).and_then(|()| desk.cutter.next(self.rules.delimiter)),
        };
        match bytes {
            Ok(Some(bytes)) => {
                desk.given += 1;
                Some((desk.given - 1, bytes))
            }
            Ok(None) => None,
            Err(error) => {
                desk.stopped = true;
                desk.over = Some(error);
                None
            }
        }
    }

    /// Refuses what is left of the file where its rows, going by those read so far, would not fit into memory.
    fn check_memory(&self, desk: &Desk<'_, '_>) -> Result<()> {
        const EVERY: usize = 16; // pieces: asking the system takes a while
        if desk.given % EVERY != 1 || desk.rows == 0 {
            return Ok(());
        }
        let given = desk.cutter.given.max(1);
        let left = self.length.map_or(given, |length| length.saturating_sub(given));
        let cells =
            desk.rows as f64 * self.columns.iter().flatten().count() as f64 / given as f64 * left as f64;
        let next = "read fewer rows (--limit) or leave columns out (--ignore)";
        memory::require(self.source, (cells * size_of::<f64>() as f64) as u64, next)
    }
}

fn lock<'l, 'c, 'a>(desk: &'l Mutex<Desk<'c, 'a>>) -> MutexGuard<'l, Desk<'c, 'a>> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pieces {
    /// The rows, or the first fault with its line, counted from 1.
    pub(super) fn rows(&self) -> Result<usize, (u64, &What)> {
        let (mut rows, mut lines) = (0, 1);
        for piece in &self.pieces {
            if let Some(Fault { line, what }) = &piece.fault {
                return Err((lines + line, what));
            }
            rows += piece.rows;
            lines += piece.lines;
        }
        Ok(rows)
    }

    /// Whether a column holds values that its first one did not promise: to be read again as words.
    pub(super) fn is_broken(&self, column: usize) -> bool {
        let mut builders = self.pieces.iter().filter_map(|piece| piece.columns[column].as_ref());
        let promised = builders.clone().find_map(ColumnBuilder::promise);
        builders.any(|builder| {
            builder.gave_up() || builder.promise().is_some_and(|promise| Some(promise) != promised)
        })
    }

    /// The line of a column's first infinite number, and the number as it was written.
    pub(super) fn infinite(&self, column: usize) -> Option<(u64, &str)> {
        let mut lines = 1;
        for piece in &self.pieces {
            if let Some((line, word)) = piece.columns[column].as_ref().and_then(ColumnBuilder::infinite) {
                return Some((lines + line, word));
            }
            lines += piece.lines;
        }
        None
    }

    /// The columns, each put together from its pieces; `None` for those that are not wanted.
    pub(super) fn columns(mut self, threads: usize) -> Vec<Option<ColumnData>> {
        let width = self.pieces.first().map_or(0, |piece| piece.columns.len());
        let of_column = |column: usize| -> Vec<ColumnBuilder> {
            self.pieces.iter_mut().filter_map(|piece| piece.columns[column].take()).collect()
        };
        let columns: Vec<Vec<ColumnBuilder>> = (0..width).map(of_column).collect();
        crew::map(threads, columns, |pieces| (!pieces.is_empty()).then(|| ColumnBuilder::joined(pieces)))
    }
}
