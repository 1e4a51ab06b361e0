"""The training step on PyTorch.

It does not use `torch.compile`, because version 2.13 fails to compile the gradients of these networks on a CPU.
"""

import keras
import torch

from faceswap_lib.training.backends import StackedTerms
from faceswap_lib.training.backends.variables import Programs, StepVariables
from faceswap_lib.training.checkpoint import TrainingState
from faceswap_lib.training.loss_model import Batch


def build_programs(objective: StackedTerms, state: TrainingState, *, xla: bool) -> Programs:
    """Builds the programs of a step, see `faceswap_lib.training.backends`; `xla` is always false."""
    variables = StepVariables.of(state)
    generators, discriminators = variables.players

    def take_gradients(batch, weights, active):
        batch = Batch(**{name: keras.ops.convert_to_tensor(array) for name, array in batch.arrays().items()})
        weights = {name: keras.ops.convert_to_tensor(value) for name, value in weights.items()}
        generator_loss, discriminator_loss, terms = objective(batch, weights, active=active)
        has_discriminators = discriminator_loss is not None
        gradients = [_gradients(generator_loss, generators.weights, retain_graph=has_discriminators)]
        if has_discriminators:
            gradients.append(_gradients(discriminator_loss, discriminators.weights))
        return gradients, terms.detach()

    @torch.no_grad()
    def update(gradients, decay):
        for player, found in zip(variables.players, gradients, strict=False):
            player.optimizer.apply(found, player.weights)
        for average, weight in zip(variables.averages, generators.weights, strict=True):
            average.value.mul_(decay).add_(weight.value, alpha=1 - decay)
        for source, follower in variables.copies:
            follower.assign(source)

    return Programs(take_gradients, update)


def _gradients(loss, weights, *, retain_graph: bool = False):
    return torch.autograd.grad(
        loss, [weight.value for weight in weights], retain_graph=retain_graph, materialize_grads=True
    )
