//! CPU kernels for multilayer perceptrons: matrix products, activations, softmax, optimizer sweeps and the thread
//! pool they share.
//!
//! Everything works on plain slices, row-major, rows being samples:
//!
//! ```text
//! z  = x·w + b            affine             x [batch, fan_in]   w [fan_in, fan_out]   b [fan_out]
//! a  = f(z)               activate           z, a [batch, fan_out]
//! δ  = upstream ⊙ f'      activate_backward
//! dx = δ·wᵀ               back_product
//! dw = xᵀ·δ / W           weight_gradient    db = Σ δ / W        bias_gradient
//! w  ← w − η·dw …         update, by a Rule: descent, momentum, RMSprop, Adam; weight_gradient_update does both in one pass
//! ```
//!
//! What it refuses to know: layers, files, clocks (but for how threads wait), environment variables, `Result`. A slice
//! of the wrong length is a bug of the caller and a documented panic. It has no dependency.
//!
//! # Numbers
//!
//! - [`Real`] is `f32` or `f64`. `f32` runs on the vector unit chosen at run time ([`InstructionSet`]); `f64` runs the
//!   plain loops of [`reference`](mod@reference), compiled for that vector unit.
//! - **The same bits for any number of threads.** Each output of a product is one chain of multiply-adds along the
//!   inner dimension, in pieces of [`PIECE`] whose sums are added in order, whoever computes it and in whichever tile
//!   (δ·wᵀ of a few rows is a few such chains: [`back_product`]); sums over a buffer are cut into pieces by its length only. (Another instruction set gives other bits.)
//! - **NaN is never hidden**: no maximum or select here drops one.
//! - **Denormals** are flushed by value when results are stored: magnitudes below the smallest normal number become 0.
//!   The floating-point control register is never touched.
//!
//! # Example
//!
//! ```
//! use deltarule_kernels::{Activation, Pool, Scratch, activate, affine};
//!
//! // One sample, two inputs, two units: z = [1·1 + 2·3, 1·2 + 2·4] + [−10, 0.5] = [−3, 10.5].
//! let pool = Pool::new(1);
//! let mut scratch = Scratch::<f32>::for_product(1, 2, 2);
//! let (x, w, b) = ([1.0, 2.0], [1.0, 2.0, 3.0, 4.0], [-10.0, 0.5]);
//! let (mut z, mut a) = ([0.0; 2], [0.0; 2]);
//! affine(&pool, &mut scratch, 1, 2, 2, &x, &w, Some(&b), &mut z);
//! activate(&pool, Activation::Relu, 2, &z, &mut a);
//! assert_eq!((z, a), ([-3.0, 10.5], [0.0, 10.5]));
//! ```

#![deny(unsafe_op_in_unsafe_fn)]

mod activation;
mod activation_kernel;
mod buffer;
mod cross_entropy;
mod erf;
mod gather;
mod isa;
mod nonzero;
mod pieces;
mod pool;
mod product;
mod real;
pub mod reference;
mod scratch;
mod softmax;
mod sparse;
mod squared_error;
mod stack;
mod sum;
mod sweep;
mod update;
mod vector;
mod vector_math;

pub use activation::Activation;
pub use activation_kernel::{activate, activate_backward, activate_in_place, exp, sigmoid, tanh};
pub use buffer::Buffer;
pub use cross_entropy::{ClassRows, binary_cross_entropies, cross_entropies};
pub use gather::gather_rows;
pub use isa::InstructionSet;
pub use nonzero::{
    Nonzeros, SparseColumns, SparseRows, SparseView, affine_nonzero, affine_sparse, weight_gradient_nonzero,
    weight_gradient_sparse, weight_gradient_update_nonzero, weight_gradient_update_sparse,
};
pub use pool::Pool;
pub use product::{
    PIECE, PackedWeights, Transpose, affine, back_product, bias_gradient, matmul, weight_gradient,
    weight_gradient_update,
};
pub use real::Real;
pub use scratch::Scratch;
pub use softmax::{log_softmax, softmax, softmax_in_place};
pub use sparse::{gather_add, scatter_add};
pub use squared_error::squared_errors;
pub use stack::{KeepsRows, LayerRows, MAX_LAYERS, OutputRows, Stack, StackLayer, StepInput};
pub use sum::{abs_max, dot64, sum_squares64, sum64};
pub use sweep::{axpy, descend, scale, update};
pub use update::{Rule, Updated};

/// The README's examples, compiled and run with the documentation's.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
