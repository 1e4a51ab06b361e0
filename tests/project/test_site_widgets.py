"""Widgets and files of notebooks on the documentation site, where no notebook runs."""

import pathlib

import nbformat

from tools.website.notebooks import WIDGET, WIDGET_STATE, NotebookPage
from tools.website.tokens import Tokens


def show_data(data: dict, folder: pathlib.Path, state: dict) -> str:
    """The page of a notebook whose only cell has one output."""
    output = nbformat.v4.new_output("display_data", data=data)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=[output])])
    notebook.metadata.widgets = {WIDGET_STATE: {"state": state}}
    tokens = Tokens()
    return tokens.restore(NotebookPage("00_some", notebook, folder, tokens).to_markdown(executed=True))


def show_widget(state: dict, name: str, folder: pathlib.Path) -> str:
    return show_data({WIDGET: {"model_id": name}}, folder, state)


def box_of(*children: str, classes: tuple[str, ...] = ()) -> dict:
    state = {"children": [f"IPY_MODEL_{child}" for child in children], "_dom_classes": list(classes)}
    return {"model_name": "VBoxModel", "state": state}


def test_controls_become_one_line(tmp_path: pathlib.Path):
    state = {
        "all": box_of("pages", "row", "text", "apply", "titled"),
        "titled": box_of("label", "text"),
        "pages": box_of("back", "page", "count"),
        "count": {"model_name": "LabelModel", "state": {"value": "of 5"}},
        "back": {"model_name": "ButtonModel", "state": {"description": "‹"}},
        "page": {"model_name": "BoundedIntTextModel", "state": {"description": "page", "value": 1}},
        "row": box_of("label", "x", "y"),
        "label": {"model_name": "LabelModel", "state": {"value": "left eye"}},
        "x": {"model_name": "FloatTextModel", "state": {"description": "", "value": 137.05}},
        "y": {"model_name": "FloatTextModel", "state": {"description": "", "value": 142.2}},
        "text": {"model_name": "HTMLModel", "state": {"value": "<b>100</b> shown"}},
        "apply": {"model_name": "ButtonModel", "state": {"description": "propose rejects"}},
    }
    page = show_widget(state, "all", tmp_path)
    assert page.count("<b>100</b> shown") == 2 and ">of 5<" in page
    assert page.count("in the running notebook") == 1
    assert "Controls in the running notebook: page, left eye, propose rejects." in page
    assert "137" not in page and "‹" not in page


def test_pictures_of_buttons_keep_the_classes_that_their_style_names(tmp_path: pathlib.Path):
    style = "<style>.gallery .crop-0{background-image:url(data:image/png;base64,AAAA)}</style>"
    state = {
        "all": box_of("style", "crop", classes=("gallery",)),
        "style": {"model_name": "HTMLModel", "state": {"value": style}},
        "crop": {
            "model_name": "ToggleButtonModel",
            "state": {"_dom_classes": ["crop", "crop-0"], "description": "3.1", "tooltip": "a & b.jpg"},
        },
    }
    page = show_widget(state, "all", tmp_path)
    assert f'<div class="gallery">{style}<span class="jupyter-button crop crop-0"' in page
    assert 'title="a &amp; b.jpg">3.1</span></div>' in page and "Controls" not in page


def test_a_file_of_the_workspace_is_named_and_not_linked(tmp_path: pathlib.Path):
    link = "<a href='course/report.html' target='_blank'>course/report.html</a>, <a href='https://a.org/b'>b</a>"
    page = show_data({"text/html": link}, tmp_path, {})
    assert '<code>course/report.html</code>, <a href="https://a.org/b">b</a>' in page
