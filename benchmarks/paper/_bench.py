"""What the stages share: how much of everything, and the networks, which are kept."""

from dataclasses import dataclass

from benchmarks import _bench
from benchmarks._published import N_CURVES, N_TIMED
from benchmarks._report import timed
from skfrap.persistence import load, save


@dataclass(frozen=True)
class Amounts:
    """How much of everything there is.

    Attributes
    ----------
    n_curves : int
        In each set that losses are told of.
    n_samples : int
        Fresh curves for skfrap's default network.
    layers : tuple of int
        Numbers of hidden layers in Figure 4.
    n_seeds_per_depth : int
        Networks for each number of them.
    n_samples_per_depth : int
        Fresh curves for each network of Figure 4.
    n_draws : int
        Of the curves of the setting with the largest error, in section 3.3.
    n_experiments : int
        Simulated repetitions of the experiment of section 3.4, as curves.
    n_judged : int
        Series of each sample in section 3.4 whose pixels are judged.
    n_timed, n_series : int
        Estimates that are timed in Figure 10, and the image series that take turns in it.
    """

    n_curves: int = N_CURVES
    n_samples: int = _bench.N_SAMPLES
    layers: tuple = (1, 2, 4, 8, 16)
    n_seeds_per_depth: int = 3
    n_samples_per_depth: int = 600 * 1024
    n_draws: int = 300
    n_experiments: int = 2000
    n_judged: int = 20
    n_timed: int = N_TIMED
    n_series: int = 10


FULL = Amounts()
QUICK = Amounts(
    n_curves=8192,
    n_samples=500 * 1024,
    layers=(1, 4, 16),
    n_seeds_per_depth=1,
    n_samples_per_depth=100 * 1024,
    n_draws=20,
    n_experiments=200,
    n_judged=2,
    n_timed=50,
    n_series=2,
)


class Bench(_bench.Bench):
    """Curves, estimators and their estimates, each computed when first asked for.

    Networks are kept in the folder, so that a run that was broken off goes on behind them.

    Parameters
    ----------
    amounts : Amounts
    seed : int
    folder : Path
        For networks.
    training : Path, default=None
        Where `benchmarks.paper_training` keeps the training of the paper's own design.
    """

    def __init__(self, amounts, seed, folder, training=None):
        super().__init__(seed, amounts.n_curves, amounts.n_samples)
        self.amounts, self.folder, self.training = amounts, folder, training
        self._networks = {}

    def default_network(self, targets):
        """Return skfrap's default network, "joint" or "separate"; its history is on validation."""
        held, options = self.sets["validation"], {"targets": targets, "verbose": 1}
        return self._trained(
            f"default-{targets}", lambda: self.train(self.n_samples, held, **options)
        )

    def estimator(self, method):
        """Return an estimator by the name its estimates go by in rows."""
        _, _, targets = method.partition(", ")
        return self.default_network(targets) if targets else super().estimator(method)

    def _trained(self, name, train):
        if name not in self._networks:
            path = self.folder / f"{name}.npz"
            if path.exists():
                self._networks[name] = load(path)
            else:
                print(f"  training {name}", flush=True)
                self._networks[name], seconds = timed(train)
                print(f"  trained {name} in {seconds:.0f} s", flush=True)
                path.parent.mkdir(exist_ok=True)
                # A run that is broken off here leaves no half of a file behind.
                part = path.with_suffix(".part")
                save(self._networks[name], part)
                part.replace(path)
        return self._networks[name]
