//! The file behind models and checkpoints: safetensors, with one key of canonical JSON and a checksum.
//!
//! A file is what any safetensors reader opens: eight bytes of header length, a JSON header, then the tensors' numbers,
//! little-endian, row-major. The header's metadata holds ONE key, `deltarule`, whose value is JSON with sorted keys:
//!
//! ```text
//! {"checksum":"<64 hexadecimal digits>","content":{…},"kind":"model","version":1}
//! ```
//!
//! `checksum` is the SHA-256 (FIPS 180-4) of the whole file with those 64 digits written as zeros. As the keys are
//! sorted and `checksum` comes first, its digits stand at the same place in every file, and the checksum is verified
//! before a single length is trusted. Tensors lie in the order of their types, then of their names. Nothing here
//! depends on time, place or threads: equal contents give equal files, byte for byte.
//!
//! What this is not: a signature. The checksum finds damage, not forgery; so every length, offset and shape is checked
//! after it as well. No network, encoder or optimizer is known here.

mod layout;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use deltarule_kernels::Real;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, Metadata};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::atomic_file::AtomicFile;
use crate::error::{ErrorKind, Result};
use crate::{Error, memory};

use layout::{Layout, Numbers, Slice};

/// The version of the file format that this crate writes, and the only one that it reads.
pub const VERSION: u32 = 1;

/// The metadata's one key.
const KEY: &str = "deltarule";
/// What every file has after its eight bytes of header length; the checksum's digits follow.
const PREFIX: &[u8] = br#"{"__metadata__":{"deltarule":"{\"checksum\":\""#;
/// Where the checksum's digits stand.
const DIGITS: Range<usize> = 8 + PREFIX.len()..8 + PREFIX.len() + 64;
const NO_DIGITS: [u8; 64] = [b'0'; 64];

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A trained model, ready to predict.
    Model,
    /// A training run's state, ready to go on.
    Checkpoint,
}

impl Kind {
    /// `model` or `checkpoint`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Checkpoint => "checkpoint",
        }
    }
}

/// A named array of numbers on its way into a file.
#[derive(Clone)]
pub struct Tensor<'a> {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    numbers: Rc<dyn Numbers + 'a>,
}

impl std::fmt::Debug for Tensor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?} {:?}", self.name, self.dtype, self.shape)
    }
}

impl<'a> Tensor<'a> {
    /// An array of `shape`, row-major.
    ///
    /// # Panics
    /// Where the product of `shape` is not the number of `numbers`.
    #[must_use]
    pub fn new<F: Real>(name: impl Into<String>, shape: &[usize], numbers: &'a [F]) -> Self {
        assert_eq!(shape.iter().product::<usize>(), numbers.len(), "the shape holds all numbers");
        Self {
            name: name.into(),
            dtype: dtype_of::<F>(),
            shape: shape.to_vec(),
            numbers: Rc::new(Slice(numbers)),
        }
    }
}

/// A file that was read, whose checksum, version, kind and offsets hold.
#[derive(Clone, Debug)]
pub struct Stored {
    path: PathBuf,
    content: Value,
    checksum: String,
    bytes: Vec<u8>,
    tensors: BTreeMap<String, Place>,
}

#[derive(Clone, Debug)]
struct Place {
    dtype: Dtype,
    shape: Vec<usize>,
    range: Range<usize>,
}

impl Stored {
    /// Where the file was read from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the writer put in beside the tensors; `null` in a plain file.
    #[must_use]
    pub fn content(&self) -> &Value {
        &self.content
    }

    /// Takes out what [`Stored::content`] gives, which is `null` from then on.
    #[must_use]
    pub fn take_content(&mut self) -> Value {
        self.content.take()
    }

    /// The checksum's 64 hexadecimal digits; empty in a plain file.
    #[must_use]
    pub fn checksum(&self) -> &str {
        &self.checksum
    }

    /// The tensors' names, sorted, with their shapes.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.tensors.iter().map(|(name, place)| (name.as_str(), place.shape.as_slice()))
    }

    /// The numbers of a tensor that must have `shape` and be stored in `F`'s own precision.
    ///
    /// # Errors
    /// [`ErrorKind::BadFormat`] where there is no such tensor, or its type is another; [`ErrorKind::ShapeMismatch`]
    /// where its shape is another.
    pub fn numbers<F: Real>(&self, name: &str, shape: &[usize]) -> Result<Vec<F>> {
        let place = self.place(name)?;
        if place.dtype != dtype_of::<F>() {
            return Err(self.bad(
                format!("tensor {name:?}"),
                format!("numbers of type {:?}", dtype_of::<F>()),
                format!("{:?}", place.dtype),
            ));
        }
        self.converted(name, shape)
    }

    /// As [`Stored::numbers`], from either precision: 64-bit numbers are rounded where `F` is `f32`.
    ///
    /// # Errors
    /// As [`Stored::numbers`], with any type but 32- and 64-bit floating point refused.
    pub fn converted<F: Real>(&self, name: &str, shape: &[usize]) -> Result<Vec<F>> {
        let place = self.place(name)?;
        if place.shape != shape {
            return Err(ErrorKind::ShapeMismatch {
                what: format!("{}: tensor {name:?}", self.path.display()),
                expected: format!("{shape:?}"),
                got: format!("{:?}", place.shape),
            }
            .into());
        }
        let bytes = &self.bytes[place.range.clone()];
        match place.dtype {
            Dtype::F32 => Ok(from_bytes::<f32, F>(bytes)),
            Dtype::F64 => Ok(from_bytes::<f64, F>(bytes)),
            other => Err(self.bad(
                format!("tensor {name:?}"),
                "numbers of type F32 or F64".into(),
                format!("{other:?}"),
            )),
        }
    }

    /// The shape of a tensor.
    ///
    /// # Errors
    /// [`ErrorKind::BadFormat`] where there is no such tensor.
    pub fn shape(&self, name: &str) -> Result<&[usize]> {
        Ok(&self.place(name)?.shape)
    }

    fn place(&self, name: &str) -> Result<&Place> {
        self.tensors.get(name).ok_or_else(|| {
            self.bad(
                "its tensors".into(),
                format!("one named {name:?}"),
                format!("{} others", self.tensors.len()),
            )
        })
    }

    /// The error for content that does not keep to the format: `what` is `got`, not `expected`.
    #[must_use]
    pub fn bad(&self, what: String, expected: String, got: String) -> Error {
        ErrorKind::BadFormat { path: self.path.clone(), what, expected, got }.into()
    }
}

/// Writes a model or checkpoint: beside the target, synced, then renamed. No copy of the numbers is made.
///
/// # Errors
/// [`ErrorKind::Io`]; [`ErrorKind::BadFormat`] where two tensors have one name or the header is beyond safetensors'
/// limit of 100 MB.
pub fn write(path: &Path, kind: Kind, content: &Value, tensors: &[Tensor<'_>]) -> Result<()> {
    let layout = laid_out(kind, content, tensors).map_err(|got| bad_tensors(path, got))?;
    write_layout(path, &layout)
}

/// The bytes of a model or checkpoint file, as [`write()`] writes them.
///
/// # Errors
/// As [`write()`], with an empty path.
pub fn encode(kind: Kind, content: &Value, tensors: &[Tensor<'_>]) -> Result<Vec<u8>> {
    let layout = laid_out(kind, content, tensors).map_err(|got| bad_tensors(Path::new(""), got))?;
    let mut bytes = Vec::with_capacity(layout.bytes());
    let held = layout.feed(&mut |piece| {
        bytes.extend_from_slice(piece);
        Ok(())
    });
    held.map_err(|error| Error::io("", "write", error))?;
    Ok(bytes)
}

fn bad_tensors(path: &Path, got: String) -> Error {
    let what = "the tensors to write".into();
    ErrorKind::BadFormat { path: path.into(), what, expected: "what safetensors can hold".into(), got }.into()
}

/// The file with its checksum in its header.
fn laid_out<'t, 'a>(
    kind: Kind,
    content: &Value,
    tensors: &'t [Tensor<'a>],
) -> Result<Layout<'t, 'a>, String> {
    let envelope = serde_json::json!({
        "checksum": "0".repeat(64), "content": content, "kind": kind.name(), "version": VERSION,
    });
    let metadata = HashMap::from([(KEY.to_owned(), canonical_json(&envelope))]);
    let mut layout = Layout::new(tensors, Some(metadata))?;
    debug_assert_eq!(
        &layout.header[8..8 + PREFIX.len()],
        PREFIX,
        "the checksum stands where readers look for it"
    );
    let mut hash = Sha256::new();
    let hashed = layout.feed(&mut |piece| {
        hash.update(piece);
        Ok(())
    });
    hashed.map_err(|error| error.to_string())?;
    layout.header[DIGITS].copy_from_slice(hex(&hash.finalize()).as_bytes());
    Ok(layout)
}

fn write_layout(path: &Path, layout: &Layout<'_, '_>) -> Result<()> {
    let mut file = AtomicFile::create(path)?;
    layout.feed(&mut |piece| file.write_all(piece)).map_err(|source| Error::io(path, "write", source))?;
    file.commit()
}

/// Writes tensors as plain safetensors, without a word of deltarule's own: what NumPy or PyTorch users read.
///
/// # Errors
/// As [`write()`].
pub fn write_plain(path: &Path, tensors: &[Tensor<'_>]) -> Result<()> {
    let layout = Layout::new(tensors, None).map_err(|got| bad_tensors(path, got))?;
    write_layout(path, &layout)
}

/// Reads a model or checkpoint.
///
/// # Errors
/// [`ErrorKind::FileNotFound`], [`ErrorKind::Io`], [`ErrorKind::EmptyFile`]; [`ErrorKind::ChecksumMismatch`] where a
/// byte is not as it was written or the end is missing; [`ErrorKind::BadVersion`]; [`ErrorKind::BadFormat`] for what
/// is no such file or is of another kind; [`ErrorKind::NotEnoughMemory`].
pub fn read(path: &Path, kind: Kind) -> Result<Stored> {
    decode(path, kind, read_whole(path)?)
}

/// Reads a model or checkpoint from `bytes`; `path` only names them in errors.
///
/// # Errors
/// As [`read`], those of files apart.
pub fn decode(path: &Path, kind: Kind, mut bytes: Vec<u8>) -> Result<Stored> {
    let bad = |what: &str, expected: &str, got: &str| -> Error {
        let (what, expected, got) = (what.into(), expected.into(), got.into());
        ErrorKind::BadFormat { path: path.into(), what, expected, got }.into()
    };
    if bytes.is_empty() {
        return Err(bad("the file", &format!("a {} file of deltarule's", kind.name()), "no byte at all"));
    }
    let file_of_ours = format!("safetensors with deltarule's {}", kind.name());
    if bytes.len() < DIGITS.end {
        return Err(bad("the file", &file_of_ours, &format!("{} bytes only", bytes.len())));
    }
    let start = &bytes[8..8 + PREFIX.len()];
    let alike = start.iter().zip(PREFIX).filter(|(got, expected)| got == expected).count();
    // A start that is nearly ours is one that was damaged: then the checksum says so.
    if alike < PREFIX.len() / 2 {
        return Err(bad("its first bytes", &file_of_ours, "something else"));
    }
    let expected = String::from_utf8_lossy(&bytes[DIGITS]).into_owned();
    bytes[DIGITS].copy_from_slice(&NO_DIGITS);
    let got = hex(&Sha256::digest(&bytes));
    bytes[DIGITS].copy_from_slice(got.as_bytes());
    if got != expected {
        return Err(ErrorKind::ChecksumMismatch { path: path.into(), expected, got }.into());
    }
    let (metadata, tensors) = parse(path, &bytes)?;
    let text = metadata.get(KEY).ok_or_else(|| bad("its metadata", "the key \"deltarule\"", "none"))?;
    let mut envelope: Value =
        serde_json::from_str(text).map_err(|error| bad("its metadata", "JSON", &error.to_string()))?;
    if envelope["version"] != VERSION {
        let got = envelope["version"].to_string();
        return Err(ErrorKind::BadVersion { path: path.into(), expected: VERSION, got }.into());
    }
    if envelope["kind"] != kind.name() {
        return Err(bad("its kind", &format!("{:?}", kind.name()), &envelope["kind"].to_string()));
    }
    Ok(Stored { path: path.into(), content: envelope["content"].take(), checksum: got, bytes, tensors })
}

/// Reads any safetensors file: tensors under plain names, as NumPy or PyTorch users write them. A checksum is not
/// looked for.
///
/// # Errors
/// As [`read`], those of checksum, version and kind apart.
pub fn read_plain(path: &Path) -> Result<Stored> {
    let bytes = read_whole(path)?;
    let (_, tensors) = parse(path, &bytes)?;
    Ok(Stored { path: path.into(), content: Value::Null, checksum: String::new(), bytes, tensors })
}

fn parse(path: &Path, bytes: &[u8]) -> Result<(HashMap<String, String>, BTreeMap<String, Place>)> {
    let (header, metadata): (usize, Metadata) = SafeTensors::read_metadata(bytes).map_err(|error| {
        let (what, expected) = ("its header".into(), "that of a safetensors file".into());
        ErrorKind::BadFormat { path: path.into(), what, expected, got: error.to_string() }
    })?;
    let start = 8 + header; // both, and all ranges below, were checked against the bytes' length
    let tensors = metadata
        .tensors()
        .into_iter()
        .map(|(name, info)| {
            let range = start + info.data_offsets.0..start + info.data_offsets.1;
            (name, Place { dtype: info.dtype, shape: info.shape.clone(), range })
        })
        .collect();
    Ok((metadata.metadata().clone().unwrap_or_default(), tensors))
}

fn read_whole(path: &Path) -> Result<Vec<u8>> {
    let error = |source| Error::io(path, "read", source);
    let mut file = std::fs::File::open(path).map_err(error)?;
    let about = file.metadata().map_err(error)?;
    if !about.is_file() {
        let got = if about.is_dir() { "a folder" } else { "a device or pipe" };
        let (what, expected, got) = ("the path".into(), "a file".into(), got.into());
        return Err(ErrorKind::BadFormat { path: path.into(), what, expected, got }.into());
    }
    if about.len() == 0 {
        return Err(ErrorKind::EmptyFile { path: path.into() }.into());
    }
    let next = "read it on a larger machine";
    memory::require(&format!("reading {}", path.display()), about.len().saturating_mul(2), next)?;
    let mut bytes = Vec::new();
    // One byte more than it said: a file that grows meanwhile fails its checksum instead of filling the memory.
    Read::by_ref(&mut file).take(about.len() + 1).read_to_end(&mut bytes).map_err(error)?;
    Ok(bytes)
}

/// JSON text in which equal values look alike: keys sorted by their bytes, no white space, shortest exact numbers.
#[must_use]
pub fn canonical_json(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    text
}

fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(object) => {
            // Sorted here, for whether the map is depends on a feature that any dependency may switch on.
            let mut entries: Vec<(&String, &Value)> = object.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            text.push('{');
            for (i, (key, value)) in entries.into_iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                write_canonical(value, text);
            }
            text.push('}');
        }
        Value::Array(values) => {
            text.push('[');
            for (i, value) in values.iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                write_canonical(value, text);
            }
            text.push(']');
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}

/// The SHA-256 of numbers' little-endian bytes, in hexadecimal: equal where and only where all bits are.
///
/// ```
/// let once = deltarule::store::digest(&[1.0_f32, -2.5]);
/// assert_eq!(once, deltarule::store::digest(&[1.0_f32, -2.5]));
/// assert_ne!(once, deltarule::store::digest(&[1.0_f32, -2.5000002]));
/// ```
#[must_use]
pub fn digest<F: Real>(numbers: &[F]) -> String {
    digest_all(std::iter::once(numbers))
}

/// As [`digest`], of several stretches one after another.
pub(crate) fn digest_all<'n, F: Real>(stretches: impl Iterator<Item = &'n [F]>) -> String {
    let mut hash = Sha256::new();
    for piece in stretches.flat_map(|numbers| numbers.chunks(1 << 14)) {
        hash.update(to_bytes(piece));
    }
    hex(&hash.finalize())
}

/// The SHA-256 of bytes, in hexadecimal.
#[must_use]
pub fn digest_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
        text
    })
}

fn dtype_of<F: Real>() -> Dtype {
    if F::BYTES == size_of::<f32>() { Dtype::F32 } else { Dtype::F64 }
}

fn to_bytes<F: Real>(numbers: &[F]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(numbers.len() * F::BYTES);
    for number in numbers {
        number.write_le(&mut bytes);
    }
    bytes
}

/// Numbers of `From` as `F`; bits are kept where the two are one type.
fn from_bytes<From: Real, F: Real>(bytes: &[u8]) -> Vec<F> {
    if From::BYTES == F::BYTES {
        bytes.chunks_exact(F::BYTES).map(F::from_le).collect()
    } else {
        bytes.chunks_exact(From::BYTES).map(|bytes| F::from_f64(From::from_le(bytes).to_f64())).collect()
    }
}

/// A number that JSON keeps to the bit: finite ones as shortest decimals, others as `"NaN"`, `"inf"`, `"-inf"`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exact(pub(crate) f64);

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() { serializer.serialize_f64(self.0) } else { serializer.collect_str(&self.0) }
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(f64),
            Word(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(number) => Ok(Self(number)),
            Written::Word(word) if matches!(word.as_str(), "NaN" | "inf" | "-inf") => {
                word.parse().map(Self).map_err(serde::de::Error::custom)
            }
            Written::Word(word) => {
                Err(serde::de::Error::custom(format!("{word:?} where a number should be")))
            }
        }
    }
}

#[cfg(test)]
mod tests;
