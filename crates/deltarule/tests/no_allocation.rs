//! A counting allocator looks on: a step of training asks for no memory, and nothing grows with epochs.
//!
//! One test in a program of its own, since the counter is the whole process's.

use std::alloc::System;
use std::sync::Barrier;

use deltarule::Pool;
use deltarule::activation::Activation;
use deltarule::config::Config;
use deltarule::control::Unattended;
use deltarule::dataset::{BatchBuffer, Dataset, Embedded, InputShape, SparseRows, Targets};
use deltarule::event::Event;
use deltarule::loss::{Cost, Loss};
use deltarule::network::{LayerSpec, NetworkSpec};
use deltarule::optimizer::OptimizerSpec;
use deltarule::run;
use deltarule::table::{Column, Table};
use deltarule::trainer::{Trainer, TrainerSettings};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ROWS: usize = 96;

/// Rows of small numbers, and codes where the network takes some.
fn rows(input: &InputShape, outputs: usize) -> Dataset<f32> {
    let dense = (0..ROWS * input.dense).map(|i| (i % 17) as f32 / 8.0 - 1.0).collect();
    let classes = (0..ROWS as u32).map(|row| row % outputs as u32).collect();
    let targets = if outputs > 1 {
        Targets::Classes { classes: outputs, codes: classes }
    } else {
        Targets::Values { outputs: 1, values: (0..ROWS).map(|row| (row % 5) as f32 / 5.0).collect() }
    };
    let mut data = Dataset::from_dense(input.dense, dense, targets);
    let cardinalities =
        input.embedded.iter().map(|table| table.cardinality).chain(input.one_hot.iter().copied());
    let cardinalities: Vec<u32> = cardinalities.map(|cardinality| cardinality as u32).collect();
    data.code_width = cardinalities.len();
    data.codes =
        (0..ROWS as u32).flat_map(|row| cardinalities.iter().map(move |c| row * 7 % (c + 1))).collect();
    data
}

/// Sparse rows of so many columns, the last ones holding most, and an order in which those come first.
fn sparse_rows(columns: usize) -> (Dataset<f32>, Vec<u32>) {
    let held = |row: usize| (0..=row % 13 + row / 4).map(move |place| (row * 31 + place * 17) % columns);
    let (mut starts, mut indices) = (vec![0], Vec::new());
    for row in 0..ROWS {
        indices.extend(held(row).map(|column| column as u32));
        starts.push(indices.len());
    }
    let values = (0..indices.len()).map(|i| (i % 17) as f32 / 8.0 - 1.0).collect();
    let targets = Targets::Classes { classes: 4, codes: (0..ROWS as u32).map(|row| row % 4).collect() };
    let rows = SparseRows::new(columns, starts, indices, values);
    (Dataset::from_sparse(rows, targets), (0..ROWS as u32).rev().collect())
}

/// Networks that take every path through a step: tiny and large, every kind of layer, codes.
fn networks() -> Vec<(&'static str, NetworkSpec)> {
    let codes = InputShape {
        dense: 5,
        embedded: vec![Embedded { cardinality: 60, dimension: 4 }],
        one_hot: vec![12, 9],
    };
    vec![
        ("tiny", NetworkSpec::new(2).dense(8, Activation::Sigmoid).dense(1, Activation::Sigmoid)),
        ("wide", NetworkSpec::new(300).dense(700, Activation::Relu).dense(10, Activation::Softmax)),
        (
            "deep",
            NetworkSpec::new(20)
                .dense(40, Activation::Tanh)
                .dropout(0.2)
                .dense(40, Activation::Gelu)
                .dense(3, Activation::Softmax),
        ),
        (
            "normalised",
            NetworkSpec::new(20)
                .dense(32, Activation::Identity)
                .with(LayerSpec::BatchNorm { activation: Activation::Relu })
                .dense(32, Activation::Identity)
                .with(LayerSpec::LayerNorm { activation: Activation::Relu })
                .dense(3, Activation::Softmax),
        ),
        ("codes", NetworkSpec::on(codes).dense(64, Activation::Relu).dense(4, Activation::Softmax)),
    ]
}

fn steps_allocate_nothing() {
    let optimizers = ["gradient_descent", "momentum", "nesterov", "rmsprop", "adam", "adamw", "rprop"];
    for threads in [1, 2] {
        let pool = Pool::new(threads);
        // A thread's own start allocates: all are there once each has taken a task that waits for the others.
        let all = Barrier::new(threads);
        pool.run(threads, |_| {
            all.wait();
        });
        for (name, spec) in networks() {
            let data = rows(&spec.input, spec.outputs());
            let (cost, output) = if spec.outputs() == 1 {
                (Cost::SquaredError, Activation::Sigmoid)
            } else {
                (Cost::CrossEntropy, Activation::Softmax)
            };
            let loss = Loss::new(cost, output, 0.0).expect("a pair that there is");
            for optimizer in optimizers {
                let optimizer = OptimizerSpec::by_name(optimizer).expect("an optimizer of that name");
                let network = spec.build::<f32>(1).expect("a sound network");
                let settings = TrainerSettings::new(loss, optimizer, 1e-3, 64, 1);
                let mut trainer = Trainer::new(&pool, network, settings).expect("sound settings");
                // The last batch of an epoch is smaller.
                let batches = [data.range(0, 64), data.range(64, ROWS)];
                trainer.step(&batches[0], 1e-3);
                let region = Region::new(ALLOCATOR);
                for step in 0..20 {
                    trainer.step(&batches[step % 2], 1e-3);
                }
                let change = region.change();
                assert_eq!(
                    (change.allocations, change.reallocations),
                    (0, 0),
                    "{name}, {}, {threads} threads: {change:?}",
                    trainer.settings().optimizer.name()
                );
            }
        }
    }
}

fn steps_on_sparse_rows_allocate_nothing() {
    let pool = Pool::new(1);
    let (data, order) = sparse_rows(900);
    let loss = Loss::new(Cost::CrossEntropy, Activation::Softmax, 0.0).expect("a pair that there is");
    let spec = NetworkSpec::new(900).dense(40, Activation::Relu).dense(4, Activation::Softmax);
    for optimizer in ["gradient_descent", "adam", "rprop"] {
        let optimizer = OptimizerSpec::by_name(optimizer).expect("an optimizer of that name");
        let settings = TrainerSettings::new(loss, optimizer, 1e-3, 32, 1);
        let network = spec.build::<f32>(1).expect("a sound network");
        let mut trainer = Trainer::of_sparse_rows(&pool, network, settings).expect("sound settings");
        let mut gathered = BatchBuffer::new(&data, 32);
        // A trainer that is stepped by hand makes room for the columns of the batch that holds most.
        trainer.step(&gathered.gather(&pool, &data, &order[..32]), 1e-3);
        let region = Region::new(ALLOCATOR);
        for step in 0..12 {
            let from = step % 3 * 32;
            trainer.step(&gathered.gather(&pool, &data, &order[from..from + 32]), 1e-3);
        }
        let change = region.change();
        let name = trainer.settings().optimizer.name();
        assert_eq!((change.allocations, change.reallocations), (0, 0), "{name}: {change:?}");
    }
}

/// A table of two columns and a class that they decide.
fn table() -> Table {
    let number = |row: usize, factor: usize| (row * factor % 101) as f64 / 101.0;
    let column = |factor: usize| (0..600).map(|row| number(row, factor)).collect();
    let words: Vec<&str> =
        (0..600).map(|row| if number(row, 37) > number(row, 53) { "left" } else { "right" }).collect();
    let columns = vec![
        Column::numbers("a", column(37)),
        Column::numbers("b", column(53)),
        Column::words("side", &words),
    ];
    Table::new("sides", columns).expect("columns of one length")
}

fn nothing_grows_with_epochs() {
    // One thread: when another one of a pool is given processor time, and starts, is the system's to say.
    let mut config = Config::default();
    for (key, value) in [
        ("target", "side"),
        ("epochs", "12"),
        ("early_stopping", "none"),
        ("threads", "1"),
        ("hidden", "32,16"),
    ] {
        config.set(key, value).expect("a setting");
    }
    let mut live = [0_isize; 16];
    let mut observer = |event: &Event| {
        if let Event::Epoch { epoch, validation, .. } = event {
            assert!(validation.contains_key("accuracy"), "the run validates");
            let stats = ALLOCATOR.stats();
            live[*epoch as usize] = stats.bytes_allocated as isize - stats.bytes_deallocated as isize;
        }
    };
    run::fit_with(table(), &config, &mut observer, &mut Unattended).expect("a run");
    for epoch in 3..=12 {
        assert_eq!(live[epoch], live[2], "bytes that live after epoch {epoch}, and after epoch 2: {live:?}");
    }
}

#[test]
fn training_allocates_no_memory_once_it_is_under_way() {
    steps_allocate_nothing();
    steps_on_sparse_rows_allocate_nothing();
    nothing_grows_with_epochs();
}
