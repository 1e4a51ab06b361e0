"""Every single bit of a small file flipped: what was written is read, or the file is refused; nothing else.

Those of a checkpoint are in tests/training/test_checkpoint_damage.py, those of an archive in
tests/facesets/test_archive.py.
"""

import collections

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.faces import VideoTracks
from faceswap_lib.facesets.track_io import TRACKS, read_tracks, write_tracks
from tests.trust.corpus_arrays import make_tracks, tell_tracks


def test_every_flipped_bit_of_tracks_is_noticed_or_changes_nothing(tmp_path):
    whole = make_tracks()
    tracks = VideoTracks(length=3, tracks=(type(whole.tracks[0])(start=1, faces=whole.tracks[0].faces[:2]),), cuts=(2,))
    write_tracks(tmp_path, tracks)
    told, path, verdicts = tell_tracks(tracks), tmp_path / TRACKS, collections.Counter()
    data = path.read_bytes()
    with path.open("r+b", buffering=0) as file:
        for bit in range(8 * len(data)):
            place = bit // 8
            file.seek(place)
            file.write(bytes([data[place] ^ 1 << bit % 8]))
            try:
                found = tell_tracks(read_tracks(tmp_path))
            except WorkspaceError:
                verdicts["refused"] += 1
            else:
                assert found == told, f"bit {bit % 8} of byte {place}"
                verdicts["same"] += 1
            file.seek(place)
            file.write(data[place : place + 1])
    assert verdicts.total() == 8 * len(data) > 10_000
    assert min(verdicts.values()) > 0.1 * 8 * len(data)
