use super::*;
use crate::{
    InstructionSet, Updated, activate, activate_backward, affine, back_product, bias_gradient,
    squared_errors, update, weight_gradient,
};

/// Numbers between −1 and 1.
fn numbers(seed: u32, length: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(747_796_405).wrapping_add(1);
    let draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    std::iter::repeat_with(draw).take(length).collect()
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Kept<F> {
    z: Vec<F>,
    a: Vec<F>,
    delta: Vec<F>,
}

impl<F> KeepsRows<F> for Kept<F> {
    fn layer_rows(&mut self) -> LayerRows<'_, F> {
        LayerRows { z: &mut self.z, a: &mut self.a, delta: &mut self.delta }
    }
}

/// A network, a batch, and everything that a step may write.
#[derive(Clone, Debug, PartialEq)]
struct Case<F> {
    layers: Vec<StackLayer>,
    rows: usize,
    /// Whether the cost is the squared error of the output, whose f' δ goes through.
    squared: bool,
    x: Vec<F>,
    targets: Vec<F>,
    params: Vec<F>,
    first: Vec<F>,
    second: Vec<F>,
    kept: Vec<Kept<F>>,
    dx: Vec<F>,
    cost: f64,
}

impl<F: Real> Case<F> {
    fn new(widths: &[usize], hidden: Activation, output: Activation, rows: usize) -> Self {
        let count = widths.len() - 1;
        // The parameters begin later than the buffer, as behind other layers.
        let mut at = 3;
        let layers: Vec<StackLayer> = widths
            .windows(2)
            .enumerate()
            .map(|(index, pair)| {
                let activation = if index + 1 == count { output } else { hidden };
                let layer = StackLayer { fan_in: pair[0], fan_out: pair[1], activation, at };
                at = layer.biases().end;
                layer
            })
            .collect();
        let cast = |seed, length| numbers(seed, length).into_iter().map(F::from_f32).collect::<Vec<F>>();
        let kept = layers
            .iter()
            .enumerate()
            .map(|(index, layer)| {
                let cells = rows * layer.fan_out;
                let f = layer.activation;
                let with_z = f.needs_z() || (index + 1 == count && f != Activation::Identity);
                Kept {
                    z: vec![F::ZERO; if with_z { cells } else { 0 }],
                    a: vec![F::ZERO; cells],
                    delta: vec![F::ZERO; cells],
                }
            })
            .collect();
        Self {
            x: cast(1, rows * widths[0]),
            targets: cast(2, rows * widths[count]),
            params: cast(3, at),
            // Mean squares are never negative.
            first: cast(4, at).iter().map(|x| x.abs()).collect(),
            second: cast(5, at).iter().map(|x| x.abs()).collect(),
            kept,
            dx: vec![F::ZERO; rows * widths[0]],
            layers,
            rows,
            squared: false,
            cost: 0.0,
        }
    }

    fn state(&self, rule: &Rule<F>) -> [Vec<F>; 2] {
        let room = |wanted: bool, from: &Vec<F>| if wanted { from.clone() } else { Vec::new() };
        [room(rule.states() > 0, &self.first), room(rule.states() > 1, &self.second)]
    }

    /// The step in one.
    fn fused(mut self, pool: &Pool, rule: Rule<F>) -> Self {
        let stack = Stack::new(self.layers.clone());
        let [mut first, mut second] = self.state(&rule);
        let mut costs = vec![0.0; self.rows];
        let to = Updated { w: &mut self.params, first: &mut first, second: &mut second };
        let input = StepInput {
            rows: self.rows,
            x: &self.x,
            total: F::from_f64(self.rows as f64),
            rule: &rule,
            squared_error_from: self.squared.then_some(&self.targets[..]),
        };
        let (targets, squared) = (&self.targets, self.squared);
        let output = self.layers[self.layers.len() - 1];
        let dx = Some(&mut self.dx[..]);
        let scratch = &mut Scratch::new();
        self.cost = stack.step(pool, scratch, to, input, &mut self.kept, dx, &mut costs, |rows| {
            half_squares(&rows.rows, rows.a, targets, rows.delta, rows.costs);
            if squared {
                let z = output.activation.needs_z().then_some(rows.z);
                activate_backward(pool, output.activation, output.fan_out, z, rows.a, rows.delta);
            }
        });
        (self.first, self.second) = (first, second);
        self
    }

    /// The same by one kernel after the other.
    fn apart(mut self, pool: &Pool, rule: Rule<F>) -> Self {
        let rows = self.rows;
        let total = F::from_f64(rows as f64);
        let mut scratch = Scratch::new();
        let scratch = &mut scratch;
        for (index, layer) in self.layers.iter().enumerate() {
            let (before, after) = self.kept.split_at_mut(index);
            let x = before.last().map_or(&self.x, |kept| &kept.a);
            let (w, b) = (&self.params[layer.weights()], &self.params[layer.biases()]);
            let Kept { z, a, .. } = &mut after[0];
            let mut sums = vec![F::ZERO; a.len()];
            affine(pool, scratch, rows, layer.fan_in, layer.fan_out, x, w, Some(b), &mut sums);
            activate(pool, layer.activation, layer.fan_out, &sums, a);
            if !z.is_empty() {
                z.copy_from_slice(&sums);
            }
        }
        let last = self.kept.last_mut().expect("a layer");
        let mut costs = vec![0.0; rows];
        half_squares(&(0..rows), &last.a, &self.targets, &mut last.delta, &mut costs);
        self.cost = costs.iter().sum();
        if self.squared {
            let output = self.layers[self.layers.len() - 1];
            let z = output.activation.needs_z().then_some(&last.z[..]);
            activate_backward(pool, output.activation, output.fan_out, z, &last.a, &mut last.delta);
        }
        let [mut first, mut second] = self.state(&rule);
        for (index, layer) in self.layers.iter().enumerate().rev() {
            let (before, after) = self.kept.split_at_mut(index);
            let (fan_in, fan_out) = (layer.fan_in, layer.fan_out);
            let delta = &after[0].delta;
            let dx = before.last_mut().map_or(&mut self.dx, |kept| &mut kept.delta);
            back_product(pool, scratch, rows, fan_in, fan_out, delta, &self.params[layer.weights()], dx);
            let x = match before.last_mut() {
                None => &self.x,
                Some(kept) => {
                    let f = self.layers[index - 1].activation;
                    let z = (!kept.z.is_empty()).then_some(&kept.z[..]);
                    activate_backward(pool, f, fan_in, z, &kept.a, &mut kept.delta);
                    &kept.a
                }
            };
            let (mut dw, mut db) = (vec![F::ZERO; fan_in * fan_out], vec![F::ZERO; fan_out]);
            weight_gradient(pool, scratch, rows, fan_in, fan_out, x, delta, total, &mut dw);
            bias_gradient(pool, rows, fan_out, delta, total, &mut db);
            let mut to = Updated { w: &mut self.params, first: &mut first, second: &mut second };
            update(pool, &rule, to.reborrow().range(layer.weights()), &dw);
            update(pool, &rule.without_decay(), to.range(layer.biases()), &db);
        }
        (self.first, self.second) = (first, second);
        self
    }
}

/// δ = a − y, before it goes through the output where the case is one of squared errors, and each row's half sum of
/// squares.
fn half_squares<F: Real>(rows: &Range<usize>, a: &[F], targets: &[F], delta: &mut [F], costs: &mut [f64]) {
    let units = a.len() / rows.len();
    let targets = &targets[rows.start * units..rows.end * units];
    squared_errors(&Pool::new(1), units, a, targets, Some(delta), costs);
}

fn rules<F: Real>() -> [Rule<F>; 5] {
    let number = F::from_f64;
    let rate = number(0.05);
    [
        Rule::Descend { learning_rate: rate },
        Rule::Momentum { learning_rate: rate, mu: number(0.9), nesterov: true },
        Rule::rmsprop(rate, number(0.9), number(1e-8), None),
        Rule::rmsprop(rate, number(0.9), number(1e-8), Some(number(0.5))),
        Rule::adam(rate, number(0.9), number(0.99), number(1e-8), number(0.1), number(0.01), number(0.2)),
    ]
}

const SMALL: &[(&[usize], usize)] = &[
    (&[2, 8, 1], 4),
    (&[1, 1], 1),
    (&[3, 7, 2], 5),
    (&[16, 64, 64, 1], 64),
    (&[16, 64, 64, 1], 63),
    (&[5, 33, 17, 31, 10], 130),
    (&[70, 100], 29),
];
/// More weights than go by rows.
const LARGE: &[(&[usize], usize)] = &[(&[300, 440, 3], 37), (&[131_080, 1], 2)];

const HIDDEN: [Activation; 4] =
    [Activation::Relu, Activation::Sigmoid, Activation::Silu, Activation::Identity];
const OUTPUT: [Activation; 3] = [Activation::Softmax, Activation::Sigmoid, Activation::Identity];

#[test]
fn a_step_in_one_has_the_bits_of_its_parts() {
    for isa in InstructionSet::available() {
        let alone = Pool::with_instruction_set(1, isa);
        for (index, &(widths, rows)) in SMALL.iter().chain(LARGE).enumerate() {
            for (i, rule) in rules().into_iter().enumerate() {
                let (hidden, output) = (HIDDEN[(index + i) % 4], OUTPUT[(index + i) % 3]);
                let case = Case::<f32>::new(widths, hidden, output, rows);
                let oracle = case.clone().apart(&alone, rule);
                for threads in [1, 2, 3] {
                    let pool = Pool::with_instruction_set(threads, isa);
                    let fused = case.clone().fused(&pool, rule);
                    let at = format!("{isa:?} {threads} {widths:?} {hidden:?} {output:?} {rule:?}");
                    assert_eq!(fused.cost.to_bits(), oracle.cost.to_bits(), "{at}: cost");
                    assert!(fused.kept == oracle.kept, "{at}: what is kept");
                    assert!(fused.dx == oracle.dx, "{at}: dx");
                    assert!(fused.params == oracle.params, "{at}: parameters");
                    assert!(fused == oracle, "{at}: state");
                }
            }
        }
    }
}

/// Layers that fit into a vector of 8 or of 16 numbers, or just do not.
const TINY: &[&[usize]] = &[
    &[1, 1],
    &[2, 8, 1],
    &[2, 5, 1],
    &[3, 7, 2],
    &[8, 8, 8],
    &[4, 16, 3],
    &[16, 1, 16],
    &[7, 3, 5, 2, 9],
    &[16, 16, 16],
    &[3, 1, 1],
    &[5, 4, 1],
    &[6, 7, 1],
    &[2, 9, 1],
    &[16, 12, 1],
    &[4, 16, 1],
    &[17, 16, 1],
    &[4, 17, 2],
];

#[test]
fn tiny_steps_have_the_bits_of_their_parts() {
    let hidden = [
        Activation::Identity,
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Relu,
        Activation::LeakyRelu { slope: 0.1 },
        Activation::Elu { alpha: 1.5 },
        Activation::Selu,
        Activation::Softplus,
        Activation::Mish,
    ];
    let output = [Activation::Sigmoid, Activation::Identity, Activation::Softmax, Activation::Tanh];
    let mut number = 0;
    for isa in InstructionSet::available() {
        let pool = Pool::with_instruction_set(2, isa);
        for widths in TINY {
            for rows in [1, 2, 3, 4, 5, 8, 11, 32, 33] {
                for rule in rules() {
                    number += 1;
                    let (hidden, output) = (hidden[number % hidden.len()], output[number % output.len()]);
                    let mut case = Case::<f32>::new(widths, hidden, output, rows);
                    case.squared = number % 3 > 0;
                    let (fused, oracle) = (case.clone().fused(&pool, rule), case.apart(&pool, rule));
                    let at = format!("{isa:?} {widths:?} {rows} rows {hidden:?} {output:?} {rule:?}");
                    assert_eq!(fused.cost.to_bits(), oracle.cost.to_bits(), "{at}: cost");
                    assert!(fused.kept == oracle.kept, "{at}: what is kept");
                    assert!(fused.dx == oracle.dx, "{at}: dx");
                    assert!(fused == oracle, "{at}: parameters and state");
                }
            }
        }
    }
}

/// What is below the smallest normal number is found by a branch here, by comparisons elsewhere.
#[test]
fn tiny_steps_flush_as_their_parts_do() {
    for isa in InstructionSet::available() {
        let pool = Pool::with_instruction_set(1, isa);
        for (number, widths) in TINY.iter().enumerate() {
            for rows in [3, 4, 9] {
                for scale in [1e-18_f32, 1e-37, 3e-38] {
                    let output = [Activation::Sigmoid, Activation::Identity][number % 2];
                    let mut case = Case::<f32>::new(widths, HIDDEN[number % 4], output, rows);
                    case.params.iter_mut().step_by(2).for_each(|w| *w *= scale);
                    case.x.iter_mut().skip(1).step_by(3).for_each(|x| *x *= scale);
                    case.x[0] = -0.0;
                    case.squared = rows > 3;
                    for rule in rules() {
                        let (fused, oracle) =
                            (case.clone().fused(&pool, rule), case.clone().apart(&pool, rule));
                        let bits = |of: &Case<f32>| of.params.iter().map(|w| w.to_bits()).collect::<Vec<_>>();
                        let at = format!("{isa:?} {widths:?} {rows} rows {scale} {rule:?}");
                        assert!(fused == oracle && bits(&fused) == bits(&oracle), "{at}");
                    }
                }
            }
        }
    }
}

/// Widths at and beside whole vectors, layers that are cut among threads and one too narrow for δ·wᵀ side by side.
const OF_FEW_ROWS: &[&[usize]] =
    &[&[19, 33, 40, 70, 3], &[32, 64, 32], &[210, 200, 190, 33, 1], &[40, 900], &[5, 31]];

fn few_rows_have_the_bits_of_their_parts<F: Real>(number: &mut usize) {
    for isa in InstructionSet::available() {
        for widths in OF_FEW_ROWS {
            for rows in 1..=few_rows::MOST_ROWS + 1 {
                for threads in [1, 2, 3] {
                    let pool = Pool::with_instruction_set(threads, isa);
                    // Plain descent, by which most is different here, and one of the others.
                    for rule in [rules()[0], rules()[1 + *number % 4]] {
                        *number += 1;
                        let (hidden, output) = (HIDDEN[*number % 4], OUTPUT[*number % 3]);
                        let mut case = Case::<F>::new(widths, hidden, output, rows);
                        case.x.iter_mut().step_by(5).for_each(|x| *x = F::ZERO);
                        case.params.iter_mut().step_by(3).for_each(|w| *w *= F::MIN_POSITIVE);
                        let (fused, oracle) = (case.clone().fused(&pool, rule), case.apart(&pool, rule));
                        let at = format!(
                            "{isa:?} {threads} {widths:?} {rows} rows {hidden:?} {output:?} {rule:?}"
                        );
                        assert_eq!(fused.cost.to_bits(), oracle.cost.to_bits(), "{at}: cost");
                        assert!(fused.kept == oracle.kept, "{at}: what is kept");
                        assert!(fused.dx == oracle.dx, "{at}: dx");
                        assert!(fused == oracle, "{at}: parameters and state");
                    }
                }
            }
        }
    }
}

#[test]
fn steps_of_a_few_rows_have_the_bits_of_their_parts() {
    let mut number = 0;
    few_rows_have_the_bits_of_their_parts::<f32>(&mut number);
    few_rows_have_the_bits_of_their_parts::<f64>(&mut number);
}

#[test]
fn double_precision_too() {
    for isa in InstructionSet::available() {
        let pool = Pool::with_instruction_set(2, isa);
        for (index, &(widths, rows)) in SMALL.iter().enumerate() {
            for rule in rules() {
                let case = Case::<f64>::new(widths, HIDDEN[index % 4], OUTPUT[index % 3], rows);
                assert!(
                    case.clone().fused(&pool, rule) == case.apart(&pool, rule),
                    "{isa:?} {widths:?} {rule:?}"
                );
            }
        }
    }
}

#[test]
fn a_cost_that_is_not_finite_updates_nothing() {
    for &(widths, rows) in &[SMALL[0], LARGE[0]] {
        let mut case = Case::<f32>::new(widths, Activation::Relu, Activation::Identity, rows);
        case.targets[0] = f32::NAN;
        let after = case.clone().fused(&Pool::new(1), rules()[4]);
        assert!(after.cost.is_nan());
        assert_eq!(after.params, case.params);
    }
}

#[test]
#[should_panic(expected = "softmax stands at the output")]
fn softmax_inside_is_refused() {
    let layer = |at| StackLayer { fan_in: 2, fan_out: 2, activation: Activation::Softmax, at };
    let _ = Stack::new(vec![layer(0), layer(6)]);
}

#[test]
#[should_panic(expected = "a layer takes what the one before puts out")]
fn widths_must_meet() {
    let layer = |at| StackLayer { fan_in: 2, fan_out: 3, activation: Activation::Relu, at };
    let _ = Stack::new(vec![layer(0), layer(9)]);
}

#[test]
#[should_panic(expected = "one number of second state per parameter")]
fn a_missing_state_is_refused() {
    let mut case = Case::<f32>::new(&[2, 2], Activation::Relu, Activation::Identity, 1);
    case.second.clear();
    let _ = case.fused(&Pool::new(1), rules()[4]);
}
