//! Tiny networks: each layer's inputs and each layer's units fit into one vector, and a step is one pass without a call.
//!
//! Where a product is a few dozen multiply-adds, what takes the time is everything around it: planning, packing, masks,
//! calls. And what remains is latency, one operation waiting for the other. So here a row of activations is one vector,
//! four rows go side by side, and nothing is decided but by the layers' shapes.
//!
//! ```text
//! z[r]    = Σ_i x[r,i] · w[i,:] + b              lanes are units, i in order
//! δ'[r]   = (Σ_o δ[r,o] · w[:,o]) ⊙ f'(a'[r])    lanes are inputs, o in order
//! dw, db  = Σ_r x[r, p div n] · δ[r, p mod n]    lanes are places p in w and b as they lie, x[r, k] = 1, r in order
//! ```
//!
//! The last line takes w [k, n] and the b [n] behind it as the (k + 1)·n numbers that they are, so that a layer of 8
//! inputs and one unit updates one vector and not nine: x and δ are brought to the lanes by permutations, whose lane
//! numbers are made once ([`Places`]). Each sum is the chain of multiply-adds of [`product`](crate::product), each
//! rounding the same.

#![allow(clippy::needless_range_loop)] // r counts registers

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;
use std::marker::PhantomData;
use std::ops::Range;

use super::{OutputRows, StackLayer, Step};
use crate::activation_kernel::{Backward, Forward};
use crate::isa::Vectorised;
use crate::nonzero::vector::Vector;
use crate::product::epilogue::exact_inverse;
use crate::update::{Rule, Updated, apply};
use crate::{Activation, InstructionSet, Pool, Real};

/// The most rows of a batch: with more, tiles of 13 rows hide latencies as well.
const MOST_ROWS: usize = 32;
/// Rows that go side by side: four chains of multiply-adds are a latency of four cycles at one a cycle.
const SIDE_BY_SIDE: usize = 4;
/// Numbers of the longest vector.
const LONGEST: usize = 16;

/// A number type's step of tiny networks.
pub trait Tiny: Sized + 'static {
    /// Where the instruction set has vectors that hold so wide a layer.
    #[doc(hidden)]
    fn tiny(isa: InstructionSet) -> Option<&'static TinyStep<Self>>;
}

/// The step for one vector type.
#[doc(hidden)]
#[derive(Debug)]
pub struct TinyStep<F> {
    lanes: usize,
    forward: ForwardFn<F>,
    backward: BackwardFn<F>,
}

type ForwardFn<F> = unsafe fn(&Step<'_, F>);
type BackwardFn<F> = unsafe fn(&Step<'_, F>, &[Places]);

impl Tiny for f64 {
    fn tiny(_: InstructionSet) -> Option<&'static TinyStep<Self>> {
        None
    }
}

impl Tiny for f32 {
    fn tiny(isa: InstructionSet) -> Option<&'static TinyStep<Self>> {
        match isa {
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => {
                Some(&TinyStep { lanes: 16, forward: forward_avx512, backward: backward_avx512 })
            }
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => {
                Some(&TinyStep { lanes: 8, forward: forward_avx2, backward: backward_avx2 })
            }
            _ => None,
        }
    }
}

/// Of each place p of a vector of w [k, n] and b [n]: its input p div n, of which the k-th is 1, and its unit p mod n.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(align(64))]
pub(super) struct Place {
    input: [i32; LONGEST],
    unit: [i32; LONGEST],
}

/// The places of a layer's parameters, vector by vector.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Places {
    vectors: Vec<Place>,
    /// How many numbers there are: where x has no lane left for a 1, only the weights.
    count: usize,
}

/// What a stack of tiny layers knows about itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    widest: usize,
    /// By layer, for vectors of 16 and of 8 numbers.
    places: [Vec<Places>; 2],
}

impl Layout {
    /// `None` where a layer is too wide for any vector, or has a derivative that is taken from z.
    pub(super) fn of(layers: &[StackLayer]) -> Option<Self> {
        let widest = layers.iter().map(|layer| layer.fan_in.max(layer.fan_out)).max()?;
        let (_, hidden) = layers.split_last()?;
        if widest > LONGEST || hidden.iter().any(|layer| layer.activation.needs_z()) {
            return None;
        }
        let places = [16, 8].map(|lanes| layers.iter().map(|layer| Places::of(layer, lanes)).collect());
        Some(Self { widest, places })
    }
}

impl Places {
    fn of(layer: &StackLayer, lanes: usize) -> Self {
        let n = layer.fan_out;
        let count = (layer.fan_in + usize::from(layer.fan_in < lanes)) * n;
        let place = |vector: usize| {
            let lane = |lane: usize, of: fn(usize, usize) -> usize| {
                let at = vector * lanes + lane;
                if lane < lanes && at < count { of(at, n) as i32 } else { 0 }
            };
            Place {
                input: std::array::from_fn(|i| lane(i, |at, n| at / n)),
                unit: std::array::from_fn(|i| lane(i, |at, n| at % n)),
            }
        };
        Self { vectors: (0..count.div_ceil(lanes)).map(place).collect(), count }
    }
}

/// One step, if the network, the batch and the instruction set are of the kind. Returns the sum of costs; where that is
/// not finite, nothing is updated.
pub(super) fn step<F: Real>(
    pool: &Pool,
    layout: &Layout,
    step: &Step<'_, F>,
    cost: &impl Fn(OutputRows<'_, F>),
) -> Option<f64> {
    let tiny = F::tiny(pool.instruction_set())?;
    let rows = step.input.rows;
    if layout.widest > tiny.lanes || rows > MOST_ROWS {
        return None;
    }
    // SAFETY: the pool has checked the instruction set, `begin` the lengths; the layers fit into vectors.
    unsafe { (tiny.forward)(step) };
    // SAFETY: there is no other task.
    unsafe { step.cost_of(pool, 0..rows, cost) };
    // SAFETY: the costs of the step's rows have been written.
    let sum = unsafe { std::slice::from_raw_parts(step.costs, rows) }.iter().sum::<f64>();
    if sum.is_finite() {
        let places = &layout.places[usize::from(tiny.lanes == 8)];
        // SAFETY: as above, and places are those of vectors of so many lanes.
        unsafe { (tiny.backward)(step, places) };
    }
    Some(sum)
}

/// A vector with the operations that only tiny networks need.
trait Lanes: Vector<Number = f32> {
    /// What the vector is of.
    const INSTRUCTION_SET: InstructionSet;
    /// The first lanes of R ≤ 4 vectors side by side, in this vector's first R lanes.
    ///
    /// # Safety
    /// As for [`Vector`].
    unsafe fn first_of<const R: usize>(vectors: [Self; R]) -> Self;
    /// Stores R ≤ 4 numbers: four of them without a mask, whose store the next load would wait for longer.
    ///
    /// # Safety
    /// As for [`Vector`]; `at` points to room for R numbers.
    unsafe fn store_few<const R: usize>(self, at: *mut f32);
    /// Lane i in all lanes.
    ///
    /// # Safety
    /// As for [`Vector`].
    unsafe fn lane(self, i: usize) -> Self;
    /// Whether [`flushed`](Vector::flushed) would change anything in these vectors.
    ///
    /// # Safety
    /// As for [`Vector`].
    unsafe fn any_to_flush<const R: usize>(vectors: [Self; R]) -> bool;
    /// Lets the parameters behind `at` in some lanes follow this gradient by any rule; a call, not inlined.
    ///
    /// # Safety
    /// As for [`backward`].
    unsafe fn follow_by(self, step: &Step<'_, f32>, rule: &Rule<f32>, at: usize, lanes: Range<usize>);
    /// Lanes 0 to `count` − 1 from `at`, the others those of this vector.
    ///
    /// # Safety
    /// As for [`Vector`]; `at` points to `count` numbers.
    unsafe fn load_over(self, at: *const f32, count: usize) -> Self;
    /// Lane j of the result is lane `from[j]` of this vector.
    ///
    /// # Safety
    /// As for [`Vector`].
    unsafe fn permuted(self, from: &[i32; LONGEST]) -> Self;
    /// Lanes 0 to `count` − 1 from `at`, `at` + `stride`, …, then zeros.
    ///
    /// # Safety
    /// As for [`Vector`]; these numbers are there.
    unsafe fn gathered(at: *const f32, stride: usize, count: usize) -> Self;
}

#[cfg(target_arch = "x86_64")]
impl Lanes for __m512 {
    const INSTRUCTION_SET: InstructionSet = InstructionSet::Avx512;

    #[inline(always)]
    unsafe fn first_of<const R: usize>(vectors: [Self; R]) -> Self {
        // SAFETY: the caller has the instruction set.
        unsafe {
            let of = |r: usize| _mm512_castps512_ps128(vectors[r.min(R - 1)]);
            let pairs = [_mm_unpacklo_ps(of(0), of(1)), _mm_unpacklo_ps(of(2), of(3))];
            _mm512_zextps128_ps512(_mm_movelh_ps(pairs[0], pairs[1]))
        }
    }
    #[inline(always)]
    unsafe fn store_few<const R: usize>(self, at: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe {
            if R == 4 { _mm_storeu_ps(at, _mm512_castps512_ps128(self)) } else { self.store_first(at, R) }
        }
    }
    #[inline(always)]
    unsafe fn follow_by(self, step: &Step<'_, f32>, rule: &Rule<f32>, at: usize, lanes: Range<usize>) {
        // SAFETY: the caller's promise.
        unsafe { follow_by_avx512(self, step, rule, at, lanes) };
    }
    #[inline(always)]
    unsafe fn lane(self, i: usize) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_permutexvar_ps(_mm512_set1_epi32(i as i32), self) }
    }
    #[inline(always)]
    unsafe fn load_over(self, at: *const f32, count: usize) -> Self {
        // SAFETY: as above; lanes outside the mask are not read.
        unsafe { _mm512_mask_loadu_ps(self, ((1_u32 << count) - 1) as __mmask16, at) }
    }
    #[inline(always)]
    unsafe fn any_to_flush<const R: usize>(vectors: [Self; R]) -> bool {
        /// Negative zeros and what is below the smallest normal number.
        const KINDS: i32 = 0x04 | 0x20;
        // SAFETY: as above.
        unsafe {
            vectors.into_iter().fold(0, |any, vector| any | _mm512_fpclass_ps_mask::<KINDS>(vector)) != 0
        }
    }
    #[inline(always)]
    unsafe fn permuted(self, from: &[i32; LONGEST]) -> Self {
        // SAFETY: the caller has the instruction set; 16 lane numbers are loaded.
        unsafe { _mm512_permutexvar_ps(_mm512_loadu_si512(from.as_ptr().cast()), self) }
    }
    #[inline(always)]
    unsafe fn gathered(at: *const f32, stride: usize, count: usize) -> Self {
        // SAFETY: as above; only the first `count` lanes are read.
        unsafe {
            let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
            let places = _mm512_mullo_epi32(lanes, _mm512_set1_epi32(stride as i32));
            let mask = ((1_u32 << count) - 1) as __mmask16;
            _mm512_mask_i32gather_ps::<4>(_mm512_setzero_ps(), mask, places, at)
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl Lanes for __m256 {
    const INSTRUCTION_SET: InstructionSet = InstructionSet::Avx2;

    #[inline(always)]
    unsafe fn first_of<const R: usize>(vectors: [Self; R]) -> Self {
        let mut all = [0.0; 8];
        for (to, vector) in all.iter_mut().zip(vectors) {
            // SAFETY: the caller has the instruction set.
            *to = unsafe { _mm256_cvtss_f32(vector) };
        }
        // SAFETY: 8 numbers.
        unsafe { Self::load(all.as_ptr()) }
    }
    #[inline(always)]
    unsafe fn store_few<const R: usize>(self, at: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe {
            if R == 4 { _mm_storeu_ps(at, _mm256_castps256_ps128(self)) } else { self.store_first(at, R) }
        }
    }
    #[inline(always)]
    unsafe fn follow_by(self, step: &Step<'_, f32>, rule: &Rule<f32>, at: usize, lanes: Range<usize>) {
        // SAFETY: the caller's promise.
        unsafe { follow_by_avx2(self, step, rule, at, lanes) };
    }
    #[inline(always)]
    unsafe fn lane(self, i: usize) -> Self {
        // SAFETY: as above.
        unsafe { _mm256_permutevar8x32_ps(self, _mm256_set1_epi32(i as i32)) }
    }
    #[inline(always)]
    unsafe fn load_over(self, at: *const f32, count: usize) -> Self {
        // SAFETY: as above; lane numbers below `count` compare as smaller.
        unsafe {
            let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            let first = _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), lanes);
            _mm256_blendv_ps(self, Self::load_first(at, count), _mm256_castsi256_ps(first))
        }
    }
    #[inline(always)]
    unsafe fn any_to_flush<const R: usize>(vectors: [Self; R]) -> bool {
        // SAFETY: as above. As integers, magnitudes are in the order of the numbers; only +0 stays what it is.
        unsafe {
            let any = vectors.into_iter().fold(_mm256_setzero_si256(), |any, vector| {
                let bits = _mm256_castps_si256(vector);
                let magnitude = _mm256_and_si256(bits, _mm256_set1_epi32(i32::MAX));
                let small =
                    _mm256_cmpgt_epi32(_mm256_set1_epi32(f32::MIN_POSITIVE.to_bits() as i32), magnitude);
                let zero = _mm256_cmpeq_epi32(bits, _mm256_setzero_si256());
                _mm256_or_si256(any, _mm256_andnot_si256(zero, small))
            });
            _mm256_testz_si256(any, any) == 0
        }
    }
    #[inline(always)]
    unsafe fn permuted(self, from: &[i32; LONGEST]) -> Self {
        // SAFETY: the caller has the instruction set; 8 of 16 lane numbers are loaded.
        unsafe { _mm256_permutevar8x32_ps(self, _mm256_loadu_si256(from.as_ptr().cast())) }
    }
    #[inline(always)]
    unsafe fn gathered(at: *const f32, stride: usize, count: usize) -> Self {
        let mut lanes = [0.0; 8];
        for (lane, value) in lanes.iter_mut().enumerate().take(count) {
            // SAFETY: the caller's promise.
            *value = unsafe { *at.add(lane * stride) };
        }
        // SAFETY: 8 numbers.
        unsafe { Self::load(lanes.as_ptr()) }
    }
}

macro_rules! compiled_for {
    ($forward:ident, $backward:ident, $follow_by:ident, $vector:ty, $features:literal) => {
        /// # Safety
        /// As for [`forward`].
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $features)]
        unsafe fn $forward(step: &Step<'_, f32>) {
            // SAFETY: the caller's promise.
            unsafe { forward::<$vector>(step) };
        }
        /// # Safety
        /// As for [`backward`].
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $features)]
        unsafe fn $backward(step: &Step<'_, f32>, places: &[Places]) {
            // SAFETY: the caller's promise.
            unsafe { backward::<$vector>(step, places) };
        }
        /// # Safety
        /// As for [`follow_by`].
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $features)]
        #[inline(never)]
        unsafe fn $follow_by(
            gradient: $vector,
            step: &Step<'_, f32>,
            rule: &Rule<f32>,
            at: usize,
            lanes: Range<usize>,
        ) {
            // SAFETY: the caller's promise.
            unsafe { follow_by(gradient, step, rule, at, lanes) };
        }
    };
}

compiled_for!(
    forward_avx512,
    backward_avx512,
    follow_by_avx512,
    __m512,
    "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl"
);
compiled_for!(forward_avx2, backward_avx2, follow_by_avx2, __m256, "avx2,fma");

/// Calls `$rows::<V, R>(…, row)` for all rows, four at a time as long as there are four.
macro_rules! each_rows {
    ($vector:ident, $rows:ident, $step:expr $(, $more:expr)*) => {{
        let mut row = 0;
        while $step.input.rows - row >= SIDE_BY_SIDE {
            $rows::<$vector, SIDE_BY_SIDE>($step, row $(, $more)*);
            row += SIDE_BY_SIDE;
        }
        while row < $step.input.rows {
            $rows::<$vector, 1>($step, row $(, $more)*);
            row += 1;
        }
    }};
}

/// Activations of all layers and rows, but for a softmax at the output, which is left at z.
///
/// # Safety
/// The machine has the vector's instruction set and the caller is compiled for it; no layer is wider than a vector. The
/// step's pointers are good for its shapes.
#[inline(always)]
unsafe fn forward<V: Lanes>(step: &Step<'_, f32>) {
    // SAFETY: the caller's promise; rows are the step's.
    unsafe { each_rows!(V, forward_rows, step) };
}

/// R rows through all layers, their activations in registers on the way.
///
/// # Safety
/// As for [`forward`]; there are R rows from `row` on.
#[inline(always)]
unsafe fn forward_rows<V: Lanes, const R: usize>(step: &Step<'_, f32>, row: usize) {
    let (last, hidden) = step.layers.split_last().expect("a stack has layers");
    let x = step.input_of(0, row);
    // SAFETY: the caller's promise.
    unsafe {
        let Some((first, others)) = hidden.split_first() else {
            let fan_in = last.fan_in;
            let z = affine::<V, R>(last, step.w, |r, i| V::splat(*x.add(r * fan_in + i)));
            return leave_output::<V, R>(last, z, step.kept(0), row);
        };
        let z = affine::<V, R>(first, step.w, |r, i| V::splat(*x.add(r * first.fan_in + i)));
        let mut a = activated::<V, R>(first.activation, z);
        leave_rows(a, step.kept(0).a, row, first.fan_out);
        for (index, layer) in others.iter().enumerate() {
            a = activated::<V, R>(layer.activation, affine::<V, R>(layer, step.w, |r, i| a[r].lane(i)));
            leave_rows(a, step.kept(index + 1).a, row, layer.fan_out);
        }
        let z = affine::<V, R>(last, step.w, |r, i| a[r].lane(i));
        leave_output::<V, R>(last, z, step.kept(hidden.len()), row);
    }
}

/// z of R rows of a layer, from input i of row r in all lanes.
///
/// # Safety
/// As for [`forward`].
#[inline(always)]
unsafe fn affine<V: Lanes, const R: usize>(
    layer: &StackLayer,
    parameters: *const f32,
    input: impl Fn(usize, usize) -> V,
) -> [V; R] {
    let &StackLayer { fan_in, fan_out, .. } = layer;
    // SAFETY: the caller's promise.
    unsafe {
        let w = parameters.add(layer.at);
        let mut z = [V::splat(0.0); R];
        for i in 0..fan_in {
            let weights = V::load_first(w.add(i * fan_out), fan_out);
            for r in 0..R {
                z[r] = z[r].add_product(input(r, i), weights);
            }
        }
        let bias = V::load_first(w.add(fan_in * fan_out), fan_out);
        for z in &mut z {
            *z = z.add(bias);
        }
        flushed(z)
    }
}

/// Puts z and a of R output rows where the cost will look for them.
///
/// # Safety
/// As for [`forward_rows`].
#[inline(always)]
unsafe fn leave_output<V: Lanes, const R: usize>(
    layer: &StackLayer,
    z: [V; R],
    to: super::RawRows<f32>,
    row: usize,
) {
    let &StackLayer { fan_out, activation, .. } = layer;
    // SAFETY: the caller's promise.
    unsafe {
        if fan_out == 1 && activation != Activation::Softmax {
            // A column of one unit is R numbers side by side.
            let z = V::first_of(z);
            if !to.z.is_null() {
                z.store_few::<R>(to.z.add(row));
            }
            let [a] = activated::<V, 1>(activation, [z]);
            return a.store_few::<R>(to.a.add(row));
        }
        if !to.z.is_null() {
            leave_rows(z, to.z, row, fan_out);
        }
        if activation != Activation::Softmax {
            leave_rows(activated::<V, R>(activation, z), to.a, row, fan_out);
        }
    }
}

/// The first `width` numbers of each vector to rows of that width, from `row` on.
///
/// # Safety
/// There is room for them.
#[inline(always)]
unsafe fn leave_rows<V: Lanes, const R: usize>(vectors: [V; R], to: *mut f32, row: usize, width: usize) {
    for (r, vector) in vectors.into_iter().enumerate() {
        // SAFETY: the caller's promise.
        unsafe { vector.store_first(to.add((row + r) * width), width) };
    }
}

/// Magnitudes below the smallest normal number become 0. There seldom are any, so that a branch, which nothing waits
/// for, takes less of a step than a comparison and a selection on the way of every number.
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
unsafe fn flushed<V: Lanes, const R: usize>(vectors: [V; R]) -> [V; R] {
    // SAFETY: the caller's promise.
    unsafe {
        if V::any_to_flush(vectors) {
            return each(vectors, vectors, |vector, _| vector.flushed());
        }
    }
    vectors
}

/// f(z) of whole vectors. The usual activations are compiled here, each for itself, and stay in registers; the others
/// are called, since the constants of all of them would be loaded for each step.
///
/// # Safety
/// As for [`forward`].
#[inline(always)]
unsafe fn activated<V: Lanes, const R: usize>(activation: Activation, z: [V; R]) -> [V; R] {
    /// `activation` is known where this is inlined.
    #[inline(always)]
    fn one<V: Lanes>(activation: Activation, mut z: V) -> V {
        Forward { activation, values: numbers(&mut z) }.run::<true>();
        z
    }
    match activation {
        Activation::Identity => z,
        Activation::Sigmoid => each(z, z, |z, _| one(Activation::Sigmoid, z)),
        Activation::Tanh => each(z, z, |z, _| one(Activation::Tanh, z)),
        Activation::Relu => each(z, z, |z, _| one(Activation::Relu, z)),
        other => each(z, z, |mut z, _| {
            crate::activation_kernel::forward(V::INSTRUCTION_SET, other, numbers(&mut z));
            z
        }),
    }
}

/// δ = ∂C/∂a ⊙ f' of whole vectors, as [`activated`].
///
/// # Safety
/// As for [`backward`].
#[inline(always)]
unsafe fn through_activation<V: Lanes, const R: usize>(
    activation: Activation,
    a: [V; R],
    delta: [V; R],
) -> [V; R] {
    /// `activation` is known where this is inlined.
    #[inline(always)]
    fn one<V: Lanes>(activation: Activation, mut a: V, mut delta: V) -> V {
        Backward { activation, source: numbers(&mut a), delta: numbers(&mut delta) }.run::<true>();
        delta
    }
    match activation {
        Activation::Identity => delta,
        Activation::Sigmoid => each(a, delta, |a, delta| one(Activation::Sigmoid, a, delta)),
        Activation::Tanh => each(a, delta, |a, delta| one(Activation::Tanh, a, delta)),
        Activation::Relu => each(a, delta, |a, delta| one(Activation::Relu, a, delta)),
        other => each(a, delta, |mut a, mut delta| {
            let (source, values) = (numbers(&mut a), numbers(&mut delta));
            crate::activation_kernel::backward(V::INSTRUCTION_SET, other, source, values);
            delta
        }),
    }
}

/// `f` of each pair of vectors. Written out, so that each is in a register by the time that loops are compiled.
#[inline(always)]
fn each<V: Copy, const R: usize>(mut left: [V; R], right: [V; R], f: impl Fn(V, V) -> V) -> [V; R] {
    const { assert!(R >= 1 && R <= SIDE_BY_SIDE && SIDE_BY_SIDE == 4) };
    left[0] = f(left[0], right[0]);
    if R > 1 {
        left[1] = f(left[1], right[1]);
    }
    if R > 2 {
        left[2] = f(left[2], right[2]);
    }
    if R > 3 {
        left[3] = f(left[3], right[3]);
    }
    left
}

/// The numbers of a vector.
#[inline(always)]
fn numbers<V: Lanes>(vector: &mut V) -> &mut [f32] {
    // SAFETY: a vector is LANES numbers, without padding.
    unsafe { std::slice::from_raw_parts_mut(std::ptr::from_mut(vector).cast(), V::LANES) }
}

/// δ of all layers, and the updates.
///
/// # Safety
/// As for [`forward`], after it and the cost; `places` are those of the layers for this vector.
#[inline(always)]
unsafe fn backward<V: Lanes>(step: &Step<'_, f32>, places: &[Places]) {
    // SAFETY: the caller's promise.
    unsafe {
        let rule = step.input.rule;
        if let Rule::Descend { learning_rate } = *rule
            && step.input.rows == SIDE_BY_SIDE
        {
            return backward_rows::<V, SIDE_BY_SIDE>(step, 0, Some((places, learning_rate)));
        }
        each_rows!(V, backward_rows, step, None);
        for (index, places) in places.iter().enumerate() {
            let update = Update::<V>::of(step, index);
            update.follow_each(places, rule, |place| {
                let mut sum = V::splat(0.0);
                for row in 0..step.input.rows {
                    sum = place.add_products(sum, update.inputs::<1>(row), update.deltas::<1>(row));
                }
                sum
            });
            update.biases_left(places, rule);
        }
    }
}

/// δ of R rows of all layers, in registers on the way; ∂C/∂x where it is wanted. With places and a learning rate, R rows
/// are all rows, and each layer descends as soon as its δ has gone through its weights.
///
/// # Safety
/// As for [`backward`]; there are R rows from `row` on.
#[inline(always)]
unsafe fn backward_rows<V: Lanes, const R: usize>(
    step: &Step<'_, f32>,
    row: usize,
    descent: Option<(&[Places], f32)>,
) {
    let last = step.layers.len() - 1;
    // SAFETY: the caller's promise.
    unsafe {
        let mut delta = rows_at::<V, R>(step.kept(last).delta, row, step.layers[last].fan_out);
        for index in (0..=last).rev() {
            let (layer, update) = (&step.layers[index], Update::<V>::of(step, index));
            let (x, mut before) = (update.inputs::<R>(row), delta);
            if index > 0 {
                let upstream = upstream::<V, R>(layer, step.w, delta);
                before = through_activation::<V, R>(step.layers[index - 1].activation, x, upstream);
                leave_rows(before, step.kept(index - 1).delta, row, layer.fan_in);
            } else if !step.dx.is_null() {
                leave_rows(upstream::<V, R>(layer, step.w, delta), step.dx, row, layer.fan_in);
            }
            if let Some((places, learning_rate)) = descent {
                let rule = &Rule::Descend { learning_rate };
                update.follow_each(&places[index], rule, |place| place.add_products(V::splat(0.0), x, delta));
                update.biases_left(&places[index], rule);
            }
            delta = before;
        }
    }
}

/// R rows of that width, from `row` on; a row of one number has it in all lanes.
///
/// # Safety
/// They are there.
#[inline(always)]
unsafe fn rows_at<V: Lanes, const R: usize>(from: *const f32, row: usize, width: usize) -> [V; R] {
    // SAFETY: the caller's promise.
    unsafe {
        if width == 1 {
            std::array::from_fn(|r| V::splat(*from.add(row + r)))
        } else {
            std::array::from_fn(|r| V::load_first(from.add((row + r) * width), width))
        }
    }
}

/// ∂C/∂a of the layer before for R rows, Σ_o δ[r,o] · w[:,o].
///
/// # Safety
/// As for [`backward`].
#[inline(always)]
unsafe fn upstream<V: Lanes, const R: usize>(
    layer: &StackLayer,
    parameters: *const f32,
    delta: [V; R],
) -> [V; R] {
    let &StackLayer { fan_in, fan_out, .. } = layer;
    // SAFETY: the caller's promise.
    unsafe {
        let w = parameters.add(layer.at);
        let mut sums = [V::splat(0.0); R];
        if fan_out == 1 {
            let weights = V::load_first(w, fan_in);
            for r in 0..R {
                sums[r] = sums[r].add_product(delta[r].lane(0), weights);
            }
        } else {
            for o in 0..fan_out {
                let weights = V::gathered(w.add(o), fan_out, fan_in);
                for r in 0..R {
                    sums[r] = sums[r].add_product(delta[r].lane(o), weights);
                }
            }
        }
        flushed(sums)
    }
}

/// A layer's update under way.
struct Update<'a, V> {
    step: &'a Step<'a, f32>,
    layer: &'a StackLayer,
    x: *const f32,
    delta: *const f32,
    vector: PhantomData<V>,
}

impl<'a, V: Lanes> Update<'a, V> {
    #[inline(always)]
    fn of(step: &'a Step<'a, f32>, index: usize) -> Self {
        let (x, delta) = (step.input_of(index, 0), step.kept(index).delta.cast_const());
        Self { step, layer: &step.layers[index], x, delta, vector: PhantomData }
    }

    /// What the layer reads in R rows, each with ones behind.
    ///
    /// # Safety
    /// As for [`backward_rows`].
    #[inline(always)]
    unsafe fn inputs<const R: usize>(&self, row: usize) -> [V; R] {
        let width = self.layer.fan_in;
        // SAFETY: the caller's promise. Rows are loaded no further than they go.
        unsafe { std::array::from_fn(|r| V::splat(1.0).load_over(self.x.add((row + r) * width), width)) }
    }

    /// The layer's δ in R rows.
    ///
    /// # Safety
    /// As for [`backward_rows`].
    #[inline(always)]
    unsafe fn deltas<const R: usize>(&self, row: usize) -> [V; R] {
        // SAFETY: the caller's promise.
        unsafe { rows_at(self.delta, row, self.layer.fan_out) }
    }

    /// Lets the parameters at these places follow their gradient, of which `sum` gives each vector's sum over rows.
    ///
    /// # Safety
    /// As for [`backward`].
    #[inline(always)]
    unsafe fn follow_each(&self, places: &Places, rule: &Rule<f32>, sum: impl Fn(&Place) -> V) {
        for (vector, place) in places.vectors.iter().enumerate() {
            let at = vector * V::LANES;
            // SAFETY: the caller's promise.
            unsafe { self.follow(rule, self.layer.at + at, V::LANES.min(places.count - at), sum(place)) };
        }
    }

    /// Lets the biases follow their gradient where places do not hold them.
    ///
    /// # Safety
    /// As for [`backward`].
    #[inline(always)]
    unsafe fn biases_left(&self, places: &Places, rule: &Rule<f32>) {
        let biases = self.layer.biases();
        if self.layer.at + places.count >= biases.end {
            return;
        }
        // SAFETY: the caller's promise.
        unsafe {
            let mut sum = V::splat(0.0);
            for row in 0..self.step.input.rows {
                let [delta] = self.deltas::<1>(row);
                sum = sum.add(delta);
            }
            self.follow(rule, biases.start, biases.len(), sum);
        }
    }

    /// Lets `width` parameters from `at` on follow their gradient, `sum` / W.
    ///
    /// # Safety
    /// As for [`backward`].
    #[inline(always)]
    unsafe fn follow(&self, rule: &Rule<f32>, at: usize, width: usize, sum: V) {
        let total = self.step.input.total;
        // SAFETY: the caller's promise.
        unsafe {
            let gradient = match exact_inverse(total) {
                Some(inverse) => sum.multiply(V::splat(inverse)),
                None => sum.divide(V::splat(total)),
            };
            let [gradient] = flushed([gradient]);
            if let Rule::Descend { learning_rate } = *rule {
                let w = self.step.w.add(at);
                let before = V::load_first(w, width);
                let [after] = flushed([before.subtract(V::splat(learning_rate).multiply(gradient))]);
                return if width == V::LANES { after.store(w) } else { after.store_first(w, width) };
            }
            let weights = (self.layer.biases().start.max(at) - at).min(width);
            gradient.follow_by(self.step, rule, at, 0..weights);
            gradient.follow_by(self.step, &rule.without_decay(), at, weights..width);
        }
    }
}

/// Lets the parameters behind `at` in these lanes follow this gradient by any rule. Whole vectors are worked on, so that
/// their numbers' operations go side by side.
///
/// # Safety
/// As for [`backward`].
#[inline(always)]
unsafe fn follow_by<V: Lanes>(
    gradient: V,
    step: &Step<'_, f32>,
    rule: &Rule<f32>,
    at: usize,
    lanes: Range<usize>,
) {
    let (width, states) = (lanes.len(), rule.states());
    if width == 0 {
        return;
    }
    let mut dw = [0.0; LONGEST];
    // SAFETY: the caller's promise; a state that the rule has is there.
    unsafe {
        gradient.store(dw.as_mut_ptr());
        dw.copy_within(lanes.clone(), 0);
        let place = |of: *mut f32| of.wrapping_add(at + lanes.start);
        let taken = |of: *mut f32, is_there: bool| {
            let mut numbers = [0.0; LONGEST];
            if is_there {
                V::load_first(place(of), width).store(numbers.as_mut_ptr());
            }
            numbers
        };
        let mut w = taken(step.w, true);
        let (mut first, mut second) = (taken(step.first, states > 0), taken(step.second, states > 1));
        let to = Updated { w: &mut w, first: &mut first, second: &mut second };
        apply(rule, to, &dw[..V::LANES]);
        V::load(w.as_ptr()).store_first(place(step.w), width);
        if states > 0 {
            V::load(first.as_ptr()).store_first(place(step.first), width);
        }
        if states > 1 {
            V::load(second.as_ptr()).store_first(place(step.second), width);
        }
    }
}

impl Place {
    /// Σ_r x[r]·δ[r] of this vector of places, added to `sum` in the order of rows.
    ///
    /// # Safety
    /// As for [`backward`].
    #[inline(always)]
    unsafe fn add_products<V: Lanes, const R: usize>(&self, mut sum: V, x: [V; R], delta: [V; R]) -> V {
        for (x, delta) in x.into_iter().zip(delta) {
            // SAFETY: the caller's promise.
            sum = unsafe { sum.add_product(x.permuted(&self.input), delta.permuted(&self.unit)) };
        }
        sum
    }
}
