"""The training step on JAX: compiled pure functions of all variables.

A batch without gradient accumulation uses one program, which updates the variables in place: 11 ms per step on a GPU
instead of 19. With gradient accumulation there are two programs: one computes the gradients of each part of the batch,
one applies their mean.

With a `keras.distribution.DataParallel`, every device processes a part of the batch, and the compiler sums the
gradients.
"""

import functools
import typing

import jax
import jax.core
import keras

from faceswap_lib.errors import InputError
from faceswap_lib.training.backends import StackedTerms
from faceswap_lib.training.backends.variables import Programs, StepVariables
from faceswap_lib.training.checkpoint import TrainingState
from faceswap_lib.training.loss_model import Batch


def build_programs(objective: StackedTerms, state: TrainingState, *, xla: bool) -> Programs:
    """Builds the programs of a step, see `faceswap_lib.training.backends`; `xla` is always true."""
    variables = StepVariables.of(state)
    gradients = _Gradients(objective, variables)
    return Programs(
        take_gradients=_gradient_program(gradients, variables),
        update=_update_program(variables),
        step=_step_program(gradients, variables),
    )


class _Gradients:
    """Gradients of the generators' and the discriminators' loss as a pure function of all variables.

    Attributes:
        drifting: The variables that the objective itself changes.
    """

    def __init__(self, objective: StackedTerms, variables: StepVariables):
        self._objective = objective
        self.drifting = [*variables.statistics, objective.seed.state]
        self._known = [*(weight for player in variables.players for weight in player.weights), *self.drifting]

    def __call__(self, trained, drifting, batch, weights, active):
        """Computes gradients.

        Args:
            trained: Values of the generators' weights, and of the discriminators' weights.
            drifting: Values of the variables `drifting`.
            batch: Arguments of `Batch`.
            weights: Weight of each scheduled loss.
            active: Active groups of losses.

        Returns:
            Gradients of each active optimizer group (generators, discriminators), loss terms, new values of `drifting`.
        """

        def losses(generators, discriminators):
            given = zip(self._known, [*generators, *discriminators, *drifting], strict=True)
            with keras.StatelessScope(given) as scope:
                generator_loss, discriminator_loss, terms = self._objective(Batch(**batch), weights, active=active)
            found = [loss for loss in (generator_loss, discriminator_loss) if loss is not None]
            return found, (terms, [scope.get_current_value(variable) for variable in self.drifting])

        found, pull_back, (terms, drifted) = jax.vjp(losses, *trained, has_aux=True)
        # Each loss has gradients for all weights, but only those of its own optimizer group are used; the compiler
        # removes the computation of the rest.
        choices = jax.numpy.eye(len(found), dtype=found[0].dtype)
        gradients = [pull_back(list(choice))[player] for player, choice in enumerate(choices)]
        return gradients, terms, drifted


def _step_program(gradients: _Gradients, variables: StepVariables) -> typing.Callable:
    programs = {}

    def program(changing, others, batch, weights, decay, active):
        (pairs, averages), (idle, drifting) = changing, others
        trained = [values for values, _ in pairs] + idle
        found, terms, drifted = gradients(trained, drifting, batch, weights, active)
        return _apply(variables, pairs, averages, found, decay), terms, drifted

    def step(batch, weights, decay, active):
        count = 2 if "adversarial" in active else 1
        players, idle = variables.players[:count], variables.players[count:]
        pairs = [(_values(player.weights), _values(player.optimizer.variables)) for player in players]
        changing = _apart((pairs, _values(variables.averages)))
        others = [_values(player.weights) for player in idle], _values(gradients.drifting)
        index = {name: _shard(array) for name, array in batch.arrays().items()}
        arguments = changing, others, index, weights, decay
        key = active, len(batch.index_a), len(batch.index_b)
        if key not in programs:
            programs[key] = _compile(functools.partial(program, active=active), arguments, donated=True)
        changed, terms, drifted = programs[key](*arguments)
        _assign_players(variables, players, *changed)
        _assign(gradients.drifting, drifted)
        _follow(variables)
        return terms

    return step


def _gradient_program(gradients: _Gradients, variables: StepVariables) -> typing.Callable:
    programs = {}

    def take_gradients(batch, weights, active):
        index = {name: _shard(array) for name, array in batch.arrays().items()}
        trained = [_values(player.weights) for player in variables.players]
        arguments = trained, _values(gradients.drifting), index, weights
        key = active, len(batch.index_a), len(batch.index_b)
        if key not in programs:
            programs[key] = _compile(functools.partial(gradients, active=active), arguments, donated=False)
        found, terms, drifted = programs[key](*arguments)
        _assign(gradients.drifting, drifted)
        return found, terms

    return take_gradients


def _update_program(variables: StepVariables) -> typing.Callable:
    @functools.partial(jax.jit, donate_argnums=0)
    def program(changing, gradients, decay):
        pairs, averages = changing
        return _apply(variables, pairs, averages, gradients, decay)

    def update(gradients, decay):
        players = variables.players[: len(gradients)]
        pairs = [(_values(player.weights), _values(player.optimizer.variables)) for player in players]
        changed = program(_apart((pairs, _values(variables.averages))), gradients, decay)
        _assign_players(variables, players, *changed)
        _follow(variables)

    return update


def _apply(variables: StepVariables, pairs, averages, gradients, decay):
    """Computes the new weights and optimizer values of each optimizer group, and the new averages."""
    changed = [
        player.optimizer.stateless_apply(optimizer_values, found, weights)
        for player, (weights, optimizer_values), found in zip(variables.players, pairs, gradients, strict=False)
    ]
    moved = [decay * average + (1 - decay) * weight for average, weight in zip(averages, changed[0][0], strict=True)]
    return changed, moved


def _compile(function: typing.Callable, arguments: tuple, *, donated: bool) -> typing.Callable:
    """Compiles a function for arguments of given shapes; arrays of its closure become inputs of the program.

    If the crops were constants of the program, some hundred megabytes would take ten seconds to compile, and several
    times their size in memory.

    Args:
        function: A pure function.
        arguments: Arguments with the shapes of later calls.
        donated: Whether the memory of the first argument is reused for the results.
    """
    traced, shapes = jax.make_jaxpr(function, return_shape=True)(*arguments)
    structure = jax.tree.structure(shapes)

    @functools.partial(jax.jit, donate_argnums=1 if donated else ())
    def compiled(closed_over, *arguments):
        leaves = jax.core.eval_jaxpr(traced.jaxpr, closed_over, *jax.tree.leaves(arguments))
        return jax.tree.unflatten(structure, leaves)

    return functools.partial(compiled, [_replicate(array) for array in traced.consts])


def _values(variables: typing.Iterable[keras.Variable]) -> list[jax.Array]:
    return [variable.value for variable in variables]


def _assign(variables: typing.Iterable[keras.Variable], values: typing.Iterable[jax.Array]) -> None:
    """Assigns values of the right shape and dtype to variables, without the checks of `Variable.assign`.

    The checks take 20 microseconds per variable. For the 1,600 variables that a step changes this is longer than the
    step itself on a fast GPU.
    """
    for variable, value in zip(variables, values, strict=True):
        variable._direct_assign(value)


def _assign_players(variables: StepVariables, players, changed, moved) -> None:
    for player, (weights, optimizer_values) in zip(players, changed, strict=True):
        _assign(player.weights, weights)
        _assign(player.optimizer.variables, optimizer_values)
    _assign(variables.averages, moved)


def _follow(variables: StepVariables) -> None:
    for source, follower in variables.copies:
        follower.assign(source)


def _apart(values):
    """Copies arrays that two variables share after an assignment, because the same array cannot be donated twice."""
    leaves, structure = jax.tree.flatten(values)
    if len({id(leaf) for leaf in leaves}) == len(leaves):
        return values
    seen = set()
    own = []
    for leaf in leaves:
        own.append(jax.numpy.copy(leaf) if id(leaf) in seen else leaf)
        seen.add(id(leaf))
    return jax.tree.unflatten(structure, own)


def _shard(index):
    distribution = keras.distribution.distribution()
    if distribution is None:
        return index
    devices = distribution.device_mesh.devices.size
    if len(index) % devices:
        raise InputError(
            f"{len(index)} faces of a person cannot be divided among {devices} devices; choose a --batch-size that is "
            f"a multiple of {devices}"
        )
    return keras.distribution.distribute_tensor(jax.numpy.asarray(index), distribution.get_data_layout(index.shape))


def _replicate(array):
    distribution = keras.distribution.distribution()
    if distribution is None:
        return array
    layout = keras.distribution.TensorLayout([None] * array.ndim, distribution.device_mesh)
    return keras.distribution.distribute_tensor(array, layout)
