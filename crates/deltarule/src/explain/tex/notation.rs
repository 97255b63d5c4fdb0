//! Symbols and formulas of the ledger, such as `∂C/∂w0[2,5]` and `a · (1 − a)`, as LaTeX's mathematics.

use std::fmt::Write;

use super::super::four_digits;
use super::text::escaped;

/// What need not be said of a place in the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Notation {
    /// There is one layer: its number is left out.
    pub one_layer: bool,
    /// That layer has one unit: its number is left out as well, and a weight goes by its input alone, w_i.
    pub one_unit: bool,
}

/// A number by its letter and place: `w`, layer `0`, place `2,5`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Symbol {
    pub letter: String,
    layer: String,
    place: String,
}

/// A piece of a formula.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Symbol(Symbol),
    /// ∂C/∂ of a number, or of another letter than C.
    Slope(char, Symbol),
    Word(String),
    Number(String),
    /// A function of what stands in the brackets after it.
    Function(&'static str),
    /// An operator or a bracket, as it was written.
    Sign(char),
    Raised(Vec<Piece>),
    Root(Vec<Piece>),
}

/// Reads a symbol or a formula of the ledger.
pub(super) fn read(text: &str) -> Vec<Piece> {
    let characters: Vec<char> = text.chars().collect();
    Reader { characters: &characters, at: 0 }.pieces()
}

struct Reader<'a> {
    characters: &'a [char],
    at: usize,
}

const HAT: char = '\u{302}';

/// Superscripts by what they raise.
const RAISED: [(char, char); 6] = [('¹', '1'), ('²', '2'), ('⁻', '−'), ('ᵃ', 'a'), ('ᶻ', 'z'), ('ᵞ', 'γ')];

fn raised(character: char) -> Option<char> {
    RAISED.iter().find(|(above, _)| *above == character).map(|(_, below)| *below)
}

fn is_letter(character: char) -> bool {
    raised(character).is_none() && (character.is_alphabetic() || character == HAT)
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.characters.get(self.at + ahead).copied()
    }

    fn take_while(&mut self, is: impl Fn(char) -> bool) -> String {
        let taken: String = self.characters[self.at..].iter().copied().take_while(|&c| is(c)).collect();
        self.at += taken.chars().count();
        taken
    }

    fn pieces(mut self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        while let Some(next) = self.peek(0) {
            if next == ' ' {
                self.at += 1;
            } else if let ['∂', of, '/', '∂', ..] = self.characters[self.at..] {
                self.at += 4;
                let letters = self.take_while(is_letter);
                pieces.push(Piece::Slope(of, self.symbol(letters)));
            } else if next == '√' && self.peek(1) == Some('(') {
                let inside = &self.characters[self.at + 2..];
                let length = inside.iter().position(|&c| c == ')').unwrap_or(inside.len());
                self.at += (length + 3).min(self.characters.len() - self.at);
                pieces.push(Piece::Root(Reader { characters: &inside[..length], at: 0 }.pieces()));
            } else if raised(next).is_some() {
                let above = self.take_while(|c| raised(c).is_some());
                let below: String = above.chars().filter_map(raised).collect();
                pieces.push(Piece::Raised(read(&below)));
            } else if next.is_ascii_digit() {
                pieces.push(Piece::Number(self.take_while(|c| c.is_ascii_digit() || c == '.')));
            } else if is_letter(next) {
                pieces.push(self.word());
            } else {
                self.at += 1;
                pieces.push(Piece::Sign(next));
            }
        }
        pieces
    }

    /// Letters: a symbol where it is one letter, else a function or a word.
    fn word(&mut self) -> Piece {
        let letters = self.take_while(is_letter);
        let is_placed = self.peek(0).is_some_and(|c| c.is_ascii_digit());
        match letters.as_str() {
            "tanh" => Piece::Function("\\tanh"),
            "ln" => Piece::Function("\\ln"),
            "sign" => Piece::Function("\\operatorname{sign}"),
            "mean" if self.peek(0) == Some('(') => Piece::Function("\\operatorname{mean}"),
            "σ" | "Φ" | "φ" if self.peek(0) == Some('(') => Piece::Function(match letters.as_str() {
                "σ" => "\\sigma",
                "Φ" => "\\Phi",
                _ => "\\varphi",
            }),
            word if word.chars().filter(|&c| c != HAT).count() == 1 || is_placed => {
                Piece::Symbol(self.symbol(letters))
            }
            _ => Piece::Word(letters),
        }
    }

    /// What follows a letter: a prime, the layer's number, the place in brackets.
    fn symbol(&mut self, mut letter: String) -> Symbol {
        if self.peek(0) == Some('\'') {
            letter.push('\'');
            self.at += 1;
        }
        let number = self.take_while(|c| c.is_ascii_digit() || c == '.');
        let is_place = |c: &char| c.is_ascii_digit() || *c == ',';
        let bracketed = self.peek(0) == Some('[') && self.peek(1).is_some_and(|c| is_place(&c));
        if !bracketed {
            // `l1` has no layer.
            return Symbol { letter, layer: String::new(), place: number };
        }
        self.at += 1;
        let place = self.take_while(|c| is_place(&c));
        self.at += usize::from(self.peek(0) == Some(']'));
        Symbol { letter, layer: number, place }
    }
}

impl Symbol {
    /// Whether it is a letter alone.
    pub(super) fn is_bare(&self) -> bool {
        self.layer.is_empty() && self.place.is_empty()
    }

    fn tex(&self, notation: Notation) -> String {
        let (letter, prime) = match self.letter.strip_suffix('\'') {
            Some(letter) => (letter, "'"),
            None => (self.letter.as_str(), ""),
        };
        let mut tex = format!("{}{prime}", of_letter(letter));
        if !self.layer.is_empty() && !notation.one_layer {
            let _ = write!(tex, "^{{({})}}", self.layer);
        }
        let mut place = self.place.as_str();
        if notation.one_unit && !self.layer.is_empty() {
            // The last number is the unit's.
            place = place.rsplit_once(',').map_or("", |(before, _)| before);
        }
        if !place.is_empty() {
            let _ = write!(tex, "_{{{place}}}");
        }
        tex
    }
}

fn of_letter(letter: &str) -> String {
    let bare = letter.trim_end_matches(HAT);
    let tex = match bare {
        "ŷ" => return "\\hat{y}".into(),
        "α" => "\\alpha".into(),
        "β" => "\\beta".into(),
        "γ" => "\\gamma".into(),
        "δ" => "\\delta".into(),
        "ε" => "\\varepsilon".into(),
        "λ" => "\\lambda".into(),
        "σ" => "\\sigma".into(),
        "ω" => "\\omega".into(),
        "Σ" => "\\sum".into(),
        one if one.len() == 1 => one.to_owned(),
        word => format!("\\mathrm{{{}}}", escaped(word)),
    };
    if bare == letter { tex } else { format!("\\hat{{{tex}}}") }
}

/// A symbol or a formula as it stands.
pub(super) fn tex(text: &str, notation: Notation) -> String {
    if text == "Σ over rows" {
        return "\\Sigma_{\\text{rows}}".into();
    }
    set(&read(text), notation, &|_| None)
}

/// Pieces side by side; what `instead` gives for a symbol stands in its place.
pub(super) fn set(
    pieces: &[Piece],
    notation: Notation,
    instead: &dyn Fn(&Symbol) -> Option<String>,
) -> String {
    let mut tex = String::new();
    for (at, piece) in pieces.iter().enumerate() {
        let next = pieces.get(at + 1);
        match piece {
            Piece::Symbol(symbol) => {
                let own = instead(symbol).unwrap_or_else(|| symbol.tex(notation));
                let is_raised = matches!(next, Some(Piece::Raised(_)));
                let bracketed = is_raised && own.contains(['^', '-']) && !own.starts_with('(');
                put(&mut tex, &if bracketed { format!("\\bigl({own}\\bigr)") } else { own });
            }
            Piece::Slope(of, symbol) => {
                let _ = write!(tex, "\\frac{{\\partial {of}}}{{\\partial {}}}", symbol.tex(notation));
            }
            Piece::Word(word) => {
                let before = at > 0 && !matches!(pieces[at - 1], Piece::Sign('(' | '[' | '±' | '−'));
                let after = next.is_some_and(|next| !matches!(next, Piece::Sign(')' | ']' | ',' | '(')));
                let space = |is: bool| if is { " " } else { "" };
                // Of two words in a row one brings the space.
                let before = before && !matches!(pieces[at - 1], Piece::Word(_));
                let _ = write!(tex, "\\text{{{}{}{}}}", space(before), escaped(word), space(after));
            }
            Piece::Number(number) => tex += number,
            Piece::Function(name) => put(&mut tex, name),
            Piece::Sign(sign) => put(&mut tex, &of_sign(*sign)),
            Piece::Raised(pieces) => {
                let _ = write!(tex, "^{{{}}}", set(pieces, notation, instead));
            }
            Piece::Root(pieces) => {
                let _ = write!(tex, "\\sqrt{{{}}}", set(pieces, notation, instead));
            }
        }
    }
    tex
}

/// Adds what comes next, apart from a command's name that it would else belong to.
fn put(tex: &mut String, next: &str) {
    let letters = tex.chars().rev().take_while(char::is_ascii_alphabetic).count();
    let is_command = letters > 0 && tex[..tex.len() - letters].ends_with('\\');
    if is_command && next.starts_with(|c: char| c.is_ascii_alphabetic()) {
        tex.push(' ');
    }
    *tex += next;
}

fn of_sign(sign: char) -> String {
    match sign {
        '·' => "\\cdot".into(),
        '−' => "-".into(),
        '±' => "\\pm".into(),
        '∞' => "\\infty".into(),
        ',' => ",\\;".into(),
        '+' | '=' | '<' | '>' | '/' | '(' | ')' | '[' | ']' | '|' => sign.to_string(),
        other => format!("\\text{{{}}}", escaped(&other.to_string())),
    }
}

/// A number to four digits.
pub(super) fn number(value: f64) -> String {
    if value.is_nan() {
        return "\\text{NaN}".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "\\infty".into() } else { "-\\infty".into() };
    }
    let digits = four_digits(value);
    match digits.split_once('e') {
        Some((digits, exponent)) => format!("{digits}\\times10^{{{exponent}}}"),
        None => digits,
    }
}

/// The same in brackets where it is negative: behind an operator.
pub(super) fn bracketed(value: f64) -> String {
    if value < 0.0 { format!("({})", number(value)) } else { number(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Notation = Notation { one_layer: false, one_unit: false };
    const PERCEPTRON: Notation = Notation { one_layer: true, one_unit: true };

    #[test]
    fn places_become_scripts_and_a_perceptrons_are_its_inputs() {
        for (text, full, of_one) in [
            (
                "∂C/∂w0[2,5]",
                "\\frac{\\partial C}{\\partial w^{(0)}_{2,5}}",
                "\\frac{\\partial C}{\\partial w_{2}}",
            ),
            ("f'0[3]", "f'^{(0)}_{3}", "f'"),
            ("x[12]", "x_{12}", "x_{12}"),
            ("∂C/∂ŷ", "\\frac{\\partial C}{\\partial \\hat{y}}", "\\frac{\\partial C}{\\partial \\hat{y}}"),
            ("x\u{302}1[4]", "\\hat{x}^{(1)}_{4}", "\\hat{x}"),
            ("l1", "l_{1}", "l_{1}"),
            ("1/√(σ²+ε)", "1/\\sqrt{\\sigma^{2}+\\varepsilon}", "1/\\sqrt{\\sigma^{2}+\\varepsilon}"),
            ("table0.1[2,0]", "\\mathrm{table}^{(0.1)}_{2,0}", "\\mathrm{table}_{2}"),
            ("row 7", "\\text{row }7", "\\text{row }7"),
        ] {
            assert_eq!(tex(text, ALL), full);
            assert_eq!(tex(text, PERCEPTRON), of_one);
        }
    }

    #[test]
    fn formulas_are_set_with_their_words() {
        assert_eq!(tex("a · (1 − a)", ALL), "a\\cdot(1-a)");
        assert_eq!(tex("1 − e⁻ᵃ", ALL), "1-e^{-a}");
        assert_eq!(tex("γ · (1 − p)ᵞ⁻¹ · (−ln p)", ALL), "\\gamma\\cdot(1-p)^{\\gamma-1}\\cdot(-\\ln p)");
        assert_eq!(tex("∂H/∂z", ALL), "\\frac{\\partial H}{\\partial z}");
        assert_eq!(tex("1 where a > 0, else 0", ALL), "1\\text{ where }a>0,\\;\\text{ else }0");
        assert_eq!(tex("σ(z) · (1 + z · (1 − σ(z)))", ALL), "\\sigma(z)\\cdot(1+z\\cdot(1-\\sigma(z)))");
        // What is squared is bracketed where it has a script of its own.
        let instead = |symbol: &Symbol| (symbol.letter == "a").then(|| "a^{(0)}_{2}".to_owned());
        assert_eq!(set(&read("1 − a²"), ALL, &instead), "1-\\bigl(a^{(0)}_{2}\\bigr)^{2}");
    }

    #[test]
    fn numbers_are_decimal_or_powers_of_ten() {
        assert_eq!(number(0.0123456), "0.01235");
        assert_eq!(bracketed(-3e-7), "(-3.000\\times10^{-7})");
        assert_eq!([f64::NAN, f64::NEG_INFINITY].map(number), ["\\text{NaN}", "-\\infty"]);
    }
}
