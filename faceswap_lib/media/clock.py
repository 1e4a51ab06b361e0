"""Correction of timestamp discontinuities ("jumps of the clock") in the video and the audio of a recording.

In transport streams that were concatenated byte by byte, the timestamps restart at every join. The video is the
reference: after a jump its timestamps continue where it ended, and the audio of that part is shifted by the same
offset, so that both stay in sync.
"""

import fractions

import av
import av.container

LONGEST_GAP = fractions.Fraction(10)
"""Longest gap between packets in seconds, in a format whose clock may jump; a longer gap counts as a jump."""

LARGEST_STEP_BACK = fractions.Fraction(1, 10)
"""Largest step back in seconds due to damaged timestamps; a larger step counts as a jump of the clock."""

_MOST_WAITING = 500
_USUAL_DELAY = 1  # maximum delay of audio packets after their video packets, in seconds
_ZERO = fractions.Fraction(0)


def may_jump(container: av.container.InputContainer) -> bool:
    """Checks whether a container's format allows timestamp discontinuities (FFmpeg's AVFMT_TS_DISCONT).

    Only then does a long gap between packets count as a jump forward.
    """
    return bool(container.format.flags & 0x0200)


class VideoClock:
    """Corrector of the timestamps of a video stream.

    Attributes:
        offsets: Seconds added to the times of each part; the last one belongs to the current part.
        has_jumps_forward: Whether a long gap counts as a jump.
        last: Decoding time of the last packet in seconds, uncorrected; None before the first packet.
    """

    def __init__(self, has_jumps_forward: bool, period: fractions.Fraction):
        """Creates the corrector.

        Args:
            has_jumps_forward: Whether a long gap counts as a jump; see `may_jump`.
            period: Duration of a frame in seconds if its packet does not state it.
        """
        self._period = period
        self.offsets: list[fractions.Fraction] = [_ZERO]
        self.has_jumps_forward = has_jumps_forward
        self.last: fractions.Fraction | None = None
        self._end = _ZERO

    def correct(self, packet: av.Packet) -> bool:
        """Corrects the times of the next packet in file order; returns whether the clock jumped before it."""
        ticks = packet.dts if packet.pts is None else packet.pts
        if ticks is None:
            return False
        shown = ticks * packet.time_base
        jumped = False
        if packet.dts is not None:  # only decoding times increase in file order
            time = packet.dts * packet.time_base
            jumped = self.last is not None and self.is_jump(time - self.last)
            self.last = time
        if jumped:
            self.offsets.append(self._end - shown)
        _move(packet, self.offsets[-1])
        duration = packet.duration * packet.time_base if packet.duration else self._period
        self._end = max(self._end, shown + self.offsets[-1] + duration)
        return jumped

    def follow(self, packet: av.Packet) -> None:
        """Shifts a packet of a stream without regular times, such as subtitles, by the current offset of the video."""
        _move(packet, self.offsets[-1])

    def is_jump(self, step: fractions.Fraction) -> bool:
        """Checks whether a step from one packet to the next, in seconds, is a jump of the clock."""
        return step < -LARGEST_STEP_BACK or (self.has_jumps_forward and step > LONGEST_GAP)


class SoundClock:
    """Corrector of the timestamps of an audio stream; every part gets the offset of the same part of the video.

    Attributes:
        dropped: Number of packets that were dropped because their times belong to no part.
    """

    def __init__(self, video: VideoClock):
        """Creates the corrector; `video` must get the video packets of the same demuxer."""
        self.dropped = 0
        self._video = video
        self._part: int | None = None
        self._last: fractions.Fraction | None = None
        self._extra = _ZERO
        self._waiting: list[tuple[av.Packet, fractions.Fraction]] = []

    def correct(self, packet: av.Packet) -> list[av.Packet]:
        """Corrects the times of the next packet in file order.

        Returns:
            The packets whose times are known now; packets after a jump wait until the video has jumped, too.
        """
        time = _time_of(packet)
        if not packet.size:
            return [*self._release(), packet]
        if time is None:
            return [packet]
        current = len(self._video.offsets) - 1
        part = self._part = current if self._part is None else self._part
        if not self._is_jump(time):
            self.dropped += len(self._waiting)  # the times changed for a moment and came back
            self._waiting = []
            return [self._place(packet, time, part)]
        self._waiting.append((packet, time))
        if current > part:
            return self._continue(current, _ZERO)
        return self._release() if len(self._waiting) > _MOST_WAITING else []

    def _is_jump(self, time: fractions.Fraction) -> bool:
        """Checks whether the clock jumped between the last packet and a time."""
        if self._last is not None:
            return self._video.is_jump(time - self._last)
        return (
            self._video.last is not None and time < self._video.last - _USUAL_DELAY
        )  # the audio begins in a later part

    def _place(self, packet: av.Packet, time: fractions.Fraction, part: int) -> av.Packet:
        """Shifts a packet by the offset of a part; `time` is its uncorrected time."""
        self._last = time
        _move(packet, self._video.offsets[part] + self._extra)
        return packet

    def _continue(self, part: int, extra: fractions.Fraction) -> list[av.Packet]:
        """Starts a part with the waiting packets; `extra` is added to the offset of the video."""
        self._part, self._extra = part, extra
        waiting, self._waiting = self._waiting, []
        return [self._place(packet, time, part) for packet, time in waiting]

    def _release(self) -> list[av.Packet]:
        """Returns the waiting packets even if the video has not jumped.

        In that case a gap is kept, and after a step back the times continue after the last packet.
        """
        if self._part is None or not self._waiting:
            return []
        current = len(self._video.offsets) - 1
        if current > self._part:
            return self._continue(current, _ZERO)
        first, time = self._waiting[0]
        if self._last is None:
            return self._continue(self._part, _ZERO)
        step = time - self._last
        back = (first.duration or 0) * first.time_base - step if step < 0 else _ZERO
        return self._continue(self._part, self._extra + back)


def _time_of(packet: av.Packet) -> fractions.Fraction | None:
    """Returns the decoding time of a packet in seconds, else its presentation time, else None."""
    time = packet.pts if packet.dts is None else packet.dts
    return None if time is None else time * packet.time_base


def _move(packet: av.Packet, seconds: fractions.Fraction) -> None:
    """Shifts the times of a packet."""
    ticks = round(seconds / packet.time_base) if seconds else 0
    if packet.pts is not None:
        packet.pts += ticks
    if packet.dts is not None:
        packet.dts += ticks
