"""A small network that learns by itself what gives a swap away, and a look at where it looks."""

import typing

import numpy as np


def train_detector_network(
    crops: np.ndarray, labels: np.ndarray, *, passes: int = 12, seed: int = 0, progress: bool = False
) -> typing.Any:
    """Trains a network of three convolutions to tell swapped faces from recorded ones.

    Args:
        crops: (N, S, S, 3) uint8 RGB, aligned.
        labels: (N,) 1 for a swap, 0 for a recording.
        passes: How often it sees each crop, at random as it is or mirrored.
        seed: Of the first weights and of the order.
        progress: Show a progress bar.

    Returns:
        A Keras model from (N, S, S, 3), 0 to 255, to log-odds (N, 1); above 0 it says swap.

    Raises:
        ValueError: If the shapes do not match.
    """
    import keras

    from faceswap_lib.progress import show_progress

    labels = np.asarray(labels, np.float32)
    if crops.ndim != 4 or labels.shape != crops.shape[:1]:
        raise ValueError(f"expected (N, S, S, 3) crops and N labels, got {crops.shape} and {labels.shape}")
    network = build_detector_network(crops.shape[1], seed=seed)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(2e-3), loss)
    random = np.random.default_rng(seed)
    for _ in show_progress(range(passes), "passes", disable=not progress):
        order, mirrored = random.permutation(len(crops)), random.random(len(crops)) < 0.5
        seen = np.where(mirrored[:, None, None, None], crops[:, :, ::-1], crops)[order].astype(np.float32)
        network.fit(seen, labels[order], batch_size=16, shuffle=False, verbose=0)
    return network


def build_detector_network(side: int, *, seed: int = 0) -> typing.Any:
    """Three convolutions that halve the picture, the average over all places, and one number.

    Args:
        side: Of the crops, in pixels.
        seed: Of the first weights.

    Returns:
        A Keras model, not trained.

    Taught in notebooks/08_responsible_use.
    """
    import keras
    from keras import layers

    picture = keras.Input((side, side, 3))
    values = layers.Rescaling(1 / 127.5, offset=-1)(picture)
    for index, channels in enumerate((8, 16, 32)):
        first = keras.initializers.HeNormal(seed=seed + index)
        values = layers.Conv2D(channels, 5, 2, "same", activation="relu", kernel_initializer=first)(values)
    values = layers.GlobalAveragePooling2D()(values)
    score = layers.Dense(1, kernel_initializer=keras.initializers.GlorotUniform(seed=seed))(values)
    return keras.Model(picture, score, name="swap_detector")


def network_scores(network: typing.Any, crops: np.ndarray) -> np.ndarray:
    """Judges crops.

    Args:
        network: As `train_detector_network` gives.
        crops: (N, S, S, 3) uint8 RGB.

    Returns:
        (N,) float64 log-odds of a swap.
    """
    import keras

    batches = [crops[start : start + 64].astype(np.float32) for start in range(0, len(crops), 64)]
    return np.concatenate([keras.ops.convert_to_numpy(network(batch))[:, 0] for batch in batches]).astype(float)


def occlusion_map(score: typing.Callable[[np.ndarray], np.ndarray], crop: np.ndarray, *, cells: int = 16) -> np.ndarray:
    """Covers one patch of a crop after the other and says how much the score falls: where a detector looks.

    Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014, section 2.2.

    Args:
        score: Takes (N, S, S, 3) uint8 to (N,).
        crop: (S, S, 3) uint8 RGB.
        cells: Places across and down; a patch covers one and its neighbors, so they overlap.

    Returns:
        (cells, cells): score of the crop less its score with that place painted over in its own mean color.

    Raises:
        ValueError: If the crop is too small for so many cells.

    Taught in notebooks/08_responsible_use.
    """
    side = crop.shape[0]
    if side < 2 * cells:
        raise ValueError(f"expected a crop of at least {2 * cells} pixels for {cells} cells, got {side}")
    edges = np.linspace(0, side, cells + 1).round().astype(int)
    covered = []
    for top in range(cells):
        for left in range(cells):
            rows = slice(edges[max(0, top - 1)], edges[min(cells, top + 2)])
            columns = slice(edges[max(0, left - 1)], edges[min(cells, left + 2)])
            copy = crop.copy()
            copy[rows, columns] = crop[rows, columns].mean(axis=(0, 1))
            covered.append(copy)
    return score(crop[None])[0] - score(np.stack(covered)).reshape(cells, cells)
