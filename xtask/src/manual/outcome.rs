//! Whether a program printed what the manual shows.
//!
//! Words have to be the same. Numbers may differ in what another instruction set's rounding does to a trained network; what a clock
//! has measured may be any number.

/// How far apart two numbers may be, as a share of the larger.
const TOLERANCE: f64 = 0.01;

/// Below this, a number is what rounding left of zero.
const NOTHING: f64 = 1e-6;

/// Units of what a clock measures.
const CLOCK: [&str; 11] =
    ["ns", "µs", "ms", "s", "min", "h", "rows/s", "steps/s", "samples/s", "GFLOP/s", "GB/s"];

/// The first line of `shown` that is not what was printed, with both: `None` where all is.
pub fn difference(shown: &str, printed: &str) -> Option<String> {
    let (shown, printed) = (lines(shown), lines(printed));
    for (one, other) in shown.iter().zip(&printed) {
        if !is_same(one, other) {
            return Some(format!("shown:   {one}\nprinted: {other}"));
        }
    }
    match (shown.get(printed.len()), printed.get(shown.len())) {
        (Some(more), _) => Some(format!("shown:   {more}\nprinted: nothing more")),
        (_, Some(more)) => Some(format!("shown:   nothing more\nprinted: {more}")),
        (None, None) => None,
    }
}

/// Lines that say something.
fn lines(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.trim().is_empty()).collect()
}

fn is_same(shown: &str, printed: &str) -> bool {
    let (shown, printed) = (tokens(shown), tokens(printed));
    shown.len() == printed.len() && shown.iter().zip(&printed).all(|(one, other)| is_same_token(one, other))
}

/// Words and numbers; a span of time or a speed is one token, whatever its numbers.
fn tokens(line: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    for word in line.split_whitespace() {
        let bare = word.trim_end_matches([',', '.', ';', ':', ')']);
        let after_number = tokens.last().is_some_and(|last| number(last).is_some());
        if CLOCK.contains(&bare) && after_number {
            tokens.pop();
            // `3 min 20 s` is one span.
            if tokens.last().is_some_and(|last| last == "TIME") {
                continue;
            }
            tokens.push("TIME".into());
        } else {
            tokens.push(word.to_owned());
        }
    }
    tokens
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
    let bare = word.trim_matches(|c: char| "\",".contains(c));
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
