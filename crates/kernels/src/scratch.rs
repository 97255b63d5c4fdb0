//! Working memory of the products, allocated once.

use std::fmt;

use crate::product::PIECE;
use crate::{Buffer, Real};

/// Columns of one panel of the right-hand matrix: two vectors of 16 numbers.
pub(crate) const PANEL: usize = 32;
/// Rows whose partial sums one task keeps while it goes through the pieces of a long inner dimension.
pub(crate) const ROW_BLOCK: usize = 240;
/// Where in a participant's workspace the rows lie that it has packed for itself.
pub(crate) const PACKED_AT: usize = PIECE * PANEL + ROW_BLOCK * PANEL;
/// Room for those.
pub(crate) const PACKED_ROOM: usize = 32_768;
/// Single-precision numbers in a participant's workspace: one panel of one piece, the partial sums of one block of
/// rows, and packed rows.
pub(crate) const WORKSPACE: usize = PACKED_AT + PACKED_ROOM;

/// The packing buffers of the products.
///
/// One `Scratch` serves any number of products one after the other. Size it for the largest of them with
/// [`for_product`](Self::for_product) and [`reserve`](Self::reserve), and no product allocates; a product for which it
/// is too small grows it first.
pub struct Scratch<F> {
    pub(crate) packed: Buffer<F>,
    pub(crate) workspace: Buffer<F>,
}

impl<F: Real> Scratch<F> {
    /// An empty scratch, which grows with the first product.
    pub fn new() -> Self {
        Self { packed: Buffer::zeroed(0), workspace: Buffer::zeroed(0) }
    }

    /// A scratch large enough for [`affine`](crate::affine), [`back_product`](crate::back_product),
    /// [`weight_gradient`](crate::weight_gradient) and
    /// [`weight_gradient_update`](crate::weight_gradient_update) of one layer's shape.
    pub fn for_product(batch: usize, fan_in: usize, fan_out: usize) -> Self {
        let mut scratch = Self::new();
        scratch.reserve(batch, fan_in, fan_out);
        scratch
    }

    /// Grows, if need be, to the size that a layer of this shape needs.
    pub fn reserve(&mut self, batch: usize, fan_in: usize, fan_out: usize) {
        self.reserve_packed(batch * fan_in.max(fan_out));
        self.reserve_workspace();
    }

    /// Room for a packed left matrix of so many numbers.
    pub(crate) fn reserve_packed(&mut self, length: usize) {
        if self.packed.len() < length {
            self.packed = Buffer::zeroed(length);
        }
    }

    /// Room for the calling thread's panel and partial sums.
    pub(crate) fn reserve_workspace(&mut self) {
        // As many bytes for f64, whose vectors and so panels are half as long.
        let length = WORKSPACE * size_of::<f32>() / F::BYTES;
        if self.workspace.len() < length {
            self.workspace = Buffer::zeroed(length);
        }
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        (self.packed.len() + self.workspace.len()) * F::BYTES
    }
}

impl<F: Real> Default for Scratch<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: Real> fmt::Debug for Scratch<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scratch").field("bytes", &self.bytes()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_begin_at_a_cache_line_and_only_grow() {
        let mut scratch = Scratch::<f32>::for_product(128, 784, 512);
        let bytes = scratch.bytes();
        scratch.reserve(4, 2, 8);
        assert_eq!(scratch.bytes(), bytes);
        scratch.reserve(128, 2500, 2000);
        assert!(scratch.bytes() > bytes);
        assert_eq!(scratch.packed.as_ptr().align_offset(64), 0);
        assert!(scratch.packed.iter().all(|&value| value == 0.0));
    }
}
