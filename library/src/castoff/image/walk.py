"""Walks the files of a saved image: one pass, layer by layer, never more than a piece in memory."""

import io
import tarfile
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, NamedTuple

import msgspec

from castoff.errors import StepError
from castoff.image.detect import Detector
from castoff.image.kinds import HEAD, file_kind
from castoff.image.known import Known
from castoff.image.saved import Blueprint, File, Hit, Listing, Manifest, Saved

PIECE = 4 << 20  # bytes that are looked at together
DOCUMENT = 4 << 20  # bytes; a manifest or a configuration is not larger
GONE = ".wh."  # how a layer says that a file of a lower one is deleted
GONE_ALL = ".wh..wh..opq"
GZIP = b"\x1f\x8b"
MAGIC, MAGIC_AT = b"ustar", 257  # what says that a file is a tar, and where
EXECUTABLE = b"\x7fELF"  # a library such as GnuTLS has keys in it for its own tests
BUFFER = 1 << 17  # bytes; with each read tarfile copies what is left of it
TOKEN = 1024  # bytes; a token on the border of two pieces is not longer
AHEAD = 2  # batches that may wait to be looked at


def walk(
    pieces: Iterable[bytes],
    known: Known,
    detector: Callable[[], Detector],
    keep: Callable[[str], bool],
) -> Saved:
    """Look at every file of a saved image.

    Args:
        pieces: what ``docker save`` writes, of any engine.
        known: values to search for.
        detector: makes what finds tokens.
        keep: whether a file's content is wanted afterwards.

    Raises:
        StepError: it is not an image, or its layers are packed in a way that cannot be read.
    """
    found: dict[str, Listing] = {}
    same: dict[str, str] = {}  # a layer that is there twice is a link the second time
    documents: dict[str, bytes] = {}
    try:
        with (
            _Look(known, detector) as look,
            tarfile.open(fileobj=_Pieces(pieces), mode="r|", bufsize=BUFFER) as tar,
        ):
            for member in tar:
                name = member.name.removeprefix("./")
                if member.issym() or member.islnk():
                    same[name] = _beside(name, member)
                elif not member.isreg():
                    continue
                elif mode := _packed(body := _content(tar, member)):
                    found[name] = _layer(body, mode, look, keep)
                elif member.size <= DOCUMENT:
                    documents[name] = body.read()
            look.finish()
        return _saved(found, same, documents)
    except (tarfile.TarError, EOFError, KeyError, msgspec.MsgspecError) as error:
        raise StepError(
            f"the image cannot be read: {error}",
            "The image is on the engine, and nothing else was changed.",
            "`docker save` of it must give a tar with uncompressed or gzip layers; is the disk of "
            "the engine full?",
        ) from None


class _Pieces(io.RawIOBase):
    """An iterator of bytes as a file; tarfile reads it in order only."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        got = [self._rest]
        length = len(self._rest)
        while length < size and (piece := next(self._pieces, b"")):
            got.append(piece)
            length += len(piece)
        data = b"".join(got)
        self._rest = data[size:]
        return data[:size]


def _beside(name: str, member: tarfile.TarInfo) -> str:
    """The layer that a link leads to, as ``../ID/layer.tar``."""
    if member.islnk():
        return member.linkname
    parts = [*name.split("/")[:-1], *member.linkname.split("/")]
    while ".." in parts:
        at = parts.index("..")
        del parts[max(at - 1, 0) : at + 1]
    return "/".join(parts)


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> io.BufferedReader:
    body = tar.extractfile(member)
    assert isinstance(body, io.BufferedReader)  # as tarfile documents it
    return body


def _packed(body: io.BufferedReader) -> str:
    """How a layer is packed, as a mode of tarfile; empty when it is no layer."""
    head = body.peek(MAGIC_AT + len(MAGIC))
    if head.startswith(GZIP):
        return "r|gz"
    tar = head[MAGIC_AT : MAGIC_AT + len(MAGIC)] == MAGIC
    return "r|" if tar or not head.strip(b"\0") else ""  # an empty one is zeros


def _layer(body: IO[bytes], mode: str, look: "_Look", keep: Callable[[str], bool]) -> Listing:
    listing = Listing()
    with tarfile.open(fileobj=body, mode=mode, bufsize=BUFFER) as tar:  # type: ignore[call-overload]
        for member in tar:
            path = member.name.removeprefix("./").rstrip("/")
            folder, _, name = path.rpartition("/")
            if name == GONE_ALL:
                listing.gone.append(f"{folder}/")
            elif name.startswith(GONE):
                listing.gone.append(f"{folder}/{name.removeprefix(GONE)}".lstrip("/"))
            else:
                listing.files[path] = File(member.type, member.size, member.mode)
                if member.isreg() and member.size:
                    content: IO[bytes] = _content(tar, member)
                    if member.size <= DOCUMENT and keep(path):
                        listing.kept[path] = content.read()
                        content = io.BytesIO(listing.kept[path])
                    look.file(listing, path, content)
    return listing


def _saved(found: dict[str, Listing], same: dict[str, str], documents: dict[str, bytes]) -> Saved:
    manifest = msgspec.json.decode(documents["manifest.json"], type=list[Manifest])[0]
    blueprint = msgspec.json.decode(documents[manifest.config], type=Blueprint)
    return Saved(blueprint, [found[same.get(name, name)] for name in manifest.layers])


class _Piece(NamedTuple):
    """A part of a file, with the last bytes of the part before."""

    layer: Listing
    path: str
    data: bytes
    first: bool
    program: bool


class _Look:
    """Looks at pieces of files in a thread of its own: the detector works without Python's lock."""

    def __init__(self, known: Known, detector: Callable[[], Detector]) -> None:
        self._known = known
        self._overlap = max(known.overlap, TOKEN)
        self._pool = ThreadPoolExecutor(1)
        self._detector = self._pool.submit(detector)  # while the engine writes
        self._batch: list[_Piece] = []
        self._bytes = 0
        self._pending: deque[Future[None]] = deque()

    def __enter__(self) -> "_Look":
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def file(self, layer: Listing, path: str, body: IO[bytes]) -> None:
        """Look at a file, sooner or later."""
        before, program = b"", False
        while data := body.read(PIECE):
            program = program or (not before and data.startswith(EXECUTABLE))
            self._batch.append(_Piece(layer, path, before + data, not before, program))
            self._bytes += len(data)
            before = data[-self._overlap :]
            if self._bytes >= PIECE:
                self._hand_over()

    def finish(self) -> None:
        """Wait until everything was looked at."""
        self._hand_over()
        while self._pending:
            self._pending.popleft().result()

    def _hand_over(self) -> None:
        self._pending.append(self._pool.submit(self._all, self._batch))
        self._batch, self._bytes = [], 0
        if len(self._pending) > AHEAD:
            self._pending.popleft().result()

    def _all(self, batch: list[_Piece]) -> None:
        detector = self._detector.result()
        for piece in batch:
            path, data, hits = piece.path, piece.data, piece.layer.hits
            if names := self._known.names_in(data):
                hits.append(Hit(path, "", names))
            if piece.program:
                continue
            if piece.first and (kind := file_kind(path, data[:HEAD])):
                hits.append(Hit(path, kind))
            found = {token.kind for token in detector.look(path, data)}
            hits += [Hit(path, kind, token=True) for kind in sorted(found)]
