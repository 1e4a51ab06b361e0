"""Clicks that arrive while a cell runs.

A kernel reads what the page sends one message after the other, and a running cell is one of them: a click waits until
it has ended. `answer_clicks` reads on from inside the cell, answers what belongs to widgets, and leaves everything
else, the next cells above all, for later and in its order.

In kernels of ipykernel 6 `jupyter-ui-poll` does that. From ipykernel 7 on, another thread receives the messages and
hands them to the one that runs the cells, where it does not see them; we read the queue between the two.
"""

import typing

MESSAGES = 10
"""Messages that `jupyter-ui-poll` reads at one look."""

OF_WIDGETS = ("comm_open", "comm_msg", "comm_close")
"""Kinds of messages that are answered at once."""


def answer_clicks() -> None:
    """Answers what widgets on the page have sent, although a cell runs; called from that cell, in a notebook."""
    from IPython import get_ipython

    shell = get_ipython()
    if getattr(shell.kernel, "shell_channel_thread", None) is not None:
        _Waiting.of(shell).read()
        return
    from jupyter_ui_poll import ui_events

    with ui_events() as poll:
        poll(MESSAGES)


class _Waiting:
    """What a kernel of ipykernel 7 has waiting for the thread that runs the cells.

    Args:
        shell: The notebook's.
    """

    _current: "_Waiting | None" = None

    def __init__(self, shell: typing.Any):
        self._kernel, self._events = shell.kernel, shell.events
        self._later: list[list] = []
        self._events.register("post_run_cell", self._put_back)

    @classmethod
    def of(cls, shell: typing.Any) -> "_Waiting":
        """What is waiting while the present cell runs."""
        if cls._current is None:
            cls._current = cls(shell)
        return cls._current

    def read(self) -> None:
        """Reads all there is, answers the widgets, keeps the rest."""
        import zmq

        pair = self._kernel.shell_channel_thread.manager.get_shell_channel_to_subshell_pair(None)
        while True:  # to the end, or the kernel is not told of what is left
            try:
                frames = pair.to_socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            if not self._answer(frames):
                self._later.append(frames)

    def _answer(self, frames: list) -> bool:
        """Answers a message if it is one of a widget's."""
        session = self._kernel.session
        if len(frames) == 1:  # a word between the kernel's own threads
            return False
        identities, signed = session.feed_identities(frames, copy=False)
        kind = session.deserialize(signed, content=False, copy=False)["header"]["msg_type"]
        if kind in OF_WIDGETS:
            self._kernel.shell_handlers[kind](None, identities, session.deserialize(signed, copy=False))
        return kind in OF_WIDGETS

    def _put_back(self, *_) -> None:
        """At the end of the cell, sends what was kept through the queue once more."""
        self._events.unregister("post_run_cell", self._put_back)
        _Waiting._current = None
        self.read()
        thread, later = self._kernel.shell_channel_thread, self._later
        socket = thread.manager.get_shell_channel_to_subshell_socket(None)

        def send() -> None:
            for frames in later:
                socket.send_multipart(frames, copy=False)

        if later:
            thread.io_loop.add_callback(send)
