"""What the fuzzer (schemathesis) says for the graph's own scalars, and what it holds against an answer."""

from __future__ import annotations

import schemathesis
from hypothesis import strategies as st
from schemathesis.graphql import nodes


# Refusals are as they should be; these are faults, whoever asks for whatever.
FAULTS = {"INTERNAL", "TIMEOUT", "UNAVAILABLE"}


@schemathesis.check
def no_fault(ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case) -> None:
    """An answer in the protocol's form, whose errors have codes and are no faults."""
    assert response.status_code < 500, f"HTTP {response.status_code}"
    for error in response.json().get("errors", []):
        code = error.get("extensions", {}).get("code")
        assert code is not None and code not in FAULTS, f"{code}: {error['message']}"


def scalar(name: str, *values: str) -> None:
    """Some of these, and now and then any text."""
    texts = st.one_of(st.sampled_from(values), st.sampled_from(values), st.text(max_size=20))
    schemathesis.graphql.scalar(name, texts.map(nodes.String))


scalar("CountryCode", "EG", "DE")
scalar("CurrencyCode", "USD", "KWD", "JPY")
scalar("Date", "1990-02-28", "0001-01-01", "9999-12-31")
scalar("DateTime", "2026-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z")
scalar("Decimal", "12.50", "0", "-1.00", "99999999999999999999.99")
scalar("EmailAddress", "somebody@example.org", "nobody")
scalar("LanguageCode", "EN", "AR")
scalar("PhoneNumber", "+201001234567")
scalar("URL", "https://example.org/a.png", "javascript:alert(1)")
