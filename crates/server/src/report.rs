//! A run as one page that stands by itself: the page's own files and everything that it would ask for, in one document.

mod events;

use std::fmt::Write as _;
use std::path::Path;

use deltarule::run_folder::RunFolder;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::api::thresholds;
use crate::models::{Question, Refusal, Studied};
use crate::page;
use crate::runs::Runs;

/// What a report is to hold beside the run itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportOptions {
    /// Rows to explain, from 1; the worst, the best and the first one held out where none is named.
    pub rows: Vec<usize>,
    /// Parameters to take apart at each of them, as `0,2,5` or `layers.0.b,3`; the largest gradients where none is named.
    pub parameters: Vec<String>,
}

/// A report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The page.
    pub html: String,
    /// Why it explains no rows, where it does not: the run has no model, or its data are gone.
    pub without: Option<String>,
}

/// What the page finds in itself instead of asking a server.
#[derive(Serialize)]
struct Embedded {
    run: String,
    /// By what would be asked for; a text says under which other key the answer stands.
    answers: Map<String, Value>,
    #[serde(flatten)]
    events: events::Told,
    without: Option<String>,
}

/// Makes a run's report.
///
/// # Errors
/// Where the run's files cannot be read; where rows or parameters were named and are not there.
///
/// ```no_run
/// use deltarule::run_folder::RunFolder;
/// use deltarule_server::{ReportOptions, report};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let made = report(&RunFolder::open("runs/digits-1".as_ref())?, &ReportOptions::default())?;
/// std::fs::write("report.html", made.html)?;
/// # Ok(())
/// # }
/// ```
pub fn report(folder: &RunFolder, options: &ReportOptions) -> Result<Report, Refusal> {
    let name = folder.name();
    let runs = Runs::new(folder.path().parent().unwrap_or(Path::new(".")));
    let whole = runs.whole(&name)?.ok_or_else(|| Refusal::not_found(format!("there is no run {name:?}")))?;
    let whole = to_json(&whole)?;
    let mut answers = Map::new();
    answers.insert(
        "about".into(),
        json!({ "version": env!("CARGO_PKG_VERSION"), "runs": "", "thresholds": thresholds() }),
    );
    answers.insert("runs".into(), json!({ "runs": [whole] }));
    answers.insert(format!("runs/{name}"), whole);
    let said = !options.rows.is_empty() || !options.parameters.is_empty();
    let without = match Studied::open(folder) {
        Ok(mut studied) => {
            explain_rows(&mut studied, &name, options, &mut answers)?;
            None
        }
        Err(refusal) if said => return Err(refusal),
        Err(refusal) => Some(refusal.to_string()),
    };
    let events = events::read(&folder.events())?;
    let embedded = Embedded { run: name, answers, events, without: without.clone() };
    Ok(Report { html: page(&embedded)?, without })
}

/// Evaluation, rows, and each row's accounts.
fn explain_rows(
    studied: &mut Studied,
    name: &str,
    options: &ReportOptions,
    answers: &mut Map<String, Value>,
) -> Result<(), Refusal> {
    answers.insert(format!("runs/{name}/evaluation"), to_json(&studied.evaluation()?)?);
    let numbers = if options.rows.is_empty() { studied.telling_rows()? } else { options.rows.clone() };
    answers.insert(format!("runs/{name}/rows"), to_json(&studied.rows_by_number(&numbers)?)?);
    for row in numbers {
        let key = format!("runs/{name}/explain?row={row}");
        let mut put = |parameter: Option<String>| -> Result<Value, Refusal> {
            let account = studied.explained(&Question { row, parameter, ..Question::default() })?;
            let own =
                format!("{key}&parameter={}", account["drawing"]["parameter"].as_str().unwrap_or_default());
            let largest = account["largest"].clone();
            answers.insert(own.clone(), account);
            Ok(json!({ "key": own, "largest": largest }))
        };
        let usual = put(None)?;
        let largest = usual["largest"].as_array().into_iter().flatten();
        let largest = largest.filter_map(|one| Some(one["parameter"].as_str()?.to_owned()));
        let named =
            if options.parameters.is_empty() { largest.collect() } else { options.parameters.clone() };
        let mut first = usual["key"].clone();
        for (at, parameter) in named.into_iter().enumerate() {
            let made = put(Some(parameter))?;
            // What was asked for is what is shown first.
            if at == 0 && !options.parameters.is_empty() {
                first = made["key"].clone();
            }
        }
        answers.insert(key, first);
    }
    Ok(())
}

fn to_json(value: &impl Serialize) -> Result<Value, Refusal> {
    serde_json::to_value(value).map_err(|error| Refusal::conflict(error.to_string()))
}

/// The document. Only its own script and style are let in, by a number that is theirs.
fn page(embedded: &Embedded) -> Result<String, Refusal> {
    let data = serde_json::to_string(embedded).map_err(|error| Refusal::conflict(error.to_string()))?;
    let missing = |name| Refusal::conflict(format!("the program was built without {name}"));
    let script = page::text("assets/app.js").ok_or_else(|| missing("assets/app.js"))?;
    let style = page::text("assets/app.css").ok_or_else(|| missing("assets/app.css"))?;
    let nonce = page::digest("assets/app.js").ok_or_else(|| missing("assets/app.js"))?;
    let mut html = String::with_capacity(data.len() + script.len() + style.len() + 1024);
    // Writing to a string cannot fail.
    let _ = write!(
        html,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"content-security-policy\" content=\"default-src 'none'; script-src 'nonce-{nonce}'; \
         style-src 'nonce-{nonce}'; img-src data: blob:; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<link rel=\"icon\" href=\"data:,\">\n\
         <style nonce=\"{nonce}\">{}</style>\n</head>\n<body>\n<div id=\"page\"></div>\n\
         <script type=\"application/json\" id=\"report\">{}</script>\n\
         <script type=\"module\" nonce=\"{nonce}\">{}</script>\n</body>\n</html>\n",
        escaped(&embedded.run),
        without_fonts(&style),
        // Only texts have such a sign, and there it may stand so.
        data.replace('<', "\\u003c"),
        inlined(&script),
    );
    Ok(html)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// A script in which nothing ends the element that holds it: both signs stand in its texts only, where they may be written so.
fn inlined(script: &str) -> String {
    let mut safe = String::with_capacity(script.len());
    let mut rest = script;
    while let Some(at) = rest.find('<') {
        let (before, from) = rest.split_at(at);
        safe.push_str(before);
        let is = |what: &str| from.get(..what.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(what));
        if is("</script") || is("<!--") || is("<script") {
            safe.push_str("\\x3c");
        } else {
            safe.push('<');
        }
        rest = &from[1..];
    }
    safe.push_str(rest);
    safe
}

/// The style without its fonts, which are files of their own; only formulas use them.
fn without_fonts(style: &str) -> String {
    let mut left = String::with_capacity(style.len());
    let mut rest = style;
    while let Some(at) = rest.find("@font-face") {
        left.push_str(&rest[..at]);
        rest = rest[at..].split_once('}').map_or("", |(_, after)| after);
    }
    left.push_str(rest);
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_script_ends_its_element() {
        let script = "a=\"</script>\";b=\"<!--\";c=1<2;d=\"</SCRIPT\"";
        assert_eq!(inlined(script), "a=\"\\x3c/script>\";b=\"\\x3c!--\";c=1<2;d=\"\\x3c/SCRIPT\"");
    }

    #[test]
    fn fonts_are_left_out_of_the_style() {
        let style = "a{b:c}@font-face{src:url(x.woff2)}d{e:f}@font-face{src:url(y)}";
        assert_eq!(without_fonts(style), "a{b:c}d{e:f}");
    }
}
