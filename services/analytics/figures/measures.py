"""All measures, in the order in which `kpis` tells them. docs/kpis.md defines each."""

from services.analytics.figures import answers, first_steps, fraud, satisfaction, sign_ins, trials

MEASURES = (
    first_steps.ONBOARDING_COMPLETION,
    trials.CONVERSION,
    trials.FIRST_PAYMENT_FAILURES,
    satisfaction.SATISFACTION,
    sign_ins.SIGN_IN_SUCCESS,
    fraud.CHALLENGED,
    fraud.BLOCKED,
    fraud.FALSE_POSITIVES,
    answers.LATENCY,
    answers.ERROR_RATE,
    answers.AVAILABILITY,
    answers.SOCKET_AVAILABILITY,
)
