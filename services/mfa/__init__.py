"""Second factors: which ones an account has, and how each is added, asked for and taken away."""

from services.mfa.factors import MfaMethod, has_factor, methods_of

__all__ = ["MfaMethod", "has_factor", "methods_of"]
