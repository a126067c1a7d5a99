"""Stands between the program and one of its stores. It passes everything on until a test tells it to be slow, to cut, to swallow
or to refuse; each of these holds until the next is told. What crosses it is bytes, so it does for every store; MongoFaultProxy
also reads messages, and gives answers that a healthy server would not.
"""
import asyncio
import contextlib
import dataclasses
import socket
import struct
import threading

import bson

PATIENCE_S = 30
CHUNK_BYTES = 65536
RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: the peer sees a reset and not an end


@dataclasses.dataclass(frozen=True)
class Fault:
    delay_s: float = 0            # before each answer
    listens: bool = True
    is_silent: bool = False       # connections are taken, requests are swallowed
    resets: bool = False          # each connection, as soon as it says something
    cuts_after: int | None = None # bytes of an answer; then the connection is reset
    waits_for: list | None = None # only answers to requests that hold one of these, each once
    holds: bool = False           # such answers wait until the proxy is healed


class Pair:
    """One connection of the program's, and the one to the server that belongs to it."""

    def __init__(self, client, server):
        self.client, self.server = client, server  # (reader, writer)
        self.is_waited_for = False
        self.edits = {}  # by request id: what its answer says beside

    def reset(self):
        for _, writer in (self.client, self.server):
            with contextlib.suppress(OSError, AttributeError):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
            writer.transport.abort()


class FaultProxy:
    """Its port is there from the start; stop() ends it. Every change holds when the call returns."""

    def __init__(self, server_port):
        self.server_port, self.port = server_port, 0
        self.fault, self.pairs, self.listener = Fault(), set(), None
        self.cuts = 0  # how many answers were cut
        self.held, self.healed = threading.Event(), asyncio.Event()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self._do(self._listen())

    # ---- what a test tells it ----

    def heal(self):
        self._become(Fault())

    def delay(self, seconds):
        self._become(Fault(delay_s=seconds))

    def reset(self):
        """Connections are taken and reset; those that are there go at once."""
        self._become(Fault(resets=True), ends_all=True)

    def swallow(self):
        self._become(Fault(is_silent=True))

    def refuse(self):
        self._become(Fault(listens=False), ends_all=True)

    def cut(self, after):
        """Every answer ends in its middle."""
        self._become(Fault(cuts_after=after))

    def cut_once(self, *words, after=1):
        """The answer to the next request that holds each of these: the server does it, and nobody says so."""
        self._become(Fault(cuts_after=after, waits_for=list(words)))

    def hold_once(self, words):
        """The answer to the next request that holds these waits for heal(): what the server does by then is done in between."""
        self.held.clear()
        self._become(Fault(holds=True, waits_for=[words]))

    def stop(self):
        self._become(Fault(listens=False), ends_all=True)
        self._do(self._end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(PATIENCE_S)
        self.loop.close()

    # ---- on the loop's thread ----

    def _do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE_S)

    def _become(self, fault, ends_all=False):
        self._do(self._change(fault, ends_all))

    async def _change(self, fault, ends_all):
        ends_all = ends_all or self.fault.is_silent  # what was swallowed would be missed
        self.fault = fault
        self.healed.set()
        self.healed = asyncio.Event()
        if ends_all:
            for pair in list(self.pairs):
                pair.reset()
        if not fault.listens and self.listener:
            self.listener.close()
            self.listener = None
        if fault.listens and not self.listener:
            await self._listen()

    async def _end(self):
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _listen(self):
        self.listener = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self.listener.sockets[0].getsockname()[1]

    async def _serve(self, *client):
        try:
            server = await asyncio.open_connection("127.0.0.1", self.server_port)
        except OSError:
            client[1].transport.abort()
            return
        pair = Pair(client, server)
        self.pairs.add(pair)
        ways = [asyncio.ensure_future(way(pair)) for way in (self._carry_requests, self._carry_answers)]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        pair.reset()
        await asyncio.gather(*ways, return_exceptions=True)
        self.pairs.discard(pair)

    async def _carry_requests(self, pair):
        while request := await self.read_request(pair):
            if self.fault.resets:
                return
            if self.fault.is_silent:
                continue
            pair.is_waited_for |= self._is_waited_for(request)
            request = self.answer_instead(pair, request)
            pair.server[1].write(request)
            await pair.server[1].drain()

    def _is_waited_for(self, request):
        words = next((words for words in self.fault.waits_for or () if words in request), None)
        if words:
            self.fault.waits_for.remove(words)
        return bool(words)

    async def _carry_answers(self, pair):
        while answer := await self.read_answer(pair):
            await asyncio.sleep(self.fault.delay_s)
            fault = self.fault
            if fault.is_silent:
                continue
            if fault.holds and pair.is_waited_for:
                await self._hold(pair)
            if fault.cuts_after is not None and (pair.is_waited_for or fault.waits_for is None):
                await self._cut(pair, answer[:fault.cuts_after])
                return
            pair.client[1].write(answer)
            await pair.client[1].drain()

    async def _hold(self, pair):
        pair.is_waited_for = False
        self.held.set()
        await self.healed.wait()

    async def _cut(self, pair, beginning):
        self.cuts += 1
        pair.client[1].write(beginning)
        await pair.client[1].drain()

    # ---- what another protocol's proxy does otherwise ----

    async def read_request(self, pair):
        return await pair.client[0].read(CHUNK_BYTES)

    async def read_answer(self, pair):
        return await pair.server[0].read(CHUNK_BYTES)

    def answer_instead(self, pair, request):
        """What is to go to the server."""
        return request


# https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/: length, request id, id of the request answered, operation;
# an OP_MSG goes on with flags, and the command in a section of kind 0.
HEADER = struct.Struct("<iiii")
OP_MSG, BODY_AT = 2013, 21

NOT_PRIMARY = {"ok": 0.0, "errmsg": "not primary", "code": 10107, "codeName": "NotWritablePrimary"}
NO_MAJORITY = {"writeConcernError": {"code": 64, "codeName": "WriteConcernFailed", "errmsg": "waiting for replication timed out",
                                     "errInfo": {"wtimeout": True}}}


STEPPED_DOWN = {"writeErrors": [{"index": 0, "code": 10107, "errmsg": "not primary"}]}
NOTHING_FOUND = {"ok": 1.0, "cursor": {"id": bson.Int64(0), "ns": "", "firstBatch": []}}


def asks_for_a_majority(command):
    return command.get("readConcern", {}).get("level") == "majority"


def command_of(message):
    """The command that an OP_MSG is, or None: its name is its first key."""
    if HEADER.unpack_from(message)[3] != OP_MSG:
        return None
    length = struct.unpack_from("<i", message, BODY_AT)[0]
    return bson.decode(message[BODY_AT:BODY_AT + length])


def op_msg(document, answered):
    body = b"\0\0\0\0\0" + bson.encode(document)
    return HEADER.pack(HEADER.size + len(body), 0, answered, OP_MSG) + body


class MongoFaultProxy(FaultProxy):
    def __init__(self, server_port):
        self.instead, self.beside = {}, {}
        super().__init__(server_port)

    def answer(self, command, document, when=lambda command: True):
        """The server never sees these commands."""
        self.instead[command] = document, when

    def add_to_answer(self, command, document):
        """The server does what they ask for; its answer also says this."""
        self.beside[command] = document

    def heal(self):
        self.instead, self.beside = {}, {}
        super().heal()

    async def _read_message(self, reader):
        try:
            header = await reader.readexactly(HEADER.size)
            return header + await reader.readexactly(HEADER.unpack(header)[0] - HEADER.size)
        except asyncio.IncompleteReadError:
            return b""

    async def read_request(self, pair):
        return await self._read_message(pair.client[0])

    def answer_instead(self, pair, request):
        command = command_of(request)
        name, request_id = command and next(iter(command)), HEADER.unpack_from(request)[1]
        document, when = self.instead.get(name, (None, None))
        if document and when(command):
            pair.client[1].write(op_msg(document, request_id))
            return b""
        if name in self.beside:
            pair.edits[request_id] = self.beside[name]
        return request

    async def read_answer(self, pair):
        answer = await self._read_message(pair.server[0])
        answered = HEADER.unpack_from(answer)[2] if answer else None
        edit = pair.edits.pop(answered, None)
        return op_msg({**command_of(answer), **edit}, answered) if edit else answer
