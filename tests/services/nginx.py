"""A real nginx for the tests, with the file that is shipped: deploy/nginx/porchlight.conf, at other addresses."""

import datetime as dt
import ipaddress
import os
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

SHIPPED = Path(__file__).resolve().parents[2] / "deploy" / "nginx" / "porchlight.conf"
DAY = dt.timedelta(days=1)
MAIN = """
daemon off;
worker_processes 2;
pid {folder}/pid;
error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Of-Another-Proxy;
    include {folder}/porchlight.conf;
}}
"""


def binary() -> str:
    """Where nginx is. Fails with what to install where it is not."""
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")
    assert found, "These tests need nginx. Install it (Debian: apt-get install nginx-light), then run them again."
    return found


@dataclass(frozen=True)
class Authority:
    """A certificate for localhost and 127.0.0.1, and the one that vouches for it: hand clients `ca`."""

    ca: Path
    certificate: Path
    key: Path

    @property
    def trust(self) -> ssl.SSLContext:
        """What a Python client believes."""
        return ssl.create_default_context(cafile=self.ca)


def authority(folder: Path) -> Authority:
    """A new certificate authority and a certificate of it, in files."""
    root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    ca = _signed("Porchlight's tests", root, root, x509.BasicConstraints(ca=True, path_length=0))
    made = Authority(ca=folder / "ca.pem", certificate=folder / "server.pem", key=folder / "server.key")
    made.ca.write_bytes(ca)
    server = _signed("localhost", leaf, root, x509.SubjectAlternativeName(names))
    made.certificate.write_bytes(server + ca)
    unencrypted = serialization.NoEncryption()
    made.key.write_bytes(leaf.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, unencrypted))
    return made


def _signed(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType
) -> bytes:
    """A certificate that is valid for a day, in PEM."""
    now = dt.datetime.now(dt.UTC)  # ruff: ignore[banned-api] -- TLS compares with the machine's clock

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    made = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named("Porchlight's tests"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False)
        .sign(issuer, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def configured(folder: Path, port: int, plain_port: int, upstreams: Sequence[int], tls: Authority) -> str:
    """The shipped file, with nothing changed but addresses and paths. Each of them stands in it, as asserted."""
    content = SHIPPED.read_text(encoding="utf-8")
    for old, new in (
        (_servers((8000, 8001), "max_fails=3 fail_timeout=2s"), _servers(upstreams, "max_fails=3 fail_timeout=2s")),
        (_servers((8000, 8001), "max_fails=0"), _servers(upstreams, "max_fails=0")),
        ("    listen 80;\n    listen [::]:80;\n", f"    listen 127.0.0.1:{plain_port};\n"),
        ("    listen 443 ssl http2;\n    listen [::]:443 ssl http2;\n", f"    listen 127.0.0.1:{port} ssl http2;\n"),
        ("/etc/nginx/tls/porchlight.crt", str(tls.certificate)),
        ("/etc/nginx/tls/porchlight.key", str(tls.key)),
        ("/var/www/acme", str(folder / "acme")),
        ("/var/log/nginx/porchlight.log", str(folder / "access.log")),
    ):
        assert content.count(old) == 1, old
        content = content.replace(old, new)
    return content


def _servers(ports: Sequence[int], terms: str) -> str:
    return "".join(f"    server 127.0.0.1:{port} {terms};\n" for port in ports)


class Nginx:
    """A running nginx. `url` is where it answers over TLS, for clients that trust `tls.ca`."""

    def __init__(self, folder: Path, upstreams: Sequence[int]) -> None:
        self.folder = folder
        self.tls = authority(folder)
        self.port, self.plain_port = _free_port(), _free_port()
        self._command = [binary(), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
        (folder / "nginx.conf").write_text(MAIN.format(folder=folder) if os.geteuid() else _as_root(folder))
        self.point_to(upstreams)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def point_to(self, upstreams: Sequence[int]) -> None:
        """Write down which servers there are, by their ports; `reload` makes it so."""
        content = configured(self.folder, self.port, self.plain_port, upstreams, self.tls)
        (self.folder / "porchlight.conf").write_text(content)

    def check(self) -> None:
        """What `nginx -t` says of the file."""
        done = subprocess.run([*self._command, "-t"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        """Start it; it listens when this returns."""
        self.check()
        self.process = subprocess.Popen(self._command)
        while not _listens(self.port):
            assert self.process.poll() is None, self.errors

    def reload(self) -> None:
        """Read the files again, while old processes bring what they have begun to its end."""
        self.check()
        self.process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """End it at once."""
        self.process.terminate()
        self.process.wait(10)

    @property
    def errors(self) -> str:
        """What it has complained of."""
        log = self.folder / "error.log"
        return log.read_text() if log.exists() else ""


@contextmanager
def fronting(folder: Path, upstreams: Sequence[int]) -> Generator[Nginx]:
    """Nginx in front of servers on these ports of this machine."""
    nginx = Nginx(folder, upstreams)
    nginx.start()
    try:
        yield nginx
    finally:
        nginx.stop()


def _as_root(folder: Path) -> str:
    """Its processes stay root's: the folders of tests are."""
    return "user root;" + MAIN.format(folder=folder)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
