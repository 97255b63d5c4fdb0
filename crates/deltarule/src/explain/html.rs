//! An account as one page of HTML: no script, no file beside it, and fit for paper.

use std::fmt::Write;

use super::{Account, Columns, Output, Parts, Quantity, Stage, TrainingStep, four_digits as number};

impl Account {
    /// The account as a page that stands by itself. `title` says what was explained, of which rows.
    ///
    /// Each part of the ledger folds and unfolds under the one that it belongs to.
    #[must_use]
    pub fn to_html(&self, title: &str) -> String {
        let title = escaped(title);
        let mut page = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
             content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n\
             <body>\n<h1>{title}</h1>\n"
        );
        let pass = match self.pass {
            "inference" => "with inference statistics and no dropout",
            _ => "as in training",
        };
        let _ = writeln!(page, "<p class=\"note\">Mean cost {}, {pass}.</p>", number(self.cost));
        for sentence in self.step.iter().flat_map(TrainingStep::sentences) {
            let _ = writeln!(page, "<p class=\"note\">{}</p>", escaped(&sentence));
        }
        if !self.outputs.is_empty() {
            put_outputs(&self.outputs, &mut page);
        }
        if let Some(columns) = &self.columns {
            put_columns(columns, &mut page);
        }
        if !self.flow.is_empty() {
            page.push_str("<h2>Where the signal went</h2>\n");
            page.push_str(&picture(&self.flow));
        }
        let _ = writeln!(page, "<h2>The gradient, factor by factor</h2>\n<div class=\"ledger\">");
        put(&self.ledger, None, &mut page);
        let verdict = if self.difference <= self.tolerance { "hold" } else { "do <strong>not</strong> hold" };
        let _ = writeln!(
            page,
            "</div>\n<p class=\"note\">From its parts {:.7e}, stored {:.7e}. All levels {verdict}: the largest difference is \
             {:.1e} of what is added up, at most {:.0e} is allowed.</p>",
            self.ledger.computed, self.ledger.value, self.difference, self.tolerance
        );
        page.push_str(
            "<h2>The largest gradients</h2>\n<table><tr><th>parameter</th><th class=\"n\">∂C/∂p</th></tr>\n",
        );
        for one in &self.largest {
            let (name, gradient) = (escaped(&one.parameter), number(one.gradient));
            let _ = writeln!(page, "<tr><td><code>{name}</code></td><td class=\"n\">{gradient}</td></tr>");
        }
        page.push_str("</table>\n</body>\n</html>\n");
        page
    }
}

const STYLE: &str = "
body{font:16px/1.5 system-ui,sans-serif;color:#1b1f24;background:#fff;max-width:56rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem;margin:0 0 .3rem}h2{font-size:1.1rem;margin:2rem 0 .6rem}
.note{color:#57606a;margin:.3rem 0}table{border-collapse:collapse}th,td{padding:.15rem 1.2rem .15rem 0;text-align:left}
th{border-bottom:1px solid #d0d7de;font-weight:600}.n{text-align:right;font-variant-numeric:tabular-nums}
.ledger{font-variant-numeric:tabular-nums}.ledger details,.ledger .leaf{margin:.1rem 0 .1rem 1.3rem;
padding-left:.6rem;border-left:2px solid #d0d7de}.ledger>details{margin-left:0;border-left:0;padding-left:0}
summary{cursor:pointer}.symbol{font-family:ui-monospace,monospace}.value{font-weight:600}
.words,.formula{color:#57606a}.formula{margin:.1rem 0 .1rem 1.3rem}
svg{max-width:100%;height:auto}svg text{font:13px system-ui,sans-serif;fill:#1b1f24}svg .dim{fill:#57606a}
@media print{body{margin:0;max-width:none;font-size:11pt}summary{list-style:none}
details,.leaf,tr{break-inside:avoid-page}}
";

/// A quantity with what it is made of; `share` is its part of the magnitudes of a sum.
fn put(of: &Quantity, share: Option<f64>, page: &mut String) {
    let mut line = format!(
        "<span class=\"symbol\">{}</span> = <span class=\"value\">{}</span>",
        escaped(&of.symbol),
        number(of.value)
    );
    if let Some(share) = share {
        let _ = write!(line, " <span class=\"words\">{:.1} %</span>", 100.0 * share);
    }
    if let Some(meaning) = &of.meaning {
        let _ = write!(line, " <span class=\"words\">{}</span>", escaped(meaning));
    }
    let formula = match &of.parts {
        Parts::Given | Parts::Folded => {
            let _ = writeln!(page, "<div class=\"leaf\">{line}</div>");
            return;
        }
        Parts::Product { parts } => {
            let symbols: Vec<_> = parts.iter().map(|part| escaped(&part.symbol)).collect();
            symbols.join(" · ")
        }
        Parts::Sum { parts, others } => {
            let (all, shown) = (parts.len() + others.count, parts.len());
            if all == 1 {
                "Σ of 1 term".into()
            } else if others.count == 0 {
                format!("Σ of {all} terms")
            } else {
                format!("Σ of {all} terms, the {shown} largest:")
            }
        }
        Parts::Formula { formula, .. } => escaped(formula),
    };
    // Of a term that is named by its factors, the formula is its name.
    let formula = Some(formula).filter(|formula| formula.replace(" · ", "·") != escaped(&of.symbol));
    let formula = formula.map_or_else(String::new, |formula| {
        format!("<div class=\"formula\">= <span class=\"symbol\">{formula}</span></div>")
    });
    let _ = writeln!(page, "<details open><summary>{line}</summary>\n{formula}");
    let magnitude = match &of.parts {
        Parts::Sum { parts, others } => others.magnitude_with(parts),
        _ => 0.0,
    };
    for part in of.children() {
        put(part, (magnitude > 0.0).then(|| part.value.abs() / magnitude), page);
    }
    if let Parts::Sum { others, .. } = &of.parts
        && others.count > 0
    {
        let share = if magnitude > 0.0 { 100.0 * others.magnitude / magnitude } else { 0.0 };
        let _ = writeln!(
            page,
            "<div class=\"leaf\">{} others = <span class=\"value\">{}</span> <span class=\"words\">{share:.1} %</span></div>",
            others.count,
            number(others.sum)
        );
    }
    page.push_str("</details>\n");
}

/// Outputs beside their targets, of a regression in the table's units as well.
fn put_outputs(outputs: &[Output], page: &mut String) {
    let mut headings = vec!["ŷ", "y"];
    if outputs.iter().any(|output| output.in_units.is_some()) {
        headings.extend(["ŷ in its units", "y in its units"]);
    }
    let cells = |tag: &str, cells: &[String]| -> String {
        cells.iter().map(|cell| format!("<{tag} class=\"n\">{cell}</{tag}>")).collect()
    };
    let headings: Vec<String> = headings.into_iter().map(str::to_owned).collect();
    let _ = writeln!(page, "<h2>Output</h2>\n<table><tr><th>output</th>{}</tr>", cells("th", &headings));
    for output in outputs {
        let mut numbers = vec![number(output.value), number(output.target)];
        numbers.extend(output.in_units.into_iter().flat_map(|own| [number(own.value), number(own.target)]));
        let _ = writeln!(page, "<tr><td>{}</td>{}</tr>", escaped(&output.name), cells("td", &numbers));
    }
    page.push_str("</table>\n");
}

/// What an output hangs on: the largest shares, with a bar for gradient × input.
fn put_columns(columns: &Columns, page: &mut String) {
    const SHOWN: usize = 15;
    let largest = columns.shares.first().map_or(0.0, |share| share.times_input.abs());
    let _ = writeln!(
        page,
        "<h2>What {} hangs on</h2>\n<table><tr><th>column</th><th class=\"n\">∂ŷ/∂column</th><th class=\"n\">gradient × \
         input</th><th></th></tr>",
        escaped(&columns.output)
    );
    for share in columns.shares.iter().take(SHOWN) {
        let gradient = share.gradient.map_or_else(String::new, number);
        let width = if largest > 0.0 { 160.0 * share.times_input.abs() / largest } else { 0.0 };
        let colour = if share.times_input < 0.0 { "#bf8700" } else { "#0969da" };
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td class=\"n\">{gradient}</td><td class=\"n\">{}</td><td><svg width=\"160\" height=\"10\"><rect \
             width=\"{width:.1}\" height=\"10\" fill=\"{colour}\"/></svg></td></tr>",
            escaped(&share.column),
            number(share.times_input)
        );
    }
    page.push_str("</table>\n");
    if columns.shares.len() > SHOWN {
        let _ = writeln!(page, "<p class=\"note\">The {SHOWN} largest of {}.</p>", columns.shares.len());
    }
}

/// Each stage's two factors as bars on a logarithmic scale, from 1 in the middle: to the left the signal shrinks.
fn picture(flow: &[Stage]) -> String {
    const LEFT: f64 = 190.0;
    const WIDTH: f64 = 440.0;
    const ROW: f64 = 44.0;
    let logs = flow.iter().flat_map(|stage| [stage.through_factor, stage.activation_factor]).map(f64::log10);
    // At least a factor of ten each way, so that small differences look small.
    let reach = logs.filter(|log| log.is_finite()).fold(1.0, |reach: f64, log| reach.max(log.abs())).ceil();
    let height = 46.0 + ROW * flow.len() as f64;
    let middle = LEFT + WIDTH / 2.0;
    let mut svg = format!(
        "<svg viewBox=\"0 0 890 {height}\" width=\"890\" role=\"img\" aria-label=\"What each layer does to the norm of \
         delta, on a logarithmic scale\">\n"
    );
    for power in (-(reach as i32)..=reach as i32).filter(|power| reach <= 6.0 || power % 2 == 0) {
        let x = middle + WIDTH / 2.0 * f64::from(power) / reach;
        let label = if power == 0 {
            "1".to_owned()
        } else {
            format!("10<tspan dy=\"-4\" font-size=\"10\">{power}</tspan>")
        };
        let _ = writeln!(
            svg,
            "<line x1=\"{x}\" x2=\"{x}\" y1=\"24\" y2=\"{}\" stroke=\"{}\"/><text class=\"dim\" x=\"{x}\" y=\"15\" \
             text-anchor=\"middle\">{label}</text>",
            height - 18.0,
            if power == 0 { "#57606a" } else { "#eaeef2" }
        );
    }
    for (row, stage) in flow.iter().enumerate() {
        let y = 30.0 + ROW * row as f64;
        let name = stage.activation.map_or(stage.kind.to_owned(), |f| format!("{} {f}", stage.kind));
        let _ = writeln!(
            svg,
            "<text x=\"0\" y=\"{}\">layer {} {}</text><text class=\"dim\" x=\"0\" y=\"{}\">‖δ‖ {}</text>",
            y + 13.0,
            stage.layer,
            escaped(&name),
            y + 30.0,
            number(stage.left)
        );
        let way = match stage.through {
            super::Through::Weights => "weights",
            super::Through::Normalisation => "normalisation",
            super::Through::Dropout => "dropout",
        };
        bar(&mut svg, y, middle, WIDTH / 2.0 / reach, stage.through_factor, "#0969da", way);
        if stage.activation.is_some() {
            let lost = stage.lost;
            let mut words = "f'".to_owned();
            for (part, name) in [(lost.saturated, "saturated"), (lost.dead, "dead")] {
                if part > 0.005 {
                    let _ = write!(words, ", {:.0} % lost {name}", 100.0 * part);
                }
            }
            bar(&mut svg, y + 17.0, middle, WIDTH / 2.0 / reach, stage.activation_factor, "#bf8700", &words);
        }
    }
    let _ = writeln!(
        svg,
        "<text class=\"dim\" x=\"{LEFT}\" y=\"{}\">smaller ←</text><text class=\"dim\" x=\"{}\" y=\"{0}\" \
         text-anchor=\"end\">→ larger</text>\n</svg>",
        height - 3.0,
        LEFT + WIDTH
    );
    svg
}

/// A bar from 1 to `factor`, with what it is.
fn bar(svg: &mut String, y: f64, middle: f64, decade: f64, factor: f64, colour: &str, words: &str) {
    let length = if factor > 0.0 { (factor.log10() * decade).clamp(-400.0, 400.0) } else { -220.0 };
    let (x, width) = (middle + length.min(0.0), length.abs().max(1.0));
    let _ = writeln!(
        svg,
        "<rect x=\"{x:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"13\" fill=\"{colour}\"/><text x=\"640\" y=\"{}\" \
         font-size=\"12\">× {} <tspan class=\"dim\">{}</tspan></text>",
        y + 11.0,
        number(factor),
        escaped(words)
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::{ColumnShare, InUnits, Largest, Lost, Through};

    #[test]
    fn a_page_stands_by_itself_and_shows_names_as_they_are() {
        let factors = vec![
            Quantity::given("x[0]", 2.0).meaning(Some("a<b & \"c\"".into())),
            Quantity::given("δ0[0]", -0.5),
        ];
        let stage = Stage {
            layer: 0,
            kind: "dense",
            activation: Some("sigmoid"),
            through: Through::Weights,
            sent: 1.0,
            arrived: 2.0,
            left: 0.0,
            through_factor: 2.0,
            activation_factor: 0.0,
            lost: Lost { saturated: 1.0, dead: 0.0, rest: 0.0 },
        };
        let share = ColumnShare { column: "a>b".into(), gradient: None, magnitude: None, times_input: -0.25 };
        let account = Account {
            pass: "inference",
            step: None,
            units: vec![1],
            outputs: vec![Output {
                name: "<script>".into(),
                value: 0.5,
                target: -0.25,
                in_units: Some(InUnits { value: 1500.0, target: 750.0 }),
            }],
            cost: 0.125,
            flow: vec![stage],
            largest: vec![Largest { parameter: "layers.0.w,0,0".into(), gradient: -1.0 }],
            columns: Some(Columns { output: "y".into(), shares: vec![share] }),
            ledger: Quantity::product("∂C/∂w0[0,0]", factors),
            difference: 0.0,
            tolerance: 1e-5,
        };
        let page = account.to_html("row 1 of \"t.csv\"");
        assert!(
            page.contains("a&gt;b")
                && page.contains("a&lt;b &amp; &quot;c&quot;")
                && page.contains("&lt;script&gt;"),
            "{page}"
        );
        for outside in ["<script", "http:", "https:", "src=", "NaN", "\"inf", "-inf", ">inf"] {
            assert!(!page.contains(outside), "{outside} in {page}");
        }
        assert!(page.contains("<td class=\"n\">1500</td><td class=\"n\">750.0</td>"), "{page}");
        assert!(page.contains("All levels hold") && page.contains("100 % lost saturated"), "{page}");
        for tag in ["details", "div", "table", "svg", "text", "span", "tspan"] {
            let count = |what: String| page.matches(&what).count();
            assert_eq!(
                count(format!("<{tag} ")) + count(format!("<{tag}>")),
                count(format!("</{tag}>")),
                "{tag}"
            );
        }
    }
}
