"""What went wrong with one request, as RFC 9457 problem details.

A problem never repeats a value that the browser sent: places and purposes are named,
keys, cookies and identifiers are not.
"""

from collections.abc import Sequence
from html import escape
from http import HTTPStatus

import msgspec

Headers = list[tuple[bytes, bytes]]


class Fault(msgspec.Struct, frozen=True):
    """One thing that is wrong in a request, and where (`answers.audience`)."""

    place: str
    problem: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The members of a problem details object (RFC 9457 section 3.1)."""

    # "When "about:blank" is used, the title SHOULD be the same as the recommended HTTP
    # status phrase for that code" -- RFC 9457, section 4.2.1
    type: str
    title: str
    status: int
    detail: str = ""
    errors: Sequence[Fault] = ()


class ProblemError(Exception):
    """A request that ends in a problem; `headers` go with it."""

    def __init__(
        self, problem: Problem, headers: Sequence[tuple[bytes, bytes]] = ()
    ) -> None:
        super().__init__(problem.title)
        self.problem = problem
        self.headers = tuple(headers)


def plain(status: int, detail: str, *headers: tuple[bytes, bytes]) -> ProblemError:
    """A problem that says no more than its status and one sentence."""
    phrase = HTTPStatus(status).phrase
    return ProblemError(
        Problem(type="about:blank", title=phrase, status=status, detail=detail), headers
    )


def invalid(faults: Sequence[Fault]) -> ProblemError:
    """A choice that cannot be recorded, with everything that is wrong with it."""
    count = "One thing is" if len(faults) == 1 else f"{len(faults)} things are"
    return ProblemError(
        Problem(
            type="urn:bandeau:problem:invalid-choice",
            title="The choice cannot be recorded.",
            status=400,
            detail=f"{count} wrong with it; see `errors`.",
            errors=faults,
        )
    )


def unavailable(detail: str, retry_after: int) -> ProblemError:
    """Try again later: the banner keeps the answer and sends it again."""
    return plain(503, detail, (b"retry-after", b"%d" % retry_after))


_write = msgspec.json.Encoder().encode


def rendered(problem: Problem, *, page: bool = False) -> tuple[Headers, bytes]:
    """The headers and the body: a short page for a form's visitor, else JSON."""
    body = _page(problem) if page else _write(problem)
    kind = b"text/html; charset=utf-8" if page else b"application/problem+json"
    return [
        (b"content-type", kind),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ], body


def _page(problem: Problem) -> bytes:
    faults = "".join(
        f"<li>{escape(f.place)}: {escape(f.problem)}" for f in problem.errors
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(problem.title)}</title><h1>{escape(problem.title)}</h1>"
        f"<p>{escape(problem.detail)}</p>{faults and f'<ul>{faults}</ul>'}"
    ).encode()
