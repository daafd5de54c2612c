# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The workflows of .github/: what could be used against those who trust a release.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.release.sources import TOP

FILES = sorted((TOP / ".github" / "workflows").glob("*.yml"))

PINNED = re.compile(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+(\.\d+)+")

Workflow = dict[str, Any]


@pytest.fixture(params=FILES, ids=lambda path: path.name)
def text(request: pytest.FixtureRequest) -> str:
    """
    The text of each.
    """
    return str(request.param.read_text(encoding="utf-8"))


@pytest.fixture
def workflow(text: str) -> Workflow:
    """
    What it says: a dictionary with C{"jobs"}, each of which has C{"steps"}.
    """
    # BaseLoader: for the others of YAML 1.1, `on` is true.
    loaded = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - makes strings, lists and dicts
    assert isinstance(loaded, dict)
    return loaded


def steps(workflow: Workflow, key: str) -> list[Workflow]:
    """
    Give all steps that have C{"uses"}, or C{"run"}.
    """
    jobs = workflow["jobs"].values()
    return [step for job in jobs for step in job["steps"] if key in step]


def test_names() -> None:
    """
    The three that CONTRIBUTING.md tells of. PyPI knows the last one by its name.
    """
    assert [path.name for path in FILES] == ["docs.yml", "release.yml", "tests.yml"]


def test_pinned(text: str, workflow: Workflow) -> None:
    """
    Actions of others are named by commit, which nobody can move, with the version for readers.
    """
    uses = re.findall(r"uses: (.*)", text)
    assert len(uses) == len(steps(workflow, "uses"))
    assert [action for action in uses if not PINNED.fullmatch(action)] == []


def test_onePinEach() -> None:
    """
    An action has the same version wherever it is used.
    """
    uses = {use for path in FILES for use in re.findall(r"uses: (.*)", path.read_text("utf-8"))}
    assert len({use.partition("@")[0] for use in uses}) == len(uses)


def test_permissions(workflow: Workflow) -> None:
    """
    Nothing is permitted but what a job asks for; only the one that publishes asks to write, and it
    runs no command of ours.
    """
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        if name == "publish":
            assert job["permissions"] == {"id-token": "write"}
            assert job["environment"]["name"] == "pypi"
            assert [step for step in job["steps"] if "run" in step] == []
        else:
            assert job["permissions"] == {"contents": "read"}


def test_credentials(workflow: Workflow) -> None:
    """
    A check-out leaves no token behind for what runs after it; no secret is used at all.
    """
    for step in steps(workflow, "uses"):
        if step["uses"].startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] == "false"
    assert "secrets." not in str(workflow)


def test_noInjection(workflow: Workflow) -> None:
    """
    Nothing is put into a script but by an environment variable: a branch's name may be a command.
    """
    assert [step["run"] for step in steps(workflow, "run") if "${{" in step["run"]] == []


def test_triggers(workflow: Workflow) -> None:
    """
    What strangers propose is never run with our permissions.
    """
    assert workflow["on"].keys() <= {"push", "pull_request", "schedule"}


def test_bounded(workflow: Workflow) -> None:
    """
    Every job has a time limit, and newer runs do not queue up behind older ones.
    """
    assert all(0 < int(job["timeout-minutes"]) <= 60 for job in workflow["jobs"].values())
    assert workflow["concurrency"]["cancel-in-progress"] in {"true", "false"}


def test_sessions(workflow: Workflow) -> None:
    """
    Each session of nox that is asked for is one of noxfile.py.
    """
    noxfile = (TOP / "noxfile.py").read_text(encoding="utf-8")
    known = set(re.findall(r"^def (\w+)\(session", noxfile, re.MULTILINE))
    asked = {
        session.partition("-")[0]
        for step in steps(workflow, "run")
        for session in re.findall(r"--session ([a-z][\w.-]*)", step["run"])
    }
    for job in workflow["jobs"].values():
        matrix = job.get("strategy", {}).get("matrix", {})
        asked.update(matrix.get("session", ()))
        asked.update(row["session"].partition("-")[0] for row in matrix.get("include", ()))
    assert asked
    assert asked - known == set()
