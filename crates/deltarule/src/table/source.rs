//! From what a person names to bytes, and from their first few to a format.

use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

use super::{BundledDataset, Format, ReadOptions, Table, bad_format, bundled, idx};
use crate::error::{Error, ErrorKind, Result};
use crate::memory;

/// Reads a table: a path, the name of a bundled data set, or `-` for CSV on standard input.
///
/// A bundled name wins over a file of the same name (`./digits` is the file). The format is [`ReadOptions::format`],
/// else what the first bytes say (gzip, Parquet and NumPy begin with a signature), else what the name says, else CSV.
///
/// # Errors
/// Whatever [`ErrorKind`] calls *files and tables*: a missing or empty file, a ragged row, a broken format …, with path,
/// line and column where there are such.
///
/// ```
/// use deltarule::table::{self, ReadOptions};
///
/// let error = table::read("digtis", &ReadOptions::default()).unwrap_err();
/// assert!(error.to_string().contains("digits"));
/// ```
pub fn read(data: &str, options: &ReadOptions) -> Result<Table> {
    refuse_generation(data, options)?;
    if data == "-" {
        let what = Path::new("standard input");
        let bytes = read_all(std::io::stdin().lock(), what, "read")?;
        return read_bytes(bytes, what, options);
    }
    if let Some(dataset) = bundled(data) {
        return bundled::load(dataset, options);
    }
    let path = Path::new(data);
    let metadata = fs::metadata(path).map_err(|error| absent(data, error))?;
    if metadata.is_dir() {
        return match options.format {
            None | Some(Format::Idx) => finish(idx::read_folder(path)?, options),
            Some(format) => Err(bad_format(path, "input", &format!("a {format:?} file"), "a folder")),
        };
    }
    if !metadata.is_file() {
        // A pipe (`<(zcat …)`): it can neither be sized nor read twice.
        let file = File::open(path).map_err(|error| Error::io(path, "read", error))?;
        return read_bytes(read_all(file, path, "read")?, path, options);
    }
    read_file(path, metadata.len(), options)
}

/// Reads a table from bytes that are held already; `name` stands for the path in messages and promises a format by its
/// ending.
///
/// # Errors
/// As [`read`].
///
/// ```
/// # #[cfg(feature = "csv")]
/// # {
/// use deltarule::table::{self, ReadOptions};
///
/// let table = table::read_bytes(b"height,city\n1.80,Ulm\n,Bonn\n".to_vec(), "people.csv", &ReadOptions::default())?;
/// assert_eq!(table.column("height")?.number(0), 1.8);
/// assert!(table.column("height")?.is_missing(1));
/// # }
/// # Ok::<(), deltarule::Error>(())
/// ```
pub fn read_bytes(bytes: Vec<u8>, name: impl AsRef<Path>, options: &ReadOptions) -> Result<Table> {
    let path = name.as_ref();
    let bytes = if bytes.starts_with(&GZIP) { gunzip(&bytes, path)? } else { bytes };
    if bytes.is_empty() {
        return Err(ErrorKind::EmptyFile { path: path.to_owned() }.into());
    }
    match format_of(&bytes, path, options)? {
        Format::Csv => csv(&bytes, path, options),
        Format::Parquet => parquet(ParquetInput::Held(bytes), path, options),
        Format::Npy => npy(&bytes, path, options),
        Format::Idx => Err(single_idx(path)),
    }
}

/// Rows and noise are a generator's to make; what lies in a file has its own.
fn refuse_generation(data: &str, options: &ReadOptions) -> Result<()> {
    let first = match &options.bundled {
        _ if bundled(data).is_some_and(BundledDataset::is_generated) => return Ok(()),
        wishes if wishes.noise.is_some() => "noise",
        wishes if wishes.rows.is_some() => "rows",
        _ => return Ok(()),
    };
    let generated = bundled::catalogue().iter().filter(|entry| entry.is_generated()).map(|entry| entry.name);
    let why = format!("only generated data sets have it: {}", generated.collect::<Vec<_>>().join(", "));
    Err(ErrorKind::Conflict { first: first.to_owned(), second: format!("data {data:?}"), why }.into())
}

const GZIP: [u8; 2] = [0x1f, 0x8b];

fn read_file(path: &Path, length: u64, options: &ReadOptions) -> Result<Table> {
    let mut file = File::open(path).map_err(|error| Error::io(path, "read", error))?;
    let mut start = [0_u8; 6];
    let got = read_start(&mut file, &mut start).map_err(|error| Error::io(path, "read", error))?;
    let is_parquet = got > 0 && !start.starts_with(&GZIP) && {
        matches!(format_of(&start[..got], path, options), Ok(Format::Parquet))
    };
    if is_parquet {
        return parquet(ParquetInput::File(file), path, options); // read by position, never held whole
    }
    #[cfg(feature = "csv")]
    if let Some(table) = csv_file(&file, &start[..got], path, options) {
        return table;
    }
    memory::require(
        &path.display().to_string(),
        length,
        "read a part of it, or take a machine with more memory",
    )?;
    file.rewind().map_err(|error| Error::io(path, "read", error))?;
    read_bytes(read_all(file, path, "read")?, path, options)
}

/// The table of a CSV file, gzipped or not, read piece by piece; `None` where it is none, or its gzip is broken from the
/// start.
#[cfg(feature = "csv")]
fn csv_file(file: &File, start: &[u8], path: &Path, options: &ReadOptions) -> Option<Result<Table>> {
    use super::csv::Input;
    let is_csv =
        |start: &[u8]| !start.is_empty() && matches!(format_of(start, path, options), Ok(Format::Csv));
    if !start.starts_with(&GZIP) {
        return is_csv(start).then(|| super::csv::parse(&Input::File(file), path, options));
    }
    let mut rewound = file;
    rewound.rewind().ok()?;
    let mut unpacked = [0_u8; 6];
    let got = read_start(&mut flate2::read::MultiGzDecoder::new(rewound), &mut unpacked).ok()?;
    is_csv(&unpacked[..got]).then(|| super::csv::parse(&Input::Packed(file), path, options))
}

fn read_start(file: &mut impl Read, start: &mut [u8]) -> std::io::Result<usize> {
    let mut got = 0;
    while got < start.len() {
        match file.read(&mut start[got..])? {
            0 => break,
            n => got += n,
        }
    }
    Ok(got)
}

/// Everything that a reader gives, unless that is more than the machine holds.
fn read_all(reader: impl Read, path: &Path, what: &'static str) -> Result<Vec<u8>> {
    read_at_most(reader, path, what, memory::limit().map_or(u64::MAX - 1, |limit| limit.bytes / 2))
}

fn read_at_most(reader: impl Read, path: &Path, what: &'static str, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| Error::io(path, what, error))?;
    if bytes.len() as u64 > most {
        return Err(ErrorKind::NotEnoughMemory {
            what: path.display().to_string(),
            need: bytes.len() as u64,
            limit: most,
            limited_by: "half of the memory that this process may use".to_owned(),
            next: "read a part of it, or take a machine with more memory".to_owned(),
        }
        .into());
    }
    Ok(bytes)
}

/// What gzipped bytes hold; a stream that expands without end is stopped at half of the machine's memory.
#[cfg(feature = "gzip")]
pub(super) fn gunzip(bytes: &[u8], path: &Path) -> Result<Vec<u8>> {
    let most = memory::limit().map_or(u64::MAX - 1, |limit| limit.bytes / 2);
    gunzip_at_most(bytes, path, most)
}

/// What gzipped bytes hold, refused where it is more than `most` bytes.
#[cfg(feature = "gzip")]
fn gunzip_at_most(bytes: &[u8], path: &Path, most: u64) -> Result<Vec<u8>> {
    read_at_most(flate2::read::MultiGzDecoder::new(bytes), path, "read", most).map_err(|error| {
        match error.kind() {
            ErrorKind::Io { source, .. } => bad_format(
                path,
                "gzip",
                "a complete gzip stream; fetch or copy the file again",
                &source.to_string(),
            ),
            _ => error,
        }
    })
}

#[cfg(not(feature = "gzip"))]
pub(super) fn gunzip(_: &[u8], path: &Path) -> Result<Vec<u8>> {
    Err(ErrorKind::FeatureMissing { what: path.display().to_string(), feature: "gzip" }.into())
}

/// The first bytes decide where they can; a name that promises otherwise is wrong, not the bytes.
fn format_of(start: &[u8], path: &Path, options: &ReadOptions) -> Result<Format> {
    if let Some(format) = options.format {
        return Ok(format);
    }
    if start.starts_with(b"PAR1") {
        return Ok(Format::Parquet);
    }
    if start.starts_with(b"\x93NUMPY") {
        return Ok(Format::Npy);
    }
    if start.starts_with(&[0, 0, 8]) {
        return Ok(Format::Idx);
    }
    let known = "CSV, Parquet (.parquet), NumPy (.npy) or a folder of IDX files";
    for (signature, name) in [
        (&b"PK\x03\x04"[..], "a ZIP archive (.xlsx and .npz are such)"),
        (b"ARROW1", "an Arrow IPC file"),
        (b"%PDF", "PDF"),
    ] {
        if start.starts_with(signature) {
            return Err(bad_format(path, "format", known, name));
        }
    }
    Ok(Format::of_name(path).unwrap_or(Format::Csv))
}

/// A name under which there is nothing: an unknown data set if it looks like one, otherwise a missing file.
fn absent(data: &str, error: std::io::Error) -> Error {
    let bare = !data.contains(['/', '\\', '.']);
    if error.kind() != std::io::ErrorKind::NotFound || !bare {
        return Error::io(data, "read", error);
    }
    let known = super::bundled_names();
    let similar = crate::error::similar_names(data, &known);
    let advice = match similar.as_slice() {
        [] => "or give the path of a file".to_owned(),
        names => format!("close: {}", names.join(", ")),
    };
    ErrorKind::UnknownDataset { name: data.to_owned(), known, advice }.into()
}

fn single_idx(path: &Path) -> Error {
    bad_format(path, "input", "the folder that holds the images and the labels", "one IDX file")
}

fn csv(bytes: &[u8], path: &Path, options: &ReadOptions) -> Result<Table> {
    #[cfg(feature = "csv")]
    {
        super::csv::parse(&super::csv::Input::Held(bytes), path, options)
    }
    #[cfg(not(feature = "csv"))]
    {
        let _ = (bytes, options);
        Err(ErrorKind::FeatureMissing { what: path.display().to_string(), feature: "csv" }.into())
    }
}

fn npy(bytes: &[u8], path: &Path, options: &ReadOptions) -> Result<Table> {
    #[cfg(feature = "npy")]
    {
        finish(super::npy::parse(bytes, path)?, options)
    }
    #[cfg(not(feature = "npy"))]
    {
        let _ = (bytes, options);
        Err(ErrorKind::FeatureMissing { what: path.display().to_string(), feature: "npy" }.into())
    }
}

/// Where a Parquet file's bytes are.
#[cfg_attr(not(feature = "parquet"), expect(dead_code))]
pub(super) enum ParquetInput {
    /// On disk, read by position.
    File(File),
    /// In memory.
    Held(Vec<u8>),
}

fn parquet(input: ParquetInput, path: &Path, options: &ReadOptions) -> Result<Table> {
    #[cfg(feature = "parquet")]
    {
        finish_checked(super::parquet::read(input, path, options)?, options)
    }
    #[cfg(not(feature = "parquet"))]
    {
        let _ = (input, options);
        Err(ErrorKind::FeatureMissing { what: path.display().to_string(), feature: "parquet" }.into())
    }
}

/// What the options ask of every typed format.
pub(super) fn finish(table: Table, options: &ReadOptions) -> Result<Table> {
    options.check_names(&table.source, &table.names())?;
    finish_checked(table, options)
}

/// The same where the names were checked before columns were left out.
fn finish_checked(table: Table, options: &ReadOptions) -> Result<Table> {
    if table.rows() == 0 {
        return Err(ErrorKind::NoRows { path: table.source.into() }.into());
    }
    table.apply_limit(options).apply_types(options)
}

/// The file or folder of a data set that is not embedded: in `datasets/` of the working folder.
pub(super) fn from_datasets(dataset: &BundledDataset, file: &str, options: &ReadOptions) -> Result<Table> {
    let path = PathBuf::from("datasets").join(file);
    if !path.exists() {
        let known = super::bundled_names();
        let advice = format!(
            "{} is not part of the program: looked for {} in the working folder; run from a checkout of the project, or \
             give the path of your copy ({})",
            dataset.name,
            path.display(),
            dataset.origin
        );
        return Err(ErrorKind::UnknownDataset { name: dataset.name.to_owned(), known, advice }.into());
    }
    read(&path.to_string_lossy(), options)
}

#[cfg(all(test, feature = "gzip"))]
mod tests;
