"""A mail server for tests: three ports (without TLS, STARTTLS demanded, TLS from the first byte), a sign-in that is
demanded on each, and what it got as JSON by HTTP. What becomes of a message depends on the receiver's domain:
gone.example.org has no such user, busy.example.org comes later, nosy.example.org refuses and quotes the message."""

import datetime
import email
import email.policy
import http.server
import ipaddress
import json
import os
import ssl
import sys
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "agora", "only for tests"
messages = []


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.endswith("@gone.example.org"):
            return "550 5.1.1 No such user here"
        if address.endswith("@busy.example.org"):
            return "450 4.2.1 Come again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        text, html = message.get_body(("plain",)), message.get_body(("html",))
        text = text.get_content() if text else None
        if any(address.endswith("@nosy.example.org") for address in envelope.rcpt_tos):
            return "550 5.2.0 " + " ".join((text or "").split())[:400].encode("ascii", "replace").decode()
        messages.append(
            {
                "from": envelope.mail_from,
                "to": envelope.rcpt_tos,
                "user": session.auth_data.login.decode() if session.auth_data else None,
                "tls": server.transport.get_extra_info("ssl_object") is not None,
                "type": message.get_content_type(),
                "headers": [[name, str(value)] for name, value in message.items()],
                "subject": message["subject"],
                "text": text,
                "html": html.get_content() if html else None,
                "raw": envelope.content.decode("ascii", "replace"),
            }
        )
        return "250 2.0.0 Kept"


def authenticate(server, session, envelope, mechanism, data):
    known = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=known, handled=False, auth_data=data)


def certificate(folder):
    """A certificate for localhost that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    with open(certificate_file, "wb") as file:
        file.write(made.public_bytes(serialization.Encoding.PEM))
    with open(key_file, "wb") as file:
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
    return certificate_file, key_file


class Read(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(messages).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class OnFreePort(Controller):
    """The controller of the library takes a port that it is told; this one takes what is free."""

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


def main():
    folder = sys.argv[1] + ".tls"  # where the runner cleans up
    os.mkdir(folder)
    certificate_file, key_file = certificate(folder)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate_file, key_file)
    common = dict(hostname="127.0.0.1", port=0, authenticator=authenticate, auth_required=True, ident="test")
    plain = OnFreePort(Handler(), auth_require_tls=False, **common)
    starttls = OnFreePort(Handler(), tls_context=tls, require_starttls=True, **common)
    implicit = OnFreePort(Handler(), ssl_context=tls, auth_require_tls=False, **common)
    for controller in (plain, starttls, implicit):
        controller.start()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Read)
    lines = {
        "COMPONENT_SMTP_PORT": plain.port,
        "COMPONENT_SMTP_STARTTLS_PORT": starttls.port,
        "COMPONENT_SMTP_TLS_PORT": implicit.port,
        "COMPONENT_SMTP_CA_FILE": certificate_file,
        "COMPONENT_SMTP_USER": USER,
        "COMPONENT_SMTP_PASSWORD": f"'{PASSWORD}'",
        "COMPONENT_SMTP_MESSAGES": f"http://127.0.0.1:{server.server_port}/",
    }
    with open(sys.argv[1] + ".new", "w") as file:
        file.writelines(f"{name}={value}\n" for name, value in lines.items())
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    server.serve_forever()


if __name__ == "__main__":
    main()
