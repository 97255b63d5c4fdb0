//! The settings for programs and for people: a JSON schema, a page of documentation.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use super::kind::{Bound, Kind};
use super::setting::{Scope, Section, Setting};
use super::settings::SETTINGS;

/// The JSON schema (draft 2020-12) of a configuration, as it is written in TOML or JSON.
#[must_use]
pub fn json_schema() -> Json {
    let properties: Map<String, Json> =
        SETTINGS.iter().map(|setting| (setting.key.to_owned(), of_setting(setting))).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "deltarule's settings",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

fn of_setting(setting: &Setting) -> Json {
    let mut schema = of_kind(&setting.kind);
    if setting.knows_auto() {
        schema = json!({ "anyOf": [schema, { "const": "auto" }] });
    }
    if let Json::Object(fields) = &mut schema {
        fields.insert("description".to_owned(), json!(setting.long_help()));
    }
    schema
}

fn of_kind(kind: &Kind) -> Json {
    match kind {
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Text => json!({ "type": ["string", "integer"], "minLength": 1 }),
        Kind::Path => json!({ "type": "string", "minLength": 1 }),
        Kind::Choice(names) => json!({ "enum": names }),
        Kind::Number(low, high) => {
            let mut schema = Map::from_iter([("type".to_owned(), json!("number"))]);
            let ends = [(*low, "minimum", "exclusiveMinimum"), (*high, "maximum", "exclusiveMaximum")];
            for (bound, including, excluding) in ends {
                match bound {
                    Bound::Open => None,
                    Bound::Including(limit) => schema.insert(including.to_owned(), json!(limit)),
                    Bound::Excluding(limit) => schema.insert(excluding.to_owned(), json!(limit)),
                };
            }
            Json::Object(schema)
        }
        Kind::Integer(low, high) => json!({ "type": "integer", "minimum": low, "maximum": high }),
        Kind::List(kind) => {
            let one = of_kind(kind);
            json!({ "anyOf": [{ "type": "array", "items": one }, one, { "const": "none" }] })
        }
        Kind::Pairs(kind) => json!({ "type": "object", "additionalProperties": of_kind(kind) }),
        Kind::Either(kinds) => json!({ "anyOf": kinds.iter().map(of_kind).collect::<Vec<_>>() }),
    }
}

/// The page of all settings for `docs/SETTINGS.md`, section by section.
#[must_use]
pub fn markdown() -> String {
    let mut page = String::from(
        "# Settings\n\nEvery setting can be said as a flag of `deltarule train` (`--learning-rate 0.01`), as a key of \
         a TOML file given by `--config` (`learning_rate = 0.01`), or in Rust by `Config::set`. A flag wins over the \
         file. What is not said is chosen by the plan, which prints its reasons, or has the default named here; where \
         the plan chooses, `auto` says so explicitly. The complete configuration of a run is its `config.toml`, and \
         `deltarule train --config` of that file repeats the run.\n",
    );
    for section in Section::ALL {
        let _ = write!(
            page,
            "\n## {}\n\n| key | value | default | what it is |\n|---|---|---|---|\n",
            section.title()
        );
        for setting in SETTINGS.iter().filter(|setting| setting.section == section) {
            let mut help = setting.help().to_owned();
            if let Some((other, values)) = setting.only_with {
                let _ = write!(help, " Only with `{other}` {}.", values.join(", "));
            }
            if setting.scope == Scope::RunOnly {
                help.push_str(" Not recorded in the model.");
            }
            let cells = [setting.kind.expected(), setting.default_text().to_owned(), help]
                .map(|cell| cell.replace('|', "\\|"));
            let _ = writeln!(page, "| `{}` | {} | {} | {} |", setting.key, cells[0], cells[1], cells[2]);
        }
    }
    page.push_str("\nOther names that are understood: ");
    let aliases: Vec<_> = super::ALIASES
        .iter()
        .filter(|(alias, _)| alias.chars().all(|character| character.is_alphanumeric() || character == '_'))
        .map(|(alias, name)| format!("`{alias}` for `{name}`"))
        .collect();
    let _ = writeln!(page, "{}.", aliases.join(", "));
    page
}
