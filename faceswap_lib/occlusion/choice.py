"""Choice of the occlusion network of a conversion: none, the one of the workspace, or the user's own."""

import logging
import pathlib

from faceswap_lib.atomic_io import file_digest
from faceswap_lib.errors import InputError
from faceswap_lib.facesets import Workspace
from faceswap_lib.occlusion.network import OcclusionNetwork, OcclusionPredictor

logger = logging.getLogger(__name__)


def find_occlusion_network(workspace: Workspace, choice: str) -> pathlib.Path | None:
    """Finds the file of an occlusion network.

    Args:
        workspace: The workspace.
        choice: "none"; "network": the network of the workspace; "auto": that network if there is one; or the path of an
            ONNX file.

    Returns:
        The file; None for no network.

    Raises:
        InputError: If the file does not exist.
    """
    own = workspace.occlusion_network
    if choice == "none" or (choice == "auto" and not own.is_file()):
        return None
    path = own if choice in ("auto", "network") else pathlib.Path(choice)
    if not path.is_file():
        advice = "run 'faceswap mask --train' first" if path == own else "check the path"
        raise InputError(f"occlusion {choice}: expected an occlusion network at {path}, got no file there; {advice}")
    return path


def open_occlusion_network(path: pathlib.Path) -> OcclusionPredictor:
    """Opens an occlusion network: an `.npz` of this program, or an ONNX file.

    Raises:
        InputError: If the file is not an occlusion network.
        CheckpointError: If it is damaged.
    """
    if path.suffix.lower() == ".onnx":
        from faceswap_lib.occlusion.onnx_network import OnnxOcclusionNetwork

        return OnnxOcclusionNetwork(path)
    from faceswap_lib.occlusion.weights import read_network

    return OcclusionNetwork(read_network(path))


def digest_occlusion_network(workspace: Workspace, choice: str) -> str:
    """Computes the SHA-256 of the network that `find_occlusion_network` finds; empty for none."""
    path = find_occlusion_network(workspace, choice)
    return "" if path is None else file_digest(path)
