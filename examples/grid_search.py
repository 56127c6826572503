"""
Choosing a network by grid search, with weights
===============================================

The DeepFRAP paper's loss weighs each curve by the inverse of its noise. With
scikit-learn's metadata routing the weights reach both the training and the
scores, through pipeline and search.
"""

# %%
# Labelled image series, more than usual, but few for a network.

import matplotlib.pyplot as plt
import numpy as np
import sklearn
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skfrap import Circle, FRAPProtocol, FRAPSimulator, NeuralFRAP
from skfrap.metrics import neg_weighted_mean_squared_error
from skfrap.preprocessing import BackgroundSubtractor, RecoveryCurveExtractor

protocol = FRAPProtocol(
    shape=(40, 40),
    pixel_size=1.5,
    bleach_region=Circle(9.0),
    n_prebleach=5,
    n_postbleach=25,
    frame_interval=0.4,
    padding=20,
)
series = FRAPSimulator(protocol, random_state=0).sample_images(90)

# %%
# Whoever is to get the weights says so: the network when it is fitted, and the
# scorer. Others, such as the preprocessing, are not asked.

sklearn.set_config(enable_metadata_routing=True)
network = NeuralFRAP(protocol, batch_size=32, max_iter=60, random_state=0)
network.set_fit_request(sample_weight=True)
scorer = neg_weighted_mean_squared_error.set_score_request(sample_weight=True)

# %%
# Parameters of every step can be searched, the smoothing of the background
# among them. ``n_jobs=2`` trains in two processes, which pays off for larger
# searches: each has to load Keras first. Scores are the same to the last bit.

pipeline = make_pipeline(
    BackgroundSubtractor(protocol=protocol),
    RecoveryCurveExtractor(protocol),
    network,
)
rates = [3e-4, 1e-3, 3e-3]
grid = {
    "neuralfrap__hidden_layer_sizes": [(8,), (16, 16)],
    "neuralfrap__learning_rate_init": rates,
    "backgroundsubtractor__sigma": [2.0, 8.0],
}
search = GridSearchCV(pipeline, grid, scoring=scorer, cv=3)
search.fit(series.data, series.target, sample_weight=series.sample_weight)

# %%
# Scores are negative losses: the greatest is best.

results = search.cv_results_
losses = {}
print(f"{'sigma':>6} {'layers':>9} {'rate':>7} {'loss':>10}")
for index in np.argsort(-results["mean_test_score"]):
    layers, rate, sigma = (results["params"][index][name] for name in grid)
    losses[sigma, layers, rate] = loss = -results["mean_test_score"][index]
    print(f"{sigma:6g} {layers!s:>9} {rate:7g} {loss:10.2e}")

# %%
# Large steps do worst here, and the larger network gains nothing: the
# linearised fit is there from the start, and so few series teach little beyond
# it.

figure, ax = plt.subplots(figsize=(6.8, 4), layout="constrained")
for color, layers in enumerate([(8,), (16, 16)]):
    for style, sigma in (("o-", 2.0), ("s--", 8.0)):
        along = [losses[sigma, layers, rate] for rate in rates]
        label = f"layers {layers}, σ = {sigma:g}"
        ax.semilogx(rates, along, style, color=f"C{color}", label=label)
ax.set_xticks(rates, [f"{rate:g}" for rate in rates])
ax.minorticks_off()
ax.set(xlabel="learning rate", ylabel="cross-validated loss")
ax.legend(frameon=False)
plt.show()

# %%
# The best pipeline is fitted to all series again, with their weights, and is
# ready to use. The search has chosen by the scores above, so only series that
# it has not seen tell how good it is.

fresh = FRAPSimulator(protocol, random_state=1).sample_images(20)
loss = -search.score(
    fresh.data, fresh.target, sample_weight=fresh.sample_weight
)
print(f"\nloss of the best on 20 fresh series: {loss:.2e}")
sklearn.set_config(enable_metadata_routing=False)
