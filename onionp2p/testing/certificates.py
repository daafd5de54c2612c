# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Certificates for TLS inside onion services, in tests.

No authority signs them, so the client must be told to trust that very one.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from twisted.internet.ssl import PrivateCertificate

__all__ = ["selfSigned"]


def selfSigned(host: str) -> PrivateCertificate:
    """
    Make a key, and a certificate for it that is valid for an hour.

    @param host: the host name that it is for, at most 64 characters: an onion's has 62.

    @return: both; its C{options()} are a server's, and it is a trust root itself.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - hour)  # clocks differ
        .not_valid_after(now + hour)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    made: PrivateCertificate = PrivateCertificate.loadPEM(pem)
    return made
