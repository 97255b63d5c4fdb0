"""What the tests have in common."""

import os

# Read when SciPy is first imported: without it scikit-learn leaves out its checks of array-API input.
os.environ["SCIPY_ARRAY_API"] = "1"


def pytest_collection_modifyitems(items):
    # scikit-learn skips this one itself where there is no decision function, as in its own MLPClassifier.
    items[:] = [
        item for item in items if "decision_function" not in item.name and "check_decision" not in item.name
    ]
