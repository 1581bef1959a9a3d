"""The tools make, publish and verify a whole release, and each fault of one is found."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable

import pytest
from multiarch.core.errors import MultiarchError
from multiarch.core.release.layout import ReleaseError
from multiarch.tools import release, release_archive, upload_release, verify_release
from multiarch.tools.release_store import Store, StoreError, protocol

from tests.unit.executables.samples import Elf, go_blob, go_text

AMD64 = {"CGO_ENABLED": "0", "GOARCH": "amd64", "GOOS": "linux", "GOAMD64": "v1"}
BINARY = "bin/linux/amd64/hello"
ARCHIVE, ZIP = "hello-linux-amd64.tar.gz", "hello-windows-amd64.zip"
VERSION, INDEX = "v1.36.0", "sha256:" + "a" * 64
PACKED = ["root/README", "root/client/bin/hello"]


def pack(folder: Path, name: str, *, seconds: int = 0) -> Path:
    """Pack an archive of two files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "program").write_bytes(Elf(go=go_blob(go_text(**AMD64))).bytes())
    (folder / "text").write_text("read me\n")
    entries = [
        {"path": "root/client/bin/hello", "file": str(folder / "program"), "executable": True},
        {"path": "root/README", "file": str(folder / "text"), "executable": False},
    ]
    output = str(folder / name)
    release_archive.main({"entries": entries, "seconds": seconds, "output": output})
    return folder / name


def test_a_tar_has_one_root_and_fixed_modes_owners_and_times(tmp_path: Path) -> None:
    file = pack(tmp_path / "one", ARCHIVE, seconds=1_700_000_000)
    with tarfile.open(file) as archive:
        found = [(m.name, oct(m.mode), m.mtime, m.uid, m.uname) for m in archive]
    assert found == [
        ("root", "0o755", 1_700_000_000, 0, ""),
        ("root/client", "0o755", 1_700_000_000, 0, ""),
        ("root/client/bin", "0o755", 1_700_000_000, 0, ""),
        ("root/README", "0o644", 1_700_000_000, 0, ""),
        ("root/client/bin/hello", "0o755", 1_700_000_000, 0, ""),
    ]
    # Python's own gzip checks the length and the checksum.
    assert gzip.decompress(file.read_bytes())
    again = pack(tmp_path / "two", ARCHIVE, seconds=1_700_000_000)
    assert again.read_bytes() == file.read_bytes()


def test_a_zip_is_one_that_others_read_with_its_modes(tmp_path: Path) -> None:
    file = pack(tmp_path / "one", ZIP, seconds=1_700_000_000)
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        found = [(i.filename, oct(i.external_attr >> 16), i.date_time) for i in archive.infolist()]
        assert archive.read("root/README") == b"read me\n"
    assert found == [
        ("root/README", "0o100644", (2023, 11, 14, 22, 13, 20)),
        ("root/client/bin/hello", "0o100755", (2023, 11, 14, 22, 13, 20)),
    ]
    again = pack(tmp_path / "two", ZIP, seconds=1_700_000_000)
    assert again.read_bytes() == file.read_bytes()
    # A zip knows no time before 1980.
    with zipfile.ZipFile(pack(tmp_path / "three", ZIP)) as archive:
        assert archive.infolist()[0].date_time == (1980, 1, 1, 0, 0, 0)


def make(root: Path, *, version: str = VERSION, text: str = "read me\n") -> Path:
    """Make a release with a binary, an archive, a file and a list in a folder."""
    tree = root / "release"
    program = tree / BINARY
    program.parent.mkdir(parents=True)
    program.write_bytes(Elf(go=go_blob(go_text(**AMD64))).bytes())
    pack(root / "work", ARCHIVE).rename(tree / ARCHIVE)
    (tree / "README").write_text(text)
    contents = root / "contents.json"
    libc = {"name": "libc6", "version": "2", "purl": "pkg:deb/debian/libc6@2", "comment": ""}
    contents.write_text(json.dumps({"components": [libc]}))

    def file(path: str, kind: str, **more: Any) -> dict[str, Any]:
        return {"path": path, "kind": kind, "target": "//:x", "file": str(tree / path), **more}

    placed = {"platform": "linux/amd64", "support": "supported", "programs": [str(program)]}
    image = {
        "platform": "linux/amd64", "digest": "sha256:" + "b" * 64, "size": 5,
        "support": "supported", "name": "hello-linux-amd64", "components": str(contents),
    }  # fmt: skip
    off = {"target": "//:x", "platform": "linux/s390x", "reason": "off", "issue": "i", "until": "u"}
    release.main(
        {
            "target": "//:release", "version": version, "revision": "f00", "tree_state": "clean",
            "seconds": 1_700_000_000, "source_url": "", "builder": "urn:b",
            "files": [
                file(BINARY, "binary", **placed),
                file(ARCHIVE, "archive", **placed, contents=PACKED),
                file("README", "file"),
            ],
            "lists": [
                {
                    "target": "//:list", "digest": INDEX, "names": [], "attestations": False,
                    "images": [image],
                },
            ],
            "absent": [off],
            "output": str(tree),
        }
    )  # fmt: skip
    return tree


def verify(tree: Path, rebuilt: str | None = None, command: Sequence[str] = ()) -> None:
    request = {
        "places": [{"url": str(tree), "rebuilt": rebuilt}],
        "registries": False, "insecure": [], "ca_file": "", "redirect": {},
        "verify_command": list(command),
    }  # fmt: skip
    verify_release.main(request)


def test_a_release_is_whole_and_verifies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = make(tmp_path)
    for program in ("sha256sum", "sha512sum"):
        sums = program.upper().replace("SUM", "SUMS")
        subprocess.run([program, "-c", "--quiet", sums], cwd=tree, check=True)
    digits = hashlib.sha256((tree / BINARY).read_bytes()).hexdigest()
    assert (tree / f"{BINARY}.sha256").read_text() == digits
    for name in ("SHA256SUMS", "SHA512SUMS"):
        assert "SUMS" not in (tree / name).read_text()
    bill = json.loads((tree / "sbom/images/hello-linux-amd64.spdx.json").read_text())
    assert [p["name"] for p in bill["packages"]] == ["images/hello-linux-amd64", "libc6"]
    verify(tree, rebuilt=(tree / "SHA256SUMS").read_text())
    # Three files, their bills and that of an image, release.yaml and the provenance.
    assert "9 files with their sums, 3 artefacts" in capsys.readouterr().out


def test_the_same_release_has_the_same_bytes_in_any_directory(tmp_path: Path) -> None:
    assert contents(make(tmp_path / "one")) == contents(make(tmp_path / "other/two"))


def edit(path: str, old: str, new: str) -> Callable[[Path], object]:
    """Replace a text in one file of a release."""

    def spoil(tree: Path) -> None:
        text = (tree / path).read_text()
        assert old in text
        (tree / path).write_text(text.replace(old, new))

    return spoil


FAULTS: list[tuple[Callable[[Path], object], str]] = [
    (lambda t: (t / "README").write_text("other\n"), "README: SHA256SUMS says "),
    (lambda t: (t / "README").write_text("other\n"), "README: release.yaml says size 8, found 6"),
    (lambda t: (t / "README").unlink(), "README: release.yaml names it, and it is not there"),
    (lambda t: (t / "more").write_text("x"), "more: SHA256SUMS says nothing, found "),
    (lambda t: (t / "README.sha512").write_text("0"), "README.sha512: expected "),
    (lambda t: (t / "README.sha256").unlink(), "README.sha256: expected "),
    (edit("release.yaml", "linux/amd64\n", "linux/arm64\n"), "code for arm64, found amd64"),
    (edit("release.yaml", "go1.27.3", "go1.20"), "expected go go1.20 in its build info"),
    (edit("release.yaml", "- root/README\n", ""), "says it holds ['root/client/bin/hello'], found"),
    (edit(f"sbom/{BINARY}.spdx.json", "CC0-1.0", "MIT"), "expected dataLicense 'CC0-1.0', found"),
    (edit("provenance.intoto.json", "a" * 64, "c" * 64), "its subject '//:list' has"),
    (
        edit("sbom/images/hello-linux-amd64.spdx.json", "b" * 64, "c" * 64),
        f"it is about {'c' * 64}, and the artefact is {'b' * 64}",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "said"), FAULTS, ids=[str(n) for n in range(len(FAULTS))])
def test_each_fault_of_a_release_is_found(
    tmp_path: Path, spoil: Callable[[Path], object], said: str
) -> None:
    tree = make(tmp_path)
    spoil(tree)
    with pytest.raises(ReleaseError, match="the release is not what it should be:") as raised:
        verify(tree)
    assert said in str(raised.value)


def test_another_build_is_compared_file_by_file(tmp_path: Path) -> None:
    one, two = make(tmp_path / "one"), make(tmp_path / "two", text="other\n")
    with pytest.raises(ReleaseError, match=r"README: published is \w+, and built again it is \w+"):
        verify(one, rebuilt=(two / "SHA256SUMS").read_text())


def test_what_is_no_release_is_said(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="there is no release: it has no SHA256SUMS"):
        verify(tmp_path)


def publish(
    tree: Path, destination: str, *, version: str = VERSION, dry_run: bool = False,
    sign: Sequence[str] = (),
) -> None:  # fmt: skip
    request = tree.parent / "request.json"
    value = {
        "release": "release", "version": version, "destination": destination,
        "markers": ["stable", "latest"], "dry_run": dry_run, "sign_command": list(sign),
    }  # fmt: skip
    request.write_text(json.dumps(value))
    upload_release.main(request)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def test_a_release_is_published_once_and_its_markers_move_forward(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree, there = make(tmp_path / "one"), tmp_path / "there"
    publish(tree, f"file://{there}")
    assert contents(there / VERSION) == contents(tree)
    assert (there / "stable-1.36.txt").read_text() == VERSION
    capsys.readouterr()
    publish(tree, str(there))
    assert f"{there}/{VERSION}: 0 files sent (0 B), 29 were there" in capsys.readouterr().out
    newer = make(tmp_path / "two", version="v1.37.0-alpha.0")
    publish(newer, str(there), version="v1.37.0-alpha.0")
    older = make(tmp_path / "three", version="v1.35.9")
    publish(older, str(there), version="v1.35.9")
    assert "stable.txt: stays v1.36.0" in capsys.readouterr().out
    markers = {f.name: f.read_text() for f in there.glob("*.txt")}
    assert markers["stable.txt"] == markers["stable-1.txt"] == VERSION
    assert markers["stable-1.35.txt"] == "v1.35.9"
    assert markers["latest.txt"] == markers["latest-1.37.txt"] == "v1.37.0-alpha.0"
    assert "stable-1.37.txt" not in markers


def test_a_dry_run_writes_nothing_and_says_what_would_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree, there = make(tmp_path / "one"), tmp_path / "there"
    publish(tree, str(there), dry_run=True)
    assert not there.exists()
    said = capsys.readouterr().out
    assert f"{there}/{VERSION}: 29 files to send (" in said
    assert f"{there}/stable.txt: new -> {VERSION}" in said
    publish(tree, str(there))
    with pytest.raises(ReleaseError, match="nothing was sent"):
        publish(make(tmp_path / "two", text="READ ME\n"), str(there), dry_run=True)


def test_other_bytes_are_never_overwritten(tmp_path: Path) -> None:
    there = tmp_path / "there"
    publish(make(tmp_path / "one"), str(there))
    before = contents(there)
    with pytest.raises(ReleaseError, match=r"nothing was sent(.|\n)*`README` has the sha256 \w+"):
        publish(make(tmp_path / "two", text="READ ME\n"), str(there))
    with pytest.raises(ReleaseError, match=r"nothing was sent(.|\n)*`README` has 8 bytes there"):
        publish(make(tmp_path / "three", text="longer than that\n"), str(there))
    assert contents(there) == before


def test_an_interrupted_upload_has_no_sums_and_moves_no_marker_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree, there = make(tmp_path), tmp_path / "there"
    put, sent = Store.put, []

    def broken(self: Store, source: str, name: str) -> None:
        sent.append(name)
        if len(sent) > 10:
            raise StoreError("the connection is gone")
        put(self, source, name)

    monkeypatch.setattr(Store, "put", broken)
    with pytest.raises(StoreError, match="the connection is gone"):
        publish(tree, str(there))
    partly = contents(there)
    assert len(partly) == 10
    assert not [p for p in partly if p.endswith(("SUMS", ".txt"))]
    monkeypatch.setattr(Store, "put", put)
    publish(tree, str(there))
    assert contents(there / VERSION) == contents(tree)
    assert (there / "stable.txt").read_text() == VERSION


# A program that signs: the signature says what was signed, and by which call.
SIGN = ("sh", "-c", 'sha256sum <"$1" >"$2" && date +%N >>"$2"', "sign", "{file}", "{signature}")
CHECK = ("sh", "-c", 'sha256sum <"$1" | grep -qFf - "$2"', "check", "{file}", "{signature}")


def test_sums_are_signed_before_anything_is_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree, there = make(tmp_path / "one"), tmp_path / "there"
    for command, said in (
        (("false",), "`[multiarch-release] sign_command` ended with 1 for SHA256SUMS. Nothing was"),
        (("true",), "`[multiarch-release] sign_command` wrote no {signature}, which was /"),
        (("no-such-program",), "'no-such-program' cannot be started: "),
    ):
        with pytest.raises(MultiarchError, match=re.escape(said)):
            publish(tree, str(there), sign=command)
        assert not there.exists()
    # It is added to a release that is there already.
    publish(tree, str(there))
    verify(there / VERSION)
    missing = re.escape("SHA256SUMS.sig: `[multiarch-release] verify_command` is set, and the rel")
    with pytest.raises(ReleaseError, match=missing):
        verify(there / VERSION, command=CHECK)
    publish(tree, str(there), dry_run=True, sign=SIGN)
    assert not (there / VERSION / "SHA256SUMS.sig").exists()
    publish(tree, str(there), sign=SIGN)
    signature = (there / VERSION / "SHA256SUMS.sig").read_bytes()
    # And left as it is afterwards, although each signature is another one.
    publish(tree, str(there), sign=SIGN)
    publish(tree, str(there))
    assert (there / VERSION / "SHA256SUMS.sig").read_bytes() == signature
    capsys.readouterr()
    verify(there / VERSION, command=CHECK)
    assert "not checked" not in capsys.readouterr().out
    verify(there / VERSION)
    said = "not checked: SHA256SUMS.sig: `[multiarch-release] verify_command` is not set\n"
    assert said in capsys.readouterr().out
    (there / VERSION / "SHA256SUMS.sig").write_text("forged\n")
    wrong = re.escape("`[multiarch-release] verify_command` ended with 1 for SHA256SUMS.sig.")
    with pytest.raises(ReleaseError, match=wrong):
        verify(there / VERSION, command=CHECK)


def test_places_are_named_by_what_reaches_them() -> None:
    assert [protocol(u) for u in ("/a/b", "file:///a", "s3://b/c", "gs://b")] == [
        "file", "file", "s3", "gs",
    ]  # fmt: skip
    with pytest.raises(StoreError, match="'ftp://x' is no place for releases: 'ftp' is not known"):
        protocol("ftp://x")


def test_an_error_is_printed_without_a_traceback(tmp_path: Path) -> None:
    tree, there = make(tmp_path / "one"), tmp_path / "there"
    there.write_text("a file, where a folder is to be\n")
    with pytest.raises(MultiarchError, match="cannot write"):
        publish(tree, str(there))
    module = "multiarch.tools.upload_release"
    argv = [sys.executable, "-m", module, str(tree.parent / "request.json")]
    paths = ":".join(p for p in sys.path if p)
    done = subprocess.run(argv, capture_output=True, text=True, env={"PYTHONPATH": paths})
    assert done.returncode == 1
    assert done.stderr.startswith(f"{there}: cannot write ")
    assert "Traceback" not in done.stderr
