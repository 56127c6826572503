"""Dask's workers through joblib: the same results as of one process, and nothing built twice."""

import functools
import os

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV, cross_val_score

from skfrap import (
    BayesianFRAP,
    Circle,
    FRAPPipeline,
    FRAPProtocol,
    FRAPSimulator,
    LeastSquaresFRAP,
)
from skfrap.inference.fitting import _bootstrap
from skfrap.inference.posterior._posterior import CurvePosterior
from skfrap.preprocessing import RecoveryCurveExtractor

PROTOCOL = FRAPProtocol(
    shape=(32, 32), bleach_region=Circle(4.0), n_prebleach=5, n_postbleach=20, padding=8
)


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
    with (
        distributed.LocalCluster(dashboard_address=None, **options) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def of_curves():
    X, y = FRAPSimulator(PROTOCOL, random_state=0).sample(60, return_X_y=True)
    return LeastSquaresFRAP(PROTOCOL), {"loss": ["squared", "huber"]}, X, y


def of_images():
    X, y = FRAPSimulator(PROTOCOL, random_state=0).sample_images(12, return_X_y=True)
    steps = [("curves", RecoveryCurveExtractor()), ("fit", LeastSquaresFRAP())]
    return FRAPPipeline(steps, protocol=PROTOCOL), {"fit__loss": ["squared", "huber"]}, X, y


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("made", [of_curves, of_images])
def test_searches_find_the_same_on_workers_of_dask(client, made):
    estimator, grid, X, y = made()
    found = []
    for backend in ("sequential", "dask"):
        with parallel_config(backend):
            search = GridSearchCV(estimator, grid, cv=2, scoring="neg_mean_absolute_error")
            search.fit(X, y)
            scores = cross_val_score(estimator, X, y, cv=2, scoring="neg_mean_absolute_error")
            found.append((search.cv_results_["mean_test_score"], scores, search.predict(X)))
    for one, other in zip(*found, strict=True):
        assert np.isfinite(one).all()
        np.testing.assert_array_equal(one, other)


def n_built():
    """Count what this process has interpolated."""
    from skfrap.models.forward import _surrogates

    return _surrogates._build_surrogate.cache_info().misses


def fitted_sum(X, k):
    return LeastSquaresFRAP(PROTOCOL).fit(X).predict(X[k : k + 1]).sum()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_chunks_of_a_dask_array_are_predicted_on_its_workers(client):
    array = pytest.importorskip("dask.array")
    X = FRAPSimulator(PROTOCOL, random_state=1).sample(2000).data
    fitted = LeastSquaresFRAP(PROTOCOL).fit(X)
    before = client.run(n_built)
    chunks = array.from_array(X, chunks=(100, -1))
    found = chunks.map_blocks(fitted.predict, dtype=float, chunks=(100, 3)).compute()
    np.testing.assert_allclose(found, fitted.predict(X), atol=1e-9)
    # It comes with the fitted estimator: none is built anew, whatever the number of chunks.
    assert client.run(n_built) == before
    # Fits on the workers build what they need once on each, not once for each task.
    fits = [client.submit(fitted_sum, X[:50], k, pure=False) for k in range(20)]
    assert np.isfinite(client.gather(fits)).all()
    for worker, built in client.run(n_built).items():
        assert built - before[worker] <= 1


def n_unpacked():
    """Count what this process has unpacked for parts of large batches."""
    from skfrap.numerics import _spread

    return len(_spread._unpacked)


def of_bootstrap():
    X = FRAPSimulator(PROTOCOL, random_state=2).sample(500).data
    fitted = LeastSquaresFRAP(PROTOCOL, random_state=0).fit(X)
    return lambda: [fitted.predict_interval(X, method="bootstrap", n_bootstrap=100)]


def of_posterior():
    X = FRAPSimulator(PROTOCOL, random_state=3).sample(700).data
    fitted = BayesianFRAP(PROTOCOL).fit(X)
    return lambda: [
        *fitted.predict(X, return_std=True),
        fitted.predict_interval(X, 0.9, "highest_density"),
        fitted.sample_posterior(X, 2, random_state=0),
        fitted.log_evidence(X),
    ]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("made", [of_bootstrap, of_posterior])
def test_parts_of_a_batch_are_worked_on_by_the_workers(client, made, monkeypatch):
    """To the last digit; what they have in common is unpacked once, and no part is done here."""
    work = made()
    expected, before, built = work(), client.run(n_unpacked), client.run(n_built)
    for module, name in (_bootstrap, "_quantiles_of"), (CurvePosterior, "_integrate"):
        monkeypatch.setattr(module, name, elsewhere(getattr(module, name)))
    with parallel_config("dask"):
        found = work()
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)
    unpacked = [n - before[worker] for worker, n in client.run(n_unpacked).items()]
    assert sum(unpacked) > 0
    assert max(unpacked) == 1
    assert client.run(n_built) == built


def elsewhere(work):
    """Let a function work in any process but this one; pickles of it are of its name."""
    here = os.getpid()

    @functools.wraps(work)
    def guarded(*args, **kwargs):
        assert os.getpid() != here
        return work(*args, **kwargs)

    return guarded
