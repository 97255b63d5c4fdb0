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

/// `$vectors[$r] = $value` for each r below R. Written out, so that each is in a register by the time that loops are
/// compiled; and no closure, which would be a function of its own without the instruction set.
macro_rules! each {
    ($vectors:ident, $r:ident => $value:expr) => {{
        const { assert!(R >= 1 && R <= SIDE_BY_SIDE && SIDE_BY_SIDE == 4) };
        {
            const $r: usize = 0;
            $vectors[0] = $value;
        }
        if R > 1 {
            const $r: usize = 1;
            $vectors[1 % R] = $value;
        }
        if R > 2 {
            const $r: usize = 2;
            $vectors[2 % R] = $value;
        }
        if R > 3 {
            const $r: usize = 3;
            $vectors[3 % R] = $value;
        }
        $vectors
    }};
}

mod activations;
mod lanes;
mod update;

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m256, __m512};
use std::ops::Range;

use activations::{activated, numbers, through_activation};
use lanes::Lanes;
use update::{Update, follow_by};

use super::{OutputRows, StackLayer, Step};
use crate::squared_error::row_cost;
use crate::update::Rule;
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
    descend: DescendFn<F>,
}

type ForwardFn<F> = unsafe fn(&Step<'_, F>);
type BackwardFn<F> = unsafe fn(&Step<'_, F>, &[Places]);
type DescendFn<F> = unsafe fn(&Step<'_, F>, &[Places], F) -> f64;

impl Tiny for f64 {
    fn tiny(_: InstructionSet) -> Option<&'static TinyStep<Self>> {
        None
    }
}

impl Tiny for f32 {
    fn tiny(isa: InstructionSet) -> Option<&'static TinyStep<Self>> {
        match isa {
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => Some(&TinyStep {
                lanes: 16,
                forward: forward_avx512,
                backward: backward_avx512,
                descend: descend_avx512,
            }),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => Some(&TinyStep {
                lanes: 8,
                forward: forward_avx2,
                backward: backward_avx2,
                descend: descend_avx2,
            }),
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
    /// `None` where a layer reads nothing, is too wide for any vector, or has a derivative that is taken from z.
    pub(super) fn of(layers: &[StackLayer]) -> Option<Self> {
        let widest = layers.iter().map(|layer| layer.fan_in.max(layer.fan_out)).max()?;
        let (_, hidden) = layers.split_last()?;
        if layers.iter().any(|layer| layer.fan_in == 0)
            || widest > LONGEST
            || hidden.iter().any(|layer| layer.activation.needs_z())
        {
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
    let places = &layout.places[usize::from(tiny.lanes == 8)];
    if let Rule::Descend { learning_rate } = *step.input.rule
        && rows == SIDE_BY_SIDE
        && !step.targets.is_null()
    {
        // SAFETY: as below.
        return Some(unsafe { (tiny.descend)(step, places, learning_rate) });
    }
    // SAFETY: the pool has checked the instruction set, `begin` the lengths; the layers fit into vectors.
    unsafe { (tiny.forward)(step) };
    // Costs and δ of a squared error were formed where the output was.
    if step.targets.is_null() {
        // SAFETY: there is no other task.
        unsafe { step.cost_of(pool, 0..rows, cost) };
    }
    // SAFETY: the costs of the step's rows have been written.
    let sum = unsafe { std::slice::from_raw_parts(step.costs, rows) }.iter().sum::<f64>();
    if sum.is_finite() {
        // SAFETY: as above, and places are those of vectors of so many lanes.
        unsafe { (tiny.backward)(step, places) };
    }
    Some(sum)
}

macro_rules! compiled_for {
    ($forward:ident, $backward:ident, $descend:ident, $follow_by:ident, $vector:ty, $features:literal) => {
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
        /// As for [`descend`].
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $features)]
        unsafe fn $descend(step: &Step<'_, f32>, places: &[Places], learning_rate: f32) -> f64 {
            // SAFETY: the caller's promise.
            unsafe { descend::<$vector>(step, places, learning_rate) }
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
    descend_avx512,
    follow_by_avx512,
    __m512,
    "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl"
);
compiled_for!(forward_avx2, backward_avx2, descend_avx2, follow_by_avx2, __m256, "avx2,fma");

/// Calls `$rows::<V, R>($step, row)` for all rows, four at a time as long as there are four.
macro_rules! each_rows {
    ($vector:ident, $rows:ident, $step:expr) => {{
        let mut row = 0;
        while $step.input.rows - row >= SIDE_BY_SIDE {
            $rows::<$vector, SIDE_BY_SIDE>($step, row);
            row += SIDE_BY_SIDE;
        }
        while row < $step.input.rows {
            $rows::<$vector, 1>($step, row);
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

/// R rows through all layers, their activations in registers on the way. Returns their δ of a squared error, a row of one
/// number in all lanes; of another cost, anything.
///
/// # Safety
/// As for [`forward`]; there are R rows from `row` on.
#[inline(always)]
unsafe fn forward_rows<V: Lanes, const R: usize>(step: &Step<'_, f32>, row: usize) -> [V; R] {
    let (last, hidden) = step.layers.split_last().expect("a stack has layers");
    let x = step.input_of(0, row);
    // SAFETY: the caller's promise.
    unsafe {
        let Some((first, others)) = hidden.split_first() else {
            let z = affine::<V, R>(last, step.w, &AtRows { x, width: last.fan_in });
            return leave_output::<V, R>(step, z, row);
        };
        let z = affine::<V, R>(first, step.w, &AtRows { x, width: first.fan_in });
        let mut a = activated::<V, R>(first.activation, first.fan_out, z);
        leave_rows(a, step.kept(0).a, row, first.fan_out);
        for (index, layer) in others.iter().enumerate() {
            let z = affine::<V, R>(layer, step.w, &a);
            a = activated::<V, R>(layer.activation, layer.fan_out, z);
            leave_rows(a, step.kept(index + 1).a, row, layer.fan_out);
        }
        if last.fan_out == 1 && R == SIDE_BY_SIDE && last.activation != Activation::Softmax {
            let z = affine_column(last, step.w, [a[0], a[1 % R], a[2 % R], a[3 % R]]);
            return leave_column::<V, R>(step, z, row);
        }
        let z = affine::<V, R>(last, step.w, &a);
        leave_output::<V, R>(step, z, row)
    }
}

/// What a layer reads: input i of row r in all lanes of a vector. A trait, not a closure: that would be a function of its
/// own without the instruction set, and might stay one.
trait Inputs<V> {
    /// # Safety
    /// As for [`forward`]; the row and the input are there.
    unsafe fn all_lanes(&self, r: usize, i: usize) -> V;
}

/// Rows in memory.
struct AtRows {
    x: *const f32,
    width: usize,
}

impl<V: Lanes> Inputs<V> for AtRows {
    #[inline(always)]
    unsafe fn all_lanes(&self, r: usize, i: usize) -> V {
        // SAFETY: the caller's promise.
        unsafe { V::splat(*self.x.add(r * self.width + i)) }
    }
}

impl<V: Lanes, const R: usize> Inputs<V> for [V; R] {
    #[inline(always)]
    unsafe fn all_lanes(&self, r: usize, i: usize) -> V {
        // SAFETY: the caller's promise.
        unsafe { self[r].lane(i) }
    }
}

/// z of R rows of a layer.
///
/// # Safety
/// As for [`forward`].
#[inline(always)]
unsafe fn affine<V: Lanes, const R: usize>(
    layer: &StackLayer,
    parameters: *const f32,
    inputs: &impl Inputs<V>,
) -> [V; R] {
    let &StackLayer { fan_in, fan_out, .. } = layer;
    // SAFETY: the caller's promise.
    unsafe {
        let w = parameters.add(layer.at);
        let mut z = [V::splat(0.0); R];
        for i in 0..fan_in {
            let weights = V::load_first(w.add(i * fan_out), fan_out);
            for r in 0..R {
                z[r] = z[r].add_product(inputs.all_lanes(r, i), weights);
            }
        }
        let bias = V::load_first(w.add(fan_in * fan_out), fan_out);
        for z in &mut z {
            *z = z.add(bias);
        }
        flushed(z)
    }
}

/// z of four rows of a layer with one unit, in the first four lanes: what the layer reads is turned into columns, so that
/// the four sums are one chain.
///
/// # Safety
/// As for [`forward`].
#[inline(always)]
unsafe fn affine_column<V: Lanes>(layer: &StackLayer, parameters: *const f32, inputs: [V; 4]) -> V {
    // SAFETY: the caller's promise.
    unsafe {
        let (w, fan_in) = (parameters.add(layer.at), layer.fan_in);
        let [mut a, mut b, mut c, mut d] = V::transposed(inputs);
        let mut z = V::splat(0.0);
        let mut i = 0;
        while fan_in - i > 4 {
            z = z.add_product(a, V::splat(*w.add(i)));
            z = z.add_product(b, V::splat(*w.add(i + 1)));
            z = z.add_product(c, V::splat(*w.add(i + 2)));
            z = z.add_product(d, V::splat(*w.add(i + 3)));
            [a, b, c, d] = [a.next_quarter(), b.next_quarter(), c.next_quarter(), d.next_quarter()];
            i += 4;
        }
        z = z.add_product(a, V::splat(*w.add(i)));
        if fan_in - i > 1 {
            z = z.add_product(b, V::splat(*w.add(i + 1)));
        }
        if fan_in - i > 2 {
            z = z.add_product(c, V::splat(*w.add(i + 2)));
        }
        if fan_in - i > 3 {
            z = z.add_product(d, V::splat(*w.add(i + 3)));
        }
        let [z] = flushed([z.add(V::splat(*w.add(fan_in)))]);
        z
    }
}

/// Puts z and a of R output rows where the cost will look for them, and costs and δ of a squared error. Returns δ as
/// [`forward_rows`] does.
///
/// # Safety
/// As for [`forward_rows`].
#[inline(always)]
unsafe fn leave_output<V: Lanes, const R: usize>(step: &Step<'_, f32>, z: [V; R], row: usize) -> [V; R] {
    let last = step.layers.len() - 1;
    let (&StackLayer { fan_out, activation, .. }, to) = (&step.layers[last], step.kept(last));
    // SAFETY: the caller's promise.
    unsafe {
        if fan_out == 1 && activation != Activation::Softmax {
            return leave_column::<V, R>(step, V::first_of(z), row);
        }
        if !to.z.is_null() {
            leave_rows(z, to.z, row, fan_out);
        }
        if activation == Activation::Softmax {
            return z;
        }
        let a = activated::<V, R>(activation, fan_out, z);
        leave_rows(a, to.a, row, fan_out);
        let mut delta = a;
        if !step.targets.is_null() {
            let y = rows_at::<V, R>(step.targets, row, fan_out);
            let mut r = a;
            r = each!(r, I => a[I].subtract(y[I]));
            delta = through_activation(activation, a, r);
            leave_rows(delta, to.delta, row, fan_out);
            for i in 0..R {
                *step.costs.add(row + i) =
                    row_cost(&numbers(&mut r[i])[..fan_out], &[0.0; LONGEST][..fan_out]);
            }
        }
        delta
    }
}

/// As [`leave_output`] of one unit: its column is R numbers side by side, in the first R lanes.
///
/// # Safety
/// As for [`forward_rows`].
#[inline(always)]
unsafe fn leave_column<V: Lanes, const R: usize>(step: &Step<'_, f32>, z: V, row: usize) -> [V; R] {
    let last = step.layers.len() - 1;
    let (activation, to) = (step.layers[last].activation, step.kept(last));
    // SAFETY: the caller's promise.
    unsafe {
        if !to.z.is_null() {
            z.store_few::<R>(to.z.add(row));
        }
        let [a] = activated::<V, 1>(activation, R, [z]);
        a.store_few::<R>(to.a.add(row));
        let mut deltas = [a; R];
        if !step.targets.is_null() {
            let r = a.subtract(V::load_first(step.targets.add(row), R));
            let [delta] = through_activation::<V, 1>(activation, [a], [r]);
            delta.store_few::<R>(to.delta.add(row));
            deltas = each!(deltas, I => delta.lane(I));
            let mut r = r;
            let r = numbers(&mut r);
            for i in 0..R {
                *step.costs.add(row + i) = row_cost(&r[i..=i], &[0.0]);
            }
        }
        deltas
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
unsafe fn flushed<V: Lanes, const R: usize>(mut vectors: [V; R]) -> [V; R] {
    // SAFETY: the caller's promise.
    unsafe {
        if V::any_to_flush(vectors) {
            return each!(vectors, I => vectors[I].flushed());
        }
    }
    vectors
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
            let delta = output_delta::<V, SIDE_BY_SIDE>(step, 0);
            return backward_rows(step, 0, delta, Some((places, learning_rate)));
        }
        each_rows!(V, backward_from_output, step);
        for (index, places) in places.iter().enumerate() {
            let update = Update::<V>::of(step, index);
            for (vector, place) in places.vectors.iter().enumerate() {
                let mut sum = V::splat(0.0);
                for row in 0..step.input.rows {
                    sum = place.add_products(sum, update.inputs::<1>(row), update.deltas::<1>(row));
                }
                update.follow_vector(places, vector, rule, sum);
            }
            update.biases_left(places, rule);
        }
    }
}

/// A whole step of four rows, from x to the update, by plain descent of a squared error: δ of the output stays in registers.
/// Returns the sum of costs; where that is not finite, nothing is updated.
///
/// # Safety
/// As for [`backward`], and there are targets.
#[inline(always)]
unsafe fn descend<V: Lanes>(step: &Step<'_, f32>, places: &[Places], learning_rate: f32) -> f64 {
    // SAFETY: the caller's promise; the costs of the step's rows have been written.
    unsafe {
        let delta = forward_rows::<V, SIDE_BY_SIDE>(step, 0);
        let sum = std::slice::from_raw_parts(step.costs, SIDE_BY_SIDE).iter().sum::<f64>();
        if sum.is_finite() {
            backward_rows(step, 0, delta, Some((places, learning_rate)));
        }
        sum
    }
}

/// δ of the output of R rows as it was left; a row of one number has it in all lanes.
///
/// # Safety
/// As for [`backward_rows`].
#[inline(always)]
unsafe fn output_delta<V: Lanes, const R: usize>(step: &Step<'_, f32>, row: usize) -> [V; R] {
    let last = step.layers.len() - 1;
    // SAFETY: the caller's promise.
    unsafe { rows_at::<V, R>(step.kept(last).delta, row, step.layers[last].fan_out) }
}

/// [`backward_rows`] of δ as it was left at the output, without an update.
///
/// # Safety
/// As for [`backward_rows`].
#[inline(always)]
unsafe fn backward_from_output<V: Lanes, const R: usize>(step: &Step<'_, f32>, row: usize) {
    // SAFETY: the caller's promise.
    unsafe { backward_rows::<V, R>(step, row, output_delta(step, row), None) };
}

/// δ of R rows of all layers, in registers on the way, from that of the output; ∂C/∂x where it is wanted. With places and a learning rate, R rows
/// are all rows, and each layer descends as soon as its δ has gone through its weights.
///
/// # Safety
/// As for [`backward`]; there are R rows from `row` on.
#[inline(always)]
unsafe fn backward_rows<V: Lanes, const R: usize>(
    step: &Step<'_, f32>,
    row: usize,
    mut delta: [V; R],
    descent: Option<(&[Places], f32)>,
) {
    let last = step.layers.len() - 1;
    // SAFETY: the caller's promise.
    unsafe {
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
                let places = &places[index];
                for (vector, place) in places.vectors.iter().enumerate() {
                    let sum = place.add_products(V::splat(0.0), x, delta);
                    update.follow_vector(places, vector, rule, sum);
                }
                update.biases_left(places, rule);
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
        let mut rows = [V::splat(0.0); R];
        if width == 1 {
            each!(rows, I => V::splat(*from.add(row + I)))
        } else {
            each!(rows, I => V::load_first(from.add((row + I) * width), width))
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
