"""What comes with a request besides a choice; the files of `signals/` read it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What a browser or a partner says. `objects`: the browser sends GPC."""

    objects: bool = False


NO_SIGNALS = Signals()
