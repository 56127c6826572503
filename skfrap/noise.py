"""Another name of :mod:`skfrap.calibration`."""

from skfrap.calibration import NoiseCalibration, calibrate_noise

__all__ = ["NoiseCalibration", "calibrate_noise"]
