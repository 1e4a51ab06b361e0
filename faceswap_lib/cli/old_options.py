"""Command lines of the previous version: its options still work, and a warning states the new name of each."""

import dataclasses
import logging
import typing

from faceswap_lib.upgrades import FLAGS, OPTIONS, VALUES

logger = logging.getLogger(__name__)


def upgrade_arguments(verb: type, arguments: typing.Sequence[str]) -> list[str]:
    """Renames options and option values of the previous version, and logs one warning for each.

    Args:
        verb: The dataclass of the subcommand.
        arguments: Command-line arguments after the subcommand.

    Returns:
        The same arguments with the names of this version.
    """
    names = {_to_flag(old): _to_flag(new) for old, new in _old_names(verb).items()}
    values = {_to_flag(name): words for name, words in VALUES.items()}
    upgraded: list[str] = []
    option = ""
    for argument in arguments:
        if not argument.startswith("--"):
            upgraded.append(_upgrade_value(option, argument, values))
            option = ""  # the options with old values take one word; what follows is not theirs
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
    """Returns the new name of an option's value and logs a warning if it was renamed."""
    new = values.get(option, {}).get(value, value)
    if new != value:
        logger.warning("--%s %s is now called %s", option, value, new)
    return new


def _old_names(verb: type) -> dict[str, str]:
    """Maps the old names of a subcommand's options to the new names, including those of its option classes."""
    names = dict(FLAGS.get(verb.__name__, {}))
    for field in dataclasses.fields(verb):
        names |= OPTIONS.get(type(field.default).__name__, {})
    return names


def _to_flag(name: str) -> str:
    """Spells a field name as on the command line, with dashes."""
    return name.replace("_", "-")
