//! Activations: the kernels' closed set, with the names that people write.
//!
//! The functions and derivatives themselves are [`deltarule_kernels::Activation`]'s; f' is computed from the stored
//! activation wherever that is possible (sigmoid a(1−a), tanh 1−a², ReLU \[a>0\]).

pub use deltarule_kernels::Activation;

use crate::init::Initializer;

/// Every activation with its name, in the order in which they are listed to people. Parameters are the published
/// ones: leaky ReLU's slope 0.01 (Maas et al. 2013), ELU's α 1 (Clevert et al. 2016).
pub const NAMES: [(&str, Activation); 13] = [
    ("identity", Activation::Identity),
    ("sigmoid", Activation::Sigmoid),
    ("tanh", Activation::Tanh),
    ("relu", Activation::Relu),
    ("leaky_relu", Activation::LeakyRelu { slope: 0.01 }),
    ("elu", Activation::Elu { alpha: 1.0 }),
    ("selu", Activation::Selu),
    ("gelu", Activation::Gelu),
    ("silu", Activation::Silu),
    ("mish", Activation::Mish),
    ("softplus", Activation::Softplus),
    ("exp", Activation::Exp),
    ("softmax", Activation::Softmax),
];

/// The activation of that name.
///
/// ```
/// use deltarule::activation::{from_name, name, Activation};
/// assert_eq!(from_name("relu"), Some(Activation::Relu));
/// assert_eq!(name(Activation::Relu), "relu");
/// ```
#[must_use]
pub fn from_name(name: &str) -> Option<Activation> {
    NAMES.iter().find(|(known, _)| *known == name).map(|&(_, activation)| activation)
}

/// The name of an activation, whatever its parameters.
#[must_use]
pub fn name(activation: Activation) -> &'static str {
    let kind = std::mem::discriminant(&activation);
    NAMES.iter().find(|(_, known)| std::mem::discriminant(known) == kind).map_or("unnamed", |&(name, _)| name)
}

/// f' as a formula in the number that it is taken from: a, or z where [`Activation::needs_z`].
///
/// ```
/// use deltarule::activation::{Activation, derivative_formula};
/// assert_eq!(derivative_formula(Activation::Sigmoid), "a · (1 − a)");
/// ```
#[must_use]
pub fn derivative_formula(activation: Activation) -> &'static str {
    match activation {
        Activation::Identity => "1",
        Activation::Sigmoid => "a · (1 − a)",
        Activation::Tanh => "1 − a²",
        Activation::Relu => "1 where a > 0, else 0",
        Activation::LeakyRelu { .. } => "1 where a > 0, else the slope",
        Activation::Elu { .. } => "1 where a > 0, else a + α",
        Activation::Selu => "λ where a > 0, else a + λα",
        Activation::Gelu => "Φ(z) + z · φ(z)",
        Activation::Silu => "σ(z) · (1 + z · (1 − σ(z)))",
        Activation::Mish => "ω + z · (1 − ω²) · σ(z), ω = tanh(ln(1 + eᶻ))",
        Activation::Softplus => "1 − e⁻ᵃ",
        Activation::Exp => "a",
        Activation::Softmax => "a matrix over the row",
    }
}

/// A unit is saturated in a row where f' is below this part of its largest value. 5 % of a sigmoid's ¼ is left where a is
/// below 0.013 or above 0.987; Glorot & Bengio (2010, §3) call units saturated that stay at such values.
pub const SATURATED: f64 = 0.05;

/// The largest f' of an activation that saturates on both sides.
#[must_use]
pub fn largest_slope(f: Activation) -> Option<f64> {
    match f {
        Activation::Sigmoid => Some(0.25),
        Activation::Tanh => Some(1.0),
        _ => None,
    }
}

/// The initialiser that keeps the signal's variance through a layer with this activation.
///
/// | activation | initialiser | source |
/// |---|---|---|
/// | relu, leaky_relu, elu, gelu, silu, mish | He normal | He et al. 2015 |
/// | selu | LeCun normal | Klambauer et al. 2017 |
/// | all others | Glorot uniform | Glorot & Bengio 2010 |
#[must_use]
pub fn default_initializer(activation: Activation) -> Initializer {
    match activation {
        Activation::Relu
        | Activation::LeakyRelu { .. }
        | Activation::Elu { .. }
        | Activation::Gelu
        | Activation::Silu
        | Activation::Mish => Initializer::HeNormal,
        Activation::Selu => Initializer::LecunNormal,
        _ => Initializer::GlorotUniform,
    }
}

/// Serialises an activation as its name, for `#[serde(with = "…")]`.
pub mod as_name {
    use super::{Activation, from_name, name};
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes the name.
    ///
    /// # Errors
    /// Those of the serialiser.
    pub fn serialize<S: Serializer>(activation: &Activation, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(name(*activation))
    }

    /// Reads a name.
    ///
    /// # Errors
    /// Where no activation has that name.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Activation, D::Error> {
        let text = String::deserialize(deserializer)?;
        from_name(&text).ok_or_else(|| serde::de::Error::custom(format!("no activation {text:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_comes_back_from_its_activation() {
        for (text, activation) in NAMES {
            assert_eq!(name(activation), text);
            assert_eq!(from_name(text), Some(activation));
        }
        assert_eq!(from_name("logistic"), None);
    }
}
