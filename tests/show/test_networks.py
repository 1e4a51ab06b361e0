"""Pictures of what goes on inside networks: the numbers they were given, at the places they belong to."""

import numpy as np
import pytest

from faceswap_lib import show
from faceswap_lib.networks import PRESETS, build_networks


def test_numbers_writes_every_number_in_its_cell():
    figure = show.plot_matrices([np.array([[1, -2], [30, 4]]), np.array([[0.125, 2.0]])], captions=["whole", "broken"])
    whole, broken = figure.axes
    texts = {tuple(map(round, text.get_position())): text.get_text() for text in whole.texts}
    assert texts == {(0, 0): "1", (1, 0): "-2", (0, 1): "30", (1, 1): "4"}
    assert [text.get_text() for text in broken.texts] == ["0.12", "2.00"]
    assert [axes.get_title() for axes in figure.axes] == ["whole", "broken"]


def test_numbers_fit_the_page_and_stay_readable():
    wide = show.plot_matrices([np.zeros((2, 20)), np.zeros((2, 20))])
    assert wide.get_size_inches()[0] <= show.plot_images([np.zeros((4, 4))]).get_size_inches()[0] + 1e-6
    low, high = (show.plot_matrices([np.array([[0.0, 1.0]])]).axes[0].images[0].norm([0.0, 1.0])).tolist()
    assert low == 0 and high < 0.5  # black text on the darkest cell


@pytest.mark.parametrize(
    ("arrays", "captions", "message"),
    [([np.zeros(3)], None, r"\(3,\)"), ([np.zeros((2, 2))], ["a", "b"], "one caption per array")],
)
def test_numbers_says_what_is_wrong(arrays, captions, message):
    with pytest.raises(ValueError, match=message):
        show.plot_matrices(arrays, captions=captions)


def test_channels_picks_those_that_vary_and_scales_each():
    features = np.zeros((2, 2, 3), np.float32)
    features[..., 0] = [[0, 2], [4, 8]]
    features[..., 1] = 5
    features[..., 2] = [[-1, 1], [0, 0]]
    first, second = show.split_channels(features, 2)
    assert np.allclose(first, [[0, 0.25], [0.5, 1]])
    assert np.allclose(second, [[0, 1], [0.5, 0.5]])
    assert len(show.split_channels(features, 9)) == 3


def test_heat_is_bright_where_the_map_is_large_and_frames_the_place():
    picture = np.full((32, 32, 3), 100, np.uint8)
    values = np.zeros((4, 4))
    values[1, 2] = 3.0
    drawn = show.overlay_heatmap(picture, values, place=(3, 0))
    assert drawn.shape == (256, 256, 3) and drawn.dtype == np.uint8
    assert np.abs(drawn[96, 160] - [208.5, 170, 58]).max() < 1  # seven parts yellow, three picture
    assert tuple(drawn[32, 32]) == (40, 40, 40)
    assert tuple(drawn[192, 30]) == (60, 220, 90)
    assert (picture == 100).all()
    with pytest.raises(ValueError, match="from 0"):
        show.overlay_heatmap(picture, values - 1)


@pytest.mark.parametrize("preset", ["tiny", "lite"])
def test_the_ladder_says_the_shapes_of_the_networks_that_are_built(preset: str):
    config = PRESETS[preset]
    networks = build_networks(config)
    texts = [text.get_text() for text in show.plot_architecture(config).axes[0].texts]
    convolutions = [layer for layer in networks.encoder.layers if layer.name.startswith("leaky_re_lu")]
    for layer in convolutions[:-1]:  # the last writes four times the channels, which become pixels
        _, side, _, channels = layer.output.shape
        assert any(pair == (str(side), str(channels)) for pair in zip(texts, texts[1:], strict=False))
    assert f"code\n{networks.encoder.get_layer('code').units}" in texts
    assert f"{networks.encoder.get_layer('places').filters} skip channels" in texts
    assert str(networks.encoder.output_shape[-1]) in texts
    for layer in networks.decoder_b.layers:
        if layer.name.startswith("pixel_shuffle"):
            _, side, _, channels = layer.output.shape
            pairs = list(zip(texts, texts[1:], strict=False))
            assert pairs.count((str(side), str(channels))) >= 2  # one per decoder


def test_the_ladder_draws_the_direct_layout_only():
    with pytest.raises(ValueError, match="architecture skip, got faceswap-gan"):
        show.plot_architecture(PRESETS["faceswap-gan"])
