"""A small convolutional network (CNN) that detects swapped faces, and an occlusion map of the pixels it uses."""

import typing

import numpy as np


def train_detector_network(
    crops: np.ndarray, labels: np.ndarray, *, passes: int = 12, seed: int = 0, progress: bool = False
) -> typing.Any:
    """Trains a network with three convolutions to classify faces as swapped or recorded.

    Args:
        crops: (N, S, S, 3) uint8 RGB, aligned.
        labels: (N,) 1 for a swap, 0 for a recording.
        passes: Number of epochs; in each epoch half of the crops, chosen at random, are mirrored.
        seed: Seed of the initial weights, the order and the mirroring.
        progress: Whether to show a progress bar.

    Returns:
        A Keras model that maps crops (N, S, S, 3), 0 to 255, to log-odds (N, 1); above 0 means swap.

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
    """Builds the detector network: three convolutions with stride 2, global average pooling and one output.

    Args:
        side: Side of the crops in pixels.
        seed: Seed of the initial weights.

    Returns:
        An untrained Keras model that maps RGB images (N, side, side, 3), 0 to 255, to log-odds (N, 1).

    Taught in notebooks/08b_deepfake_detector.
    """
    import keras
    from keras import layers

    image = keras.Input((side, side, 3))
    values = layers.Rescaling(1 / 127.5, offset=-1)(image)
    for index, channels in enumerate((8, 16, 32)):
        # Keras documents initializer objects, but its parameter has no annotation.
        initializer = typing.cast(typing.Any, keras.initializers.HeNormal(seed=seed + index))
        values = layers.Conv2D(channels, 5, 2, "same", activation="relu", kernel_initializer=initializer)(values)
    values = layers.GlobalAveragePooling2D()(values)
    initializer = typing.cast(typing.Any, keras.initializers.GlorotUniform(seed=seed))
    score = layers.Dense(1, kernel_initializer=initializer)(values)
    return keras.Model(image, score, name="swap_detector")


def network_scores(network: typing.Any, crops: np.ndarray) -> np.ndarray:
    """Computes the score of each crop.

    Args:
        network: Network from `train_detector_network`.
        crops: (N, S, S, 3) uint8 RGB.

    Returns:
        (N,) float64 log-odds of a swap.
    """
    import keras

    batches = [crops[start : start + 64].astype(np.float32) for start in range(0, len(crops), 64)]
    outputs = [typing.cast(np.ndarray, keras.ops.convert_to_numpy(network(batch))) for batch in batches]
    return np.concatenate([output[:, 0] for output in outputs]).astype(float)


def occlusion_map(score: typing.Callable[[np.ndarray], np.ndarray], crop: np.ndarray, *, cells: int = 16) -> np.ndarray:
    """Computes an occlusion map: how much the score of a detector drops when each patch of a crop is covered.

    Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014, section 2.2.

    Args:
        score: Maps (N, S, S, 3) uint8 crops to (N,) scores.
        crop: (S, S, 3) uint8 RGB.
        cells: Number of cells per row and per column. A patch covers a cell and its neighbors, so patches overlap.

    Returns:
        (cells, cells), for each cell: the score of the crop minus the score of a copy in which the patch around this
        cell is filled with the mean color of the patch.

    Raises:
        ValueError: If the crop has fewer than 2 pixels per cell.

    Taught in notebooks/08b_deepfake_detector.
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
