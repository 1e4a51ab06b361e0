"""Steps of a gallery that can be undone: changes of marks, and excluded crops."""

import dataclasses
import typing


@dataclasses.dataclass(frozen=True, kw_only=True)
class MarkStep:
    """Change of marks.

    Attributes:
        added: File names of the crops that were marked.
        removed: File names of the crops whose mark was removed.
    """

    added: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()

    @property
    def count(self) -> int:
        """Number of crops that the step changed."""
        return len(self.added) + len(self.removed)

    @property
    def undo_text(self) -> str:
        """What undoing it does."""
        if not self.removed:
            return f"unmark {self.count:,}"
        return f"mark {self.count:,} again" if not self.added else f"undo {self.count:,} marks"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExcludeStep:
    """Exclusion of crops.

    Attributes:
        crops: File names of the excluded crops.
    """

    crops: tuple[str, ...]

    @property
    def count(self) -> int:
        """Number of crops that the step changed."""
        return len(self.crops)

    @property
    def undo_text(self) -> str:
        """What undoing it does."""
        return f"bring {self.count:,} back"


class GalleryHistory:
    """Steps of a gallery in their order."""

    def __init__(self):
        self._steps: list[MarkStep | ExcludeStep] = []

    def add(self, step: MarkStep | ExcludeStep) -> None:
        """Adds a step, unless it changed nothing."""
        if step.count:
            self._steps.append(step)

    @property
    def last(self) -> MarkStep | ExcludeStep | None:
        """The step that `undo` undoes next; None if there is none."""
        return self._steps[-1] if self._steps else None

    def remove_last(self) -> None:
        """Removes the last step, after it was undone."""
        self._steps.pop()


def marks_after_undo(marked: typing.AbstractSet[str], step: MarkStep) -> set[str]:
    """Computes the marks without a step."""
    return (set(marked) - step.added) | step.removed
