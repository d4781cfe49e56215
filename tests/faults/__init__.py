"""The real scripts against a server that breaks every rule of HTTP, over real sockets."""
