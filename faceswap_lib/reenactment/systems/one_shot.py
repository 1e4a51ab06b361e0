"""One-shot face reenactment: appearance from one photo, shape from the driver, composed by a decoder with SPADE.

An autoencoder reads the photo as a code without positions, and draws features and the photo again from it. The decoder
composes these features with the boundary maps of the target shape. At the end a small network fuses the result with the
photo, which is warped to the target shape: the photo has the detail that the code does not contain.

Source: Zhang et al., "One-shot Face Reenactment", 2019.
"""

import numpy as np

from faceswap_lib.reenactment import learned_fusion
from faceswap_lib.reenactment.device_warp import warp_fields, warp_pictures
from faceswap_lib.reenactment.face_shape import FaceShape
from faceswap_lib.reenactment.networks import ReenactmentNetworks
from faceswap_lib.reenactment.rendering import compiled_call, shape_arrays, shapes_of, to_float, to_uint8
from faceswap_lib.reenactment.shape_pictures import ShapeBatch
from faceswap_lib.reenactment.system import System
from faceswap_lib.reenactment.systems.one_shot_losses import CRITICAL, LOSS_WEIGHTS, Objective
from faceswap_lib.reenactment.systems.one_shot_networks import build_networks, joined_sides, shape_maps


class OneShotRenderer:
    """Renderer of one photo; see `system.Renderer`.

    Args:
        networks: The networks.
        photo: (R, R, 3) uint8 RGB aligned crop.
        shape: Its shape.
    """

    def __init__(self, networks: ReenactmentNetworks, photo: np.ndarray, shape: FaceShape):
        resolution = networks.config.resolution
        sides = joined_sides(resolution)

        def describe(inputs):
            code = networks["appearance_encoder"](inputs["photo"], training=False)
            *features, rebuilt = networks["appearance_decoder"](code, training=False)
            named = {f"features_{side}": value for side, value in zip(sides, features, strict=True)}
            return {"code": code, "rebuilt": rebuilt, **named}

        def run(inputs):
            shapes = shapes_of(inputs)
            maps = shape_maps(shapes, resolution)
            features = [inputs[f"features_{side}"] for side in sides]
            picture = networks["decoder"]([inputs["code"], *features, *maps], training=False)
            fields = warp_fields(inputs["photo_points"], shapes.points, resolution)
            warped = warp_pictures(inputs["photo"], fields)
            decision = networks["fusion"]([picture, warped, fields, maps[-1]], training=False)
            fused, alpha = learned_fusion.compose(picture, warped, decision)
            return {"generated": picture, "warped": warped, "alpha": alpha, "fused": fused}

        photo_inputs = {"photo": to_float(photo)[None]}
        found = compiled_call(networks, "describe", describe)(photo_inputs, {})
        self._output = "fused" if learned_fusion.is_trained(networks["fusion"]) else "generated"
        self._call = compiled_call(networks, "render", run)
        self._photo = {
            **photo_inputs,
            "photo_points": shape.points.astype(np.float32)[None],
            **{name: np.asarray(array, np.float32) for name, array in found.items() if name != "rebuilt"},
        }
        self.rebuilt = to_uint8(found["rebuilt"][0])

    def render(self, shapes: ShapeBatch) -> np.ndarray:
        """Renders the person of the photo with other shapes; see `system.Renderer.render`."""
        return self.render_parts(shapes)[self._output]

    def render_parts(self, shapes: ShapeBatch) -> dict[str, np.ndarray]:
        """Renders the result and what it consists of.

        Args:
            shapes: B shapes, as arrays of NumPy.

        Returns:
            The generated picture, the warped photo and the fused picture, (B, R, R, 3) uint8 RGB; and `alpha`, the
            share of the warped photo, (B, R, R, 1) uint8.
        """
        found = self._call(shape_arrays(shapes), self._photo)
        return {
            name: np.round(array * 255).astype(np.uint8) if name == "alpha" else to_uint8(array)
            for name, array in found.items()
        }


SYSTEM = System(
    name="one-shot",
    source="Zhang et al., One-shot Face Reenactment, 2019",
    loss_weights=LOSS_WEIGHTS,
    critical_losses=CRITICAL,
    build_networks=build_networks,
    build_objective=Objective,
    build_renderer=OneShotRenderer,
)
