"""Callbacks of scikit-learn 1.9 watch a training, and may end it."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skfrap import FRAPSimulator, NeuralFRAP

pytest.importorskip("sklearn.callback")
SMALL = {"hidden_layer_sizes": (8,), "batch_size": 128, "max_iter": 5, "random_state": 0}


@pytest.fixture(scope="module")
def sample():
    return FRAPSimulator(random_state=0).sample(600)


class Watcher:
    """Note what is told, and end the training after some passes."""

    def __init__(self, last=None):
        self.last, self.told, self.scores = last, [], []

    def setup(self, estimator, context):
        self.told.append("setup")

    def on_fit_task_begin(self, estimator, context):
        self.told.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        self.told.append(f"end {context.task_name}")
        if X is not None:
            self.scores.append(fitted_estimator.score(X, y))
        return context.task_name == "pass" and context.task_id + 1 == self.last

    def teardown(self, estimator, context):
        self.told.append("teardown")


def test_callbacks_hear_of_every_pass_and_see_the_network_as_it_is(sample):
    watcher, network = Watcher(), NeuralFRAP(features="raw", **SMALL)
    network.set_callbacks(watcher).fit(sample.data, sample.target)
    passes = ["begin pass", "end pass"] * 5
    assert watcher.told == ["setup", "begin fit", *passes, "end fit", "teardown"]
    assert len({*watcher.scores[:5]}) == 5
    assert watcher.scores[4] == watcher.scores[5] == network.score(sample.data, sample.target)
    assert network.loss_curve_ == network.history_["loss"].tolist()
    # Nothing else is changed by being watched.
    alone = clone(network).set_callbacks().fit(sample.data, sample.target)
    np.testing.assert_equal(alone.weights_, network.weights_)


@pytest.mark.slow
def test_a_callback_can_end_a_training(sample, tmp_path):
    network = NeuralFRAP(features="raw", **SMALL).set_callbacks(Watcher(last=3))
    assert network.fit(sample.data, sample.target).n_iter_ == 3
    network.set_params(features="auto").set_callbacks(Watcher(last=1))
    network.fit_online(FRAPSimulator(random_state=0), 128 * 128)
    assert network.n_iter_ == 1


@pytest.mark.slow
def test_callbacks_go_through_a_search(sample):
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="r2")
    network = NeuralFRAP(features="raw", **SMALL).set_callbacks(monitor)
    search = GridSearchCV(network, {"hidden_layer_sizes": [(4,), (8,)]}, cv=2)
    search.fit(sample.data, sample.target)
    assert search.best_estimator_.n_iter_ == 5
