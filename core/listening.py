"""Sockets to listen at, with a sentence for who chose an address that cannot be had."""

import errno
import socket

from core.settings import SettingsError


def listening_socket(host: str, port: int, *, variable: str = "PORT") -> socket.socket:
    """A socket that listens. Raises SettingsError, by the name of the port's variable, when there can be none."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        address = f"{host}:{port} cannot be had ({error.strerror})"
        if error.errno in {errno.EADDRINUSE, errno.EACCES}:
            raise SettingsError([f"{variable}: {address}; a free port above 1023 would be right"]) from error
        raise SettingsError(
            [f"HOST: {address}; 127.0.0.1, or another address of this machine, would be right"]
        ) from error
    return listener
