//! The updates of a tiny network's layers.

use std::marker::PhantomData;
use std::ops::Range;

use super::{LONGEST, Lanes, Place, Places, SIDE_BY_SIDE, Step, flushed, rows_at};
use crate::product::epilogue::exact_inverse;
use crate::stack::StackLayer;
use crate::update::{Rule, Updated, apply};

/// A layer's update under way.
pub(super) struct Update<'a, V> {
    step: &'a Step<'a, f32>,
    layer: &'a StackLayer,
    x: *const f32,
    delta: *const f32,
    vector: PhantomData<V>,
}

impl<'a, V: Lanes> Update<'a, V> {
    #[inline(always)]
    pub(super) fn of(step: &'a Step<'a, f32>, index: usize) -> Self {
        let (x, delta) = (step.input_of(index, 0), step.kept(index).delta.cast_const());
        Self { step, layer: &step.layers[index], x, delta, vector: PhantomData }
    }

    /// What the layer reads in R rows, each with ones behind.
    ///
    /// # Safety
    /// As for [`backward_rows`].
    #[inline(always)]
    pub(super) unsafe fn inputs<const R: usize>(&self, row: usize) -> [V; R] {
        let width = self.layer.fan_in;
        // SAFETY: the caller's promise. Rows are loaded no further than they go.
        unsafe {
            let mut rows = [V::splat(1.0); R];
            each!(rows, I => rows[I].load_over(self.x.add((row + I) * width), width))
        }
    }

    /// The layer's δ in R rows.
    ///
    /// # Safety
    /// As for [`backward_rows`].
    #[inline(always)]
    pub(super) unsafe fn deltas<const R: usize>(&self, row: usize) -> [V; R] {
        // SAFETY: the caller's promise.
        unsafe { rows_at(self.delta, row, self.layer.fan_out) }
    }

    /// Lets the parameters at a vector of these places follow their gradient, of which `sum` is the sum over rows.
    ///
    /// # Safety
    /// As for [`backward`]; the vector is one of the places'.
    #[inline(always)]
    pub(super) unsafe fn follow_vector(&self, places: &Places, vector: usize, rule: &Rule<f32>, sum: V) {
        let at = vector * V::LANES;
        // SAFETY: the caller's promise.
        unsafe { self.follow(rule, self.layer.at + at, V::LANES.min(places.count - at), sum) };
    }

    /// Lets the biases follow their gradient where places do not hold them.
    ///
    /// # Safety
    /// As for [`backward`].
    #[inline(always)]
    pub(super) unsafe fn biases_left(&self, places: &Places, rule: &Rule<f32>) {
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
pub(super) unsafe fn follow_by<V: Lanes>(
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
    pub(super) unsafe fn add_products<V: Lanes, const R: usize>(
        &self,
        mut sum: V,
        x: [V; R],
        delta: [V; R],
    ) -> V {
        for (x, delta) in x.into_iter().zip(delta) {
            // SAFETY: the caller's promise.
            sum = unsafe { sum.add_product(x.permuted(&self.input), delta.permuted(&self.unit)) };
        }
        sum
    }
}
