"""Sockets to listen at, with a sentence for who chose an address that cannot be had."""

import errno
import socket
from collections.abc import Generator
from contextlib import contextmanager

from core.settings import SettingsError


@contextmanager
def having(host: str, port: int, variable: str = "PORT") -> Generator[None]:
    """Tell which setting it was when the address cannot be had. Raises SettingsError."""
    try:
        yield
    except OSError as error:
        address = f"{host}:{port} cannot be had ({error.strerror})"
        if error.errno in {errno.EADDRINUSE, errno.EACCES}:
            raise SettingsError([f"{variable}: {address}; a free port above 1023 would be right"]) from error
        raise SettingsError(
            [f"HOST: {address}; 127.0.0.1, or another address of this machine, would be right"]
        ) from error


@contextmanager
def bound_socket(host: str, port: int, variable: str = "PORT") -> Generator[socket.socket]:
    """A socket with an address, closed at the end. Raises SettingsError when the address cannot be had.

    It does not listen yet: whoever connected would wait for the end of the start, in place of asking another server.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        with having(host, port, variable):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
        yield listener
