//! candle: its tensors, automatic gradients and optimizers.

use candle_core::{Device, Result, Tensor, Var};
use candle_nn::optim::{AdamW, Optimizer, ParamsAdamW, SGD};
use candle_nn::{loss, ops};
use rust_peers::{Activation, Case};
use serde_json::json;

/// Either optimizer.
enum Rule {
    Descent(SGD),
    Adam(AdamW),
}

fn main() -> Result<()> {
    let case = Case::read();
    let device = Device::Cpu;
    let classes = case.cross_entropy.then(|| case.classes());
    let batches = case
        .batches()
        .into_iter()
        .map(|(from, to)| {
            let rows = to - from;
            let x = &case.x[from * case.inputs..to * case.inputs];
            let x = Tensor::from_slice(x, (rows, case.inputs), &device)?;
            let targets = &case.targets[from * case.outputs..to * case.outputs];
            let y = match &classes {
                Some(classes) => Tensor::from_slice(&classes[from..to], rows, &device)?,
                None => Tensor::from_slice(targets, (rows, case.outputs), &device)?,
            };
            Ok((x, y))
        })
        .collect::<Result<Vec<_>>>()?;
    let versions = json!({ "candle": "0.11.1" });
    case.take_turns(&versions, || {
        let layers = layers(&case, &device).expect("start weights");
        let vars: Vec<Var> = layers.iter().flat_map(|(w, b, _)| [w.clone(), b.clone()]).collect();
        let mut rule = rule(&case, vars).expect("an optimizer");
        let mut following = batches.iter().cycle();
        let case = &case;
        move |steps| {
            let mut last = None;
            for _ in 0..steps {
                let Some((x, y)) = following.next() else { break };
                last = Some(step(case, &layers, x, y, &mut rule).expect("a step"));
            }
            last.map_or(f64::NAN, |cost| f64::from(cost.to_scalar::<f32>().expect("a number")))
        }
    });
    Ok(())
}

fn layers(case: &Case, device: &Device) -> Result<Vec<(Var, Var, Activation)>> {
    let layer = |layer: &rust_peers::Layer| {
        let w = Tensor::from_slice(&layer.w, (layer.fan_in, layer.fan_out), device)?;
        let b = Tensor::from_slice(&layer.b, layer.fan_out, device)?;
        Ok((Var::from_tensor(&w)?, Var::from_tensor(&b)?, layer.activation))
    };
    case.layers.iter().map(layer).collect()
}

fn rule(case: &Case, vars: Vec<Var>) -> Result<Rule> {
    Ok(match case.adam {
        None => Rule::Descent(SGD::new(vars, case.learning_rate)?),
        Some(adam) => {
            let numbers = ParamsAdamW {
                lr: case.learning_rate,
                beta1: adam.beta1,
                beta2: adam.beta2,
                eps: adam.epsilon,
                weight_decay: 0.0,
            };
            Rule::Adam(AdamW::new(vars, numbers)?)
        }
    })
}

fn step(
    case: &Case,
    layers: &[(Var, Var, Activation)],
    x: &Tensor,
    y: &Tensor,
    rule: &mut Rule,
) -> Result<Tensor> {
    let mut a = x.clone();
    for (w, b, activation) in layers {
        let z = a.matmul(w)?.broadcast_add(b)?;
        a = match activation {
            Activation::Identity => z,
            Activation::Sigmoid => ops::sigmoid(&z)?,
            Activation::Relu => z.relu()?,
            Activation::Tanh => z.tanh()?,
        };
    }
    let cost = if case.cross_entropy {
        loss::cross_entropy(&a, y)?
    } else {
        (loss::mse(&a, y)? * (case.outputs as f64 / 2.0))?
    };
    match rule {
        Rule::Descent(rule) => rule.backward_step(&cost)?,
        Rule::Adam(rule) => rule.backward_step(&cost)?,
    }
    Ok(cost)
}
