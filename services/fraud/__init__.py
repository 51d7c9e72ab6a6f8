"""Trials that cannot be farmed: signals, a score, a decision, and the people who have the last word."""

from services.fraud.checking import Checked, Stopped, check, forget, keep
from services.fraud.keys import SignUp
from services.fraud.proving import proven
from services.fraud.refusing import FraudSuspected, refuse
from services.fraud.rules import Rules, RulesError, read_rules
from services.fraud.scoring import Decision, Verdict, evaluate

__all__ = [
    "Checked",
    "Decision",
    "FraudSuspected",
    "Rules",
    "RulesError",
    "SignUp",
    "Stopped",
    "Verdict",
    "check",
    "evaluate",
    "forget",
    "keep",
    "proven",
    "read_rules",
    "refuse",
]
