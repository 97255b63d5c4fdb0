//! Kernels whose machine instructions are counted: `cargo xtask instructions`, and `cargo xtask test` near its end.
//!
//! Without an argument it prints the kernels' names. With one it runs that kernel twice: once for whatever is set up on
//! first use, then once inside [`counted`], the function around which callgrind collects. By hand:
//!
//! ```text
//! cargo build --release -p deltarule-kernels --example instructions
//! valgrind --tool=callgrind '--toggle-collect=instructions::counted*' target/release/examples/instructions 'affine 4x8x3'
//! ```
//!
//! The instruction set is AVX2 everywhere: it is the widest that valgrind knows, and counts compare only within one.
//! Sweeps run in place, since copying is the C library's, which takes other instructions in every version of it.

use std::hint::black_box;
use std::process::ExitCode;

use deltarule_kernels::{
    Activation, InstructionSet, KeepsRows, LayerRows, Nonzeros, OutputRows, PackedWeights, Pool, Rule,
    Scratch, Stack, StackLayer, StepInput, Updated, activate_in_place, affine, affine_nonzero, back_product,
    softmax_in_place, weight_gradient_update, weight_gradient_update_nonzero,
};

/// A kernel's name, with its shape as batch x fan_in x fan_out, and what sets it up and has it counted.
type Kernel = (&'static str, fn(&Pool));

const KERNELS: [Kernel; 19] = [
    ("affine 64x784x128", |pool| forward(pool, [64, 784, 128])),
    ("affine 4x8x3", |pool| forward(pool, [4, 8, 3])),
    ("packed row 1x784x128", |pool| packed_row(pool, 784, 128)),
    ("back_product 64x784x128", |pool| backward(pool, [64, 784, 128])),
    ("weight_gradient_update descend 64x784x128", |pool| gradient(pool, [64, 784, 128], DESCEND)),
    ("weight_gradient_update adam 64x784x128", |pool| gradient(pool, [64, 784, 128], adam())),
    ("nonzeros find 64x784", find),
    ("affine_nonzero 64x784x128", |pool| forward_nonzero(pool, [64, 784, 128])),
    ("affine_nonzero 10x784x30", |pool| forward_nonzero(pool, [10, 784, 30])),
    ("weight_gradient_update_nonzero descend 64x784x128", |pool| gradient_nonzero(pool, [64, 784, 128])),
    ("weight_gradient_update_nonzero descend 10x784x30", |pool| gradient_nonzero(pool, [10, 784, 30])),
    ("sigmoid 64x128", |pool| sweep(pool, Activation::Sigmoid)),
    ("tanh 64x128", |pool| sweep(pool, Activation::Tanh)),
    ("softmax 64x10", softmax),
    ("step descend 2-8-1, 4 rows", |pool| step(pool, RELU, &[2, 8, 1], 4, DESCEND)),
    ("step descend 3-7-2 sigmoid, 4 rows", |pool| step(pool, SIGMOID, &[3, 7, 2], 4, DESCEND)),
    ("step descend 64-64-64-1, 1 row", |pool| step(pool, RELU, &[64, 64, 64, 1], 1, DESCEND)),
    ("step descend 16-64-64-1, 64 rows", |pool| step(pool, RELU, &[16, 64, 64, 1], 64, DESCEND)),
    ("step adam 16-64-64-1, 64 rows", |pool| step(pool, RELU, &[16, 64, 64, 1], 64, adam())),
];

/// f of the hidden layers and of the output.
const RELU: [Activation; 2] = [Activation::Relu, Activation::Identity];
const SIGMOID: [Activation; 2] = [Activation::Sigmoid; 2];

/// A rate so small that a second call works on numbers of the same size.
const DESCEND: Rule<f32> = Rule::Descend { learning_rate: 1e-6 };

fn adam() -> Rule<f32> {
    Rule::adam(1e-6, 0.9, 0.999, 1e-8, 0.1, 0.001, 0.0)
}

fn main() -> ExitCode {
    if !InstructionSet::Avx2.is_available() {
        eprintln!("counted is the AVX2 path, and this machine lacks AVX2 or FMA");
        return ExitCode::FAILURE;
    }
    let Some(wanted) = std::env::args().nth(1) else {
        KERNELS.iter().for_each(|(name, _)| println!("{name}"));
        return ExitCode::SUCCESS;
    };
    let Some((_, run)) = KERNELS.iter().find(|(name, _)| *name == wanted) else {
        eprintln!("no kernel is called {wanted:?}; without an argument their names are printed");
        return ExitCode::FAILURE;
    };
    run(&Pool::with_instruction_set(1, InstructionSet::Avx2));
    ExitCode::SUCCESS
}

fn count(mut work: impl FnMut()) {
    work();
    counted(&mut work);
}

/// What callgrind looks for, by this name.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    black_box(work)();
    // Work after the call, which therefore cannot become a jump out of this function.
    black_box(());
}

/// Evenly drawn from −1 to 1.
fn draw(length: usize) -> Vec<f32> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    (0..length).map(|_| next()).collect()
}

/// Pixels of handwriting: 19 % are not 0, in runs of 7 or 8.
fn draw_sparse(rows: usize, columns: usize) -> Vec<f32> {
    let mut x = draw(rows * columns);
    for (row, x) in x.chunks_exact_mut(columns).enumerate() {
        for (column, x) in x.iter_mut().enumerate() {
            // Runs begin every 39 columns, elsewhere in each row: 7.5/39 = 0.19.
            let (run, place) = ((column + 5 * row) / 39, (column + 5 * row) % 39);
            if place >= 7 + run % 2 {
                *x = 0.0;
            }
        }
    }
    x
}

fn forward(pool: &Pool, [batch, fan_in, fan_out]: [usize; 3]) {
    let (x, w, b) = (draw(batch * fan_in), draw(fan_in * fan_out), draw(fan_out));
    let mut z = vec![0.0; batch * fan_out];
    let mut scratch = Scratch::for_product(batch, fan_in, fan_out);
    count(|| affine(pool, &mut scratch, batch, fan_in, fan_out, &x, &w, Some(&b), &mut z));
}

fn packed_row(pool: &Pool, fan_in: usize, fan_out: usize) {
    let (x, b, mut z) = (draw(fan_in), draw(fan_out), vec![0.0; fan_out]);
    let w = PackedWeights::new(pool, fan_in, fan_out, &draw(fan_in * fan_out));
    count(|| w.affine(pool, 1, &x, Some(&b), &mut z));
}

fn backward(pool: &Pool, [batch, fan_in, fan_out]: [usize; 3]) {
    let (delta, w) = (draw(batch * fan_out), draw(fan_in * fan_out));
    let mut dx = vec![0.0; batch * fan_in];
    let mut scratch = Scratch::for_product(batch, fan_in, fan_out);
    count(|| back_product(pool, &mut scratch, batch, fan_in, fan_out, &delta, &w, &mut dx));
}

fn gradient(pool: &Pool, [batch, fan_in, fan_out]: [usize; 3], rule: Rule<f32>) {
    let (x, delta, total) = (draw(batch * fan_in), draw(batch * fan_out), batch as f32);
    let mut params = Params::new(fan_in * fan_out);
    let mut scratch = Scratch::for_product(batch, fan_in, fan_out);
    count(|| {
        let to = params.updated();
        weight_gradient_update(pool, &mut scratch, batch, fan_in, fan_out, &x, &delta, total, &rule, to);
    });
}

fn find(pool: &Pool) {
    let (rows, columns) = (64, 784);
    let x = draw_sparse(rows, columns);
    let mut nonzeros = Nonzeros::new(rows, columns);
    count(|| assert!(nonzeros.find(pool, rows, &x, x.len() / 4)));
}

fn forward_nonzero(pool: &Pool, [batch, fan_in, fan_out]: [usize; 3]) {
    let (x, w, b) = (draw_sparse(batch, fan_in), draw(fan_in * fan_out), draw(fan_out));
    let mut z = vec![0.0; batch * fan_out];
    let mut scratch = Scratch::for_product(batch, fan_in, fan_out);
    let mut nonzeros = Nonzeros::new(batch, fan_in);
    assert!(nonzeros.find(pool, batch, &x, usize::MAX));
    count(|| affine_nonzero(pool, &mut scratch, &nonzeros, fan_out, &x, &w, Some(&b), &mut z));
}

fn gradient_nonzero(pool: &Pool, [batch, fan_in, fan_out]: [usize; 3]) {
    let (x, delta, total) = (draw_sparse(batch, fan_in), draw(batch * fan_out), batch as f32);
    let mut params = Params::new(fan_in * fan_out);
    let mut scratch = Scratch::for_product(batch, fan_in, fan_out);
    let mut nonzeros = Nonzeros::new(batch, fan_in);
    assert!(nonzeros.find(pool, batch, &x, usize::MAX));
    count(|| {
        let to = params.updated();
        weight_gradient_update_nonzero(
            pool,
            &mut scratch,
            &nonzeros,
            fan_out,
            &x,
            &delta,
            total,
            &DESCEND,
            to,
        );
    });
}

fn sweep(pool: &Pool, activation: Activation) {
    let units = 128;
    let mut z = draw(64 * units);
    count(|| activate_in_place(pool, activation, units, &mut z));
}

fn softmax(pool: &Pool) {
    let units = 10;
    let mut z = draw(64 * units);
    count(|| softmax_in_place(pool, units, &mut z));
}

/// A step of layers with relu, the last one with an identity and half the squared error.
fn step(pool: &Pool, [hidden, output]: [Activation; 2], widths: &[usize], rows: usize, rule: Rule<f32>) {
    let mut layers = Vec::new();
    let mut at = 0;
    for (index, pair) in widths.windows(2).enumerate() {
        let last = index + 2 == widths.len();
        let activation = if last { output } else { hidden };
        layers.push(StackLayer { fan_in: pair[0], fan_out: pair[1], activation, at });
        at += pair[0] * pair[1] + pair[1];
    }
    // Only an output's z is kept, and that where it is not a.
    let kept = |layer: &StackLayer| {
        let is_output = layer.at == layers[layers.len() - 1].at;
        Kept::new(rows * layer.fan_out, is_output && layer.activation != Activation::Identity)
    };
    let mut kept: Vec<Kept> = layers.iter().map(kept).collect();
    let stack = Stack::new(layers);
    let outputs = widths[widths.len() - 1];
    let (x, targets) = (draw(rows * widths[0]), draw(rows * outputs));
    let (mut params, mut costs, mut scratch) = (Params::new(at), vec![0.0; rows], Scratch::new());
    count(|| {
        let input =
            StepInput { rows, x: &x, total: rows as f32, rule: &rule, squared_error_from: Some(&targets) };
        // Called where the network is not tiny; those here have one output.
        let cost = |output: OutputRows<'_, f32>| {
            for (i, row) in output.rows.enumerate() {
                let delta = output.a[i] - targets[row];
                output.delta[i] = delta;
                output.costs[i] = f64::from(0.5 * delta * delta);
            }
        };
        let sum = stack.step(pool, &mut scratch, params.updated(), input, &mut kept, None, &mut costs, cost);
        assert!(sum.is_finite());
    });
}

/// Parameters and the two moments of Adam, which descent leaves alone.
struct Params {
    w: Vec<f32>,
    first: Vec<f32>,
    second: Vec<f32>,
}

impl Params {
    fn new(length: usize) -> Self {
        Self { w: draw(length), first: vec![0.0; length], second: vec![0.0; length] }
    }

    fn updated(&mut self) -> Updated<'_, f32> {
        Updated { w: &mut self.w, first: &mut self.first, second: &mut self.second }
    }
}

/// What a step keeps of a layer whose f' does not need z.
struct Kept {
    z: Vec<f32>,
    a: Vec<f32>,
    delta: Vec<f32>,
}

impl Kept {
    fn new(cells: usize, with_z: bool) -> Self {
        Self { z: vec![0.0; if with_z { cells } else { 0 }], a: vec![0.0; cells], delta: vec![0.0; cells] }
    }
}

impl KeepsRows<f32> for Kept {
    fn layer_rows(&mut self) -> LayerRows<'_, f32> {
        LayerRows { z: &mut self.z, a: &mut self.a, delta: &mut self.delta }
    }
}
