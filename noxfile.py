"""C{nox} runs what script/test runs, C{nox -s PART} a part, C{nox -l} lists them."""

import nox

nox.needs_version = ">=2024.3.2"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "types", "tests"]

ALL = ("--editable", ".[testing,qr,metrics,interop,dev]")

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
def asyncio(session: nox.Session) -> None:
    """All tests on asyncio's reactor."""
    session.install(*ALL)
    pytest(session, "--reactor=asyncio", *TOGETHER)


@nox.session
def oldest(session: nox.Session) -> None:
    """All tests with the oldest Twisted and txtorcon that setup.cfg admits."""
    session.install(*ALL, "twisted==24.7.0", "txtorcon==24.8.0")
    pytest(session, *TOGETHER)
