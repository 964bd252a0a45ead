"""The default transport: HTTP/1.1 over sockets and asyncio protocols, parsed by httptools."""
