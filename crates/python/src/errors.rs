//! The library's errors as Python's exceptions, by kind.

use deltarule::{Error, ErrorKind};
use pyo3::PyErr;
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyFileNotFoundError, PyMemoryError, PyOSError, PyValueError};

create_exception!(
    deltarule,
    DeltaruleError,
    PyException,
    "Training went wrong, or a file is not what it should be: the message says where, what, and what to do next."
);

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

/// The exception for a table that somebody passed: whatever is wrong with it is a `ValueError`.
pub fn of_table(error: &Error) -> PyErr {
    match error.kind() {
        ErrorKind::NotEnoughMemory { .. } => PyMemoryError::new_err(error.to_string()),
        _ => PyValueError::new_err(error.to_string()),
    }
}
