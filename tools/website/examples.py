"""Extension of mkdocstrings: shows the section "Example:" of a docstring as code, as it does with "Examples:"."""

import typing

import griffe


class Examples(griffe.Extension):
    """Renames the sections when the docstrings are read."""

    def on_object(self, *, obj: griffe.Object, **kwargs: typing.Any) -> None:
        """Changes the docstring of an object, if it has one."""
        if obj.docstring:
            obj.docstring.value = obj.docstring.value.replace("Example:\n    >>>", "Examples:\n    >>>")
