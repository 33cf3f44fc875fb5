"""Forwards TCP connections and holds back each answer: ``delay_proxy PORT UPSTREAM_PORT MS``."""

import asyncio
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable

_CHUNK_BYTES = 1 << 18


async def _forward(reader: StreamReader, send: Callable[[bytes], object]) -> None:
    """Pass on what arrives until the sender closes the connection."""
    try:
        while data := await reader.read(_CHUNK_BYTES):
            send(data)
    except ConnectionError:
        return


async def serve(port: int, upstream_port: int, milliseconds: float) -> None:
    """Forward until the process ends."""
    loop = asyncio.get_running_loop()

    async def serve_client(client_reader: StreamReader, client: StreamWriter) -> None:
        engine_reader, engine = await asyncio.open_connection("127.0.0.1", upstream_port)

        def send_late(data: bytes) -> None:
            loop.call_later(milliseconds / 1000, client.write, data)

        answers = asyncio.create_task(_forward(engine_reader, send_late))
        await _forward(client_reader, engine.write)
        engine.close()
        await answers
        client.close()

    server = await asyncio.start_server(serve_client, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
