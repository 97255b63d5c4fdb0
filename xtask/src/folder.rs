//! Folders of built files that are committed: read, compared, written anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// All files below a folder, by their path in it.
pub fn files(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(inner) = folders.pop() {
        let place = folder.join(&inner);
        for entry in place.read_dir().with_context(|| format!("could not read {}", place.display()))? {
            let entry = entry?;
            let path = inner.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(entry.path())
                    .with_context(|| format!("could not read {}", path.display()))?;
                found.insert(path, bytes);
            }
        }
    }
    Ok(found)
}

/// The files that only one of both has, or that are not the same.
pub fn differing<'a>(
    one: &'a BTreeMap<PathBuf, Vec<u8>>,
    other: &'a BTreeMap<PathBuf, Vec<u8>>,
) -> Vec<&'a PathBuf> {
    let mut names: Vec<_> =
        one.keys().chain(other.keys()).filter(|name| one.get(*name) != other.get(*name)).collect();
    names.sort();
    names.dedup();
    names
}

/// Makes a folder hold these files and no other.
pub fn replace(folder: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| format!("could not empty {}", folder.display()))?;
    }
    for (name, bytes) in files {
        let place = folder.join(name);
        let inner = place.parent().context("a file lies in a folder")?;
        std::fs::create_dir_all(inner).with_context(|| format!("could not make {}", inner.display()))?;
        std::fs::write(&place, bytes).with_context(|| format!("could not write {}", place.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_missing_new_or_changed_differs() {
        let page = |files: &[(&str, &str)]| -> BTreeMap<PathBuf, Vec<u8>> {
            files.iter().map(|(name, text)| (PathBuf::from(name), text.as_bytes().to_vec())).collect()
        };
        let one = page(&[("index.html", "a"), ("app.js", "b"), ("app.css", "c")]);
        let other = page(&[("index.html", "a"), ("app.js", "B"), ("font", "d")]);
        let names = ["app.css", "app.js", "font"].map(PathBuf::from);
        assert_eq!(differing(&one, &other), names.iter().collect::<Vec<_>>());
        assert!(differing(&one, &one).is_empty());
    }

    #[test]
    fn files_of_folders_in_folders_are_found() {
        let found = files(&crate::workspace_root().join("xtask")).unwrap();
        assert!(found.contains_key(Path::new("src/web.rs")) && found.contains_key(Path::new("Cargo.toml")));
    }
}
