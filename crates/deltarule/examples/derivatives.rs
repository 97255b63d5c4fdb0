//! The derivatives of the activation functions, without differentiating anything.
//!
//! Backpropagation needs f'(z) for every unit. For most functions it is a line of arithmetic on what the forward pass
//! has left anyway, the activation a = f(z):
//!
//! ```text
//! sigmoid  f' = a(1 − a)        because  d/dz 1/(1+e⁻ᶻ) = e⁻ᶻ/(1+e⁻ᶻ)² = a·(1−a)
//! tanh     f' = 1 − a²
//! ReLU     f' = 1 where a > 0, else 0
//! ```
//!
//! The tables set them beside central differences, (f(z+h) − f(z−h)) / 2h with h = 10⁻⁵, whose own error is about
//! h²·f‴/6 + ε·|f|/h ≈ 10⁻¹¹ (Press et al., *Numerical Recipes*, §5.7).
//!
//! Run it with `cargo run --release --example derivatives`.

use deltarule::Activation;
use deltarule::activation::NAMES;

const H: f64 = 1e-5;

fn difference(f: Activation, z: f64) -> f64 {
    (f.value(z + H) - f.value(z - H)) / (2.0 * H)
}

fn main() {
    for f in [Activation::Sigmoid, Activation::Relu] {
        println!(
            "{f:?}\n{:>6} {:>12} {:>14} {:>14} {:>9}",
            "z", "a = f(z)", "f' from a", "difference", "apart by"
        );
        for z in [-6.0, -2.0, -1.0, -0.5, 0.25, 0.5, 1.0, 2.0, 6.0] {
            let a: f64 = f.value(z);
            let (exact, numeric) = (f.derivative(z, a), difference(f, z));
            println!("{z:>6} {a:>12.8} {exact:>14.10} {numeric:>14.10} {:>9.1e}", (exact - numeric).abs());
        }
        println!();
    }

    println!("All of them, at 400 places between −8 and 8 (none nearer than h to a kink at 0):");
    println!("{:<12} {:>9}   {:>9} {:>9}   {:>14}", "", "f' from", "least f'", "most f'", "most apart by");
    for (name, f) in NAMES {
        if f == Activation::Softmax {
            continue; // its derivative is a matrix over the row: a ⊙ (g − Σ g·a)
        }
        let (mut least, mut most, mut apart) = (f64::INFINITY, f64::NEG_INFINITY, 0.0_f64);
        for step in 0..400 {
            let z = -8.0 + 16.0 * (f64::from(step) + 0.5) / 400.0;
            let exact = f.derivative(z, f.value(z));
            (least, most) = (least.min(exact), most.max(exact));
            apart = apart.max((exact - difference(f, z)).abs() / exact.abs().max(1.0));
        }
        let from = if f.needs_z() { "z" } else { "a" };
        println!("{name:<12} {from:>9}   {least:>9.5} {most:>9.4}   {apart:>14.1e}");
    }
    println!(
        "\nSigmoid's f' is at most ¼: a layer of sigmoids passes on a quarter of a gradient at best (times its"
    );
    println!("weights). What that does to deep networks shows the example `vanishing_gradient`.");
}
