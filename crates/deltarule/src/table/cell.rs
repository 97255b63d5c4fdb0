//! One cell: what a word means as a number, a truth value, a time; and the dictionary that words are gathered in.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::TimeZone;

use super::column::{MISSING_CODE, TextColumn};

/// A number as people write it: decimal, with or without exponent and sign. Infinities are given back as such, for the
/// caller to refuse with the line; `nan` is no number.
pub(super) fn parse_number(word: &str) -> Option<f64> {
    match word.as_bytes().first()? {
        b'0'..=b'9' | b'+' | b'-' | b'.' | b'i' | b'I' => {
            word.parse().ok().filter(|value: &f64| !value.is_nan())
        }
        _ => None,
    }
}

/// What a column *declared* boolean may also hold. (A column of `yes` and `no` that nobody declared stays text, so that
/// a prediction answers in the words of the file.)
pub(super) fn parse_declared_boolean(word: &str) -> Option<bool> {
    const PAIRS: [(&str, &str); 6] =
        [("true", "false"), ("yes", "no"), ("1", "0"), ("t", "f"), ("y", "n"), ("on", "off")];
    PAIRS.iter().find_map(|(yes, no)| {
        if word.eq_ignore_ascii_case(yes) {
            Some(true)
        } else {
            word.eq_ignore_ascii_case(no).then_some(false)
        }
    })
}

/// An ISO 8601 date or datetime (`2024-01-31`, `2024-01-31 12:30`, `2024-01-31T12:30:45.5+02:00`) in microseconds since
/// 1970 in UTC; without an offset it is taken as UTC.
pub(super) fn parse_datetime(word: &str) -> Option<i64> {
    static PARSER: DateTimeParser = DateTimeParser::new();
    let bytes = word.as_bytes();
    let plausible = (8..=40).contains(&bytes.len())
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && bytes[4] == b'-'
        && !bytes.contains(&b'[');
    if !plausible {
        return None;
    }
    let offset =
        bytes.get(10..).is_some_and(|time| time.iter().any(|byte| matches!(byte, b'Z' | b'z' | b'+' | b'-')));
    let timestamp = if offset {
        PARSER.parse_timestamp(word).ok()?
    } else {
        TimeZone::UTC.to_timestamp(PARSER.parse_datetime(word).ok()?).ok()?
    };
    Some(timestamp.as_microsecond())
}

/// Microseconds since 1970 as ISO 8601, or as the bare number where it is outside the years that a calendar has.
pub(super) fn format_datetime(microseconds: i64) -> String {
    Timestamp::from_microsecond(microseconds)
        .map_or_else(|_| microseconds.to_string(), |time| time.to_string())
}

/// A word of a message: cut to a length that a terminal shows.
pub(super) fn shorten(word: &str) -> String {
    const SHOWN: usize = 60;
    match word.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &word[..end]),
        None => word.to_owned(),
    }
}

/// Gathers words into codes and a dictionary in the order of first appearance; each distinct word is stored twice while
/// gathering (dictionary and index), once afterwards.
#[derive(Clone, Default)]
pub(super) struct TextBuilder {
    codes: Vec<u32>,
    dictionary: Vec<String>,
    index: HashMap<Box<str>, u32>,
    /// The last code met at each place of [`recent_place`]: words repeat, and comparing one is cheaper than the index.
    recent: Vec<u32>,
}

/// Places for words met lately.
const RECENT: usize = 256;

/// Where a word is remembered; words of one place displace each other.
fn recent_place(word: &[u8]) -> usize {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |sum: u64, &byte| sum << 8 | u64::from(byte));
    let ends = match word {
        [a, b, c, d, e, f, g, h, ..] => {
            let last = word.last_chunk::<8>().map_or(0, |last| u64::from_le_bytes(*last));
            u64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]) ^ last.rotate_left(29)
        }
        short => number(short),
    };
    ((ends ^ word.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize % RECENT
}

impl TextBuilder {
    /// A builder that already holds this many missing values.
    pub(super) fn with_missing(missing: usize) -> Self {
        Self { codes: vec![MISSING_CODE; missing], ..Self::default() }
    }

    pub(super) fn push(&mut self, word: &str) {
        let code = self.code(word);
        self.codes.push(code);
    }

    pub(super) fn push_missing(&mut self) {
        self.codes.push(MISSING_CODE);
    }

    /// Appends a code that [`Self::code`] gave.
    #[cfg(feature = "arrow")]
    pub(super) fn push_code(&mut self, code: u32) {
        self.codes.push(code);
    }

    pub(super) fn len(&self) -> usize {
        self.codes.len()
    }

    /// The word of a row; `None` where it is missing or there is no such row.
    #[cfg(feature = "arrow")]
    pub(super) fn get(&self, row: usize) -> Option<&str> {
        self.dictionary.get(*self.codes.get(row)? as usize).map(String::as_str)
    }

    /// The word's code, new or known. Rows are fewer than 2³² − 1 (checked by the readers' memory plans: as many rows
    /// need 16 GiB for codes alone), so the codes suffice; beyond them a word would count as missing.
    pub(super) fn code(&mut self, word: &str) -> u32 {
        if self.recent.is_empty() {
            self.recent = vec![MISSING_CODE; RECENT];
        }
        let place = recent_place(word.as_bytes());
        let recent = self.recent[place];
        if self.dictionary.get(recent as usize).is_some_and(|known| known == word) {
            return recent;
        }
        let code = self.index.get(word).copied().unwrap_or_else(|| self.add(word));
        self.recent[place] = code;
        code
    }

    fn add(&mut self, word: &str) -> u32 {
        let code = u32::try_from(self.dictionary.len()).unwrap_or(MISSING_CODE);
        if code != MISSING_CODE {
            self.dictionary.push(word.to_owned());
            self.index.insert(word.into(), code);
        }
        code
    }

    /// Appends the rows of another builder.
    #[cfg(feature = "csv")]
    pub(super) fn append(&mut self, other: Self) {
        let Self { codes, dictionary, .. } = other;
        let here: Vec<u32> = dictionary.iter().map(|word| self.code(word)).collect();
        self.codes.extend(codes.iter().map(|&code| here.get(code as usize).copied().unwrap_or(MISSING_CODE)));
    }

    pub(super) fn finish(self) -> TextColumn {
        TextColumn { codes: self.codes, dictionary: self.dictionary }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_write_them() {
        for (word, value) in [("1", 1.0), ("-0.5", -0.5), ("+2e3", 2000.0), (".5", 0.5), ("5.", 5.0)] {
            assert_eq!(parse_number(word), Some(value), "{word}");
        }
        assert_eq!(parse_number("1e999"), Some(f64::INFINITY));
        assert_eq!(parse_number("-Infinity"), Some(f64::NEG_INFINITY));
        for word in ["", "nan", "-nan", "1,5", "1_000", "0x10", "12a", "--1", "e5", "-"] {
            assert_eq!(parse_number(word), None, "{word}");
        }
    }

    #[test]
    fn datetimes_are_microseconds_in_utc() {
        // 2024-01-31 is 19,753 days after 1970-01-01: 54 years of 365 days, 13 leap days (1972 … 2020), 30 days.
        let day = (54 * 365 + 13 + 30) * 86_400_000_000_i64;
        assert_eq!(parse_datetime("2024-01-31"), Some(day));
        assert_eq!(parse_datetime("2024-01-31 01:00"), Some(day + 3_600_000_000));
        assert_eq!(parse_datetime("2024-01-31T01:00:00.5"), Some(day + 3_600_500_000));
        assert_eq!(parse_datetime("2024-01-31T01:00:00Z"), Some(day + 3_600_000_000));
        assert_eq!(parse_datetime("2024-01-31T03:00:00+02:00"), Some(day + 3_600_000_000));
        for word in ["2024-02-30", "2024-01", "31/01/2024", "12:30", "20240131", "2024-01-31T25:00"] {
            assert_eq!(parse_datetime(word), None, "{word}");
        }
        assert_eq!(format_datetime(day), "2024-01-31T00:00:00Z");
    }

    #[test]
    fn words_are_stored_once_in_the_order_of_first_appearance() {
        let text: TextColumn = [Some("b"), None, Some("a"), Some("b")].into_iter().collect();
        assert_eq!(text.dictionary, ["b", "a"]);
        assert_eq!(text.codes, [0, MISSING_CODE, 1, 0]);
    }
}
