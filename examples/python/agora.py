"""A client of Agora in plain Python: sign in, publish, give, follow. Nothing to install.

    AGORA_URL=http://127.0.0.1:8000 python3 agora.py amina agora-demo-2026
"""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen


# #region client
class Refused(Exception):
    """What the caller can mend: the payload's `errors`."""


class Failed(Exception):
    """Everything else: the top-level `errors`."""


class Agora:
    """One session: it signs in, and renews its token when it is over."""

    def __init__(self, url: str) -> None:
        self.url = f"{url.rstrip('/')}/graphql"
        self.access_token: str | None = None
        self.refresh_token: str | None = None

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of an operation; an access token that is over is renewed once."""
        answer = self._send(query, variables)
        errors = answer.get("errors", [])
        if any(error.get("extensions", {}).get("tokenRefused") for error in errors) and self.refresh():
            answer = self._send(query, variables)
        if "errors" in answer:
            raise Failed([(error.get("extensions", {}).get("code"), error["message"]) for error in answer["errors"]])
        data: dict[str, Any] = answer["data"]
        return data

    def do(self, name: str, query: str, **variables: Any) -> dict[str, Any]:
        """The payload of a mutation."""
        payload: dict[str, Any] = self.ask(query, **variables)[name]
        if payload["errors"]:
            raise Refused([(error["code"], error["path"]) for error in payload["errors"]])
        return payload

    def sign_in(self, login: str, password: str) -> None:
        result = self.do("login", LOGIN, input={"login": login, "password": password})["result"]
        if result["__typename"] != "Session":
            raise Refused("a second factor is needed")
        self.access_token, self.refresh_token = result["accessToken"], result["refreshToken"]

    def refresh(self) -> bool:
        """Exchanges the refresh token; false when the session is over."""
        token, self.access_token, self.refresh_token = self.refresh_token, None, None
        if token is None:
            return False
        session = self._send(REFRESH, {"input": {"refreshToken": token}})["data"]["tokenRefresh"]["session"]
        if session is None:
            return False
        self.access_token, self.refresh_token = session["accessToken"], session["refreshToken"]
        return True

    def follow(self, query: str, **variables: Any) -> Iterator[dict[str, Any]]:
        """The results of a subscription, as server-sent events, until the server completes it."""
        with urlopen(self._request(query, variables, "text/event-stream")) as events:
            for line in events:
                if line.startswith(b"event: complete"):
                    return
                if line.startswith(b"data: "):
                    yield json.loads(line.removeprefix(b"data: "))

    def _send(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        try:
            with urlopen(self._request(query, variables, "application/graphql-response+json"), timeout=30) as response:
                answer: dict[str, Any] = json.load(response)
        except HTTPError as refusal:  # its body says why, in the same form
            answer = json.load(refusal)
        return answer

    def _request(self, query: str, variables: dict[str, Any], accept: str) -> Request:
        headers = {"accept": accept, "content-type": "application/json"}
        if self.access_token:
            headers["authorization"] = f"Bearer {self.access_token}"
        return Request(self.url, json.dumps({"query": query, "variables": variables}).encode(), headers)
# #endregion


LOGIN = """
mutation Login($input: LoginInput!) {
  login(input: $input) { result { __typename ... on Session { accessToken refreshToken } } errors { code path } }
}
"""
REFRESH = """
mutation TokenRefresh($input: TokenRefreshInput!) {
  tokenRefresh(input: $input) { session { accessToken refreshToken } errors { code path } }
}
"""
PUBLISH = """
mutation PostCreate($input: PostCreateInput!) {
  postCreate(input: $input) { post { id body } errors { code path } replayed }
}
"""
GOALS = """
query Goals { goals(sortBy: PROGRESS, first: 5) { nodes { title raised { amount currency } target { amount } } } }
"""
FOLLOW = """
subscription Notifications($after: String) {
  notificationReceived(after: $after) { cursor phase notification { title } }
}
"""


def main(login: str, password: str) -> None:
    agora = Agora(os.environ.get("AGORA_URL", "http://127.0.0.1:8000"))
    agora.sign_in(login, password)

    # The same key again is the same post again.
    post = {"body": "Hello from #python", "idempotencyKey": str(uuid.uuid4())}
    first = agora.do("postCreate", PUBLISH, input=post)
    again = agora.do("postCreate", PUBLISH, input=post)
    assert again["replayed"] and again["post"]["id"] == first["post"]["id"]

    try:
        agora.do("postCreate", PUBLISH, input={"body": ""})
    except Refused as refused:
        print("refused, as it should be:", refused)

    # Amounts are texts: `Decimal` is as exact.
    for goal in agora.ask(GOALS)["goals"]["nodes"]:
        left = Decimal(goal["target"]["amount"]) - Decimal(goal["raised"]["amount"])
        print(goal["title"], "lacks", max(left, Decimal(0)), goal["raised"]["currency"])

    agora.access_token = "over"  # as after fifteen minutes
    print("renewed for", agora.ask("query Me { me { username } posts(first: 1) { nodes { id } } }")["me"])

    for result in agora.follow(FOLLOW):
        event = result["data"]["notificationReceived"]
        print("following, from the cursor", event["cursor"], "on:", event["phase"])
        break


if __name__ == "__main__":
    main(*sys.argv[1:3])
