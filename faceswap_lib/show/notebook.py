"""The page a notebook is, where there is one."""


def ipython_display():
    """The module that shows things on a page.

    Raises:
        ImportError: If IPython is missing.
    """
    try:
        import IPython.display
    except ImportError as error:
        raise ImportError("IPython is not installed; pip install 'faceswap_lib[notebooks]'") from error
    return IPython.display


def in_notebook() -> bool:
    """Whether this program runs in a notebook's kernel; a terminal's IPython is none."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return getattr(get_ipython(), "kernel", None) is not None
