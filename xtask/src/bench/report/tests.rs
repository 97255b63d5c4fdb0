use super::*;
use crate::bench::jobs::JOBS;

fn answer(microseconds: f64) -> Value {
    json!({ "microseconds_per_step": microseconds, "operations": 6000.0, "versions": { "itself": "1.0" } })
}

fn compared() -> Compared {
    let mut case = Compared::new(&JOBS[0], json!({}));
    let mut add = |who: &str, variant: &str, threads, round, microseconds| {
        let (who, variant) = (who.to_owned(), variant.to_owned());
        case.runs.push(Run { who, variant, threads, round, answer: answer(microseconds) });
    };
    for (round, ours, theirs) in [(0, 4.0, 90.0), (1, 2.0, 100.0), (2, 3.0, 500.0)] {
        add(OURS, "", 1, round, ours);
        add(OURS, "", 2, round, 5.0);
        add("jax", "unroll-1", 1, round, theirs);
        add("jax", "unroll-8", 2, round, 150.0);
        add("pytorch-eager", "", 1, round, 300.0);
        add(PRODUCTS.name, "", 1, round, 1.5);
    }
    case
}

fn document() -> Document {
    Document { machine: json!({}), measured: json!({}), jobs: vec![compared()], shapes: json!({}) }
}

#[test]
fn medians() {
    assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
    assert_eq!(median(vec![4.0, 1.0]), 2.5);
    assert!(median(vec![]).is_nan());
}

#[test]
fn the_best_is_the_smallest_median_over_ways_and_threads() {
    let case = compared();
    let best = case.best("jax").unwrap();
    assert_eq!((best.variant.as_str(), best.threads, best.microseconds), ("unroll-1", 1, 100.0));
    assert_eq!(case.best_peer().unwrap().who, "jax");
    assert_eq!(case.best("nobody"), None);
    assert!(case.is_near("jax", 2.5) && !case.is_near("pytorch-eager", 2.5) && case.is_near(OURS, 1.0));
}

#[test]
fn the_tables_show_times_the_limit_and_what_must_hold() {
    // 100 µs to 3 µs is 33.33; 6000 operations in 3 µs are 2 GFLOP/s; 1.5 of 3 µs are 50 %. FANN did not run.
    let expected = "\
µs per step, gradient_descent, best of the numbers of threads
                    xor
    deltarule      3.00
    pytorch-eager   300
    jax             100

ours
    case  best peer  way       1 thread  2 threads  GFLOP/s  torch.mm  share  peer  threads  ratio
    xor   jax        unroll-1      3.00       5.00     2.00      1.50   50 %   100        1  33.33

what must hold
    case  what                        reached   bound
    xor   over jax             ok       33.33  ≥ 8.00
    xor   one thread over two  below     0.60  ≥ 0.97
";
    assert_eq!(document().text(), expected);
}

#[test]
fn adam_is_held_against_plain_descent() {
    let of = |optimizer: &str, time: f64| {
        let job = JOBS.iter().find(|job| job.case == "mnist-small" && job.optimizer == optimizer).unwrap();
        let mut compared = Compared::new(job, json!({}));
        let (who, variant) = (OURS.to_owned(), String::new());
        compared.runs.push(Run { who, variant, threads: 1, round: 0, answer: answer(time) });
        compared
    };
    let text = bounds(&[of(PLAIN, 100.0), of(ADAM, 130.0)]).to_string();
    assert!(text.contains("over one without  below     1.30  ≤ 1.25"), "{text}");
    let text = bounds(&[of(PLAIN, 100.0), of(ADAM, 120.0)]).to_string();
    assert!(text.contains("over one without  ok     1.20  ≤ 1.25"), "{text}");
}

#[test]
fn a_run_is_never_written_over_another() {
    let folder = std::env::temp_dir().join(format!("deltarule-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let names: Vec<_> = (0..3).map(|_| archive(&folder, "2026-01-02", &json!({})).unwrap()).collect();
    let names: Vec<_> = names.iter().map(|path| path.file_name().unwrap().to_string_lossy()).collect();
    assert_eq!(names, ["2026-01-02.json", "2026-01-02-2.json", "2026-01-02-3.json"]);
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(new_file(&folder, "2026-01-02").is_err());
}

#[test]
fn the_archive_keeps_every_run_in_its_order() {
    let document = document().to_json("2026-01-02T03:04:05Z");
    assert_eq!(document["peers"]["jax"]["itself"], "1.0");
    let case = &document["cases"][0];
    assert_eq!(case["best"]["jax"]["microseconds_per_step"], 100.0);
    assert_eq!(case["bounds"][0]["ok"], true);
    assert_eq!(case["runs"].as_array().unwrap().len(), 18);
    assert_eq!(case["runs"][8]["answer"]["microseconds_per_step"], 100.0);
    assert_eq!(case["runs"][8]["round"], 1);
}
