"""TLS, for nodes without a private network between them: each pins the certificate of the other, and asks no authority.

What a clock says of a certificate is not judged: mail is never refused for a wrong clock, and a pinned certificate is replaced
when it is to go, not when it has expired.
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from claudemail.config import Config, Node
from claudemail.errors import ConfigError

_NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which the ssl module has no name for (openssl/x509_vfy.h)."""
_PEM = "-----BEGIN CERTIFICATE-----"


def server_context(config: Config) -> ssl.SSLContext | None:
    """Return what this node serves TLS with, or None where it has no certificate.

    Raises:
        OSError: a file cannot be read, or is no certificate or key.
    """
    if config.tls_cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(config.tls_cert, config.tls_key)
    return context


def client_context(peer: Node) -> ssl.SSLContext:
    """Return what speaks TLS with a peer, and with nobody who has not the key of the certificate in its config.

    Raises:
        ConfigError: the certificate cannot be read.
    """
    assert peer.tls_cert is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False  # it is this certificate or none, whatever name is in it
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
    try:
        text = peer.tls_cert if _PEM in peer.tls_cert else Path(peer.tls_cert).read_text("ascii")
        context.load_verify_locations(cadata=text)
    except (OSError, ValueError, ssl.SSLError) as error:
        raise ConfigError(f"The certificate of {peer.id} (tls_cert) cannot be read: {error}.") from error
    return context


def make_certificate(node: str, folder: Path) -> tuple[Path, Path]:
    """Make a certificate and its key for a node, in files of their own in `folder`; return both.

    Raises:
        FileExistsError: there is one already.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import NameOID

    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, node)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .sign(key, None)
    )
    paths = folder / "tls.crt", folder / "tls.key"
    _write(paths[1], key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
    _write(paths[0], certificate.public_bytes(Encoding.PEM), 0o644)
    return paths


def _write(path: Path, content: bytes, mode: int) -> None:
    path.touch(mode, exist_ok=False)
    path.write_bytes(content)
