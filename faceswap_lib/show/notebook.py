"""Access to IPython in a notebook."""


def ipython_display():
    """Returns the module `IPython.display`.

    Raises:
        ImportError: If IPython is missing.
    """
    try:
        import IPython.display
    except ImportError as error:
        raise ImportError("IPython is not installed; pip install 'faceswap_lib[notebooks]'") from error
    return IPython.display


def in_notebook() -> bool:
    """Returns whether this process is the kernel of a notebook; IPython in a terminal is not."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return getattr(get_ipython(), "kernel", None) is not None
