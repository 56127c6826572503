"""The open field as a geometry like others: the measure of its Fourier modes, for one bleach frame.

The solvers of this folder are exact for any number of bleach frames. This one serves what goes by
geometries and kinetics only, and shows that both say the same.
"""

import numpy as np

from skfrap.models._geometry import MeasuredRows, on_few_rates
from skfrap.models._optics import optics_for
from skfrap.models.field._spectral import FrameStepper

_N_SPREADS = 48


class FourierGeometry(MeasuredRows):
    """Reduce the padded periodic grid of a protocol with one bleach frame.

    Parameters
    ----------
    protocol : FRAPProtocol
        Without a compartment, with one bleach frame.
    bleach_blur, imaging_blur : float, default=0.0
        Standard deviations of the Gaussian spread of the beam and of the detection, µm.
    weights : ndarray of shape (ny, nx), default=None
        Of pixels in the recovery curve. None is the mean over the bleach region.

    Attributes
    ----------
    error : float
        What moving from all modes to few rates has changed.

    Raises
    ------
    ValueError
        If there are several bleach frames.
    """

    def __init__(self, protocol, bleach_blur=0.0, imaging_blur=0.0, weights=None):
        if protocol.n_bleach > 1:
            raise ValueError(
                f"a measure of Fourier modes is known for one bleach frame, got n_bleach="
                f"{protocol.n_bleach}; the models' own solvers take several."
            )
        optics = optics_for(protocol, bleach_blur, weights)
        stepper = FrameStepper(protocol, optics)
        grid, seen = stepper.grid, stepper.blur(stepper.weights, imaging_blur)
        product = grid.forward(stepper.bleach).conj() * grid.forward(seen)
        rates = np.broadcast_to(grid.k_squared, product.shape).ravel()
        rows = (grid.multiplicity * product.real).ravel()[np.newaxis]
        moving = rates > 0
        few, moved = on_few_rates(rates[moving], rows[:, moving])
        super().__init__(np.append(0.0, few), np.column_stack([rows[:, ~moving], moved]))
        whole = grid.whole(seen)
        self._see(optics.bleach.ravel(), whole.reshape(1, -1), np.ones(1))
        spreads = np.geomspace(0.02 / rates.max(), 10 / rates[moving].min(), _N_SPREADS)
        exact = np.zeros(_N_SPREADS)
        for k, spread in enumerate(spreads):
            exact[k] = rows[0] @ np.exp(-spread * rates)
        self.error = float(np.abs(self.deficits(spreads) - exact).max())
