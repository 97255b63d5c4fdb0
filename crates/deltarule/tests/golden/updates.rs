//! What follows the backward pass: penalties, clipping, ten updates by each optimizer, L-BFGS.

use deltarule::dataset::Batch;
use deltarule::layer::Pass;
use deltarule::loss::Loss;
use deltarule::network::{Network, Workspace};
use deltarule::optimizer::{Lbfgs, Optimizer, OptimizerSpec, Regularization};
use deltarule::{Pool, Real};

use crate::pass::{self, Computed, Rows};
use crate::reader::{Case, Rule};

/// L-BFGS's final cost may be above SciPy's by this part of it.
const LBFGS_TOLERANCE: f64 = 1e-6;

/// Adds the penalties' gradients and clips, keeping the gradient of each stage.
pub fn regularise<F: Real>(case: &Case, computed: &mut Computed, network: &Network<F>, grads: &mut [F]) {
    let (pool, rule) = (Pool::new(1), regularization(case));
    let decayed = network.regularized();
    rule.add_gradient(&pool, network.params(), grads, &decayed);
    pass::name_gradients(computed, network, grads, "");
    computed.insert("penalty".into(), vec![rule.penalty(&pool, network.params(), &decayed)]);
    let norm = grads.iter().map(|g| g.to_f64() * g.to_f64()).sum::<f64>().sqrt();
    let reported = rule.clip(&pool, grads);
    assert_eq!(reported.is_some(), rule.clip_norm.is_some(), "the norm is reported where it is clipped");
    computed.insert("gradient_norm".into(), vec![reported.unwrap_or(norm)]);
    pass::name_gradients(computed, network, grads, "_clipped");
}

fn regularization(case: &Case) -> Regularization {
    let rule = &case.description.regularisation;
    Regularization {
        l1: rule.l1,
        l2: rule.l2,
        weight_decay: case.description.optimizer.as_ref().map_or(0.0, |optimizer| optimizer.weight_decay),
        max_norm: rule.max_norm,
        clip_norm: rule.clip_norm,
        clip_value: rule.clip_value,
    }
}

fn optimizer(rule: &Rule) -> OptimizerSpec {
    match *rule {
        Rule::Sgd => OptimizerSpec::GradientDescent,
        Rule::Momentum { momentum } => OptimizerSpec::Momentum { momentum },
        Rule::Nesterov { momentum } => OptimizerSpec::Nesterov { momentum },
        Rule::Rmsprop { alpha, epsilon } => OptimizerSpec::RmsProp { rho: alpha, epsilon, momentum: 0.0 },
        Rule::Adam { beta1, beta2, epsilon } => OptimizerSpec::Adam { beta1, beta2, epsilon },
        Rule::Adamw { beta1, beta2, epsilon } => OptimizerSpec::AdamW { beta1, beta2, epsilon },
        Rule::Rprop { eta_minus, eta_plus, step_min, step_max } => {
            OptimizerSpec::Rprop { eta_minus, eta_plus, step_min, step_max }
        }
    }
}

/// The losses and the parameters after each of the case's updates; of plain descent twice, the second time with the
/// update inside the backward pass.
pub fn ten_steps(case: &Case) -> Vec<Computed> {
    let description = &case.description;
    let described = description.optimizer.as_ref().expect("a case of steps has an optimizer");
    let rule = regularization(case);
    let mut runs =
        vec![stored_gradient_steps(case, optimizer(&described.rule), &rule, described.learning_rate)];
    if rule.is_decay_alone() {
        runs.extend(fused_steps(
            case,
            optimizer(&described.rule),
            rule.weight_decay,
            described.learning_rate,
        ));
    }
    runs
}

fn stored_gradient_steps(
    case: &Case,
    spec: OptimizerSpec,
    rule: &Regularization,
    learning_rate: f64,
) -> Computed {
    let pool = Pool::new(1);
    let start = pass::network::<f64>(case);
    let mut optimizer = Optimizer::new(&spec, start.params().len());
    let (decayed, matrices) = (start.regularized(), start.weight_matrices());
    each_step(case, start, |network, ws, batch, grads| {
        network.backward(&pool, ws, batch, batch.total_weight(), grads);
        rule.add_gradient(&pool, network.params(), grads, &decayed);
        rule.clip(&pool, grads);
        optimizer.update(&pool, network.params_mut(), grads, learning_rate, &decayed, rule.weight_decay);
        rule.limit_norms(network.params_mut(), &matrices);
    })
}

/// Steps with the update in the backward pass, where the optimizer's update is one rule.
fn fused_steps(case: &Case, spec: OptimizerSpec, decay: f64, learning_rate: f64) -> Option<Computed> {
    let (pool, loss) = (Pool::new(1), pass::loss(case));
    let start = pass::network::<f64>(case);
    let mut optimizer = Optimizer::new(&spec, start.params().len());
    optimizer.is_one_rule(decay).then(|| {
        each_step(case, start, |network, ws, batch, spare| {
            let (pass, total) = (Pass::Training { seed: 1, step: 0 }, batch.total_weight());
            let stepped = optimizer.update_by(learning_rate, decay, |rule, state| {
                (network.step(&pool, ws, batch, pass, &loss, total, rule, state, spare), true)
            });
            assert!(stepped.is_some(), "one rule");
        })
    })
}

/// Forward and cost over each batch in turn, then `update`.
fn each_step(
    case: &Case,
    mut network: Network<f64>,
    mut update: impl FnMut(&mut Network<f64>, &mut Workspace<f64>, &Batch<'_, f64>, &mut [f64]),
) -> Computed {
    let (pool, rows, loss) = (Pool::new(1), Rows::<f64>::new(case), pass::loss(case));
    let size = case.description.batch;
    let mut ws = network.workspace(size);
    let mut grads = vec![f64::NAN; network.params().len()];
    let mut computed = Computed::new();
    for step in 0..case.description.steps.expect("a case of steps says how many") {
        let batch = rows.batch(step * size, (step + 1) * size);
        let sum = cost_and_delta(&pool, &network, &mut ws, &batch, &loss);
        computed.entry("loss".into()).or_default().push(sum / batch.total_weight());
        update(&mut network, &mut ws, &batch, &mut grads);
        for tensor in network.tensors() {
            let trail = computed.entry(format!("{}.steps", tensor.name)).or_default();
            trail.extend(&network.params()[tensor.range.clone()]);
        }
    }
    computed
}

fn cost_and_delta(
    pool: &Pool,
    network: &Network<f64>,
    ws: &mut Workspace<f64>,
    batch: &Batch<'_, f64>,
    loss: &Loss,
) -> f64 {
    network.forward(pool, ws, batch, Pass::Training { seed: 1, step: 0 });
    let (z, a, delta) = network.output_and_delta(ws, batch.rows);
    loss.value_and_delta(pool, z, a, batch.targets, batch.weights, Some(delta))
}

/// What is wrong with the cost at the start, or with the cost at which L-BFGS ends.
pub fn lbfgs(case: &Case) -> Vec<String> {
    let (pool, rows, loss) = (Pool::new(1), Rows::<f64>::new(case), pass::loss(case));
    let mut network = pass::network::<f64>(case);
    let (rule, decayed) = (regularization(case), network.regularized());
    let batch = rows.batch(0, case.description.batch);
    let (mut ws, mut params) = (network.workspace(batch.rows), network.params().to_vec());
    let mut evaluate = |trial: &[f64], grads: &mut [f64]| {
        network.params_mut().copy_from_slice(trial);
        let sum = cost_and_delta(&pool, &network, &mut ws, &batch, &loss);
        network.backward(&pool, &mut ws, &batch, batch.total_weight(), grads);
        rule.add_gradient(&pool, trial, grads, &decayed);
        sum / batch.total_weight() + rule.penalty(&pool, trial, &decayed)
    };
    let start = evaluate(&params, &mut vec![0.0; params.len()]);
    let mut method = Lbfgs::new(10, params.len());
    let mut outcome = method.step(&pool, &mut params, &mut evaluate);
    for _ in 0..1000 {
        if outcome.converged {
            break;
        }
        outcome = method.step(&pool, &mut params, &mut evaluate);
    }
    let mut wrong = Vec::new();
    for (name, got, tolerance) in [("start_cost", start, 1e-9), ("final_cost", outcome.cost, LBFGS_TOLERANCE)]
    {
        let expected = case.values::<f64>(name)[0];
        // Written so that a NaN is wrong too.
        let agrees = (got - expected).abs() <= tolerance * expected;
        if !agrees {
            wrong.push(format!("{}: {name} is {got}, not {expected}", case.description.name));
        }
    }
    wrong
}
