"""The service that takes answers: it serves what a visitor needs, and keeps what they said.

Two paths are hot and are plain ASGI: the answer (`choices`) and the banner (`files`).
Everything else is a page or two a day and goes through Starlette (`pages`). No address
and no user agent is stored or logged here, and no line of log holds a cookie's value, a
key or an identifier.
"""

from bandeau.collector.service import Collector

__all__ = ["Collector"]
