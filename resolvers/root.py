"""The roots, merged in one visible list, and the schema that they make."""

from collections.abc import Iterable
from functools import cache
from itertools import starmap
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.extensions import SchemaExtension
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig
from strawberry.types.base import get_object_definition

from core.errors import Refusal
from engine.events import EventExecutor, InterpretedEvents
from resolvers.accounts.administration import AdministrationMutation, AdministrationQuery
from resolvers.accounts.emails import EmailsMutation
from resolvers.accounts.passwords import PasswordsMutation
from resolvers.accounts.privacy import PrivacyMutation
from resolvers.accounts.profile import ProfileMutation
from resolvers.accounts.signing_in import SigningInMutation, SigningInQuery
from resolvers.analytics import AnalyticsMutation
from resolvers.audit import AuditQuery
from resolvers.billing import BillingMutation, BillingQuery
from resolvers.devices import DevicesMutation
from resolvers.feedback import FeedbackMutation
from resolvers.figures import FiguresQuery
from resolvers.flags import FlagsMutation, FlagsQuery
from resolvers.fraud import FraudMutation, FraudQuery
from resolvers.images import ImagesMutation
from resolvers.intents import IntentsMutation, IntentsQuery
from resolvers.mfa import MfaMutation
from resolvers.nodes import NodesQuery
from resolvers.notifications import NotificationsMutation
from resolvers.onboarding import OnboardingMutation
from resolvers.passkeys import PasskeysMutation
from resolvers.recommendations import RecommendationsMutation, RecommendationsQuery, RecommendationsSubscription
from resolvers.schedule import ScheduleQuery
from resolvers.sessions import SessionsMutation, SessionsSubscription
from resolvers.trials import TrialsMutation, TrialsSubscription
from resolvers.usage import UsageMutation, UsageSubscription
from resolvers.webhooks import WebhooksMutation, WebhooksQuery
from schema import (
    accounts,
    billing,
    challenges,
    fraud,
    images,
    notifications,
    passkeys,
    purchase_results,
    sessions,
    trials,
    usage,
)
from schema.accounts import administration, emails, signing_in
from schema.compiled import Compiled
from schema.directives import Auth, Public
from schema.errors import Error, RefusalHandler
from schema.limits import DocumentLimits, NoIntrospection, TellsWhatRuns
from schema.uploads import UPLOAD, Upload


@strawberry.type(description="What can be asked.")
class Query(
    AdministrationQuery,
    AuditQuery,
    BillingQuery,
    FiguresQuery,
    FlagsQuery,
    FraudQuery,
    IntentsQuery,
    NodesQuery,
    RecommendationsQuery,
    ScheduleQuery,
    SigningInQuery,
    WebhooksQuery,
):
    """All queries."""


@strawberry.type(description="What can be done.")
class Mutation(
    AdministrationMutation,
    AnalyticsMutation,
    BillingMutation,
    DevicesMutation,
    FeedbackMutation,
    FlagsMutation,
    FraudMutation,
    IntentsMutation,
    ImagesMutation,
    MfaMutation,
    OnboardingMutation,
    NotificationsMutation,
    PrivacyMutation,
    PasskeysMutation,
    EmailsMutation,
    PasswordsMutation,
    ProfileMutation,
    RecommendationsMutation,
    SessionsMutation,
    SigningInMutation,
    TrialsMutation,
    UsageMutation,
    WebhooksMutation,
):
    """All mutations."""


@strawberry.type(description="What can be followed live.")
class Subscription(
    RecommendationsSubscription,
    SessionsSubscription,
    TrialsSubscription,
    UsageSubscription,
):
    """All subscriptions."""


REFUSALS: dict[type[Refusal], type[Error]] = {
    **administration.REFUSALS,
    **passkeys.REFUSALS,
    **purchase_results.REFUSALS,
    **challenges.REFUSALS,
    **emails.REFUSALS,
    **fraud.REFUSALS,
    **images.REFUSALS,
    **notifications.REFUSALS,
    **sessions.REFUSALS,
    **signing_in.REFUSALS,
    **trials.REFUSALS,
    **usage.REFUSALS,
}

ANY_JSON = strawberry.scalar(name="JSON", description="Any JSON value.")
"""Printed as the contract has it, without the address of a standard's paper."""


class UnguardedFieldError(Exception):
    """A root field says neither `@auth` nor `@public`: the schema is closed by default and does not build."""


class Schema(strawberry.Schema):
    """A schema whose failures are described and logged where the answer is written, once."""

    def process_errors(self, errors: list[GraphQLError], execution_context: Any = None) -> None:
        pass


@cache
def build_schema(*, introspection: bool = True, compiled: bool = True) -> Schema:
    """The schema, one in a process: it holds nothing of an app. Raises UnguardedFieldError."""
    for root in (Query, Mutation, Subscription):
        require_guards(root)
    extensions: list[type[SchemaExtension]] = [DocumentLimits, TellsWhatRuns]
    if not introspection:
        extensions.append(NoIntrospection)
    if compiled:
        extensions.append(Compiled)
    return Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[accounts.User, trials.Trial, billing.Plan],
        extensions=extensions,
        execution_context_class=EventExecutor if compiled else InterpretedEvents,
        exception_handlers=list(starmap(RefusalHandler, REFUSALS.items())),
        config=StrawberryConfig(auto_camel_case=True, scalar_map={JSON: ANY_JSON, Upload: UPLOAD}),
    )


def require_guards(root: type) -> None:
    """Raise UnguardedFieldError unless every field of a root type is guarded."""
    definition = get_object_definition(root, strict=True)
    for field in definition.fields:
        if not _is_guarded(field.extensions):
            raise UnguardedFieldError(f"{definition.name}.{field.python_name}: say @public or @auth")


def _is_guarded(extensions: Iterable[object]) -> bool:
    return any(isinstance(extension, (Auth, Public)) for extension in extensions)
