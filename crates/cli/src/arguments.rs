//! The command line as clap sees it: one flag for each of the library's settings, made from their table.

mod bench;
pub mod dashboard;
mod doctor;
mod explain;
mod report;
mod serve;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub use explain::Span;

use anyhow::Result;
use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint, value_parser};
use clap_complete::Shell;
use deltarule::config::{Config, Kind, SETTINGS, Section, Setting, setting};
use deltarule::health::Severity;
use deltarule::table::bundled::catalogue;

/// The settings that `train -h` shows; `train --help` shows all.
const COMMON: &[&str] = &[
    "data",
    "target",
    "task",
    "ignore",
    "validation",
    "test",
    "folds",
    "ensemble",
    "hidden",
    "activation",
    "dropout",
    "cost",
    "class_weight",
    "optimizer",
    "learning_rate",
    "momentum",
    "weight_decay",
    "schedule",
    "batch_size",
    "epochs",
    "early_stopping",
    "seed",
    "threads",
    "run",
    "resume",
];

/// The settings that say how a table is read, for the commands that read one for a model.
pub const READING: &[&str] = &["format", "header", "delimiter", "missing", "rows", "noise", "seed"];

/// The whole command line.
#[must_use]
pub fn command() -> Command {
    Command::new("deltarule")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Trains multilayer perceptrons by backpropagation on your data, and shows how they learn")
        .long_about(
            "Trains multilayer perceptrons by backpropagation on your data, and shows how they learn.\n\nWithout a \
             command it trains on the bundled handwritten digits and says what it does.",
        )
        .after_help(EXAMPLES)
        .max_term_width(100)
        .disable_help_subcommand(true)
        .subcommand_value_name("COMMAND")
        .subcommand_help_heading("Commands")
        .arg(
            Arg::new("json")
                .long("json")
                .global(true)
                .action(ArgAction::SetTrue)
                .help_heading("Output")
                .help("One JSON document on standard output, nothing else there"),
        )
        .arg(
            Arg::new("quiet")
                .long("quiet")
                .short('q')
                .global(true)
                .action(ArgAction::SetTrue)
                .help_heading("Output")
                .help("No words on standard error but errors and warnings"),
        )
        .subcommands([
            train(),
            evaluate(),
            predict(),
            serve::serve(),
            inspect(),
            explain::explain(),
            doctor::doctor(),
            dashboard::dashboard(),
            report::report(),
            check(),
            bench::bench(),
            datasets(),
            schema(),
            completions(),
            man(),
        ])
}

const EXAMPLES: &str = "\
Examples:
  deltarule                                        train on the bundled digits
  deltarule train sales.csv --target price         train on a table of yours
  deltarule evaluate sales-1 new.csv               measure the run's model on other rows
  deltarule predict sales-1 new.csv --out p.csv    predict, one row for each row
  deltarule serve sales-1                          predict over HTTP
  deltarule explain sales-1 new.csv --row 3        take a gradient apart, factor by factor
  deltarule doctor sales-1                         what is wrong with a run, and what helps, measured
  deltarule dashboard                              watch runs in a browser
  deltarule report sales-1 -o sales.html           a run as one page, without a server

Exit codes: 0 done, 1 it ran and found a problem, 2 it could not run.";

fn train() -> Command {
    let mut command = Command::new("train")
        .about("Train a model on a table; measure it and save it")
        .long_about(
            "Train a model on a table; measure it and save it.\n\nWhatever is not said is chosen by the data's rows, \
             columns and task; the plan is printed with its reasons before training begins. The run's folder \
             (runs/NAME) gets the complete config.toml, events.jsonl, a checkpoint and model.safetensors. Ctrl-C ends \
             training with a checkpoint; --resume goes on from it to the same bits.",
        )
        .after_help("`deltarule train --help` shows all settings.")
        .after_long_help(
            "Examples:\n  deltarule train sales.csv --target price\n  deltarule train xor --hidden 4\n  deltarule \
             train a.parquet --target y --folds 5\n  deltarule train --config runs/sales-1/config.toml\n  deltarule \
             train --run sales-1 --resume",
        );
    // Headings come in the order in which their first flags do.
    for section in Section::ALL {
        for setting in SETTINGS.iter().filter(|setting| setting.section == section) {
            command = command.arg(flag_of(setting));
        }
    }
    let command = command.arg(
        Arg::new("fail_on")
            .long("fail-on")
            .value_name("SEVERITY")
            .value_parser(Severity::ALL.map(Severity::name))
            .help_heading("Run")
            .help("Exit with 1 where a finding is at least as grave: note, warning or error"),
    );
    command.args(dashboard::beside_training()).arg(
        Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .value_hint(ValueHint::FilePath)
            .help_heading("Run")
            .help("Settings from a TOML file, such as a run's config.toml; flags override it"),
    )
}

/// The flag (of `data`, the place) of a setting.
fn flag_of(setting: &'static Setting) -> Arg {
    let text = setting.help();
    let short = text.strip_suffix('.').unwrap_or(text);
    let arg = Arg::new(setting.key)
        .value_name(setting.value_name)
        .help(short.to_owned())
        .long_help(setting.long_help())
        .hide_possible_values(true)
        .hide_short_help(!COMMON.contains(&setting.key))
        .value_parser(Suggesting(setting))
        .value_hint(hint(&setting.kind));
    if setting.key == "data" {
        return arg;
    }
    let arg = arg.long(setting.flag()).help_heading(setting.section.title());
    match setting.kind {
        Kind::Flag => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
        // A missing value may be -999, a list of numbers begin with a minus: what they may be is the library's to say.
        _ if setting.key == "missing" => arg.allow_hyphen_values(true),
        _ => arg.allow_negative_numbers(true),
    }
}

fn hint(kind: &Kind) -> ValueHint {
    match kind {
        Kind::Path => ValueHint::AnyPath,
        Kind::Either(kinds) if kinds.contains(&Kind::Path) => ValueHint::AnyPath,
        _ => ValueHint::Other,
    }
}

/// Takes any text (the library's check words what is wrong with it), and offers the known names for completion.
#[derive(Clone, Copy)]
struct Suggesting(&'static Setting);

impl TypedValueParser for Suggesting {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let mut names = self.0.kind.choices();
        // A completion that offers only what a closed list allows; an open kind takes paths and names as well.
        if names.is_empty() || !self.0.kind.is_closed() {
            return None;
        }
        if self.0.knows_auto() {
            names.push("auto");
        }
        Some(Box::new(names.into_iter().map(PossibleValue::new)))
    }
}

/// What the flags (and `--config`) say, in the library's checked form.
///
/// # Errors
/// The library's, of settings and of the file.
pub fn config_of(matches: &ArgMatches) -> Result<Config> {
    let mut config = match matches.get_one::<PathBuf>("config") {
        Some(path) => Config::from_toml(path)?,
        None => Config::default(),
    };
    set_said(&mut config, matches, SETTINGS.iter())?;
    give_way(&mut config, matches)?;
    Ok(config)
}

/// Lets what the file says give way where a flag leaves it without a meaning: `--optimizer lbfgs` over a complete
/// configuration with Adam's `beta1`. Two flags that contradict each other are left for the library to refuse.
fn give_way(config: &mut Config, matches: &ArgMatches) -> Result<()> {
    let said = |key: &str| matches!(matches.try_get_one::<String>(key), Ok(Some(_)));
    for setting in SETTINGS.iter().filter(|setting| !said(setting.key)) {
        let drawn = matches!(setting.key, "initializer" | "output_initializer") && said("weights");
        let lost = setting.only_with.is_some_and(|(other, values)| {
            let chosen = config.value(other).map(|value| value.to_string());
            said(other) && chosen.is_some_and(|chosen| !values.contains(&chosen.as_str()))
        });
        if drawn || lost {
            config.unset(setting.key)?;
        }
    }
    Ok(())
}

/// Sets those of `settings` that the command line says.
///
/// # Errors
/// The library's, of settings.
pub fn set_said(
    config: &mut Config,
    matches: &ArgMatches,
    settings: impl Iterator<Item = &'static Setting>,
) -> Result<()> {
    for setting in settings {
        if let Ok(Some(text)) = matches.try_get_one::<String>(setting.key) {
            config.set(setting.key, text)?;
        }
    }
    Ok(())
}

fn model() -> Arg {
    Arg::new("model")
        .value_name("MODEL")
        .required(true)
        .value_parser(value_parser!(PathBuf))
        .value_hint(ValueHint::AnyPath)
        .help("A model file, a run's folder, or a run's name")
}

fn data() -> Arg {
    Arg::new("data").value_name("DATA").required(true).value_hint(ValueHint::AnyPath).help(
        "A path (CSV, TSV, Parquet, npy, a folder of IDX files), a bundled name, or - for standard input",
    )
}

/// The flags of [`READING`] and `--threads`, without those of the names that the command has already.
fn reading(command: Command) -> Command {
    let taken: Vec<String> =
        command.get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)).collect();
    let free = READING.iter().chain(&["threads"]).filter(|key| !taken.iter().any(|long| long == *key));
    free.fold(command, |command, key| {
        let setting = setting(key).expect("READING names settings");
        let heading = if *key == "threads" { "Run" } else { "Data" };
        command.arg(flag_of(setting).help_heading(heading).hide_short_help(false))
    })
}

fn evaluate() -> Command {
    reading(
        Command::new("evaluate")
            .about("Measure a model on rows whose targets are known")
            .args([model(), data()]),
    )
}

fn predict() -> Command {
    reading(
        Command::new("predict")
            .about("Predict each row of a table, in its order")
            .long_about(
                "Predict each row of a table, in its order, as CSV: the column `prediction` and, for classes, \
                 `probability_CLASS` for each class. The target columns may be absent.",
            )
            .args([model(), data()])
            .arg(
                Arg::new("out")
                    .long("out")
                    .short('o')
                    .value_name("FILE")
                    .value_parser(value_parser!(PathBuf))
                    .value_hint(ValueHint::FilePath)
                    .help_heading("Output")
                    .help("Where the predictions go; - is standard output [default: -]"),
            ),
    )
}

fn inspect() -> Command {
    Command::new("inspect").about("Show what a model is made of and what it was trained with").arg(model())
}

fn check() -> Command {
    reading(
        Command::new("check")
            .about("Gradient check: backpropagation against finite differences, and in single precision")
            .long_about(
                "Gradient check: the model's network, with its own cost and penalties, is differentiated in double \
                 precision by backpropagation and by finite differences, and by backpropagation in single precision, on the \
                 first rows of the table. For each tensor the largest errors are told, the worst parameters by the \
                 names of columns and classes, and which were stepped over for a kink. Exit code 1 where they disagree.",
            )
            .args([model(), data()])
            .arg(
                Arg::new("check_rows")
                    .long("rows")
                    .value_name("N")
                    .value_parser(value_parser!(u32).range(1..=100_000))
                    .default_value("32")
                    .help("Rows to differentiate the cost of"),
            )
            .arg(
                Arg::new("parameters")
                    .long("parameters")
                    .value_name("N")
                    .value_parser(value_parser!(u32).range(1..))
                    .default_value("200")
                    .help("Parameters of each tensor to check, spread evenly over it"),
            ),
    )
}

fn datasets() -> Command {
    Command::new("datasets").about("List the bundled data sets")
}

fn schema() -> Command {
    Command::new("schema").about("Print the JSON schema of config.toml, for editors")
}

fn completions() -> Command {
    Command::new("completions").about("Print a shell's completion script").arg(
        Arg::new("shell")
            .value_name("SHELL")
            .required(true)
            .value_parser(value_parser!(Shell))
            .help("The shell"),
    )
}

fn man() -> Command {
    Command::new("man").about("Print the manual page, or write one for each command").arg(
        Arg::new("folder")
            .value_name("FOLDER")
            .value_parser(value_parser!(PathBuf))
            .value_hint(ValueHint::DirPath)
            .help("Where to write the pages [default: the first one on standard output]"),
    )
}

/// Joins a truth value to its flag: `--header false` → `--header=false`. A flag of this kind may stand without a value,
/// and clap cannot know whether the next word is one.
pub fn join_flag_values(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    const VALUES: [&str; 8] = ["true", "false", "yes", "no", "on", "off", "1", "0"];
    let is_flag = |word: &str| {
        let name = word.strip_prefix("--").unwrap_or_default();
        SETTINGS.iter().any(|setting| setting.kind == Kind::Flag && setting.flag() == name)
    };
    let (mut joined, mut after): (Vec<OsString>, bool) = (Vec::new(), false);
    for word in arguments {
        let value = word.to_str().filter(|word| VALUES.contains(&word.to_lowercase().as_str()));
        match (joined.last_mut(), value) {
            (Some(flag), Some(value)) if !after && flag.to_str().is_some_and(is_flag) => {
                flag.push("=");
                flag.push(value);
            }
            _ => joined.push(word),
        }
        after |= joined.last().is_some_and(|word| word == "--");
    }
    joined
}

/// Says why the command line was refused, or shows the help that was asked for.
pub fn refuse(refused: &clap::Error) -> ExitCode {
    let _ = refused.print();
    if refused.kind() == ErrorKind::InvalidSubcommand
        && let Some(clap::error::ContextValue::String(word)) =
            refused.get(clap::error::ContextKind::InvalidSubcommand)
        && (Path::new(word).exists() || catalogue().iter().any(|entry| entry.name == word))
    {
        eprintln_quietly(&format!("\n  tip: to train on it: deltarule train {word}"));
    }
    if refused.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS }
}

fn eprintln_quietly(words: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{words}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(words: &[&str]) -> Vec<String> {
        let joined = join_flag_values(words.iter().map(OsString::from));
        joined.into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_setting_has_its_flag_and_every_default_and_example_passes() {
        let train = command().find_subcommand("train").unwrap().clone();
        for setting in SETTINGS {
            let arg = train.get_arguments().find(|arg| arg.get_id() == setting.key).unwrap();
            let long = (setting.key != "data").then(|| setting.flag());
            assert_eq!(arg.get_long().map(str::to_owned), long, "{}", setting.key);
            let words = match long {
                Some(flag) => {
                    vec!["deltarule".into(), "train".into(), format!("--{flag}={}", setting.example)]
                }
                None => vec!["deltarule".into(), "train".into(), setting.example.into()],
            };
            let matches = command().try_get_matches_from(words).unwrap();
            let (_, matches) = matches.subcommand().unwrap();
            let config = config_of(matches).unwrap();
            assert!(config.value(setting.key).is_some(), "{}", setting.key);
        }
    }

    #[test]
    fn common_settings_exist() {
        for key in COMMON.iter().chain(READING) {
            setting(key).unwrap();
        }
    }

    #[test]
    fn truth_values_are_joined_to_their_flags_only() {
        assert_eq!(joined(&["--header", "false", "a.csv"]), ["--header=false", "a.csv"]);
        assert_eq!(joined(&["--header", "a.csv"]), ["--header", "a.csv"]);
        assert_eq!(joined(&["--resume", "--run", "1"]), ["--resume", "--run", "1"]);
        assert_eq!(joined(&["--header=true", "no"]), ["--header=true", "no"]);
        assert_eq!(joined(&["--", "--header", "false"]), ["--", "--header", "false"]);
    }

    #[test]
    fn auto_leaves_a_setting_of_the_file_to_the_plan() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.toml");
        std::fs::write(&file, "hidden = [3]\nepochs = 7\n").unwrap();
        let words = ["deltarule", "train", "xor", "--hidden", "auto", "--config"].map(OsString::from);
        let matches = command().try_get_matches_from(words.into_iter().chain([file.into()])).unwrap();
        let config = config_of(matches.subcommand().unwrap().1).unwrap();
        assert_eq!((config.hidden, config.epochs), (None, Some(7)));
    }

    #[test]
    fn what_a_flag_leaves_without_a_meaning_gives_way() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.toml");
        std::fs::write(
            &file,
            "optimizer = \"adam\"\nbeta1 = 0.8\nlearning_rate = 0.1\ninitializer = \"zeros\"\n",
        )
        .unwrap();
        let config = |flags: &[&str]| {
            let words = ["deltarule", "train", "--config"]
                .map(OsString::from)
                .into_iter()
                .chain([file.clone().into()]);
            let words = words.chain(flags.iter().map(OsString::from));
            let matches = command().try_get_matches_from(words).unwrap();
            config_of(matches.subcommand().unwrap().1).unwrap()
        };
        let momentum = config(&["--optimizer", "momentum"]);
        assert_eq!((momentum.beta1, momentum.learning_rate), (None, Some(0.1)));
        momentum.check().unwrap();
        let weights = config(&["--weights", "w"]);
        assert_eq!((weights.initializer.clone(), weights.beta1), (None, Some(0.8)));
        weights.check().unwrap();
        // Said in one breath, it is a contradiction.
        assert!(config(&["--optimizer", "momentum", "--beta1", "0.7"]).check().is_err());
    }
}
