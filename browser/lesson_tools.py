"""Helpers of the lesson in the browser, in plain Python: pictures, plots and the checks of the exercises.

The lesson runs on Pyodide, without packages: neither npm nor PyPI has NumPy for it.
"""

import base64
import html
import random
import statistics
import struct
import typing
import zlib

RIGHT = "right"
WIDTH = 80
"""Width and height of the lesson's pictures in pixels."""

Picture = list[list[float]]
"""Three channels, red, green and blue; each is a list of gray levels, 0 to 255, row by row."""

shown: list[str] = []
"""Everything that the lesson showed, as HTML."""

send: typing.Callable[[str], typing.Any] = shown.append
"""Gets the HTML of each thing that is shown; the page replaces it."""


class State(typing.NamedTuple):
    """State of a Kalman filter with a position and a velocity, and its covariance, in face widths and frames."""

    position: float
    velocity: float
    pp: float  # variance of the position
    pv: float  # covariance of position and velocity
    vv: float  # variance of the velocity


def make_track() -> tuple[list[float], list[float]]:
    """Makes the x coordinate of a nose in 75 frames: the truth, and what a detector with jitter measures."""
    dice = random.Random(7)
    truth, position = [], 0.50
    for frame in range(75):
        position += 0.012 if 25 <= frame < 45 else 0.0
        truth.append(position)
    return truth, [place + dice.gauss(0, 0.01) for place in truth]


def measure_jitter(track: list[float]) -> float:
    """Computes the mean absolute second difference of a track: by how much the speed changes per frame."""
    return statistics.fmean(abs(a - 2 * b + c) for a, b, c in zip(track, track[1:], track[2:], strict=False))


def measure_error(track: list[float], truth: list[float]) -> float:
    """Computes the mean absolute distance between two tracks."""
    return statistics.fmean(abs(a - b) for a, b in zip(track, truth, strict=True))


def update_state(state: State, measurement: float, noise: float) -> State:
    """Corrects a predicted state with a measurement: the right answer of exercise 1."""
    gain_p, gain_v = state.pp / (state.pp + noise), state.pv / (state.pp + noise)
    residual = measurement - state.position
    return State(
        state.position + gain_p * residual,
        state.velocity + gain_v * residual,
        (1 - gain_p) * state.pp,
        (1 - gain_p) * state.pv,
        state.vv - gain_v * state.pv,
    )


def check_update(function: typing.Callable) -> str:
    """Checks exercise 1; returns "right", or one line that says what is off."""
    state, z, r = State(0.50, 0.010, 0.0003, 0.0002, 0.0004), 0.53, 0.0001
    gain, gain_v = 0.75, 0.5
    right = update_state(state, z, r)
    known = {
        RIGHT: right,
        "the position moves away from the measurement: the residual is the measurement minus the position": State(
            0.50 - gain * 0.03, 0.010 - gain_v * 0.03, *right[2:]
        ),
        "the gain is the wrong way round: it is pp / (pp + noise), near 1 if the measurement is good": State(
            0.50 + (1 - gain) * 0.03, 0.010 + gain_v * 0.03, gain * state.pp, gain * state.pv, right.vv
        ),
        "the velocity is not corrected: it changes by gain_v times the residual": right._replace(velocity=0.010),
        "the variances do not shrink: after a measurement the filter knows more than before": State(
            right.position, right.velocity, state.pp, state.pv, state.vv
        ),
        "the velocity has no gain of its own: gain_v is pv / (pp + noise)": right._replace(
            velocity=0.010 + gain * 0.03
        ),
    }
    found = _call(function, state, z, r)
    if isinstance(found, str):
        return found
    if found is None:
        return "nothing came back yet: write the function, and return a State"
    if len(found) != 5:
        return f"expected the five numbers of a State, got {len(found)}"
    for text, answer in known.items():
        if _is_near(found, list(answer)):
            return text
    wrong = next(name for name, a, b in zip(State._fields, found, right, strict=True) if not _is_near([a], [b]))
    return (
        f"{wrong} is off: for {state}, measurement {z} and noise {r}, "
        f"expected {getattr(right, wrong):.6g}, got {found[State._fields.index(wrong)]:.6g}"
    )


def _call(function: typing.Callable, *arguments: typing.Any) -> list[float] | str | None:
    """Calls the reader's function; returns its numbers, None if it returned nothing, or one line about its error."""
    try:
        found = function(*arguments)
        return None if found is None or found is ... else [float(value) for value in found]
    except Exception as error:  # noqa: BLE001  (the reader wrote this code, and it may raise anything)
        return f"it stops with {type(error).__name__}: {error}"


def transfer_channel(new: list[float], old: list[float]) -> list[float]:
    """Gives a channel the mean and standard deviation of another one: the right answer of exercise 2."""
    gain = statistics.pstdev(old) / statistics.pstdev(new)
    mean_new, mean_old = statistics.fmean(new), statistics.fmean(old)
    return [(value - mean_new) * gain + mean_old for value in new]


def check_transfer(function: typing.Callable) -> str:
    """Checks exercise 2; returns "right", or one line that says what is off."""
    new, old = [10.0, 20.0, 30.0, 60.0], [100.0, 104.0, 112.0, 100.0]
    mean_new, mean_old = statistics.fmean(new), statistics.fmean(old)
    gain = statistics.pstdev(old) / statistics.pstdev(new)
    known = {
        RIGHT: transfer_channel(new, old),
        "the mean fits, the spread does not: also scale by the ratio of the standard deviations": [
            value - mean_new + mean_old for value in new
        ],
        "the ratio is upside down: divide the standard deviation of old by that of new": [
            (value - mean_new) / gain + mean_old for value in new
        ],
        "subtract the mean of new before you scale; otherwise the scaling moves the mean": [
            value * gain - mean_new + mean_old for value in new
        ],
        "the mean of old is still missing: add it at the end": [(value - mean_new) * gain for value in new],
        "this returns old itself: the face would be the old one, not only its colors": list(old),
    }
    found = _call(function, list(new), list(old))
    if isinstance(found, str):
        return found
    if found is None:
        return "nothing came back yet: write the function, and return a list"
    if len(found) != len(new):
        return f"expected a list of {len(new)} gray levels for {len(new)} gray levels, got {len(found)}"
    for text, answer in known.items():
        if _is_near(found, answer):
            return text
    rounded = ", ".join(f"{value:.2f}" for value in known[RIGHT])
    return f"for new = {new} and old = {old} expected [{rounded}], got [{', '.join(f'{v:.2f}' for v in found)}]"


def _is_near(found: typing.Sequence[float], right: typing.Sequence[float]) -> bool:
    return all(abs(a - b) <= 1e-6 + 1e-4 * abs(b) for a, b in zip(found, right, strict=True))


def read_picture(path: str) -> Picture:
    """Reads the pixels of a PPM file as three channels."""
    with open(path, "rb") as file:
        data = file.read()[-3 * WIDTH * WIDTH :]
    return [[float(level) for level in data[channel::3]] for channel in range(3)]


def show_pictures(pictures: dict[str, Picture]) -> None:
    """Shows pictures side by side, each with its caption."""
    figures = "".join(
        f'<figure><img alt="{html.escape(name)}" src="data:image/png;base64,{_to_png(picture)}">'
        f"<figcaption>{html.escape(name)}</figcaption></figure>"
        for name, picture in pictures.items()
    )
    send(f'<div class="lesson-pictures">{figures}</div>')


def _to_png(picture: Picture) -> str:
    levels = [bytes(min(max(round(level), 0), 255) for level in channel) for channel in picture]
    pixels = bytes(level for pixel in zip(*levels, strict=True) for level in pixel)
    rows = b"".join(b"\0" + pixels[start : start + 3 * WIDTH] for start in range(0, len(pixels), 3 * WIDTH))
    head = struct.pack(">IIBBBBB", WIDTH, WIDTH, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return base64.b64encode(png).decode()


COLORS = ("soft", "b", "a", "both")
"""Colors of lines, by the names of the site's CSS variables."""


def plot_lines(lines: dict[str, list[float]]) -> None:
    """Plots lines over the frames; a line whose name ends in "*" is plotted as dots."""
    width, height, left, below = 640, 256, 52, 26
    values = [value for line in lines.values() for value in line]
    low, high = min(values), max(values)
    margin = 0.06 * (high - low) or 1.0
    low, high = low - margin, high + margin
    longest = max(map(len, lines.values()))

    def place(frame: float, value: float) -> tuple[float, float]:
        x = left + frame / (longest - 1) * (width - left - 10)
        return x, height - below - (value - low) / (high - low) * (height - below - 8)

    parts = []
    for tick in range(5):
        value = low + margin + tick / 4 * (high - low - 2 * margin)
        y = place(0, value)[1]
        parts.append(f'<path d="M{left} {y:.1f}H{width - 10}" class="grid"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{value:.2f}</text>')
    for frame in range(0, longest, 25):
        x = place(frame, low)[0]
        parts.append(f'<text x="{x:.1f}" y="{height - below + 18}" text-anchor="middle">{frame}</text>')
    legend = []
    for color, (name, line) in zip(COLORS, lines.items(), strict=False):
        points = [place(frame, value) for frame, value in enumerate(line)]
        paint = f"var(--drawing-{color})"
        if name.endswith("*"):
            parts += [f'<circle cx="{px:.1f}" cy="{py:.1f}" r="2.6" fill="{paint}"/>' for px, py in points]
        else:
            path = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{paint}" stroke-width="2"/>')
        legend.append(f'<span style="--line: {paint}">{html.escape(name.rstrip(" *"))}</span>')
    title = html.escape("Lines over the frames: " + ", ".join(name.rstrip(" *") for name in lines))
    drawing = f"<title>{title}</title>{''.join(parts)}"
    send(
        f'<svg class="lesson-plot" viewBox="0 0 {width} {height}" role="img">{drawing}</svg>'
        f'<div class="lesson-legend">{"".join(legend)}</div>'
    )
