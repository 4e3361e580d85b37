"""Stripe, by localstripe; and on top of it what localstripe leaves out: idempotency keys, no more given back than was taken,
the PaymentIntent in a refusal, lists by time and by metadata, refunds that are taken back, disputes, some fields, and answers
that nobody wishes for (`answer 429` in a description). Parameters that localstripe does not know are looked at here and kept from it."""

import asyncio
import json
import os
import re
import socket
import sys

from aiohttp import web
from localstripe import resources, server

# The name of this file is that of Stripe's own library, which nothing here uses.
sys.path.insert(0, os.path.dirname(__file__))
from stub import Answer, tell, unwanted  # noqa: E402

resources.Store.dump_to_disk = lambda self: None  # several may run at once
UNKNOWN = ("description", "automatic_payment_methods", "return_url")
answered, keys, disputes, balance, held = {}, [], {}, [], {"object": "balance", "available": [], "pending": []}
plain_data = server.get_post_data


async def get_post_data(request, remove_auth=True):
    data = await plain_data(request, remove_auth)
    if request.path == "/v1/payment_intents" and data:
        assert data.get("automatic_payment_methods") == {"enabled": "true"}, data
        for name in UNKNOWN:
            data.pop(name, None)
    return data


server.get_post_data = get_post_data
resources.Charge.amount_refunded = property(
    lambda charge: sum(refund.amount for refund in charge.refunds._list if refund.status != "failed")
)


def filled(intent):
    """An intent with the fields that localstripe does not have."""
    taken = intent["amount"] if intent["status"] == "succeeded" else 0
    capturable = intent["amount"] if intent["status"] == "requires_capture" else 0
    charge = intent["latest_charge"]
    if isinstance(charge, dict):
        charge = charge | {"disputed": intent["id"] in disputes}
    return intent | {"amount_received": taken, "amount_capturable": capturable, "latest_charge": charge}


def refuse(status, kind, **fields):
    return web.json_response({"error": {"type": kind, **fields}}, status=status)


def intents():
    """Newest first."""
    return [value for key, value in reversed(resources.store.items()) if key.startswith("payment_intent:")]


def page(chosen, limit):
    return web.json_response(
        {
            "object": "list",
            "url": "/v1/payment_intents",
            "data": [filled(intent._export()) for intent in chosen[:limit]],
            "has_more": len(chosen) > limit,
        }
    )


def listed(request):
    query = server.unflatten_data(request.query)
    created = {name: int(value) for name, value in query.get("created", {}).items()}
    chosen = [i for i in intents() if created.get("gte", 0) <= i.created < created.get("lt", 1 << 40)]
    after = query.get("starting_after")
    if after:
        chosen = chosen[[intent.id for intent in chosen].index(after) + 1 :]
    return page(chosen, min(int(query.get("limit", 10)), 2))  # short pages: there is always another


def searched(request):
    name, value = re.fullmatch(r"metadata\['(\w+)'\]:'(\w+)'", request.query["query"]).groups()
    return page([intent for intent in intents() if intent.metadata.get(name) == value], 10)


async def refused_refund(request):
    data = await plain_data(request)
    intent = resources.PaymentIntent._api_retrieve(data["payment_intent"])
    if not intent.latest_charge or not intent.latest_charge.captured or intent.status != "succeeded":
        return refuse(400, "invalid_request_error", code="charge_not_captured")
    left = intent.amount - intent.latest_charge.amount_refunded
    if int(data["amount"]) > left:
        return refuse(400, "invalid_request_error", code="charge_already_refunded" if left == 0 else "amount_too_large")


def refunds_of(intent):
    refunds = [value for key, value in resources.store.items() if key.startswith("refund:")]
    return [refund._export() for refund in reversed(refunds) if refund.payment_intent == intent]


def all_of(found):
    return web.json_response({"object": "list", "url": "/v1", "data": found, "has_more": False})


async def dispute(request):
    """A dispute of an intent stands so: {"payment_intent", "amount", "currency", "status", "fee"}."""
    told = await request.json()
    fees = [{"fee": told["fee"], "currency": told["currency"]}] if told.get("fee") else []
    stands = {"id": "dp_1", "object": "dispute", "reason": "fraudulent", "balance_transactions": fees}
    disputes[told["payment_intent"]] = stands | told | {"evidence_details": {"due_by": 1767873600}}
    return web.json_response({})


async def change_balance(request):
    """What Stripe kept or paid out: a balance transaction."""
    balance.append(await request.json())
    return web.json_response({})


async def hold(request):
    """What Stripe holds is so: {"available", "pending"}, lists of {"amount", "currency"}."""
    held.update(await request.json())
    return web.json_response({})


async def fail_refund(request):
    """The newest refund of an intent is taken back, as when a bank sends it home after days."""
    intent = (await request.json())["payment_intent"]
    refunds = [value for key, value in resources.store.items() if key.startswith("refund:")]
    refund = [refund for refund in refunds if refund.payment_intent == intent][-1]
    refund.status, refund.failure_reason = "failed", "expired_or_canceled_card"
    return web.json_response({"id": refund.id})


async def answer(request, handler):
    if request.method == "GET" and request.path == "/v1/payment_intents":
        return listed(request)
    if request.method == "GET" and request.path == "/v1/payment_intents/search":
        return searched(request)
    if request.method == "GET" and request.path == "/v1/refunds":
        return all_of(refunds_of(request.query["payment_intent"]))
    if request.method == "GET" and request.path == "/v1/balance_transactions":
        return all_of(balance)
    if request.method == "GET" and request.path == "/v1/balance":
        return web.json_response(held)
    if request.method == "GET" and request.path == "/v1/disputes":
        found = disputes.get(request.query["payment_intent"])
        return all_of([found] if found else [])
    begins = request.method == "POST" and request.path == "/v1/payment_intents"
    if begins:
        form = await request.post()
        try:
            unwanted(form.get("description"))
        except Answer as ordered:
            text = ordered.body if isinstance(ordered.body, str) else json.dumps(ordered.body)
            return web.Response(text=text, status=ordered.status)
    if request.method == "POST" and request.path == "/v1/refunds":
        refusal = await refused_refund(request)
        if refusal:
            return refusal
    response = await handler(request)
    body = json.loads(response.text)
    if response.status == 200 and body.get("object") == "payment_intent":
        return web.json_response(filled(body))
    if response.status == 402 and begins:
        body["error"] |= {"type": "card_error", "payment_intent": filled(intents()[0]._export())}
        return web.json_response(body, status=402)
    return response


@web.middleware
async def middleware(request, handler):
    if not request.path.startswith("/v1/"):
        return await handler(request)
    if request.headers.get("authorization") != "Bearer sk_test_component":
        return refuse(401, "invalid_request_error")
    key = request.headers.get("idempotency-key")
    if key is None or request.method != "POST":
        return await answer(request, handler)
    assert request.headers["stripe-version"]
    keys.append(key)
    asked = (request.path, await request.text())
    if key in answered:
        before, status, text = answered[key]
        if before != asked:
            return refuse(400, "idempotency_error")
        return web.Response(text=text, status=status, content_type="application/json")
    response = await answer(request, handler)
    if response.status < 409 and response.status != 401:
        answered[key] = asked, response.status, response.text
    return response


async def main():
    server.app.middlewares.insert(0, middleware)
    server.app.router.add_get("/_config/keys", lambda request: web.json_response(keys))
    server.app.router.add_post("/_config/refunds/fail", fail_refund)
    server.app.router.add_post("/_config/disputes", dispute)
    server.app.router.add_post("/_config/balance", change_balance)
    server.app.router.add_post("/_config/holdings", hold)
    runner = web.AppRunner(server.app, access_log=None)
    await runner.setup()
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    await web.SockSite(runner, listening).start()
    lines = {"URL": f"http://127.0.0.1:{listening.getsockname()[1]}/", "SECRET_KEY": "sk_test_component"}
    tell(sys.argv[1], {f"COMPONENT_STRIPE_{name}": value for name, value in lines.items()})
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
