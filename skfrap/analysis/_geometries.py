"""Where particles may be, as it was told and as it might be: what D would be, and the budget."""

from dataclasses import replace

import numpy as np

from skfrap.analysis._options import make_regressor
from skfrap.analysis._witness import FAR, difference_of
from skfrap.experiment import Compartment
from skfrap.judging._budget import equilibrium_of, judge_budget, measure_budget
from skfrap.models import MODELS, model_for
from skfrap.preprocessing import RecoveryCurveExtractor, find_compartment
from skfrap.results import Alternative, Alternatives, Finding

_UNEVEN = 0.1  # of the mean: a standard deviation that may matter
_APART = 1.1  # times, that D of the readings may differ
_SAME = "the region as told, bleached when it was told; "
_OPEN = "open field"
_WITHIN = "in its compartment"
_READINGS = {
    "partition": ("uneven, partition", "particles avoid some places of the compartment"),
    "sites": ("uneven, sites", "particles bind fast to what makes the compartment uneven"),
}
_EDGE = "the sample ends near the bleach region"


class Geometries:
    """What becomes of a curve where particles may be elsewhere than the result has it.

    Attributes
    ----------
    findings : list of Finding
        On the compartment of the result.
    rows : list of Alternative
        None taken; one recommended where an edge is near that the result does not know.
    """

    def __init__(self, corrected, before, told, protocol, options, background):
        self.findings, self.rows, self._within = [], [], None
        self._corrected, self._before = corrected, before
        self._options = options
        model = type(told.regressor.model_)
        if protocol.compartment is not None:
            self.findings += self._budget(told.estimates, protocol, model)
        if options.model != "diffusion":
            return
        if protocol.compartment is not None:
            others = protocol.replace(compartment=None, rows=None)
            words = f"{_SAME}the sample goes on beyond its outline"
            estimates = self._fitted(others)
            if estimates is not None:
                self._add(_OPEN, estimates, words, "the sample ends: its outline is told")
            self._add_readings(protocol, told.estimates.values["D"][0])
        elif background != "subtract" and any(one.code == "sample_ends" for one in told.findings):
            self._add_found(protocol, model)

    def recommend(self, alternatives, witness, seen):
        """Add these rows to others, and recommend that which knows of the edge.

        Parameters
        ----------
        alternatives : Alternatives
        witness : Witness
            Of the start as told, where the result has it.
        seen : SeenStart or None
            Where the images contradict that in an open field, the edge may be why.

        Returns
        -------
        Alternatives
        """
        rows = [*alternatives]
        if witness.contradicts and not self._explains(seen):
            why = "the images contradict the region told"
            self.rows = [replace(one, recommended=False, why=why) for one in self.rows]
        best = next((one for one in self.rows if one.recommended), None)
        if best is not None:
            why = f"{_EDGE}, and it knows of no edge"
            rows = [replace(one, recommended=False, why=why) for one in rows]
        return Alternatives((*rows, *self.rows))

    def _explains(self, seen):
        """Tell whether the region as told, within the outline that was found, agrees with seen."""
        if self._within is None:
            return False
        difference = difference_of(self._within, seen)
        return difference is not None and not difference.errors > FAR

    def _fitted(self, protocol):
        """Fit the curve where particles may be elsewhere; None where that cannot be done."""
        try:
            curve = RecoveryCurveExtractor(protocol).fit_transform(self._corrected)
            regressor = make_regressor(protocol, self._options).fit(curve)
            return regressor.estimate(curve, level=self._options.level)
        except ValueError:  # as where rows, or what is asked of the fit, do not go with it
            return None

    def _add(self, name, estimates, assumes, why, findings=(), best=False):
        """Enter what was estimated where particles may be elsewhere."""
        names = [one for one in ("D", "mobile_fraction") if one in estimates.values]
        values, lower, upper = (
            {one: float(ends[one][0]) for one in names}
            for ends in (estimates.values, estimates.lower, estimates.upper)
        )
        found = (*findings, *estimates.findings[0])
        row = Alternative(
            name, "told", values, lower, upper, assumes, "curve", np.nan, found, why=why
        )
        doubtful = [one for one in found if one.severity == "doubtful"]
        if best and row.usable and not doubtful:
            row = replace(row, recommended=True)
        self.rows.append(row)

    def _add_found(self, protocol, model):
        """Find the compartment, and fit the curve in it."""
        try:
            found = find_compartment(self._before, protocol)
            within = protocol.replace(compartment=found.compartment)
        except ValueError:
            return
        estimates = self._fitted(within)
        if estimates is None:
            return
        self._within = estimates
        findings = self._budget(estimates, within, model)
        words = f"{_SAME}nothing leaves the outline that was {found.reason}"
        self._add(_WITHIN, estimates, words, _EDGE, findings, best=True)

    def _add_readings(self, protocol, even):
        """Fit the curve with the density before bleaching that the frames show."""
        if protocol.compartment.equilibrium is not None:
            return
        image, variation = equilibrium_of(self._before, protocol.compartment_mask)
        if variation < _UNEVEN:
            return
        found = {}
        for reading, (name, words) in _READINGS.items():
            outline = Compartment(protocol.compartment.region, image, reading)
            estimates = self._fitted(protocol.replace(compartment=outline))
            why = "the frames cannot tell what makes it uneven"
            if estimates is not None:
                self._add(name, estimates, f"{_SAME}{words}", why)
                found[reading] = float(estimates.values["D"][0])
        every = np.array([even, *found.values()])
        if found and np.isfinite(every).all() and every.max() > _APART * every.min():
            each = " and ".join(f"{D:.4g} as of {reading}" for reading, D in found.items())
            words = (
                f"the frame before bleaching is uneven in the compartment, by {100 * variation:.0f}"
                f" %: D = {each}, {even:.4g} were it even"
            )
            self.findings.append(Finding.of("compartment_uneven", words, "D"))

    def _budget(self, estimates, protocol, model):
        """Hold the light of the whole compartment against the fitted model."""
        if self._options.fading == "frame":  # which divides by that very light
            return []
        both = protocol.replace(rows="compartment")
        curve = RecoveryCurveExtractor(both).fit_transform(self._corrected)[0]
        fitted = _whole_of_fit(estimates.fit, protocol, both, model)
        if fitted is None:
            return []
        if protocol.compartment.equilibrium is None:
            # Light where it is bright: bleaching there takes more than the area's share.
            fitted = 1 - (1 - fitted / fitted[0]) * self._brightness(protocol)
        n = protocol.n_frames
        return judge_budget(measure_budget(curve[n:], fitted, protocol.n_prebleach))

    def _brightness(self, protocol):
        """Return how bright the bleach region is before bleaching, over the compartment's mean."""
        inside, bleached = protocol.compartment_mask, protocol.bleach_mask
        light = inside * self._before
        area = np.sum(inside * bleached) / inside.sum()
        return float(np.sum(light * bleached) / light.sum() / area) if light.sum() > 0 else 1.0


def _whole_of_fit(fit, protocol, both, model):
    """Return the mean over the compartment, (n_frames,), by a fit of other rows.

    Parameters
    ----------
    fit : Fit
        Of one curve of `protocol`.
    protocol, both : FRAPProtocol
        As it was fitted, and with the compartment for the second row.
    model : type
        Of the model.

    Returns
    -------
    ndarray or None
        None where the fit has no values.
    """
    values = {name: ends[:1] for name, ends in fit.values().items()}
    known = model.defaults()
    values = {name: values[name] for name in known if name in values}
    if not all(np.isfinite(value).all() for value in values.values()):
        return None
    n = protocol.n_frames
    if "compartment" in protocol.row_names:
        row = protocol.row_names.index("compartment")
        return fit.curves[0][row * n : (row + 1) * n]
    special = {
        name for name, value in values.items()
        if known[name] is not None and name != "mobile_fraction" and value != known[name]
    }  # fmt: skip
    if model is MODELS["diffusion"] and protocol.n_bleach == 1 and not special:
        # What is there stays there: no need to follow it.
        density = protocol.compartment_mask
        if protocol.compartment.equilibrium is not None:
            density = density * protocol.compartment.equilibrium
        share = np.sum(density * protocol.bleach_mask) / density.sum()
        fitted = np.ones(n)
        fitted[protocol.n_prebleach :] -= (1 - values["alpha"][0]) * share
        return fitted
    return model_for(both, model).curves(**values)[0, n:]
