//! What a model takes and gives, and a row to begin with.

use deltarule::encoder::InputColumn;
use deltarule::model::Model;
use deltarule::table::ColumnType;
use serde_json::{Value, json};

/// Categories of a column that are told one by one, at most.
const FEW: usize = 50;

/// `GET /v1/model`.
pub fn document(model: &Model) -> Value {
    let encoder = model.encoder();
    let mut document = json!({
        "task": model.task(),
        "targets": encoder.target_names(),
        "inputs": encoder.input_columns().iter().map(input).collect::<Vec<_>>(),
        "outputs": model.output_columns(),
        "digest": model.digest(),
        "version": env!("CARGO_PKG_VERSION"),
    });
    if !encoder.classes().is_empty() {
        document["classes"] = json!(encoder.classes());
    }
    if !model.metrics().is_empty() {
        document["metrics"] = json!(model.metrics());
    }
    document
}

fn input(input: &InputColumn<'_>) -> Value {
    let mut told = json!({
        "name": input.name,
        "type": input.column_type,
        // A missing value is taken in any column: the network was told of such ones, or the usual value stands in.
        "missing": if input.was_missing { "learnt" } else { "filled" },
    });
    match input.categories {
        Some(words) if words.len() <= FEW => told["categories"] = json!(words),
        Some(words) => told["category_count"] = json!(words.len()),
        None => {}
    }
    told
}

/// A row that the model takes, with its columns in the model's order: medians, first categories.
pub fn example(model: &Model) -> String {
    let pair = |input: &InputColumn<'_>| format!("{}:{}", Value::from(input.name), example_of(input));
    let pairs: Vec<String> = model.encoder().input_columns().iter().map(pair).collect();
    format!("{{{}}}", pairs.join(","))
}

fn example_of(input: &InputColumn<'_>) -> Value {
    match (input.column_type, input.median, input.categories) {
        (ColumnType::Boolean, Some(median), _) => Value::Bool(median > 0.5),
        (ColumnType::Datetime, ..) => Value::from("2024-01-31T12:30:00Z"),
        (ColumnType::Number, Some(median), _) => short(median),
        (_, _, Some([first, ..])) => Value::from(first.as_str()),
        _ => Value::Null,
    }
}

/// A number of four digits, if it is no integer.
fn short(number: f64) -> Value {
    // Integers up to here are double-precision numbers.
    const EXACT: f64 = (1_u64 << 53) as f64;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        return Value::from(number as i64);
    }
    format!("{number:.3e}").parse::<f64>().map_or(Value::Null, Value::from)
}

#[cfg(test)]
pub mod tests {
    use std::collections::BTreeMap;

    use deltarule::activation::Activation;
    use deltarule::config::Config;
    use deltarule::encoder::{Encoder, EncoderOptions};
    use deltarule::model::Members;
    use deltarule::network::NetworkSpec;
    use deltarule::table::{Column, ColumnData, Table};

    use super::*;

    /// A model of these columns that predicts `y`, untrained.
    pub fn model_of(columns: Vec<Column>) -> Model {
        let rows = columns[0].len();
        let y = Column::words("y", &(0..rows).map(|row| ["no", "yes"][row % 2]).collect::<Vec<_>>());
        let table = Table::new("t", columns).unwrap().with_column(y).unwrap();
        let options = EncoderOptions { target: vec!["y".into()], ..EncoderOptions::default() };
        let all: Vec<u32> = (0..rows as u32).collect();
        let encoder = Encoder::fit(&table, &all, &options).unwrap();
        let spec = NetworkSpec::on(encoder.input_shape().clone()).dense(3, Activation::Tanh);
        let network = spec.dense(1, Activation::Sigmoid).build::<f32>(1).unwrap();
        Model::new(encoder, Members::of(&[network]), &Config::default(), BTreeMap::new()).unwrap()
    }

    pub fn model_of_two_numbers() -> Model {
        model_of(vec![
            Column::numbers("a", vec![0.0, 0.5, 1.0, 1.5]),
            Column::numbers("b", vec![1.0, 3.0, 2.0, 5.0]),
        ])
    }

    /// A column of each kind.
    pub fn model_of_all_kinds() -> Model {
        let day = 86_400_000_000_i64;
        model_of(vec![
            Column::numbers("age", vec![20.0, f64::NAN, 40.0, 31.0, 50.0, 60.0]),
            Column::words("city", &["Rome", "Bonn", "Oslo", "Rome", "Bonn", "Oslo"]),
            Column::new(
                "member",
                ColumnData::Boolean([true, false, false, true, false, false].map(Some).to_vec()),
            ),
            Column::new("since", ColumnData::Datetime((1..=6).map(|row| row * 45 * day).collect())),
        ])
    }

    #[test]
    fn a_model_tells_what_it_takes_and_gives() {
        let model = model_of_all_kinds();
        let told = document(&model);
        assert_eq!(told["task"], "binary");
        assert_eq!((&told["targets"], &told["classes"]), (&json!(["y"]), &json!(["no", "yes"])));
        let inputs = [
            json!({"name": "age", "type": "number", "missing": "learnt"}),
            json!({"name": "city", "type": "text", "missing": "filled", "categories": ["Bonn", "Oslo", "Rome"]}),
            json!({"name": "member", "type": "boolean", "missing": "filled"}),
            json!({"name": "since", "type": "datetime", "missing": "filled"}),
        ];
        assert_eq!(told["inputs"], json!(inputs));
        assert!(told.get("metrics").is_none());
    }

    #[test]
    fn the_example_is_a_row_that_the_model_takes() {
        let model = model_of_all_kinds();
        let example = example(&model);
        assert!(
            example.starts_with("{\"age\":") && example.contains(",\"member\":false,\"since\":\"2024-"),
            "{example}"
        );
        let row: Value = serde_json::from_str(&example).unwrap();
        assert_eq!((&row["city"], &row["member"]), (&json!("Bonn"), &json!(false)));
        assert!(row["age"].as_f64().is_some_and(|age| (31.0..=50.0).contains(&age)), "{example}");
        assert_eq!(
            [short(1.0 / 3.0), short(-0.0), short(123_456.7), short(5e15)],
            [json!(0.3333), json!(0), json!(123_500.0), json!(5_000_000_000_000_000_i64)]
        );
        let inputs = crate::serve::rows::Inputs::new(model.encoder(), 1);
        let table = inputs.table(example.as_bytes()).unwrap();
        assert_eq!(model.predict(&deltarule::Pool::new(1), &table).unwrap().rows(), 1);
    }
}
