//! Small problems, most of two coordinates and two classes, made on demand from a seed.

use std::f64::consts::{PI, TAU};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::bundled::{BundledDataset, Recipe};
use super::{BundledOptions, Column, ColumnData, Table};
use crate::error::{ErrorKind, Result};
use crate::init::standard_normal;
use crate::memory;

/// The rows that a set without noise of its own has when noise makes copies of its four.
const NOISY_ROWS: usize = 1000;

/// What the options ask of a data set, checked.
pub(super) fn recipe(dataset: &BundledDataset, options: &BundledOptions) -> Result<Recipe> {
    let noise = options.noise.unwrap_or(dataset.noise);
    if !(0.0..=1e6).contains(&noise) {
        let (setting, got) = ("noise".to_owned(), noise.to_string());
        return Err(bad_setting(setting, got, "a standard deviation from 0 to 1,000,000"));
    }
    let default =
        if noise > 0.0 && dataset.noise == 0.0 { dataset.rows.max(NOISY_ROWS) } else { dataset.rows };
    let rows = options.rows.unwrap_or(default);
    if rows == 0 {
        return Err(bad_setting("rows".to_owned(), "0".to_owned(), "at least 1"));
    }
    memory::require(dataset.name, (rows as u64).saturating_mul(64), "ask for fewer rows")?;
    Ok(Recipe { rows, noise, seed: options.seed })
}

/// The columns `x1`, `x2` and the class `y`.
pub(super) fn table(name: &str, rows: &[[f64; 3]]) -> Result<Table> {
    let coordinate = |i: usize| rows.iter().map(|row| row[i]).collect();
    let class = rows.iter().map(|row| Some(if row[2] > 0.5 { "1" } else { "0" })).collect();
    Table::new(
        name,
        vec![
            Column::numbers("x1", coordinate(0)),
            Column::numbers("x2", coordinate(1)),
            Column::new("y", ColumnData::Text(class)),
        ],
    )
}

pub(super) fn xor(recipe: &Recipe) -> Vec<[f64; 3]> {
    corners(recipe, |a, b| a != b)
}

pub(super) fn and(recipe: &Recipe) -> Vec<[f64; 3]> {
    corners(recipe, |a, b| a && b)
}

pub(super) fn or(recipe: &Recipe) -> Vec<[f64; 3]> {
    corners(recipe, |a, b| a || b)
}

/// The four rows of a truth table in the order 00, 01, 10, 11, again and again, each with its noise.
fn corners(recipe: &Recipe, truth: fn(bool, bool) -> bool) -> Vec<[f64; 3]> {
    let point = |i: usize| {
        let (a, b) = (i & 2 != 0, i & 1 != 0);
        [f64::from(u8::from(a)), f64::from(u8::from(b)), f64::from(u8::from(truth(a, b)))]
    };
    with_noise(recipe, (0..recipe.rows).map(point).collect())
}

/// Class 0 on the circle of radius 1, class 1 on that of radius ½, evenly spaced.
pub(super) fn circles(recipe: &Recipe) -> Vec<[f64; 3]> {
    two_classes(recipe, |class, t| {
        let radius = if class == 0 { 1.0 } else { 0.5 };
        (radius * (TAU * t).cos(), radius * (TAU * t).sin())
    })
}

/// Class 0 on the upper half of a circle about (0, 0), class 1 on the lower half of one about (1, ½), both of radius 1.
pub(super) fn moons(recipe: &Recipe) -> Vec<[f64; 3]> {
    two_classes(recipe, |class, t| {
        let (x, y) = ((PI * t).cos(), (PI * t).sin());
        if class == 0 { (x, y) } else { (1.0 - x, 0.5 - y) }
    })
}

/// Two arms of one and a half turns, from radius 0.1 to 1, half a turn apart.
pub(super) fn spirals(recipe: &Recipe) -> Vec<[f64; 3]> {
    two_classes(recipe, |class, t| {
        let (radius, angle) = (0.1 + 0.9 * t, 1.5 * TAU * t + PI * f64::from(class));
        (radius * angle.cos(), radius * angle.sin())
    })
}

/// Sixteen numbers from 0 to 1, of which five bear on y (Friedman 1991, «Multivariate Adaptive Regression Splines»,
/// eq. 61, with eleven more columns): y = 10·sin(πx₁x₂) + 20(x₃ − ½)² + 10x₄ + 5x₅ + noise.
pub(super) fn friedman(recipe: &Recipe) -> Result<Table> {
    const COLUMNS: usize = 16;
    let mut random = ChaCha8Rng::seed_from_u64(recipe.seed);
    let mut columns: [Vec<f64>; COLUMNS + 1] = std::array::from_fn(|_| Vec::with_capacity(recipe.rows));
    for _ in 0..recipe.rows {
        let x: [f64; COLUMNS] = std::array::from_fn(|_| random.random());
        let truth = 10.0 * (PI * x[0] * x[1]).sin() + 20.0 * (x[2] - 0.5).powi(2) + 10.0 * x[3] + 5.0 * x[4];
        for (column, x) in columns.iter_mut().zip(x) {
            column.push(x);
        }
        columns[COLUMNS].push(truth + recipe.noise * standard_normal(&mut random));
    }
    let name = |i: usize| if i == COLUMNS { "y".to_owned() } else { format!("x{}", i + 1) };
    let columns = columns.into_iter().enumerate().map(|(i, values)| Column::numbers(name(i), values));
    Table::new("friedman", columns.collect())
}

/// One wave: y = sin(2πx) + noise, at places that are drawn evenly over \[0, 1).
pub(super) fn curve(recipe: &Recipe) -> Result<Table> {
    let mut random = ChaCha8Rng::seed_from_u64(recipe.seed);
    let (mut x, mut y) = (Vec::with_capacity(recipe.rows), Vec::with_capacity(recipe.rows));
    for _ in 0..recipe.rows {
        let place: f64 = random.random();
        x.push(place);
        y.push((TAU * place).sin() + recipe.noise * standard_normal(&mut random));
    }
    Table::new("curve", vec![Column::numbers("x", x), Column::numbers("y", y)])
}

/// Rows of the classes 0 and 1 in turn, `t` running over [0, 1) in each.
fn two_classes(recipe: &Recipe, place: fn(u8, f64) -> (f64, f64)) -> Vec<[f64; 3]> {
    let per_class = recipe.rows.div_ceil(2);
    let point = |i: usize| {
        let class = (i % 2) as u8;
        let (x1, x2) = place(class, (i / 2) as f64 / per_class as f64);
        [x1, x2, f64::from(class)]
    };
    with_noise(recipe, (0..recipe.rows).map(point).collect())
}

/// Adds normal noise to both coordinates, by Box and Muller's method (1958): of two uniform numbers u, v in (0, 1],
/// √(−2 ln u)·cos 2πv and √(−2 ln u)·sin 2πv are two independent normal ones.
fn with_noise(recipe: &Recipe, mut rows: Vec<[f64; 3]>) -> Vec<[f64; 3]> {
    if recipe.noise > 0.0 {
        let mut random = ChaCha8Rng::seed_from_u64(recipe.seed);
        for row in &mut rows {
            let (u, v) = (1.0 - random.random::<f64>(), random.random::<f64>());
            let radius = recipe.noise * (-2.0 * u.ln()).sqrt();
            row[0] += radius * (TAU * v).cos();
            row[1] += radius * (TAU * v).sin();
        }
    }
    rows
}

fn bad_setting(setting: String, got: String, expected: &str) -> crate::Error {
    ErrorKind::BadSetting { setting, got, expected: expected.to_owned(), next: String::new() }.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{ReadOptions, read};

    fn generate(name: &str, bundled: BundledOptions) -> Result<Table> {
        read(name, &ReadOptions { bundled, ..ReadOptions::default() })
    }

    fn classes(table: &Table) -> Vec<String> {
        (0..table.rows()).map(|row| table.column("y").unwrap().word(row).unwrap().into_owned()).collect()
    }

    #[test]
    fn truth_tables_are_the_classic_four_rows() {
        for (name, truth) in [("xor", "0110"), ("and", "0001"), ("or", "0111")] {
            let table = generate(name, BundledOptions::default()).unwrap();
            assert_eq!(classes(&table).concat(), truth, "{name}");
            assert_eq!(table.column("x1").unwrap().data, ColumnData::F64(vec![0.0, 0.0, 1.0, 1.0]));
            assert_eq!(table.column("x2").unwrap().data, ColumnData::F64(vec![0.0, 1.0, 0.0, 1.0]));
        }
    }

    #[test]
    fn noise_makes_seeded_copies_around_the_four_rows() {
        let options = BundledOptions { rows: Some(4000), noise: Some(0.1), seed: 7 };
        let table = generate("xor", options.clone()).unwrap();
        assert_eq!(table.rows(), 4000);
        assert_eq!(table, generate("xor", options.clone()).unwrap());
        assert_ne!(table, generate("xor", BundledOptions { seed: 8, ..options }).unwrap());
        // The mean of 1,000 copies of x1 = 0 (rows 0, 4, 8 …) is 0 to within 4·0.1/√1000 = 0.0126; their standard
        // deviation is 0.1 to within 4·0.1/√2000 = 0.009.
        let values: Vec<f64> = (0..4000).step_by(4).map(|row| table.number_at(row, 0)).collect();
        let mean = values.iter().sum::<f64>() / 1000.0;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1000.0;
        assert!(mean.abs() < 0.0126 && (variance.sqrt() - 0.1).abs() < 0.009, "{mean} {variance}");
        assert_eq!(
            generate("xor", BundledOptions { noise: Some(0.1), ..Default::default() }).unwrap().rows(),
            1000
        );
    }

    #[test]
    fn without_noise_the_points_lie_on_their_curves() {
        let options = BundledOptions { rows: Some(101), noise: Some(0.0), seed: 0 };
        let table = generate("circles", options.clone()).unwrap();
        for row in 0..101 {
            let radius = table.number_at(row, 0).hypot(table.number_at(row, 1));
            assert!((radius - if row % 2 == 0 { 1.0 } else { 0.5 }).abs() < 1e-12);
        }
        let table = generate("spirals", options.clone()).unwrap();
        assert!((0..101).all(|row| table.number_at(row, 0).hypot(table.number_at(row, 1)) <= 1.0 + 1e-12));
        let table = generate("moons", options).unwrap();
        for row in 0..101 {
            let (centre, sign) = if row % 2 == 0 { ((0.0, 0.0), 1.0) } else { ((1.0, 0.5), -1.0) };
            let (x, y) = (table.number_at(row, 0) - centre.0, table.number_at(row, 1) - centre.1);
            assert!((x.hypot(y) - 1.0).abs() < 1e-12 && sign * y >= -1e-12);
        }
    }

    #[test]
    fn without_noise_the_curve_is_a_sine_and_with_noise_it_is_about_one() {
        let curve = |noise: f64| {
            let table = generate("curve", BundledOptions { rows: Some(2000), noise: Some(noise), seed: 3 });
            let table = table.unwrap();
            (0..2000).map(|row| (table.number_at(row, 0), table.number_at(row, 1))).collect::<Vec<_>>()
        };
        assert!(
            curve(0.0).iter().all(|(x, y)| (0.0..1.0).contains(x) && (y - (TAU * x).sin()).abs() < 1e-12)
        );
        // A standard deviation of 0.2, known to 4·0.2/√4000 = 0.013.
        let squares: f64 = curve(0.2).iter().map(|(x, y)| (y - (TAU * x).sin()).powi(2)).sum();
        assert!(((squares / 2000.0).sqrt() - 0.2).abs() < 0.013, "{squares}");
    }

    #[test]
    fn impossible_wishes_are_refused() {
        for noise in [-0.1, f64::NAN, f64::INFINITY] {
            let error =
                generate("xor", BundledOptions { noise: Some(noise), ..Default::default() }).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::BadSetting { setting, .. } if setting == "noise"));
        }
        let error = generate("moons", BundledOptions { rows: Some(0), ..Default::default() }).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::BadSetting { setting, .. } if setting == "rows"));
        let error = generate("moons", BundledOptions { rows: Some(usize::MAX), ..Default::default() });
        if memory::limit().is_some() {
            assert!(matches!(error.unwrap_err().kind(), ErrorKind::NotEnoughMemory { .. }));
        }
    }
}
