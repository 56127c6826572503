"""The paper's design, trained in a folder over several runs."""

import numpy as np
import pytest

from benchmarks.paper_training import PaperTraining, Sizes, best_so_far, lines, summary


@pytest.mark.slow
def test_runs_go_on_and_tell_what_there_is(tmp_path):
    training = PaperTraining(tmp_path, Sizes(2048, 512))
    assert training.history("log10_D") is None
    assert summary(training) == {}
    training.train("joint", 0, 0.0)
    network = training.train("log10_D", 0, 0.0)
    assert network.n_weights_ == 129_921
    other = PaperTraining(tmp_path, Sizes(2048, 512))
    for _ in range(3):
        network = other.train("joint", 0, 0.0)
    assert network.n_weights_ == 130_179
    history = other.history("joint")
    np.testing.assert_array_equal(history["epoch"], [1, 2, 3, 4])
    np.testing.assert_allclose(history["learning_rate"], 1e-3 + np.arange(4) * 0.099 / 50)
    assert history["validation_loss"].shape == (4, 3)
    best = best_so_far(history)
    assert np.isnan(best[0])
    assert best[-1] == pytest.approx(network.best_losses_[0])
    found = summary(other)
    assert found["joint-0"]["epochs"] == 4
    assert found["log10_D-0"]["share_of_48000"] == pytest.approx(1 / 48_000)
    told = [*lines("joint", 0, history, 2)]
    assert told[0].startswith("joint 0: epoch 3")
    assert "best" in told[0]
