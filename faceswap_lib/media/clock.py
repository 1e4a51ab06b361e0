"""One clock for the pictures and the sound of a recording whose own clock jumps.

Transport streams that were joined byte by byte begin their time anew at every join. The pictures lead: after a jump
they go on where they ended, and the sound of that part moves by as much, so that both stay together.
"""

import fractions

import av

LONGEST_GAP = fractions.Fraction(10)
"""Seconds without a packet, in a format whose clock may jump; more count as a jump of the clock."""

LARGEST_STEP_BACK = fractions.Fraction(1, 10)
"""Seconds that damaged times may go back by; more count as a jump of the clock."""

_MOST_WAITING = 500
_USUAL_DELAY = 1  # seconds by which sound is written after its pictures at most
_ZERO = fractions.Fraction(0)


def may_jump(container: av.container.InputContainer) -> bool:
    """Says whether a container's clock may jump, forward too (FFmpeg's AVFMT_TS_DISCONT)."""
    return bool(container.format.flags & 0x0200)


class VideoClock:
    """Corrects the times of a video stream's packets.

    Attributes:
        offsets: Seconds added to the times of each part; the last is the present one's.
        has_jumps_forward: Whether a long gap is a jump.
        last: Time of the last packet, as the file has it; None before the first.
    """

    def __init__(self, has_jumps_forward: bool, period: fractions.Fraction):
        """Takes whether a long gap is a jump, see `may_jump`, and how long a picture stays if its packet is silent."""
        self._period = period
        self.offsets: list[fractions.Fraction] = [_ZERO]
        self.has_jumps_forward = has_jumps_forward
        self.last: fractions.Fraction | None = None
        self._end = _ZERO

    def correct(self, packet: av.Packet) -> bool:
        """Moves a packet, in file order, to its time; says whether the clock jumped before it."""
        if packet.pts is None and packet.dts is None:
            return False
        shown = (packet.dts if packet.pts is None else packet.pts) * packet.time_base
        jumped = False
        if packet.dts is not None:  # only the times of decoding rise
            time = packet.dts * packet.time_base
            jumped = self.last is not None and self.is_jump(time - self.last)
            self.last = time
        if jumped:
            self.offsets.append(self._end - shown)
        _move(packet, self.offsets[-1])
        stays = packet.duration * packet.time_base if packet.duration else self._period
        self._end = max(self._end, shown + self.offsets[-1] + stays)
        return jumped

    def follow(self, packet: av.Packet) -> None:
        """Moves a packet of a stream that has no regular times, such as subtitles, as the pictures are moved now."""
        _move(packet, self.offsets[-1])

    def is_jump(self, step: fractions.Fraction) -> bool:
        """Says whether no recording that was made in one go would have such a step from one packet to the next."""
        return step < -LARGEST_STEP_BACK or (self.has_jumps_forward and step > LONGEST_GAP)


class SoundClock:
    """Corrects the times of a sound stream's packets, part by part as the pictures' were.

    Attributes:
        dropped: Packets left out because their times fit nowhere.
    """

    def __init__(self, video: VideoClock):
        """Takes the clock of the pictures, which is to be fed from the same demuxer."""
        self.dropped = 0
        self._video = video
        self._part: int | None = None
        self._last: fractions.Fraction | None = None
        self._extra = _ZERO
        self._waiting: list[av.Packet] = []

    def correct(self, packet: av.Packet) -> list[av.Packet]:
        """Moves a packet, in file order, to its time.

        Returns:
            The packets whose times are known now; those after a jump wait until the pictures have jumped, too.
        """
        time = _time_of(packet)
        if not packet.size:
            return [*self._give_up(), packet]
        if time is None:
            return [packet]
        if self._part is None:
            self._part = len(self._video.offsets) - 1
        if not self._is_jump(time):
            self.dropped += len(self._waiting)  # the times went somewhere else for a moment and came back
            self._waiting = []
            return [self._placed(packet, time)]
        self._waiting.append(packet)
        if len(self._video.offsets) - 1 > self._part:
            return self._go_on(len(self._video.offsets) - 1, _ZERO)
        return self._give_up() if len(self._waiting) > _MOST_WAITING else []

    def _is_jump(self, time: fractions.Fraction) -> bool:
        if self._last is not None:
            return self._video.is_jump(time - self._last)
        return self._video.last is not None and time < self._video.last - _USUAL_DELAY  # it begins with a later part

    def _placed(self, packet: av.Packet, time: fractions.Fraction) -> av.Packet:
        self._last = time
        _move(packet, self._video.offsets[self._part] + self._extra)
        return packet

    def _go_on(self, part: int, extra: fractions.Fraction) -> list[av.Packet]:
        self._part, self._extra = part, extra
        waiting, self._waiting = self._waiting, []
        return [self._placed(packet, _time_of(packet)) for packet in waiting]

    def _give_up(self) -> list[av.Packet]:
        """Places what waits without the pictures: a pause stays a pause, a step back goes on where the sound was."""
        if not self._waiting:
            return []
        if len(self._video.offsets) - 1 > self._part:
            return self._go_on(len(self._video.offsets) - 1, _ZERO)
        first = self._waiting[0]
        if self._last is None:
            return self._go_on(self._part, _ZERO)
        step = _time_of(first) - self._last
        back = (first.duration or 0) * first.time_base - step if step < 0 else _ZERO
        return self._go_on(self._part, self._extra + back)


def _time_of(packet: av.Packet) -> fractions.Fraction | None:
    time = packet.pts if packet.dts is None else packet.dts
    return None if time is None else time * packet.time_base


def _move(packet: av.Packet, seconds: fractions.Fraction) -> None:
    ticks = round(seconds / packet.time_base) if seconds else 0
    if packet.pts is not None:
        packet.pts += ticks
    if packet.dts is not None:
        packet.dts += ticks
