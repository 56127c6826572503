"""Training in a forked process ends with an error, and does not wait for ever."""

import os
import subprocess
import sys

import pytest

_TRAINED = """
import multiprocessing, warnings
import numpy as np
warnings.simplefilter("ignore")
from skfrap import NeuralFRAP

def train(queue=None):
    X, y = np.random.default_rng(0).random((64, 12)), np.random.default_rng(1).random((64, 3))
    network = NeuralFRAP(features="raw", hidden_layer_sizes=(4,), max_iter=2, random_state=0)
    try:
        words = str(network.fit(X, y).predict(X).shape)
    except RuntimeError as error:
        words = str(error)
    return words if queue is None else queue.put(words)

if __name__ == "__main__":
    {before}
    context = multiprocessing.get_context({method!r})
    queue = context.Queue()
    child = context.Process(target=train, args=(queue,))
    child.start()
    print(queue.get(timeout=100))
    child.join()
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that forks")
@pytest.mark.parametrize(
    ("before", "method", "expected"),
    [
        ("train()", "fork", "forked after JAX was loaded"),
        ("train()", "spawn", "(64, 3)"),
        ("", "fork", "(64, 3)"),
    ],
    ids=["forked after training", "spawned after training", "forked before"],
)
def test_training_in_another_process_ends(tmp_path, before, method, expected):
    program = tmp_path / "program.py"
    program.write_text(_TRAINED.format(before=before, method=method))
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, timeout=200, check=False
    )
    assert expected in done.stdout, done.stderr
