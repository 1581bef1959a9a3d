"""Publishes a plan: asks what is there, sends what is not, several at once, and moves tags last."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from itertools import groupby
from typing import Callable, TypeVar

from multiarch.core.errors import MultiarchError, bullets
from multiarch.core.oci.publication import (
    Actions,
    Place,
    Placement,
    Plan,
    TagMove,
    Transfer,
    missing_placements,
    nearby_places,
    present_blobs,
    repository_of,
    tag_moves,
    transfers,
    wanted_blobs,
)
from multiarch.core.oci.reference import Reference
from multiarch.tools.registry.client import Client
from multiarch.tools.registry.contents import Contents, Stopped
from multiarch.tools.registry.journal import Journal
from multiarch.tools.registry.referrers import put_manifest, record, referrers
from multiarch.tools.registry.repository import Repository
from multiarch.tools.registry.source import ImageSource
from multiarch.tools.registry.transport import RegistryError, RegistrySettings
from multiarch.tools.signing import call

# Requests at once.
CONCURRENCY = 4
# Seconds between two lines of progress.
_PAUSE = 10.0
_Item = TypeVar("_Item")
_Found = TypeVar("_Found")


def size_text(size: int) -> str:
    """A size for people.

    >>> size_text(2_500_000)
    '2.5 MB'
    """
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size} bytes"


class Progress:
    """Counts what was sent, mounted and there already, and says so now and then."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say, self.lock = say, threading.Lock()
        self.sent_bytes = self.sent = self.mounted = self.manifests = 0
        self.expected = 0
        self.last = time.monotonic()

    def bytes_sent(self, size: int) -> None:
        """Count bytes of a blob or manifest that go out."""
        with self.lock:
            self.sent_bytes += size
            now = time.monotonic()
            if now - self.last < _PAUSE:
                return
            self.last = now
            text = f"  {size_text(self.sent_bytes)} of {size_text(self.expected)} sent"
        self.say(text)

    def count(self, name: str) -> None:
        """Count one blob or manifest."""
        with self.lock:
            setattr(self, name, getattr(self, name) + 1)

    def summary(self, actions: Actions) -> str:
        """What was done, in one line."""
        return (
            f"  sent {size_text(self.sent_bytes)}: {self.sent} blobs, {self.manifests} manifests; "
            f"mounted {self.mounted} blobs; there already: {actions.present}"
        )


class Publisher:
    """Carries plans out. `settings` says how registries are spoken to; `say` prints a line.

    `journal` tells what was pushed before from this machine.
    """

    def __init__(
        self,
        settings: RegistrySettings,
        contents: Contents,
        say: Callable[[str], None],
        journal: Journal,
    ) -> None:
        self.settings, self.contents, self.journal = settings, contents, journal
        self.progress, self.stop = Progress(say), threading.Event()
        self.clients: dict[str, Client] = {}
        self.lock = threading.Lock()

    def repository(self, reference: Reference) -> Repository:
        """A repository, through the one client of its registry."""
        with self.lock:
            client = self.clients.get(reference.registry)
            if client is None:
                client = Client(reference.registry, self.settings)
                self.clients[reference.registry] = client
        return Repository(client, repository_of(reference), self.progress.bytes_sent, self.stop)

    def survey(self, plan: Plan) -> Actions:
        """Ask the registries what they have; returns what is left to do.

        Raises OciError for tags that must not move, and RegistryError; nothing has been sent then.
        """
        moves = self.moves(plan)
        found = self.each(
            lambda p: self.repository(p.repository).digest(p.node.descriptor.digest),
            plan.placements,
        )
        present = {p.place for p, digest in zip(plan.placements, found) if digest}
        missing = missing_placements(plan, present)
        blobs = wanted_blobs(missing)
        there = self.each(lambda pair: self.repository(pair[0]).has_blob(pair[1]), blobs)
        absent = [pair for pair, is_there in zip(blobs, there) if not is_there]
        known: set[Place] = present_blobs(plan.placements, missing)
        known |= {(r.name, b.digest) for (r, b), is_there in zip(blobs, there) if is_there}
        places = nearby_places(absent, missing, self.journal.seen())
        nearby = self.each(lambda pair: self.repository(pair[0]).may_have_blob(pair[1]), places)
        known |= {(r.name, b.digest) for (r, b), is_there in zip(places, nearby) if is_there}
        count = len(present) + sum(there)
        return Actions(transfers(absent, known), missing, moves, count)

    def moves(self, plan: Plan) -> tuple[TagMove, ...]:
        """The tags to set, by what they stand for now."""
        found = self.each(
            lambda tag: self.repository(tag.reference).digest(tag.reference.tag), plan.tags
        )
        return tag_moves(plan.tags, {t.name: digest for t, digest in zip(plan.tags, found)})

    def carry_out(self, plan: Plan, actions: Actions, sign: Callable[[Reference], None]) -> None:
        """Send what is missing, verify it, sign it, and set the tags, the last ones last.

        Raises RegistryError; before everything is there, verified and signed, no tag moves.
        """
        self.progress.expected = sum(t.blob.size for t in actions.transfers if not t.source)
        for _, some in groupby(actions.transfers, lambda transfer: transfer.waits):
            self.each(self.transfer, tuple(some))
        for _, level in groupby(actions.placements, lambda placement: placement.order):
            self.each(self.put, tuple(level))
        self.each(self.verify, actions.placements)
        if actions.placements or actions.moves:
            self.each(self.list_attached, [p for p in plan.placements if p.attached])
        self.journal.note(actions.placements)
        for reference in actions.to_sign:
            sign(reference)
        # It may have taken long: nobody else's tag is overwritten unseen.
        for move in self.moves(plan) if actions.moves else ():
            self.tag(move, plan)

    def transfer(self, transfer: Transfer) -> None:
        """Mount a blob, or send it; raises RegistryError unless the registry then has it."""
        repository = self.repository(transfer.repository)
        if transfer.source is not None and repository.mount(transfer.blob, transfer.source):
            self.progress.count("mounted")
        else:
            repository.upload(transfer.blob, self.contents.stored(transfer.blob))
            self.progress.count("sent")
        if not repository.has_blob(transfer.blob):
            raise RegistryError(
                f"{repository.name}: the registry took the blob {transfer.blob.digest}, and does "
                "not have it."
            )

    def put(self, placement: Placement) -> None:
        """Put a manifest by its digest."""
        descriptor = placement.node.descriptor
        data = self.contents.read(descriptor)
        repository = self.repository(placement.repository)
        put_manifest(repository, descriptor.digest, data, descriptor.media_type)
        self.progress.bytes_sent(len(data))
        self.progress.count("manifests")

    def verify(self, placement: Placement) -> None:
        """Ask for a manifest that was put; raises RegistryError unless it is there."""
        repository, digest = self.repository(placement.repository), placement.node.descriptor.digest
        if repository.digest(digest) != digest:
            raise RegistryError(
                f"{repository.name}: the registry took the manifest {digest}, and does not have "
                "it. No tag was moved."
            )

    def list_attached(self, placement: Placement) -> None:
        """See that an artifact is among its subject's referrers, also one of an ended run."""
        repository, descriptor = self.repository(placement.repository), placement.node.descriptor
        source = ImageSource(repository.client, repository.reference)
        listed = referrers(source, placement.node.subject)
        if descriptor.digest not in {found.digest for found in listed}:
            record(repository, self.contents.read(descriptor))

    def tag(self, move: TagMove, plan: Plan) -> None:
        """Set one tag, and look whether it then stands for what it should."""
        reference = move.tag.reference
        (descriptor,) = {
            p.node.descriptor
            for p in plan.placements
            if p.place == (reference.name, reference.digest)
        }
        repository = self.repository(reference)
        data = self.contents.read(descriptor)
        repository.put(reference.tag, data, descriptor.media_type)
        self.progress.bytes_sent(len(data))
        found = repository.digest(reference.tag)
        if found != reference.digest:
            raise RegistryError(
                f"{move.tag.name} was set to {reference.digest}, and is {found or 'not there'}: "
                "somebody else publishes under this tag at the same time."
            )

    def each(self, work: Callable[[_Item], _Found], items: Sequence[_Item]) -> tuple[_Found, ...]:
        """Do the same for all items, several at once; the first failure ends the others."""
        if not items:
            return ()
        pool = ThreadPoolExecutor(CONCURRENCY)
        futures: list[Future[_Found]] = []
        failed = interrupted = False
        try:
            futures = [pool.submit(work, item) for item in items]
            wait(futures, return_when=FIRST_EXCEPTION)
            failed = any(f.done() and f.exception() for f in futures)
        except KeyboardInterrupt:
            interrupted = True
            raise
        finally:
            if failed or interrupted:
                self.stop.set()
            # Who is interrupted does not wait for an answer of a registry.
            pool.shutdown(wait=not interrupted, cancel_futures=failed or interrupted)
        if failed:
            raise _one_error(f.exception() for f in futures if not f.cancelled())
        return tuple(future.result() for future in futures)


def _one_error(errors: Iterable[BaseException | None]) -> BaseException:
    """What went wrong, once each; an error that is none of ours is passed on as it is."""
    found = [error for error in errors if error is not None and not isinstance(error, Stopped)]
    for error in found:
        if not isinstance(error, MultiarchError):
            return error
    texts = tuple(dict.fromkeys(map(str, found)))
    if len(texts) == 1:
        return found[0]
    return RegistryError(f"{len(texts)} things failed:\n{bullets(texts)}")


def signer(
    command: Sequence[str], environment: Mapping[str, str], say: Callable[[str], None]
) -> Callable[[Reference], None]:
    """What signs a reference by digest: a command in which `{reference}` stands for it.

    Raises MultiarchError when the command cannot be started or fails.
    """

    def sign(reference: Reference) -> None:
        text = str(reference)
        say(f"  sign {text}")
        call(
            command,
            {"reference": text},
            environment,
            option="`[multiarch-publish] sign_command`",
            what=text,
            effect="No tag was moved.",
        )

    return sign
