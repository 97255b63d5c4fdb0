//! What happens to a tile of sums between the registers and its place in memory.
//!
//! Two steps: [`Finish`], which the tile's own code does number by number (bias, division, descent), and [`Then`], which
//! works on the finished tile while it lies in the nearest cache: the activation, its derivative, an update rule.

use super::tile::{LARGEST_TILE, Tiles};
use crate::activation_kernel::{GROUP, backward, forward};
use crate::isa::{InstructionSet, Vectorised, vectorised};
use crate::update::{Rule, Updated, apply};
use crate::{Activation, Real};

/// What happens to the sums before they are stored.
#[derive(Clone, Copy, Debug)]
pub enum Finish<F> {
    /// Nothing.
    Store,
    /// One number per column is added.
    Add { row: *const F },
    /// One number per column is added, and what is below 0 becomes 0.
    AddRelu { row: *const F },
    /// One number is added.
    AddOne { value: F },
    /// They are flushed, then multiplied by ReLU's derivative at `source`, a matrix of the output's shape.
    ReluSlope { source: *const F, stride: usize },
    /// They are divided.
    Divide { by: F },
    /// They are multiplied: division by a power of two, exactly.
    Multiply { by: F },
    /// They are divided, and the learning rate times that is subtracted from what is stored there.
    Descend { by: F, exact_inverse: Option<F>, learning_rate: F },
}

impl<F: Real> Finish<F> {
    /// Division by `total`.
    pub(crate) fn divide(total: F) -> Self {
        exact_inverse(total).map_or(Self::Divide { by: total }, |by| Self::Multiply { by })
    }

    /// Division by `total`, then descent.
    pub(crate) fn descend(total: F, learning_rate: F) -> Self {
        Self::Descend { by: total, exact_inverse: exact_inverse(total), learning_rate }
    }

    /// Whether tiles of whole vectors are finished so in registers. The others are seldom, and would be so much code more in
    /// each tile.
    pub(super) fn is_for_registers(&self) -> bool {
        !matches!(self, Self::AddOne { .. } | Self::Divide { .. } | Self::Multiply { .. })
    }

    /// For the tile whose first number is at row `row`, column `column`.
    pub(super) fn at(self, first_row: usize, column: usize) -> Self {
        match self {
            Self::Add { row } => Self::Add { row: row.wrapping_add(column) },
            Self::AddRelu { row } => Self::AddRelu { row: row.wrapping_add(column) },
            Self::ReluSlope { source, stride } => {
                Self::ReluSlope { source: source.wrapping_add(first_row * stride + column), stride }
            }
            other => other,
        }
    }
}

/// 1/total, if multiplying by it gives the bits of dividing by `total`: both powers of two, both normal.
pub(crate) fn exact_inverse<F: Real>(total: F) -> Option<F> {
    let value = total.to_f64();
    let is_power_of_two = value.to_bits() & ((1 << 52) - 1) == 0 && value.is_normal();
    let inverse = F::ONE / total;
    (is_power_of_two && inverse.is_finite() && inverse.abs() >= F::MIN_POSITIVE).then_some(inverse)
}

/// What happens to a finished tile.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Then<F> {
    /// It is in its place already.
    Nothing,
    /// z is stored at `z`, where that is not null, and f(z) in the tile's place. Not for softmax, which needs the row.
    Activate { activation: Activation, z: *mut F },
    /// It is multiplied by f', taken from what lies at `source` in the shape of the output: z or a.
    Slope { activation: Activation, source: *const F },
    /// It is a gradient, by which the parameters in its place are updated; the rule's state has their shape.
    Update { rule: Rule<F>, first: *mut F, second: *mut F },
}

impl<F> Then<F> {
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }
}

/// A computed tile on its way to its place, at a cache line; f64 needs as many bytes, its vectors being half as long.
#[repr(align(64))]
pub(super) struct TileSums(pub(super) [std::mem::MaybeUninit<f32>; LARGEST_TILE]);

impl TileSums {
    pub(super) fn new() -> Self {
        Self([std::mem::MaybeUninit::uninit(); LARGEST_TILE])
    }
}

/// A tile in the nearest cache: `rows` rows of `vectors` vectors, of which `width` numbers are columns, and its place:
/// `offset` numbers into a matrix of rows of `stride`.
#[derive(Clone, Copy)]
pub(super) struct Placed<F> {
    pub rows: usize,
    pub vectors: usize,
    pub width: usize,
    pub tile: *mut F,
    pub offset: usize,
    pub stride: usize,
}

/// Does `then` with a finished tile and takes it to its place in `c`.
///
/// # Safety
/// The tile is as described, in a [`TileSums`] of which the described part is initialised; its place lies inside `c`
/// and the matrices that `then` names, which nobody else touches there.
pub(super) unsafe fn place<F: Real>(
    isa: InstructionSet,
    tiles: &Tiles<F>,
    then: &Then<F>,
    placed: Placed<F>,
    c: *mut F,
) {
    let Placed { rows, vectors, width, tile, offset, stride } = placed;
    let last = width - (vectors - 1) * tiles.lanes;
    let length = rows * vectors * tiles.lanes;
    let copy_to = |to: *mut F| {
        // SAFETY: the caller's promise.
        unsafe {
            (tiles.finish)(rows, vectors, last, tile, std::ptr::null(), 0, to.add(offset), stride, None);
        }
    };
    match *then {
        Then::Nothing => copy_to(c),
        Then::Activate { activation, z } => {
            if !z.is_null() {
                copy_to(z);
            }
            // SAFETY: `TileSums` has room for whole groups of the activation's loop.
            forward(isa, activation, unsafe { whole_groups(tile, length) });
            copy_to(c);
        }
        Then::Slope { activation, source } => {
            let mut slopes = TileSums::new();
            let slopes: *mut F = slopes.0.as_mut_ptr().cast();
            // SAFETY: source has the output's shape; both tiles have room for whole groups.
            unsafe {
                (tiles.copy)(source.add(offset), stride, rows, width, slopes, vectors * tiles.lanes, true);
                let slopes = whole_groups(slopes, length);
                backward(isa, activation, slopes, whole_groups(tile, length));
            }
            copy_to(c);
        }
        Then::Update { rule, first, second } => {
            let states = rule.states();
            let part = |matrix: *mut F, is_there: bool| {
                if is_there { matrix.wrapping_add(offset) } else { std::ptr::null_mut() }
            };
            let rows = UpdateRows {
                rule: &rule,
                rows,
                width,
                tile,
                tile_stride: vectors * tiles.lanes,
                w: part(c, true),
                first: part(first, states > 0),
                second: part(second, states > 1),
                stride,
            };
            vectorised(isa, rows);
        }
    }
}

/// The tile's first `length` numbers and as many zeros as fill the last group.
///
/// # Safety
/// `tile` is a `TileSums` of which `length` numbers are initialised, and nobody else's.
unsafe fn whole_groups<'a, F: Real>(tile: *mut F, length: usize) -> &'a mut [F] {
    let whole = length.next_multiple_of(GROUP);
    debug_assert!(whole * F::BYTES <= LARGEST_TILE * 4 || F::BYTES == 8);
    let whole = if F::BYTES == 4 { whole } else { length };
    // SAFETY: the largest tile is a whole number of groups, and after this all of the slice is initialised.
    unsafe {
        std::slice::from_raw_parts_mut(tile.add(length).cast::<std::mem::MaybeUninit<F>>(), whole - length)
            .fill(std::mem::MaybeUninit::new(F::ZERO));
        std::slice::from_raw_parts_mut(tile, whole)
    }
}

/// An update of the rows of a tile.
struct UpdateRows<'a, F> {
    rule: &'a Rule<F>,
    rows: usize,
    width: usize,
    tile: *const F,
    tile_stride: usize,
    w: *mut F,
    first: *mut F,
    second: *mut F,
    stride: usize,
}

impl<F: Real> Vectorised for UpdateRows<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        // SAFETY: the promise of `place`: rows of `width` numbers in each matrix that the rule has, and in the tile.
        unsafe fn part<'a, F>(matrix: *mut F, at: usize, width: usize) -> &'a mut [F] {
            if matrix.is_null() {
                return &mut [];
            }
            // SAFETY: as above.
            unsafe { std::slice::from_raw_parts_mut(matrix.add(at), width) }
        }
        for row in 0..self.rows {
            let at = row * self.stride;
            // SAFETY: as above.
            let (to, dw) = unsafe {
                let to = Updated {
                    w: part(self.w, at, self.width),
                    first: part(self.first, at, self.width),
                    second: part(self.second, at, self.width),
                };
                (to, std::slice::from_raw_parts(self.tile.add(row * self.tile_stride), self.width))
            };
            apply(self.rule, to, dw);
        }
    }
}
