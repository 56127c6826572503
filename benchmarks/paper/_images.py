"""What the paper names for the future: estimates from all pixels, beside those from the curve."""

from benchmarks._losses import loss_ratios, losses
from benchmarks._pages import markdown_table, paragraphs, with_error
from benchmarks._published import NAMES, TABLE_1_BOX
from benchmarks._report import timed
from benchmarks._stage import Outcome, Row, Stage
from skfrap import FRAPSimulator, LeastSquaresFRAP
from skfrap.models import image_surrogate_for

_CURVES, _PIXELS = "least squares, curves", "least squares, all pixels"
_LOSS, _RATIO = "loss", "over least squares on curves"


def measure(bench):
    """Fit curves, and all pixels of the same images, by least squares."""
    surrogate = image_surrogate_for(
        bench.protocol,
        {"D": TABLE_1_BOX["D"]},
        window="field",
        frame_levels=False,
        flat_field=None,
    )
    simulator = FRAPSimulator(bench.protocol, random_state=bench.seed + 2)
    drawn = simulator.sample_scores(bench.n_curves, surrogate)
    estimates, seconds = {}, {}
    for name, X in ((_CURVES, drawn.curves), (_PIXELS, drawn.data)):
        estimator = LeastSquaresFRAP(bench.protocol, TABLE_1_BOX).fit(X)
        estimates[name], seconds[name] = timed(lambda e=estimator, X=X: e.predict(X))
    rows, told = [], {}
    for name, theta in estimates.items():
        found = losses(drawn, theta).tolist()
        ratio, error = loss_ratios(drawn, theta, estimates[_CURVES], bench.seed)
        for k, target in enumerate(NAMES):
            where = "Discussion", name, "test", target
            rows.append(Row(*where, _LOSS, found[k]))
            rows.append(Row(*where, _RATIO, float(ratio[k]), float(error[k])))
        told[name] = {"losses": found, "ratios": ratio.tolist(), "errors": error.tolist()}
    facts = {
        "told": told,
        "n": bench.n_curves,
        "n_scores": surrogate.n_scores,
        "n_values": surrogate.n_values,
        "seconds": {name: value / bench.n_curves for name, value in seconds.items()},
    }
    return Outcome(rows, facts)


def tell(outcome):
    """Write the section."""
    facts = outcome.facts
    table = []
    for name, told in facts["told"].items():
        cells = [f"{value:.3g}" for value in told["losses"]]
        both = zip(told["ratios"], told["errors"], strict=True)
        cells += ["1" if name == _CURVES else with_error(*one) for one in both]
        table.append([name, *cells, f"{1e6 * facts['seconds'][name]:.0f} µs"])
    header = " | ".join(
        ("", *(f"loss, {n}" for n in NAMES), *(f"over curves, {n}" for n in NAMES), "a fit takes")
    )
    return paragraphs(
        "The paper names pixel-based estimation as better and as too slow, and fears what training "
        f"on image series would cost. Of its protocol {facts['n_values']:,} pixels are "
        f"{facts['n_scores']} numbers and a rest, without loss that matters. Losses of "
        f"{facts['n']:,} simulated series, curves and pixels of the same images:",
        markdown_table(header, table),
    )


STAGES = (Stage("images", "All pixels, which the paper leaves to the future", measure, tell),)
