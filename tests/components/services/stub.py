"""What the stubs of providers of payments share: JSON over HTTP on a free port of this machine, and answers that nobody
wishes for, which whoever begins a charge orders by its description."""

import http.server
import json
import os
import re
import sys
import threading
import urllib.parse

lock = threading.RLock()


class Answer(Exception):
    """Ends a request with a status and a body."""

    def __init__(self, status, body=None):
        super().__init__(status)
        self.status, self.body = status, body


def unwanted(description):
    """`answer 429`, `answer 500`, `answer html` or `answer huge` in a description."""
    ordered = re.search(r"answer (\w+)", description or "")
    if not ordered:
        return
    if ordered[1] == "huge":
        raise Answer(200, {"id": "x" * 10_000_000})
    if ordered[1] == "html":
        raise Answer(200, "<html>hello</html>")
    raise Answer(int(ordered[1]), {})


class Stub(http.server.BaseHTTPRequestHandler):
    """Routes are pairs of `METHOD /path` (a regular expression) and a function of (request, groups…)."""

    routes = {}
    protocol_version = "HTTP/1.1"

    def handle_one(self):
        length = int(self.headers.get("content-length") or 0)
        self.raw = self.rfile.read(length)
        address = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(address.query))
        try:
            for route, function in self.routes.items():
                matched = re.fullmatch(route, f"{self.command} {address.path}")
                if matched:
                    with lock:
                        self.answer(200, function(self, *matched.groups()))
                    return
            self.answer(404, {"name": "RESOURCE_NOT_FOUND", "detail": "Not found."})
        except Answer as given:
            self.answer(given.status, given.body)

    def json(self):
        return json.loads(self.raw or b"{}")

    def answer(self, status, body):
        text = body if isinstance(body, str) else json.dumps({} if body is None else body)
        data = b"" if status == 204 else text.encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        if status != 204:
            self.send_header("content-length", str(len(data)))
        self.end_headers()
        try:
            self.wfile.write(data)
        except OSError:
            pass  # whoever asked does not want that much

    do_GET = do_POST = do_PATCH = do_DELETE = handle_one

    def log_message(self, *arguments):
        pass


def tell(file, lines):
    """Says that the service answers, and what the tests need to know."""
    with open(file + ".new", "w") as new:
        new.writelines(f"{name}={value}\n" for name, value in lines.items())
    os.rename(file + ".new", file)


def serve(stub, prefix, lines):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), stub)
    server.daemon_threads = True
    tell(sys.argv[1], {f"{prefix}_URL": f"http://127.0.0.1:{server.server_port}/", **lines})
    server.serve_forever()
