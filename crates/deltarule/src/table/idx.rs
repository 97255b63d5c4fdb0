//! Folders of IDX files, the format of MNIST.
//!
//! An IDX file is: two zero bytes, a byte for the element type (8: unsigned byte), a byte for the number of dimensions,
//! each dimension as a big-endian 32-bit number, the elements row by row (LeCun, Cortes and Burges,
//! *The MNIST database*, section "File formats"). A folder holds images and labels for training, and for testing if it
//! has `t10k` (or `test`) files; each may be gzipped.
//!
//! The table has one column of bytes per pixel, `pixel_r_c`, and `label`.

use std::fs;
use std::path::{Path, PathBuf};

use super::cell::TextBuilder;
use super::{Column, ColumnData, Table, bad_format};
use crate::crew;
use crate::error::{Error, ErrorKind, Result};
use crate::memory;

/// One file: its dimensions and its bytes after the header.
struct Idx {
    path: PathBuf,
    dimensions: Vec<usize>,
    bytes: Vec<u8>,
    /// Where the elements begin.
    start: usize,
}

/// The images and labels of one half.
struct Half {
    images: Idx,
    labels: Idx,
}

/// A table from a folder of IDX files; the test half follows the training half.
pub(super) fn read_folder(folder: &Path) -> Result<Table> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| Error::io(folder, "read", error))? {
        let entry = entry.map_err(|error| Error::io(folder, "read", error))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort(); // `a` before `a.gz`: the unpacked file is preferred
    let find = |half: &[&str], part: &str| {
        let fits = |name: &&String| {
            let name = name.to_lowercase();
            half.iter().any(|half| name.contains(&format!("{half}-{part}"))) && name.contains("idx")
        };
        names.iter().find(fits).map(|name| folder.join(name))
    };
    let train =
        half(folder, find(&["train"], "images"), find(&["train"], "labels"), "train")?.ok_or_else(|| {
            bad_format(
                folder,
                "input",
                "a file, or a folder with train-images-idx3-ubyte and train-labels-idx1-ubyte (.gz or not)",
                "a folder without them",
            )
        })?;
    let test = half(folder, find(&["t10k", "test"], "images"), find(&["t10k", "test"], "labels"), "t10k")?;
    let halves: Vec<(PathBuf, PathBuf)> = [train].into_iter().chain(test).collect();
    let files = halves.into_iter().flat_map(|(images, labels)| [images, labels]).collect();
    // The largest file comes first; the others are unpacked while it is.
    let mut read = crew::map(crew::cores(), files, |path: PathBuf| Idx::read(&path)).into_iter();
    let mut next = || -> Result<Option<Half>> {
        let (Some(images), Some(labels)) = (read.next(), read.next()) else { return Ok(None) };
        checked(images?, labels?).map(Some)
    };
    let (train, test) = (next()?, next()?);
    let train = train.expect("there is at least one half");
    table(folder, &train, test.as_ref())
}

/// A half's files where both are there; one without the other is an error.
fn half(
    folder: &Path,
    images: Option<PathBuf>,
    labels: Option<PathBuf>,
    name: &str,
) -> Result<Option<(PathBuf, PathBuf)>> {
    let (images, labels) = match (images, labels) {
        (None, None) => return Ok(None),
        (Some(images), Some(labels)) => (images, labels),
        (Some(_), None) => return Err(bad_format(folder, name, "a labels file beside the images", "none")),
        (None, Some(_)) => return Err(bad_format(folder, name, "an images file beside the labels", "none")),
    };
    Ok(Some((images, labels)))
}

/// Checks that a half's files belong together.
fn checked(images: Idx, labels: Idx) -> Result<Half> {
    let half = Half { images, labels };
    let (images, labels) = (&half.images, &half.labels);
    if labels.dimensions.len() != 1 {
        return Err(bad_format(
            &labels.path,
            "dimensions",
            "1 (one label per image)",
            &labels.dimensions.len().to_string(),
        ));
    }
    if !(2..=4).contains(&images.dimensions.len()) {
        let got = images.dimensions.len().to_string();
        return Err(bad_format(&images.path, "dimensions", "3 (images, rows, columns), or 2, or 4", &got));
    }
    if images.dimensions[0] != labels.dimensions[0] {
        let expected =
            format!("as many labels as {} has images, {}", images.path.display(), images.dimensions[0]);
        return Err(bad_format(&labels.path, "labels", &expected, &labels.dimensions[0].to_string()));
    }
    Ok(half)
}

impl Idx {
    fn read(path: &Path) -> Result<Self> {
        let length = fs::metadata(path).map_err(|error| Error::io(path, "read", error))?.len();
        if length == 0 {
            return Err(ErrorKind::EmptyFile { path: path.to_owned() }.into());
        }
        memory::require(&path.display().to_string(), length, "take a machine with more memory")?;
        Self::parse(path, fs::read(path).map_err(|error| Error::io(path, "read", error))?)
    }

    /// Checks what the header promises before anything of that size is allocated.
    fn parse(path: &Path, bytes: Vec<u8>) -> Result<Self> {
        let packed = bytes.starts_with(&[0x1f, 0x8b]);
        let bytes = if packed { Self::unpack(path, &bytes)? } else { bytes };
        let (dimensions, start) = Self::header(path, &bytes)?;
        let elements = Self::elements(path, &dimensions)?;
        let got = bytes.len() - start;
        if got != elements {
            let expected = format!("{elements} bytes, by its dimensions {dimensions:?}");
            let got = format!("{got} bytes ({})", if got < elements { "cut short" } else { "too many" });
            return Err(bad_format(path, "elements", &expected, &got));
        }
        Ok(Self { path: path.to_owned(), dimensions, bytes, start })
    }

    /// The dimensions and where the elements begin.
    fn header(path: &Path, bytes: &[u8]) -> Result<(Vec<usize>, usize)> {
        let expected = "two zero bytes, the type 8 (unsigned byte), 1 to 4 dimensions";
        let dimensions = match bytes {
            [0, 0, 8, dimensions @ 1..=4, ..] => usize::from(*dimensions),
            [a, b, c, d, ..] => {
                return Err(bad_format(path, "IDX header", expected, &format!("{a}, {b}, {c}, {d}")));
            }
            _ => return Err(bad_format(path, "IDX header", expected, &format!("{} bytes", bytes.len()))),
        };
        let start = 4 + 4 * dimensions;
        let Some(sizes) = bytes.get(4..start) else {
            let got = format!("{} bytes", bytes.len());
            return Err(bad_format(
                path,
                "IDX header",
                &format!("{start} bytes for {dimensions} dimensions"),
                &got,
            ));
        };
        let (sizes, _) = sizes.as_chunks::<4>();
        let sizes = sizes.iter().map(|size| u32::from_be_bytes(*size) as usize).collect();
        Ok((sizes, start))
    }

    fn elements(path: &Path, dimensions: &[usize]) -> Result<usize> {
        let product = dimensions.iter().try_fold(1_usize, |product, size| product.checked_mul(*size));
        product.filter(|elements| isize::try_from(*elements).is_ok()).ok_or_else(|| {
            bad_format(path, "dimensions", "sizes whose product can be held", &format!("{dimensions:?}"))
        })
    }

    /// Unpacks no more than the header promises (and one byte, so that too many are noticed).
    #[cfg(feature = "gzip")]
    fn unpack(path: &Path, packed: &[u8]) -> Result<Vec<u8>> {
        use std::io::Read;
        let broken = |error: std::io::Error| {
            bad_format(
                path,
                "gzip",
                "a complete gzip stream; fetch or copy the file again",
                &error.to_string(),
            )
        };
        let mut decoder = flate2::read::MultiGzDecoder::new(packed);
        let mut bytes = Vec::new();
        decoder.by_ref().take(20).read_to_end(&mut bytes).map_err(broken)?;
        let (dimensions, start) = Self::header(path, &bytes)?;
        let promised = Self::elements(path, &dimensions)?.saturating_add(start);
        memory::require(&path.display().to_string(), promised as u64, "take a machine with more memory")?;
        // Deflate packs at most 1032 to 1, so a promise beyond that is not believed enough to reserve for.
        bytes.reserve(promised.min(packed.len().saturating_mul(1032)).saturating_sub(bytes.len()));
        let rest = (promised as u64 + 1).saturating_sub(bytes.len() as u64);
        decoder.take(rest).read_to_end(&mut bytes).map_err(broken)?;
        Ok(bytes)
    }

    #[cfg(not(feature = "gzip"))]
    fn unpack(path: &Path, packed: &[u8]) -> Result<Vec<u8>> {
        super::source::gunzip(packed, path)
    }

    fn values(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

/// Both halves as one table, pixels turned from rows into columns.
fn table(folder: &Path, train: &Half, test: Option<&Half>) -> Result<Table> {
    let shape = &train.images.dimensions[1..];
    if let Some(test) = test.filter(|test| test.images.dimensions[1..] != *shape) {
        let expected = format!("images of {shape:?}, as in {}", train.images.path.display());
        return Err(bad_format(
            &test.images.path,
            "dimensions",
            &expected,
            &format!("{:?}", &test.images.dimensions[1..]),
        ));
    }
    let (train_rows, test_rows) =
        (train.images.dimensions[0], test.map_or(0, |test| test.images.dimensions[0]));
    let rows = train_rows + test_rows;
    if rows == 0 {
        return Err(ErrorKind::NoRows { path: train.images.path.clone() }.into());
    }
    let names = pixel_names(&train.images, shape)?;
    memory::require(
        &folder.display().to_string(),
        (rows as u64).saturating_mul(names.len() as u64),
        "take a machine with more memory",
    )?;
    let mut pixels: Vec<Vec<u8>> = vec![vec![0; rows]; names.len()];
    transpose(train.images.values(), 0, &mut pixels);
    let mut labels = TextBuilder::default();
    let mut add_labels =
        |half: &Half| half.labels.values().iter().for_each(|label| labels.push(&label.to_string()));
    add_labels(train);
    if let Some(test) = test {
        transpose(test.images.values(), train_rows, &mut pixels);
        add_labels(test);
    }
    let pixels =
        names.into_iter().zip(pixels).map(|(name, values)| Column::new(name, ColumnData::U8(values)));
    let label = Column::new("label", ColumnData::Text(labels.finish()));
    let mut table = Table::new(folder.display().to_string(), pixels.chain([label]).collect())?;
    table.test_rows = (test_rows > 0).then_some(train_rows..rows);
    table.default_target = Some("label".to_owned());
    Ok(table)
}

/// `pixel_r_c`; with a third dimension (colours) `pixel_r_c_k`, with one only `pixel_i`.
fn pixel_names(images: &Idx, shape: &[usize]) -> Result<Vec<String>> {
    // Without a row the elements' count bounds nothing, and with a size of 0 there would be no column.
    const MOST: usize = 1 << 24;
    let count = shape.iter().try_fold(1_usize, |product, size| product.checked_mul(*size));
    let count = count.filter(|count| (1..=MOST).contains(count)).ok_or_else(|| {
        bad_format(
            &images.path,
            "dimensions",
            &format!("images of 1 to {MOST} pixels"),
            &format!("{shape:?}"),
        )
    })?;
    let name = |pixel: usize| {
        let mut rest = pixel;
        let mut place: Vec<String> = Vec::with_capacity(shape.len());
        for size in shape.iter().rev() {
            place.push((rest % size).to_string());
            rest /= size;
        }
        place.reverse();
        format!("pixel_{}", place.join("_"))
    };
    Ok((0..count).map(name).collect())
}

/// `columns[c][first + r] = rows[r][c]`, block by block so that both sides stay in the cache, on all cores.
pub(super) fn transpose<T: Copy + Send + Sync>(rows: &[T], first: usize, columns: &mut [Vec<T>]) {
    const BLOCK: usize = 64;
    let width = columns.len();
    let threads = crew::for_values(rows.len());
    let each = width.div_ceil(threads).max(1);
    let parts = columns.chunks_mut(each).enumerate().collect();
    crew::map(threads, parts, |(part, columns): (usize, &mut [Vec<T>])| {
        for (block, rows) in rows.chunks(BLOCK * width).enumerate() {
            let start = first + block * BLOCK;
            for (c, column) in columns.iter_mut().enumerate() {
                let c = part * each + c;
                for (value, row) in column[start..].iter_mut().zip(rows.chunks_exact(width)) {
                    *value = row[c];
                }
            }
        }
    });
}

#[cfg(test)]
mod tests;
