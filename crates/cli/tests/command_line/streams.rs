//! Pipes, terminals that are none, and words apart from results.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::place::{Place, QUICK};

#[test]
fn a_closed_pipe_is_no_error() {
    let place = Place::new();
    place.run(["train", "circles", "--run", "c"].into_iter().chain(QUICK)).is_done();
    let mut command = place.command(["predict", "c", "circles", "--rows", "20000"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap(); // then the pipe is closed
    assert_eq!(first, "prediction,probability_0,probability_1\n");
    let mut words = String::new();
    child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
    assert_eq!((child.wait().unwrap().code(), words.as_str()), (Some(0), ""));
}

#[test]
fn words_go_to_standard_error_and_results_to_standard_output() {
    let place = Place::new();
    let ran = place.run(["train", "xor"].into_iter().chain(QUICK));
    assert!(ran.is_done().out.contains("accuracy") && !ran.out.contains("plan"));
    assert!(ran.err.contains("plan") && ran.err.contains("epoch 1/3") && !ran.err.contains("accuracy  "));
    assert!(ran.err.contains("* epochs"), "{}", ran.err);
    let quiet = place.run(["train", "xor", "-q"].into_iter().chain(QUICK));
    assert_eq!(quiet.is_done().err, "");
}

#[test]
fn no_escape_sequences_reach_what_is_no_terminal() {
    let place = Place::new();
    let arguments: Vec<&str> = ["train", "xor"].into_iter().chain(QUICK).collect();
    let plain = place.command(&arguments).output().unwrap();
    let without = place.command(&arguments).env("NO_COLOR", "1").output().unwrap();
    for output in [plain, without, place.command(["--help"]).output().unwrap()] {
        assert!(!output.stdout.contains(&0x1b) && !output.stderr.contains(&0x1b));
    }
}
