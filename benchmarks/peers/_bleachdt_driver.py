"""Estimate D of image series with BleachDt; run by its own interpreter, JSON in and out."""

import contextlib
import json
import sys
import tempfile
import time

import matplotlib as mpl

mpl.use("Agg")

import bleachdt
from bleachdt import crop_pde

# Defaults of its command line, except that nothing is fitted that is not compared, the grid is
# not coarsened, and fading, which there is none of, is not corrected.
SETTINGS = {
    "D_min": 0.001,
    "droplet_min_size": 50,
    "ratio_percentile": 85.0,
    "max_frames": 30,
    "downsample_factor": 1,
    "D_grid_size": 25,
    "D_refine_grid_size": 100,
    "n_jobs_D": 8,
    "crop_margin": 5,
    "fit_region": "bleach",
    "noise_points_per_frame": 1000,
    "photobleach_correct": False,
    "exp_plateau_fit": False,
    "pb_exclude_radius": 3,
    "pb_ratio_tol": 0.05,
    "pde_first_frame": 1,
    "pde_last_frame": 7,
    "exp_first_frame": 8,
    "exp_last_frame": 30,
    "combined_model": False,
    "T_switch_frame_arg": None,
}


def main():
    given = json.load(sys.stdin)
    paths = given.pop("paths")
    fit_seconds = []
    search = crop_pde.grid_search_D

    def timed_search(*arguments, **options):
        start = time.perf_counter()
        found = search(*arguments, **options)
        fit_seconds.append(time.perf_counter() - start)
        return found

    crop_pde.grid_search_D = timed_search

    def estimate(path):
        with tempfile.TemporaryDirectory() as folder:
            summary, _ = crop_pde.process_movie(
                path,
                folder,
                summary_dir=folder,
                image_collector=crop_pde.ImageCollector(),
                **SETTINGS,
                **given,
            )
        return summary["D_um2_per_s"]

    results = []
    with contextlib.redirect_stdout(sys.stderr):
        estimate(paths[0])  # compiles
        for path in paths:
            start = time.perf_counter()
            D = estimate(path)
            seconds = time.perf_counter() - start
            results.append({"D": D, "seconds": seconds, "fit_seconds": fit_seconds[-1]})
    print(json.dumps({"version": bleachdt.__version__, "results": results}))


if __name__ == "__main__":
    main()
