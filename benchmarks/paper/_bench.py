"""What the stages share: how much of everything, and the networks, which are kept."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils import Bunch, check_random_state

from benchmarks import _bench
from benchmarks._published import N_CURVES, N_TIMED, N_TRAINING_CURVES, STEPS_DOWN
from benchmarks._report import timed
from skfrap import NeuralFRAP
from skfrap.inference.networks._data import split
from skfrap.inference.networks._keras import _WARM_UP
from skfrap.persistence import load, save

_FINAL = "paper's design, final"


@dataclass(frozen=True)
class Amounts:
    """How much of everything there is.

    Attributes
    ----------
    n_curves : int
        In each set that losses are told of.
    n_training_curves : int
        That the paper's design learns from.
    passes : tuple of (str, int)
        Of the paper's design over them, for its `targets`; the paper made 48,000.
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
    n_training_curves: int = N_TRAINING_CURVES
    passes: tuple = (("joint", 110), ("separate", 80))
    n_samples: int = _bench.N_SAMPLES
    layers: tuple = (1, 2, 4, 8, 16)
    n_seeds_per_depth: int = 3
    n_samples_per_depth: int = 1_000 * 1024
    n_draws: int = 300
    n_experiments: int = 2000
    n_judged: int = 20
    n_timed: int = N_TIMED
    n_series: int = 20


FULL = Amounts()
QUICK = Amounts(
    n_curves=8192,
    n_training_curves=2**14,
    passes=(("joint", 60), ("separate", 60)),
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
    """

    def __init__(self, amounts, seed, folder):
        super().__init__(seed, amounts.n_curves, amounts.n_samples)
        self.amounts, self.folder = amounts, folder
        self._networks = {}

    def default_network(self, targets):
        """Return skfrap's default network, "joint" or "separate"; its history is on validation."""
        held, options = self.sets["validation"], {"targets": targets, "verbose": 1}
        return self._trained(
            f"default-{targets}", lambda: self.train(self.n_samples, held, **options)
        )

    def paper_network(self, targets):
        """Return the paper's own design, trained for some of its passes.

        It chooses its weights by curves that it sets aside, as many as there are in each set. Its
        learning rate rises over 50 passes, as in the paper, and what is left of the passes is
        shared by the paper's six steps.
        """
        return self._trained(f"deepfrap2021-{targets}", lambda: self._train_paper(targets))

    def estimates(self, method, data="test"):
        """Return a method's estimates of a set's curves; the final network's from its parts."""
        if method != _FINAL:
            return super().estimates(method, data)
        joint, separate = (
            self.estimates(f"paper's design, {targets}", data) for targets in ("joint", "separate")
        )
        return np.column_stack([joint[:, :1], separate[:, 1:]])

    def watched(self, method):
        """Return the curves that a network's progress was measured on, as a Bunch."""
        kind, _, targets = method.partition(", ")
        if kind == "skfrap":
            return self.sets["validation"]
        network, sample = self.paper_network(targets), self._sample_for_paper()
        # The part that its fit has set aside, by the same random numbers.
        names = "data", "target", "sample_weight"
        curves, random = [sample[name] for name in names], check_random_state(self.seed)
        _, held = split(curves, network.validation_fraction, random)
        return Bunch(**dict(zip(names, held, strict=True)))

    def estimator(self, method):
        """Return an estimator by the name its estimates go by in rows."""
        kind, _, targets = method.partition(", ")
        if not targets:
            return super().estimator(method)
        make = {"skfrap": self.default_network, "paper's design": self.paper_network}[kind]
        return make(targets)

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

    def _sample_for_paper(self):
        """Draw the curves that the paper's design learns from, and those that it chooses by."""
        return self.simulator.sample(self.amounts.n_training_curves + self.amounts.n_curves)

    def _train_paper(self, targets):
        passes, sample = dict(self.amounts.passes)[targets], self._sample_for_paper()
        network = NeuralFRAP.deepfrap2021(
            targets,
            max_iter=passes,
            epochs_per_step=max(1, (passes - _WARM_UP) // STEPS_DOWN),
            validation_fraction=self.amounts.n_curves / len(sample.data),
            random_state=self.seed,
            verbose=1,
        )
        return network.fit(sample.data, sample.target, sample.sample_weight)
