"""Why something is stored or read.

Each purpose that is not locked governs two acts, and the visitor sees both named: the
depositing of cookies (any storing on the device or reading from it) and the making of
profiles.
"""

import re

import msgspec

PURPOSE_ID = re.compile(r"[a-z][a-z0-9-]{0,23}")


class Purpose(msgspec.Struct, frozen=True, kw_only=True):
    """One purpose of a published notice; its words are in the notice's texts.

    A locked purpose is always on and is never asked about: all its services are exempt
    from consent, each with the code of its exemption (CNIL-19).
    """

    id: str
    locked: bool = False


DEFAULT_PURPOSES = (
    Purpose(id="technical", locked=True),
    Purpose(id="audience"),
    Purpose(id="social"),
    Purpose(id="content"),
    Purpose(id="profiling"),
    Purpose(id="ads"),
)

# "Exempt: storing the tracker choice; authentication (and its security); shopping
# basket; interface customisation; load balancing; paywall metering" -- CNIL-19
EXEMPTIONS = (
    "choice",
    "auth",
    "security",
    "session",
    "basket",
    "interface",
    "load-balancing",
    "metering",
)
