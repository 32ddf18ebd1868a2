"""An HTTP server with one constant answer: the limit of the load generator, and a sink for telemetry."""

from __future__ import annotations

import asyncio
import sys

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 800\r\n\r\n" + b"x" * 800


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read requests and give the answer until the caller leaves."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            place = head.find(b"content-length:")
            if place >= 0:
                await reader.readexactly(int(head[place + 15 :].partition(b"\r\n")[0]))
            writer.write(ANSWER)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main() -> None:
    """Serve at the port that was named."""
    server = await asyncio.start_server(answer, "127.0.0.1", int(sys.argv[1]))
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
