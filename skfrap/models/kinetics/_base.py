"""What a model asks of kinetics."""

from typing import ClassVar

from skfrap.parameters import is_parameter, parameter


class Kinetics:
    """Base class of kinetics: how particles move, and turn from one species into another.

    Whatever the kinetics, a mode of the Laplacian with the eigenvalue -k² stays such a mode, and
    only its amplitudes in the species change: by a matrix that depends on k² and on time, the
    symbol. A subclass names its parameters, and defines :meth:`start` and :meth:`symbol`. A
    :class:`skfrap.models.ComposedModel` makes curves and images of them, with bleach frames, an
    immobile fraction, bleaching by imaging and blur as in all exact models.

    Attributes
    ----------
    parameters : tuple of str
        Names, entered by :func:`skfrap.parameters.define` before the class is made.
    defaults : dict of str to float
        Values of the parameters that are not estimated unless asked for. None of them by default.
    is_semigroup : bool
        Whether ``symbol(k_squared, t + s)`` is the product of ``symbol(k_squared, t)`` and
        ``symbol(k_squared, s)``: whether particles forget how long they have been on their way.
        True by default. Kinetics of which it does not hold, as anomalous diffusion, are known for
        one bleach frame only: what they make of a mixture of particles that were bleached at
        different times the symbol does not say. A model refuses them where there is more than one,
        or where imaging bleaches too.
    is_closed : bool
        Whether particles that were bleached stay in the sample. True by default. Where others take
        their place, as in turnover, the symbol says what is left of what bleaching has taken, and
        at k² = 0 that becomes less with time.
    limits : dict of str to (float, float)
        Lowest and highest values that make sense here, where tighter than the parameter's own.
    simpler : str or None
        Name of a model that is nested in one of these kinetics, if the data ask for no more.
    alike : tuple of str
        Names of two parameters and of the share of the second, if two populations may exchange
        their names and nobody could tell. Fits then answer with the first parameter the larger.

    Examples
    --------
    Particles that hop, and stay at each place for some time. Over distances that are long against
    a hop that is diffusion:

    >>> import numpy as np
    >>> from skfrap import Circle, FRAPProtocol, LeastSquaresFRAP
    >>> from skfrap.models import ComposedModel, Kinetics
    >>> from skfrap.models.kinetics import FreeDiffusion
    >>> from skfrap.parameters import Parameter, define
    >>> waiting_time = define(Parameter("waiting_time", "s", "log10", 0.0, np.inf,
    ...                                 "mean time between two hops"))
    >>> class Hopping(Kinetics):
    ...     parameters = "D", "waiting_time"
    ...     simpler = "diffusion"
    ...
    ...     def start(self, D, waiting_time):
    ...         return np.ones(1)
    ...
    ...     def symbol(self, k_squared, times, D, waiting_time):
    ...         times = np.reshape(times, (-1,) + (1,) * np.ndim(k_squared))
    ...         rate = D * k_squared / (1 + D * k_squared * waiting_time)
    ...         return np.exp(-rate * times)[:, np.newaxis, np.newaxis]
    ...
    ...     def bounds(self, protocol):
    ...         last = protocol.times[-1]
    ...         return FreeDiffusion().bounds(protocol) | {"waiting_time": (1e-3 * last, last)}
    >>> class HoppingModel(ComposedModel, name="hopping"):
    ...     kinetics = Hopping()

    By that name estimators, the simulator and :func:`skfrap.analysis.analyse_series` know it.

    >>> protocol = FRAPProtocol(shape=(64, 64), pixel_size=1.0, bleach_region=Circle(8.0),
    ...                         n_bleach=2, n_postbleach=60, frame_interval=0.5, padding=32)
    >>> X = HoppingModel(protocol).curves(D=10.0, waiting_time=[1.0, 2.0], c0=0.8, alpha=0.5)
    >>> estimator = LeastSquaresFRAP(protocol, model="hopping").fit(X)
    >>> estimator.estimate(X).values["waiting_time"].round(4).tolist()
    [1.0, 2.0]
    """

    parameters: tuple[str, ...] = ()
    defaults: ClassVar[dict[str, float]] = {}
    is_semigroup = True
    is_closed = True
    limits: ClassVar[dict[str, tuple[float, float]]] = {}
    simpler: str | None = None
    alike: tuple[str, ...] = ()

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if isinstance(cls.parameters, str):
            raise ValueError(
                f"{cls.__name__}.parameters must be a tuple of names, got {cls.parameters!r}."
            )
        for name in cls.parameters:
            if not is_parameter(name):
                raise ValueError(
                    f"{cls.__name__}.parameters has {name!r}, which is not known; enter it with "
                    "skfrap.parameters.define first."
                )
            if parameter(name).dependence != "nonlinear":
                raise ValueError(
                    f"{cls.__name__}.parameters has {name!r}, of which curves are declared to be a "
                    f"{parameter(name).dependence}: that is a matter of the model, not of its "
                    "kinetics; use another name."
                )
        for of in ("defaults", "limits", "alike"):
            if not {*getattr(cls, of)} <= {*cls.parameters}:
                raise ValueError(
                    f"{cls.__name__}.{of} must be of the parameters {cls.parameters}, "
                    f"got {(*getattr(cls, of),)}."
                )

    def __repr__(self):
        return f"{type(self).__name__}()"

    def start(self, **parameters):
        """Return the concentrations of the species before bleaching.

        They are in equilibrium: at k² = 0 the symbol leaves them as they are, unless particles
        are replaced by others.

        Parameters
        ----------
        **parameters : float
            One value of each parameter, in natural units.

        Returns
        -------
        ndarray of shape (n_species,)
            Shares, whose sum is 1.
        """
        raise NotImplementedError(f"{type(self).__name__} must define start.")

    def symbol(self, k_squared, times, **parameters):
        """Return the matrices that carry the species of modes on by some times.

        Parameters
        ----------
        k_squared : ndarray
            Squared wave numbers in 1/µm², or whatever the eigenvalues of -∇² are, of any shape.
            The matrices are analytic in it, and at most about 1, where its real part is positive.
        times : sequence of float
            s, >= 0. At 0 the matrix is the identity.
        **parameters : float
            One value of each parameter, in natural units.

        Returns
        -------
        ndarray of shape (n_times, n_species, n_species, ...)
            Entry ``[:, i, j]``, of the shape of k_squared, is what species i has of species j.
        """
        raise NotImplementedError(f"{type(self).__name__} must define symbol.")

    def derived(self, **parameters):
        """Compute what follows from the parameters and interests a user, by name.

        Parameters
        ----------
        **parameters : ndarray of shape (n,)
            In natural units.

        Returns
        -------
        dict of str to ndarray of shape (n,)
            The names are entered by :func:`skfrap.parameters.define`.
        """
        return {}

    def bounds(self, protocol):
        """Return bounds for fits, ``{name: (lowest, highest)}``, where tighter than a parameter's.

        Parameters
        ----------
        protocol : FRAPProtocol
            The experiment.

        Returns
        -------
        dict
        """
        return {}
