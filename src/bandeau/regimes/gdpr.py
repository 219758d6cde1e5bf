"""The EU default: consent before any store or read, refusal remembered as long as a yes.

Directive 2002/58/EC art. 5(3); GDPR art. 4(11), 7. Values: reference section 4.
"""

from bandeau.model.answers import Answer
from bandeau.regimes.table import Months, Regime, Verdict

# Silence is never a yes (EU-3). An objection (GPC) adds nothing where everything waits
# for a yes, and takes nothing from a yes given to this very site (GPC-4).
VERDICTS = {
    (Answer.ACCEPTED, False): Verdict(allowed=True, because="gdpr.accepted"),
    (Answer.ACCEPTED, True): Verdict(allowed=True, because="gdpr.accepted"),
    (Answer.REFUSED, False): Verdict(allowed=False, because="gdpr.refused"),
    (Answer.REFUSED, True): Verdict(allowed=False, because="gdpr.refused"),
    (Answer.UNANSWERED, False): Verdict(allowed=False, because="gdpr.unanswered"),
    (Answer.UNANSWERED, True): Verdict(allowed=False, because="gdpr.objected"),
}

GDPR = Regime(
    id="gdpr",
    title="EU default: ePrivacy Directive art. 5(3), GDPR",
    verdicts=VERDICTS,
    exempt=Verdict(allowed=True, because="EU-1"),
    unknown=Verdict(allowed=False, because="gdpr.unknown"),
    # A refusal is kept as long as a yes, six calendar months, neither more nor less.
    choice=Months(months=6, at_least=6, at_most=6, because="CNIL-13"),
)
