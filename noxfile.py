# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""C{nox} runs what script/test runs, C{nox -s PART} a part, C{nox -l} lists them."""

import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2024.3.2"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "types", "tests"]

ALL = ("--editable", ".[testing,qr,metrics,interop,docs,dev]")

# Most tests wait for tor: two at once take half the time.
TOGETHER = ("--numprocesses", "2", "--dist", "worksteal")


def pytest(session: nox.Session, *arguments: str) -> None:
    """Run pytest isolated: the repository on sys.path would make up for a broken installation."""
    session.run("python", "-Im", "pytest", *arguments, *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style: ruff, and changelog fragments that towncrier can read."""
    session.install("ruff", "towncrier")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("towncrier", "build", "--draft", "--version", "next", silent=True)


@nox.session
def types(session: nox.Session) -> None:
    """Types: mypy, strict."""
    session.install(*ALL)
    session.run("mypy")


@nox.session(python=["3.11", "3.12", "3.13"])
def tests(session: nox.Session) -> None:
    """All tests; those marked network need tor."""
    session.install(*ALL)
    pytest(session, *TOGETHER)


@nox.session
def slow(session: nox.Session) -> None:
    """The tests that take minutes, which no other session runs: the real Onionbalance."""
    session.install(*ALL)
    pytest(session, "-m", "slow")


@nox.session
def interop(session: nox.Session) -> None:
    """Programs of others, unchanged, over onions: a line for each, PASS or FAIL with the reason."""
    session.install(*ALL)
    pytest(session, "-m", "interop", "tests/interop")


@nox.session
def bench(session: nox.Session) -> None:
    """All of benchmarks/, and the page docs/benchmarks.md: 40 quiet minutes; -- --quick takes 5."""
    session.install(*ALL)
    session.run("python", "benchmarks/all.py", *session.posargs)


@nox.session
def asyncio(session: nox.Session) -> None:
    """All tests on asyncio's reactor."""
    session.install(*ALL)
    pytest(session, "--reactor=asyncio", *TOGETHER)


@nox.session
def oldest(session: nox.Session) -> None:
    """All tests with the oldest of what setup.cfg admits: Twisted, txtorcon, and the others."""
    users = ("twisted==24.7.0", "txtorcon==24.8.0", "cryptography==40.0.0")
    session.install(*ALL, *users, "click==8.2.1", "rich==13.0.0")
    pytest(session, *TOGETHER)


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation, as a site: docs/_build/html/index.html. The build itself is offline."""
    session.install("--editable", ".[docs]")
    site = Path("docs", "_build", "html")
    # Afresh: what the pages show of the code may have changed though no page has.
    options = ("--fresh-env", "--fail-on-warning", "--quiet")
    session.run("python", "-Im", "sphinx", *options, *session.posargs, "docs", str(site))
    session.log(f"made {(site / 'index.html').absolute()}")


@nox.session(reuse_venv=False)  # What a user would install today.
def audit(session: nox.Session) -> None:
    """Known holes in what users install with us, and in the workflows. Needs PyPI's own service."""
    # Bandit is not among them: lint runs its rules, as ruff's S.
    session.install("pip", ".[qr,metrics]")
    theirs = session.run("python", "-m", "pip", "freeze", "--exclude", "onionp2p", silent=True)
    requirements = Path(session.create_tmp(), "requirements.txt")
    requirements.write_text(str(theirs), encoding="utf-8")
    session.install("pip-audit", "zizmor")
    session.run("zizmor", "--offline", "--pedantic", ".github")
    # Strict: what could not be looked up has not passed.
    exactly = ("--strict", "--disable-pip", "--no-deps", "--requirement", str(requirements))
    session.run("pip-audit", "--progress-spinner", "off", *exactly)


@nox.session
def build(session: nox.Session) -> None:
    """
    Make dist/, from two clones of what is committed, that must give the same bytes. With a tag, as
    in nox -s build -- v0.1.0, it must be what the tag says that is released.
    """
    session.install("build", "twine")
    top = Path(session.create_tmp())
    shutil.rmtree(top)
    results = []
    for umask in (0o022, 0o077):
        clone = top / f"umask-{umask:03o}"
        usual = os.umask(umask)
        session.run("git", "clone", "--quiet", ".", str(clone), external=True)
        session.run("python", "-m", "build", str(clone), silent=True)
        os.umask(usual)
        results.append({path.name: path.read_bytes() for path in (clone / "dist").iterdir()})
    if results[0] != results[1]:
        session.error("two builds of the same sources differ")
    for tag in session.posargs:
        version = tag.removeprefix("v")
        if f"onionp2p-{version}.tar.gz" not in results[0]:
            session.error(f"{tag} is not the version in setup.cfg")
        if f"\n## {version} (" not in (clone / "CHANGELOG.md").read_text(encoding="utf-8"):
            session.error(f"CHANGELOG.md has nothing on {version}: towncrier build")
    dist = Path("dist")
    shutil.rmtree(dist, ignore_errors=True)
    dist.mkdir()
    for name, content in results[0].items():
        (dist / name).write_bytes(content)
    session.run("twine", "check", "--strict", *map(str, dist.iterdir()))
