"""Reading and writing of images, videos and sound; independent of faces."""

from faceswap_lib.media.concat import join_videos as join_videos
from faceswap_lib.media.gif import write_gif as write_gif
from faceswap_lib.media.images import read_image as read_image
from faceswap_lib.media.images import read_mask as read_mask
from faceswap_lib.media.images import write_image as write_image
from faceswap_lib.media.reader import count_frames as count_frames
from faceswap_lib.media.reader import read_frames as read_frames
from faceswap_lib.media.reader import read_schedule as read_schedule
from faceswap_lib.media.reader import read_timed_frames as read_timed_frames
from faceswap_lib.media.reader import read_times as read_times
from faceswap_lib.media.side_by_side import write_side_by_side as write_side_by_side
from faceswap_lib.media.video_info import VideoInfo as VideoInfo
from faceswap_lib.media.video_info import probe_video as probe_video
from faceswap_lib.media.writer import VideoWriter as VideoWriter
