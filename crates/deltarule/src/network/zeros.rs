//! Whether the zeros of the first layer's input are skipped: decided for each batch, by its numbers.

use deltarule_kernels::{Nonzeros, Pool, Real};

use crate::layer::Layer;

/// Weights of the first layer from which on looking for zeros costs little beside its products.
const WEIGHTS: usize = 4096;
/// Units below which a product is too narrow to gain.
const UNITS: usize = 8;
/// The largest share of numbers that are not 0 with which a product without the zeros is the faster one.
const SHARE: f64 = 0.4;

/// The first layer's input: where it is not 0, if that is worth knowing.
///
/// Products with and without the zeros have the same bits, so the choice is one of time only.
#[derive(Debug)]
pub(super) struct Zeros {
    nonzeros: Nonzeros,
    skipped: bool,
}

impl Zeros {
    /// For networks whose first layer is a dense one of some size.
    pub(super) fn of_first(layers: &[Layer], rows: usize) -> Option<Self> {
        match layers.first() {
            Some(Layer::Dense(layer))
                if layer.fan_out >= UNITS && layer.dense_in * layer.fan_out >= WEIGHTS =>
            {
                Some(Self { nonzeros: Nonzeros::new(rows, layer.dense_in), skipped: false })
            }
            _ => None,
        }
    }

    /// Looks at a batch of `rows` rows `x`.
    pub(super) fn look<F: Real>(&mut self, pool: &Pool, rows: usize, x: &[F]) {
        self.skipped = self.nonzeros.find(pool, rows, x, (SHARE * x.len() as f64) as usize);
    }

    /// Where the batch that was looked at last is not 0, if its zeros are to be skipped.
    pub(super) fn skipped(&self) -> Option<&Nonzeros> {
        self.skipped.then_some(&self.nonzeros)
    }
}

#[cfg(test)]
mod tests {
    use deltarule_kernels::{Activation, InstructionSet, Pool, Real, Rule};

    use crate::dataset::{Batch, InputShape, TargetsView};
    use crate::layer::Pass;
    use crate::loss::{Cost, Loss};
    use crate::network::{Network, NetworkSpec, Workspace};

    const ROWS: usize = 40;
    const INPUTS: usize = 100;

    fn network<F: Real>() -> Network<F> {
        let input = InputShape { dense: INPUTS, embedded: Vec::new(), one_hot: vec![3] };
        NetworkSpec::on(input).dense(50, Activation::Tanh).dense(4, Activation::Identity).build(1).unwrap()
    }

    /// Rows of which one number in `every` is not 0.
    fn rows<F: Real>(every: usize) -> (Vec<F>, Vec<u32>) {
        let number = |i: usize| if i.is_multiple_of(every) { (i % 23) as f64 * 0.1 - 0.75 } else { 0.0 };
        let dense = (0..ROWS * INPUTS).map(|i| F::from_f64(number(i))).collect();
        (dense, (0..ROWS as u32).map(|row| row % 4).collect())
    }

    /// Parameters after four steps, of descent and of Adam by turns, and the gradient after them, with the workspace as it is.
    fn steps<F: Real>(pool: &Pool, ws: &mut Workspace<F>, every: usize) -> (Vec<F>, Vec<F>) {
        let mut network = network::<F>();
        let (dense, codes) = rows::<F>(every);
        let values = vec![F::from_f64(0.25); ROWS * 4];
        let targets = TargetsView::Values { outputs: 4, values: &values };
        let batch = Batch { rows: ROWS, dense: &dense, sparse: None, codes: &codes, targets, weights: None };
        let parameters = network.params().len();
        let mut gradient = vec![F::ZERO; parameters];
        let (mut m, mut v) = (gradient.clone(), gradient.clone());
        let total = F::from_f64(ROWS as f64);
        let loss = Loss::new(Cost::SquaredError, Activation::Identity, 0.0).unwrap();
        let number = F::from_f64;
        let rules = [
            Rule::Descend { learning_rate: number(0.5) },
            Rule::adam(
                number(0.1),
                number(0.9),
                number(0.99),
                number(1e-8),
                number(0.1),
                number(0.01),
                number(0.1),
            ),
        ];
        for step in 0..4 {
            let pass = Pass::Training { seed: 1, step };
            let rule = rules[step as usize % 2];
            network.step(pool, ws, &batch, pass, &loss, total, &rule, [&mut m, &mut v], &mut gradient);
        }
        network.forward(pool, ws, &batch, Pass::Training { seed: 1, step: 4 });
        let (z, a, delta) = network.output_and_delta(ws, ROWS);
        loss.value_and_delta(pool, z, a, targets, None, Some(delta));
        network.backward(pool, ws, &batch, total, &mut gradient);
        (network.params().to_vec(), gradient)
    }

    fn same_bits_with_and_without<F: Real>(pool: &Pool) {
        let mut ws = network::<F>().workspace(ROWS);
        let with = steps(pool, &mut ws, 5);
        let nonzeros = ws.zeros.as_ref().and_then(super::Zeros::skipped).expect("four of five are 0");
        assert_eq!(nonzeros.count(), rows::<F>(5).0.iter().filter(|x| **x != F::ZERO).count());
        ws.zeros = None;
        assert!(steps(pool, &mut ws, 5) == with, "{} {pool:?}", F::NAME);
        assert!(with.0 != network::<F>().params());
    }

    #[test]
    fn training_has_the_same_bits_with_and_without() {
        for isa in InstructionSet::available() {
            for threads in [1, 2] {
                same_bits_with_and_without::<f32>(&Pool::with_instruction_set(threads, isa));
            }
            same_bits_with_and_without::<f64>(&Pool::with_instruction_set(1, isa));
        }
    }

    #[test]
    fn full_batches_and_narrow_layers_are_multiplied_whole() {
        let pool = Pool::new(1);
        let mut ws = network::<f32>().workspace(ROWS);
        steps(&pool, &mut ws, 1);
        assert!(ws.zeros.as_ref().is_some_and(|zeros| zeros.skipped().is_none()));
        // An empty batch has no zeros to skip, and is no error.
        let empty = Batch {
            rows: 0,
            dense: &[],
            sparse: None,
            codes: &[],
            targets: TargetsView::Values { outputs: 4, values: &[] },
            weights: None,
        };
        network::<f32>().forward(&pool, &mut ws, &empty, Pass::Inference);
        let narrow = NetworkSpec::new(2).dense(8, Activation::Tanh).build::<f32>(1).unwrap();
        assert!(narrow.workspace(4).zeros.is_none());
    }
}
