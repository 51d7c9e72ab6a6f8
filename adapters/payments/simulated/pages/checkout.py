"""The page of a checkout session, and that of the bank behind the card."""

from __future__ import annotations

from http import HTTPStatus

from adapters.payments.simulated import checkout, purchasing
from adapters.payments.simulated.faults import StripeFault
from adapters.payments.simulated.pages import words
from adapters.payments.simulated.pages.cards import asks, card_form, card_in
from adapters.payments.simulated.pages.visits import PREFIX, Answer, Moved, ProblemError, Shown, Visit, notice, unknown
from adapters.payments.simulated.products import amount_of
from adapters.payments.simulated.store import Docs, Document


def show(visit: Visit) -> Answer:
    """What is bought, what is due, and a form for the card; or how the session ended."""
    docs, session = visit.docs, _session(visit)
    if session is None:
        return unknown()
    if session["status"] == "complete":
        return notice("Thank you", "You have subscribed.", _success(session))
    if session["status"] == "expired":
        sentence = "This checkout has expired: nothing was paid. Begin again where you came from."
        return notice("Expired", sentence, session["cancel_url"], HTTPStatus.GONE)
    values = {
        "action": _address(session),
        "items": [_item(docs, session, item) for item in session["_items"]],
        "less": [_discount(docs, each) for each in session["discounts"]],
        "off": words.amount(-session["total_details"]["amount_discount"], session["currency"]),
        "due": words.amount(session["amount_total"], session["currency"]),
        "free_until": words.day(session["_trial_end"]) if _is_trial(docs, session) else None,
        "takes_codes": session["allow_promotion_codes"],
        "cancel_url": session["cancel_url"],
        "email": _email(docs, session),
        **card_form(visit),
    }
    return Shown("checkout.html", values, leads_to=(session["success_url"],))


def act(visit: Visit) -> Answer:
    """Pay, or use or put away a promotion code. Who pays twice pays once."""
    session = _session(visit)
    if session is None:
        return unknown()
    if session["status"] != "open":
        return Moved(_success(session)) if session["status"] == "complete" else show(visit)
    if "code" in visit.form or visit.form.get("do") == "no-code":
        _use_code(visit, session)
        return Moved(_address(session))
    method_id = card_in(visit)
    if asks(visit.docs, method_id):
        session["_card"] = method_id
        visit.docs.save(session)
        return Moved(f"{_address(session)}/authenticate")
    return Moved(_success(purchasing.complete(visit.docs, session, method_id)))


def show_bank(visit: Visit) -> Answer:
    """The page on which the bank asks whether it is really the card's holder."""
    session = _session(visit)
    if session is None or session["status"] != "open" or session["_card"] is None:
        return show(visit)
    due = words.amount(session["amount_total"], session["currency"])
    values = {"action": f"{_address(session)}/authenticate", "amount": due}
    return Shown("authenticate.html", values, leads_to=(session["success_url"],))


def act_at_bank(visit: Visit) -> Answer:
    """Subscribe once the bank is content."""
    session = _session(visit)
    if session is None or session["status"] != "open" or session["_card"] is None:
        return act(visit) if session and session["status"] != "open" else show(visit)
    if visit.form.get("do") != "confirm":
        raise ProblemError(words.PROBLEMS["authentication_failed"])
    return Moved(_success(purchasing.complete(visit.docs, session, session["_card"], authenticated=True)))


def _session(visit: Visit) -> Document | None:
    found = visit.docs.find(visit.id)
    return found if found and found["object"] == checkout.KIND else None


def _address(session: Document) -> str:
    return f"{PREFIX}/checkout/{session['id']}"


def _success(session: Document) -> str:
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


def _is_trial(docs: Docs, session: Document) -> bool:
    return bool(session["_trial_end"] and session["_trial_end"] > docs.now)


def _email(docs: Docs, session: Document) -> str | None:
    customer = docs.find(session["customer"] or "")
    email: str | None = customer["email"] if customer else session["customer_email"]
    return email


def _item(docs: Docs, session: Document, item: Document) -> Document:
    price = docs.get("price", item["price"])
    cost = int(amount_of(price, session["currency"]) * item["quantity"])
    name = docs.get("product", price["product"])["name"]
    return {
        "name": name if item["quantity"] == 1 else f"{item['quantity']} x {name}",
        "cost": words.amount(cost, session["currency"]),
        "every": words.every(price["recurring"]),
    }


def _discount(docs: Docs, chosen: Document) -> str:
    if chosen["promotion_code"]:
        return str(docs.get("promotion_code", chosen["promotion_code"])["code"])
    coupon = docs.get("coupon", chosen["coupon"])
    return str(coupon["name"] or coupon["id"])


def _use_code(visit: Visit, session: Document) -> None:
    """Let a code count, or none. Raises ProblemError for one that does not."""
    docs = visit.docs
    if not session["allow_promotion_codes"]:
        raise ProblemError("No promotion code can be used here.")
    session["discounts"] = []
    wanted = visit.form.get("code", "").strip().lower()
    if "code" in visit.form:
        found = [each for each in docs.all("promotion_code", {"active": True}) if each["code"].lower() == wanted]
        if not found:
            raise ProblemError("There is no such promotion code.")
        session["discounts"] = [{"coupon": None, "promotion_code": found[0]["id"]}]
    try:
        checkout.total(docs, session)
    except StripeFault as fault:
        raise ProblemError("This promotion code cannot be used any more, or not by you.") from fault
