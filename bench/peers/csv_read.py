"""Reading and encoding a CSV file as a skilled user of Python does it: polars, then scikit-learn's encoder, to f32.

    python bench/peers/csv_read.py FILE --threads N [--rounds R]

Numbers go through a StandardScaler, words through a OneHotEncoder with sparse output. Of the ways to hand the table over
(categories as codes or as words, one transformer or two) the fastest of the run is the one that is reported. One line
of JSON: `{"case", "threads", "rows_per_second", "seconds", "way", "ways", "parts", "versions"}`. The program beside it
is `cargo run --release -p deltarule --example read_csv`.
"""

import argparse
import json
import os
import time

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("file")
parser.add_argument("--threads", type=int, required=True)
parser.add_argument("--rounds", type=int, default=3)
asked = parser.parse_args()
for name in ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LOKY_MAX_CPU_COUNT"):
    os.environ[name] = str(asked.threads)  # read when the libraries are loaded

import numpy
import polars
import scipy.sparse
import sklearn
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def kinds(frame):
    """The names of the columns of numbers, and of those of words."""
    numbers = [name for name, kind in frame.schema.items() if kind.is_numeric()]
    return numbers, [name for name in frame.columns if name not in numbers]


def transformer(numbers, words, threads):
    steps = [
        ("numbers", StandardScaler(copy=False), numbers),
        ("words", OneHotEncoder(sparse_output=True, dtype=numpy.float32), words),
    ]
    return ColumnTransformer(steps, sparse_threshold=1.0, n_jobs=threads if threads > 1 else None)


def column_transformer(frame, jobs):
    """One ColumnTransformer over the frame, numbers cast to f32 beforehand."""
    numbers, words = kinds(frame)
    frame = frame.with_columns(polars.col(numbers).cast(polars.Float32))
    return transformer(numbers, words, jobs).fit_transform(frame).astype(numpy.float32, copy=False)


def two_by_hand(frame):
    """The scaler on polars' own f32 matrix, the encoder on words as NumPy objects."""
    numbers, words = kinds(frame)
    dense = frame.select(polars.col(numbers).cast(polars.Float32)).to_numpy(writable=True)
    dense = StandardScaler(copy=False).fit_transform(dense)
    encoder = OneHotEncoder(sparse_output=True, dtype=numpy.float32)
    return dense, encoder.fit_transform(frame.select(words).to_numpy())


def codes_by_polars(frame):
    """The scaler on polars' own f32 matrix, the encoder on polars' codes of the words (categories as integers)."""
    numbers, words = kinds(frame)
    dense = frame.select(polars.col(numbers).cast(polars.Float32)).to_numpy(writable=True)
    dense = StandardScaler(copy=False).fit_transform(dense)
    codes = frame.select(polars.col(words).cast(polars.Categorical).to_physical()).to_numpy()
    return dense, OneHotEncoder(sparse_output=True, dtype=numpy.float32).fit_transform(codes)


WAYS = {
    "ColumnTransformer": lambda frame: column_transformer(frame, 1),
    "two by hand": two_by_hand,
    "codes by polars": codes_by_polars,
}
if asked.threads > 1:
    WAYS["ColumnTransformer, n_jobs"] = lambda frame: column_transformer(frame, asked.threads)


def timed(encode):
    began = time.perf_counter()
    frame = polars.read_csv(asked.file)
    read = time.perf_counter()
    made = encode(frame)
    ended = time.perf_counter()
    parts = made if isinstance(made, tuple) else (made,)
    shapes = [(str(part.dtype), part.shape) for part in parts]
    assert all(kind == "float32" and shape[0] == frame.height for kind, shape in shapes), shapes
    assert not any(scipy.sparse.issparse(part) and part.nnz == 0 for part in parts)
    return ended - began, read - began, frame.height


def main():
    found = {}
    for way, encode in WAYS.items():
        found[way] = min(timed(encode) for _ in range(asked.rounds))
    way = min(found, key=lambda way: found[way][0])
    seconds, read, rows = found[way]
    print(
        json.dumps(
            {
                "case": "csv_read",
                "threads": asked.threads,
                "rows_per_second": rows / seconds,
                "seconds": seconds,
                "way": way,
                "ways": {way: times[0] for way, times in found.items()},
                "parts": {"read": read, "encode": seconds - read},
                "read_best": min(times[1] for times in found.values()),
                "versions": {
                    "polars": polars.__version__,
                    "scikit-learn": sklearn.__version__,
                    "numpy": numpy.__version__,
                },
            }
        )
    )


if __name__ == "__main__":
    main()
