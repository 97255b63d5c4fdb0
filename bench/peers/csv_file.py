"""Writes the table that readers are compared on: rows × 30 columns, no value missing.

    python bench/peers/csv_file.py FILE [--rows 1000000] [--seed 0]

24 columns of numbers as files have them (measurements with six decimals, amounts with two, counts, small integers,
whole numbers of nine digits), 6 columns of words with 2 to 40 distinct ones. The last number, `y`, is a target.
A name that ends in `.gz` is compressed.
"""

import argparse
import gzip
import shutil
from pathlib import Path

import numpy
import polars


def table(rows, seed):
    """The columns, in the file's order: words between numbers."""
    chance = numpy.random.default_rng(seed)
    columns = {}
    for i in range(9):
        columns[f"measure_{i}"] = numpy.round(chance.normal(0, 1 + i, rows), 6)
    for i, distinct in enumerate((2, 3, 7, 12, 25, 40)):
        words = numpy.array([f"kind-{i}-{word:02d}" for word in range(distinct)])
        columns[f"word_{i}"] = words[chance.integers(0, distinct, rows)]
    for i in range(5):
        columns[f"amount_{i}"] = numpy.round(chance.lognormal(4, 1, rows), 2)
    for i in range(4):
        columns[f"count_{i}"] = chance.poisson(3 + 5 * i, rows)
    for i in range(3):
        columns[f"level_{i}"] = chance.integers(0, 1000, rows)
    for i in range(2):
        columns[f"number_{i}"] = chance.integers(0, 10**9, rows)
    columns["y"] = numpy.round(columns["measure_0"] + 0.1 * columns["count_0"] + chance.normal(0, 0.1, rows), 6)
    return polars.DataFrame(columns)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    frame = table(asked.rows, asked.seed)
    if asked.file.suffix != ".gz":
        frame.write_csv(asked.file)
        return
    plain = asked.file.with_suffix("")
    frame.write_csv(plain)
    with plain.open("rb") as source, gzip.open(asked.file, "wb", compresslevel=6) as packed:
        shutil.copyfileobj(source, packed, 1 << 20)
    plain.unlink()


if __name__ == "__main__":
    main()
