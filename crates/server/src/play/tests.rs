//! Training that is held in every way, against training that is not.

mod subjects;

use deltarule::Pool;
use deltarule::config::Config;
use deltarule::model::Model;
use deltarule::run;
use deltarule::trainer::Snapshot;

use super::export::File;
use super::frame::View;
use super::messages::{Data, Next, Parameter, PhaseName};
use super::subject::{Made, Subject};
use super::tables::Tables;
use super::training::Training;

fn subject(name: &str, settings: &[(&str, &str)]) -> Result<Subject, String> {
    let data = Data { name: Some(name.into()), ..Data::default() };
    let settings = settings.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned()));
    Subject::asked(&data, &settings.collect(), &Tables::default())
}

/// In single precision, from the start.
fn with<T>(subject: &Subject, work: impl FnOnce(&mut Training<'_, f32>, &mut View<f32>) -> T) -> T {
    let Made::F32(start) = &subject.made else { panic!("the plan's precision is single") };
    let pool = Pool::new(1);
    let mut training = Training::new(&pool, subject, start).unwrap();
    let mut view = View::new(&training).unwrap();
    work(&mut training, &mut view)
}

/// Training until so many steps are done, a way of one's own for each.
fn after(
    subject: &Subject,
    steps: u64,
    way: impl Fn(&mut Training<'_, f32>, &mut View<f32>),
) -> Snapshot<'static, f32> {
    with(subject, |training, view| {
        while training.trainer.steps() < steps {
            way(training, view);
        }
        training.trainer.snapshot()
    })
}

fn batch(training: &mut Training<'_, f32>) {
    let steps = training.trainer.steps();
    training.advance(|step| step > steps);
}

fn phases(training: &mut Training<'_, f32>, view: &mut View<f32>) {
    let steps = training.trainer.steps();
    while training.trainer.steps() == steps {
        training.phase(0, &mut view.logits).unwrap();
    }
}

#[test]
fn steps_have_the_same_bits_however_they_are_taken() {
    let settings: [&[(&str, &str)]; 4] = [
        &[
            ("hidden", "8,8"),
            ("optimizer", "gradient_descent"),
            ("batch_size", "64"),
            ("learning_rate", "0.1"),
        ],
        &[
            ("hidden", "8"),
            ("dropout", "0.3"),
            ("optimizer", "adam"),
            ("normalization", "batch"),
            ("batch_size", "100"),
        ],
        &[
            ("hidden", "8"),
            ("l2", "0.01"),
            ("clip_norm", "0.1"),
            ("optimizer", "momentum"),
            ("batch_size", "32"),
        ],
        &[
            ("hidden", "4"),
            ("schedule", "reduce_on_plateau"),
            ("plateau_patience", "1"),
            ("epochs", "90"),
            ("early_stopping", "cost"),
            ("patience", "80"),
            ("normalization", "layer"),
            ("batch_size", "200"),
        ],
    ];
    for settings in settings {
        let subject = subject("moons", settings).unwrap();
        let steps = 61;
        let whole = after(&subject, steps, |training, _| {
            training.advance(|step| step >= steps);
        });
        assert_eq!(whole.step, steps);
        let by_batch = after(&subject, steps, |training, _| batch(training));
        assert!(by_batch == whole, "batch by batch: {settings:?}");
        let by_phase = after(&subject, steps, phases);
        assert!(by_phase == whole, "phase by phase: {settings:?}");
        let mixed = after(&subject, steps, |training, view| match training.trainer.steps() % 3 {
            0 => phases(training, view),
            1 => {
                // A step that was begun in phases is taken whole.
                training.phase(3, &mut view.logits).unwrap();
                training.phase(3, &mut view.logits).unwrap();
                batch(training);
            }
            _ => {
                training.frame(view, false, None);
                batch(training);
            }
        });
        assert!(mixed == whole, "all ways in turn: {settings:?}");
    }
}

#[test]
fn held_training_has_the_bits_of_a_run() {
    let settings =
        [("hidden", "8"), ("batch_size", "32"), ("epochs", "5"), ("early_stopping", "none"), ("seed", "3")];
    let subject = subject("circles", &settings).unwrap();
    let held = after(&subject, 110, |training, view| match training.trainer.steps() % 2 {
        0 => phases(training, view),
        _ => batch(training),
    });
    // The whole plan, as `train --config` would get it.
    let text = subject.prepared.plan.to_config().to_toml();
    let config = Config::parse_toml(&text, "config.toml".as_ref()).unwrap();
    let prepared = run::prepare(&config).unwrap();
    let fitted =
        run::fit_prepared(&prepared, &mut deltarule::event::Silent, &mut deltarule::control::Unattended);
    let fitted = fitted.unwrap();
    let deltarule::model::Members::F32(networks) = fitted.model.members() else { panic!("single precision") };
    assert_eq!((held.step, held.epoch), (110, 5));
    assert!(*held.params == *networks[0].params());
}

#[test]
fn phases_tell_what_the_update_follows() {
    let settings = [
        ("hidden", "5,3"),
        ("activation", "tanh"),
        ("optimizer", "gradient_descent"),
        ("learning_rate", "0.25"),
        ("batch_size", "16"),
        ("weight_decay", "0"),
        ("clip_norm", "none"),
    ];
    let subject = subject("moons", &settings).unwrap();
    with(&subject, |training, view| {
        let rows = training.next_step().unwrap().rows;
        let chosen = rows[7];
        let mut told = Vec::new();
        while training.trainer.steps() == 0 {
            assert_eq!(
                training.next_phase(),
                told.last().map_or(Next::FIRST, |t: &super::messages::PhaseTold| t.next)
            );
            told.push(training.phase(chosen, &mut view.logits).unwrap());
        }
        let names: Vec<_> = told.iter().map(|told| (told.phase, told.layer)).collect();
        let (forward, backward) = (PhaseName::Forward, PhaseName::Backward);
        let expected = [
            (forward, Some(0)),
            (forward, Some(1)),
            (forward, Some(2)),
            (PhaseName::Cost, None),
            (backward, Some(2)),
            (backward, Some(1)),
            (backward, Some(0)),
            (PhaseName::Update, None),
        ];
        assert_eq!(names, expected);
        assert!(told.iter().all(|told| told.rows == rows && told.shown == chosen && told.step == 0));
        // a = tanh(z).
        let (z, a) = (told[0].z.as_ref().unwrap(), told[0].a.as_ref().unwrap());
        assert_eq!((z.len(), a.len()), (5, 5));
        assert!(z.iter().zip(a).all(|(z, a)| (z.tanh() - a).abs() < 1e-6));
        // Before − after is the learning rate times the gradient.
        let updated = told[7].updated.as_ref().unwrap();
        let mut largest = 0.0_f64;
        for (at, layer) in [(6, 0), (5, 1), (4, 2)] {
            let gradients = &told[at].gradients.as_ref().unwrap()[0];
            let updated = &updated[layer];
            assert_eq!((gradients.layer, updated.layer), (layer, layer));
            let pairs = [(&gradients.w, &updated.w), (&gradients.b, &updated.b)];
            for (gradients, change) in pairs {
                assert_eq!(gradients.len(), change.before.len());
                for ((gradient, before), after) in gradients.iter().zip(&change.before).zip(&change.after) {
                    assert!((before - after - 0.25 * gradient).abs() < 1e-6);
                    largest = largest.max(gradient.abs());
                }
            }
        }
        assert!(largest > 1e-3, "there was something to learn");
    });
}

#[test]
fn gradients_are_checked_and_taken_apart_at_the_batch_that_comes_next() {
    let settings = [("hidden", "4"), ("activation", "tanh"), ("dropout", "0.5"), ("batch_size", "8")];
    let subject = subject("moons", &settings).unwrap();
    with(&subject, |training, view| {
        let parameter = Parameter { layer: 0, from: Some(1), to: 2 };
        let rows = training.next_step().unwrap().rows;
        let checked = training.check(parameter).unwrap();
        assert!(
            checked.passed && !checked.kink && checked.difference.unwrap() <= checked.allowed,
            "{checked:?}"
        );
        let ledger = training.ledger(parameter).unwrap();
        assert_eq!(ledger["pass"], "training");
        let gradient = ledger["ledger"]["value"].as_f64().unwrap();
        assert!((gradient - checked.analytic).abs() < 1e-6);
        let mut told = training.phase(0, &mut view.logits).unwrap();
        assert_eq!(told.rows, rows);
        while told.phase != PhaseName::Backward || told.layer != Some(0) {
            told = training.phase(0, &mut view.logits).unwrap();
        }
        assert!((told.gradients.unwrap()[0].w[4 + 2] - gradient).abs() < 1e-7);
        let absent = Parameter { layer: 0, from: Some(2), to: 0 };
        for why in [training.check(absent).unwrap_err(), training.ledger(absent).unwrap_err()] {
            assert!(why.contains("layers.0.w,2,0"), "{why}");
        }
        assert!(training.check(Parameter { layer: 1, from: None, to: 0 }).is_err(), "dropout has no bias");
    });
}

#[test]
fn a_weight_that_is_set_shows_at_once() {
    let subject = subject("xor", &[("hidden", "2"), ("scaling", "none")]).unwrap();
    with(&subject, |training, view| {
        training.phase(0, &mut view.logits).unwrap();
        let bias = Parameter { layer: 1, from: None, to: 0 };
        training.set_parameter(bias, 20.0).unwrap();
        assert_eq!(training.next_phase(), Next::FIRST);
        let frame = training.frame(view, false, None);
        assert_eq!(frame.weights.unwrap()[1].b, [20.0]);
        assert!(frame.row.layers[1].a[0] > 0.999 && frame.row.layers[1].z.as_ref().unwrap()[0] > 10.0);
        for (parameter, value) in [
            (Parameter { layer: 9, from: None, to: 0 }, 0.0),
            (Parameter { layer: 1, from: Some(usize::MAX), to: usize::MAX }, 0.0),
            (bias, f64::NAN),
            (bias, 1e300),
        ] {
            assert!(training.set_parameter(parameter, value).is_err(), "{parameter:?} {value}");
        }
    });
}

#[test]
fn a_rate_holds_from_the_next_step_on() {
    let subject = subject("moons", &[("optimizer", "gradient_descent"), ("learning_rate", "0.5")]).unwrap();
    with(&subject, |training, _| {
        batch(training);
        training.set_rate(0.125).unwrap();
        assert!((training.learning_rate() - 0.125).abs() < 1e-15);
        for rate in [0.0, -1.0, f64::INFINITY, f64::NAN] {
            assert!(training.set_rate(rate).is_err());
        }
        let text = String::from_utf8(training.export(File::Config).unwrap()).unwrap();
        assert!(text.contains("learning_rate = 0.125"), "{text}");
    });
}

#[test]
fn a_training_that_diverges_says_so_and_learns_nothing_more() {
    let settings = [
        ("hidden", "8"),
        ("optimizer", "gradient_descent"),
        ("learning_rate", "1e30"),
        ("clip_norm", "none"),
    ];
    let subject = subject("curve", &settings).unwrap();
    with(&subject, |training, view| {
        assert!(!training.advance(|step| step > 100_000));
        assert!(training.diverged().unwrap().contains("diverged"), "{:?}", training.problem);
        assert!(training.phase(0, &mut view.logits).is_err() && !training.advance(|_| false));
        assert!(training.frame(view, false, None).problem.is_some());
        assert!(training.export(File::Config).is_ok());
    });
    with(&subject, |training, view| {
        let why = (0..10_000).find_map(|_| training.phase(0, &mut view.logits).err());
        assert!(why.unwrap().contains("diverged"));
    });
}

#[test]
fn planned_ends_are_told() {
    let subject = subject("xor", &[("epochs", "3"), ("early_stopping", "none")]).unwrap();
    with(&subject, |training, view| {
        assert!(!training.advance(|_| false));
        assert_eq!(training.problem.as_deref(), Some("all 3 epochs are done"));
        assert!(training.diverged().is_none());
        assert!(training.phase(0, &mut view.logits).is_err());
    });
}

#[test]
fn what_is_taken_away_is_what_the_library_reads() {
    let subject = subject("circles", &[("hidden", "6"), ("batch_size", "100"), ("seed", "5")]).unwrap();
    with(&subject, |training, _| {
        training.advance(|step| step >= 14);
        assert_eq!(training.trainer.epochs(), 2);
        let bytes = training.export(File::Model).unwrap();
        let model = Model::from_bytes("model.safetensors".as_ref(), bytes).unwrap();
        let text = String::from_utf8(training.export(File::Config).unwrap()).unwrap();
        let config = Config::parse_toml(&text, "config.toml".as_ref()).unwrap();
        assert_eq!(config.epochs, Some(2));
        // The configuration trains the model again, to the bit.
        let prepared = run::prepare(&config).unwrap();
        let fitted =
            run::fit_prepared(&prepared, &mut deltarule::event::Silent, &mut deltarule::control::Unattended);
        assert_eq!(fitted.unwrap().model.digest(), model.digest());
        let predictions = model.predict(&Pool::new(1), &prepared.table).unwrap();
        assert_eq!(predictions.values().len(), prepared.table.rows());
    });
}

#[test]
fn frames_tell_points_maps_pictures_and_figures() {
    let subject = subject("digits", &[("hidden", "16")]).unwrap();
    with(&subject, |training, view| {
        let ready = training.ready("s");
        let image = ready.data.image.unwrap();
        assert_eq!((image.width, image.height, ready.data.inputs.len()), (8, 8, 64));
        assert!(ready.data.points.is_none() && ready.data.range.is_none());
        assert_eq!(ready.data.outputs.len(), 10);
        let frame = training.frame(view, false, None);
        assert!(frame.maps.is_none() && frame.training["accuracy"] < 0.5 && frame.validation.is_some());
        assert_eq!((frame.row.x.len(), frame.deltas.len()), (64, 2));
        assert!(frame.row.target.is_string() || frame.row.target.is_number());
    });
    let subject = self::subject("curve", &[("hidden", "4")]).unwrap();
    with(&subject, |training, _| {
        let ready = training.ready("s");
        let points = ready.data.points.unwrap();
        assert_eq!((points.x.len(), points.x[0].len()), (ready.data.rows, 1));
        let range = ready.data.range.unwrap();
        assert!(points.x.iter().all(|x| range[0].low < x[0] && x[0] < range[0].high));
        assert_eq!((ready.data.task, ready.data.outputs), ("numbers", vec!["y".to_owned()]));
    });
}

#[test]
fn points_of_many_rows_say_which_rows_they_are() {
    let data = Data { name: Some("circles".into()), rows: Some(5000), ..Data::default() };
    let settings =
        [("hidden", "2"), ("validation", "0"), ("test", "0")].map(|(key, text)| (key.into(), text.into()));
    let subject = Subject::asked(&data, &settings.into(), &Tables::default()).unwrap();
    with(&subject, |training, view| {
        let points = training.ready("s").data.points.unwrap();
        assert_eq!((points.every, points.x.len()), (3, 1667));
        view.row = 2 * points.every;
        assert_eq!(training.frame(view, false, None).row.x, points.x[2]);
    });
}

#[test]
fn validation_rows_are_told_beside_the_training_rows_and_lie_on_the_map() {
    let subject = self::subject("circles", &[("hidden", "4"), ("validation", "0.3"), ("test", "0")]).unwrap();
    with(&subject, |training, _| {
        let data = training.ready("s").data;
        let (points, others) = (data.points.unwrap(), data.validation_points.unwrap());
        assert_eq!((points.x.len(), others.x.len()), (data.rows, data.validation));
        assert_eq!(others.y.len(), data.validation);
        let all = subject.prepared.split.train.len() + subject.prepared.split.validation.len();
        assert_eq!(points.x.len() + others.x.len(), all);
        // No row is told twice, and both classes are among those of either kind.
        assert!(others.x.iter().all(|row| !points.x.contains(row)));
        assert!([0.0, 1.0].iter().all(|class| others.y.contains(class) && points.y.contains(class)));
        for (input, extent) in data.range.unwrap().iter().enumerate() {
            assert!(others.x.iter().all(|row| extent.low < row[input] && row[input] < extent.high));
        }
    });
    let whole = self::subject("circles", &[("hidden", "4"), ("validation", "0"), ("test", "0")]).unwrap();
    with(&whole, |training, _| {
        let data = training.ready("s").data;
        assert!(data.points.is_some() && data.validation_points.is_none());
    });
}
