"""The start of a series as the images show it: rings, and how the patch spreads."""

import numpy as np

from skfrap.plotting._style import COMPARTMENT, FIT, REGION, RINGS, STAGES, tidy, write_title

_N_RINGS = 4  # of a hundred or so: circles that are drawn
_N_TIMES = 4


def draw_seen_start(ax, seen):
    """Draw onto an image of the field where the patch was seen, and some of the rings.

    Parameters
    ----------
    ax : matplotlib Axes
        In µm.
    seen : skfrap.analysis.SeenStart
    """
    from matplotlib.patches import Circle as Patch

    protocol, center = seen.protocol, seen.center
    ax.add_patch(Patch(center, protocol.bleach_region.radius, fill=False, ec=FIT, lw=1.8))
    if protocol.compartment is not None:
        ny, nx = protocol.shape
        x, y = (protocol.pixel_size * (np.arange(n) + 0.5) for n in (nx, ny))
        inside = protocol.compartment_mask
        ax.contour(x, y, inside, levels=[0.5], colors=COMPARTMENT, linewidths=1.5)
    handles = [ax.plot([], [], color=FIT, lw=1.8, label="as seen, at half its depth")[0]]
    if protocol.compartment is None:
        for radius in np.linspace(0, seen.radii[-1], _N_RINGS + 1)[1:]:
            ax.add_patch(Patch(center, radius, fill=False, ec=RINGS, lw=0.9, ls=":"))
        handles.append(ax.plot([], [], color=RINGS, lw=1.2, ls=":", label="some of the rings")[0])
    if seen.told is not None:
        ny, nx = protocol.shape
        x, y = (protocol.pixel_size * (np.arange(n) + 0.5) for n in (nx, ny))
        ax.contour(x, y, seen.told.bleach_mask, levels=[0.5], colors=REGION, linewidths=1.8)
        handles.append(ax.plot([], [], color=REGION, lw=1.8, label="as told")[0])
    ax.legend(
        handles=handles, frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(0, -0.16)
    )


def draw_profiles(ax, seen):
    """Draw what is missing by the distance from the middle of the patch, at several times.

    Parameters
    ----------
    ax : matplotlib Axes
    seen : skfrap.analysis.SeenStart
    """
    n_frames = len(seen.times)
    frames = np.unique(np.geomspace(1, n_frames, _N_TIMES).round().astype(int) - 1)
    for frame, color in zip(frames, STAGES, strict=False):
        label = f"{seen.times[frame]:.3g} s"
        ax.plot(seen.radii, seen.missing[frame], ".", ms=3.5, color=color, alpha=0.6)
        ax.plot(seen.radii, seen.fitted[frame], color=color, lw=2, label=label)
    stays = seen.measure.stays
    if np.abs(stays).max() > 0.02 * np.abs(seen.fitted[0]).max():
        ax.plot(seen.radii, stays, color="0.35", lw=1.5, ls="--", label="stays")
    if seen.told is not None:
        within, level = seen.share_in(seen.told.bleach_mask), float(np.max(seen.fitted[0]))
        ax.fill_between(
            seen.radii, 0, level * within, color=REGION, alpha=0.35, lw=0, label="region told"
        )
    ax.axhline(0, color="0.6", lw=0.8)
    tidy(ax)
    reach = max(3 * seen.measure.half_radius, 8 * seen.protocol.pixel_size)
    ax.set_xlim(0, min(reach, seen.radii[-1]))
    ax.set_xlabel("distance from the middle of the patch (µm)")
    ax.set_ylabel("share of the light that is missing")
    ax.legend(frameon=False, title="after bleaching", alignment="left")
    write_title(ax, "rings, and the fit" if n_frames > 1 else "the first profile, and the fit")
