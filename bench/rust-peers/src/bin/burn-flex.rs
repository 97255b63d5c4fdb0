//! burn on its Flex backend: tensors and automatic gradients, the update written out, so that no module is visited.

use burn::tensor::activation::{log_softmax, relu, sigmoid, tanh};
use burn::tensor::{Device, Int, Tensor, TensorData};
use rust_peers::{Activation, Adam, Case};
use serde_json::json;

/// A batch's rows, and its targets or classes.
#[derive(Clone)]
struct Batch {
    x: Tensor<2>,
    targets: Tensor<2>,
    classes: Option<Tensor<2, Int>>,
}

/// A parameter with Adam's two means, where it is Adam.
struct Parameter<const D: usize> {
    value: Tensor<D>,
    means: Option<(Tensor<D>, Tensor<D>)>,
}

impl<const D: usize> Parameter<D> {
    fn new(value: Tensor<D>, adam: bool) -> Self {
        let zeros = || value.clone().zeros_like();
        Self { means: adam.then(|| (zeros(), zeros())), value: value.autodiff().require_grad() }
    }

    /// Moves along the gradient; `step` counts from 1.
    fn update(&mut self, gradient: Tensor<D>, rate: f64, adam: Option<Adam>, step: i32) {
        let value = self.value.clone().inner();
        let moved = match (adam, self.means.take()) {
            (Some(Adam { beta1, beta2, epsilon }), Some((m, v))) => {
                let m = m.mul_scalar(beta1) + gradient.clone().mul_scalar(1.0 - beta1);
                let v = v.mul_scalar(beta2) + (gradient.clone() * gradient).mul_scalar(1.0 - beta2);
                let (rest1, rest2) = (1.0 - beta1.powi(step), 1.0 - beta2.powi(step));
                let root = v.clone().div_scalar(rest2).sqrt().add_scalar(epsilon);
                let by = m.clone().div(root).mul_scalar(rate / rest1);
                self.means = Some((m, v));
                value - by
            }
            _ => value - gradient.mul_scalar(rate),
        };
        self.value = moved.autodiff().require_grad();
    }
}

fn main() {
    let case = Case::read();
    let device = Device::flex();
    let matrix = |numbers: &[f32], columns: usize| {
        let shape = [numbers.len() / columns, columns];
        Tensor::<2>::from_data(TensorData::new(numbers.to_vec(), shape), &device)
    };
    let classes = case.cross_entropy.then(|| case.classes());
    let batches: Vec<Batch> = case
        .batches()
        .into_iter()
        .map(|(from, to)| Batch {
            x: matrix(&case.x[from * case.inputs..to * case.inputs], case.inputs).autodiff(),
            targets: matrix(&case.targets[from * case.outputs..to * case.outputs], case.outputs).autodiff(),
            classes: classes.as_ref().map(|classes| {
                let codes: Vec<i32> = classes[from..to].iter().map(|&class| class as i32).collect();
                let codes = TensorData::new(codes, [to - from, 1]);
                Tensor::<2, Int>::from_data(codes, &device).autodiff()
            }),
        })
        .collect();
    let versions = json!({ "burn": "0.22.1" });
    case.take_turns(&versions, || {
        let mut layers: Vec<_> = case
            .layers
            .iter()
            .map(|layer| {
                let w = Parameter::new(matrix(&layer.w, layer.fan_out), case.adam.is_some());
                let b = Parameter::new(matrix(&layer.b, layer.fan_out), case.adam.is_some());
                (w, b, layer.activation)
            })
            .collect();
        let (mut following, mut step) = (batches.iter().cycle(), 0);
        let (case, layers) = (&case, &mut layers);
        let mut layers = std::mem::take(layers);
        move |steps| {
            let mut last = None;
            for _ in 0..steps {
                let Some(batch) = following.next() else { break };
                step += 1;
                let mut a = batch.x.clone();
                for (w, b, activation) in &layers {
                    let z = a.matmul(w.value.clone()) + b.value.clone();
                    a = match activation {
                        Activation::Identity => z,
                        Activation::Sigmoid => sigmoid(z),
                        Activation::Relu => relu(z),
                        Activation::Tanh => tanh(z),
                    };
                }
                let cost = match &batch.classes {
                    Some(classes) => log_softmax(a, 1).gather(1, classes.clone()).mean().neg(),
                    None => {
                        let difference = a - batch.targets.clone();
                        (difference.clone() * difference).mean().mul_scalar(case.outputs as f64 / 2.0)
                    }
                };
                let gradients = cost.backward();
                for (w, b, _) in &mut layers {
                    let dw = w.value.grad(&gradients).expect("a gradient");
                    w.update(dw, case.learning_rate, case.adam, step);
                    let db = b.value.grad(&gradients).expect("a gradient");
                    b.update(db, case.learning_rate, case.adam, step);
                }
                last = Some(cost);
            }
            last.map_or(f64::NAN, |cost| f64::from(cost.into_scalar::<f32>()))
        }
    });
}
