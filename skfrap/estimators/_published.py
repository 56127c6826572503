"""Networks that were published, with their training."""

from typing import Any, Literal, Self

DEEPFRAP_2021: dict[str, Any] = {
    "hidden_layer_sizes": (128,) * 8,
    "activation": "elu",
    "features": "raw",
    "standardize": False,
    "target_scales": None,
    "optimizer": "sgd",
    "momentum": 0.99,
    "learning_rate": "deepfrap2021",
    "learning_rate_init": 0.1,
    "epochs_per_step": 8000,
    "batch_size": 1024,
    "max_iter": 48_050,  # a rise of 50 passes, and six sections of 8,000
    "early_stopping": True,
    "n_iter_no_change": 48_050,
    "n_init": 4,
}
"""The DeepFRAP paper's network, and its training (its section 3.2)."""


class PublishedDesigns:
    """Let a network be made as it was published."""

    @classmethod
    def deepfrap2021(
        cls, targets: Literal["joint", "separate", "merged"] = "joint", **changes: Any
    ) -> Self:
        """Make the DeepFRAP paper's network, with its training.

        Its section 3.2: eight layers of 128 exponential linear units on the values of the curve as
        they are, targets as they are, Glorot-uniform weights, stochastic gradient descent with
        momentum 0.99 and batches of 1,024; learning rates that rise over 50 epochs from 1e-3 to
        1e-1, and come down by 10**-0.25 after every 8,000 of 48,000 more. To be fitted to 2**20
        simulated curves, with 2**18 others as `validation_data`: of every network the weights of
        its own best epoch are kept, by Eq. 9 for the joint one and Eq. 10 for separate ones, and of
        four independent trainings the best. The targets are log10 of D in µm²/s, c0 and alpha; the
        paper has D in pixels²/s, which shifts log10 D by a constant, and with it the bias of one
        output.

        With the paper's 110 frames the joint network has 130,179 weights, separate ones have
        129,921 each, and "merged", the paper's final network, has 389,763: the part of the joint
        one that answers log10 D, beside those trained for c0 and alpha alone. The paper trained
        for seven days; :meth:`fit` can be told to keep its training in a folder, and to go on.

        Parameters
        ----------
        targets : {"joint", "separate", "merged"}, default="joint"
            As of the constructor.
        **changes
            Other parameters of the constructor.

        Returns
        -------
        NeuralFRAP
            Not fitted.
        """
        arguments: dict[str, Any] = {"targets": targets, **DEEPFRAP_2021, **changes}
        return cls(**arguments)
