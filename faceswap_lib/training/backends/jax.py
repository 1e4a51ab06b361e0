"""The training step on JAX: two pure functions of all variables, compiled.

With a `keras.distribution.DataParallel` in force every device takes its share of the batch, and the compiler adds up
their gradients.
"""

import functools
import typing

import jax
import keras

from faceswap_lib.errors import InputError
from faceswap_lib.training.backends.variables import StepVariables
from faceswap_lib.training.checkpoint import TrainingState
from faceswap_lib.training.objective import Batch, Objective


def build_programs(objective: Objective, state: TrainingState, *, xla: bool) -> tuple[typing.Callable, typing.Callable]:
    """See `faceswap_lib.training.backends`; `xla` is always true."""
    variables = StepVariables.of(state)
    return _gradient_program(objective, variables), _update_program(variables)


def _gradient_program(objective: Objective, variables: StepVariables) -> typing.Callable:
    trained = [player.weights for player in variables.players]
    drifting = [*variables.statistics, objective.seed.state]
    known = [*trained[0], *trained[1], *drifting]
    programs = {}

    def program(values, drifting_values, batch, weights, active):
        def losses(generators, discriminators):
            given = zip(known, [*generators, *discriminators, *drifting_values], strict=True)
            with keras.StatelessScope(given) as scope:
                generator_loss, discriminator_loss, terms = objective(Batch(**batch), weights, active=active)
            found = [loss for loss in (generator_loss, discriminator_loss) if loss is not None]
            return found, (terms, [scope.get_current_value(variable) for variable in drifting])

        found, pull_back, (terms, drifted) = jax.vjp(losses, *values, has_aux=True)
        # Of what a player's loss says about all weights only the part about its own is used; the compiler drops the
        # rest.
        choices = jax.numpy.eye(len(found), dtype=found[0].dtype)
        gradients = [pull_back(list(choice))[player] for player, choice in enumerate(choices)]
        return gradients, terms, drifted

    def take_gradients(batch, weights, active):
        index = {"index_a": _shard(batch.index_a), "index_b": _shard(batch.index_b)}
        arguments = [_values(player) for player in trained], _values(drifting), index, weights
        key = active, len(batch.index_a), len(batch.index_b)
        if key not in programs:
            programs[key] = _compile(functools.partial(program, active=active), arguments)
        gradients, terms, drifted = programs[key](*arguments)
        _assign(drifting, drifted)
        return gradients, terms

    return take_gradients


def _compile(function: typing.Callable, arguments: tuple) -> typing.Callable:
    """Compiles a function for arguments of these shapes, with the arrays that it closes over as inputs.

    As constants of the program, some hundred megabytes of crops would cost ten seconds and their size several times.
    """
    traced, shapes = jax.make_jaxpr(function, return_shape=True)(*arguments)
    structure = jax.tree.structure(shapes)

    @jax.jit
    def compiled(closed_over, *arguments):
        leaves = jax.core.eval_jaxpr(traced.jaxpr, closed_over, *jax.tree.leaves(arguments))
        return jax.tree.unflatten(structure, leaves)

    return functools.partial(compiled, [_replicate(array) for array in traced.consts])


def _update_program(variables: StepVariables) -> typing.Callable:
    @functools.partial(jax.jit, donate_argnums=0)
    def program(values, gradients, decay):
        pairs, averages = values
        changed = [
            player.optimiser.stateless_apply(optimiser_values, found, weights)
            for player, (weights, optimiser_values), found in zip(variables.players, pairs, gradients, strict=False)
        ]
        moved = [
            decay * average + (1 - decay) * weight for average, weight in zip(averages, changed[0][0], strict=True)
        ]
        return changed, moved

    def update(gradients, decay):
        players = variables.players[: len(gradients)]
        pairs = [(_values(player.weights), _values(player.optimiser.variables)) for player in players]
        changed, moved = program(_apart((pairs, _values(variables.averages))), gradients, decay)
        for player, (weights, optimiser_values) in zip(players, changed, strict=True):
            _assign(player.weights, weights)
            _assign(player.optimiser.variables, optimiser_values)
        _assign(variables.averages, moved)
        for source, follower in variables.copies:
            follower.assign(source)

    return update


def _values(variables: typing.Iterable[keras.Variable]) -> list[jax.Array]:
    return [variable.value for variable in variables]


def _assign(variables: typing.Iterable[keras.Variable], values: typing.Iterable[jax.Array]) -> None:
    """Gives variables values of their own shape and type, without the checks of `Variable.assign`.

    These take 20 microseconds a variable: for the 1,600 that a step changes, longer than the step on a fast GPU.
    """
    for variable, value in zip(variables, values, strict=True):
        variable._direct_assign(value)


def _apart(values):
    """Copies arrays that two variables share since one was assigned the other; they cannot be donated twice."""
    seen = set()

    def own(array):
        if id(array) in seen:
            return jax.numpy.copy(array)
        seen.add(id(array))
        return array

    return jax.tree.map(own, values)


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
