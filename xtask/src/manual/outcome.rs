//! Whether a program printed what the manual shows.
//!
//! Words have to be the same. Numbers may differ by a share, which leaves room for libraries of other versions; what a clock has
//! measured may be any number.

/// How far apart two numbers may be, as a share of the larger.
const TOLERANCE: f64 = 0.01;

/// Below this, a number is what rounding left of zero.
const NOTHING: f64 = 1e-6;

/// Stands for what a clock has measured.
const TIME: &str = "TIME";

/// Units of what a clock measures.
const CLOCK: [&str; 11] =
    ["ns", "µs", "ms", "s", "min", "h", "rows/s", "steps/s", "samples/s", "GFLOP/s", "GB/s"];

/// What may stand between a large number and its unit.
const SCALES: [&str; 2] = ["million", "billion"];

/// The first place where `shown` is not what was printed, with both: `None` where all is.
///
/// Line breaks say nothing: where a sentence is broken hangs on how long the time in it is.
pub fn difference(shown: &str, printed: &str) -> Option<String> {
    let (ours, theirs) = (tokens(shown), tokens(printed));
    let same = ours.iter().zip(&theirs).take_while(|(one, other)| is_same_token(&one.text, &other.text));
    let at = same.count();
    if at == ours.len() && at == theirs.len() {
        return None;
    }
    let line = |text: &str, tokens: &[Token]| {
        let token = tokens.get(at).and_then(|token| text.lines().nth(token.line));
        token.unwrap_or("nothing more").to_owned()
    };
    Some(format!("shown:   {}\nprinted: {}", line(shown, &ours), line(printed, &theirs)))
}

/// A word or number, and the line that it stands in, from 0.
struct Token {
    text: String,
    line: usize,
}

/// Words and numbers; a span of time or a speed is one token, whatever its numbers.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let words = text
        .lines()
        .enumerate()
        .flat_map(|(line, text)| text.split_whitespace().map(move |word| (line, word)));
    for (line, word) in words {
        let bare = word.trim_end_matches([',', '.', ';', ':', ')']);
        match CLOCK.contains(&bare).then(|| measured(&tokens)).flatten() {
            Some(from) => {
                let line = tokens[from].line;
                tokens.truncate(from);
                // `3 min 20 s` is one span.
                if tokens.last().is_none_or(|last| last.text != TIME) {
                    tokens.push(Token { text: TIME.into(), line });
                }
            }
            None => tokens.push(Token { text: word.to_owned(), line }),
        }
    }
    tokens
}

/// Where the number begins that the last tokens are: `20`, or `1.9 million`.
fn measured(tokens: &[Token]) -> Option<usize> {
    let scaled = tokens.last().is_some_and(|last| SCALES.contains(&last.text.as_str()));
    let from = tokens.len().checked_sub(if scaled { 2 } else { 1 })?;
    number(&tokens[from].text).map(|_| from)
}

fn is_same_token(shown: &str, printed: &str) -> bool {
    if shown == printed || (is_digest(shown) && is_digest(printed)) {
        return true;
    }
    match (number(shown), number(printed)) {
        (Some(a), Some(b)) => {
            let larger = a.abs().max(b.abs());
            larger <= NOTHING || (a - b).abs() <= TOLERANCE * larger
        }
        _ => false,
    }
}

/// A SHA-256, which says of two files whether they are the same to the bit, and so hangs on every last digit.
fn is_digest(word: &str) -> bool {
    let bare = word.trim_matches(|c: char| "\",;".contains(c));
    bare.len() == 64 && bare.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A number with its thousands apart, in what punctuation stands around it.
fn number(word: &str) -> Option<f64> {
    let bare = word.trim_matches(|c: char| "(),;:[]\"".contains(c)).replace(',', "").replace('−', "-");
    bare.trim_end_matches('.').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_clock_measured_may_be_any_number() {
        let shown = "done after 46 epochs (3,036 steps) in 10 s\n65 parameters in 64.7 ms, 654,000 rows/s";
        let printed =
            "done after 46 epochs (3,036 steps) in 3 min 20 s\n65 parameters in 0.4 s, 12,000 rows/s";
        assert_eq!(difference(shown, printed), None);
        let fewer = printed.replace("46", "40");
        assert!(difference(shown, &fewer).is_some_and(|said| said.contains("40 epochs")));
    }

    #[test]
    fn a_speed_in_millions_is_a_speed() {
        let shown = "3 parameters, 200 epochs in 12.8 ms, 1.9 million rows/s";
        assert_eq!(difference(shown, "3 parameters, 200 epochs in 1.1 s, 799,000 rows/s"), None);
        assert!(difference(shown, "3 parameters, 200 epochs in 1.1 s, fast").is_some());
        assert!(difference("a million rows/s", "two million rows/s").is_some(), "no number");
    }

    #[test]
    fn a_longer_time_may_break_the_line_elsewhere() {
        assert_eq!(
            difference("of the seeds; 2.3 s in\nall\nnext", "of the seeds; 1 min 20 s\nin all\nnext"),
            None
        );
        let told = difference("in\nall", "in\nsome").unwrap();
        assert_eq!(told, "shown:   all\nprinted: some");
    }

    #[test]
    fn numbers_may_differ_by_rounding_and_no_more() {
        assert_eq!(difference("cost  4.007e-5 (1,234.5)", "cost 4.008e-5  (1,234.6)"), None);
        assert!(difference("cost 4.007e-3", "cost 4.107e-3").is_some());
        assert!(difference("cost -0.5", "cost 0.5").is_some());
        assert_eq!(difference("difference 9.3e-13", "difference 2.1e-12"), None);
    }

    #[test]
    fn words_and_missing_lines_are_told() {
        assert_eq!(difference("a\n\nb\n", "a\nb"), None);
        assert_eq!(difference("a", "b").as_deref(), Some("shown:   a\nprinted: b"));
        assert_eq!(difference("a\nb", "a").as_deref(), Some("shown:   b\nprinted: nothing more"));
        assert_eq!(difference("a", "a\nb").as_deref(), Some("shown:   nothing more\nprinted: b"));
    }
}
