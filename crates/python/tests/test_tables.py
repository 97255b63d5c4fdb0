"""Tables as they are: pandas, polars, pyarrow and whoever else speaks Arrow; categories and missing values."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.neural_network import MLPClassifier as Theirs
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

import deltarule
from deltarule import MLPClassifier, MLPRegressor
from deltarule._core import Table

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ADULT = Path(__file__).resolve().parents[3] / "datasets" / "adult.csv.gz"


def adult(rows=400):
    """Rows of the census with categories of few and of many words, some of them missing, and no number missing."""
    table = pd.read_csv(ADULT, nrows=rows)
    table.loc[::7, "workclass"] = None
    return table.drop(columns="salary"), table["salary"]


class OnlyAStream:
    """A table that speaks Arrow and nothing else."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)

    @property
    def shape(self):
        return self.table.shape


def to_arrow(table):
    return pa.Table.from_pandas(table, preserve_index=False)


KINDS = {
    "pandas": lambda table: table,
    "pandas of categories": lambda table: table.astype(
        {name: "category" for name in table.select_dtypes(exclude="number")}
    ),
    "polars": pl.from_pandas,
    "pyarrow": to_arrow,
    "record batch": lambda table: to_arrow(table).combine_chunks().to_batches()[0],
    "a stream": lambda table: OnlyAStream(to_arrow(table)),
}


def small(**parameters):
    return MLPClassifier(8, **{"max_iter": 4, "random_state": 0, **parameters})


# ── the same from every library ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_of_any_library_gives_the_same_estimator(kind):
    X, y = adult()
    expected = small().fit(X, y)
    model = small().fit(KINDS[kind](X), y)
    assert list(model.feature_names_in_) == list(X.columns)
    assert model.n_features_in_ == X.shape[1]
    probabilities = expected.predict_proba(X)
    np.testing.assert_array_equal(model.predict_proba(KINDS[kind](X)), probabilities)
    np.testing.assert_array_equal(model.predict_proba(X[50:60]), probabilities[50:60])
    assert expected.encoding_["sex"] == "2 categories, a 0/1 number each"
    assert expected.encoding_["workclass"].endswith("categories and missing, a 0/1 number each")
    assert expected.encoding_["native-country"].endswith("one-hot")
    assert expected.encoding_["age"] == "as it is"


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow", "a stream"])
def test_numbers_alone_go_the_way_of_an_array(kind):
    X, y = adult(200)
    numbers = X.select_dtypes("number")
    expected = small().fit(numbers.to_numpy(), y)
    table = KINDS[kind](numbers)
    model = small().fit(table, y)
    for ours, theirs in zip(model.coefs_, expected.coefs_, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert model.encoding_ == {}
    assert list(model.feature_names_in_) == list(numbers.columns)
    np.testing.assert_array_equal(model.predict_proba(table), expected.predict_proba(numbers.to_numpy()))


def test_categories_are_the_one_hot_columns_that_one_would_make_by_hand():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"size": rng.normal(size=60), "shape": rng.choice(["cube", "ball", "cone"], 60)})
    y = (X["size"] > 0) ^ (X["shape"] == "cube")
    model = small(precision="f64", max_iter=20).fit(X, y)
    by_hand = pd.concat([X[["size"]], pd.get_dummies(X["shape"], dtype=float)], axis=1)
    expected = small(precision="f64", max_iter=20).fit(by_hand.to_numpy(), y)
    np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(by_hand.to_numpy()))
    # A word that training did not see is none of them, and so is a missing one where training saw none missing.
    new = pd.DataFrame({"size": [0.5, 0.5], "shape": ["torus", None]})
    none = np.array([[0.5, 0, 0, 0]] * 2)
    np.testing.assert_array_equal(model.predict_proba(new), expected.predict_proba(none))


def test_many_categories_stay_codes_and_very_many_are_embedded():
    rng = np.random.default_rng(0)
    words = np.array([f"w{word}" for word in range(30)])
    X = pd.DataFrame({"word": words[rng.integers(0, 30, 300)], "x": rng.normal(size=300)})
    y = X["word"].str[-1].isin(["1", "3", "5"])
    codes = small(max_iter=30, learning_rate_init=0.05).fit(X, y)
    assert codes._mlp.inputs == (1, [], [30])
    assert codes.coefs_[0].shape == (31, 8)
    assert codes.score(X, y) > 0.95
    embedded = small(max_iter=30, learning_rate_init=0.05, one_hot_limit=10).fit(X, y)
    assert "learnt table" in embedded.encoding_["word"]
    assert embedded.score(X, y) > 0.9
    again = pickle.loads(pickle.dumps(embedded))
    np.testing.assert_array_equal(again.predict_proba(X), embedded.predict_proba(X))
    # By hand, to the rounding of another order of sums.
    columns = [f"w{word}" for word in sorted(range(30), key=str)]
    by_hand = np.column_stack([X["x"], *[(X["word"] == word).astype(float) for word in columns]])
    expected = small(max_iter=30, learning_rate_init=0.05).fit(by_hand, y)
    np.testing.assert_allclose(codes.predict_proba(X), expected.predict_proba(by_hand), atol=1e-3)


# ── types ───────────────────────────────────────────────────────────────────────────────────────────

INTEGERS = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
NUMBERS = [*INTEGERS, pa.float16(), pa.float32(), pa.float64(), pa.decimal128(9, 2), pa.decimal256(9, 2)]


@pytest.mark.parametrize("with_a_category", [False, True])
@pytest.mark.parametrize("kind", NUMBERS, ids=str)
def test_numbers_of_every_type_are_the_same_numbers(kind, with_a_category):
    numbers = np.arange(40) % 7
    y = numbers > 3
    others = {"word": np.where(numbers % 2, "odd", "even")} if with_a_category else {}
    expected = pa.table({"x": pa.array(numbers, pa.float64()), **others})
    if pa.types.is_floating(kind):
        column = pa.array(numbers.astype(kind.to_pandas_dtype()), kind)
    else:
        column = pa.array(numbers.tolist(), kind)
    table = pa.table({"x": column, **others})
    probabilities = small().fit(expected, y).predict_proba(expected)
    np.testing.assert_array_equal(small().fit(table, y).predict_proba(table), probabilities)
    # In chunks, the first of them empty, cut out of longer ones.
    long = pa.concat_tables([table.slice(35), table, table.slice(0, 3)])
    parts = pa.concat_tables([long.slice(0, 0), long.slice(5, 11), long.slice(16, 29)])
    np.testing.assert_array_equal(small().fit(parts, y).predict_proba(parts), probabilities)


def test_truth_values_are_0_and_1():
    truth = np.arange(40) % 3 == 0
    expected = small().fit(truth[:, None].astype(float), truth)
    for table in (pd.DataFrame({"t": truth}), pa.table({"t": truth}), pl.DataFrame({"t": truth})):
        np.testing.assert_array_equal(
            small().fit(table, truth).predict_proba(table),
            expected.predict_proba(truth[:, None].astype(float)),
        )


WORDS = np.array(["b", "a", "c", "b", "a"] * 8)
OF_WORDS = {
    "string": pa.array(WORDS),
    "large string": pa.array(WORDS, pa.large_string()),
    "string view": pa.array(WORDS).cast(pa.string_view()),
    "binary": pa.array([word.encode() for word in WORDS]),
    **{
        f"keys of {kind}": pa.array(WORDS).dictionary_encode().cast(pa.dictionary(kind, pa.string()))
        for kind in INTEGERS
    },
    "polars": pl.Series(WORDS),
    "polars categorical": pl.Series(WORDS, dtype=pl.Categorical),
    "polars enum": pl.Series(WORDS, dtype=pl.Enum(["c", "b", "a", "never"])),
    "pandas": pd.Series(WORDS),
    "pandas object": pd.Series(WORDS, dtype=object),
    "pandas string": pd.Series(WORDS, dtype="string"),
    "pandas category": pd.Series(pd.Categorical(WORDS, categories=["c", "never", "b", "a"])),
}


def table_of(column, name="word"):
    if isinstance(column, pd.Series):
        return pd.DataFrame({name: column})
    return pl.DataFrame({name: column}) if isinstance(column, pl.Series) else pa.table({name: column})


@pytest.mark.parametrize("kind", OF_WORDS)
def test_words_of_every_type_are_the_same_words(kind):
    y = WORDS == "a"
    expected = small().fit(table_of(OF_WORDS["string"]), y).predict_proba(table_of(OF_WORDS["string"]))
    table = table_of(OF_WORDS[kind])
    np.testing.assert_array_equal(small().fit(table, y).predict_proba(table), expected)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_a_categorical_type_of_numbers_holds_names(library):
    codes = np.array([10, 20, 30] * 10)
    y = codes == 20
    column = {
        "pandas": pd.Series(codes).astype("category"),
        "polars": None,
        "pyarrow": pa.array(codes).dictionary_encode(),
    }[library]
    if column is None:
        table, parameters = pl.DataFrame({"code": codes}), {"categorical": ["code"]}
    else:
        table, parameters = table_of(column, "code"), {}
    model = small(**parameters).fit(table, y)
    assert model.encoding_ == {"code": "3 categories, a 0/1 number each"}
    by_place = small(categorical=[0]).fit(codes[:, None].astype(float), y)
    np.testing.assert_array_equal(by_place.predict_proba(codes[:, None]), model.predict_proba(table))


def test_dates_become_their_parts():
    days = pd.date_range("2023-01-15", periods=60, freq="17D")
    y = days.month > 6
    tables = [
        pd.DataFrame({"day": days}),
        pl.DataFrame({"day": days.to_numpy()}),
        pa.table({"day": pa.array(days).cast(pa.date32())}),
        pa.table({"day": pa.array(days.tz_localize("UTC"))}),
    ]
    fitted = [small(max_iter=10, scaling="standard").fit(table, y) for table in tables]
    assert fitted[0].encoding_ == {"day": "year, month, weekday"}
    for model, table in zip(fitted, tables, strict=True):
        np.testing.assert_array_equal(model.predict_proba(table), fitted[0].predict_proba(tables[0]))
    # Dates that are held as words, as in a CSV file, are read as what they were in training.
    words = pd.DataFrame({"day": days.strftime("%Y-%m-%d")})
    np.testing.assert_array_equal(fitted[0].predict_proba(words), fitted[0].predict_proba(tables[0]))
    with pytest.raises(ValueError, match="day.*soon"):
        fitted[0].predict(pd.DataFrame({"day": ["soon"]}))


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[1, 2]] * 4),
        pa.array([{"a": 1}] * 4),
        pa.array([1] * 4, pa.duration("s")),
        pa.array([1] * 4, pa.time32("s")),
    ],
    ids=lambda column: str(column.type),
)
def test_types_that_are_not_read_are_refused_by_name(column):
    table = pa.table({"fine": [1.0, 2.0, 3.0, 4.0], "odd one": column})
    with pytest.raises(
        ValueError, match='"odd one".*expected numbers, text, truth values, dates or timestamps'
    ):
        small().fit(table, [0, 1, 0, 1])


def test_periods_are_refused_by_name():
    table = pd.DataFrame({"month": pd.period_range("2020-01", periods=12, freq="M"), "word": ["a", "b"] * 6})
    with pytest.raises(ValueError, match='"month": its type is pandas.period'):
        small().fit(table, [0, 1] * 6)


def test_without_pyarrow_pandas_says_what_it_needs(monkeypatch):
    X, y = adult(20)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match="pip install pyarrow"):
        small().fit(X, y)
    assert small().fit(X.select_dtypes("number"), y).encoding_ == {}


def test_columns_of_mixed_kinds_are_refused():
    with pytest.raises(ValueError, match="give each column values of one kind"):
        small().fit(pd.DataFrame({"mixed": [1, "a", 2.5, None]}), [0, 1, 0, 1])


def test_tables_without_rows_or_columns_are_refused():
    X, y = adult(50)
    model = small().fit(X, y)
    for empty in (X[:0], pl.from_pandas(X)[:0], to_arrow(X)[:0]):
        with pytest.raises(ValueError, match="0 sample"):
            small().fit(empty, y[:0])
        with pytest.raises(ValueError, match="0 sample"):
            model.predict(empty)
    with pytest.raises(ValueError, match=r"0 feature|at least one array|0 sample"):
        small().fit(pa.table({}), [])
    for series in (X["sex"], pl.Series(X["sex"]), pa.chunked_array([X["sex"]])):
        with pytest.raises(ValueError, match=r"Expected 2D|could not convert|expected a table"):
            small().fit(series, y)


def test_infinite_numbers_are_refused_with_column_and_row():
    X, y = adult(30)
    X["age"] = X["age"].astype(float)
    X.loc[4, "age"] = np.inf
    with pytest.raises(ValueError, match='"age".*row 5 holds inf'):
        small().fit(X, y)
    numbers = to_arrow(X[["age"]])
    with pytest.raises(ValueError, match="Input X contains infinity"):
        small().fit(numbers, y)


def test_columns_of_one_name_are_refused():
    table = pd.DataFrame([["a", "b"], ["b", "a"]] * 3, columns=["same", "same"])
    with pytest.raises(ValueError, match="same"):
        small().fit(table, [0, 1] * 3)


# ── missing values ──────────────────────────────────────────────────────────────────────────────────


def with_holes():
    rng = np.random.default_rng(1)
    X = pd.DataFrame({"a": rng.normal(size=50), "b": rng.normal(size=50)})
    y = X["a"] > X["b"]
    X.loc[::5, "a"] = np.nan
    return X, y


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow", "a stream"])
def test_missing_numbers_are_an_error_unless_allowed(kind):
    X, y = with_holes()
    with pytest.raises(ValueError, match="NaN"):
        small().fit(KINDS[kind](X), y)
    X["word"] = "w"
    with pytest.raises(ValueError, match="missing values in a.*allow_missing=True"):
        small().fit(KINDS[kind](X), y)
    model = small(allow_missing=True).fit(KINDS[kind](X), y)
    assert model.encoding_["a"] == "as it is, whether missing"
    expected = small(allow_missing=True).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(model.predict_proba(KINDS[kind](X)), expected)
    strict = small().fit(X.dropna(), y[X["a"].notna()])
    with pytest.raises(ValueError, match="missing values in a"):
        strict.predict(KINDS[kind](X))


@pytest.mark.parametrize("as_array", [False, True])
def test_a_missing_number_is_the_median_with_a_flag_beside_it(as_array):
    X, y = with_holes()
    by_hand = np.column_stack([X["a"].fillna(X["a"].median()), X["a"].isna(), X["b"]]).astype(np.float64)
    expected = small(precision="f64").fit(by_hand, y)
    given = X.to_numpy() if as_array else X
    model = small(precision="f64", allow_missing=True).fit(given, y)
    np.testing.assert_allclose(model.predict_proba(given), expected.predict_proba(by_hand), rtol=1e-12)
    assert get_tags(model).input_tags.allow_nan
    assert not get_tags(small()).input_tags.allow_nan


def test_nullable_types_of_pandas():
    X = pd.DataFrame(
        {"n": pd.array([1, 2, None, 4] * 5, dtype="Int64"), "t": pd.array([True, None] * 10, "boolean")}
    )
    y = [0, 1, 1, 0] * 5
    with pytest.raises(ValueError, match=r"NaN|missing"):
        small().fit(X, y)
    model = small(allow_missing=True).fit(X, y)
    assert model.encoding_ == {"n": "as it is, whether missing", "t": "whether missing"}
    polars = pl.from_pandas(X)
    np.testing.assert_array_equal(model.predict_proba(polars), model.predict_proba(X))
    full = X.dropna()
    whole = small().fit(full, y[::4])
    assert whole.encoding_ == {}


def test_scaling_is_fitted_on_the_rows_that_are_trained_on():
    X, y = adult(300)
    numbers = X.select_dtypes("number")
    scaled = StandardScaler().fit_transform(numbers)
    for given in (numbers, numbers.to_numpy(), to_arrow(numbers)):
        model = small(scaling="standard", precision="f64").fit(given, y)
        expected = small(precision="f64").fit(scaled, y)
        np.testing.assert_allclose(model.predict_proba(given), expected.predict_proba(scaled), rtol=1e-9)
    # Rows that early stopping sets apart are not among them.
    poisoned = numbers.astype(float)
    stopping = {"early_stopping": True, "scaling": "standard", "validation_fraction": 0.2}
    model = small(**stopping).fit(poisoned, y)
    kept = model._encoder.encode(Table.of(to_arrow(poisoned)).taken(list(poisoned)), True)[0]
    assert np.abs(kept.mean(axis=0)).max() > 1e-6


def test_numbers_enter_piecewise_on_request():
    X, y = adult(300)
    model = small(numeric_encoding="piecewise", bins=4).fit(X, y)
    assert "bins" in model.encoding_["age"]
    assert model.coefs_[0].shape[0] > small().fit(X, y).coefs_[0].shape[0]
    with pytest.raises(ValueError, match="bins"):
        small(bins=1).fit(X, y)


def test_what_is_not_used_is_told():
    X = pd.DataFrame({"x": np.arange(30.0) % 4, "id": [f"n{row}" for row in range(30)], "none": [None] * 30})
    y = X["x"] > 1
    with pytest.warns(UserWarning, match=r"not used.*id"):
        model = small(allow_missing=True).fit(X, y)
    assert model.encoding_ == {"x": "as it is", "id": "not used", "none": "not used"}
    assert list(model.feature_names_in_) == ["x", "id", "none"]
    assert (model.input_gradient(X)[:, 1:] == 0).all()
    kept = small(allow_missing=True, categorical=["id"]).fit(X[["x", "id"]], y)
    assert kept.encoding_["id"] == "30 categories, one-hot"


def test_categorical_names_columns():
    X, y = adult(60)
    with pytest.raises(ValueError, match="categorical: expected names or places.*'zip'"):
        small(categorical=["zip"]).fit(X, y)
    with pytest.raises(ValueError, match="categorical: expected names or places"):
        small(categorical=[99]).fit(X, y)


# ── names ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", ["another order", "one missing", "one more", "other names"])
def test_other_columns_than_in_fit_are_refused_in_scikit_learns_words(kind, change):
    X, y = adult(60)
    changed = {
        "another order": lambda table: table[list(table.columns[::-1])],
        "one missing": lambda table: table.drop(columns=["age"]),
        "one more": lambda table: table.assign(more=1.0),
        "other names": lambda table: table.rename(columns=lambda name: f"my {name}"),
    }[change]
    model = small().fit(KINDS[kind](X), y)
    numbers = X.select_dtypes("number")
    theirs = Theirs(4, max_iter=1).fit(numbers, y)
    with pytest.raises(ValueError) as expected:
        theirs.predict(changed(numbers))
    with pytest.raises(ValueError) as told:
        model.predict(KINDS[kind](changed(X)))
    of_numbers = small().fit(KINDS[kind](numbers), y)
    with pytest.raises(ValueError) as told_of_numbers:
        of_numbers.predict(KINDS[kind](changed(numbers)))
    assert str(told_of_numbers.value) == str(expected.value)
    if change != "other names":
        assert str(told.value) == str(expected.value)
    else:
        assert str(told.value).count("- ...") == 2


def test_tables_and_arrays_in_turn_are_warned_of():
    X, y = adult(60)
    X = X[["age", "sex"]]
    model = small().fit(X, y)
    places = X.set_axis([0, 1], axis=1)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        found = model.predict_proba(places)
    np.testing.assert_array_equal(found, model.predict_proba(X))
    unnamed = small().fit(places, y)
    assert not hasattr(unnamed, "feature_names_in_")
    assert list(unnamed.encoding_) == ["x0", "x1"]
    with pytest.warns(UserWarning, match="X has feature names"):
        unnamed.predict(X)


def test_the_index_of_pandas_is_no_column():
    X, y = adult(60)
    model = small().fit(X, y)
    named = X.set_index(pd.Index([f"row {row}" for row in range(60)], name="person"))
    np.testing.assert_array_equal(model.predict_proba(named[::3]), model.predict_proba(X)[::3])


# ── around it ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_search_and_cross_validation(kind):
    X, y = adult(150)
    table = KINDS[kind](X)
    search = GridSearchCV(small(), {"alpha": [1e-4, 1.0], "scaling": ["none", "standard"]}, cv=2, n_jobs=2)
    search.fit(table, y)
    assert len(search.predict(table)) == 150
    scores = cross_validate(small(max_iter=10, scaling="standard"), table, y, cv=3, error_score="raise")
    assert scores["test_score"].mean() > 0.6


def test_clones_and_copies():
    X, y = adult(100)
    model = small(scaling="robust", categorical=["education-num"]).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert again.encoding_ == model.encoding_
    fresh = clone(model)
    assert fresh.get_params() == model.get_params()
    np.testing.assert_array_equal(fresh.fit(X, y).predict_proba(X), model.predict_proba(X))


def test_a_fit_on_an_array_forgets_the_table():
    X, y = adult(100)
    model = small().fit(X, y)
    numbers = X.select_dtypes("number").to_numpy()
    model.fit(numbers, y)
    assert model.encoding_ == {}
    np.testing.assert_array_equal(
        model.predict_proba(numbers), small().fit(numbers, y).predict_proba(numbers)
    )


def test_a_fit_that_fails_leaves_the_estimator_as_it_was():
    X, y = adult(100)
    model = small().fit(X, y)
    before = model.predict_proba(X)
    with pytest.raises(ValueError):
        model.fit(X.assign(age=np.inf), y)
    np.testing.assert_array_equal(model.predict_proba(X), before)


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_rows_are_watched(kind):
    X, y = adult(200)
    convert = KINDS[kind]
    stopping = small(early_stopping=True).fit(convert(X), y)
    assert len(stopping.validation_scores_) == stopping.n_iter_
    watched = small().fit(convert(X[:150]), y[:150], eval_set=(convert(X[150:]), y[150:]))
    assert len(watched.validation_loss_curve_) == watched.n_iter_
    plain = small().fit(X[:150], y[:150])
    np.testing.assert_array_equal(watched.predict_proba(X), plain.predict_proba(X))


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_training_goes_on_with_the_encoder_of_the_first_call(kind):
    X, y = adult(200)
    convert = KINDS[kind]
    parts = small()
    for start in (0, 100):
        parts.partial_fit(convert(X[start : start + 100]), y[start : start + 100], classes=["<=50K", ">50K"])
    first = small().partial_fit(X[:100], y[:100], classes=["<=50K", ">50K"])
    assert parts.encoding_ == first.encoding_
    assert parts.t_ == 200
    warm = small(warm_start=True, max_iter=2)
    warm.fit(convert(X[:100]), y[:100]).fit(convert(X), y)
    assert warm.encoding_ == first.encoding_
    longer = small(warm_start=True, max_iter=2, scaling="standard")
    longer.fit(convert(X), y)
    cost = longer.loss_
    assert longer.fit(convert(X), y).loss_ < cost


def test_questions_about_a_table():
    X, y = adult(120)
    model = small(scaling="standard", max_iter=20, precision="f64").fit(X, y)
    explanation = model.explain(X[:5], y[:5])
    told = {share["column"] for share in explanation.data["columns"]["shares"]}
    assert told == set(X.columns)
    assert model.check_gradients(X[:20], y[:20])["verdict"] == "passed"
    assert isinstance(model.diagnose(X, y), list)
    importance = permutation_importance(model, X, y, n_repeats=2, random_state=0)
    assert importance.importances_mean.shape == (X.shape[1],)


@pytest.mark.parametrize("scaling", ["none", "standard", "robust"])
def test_input_gradient_is_by_column_and_per_unit(scaling):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {"a": rng.normal(0, 3, 40), "word": rng.choice(["u", "v"], 40), "b": rng.normal(5, 1, 40)}
    )
    X.loc[3, "b"] = np.nan
    y = X["a"] + (X["word"] == "u") + X["b"].fillna(0) ** 2
    parameters = {"hidden_layer_sizes": 8, "activation": "tanh", "max_iter": 20, "random_state": 0}
    model = MLPRegressor(**parameters, precision="f64", scaling=scaling, allow_missing=True).fit(X, y)
    gradient = model.input_gradient(X)
    assert gradient.shape == X.shape
    assert np.isnan(gradient[:, 1]).all()
    assert gradient[3, 2] == 0
    step = 1e-6
    for place, column in ((0, "a"), (2, "b")):
        above, below = X.assign(**{column: X[column] + step}), X.assign(**{column: X[column] - step})
        differences = (model.predict(above) - model.predict(below)) / (2 * step)
        np.testing.assert_allclose(gradient[:, place], differences, rtol=1e-5, atol=1e-7)


def test_what_else_an_estimator_does_with_a_table():
    X, y = adult(100)
    model = small(one_hot_limit=10).fit(X, y)
    # The card of a notebook counts the learnt tables.
    assert "_repr_html_" in dir(model)
    count = sum(array.size for _, array in model._mlp.tensors())
    assert f"{count:,}" in model._repr_html_()
    # What skops keeps is made of plain things.
    assert [type(part) for part in model.__getstate__()["_encoder"]] == [dict, list, str]
    with pytest.raises(ValueError, match="to_sklearn.*encoding of 'age'"):
        deltarule.to_sklearn(model)
    with pytest.raises(ValueError, match="to_torch.*'sex' \\(2 categories"):
        deltarule.to_torch(model)
    told = []
    small(callbacks=[lambda event: told.append(event["model"].score(X, y)) and None]).fit(X, y)
    assert len(told) == 4


# ── targets ─────────────────────────────────────────────────────────────────────────────────────────

CLASSES = np.array(["no", "yes", "maybe"] * 20)


@pytest.mark.parametrize(
    "y",
    [
        CLASSES.tolist(),
        pd.Series(CLASSES),
        pd.Series(CLASSES).astype("category"),
        pd.Series(CLASSES, dtype="string"),
        pl.Series(CLASSES),
        pl.Series(CLASSES, dtype=pl.Categorical),
        pa.array(CLASSES),
        pa.chunked_array([CLASSES[:10], CLASSES[10:]]),
        pa.array(CLASSES).dictionary_encode(),
    ],
    ids=lambda y: f"{type(y).__module__.split('.')[0]} {getattr(y, 'dtype', getattr(y, 'type', ''))}",
)
def test_classes_of_every_library(y):
    X = pd.DataFrame({"word": CLASSES, "x": np.arange(60.0) % 5})
    expected = small(max_iter=50).fit(X, CLASSES)
    model = small(max_iter=50).fit(X, y)
    assert list(model.classes_) == ["maybe", "no", "yes"]
    np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))
    assert model.score(X, y) == expected.score(X, CLASSES)
    numbers = X[["x"]]
    np.testing.assert_array_equal(
        small().fit(numbers, y).predict_proba(numbers), small().fit(numbers, CLASSES).predict_proba(numbers)
    )


@pytest.mark.parametrize("series", [pd.Series, pl.Series, pa.array], ids=["pandas", "polars", "pyarrow"])
def test_truth_values_and_numbers_as_targets(series):
    X = pd.DataFrame({"word": CLASSES})
    truth = CLASSES == "yes"
    model = small(max_iter=50, learning_rate_init=0.1).fit(X, series(truth))
    np.testing.assert_array_equal(model.predict(X), truth)
    numbers = truth * 2.5
    regressor = MLPRegressor(hidden_layer_sizes=8, max_iter=5, random_state=0)
    expected = clone(regressor).fit(X, numbers).predict(X)
    np.testing.assert_array_equal(regressor.fit(X, series(numbers)).predict(X), expected)


def test_rows_and_targets_of_other_numbers_are_refused():
    X, y = adult(60)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        small().fit(X, y[:50])
    with pytest.raises(ValueError, match="requires y to be passed"):
        small().fit(X, None)


def test_weights_and_labels_of_a_table():
    X, y = adult(120)
    weights = np.arange(120) % 3
    X = X[["age", "sex"]]
    plain = small(shuffle=False, precision="f64", solver="sgd", momentum=0, alpha=0)
    rows = np.repeat(np.arange(120), weights)
    weighted = clone(plain).set_params(batch_size=120).fit(X, y, sample_weight=weights)
    repeated = clone(plain).set_params(batch_size=len(rows)).fit(X.iloc[rows], y.iloc[rows])
    np.testing.assert_allclose(weighted.loss_, repeated.loss_, rtol=1e-9)
    labels = np.column_stack([X["age"] > 40, X["sex"] == "Male"]).astype(int)
    model = small().fit(X, labels)
    assert model.predict(to_arrow(X)).shape == (120, 2)
    assert small(class_weight="balanced").fit(X, y).loss_ > 0


def test_a_stream_is_read_once():
    X, y = adult(120)
    model = small().fit(to_arrow(X).to_reader(), y)
    expected = small().fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(model.predict_proba(to_arrow(X).to_reader(max_chunksize=7)), expected)
    numbers = to_arrow(X.select_dtypes("number"))
    model = small().fit(numbers.to_reader(), y)
    assert list(model.feature_names_in_) == numbers.column_names
    np.testing.assert_array_equal(
        model.predict_proba(numbers.to_reader()), model.predict_proba(numbers.to_pandas())
    )


# ── memory ──────────────────────────────────────────────────────────────────────────────────────────

MEASURE = """
import sys
import numpy as np, pyarrow as pa
from deltarule._core import Table
from deltarule import MLPRegressor

def held():
    # Not ru_maxrss, which begins with what the process had that this one was started by.
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 1024

rows, columns = 1_000_000, 32
table = pa.table({f"c{at}": np.ones(rows, dtype=np.float32) for at in range(columns)})
small = table.slice(0, 1000)
model = MLPRegressor(hidden_layer_sizes=2, max_iter=1, n_jobs=1).fit(small, np.ones(1000))
size = table.nbytes / 2**20
before = held()
read = Table.of(table)
after_reading = held() - before
numbers = read.numbers(False)
after_numbers = held() - before
del numbers
model.predict(table)
print(size, after_reading, after_numbers, held() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is there alone")
def test_arrows_columns_are_read_where_they_lie():
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MEASURE], check=True, capture_output=True, text=True
    )
    size, reading, numbers, predicting = map(float, told.stdout.split())
    assert size == pytest.approx(122, abs=1)
    assert reading < 0.05 * size
    # The rows are written once.
    assert numbers < 1.1 * size
    # Beside them there are the outputs alone (a thirty-second of them), and what scikit-learn's check of finiteness takes.
    assert predicting < 1.25 * size
