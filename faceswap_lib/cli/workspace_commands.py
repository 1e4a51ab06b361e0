"""Subcommand for a whole workspace: creates, describes and clears it."""

import dataclasses
import sys
from typing import Annotated, Literal

import tyro

from faceswap_lib.cli.arguments import Folder
from faceswap_lib.config_fields import Doc
from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.facesets import Workspace as WorkspaceFolder


@dataclasses.dataclass(frozen=True, kw_only=True)
class Workspace:
    """Create a workspace (init), show what is in it and what to do next (status), or empty it (clear)."""

    action: Annotated[
        tyro.conf.Positional[Literal["init", "status", "clear"]],
        Doc("init: folders and a template for consents; status: changes nothing; clear: keeps consents and videos"),
        tyro.conf.arg(metavar="ACTION"),
    ]
    workspace: Folder
    yes: Annotated[bool, Doc("with clear: do not ask")] = False
    backup: Annotated[
        bool, Doc("with clear: move everything to backups/DATE in the workspace, instead of removing it")
    ] = True

    def __call__(self) -> None:
        """Carries the action out and prints what was done."""
        if self.action != "clear" and (self.yes or not self.backup):
            raise InputError(f"--yes and --no-backup belong to clear, got {self.action}")
        if self.action == "init":
            return self._init()
        if not self.workspace.is_dir():
            raise WorkspaceError(
                f"expected a workspace at {self.workspace}, got no folder; create it: faceswap workspace init "
                f"--workspace {self.workspace}"
            )
        return self._show() if self.action == "status" else self._clear()

    def _init(self) -> None:
        """Creates the workspace."""
        from faceswap_lib.pipeline.workspace_init import init_workspace

        for path in init_workspace(self.workspace):
            print(f"created {path}")
        self._show()

    def _show(self) -> None:
        """Prints what is in the workspace."""
        from faceswap_lib.pipeline.workspace_status import describe_workspace

        print(describe_workspace(WorkspaceFolder(self.workspace)).to_text())

    def _clear(self) -> None:
        """Clears the workspace, after a question."""
        from faceswap_lib.pipeline.workspace_clear import clear_workspace
        from faceswap_lib.pipeline.workspace_files import list_workspace_files

        workspace = WorkspaceFolder(self.workspace)
        files = list_workspace_files(workspace)
        what = f"{len(files):,} files, {sum(path.lstat().st_size for path in files) / 1e6:.1f} MB, in {self.workspace}"
        if not files:
            print(f"nothing to clear in {self.workspace}")
            return
        if not self.yes:
            doing = "move them to a backup" if self.backup else "remove them for good"
            confirm(f"{what}: {doing}?")
        report = clear_workspace(workspace, keep_backup=self.backup)
        where = f"moved to {report.backup}" if report.backup is not None else "removed"
        print(f"{report.files:,} files, {report.bytes / 1e6:.1f} MB {where}; consents and videos stay")
        if report.stayed:
            print(f"not made by this program, as far as is known, and still there: {', '.join(report.stayed)}")


def confirm(question: str) -> None:
    """Asks a question on the terminal.

    Raises:
        InputError: If the answer is not yes, or there is no terminal.
    """
    if not sys.stdin.isatty():
        raise InputError(f"{question} There is no terminal to ask on; pass --yes to do it")
    print(f"{question} [y/N] ", end="", flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise InputError("nothing was changed")
