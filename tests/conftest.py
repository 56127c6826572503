import gc
import os
from pathlib import Path

import pytest

# What follows is read by libraries when they are loaded. Each worker has one core: more threads of
# linear algebra would wait for each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(_name, "1")
# Networks of tests are small: to compile them well takes longer than to train them.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
# Workers that write and read the same compiled programs at once would warn of it.
os.environ.setdefault("SKFRAP_CACHE_DIR", "")

import numpy as np

from skfrap import FRAPProtocol, Mask
from skfrap.models import MODELS


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Take a worker per core, as far as memory goes: each holds NumPy, JAX and what tests share."""
    return min(os.cpu_count() or 1, 8)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection(session):
    """Leave what is collected, which stays to the end, out of every look for what nobody needs."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def default_protocol():
    return FRAPProtocol()


@pytest.fixture(scope="module", autouse=True)
def models_of_the_module(request):
    """Know the models that a module of tests lists, and nobody else's, while its tests run."""
    before = dict(MODELS)
    MODELS.update({model.name: model for model in getattr(request.module, "EXAMPLE_MODELS", ())})
    yield
    MODELS.clear()
    MODELS.update(before)


@pytest.fixture(scope="session")
def shared():
    """Folder of reference data beside the checkout; its README says where the data come from."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"needs the reference data in ../shared ({folder}), which are not here")
    return folder


@pytest.fixture(scope="session")
def reference_mask(shared):
    """Mask of the reference program for the default circle, with its own anti-aliasing."""
    fractions = np.zeros((256, 256))
    counts = np.loadtxt(shared / "reference" / "mask_counts_of_225.csv", delimiter=",")
    fractions[106:150, 106:150] = counts / 225
    return Mask(fractions)
