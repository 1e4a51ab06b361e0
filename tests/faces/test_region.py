"""What counts as inside a face: the same in training and in conversion, an ellipse for runs that know no other."""

import numpy as np
import pytest

from faceswap_lib.atomic_io import read_json, write_json
from faceswap_lib.conversion import ConvertConfig
from faceswap_lib.conversion.color_transfer.skin_mask import SKIN_SIZE, border_share, sample_skin
from faceswap_lib.conversion.compositor import Compositor
from faceswap_lib.conversion.region_masks import draw_region_mask
from faceswap_lib.conversion.stages.swap import swap_faces
from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.faces import align_face, region
from faceswap_lib.faces.landmarks_mesh import MeshLandmarkDetector
from faceswap_lib.faces.masks import face_mask
from faceswap_lib.faces.region import measure_hairline, open_outline_detector, region_mask, settle_region
from faceswap_lib.faces.types import Face, FaceCrop
from faceswap_lib.facesets import Faceset, Workspace
from faceswap_lib.networks import PRESETS, NetworkConfig
from faceswap_lib.pipeline import open_swapper
from faceswap_lib.training import load_run
from faceswap_lib.training.run_metadata import CONFIG, resolve_network_config, stored_networks
from tests.conftest import annotated_face
from tests.faces68 import template_points_68
from tests.fakes import IdentitySwapper

SIZE = 64


@pytest.fixture
def has_mesh():
    open_outline_detector.cache_clear()
    if lack := MeshLandmarkDetector.unavailable_reason():
        pytest.skip(lack)


class WatchedSwapper(IdentitySwapper):
    """Reads faces up to their outline, and remembers what it was given."""

    face_region = "outline"

    def swap(self, views: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.faces = faces
        return super().swap(views, faces)


def as_face(crop: FaceCrop) -> Face:
    low, high = crop.landmarks.min(axis=0), crop.landmarks.max(axis=0)
    return Face(box_xyxy=[*low, *high], score=1.0, landmarks=crop.landmarks)


def test_training_and_conversion_read_the_same_outline(small_workspace, has_mesh):
    faceset = Faceset.open(small_workspace, "src").sample(4)
    arrays, ellipses = (faceset.load(80, face_region=one) for one in ("outline", "ellipse"))
    assert np.array_equal(arrays.images, ellipses.images)
    _, trained = arrays.views(SIZE)
    _, before = ellipses.views(SIZE)
    swapper = WatchedSwapper(SIZE)
    swapped = swap_faces([(crop.image, as_face(crop)) for crop in faceset.read_crops()], swapper)
    apart = [np.abs(swapper.faces.astype(int) - masks).mean() / 255 for masks in (trained, before)]
    assert apart[0] < 0.01 < 0.03 < apart[1]
    assert all(one.outline.shape == (128, 2) for one in swapped)


def test_the_new_face_ends_inside_the_outline(small_workspace, has_mesh):
    crop = Faceset.open(small_workspace, "src").sample(1).read_crops()[0]
    (swapped,) = swap_faces([(crop.image, as_face(crop))], WatchedSwapper(SIZE))
    config = ConvertConfig(color_transfer="none", sharpen=0, detail_transfer="none")
    shown = draw_region_mask(swapped.landmarks, None, SIZE, 0.8, config, outline=swapped.outline)
    inside = region_mask(swapped.landmarks, swapped.outline, SIZE, coverage=0.8, softness=0.0) > 127
    assert shown[inside].mean() > 0.7 and shown[~inside].max() < 0.5
    assert Compositor(config, 0.8).composite(crop.image, swapped).weight.max() > 0.9


def test_a_crop_without_a_face_has_its_ellipse(has_mesh):
    gray = FaceCrop(
        image=np.full((256, 256, 3), 128, np.uint8),
        landmarks=template_points_68(256)[[36, 45, 30, 48, 54]],
        crop_from_frame=np.eye(2, 3),
    )
    assert open_outline_detector("outline").detect([gray]) == [None]
    np.testing.assert_array_equal(
        region_mask(gray.landmarks, None, SIZE, coverage=0.8), face_mask(gray.landmarks, SIZE, coverage=0.8)
    )


def test_an_ellipse_needs_nothing_and_a_missing_mesh_is_said(monkeypatch):
    open_outline_detector.cache_clear()
    assert open_outline_detector("ellipse") is None
    monkeypatch.setattr(
        region.MeshLandmarkDetector, "unavailable_reason", staticmethod(lambda: "pip install ai-edge-litert")
    )
    with pytest.raises(InputError, match=r"face_region outline: these networks need .*ai-edge-litert"):
        open_outline_detector("outline")


def test_runs_of_before_keep_their_ellipse(tiny_run, tmp_path):
    stored = read_json(tiny_run.workspace.run("default") / CONFIG)
    del stored["networks"]["face_region"]
    write_json(tmp_path / CONFIG, stored)
    assert stored_networks(tmp_path).face_region == "ellipse"


# What is taken where nobody said ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("lack", "settled"), [(None, "outline"), ("pip install it", "ellipse")])
def test_new_runs_take_the_outline_where_it_can_be_found(monkeypatch, tmp_path, lack, settled):
    monkeypatch.setattr(region.MeshLandmarkDetector, "unavailable_reason", staticmethod(lambda: lack))
    assert settle_region("auto") == settled
    assert resolve_network_config(tmp_path, None).settled().face_region == settled
    assert PRESETS["lite"].settled().face_region == settled
    assert PRESETS["faceswap-gan"].settled().face_region == "ellipse"
    assert NetworkConfig(face_region="ellipse").settled().face_region == "ellipse"


def test_a_run_stays_what_it_is_whatever_is_installed(monkeypatch, tiny_run, tmp_path):
    stored = read_json(tiny_run.workspace.run("default") / CONFIG)
    for had in ("ellipse", "outline"):
        stored["networks"]["face_region"] = had
        write_json(tmp_path / CONFIG, stored)
        monkeypatch.setattr(region.MeshLandmarkDetector, "unavailable_reason", staticmethod(lambda: "pip install it"))
        assert resolve_network_config(tmp_path, tiny_run.network_config).face_region == had
    with pytest.raises(WorkspaceError, match="was trained with face_region outline, asked for ellipse"):
        resolve_network_config(tmp_path, NetworkConfig(**{**stored["networks"], "face_region": "ellipse"}))


# Where the outline ends, and what shows near it ------------------------------------------------------------------


def test_a_known_hairline_does_not_tremble(small_workspace, has_mesh):
    crops = Faceset.open(small_workspace, "src").sample(6).read_crops()
    numbers = np.random.default_rng(0)
    noisy = [
        FaceCrop(
            image=np.clip(crop.image + numbers.normal(0, 12, crop.image.shape), 0, 255).astype(np.uint8),
            landmarks=crop.landmarks,
            crop_from_frame=crop.crop_from_frame,
        )
        for crop in crops
    ]
    hairline = measure_hairline(crops)
    assert len(hairline) == 15
    lengths = []
    for known in (None, hairline):
        finder = open_outline_detector("outline", known)
        pairs = zip(finder.detect(crops), finder.detect(noisy), strict=True)
        tops = [(one[one[:, 1].argsort()[:20]], other[other[:, 1].argsort()[:20]]) for one, other in pairs]
        lengths.append(np.mean([abs(one[:, 1].mean() - other[:, 1].mean()) for one, other in tops]))
    assert lengths[1] <= lengths[0] + 0.2
    assert measure_hairline([]) is None


def test_what_is_no_skin_is_not_shown_near_the_outline(portraits, has_mesh):
    """The new face ends short of the old one's cheek: what lies behind it does not get onto the old one's."""
    crop = align_face(portraits[0].image, annotated_face(portraits[0]))
    (swapped,) = swap_faces([(crop.image, as_face(crop))], WatchedSwapper(128))
    x = np.arange(128)[None]
    edge = swapped.outline[:, 0].max() - 8  # pixels of the view
    behind = np.where((x > edge)[..., None], np.uint8([10, 60, 200]), swapped.swapped).astype(np.uint8)
    points, outline = ((p + 0.5) * (SKIN_SIZE / 128) - 0.5 for p in (swapped.landmarks, swapped.outline))
    shares = [
        border_share(
            sample_skin(
                new, swapped.target, np.ones((128, 128), np.float32), swapped.landmarks, 0.8, outline=swapped.outline
            ),
            points,
            outline,
            0.8,
        )
        for new in (swapped.swapped, behind)
    ]
    row = round(float(points[[2, 3, 4], 1].mean()))
    column = round(float((swapped.outline[:, 0].max() - 4 + 0.5) / 2 - 0.5))
    assert shares[1][row, column] < 0.1
    middle = round(float(points[2, 0]))
    assert min(share[row, middle] for share in shares) > 0.95


def test_a_conversion_knows_the_hairline_and_goes_on_without_the_faceset(tiny_run, tmp_path, has_mesh, caplog):
    networks, _ = load_run(tiny_run.workspace)
    plain = ConvertConfig(latent_map="none")
    assert networks.config.face_region == "outline"
    assert len(open_swapper(networks, tiny_run.workspace, plain).hairline) == 15
    assert open_swapper(networks, Workspace(tmp_path), plain).hairline is None
    assert "the hairline is detected in every frame separately" in caplog.text
