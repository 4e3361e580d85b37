"""A stub of Paymob's intentions and transactions, with the shapes that Paymob publishes (https://developers.paymob.com/):
an intention's special reference is unique, transactions are asked about with a token of the API key, nothing is known of an
order that nobody tried to pay, no more is given back than was taken, and notices carry an HMAC. What a payer does is done by
`POST /_payer/<client secret>`."""

import datetime
import hashlib
import hmac
import itertools
import secrets

from stub import Answer, Stub, serve, unwanted

SECRET, API_KEY, PUBLIC, HMAC, INTEGRATION = "egy_sk_test_1", "api-key", "egy_pk_test_1", "hmac-secret", 4097558
# May begin charges, but not ask about transactions.
NARROW = "egy_sk_test_narrow"
numbers = itertools.count(217_000_000)
tokens, intentions, transactions = set(), {}, {}


def with_secret(request):
    if request.headers.get("authorization") not in (f"Token {SECRET}", f"Token {NARROW}"):
        raise Answer(401, {"detail": "Incorrect credentials."})


def may_inquire(request):
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if not (kind == "Bearer" and value in tokens or kind == "Token" and value == SECRET):
        raise Answer(401, {"detail": "incorrect credentials"})


def token(request):
    if request.json() != {"api_key": API_KEY}:
        raise Answer(403, {"detail": "incorrect credentials"})
    new = secrets.token_hex(16)
    tokens.add(new)
    raise Answer(201, {"token": new, "profile": {"id": 1}})


def create(request):
    with_secret(request)
    body = request.json()
    (item,) = body["items"]
    unwanted(item["description"])
    assert type(body["amount"]) is int and item["amount"] * item["quantity"] == body["amount"]
    assert len(item["name"]) <= 50 and body["payment_methods"] == [INTEGRATION]
    assert all(body["billing_data"][name] for name in ("first_name", "last_name", "phone_number", "email"))
    assert body["redirection_url"].startswith("http") and body["expiration"] > 0
    reference = body["special_reference"]
    if any(other["special_reference"] == reference for other in intentions.values()):
        raise Answer(400, {"special_reference": ["intention with this special reference already exists."]})
    order, secret = next(numbers), f"egy_csk_test_{secrets.token_hex(12)}"
    intentions[secret] = body | {"order": order, "tries": []}
    told = {"id": f"pi_test_{secrets.token_hex(8)}", "client_secret": secret, "intention_order_id": order}
    detail = {"amount": body["amount"], "currency": body["currency"], "items": body["items"]}
    raise Answer(201, told | {"intention_detail": detail, "status": "intended", "confirmed": False})


def inquire(request):
    may_inquire(request)
    asked = request.json()
    for intention in intentions.values():
        same = [intention["order"] == asked.get("order_id"), intention["special_reference"] == asked.get("merchant_order_id")]
        if any(same) and intention["tries"]:
            return transactions[intention["tries"][-1]]
    raise Answer(404, {"detail": "Not found."})


def show(request, id):
    may_inquire(request)
    if int(id) not in transactions:
        raise Answer(404, {"detail": "Not found."})
    return transactions[int(id)]


def new_transaction(intention, **fields):
    id = next(numbers)
    transactions[id] = {
        "id": id,
        "pending": False,
        "success": True,
        "amount_cents": intention["amount"],
        "currency": intention["currency"],
        "created_at": datetime.datetime.now().isoformat(),
        "error_occured": False,
        "has_parent_transaction": False,
        "parent_transaction": None,
        "integration_id": INTEGRATION,
        "is_3d_secure": True,
        "is_auth": False,
        "is_capture": False,
        "is_refunded": False,
        "is_standalone_payment": True,
        "is_voided": False,
        "is_refund": False,
        "refunded_amount_cents": 0,
        "captured_amount": 0,
        "owner": 302852,
        "source_data": {"pan": "2346", "type": "card", "sub_type": "MasterCard"},
        "order": {"id": intention["order"], "merchant_order_id": intention["special_reference"]},
        "data": {"message": "Approved", "txn_response_code": "APPROVED"},
    } | fields
    intention["tries"].append(id)
    return transactions[id]


def refund(request):
    with_secret(request)
    body = request.json()
    paid, amount = transactions.get(body["transaction_id"]), body["amount_cents"]
    if not paid or not paid["success"] or amount <= 0:
        raise Answer(400, {"detail": "Transaction cannot be refunded"})
    if paid["refunded_amount_cents"] + amount > paid["amount_cents"]:
        raise Answer(400, {"message": "The refund amount is more than what is left"})
    paid["refunded_amount_cents"] += amount
    paid["is_refunded"] = paid["refunded_amount_cents"] == paid["amount_cents"]
    (intention,) = (other for other in intentions.values() if other["order"] == paid["order"]["id"])
    family = {"has_parent_transaction": True, "parent_transaction": paid["id"], "is_refund": True}
    raise Answer(201, new_transaction(intention, amount_cents=amount, **family))


def payer(request, secret):
    """What the payer does: {"how": "paid" | "declined" | "pending"}; their bank does: "cleared"; or somebody in Paymob's
    dashboard: "voided", "given back" (with an "amount")."""
    intention, how = intentions[secret], request.json()["how"]
    if how == "paid":
        new_transaction(intention)
    elif how == "declined":
        data = {"message": "Insufficient funds", "txn_response_code": "51"}
        new_transaction(intention, success=False, error_occured=True, data=data)
    elif how == "voided":
        transactions[intention["tries"][0]]["is_voided"] = True
    elif how == "given back":
        transactions[intention["tries"][0]]["refunded_amount_cents"] += request.json()["amount"]
    elif how == "pending":
        new_transaction(intention, success=False, pending=True, source_data={"pan": None, "type": "wallet", "sub_type": "wallet"})
    else:
        transactions[intention["tries"][-1]] |= {"success": True, "pending": False}


FIELDS = """amount_cents created_at currency error_occured has_parent_transaction id integration_id is_3d_secure is_auth
is_capture is_refunded is_standalone_payment is_voided order.id owner pending source_data.pan source_data.sub_type
source_data.type success"""


def text(value):
    return {True: "true", False: "false", None: ""}[value] if value is None or type(value) is bool else str(value)


def notice(request, secret):
    """The notice of the last transaction, as Paymob sends it: the HMAC in the query, and the body."""
    last = transactions[intentions[secret]["tries"][-1]]
    parts = []
    for field in FIELDS.split():
        value = last
        for name in field.split("."):
            value = value[name]
        parts.append(text(value))
    tag = hmac.new(HMAC.encode(), "".join(parts).encode(), hashlib.sha512).hexdigest()
    return {"hmac": tag, "body": {"type": "TRANSACTION", "obj": last, "issuer_bank": None}}


def revoke(request):
    tokens.clear()


def seen(request, secret):
    return intentions[secret]


class Paymob(Stub):
    routes = {
        r"POST /v1/intention/": create,
        r"POST /api/auth/tokens": token,
        r"POST /api/ecommerce/orders/transaction_inquiry": inquire,
        r"GET /api/acceptance/transactions/(\d+)": show,
        r"POST /api/acceptance/void_refund/refund": refund,
        r"POST /_payer/(\w+)": payer,
        r"GET /_notice/(\w+)": notice,
        r"GET /_seen/(\w+)": seen,
        r"POST /_revoke": revoke,
    }


if __name__ == "__main__":
    lines = {
        "SECRET_KEY": SECRET,
        "NARROW_KEY": NARROW,
        "API_KEY": API_KEY,
        "PUBLIC_KEY": PUBLIC,
        "HMAC_SECRET": HMAC,
        "INTEGRATION_IDS": INTEGRATION,
    }
    serve(Paymob, "COMPONENT_PAYMOB", {f"COMPONENT_PAYMOB_{name}": value for name, value in lines.items()})
