"""A witness: it cosigns what other people's logs say, and never two different things.

It knows for each log which checkpoint it cosigned last, and cosigns the next one only
with a proof that this is the same tree, grown. Whoever trusts the witness need not trust
the log to tell everybody the same.

What is decided stands in `bandeau.ledger.witnessing`, pure. Here is the rest: `settings`
reads who it is and whom it watches, `store` keeps what was cosigned, `service` speaks
HTTP. It is a server of its own, for another machine and another owner than the log's: it
shares the ledger's formats with the collector and nothing else.
"""

from bandeau.witness.service import Witness
from bandeau.witness.settings import Settings, new_witness, read_settings
from bandeau.witness.store import WitnessStore

__all__ = ["Settings", "Witness", "WitnessStore", "new_witness", "read_settings"]
