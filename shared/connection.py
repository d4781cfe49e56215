"""Connections that note whether a request was written to them, and that are cut when a response takes too long."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

from requests.adapters import HTTPAdapter


class WatchedAdapter(HTTPAdapter):
    """The adapter of requests, also through a proxy, that knows what became of the request that it sent last."""

    attempted = False  # a connection was opened or used
    written = False  # the head of the request was written to it; a proxy's CONNECT does not count
    expired = False
    _socket: Any = None

    @contextlib.contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """Around one request: its connection is cut after `seconds`. A server that sends a byte now and then never hits
        the read timeout.
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

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self._watch(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        is_new = proxy not in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **kwargs)
        if is_new:
            self._watch(manager)
        return manager

    def _watch(self, manager: Any) -> None:
        """Make the pools of a pool manager open watched connections."""
        manager.pool_classes_by_scheme = {
            scheme: type(pool.__name__, (pool,), {"ConnectionCls": _watched(pool.ConnectionCls, self)})
            for scheme, pool in manager.pool_classes_by_scheme.items()
        }


def _watched(base: Any, adapter: WatchedAdapter) -> Any:
    class Watched(base):  # type: ignore[misc]
        connecting = False

        def connect(self) -> None:
            adapter.attempted = self.connecting = True
            try:
                super().connect()
            finally:
                self.connecting = False

        def send(self, data: Any) -> None:
            if self.sock is None and self.auto_open:
                self.connect()
            adapter.sending(self.sock)
            super().send(data)  # where this fails for the head, the vendor has no whole request
            adapter.written = adapter.written or not self.connecting

    return Watched
