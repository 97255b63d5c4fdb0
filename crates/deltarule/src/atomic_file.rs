//! Files that appear under their name only when they are whole.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::Error;
use crate::error::Result;

/// A file written beside its target, then synced and renamed over it by [`AtomicFile::commit`].
///
/// Dropped before that, it leaves nothing behind, and what stood under the name stays as it was. A target that is a
/// link is followed; a device or pipe (`/dev/stdout`) is written straight, since nothing may be renamed over it.
#[derive(Debug)]
pub struct AtomicFile {
    target: PathBuf,
    writer: BufWriter<Sink>,
}

#[derive(Debug)]
enum Sink {
    Beside(NamedTempFile),
    Straight(File),
}

impl AtomicFile {
    /// Begins a file that is to stand at `target`.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) where the folder does not exist or cannot be written, or `target` is a
    /// folder.
    pub fn create(target: &Path) -> Result<Self> {
        let error = |source| Error::io(target, "write", source);
        let target = target.canonicalize().unwrap_or_else(|_| target.to_owned());
        let sink = match std::fs::metadata(&target) {
            Ok(about) if about.is_dir() => return Err(error(io::ErrorKind::IsADirectory.into())),
            Ok(about) if !about.is_file() => {
                Sink::Straight(File::options().write(true).open(&target).map_err(error)?)
            }
            _ => Sink::Beside(beside(&target).map_err(error)?),
        };
        Ok(Self { target, writer: BufWriter::with_capacity(1 << 16, sink) })
    }

    /// Syncs the file and gives it its name.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io); then the target is as it was.
    pub fn commit(self) -> Result<()> {
        let Self { target, writer } = self;
        let error = |source| Error::io(&target, "write", source);
        let file = match writer.into_inner().map_err(|failed| error(failed.into_error()))? {
            Sink::Straight(_) => return Ok(()),
            Sink::Beside(file) => file,
        };
        file.as_file().sync_all().map_err(error)?;
        file.persist(&target).map_err(|failed| error(failed.error))?;
        // The new name itself lasts only once its folder is synced; where folders cannot be opened, the system sees to it.
        if let Ok(folder) = File::open(folder_of(&target)) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Beside(file) => file.write(bytes),
            Self::Straight(file) => file.write(bytes),
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Beside(file) => file.flush(),
            Self::Straight(file) => file.flush(),
        }
    }
}

/// Writes `bytes` to `path` so that a reader, or a crash, never meets half of them.
///
/// # Errors
/// [`ErrorKind::Io`](crate::ErrorKind::Io); then what stood at `path` is as it was.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes).map_err(|source| Error::io(path, "write", source))?;
    file.commit()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A temporary file with the permissions that an ordinary new file would get, not a temporary one's private ones.
fn beside(target: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".deltarule-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666)); // less what the umask takes away
    }
    builder.tempfile_in(folder_of(target))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_stands_under_its_name_only_once_committed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        write_atomically(&path, b"old").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        file.commit().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["out.csv"]);
    }

    #[test]
    fn a_file_given_up_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = AtomicFile::create(&folder.path().join("out.csv")).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn an_absent_folder_or_a_folder_for_a_target_is_an_error_that_names_the_target() {
        let folder = tempfile::tempdir().unwrap();
        for target in [folder.path().join("none/out.csv"), folder.path().to_owned()] {
            let error = write_atomically(&target, b"x").unwrap_err();
            match error.kind() {
                ErrorKind::Io { path, what: "write", .. } => assert_eq!(path, &target),
                other => panic!("{other:?}"),
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn devices_are_written_straight_links_are_followed_and_permissions_are_ordinary() {
        use std::os::unix::fs::{FileTypeExt, PermissionsExt};
        write_atomically(Path::new("/dev/null"), b"x").unwrap();
        assert!(std::fs::metadata("/dev/null").unwrap().file_type().is_char_device());

        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        write_atomically(&target, b"old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        write_atomically(&link, b"new").unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(std::fs::read(&target).unwrap(), b"new");
        let ordinary = folder.path().join("ordinary");
        std::fs::write(&ordinary, b"x").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&target), mode(&ordinary));
    }
}
