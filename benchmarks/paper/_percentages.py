"""Figure 6 and section 3.3: errors in percent at 125 settings."""

import numpy as np

from benchmarks._pages import markdown_table, paragraphs, picture
from benchmarks._published import PERCENTAGE_ERRORS
from benchmarks._settings import N_NOISY, estimate_at_settings, grid
from benchmarks._stage import Outcome, Row, Stage
from skfrap.plotting._style import CATEGORIES, DATA, FIT, new_axes, tidy, write_plainly

_METHODS = {"least squares": "least squares", "network": "skfrap, joint", "Bayes": "BayesianFRAP"}
_TARGETS = "D", "c0", "alpha"
_WORSE = 1.02  # times the error of least squares: drawn in red, and told of
_CORRELATIONS = {"lowest": 3, "median": 3, "of the errors": 4}  # and how many digits are told
_SHOWN = (1, 0), (2, 2), (4, 4)  # D and alpha of Figure 6, by their places in the grid


def measure(bench):
    """Measure percentage errors at all settings."""
    values = grid()
    estimators = {name: bench.estimator(method) for name, method in _METHODS.items()}
    found = estimate_at_settings(estimators, bench.simulator, values, bench.seed)
    mape = {name: found.mape(name) for name in estimators}
    rows = []
    for name in estimators:
        for errors, target in zip(mape[name].T, _TARGETS, strict=True):
            lowest, highest = PERCENTAGE_ERRORS.get(name, {}).get(target, (None, None))
            where = "section 3.3", name, "125 settings", target
            rows.append(Row(*where, "lowest", errors.min(), paper=lowest))
            rows.append(Row(*where, "highest", errors.max(), paper=highest))
    facts = {"correlations": {}, "better": {}, "values": [np.ravel(v).tolist() for v in values]}
    for k, target in enumerate(_TARGETS):
        joint = found.correlations("network", "least squares", k)
        logs = [np.log(mape[name][:, k]) for name in ("network", "least squares")]
        facts["correlations"][target] = {
            "lowest": float(joint.min()),
            "median": float(np.median(joint)),
            "of the errors": float(np.corrcoef(*logs)[0, 1]),
        }
        facts["better"][target] = int(np.sum(mape["network"][:, k] < mape["least squares"][:, k]))
    facts["worse"] = [_worse(found.settings, mape, k) for k in range(len(_TARGETS))]
    names = "D", "c0", "alpha", "a"
    table = dict(zip(names, found.settings.T.tolist(), strict=True))
    for name in estimators:
        for k, target in enumerate(_TARGETS):
            table[f"{name}: MAPE of {target} (%)"] = mape[name][:, k].tolist()
    figures = {"figure6": _draw(found, mape, values), "settings": _draw_all(mape)}
    return Outcome(rows, facts, {"settings": table}, figures)


def _worse(settings, mape, k):
    """Describe the settings in which the network is worse than least squares in target k."""
    ratio = mape["network"][:, k] / mape["least squares"][:, k]
    exact = mape["Bayes"][:, k] / mape["least squares"][:, k]
    some = np.flatnonzero(ratio > _WORSE)
    if not len(some):
        return None
    worst = some[ratio[some].argmax()]
    D, _, alpha, a = settings[worst]
    return {
        "target": _TARGETS[k],
        "n": len(some),
        "posterior too": int(np.sum(exact[some] > _WORSE)),
        "worst": {"D": D, "alpha": alpha, "a": a},
        "ratio": float(ratio[worst]),
        "ratio of the posterior mean": float(exact[worst]),
    }


def _draw(found, mape, values):
    axes = new_axes(1, len(_SHOWN), figsize=(10, 3.4))
    D_values, _, alphas, _ = values
    for ax, (i, j) in zip(axes, _SHOWN, strict=True):
        D, alpha = D_values[i], alphas[j]
        here = np.isclose(found.settings[:, 0], D) & np.isclose(found.settings[:, 2], alpha)
        for name, colour, style in zip(mape, CATEGORIES, ("o-", "s--", "^:"), strict=False):
            percent = found.percent(name)[here, :, 0]
            error = percent.std(axis=1) / np.sqrt(N_NOISY)
            ax.errorbar(
                found.settings[here, 3], percent.mean(axis=1), error, fmt=style, color=colour,
                label=name, ms=4,
            )  # fmt: skip
        ax.set(xscale="log", yscale="log", xlabel="noise a")
        write_plainly(ax.yaxis)
        ax.set_title(f"D = {D:.3g} µm²/s, alpha = {alpha:.2g}", loc="left", fontsize=11)
    axes[0].set_ylabel("MAPE of D (%)")
    axes[0].legend(frameon=False)
    tidy(*axes)
    return axes[0].figure


def _draw_all(mape):
    axes = new_axes(1, 3, figsize=(10, 3.4))
    for ax, target, k in zip(axes, _TARGETS, range(3), strict=True):
        x, y = (mape[name][:, k] for name in ("least squares", "network"))
        ends = min(x.min(), y.min()) * 0.8, max(x.max(), y.max()) * 1.25
        ax.plot(ends, ends, color="0.4", lw=1)
        ax.plot(x, y, "o", color=DATA, ms=4, alpha=0.7)
        ax.plot(x[y > _WORSE * x], y[y > _WORSE * x], "o", color=FIT, ms=4)
        ax.set(xscale="log", yscale="log", xlabel="least squares: MAPE (%)", xlim=ends, ylim=ends)
        ax.set_aspect("equal")
        ax.set_title(target, loc="left", fontsize=11)
    axes[0].set_ylabel("network: MAPE (%)")
    tidy(*axes)
    return axes[0].figure


def tell(outcome):
    """Write the section of Figure 6."""
    table = []
    for target in _TARGETS:
        for name in _METHODS:
            where = {"method": name, "target": target}
            ends = [outcome.find(measure=end, **where) for end in ("lowest", "highest")]
            known = [row for row in ends if row.paper is not None]
            paper = "below " * (len(known) == 1) + " – ".join(f"{row.paper:g}" for row in known)
            ours = " – ".join(f"{row.value:.3g}" for row in ends)
            ratios = " / ".join(f"{row.ratio:.2f}" for row in known)
            table.append([f"{target}: {name}", paper, ours, ratios])
    facts = outcome.facts
    joint = []
    for target, found in facts["correlations"].items():
        cells = [f"{found[what]:.{n}f}" for what, n in _CORRELATIONS.items()]
        joint.append([target, *cells, f"{facts['better'][target]} of 125"])
    D, c0, alpha, a = facts["values"]
    return paragraphs(
        f"Mean absolute errors in percent of the truth, {N_NOISY} noisy curves at each of 125 "
        f"settings: D = {_list(D)} µm²/s, alpha = {_list(alpha)}, a = {_list(a)}, "
        f"c0 = {c0[0]:g}. The settings are inferred from the ranges that the paper tells, and "
        "so are the three of Figure 6. The ends of a range are extremes of noisy means, so they "
        "vary from draw to draw, the paper's as well (`python -m benchmarks.accuracy`).",
        picture("figure6", "Percentage errors of D against the noise at three settings"),
        markdown_table("MAPE (%) | paper | ours | ours / paper", table),
        "How the network's estimates go with those of least squares: the correlation over the "
        "curves of a setting, the lowest and the median of the 125; the correlation of the "
        "logarithms of both errors over the settings; and in how many settings the network's "
        "error is the smaller.",
        markdown_table(["", *_CORRELATIONS, "network better"], joint),
        picture("settings", "Percentage errors of the network against those of least squares"),
        f"Red: settings in which the network's error is more than {100 * (_WORSE - 1):.0f} % above "
        "that of least squares. " + " ".join(_tell_worse(one) for one in facts["worse"] if one),
        "Squared errors of log10 D, by which networks and posterior means are made, are not errors "
        "in percent of D: at single settings either may be beaten in these.",
    )


def _tell_worse(found):
    where = ", ".join(f"{name} = {value:.3g}" for name, value in found["worst"].items())
    return (
        f"For {found['target']} there are {found['n']}, in {found['posterior too']} of which the "
        f"posterior mean's error is as well; the worst, {where}, has {found['ratio']:.3f} times "
        f"that of least squares (posterior mean: {found['ratio of the posterior mean']:.3f})."
    )


def _list(values):
    return ", ".join(f"{value:.3g}" for value in values)


STAGES = (Stage("figure6", "Figure 6 and section 3.3: errors in percent", measure, tell),)
