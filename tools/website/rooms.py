"""Pages of the library's public names, one per package, which mkdocstrings fills."""

import importlib.util
import inspect
import pathlib
import textwrap

ROOMS = (
    *("media", "faces", "facesets", "networks", "training", "conversion", "evaluation", "show", "widgets", "pipeline"),
)
"""Packages with public names, in their order; missing ones are skipped."""

TABLES = {
    "DetectConfig": "detection",
    "TrackConfig": "following",
    "ExtractConfig": "extraction",
    "NetworkConfig": "networks",
    "TrainConfig": "training",
    "LoopConfig": "runs",
    "ConvertConfig": "conversion",
    "OutputConfig": "output",
    "EvaluateConfig": "evaluation",
}
"""Option classes, and their headings on the page of options."""

PRESETS = ("PRESETS", "TRAINING_PRESETS")
"""Dictionaries of presets, whose values are on the page of options."""


def write_pages(folder: pathlib.Path) -> None:
    """Writes one page per existing package."""
    folder.mkdir(parents=True, exist_ok=True)
    for room in ROOMS:
        if importlib.util.find_spec(f"faceswap_lib.{room}") is not None:
            (folder / f"{room}.md").write_text(_page(room), encoding="utf-8")


def _page(room: str) -> str:
    module = importlib.import_module(f"faceswap_lib.{room}")
    parts = [f"# faceswap_lib.{room}\n\n{inspect.getdoc(module)}"]
    for name in sorted(_public_names(module), key=lambda name: (name.isupper(), name.lower())):
        thing = inspect.unwrap(getattr(module, name))  # a function that keeps its results is wrapped
        link = " Their values are in the [table of presets](../options.md#presets)." if name in PRESETS else ""
        if not (inspect.isfunction(thing) or inspect.isclass(thing)):
            parts.append(f"## `{name}` {{#{name.lower()}}}\n\n{_constant(thing)}{link}")
        elif name in TABLES:
            text, _, example = (inspect.getdoc(thing) or "").partition("\n\nExample:\n")
            parts.append(
                f"## `{name}`\n\n{text} A frozen dataclass; its fields with their defaults are in the "
                f"[table of options](../options.md#{TABLES[name]})."
            )
            if example:
                parts.append(f"```pycon\n{textwrap.dedent(example)}\n```")
        else:
            parts.append(f"::: {thing.__module__}.{thing.__qualname__}")
    return "\n\n".join(parts) + "\n"


def _public_names(module) -> list[str]:
    if hasattr(module, "__all__"):
        return list(module.__all__)
    things = {name: thing for name, thing in vars(module).items() if not name.startswith("_")}
    return [name for name, thing in things.items() if inspect.isfunction(thing) or inspect.isclass(thing)]


def _constant(value) -> str:
    if isinstance(value, dict):
        return "A dictionary with the keys " + ", ".join(f"`{key}`" for key in value) + "."
    text = repr(value)
    return f"`{text}`" if len(text) < 80 else f"A `{type(value).__name__}`."
