"""Data sets on disk: the same samples whoever writes them, and estimators that read in chunks."""

import numpy as np
import pytest

import skfrap.datasets
from skfrap import BayesianFRAP, Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP, NeuralFRAP
from skfrap.datasets import _store, _write
from skfrap.inference.networks import _disk
from skfrap.models import ImageSurrogate
from skfrap.numerics import _lazy

pytest.importorskip("zarr", minversion="3")

PROTOCOL = FRAPProtocol(
    shape=(32, 32), bleach_region=Circle(4.0), n_prebleach=5, n_postbleach=20, padding=8
)


def simulator(seed=0, **options):
    return FRAPSimulator(PROTOCOL, random_state=seed, **options)


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setitem(_write._SHARDS, "curves", 1024)
    monkeypatch.setitem(_write._CHUNKS, "curves", 512)


def test_what_is_written_is_what_is_sampled(tmp_path, small_shards):
    simulator().write(tmp_path / "a.zarr", 2500)
    dataset = skfrap.datasets.open(tmp_path / "a.zarr")
    drawn = simulator().sample(2500, dtype=np.float32)
    assert dataset.is_complete
    assert len(dataset) == 2500
    np.testing.assert_array_equal(dataset.data[:], drawn.data)
    np.testing.assert_array_equal(dataset.target[:], drawn.target)
    np.testing.assert_array_equal(dataset.noise_variance[:], drawn.noise_variance)
    weight = dataset.sample_weight[:]
    np.testing.assert_allclose(weight / weight.mean(), drawn.sample_weight)
    assert dataset.target_names == drawn.target_names
    assert dataset.provenance["random_state"] == 0
    parts = [*dataset.chunks(1000)]
    assert [len(part[0]) for part in parts] == [1000, 1000, 500]


def contents(folder):
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("noise", ["constant", "proportional"])
def test_threads_write_what_one_would(tmp_path, small_shards, noise):
    for n_jobs in (1, 3):
        simulator(noise=noise).write(tmp_path / f"{n_jobs}.zarr", 9000, n_jobs=n_jobs)
    one, three = contents(tmp_path / "1.zarr"), contents(tmp_path / "3.zarr")
    assert len(one) > 3 * 9  # shards, and what describes them
    assert one == three
    drawn = simulator(noise=noise).sample(3000, start=6000, dtype=np.float32)
    data = skfrap.datasets.open(tmp_path / "3.zarr").data
    np.testing.assert_array_equal(data[6000:], drawn.data)


def test_writing_goes_on_where_it_ended(tmp_path, small_shards, monkeypatch):
    write, written = _write._write_shard, []

    def ends(*arguments):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(arguments[3])
        return write(*arguments)

    monkeypatch.setattr(_write, "_write_shard", ends)
    with pytest.raises(KeyboardInterrupt):
        simulator().write(tmp_path / "a.zarr", 4096)
    assert skfrap.datasets.open(tmp_path / "a.zarr").written.tolist() == [True, True, False, False]
    monkeypatch.setattr(
        _write, "_write_shard", lambda *some: written.append(some[3]) or write(*some)
    )
    simulator().write(tmp_path / "a.zarr", 4096)
    assert written == [0, 1, 2, 3]
    simulator().write(tmp_path / "b.zarr", 4096)
    both = [skfrap.datasets.open(tmp_path / name).data[:] for name in ("a.zarr", "b.zarr")]
    np.testing.assert_array_equal(*both)


def test_image_series_are_written_too(tmp_path):
    made = simulator(bit_depth=16)
    made.write(tmp_path / "a.zarr", 3, "images")
    dataset = skfrap.datasets.open(tmp_path / "a.zarr")
    np.testing.assert_array_equal(dataset.data[1:], made.sample_images(2, start=1).data)
    assert dataset.data.dtype == np.uint16


def test_scores_of_series_are_written_and_read_in_chunks(tmp_path, monkeypatch):
    for store, n_jobs in (("a.zarr", None), ("b.zarr", 1)):
        monkeypatch.setitem(_write._SHARDS, "scores", 64)
        monkeypatch.setitem(_write._CHUNKS, "scores", 32)
        simulator().write(tmp_path / store, 100, "scores", n_jobs=n_jobs)
    dataset, again = (skfrap.datasets.open(tmp_path / name) for name in ("a.zarr", "b.zarr"))
    np.testing.assert_array_equal(dataset.data[:].values, again.data[:].values)
    drawn = simulator().sample_scores(100)
    assert dataset.data.surrogate == drawn.data.surrogate
    assert dataset.data.shape == drawn.data.shape
    np.testing.assert_allclose(dataset.data[:].values, drawn.data.values, rtol=1e-6, atol=1e-5)
    np.testing.assert_array_equal(dataset.target[:], drawn.target)
    in_memory = LeastSquaresFRAP(PROTOCOL).fit(drawn.data)
    monkeypatch.setattr(_lazy.row_slices, "__defaults__", (30,))
    fitted = LeastSquaresFRAP(PROTOCOL).fit(dataset.data, dataset.target)
    # Single precision moves a fit by far less than its error.
    found, std = in_memory.predict(drawn.data, return_std=True)
    off = np.abs(fitted.predict(dataset.data) - found) / std
    assert np.median(off) < 1e-3
    assert {type(part[0]).__name__ for part in dataset.chunks(40)} == {"ImageScores"}
    with pytest.raises(ValueError, match="surrogate is what scores are of"):
        simulator().write(tmp_path / "c.zarr", 10, surrogate=dataset.data.surrogate)


def test_other_data_are_not_written_over(tmp_path):
    simulator().write(tmp_path / "a.zarr", 10)
    with pytest.raises(ValueError, match="another provenance"):
        simulator(1).write(tmp_path / "a.zarr", 10)
    with pytest.raises(ValueError, match="another provenance"):
        simulator().write(tmp_path / "a.zarr", 11)
    with pytest.raises(ValueError, match="must be a whole number"):
        simulator(None).write(tmp_path / "b.zarr", 10)
    with pytest.raises(FileNotFoundError, match="no data set"):
        skfrap.datasets.open(tmp_path / "b.zarr")


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    simulator().write(tmp_path / "a.zarr", 3000)
    return skfrap.datasets.open(tmp_path / "a.zarr")


def test_fits_read_in_chunks(dataset, monkeypatch):
    monkeypatch.setattr(_lazy.row_slices, "__defaults__", (1100,))
    X = dataset.data[:300].astype(float)
    fitted = LeastSquaresFRAP(PROTOCOL).fit(X)
    whole = fitted.predict(dataset.data[:])
    np.testing.assert_allclose(fitted.predict(dataset.data), whole, atol=1e-9)
    intervals = fitted.predict_interval(dataset.data, method="curvature")
    assert intervals.shape == (3000, 3, 2)
    _, std = fitted.predict(dataset.data, return_std=True)
    assert std.shape == (3000, 3)


def test_dask_arrays_are_read_in_chunks_as_well(dataset):
    dask = pytest.importorskip("dask.array")
    fitted = LeastSquaresFRAP(PROTOCOL).fit(dataset.data[:100])
    X = dask.from_array(dataset.data)
    np.testing.assert_array_equal(fitted.predict(X), fitted.predict(dataset.data))


class Counted:
    """A lazy array that counts the rows that are read of it."""

    def __init__(self, values, n_rows):
        self.values, self.shape, self.chunks, self.n_read = (
            values,
            (n_rows, values.shape[1]),
            (1,),
            0,
        )

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, rows):
        places = np.arange(len(self))[rows] % len(self.values)
        self.n_read += len(places)
        return self.values[places]


@pytest.mark.parametrize("cls", [LeastSquaresFRAP, BayesianFRAP])
def test_preparing_a_fit_does_not_read_all(cls):
    drawn = simulator().sample(300)
    n = 2**20
    X, y, weight = (
        Counted(one, n) for one in (drawn.data, drawn.target[:, ::-1], np.ones((300, 1)))
    )
    weight.values = np.ones(300)
    fitted = cls(PROTOCOL, target_names=["alpha", "c0", "log10_D"]).fit(X, y, weight)
    assert 0 < X.n_read <= 2**16
    assert fitted.target_names_ == ["alpha", "c0", "log10_D"]
    with pytest.raises(ValueError, match="they must agree"):
        cls(PROTOCOL).fit(X, y.values)


@pytest.mark.slow
def test_networks_learn_from_disk(dataset):
    options = {"hidden_layer_sizes": (16,), "batch_size": 32, "random_state": 0}
    network = NeuralFRAP(PROTOCOL, max_iter=3, **options)
    network.fit(dataset.data, dataset.target, dataset.sample_weight)
    X, y = simulator(9).sample(500, return_X_y=True)
    in_memory = NeuralFRAP(PROTOCOL, max_iter=3, **options)
    in_memory.fit(dataset.data[:], dataset.target[:], dataset.sample_weight[:])
    errors = [np.mean((one.predict(X) - y) ** 2, axis=0) for one in (network, in_memory)]
    assert (errors[0] < 1.3 * errors[1]).all()
    assert len(network.history_["loss"]) == 3 * 2  # chunks of 64 batches
    again = NeuralFRAP(PROTOCOL, max_iter=3, **options)
    again.fit(dataset.data, dataset.target, dataset.sample_weight)
    np.testing.assert_array_equal(network.predict(X), again.predict(X))
    before = network.n_steps_
    network.partial_fit(dataset.data, dataset.target)
    assert network.n_steps_ > before


def test_what_takes_all_curves_in_memory_is_refused(dataset):
    with pytest.raises(ValueError, match="read in chunks"):
        NeuralFRAP(PROTOCOL, early_stopping=True).fit(dataset.data, dataset.target)


def test_missing_zarr_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "zarr", None)
    with pytest.raises(ImportError, match=r"skfrap\[zarr\]"):
        _store.open("nowhere")


@pytest.fixture
def stored_scores(tmp_path, monkeypatch):
    monkeypatch.setitem(_write._SHARDS, "scores", 1024)
    monkeypatch.setitem(_write._CHUNKS, "scores", 128)
    steady = {"frame_levels": False, "flat_field": None, "window": "field"}
    surrogate = ImageSurrogate(PROTOCOL, {"D": (1.0, 1000.0)}, **steady)
    simulator().write(tmp_path / "s.zarr", 1500, "scores", surrogate=surrogate)
    return skfrap.datasets.open(tmp_path / "s.zarr")


def test_networks_learn_from_stored_scores(stored_scores, monkeypatch):
    options = {"hidden_layer_sizes": (16,), "batch_size": 8, "random_state": 0, "max_iter": 4}
    arrays = stored_scores.data, stored_scores.target, stored_scores.sample_weight
    most = []
    read = type(stored_scores.data).read_samples

    def watched(self, rows):
        most.append(rows.stop - rows.start)
        return read(self, rows)

    monkeypatch.setattr(type(stored_scores.data), "read_samples", watched)
    monkeypatch.setattr(_disk, "_AT_ONCE", 200 * stored_scores.data.shape[1])
    network = NeuralFRAP(PROTOCOL, **options).fit(*arrays)
    assert max(most) == 200
    assert sum(most) == 1 + 200 + 4 * 1500
    in_memory = NeuralFRAP(PROTOCOL, **options).fit(*(one[:] for one in arrays))
    assert network.surrogate_ == stored_scores.data.surrogate
    assert network.bounds_ == in_memory.bounds_
    held = simulator(5).sample_scores(300, stored_scores.data.surrogate)
    weight = held.sample_weight[:, np.newaxis]
    one, other = (
        np.mean(weight * (each.predict(held.data) - held.target) ** 2, axis=0)
        for each in (network, in_memory)
    )
    assert (one < 1.3 * other).all()
    with pytest.raises(ValueError, match="scores of images"):
        NeuralFRAP(PROTOCOL, features="raw").fit(*arrays)


OPTIONS = {"hidden_layer_sizes": (8,), "batch_size": 16, "random_state": 0}


def same_weights(one, other):
    both = zip(one.weights_[0], other.weights_[0], strict=True)
    return all(np.array_equal(a, b) for mine, its in both for a, b in zip(mine, its, strict=True))


@pytest.mark.parametrize("learning_rate", ["cosine", "constant"])
def test_a_fit_from_disk_goes_on_where_it_was_broken_off(dataset, tmp_path, learning_rate):
    arrays = dataset.data, dataset.target, dataset.sample_weight
    options = OPTIONS | {"learning_rate": learning_rate, "max_iter": 3}
    straight = NeuralFRAP(PROTOCOL, **options).fit(*arrays)
    assert len(straight.loss_curve_) == 3 * 3
    kept = {"checkpoint_dir": tmp_path / "kept"}
    n_chunks = []
    for _ in range(9):
        network = NeuralFRAP(PROTOCOL, **options).fit(*arrays, **kept, max_time=0.0)
        n_chunks.append(len(network.loss_curve_))
    assert n_chunks == [*range(1, 10)]  # one each, with no time for more
    assert same_weights(network, straight)
    again = NeuralFRAP(PROTOCOL, **options).fit(*arrays, **kept)
    assert same_weights(again, straight)
    if learning_rate == "constant":
        longer = NeuralFRAP(PROTOCOL, **options | {"max_iter": 4})
        longer.fit(*arrays, **kept)
        new = NeuralFRAP(PROTOCOL, **options | {"max_iter": 4}).fit(*arrays)
        assert same_weights(longer, new)
    with pytest.raises(ValueError, match="another training"):
        NeuralFRAP(PROTOCOL, **options).fit(*arrays[:2], **kept)  # of other weights


@pytest.mark.parametrize("row", [200, 399])
def test_other_rows_further_on_are_another_training(tmp_path, monkeypatch, row):
    zarr = pytest.importorskip("zarr")
    monkeypatch.setattr(_disk, "ROWS", 64)  # that are read at first
    X, y = simulator(3).sample(400, return_X_y=True)

    def stored(name, changed):
        array = zarr.create_array(tmp_path / name, shape=X.shape, dtype="f8")
        array[:] = X
        array[changed] = X[0]
        return array

    kept = {"checkpoint_dir": tmp_path / "kept", "max_time": 0.0}
    NeuralFRAP(PROTOCOL, **OPTIONS).fit(stored("a", 0), y, **kept)
    NeuralFRAP(PROTOCOL, **OPTIONS).fit(stored("b", 0), y, **kept)
    with pytest.raises(ValueError, match="another training"):
        NeuralFRAP(PROTOCOL, **OPTIONS).fit(stored("c", row), y, **kept)


def test_the_best_of_several_fits_from_disk_is_kept(dataset):
    arrays = dataset.data, dataset.target, dataset.sample_weight
    held = simulator(9).sample(300, return_X_y=True)
    with pytest.raises(ValueError, match="validation_data"):
        NeuralFRAP(PROTOCOL, early_stopping=True, n_init=2, **OPTIONS).fit(*arrays)
    with pytest.raises(ValueError, match="early_stopping"):
        NeuralFRAP(PROTOCOL, n_init=2, **OPTIONS).fit(*arrays)
    network = NeuralFRAP(PROTOCOL, early_stopping=True, n_init=3, max_iter=2, **OPTIONS)
    network.fit(*arrays, validation_data=held)
    assert network.best_losses_.shape == (3, 1)
    assert len({*network.best_losses_[:, 0]}) == 3
    assert len(network.histories_) == 3
    best = np.nanmin(network.history_["validation_loss"].mean(axis=1))
    others = [np.nanmin(one["validation_loss"].mean(axis=1)) for one in network.histories_]
    assert best == others[network.best_losses_[:, 0].argmin()]
