use deltarule_kernels::{Activation, Pool, Real};

use super::*;
use crate::control::Control;
use crate::dataset::{Dataset, Embedded, InputShape, Targets};
use crate::event::{EndReason, Event, Silent};
use crate::loss::Cost;
use crate::network::{LayerSpec, NetworkSpec};
use crate::schedule::Schedule;

/// 37 rows: three numbers, one embedded and one one-hot column, three classes, weights.
fn rows<F: Real>() -> Dataset<F> {
    let number = |i: usize, j: usize| F::from_f64(((i * 7 + j * 3) % 11) as f64 / 5.0 - 1.0);
    let count = 37;
    Dataset {
        rows: count,
        dense_width: 3,
        dense: (0..count * 3).map(|c| number(c / 3, c % 3)).collect(),
        sparse: None,
        code_width: 2,
        codes: (0..count as u32).flat_map(|i| [i % 5, i % 4]).collect(),
        targets: Targets::Classes { classes: 3, codes: (0..count as u32).map(|i| (i * i) % 3).collect() },
        weights: Some((0..count).map(|i| F::from_f64(1.0 + (i % 3) as f64)).collect()),
    }
}

fn spec() -> NetworkSpec {
    let input =
        InputShape { dense: 3, embedded: vec![Embedded { cardinality: 5, dimension: 2 }], one_hot: vec![4] };
    NetworkSpec::on(input)
        .dropout(0.1)
        .dense(9, Activation::Identity)
        .with(LayerSpec::BatchNorm { activation: Activation::Relu })
        .dropout(0.25)
        .dense(7, Activation::Gelu)
        .with(LayerSpec::LayerNorm { activation: Activation::Identity })
        .dense(3, Activation::Softmax)
}

fn settings(optimizer: &str) -> TrainerSettings {
    let loss = Loss::new(Cost::CrossEntropy, Activation::Softmax, 0.1).unwrap();
    let optimizer = OptimizerSpec::by_name(optimizer).unwrap();
    let mut settings = TrainerSettings::new(loss, optimizer, 0.01, 8, 6);
    settings.learning_rate.schedule = Schedule::Cosine { final_fraction: 0.0 };
    settings.regularization.weight_decay = 0.01;
    settings.seed = 5;
    settings
}

fn trained<F: Real>(threads: usize, optimizer: &str) -> Vec<F> {
    let pool = Pool::new(threads);
    let mut trainer = Trainer::new(&pool, spec().build::<F>(1).unwrap(), settings(optimizer)).unwrap();
    trainer.run_quietly(&rows()).unwrap();
    trainer.into_network().params().to_vec()
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    assert_eq!(trained::<f32>(1, "adamw"), trained::<f32>(2, "adamw"));
    assert_eq!(trained::<f32>(1, "nesterov"), trained::<f32>(3, "nesterov"));
    assert_eq!(trained::<f64>(1, "rmsprop"), trained::<f64>(2, "rmsprop"));
}

#[test]
fn a_run_that_was_stopped_anywhere_goes_on_to_the_same_bits() {
    for optimizer in ["gradient_descent", "momentum", "adam", "rprop"] {
        let whole = trained::<f32>(1, optimizer);
        for stop in [0, 1, 4, 5, 11, 29] {
            let pool = Pool::new(1);
            let begin = || Trainer::new(&pool, spec().build::<f32>(1).unwrap(), settings(optimizer)).unwrap();
            let mut first = begin();
            let mut kept = None;
            let outcome = first
                .run(
                    "model",
                    &rows(),
                    None,
                    &mut Silent,
                    &mut |step| (step == stop).then_some(Control::Stop),
                    &mut |trainer, occasion| {
                        if occasion == Occasion::Stopped {
                            kept = Some(trainer.snapshot());
                        }
                        Ok(None)
                    },
                )
                .unwrap();
            assert_eq!((outcome.reason, outcome.steps), (EndReason::Stopped, stop));
            let mut second = begin();
            second.restore(&kept.unwrap()).unwrap();
            second.run_quietly(&rows()).unwrap();
            assert_eq!(second.network().params(), whole, "{optimizer} stopped at {stop}");
        }
    }
}

#[test]
fn the_fused_step_has_the_bits_of_the_four_phases() {
    let pool = Pool::new(2);
    let mut settings = settings("gradient_descent");
    settings.regularization = Regularization::default();
    let begin = || Trainer::new(&pool, spec().build::<f32>(3).unwrap(), settings.clone()).unwrap();
    let (mut fused, mut phased) = (begin(), begin());
    assert!(fused.fused);
    let data = rows::<f32>();
    for from in [0, 8, 16, 24] {
        let batch = data.range(from, from + 8);
        let cost = fused.step(&batch, 0.05);
        phased.forward(&batch);
        assert_eq!(phased.cost(&batch), cost);
        phased.backward(&batch);
        phased.update(batch.rows, 0.05);
    }
    assert_eq!(fused.network().params(), phased.network().params());
    assert_eq!(fused.network().buffers(), phased.network().buffers());
}

#[test]
fn a_divergence_is_named_by_step_phase_and_layer() {
    let pool = Pool::new(1);
    let network = NetworkSpec::new(3).dense(4, Activation::Relu).dense(1, Activation::Identity);
    let loss = Loss::new(Cost::SquaredError, Activation::Identity, 0.0).unwrap();
    let settings = TrainerSettings::new(loss, OptimizerSpec::GradientDescent, 1e20, 4, 50);
    let mut trainer = Trainer::new(&pool, network.build::<f32>(1).unwrap(), settings).unwrap();
    let numbers = rows::<f32>().dense.into_vec();
    let targets = Targets::Values { outputs: 1, values: (0..37).map(|i| i as f32).collect() };
    let error = trainer.run_quietly(&Dataset::from_dense(3, numbers, targets)).unwrap_err();
    let ErrorKind::NonFinite { step, phase, layer, .. } = error.kind() else { panic!("{error}") };
    assert!(*step <= 3 && layer.is_some(), "{error}");
    assert!(["forward", "backward", "update"].contains(&phase.as_str()), "{error}");
    assert!(error.to_string().contains("learning rate"), "{error}");
}

#[test]
fn a_divergence_is_found_without_a_copy_of_the_state_too() {
    let pool = Pool::new(1);
    let spec = NetworkSpec::new(3).dense(4, Activation::Relu).dense(1, Activation::Identity);
    let loss = Loss::new(Cost::SquaredError, Activation::Identity, 0.0).unwrap();
    let targets = Targets::Values { outputs: 1, values: (0..37).map(|i| i as f32).collect() };
    let data = Dataset::from_dense(3, rows::<f32>().dense.into_vec(), targets);
    for (rate, optimizer) in [(1e20, "gradient_descent"), (1e38, "gradient_descent"), (1e20, "momentum")] {
        let optimizer = OptimizerSpec::by_name(optimizer).unwrap();
        let settings =
            TrainerSettings { shuffle: false, ..TrainerSettings::new(loss, optimizer, rate, 4, 50) };
        let found = |copied: bool| {
            let mut trainer = Trainer::new(&pool, spec.build::<f32>(1).unwrap(), settings.clone()).unwrap();
            let good = trainer.good_copy();
            assert!(good.is_some(), "a small state is copied");
            let mut batches = super::run::Batches::new(&pool, &data, 4, false);
            while trainer.step(&batches.get(trainer.at.batch), rate).is_finite() {
                trainer.at.batch += 1;
            }
            let good = good.as_ref().filter(|_| copied);
            let steps = batches.count();
            let error = trainer.first_non_finite(good, &mut batches, steps, &data);
            let ErrorKind::NonFinite { step, phase, layer, .. } = error.kind() else { panic!("{error}") };
            assert!(layer.is_some(), "{error}");
            (*step, phase.clone())
        };
        let ((replayed, _), (looked, phase)) = (found(true), found(false));
        assert_eq!(looked, replayed, "{phase}");
        assert!(["forward", "update"].contains(&phase.as_str()), "{phase}");
    }
}

#[test]
fn the_best_epochs_weights_are_kept_and_patience_ends_the_run() {
    let pool = Pool::new(1);
    let mut settings = settings("adam");
    settings.epochs = 100;
    settings.watch = Metric::Accuracy;
    settings.keep_best = true;
    settings.stopping = Some(Stopping { patience: 3, min_delta: 0.0 });
    let mut trainer = Trainer::new(&pool, spec().build::<f32>(1).unwrap(), settings).unwrap();
    // Accuracies 0.1, 0.5, 0.4, 0.4, 0.4: the second is best, the fifth epoch the last.
    let mut told = [0.1, 0.5, 0.4, 0.4, 0.4].into_iter();
    let mut seen: Vec<Vec<f32>> = Vec::new();
    let mut events = Vec::new();
    let outcome = trainer
        .run(
            "model",
            &rows(),
            Some(&mut |network: &Network<f32>| {
                seen.push(network.params().to_vec());
                [("accuracy".to_owned(), told.next().unwrap())].into()
            }),
            &mut |event: &Event| events.push(event.clone()),
            &mut |_| None,
            &mut |_, _| Ok(None),
        )
        .unwrap();
    assert_eq!((outcome.reason, outcome.epochs, outcome.best_epoch), (EndReason::EarlyStopping, 5, 2));
    assert_eq!(trainer.network().params(), seen[1]);
    let best: Vec<bool> = events
        .iter()
        .filter_map(|event| if let Event::Epoch { best, .. } = event { Some(*best) } else { None })
        .collect();
    assert_eq!(best, [true, true, false, false, false]);
}

#[test]
fn a_run_that_was_cut_off_after_its_last_epoch_trains_no_further() {
    let pool = Pool::new(1);
    let mut settings = settings("adam");
    settings.epochs = 100;
    settings.watch = Metric::Accuracy;
    settings.keep_best = true;
    settings.stopping = Some(Stopping { patience: 2, min_delta: 0.0 });
    let begin = || Trainer::new(&pool, spec().build::<f32>(1).unwrap(), settings.clone()).unwrap();
    // Accuracies 0.5, 0.4, 0.4 end the run; another epoch would be the best.
    let run = |trainer: &mut Trainer<'_, f32>, told: &[f64], kept: &mut Option<Snapshot<'static, f32>>| {
        let mut told = told.iter().copied();
        let mut validate = |_: &Network<f32>| [("accuracy".to_owned(), told.next().unwrap())].into();
        let mut keep = |trainer: &Trainer<'_, f32>, _: Occasion| {
            *kept = Some(trainer.snapshot());
            Ok(None)
        };
        let mut nobody = |_| None;
        trainer.run("model", &rows(), Some(&mut validate), &mut Silent, &mut nobody, &mut keep).unwrap()
    };
    let (mut whole, mut kept) = (begin(), None);
    let outcome = run(&mut whole, &[0.5, 0.4, 0.4], &mut kept);
    assert_eq!((outcome.reason, outcome.epochs, outcome.best_epoch), (EndReason::EarlyStopping, 3, 1));
    let mut second = begin();
    second.restore(&kept.unwrap()).unwrap();
    let again = run(&mut second, &[0.9, 0.9, 0.9], &mut None);
    assert_eq!((again.reason, again.epochs, again.best_epoch), (EndReason::EarlyStopping, 3, 1));
    assert_eq!(second.network().params(), whole.network().params());
}

#[test]
fn lbfgs_takes_all_rows_and_resumes_to_the_same_bits() {
    let pool = Pool::new(1);
    let network = NetworkSpec::new(3).dense(5, Activation::Tanh).dense(3, Activation::Softmax);
    let mut data = rows::<f64>();
    (data.code_width, data.codes) = (0, Vec::new());
    let loss = Loss::new(Cost::CrossEntropy, Activation::Softmax, 0.0).unwrap();
    let mut settings =
        TrainerSettings::new(loss, OptimizerSpec::Lbfgs { history: 5, tolerance: 0.0 }, 1.0, 37, 20);
    settings.regularization.l2 = 0.01;
    let begin = || Trainer::new(&pool, network.build::<f64>(2).unwrap(), settings.clone()).unwrap();
    let mut whole = begin();
    let mut costs = Vec::new();
    whole
        .run(
            "model",
            &data,
            None,
            &mut |event: &Event| {
                if let Event::Epoch { cost, .. } = event {
                    costs.push(*cost);
                }
            },
            &mut |_| None,
            &mut |_, _| Ok(None),
        )
        .unwrap();
    assert!(costs.windows(2).all(|pair| pair[1] <= pair[0]), "{costs:?}");
    let mut kept = None;
    begin()
        .run(
            "model",
            &data,
            None,
            &mut Silent,
            &mut |step| (step == 7).then_some(Control::Stop),
            &mut |trainer, _| {
                kept = Some(trainer.snapshot());
                Ok(None)
            },
        )
        .unwrap();
    let mut second = begin();
    second.restore(&kept.unwrap()).unwrap();
    second.run_quietly(&data).unwrap();
    assert_eq!(second.network().params(), whole.network().params());
}

#[test]
fn a_snapshot_of_another_network_is_refused() {
    let pool = Pool::new(1);
    let small = NetworkSpec::new(3).dense(3, Activation::Softmax).build::<f32>(1).unwrap();
    let small = Trainer::new(&pool, small, settings("adam")).unwrap();
    let mut large = Trainer::new(&pool, spec().build::<f32>(1).unwrap(), settings("adam")).unwrap();
    assert!(matches!(large.restore(&small.snapshot()).unwrap_err().kind(), ErrorKind::ShapeMismatch { .. }));
}

#[test]
fn controls_are_obeyed_at_step_boundaries_and_recorded() {
    let pool = Pool::new(1);
    let mut wishes = vec![Control::ScaleLearningRate { factor: 0.5 }, Control::Resume, Control::Pause];
    let mut events = Vec::new();
    let mut trainer = Trainer::new(&pool, spec().build::<f32>(1).unwrap(), settings("adam")).unwrap();
    trainer
        .run(
            "model",
            &rows(),
            None,
            &mut |event: &Event| events.push(event.clone()),
            &mut |step| if step == 2 { wishes.pop() } else { None },
            &mut |_, _| Ok(None),
        )
        .unwrap();
    let controlled: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Controlled { step, control } => Some((*step, control.clone())),
            _ => None,
        })
        .collect();
    let factor = Control::ScaleLearningRate { factor: 0.5 };
    assert_eq!(controlled, [(2, Control::Pause), (2, Control::Resume), (2, factor)]);
    assert_ne!(trainer.network().params(), trained::<f32>(1, "adam"));
}

/// What a watched run told of its layers, and the weights that it ended with.
fn watched<F: Real>(optimizer: &str, telemetry: bool) -> (Vec<Event>, Vec<F>) {
    let pool = Pool::new(2);
    let settings = TrainerSettings { telemetry, epochs: 20, ..settings(optimizer) };
    let mut trainer = Trainer::new(&pool, spec().build::<F>(1).unwrap(), settings).unwrap();
    let mut told = Vec::new();
    let mut listen = |event: &Event| {
        if matches!(event, Event::Health { .. }) {
            told.push(event.clone());
        }
    };
    trainer
        .run("model", &rows(), None, &mut listen, &mut crate::control::Unattended, &mut |_, _| Ok(None))
        .unwrap();
    (told, trainer.into_network().params().to_vec())
}

#[test]
fn looking_changes_no_bit() {
    for optimizer in ["gradient_descent", "momentum", "nesterov", "rmsprop", "adam", "adamw", "rprop"] {
        let (told, with) = watched::<f32>(optimizer, true);
        let (silence, without) = watched::<f32>(optimizer, false);
        assert_eq!(with, without, "{optimizer}");
        assert!(silence.is_empty());
        let steps: Vec<u64> =
            told.iter().map(|event| if let Event::Health { step, .. } = event { *step } else { 0 }).collect();
        assert_eq!(steps, [1, 2, 4, 8, 16, 32, 64], "100 steps, sooner than the interval");
    }
}

#[test]
fn line_searches_are_looked_at_as_gradient_steps_are() {
    let pool = Pool::new(1);
    let network = NetworkSpec::new(3).dense(5, Activation::Tanh).dense(3, Activation::Softmax);
    let mut data = rows::<f64>();
    (data.code_width, data.codes) = (0, Vec::new());
    let loss = Loss::new(Cost::CrossEntropy, Activation::Softmax, 0.0).unwrap();
    let run = |optimizer: OptimizerSpec, telemetry: bool| {
        let mut settings = TrainerSettings::new(loss, optimizer, 0.1, 37, 9);
        settings.telemetry = telemetry;
        settings.regularization.l2 = 0.01;
        let mut trainer = Trainer::new(&pool, network.build::<f64>(2).unwrap(), settings).unwrap();
        let mut told = Vec::new();
        let mut listen = |event: &Event| {
            if let Event::Health { step, cost, layers, .. } = event {
                told.push((*step, *cost, layers.clone()));
            }
        };
        let mut keep_nothing = |_: &Trainer<'_, f64>, _| Ok(None);
        trainer.run("model", &data, None, &mut listen, &mut |_| None, &mut keep_nothing).unwrap();
        (told, trainer.into_network().params().to_vec())
    };
    let lbfgs = OptimizerSpec::Lbfgs { history: 5, tolerance: 0.0 };
    let (looks, with) = run(lbfgs, true);
    let (silence, without) = run(lbfgs, false);
    assert_eq!(with, without);
    assert!(silence.is_empty());
    assert_eq!(looks.iter().map(|(step, ..)| *step).collect::<Vec<_>>(), [1, 2, 4, 8]);
    let (steps, _) = run(OptimizerSpec::GradientDescent, true);
    // In the first step both begin from the same weights, with the same gradient of all rows.
    let (ours, theirs) = (&looks[0], &steps[0]);
    assert!((ours.1 - theirs.1).abs() < 1e-12, "{} {}", ours.1, theirs.1);
    for (ours, theirs) in ours.2.iter().zip(&theirs.2) {
        let weights = |health: &LayerHealth| health.weights.clone().unwrap();
        assert_eq!((ours.delta, ours.through, ours.slope), (theirs.delta, theirs.through, theirs.slope));
        assert_eq!(ours.activations, theirs.activations);
        let norms = |health| (weights(health).weight, weights(health).gradient);
        assert_eq!(norms(ours), norms(theirs));
        assert!(weights(ours).update > 0.0);
    }
    assert!(looks[3].1 < looks[0].1, "the search goes downhill");
}

#[test]
fn a_look_finds_what_explain_finds_in_that_step() {
    let pool = Pool::new(1);
    let data = rows::<f64>();
    let settings =
        TrainerSettings { telemetry: true, batch_size: 37, shuffle: false, ..settings("momentum") };
    let network = spec().build::<f64>(1).unwrap();
    let pass = crate::layer::Pass::Training { seed: settings.seed, step: 0 };
    let names = crate::explain::Names::default();
    let (loss, off) = (settings.loss, crate::optimizer::Regularization::default());
    let anatomy = crate::explain::Anatomy::new(&pool, &network, &loss, &off, data.range(0, 37), pass, &names);
    let flow = anatomy.flow();
    let mut trainer = Trainer::new(&pool, network.clone(), settings).unwrap();
    let mut first = None;
    let mut listen = |event: &Event| {
        if let Event::Health { step: 1, layers, rows: 37, .. } = event {
            first = Some(layers.clone());
        }
    };
    trainer
        .run("model", &data, None, &mut listen, &mut crate::control::Unattended, &mut |_, _| Ok(None))
        .unwrap();
    let layers = first.expect("the first step is looked at");
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-5 * b.abs() + 1e-12;
    let mut product = 1.0;
    for stage in &flow {
        let health = &layers[stage.layer];
        assert!(close(health.delta, stage.left), "{health:?} {stage:?}");
        assert!(close(health.through.unwrap(), stage.through_factor), "{health:?} {stage:?}");
        assert!(close(health.slope.unwrap_or(1.0), stage.activation_factor), "{health:?} {stage:?}");
        assert!(close(health.lost_dead, stage.lost.dead), "{health:?} {stage:?}");
        product *= health.through.unwrap() * health.slope.unwrap_or(1.0);
    }
    let last = layers.last().unwrap().delta;
    assert!(close(layers[0].delta, product * last), "{product}");
    for (layer, health) in layers.iter().enumerate() {
        let Some(weights) = &health.weights else { continue };
        let named = if network.layers()[layer].kind() == "dense" { ".w" } else { "" };
        let tensors = network.tensors().iter().filter(|t| t.layer == layer && t.name.ends_with(named));
        let squares: f64 = tensors.flat_map(|t| &network.params()[t.range.clone()]).map(|w| w * w).sum();
        assert!(close(weights.weight, squares.sqrt()), "{weights:?}");
        assert!(weights.update > 0.0 && weights.gradient > 0.0, "{weights:?}");
    }
}
