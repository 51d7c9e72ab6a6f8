"""The billing portal: sessions that lead customers to a page of ours, and what it lets them do."""

from __future__ import annotations

import secrets

from adapters.payments.simulated import faults
from adapters.payments.simulated.checkout import address_in
from adapters.payments.simulated.forms import Form
from adapters.payments.simulated.routing import Ask, route
from adapters.payments.simulated.store import Docs, Document

SESSIONS = "/v1/billing_portal/sessions"
CONFIGURATIONS, CONFIGURATION = "/v1/billing_portal/configurations", "/v1/billing_portal/configurations/{id}"
KIND, SETTINGS = "billing_portal.session", "billing_portal.configuration"
LIFETIME = 3_600
"""Seconds for which the address of a session works."""
FEATURES = ("invoice_history", "payment_method_update", "subscription_cancel")
"""What the page can do. Stripe's can do more, and there these have to be switched on."""


@route("POST", SESSIONS)
def create(ask: Ask) -> Document:
    """A way for one customer to the page, for an hour."""
    docs, form = ask.docs, ask.form
    customer = docs.get("customer", form.need("customer"), "customer")
    name = form.text("configuration")
    settings = docs.get(SETTINGS, name, "configuration") if name else _standard(docs)
    secret = secrets.token_urlsafe(24)
    return docs.new(
        "bps",
        KIND,
        after_expiration=None,
        configuration=settings["id"],
        customer=customer["id"],
        customer_account=None,
        flow=None,
        locale=form.text("locale"),
        on_behalf_of=None,
        return_url=address_in(form, "return_url") or settings["default_return_url"],
        url=f"{docs.rules.public_url}/simulated-stripe/portal/{secret}",
        _secret=secret,
        _card=None,
    )


@route("POST", CONFIGURATIONS)
def configure(ask: Ask) -> Document:
    """What a portal of the caller's own lets people do."""
    settings = _new(ask.docs, standard=False)
    for feature in settings["features"].values():
        feature["enabled"] = False
    if not ask.form.has("features"):
        raise faults.bad_parameter("parameter_missing", "features")
    _write(ask.form, settings)
    ask.docs.save(settings)
    ask.docs.emit("billing_portal.configuration.created", settings)
    return settings


@route("POST", CONFIGURATION)
def reconfigure(ask: Ask) -> Document:
    """Change what is named."""
    settings = ask.docs.get(SETTINGS, ask.id, "configuration")
    _write(ask.form, settings)
    settings["updated"] = ask.docs.now
    return ask.docs.update(settings, "billing_portal.configuration.updated")


@route("GET", CONFIGURATION)
def configuration(ask: Ask) -> Document:
    """One of them."""
    return ask.docs.get(SETTINGS, ask.id, "configuration")


@route("GET", CONFIGURATIONS)
def configurations(ask: Ask) -> Document:
    """All, or those that are active, or the standard one."""
    flags = {name: ask.form.flag(name) for name in ("active", "is_default")}
    return ask.listed(SETTINGS, {name: flag for name, flag in flags.items() if flag is not None})


def session_of(docs: Docs, secret: str) -> Document | None:
    """The session whose address has this secret, if it still works."""
    found = docs.all(KIND, {"_secret": secret}, limit=1)
    return found[0] if found and docs.now < found[0]["created"] + LIFETIME else None


def allows(docs: Docs, session: Document, feature: str) -> bool:
    """Whether its customer may do something."""
    settings = docs.get(SETTINGS, session["configuration"])
    return bool(settings["features"][feature]["enabled"])


def _standard(docs: Docs) -> Document:
    """What holds where nobody said anything: all that the page can do."""
    found = docs.all(SETTINGS, {"is_default": True}, limit=1)
    return found[0] if found else _new(docs, standard=True)


def _new(docs: Docs, *, standard: bool) -> Document:
    return docs.new(
        "bpc",
        SETTINGS,
        active=True,
        application=None,
        business_profile={"headline": None, "privacy_policy_url": None, "terms_of_service_url": None},
        default_return_url=None,
        features={
            "customer_update": {"allowed_updates": [], "enabled": False},
            "invoice_history": {"enabled": True},
            "payment_method_update": {"enabled": True, "payment_method_configuration": None},
            "subscription_cancel": {
                "cancellation_reason": {"enabled": False, "options": []},
                "enabled": True,
                "mode": "at_period_end",
                "proration_behavior": "none",
            },
            "subscription_update": {"default_allowed_updates": [], "enabled": False, "proration_behavior": "none"},
        },
        is_default=standard,
        login_page={"enabled": False, "url": None},
        metadata={},
        name=None,
        updated=docs.now,
    )


def _write(form: Form, settings: Document) -> None:
    if form.has("default_return_url"):
        settings["default_return_url"] = address_in(form, "default_return_url")
    if form.has("name"):
        settings["name"] = form.text("name")
    if (active := form.flag("active")) is not None:
        settings["active"] = active
    profile = form.child("business_profile")
    for name in settings["business_profile"]:
        if profile and profile.has(name):
            settings["business_profile"][name] = profile.text(name)
    settings["metadata"] = form.metadata(settings["metadata"])
    features = form.child("features")
    for name in FEATURES:
        feature = features.child(name) if features else None
        enabled = feature.flag("enabled") if feature else None
        if enabled is not None:
            settings["features"][name]["enabled"] = enabled
        if feature and name == "subscription_cancel":
            feature.choice("mode", "at_period_end")
