"""Command lines of the version before: its options still work, and each says what it is called now."""

import dataclasses
import logging
import typing

from faceswap_lib.upgrades import FLAGS, OPTIONS, VALUES

logger = logging.getLogger(__name__)


def upgrade_arguments(verb: type, arguments: typing.Sequence[str]) -> list[str]:
    """Renames options, and values of options, of the version before, and logs one line for each.

    Args:
        verb: The dataclass of the verb.
        arguments: What was typed behind the verb.

    Returns:
        The same command line in the words of this version.
    """
    names = {_to_flag(old): _to_flag(new) for old, new in _old_names(verb).items()}
    values = {_to_flag(name): words for name, words in VALUES.items()}
    upgraded: list[str] = []
    option = ""
    for argument in arguments:
        if not argument.startswith("--"):
            upgraded.append(_upgrade_value(option, argument, values))
            continue
        typed, equals, value = argument.partition("=")
        negation = "--no-" if typed.startswith("--no-") else "--"
        word = typed.removeprefix(negation).replace("_", "-")
        if word in names:
            logger.warning("%s is now called %s", typed, negation + names[word])
            typed = negation + names[word]
        option = typed.removeprefix("--").replace("_", "-")
        upgraded.append(typed + equals + (_upgrade_value(option, value, values) if equals else ""))
    return upgraded


def _upgrade_value(option: str, value: str, values: dict[str, dict[str, str]]) -> str:
    new = values.get(option, {}).get(value, value)
    if new != value:
        logger.warning("--%s %s is now called %s", option, value, new)
    return new


def _old_names(verb: type) -> dict[str, str]:
    """Lists the old names of a verb's options: its own, and those of the options classes it holds."""
    names = dict(FLAGS.get(verb.__name__, {}))
    for field in dataclasses.fields(verb):
        names |= OPTIONS.get(type(field.default).__name__, {})
    return names


def _to_flag(name: str) -> str:
    return name.replace("_", "-")
