"""A certificate authority of our own, and what it signs."""

import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

PKCS8 = serialization.PrivateFormat.PKCS8
# SEC1 for elliptic curves, PKCS#1 for RSA.
TRADITIONAL = serialization.PrivateFormat.TraditionalOpenSSL


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    def __init__(self, folder):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = (
            self._builder(self.key.public_key(), "Test authority")
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
            .add_extension(self._usage(signs=True), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        self.path = folder / "ca.pem"
        self.path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _usage(self, signs):
        return x509.KeyUsage(
            digital_signature=True, key_cert_sign=signs, crl_sign=signs, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
        )

    def _builder(self, public, subject):
        now = datetime.datetime.now(datetime.timezone.utc)
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("Test authority"))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )

    def issue(self, names=("s3.localhost", "*.s3.localhost", "localhost"), addresses=("127.0.0.1",), kind="ec", form=PKCS8):
        """Signs a certificate; returns it and its key in PEM, and its serial number."""
        key = ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 2048)
        here = [x509.DNSName(text) for text in names] + [x509.IPAddress(ipaddress.ip_address(text)) for text in addresses]
        certificate = (
            self._builder(key.public_key(), "onshore")
            .add_extension(x509.SubjectAlternativeName(here), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(self._usage(signs=False), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        chain = certificate.public_bytes(serialization.Encoding.PEM) + self.path.read_bytes()
        return chain, key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()), certificate.serial_number

    def install(self, chain, key):
        """Puts a certificate and its key where the server finds them; each file is replaced whole."""
        for path, bytes_ in ((self.folder / "chain.pem", chain), (self.folder / "key.pem", key)):
            staging = path.with_suffix(".new")
            staging.write_bytes(bytes_)
            staging.rename(path)

    def config(self):
        return f'\n[tls]\ncertificate = "{self.folder}/chain.pem"\nkey = "{self.folder}/key.pem"\n'
