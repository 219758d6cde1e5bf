"""One file per way in which a visitor or a partner speaks: what we take it to mean."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What came with one request. `objects`: the browser sends GPC."""

    objects: bool = False


NO_SIGNALS = Signals()
