"""Ends TLS before the server, which speaks none itself, for the clients that ask for it."""

import datetime
import ipaddress
import select
import socket
import ssl
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class TlsProxy:
    """What stands before the server in earnest: ends TLS and passes the bytes on."""

    def __init__(self, server, folder):
        now = datetime.datetime.now(datetime.timezone.utc)
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
        built = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - datetime.timedelta(days=1), now + datetime.timedelta(days=1))
        built = built.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        self.certificate = folder / "certificate.pem"
        self.certificate.write_bytes(built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        private = folder / "key.pem"
        private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.certificate, private)
        self.target = (server.s3_host, server.s3_port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            with self.context.wrap_socket(client, server_side=True) as inner, socket.create_connection(self.target) as outer:
                self.pass_on(inner, outer)
        except OSError:
            pass  # the client gave the connection up

    def pass_on(self, inner, outer):
        """One request at a time is on a connection, so that one thread moves both ways in turns."""
        while True:
            ready = [inner] if inner.pending() else select.select([inner, outer], [], [])[0]
            for one in ready:
                data = one.recv(1 << 16)
                if not data:
                    return
                (outer if one is inner else inner).sendall(data)

    def close(self):
        self.listener.close()
