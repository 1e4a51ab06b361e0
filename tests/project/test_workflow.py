"""The workflow of the repository: the systems and Pythons it names, and that its commands ask for what there is."""

import re
import shlex

import pytest
import yaml

from tests.conftest import ROOT
from tools.list_requirements import collect_requirements, tomllib

FOLDER = ROOT / ".github" / "workflows"
JOBS = yaml.safe_load((FOLDER / "ci.yml").read_text(encoding="utf-8"))["jobs"]
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
TYPES = ".venv/bin/basedpyright --pythonpath .venv/bin/python"
SYSTEMS = [("windows-latest", "3.11"), ("macos-latest", "3.11"), ("ubuntu-latest", "3.10"), ("ubuntu-latest", "3.13")]


def commands(job: str) -> list[list[str]]:
    """The words of every command of a job."""
    return [shlex.split(step["run"]) for step in JOBS[job]["steps"] if "run" in step]


def test_the_workflows_are_known_and_the_first_job_is_what_contributors_run():
    assert sorted(path.name for path in FOLDER.iterdir()) == ["advisories.yml", "ci.yml", "nightly.yml"]
    assert JOBS["test"]["runs-on"] == "ubuntu-latest"
    assert [step["with"]["python-version"] for step in JOBS["test"]["steps"] if "with" in step] == ["3.11"]
    (command,) = commands("test")
    assert command == ["bash", ".ci/run"] and (ROOT / command[1]).is_file()


def test_windows_macos_and_the_first_and_last_python_are_tried():
    job = JOBS["elsewhere"]
    assert [(entry["os"], entry["python"]) for entry in job["strategy"]["matrix"]["include"]] == SYSTEMS
    assert job["runs-on"] == "${{ matrix.os }}" and job["strategy"]["fail-fast"] is False
    versions = [step["with"]["python-version"] for step in job["steps"] if "with" in step]
    assert versions == ["${{ matrix.python }}"]
    lowest = re.search(r'^requires-python = ">=([\d.]+)"$', PROJECT, re.MULTILINE)
    assert lowest and lowest[1] == min((python for _, python in SYSTEMS), key=lambda text: int(text.split(".")[1]))


def test_what_the_other_systems_install_and_leave_out_exists(pytestconfig: pytest.Config):
    install, test = commands("elsewhere")
    assert install == ["python", "-m", "pip", "install", ".[test]"]
    assert re.search(r"^test = \[$", PROJECT, re.MULTILINE)
    assert test[:3] == ["python", "-m", "pytest"] and test[-2] == "-m"
    left_out = re.findall(r"not (\w+)", test[-1])
    assert test[-1] == " and ".join(f"not {marker}" for marker in left_out)
    assert set(left_out) == {"nightly", "slow", "parity"}
    described = {line.partition(":")[0] for line in pytestconfig.getini("markers")}
    assert set(left_out) <= described


def test_something_is_slow():
    """Or the marker would leave out nothing."""
    marked = [path.name for path in (ROOT / "tests").rglob("test_*.py") if "mark.slow" in path.read_text("utf-8")]
    assert len(set(marked) - {"test_workflow.py"}) >= 2


def test_advisories_are_asked_for_every_week_and_with_every_change_of_what_is_needed():
    workflow = yaml.safe_load((FOLDER / "advisories.yml").read_text(encoding="utf-8"))
    events = workflow[True]  # YAML reads the word "on" as a truth value
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", events["schedule"][0]["cron"]) and "workflow_dispatch" in events
    assert {"pyproject.toml", ".github/workflows/advisories.yml"} <= set(events["pull_request"]["paths"])
    assert workflow["permissions"] == {"contents": "read"}
    (job,) = workflow["jobs"].values()
    assert job["timeout-minutes"] <= 20
    words = [shlex.split(step["run"]) for step in job["steps"] if "run" in step]
    listing = next(command for command in words if "tools/list_requirements.py" in command)
    extras = listing[listing.index("--extras") + 1 : listing.index(">")]
    project = tomllib.loads(PROJECT)["project"]
    collect_requirements(project, extras)  # raises where an extra is unknown
    without_terms = {"docs", "test", "provenance", "onnx", "colab"}  # parts of others, or for building alone
    assert set(extras) | without_terms == set(project["optional-dependencies"])
    audit = next(command for command in words if command[0] == "pip-audit")
    assert listing[listing.index(">") + 1] in audit and "--ignore-vuln" not in audit


def test_every_night_the_whole_notebooks_and_an_old_workspace_are_tried():
    workflow = yaml.safe_load((FOLDER / "nightly.yml").read_text(encoding="utf-8"))
    assert re.fullmatch(r"\d+ \d+ \* \* \*", workflow[True]["schedule"][0]["cron"])
    assert workflow["permissions"] == {"contents": "read"}
    steps = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in workflow["jobs"].items()}
    assert steps["notebooks"][-1] == "python -m pytest -m nightly"
    assert steps["upgrade"][-1].startswith("python -m tools.check_upgrade --folder ")
    assert (ROOT / "tools" / "check_upgrade.py").is_file()
    checkout = workflow["jobs"]["upgrade"]["steps"][0]
    assert checkout["with"]["fetch-depth"] == 0  # the old version is in the history


def test_the_linter_is_the_same_before_a_commit_and_in_ci():
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (version,) = re.findall(r"ruff==([\d.]+)", text, re.MULTILINE)
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert repository["rev"] == f"v{version}"
    # each on a line of its own: of what && joins, only the last ends a script that has `set -e`
    assert {".venv/bin/ruff check .", ".venv/bin/ruff format --check .", TYPES} <= set(text.splitlines())


def test_the_citation_names_this_version():
    from faceswap_lib import __version__

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert str(citation["version"]) == __version__ and citation["license"] == "MIT"


def test_issue_templates_ask_for_what_the_doctor_says():
    templates = [
        yaml.safe_load(path.read_text(encoding="utf-8")) for path in (ROOT / ".github/ISSUE_TEMPLATE").iterdir()
    ]
    assert all(template["body"] and template["name"] for template in templates)
    assert any("faceswap doctor" in str(template) for template in templates)
