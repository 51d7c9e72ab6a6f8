"""All measures, in the order in which `kpis` tells them. docs/kpis.md defines each."""

from services.analytics.figures import fraud, sign_ins, trials

MEASURES = (
    trials.CONVERSION,
    trials.FIRST_PAYMENT_FAILURES,
    sign_ins.SIGN_IN_SUCCESS,
    fraud.CHALLENGED,
    fraud.BLOCKED,
    fraud.FALSE_POSITIVES,
)
