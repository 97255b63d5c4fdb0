//! Tiny networks: each layer's inputs and each layer's units fit into one vector, and a step is one pass without a call.
//!
//! Where a product is a few dozen multiply-adds, what takes the time is everything around it: planning, packing, masks,
//! calls. And what remains is latency, one operation waiting for the other. So here a row of activations is one vector,
//! four rows go side by side, and nothing is decided but by the layers' shapes.
//!
//! ```text
//! z[r]    = Σ_i x[r,i] · w[i,:] + b              lanes are units, i in order
//! δ'[r]   = (Σ_o δ[r,o] · w[:,o]) ⊙ f'(a'[r])    lanes are inputs, o in order
//! dw      = Σ_r x[r, p div n] · δ[r, p mod n]    lanes are places p in w as it lies, r in order
//! ```
//!
//! The last line takes w [k, n] as the k·n numbers that it is, so that a layer of 8 inputs and one unit updates half a
//! vector and not eight: x and δ are brought to the lanes by permutations, whose lane numbers are made once
//! ([`Places`]). Each sum is the chain of multiply-adds of [`product`](crate::product), each rounding the same.

#![allow(clippy::needless_range_loop)] // r counts registers

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use super::{MAX_LAYERS, OutputRows, StackLayer, Step};
use crate::activation_kernel::{Backward, Forward};
use crate::isa::Vectorised;
use crate::nonzero::vector::Vector;
use crate::product::epilogue::exact_inverse;
use crate::update::{Rule, Updated, apply};
use crate::{Activation, InstructionSet, Pool, Real, Scratch};

/// The most rows of a batch: with more, tiles of 13 rows hide latencies as well.
const MOST_ROWS: usize = 32;
/// Rows that go side by side: four chains of multiply-adds are a latency of four cycles at one a cycle.
const SIDE_BY_SIDE: usize = 4;
/// Numbers of the longest vector.
const LONGEST: usize = 16;

// A participant's workspace holds a row of activations and one of δ for every row and layer.
const _: () = assert!(2 * MAX_LAYERS * MOST_ROWS * LONGEST <= crate::scratch::WORKSPACE);

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

type ForwardFn<F> = unsafe fn(&Step<'_, F>, *mut F);
type BackwardFn<F> = unsafe fn(&Step<'_, F>, *mut F, &[Places]);

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

/// Of each place p of a vector of w [k, n]: its input p div n and its unit p mod n.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(align(64))]
pub(super) struct Place {
    input: [i32; LONGEST],
    unit: [i32; LONGEST],
}

/// The places of a layer's weights, vector by vector.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Places(Vec<Place>);

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
        let (count, n) = (layer.fan_in * layer.fan_out, layer.fan_out);
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
        Self((0..count.div_ceil(lanes)).map(place).collect())
    }
}

/// One step, if the network, the batch and the instruction set are of the kind. Returns the sum of costs; where that is
/// not finite, nothing is updated.
pub(super) fn step<F: Real>(
    pool: &Pool,
    scratch: &mut Scratch<F>,
    layout: &Layout,
    step: &Step<'_, F>,
    cost: &impl Fn(OutputRows<'_, F>),
) -> Option<f64> {
    let tiny = F::tiny(pool.instruction_set())?;
    let rows = step.input.rows;
    if layout.widest > tiny.lanes || rows > MOST_ROWS {
        return None;
    }
    let kept = scratch.workspace.as_mut_ptr();
    // SAFETY: the pool has checked the instruction set, `begin` the lengths; the layers fit into vectors, and the
    // workspace has room for two rows of a vector for each row and layer.
    unsafe { (tiny.forward)(step, kept) };
    // SAFETY: there is no other task.
    unsafe { step.cost_of(pool, 0..rows, cost) };
    // SAFETY: the costs of the step's rows have been written.
    let sum = unsafe { std::slice::from_raw_parts(step.costs, rows) }.iter().sum::<f64>();
    if sum.is_finite() {
        let places = &layout.places[usize::from(tiny.lanes == 8)];
        // SAFETY: as above, and places are those of vectors of so many lanes.
        unsafe { (tiny.backward)(step, kept, places) };
    }
    Some(sum)
}

/// A vector with the operations that only tiny networks need.
trait Lanes: Vector<Number = f32> {
    /// What the vector is of.
    const INSTRUCTION_SET: InstructionSet;
    /// The first lanes of R vectors side by side, in this vector's first R lanes.
    ///
    /// # Safety
    /// As for [`Vector`].
    unsafe fn first_of<const R: usize>(vectors: [Self; R]) -> Self;
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
        let mut all = vectors[0];
        for (r, vector) in vectors.into_iter().enumerate().skip(1) {
            // SAFETY: the caller has the instruction set.
            all = unsafe { _mm512_mask_broadcastss_ps(all, 1 << r, _mm512_castps512_ps128(vector)) };
        }
        all
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
    ($forward:ident, $backward:ident, $vector:ty, $features:literal) => {
        /// # Safety
        /// As for [`forward`].
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $features)]
        unsafe fn $forward(step: &Step<'_, f32>, kept: *mut f32) {
            // SAFETY: the caller's promise.
            unsafe { forward::<$vector>(step, kept) };
        }
        /// # Safety
        /// As for [`backward`].
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $features)]
        unsafe fn $backward(step: &Step<'_, f32>, kept: *mut f32, places: &[Places]) {
            // SAFETY: the caller's promise.
            unsafe { backward::<$vector>(step, kept, places) };
        }
    };
}

compiled_for!(forward_avx512, backward_avx512, __m512, "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl");
compiled_for!(forward_avx2, backward_avx2, __m256, "avx2,fma");

/// Where the activations of a layer lie in the workspace, a vector for each row; their δ lie right behind.
#[inline(always)]
fn kept_at(lanes: usize, rows: usize, layer: usize) -> usize {
    2 * layer * rows * lanes
}

/// Activations of all layers and rows, but for a softmax at the output, which is left at z.
///
/// # Safety
/// The machine has the vector's instruction set and the caller is compiled for it; no layer is wider than a vector;
/// `kept` has room for two vectors for each row and layer. The step's pointers are good for its shapes.
#[inline(always)]
unsafe fn forward<V: Lanes>(step: &Step<'_, f32>, kept: *mut f32) {
    let rows = step.input.rows;
    for (index, layer) in step.layers.iter().enumerate() {
        let is_output = index + 1 == step.layers.len();
        let a = kept.wrapping_add(kept_at(V::LANES, rows, index));
        let (x, stride) = if index == 0 {
            (step.input.x.as_ptr(), layer.fan_in)
        } else {
            (kept.wrapping_add(kept_at(V::LANES, rows, index - 1)).cast_const(), V::LANES)
        };
        let mut row = 0;
        // SAFETY: rows and units lie inside the matrices and the workspace.
        unsafe {
            let w = step.w.add(layer.at).cast_const();
            while row < rows {
                let (x, a) = (x.add(row * stride), a.add(row * V::LANES));
                let places = Some(step.kept(index)).filter(|_| is_output).map(|to| (to, row));
                if rows - row >= SIDE_BY_SIDE {
                    rows_of_layer::<V, SIDE_BY_SIDE>(layer, w, x, stride, a, places);
                    row += SIDE_BY_SIDE;
                } else {
                    rows_of_layer::<V, 1>(layer, w, x, stride, a, places);
                    row += 1;
                }
            }
        }
    }
}

/// z and a of R rows of a layer; of the output they go where the cost will look for them.
///
/// # Safety
/// As for [`forward`].
#[inline(always)]
unsafe fn rows_of_layer<V: Lanes, const R: usize>(
    layer: &StackLayer,
    w: *const f32,
    x: *const f32,
    stride: usize,
    a: *mut f32,
    output: Option<(super::RawRows<f32>, usize)>,
) {
    let &StackLayer { fan_in, fan_out, activation, .. } = layer;
    // SAFETY: the caller's promise.
    unsafe {
        let mut z = [V::splat(0.0); R];
        for i in 0..fan_in {
            let weights = V::load_first(w.add(i * fan_out), fan_out);
            for r in 0..R {
                z[r] = z[r].add_product(V::splat(*x.add(r * stride + i)), weights);
            }
        }
        let bias = V::load_first(w.add(fan_in * fan_out), fan_out);
        for z in &mut z {
            *z = z.add(bias).flushed();
        }
        let Some((to, row)) = output else {
            for (r, z) in z.into_iter().enumerate() {
                z.store(a.add(r * V::LANES));
            }
            return activate::<V>(activation, std::slice::from_raw_parts_mut(a, R * V::LANES));
        };
        if fan_out == 1 && activation != Activation::Softmax {
            // A column of one unit is R numbers side by side.
            V::first_of(z).store(a);
            if !to.z.is_null() {
                V::load(a).store_first(to.z.add(row), R);
            }
            activate::<V>(activation, std::slice::from_raw_parts_mut(a, V::LANES));
            std::ptr::copy_nonoverlapping(a, to.a.add(row), R);
            return;
        }
        for (r, z) in z.into_iter().enumerate() {
            z.store(a.add(r * V::LANES));
        }
        if !to.z.is_null() {
            leave_rows::<V>(R, a, to.z.add(row * fan_out), fan_out);
        }
        if activation != Activation::Softmax {
            activate::<V>(activation, std::slice::from_raw_parts_mut(a, R * V::LANES));
            leave_rows::<V>(R, a, to.a.add(row * fan_out), fan_out);
        }
    }
}

/// a = f(z) in place, of whole vectors. The usual activations are compiled here, each for itself; the others are called,
/// since the constants of all of them would be loaded for each step.
///
/// # Safety
/// As for [`forward`].
#[inline(always)]
unsafe fn activate<V: Lanes>(activation: Activation, values: &mut [f32]) {
    match activation {
        Activation::Identity => {}
        Activation::Sigmoid => Forward { activation: Activation::Sigmoid, values }.run::<true>(),
        Activation::Tanh => Forward { activation: Activation::Tanh, values }.run::<true>(),
        Activation::Relu => Forward { activation: Activation::Relu, values }.run::<true>(),
        other => crate::activation_kernel::forward(V::INSTRUCTION_SET, other, values),
    }
}

/// δ = ∂C/∂a ⊙ f' in place, of whole vectors, as [`activate`].
///
/// # Safety
/// As for [`backward`].
#[inline(always)]
unsafe fn through_activation<V: Lanes>(activation: Activation, source: &[f32], delta: &mut [f32]) {
    match activation {
        Activation::Identity => {}
        Activation::Sigmoid => Backward { activation: Activation::Sigmoid, source, delta }.run::<true>(),
        Activation::Tanh => Backward { activation: Activation::Tanh, source, delta }.run::<true>(),
        Activation::Relu => Backward { activation: Activation::Relu, source, delta }.run::<true>(),
        other => crate::activation_kernel::backward(V::INSTRUCTION_SET, other, source, delta),
    }
}

/// Takes the first `width` numbers of each vector to rows of that width.
///
/// # Safety
/// There is room for them.
#[inline(always)]
unsafe fn leave_rows<V: Lanes>(rows: usize, from: *const f32, to: *mut f32, width: usize) {
    for row in 0..rows {
        // SAFETY: the caller's promise.
        unsafe { V::load(from.add(row * V::LANES)).store_first(to.add(row * width), width) };
    }
}

/// δ of all layers, then the updates.
///
/// # Safety
/// As for [`forward`], after it and the cost; `places` are those of the layers for this vector.
#[inline(always)]
unsafe fn backward<V: Lanes>(step: &Step<'_, f32>, kept: *mut f32, places: &[Places]) {
    let rows = step.input.rows;
    let last = step.layers.len() - 1;
    let activations = |layer: usize| kept.wrapping_add(kept_at(V::LANES, rows, layer));
    let deltas = |layer: usize| activations(layer).wrapping_add(rows * V::LANES);
    // SAFETY: the caller's promise.
    unsafe {
        let (delta, width) = (step.kept(last).delta, step.layers[last].fan_out);
        for row in 0..rows {
            let at = delta.add(row * width);
            let vector = if width == 1 { V::splat(*at) } else { V::load_first(at, width) };
            vector.store(deltas(last).add(row * V::LANES));
        }
        for index in (1..=last).rev() {
            let (a, to) = (activations(index - 1), deltas(index - 1));
            each_rows_before::<V>(step, index, deltas(index), Some(a), to);
        }
        if !step.dx.is_null() {
            each_rows_before::<V>(step, 0, deltas(0), None, activations(last));
            leave_rows::<V>(rows, activations(last), step.dx, step.layers[0].fan_in);
        }
        let total = Total::of(step.input.total);
        for index in (0..=last).rev() {
            let (x, stride) = if index == 0 {
                (step.input.x.as_ptr(), step.layers[0].fan_in)
            } else {
                (activations(index - 1).cast_const(), V::LANES)
            };
            update_weights::<V>(step, index, x, stride, deltas(index), &places[index], total);
            update_biases::<V>(step, index, deltas(index), total);
        }
        for index in 0..last {
            let (to, width) = (step.kept(index), step.layers[index].fan_out);
            leave_rows::<V>(rows, activations(index), to.a, width);
            leave_rows::<V>(rows, deltas(index), to.delta, width);
        }
    }
}

/// δ of the layer before, for all rows: ∂C/∂a where there is no activation to go through.
///
/// # Safety
/// As for [`backward`].
#[inline(always)]
unsafe fn each_rows_before<V: Lanes>(
    step: &Step<'_, f32>,
    index: usize,
    delta: *const f32,
    a: Option<*mut f32>,
    to: *mut f32,
) {
    let rows = step.input.rows;
    let through = a.map(|a| (step.layers[index - 1].activation, a.cast_const()));
    let mut row = 0;
    // SAFETY: the caller's promise.
    unsafe {
        let w = step.w.add(step.layers[index].at).cast_const();
        while row < rows {
            let at = row * V::LANES;
            let through = through.map(|(activation, a)| (activation, a.add(at)));
            if rows - row >= SIDE_BY_SIDE {
                rows_before::<V, SIDE_BY_SIDE>(&step.layers[index], w, delta.add(at), through, to.add(at));
                row += SIDE_BY_SIDE;
            } else {
                rows_before::<V, 1>(&step.layers[index], w, delta.add(at), through, to.add(at));
                row += 1;
            }
        }
    }
}

/// δ of the layer before, for R rows.
///
/// # Safety
/// As for [`backward`].
#[inline(always)]
unsafe fn rows_before<V: Lanes, const R: usize>(
    layer: &StackLayer,
    w: *const f32,
    delta: *const f32,
    through: Option<(Activation, *const f32)>,
    to: *mut f32,
) {
    let &StackLayer { fan_in, fan_out, .. } = layer;
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [V::splat(0.0); R];
        for o in 0..fan_out {
            let weights =
                if fan_out == 1 { V::load_first(w, fan_in) } else { V::gathered(w.add(o), fan_out, fan_in) };
            for r in 0..R {
                sums[r] = sums[r].add_product(V::splat(*delta.add(r * V::LANES + o)), weights);
            }
        }
        for r in 0..R {
            sums[r].flushed().store(to.add(r * V::LANES));
        }
        if let Some((activation, a)) = through {
            let source = std::slice::from_raw_parts(a, R * V::LANES);
            let delta = std::slice::from_raw_parts_mut(to, R * V::LANES);
            through_activation::<V>(activation, source, delta);
        }
    }
}

/// Updates a layer's weights.
///
/// # Safety
/// As for [`backward`].
#[inline(always)]
unsafe fn update_weights<V: Lanes>(
    step: &Step<'_, f32>,
    index: usize,
    x: *const f32,
    stride: usize,
    delta: *const f32,
    places: &Places,
    total: Total,
) {
    let layer = &step.layers[index];
    let count = layer.fan_in * layer.fan_out;
    for (vector, place) in places.0.iter().enumerate() {
        let at = vector * V::LANES;
        let width = V::LANES.min(count - at);
        // SAFETY: the caller's promise. A row of x is loaded no further than it goes.
        unsafe {
            let mut sum = V::splat(0.0);
            for row in 0..step.input.rows {
                let x = x.add(row * stride);
                let x = if stride == V::LANES { V::load(x) } else { V::load_first(x, stride) };
                let delta = V::load(delta.add(row * V::LANES)).permuted(&place.unit);
                sum = sum.add_product(x.permuted(&place.input), delta);
            }
            follow::<V>(step, &step.input.rule, layer.at + at, width, total.divided(sum).flushed());
        }
    }
}

/// Updates a layer's biases.
///
/// # Safety
/// As for [`backward`].
#[inline(always)]
unsafe fn update_biases<V: Lanes>(step: &Step<'_, f32>, index: usize, delta: *const f32, total: Total) {
    let biases = step.layers[index].biases();
    // SAFETY: the caller's promise.
    unsafe {
        let mut sum = V::splat(0.0);
        for row in 0..step.input.rows {
            sum = sum.add(V::load(delta.add(row * V::LANES)));
        }
        let rule = step.input.rule.without_decay();
        follow::<V>(step, &rule, biases.start, biases.len(), total.divided(sum).flushed());
    }
}

/// W, and how to divide by it.
#[derive(Clone, Copy)]
struct Total {
    by: f32,
    exact_inverse: Option<f32>,
}

impl Total {
    #[inline(always)]
    fn of(total: f32) -> Self {
        Self { by: total, exact_inverse: exact_inverse(total) }
    }

    /// # Safety
    /// As for [`Vector`].
    #[inline(always)]
    unsafe fn divided<V: Lanes>(self, sum: V) -> V {
        // SAFETY: the caller's promise.
        unsafe {
            match self.exact_inverse {
                Some(inverse) => sum.multiply(V::splat(inverse)),
                None => sum.divide(V::splat(self.by)),
            }
        }
    }
}

/// Lets `width` parameters from `at` on follow their gradient.
///
/// # Safety
/// As for [`backward`].
#[inline(always)]
unsafe fn follow<V: Lanes>(step: &Step<'_, f32>, rule: &Rule<f32>, at: usize, width: usize, gradient: V) {
    // SAFETY: the caller's promise.
    unsafe {
        if let Rule::Descend { learning_rate } = *rule {
            let w = step.w.add(at);
            let before = V::load_first(w, width);
            let after = before.subtract(V::splat(learning_rate).multiply(gradient)).flushed();
            after.store_first(w, width);
            return;
        }
        let mut dw = [0.0; LONGEST];
        gradient.store(dw.as_mut_ptr());
        let states = rule.states();
        let part = |of: *mut f32, is_there: bool| {
            if is_there { std::slice::from_raw_parts_mut(of.add(at), width) } else { &mut [] }
        };
        let to = Updated {
            w: part(step.w, true),
            first: part(step.first, states > 0),
            second: part(step.second, states > 1),
        };
        apply(rule, to, &dw[..width]);
    }
}
