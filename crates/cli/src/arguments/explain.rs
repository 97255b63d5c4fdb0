//! The flags of `explain`.

use clap::{Arg, Command, value_parser};
use deltarule::explain::Reach;

use super::{data, model, reading};

/// `explain`.
pub(super) fn explain() -> Command {
    let reach = Reach::default();
    let number = |name: &'static str, value: &'static str, help: String| {
        Arg::new(name).long(name).value_name(value).value_parser(value_parser!(u32)).help(help)
    };
    let command = Command::new("explain")
        .about("Take a gradient apart into the factors of the chain rule")
        .long_about(
            "Take a gradient apart: the forward and the backward pass of a row (or of several, as a batch), where the \
             signal went from layer to layer, what the output hangs on column by column, and of one parameter the \
             product of the chain rule's factors, each with its value, its formula and what it is made of, down to the cost. What the parts give is held against the \
             number that the backward pass stored.\n\nOf MODEL and DATA nothing is dropped, and batch normalisation goes by its running \
             statistics. Of --run and --step it is what training did there: the run's data are read again as its \
             config.toml says, its checkpoint is taken (or the start) and trained on to the step before, and the step's \
             own batch, dropout masks, batch statistics, row weights, smoothing and penalties are told of.",
        )
        .after_help(
            "Examples:\n  deltarule explain xor-1 xor --row 2\n  deltarule explain digits-1 digits --rows 1..64 \
             --weight 0,20,5\n  deltarule explain xor-1 xor --row 2 --parameter layers.0.b,3 --depth 5\n  deltarule explain \
             xor-1 xor --row 2 --format html > gradient.html\n  deltarule explain \
             xor-1 xor --row 2 --weight 0,1,3 --format tex > gradient.tex\n  deltarule explain --run digits-1 --step 120",
        )
        .override_usage("deltarule explain [OPTIONS] <MODEL> <DATA>\n       deltarule explain [OPTIONS] --run <RUN> --step <K>")
        .args([model(), data()].map(|place| place.required(false).required_unless_present("run")))
        .arg(
            Arg::new("run")
                .long("run")
                .value_name("RUN")
                .requires("step")
                .conflicts_with_all(["model", "data", "row", "span", "output", "header", "delimiter", "missing", "noise", "seed"])
                .help("A run's name or folder, of which a step of its training is explained"),
        )
        .arg(
            Arg::new("step")
                .long("step")
                .value_name("K")
                .requires("run")
                .value_parser(value_parser!(u64).range(1..))
                .help("The step, from 1: the K-th update of the weights"),
        )
        .arg(
            Arg::new("row")
                .long("row")
                .value_name("N")
                .value_parser(value_parser!(u32).range(1..))
                .conflicts_with("span")
                .help("The row, from 1 [default: 1]"),
        )
        .arg(
            Arg::new("span")
                .long("rows")
                .value_name("A..B")
                .value_parser(span)
                .help("Rows from A to B, both included, as one batch"),
        )
        .arg(
            Arg::new("weight")
                .long("weight")
                .value_name("L,I,J")
                .value_parser(weight)
                .conflicts_with("parameter")
                .help("The weight of layer L from its input I to its unit J, from 0 [default: the largest gradient there]"),
        )
        .arg(
            Arg::new("parameter")
                .long("parameter")
                .value_name("TENSOR,I…")
                .value_parser(parameter)
                .help("Any parameter by its tensor's name and its place there, such as layers.0.b,3"),
        )
        .arg(
            Arg::new("output")
                .long("output")
                .value_name("NAME")
                .help("The class or target whose columns are told [default: the most probable class of the first row]"),
        )
        .arg(
            Arg::new("as")
                .long("format")
                .value_name("FORMAT")
                .value_parser(["text", "json", "html", "tex"])
                .default_value("text")
                .help_heading("Output")
                .help("How it is told: html is one page that stands by itself, tex a document for pdflatex (with --weight or --parameter of the gradient alone), json the same as --json"),
        )
        .arg(number("layer", "L", "The layer whose largest gradient is taken apart [default: the first with weights]".into()).conflicts_with_all(["weight", "parameter"]))
        .arg(number("top", "N", format!("The largest terms of each sum that are shown [default: {}]", reach.top)))
        .arg(number("depth", "N", format!("Layers towards the cost that are taken apart [default: {}]", reach.depth)))
        .arg(number("member", "N", "Of an ensemble, which network, from 1 [default: 1]".into()).value_parser(value_parser!(u32).range(1..)));
    reading(command)
}

/// Rows from the first to the second, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub first: u32,
    /// The last.
    pub last: u32,
}

fn span(text: &str) -> Result<Span, String> {
    let expected = || "expected A..B with 1 ≤ A ≤ B, such as 1..64".to_owned();
    let (first, last) = text.split_once("..").ok_or_else(expected)?;
    let number = |text: &str| text.trim_start_matches('=').trim().parse::<u32>().ok();
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first >= 1 && first <= last => Ok(Span { first, last }),
        _ => Err(expected()),
    }
}

fn weight(text: &str) -> Result<deltarule::explain::Parameter, String> {
    let numbers: Vec<Option<usize>> = text.split(',').map(|number| number.trim().parse().ok()).collect();
    match numbers[..] {
        [Some(layer), Some(from), Some(to)] => Ok(deltarule::explain::Parameter::weight(layer, from, to)),
        _ => Err("expected L,I,J, three numbers from 0: the layer, its input, its unit".into()),
    }
}

fn parameter(text: &str) -> Result<deltarule::explain::Parameter, String> {
    let mut parts = text.split(',');
    let tensor = parts.next().unwrap_or_default().trim().to_owned();
    let place: Option<Vec<usize>> = parts.map(|number| number.trim().parse().ok()).collect();
    match place {
        Some(place) if !tensor.is_empty() && !place.is_empty() => {
            Ok(deltarule::explain::Parameter { tensor, place })
        }
        _ => Err("expected a tensor's name and a place in it, from 0, such as layers.0.b,3".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_weights_and_parameters_are_read_or_refused() {
        assert_eq!(span("3..7"), Ok(Span { first: 3, last: 7 }));
        assert_eq!(span("3..=3"), Ok(Span { first: 3, last: 3 }));
        for wrong in ["", "3", "0..4", "5..4", "a..b"] {
            assert!(span(wrong).unwrap_err().contains("A..B"), "{wrong}");
        }
        assert_eq!(weight("1, 2,3").unwrap().to_string(), "layers.1.w,2,3");
        assert!(weight("1,2").is_err() && weight("1,2,x").is_err());
        assert_eq!(parameter("layers.0.b,4").unwrap().place, [4]);
        assert!(parameter("layers.0.b").is_err() && parameter(",1").is_err());
    }
}
