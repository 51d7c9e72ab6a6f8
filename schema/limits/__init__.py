"""What one document may ask for, judged before validation, on every transport.

Depth, aliases, directives and cost are counted through fragments, so that a short document cannot stand for a long
one. The cost is the number of fields that would be resolved: a connection multiplies by the page it asks for.
"""

from schema.limits.documents import Judged
from schema.limits.extensions import MAX_TOKENS, DocumentLimits, NoIntrospection, TellsWhatRuns, judged_documents

__all__ = ["MAX_TOKENS", "DocumentLimits", "Judged", "NoIntrospection", "TellsWhatRuns", "judged_documents"]
