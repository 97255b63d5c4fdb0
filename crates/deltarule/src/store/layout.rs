//! A safetensors file on its way out: the header, and tensors whose bytes are made as they are written, so that no copy of
//! them is held.

use std::collections::HashMap;
use std::io;

use safetensors::tensor::{Metadata, TensorInfo};

use super::Tensor;

/// Numbers that are turned into bytes at a time.
const PIECE: usize = 1 << 14;

/// Numbers that know their little-endian bytes.
pub(super) trait Numbers {
    /// Bytes in all.
    fn bytes(&self) -> usize;
    /// Hands the bytes to `each`, piece after piece, in a buffer that is used again.
    fn feed(&self, buffer: &mut Vec<u8>, each: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()>;
}

/// A slice as [`Numbers`].
pub(super) struct Slice<'a, F>(pub(super) &'a [F]);

impl<F: deltarule_kernels::Real> Numbers for Slice<'_, F> {
    fn bytes(&self) -> usize {
        size_of_val(self.0)
    }

    fn feed(&self, buffer: &mut Vec<u8>, each: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        for piece in self.0.chunks(PIECE) {
            buffer.clear();
            piece.iter().for_each(|number| number.write_le(buffer));
            each(buffer)?;
        }
        Ok(())
    }
}

/// A file's header, and its tensors in their order.
pub(super) struct Layout<'t, 'a> {
    /// Eight bytes of length, then JSON, padded so that the numbers are aligned.
    pub(super) header: Vec<u8>,
    tensors: Vec<&'t Tensor<'a>>,
}

impl<'t, 'a> Layout<'t, 'a> {
    /// Tensors in the order of their types, the widest first, then of their names, as `safetensors::serialize` has them.
    pub(super) fn new(
        tensors: &'t [Tensor<'a>],
        metadata: Option<HashMap<String, String>>,
    ) -> Result<Self, String> {
        const LONGEST: usize = 100_000_000; // what readers take
        let mut ordered: Vec<&Tensor<'_>> = tensors.iter().collect();
        ordered.sort_by(|a, b| b.dtype.cmp(&a.dtype).then_with(|| a.name.cmp(&b.name)));
        let mut names: Vec<&str> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("two tensors named {:?}", pair[0]));
        }
        let mut end = 0;
        let mut info = |tensor: &&Tensor<'_>| {
            let start = end;
            end += tensor.numbers.bytes();
            let (dtype, shape, data_offsets) = (tensor.dtype, tensor.shape.clone(), (start, end));
            (tensor.name.clone(), TensorInfo { dtype, shape, data_offsets })
        };
        let described = ordered.iter().map(&mut info).collect();
        let metadata = Metadata::new(metadata, described).map_err(|error| error.to_string())?;
        let mut json = serde_json::to_vec(&metadata).map_err(|error| error.to_string())?;
        json.resize(json.len().next_multiple_of(8), b' ');
        if json.len() > LONGEST {
            return Err(format!("a header of {} bytes", json.len()));
        }
        let mut header = (json.len() as u64).to_le_bytes().to_vec();
        header.append(&mut json);
        Ok(Self { header, tensors: ordered })
    }

    /// Bytes of the whole file.
    pub(super) fn bytes(&self) -> usize {
        self.header.len() + self.tensors.iter().map(|tensor| tensor.numbers.bytes()).sum::<usize>()
    }

    /// Hands the file to `each`, piece after piece.
    pub(super) fn feed(&self, each: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        each(&self.header)?;
        let mut buffer = Vec::new();
        self.tensors.iter().try_for_each(|tensor| tensor.numbers.feed(&mut buffer, each))
    }
}
