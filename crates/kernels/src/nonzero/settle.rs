//! What happens to finished sums: biases are added, means formed, parameters updated, and rows stored.

#![allow(clippy::needless_range_loop)] // v counts registers

use super::walk::{PANEL_VECTORS, Part, Walk, store};
use crate::Real;
use crate::product::epilogue::exact_inverse;
use crate::update::{Rule, Updated, apply, follow};
use crate::vector::Vector;

/// Numbers of the longest vector.
const LONGEST: usize = 16;
/// Matrices that an update writes: w and two states.
pub(super) const UPDATED: usize = 3;

/// What happens to the sums before they are stored.
#[derive(Clone, Copy, Debug)]
pub(super) enum Settle<F> {
    /// One number per column is added; nothing if null.
    Add { row: *const F },
    /// They are divided, or multiplied by the exact inverse where there is one.
    Divide { by: F, exact_inverse: Option<F> },
    /// They are divided, and the learning rate times that is subtracted from what is stored there.
    Descend { by: F, exact_inverse: Option<F>, learning_rate: F },
    /// They are divided, or multiplied by the exact inverse: the gradient by which the rule updates what is stored
    /// there, its state lying in matrices of the same shape.
    Update { by: F, exact_inverse: Option<F>, rule: Rule<F>, first: *mut F, second: *mut F },
}

impl<F: Real> Settle<F> {
    /// A gradient, divided by `total`, by which `rule` updates what is stored there.
    pub(super) fn update(total: F, rule: Rule<F>, first: &mut [F], second: &mut [F]) -> Self {
        let (by, exact_inverse) = (total, exact_inverse(total));
        match rule {
            Rule::Descend { learning_rate } => Self::Descend { by, exact_inverse, learning_rate },
            rule => {
                let (first, second) = (first.as_mut_ptr(), second.as_mut_ptr());
                Self::Update { by, exact_inverse, rule, first, second }
            }
        }
    }
}

/// The last vectors of a row in each matrix, which wait in `kept` to be stored: that of matrix i at `to[i]`, unless null.
///
/// Rows that do not end at a vector are stored with a mask, and a load that overlaps the masked part waits until such
/// a store is done. So the last vector of a row is stored after the next row has been loaded.
pub(super) struct Waiting<F> {
    kept: *mut F,
    to: [*mut F; UPDATED],
}

impl<F: Real> Waiting<F> {
    /// None yet.
    pub(super) fn new(part: &Part<F>) -> Self {
        Self { kept: part.waiting, to: [std::ptr::null_mut(); UPDATED] }
    }

    /// Stores what waits.
    ///
    /// # Safety
    /// What waits is of this panel's shape.
    #[inline(always)]
    pub(super) unsafe fn store<V: Vector<Number = F>>(&mut self, part: &Part<F>) {
        for matrix in 0..UPDATED {
            if !self.to[matrix].is_null() {
                // SAFETY: the caller's promise.
                unsafe {
                    V::load(self.kept.add(matrix * V::LANES)).store_first(self.to[matrix], part.last);
                }
                self.to[matrix] = std::ptr::null_mut();
            }
        }
    }

    /// Stores a last vector if it is a whole one, and lets it wait if it is not.
    ///
    /// # Safety
    /// `to` points to the vector's columns, and nothing of this matrix waits.
    #[inline(always)]
    unsafe fn take<V: Vector<Number = F>>(&mut self, part: &Part<F>, matrix: usize, last: V, to: *mut F) {
        // SAFETY: the caller's promise; `kept` has room for each matrix.
        unsafe {
            if part.last == V::LANES {
                last.store(to);
            } else {
                last.store(self.kept.add(matrix * V::LANES));
                self.to[matrix] = to;
            }
        }
    }
}

/// Stores a panel's columns of one output.
///
/// # Safety
/// `to` points to them.
#[inline(always)]
unsafe fn store_columns<V: Vector, const NV: usize>(
    results: &[V; NV],
    part: &Part<V::Number>,
    to: *mut V::Number,
) {
    for v in 0..NV {
        // SAFETY: the caller's promise: whole vectors but for the last.
        unsafe { results[v].store_first(to.add(v * V::LANES), lanes::<V, NV>(part, v)) };
    }
}

/// How many lanes of a panel's vector are columns.
#[inline(always)]
pub(super) fn lanes<V: Vector, const NV: usize>(part: &Part<V::Number>, v: usize) -> usize {
    if v + 1 < NV { V::LANES } else { part.last }
}

/// Takes one output's finished sums to their place: the one function where a row of ∂C/∂w meets its weights.
///
/// # Safety
/// As for `walk::run_part`.
#[inline(always)]
pub(super) unsafe fn settle<V: Vector, const NV: usize>(
    walk: &Walk<V::Number>,
    part: &Part<V::Number>,
    output: usize,
    mut sums: [V; NV],
    any: bool,
    waiting: &mut Waiting<V::Number>,
) {
    let at = walk.c.wrapping_add(output * walk.n + part.column);
    // SAFETY: the output's columns are at `at`; the row to add has one number for each column.
    unsafe {
        match walk.settle {
            Settle::Add { row } => {
                for v in 0..NV {
                    if !row.is_null() {
                        let bias =
                            V::load_first(row.add(part.column + v * V::LANES), lanes::<V, NV>(part, v));
                        sums[v] = sums[v].add(bias);
                    }
                    sums[v] = sums[v].flushed();
                }
                store_columns(&sums, part, at);
            }
            Settle::Divide { by, exact_inverse } => {
                divide(&mut sums, by, exact_inverse);
                store_columns(&sums, part, at);
            }
            Settle::Descend { by, exact_inverse, learning_rate } => {
                // A feature that is absent from the batch moves nothing: w − η·0 = w, since stored weights are flushed.
                if !any {
                    return;
                }
                divide(&mut sums, by, exact_inverse);
                for v in 0..NV {
                    let w = V::load_first(at.add(v * V::LANES), lanes::<V, NV>(part, v));
                    sums[v] = w.subtract(V::splat(learning_rate).multiply(sums[v])).flushed();
                }
                for v in 0..NV - 1 {
                    sums[v].store(at.add(v * V::LANES));
                }
                waiting.store::<V>(part);
                waiting.take(part, 0, sums[NV - 1], at.add((NV - 1) * V::LANES));
            }
            Settle::Update { by, exact_inverse, ref rule, first, second } => {
                divide(&mut sums, by, exact_inverse);
                let to =
                    [walk.c, first, second].map(|matrix| matrix.wrapping_add(output * walk.n + part.column));
                // The rule that most train by is compiled here, in registers; the others take the way through memory.
                if let Rule::Adam { rest1, beta2, rest2, kept, step, inverse_root, epsilon } = *rule {
                    let rule = &Rule::Adam { rest1, beta2, rest2, kept, step, inverse_root, epsilon };
                    if any || kept != V::Number::ONE || epsilon == V::Number::ZERO {
                        follow_row::<V, NV>(rule, part, &sums, to, waiting);
                    } else {
                        follow_nothing::<V, NV>(rule, part, to, waiting);
                    }
                    return;
                }
                let mut dw = [[V::Number::ZERO; LONGEST]; PANEL_VECTORS];
                let dw = dw.as_flattened_mut();
                store(&sums, dw.as_mut_ptr());
                let width = (NV - 1) * V::LANES + part.last;
                let states = rule.states();
                let row = |matrix: usize| {
                    if matrix > states {
                        &mut [][..]
                    } else {
                        std::slice::from_raw_parts_mut(to[matrix], width)
                    }
                };
                apply(rule, Updated { w: row(0), first: row(1), second: row(2) }, &dw[..width]);
            }
        }
    }
}

/// Lets a row of w and of two states follow its gradient.
///
/// # Safety
/// As for `walk::run_part`; `to` points to the panel's columns of the row.
#[inline(always)]
unsafe fn follow_row<V: Vector, const NV: usize>(
    rule: &Rule<V::Number>,
    part: &Part<V::Number>,
    dw: &[V; NV],
    to: [*mut V::Number; UPDATED],
    waiting: &mut Waiting<V::Number>,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut after = [V::splat(V::Number::ZERO); UPDATED];
        for v in 0..NV - 1 {
            let at = v * V::LANES;
            let before = [V::load(to[0].add(at)), V::load(to[1].add(at)), V::load(to[2].add(at))];
            after = follow(rule, before, dw[v]);
            for matrix in 0..UPDATED {
                after[matrix].store(to[matrix].add(at));
            }
        }
        let at = (NV - 1) * V::LANES;
        let mut before = after;
        for matrix in 0..UPDATED {
            before[matrix] = V::load_first(to[matrix].add(at), part.last);
        }
        after = follow(rule, before, dw[NV - 1]);
        waiting.store::<V>(part);
        for matrix in 0..UPDATED {
            waiting.take(part, matrix, after[matrix], to[matrix].add(at));
        }
    }
}

/// [`follow_row`] by Adam without decay and with ε where the gradient is 0, as that of a pixel is which no row of the
/// batch has: where the first moment is 0 as well, w stays as it is.
///
/// # Safety
/// As for [`follow_row`].
#[inline(always)]
unsafe fn follow_nothing<V: Vector, const NV: usize>(
    rule: &Rule<V::Number>,
    part: &Part<V::Number>,
    to: [*mut V::Number; UPDATED],
    waiting: &mut Waiting<V::Number>,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let nothing = V::splat(V::Number::ZERO);
        let mut moving = false;
        for v in 0..NV {
            moving |= V::load_first(to[1].add(v * V::LANES), lanes::<V, NV>(part, v)).any();
        }
        if moving {
            return follow_row::<V, NV>(rule, part, &[nothing; NV], to, waiting);
        }
        for v in 0..NV {
            let (at, width) = (to[2].add(v * V::LANES), lanes::<V, NV>(part, v));
            let [_, _, second] = follow(rule, [nothing, nothing, V::load_first(at, width)], nothing);
            if v + 1 < NV {
                second.store(at);
            } else {
                waiting.store::<V>(part);
                waiting.take(part, 2, second, at);
            }
        }
    }
}

/// Sums over a batch become means: divided and rounded once, and flushed.
///
/// # Safety
/// As for `walk::run_part`.
#[inline(always)]
unsafe fn divide<V: Vector, const NV: usize>(
    sums: &mut [V; NV],
    by: V::Number,
    exact_inverse: Option<V::Number>,
) {
    for v in 0..NV {
        // SAFETY: the caller's promise.
        unsafe {
            sums[v] = match exact_inverse {
                Some(inverse) => sums[v].multiply(V::splat(inverse)),
                None => sums[v].divide(V::splat(by)),
            }
            .flushed();
        }
    }
}
