"""The wheel that the tests were given, as a package index would look at it."""

import os
import subprocess
import sys
import zipfile

import pytest


@pytest.fixture(scope="module")
def wheel():
    path = os.environ.get("DELTARULE_WHEEL")
    if path is None:
        pytest.skip("no DELTARULE_WHEEL: `cargo xtask python` builds one")
    return path


def test_one_wheel_is_for_every_python_and_says_its_types(wheel):
    assert "-cp311-abi3-" in os.path.basename(wheel)
    held = zipfile.ZipFile(wheel).namelist()
    assert {"deltarule/py.typed", "deltarule/_core.pyi", "deltarule/_core.abi3.so"} <= {*held}
    assert not [name for name in held if "test" in name]


@pytest.mark.skipif(sys.platform != "linux", reason="manylinux is a matter of Linux")
def test_it_needs_nothing_but_what_every_linux_has(wheel):
    shown = subprocess.run(
        [sys.executable, "-m", "auditwheel", "show", wheel], check=True, capture_output=True, text=True
    )
    told = " ".join(shown.stdout.split())
    # A library beyond those that manylinux allows would leave the tag at linux_x86_64.
    assert 'consistent with the following platform tag: "manylinux_' in told, told
