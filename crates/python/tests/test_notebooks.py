"""The example notebooks: run from a clean start, and what their text says of the numbers is so."""

import os
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = Path(__file__).parent.parent / "examples"

# What the text says, in the notebook's own names; run as its last cell.
CLAIMS = {
    "quick_start": """
        assert accuracy > 0.95 and careful.score(X_test, y_test) > 0.95
        # "the two end near each other and not at the same numbers"
        ours, theirs = beside.loc["deltarule"], beside.loc["sklearn"]
        assert abs(ours["test accuracy"] - theirs["test accuracy"]) < 0.02
        assert 0 < abs(ours["training loss"] / theirs["training loss"] - 1) < 0.25
        assert findings == [] and receipt["verdict"] == "passed"
        # "with the best epoch's weights kept": they are not the last epoch's
        assert min(careful.validation_loss_curve_) < careful.validation_loss_curve_[-1]
        if program is not None:
            assert len(told) == len(X_test)
    """,
    "why_it_does_not_learn": """
        # "it guesses": near one in ten, at the cost of a constant guess
        assert 0.07 < deep.score(X_test, y_test) < 0.13 and abs(deep.loss_ - np.log(10)) < 0.02
        assert slopes.max() <= 0.25 and (weights < 1).all()
        assert slopes.prod() < 1 / 4096
        assert slopes.prod() * weights.prod() < 1e-5
        assert worst["id"] == "vanishing-gradient" and any("relu" in r["what"] for r in worst["remedies"])
        learns = table["test accuracy"] > 0.9
        assert set(table.index[learns]) == {"relu", "tanh", "batch normalisation", "two layers"}
        # "where it is about 1 or more, the network learns"
        assert (table["first δ over last"][learns] > 1).all()
        assert (table["first δ over last"][~learns] < 0.1).all()
        # "in forty epochs it helps a little"
        assert 0.15 < table.loc["adam", "test accuracy"] < 0.9
        accuracies = start["test accuracy, trained"]
        assert (accuracies[["× 1", "× 2"]] < 0.13).all() and (accuracies[["× 6", "× 8"]] > 0.94).all()
        assert accuracies["× 16"] < accuracies["× 8"]
        assert start["slope, a layer"].is_monotonic_decreasing
        assert start.loc["× 16", "slope, a layer"] < start.loc["× 1", "slope, a layer"] / 2
        import os
        assert os.path.getsize("gradient_flow.svg") > 10_000
    """,
    "one_gradient_by_hand": """
        # The asserts are among the cells; here is what the words between them say.
        assert 0 < slope <= 0.25
        assert receipt["verdict"] == "passed"
        largest = [abs(g).max() for g in of_w]
        assert all(first < second / 1.5 for first, second in zip(largest, largest[1:]))
        # "the error of the difference shrinks with ε², until rounding takes over"
        assert abs(off[1e-1] / off[1e-2] / 100 - 1) < 0.1 and abs(off[1e-2] / off[1e-3] / 100 - 1) < 0.1
        assert off[1e-12] > off[1e-4]
    """,
}


def notebooks():
    return sorted(EXAMPLES.glob("*.ipynb"))


def test_each_notebook_has_its_claims():
    assert {path.stem for path in notebooks()} == set(CLAIMS)


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_notebooks_are_stored_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None, cell.id
        for link in re.findall(r"\]\(([^)#]+)\)", cell.source) if cell.cell_type == "markdown" else ():
            assert link.startswith("https://") or (path.parent / link).exists(), link


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_notebooks_run_and_say_the_truth(path, tmp_path, monkeypatch):
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    # Threads of a BLAS that wait for each other on a busy machine took most of the time.
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    if "DELTARULE_PROGRAM" in os.environ:
        monkeypatch.setenv("DELTARULE_PROGRAM", os.path.abspath(os.environ["DELTARULE_PROGRAM"]))
    notebook = nbformat.read(path, as_version=4)
    claims = "\n".join(line.removeprefix("        ") for line in CLAIMS[path.stem].splitlines())
    notebook.cells.append(nbformat.v4.new_code_cell(claims))
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            # A warning in a lesson is something that the lesson does not explain.
            assert output.get("name") != "stderr", (cell.source, output.text)
