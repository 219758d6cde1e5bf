"""Global Privacy Control: the `Sec-GPC` request header (GPC-1, GPC-4)."""

from collections.abc import Sequence


def objects(values: Sequence[str]) -> bool:
    """Say whether the `Sec-GPC` headers of one request, all of them, object."""
    # "If there are multiple Sec-GPC headers and at least one has a field value of
    # exactly "1" then the server MUST treat the request as if there were only one"
    # -- W3C Global Privacy Control, "The Sec-GPC Header Field for HTTP Requests"
    return any(value.strip(" \t") == "1" for value in values)
