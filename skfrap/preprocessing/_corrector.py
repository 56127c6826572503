"""What corrections of image stacks have in common."""

from copy import copy

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skfrap.preprocessing._stacks import StackSequence, StackTransformer


# Stacks have no tabular form, whatever form of output is asked for.
class StackCorrector(StackTransformer, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Base class of corrections: transformers of stacks to stacks, which compute when looked at.

    A subclass defines :meth:`apply`; :meth:`prepare`, if it has to know something of a stack before
    it can correct a part of it; and :meth:`learn`, if it has to know something of all stacks it is
    fitted to, or parameters to check. Its parameters are arguments of its constructor, stored as
    they are, and what it learns are attributes whose names end in an underscore.

    Where it does away with what a recording's finding is about, it says so by the class attribute
    `settles`, a tuple of codes of findings.

    Everything else follows: it takes arrays, files and :class:`skfrap.io.ImageSeries`, goes into a
    pipeline in any place, computes no more pixels than are looked at, and is prepared once for
    each stack.

    See Also
    --------
    StackFunction : A function as a correction.
    check_corrector : Tests what a correction must do.

    Examples
    --------
    Subtract from each frame what a dark corner shows, in which there is no sample:

    >>> import numpy as np
    >>> from skfrap.preprocessing import StackCorrector
    >>> class DarkCornerSubtractor(StackCorrector):
    ...     def __init__(self, size=8):
    ...         self.size = size
    ...
    ...     def learn(self, stacks):
    ...         if self.size < 1:
    ...             raise ValueError(f"size must be at least 1 pixel, got {self.size!r}.")
    ...         self.corner_ = slice(self.size)
    ...
    ...     def prepare(self, view):
    ...         return view.read(rows=self.corner_, columns=self.corner_).mean(axis=(1, 2))
    ...
    ...     def apply(self, block, level, frames, rows, columns):
    ...         block -= level[frames, np.newaxis, np.newaxis]
    >>> stacks = np.full((1, 3, 16, 16), 5.0)
    >>> stacks[0, :, :8, :8] = np.array([1.0, 2.0, 1.5])[:, np.newaxis, np.newaxis]
    >>> corrected = DarkCornerSubtractor().fit_transform(stacks)
    >>> corrected
    StackSequence(1 stacks; DarkCornerSubtractor)
    >>> corrected[0][:, -1, -1].tolist()
    [4.0, 3.0, 3.5]
    """

    settles: tuple[str, ...] = ()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = type(self).learn is not StackCorrector.learn
        return tags

    def set_output(self, *, transform=None):
        """Do nothing: stacks have no tabular form, only the curves extracted from them do.

        Parameters
        ----------
        transform : str, default=None
            There for scikit-learn.

        Returns
        -------
        self
        """
        return self

    def get_feature_names_out(self, input_features=None):
        """Return the names that are given: a stack keeps its frames, which have no names.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names.

        Returns
        -------
        ndarray of str or None
            So that a pipeline can ask its last transformer, which names the values of curves.
        """
        return None if input_features is None else np.asarray(input_features, dtype=object)

    def fit(self, X, y=None):
        """Learn what the correction needs.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, ny, nx), or sequence of stacks or paths
            Stacks.
        y : Ignored
            There for scikit-learn.

        Returns
        -------
        self
        """
        self.learn(StackSequence(X))
        return self

    def transform(self, X):
        """Correct stacks.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, ny, nx), or sequence of stacks or paths
            Stacks.

        Returns
        -------
        StackSequence
            Computes each corrected stack when asked for; `numpy.asarray` computes all.
        """
        check_is_fitted(self)
        # As it is now: what is computed later does not change if this is fitted again.
        return StackSequence(X, (copy(self),))

    def learn(self, stacks):
        """Check the parameters, and learn what is the same for all stacks; by default nothing.

        Where a subclass defines it, it leaves an attribute whose name ends in an underscore, by
        which scikit-learn knows that it was fitted.

        Parameters
        ----------
        stacks : StackSequence
            Those that the correction is fitted to. Read no more of them than needed.
        """

    def prepare(self, view):
        """Return what has to be known of one stack before parts of it can be corrected.

        Parameters
        ----------
        view : StackView
            The stack, as corrections before this one leave it.

        Returns
        -------
        object
            Given to :meth:`apply`; None by default. Something small: it is kept with the stack.

        Raises
        ------
        ValueError
            If the stack cannot be corrected. The message is preceded by the stack's name.
        """

    def apply(self, block, state, frames, rows, columns):
        """Correct a part of a stack, in place.

        Parameters
        ----------
        block : ndarray of shape (n, height, width)
            Pixels as corrections before this one leave them, floats of 32 or 64 bits.
        state : object
            What :meth:`prepare` has returned for this stack.
        frames, rows, columns : slice
            Which part of the stack it is.
        """
        raise NotImplementedError(f"{type(self).__name__} must define apply.")
