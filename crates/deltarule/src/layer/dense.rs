//! The dense layer: z = x·w + b, a = f(z).

use deltarule_kernels::{
    Activation, PackedWeights, Pool, Real, Rule, SparseColumns, Updated, activate, activate_backward,
    activate_in_place, affine, affine_nonzero, affine_sparse, back_product, bias_gradient, gather_add,
    scatter_add, update, weight_gradient, weight_gradient_nonzero, weight_gradient_sparse,
    weight_gradient_update, weight_gradient_update_nonzero, weight_gradient_update_sparse,
};

use super::{Engine, Kept, LayerInput, SparseInput};

/// A dense layer, with one-hot groups kept sparse where it is the first.
///
/// `w` is `[fan_in, fan_out]`: the rows for the numbers `x` come first, then each one-hot group's categories. A one-hot
/// group's share of x·w is the row of w that its code selects, so it is added instead of multiplied.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    /// Numbers per input row.
    pub dense_in: usize,
    /// Cardinalities of the one-hot groups; empty except in a network's first dense layer.
    pub one_hot: Vec<usize>,
    /// Units.
    pub fan_out: usize,
    /// f.
    pub activation: Activation,
}

impl Dense {
    /// Rows of w.
    #[must_use]
    pub fn fan_in(&self) -> usize {
        self.dense_in + self.one_hot.iter().sum::<usize>()
    }

    /// z = x·w + b, a = f(z). `params` are w, then b.
    pub fn forward<F: Real>(
        &self,
        engine: &mut Engine<'_, F>,
        params: &[F],
        input: &LayerInput<'_, F>,
        kept: &mut Kept<F>,
    ) {
        let (w, b) = params.split_at(self.fan_in() * self.fan_out);
        let numbers = &w[..self.dense_in * self.fan_out];
        self.forward_with(engine, params, input, kept, |engine, z| {
            let (pool, scratch) = (engine.pool, &mut *engine.scratch);
            let (fan_out, x) = (self.fan_out, input.x);
            if let Some(sparse) = input.sparse {
                return affine_sparse(pool, scratch, sparse.rows, fan_out, numbers, Some(b), z);
            }
            match input.nonzeros {
                Some(nonzeros) => affine_nonzero(pool, scratch, nonzeros, fan_out, x, numbers, Some(b), z),
                None => affine(pool, scratch, input.rows, self.dense_in, fan_out, x, numbers, Some(b), z),
            }
        });
    }

    /// As [`Dense::forward`], with the rows of w for the numbers `x` packed. `next` is what will be read after this.
    pub fn forward_packed<F: Real>(
        &self,
        engine: &mut Engine<'_, F>,
        packed: &PackedWeights<F>,
        params: &[F],
        input: &LayerInput<'_, F>,
        next: &[F],
        kept: &mut Kept<F>,
    ) {
        let b = &params[self.fan_in() * self.fan_out..];
        self.forward_with(engine, params, input, kept, |engine, z| {
            packed.affine_fetching(engine.pool, input.rows, input.x, next, Some(b), z);
        });
    }

    /// The forward pass with `product` to compute x·w + b of the numbers.
    fn forward_with<F: Real>(
        &self,
        engine: &mut Engine<'_, F>,
        params: &[F],
        input: &LayerInput<'_, F>,
        kept: &mut Kept<F>,
        product: impl FnOnce(&mut Engine<'_, F>, &mut [F]),
    ) {
        let w = &params[..self.fan_in() * self.fan_out];
        let cells = input.rows * self.fan_out;
        let keeps_z = !kept.z.is_empty();
        let z = if keeps_z { &mut kept.z[..cells] } else { &mut kept.a[..cells] };
        product(engine, z);
        let pool = engine.pool;
        self.each_group(input.code_width, |column, rows| {
            let table = &w[rows.start * self.fan_out..rows.end * self.fan_out];
            gather_add(pool, input.rows, self.fan_out, table, &input.codes[column..], input.code_width, z);
        });
        if keeps_z {
            activate(pool, self.activation, self.fan_out, &kept.z[..cells], &mut kept.a[..cells]);
        } else {
            activate_in_place(pool, self.activation, self.fan_out, &mut kept.a[..cells]);
        }
    }

    /// Turns `kept.delta` from ∂C/∂a into δ = ∂C/∂a ⊙ f'(z), f' from the stored activation.
    pub fn delta<F: Real>(&self, pool: &Pool, rows: usize, kept: &mut Kept<F>) {
        let cells = rows * self.fan_out;
        let z = (!kept.z.is_empty()).then(|| &kept.z[..cells]);
        activate_backward(pool, self.activation, self.fan_out, z, &kept.a[..cells], &mut kept.delta[..cells]);
    }

    /// ∂C/∂x = δ·wᵀ for the numbers of `x`, `[rows × dense_in]`.
    pub fn input_gradient<F: Real>(
        &self,
        engine: &mut Engine<'_, F>,
        params: &[F],
        rows: usize,
        delta: &[F],
        dx: &mut [F],
    ) {
        let numbers = &params[..self.dense_in * self.fan_out];
        let delta = &delta[..rows * self.fan_out];
        let dx = &mut dx[..rows * self.dense_in];
        back_product(engine.pool, engine.scratch, rows, self.dense_in, self.fan_out, delta, numbers, dx);
    }

    /// ∂C/∂w = xᵀ·δ / total, ∂C/∂b = Σ δ / total, written over `grads`.
    pub fn gradient<F: Real>(
        &self,
        engine: &mut Engine<'_, F>,
        input: &LayerInput<'_, F>,
        delta: &[F],
        total: F,
        grads: &mut [F],
    ) {
        let delta = &delta[..input.rows * self.fan_out];
        let (dw, db) = grads.split_at_mut(self.fan_in() * self.fan_out);
        let (numbers, groups) = dw.split_at_mut(self.dense_in * self.fan_out);
        let (pool, scratch) = (engine.pool, &mut *engine.scratch);
        let (rows, fan_in, fan_out, x) = (input.rows, self.dense_in, self.fan_out, input.x);
        match (input.sparse, input.nonzeros) {
            (Some(sparse), _) => {
                weight_gradient_sparse(pool, scratch, columns_of(sparse), fan_out, delta, total, numbers);
            }
            (None, Some(nonzeros)) => {
                weight_gradient_nonzero(pool, scratch, nonzeros, fan_out, x, delta, total, numbers);
            }
            (None, None) => weight_gradient(pool, scratch, rows, fan_in, fan_out, x, delta, total, numbers),
        }
        bias_gradient(pool, input.rows, self.fan_out, delta, total, db);
        self.each_group(input.code_width, |column, rows| {
            let from = (rows.start - self.dense_in) * self.fan_out;
            let table = &mut groups[from..from + rows.len() * self.fan_out];
            let codes = &input.codes[column..];
            scatter_add(pool, input.rows, self.fan_out, codes, input.code_width, delta, total, table);
        });
    }

    /// The update of w and b by `rule`, done while each block of the gradient is at hand: the bits of
    /// [`Dense::gradient`] followed by the update, without storing ∂C/∂w. `to` is this layer's parameters with the
    /// rule's state; `spare` holds what must be stored anyway (∂C/∂b and the one-hot groups' rows), at the places of
    /// `gradient`. Biases do not decay.
    pub fn gradient_update<F: Real>(
        &self,
        engine: &mut Engine<'_, F>,
        input: &LayerInput<'_, F>,
        delta: &[F],
        total: F,
        rule: &Rule<F>,
        mut to: Updated<'_, F>,
        spare: &mut [F],
    ) {
        let delta = &delta[..input.rows * self.fan_out];
        let numbers = self.dense_in * self.fan_out;
        let weights = self.fan_in() * self.fan_out;
        let (pool, scratch) = (engine.pool, &mut *engine.scratch);
        let (rows, fan_in, fan_out, x) = (input.rows, self.dense_in, self.fan_out, input.x);
        let dense = to.reborrow().range(0..numbers);
        match (input.sparse, input.nonzeros) {
            (Some(sparse), _) => {
                let x = columns_of(sparse);
                weight_gradient_update_sparse(pool, scratch, x, fan_out, delta, total, rule, dense);
            }
            (None, Some(nonzeros)) => {
                weight_gradient_update_nonzero(
                    pool, scratch, nonzeros, fan_out, x, delta, total, rule, dense,
                );
            }
            (None, None) => {
                weight_gradient_update(pool, scratch, rows, fan_in, fan_out, x, delta, total, rule, dense);
            }
        }
        bias_gradient(pool, input.rows, self.fan_out, delta, total, &mut spare[weights..]);
        self.each_group(input.code_width, |column, rows| {
            let table = &mut spare[rows.start * self.fan_out..rows.end * self.fan_out];
            let codes = &input.codes[column..];
            scatter_add(pool, input.rows, self.fan_out, codes, input.code_width, delta, total, table);
        });
        update(pool, rule, to.reborrow().range(numbers..weights), &spare[numbers..weights]);
        let biases = weights..weights + self.fan_out;
        update(pool, &rule.without_decay(), to.range(biases.clone()), &spare[biases]);
    }

    /// Calls `f` with each one-hot group's column among the codes and its rows of w.
    fn each_group(&self, code_width: usize, mut f: impl FnMut(usize, std::ops::Range<usize>)) {
        let first = code_width - self.one_hot.len();
        let mut row = self.dense_in;
        for (group, &cardinality) in self.one_hot.iter().enumerate() {
            f(first + group, row..row + cardinality);
            row += cardinality;
        }
    }
}

/// A batch's columns, which the network arranges before it asks for a gradient.
fn columns_of<'a, F: Real>(sparse: SparseInput<'a, F>) -> &'a SparseColumns<F> {
    sparse.columns.expect("columns are arranged for a gradient")
}
