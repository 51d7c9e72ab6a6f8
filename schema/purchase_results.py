"""What is asked of purchases, and what becomes of it."""

from datetime import datetime
from typing import Annotated

import strawberry

from core.cursors import decode_id
from core.errors import Refusal
from schema.billing import Money
from schema.errors import Error
from schema.purchases import PlanSubscription
from services.billing import buying, changing, checkout, previewing


@strawberry.type(description="One line of what a change costs.")
class PlanChangeLine:
    """A line of an invoice that is not made yet."""

    description: str = strawberry.field(description="What it is for, in the provider's words.")
    amount: Money = strawberry.field(description="Less than nothing for time that is given back.")


@strawberry.type(description="What a change of plan would cost: the invoice that follows says the same.")
class PlanChangePreview:
    """A preview."""

    due_now: Money = strawberry.field(description="What is charged with the change.")
    next_charge: Money = strawberry.field(description="What is charged next, a credit of the change taken off.")
    next_charge_at: datetime = strawberry.field(description="When that is.")
    lines: list[PlanChangeLine] = strawberry.field(description="What `dueNow` is made of.")
    prorated_at: datetime = strawberry.field(
        description="The moment from which time counts at the new price. `changePlan` takes it for an hour, "
        "and then charges what stands here."
    )

    @classmethod
    def of(cls, preview: previewing.Preview) -> "PlanChangePreview":
        """The preview as the API tells it."""

        def money(amount: int) -> Money:
            return Money(amount=amount, currency=preview.currency)

        return cls(
            due_now=money(preview.due_now),
            next_charge=money(preview.next_charge),
            next_charge_at=preview.next_charge_at,
            lines=[PlanChangeLine(description=line.description, amount=money(line.amount)) for line in preview.lines],
            prorated_at=preview.prorated_at,
        )


@strawberry.input(description="What to buy.")
class StartCheckoutInput:
    """A choice."""

    plan_id: strawberry.ID = strawberry.field(description="The plan's id.")
    success_url: str = strawberry.field(
        description="Where to come back to afterwards: this service's own address, its frontend's, or an allowed one."
    )
    cancel_url: str = strawberry.field(description="Where to come back to without buying.")
    currency: str | None = strawberry.field(
        default=None, description="ISO 4217 code, in any case; the plan's default one when left out."
    )
    promotion_code: str | None = strawberry.field(
        default=None, description="A promotion code; without one, the page asks for it."
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="Not needed: a second call with the same choice gives the same page, with or without a key.",
    )

    def choice(self) -> checkout.Choice:
        """The choice as the service takes it."""
        return checkout.Choice(
            plan_key=plan_key_of(self.plan_id),
            success_url=self.success_url,
            cancel_url=self.cancel_url,
            currency=self.currency,
            promotion_code=self.promotion_code,
        )


@strawberry.type(description="The page is open.")
class StartCheckoutSuccess:
    """What `startCheckout` gives."""

    url: str = strawberry.field(description="The page on which the plan can be bought, for a day.")


@strawberry.type(description="The viewer has a subscription that is not over.")
class AlreadySubscribed(Error):
    """One is enough."""


@strawberry.type(description="An address to come back to is not one of this service's own.")
class UrlNotAllowed(Error):
    """Nobody is sent elsewhere."""


@strawberry.type(description="The promotion code does not exist, is over, or is not for this viewer or plan.")
class PromotionCodeInvalid(Error):
    """No such promotion."""


StartCheckoutResult = Annotated[
    StartCheckoutSuccess | AlreadySubscribed | UrlNotAllowed | PromotionCodeInvalid,
    strawberry.union("StartCheckoutResult", description="What `startCheckout` answers."),
]


@strawberry.type(description="The portal is open.")
class OpenBillingPortalSuccess:
    """What `openBillingPortal` gives."""

    url: str = strawberry.field(description="The page for cards, invoices and the subscription, for some minutes.")


@strawberry.type(description="The viewer has no subscription, or it is over.")
class NotSubscribed(Error):
    """There is nothing to look after."""


OpenBillingPortalResult = Annotated[
    OpenBillingPortalSuccess | NotSubscribed | UrlNotAllowed,
    strawberry.union("OpenBillingPortalResult", description="What `openBillingPortal` answers."),
]


@strawberry.type(description="The plan has changed.")
class ChangePlanSuccess:
    """What `changePlan` gives."""

    subscription: PlanSubscription = strawberry.field(description="The subscription with its new plan.")


@strawberry.type(description="The payment failed, or an earlier one is open; the plan is what it was.")
class PaymentFailed(Error):
    """Not paid, not changed."""

    hosted_url: str | None = strawberry.field(description="Where the open invoice can be paid, where there is one.")

    @classmethod
    def of(cls, refusal: Refusal) -> "PaymentFailed":
        """The refusal with its address."""
        assert isinstance(refusal, changing.PaymentFailed)
        return cls(message=refusal.message, hosted_url=refusal.hosted_url)


ChangePlanResult = Annotated[
    ChangePlanSuccess | NotSubscribed | PaymentFailed,
    strawberry.union("ChangePlanResult", description="What `changePlan` answers."),
]


@strawberry.type(description="The subscription ends.")
class CancelSubscriptionSuccess:
    """What `cancelSubscription` gives."""

    subscription: PlanSubscription = strawberry.field(description="The subscription, ending or over.")


CancelSubscriptionResult = Annotated[
    CancelSubscriptionSuccess | NotSubscribed,
    strawberry.union("CancelSubscriptionResult", description="What `cancelSubscription` answers."),
]


@strawberry.type(description="The subscription goes on.")
class ResumeSubscriptionSuccess:
    """What `resumeSubscription` gives."""

    subscription: PlanSubscription = strawberry.field(description="The subscription, going on.")


ResumeSubscriptionResult = Annotated[
    ResumeSubscriptionSuccess | NotSubscribed,
    strawberry.union("ResumeSubscriptionResult", description="What `resumeSubscription` answers."),
]

REFUSALS: dict[type[Refusal], type[Error]] = {
    buying.AlreadySubscribed: AlreadySubscribed,
    buying.NotSubscribed: NotSubscribed,
    buying.UrlNotAllowed: UrlNotAllowed,
    changing.PaymentFailed: PaymentFailed,
    checkout.PromotionCodeInvalid: PromotionCodeInvalid,
}


def plan_key_of(plan_id: str) -> str | None:
    """The key in a plan's global id; None where it is none."""
    decoded = decode_id(plan_id)
    return decoded[1] if decoded and decoded[0] == "Plan" else None
