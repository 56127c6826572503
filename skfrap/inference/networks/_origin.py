"""What a training begins with: new weights, those of a fit before, or those of another task."""

from dataclasses import dataclass, field, replace

from skfrap.inference.networks._options import TaskOptions, TrainingOptions, task_stays
from skfrap.inference.networks._task import noise_of_data, task_of_data
from skfrap.inference.networks._trained import TrainedNetwork, TrainingState
from skfrap.inference.networks._training import untrained_network
from skfrap.inference.networks._transfer import transferred


@dataclass(frozen=True, eq=False)
class Origin:
    """What a training begins with.

    Attributes
    ----------
    options : TrainingOptions
        How it is to train.
    asked : TaskOptions
        What is to be learnt.
    network : TrainedNetwork or None
        What it goes on from, None where it begins anew.
    state : TrainingState
        Where the training of that network was.
    """

    options: TrainingOptions
    asked: TaskOptions
    network: TrainedNetwork | None = None
    state: TrainingState = field(default_factory=TrainingState)

    @property
    def is_new(self):
        """Whether weights are still to be drawn."""
        return self.network is None

    @property
    def staying(self):
        """The network that goes on with the task it was trained for, None where there is none."""
        stays = (
            not self.is_new
            and task_stays(self.network.architecture, self.asked)
            and self.network.task.surrogate == self.asked.surrogate
        )
        return self.network if stays else None

    def has_task(self, task):
        """Tell whether the network was trained for a task."""
        return not self.is_new and self.network.task.is_same(task)

    def with_data(self, data, named, random):
        """Return what is to be trained on labelled curves.

        Parameters
        ----------
        data : tuple of X, y, weight
        named : list of str or None
            Names of y's columns, where it has some.
        random : RandomState

        Returns
        -------
        network : TrainedNetwork
        state : TrainingState

        Raises
        ------
        ValueError
            If y names what is not estimated, or the network cannot be transferred to it.
        """
        if self.staying is not None:
            task = self.network.task
            task = task.with_noise(noise_of_data(task, data[0]))
            return replace(self.network, task=task), self.state
        asked = self.asked
        if not self.is_new and asked.protocol is None:
            asked = replace(asked, protocol=self.network.task.protocol)
        return self.for_task(task_of_data(asked, data, named), data, random, asked)

    def for_task(self, task, data, random, asked=None):
        """Return what is to be trained for another task than before.

        Parameters
        ----------
        task : Task
        data : tuple of X, y, weight
            Curves of the task.
        random : RandomState
        asked : TaskOptions, default=None
            What was asked for, if it is not what the origin knows.

        Returns
        -------
        network : TrainedNetwork
        state : TrainingState

        Raises
        ------
        ValueError
            If the network cannot be transferred to the task.
        """
        asked = asked or self.asked
        if self.is_new:
            return untrained_network(task, self.options, asked, data, random), TrainingState()
        return transferred(self.network, task, self.options, asked, data), TrainingState()
