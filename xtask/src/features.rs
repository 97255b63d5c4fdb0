//! The library's features, read from its manifest, so that a new one is built alone without anyone thinking of it.

use std::path::Path;

use anyhow::{Context, Result, ensure};

/// The names in the `[features]` section of a manifest, `default` aside, in the order of the file.
pub fn of_manifest(path: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?;
    let names = of_text(&text);
    ensure!(!names.is_empty(), "{}: expected features, got none", path.display());
    Ok(names)
}

fn of_text(text: &str) -> Vec<String> {
    text.lines()
        .skip_while(|line| line.trim() != "[features]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| Some(line.split_once('=')?.0.trim().to_owned()))
        .filter(|name| name != "default")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_end_where_the_next_section_starts() {
        let manifest = "[package]\nname = \"x\"\n\n[features]\n# = a comment\ndefault = [\"csv\"]\ncsv = [\"dep:csv\"]\n\
                        npy = []\n\n[dependencies]\nrand = \"1\"\n";
        assert_eq!(of_text(manifest), ["csv", "npy"]);
    }

    #[test]
    fn a_manifest_without_features_has_none() {
        assert!(of_text("[package]\nname = \"x\"\n").is_empty());
    }

    #[test]
    fn the_library_s_own_are_found() {
        let names = of_manifest(&crate::workspace_root().join("crates/deltarule/Cargo.toml")).unwrap();
        assert!(
            ["csv", "parquet", "npy"].iter().all(|name| names.iter().any(|found| found == name)),
            "{names:?}"
        );
    }
}
