//! The library's errors as Python's exceptions, by kind.

use deltarule::{Error, ErrorKind};
use pyo3::PyErr;
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyFileNotFoundError, PyOSError, PyValueError};

create_exception!(
    deltarule,
    DeltaruleError,
    PyException,
    "Training went wrong, or a file is not what it should be: the message says where, what, and what to do next."
);

/// The exception for an error of a training: what helps where it diverged is told in the estimators' parameters.
pub fn of_training(error: &Error, learning_rate: Option<f64>) -> PyErr {
    let ErrorKind::NonFinite { step, epoch, phase, layer, what, .. } = error.kind() else {
        return to_python(error);
    };
    let layer = layer.map(|layer| format!(" of layer {layer}")).unwrap_or_default();
    let smaller = learning_rate
        .map(|rate| format!("learning_rate_init={:.0e} (it was {rate:e}), ", rate / 10.0))
        .unwrap_or_default();
    DeltaruleError::new_err(format!(
        "step {step} (epoch {epoch}), {phase}{layer}: {what}; training diverged: try {smaller}\
         normalization='layer', or look for extreme values in X and y; the estimator stays as it was"
    ))
}

/// The exception for an error: what a caller passed wrongly is a `ValueError`.
pub fn to_python(error: &Error) -> PyErr {
    let text = error.to_string();
    match error.kind() {
        ErrorKind::FileNotFound { .. } => PyFileNotFoundError::new_err(text),
        ErrorKind::Io { .. } => PyOSError::new_err(text),
        ErrorKind::BadSetting { .. }
        | ErrorKind::UnknownSetting { .. }
        | ErrorKind::Conflict { .. }
        | ErrorKind::ShapeMismatch { .. }
        | ErrorKind::TooFewRows { .. }
        | ErrorKind::UnusableTarget { .. }
        | ErrorKind::UnusableColumn { .. } => PyValueError::new_err(text),
        _ => DeltaruleError::new_err(text),
    }
}
