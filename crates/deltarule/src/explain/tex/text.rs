//! Words of a table as LaTeX sets them.

/// Accents that every font of LaTeX has, each with letters under it and the same letters without.
const ACCENTS: [(&str, &str, &str); 13] = [
    ("\\`", "ÀÈÌÒÙàèìòùǸǹ", "AEIOUaeiouNn"),
    ("\\'", "ÁÉÍÓÚÝáéíóúýĆćĹĺŃńŔŕŚśŹźǴǵ", "AEIOUYaeiouyCcLlNnRrSsZzGg"),
    ("\\^", "ÂÊÎÔÛâêîôûĈĉĜĝĤĥĴĵŜŝŴŵŶŷ", "AEIOUaeiouCcGgHhJjSsWwYy"),
    ("\\~", "ÃÑÕãñõĨĩŨũẼẽỸỹ", "ANOanoIiUuEeYy"),
    ("\\\"", "ÄËÏÖÜäëïöüÿŸ", "AEIOUaeiouyY"),
    ("\\=", "ĀāĒēĪīŌōŪū", "AaEeIiOoUu"),
    ("\\u", "ĂăĔĕĞğĬĭŎŏŬŭ", "AaEeGgIiOoUu"),
    ("\\.", "ĊċĖėĠġİŻżḂḃ", "CcEeGgIZzBb"),
    ("\\r", "ÅåŮů", "AaUu"),
    ("\\H", "ŐőŰű", "OoUu"),
    ("\\v", "ČčĎďĚěŇňŘřŠšŤťŽžǍǎ", "CcDdEeNnRrSsTtZzAa"),
    ("\\c", "ÇçĢģĶķĻļŅņŖŗŞşŢţȘșȚț", "CcGgKkLlNnRrSsTtSsTt"),
    ("\\d", "ẠạẸẹỊịỌọỤụ", "AaEeIiOoUu"),
];

/// Characters with a command of their own; those between dollars are set as mathematics.
const COMMANDS: [(char, &str); 80] = [
    ('\\', "\\textbackslash{}"),
    ('{', "\\{"),
    ('}', "\\}"),
    ('$', "\\$"),
    ('&', "\\&"),
    ('#', "\\#"),
    ('%', "\\%"),
    // A long name may go on in the next line behind it.
    ('_', "\\_\\allowbreak{}"),
    ('^', "\\textasciicircum{}"),
    ('~', "\\textasciitilde{}"),
    ('<', "\\textless{}"),
    ('>', "\\textgreater{}"),
    ('|', "\\textbar{}"),
    ('"', "{\\ttfamily\\char34}"),
    ('`', "\\textquoteleft{}"),
    // Two in a row would be set as a dash.
    ('-', "-{}"),
    ('\u{a0}', "~"),
    ('¡', "!`"),
    ('¿', "?`"),
    ('§', "\\S{}"),
    ('¶', "\\P{}"),
    ('©', "\\copyright{}"),
    ('£', "\\pounds{}"),
    ('ß', "\\ss{}"),
    ('Æ', "\\AE{}"),
    ('æ', "\\ae{}"),
    ('Œ', "\\OE{}"),
    ('œ', "\\oe{}"),
    ('Ø', "\\O{}"),
    ('ø', "\\o{}"),
    ('Ł', "\\L{}"),
    ('ł', "\\l{}"),
    ('ı', "\\i{}"),
    ('–', "--{}"),
    ('—', "---{}"),
    ('‘', "\\textquoteleft{}"),
    ('’', "\\textquoteright{}"),
    ('“', "\\textquotedblleft{}"),
    ('”', "\\textquotedblright{}"),
    ('…', "\\dots{}"),
    ('†', "\\dag{}"),
    ('·', "$\\cdot$"),
    ('×', "$\\times$"),
    ('÷', "$\\div$"),
    ('±', "$\\pm$"),
    ('−', "$-$"),
    ('°', "$^\\circ$"),
    ('¹', "$^1$"),
    ('²', "$^2$"),
    ('³', "$^3$"),
    ('µ', "$\\mu$"),
    ('≤', "$\\leq$"),
    ('≥', "$\\geq$"),
    ('≠', "$\\neq$"),
    ('≈', "$\\approx$"),
    ('∞', "$\\infty$"),
    ('→', "$\\to$"),
    ('←', "$\\leftarrow$"),
    ('√', "$\\surd$"),
    ('α', "$\\alpha$"),
    ('β', "$\\beta$"),
    ('γ', "$\\gamma$"),
    ('δ', "$\\delta$"),
    ('ε', "$\\varepsilon$"),
    ('η', "$\\eta$"),
    ('θ', "$\\theta$"),
    ('κ', "$\\kappa$"),
    ('λ', "$\\lambda$"),
    ('μ', "$\\mu$"),
    ('π', "$\\pi$"),
    ('ρ', "$\\rho$"),
    ('σ', "$\\sigma$"),
    ('τ', "$\\tau$"),
    ('φ', "$\\varphi$"),
    ('χ', "$\\chi$"),
    ('ψ', "$\\psi$"),
    ('ω', "$\\omega$"),
    ('Δ', "$\\Delta$"),
    ('Σ', "$\\Sigma$"),
    ('Ω', "$\\Omega$"),
];

/// Words as LaTeX sets them, in ASCII alone: special characters as commands, letters with their accents.
///
/// A character that plain pdfLaTeX has no glyph for is shown by its number, `[U+6F22]`, and none is lost.
pub(super) fn escaped(text: &str) -> String {
    text.chars().map(of_character).collect()
}

fn of_character(character: char) -> String {
    if let Some((_, command)) = COMMANDS.iter().find(|(known, _)| *known == character) {
        return (*command).to_owned();
    }
    if matches!(character, '\t' | '\n' | '\r') {
        // A line break would end the paragraph.
        return " ".into();
    }
    if character == ' ' || character.is_ascii_graphic() {
        return character.to_string();
    }
    for (accent, with, without) in ACCENTS {
        if let Some(at) = with.chars().position(|letter| letter == character) {
            let letter = without.chars().nth(at).expect("as many letters without as with accents");
            // Above i and j the accent takes the dot's place, below it does not.
            let letter = match letter {
                'i' | 'j' if accent != "\\d" => format!("\\{letter}"),
                letter => letter.to_string(),
            };
            return format!("{accent}{{{letter}}}");
        }
    }
    format!("{{\\ttfamily[U+{:04X}]}}\\allowbreak{{}}", u32::from(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_latex_reads_as_commands_is_set_as_it_stands() {
        assert_eq!(escaped("50% of A&B #1"), "50\\% of A\\&B \\#1");
        assert_eq!(
            escaped("{x}_y^2~$"),
            "\\{x\\}\\_\\allowbreak{}y\\textasciicircum{}2\\textasciitilde{}\\$"
        );
        assert_eq!(escaped("\\input{/etc/passwd}"), "\\textbackslash{}input\\{/etc/passwd\\}");
        assert_eq!(escaped("a--b <c>\n\nd"), "a-{}-{}b \\textless{}c\\textgreater{}  d");
    }

    #[test]
    fn letters_keep_their_accents_and_what_has_no_glyph_is_shown_by_its_number() {
        assert_eq!(escaped("Größe, naïve, şı"), "Gr\\\"{o}\\ss{}e, na\\\"{\\i}ve, \\c{s}\\i{}");
        assert_eq!(
            escaped("漢\u{7}"),
            "{\\ttfamily[U+6F22]}\\allowbreak{}{\\ttfamily[U+0007]}\\allowbreak{}"
        );
        for (_, with, without) in ACCENTS {
            assert_eq!(with.chars().count(), without.chars().count(), "{with}");
        }
        let all: String = (1..0x3000).filter_map(char::from_u32).collect();
        let set = escaped(&all);
        assert!(set.chars().all(|c| c == ' ' || c.is_ascii_graphic()), "ASCII throughout");
    }
}
