"""A stub of PayPal's Orders v2, with the shapes that PayPal publishes (https://developer.paypal.com/docs/api/orders/v2/):
demands OAuth and PayPal-Request-Id and repeats its answers by it, captures only what was approved, gives back no more than
was taken, and signs and verifies notices with a key of its own. What a payer does is done by `POST /_payer/<order>`."""

import base64
import datetime
import json
import re
import secrets
import zlib
from decimal import Decimal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from stub import Answer, Stub, serve, unwanted

CLIENT, SECRET, WEBHOOK = "client-id", "client-secret", "WH-COMPONENT"
CURRENCIES = dict.fromkeys(
    "AUD BRL CAD CNY CZK DKK EUR HKD ILS MYR MXN NZD NOK PHP PLN GBP SGD SEK CHF THB USD".split(), 2
) | dict.fromkeys("HUF JPY TWD".split(), 0)
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
tokens, orders, refunds, disputes, answered, sent = set(), {}, {}, {}, {}, []


def issue(status, name, word):
    return Answer(status, {"name": name, "details": [{"issue": word}], "debug_id": secrets.token_hex(6)})


def let_in(request):
    if request.headers.get("authorization", "").removeprefix("Bearer ") not in tokens:
        raise Answer(401, {"name": "AUTHENTICATION_FAILURE"})


def once(function):
    """Asks for a PayPal-Request-Id, and answers the same to the same, refusals too."""

    def wrapped(request, *groups):
        let_in(request)
        id = request.headers.get("paypal-request-id") or ""
        if not 1 <= len(id) <= 108:
            raise issue(400, "INVALID_REQUEST", "MISSING_REQUEST_ID")
        sent.append(id)
        known = (function.__name__, groups, id)
        if known in answered:
            body, answer = answered[known]
            if body != request.raw:
                raise issue(422, "UNPROCESSABLE_ENTITY", "DUPLICATE_REQUEST_ID")
        else:
            try:
                answer = Answer(201, function(request, *groups))
            except Answer as refusal:
                answer = refusal
            if answer.status < 429:
                answered[known] = request.raw, answer
        raise answer

    return wrapped


def token(request):
    basic = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
    if request.headers.get("authorization") != basic or request.raw != b"grant_type=client_credentials":
        raise Answer(401, {"error": "invalid_client"})
    new = secrets.token_hex(16)
    tokens.add(new)
    return {"access_token": new, "token_type": "Bearer", "expires_in": 32400}


def amount(money):
    digits = CURRENCIES.get(money["currency_code"])
    if digits is None:
        raise issue(422, "UNPROCESSABLE_ENTITY", "CURRENCY_NOT_SUPPORTED")
    if not re.fullmatch(r"[0-9]+\.[0-9]{2}" if digits else r"[0-9]+", money["value"]):
        raise issue(422, "UNPROCESSABLE_ENTITY", "DECIMAL_PRECISION")
    return Decimal(money["value"])


def find(id):
    if id not in orders:
        raise Answer(404, {"name": "RESOURCE_NOT_FOUND", "details": [{"issue": "INVALID_RESOURCE_ID"}]})
    return orders[id]


@once
def create(request):
    body = request.json()
    (unit,) = body["purchase_units"]
    unwanted(unit["description"])
    context = body["payment_source"]["paypal"]["experience_context"]
    assert body["intent"] == "CAPTURE" and context["return_url"].startswith("http") and context["cancel_url"]
    assert len(unit["description"]) <= 127 and len(unit["reference_id"]) <= 256 and len(unit["custom_id"]) <= 127
    amount(unit["amount"])
    id = secrets.token_hex(8).upper() + "T"
    link = {"href": f"https://www.sandbox.paypal.com/checkoutnow?token={id}", "rel": "payer-action", "method": "GET"}
    order = {"id": id, "intent": "CAPTURE", "status": "PAYER_ACTION_REQUIRED", "purchase_units": [unit], "links": [link]}
    orders[id] = order | {"payer": {"email_address": "payer@example.org"}}
    return orders[id]


def show(request, id):
    let_in(request)
    return find(id)


def patch(request, id):
    let_in(request)
    order = find(id)
    if order["status"] == "COMPLETED":
        raise issue(422, "UNPROCESSABLE_ENTITY", "ORDER_ALREADY_COMPLETED")
    unit = order["purchase_units"][0]
    (change,) = request.json()
    path = f"/purchase_units/@reference_id=='{unit['reference_id']}'/custom_id"
    if change["op"] != "replace" or change["path"] != path:
        raise issue(422, "UNPROCESSABLE_ENTITY", "INVALID_PATCH_OPERATION")
    unit["custom_id"] = change["value"]
    raise Answer(204)


@once
def capture(request, id):
    order = find(id)
    unit, how = order["purchase_units"][0], order.get("_how")
    if unit.get("payments"):
        raise issue(422, "UNPROCESSABLE_ENTITY", "ORDER_ALREADY_CAPTURED")
    if order["status"] != "APPROVED":
        raise issue(422, "UNPROCESSABLE_ENTITY", "ORDER_NOT_APPROVED")
    order["update_time"] = datetime.datetime.now(datetime.timezone.utc).isoformat()
    if how == "declined":
        order["status"] = "PAYER_ACTION_REQUIRED"
        raise issue(422, "UNPROCESSABLE_ENTITY", "INSTRUMENT_DECLINED")
    made = {"id": secrets.token_hex(8).upper(), "status": "PENDING" if how == "pending" else "COMPLETED"}
    unit["payments"] = {"captures": [made | {"amount": unit["amount"], "custom_id": unit["custom_id"]}]}
    order["status"] = "COMPLETED"
    return order


def of_capture(id):
    for order in orders.values():
        payments = order["purchase_units"][0].get("payments", {"captures": []})
        for made in payments["captures"]:
            if made["id"] == id:
                return payments, made
    raise Answer(404, {"name": "RESOURCE_NOT_FOUND"})


@once
def refund(request, id):
    payments, made = of_capture(id)
    body = request.json()
    wanted, before = amount(body["amount"]), sum(amount(r["amount"]) for r in payments.get("refunds", []))
    if body["amount"]["currency_code"] != made["amount"]["currency_code"]:
        raise issue(422, "UNPROCESSABLE_ENTITY", "CURRENCY_MISMATCH")
    if before + wanted > amount(made["amount"]):
        raise issue(422, "UNPROCESSABLE_ENTITY", "REFUND_AMOUNT_EXCEEDED")
    return give_back(payments, made, body)


def give_back(payments, made, body):
    new = {"id": secrets.token_hex(8).upper(), "status": "COMPLETED"} | body
    refunds[new["id"]] = new
    payments.setdefault("refunds", []).append(new)
    whole = sum(amount(r["amount"]) for r in payments["refunds"]) == amount(made["amount"])
    made["status"] = "REFUNDED" if whole else "PARTIALLY_REFUNDED"
    return new


def behind_our_back(request, id):
    """What PayPal, or somebody at its pages, does: {"refund": money}; {"reverse": true}; {"dispute": …}."""
    payments = find(id)["purchase_units"][0]["payments"]
    made, wanted = payments["captures"][0], request.json()
    if "refund" in wanted:
        give_back(payments, made, {"amount": wanted["refund"]})
    elif "reverse" in wanted:
        made["status"] = "REFUNDED"
    else:
        disputes[made["id"]] = {"dispute_id": "PP-D-1", "reason": "UNAUTHORISED"} | wanted["dispute"]


def list_disputes(request):
    let_in(request)
    found = disputes.get(request.query["disputed_transaction_id"])
    return {"items": [{"dispute_id": found["dispute_id"]}] if found else []}


def show_dispute(request, id):
    let_in(request)
    return next(dispute for dispute in disputes.values() if dispute["dispute_id"] == id)


def show_refund(request, id):
    let_in(request)
    if id not in refunds:
        raise Answer(404, {"name": "RESOURCE_NOT_FOUND"})
    return refunds[id]


def signed(id, time, body):
    return f"{id}|{time}|{WEBHOOK}|{zlib.crc32(body)}".encode()


def verify(request):
    let_in(request)
    question = request.json()
    # The event byte for byte, as it came: what follows its name, without the last brace.
    event = request.raw.split(b'"webhook_event":', 1)[1].removesuffix(b"}")
    message = signed(question["transmission_id"], question["transmission_time"], event)
    try:
        signature = base64.b64decode(question["transmission_sig"])
        key.public_key().verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        good = question["webhook_id"] == WEBHOOK and question["auth_algo"] == "SHA256withRSA"
    except (InvalidSignature, ValueError):
        good = False
    return {"verification_status": "SUCCESS" if good else "FAILURE"}


def payer(request, id):
    """What the payer does: {"how": "approved" | "declined" | "pending"}; or time does: "cleared", "forgotten"."""
    how = request.json()["how"]
    if how == "forgotten":
        del orders[id]
    elif how == "cleared":
        orders[id]["purchase_units"][0]["payments"]["captures"][0]["status"] = "COMPLETED"
    else:
        orders[id] |= {"status": "APPROVED", "_how": how, "update_time": secrets.token_hex(4)}


def notice(request, id):
    """A notice about an order, as PayPal sends it: headers and body."""
    time = request.query["time"]
    order, kind = find(id), request.query["kind"]
    resource = order
    if kind.startswith("PAYMENT.CAPTURE."):
        resource = dict(order["purchase_units"][0]["payments"]["captures"][0])
        resource["supplementary_data"] = {"related_ids": {"order_id": id}}
    event = {"id": f"WH-{secrets.token_hex(8)}", "event_type": kind, "resource": resource, "note": "é \u20ac"}
    body = json.dumps(event, indent=3, ensure_ascii=False)
    transmission = secrets.token_hex(8)
    signature = key.sign(signed(transmission, time, body.encode()), padding.PKCS1v15(), hashes.SHA256())
    headers = {
        "paypal-auth-algo": "SHA256withRSA",
        "paypal-cert-url": "https://api.paypal.com/v1/notifications/certs/CERT-360caa42",
        "paypal-transmission-id": transmission,
        "paypal-transmission-sig": base64.b64encode(signature).decode(),
        "paypal-transmission-time": time,
    }
    return {"id": event["id"], "headers": headers, "body": body}


def revoke(request):
    tokens.clear()


class Paypal(Stub):
    routes = {
        r"POST /v1/oauth2/token": token,
        r"POST /v2/checkout/orders": create,
        r"GET /v2/checkout/orders/(\w+)": show,
        r"PATCH /v2/checkout/orders/(\w+)": patch,
        r"POST /v2/checkout/orders/(\w+)/capture": capture,
        r"POST /v2/payments/captures/(\w+)/refund": refund,
        r"GET /v2/payments/refunds/(\w+)": show_refund,
        r"POST /v1/notifications/verify-webhook-signature": verify,
        r"POST /_payer/(\w+)": payer,
        r"GET /_notice/(\w+)": notice,
        r"GET /v1/customer/disputes": list_disputes,
        r"GET /v1/customer/disputes/([\w-]+)": show_dispute,
        r"POST /_behind_our_back/(\w+)": behind_our_back,
        r"POST /_revoke": revoke,
        r"GET /_sent": lambda request: sent,
    }


if __name__ == "__main__":
    lines = {"CLIENT_ID": CLIENT, "CLIENT_SECRET": SECRET, "WEBHOOK_ID": WEBHOOK}
    serve(Paypal, "COMPONENT_PAYPAL", {f"COMPONENT_PAYPAL_{name}": value for name, value in lines.items()})
