"""COPY and ADD: which entries of a context, stage or base become which entries of a layer."""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Iterable
from dataclasses import replace

from multiarch.core.dockerfile.errors import DockerfileError
from multiarch.core.dockerfile.expand import expand_content
from multiarch.core.dockerfile.patterns import has_wildcard, matches
from multiarch.core.dockerfile.stages import CopyStep
from multiarch.core.errors import did_you_mean
from multiarch.core.oci.layer import Entry, path_of
from multiarch.tools.archives import Archive, ArchiveError, is_tar, most, unpacked
from multiarch.tools.image_files import Tree, read


class Copier:
    """One COPY or ADD: `source` has the files, `tree` is the stage it copies into."""

    def __init__(
        self, file: str, step: CopyStep, source: Tree, tree: Tree, workdir: str, origin: str
    ) -> None:
        self.file, self.step, self.source, self.tree = file, step, source, tree
        self.origin = origin
        destination = posixpath.normpath(posixpath.join("/", workdir, step.destination))
        self.destination = destination.lstrip("/")
        self.into_directory = (
            step.destination.endswith(("/", "/."))
            or step.destination in (".", "..")
            or self.tree.is_directory(self.tree.resolve(self.destination) or self.destination)
            or len(step.sources) + len(step.heredocs) > 1
        )

    def fail(self, problem: str) -> DockerfileError:
        """An error on the instruction's line."""
        return DockerfileError(self.file, self.step.line, problem)

    def entries(self, variables: dict[str, str]) -> tuple[Entry, ...]:
        """Everything that the instruction copies, with its owner and mode."""
        found: list[Entry] = []
        for heredoc in self.step.heredocs:
            text = expand_content(heredoc.content, variables) if heredoc.expand else heredoc.content
            found.append(Entry(self.target(heredoc.name), content=text.encode()))
        for source in self.step.sources:
            for path in self.resolve(source):
                found += self.copy(path)
        uid, gid = self.owner()
        mode = self.mode()
        return tuple(
            replace(e, uid=uid, gid=gid, mode=e.mode if mode is None or e.link else mode)
            if self.step.chown or not self.step.origin
            else replace(e, mode=e.mode if mode is None or e.link else mode)
            for e in found
        )

    def target(self, name: str) -> str:
        """Where a file of this name goes."""
        if self.into_directory:
            return posixpath.join(self.destination, posixpath.basename(name))
        if not self.destination:
            raise self.fail(f"the destination {self.step.destination!r} is a directory")
        return self.destination

    def resolve(self, source: str) -> list[str]:
        """The paths that a source names; raises DockerfileError when there is none."""
        cleaned = posixpath.normpath(source.lstrip("/") or ".")
        if cleaned == ".." or cleaned.startswith("../"):
            raise self.fail(
                f"{self.step.text!r}: {source!r} leaves {self.origin}; only what is inside can be "
                "copied. Make the file a dependency of the target, and copy it by its name there."
            )
        if cleaned == ".":
            return [""]
        if has_wildcard(cleaned):
            found = sorted(p for p in self.source.entries if matches(cleaned, p))
            if found:
                return found
        elif cleaned in self.source.entries:
            return [self.followed(cleaned, source)]
        known = [p for p, e in self.source.entries.items() if not e.is_directory]
        some = ", ".join(sorted(known)[:8]) or "nothing"
        raise self.fail(
            f"{self.step.text!r}: there is no {source!r} in {self.origin}, which has {some}"
            f"{', ...' if len(known) > 8 else ''}.{did_you_mean(cleaned, known)}"
        )

    def followed(self, path: str, source: str) -> str:
        """A source that is a symbolic link stands for what it points to, inside the context."""
        for _ in range(40):
            link = self.source.entries[path].link if path in self.source.entries else ""
            if not link:
                return path
            path = posixpath.normpath(posixpath.join(posixpath.dirname(path), link))
            if link.startswith("/") or path.startswith("..") or path not in self.source.entries:
                break
        raise self.fail(
            f"{self.step.text!r}: {source!r} is a symbolic link to {link!r}, which leaves "
            f"{self.origin} or is not there"
        )

    def copy(self, path: str) -> list[Entry]:
        """One source: a directory's contents, a file, or with ADD what a tar holds."""
        if self.source.is_directory(path):
            skip = len(path) + 1 if path else 0
            top = [] if not self.destination else [
                Entry(self.destination, 0o755, is_directory=True)
            ]  # fmt: skip
            return top + [
                replace(
                    self.source.entries[p],
                    path=posixpath.join(self.destination, p[skip:]),
                    hardlink="",
                )
                for p in self.source.below(path)
            ]
        entry = self.source.entries[path]
        if self.step.unpack and (unpacked := self.unpack(entry)) is not None:
            return unpacked
        return [replace(entry, path=self.target(path), hardlink="")]

    def unpack(self, entry: Entry) -> list[Entry] | None:
        """The members of a local tar that ADD unpacks; None when it is another file."""
        data, where = read(entry), f"{self.step.text!r}: {entry.path}"
        if not is_tar(data):
            return None
        try:
            with unpacked(data, where) as file:
                archive = Archive(file, where, most(len(data)))
                return [e for p, m in archive.members for e in self.member(archive, p, m)]
        except ArchiveError as error:
            raise self.fail(str(error)) from None

    def member(self, archive: Archive, path: str, member: tarfile.TarInfo) -> list[Entry]:
        """What a member of a local tar becomes: nothing, where it is a device."""
        plain = Entry(posixpath.join(self.destination, path), member.mode & 0o7777)
        if member.isdir():
            return [replace(plain, is_directory=True)]
        if member.issym():
            return [replace(plain, link=member.linkname)]
        if member.islnk():
            first = next((m for p, m in archive.members if p == path_of(member.linkname)), None)
            if first is None or not first.isfile():
                raise self.fail(
                    f"{self.step.text!r}: {path!r} is another name of {member.linkname!r}, which "
                    "is no file of the archive"
                )
            member = first
        return [replace(plain, content=archive.read(member))] if member.isfile() else []

    def mode(self) -> int | None:
        """The mode that --chmod gives, or None."""
        text = self.step.chmod
        if not text:
            return None
        try:
            mode = int(text, 8)
        except ValueError:
            mode = -1
        if not 0 <= mode <= 0o7777:
            raise self.fail(f"--chmod={text}: expected an octal mode such as 0755")
        return mode

    def owner(self) -> tuple[int, int]:
        """The owner that --chown gives: numbers, or names of the image's own passwd and group."""
        if not self.step.chown:
            return 0, 0
        user, colon, group = self.step.chown.partition(":")
        users = list(_rows(self.tree.text("etc/passwd")))
        uid = self.number(user, "user", "etc/passwd", users)
        if colon:
            return uid, self.number(group, "group", "etc/group", _rows(self.tree.text("etc/group")))
        primary = [int(r[3]) for r in users if len(r) > 3 and r[2] == str(uid) and r[3].isdecimal()]
        return uid, primary[0] if primary and not user.isdecimal() else uid

    def number(self, name: str, what: str, file: str, rows: Iterable[list[str]]) -> int:
        """A user's or group's number."""
        if name.isdecimal():
            return int(name)
        found = {row[0]: int(row[2]) for row in rows if len(row) > 2 and row[2].isdecimal()}
        if name in found:
            return found[name]
        raise self.fail(
            f"--chown={self.step.chown}: the image's /{file} has no {what} {name!r}; use a number"
        )


def _rows(text: str) -> Iterable[list[str]]:
    return (line.split(":") for line in text.splitlines())
