"""A kernel with widgets in it, run and clicked as a page would do it."""

import contextlib
import queue
import time
import typing

import jupyter_client

PATIENCE = 60.0
"""Seconds to wait for what must come."""


class Page:
    """What a page sees of a kernel: outputs by cell, widgets by what they are.

    Args:
        client: A client whose channels are open.
    """

    def __init__(self, client: jupyter_client.BlockingKernelClient):
        self._client = client
        self.widgets: dict[str, dict[str, typing.Any]] = {}
        self.messages: list[dict[str, typing.Any]] = []

    def run(self, code: str) -> str:
        """Sends a cell; gives the id of its message."""
        return self._client.execute(code)

    def read_until(self, is_over: typing.Callable[[], bool]) -> None:
        """Takes in what the kernel says until something holds."""
        end = time.monotonic() + PATIENCE
        while not is_over():
            assert time.monotonic() < end, f"waited in vain; the last was {self.messages[-3:]}"
            with contextlib.suppress(queue.Empty):
                message = self._client.get_iopub_msg(timeout=1)
                self.messages.append(message)
                self._follow(message["msg_type"], message["content"])

    def finish(self, cell: str) -> None:
        """Takes in what the kernel says until a cell is done."""
        self.read_until(lambda: any(self.is_idle(message, cell) for message in self.messages[-1:]))

    @staticmethod
    def is_idle(message: dict[str, typing.Any], cell: str) -> bool:
        """Whether a message says that a cell is done."""
        is_mine = message["parent_header"].get("msg_id") == cell
        return is_mine and message["content"].get("execution_state") == "idle"

    def printed(self, cell: str) -> str:
        """What a cell has printed, and its error."""
        mine = [message for message in self.messages if message["parent_header"].get("msg_id") == cell]
        errors = ["\n".join(message["content"]["traceback"]) for message in mine if message["msg_type"] == "error"]
        return "".join([message["content"]["text"] for message in mine if message["msg_type"] == "stream"] + errors)

    def shown(self, cell: str, kind: str = "display_data") -> list[dict[str, typing.Any]]:
        """What a cell has put on the page, or, as `update_display_data`, put in place of it."""
        mine = [message for message in self.messages if message["parent_header"].get("msg_id") == cell]
        return [message["content"]["data"] for message in mine if message["msg_type"] == kind]

    def find(self, model: str, **state: typing.Any) -> str:
        """The id of the one widget of a kind with this state."""
        [found] = [
            name
            for name, widget in self.widgets.items()
            if widget["_model_name"] == model and state.items() <= widget.items()
        ]
        return found

    def send(self, widget: str, data: dict[str, typing.Any]) -> None:
        """Sends a widget a message."""
        content = {"comm_id": widget, "data": data}
        self._client.shell_channel.send(self._client.session.msg("comm_msg", content))

    def click(self, widget: str) -> None:
        """Clicks a button."""
        self.send(widget, {"method": "custom", "content": {"event": "click"}})

    def _follow(self, kind: str, content: dict[str, typing.Any]) -> None:
        if kind == "comm_open" and content["target_name"] == "jupyter.widget":
            self.widgets[content["comm_id"]] = dict(content["data"]["state"])
        elif kind == "comm_msg" and content["data"].get("method") == "update":
            self.widgets[content["comm_id"]].update(content["data"]["state"])
        elif kind == "comm_close":
            self.widgets.pop(content["comm_id"], None)


@contextlib.contextmanager
def open_page(kernel: str) -> typing.Iterator[Page]:
    """Starts a kernel, by its name, and a page that sees it."""
    manager = jupyter_client.KernelManager(kernel_name=kernel)
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=PATIENCE)
        yield Page(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
