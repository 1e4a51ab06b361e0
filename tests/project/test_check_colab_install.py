"""The tool that says what an install would move: how it reads lists and pip's words, and what it says of them."""

import os
import subprocess
import sys

from tests.conftest import ROOT
from tools import check_colab_install
from tools.check_colab_install import Outcome, find_lost, read_constraints, resolve, to_lines

LISTED = {"numpy": "2.1.3", "pyyaml": "6.0.3", "torch": "2.1+cu128"}


def test_a_list_is_read_as_it_is_written():
    text = "# a list\nnumpy==2.1.3\nPyYAML==6.0.3  # note\nno version\ntorch==2.1+cu128\n"
    assert read_constraints(text) == LISTED


def test_of_two_lines_for_one_package_the_first_counts():
    assert read_constraints("six==1.17.0\nzope.interface==8.0\nSix==1.16.0\nzope_interface==5.4\n") == {
        "six": "1.17.0",
        "zope-interface": "8.0",
    }


def test_a_version_that_pip_cannot_read_is_left_out_and_named(monkeypatch):
    given = []
    monkeypatch.setattr(
        check_colab_install, "ask_pip", lambda *asked: given.append(asked[-1]) or ({"torch": "2.1+cu128"}, "")
    )
    listed = {"torch": "2.1+cu128", "distro-info": "1.1build1"}
    outcome = resolve(sys.executable, "project", "", listed)
    assert given == [{"torch": "2.1+cu128"}] and outcome.unusable == ["distro-info"]
    assert to_lines(outcome, listed)[0] == "no such version for this Python: distro-info==1.1build1; took none"


def test_only_listed_versions_that_do_not_exist_here_are_left_out():
    words = (
        "Additionally, some packages in these conflicts have no matching distributions available for your "
        "environment:\n    PyYAML\n    other\n\nTo fix this"
    )
    assert find_lost(words, LISTED) == ["pyyaml"] and find_lost("ERROR: no", LISTED) == []


def test_what_moves_and_what_is_new_is_named():
    found = {"numpy": "2.1.3", "pyyaml": "7.0", "av": "18", "torch": "2.0"}
    lines = to_lines(Outcome(found, ["torch"], ""), LISTED)
    assert lines[0].endswith("torch==2.1+cu128; took 2.0") and "1 listed ones as they are, 1 moved, 1 new" in lines[1]
    assert lines[2:] == ["moved: pyyaml 6.0.3 -> 7.0", "new: av 18"]


def test_where_pip_finds_no_way_its_words_are_passed_on(tmp_path):
    """With a pip that says no to everything."""
    (tmp_path / "list.txt").write_text("numpy==1.0\n")
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip" / "__init__.py").touch()
    (tmp_path / "pip" / "__main__.py").write_text("import sys\nprint('ERROR: Cannot install')\nsys.exit(1)\n")
    command = [sys.executable, str(ROOT / "tools" / "check_colab_install.py"), str(tmp_path / "list.txt")]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 1 and "does not resolve" in done.stdout and "ERROR: Cannot install" in done.stdout
