"""France, the base profile: loi 78-17 art. 82, CNIL 2020-091 and 2020-092."""

from bandeau.model.answers import Answer
from bandeau.regimes.table import Months, Regime, Verdict

# Silence is never a yes (EU-3). An objection (GPC) adds nothing where everything waits
# for a yes, and takes nothing from a yes given to this very site (GPC-4).
VERDICTS = {
    (Answer.ACCEPTED, False): Verdict(allowed=True, because="france.accepted"),
    (Answer.ACCEPTED, True): Verdict(allowed=True, because="france.accepted"),
    (Answer.REFUSED, False): Verdict(allowed=False, because="france.refused"),
    (Answer.REFUSED, True): Verdict(allowed=False, because="france.refused"),
    (Answer.UNANSWERED, False): Verdict(allowed=False, because="france.unanswered"),
    (Answer.UNANSWERED, True): Verdict(allowed=False, because="france.objected"),
}

FRANCE = Regime(
    id="france",
    title="France: loi 78-17 art. 82",
    verdicts=VERDICTS,
    exempt=Verdict(allowed=True, because="CNIL-19"),
    unknown=Verdict(allowed=False, because="france.unknown"),
    # A refusal is kept as long as a yes, six calendar months, neither more nor less.
    choice=Months(months=6, at_least=6, at_most=6, because="CNIL-13"),
)
