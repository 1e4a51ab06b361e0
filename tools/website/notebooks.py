"""Converts a notebook into a page of the site: its text as Markdown, its outputs unchanged."""

import base64
import hashlib
import html
import pathlib
import re

import bs4
import nbformat

from tools.website.tokens import Tokens, loosen_lists, mark_math

WIDGET = "application/vnd.jupyter.widget-view+json"
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
PICTURES = {"image/png": "png", "image/jpeg": "jpg", "image/gif": "gif"}
ENDINGS = {**PICTURES, "video/mp4": "mp4", "audio/wav": "wav", "image/svg+xml": "svg"}
CONTROLS = ("SliderModel", "DropdownModel", "TextModel", "CheckboxModel", "ButtonModel")
"""Endings of the names of widgets that only work in a running notebook."""

ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
PROGRESS = re.compile(r"\d+%\|")
BACKEND_TALK = re.compile(r"(WARNING:tensorflow|INFO: Created TensorFlow|WARNING: All log|[IWE]\d{4} \d\d:)")
"""Log lines of TensorFlow, which are left out."""

HEADING = re.compile(r"^#{1,4} +(.+?) *$", re.M)

OFFER = "[This notebook as a file]({file}) to run it yourself."
NOT_RUN = "!!! note\n    The outputs are left out in this build. Run the notebook to see them.\n"


class NotebookPage:
    """Page of one notebook: Markdown text, and files for its images and videos.

    Args:
        name: Name of the notebook.
        notebook: The notebook, with or without outputs.
        folder: Folder of the page; files are written to `folder/name`.
        tokens: Keeps HTML that Markdown must not change.
    """

    def __init__(self, name: str, notebook: nbformat.NotebookNode, folder: pathlib.Path, tokens: Tokens):
        self._name, self._notebook, self._folder, self._tokens = name, notebook, folder, tokens
        self._alt = "Output"
        self._widgets = notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})

    def to_markdown(self, *, executed: bool, slides: bool = False, offer: str = OFFER) -> str:
        """Converts the notebook to Markdown.

        Args:
            executed: Whether the notebook has outputs.
            slides: Whether there are slides of it, at `NAME-slides.html`.
            offer: The first line, with `{file}` for the address of the notebook's file.
        """
        parts = []
        for cell in self._notebook.cells:
            if cell.cell_type == "markdown":
                parts.append(mark_math(loosen_lists(cell.source), self._tokens))
                if headings := HEADING.findall(cell.source):
                    title = re.sub(r"[*`$]|\[([^\]]*)\]\([^)]*\)", r"\1", headings[-1])
                    self._alt = html.escape(f"Output of the section: {title}")
            elif cell.cell_type == "code" and cell.source.strip():
                parts.append(self._code(cell))
        offer = offer.format(file=f"{self._name}.ipynb")
        if slides:
            offer += f" [Slides]({self._name}-slides.html) to teach it."
        title, _, rest = "\n\n".join(parts).partition("\n")
        number = self._name.partition("_")[0]
        title = re.sub(rf"^# +(?!{number}\b)", f"# {number} ", title)
        return "\n\n".join([title, offer, *([] if executed else [NOT_RUN]), rest])

    def _code(self, cell: nbformat.NotebookNode) -> str:
        shown = "\n\n".join(filter(None, map(self._output, _joined(cell.outputs))))
        code = f"```python\n{cell.source}\n```"
        if "solution" not in cell.metadata.get("tags", []):
            return f"{code}\n\n{shown}"
        source = cell.source.partition("\n")[2] if cell.source.startswith("# @title") else cell.source
        opening = self._tokens.keep('<details class="nb-solution"><summary>Solution</summary>')
        closing = self._tokens.keep("</details>")
        return f"{opening}\n\n```python\n{source}\n```\n\n{shown}\n\n{closing}"

    def _output(self, output: nbformat.NotebookNode) -> str:
        if output.output_type == "stream":
            return _as_text(output.text, said=output.name == "stderr")
        if output.output_type == "error":
            raise ValueError(f"{self._name}: a cell failed with {output.ename}: {output.evalue}")
        data = output.data
        if WIDGET in data:
            return self._raw(self._widget(data[WIDGET]["model_id"]))
        for kind, ending in PICTURES.items():
            if kind in data:
                return self._raw(f'<img class="picture" alt="{self._alt}" src="{self._save(data[kind], ending)}">')
        if "image/svg+xml" in data:
            return self._raw(data["image/svg+xml"])
        if "text/html" in data:
            return self._html(data["text/html"])
        if "text/markdown" in data:
            return mark_math(loosen_lists(data["text/markdown"]), self._tokens)
        return _as_text(data.get("text/plain", ""))

    def _raw(self, piece: str) -> str:
        return self._tokens.keep(f'<div class="nb-output">{piece}</div>') if piece else ""

    def _html(self, page: str) -> str:
        soup = bs4.BeautifulSoup(page, "html.parser")
        if live := soup.find(class_="faceswap-source"):
            for style in live.find_all("style"):
                style.decompose()
            caption = self._tokens.keep('<p class="nb-caption">The code that runs:</p>')
            return f"{caption}\n\n```python\n{live.get_text().strip()}\n```"
        for tag in soup.find_all("img", alt=lambda words: not words):
            tag["alt"] = self._alt
        for tag in soup.find_all("a", href=re.compile(r"^(?!#|[a-z]+:)")):  # a file of the workspace is not on the site
            tag.name, tag.attrs = "code", {}
        for tag in soup.find_all(src=re.compile("^data:")):
            kind, _, data = tag["src"].removeprefix("data:").partition(";base64,")
            if kind in ENDINGS:
                tag["src"] = self._save(data, ENDINGS[kind])
        return self._raw(str(soup))

    def _widget(self, model_id: str) -> str:
        """Converts a widget to static HTML: what it shows, and the names of its controls, without progress bars."""
        controls: list[str] = []
        page = self._show_widget(model_id, controls)
        named = [name for name in dict.fromkeys(controls) if re.search(r"\w", name)]
        if not controls or (page and not named):
            return page
        note = (
            f"Controls in the running notebook: {', '.join(named)}." if named else "(controls, in the running notebook)"
        )
        return f'{page}<p class="nb-widget">{html.escape(note)}</p>'

    def _show_widget(self, model_id: str, controls: list[str]) -> str:
        """Converts what a widget shows, and adds the names of its controls to a list."""
        model = self._widgets.get(model_id)
        if model is None:
            return '<p class="nb-widget">(something to move, in the running notebook)</p>'
        name, state = model["model_name"], model["state"]
        children = [child.removeprefix("IPY_MODEL_") for child in state.get("children", [])]
        kinds = [self._widgets[child]["model_name"] for child in children if child in self._widgets]
        if "FloatProgressModel" in {name, *kinds}:
            return ""
        if name == "OutputModel":
            shown = [self._output(nbformat.from_dict(output)) for output in state.get("outputs", [])]
            return "".join(self._tokens.restore(self._as_html(piece)) for piece in shown)
        if name == "ImageModel" and (value := state.get("value")):
            data = value.get("data", "") if isinstance(value, dict) else value
            return f'<img class="picture" alt="{self._alt}" src="{self._save(data, "png")}">' if data else ""
        if name in ("HTMLModel", "LabelModel"):
            value = state.get("value", "")
            return value if value.startswith("<style>") else f'<p class="nb-widget">{value}</p>'
        if name == "ToggleButtonModel" and state.get("_dom_classes"):  # its picture is in a style of the widget
            return _as_tile(state)
        if name.endswith(CONTROLS):
            value = state.get("value", "")
            controls.append(f"{state.get('description', '')} {value if name.endswith('SliderModel') else ''}".strip())
            return ""
        fields = [self._widgets[child] for child in children if child in self._widgets]
        is_named = any(re.search(r"\w", one["state"].get("description", "")) for one in fields)
        if "LabelModel" in kinds and not is_named and all(kind.endswith((*CONTROLS, "LabelModel")) for kind in kinds):
            controls += [one["state"].get("value", "") for one in fields if one["model_name"] == "LabelModel"]
            return ""
        inner = "".join(self._show_widget(child, controls) for child in children)
        classes = html.escape(" ".join(state.get("_dom_classes", [])))
        return f'<div class="{classes}">{inner}</div>' if classes and inner else inner

    def _as_html(self, piece: str) -> str:
        fenced = re.fullmatch(r"```\w*\n(.*)\n```", piece, re.S)
        return f"<pre><code>{html.escape(fenced[1])}</code></pre>" if fenced else piece

    def _save(self, data: str, ending: str) -> str:
        """Writes an image or video next to the page; returns its address relative to the page."""
        content = base64.b64decode(data) if ending != "svg" else data.encode()
        name = f"{hashlib.sha256(content).hexdigest()[:12]}.{ending}"
        (self._folder / self._name).mkdir(parents=True, exist_ok=True)
        (self._folder / self._name / name).write_bytes(content)
        return f"{self._name}/{name}"


def _as_tile(state: dict) -> str:
    """Converts a button with a picture to a tile of the same size that does nothing."""
    classes, words = (html.escape(text) for text in (" ".join(state["_dom_classes"]), state.get("tooltip") or ""))
    look = "display:inline-flex;margin:2px;text-align:center;pointer-events:none"
    label = html.escape(state.get("description", ""))
    return f'<span class="jupyter-button {classes}" style="{look}" title="{words}">{label}</span>'


def _joined(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Joins consecutive outputs of the same stream."""
    joined: list[nbformat.NotebookNode] = []
    for output in outputs:
        before = joined[-1] if joined else None
        if before and output.output_type == before.output_type == "stream" and output.name == before.name:
            joined[-1] = nbformat.from_dict({**before, "text": before.text + output.text})
        else:
            joined.append(output)
    return joined


def _as_text(text: str, *, said: bool = False) -> str:
    """Formats printed text as a code block, without progress bars and colors; lines of standard error are wrapped."""
    lines = [ESCAPES.sub("", line).rstrip("\r").rpartition("\r")[2] for line in text.split("\n")]
    lines = [line for line in lines if not (PROGRESS.search(line) or (said and BACKEND_TALK.match(line)))]
    shown = "\n".join(lines).strip("\n")
    return f"```{'{ .text .nb-said }' if said else 'text'}\n{shown}\n```" if shown.strip() else ""
