"""Connections that note whether a request was written to them, and that are cut when a response takes too long."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

from requests.adapters import HTTPAdapter


class Watch:
    """What became of the request that is being sent, as its connection saw it."""

    def __init__(self) -> None:
        self.attempted = False  # a connection was opened or used
        self.written = False  # the head of the request was written to it; a proxy's CONNECT does not count
        self.expired = False
        self._socket: Any = None

    @contextlib.contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """Around one request. Its connection is cut after `seconds`: a server that sends a byte now and then runs into
        no other timeout.
        """
        self.attempted = self.written = self.expired = False
        self._socket = None
        timer = threading.Timer(seconds, self._expire)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def sending(self, connection_socket: Any) -> None:
        self.attempted = True
        self._socket = getattr(connection_socket, "socket", connection_socket)  # TLS within a proxy's TLS wraps it

    def _expire(self) -> None:
        self.expired = True
        if self._socket is not None:
            with contextlib.suppress(OSError):  # it has just been closed
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class WatchedAdapter(HTTPAdapter):
    """The adapter of requests with watched connections, also through a proxy."""

    def __init__(self, watch: Watch) -> None:
        self._watched_by = watch
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _watch_connections(self.poolmanager, self._watched_by)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        is_new = proxy not in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **kwargs)
        if is_new:
            _watch_connections(manager, self._watched_by)
        return manager


def _watch_connections(manager: Any, watch: Watch) -> None:
    """Make the pools of a pool manager open watched connections."""
    manager.pool_classes_by_scheme = {
        scheme: type(pool.__name__, (pool,), {"ConnectionCls": _watched(pool.ConnectionCls, watch)})
        for scheme, pool in manager.pool_classes_by_scheme.items()
    }


def _watched(base: Any, watch: Watch) -> Any:
    class Watched(base):  # type: ignore[misc]
        connecting = False

        def connect(self) -> None:
            watch.attempted = self.connecting = True
            try:
                super().connect()
            finally:
                self.connecting = False

        def send(self, data: Any) -> None:
            if self.sock is None and self.auto_open:
                self.connect()
            watch.sending(self.sock)
            super().send(data)  # where this fails for the head, the vendor has no whole request
            watch.written = watch.written or not self.connecting

    return Watched
