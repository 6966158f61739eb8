# SPDX-License-Identifier: Apache-2.0
"""A node of its own for the tests: network and mounts that nobody else sees, in which the public
addresses of a service are this process."""
import fcntl
import select
import socket
import ssl
import struct
import subprocess
import threading


def bring_up_loopback():
    SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(control, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def cover(path, content, lab):
    """Another content at a path of the system, for this mount namespace alone."""
    copy = f"{lab}/covers-{path.replace('/', '-')}"
    with open(copy, "w", encoding="utf-8") as file:
        file.write(content)
    subprocess.run(["mount", "--bind", copy, path], check=True)


class PublicService:
    """HTTPS on port 443 and HTTP on port 80 under public names, carried to a dev bucket's port."""

    def __init__(self, lab, names, port):
        self.port = port
        with open("/etc/hosts", encoding="utf-8") as file:
            hosts = file.read()
        cover("/etc/hosts", hosts + "".join(f"127.0.0.1 {name}\n" for name in names), lab)
        key, certificate = f"{lab}/service.key", f"{lab}/service.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "2", "-subj", "/CN=lab", "-keyout", key, "-out", certificate,
                        "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names)],
                       check=True, capture_output=True)
        with open(certificate, encoding="ascii") as file:
            cover("/etc/ssl/certs/ca-certificates.crt", file.read(), lab)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate, key)
        self.listeners = [socket.create_server(("127.0.0.1", number)) for number in (80, 443)]
        for listener, context in zip(self.listeners, (None, self.tls)):
            threading.Thread(target=self.accept, args=(listener, context), daemon=True).start()

    def accept(self, listener, context):
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.carry, args=(connection, context), daemon=True).start()

    def carry(self, connection, context):
        ends = [connection]
        try:
            if context:
                ends[0] = connection = context.wrap_socket(connection, server_side=True)
            ends.append(socket.create_connection(("127.0.0.1", self.port)))
            while True:
                # What TLS has taken apart already is not seen by select.
                waiting = context and connection.pending()
                for source in [connection] if waiting else select.select(ends, [], [])[0]:
                    data = source.recv(1 << 16)
                    if not data:
                        return
                    ends[1 - ends.index(source)].sendall(data)
        except OSError:
            pass  # one of both has gone: so does the other
        finally:
            for end in ends:
                end.close()

    def end(self):
        for listener in self.listeners:
            listener.close()
        for path in ("/etc/hosts", "/etc/ssl/certs/ca-certificates.crt"):
            subprocess.run(["umount", path], check=True)
