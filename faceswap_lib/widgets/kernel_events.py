"""Handling of widget clicks while a cell runs.

A kernel processes the messages of a page one after the other, and a running cell is one of these messages, so a click
waits until the cell has ended. `answer_clicks` reads the waiting messages from inside the cell and handles those of
widgets. All other messages, mainly the next cells, are kept for later in their order.

For ipykernel 6 `jupyter-ui-poll` does this. In ipykernel 7 a separate thread receives the messages and passes them to
the thread that runs the cells, where `jupyter-ui-poll` does not see them. There we read the queue between both threads.
"""

import typing

MESSAGES = 10
"""Number of messages that `jupyter-ui-poll` reads per call."""

OF_WIDGETS = ("comm_open", "comm_msg", "comm_close")
"""Types of messages that are handled immediately."""


def answer_clicks() -> None:
    """Handles the waiting messages of widgets during a running cell; call it from that cell in a notebook."""
    from IPython import get_ipython

    shell = get_ipython()
    if getattr(shell.kernel, "shell_channel_thread", None) is not None:
        _MessageQueue.of(shell).read()
        return
    from jupyter_ui_poll import ui_events

    with ui_events() as poll:
        poll(MESSAGES)


class _MessageQueue:
    """Queue of the messages for the thread that runs the cells, in a kernel of ipykernel 7.

    Args:
        shell: The IPython shell of the notebook.
    """

    _current: "_MessageQueue | None" = None

    def __init__(self, shell: typing.Any):
        self._kernel, self._events = shell.kernel, shell.events
        self._later: list[list] = []
        self._events.register("post_run_cell", self._put_back)

    @classmethod
    def of(cls, shell: typing.Any) -> "_MessageQueue":
        """Returns the queue of the running cell; creates it if needed."""
        if cls._current is None:
            cls._current = cls(shell)
        return cls._current

    def read(self) -> None:
        """Reads all waiting messages, handles those of widgets and keeps the others."""
        import zmq

        pair = self._kernel.shell_channel_thread.manager.get_shell_channel_to_subshell_pair(None)
        while True:  # until the queue is empty; otherwise the kernel gets no notification of the remaining messages
            try:
                frames = pair.to_socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            if not self._answer(frames):
                self._later.append(frames)

    def _answer(self, frames: list) -> bool:
        """Handles a message if it belongs to a widget; returns whether it does."""
        session = self._kernel.session
        if len(frames) == 1:  # an internal message between the threads of the kernel
            return False
        identities, signed = session.feed_identities(frames, copy=False)
        kind = session.deserialize(signed, content=False, copy=False)["header"]["msg_type"]
        if kind in OF_WIDGETS:
            self._kernel.shell_handlers[kind](None, identities, session.deserialize(signed, copy=False))
        return kind in OF_WIDGETS

    def _put_back(self, *_) -> None:
        """Sends the kept messages through the queue again at the end of the cell."""
        self._events.unregister("post_run_cell", self._put_back)
        _MessageQueue._current = None
        self.read()
        thread, later = self._kernel.shell_channel_thread, self._later
        socket = thread.manager.get_shell_channel_to_subshell_socket(None)

        def send() -> None:
            for frames in later:
                socket.send_multipart(frames, copy=False)

        if later:
            thread.io_loop.add_callback(send)
