#!/usr/bin/env python3
"""Make examples/images/report/debian.tar: a minimal Debian root for each platform, no registry.

The packages come from the Debian mirror that apt on this machine is set up with, for every
architecture, verified by apt; their files are unpacked, and nothing of them is run. Needs apt-get
and dpkg-deb (Debian, Ubuntu); 20 seconds and 80 MB to download.

With --sysroots, it also makes a root with the headers and libraries of C and zlib for each
platform, where the launcher keeps what it installs: tests of programs with C look for it there.
"""

from __future__ import annotations

import argparse
import gzip
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src/python"), str(ROOT / "build-support/launcher")]

import bootstrap
from multiarch.core.oci.config import ImageConfig
from multiarch.core.oci.descriptor import OCI, Descriptor, canonical_json, digest_of, manifest_json
from multiarch.core.oci.layer import Entry, with_parents, write_tar
from multiarch.core.oci.layout import LAYOUT_FILE, blob_path
from multiarch.core.platforms import Platform

# Platforms by Debian's names of the architectures; armel is for ARMv5 and later.
ARCHITECTURES = {
    "amd64": "linux/amd64",
    "armel": "linux/arm/v5",
    "armhf": "linux/arm/v7",
    "arm64": "linux/arm64",
    "ppc64el": "linux/ppc64le",
    "s390x": "linux/s390x",
}
PACKAGES = (
    *("dash", "coreutils", "libc6", "libcap2", "libcap2-bin", "libselinux1", "libpcre2-8-0"),
    *("libacl1", "libattr1", "libgmp10", "libgcc-s1"),
)
# What a program with C code is linked with.
DEVELOPMENT = ("libc6", "libc6-dev", "linux-libc-dev", "zlib1g", "zlib1g-dev")
LEFT_OUT = ("usr/share/doc/", "usr/share/man/", "usr/share/locale/", "usr/share/info/")
MERGED = ("bin", "lib", "lib64", "sbin")


def apt(folder: Path, architecture: str, *argv: str) -> None:
    """Run apt-get for another architecture, with a state of its own."""
    for name in ("lists/partial", "cache/archives/partial", "packages"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    settings = {
        "APT::Architecture": architecture, "APT::Architectures::": architecture,
        "APT::Sandbox::User": "root", "Acquire::Languages": "none", "Acquire::Retries": 3,
        "Dir::State": folder, "Dir::State::status": folder / "status",
        "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder / "cache",
    }  # fmt: skip
    options = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]
    command = ["apt-get", "-qq", *options, *argv]
    # A mirror may be in the middle of an update of one suite: what can be had decides, and
    # `download` fails where a package cannot.
    subprocess.run(command, check=argv[0] != "update", cwd=folder / "packages")


def unpacked(folder: Path, packages: Iterable[str]) -> dict[str, Entry]:
    """The packages' files by their paths, with a merged /usr."""
    found: dict[str, Entry] = {}
    for package in sorted(p for name in packages for p in folder.glob(f"packages/{name}_*.deb")):
        data = subprocess.run(
            ["dpkg-deb", "--fsys-tarfile", package], check=True, capture_output=True
        ).stdout
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                path = os.path.normpath(member.name)
                if path.partition("/")[0] in MERGED:
                    path = f"usr/{path}"
                if path == "." or f"{path}/".startswith(LEFT_OUT):
                    continue
                stream = archive.extractfile(member) if member.isfile() else None
                found[path] = Entry(
                    path, member.mode & 0o7777, content=stream.read() if stream else b"",
                    link=member.linkname if member.issym() else "", is_directory=member.isdir(),
                )  # fmt: skip
    for name in MERGED:
        if f"usr/{name}" in found:
            found[name] = Entry(name, link=f"usr/{name}")
    return found


def root(folder: Path) -> bytes:
    """The packages that programs run with, as one layer."""
    found = unpacked(folder, PACKAGES)
    found["etc/passwd"] = Entry("etc/passwd", content=b"root:x:0:0:root:/root:/bin/sh\n")
    found["etc/group"] = Entry("etc/group", content=b"root:x:0:\n")
    found["tmp"] = Entry("tmp", 0o1777, is_directory=True)
    out = io.BytesIO()
    write_tar(with_parents(found.values()), out, mtime=0, read=lambda path: b"")
    return out.getvalue()


def write_sysroot(folder: Path, output: Path) -> None:
    """Write the packages that programs are linked with below `output`, in place of what was there.

    Links are relative, so that they lead to the same file wherever the sysroot stands.
    """
    partial = output.with_name(f"{output.name}.{os.getpid()}")
    for entry in with_parents(unpacked(folder, DEVELOPMENT).values()):
        path = partial / entry.path
        if entry.is_directory:
            path.mkdir(parents=True)
        elif entry.link.startswith("/"):
            target = entry.link[1:]
            merged = target.partition("/")[0] in MERGED
            target = f"usr/{target}" if merged else target
            path.symlink_to(os.path.relpath(target, os.path.dirname(entry.path)))
        elif entry.link:
            path.symlink_to(entry.link)
        else:
            path.write_bytes(entry.content)
            path.chmod(entry.mode)
    shutil.rmtree(output, ignore_errors=True)
    partial.replace(output)


def image(plain: bytes, platform: Platform, blobs: dict[str, bytes]) -> Descriptor:
    """Add the blobs of an image of one layer; returns its manifest's descriptor."""
    layer = gzip.compress(plain, 6, mtime=0)
    run = {"Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": ["/bin/sh"]}
    described = ImageConfig(platform, run).with_step(
        "build-support/debian_base.py", 0, diff_id=digest_of(plain)
    )
    config = canonical_json(described.as_json(0))
    manifest = manifest_json(OCI, config, [Descriptor.of(OCI.layer, layer)])
    blobs.update((digest_of(data), data) for data in (layer, config, manifest))
    return replace(Descriptor.of(OCI.manifest, manifest), platform=platform)


def main() -> int:
    """Make the base and write it in one step."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    default = ROOT / "examples/images/report/debian.tar"
    parser.add_argument("output", nargs="?", type=Path, default=default, help="the tar to write")
    parser.add_argument("--sysroots", action="store_true", help="make sysroots for tests, too")
    options = parser.parse_args()
    output: Path = options.output
    sysroots = bootstrap.cache_root(os.environ) / "debian-sysroots" if options.sysroots else None
    blobs: dict[str, bytes] = {}
    manifests = []
    with tempfile.TemporaryDirectory() as scratch:
        for architecture, text in ARCHITECTURES.items():
            print(f"Debian packages for {architecture}", flush=True)
            folder = Path(scratch, architecture)
            apt(folder, architecture, "update")
            further = DEVELOPMENT if sysroots else ()
            apt(folder, architecture, "download", *{*PACKAGES, *further})
            if sysroots:
                sysroots.mkdir(parents=True, exist_ok=True)
                write_sysroot(folder, sysroots / Platform.parse(text).slug)
            manifests.append(image(root(folder), Platform.parse(text), blobs).as_json())
    files = {blob_path(digest): data for digest, data in blobs.items()}
    files["oci-layout"] = LAYOUT_FILE
    files["index.json"] = canonical_json({"schemaVersion": 2, "manifests": manifests})
    partial = output.with_name(f"{output.name}.{os.getpid()}")
    with open(partial, "wb") as out:
        entries = with_parents(Entry(path, content=data) for path, data in files.items())
        write_tar(entries, out, mtime=0, read=lambda path: b"")
    partial.replace(output)
    print(f"{output}: {len(manifests)} platforms, {output.stat().st_size / 1e6:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
