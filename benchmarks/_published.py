"""What the DeepFRAP paper reports: J. Microsc. 282, 146-161 (2021), doi:10.1111/jmi.12989.

Losses are mean squared errors weighted by 1/a. Those of least squares (Table 2) are of 65,536
curves, those of networks of its training, validation and test sets, all of them different curves.
"""

from types import SimpleNamespace

# Section 3.1, and 3.2 for least squares.
N_TRAINING_CURVES = 2**20
N_TEST_CURVES = 2**18  # and as many for validation
N_LEAST_SQUARES_CURVES = 2**16
N_CURVES = N_LEAST_SQUARES_CURVES  # in each set of these programs
TABLE_1_BOX = {"D": (1.0, 1000.0), "c0": (0.5, 1.0), "alpha": (0.45, 0.95)}
TABLE_1_NOISE = 1e-4, 1e-2

NAMES = "log10 D", "c0", "alpha", "joint"
SETS = "train", "validation", "test"
LEAST_SQUARES = 1.0429e-4, 2.0511e-8, 1.5723e-5, 4.0011e-5  # Table 2
JOINT_NETWORK = {  # Table 3
    "train": (9.4660e-5, 6.3904e-8, 1.5623e-5, 3.6782e-5),
    "validation": (9.7368e-5, 6.4715e-8, 1.5994e-5, 3.7809e-5),
    "test": (1.0038e-4, 6.4995e-8, 1.6081e-5, 3.8842e-5),
}
SEPARATE_NETWORKS = {  # Table 4
    "train": (9.3943e-5, 2.9811e-8, 1.5517e-5, 3.6496e-5),
    "validation": (9.8320e-5, 2.9829e-8, 1.5854e-5, 3.8068e-5),
    "test": (1.0160e-4, 2.9864e-8, 1.5950e-5, 3.9192e-5),
}


def final_losses(joint, separate):
    """Put the losses of the final network together: D from the joint one, c0 and alpha separate.

    The paper makes it so at the end of section 3.2; it gives no losses of it, but these are they.
    """
    each = joint[0], *separate[1:3]
    return *each, sum(each) / 3


FINAL_NETWORK = {data: final_losses(JOINT_NETWORK[data], SEPARATE_NETWORKS[data]) for data in SETS}
NETWORKS = {"joint": JOINT_NETWORK, "separate": SEPARATE_NETWORKS, "final": FINAL_NETWORK}


def over_least_squares(network, data="test"):
    """Compute the losses of a network of the paper over its Table 2, by name of the network."""
    return tuple(
        loss / base for loss, base in zip(NETWORKS[network][data], LEAST_SQUARES, strict=True)
    )


FINAL_RATIOS = over_least_squares("final")  # 0.9625, 1.4560, 1.0144, 0.9694
N_OF_SET = {"train": N_TRAINING_CURVES, "validation": N_TEST_CURVES, "test": N_TEST_CURVES}

# Section 3.2: how the networks were trained, 16 at once on two AMD Epyc 7542, 128 threads.
EPOCHS, HOURS = 48_000, 168.0
STEPS_DOWN = 6  # of the learning rate, 8,000 epochs each
BELOW_LEAST_SQUARES = SimpleNamespace(epochs=4000, hours=12.0)  # the separate network of D

# Section 3.3: mean absolute percentage errors at 125 settings, lowest and highest; correlation of
# both methods' errors, and in how many settings the network's is the smaller.
SETTINGS = {
    "D": tuple(10**k for k in (0.5, 1.0, 1.5, 2.0, 2.5)),
    "c0": (0.75,),
    "alpha": (0.5, 0.6, 0.7, 0.8, 0.9),
    "a": tuple(10**k for k in (-4.0, -3.5, -3.0, -2.5, -2.0)),
}
N_NOISY = 256  # curves per setting
PERCENTAGE_ERRORS = {
    "least squares": {"D": (0.05, 22.57), "c0": (None, 0.11), "alpha": (0.005, 5.07)},
    "network": {"D": (0.05, 24.02), "c0": (None, 0.11), "alpha": (0.006, 4.41)},
}
CORRELATIONS = {"D": 0.999, "alpha": 0.997}
NETWORK_BETTER = {"D": 4, "alpha": 7}

# Section 3.4: sodium fluorescein in water with so many percent of sucrose: means of D in um^2/s and
# their 95 % intervals; p-values of t-tests are above 0.2 for all parameters and samples.
N_REPLICATES = 20
EXPERIMENT = {
    "32 % sucrose": {"least squares": (88.4, 87.5, 89.3), "network": (89.5, 88.0, 91.0)},
    "56 % sucrose": {"least squares": (9.39, 9.24, 9.54), "network": (9.28, 9.12, 9.43)},
}
EXPERIMENT_NOISE = 3e-3
VARIANCE_P = {("32 % sucrose", "D"): 0.04}  # of the F-test
STARTS = {  # of least squares: uniform, 30 for each curve; c0 is the range before bleaching +- 0.05
    "32 % sucrose": {"D": (20.0, 500.0), "alpha": (0.01, 1.0)},
    "56 % sucrose": {"D": (2.0, 50.0), "alpha": (0.01, 1.0)},
}

# Section 3.5: one estimate after the other, and the mean of their times.
N_TIMED = 1000

# Quoted, not measured by these programs: the reference implementation of the model of Röding et al.
# (Biophys. J. 116, 1348-1361, 2019), in MATLAB, was timed once under GNU Octave on another machine
# with two cores. It is not part of this package.
REFERENCE = SimpleNamespace(seconds_per_curve=2.7, seconds_per_fit=110.0, curves_per_fit=40)
