"""The training step on JAX: pure functions of all variables, compiled.

A batch that is taken whole is one program, which changes the variables where they lie: on a GPU 11 ms a step instead of
19. A batch in parts is two, one for the gradients of each part and one that applies their mean.

With a `keras.distribution.DataParallel` in force every device takes its share of the batch, and the compiler adds up
their gradients.
"""

import functools
import typing

import jax
import keras

from faceswap_lib.errors import InputError
from faceswap_lib.training.backends.variables import Programs, StepVariables
from faceswap_lib.training.checkpoint import TrainingState
from faceswap_lib.training.loss_model import Batch, Objective


def build_programs(objective: Objective, state: TrainingState, *, xla: bool) -> Programs:
    """See `faceswap_lib.training.backends`; `xla` is always true."""
    variables = StepVariables.of(state)
    gradients = _Gradients(objective, variables)
    return Programs(
        take_gradients=_gradient_program(gradients, variables),
        update=_update_program(variables),
        step=_step_program(gradients, variables),
    )


class _Gradients:
    """Gradients of both players' losses as a pure function of all variables that the objective reads.

    Attributes:
        drifting: The variables that the objective itself changes.
    """

    def __init__(self, objective: Objective, variables: StepVariables):
        self._objective = objective
        self.drifting = [*variables.statistics, objective.seed.state]
        self._known = [*(weight for player in variables.players for weight in player.weights), *self.drifting]

    def __call__(self, trained, drifting, batch, weights, active):
        """Takes gradients.

        Args:
            trained: Values of the generators' weights, and of the discriminators'.
            drifting: Values of `drifting`.
            batch: Arguments of `Batch`.
            weights: What each scheduled loss weighs.
            active: Groups of losses that take part.

        Returns:
            Gradients of each player that takes part, terms, new values of `drifting`.
        """

        def losses(generators, discriminators):
            given = zip(self._known, [*generators, *discriminators, *drifting], strict=True)
            with keras.StatelessScope(given) as scope:
                generator_loss, discriminator_loss, terms = self._objective(Batch(**batch), weights, active=active)
            found = [loss for loss in (generator_loss, discriminator_loss) if loss is not None]
            return found, (terms, [scope.get_current_value(variable) for variable in self.drifting])

        found, pull_back, (terms, drifted) = jax.vjp(losses, *trained, has_aux=True)
        # Of what a player's loss says about all weights only the part about its own is used; the compiler drops the
        # rest.
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
        index = {"index_a": _shard(batch.index_a), "index_b": _shard(batch.index_b)}
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
        index = {"index_a": _shard(batch.index_a), "index_b": _shard(batch.index_b)}
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
        return _apply(variables, *changing, gradients, decay)

    def update(gradients, decay):
        players = variables.players[: len(gradients)]
        pairs = [(_values(player.weights), _values(player.optimizer.variables)) for player in players]
        changed = program(_apart((pairs, _values(variables.averages))), gradients, decay)
        _assign_players(variables, players, *changed)
        _follow(variables)

    return update


def _apply(variables: StepVariables, pairs, averages, gradients, decay):
    """New weights and optimizer values of each player, new averages."""
    changed = [
        player.optimizer.stateless_apply(optimizer_values, found, weights)
        for player, (weights, optimizer_values), found in zip(variables.players, pairs, gradients, strict=False)
    ]
    moved = [decay * average + (1 - decay) * weight for average, weight in zip(averages, changed[0][0], strict=True)]
    return changed, moved


def _compile(function: typing.Callable, arguments: tuple, *, donated: bool) -> typing.Callable:
    """Compiles a function for arguments of these shapes, with the arrays that it closes over as inputs.

    As constants of the program, some hundred megabytes of crops would cost ten seconds and their size several times.

    Args:
        function: Pure.
        arguments: To call it with.
        donated: Whether the first argument's memory is used for results.
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
    """Gives variables values of their own shape and type, without the checks of `Variable.assign`.

    These take 20 microseconds a variable: for the 1,600 that a step changes, longer than the step on a fast GPU.
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
    """Copies arrays that two variables share since one was assigned the other; they cannot be donated twice."""
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
        raise InputError(f"{len(index)} faces of a person cannot be divided among {devices} devices; choose a multiple")
    return keras.distribution.distribute_tensor(jax.numpy.asarray(index), distribution.get_data_layout(index.shape))


def _replicate(array):
    distribution = keras.distribution.distribution()
    if distribution is None:
        return array
    layout = keras.distribution.TensorLayout([None] * array.ndim, distribution.device_mesh)
    return keras.distribution.distribute_tensor(array, layout)
