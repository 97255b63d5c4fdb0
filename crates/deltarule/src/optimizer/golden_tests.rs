//! Ten updates against PyTorch's, and L-BFGS's final cost against SciPy's: `fixtures/optimizer/`, `fixtures/lbfgs/`.
//!
//! The gradient comes from plain loops over one hidden layer of tanh units, written out here, so that these tests judge
//! the optimizers alone.

use std::ops::Range;
use std::path::PathBuf;

use deltarule_kernels::Pool;
use safetensors::SafeTensors;
use serde_json::Value;

use super::{Lbfgs, Optimizer, OptimizerSpec, Regularization};

struct Fixture {
    bytes: Vec<u8>,
    case: Value,
}

impl Fixture {
    fn read(name: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
        let bytes = std::fs::read(folder.join(format!("{name}.f64.safetensors"))).expect("a committed file");
        let (_, header) = SafeTensors::read_metadata(&bytes).expect("a header");
        let case = &header.metadata().as_ref().expect("metadata")["case"];
        Self { case: serde_json::from_str(case).expect("a description"), bytes }
    }

    fn tensor(&self, name: &str) -> Vec<f64> {
        let tensors = SafeTensors::deserialize(&self.bytes).expect("a safetensors file");
        let tensor = tensors.tensor(name).expect(name);
        tensor.data().as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect()
    }

    fn parameters(&self, suffix: &str) -> [Vec<f64>; 4] {
        ["layers.0.w", "layers.0.b", "layers.1.w", "layers.1.b"]
            .map(|name| self.tensor(&format!("{name}{suffix}")))
    }

    fn regularization(&self) -> Regularization {
        serde_json::from_value(self.case["regularisation"].clone()).expect("the same names")
    }

    fn net(&self) -> Net {
        let size = |layer: usize, key: &str| {
            usize::try_from(self.case["layers"][layer][key].as_u64().expect("a count")).expect("a size")
        };
        Net {
            inputs: size(0, "fan_in"),
            hidden: size(0, "fan_out"),
            outputs: size(1, "fan_out"),
            softmax: self.case["layers"][1]["activation"]["name"] == "softmax",
        }
    }
}

/// tanh units, then linear ones with squared error, or softmax with cross-entropy.
#[derive(Clone, Copy)]
struct Net {
    inputs: usize,
    hidden: usize,
    outputs: usize,
    softmax: bool,
}

impl Net {
    /// Where w₁, b₁, w₂, b₂ lie.
    fn ranges(&self) -> [Range<usize>; 4] {
        let mut begin = 0;
        [self.inputs * self.hidden, self.hidden, self.hidden * self.outputs, self.outputs].map(|length| {
            begin += length;
            begin - length..begin
        })
    }

    fn weights(&self) -> [Range<usize>; 2] {
        let [first, _, second, _] = self.ranges();
        [first, second]
    }

    /// The mean cost over the rows of `x`; its gradient over `grads`.
    fn cost(&self, params: &[f64], x: &[f64], targets: &[f64], grads: &mut [f64]) -> f64 {
        grads.fill(0.0);
        let [w1, b1, w2, b2] = self.ranges();
        let rows = x.len() / self.inputs;
        let mut cost = 0.0;
        for (x, y) in x.chunks(self.inputs).zip(targets.chunks(self.outputs)) {
            let (hidden, outputs) = (self.hidden, self.outputs);
            let h: Vec<f64> = (0..hidden)
                .map(|j| {
                    let z = (0..self.inputs).map(|i| x[i] * params[w1.start + i * hidden + j]).sum::<f64>();
                    (z + params[b1.start + j]).tanh()
                })
                .collect();
            let mut z: Vec<f64> = (0..outputs)
                .map(|k| {
                    (0..hidden).map(|j| h[j] * params[w2.start + j * outputs + k]).sum::<f64>()
                        + params[b2.start + k]
                })
                .collect();
            if self.softmax {
                let total = z.iter().map(|z| z.exp()).sum::<f64>();
                z.iter_mut().for_each(|z| *z = z.exp() / total);
                cost -= z.iter().zip(y).map(|(p, y)| y * p.ln()).sum::<f64>();
            } else {
                cost += z.iter().zip(y).map(|(z, y)| 0.5 * (z - y) * (z - y)).sum::<f64>();
            }
            let delta: Vec<f64> = z.iter().zip(y).map(|(a, y)| (a - y) / rows as f64).collect();
            for j in 0..hidden {
                let mut back = 0.0;
                for k in 0..outputs {
                    grads[w2.start + j * outputs + k] += h[j] * delta[k];
                    back += params[w2.start + j * outputs + k] * delta[k];
                }
                back *= 1.0 - h[j] * h[j];
                grads[b1.start + j] += back;
                for i in 0..self.inputs {
                    grads[w1.start + i * hidden + j] += x[i] * back;
                }
            }
            for k in 0..outputs {
                grads[b2.start + k] += delta[k];
            }
        }
        cost / rows as f64
    }
}

fn spec(case: &Value) -> OptimizerSpec {
    let mut rule = case["optimizer"].clone();
    let alpha = rule["alpha"].clone();
    if !alpha.is_null() {
        rule["rho"] = alpha;
    }
    serde_json::from_value(rule).expect("the same names")
}

#[test]
fn ten_updates_are_pytorchs() {
    for name in [
        "sgd",
        "momentum",
        "nesterov",
        "rmsprop",
        "adam",
        "adamw",
        "rprop",
        "sgd_l1_l2",
        "sgd_max_norm",
        "momentum_clip_value",
        "adam_l2_clip_norm",
    ] {
        let fixture = Fixture::read(&format!("optimizer/{name}"));
        let (net, rule, pool) = (fixture.net(), fixture.regularization(), Pool::new(1));
        let rate = fixture.case["optimizer"]["learning_rate"].as_f64().expect("a rate");
        let decay = fixture.case["optimizer"]["weight_decay"].as_f64().unwrap_or(0.0);
        let (x, targets, losses) = (fixture.tensor("x"), fixture.tensor("targets"), fixture.tensor("loss"));
        let mut params = fixture.parameters("").concat();
        let (steps, mut grads) = (losses.len(), vec![0.0; params.len()]);
        let trails = fixture.parameters(".steps");
        let mut optimizer = Optimizer::new(&spec(&fixture.case), params.len());
        for step in 0..steps {
            let rows = |all: &[f64]| all[step * (all.len() / steps)..][..all.len() / steps].to_vec();
            let cost = net.cost(&params, &rows(&x), &rows(&targets), &mut grads);
            rule.add_gradient(&pool, &params, &mut grads, &net.weights());
            rule.clip(&pool, &mut grads);
            optimizer.update(&pool, &mut params, &grads, rate, &net.weights(), decay);
            let [w1, w2] = net.weights();
            rule.limit_norms(&mut params, &[(w1, net.inputs, net.hidden), (w2, net.hidden, net.outputs)]);

            let loss = losses[step];
            assert!((cost - loss).abs() <= 1e-9 * loss, "{name}, step {step}: cost {cost} is not {loss}");
            let expected = trails.each_ref().map(|trail| rows(trail)).concat();
            for (i, (got, expected)) in params.iter().zip(&expected).enumerate() {
                assert!(
                    (got - expected).abs() <= 1e-9,
                    "{name}, step {step}, parameter {i}: {got} is not {expected}"
                );
            }
        }
    }
}

#[test]
fn lbfgs_ends_at_scipys_cost() {
    for name in ["regression", "classification"] {
        let fixture = Fixture::read(&format!("lbfgs/{name}"));
        let (net, rule, pool) = (fixture.net(), fixture.regularization(), Pool::new(1));
        let (x, targets) = (fixture.tensor("x"), fixture.tensor("targets"));
        let mut evaluate = |params: &[f64], grads: &mut [f64]| {
            let cost = net.cost(params, &x, &targets, grads);
            rule.add_gradient(&pool, params, grads, &net.weights());
            cost + rule.penalty(&pool, params, &net.weights())
        };
        let mut params = fixture.parameters("").concat();
        let start = evaluate(&params, &mut vec![0.0; params.len()]);
        assert!((start - fixture.tensor("start_cost")[0]).abs() < 1e-12);
        let mut lbfgs = Lbfgs::new(10, params.len());
        let outcome = (0..500)
            .map(|_| lbfgs.step(&pool, &mut params, &mut evaluate))
            .find(|outcome| outcome.converged)
            .expect("convergence");
        let expected = fixture.tensor("final_cost")[0];
        assert!((outcome.cost - expected).abs() < 1e-8, "{name}: {} is not {expected}", outcome.cost);
    }
}
