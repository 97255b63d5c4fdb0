//! Same data, same settings, same seed: the same bytes.

use crate::place::{Place, QUICK, flowers};

fn model(place: &Place, run: &str, arguments: &[&str]) -> Vec<u8> {
    place.run(["train", "--run", run].iter().chain(arguments)).is_done();
    place.read(&format!("runs/{run}/model.safetensors"))
}

#[test]
fn the_written_configuration_repeats_the_run() {
    let place = Place::new();
    place.write("flowers.csv", flowers(100));
    let said = ["flowers.csv", "--target", "kind", "--dropout", "0.2", "--seed", "5"];
    let arguments: Vec<&str> = said.into_iter().chain(QUICK).collect();
    let first = model(&place, "first", &arguments);
    let again = model(&place, "again", &["--config", "runs/first/config.toml"]);
    assert!(first == again);
    let other = model(&place, "other", &["--config", "runs/first/config.toml", "--seed", "6"]);
    assert!(first != other);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let place = Place::new();
    let arguments = ["digits", "--epochs", "1", "--hidden", "32"];
    let files = ["1", "2", "3"].map(|threads| {
        let arguments: Vec<&str> = arguments.into_iter().chain(["--threads", threads]).collect();
        model(&place, threads, &arguments)
    });
    assert!(files[0] == files[1] && files[1] == files[2]);
}
