"""The strictest: for a country that we do not know, Germany and Italy together.

"Profile keyed on visitor country …; strictest-profile fallback when unknown" (EU-11).
"""

from bandeau.model.answers import Answer
from bandeau.regimes.table import Months, Regime, Verdict

# Silence is never a yes (EU-3). An objection (GPC) adds nothing where everything waits
# for a yes, and takes nothing from a yes given to this very site (GPC-4).
VERDICTS = {
    (Answer.ACCEPTED, False): Verdict(allowed=True, because="strictest.accepted"),
    (Answer.ACCEPTED, True): Verdict(allowed=True, because="strictest.accepted"),
    (Answer.REFUSED, False): Verdict(allowed=False, because="strictest.refused"),
    (Answer.REFUSED, True): Verdict(allowed=False, because="strictest.refused"),
    (Answer.UNANSWERED, False): Verdict(allowed=False, because="strictest.unanswered"),
    (Answer.UNANSWERED, True): Verdict(allowed=False, because="strictest.objected"),
}

STRICTEST = Regime(
    id="strictest",
    title="Unknown country: the strictest of all",
    verdicts=VERDICTS,
    exempt=Verdict(allowed=True, because="EU-1"),
    unknown=Verdict(allowed=False, because="strictest.unknown"),
    # A refusal is kept as long as a yes, six calendar months, neither more nor less.
    choice=Months(months=6, at_least=6, at_most=6, because="IT-3"),
)
