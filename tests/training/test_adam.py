"""TensorFlow's own Adam kernel does what Keras's Adam does, moment by moment."""

import keras
import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")


def make(**options) -> tuple[keras.Optimizer, list[keras.Variable]]:
    weights = [keras.Variable(np.ones((3, 4), np.float32)), keras.Variable(np.full(5, 2, np.float32))]
    optimizer = keras.optimizers.Adam(0.01, beta_2=0.99, **options)
    optimizer.build(weights)
    return optimizer, weights


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of the TensorFlow backend")
@pytest.mark.parametrize("options", [{"global_clipnorm": 1.0}, {}, {"beta_1": 0.5}, {"weight_decay": 0.1}], ids=str)
def test_the_kernel_and_keras_agree(options):
    from faceswap_lib.training.backends.tensorflow import apply_gradients
    from faceswap_lib.training.backends.variables import OptimizerGroup

    (theirs, their_weights), (ours, our_weights) = make(**options), make(**options)
    random = np.random.default_rng(0)
    apply = tf.function(lambda found: apply_gradients(OptimizerGroup(ours, our_weights), found), autograph=False)
    for step in range(25):
        rate = 0.01 / (1 + step)
        gradients = [tf.constant(3 * random.normal(size=w.shape).astype(np.float32)) for w in our_weights]
        for optimizer in (theirs, ours):
            optimizer.learning_rate.assign(rate)
        theirs.apply(gradients, their_weights)
        apply(gradients)
    assert int(ours.iterations.numpy()) == 25
    for expected, got in zip(theirs.variables + their_weights, ours.variables + our_weights, strict=True):
        assert got.numpy() == pytest.approx(expected.numpy(), rel=1e-5, abs=1e-6)
    assert np.abs(our_weights[0].numpy() - 1).max() > 0.01
