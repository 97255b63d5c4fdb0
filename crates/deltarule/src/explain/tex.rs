//! An account as one LaTeX document that plain pdfLaTeX compiles, with no package but amsmath.
//!
//! The ledger becomes a sequence of equations: each quantity in symbols, then in numbers, then its value, numbered as an
//! outline, so that (1.2) is what the second part of (1) is made of. A formula that is short enough stands in the
//! equation of what it belongs to: of one sigmoid unit with the squared error the first equation is the textbook's line.
//!
//! The document is ASCII throughout, whatever columns and classes are called.

mod notation;
#[cfg(test)]
mod tests;
mod text;

use std::fmt::Write;

use super::{Account, Columns, Others, Output, Parts, Quantity, Stage, TrainingStep};
use notation::{Notation, Piece, Symbol, bracketed, number, read, set, tex};
use text::escaped;

/// Rows of a table of outputs or columns; what is beyond is counted.
const SHOWN: usize = 20;

/// Terms of a sum side by side in one line.
const TERMS: usize = 4;

/// Pieces of a formula that is short enough to stand in another's equation: a · (1 − a) has seven.
const SHORT: usize = 8;

impl Account {
    /// All of the account as a document: outputs, what one of them hangs on, the signal's way, and the ledger. `title` says
    /// what was explained, of which rows.
    #[must_use]
    pub fn to_tex(&self, title: &str) -> String {
        let mut document = self.opened(title);
        if !self.outputs.is_empty() {
            put_outputs(&self.outputs, &mut document);
        }
        if let Some(columns) = &self.columns {
            put_columns(columns, &mut document);
        }
        if !self.flow.is_empty() {
            put_flow(&self.flow, &mut document);
        }
        self.put_ledger(&mut document);
        self.put_largest(&mut document);
        document + "\\end{document}\n"
    }

    /// The ledger alone as a document, where one gradient was asked for.
    ///
    /// ```
    /// use deltarule::Pool;
    /// use deltarule::activation::Activation;
    /// use deltarule::dataset::{Dataset, Targets};
    /// use deltarule::explain::{Anatomy, Names, Parameter, Reach};
    /// use deltarule::layer::Pass;
    /// use deltarule::loss::{Cost, Loss};
    /// use deltarule::network::NetworkSpec;
    /// use deltarule::optimizer::Regularization;
    ///
    /// // One linear unit: ∂C/∂w = x·(ŷ − y) = 3·(0.3 − 1) = −2.1.
    /// let mut network = NetworkSpec::new(1).dense(1, Activation::Identity).build::<f64>(1)?;
    /// network.params_mut().copy_from_slice(&[0.1, 0.0]);
    /// let data = Dataset::from_dense(1, vec![3.0], Targets::Values { outputs: 1, values: vec![1.0] });
    /// let loss = Loss::new(Cost::SquaredError, Activation::Identity, 0.0)?;
    /// let (pool, penalties, names) = (Pool::new(1), Regularization::default(), Names::default());
    /// let anatomy = Anatomy::new(&pool, &network, &loss, &penalties, data.range(0, 1), Pass::Inference, &names);
    /// let account = anatomy.account(Some(&Parameter::weight(0, 0, 0)), None, Reach::default())?;
    /// let document = account.ledger_to_tex("a linear unit");
    /// assert!(document.contains(r"\frac{\partial C}{\partial w_{0}} &= x_{0} \cdot (\hat{y}-y)"));
    /// assert!(document.contains(r"&= 3.000 \cdot (0.3000-1.000)") && document.contains("&= -2.100"));
    /// # Ok::<(), deltarule::Error>(())
    /// ```
    #[must_use]
    pub fn ledger_to_tex(&self, title: &str) -> String {
        let mut document = self.opened(title);
        self.put_ledger(&mut document);
        document + "\\end{document}\n"
    }

    fn opened(&self, title: &str) -> String {
        let pass = match self.pass {
            "inference" => "with inference statistics and no dropout",
            _ => "as in training",
        };
        let step: String = self
            .step
            .iter()
            .flat_map(TrainingStep::sentences)
            .map(|sentence| escaped(&sentence) + "\n\n")
            .collect();
        format!(
            "{PREAMBLE}\\begin{{document}}\n{{\\Large\\bfseries\\raggedright {}\\par}}\n\\medskip\nMean cost $C={}$, {pass}. \
             Layers, inputs and units are numbered from 0.\n\n{step}",
            escaped(title),
            number(self.cost)
        )
    }

    fn put_ledger(&self, document: &mut String) {
        document.push_str("\\section*{The gradient, factor by factor}\n");
        let equations = Equations {
            notation: Notation { one_layer: self.units.len() == 1, one_unit: self.units == [1] },
            tolerance: self.tolerance,
        };
        if let Some(meaning) = &self.ledger.meaning {
            let _ = writeln!(document, "With respect to {}:\n", escaped(meaning));
        }
        equations.put(&self.ledger, "1", document);
        let verdict = if self.difference <= self.tolerance { "hold" } else { "do \\textbf{not} hold" };
        let _ = writeln!(
            document,
            "\\medskip\nFrom its parts the gradient is ${}$, stored is ${}$. All levels {verdict}: the largest difference is \
             ${}$ of what is added up; at most ${}$ is allowed.\n",
            power_of_ten(&format!("{:.7e}", self.ledger.computed)),
            power_of_ten(&format!("{:.7e}", self.ledger.value)),
            power_of_ten(&format!("{:.1e}", self.difference)),
            power_of_ten(&format!("{:.0e}", self.tolerance)),
        );
    }

    fn put_largest(&self, document: &mut String) {
        document.push_str("\\section*{The largest gradients}\n\\begin{tabular}{@{}lr@{}}\n");
        document.push_str("parameter & $\\partial C/\\partial p$ \\headline\n");
        for one in &self.largest {
            let (name, gradient) = (escaped(&one.parameter), number(one.gradient));
            let _ = writeln!(document, "\\texttt{{{name}}} & ${gradient}$ \\\\");
        }
        document.push_str("\\end{tabular}\n\n");
    }
}

/// Measures as LaTeX's own `article` has them would leave a third of the paper white.
const PREAMBLE: &str = "\\documentclass[11pt,a4paper]{article}
\\usepackage{amsmath}
\\setlength{\\textwidth}{16.5cm}\\setlength{\\oddsidemargin}{-0.3cm}
\\setlength{\\textheight}{24.5cm}\\setlength{\\topmargin}{-1.6cm}
\\setlength{\\parindent}{0pt}\\setlength{\\parskip}{3pt plus 1pt}
\\allowdisplaybreaks\\sloppy
\\newcommand{\\headline}{\\\\[2pt]\\hline\\rule{0pt}{2.6ex}}
";

/// `1.5e-3` as mathematics.
fn power_of_ten(number: &str) -> String {
    match number.split_once('e') {
        Some((digits, "0")) => digits.to_owned(),
        Some(("1", exponent)) => format!("10^{{{exponent}}}"),
        Some((digits, exponent)) => format!("{digits}\\times10^{{{exponent}}}"),
        None => tex_of_no_number(number),
    }
}

fn tex_of_no_number(text: &str) -> String {
    format!("\\text{{{}}}", escaped(text))
}

/// How equations are written.
#[derive(Clone, Copy, Debug)]
struct Equations {
    notation: Notation,
    /// Up to here what the parts give is what was stored.
    tolerance: f64,
}

impl Equations {
    /// The equation of a quantity under its number in the outline, and those of its parts.
    fn put(self, of: &Quantity, outline: &str, document: &mut String) {
        let lines = self.lines(of);
        let _ = write!(document, "\\begin{{align*}}\n{}", tex(&of.symbol, self.notation));
        for (at, line) in lines.iter().enumerate() {
            let tag = if at == 0 { format!(" \\tag{{{outline}}}") } else { String::new() };
            let end = if at + 1 < lines.len() { " \\\\" } else { "" };
            let _ = writeln!(document, " &{line}{tag}{end}");
        }
        document.push_str("\\end{align*}\n");
        let known: Vec<_> = self.known(of);
        if !known.is_empty() {
            let _ = writeln!(document, "where {}.\n", known.join(", "));
        }
        if let Parts::Sum { parts, others } = &of.parts
            && let Some(shares) = shares(parts, *others)
        {
            let _ = writeln!(document, "{shares}\n");
        }
        for (at, part) in self.own_equations(of).into_iter().enumerate() {
            self.put(part, &format!("{outline}.{}", at + 1), document);
        }
    }

    /// What stands behind the quantity's symbol, line by line: symbols, numbers, the value.
    fn lines(self, of: &Quantity) -> Vec<String> {
        let mut lines = match &of.parts {
            Parts::Given | Parts::Folded => Vec::new(),
            Parts::Product { parts } => {
                let symbols: Vec<_> =
                    parts.iter().map(|part| self.in_symbols(part, parts.len() > 1)).collect();
                let numbers: Vec<_> =
                    parts.iter().map(|part| self.in_numbers(part, parts.len() > 1)).collect();
                let mut lines = vec![format!("= {}", symbols.join(" \\cdot "))];
                if parts.len() > 1 || self.is_short(&parts[0]) {
                    lines.push(format!("= {}", numbers.join(" \\cdot ")));
                }
                lines
            }
            Parts::Sum { parts, others } => self.sum(parts, *others),
            Parts::Formula { formula, parts } => {
                let mut lines = vec![format!("= {}", self.formula(formula, parts))];
                lines.extend(self.formula_in_numbers(formula, parts).map(|numbers| format!("= {numbers}")));
                lines
            }
        };
        let mut value = format!("= {}", number(of.computed));
        if of.stored
            && (of.value - of.computed).abs() > self.tolerance * of.value.abs().max(of.computed.abs())
        {
            let _ = write!(value, " \\quad\\text{{(stored: }}{}\\text{{)}}", number(of.value));
        }
        lines.push(value);
        lines
    }

    /// The terms in symbols, and in numbers, a few in each line.
    fn sum(self, parts: &[Quantity], others: Others) -> Vec<String> {
        let mut symbols: Vec<_> = parts.iter().map(|part| tex(&part.symbol, self.notation)).collect();
        let mut numbers: Vec<_> = parts.iter().map(|part| self.term_in_numbers(part)).collect();
        if others.count > 0 {
            let name = if others.count == 1 { "other" } else { "others" };
            symbols.push(format!("\\text{{{} {name}}}", others.count));
            numbers.push(number(others.sum));
        }
        if symbols.is_empty() {
            return Vec::new();
        }
        let joined = |terms: &[String]| {
            let mut lines: Vec<String> = Vec::new();
            for (at, terms) in terms.chunks(TERMS).enumerate() {
                let mut line = if at == 0 { "= ".to_owned() } else { "\\quad ".to_owned() };
                for (term, name) in terms.iter().enumerate() {
                    let sign = if at + term == 0 || name.starts_with('-') { "" } else { "+ " };
                    let _ = write!(line, "{sign}{name} ");
                }
                lines.push(line.trim_end().to_owned());
            }
            lines
        };
        let mut lines = joined(&symbols);
        lines.extend(joined(&numbers));
        lines
    }

    /// A term's numbers: its factors where they are its name, else its value.
    fn term_in_numbers(self, part: &Quantity) -> String {
        match &part.parts {
            Parts::Product { parts } if self.is_named_by_factors(part) => {
                let numbers = parts.iter().enumerate().map(|(at, part)| match at {
                    0 => number(part.value),
                    _ => bracketed(part.value),
                });
                numbers.collect::<Vec<_>>().join("\\cdot ")
            }
            _ => number(part.value),
        }
    }

    /// A factor in symbols: its own, or its formula where that is short.
    fn in_symbols(self, part: &Quantity, is_one_of_several: bool) -> String {
        match &part.parts {
            Parts::Formula { formula, parts } if self.is_short(part) => {
                close(self.formula(formula, parts), formula, is_one_of_several)
            }
            _ => tex(&part.symbol, self.notation),
        }
    }

    /// A factor in numbers: its value, or its formula's numbers.
    fn in_numbers(self, part: &Quantity, is_one_of_several: bool) -> String {
        match &part.parts {
            Parts::Formula { formula, parts } if self.is_short(part) => {
                let numbers = self.formula_in_numbers(formula, parts);
                let numbers = numbers.unwrap_or_else(|| bracketed(part.value));
                close(numbers, formula, is_one_of_several)
            }
            _ => bracketed(part.value),
        }
    }

    /// Whether a quantity is a formula that stands in the equation of what it belongs to.
    fn is_short(self, part: &Quantity) -> bool {
        let Parts::Formula { formula, parts } = &part.parts else { return false };
        let pieces = read(formula);
        let is_plain = |piece: &Piece| match piece {
            Piece::Word(_) | Piece::Slope(..) | Piece::Sign(',' | '=') => false,
            Piece::Symbol(symbol) => part_of(symbol, parts).is_some() || symbol.letter == "e",
            _ => true,
        };
        pieces.len() <= SHORT
            && pieces.iter().all(is_plain)
            && parts.iter().all(|part| part.children().is_empty())
    }

    /// A formula in the symbols of its parts.
    fn formula(self, formula: &str, parts: &[Quantity]) -> String {
        set(&without_dots(read(formula)), self.notation, &|symbol| {
            part_of(symbol, parts).map(|part| tex(&part.symbol, self.notation))
        })
    }

    /// A formula in numbers, where it has a number for each of its symbols.
    fn formula_in_numbers(self, formula: &str, parts: &[Quantity]) -> Option<String> {
        let pieces = without_dots(read(formula));
        let known = |piece: &Piece| match piece {
            Piece::Symbol(symbol) => part_of(symbol, parts).is_some() || symbol.letter == "e",
            Piece::Word(_) | Piece::Slope(..) | Piece::Sign(',') => false,
            _ => true,
        };
        let value = |symbol: &Symbol| part_of(symbol, parts).map(|part| bracketed(part.value));
        pieces.iter().all(known).then(|| set(&pieces, self.notation, &value))
    }

    fn is_named_by_factors(self, of: &Quantity) -> bool {
        let Parts::Product { parts } = &of.parts else { return false };
        let symbols: Vec<_> = parts.iter().map(|part| part.symbol.as_str()).collect();
        symbols.join("·") == of.symbol
    }

    /// The quantities below this one that have equations of their own.
    fn own_equations(self, of: &Quantity) -> Vec<&Quantity> {
        let mut own = Vec::new();
        for part in of.children() {
            if self.is_named_by_factors(part) {
                own.extend(self.own_equations(part));
            } else if !part.children().is_empty() && !self.is_short(part) {
                own.push(part);
            } else if matches!(&part.parts, Parts::Formula { .. } | Parts::Sum { .. }) && !self.is_short(part)
            {
                // A mean over the batch has a formula and no parts; a sum of which no term is shown has a rest.
                own.push(part);
            }
        }
        own
    }

    /// What the equation's symbols are, and the values of those that it has no numbers for: `$x_1 = 2$ (age)`.
    fn known(self, of: &Quantity) -> Vec<String> {
        let mut known = Vec::new();
        let mut tell = |part: &Quantity| {
            let words = part.meaning.as_deref().map(|words| format!(" ({})", escaped(words)));
            let symbol = tex(&part.symbol, self.notation);
            let line = format!("${symbol}={}${}", number(part.value), words.unwrap_or_default());
            if !known.contains(&line) {
                known.push(line);
            }
        };
        let has_numbers = match &of.parts {
            Parts::Formula { formula, parts } => self.formula_in_numbers(formula, parts).is_some(),
            _ => true,
        };
        for part in of.children() {
            if self.is_short(part) || self.is_named_by_factors(part) {
                part.children().iter().filter(|part| part.meaning.is_some()).for_each(&mut tell);
            } else if part.meaning.is_some() || !has_numbers {
                tell(part);
            }
        }
        known
    }
}

/// What a formula calls `a`, `z` or by the whole symbol, among the numbers that it is made of.
fn part_of<'a>(symbol: &Symbol, parts: &'a [Quantity]) -> Option<&'a Quantity> {
    let is = |part: &&Quantity, own: &dyn Fn(&Symbol) -> bool| match read(&part.symbol).as_slice() {
        [Piece::Symbol(of_part)] => own(of_part),
        _ => false,
    };
    let exact = parts.iter().find(|part| is(part, &|own| own == symbol));
    // An output's activation is ŷ.
    let stands_for = |own: &Symbol| own.letter == symbol.letter || symbol.letter == "a" && own.letter == "ŷ";
    exact.or_else(|| parts.iter().find(|part| symbol.is_bare() && is(part, &stands_for)))
}

/// a · (1 − a) is written a(1 − a).
fn without_dots(pieces: Vec<Piece>) -> Vec<Piece> {
    let before_bracket =
        |at: usize| pieces[at] == Piece::Sign('·') && pieces.get(at + 1) == Some(&Piece::Sign('('));
    let kept: Vec<bool> = (0..pieces.len()).map(|at| !before_bracket(at)).collect();
    pieces.into_iter().zip(kept).filter_map(|(piece, kept)| kept.then_some(piece)).collect()
}

/// A formula as a factor: in brackets where it is a sum.
fn close(tex: String, formula: &str, is_one_of_several: bool) -> String {
    let mut depth = 0;
    let mut is_sum = false;
    for character in formula.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            '−' | '+' => is_sum |= depth == 0,
            _ => {}
        }
    }
    if is_sum && is_one_of_several { format!("({tex})") } else { tex }
}

/// The terms' shares of the magnitudes, in words, where some of several are not shown.
fn shares(parts: &[Quantity], others: Others) -> Option<String> {
    let magnitude = others.magnitude_with(parts);
    if parts.len() + others.count < 2 || !magnitude.is_finite() || magnitude == 0.0 {
        return None;
    }
    let percent = |size: f64| format!("{:.1}\\,\\%", 100.0 * size / magnitude);
    let mut shown: Vec<_> = parts.iter().map(|part| percent(part.value.abs())).collect();
    if others.count > 0 {
        shown.push(format!("of the rest together {}", percent(others.magnitude)));
    }
    Some(format!("Shares of the magnitudes: {}.", shown.join(", ")))
}

fn put_outputs(outputs: &[Output], document: &mut String) {
    let has_units = outputs.iter().any(|output| output.in_units.is_some());
    let (columns, headings) =
        if has_units { ("rrrr", " & $\\hat{y}$ in its units & $y$ in its units") } else { ("rr", "") };
    let _ = writeln!(
        document,
        "\\section*{{Output}}\n\\begin{{tabular}}{{@{{}}p{{6cm}}{columns}@{{}}}}\noutput & $\\hat{{y}}$ & $y${headings} \\headline"
    );
    let mut largest: Vec<&Output> = outputs.iter().collect();
    if largest.len() > SHOWN {
        largest.sort_by(|a, b| b.value.abs().total_cmp(&a.value.abs()));
    }
    for output in largest.iter().take(SHOWN) {
        let mut numbers = vec![output.value, output.target];
        numbers.extend(output.in_units.into_iter().flat_map(|own| [own.value, own.target]));
        let numbers: String = numbers.into_iter().map(|value| format!(" & ${}$", number(value))).collect();
        let _ = writeln!(document, "\\raggedright {}{numbers} \\tabularnewline", escaped(&output.name));
    }
    document.push_str("\\end{tabular}\n\n");
    put_rest(outputs.len(), document);
}

/// How many rows a table leaves out.
fn put_rest(all: usize, document: &mut String) {
    if all > SHOWN {
        let _ = writeln!(document, "The {SHOWN} largest of {all}.\n");
    }
}

fn put_columns(columns: &Columns, document: &mut String) {
    let _ = writeln!(document, "\\section*{{What {} hangs on}}", escaped(&columns.output));
    document.push_str(
        "\\begin{tabular}{@{}p{8cm}rr@{}}\ncolumn & $\\partial\\hat{y}/\\partial\\text{column}$ & gradient $\\times$ input \
         \\headline\n",
    );
    for share in columns.shares.iter().take(SHOWN) {
        let gradient = share.gradient.map_or_else(String::new, |gradient| format!("${}$", number(gradient)));
        let (name, times_input) = (escaped(&share.column), number(share.times_input));
        let _ = writeln!(document, "\\raggedright {name} & {gradient} & ${times_input}$ \\tabularnewline");
    }
    document.push_str("\\end{tabular}\n\n");
    put_rest(columns.shares.len(), document);
}

fn put_flow(flow: &[Stage], document: &mut String) {
    document.push_str("\\section*{Where the signal went}\n\\begin{tabular}{@{}lrrrrrr@{}}\n");
    document.push_str("& & & & \\multicolumn{3}{c@{}}{lost in units that are} \\\\\n");
    document.push_str(
        "signal at & $\\lVert\\delta\\rVert$ & way back & $f'$ & saturated & dead & others \\headline\n",
    );
    let _ = writeln!(document, "the output & ${}$ & & & & & \\\\", number(flow[0].sent));
    for stage in flow {
        let name = stage.activation.map_or(stage.kind.to_owned(), |f| format!("{} {f}", stage.kind));
        let _ = write!(
            document,
            "layer {} {} & ${}$ & $\\times {}$",
            stage.layer,
            escaped(&name),
            number(stage.left),
            number(stage.through_factor)
        );
        let lost = stage.lost;
        match stage.activation {
            Some(_) => {
                let _ = write!(document, " & $\\times {}$", number(stage.activation_factor));
                for part in [lost.saturated, lost.dead, lost.rest] {
                    let _ = write!(document, " & ${:.1}\\,\\%$", 100.0 * part);
                }
            }
            None => document.push_str(" & & & &"),
        }
        document.push_str(" \\\\\n");
    }
    document.push_str("\\end{tabular}\n\n");
}
