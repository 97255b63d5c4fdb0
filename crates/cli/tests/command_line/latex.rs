//! `explain --format tex`: what it writes is compiled by pdflatex, whatever the table's columns are called.

use std::process::{Command, Stdio};

use crate::place::{Place, QUICK, flowers};

/// Compiles a document; TeX stops at its first error. Returns the log.
fn compiled(place: &Place, name: &str) -> String {
    let mut command = Command::new("pdflatex");
    command.args(["-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", name]);
    command.current_dir(place.path("")).stdin(Stdio::null());
    let ran = command.output().unwrap_or_else(|error| {
        panic!(
            "could not start pdflatex ({error}); install it with: apt-get install --yes --no-install-recommends \
             texlive-latex-base (cargo xtask test does so)"
        )
    });
    // TeX breaks lines of its log at 79 bytes, if need be within a character.
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{said}\n{}", String::from_utf8_lossy(&place.read(name)));
    let pdf = place.read(&name.replace(".tex", ".pdf"));
    assert!(pdf.starts_with(b"%PDF") && pdf.len() > 10_000, "{} bytes\n{said}", pdf.len());
    said
}

/// Explains into a document, and compiles it.
fn explained(place: &Place, arguments: &[&str]) -> String {
    let ran = place.run(["explain"].iter().chain(arguments).chain(&["--format", "tex"]));
    let document = &ran.is_done().out;
    place.write("gradient.tex", document);
    let log = compiled(place, "gradient.tex");
    // A line that runs into the margin by more than a letter is seen.
    let wide: Vec<_> = log.lines().filter(|line| line.starts_with("Overfull \\hbox")).collect();
    let points =
        |line: &&&str| line.split(['(', 'p']).find_map(|part| part.parse::<f64>().ok()).unwrap_or(99.0);
    assert!(wide.iter().all(|line| points(&line) < 10.0), "{wide:#?}\n{document}");
    document.clone()
}

#[test]
fn a_perceptrons_gradient_compiles_as_the_textbook_line() {
    let place = Place::new();
    place.write("or.csv", "left,right,on\n0,0,0\n0,1,1\n1,0,1\n1,1,1\n");
    let arguments = ["train", "or.csv", "--target", "on", "--hidden", "", "--output-activation", "sigmoid"];
    let rest = ["--cost", "squared_error", "--task", "regression", "--epochs", "20", "--run", "or", "-q"];
    place.run(arguments.into_iter().chain(rest)).is_done();
    let document = explained(&place, &["or", "or.csv", "--row", "4", "--weight", "0,1,0"]);
    let line = "\\frac{\\partial C}{\\partial w_{1}} &= x_{1} \\cdot \\hat{y}(1-\\hat{y}) \\cdot (\\hat{y}-y) \\tag{1}";
    assert!(document.contains(line) && !document.contains("hangs on"), "{document}");
    let whole = explained(&place, &["or", "or.csv"]);
    assert!(whole.contains("hangs on") && whole.contains("in its units"), "{whole}");
}

#[test]
fn rows_layers_and_hostile_names_compile() {
    let place = Place::new();
    let header = "\"50% of A&B_{#1}\",\"\\input{x}^2~$y\",Größe 漢字,kind <€>\n";
    let table = flowers(60).split_once('\n').map(|(_, rows)| format!("{header}{rows}")).unwrap();
    place.write("flowers_1.csv", table);
    let arguments = ["train", "flowers_1.csv", "--target", "kind <€>", "--run", "first_1", "-q"];
    let network = ["--hidden", "6,5", "--activation", "gelu", "--normalization", "batch", "--epochs", "3"];
    place.run(arguments.into_iter().chain(network)).is_done();
    let document = explained(&place, &["first_1", "flowers_1.csv", "--row", "7"]);
    for words in ["A\\&B\\_", "\\textbackslash{}input\\{x\\}", "[U+6F22]", "Where the signal went"] {
        assert!(document.contains(words), "no {words:?} in {document}");
    }
    explained(&place, &["first_1", "flowers_1.csv", "--rows", "1..30", "--depth", "9", "--top", "40"]);
    explained(
        &place,
        &["first_1", "flowers_1.csv", "--top", "0", "--depth", "0", "--parameter", "layers.0.b,1"],
    );
    let document = explained(&place, &["--run", "first_1", "--step", "5"]);
    assert!(document.contains("Epoch 3, batch 1 of 2: rows "), "{document}");
}

#[test]
fn a_regressions_outputs_are_told_in_the_columns_units_in_every_format() {
    let place = Place::new();
    place.write("flowers.csv", flowers(60));
    let arguments = ["train", "flowers.csv", "--target", "length", "--run", "length", "-q"];
    place.run(arguments.into_iter().chain(QUICK)).is_done();
    // Row 3: i = 2, length = 14 mod 13 / 2 = 0.5.
    let explain = ["explain", "length", "flowers.csv", "--row", "3"];
    let document = place.run(explain.into_iter().chain(["--json"])).json();
    let output = &document["outputs"][0];
    assert_eq!(output["in_units"]["target"], 0.5, "{output}");
    let predicted = place.run(["predict", "length", "flowers.csv"]).is_done().out.clone();
    let predicted: f64 = predicted.lines().nth(3).unwrap().split(',').next().unwrap().parse().unwrap();
    let told = output["in_units"]["value"].as_f64().unwrap();
    assert!((told - predicted).abs() <= 1e-5 * predicted.abs(), "{told} {predicted}");
    // The scaled target is further down its own scale than 0.5 is.
    assert!(output["target"].as_f64().unwrap() < 0.0, "{output}");
    let text = place.run(explain).is_done().out.clone();
    assert!(text.contains("ŷ in its units  y in its units") && text.contains("0.5000"), "{text}");
    let html = place.run(explain.into_iter().chain(["--format", "html"])).is_done().out.clone();
    assert!(html.contains("ŷ in its units") && html.contains("<td class=\"n\">0.5000</td>"), "{html}");
    let tex = explained(&place, &explain[1..]);
    assert!(tex.contains("$y$ in its units") && tex.contains("& $0.5000$ \\tabularnewline"), "{tex}");
}
