//! Numbers, names and tables as people read them: pure functions, numbers in, text out.

pub mod doctor;
pub mod figures;
pub mod findings;
pub mod ledger;
pub mod plan;
pub mod run;
pub mod table;

/// A whole number with its thousands apart: `1,797`.
#[must_use]
pub fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 row`, `4 rows`.
#[must_use]
pub fn counted(number: usize, one: &str, several: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { several })
}

/// A figure's name in words: `log loss`, `R²`.
#[must_use]
pub fn name(figure: &str) -> &str {
    match figure {
        "log_loss" => "log loss",
        "roc_auc" => "ROC AUC",
        "f1" => "F1",
        "rmse" => "RMSE",
        "mae" => "MAE",
        "r2" => "R²",
        other => other,
    }
}

/// A figure to four places of a share, or to five significant digits where it is larger or very small.
#[must_use]
pub fn figure(number: f64) -> String {
    let size = number.abs();
    if !number.is_finite() {
        return if number.is_nan() { "not a number".to_owned() } else { number.to_string() };
    }
    match size {
        0.0 => "0".to_owned(),
        _ if !(1e-4..1e9).contains(&size) => format!("{number:.3e}"),
        _ if size < 10.0 => format!("{number:.4}"),
        _ if size < 100.0 => format!("{number:.3}"),
        _ if size < 1000.0 => format!("{number:.2}"),
        _ => {
            // From 10,000 on, what stands behind the point no longer matters.
            let text = format!("{size:.*}", usize::from(size < 9_999.95));
            let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
            let whole = whole.parse().map_or(text.clone(), count);
            let sign = if number < 0.0 { "-" } else { "" };
            if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
        }
    }
}

/// A number with as many digits as it needs: `0.001`, `3e-5`.
#[must_use]
pub fn short(number: f64) -> String {
    if number != 0.0 && (number.abs() < 1e-3 || number.abs() >= 1e6) {
        let text = format!("{number:.2e}");
        return match text.split_once('e') {
            Some((digits, exponent)) if digits.contains('.') => {
                format!("{}e{exponent}", digits.trim_end_matches('0').trim_end_matches('.'))
            }
            _ => text,
        };
    }
    let text = format!("{number:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// How long something takes: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "?".to_owned();
    }
    if seconds < 0.1 {
        return format!("{:.1} ms", seconds * 1e3);
    }
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    match whole {
        0..120 => format!("{whole} s"),
        120..7200 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A rate for people: `830`, `12,400`, `1.2 million`.
#[must_use]
pub fn rate(per_second: f64) -> String {
    if !per_second.is_finite() {
        "?".to_owned()
    } else if per_second >= 1e6 {
        format!("{:.1} million", per_second / 1e6)
    } else if per_second >= 1e4 {
        count((per_second / 100.0).round() as usize * 100)
    } else {
        count(per_second.round() as usize)
    }
}

/// Breaks words into lines of at most `width` characters; lines after the first are indented.
#[must_use]
pub fn wrap(text: &str, width: usize, indent: usize) -> String {
    let (mut wrapped, mut length) = (String::new(), 0);
    for word in text.split_whitespace() {
        let size = word.chars().count();
        if length > indent && length + 1 + size > width {
            wrapped.push('\n');
            wrapped.extend(std::iter::repeat_n(' ', indent));
            length = indent;
        } else if !wrapped.is_empty() {
            wrapped.push(' ');
            length += 1;
        }
        wrapped.push_str(word);
        length += size;
    }
    wrapped
}

/// Text without control characters but line breaks: what a table's cells hold must not steer a terminal.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '·' } else { c }).collect()
}

/// Text of at most `width` characters; what is left out is marked.
#[must_use]
pub fn abbreviate(text: &str, width: usize) -> String {
    // A class may be named anything: line breaks and escape sequences must not reach a terminal.
    let clean: Vec<char> = text.chars().map(|c| if c.is_control() { '·' } else { c }).collect();
    if clean.len() <= width {
        return clean.into_iter().collect();
    }
    let kept: String = clean.into_iter().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!([0, 12, 1797, 1_000_000].map(count), ["0", "12", "1,797", "1,000,000"]);
        assert_eq!(counted(1, "row", "rows"), "1 row");
        let figures = [0.0, 0.985_2, -1.5, 31.25, 512.3, 9313.84, -53_940.4, 2e-5, f64::NAN].map(figure);
        assert_eq!(
            figures,
            ["0", "0.9852", "-1.5000", "31.250", "512.30", "9,313.8", "-53,940", "2.000e-5", "not a number"]
        );
        assert_eq!([0.001, 3e-5, 0.5, 1.0, 2.5e-4].map(short), ["0.001", "3e-5", "0.5", "1", "2.5e-4"]);
        assert_eq!(
            [0.05, 0.44, 12.2, 200.0, 7500.0].map(duration),
            ["50.0 ms", "0.4 s", "12 s", "3 min 20 s", "2 h 5 min"]
        );
        assert_eq!([830.4, 12_439.0, 1_234_567.0].map(rate), ["830", "12,400", "1.2 million"]);
    }

    #[test]
    fn words_are_wrapped_and_indented() {
        assert_eq!(wrap("one two three four", 9, 2), "one two\n  three\n  four");
        assert_eq!(wrap("a-word-longer-than-the-line b", 5, 0), "a-word-longer-than-the-line\nb");
    }

    #[test]
    fn names_are_cut_and_cleaned() {
        assert_eq!(abbreviate("Iris-versicolor", 8), "Iris-ve…");
        assert_eq!(abbreviate("a\x1b[31m\nb", 20), "a·[31m·b");
        assert_eq!(printable("a\x1b[31m\nb"), "a·[31m\nb");
    }
}
