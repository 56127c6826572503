"""A saved estimator is the earlier one or the new one, whole, whatever happens meanwhile."""

import errno
import os
import threading

import pytest

from skfrap import FRAPProtocol, FRAPSimulator, LeastSquaresFRAP, _files
from skfrap.persistence import load, save

PROTOCOL = FRAPProtocol(shape=(48, 48), n_postbleach=20, padding=32)


@pytest.fixture(scope="module")
def estimators():
    X = FRAPSimulator(PROTOCOL, random_state=0).sample(2).data
    return [LeastSquaresFRAP(PROTOCOL, tol=tol).fit(X) for tol in (1e-9, 1e-8)]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_full_disk_leaves_the_earlier_file(estimators, tmp_path, monkeypatch, step):
    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "estimator.npz"
    save(estimators[0], path)
    monkeypatch.setattr(_files.os, step, fail)
    with pytest.raises(OSError, match="No space left"):
        save(estimators[1], path)
    assert load(path).tol == estimators[0].tol
    assert os.listdir(tmp_path) == ["estimator.npz"]


def test_file_that_is_write_protected_is_not_replaced(estimators, tmp_path, monkeypatch):
    path = tmp_path / "estimator.npz"
    save(estimators[0], path)
    monkeypatch.setattr(_files.os, "access", lambda *_: False)  # root may write everything
    with pytest.raises(PermissionError, match="write-protected"):
        save(estimators[1], path)
    assert load(path).tol == estimators[0].tol


@pytest.mark.slow
def test_reader_never_meets_half_a_file(estimators, tmp_path):
    path, ended = tmp_path / "estimator.npz", threading.Event()
    save(estimators[0], path)

    def write(estimator):
        while not ended.is_set():
            save(estimator, path)

    writers = [threading.Thread(target=write, args=(estimator,)) for estimator in estimators]
    for writer in writers:
        writer.start()
    try:
        seen = {load(path).tol for _ in range(300)}
    finally:
        ended.set()
        for writer in writers:
            writer.join()
    assert seen <= {1e-9, 1e-8}
    assert os.listdir(tmp_path) == ["estimator.npz"]
