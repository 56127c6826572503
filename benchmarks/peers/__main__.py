"""Measure skfrap side by side with what one would use instead, all in one run.

model      `scipy.optimize.least_squares` on the same model stepped by FFT: time, the same optimum;
           and what the reference program in MATLAB takes, quoted
closed     exponential and Soumpasis' curve fitted with `curve_fit`: bias and spread of D, failures,
           time
networks   MLPRegressor and dense Keras layers on raw curves, trained for as long as NeuralFRAP's
           default training takes: losses, time to predict; BayesianFRAP, the floor, beside them
bleachdt   BleachDt, a program for FRAP in droplets, on simulated droplets; it is run without its
           window by an interpreter of its own (see `_bleachdt.py`), or skipped if none is given
real       what FRAP-Toolbox and easyFRAP find in their own test data, which come from a folder that
           is given (see `_real.py`), or skipped

Curves are of Table 1's prior, the same ones for all methods; closed forms take the first of them.
What is measured goes to a folder: `peers.csv`, a number a row; `by_D.csv`, the data of a figure;
both in `peers.json`, with versions and settings; figures; and the page `peers.md`.

    python -m benchmarks.peers                          some 8 minutes on two cores
    python -m benchmarks.peers --quick                  fewer curves, less training; 2 minutes
    python -m benchmarks.peers --stages closed          some of it
    python -m benchmarks.peers --bleachdt PYTHON        with BleachDt, a minute more
    python -m benchmarks.peers --real FOLDER            with recordings by others, seconds more
    python -m benchmarks.peers --docs                   copy page and figures into docs/benchmarks
"""

from benchmarks._main import main
from benchmarks.peers._page import STUDY

if __name__ == "__main__":
    main(STUDY, __doc__)
