"""Hostile files and random damage: the right result or our error; nothing else, and nothing else touched.

`pytest -m nightly tests/trust` reads many times as many random files. A random file that makes a finding lies under
`findings` in the folder of the test, and `engine.make_random` makes it again by its number.
"""

import sys

import pytest

from tests.trust.bad_readers import ACTS
from tests.trust.engine import find_cases, run_reader
from tests.trust.readers import READERS
from tests.trust.table import KEY

watched = pytest.mark.skipif(sys.platform != "linux", reason="what the watch lets pass is Linux's")

FEWEST = 30

NIGHTLY = 15
"""How many times as many random files there are in the nightly set."""


@watched
@pytest.mark.parametrize("times", [1, pytest.param(NIGHTLY, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("name", READERS)
def test_hostile_and_random_files_are_read_right_or_refused(name, times, tmp_path, record_property):
    outcome = run_reader(name, tmp_path, times)
    if outcome.skipped:
        pytest.skip(outcome.skipped)
    verdicts = (outcome.verdicts[verdict] for verdict in ("refused", "read", "ended the process"))
    findings = len(outcome.findings)
    record_property(KEY, [name, outcome.hostile, outcome.random, *verdicts, findings, round(outcome.seconds, 1)])
    assert not findings, "\n".join(outcome.findings[:50])
    assert outcome.hostile >= FEWEST and outcome.random == round(times * READERS[name].share)


@pytest.mark.parametrize("name", READERS)
def test_there_are_thirty_hostile_files_for_each_reader(name):
    names = [case.name for case in find_cases(READERS[name])]
    assert len(names) == len(set(names)) >= FEWEST


@watched
@pytest.mark.parametrize("act", ACTS)
def test_a_reader_that_does_wrong_is_noticed_and_the_next_file_is_read(act, tmp_path, monkeypatch):
    """So that the tests above can fail."""
    if act in ("is slow", "hangs"):
        monkeypatch.setenv("TRUST_SECONDS", "1.5")
        monkeypatch.setattr("tests.trust.engine.MOST_SECONDS", 1.5)
        monkeypatch.setattr("tests.trust.engine.GRACE", 3)
    outcome = run_reader(act, tmp_path, 1)
    assert outcome.findings and all(": evil: " in finding for finding in outcome.findings), outcome.findings
    assert ACTS[act][1] in " ".join(outcome.findings) and outcome.hostile == 2
