"""The PROXY protocol, version 2, by hand, and a proxy of a few lines that speaks it."""

import contextlib
import ipaddress
import socket
import struct
import threading

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL, PROXY = 0x20, 0x21
UNSPEC, TCP4, UDP4, TCP6, UDP6, UNIX = 0x00, 0x11, 0x12, 0x21, 0x22, 0x31


def header(source=None, command=PROXY, family=None, besides=b"", signature=SIGNATURE, rest=None, length=None):
    """A header for somebody at `source`; each part can be made wrong."""
    if rest is None:
        rest = b""
        if source is not None:
            address = ipaddress.ip_address(source)
            rest = address.packed + (bytes([10, 0, 0, 1]) if address.version == 4 else bytes(16)) + struct.pack(">HH", 4660, 80)
            family = (TCP4 if address.version == 4 else TCP6) if family is None else family
    rest += besides
    return signature + bytes([command, UNSPEC if family is None else family]) + struct.pack(">H", len(rest) if length is None else length) + rest


def tlv(kind, value):
    return bytes([kind]) + struct.pack(">H", len(value)) + value


class HeaderProxy:
    """Passes connections on from the address of a trusted proxy, with a header in front."""

    def __init__(self, port, source, head):
        self.to, self.source, self.head = ("127.0.0.1", port), source, head
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(self.to, source_address=(self.source, 0))
                server.sendall(self.head)
                for one, other in ((client, server), (server, client)):
                    threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    @staticmethod
    def _pump(one, other):
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_WR)

    def close(self):
        self.listener.close()
