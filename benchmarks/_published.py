"""What the DeepFRAP paper reports: J. Microsc. 282, 146-161 (2021), doi:10.1111/jmi.12989.

Losses are mean squared errors weighted by 1/a, those of its networks on its test curves. What its
text says beyond these numbers could not be had when these programs were written. Inferred from the
numbers are therefore the distribution of the noise a (log-uniform is the one that gives Table 2)
and the 125 settings of section 3.3; `python -m benchmarks.accuracy` prints what other choices give.
"""

from types import SimpleNamespace

N_CURVES = 65536  # per data set; 2**20 for training
N_TRAINING_CURVES = 2**20
TABLE_1_BOX = {"D": (1.0, 1000.0), "c0": (0.5, 1.0), "alpha": (0.45, 0.95)}
TABLE_1_NOISE = 1e-4, 1e-2

NAMES = "log10 D", "c0", "alpha", "joint"
LEAST_SQUARES = 1.0429e-4, 2.0511e-8, 1.5723e-5, 4.0011e-5  # Table 2
JOINT_NETWORK = 1.0038e-4, 6.4995e-8, 1.6081e-5, 3.8842e-5  # Table 3
SEPARATE_NETWORKS = 1.0160e-4, 2.9864e-8, 1.5950e-5, 3.9192e-5  # Table 4
BEST_RATIOS = tuple(  # of a network to least squares: 0.9625, 1.4560, 1.0144, 0.9708
    min(pair) / benchmark
    for *pair, benchmark in zip(JOINT_NETWORK, SEPARATE_NETWORKS, LEAST_SQUARES, strict=True)
)

# Mean absolute percentage errors at 125 settings: lowest and highest.
PERCENTAGE_ERRORS = {
    "least squares": {"D": (0.05, 22.57), "c0": (None, 0.11), "alpha": (0.005, 5.07)},
    "network": {"D": (0.05, 24.02), "c0": (None, 0.11), "alpha": (0.006, 4.41)},
}

# Section 3.4: sodium fluorescein in water with so many percent of sucrose, D in um^2/s.
N_REPLICATES = 20
EXPERIMENT = {"32 % sucrose": 88.4, "56 % sucrose": 9.39}

# Quoted, not measured by these programs: the reference implementation of the model of Röding et al.
# (Biophys. J. 116, 1348-1361, 2019), in MATLAB, was timed once under GNU Octave on another machine
# with two cores. It is not part of this package.
REFERENCE = SimpleNamespace(seconds_per_curve=2.7, seconds_per_fit=110.0, curves_per_fit=40)
