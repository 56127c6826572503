"""What an experiment is apart from its model: so far the noise of its detector."""

from skfrap.experiment._noise import NOISE_KINDS, Noise

__all__ = ["NOISE_KINDS", "Noise"]
