"""Programs that JAX has compiled are kept for other processes."""

import os
import subprocess
import sys

import pytest

from skfrap.inference.networks import _keras

_FIT = """
import numpy as np
from skfrap import NeuralFRAP
network = NeuralFRAP(features="raw", hidden_layer_sizes=(3,), max_iter=1, random_state=0)
network.fit(np.eye(20, 5), np.arange(20.0))
import os
assert "JAX_COMPILATION_CACHE_DIR" not in os.environ
"""


def files_after_a_fit(folder, setting):
    environment = os.environ | {"SKFRAP_CACHE_DIR": setting, "XDG_CACHE_HOME": str(folder / "xdg")}
    # However fast it is compiled here.
    environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    subprocess.run([sys.executable, "-W", "error", "-c", _FIT], env=environment, check=True)
    return set(folder.rglob("*-cache"))


def test_an_empty_setting_keeps_none(monkeypatch, tmp_path):
    monkeypatch.delitem(sys.modules, "jax", raising=False)  # whoever has loaded it has set it up
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("SKFRAP_CACHE_DIR", "")
    assert _keras._compilation_cache() == {}
    assert not [*tmp_path.iterdir()]
    monkeypatch.delenv("SKFRAP_CACHE_DIR")
    kept = _keras._compilation_cache()["JAX_COMPILATION_CACHE_DIR"]
    assert kept == str(tmp_path / "skfrap" / "jax")


@pytest.mark.slow
def test_programs_are_kept_where_it_is_said(tmp_path):
    first = files_after_a_fit(tmp_path, str(tmp_path / "kept"))
    assert first
    assert all((tmp_path / "kept") in path.parents for path in first)
    # A process of its own finds them, and compiles nothing anew.
    assert files_after_a_fit(tmp_path, str(tmp_path / "kept")) == first
