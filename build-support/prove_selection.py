#!/usr/bin/env python3
"""Compare what `--changed-since` selects with what `go list` says, over random edits.

    build-support/prove_selection.py [--edits 200] [--seed 1] [--go GO] CLONE

CLONE is a git clone of a repository with a vendored Go module at its root, which is copied. Each
program of it gets targets for several platforms, one with build tags and one with cgo. An edit is
made, and `go list -deps -json` says on each platform which programs are made of other files,
packages or versions than before. What is selected comes from the same functions that the plugin
calls; for every tenth edit Pants itself is asked too, and has to answer the same. Prints a line for
each edit and sums; exits with 1 when a program was missed, when more than 2 % of what was selected
was too much, or when Pants said something else.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src/python"))

from multiarch.core.golang.constraints import TagSet
from multiarch.core.golang.heads import FileHead
from multiarch.core.golang.selection import (
    Built,
    affected,
    parse_skeletons,
    source_tree,
)
from multiarch.core.golang.settings import BuildSettings
from multiarch.core.golang.skeleton import skeleton
from multiarch.core.platforms import Platform
from multiarch.tools.git_changes import GitDirectory

GO_VERSION = "go1.27.3"
TAGS = ("no_btrfs", "custom")
# Platform, tags, cgo.
MATRIX: tuple[tuple[str, tuple[str, ...], bool], ...] = (
    ("linux/amd64", (), True),
    ("linux/arm64", TAGS, False),
    ("linux/s390x", (), False),
    ("windows/amd64", (), False),
    ("darwin/arm64", (), False),
)
TAG_SETS = tuple(
    TagSet.of(BuildSettings(Platform.parse(platform), GO_VERSION, tags=tags, cgo=cgo))
    for platform, tags, cgo in MATRIX
)
FILE_LISTS = (
    *("GoFiles", "CgoFiles", "CFiles", "CXXFiles", "SFiles", "HFiles", "SysoFiles"),
    "EmbedFiles",
)
FIELDS = (
    *("Dir", "ImportPath", "Name", "Standard", "Module", "DefaultGODEBUG", "Imports", "Deps"),
    *("Error", *FILE_LISTS),
)
SYSTEMS = ("linux", "windows", "darwin", "arm64", "linux_arm64", "s390x", "plan9")
CONSTRAINTS = (
    *(
        "linux",
        "!windows",
        "windows || darwin",
        "custom",
        "!custom && linux",
        "cgo",
        "unix && !arm64",
    ),
    "ignore",
)


@dataclass
class Clone:
    """The copy that is edited, and its programs' directories, relative to it."""

    root: Path
    go: str
    rng: random.Random
    mains: tuple[str, ...] = ()
    known: dict[Path, tuple[int, str]] = field(default_factory=dict)
    heads: dict[str, FileHead] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def git(self, *argv: str) -> str:
        return subprocess.run(
            ["git", "-c", "user.name=t", "-c", "user.email=t@example.test", *argv],
            cwd=self.root, check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip

    def list(self, number: int, *argv: str) -> Iterator[dict[str, Any]]:
        """What `go list` prints for one row of the matrix."""
        platform, tags, cgo = MATRIX[number]
        system, arch = platform.split("/")
        env = {n: v for n, v in os.environ.items() if not n.startswith(("GO", "CGO"))}
        env |= {
            **{"GOOS": system, "GOARCH": arch, "CGO_ENABLED": str(int(cgo)), "GOENV": "off"},
            **{"GOTOOLCHAIN": "local", "GOPROXY": "off", "GOFLAGS": "", "GODEBUG": "goindex=0"},
        }
        done = subprocess.run(
            [self.go, "list", "-e", f"-tags={','.join(tags)}", f"-json={','.join(FIELDS)}", *argv],
            cwd=self.root, env=env, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode != 0:
            yield {"ImportPath": "", "Error": done.stderr}
        decoder, at, text = json.JSONDecoder(), 0, done.stdout.strip()
        while at < len(text):
            value, at = decoder.raw_decode(text, at)
            yield value
            at += len(text[at:]) - len(text[at:].lstrip()) if text[at : at + 1].isspace() else 0

    def digest(self, path: Path) -> str:
        """The hash of a file, remembered while its time stays as it is."""
        try:
            time = path.stat().st_mtime_ns
        except OSError:
            return "missing"
        if self.known.get(path, (0, ""))[0] != time:
            self.known[path] = time, hashlib.sha256(path.read_bytes()).hexdigest()
        return self.known[path][1]

    def _fingerprint(self, package: Mapping[str, Any]) -> str:
        module = package.get("Module") or {}
        replaced = module.get("Replace") or {}
        names = [name for key in FILE_LISTS for name in package.get(key) or ()]
        said = {
            **{k: package.get(k) for k in ("ImportPath", "Name", "Imports", "DefaultGODEBUG")},
            "files": {key: package.get(key) for key in FILE_LISTS},
            "module": [module.get(k) for k in ("Path", "Version", "GoVersion")],
            "replaced": [replaced.get(k) for k in ("Path", "Version")],
            "error": (package.get("Error") or {}).get("Err")
            if isinstance(package.get("Error"), dict)
            else package.get("Error"),
            "contents": [self.digest(Path(package["Dir"], n)) for n in names],
        }
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def packages(self, number: int) -> list[dict[str, Any]]:
        """The packages of all programs, on one row of the matrix."""
        return list(self.list(number, "-deps", *(f"./{main}" for main in self.mains)))

    def programs(self, packages: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """A fingerprint of all that each program is made of."""
        prints = {p["ImportPath"]: self._fingerprint(p) for p in packages if not p.get("Standard")}
        found = {}
        for package in packages:
            directory = os.path.relpath(package.get("Dir", "/"), self.root)
            if directory in self.mains:
                of = (package["ImportPath"], *(package.get("Deps") or ()))
                found[directory] = " ".join(sorted(prints[p] for p in of if p in prints))
        return found

    def ask(self) -> list[list[dict[str, Any]]]:
        """The packages of all programs, on all rows."""
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(self.packages, range(len(MATRIX))))

    def all_programs(self, listed: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, str]:
        """A fingerprint of each program on each row, by `DIRECTORY#PLATFORM`."""
        answers = [self.programs(packages) for packages in listed]
        return {
            f"{main}#{platform}": answer.get(main, "not there")
            for (platform, _, _), answer in zip(MATRIX, answers)
            for main in self.mains
        }

    def read(self, paths: Iterable[str]) -> tuple[dict[str, FileHead], dict[str, str]]:
        """The heads and texts of files as they are now."""
        files = (self.root / path for path in paths)
        return parse_skeletons(
            (str(f.relative_to(self.root)), skeleton(f.name, f.read_bytes()))
            for f in files
            if f.is_file()
        )

    def remember(self) -> None:
        """Read all files of the module, before any edit."""
        files = self.git("ls-files").splitlines()
        nested = {os.path.dirname(f) for f in files if re.search(r"^(?!vendor/).+/go\.mod$", f)}
        self.heads, self.texts = self.read(
            f for f in files if not any(f.startswith(f"{d}/") for d in nested)
        )

    def selected(self) -> set[str]:
        """What the plugin's functions select, of the programs."""
        changed = GitDirectory(("git",), str(self.root)).changed("HEAD")
        heads, texts = self.read(changed)
        old = source_tree(self.heads, self.texts, ("",), modules_txt="vendor/modules.txt")
        new = source_tree(
            {**{p: h for p, h in self.heads.items() if p not in changed}, **heads},
            {**{p: t for p, t in self.texts.items() if p not in changed}, **texts},
            ("",),
            modules_txt="vendor/modules.txt",
        )
        built = {
            Built(m, t): f"{m}#{MATRIX[n][0]}" for m in self.mains for n, t in enumerate(TAG_SETS)
        }
        return {built[one] for one in affected(old, new, "", changed, built)}

    def selected_by_pants(self) -> set[str]:
        """What Pants selects, of the programs."""
        printed = subprocess.run(
            [str(ROOT / "pants"), "--no-dynamic-ui", "--changed-since=HEAD",
             "--changed-dependents=transitive", "list"],
            cwd=self.root, capture_output=True, text=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if printed.returncode != 0:
            sys.exit(printed.stdout + printed.stderr)
        names = {self.target(main): main for main in self.mains}
        found = set()
        for line in printed.stdout.split():
            name, _, platform = line.removeprefix("//:").partition("#")
            if line.startswith("//:") and name in names:
                found.add(f"{names[name]}#{platform}" if platform else f"{names[name]}: whole")
        return found

    @staticmethod
    def target(main: str) -> str:
        """The name of a program's target."""
        return "program-" + main.replace("/", "-")

    def prepare(self) -> None:
        """Find the programs, write their targets, add what the module may lack, and commit."""
        mains = set()
        for number in range(len(MATRIX)):
            for package in self.list(number, "./..."):
                if package.get("Name") == "main" and not package.get("Error"):
                    mains.add(os.path.relpath(package["Dir"], self.root))
        self.mains = tuple(sorted(mains))
        for directory in self.rng.sample(self.directories(vendored=False), 6):
            name = self.package_of(directory)
            text = 'import _ "embed"\n\n//go:embed zz_asset.txt zz_page\nvar zzEmbedded string\n'
            self.write(f"{directory}/zz_embed.go", f"package {name}\n\n{text}")
            self.write(f"{directory}/zz_asset.txt", "one\n")
            self.write(f"{directory}/zz_page/index.html", "one\n")
        overrides = {
            platform: {
                **({"build_tags": list(tags)} if tags else {}),
                **({"cgo": "static"} if cgo else {}),
            }
            for platform, tags, cgo in MATRIX
            if tags or cgo
        }
        shown = {(platform,): fields for platform, fields in overrides.items()}
        self.write(
            "BUILD",
            'go_module(name="mod")\n'
            + "".join(
                f"go_cross_binary(name={self.target(m)!r}, main={m!r}, overrides={shown!r})\n"
                for m in self.mains
            ),
        )
        self.write(
            "pants.toml",
            '[GLOBAL]\npants_version = "2.17.1"\nbackend_packages = ["multiarch.backend"]\n'
            f'pythonpath = ["{ROOT}/src/python"]\nbuild_ignore = ["vendor/"]\n\n'
            '[go-toolchain]\nsource = "package-index"\n\n'
            f"[multiarch]\ndefault_platforms = {[platform for platform, _, _ in MATRIX]!r}\n",
        )
        # A clone of a bare repository may have no such folder.
        (self.root / ".git/info").mkdir(exist_ok=True)
        with (self.root / ".git/info/exclude").open("a") as exclude:
            exclude.write("/.pants.d/\n/.pids/\n/dist/\n")
        self.git("add", "-A", "-f", "--", "BUILD", "pants.toml", *self._added())
        self.git("commit", "-qm", "targets")

    def _added(self) -> list[str]:
        return [str(p.relative_to(self.root)) for p in self.root.rglob("zz_*")]

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def text(self, path: str) -> str:
        return (self.root / path).read_text()

    def files(self, pattern: str) -> list[str]:
        """The files that git knows whose path a regular expression finds."""
        return [f for f in self.git("ls-files").splitlines() if re.search(pattern, f)]

    def directories(self, *, vendored: bool) -> list[str]:
        """The directories with Go files."""
        files = (f for f in self.files(r"/[^/]*(?<!_test)\.go$") if "/testdata/" not in f)
        found = {os.path.dirname(f) for f in files}
        return sorted(d for d in found if d.startswith("vendor/") == vendored)

    def package_of(self, directory: str) -> str:
        """The name of the package in a directory."""
        for file in sorted((self.root / directory).glob("*.go")):
            match = re.search(r"^package (\w+)", file.read_text(), re.M)
            if match and not file.name.endswith("_test.go") and match[1] != "documentation":
                return match[1]
        return "main"

    def undo(self) -> None:
        """Take an edit back."""
        self.git("checkout", "-q", "--", ".")
        self.git("clean", "-fdq")


def _append(clone: Clone, pattern: str, text: str = "\n// Edited.\n") -> str:
    found = clone.files(pattern)
    if not found:
        return "nothing like that"
    path = clone.rng.choice(found)
    clone.write(path, clone.text(path) + text)
    return path


def _new_file(clone: Clone, *, vendored: bool, name: str, text: str = "") -> str:
    directory = clone.rng.choice(clone.directories(vendored=vendored))
    path = f"{directory}/{name}"
    clone.write(path, text or f"package {clone.package_of(directory)}\n")
    return path


def body(clone: Clone) -> str:
    return _append(clone, r"^(?!vendor/).*(?<!_test)\.go$")


def vendored_body(clone: Clone) -> str:
    return _append(clone, r"^vendor/.*\.go$")


def platform_file(clone: Clone) -> str:
    return _append(clone, r"_(linux|windows|darwin|unix|amd64|arm64|s390x)[^/]*\.go$")


def test_file(clone: Clone) -> str:
    return _append(clone, r"_test\.go$")


def other_source(clone: Clone) -> str:
    return _append(clone, r"\.(s|S|h|c|syso|inc)$")


def new_platform_file(clone: Clone) -> str:
    name = f"zz_new_{clone.rng.choice(SYSTEMS)}.go"
    return _new_file(clone, vendored=clone.rng.random() < 0.4, name=name)


def new_constrained_file(clone: Clone) -> str:
    path = _new_file(clone, vendored=clone.rng.random() < 0.4, name="zz_new.go")
    constraint = clone.rng.choice(CONSTRAINTS)
    clone.write(path, f"//go:build {constraint}\n\n{clone.text(path)}")
    return f"{path}: {constraint}"


def new_constraint(clone: Clone) -> str:
    path = clone.rng.choice(clone.files(r"(?<!_test)\.go$"))
    constraint = clone.rng.choice(CONSTRAINTS)
    text = re.sub(r"(?m)^(//go:build|// \+build) .*\n", "", clone.text(path))
    clone.write(path, f"//go:build {constraint}\n\n{text}")
    return f"{path}: {constraint}"


def deleted_file(clone: Clone) -> str:
    path = clone.rng.choice(clone.files(r"(?<!_test)\.go$"))
    (clone.root / path).unlink()
    return path


def moved_file(clone: Clone) -> str:
    path = clone.rng.choice(clone.files(r"(?<!_test)\.go$"))
    to = path[: -len(".go")] + f"_{clone.rng.choice(SYSTEMS)}.go"
    (clone.root / path).rename(clone.root / to)
    return f"{path} to {os.path.basename(to)}"


def new_import(clone: Clone) -> str:
    module = re.search(r"^module (\S+)", clone.text("go.mod"), re.M)
    imported = clone.rng.choice(clone.directories(vendored=clone.rng.random() < 0.5))
    path = imported.removeprefix("vendor/")
    path = path if path != imported else f"{module[1] if module else ''}/{imported}"
    file = _new_file(clone, vendored=False, name="zz_import.go")
    clone.write(file, f'{clone.text(file)}\nimport _ "{path}"\n')
    return f"{file}: {path}"


def embedded_file(clone: Clone) -> str:
    return _append(clone, r"(^|/)zz_(asset\.txt|page/index\.html)$")


def new_embedded_file(clone: Clone) -> str:
    page = clone.rng.choice(clone.files(r"(^|/)zz_page/"))
    name = clone.rng.choice(("new.css", ".hidden", "_not.txt", "deep/er.css"))
    path = f"{os.path.dirname(page)}/{name}"
    clone.write(path, "new\n")
    return path


def other_file(clone: Clone) -> str:
    return _append(clone, r"\.(md|txt|yml|yaml|json|sh)$")


def bumped_version(clone: Clone) -> str:
    text = clone.text("vendor/modules.txt")
    path, version = clone.rng.choice(re.findall(r"(?m)^# (\S+) (v\S+)$", text))
    match = re.search(r"\d+$", version)
    new = f"{version[: match.start()]}{int(match[0]) + 1}" if match else f"{version}x"
    for file in ("vendor/modules.txt", "go.mod"):
        clone.write(file, clone.text(file).replace(f"{path} {version}", f"{path} {new}"))
    return f"{path} {version} to {new}"


def go_mod_comment(clone: Clone) -> str:
    clone.write("go.mod", clone.text("go.mod") + "\n// Edited.\n")
    return "go.mod"


def language_version(clone: Clone) -> str:
    edited = re.sub(r"(?m)^go \S+$", "go 1.24.1", clone.text("go.mod"))
    clone.write("go.mod", edited)
    return "go.mod: go 1.24.1"


# These add a comment or a line at the end of a file that was there: what `go list` says stays, and
# only the contents of the files that it names differ. It is asked all the same every tenth time.
AT_THE_END = (
    body,
    vendored_body,
    platform_file,
    test_file,
    other_source,
    embedded_file,
    other_file,
)
# How often each kind of edit is made.
KINDS: tuple[tuple[Callable[[Clone], str], int], ...] = (
    *((body, 12), (vendored_body, 12), (platform_file, 12), (test_file, 6), (other_source, 6)),
    *((new_platform_file, 10), (new_constrained_file, 8), (new_constraint, 8), (deleted_file, 8)),
    *((moved_file, 6), (new_import, 8), (embedded_file, 4), (new_embedded_file, 4)),
    *((other_file, 4), (bumped_version, 12), (go_mod_comment, 1), (language_version, 1)),
)


def compare(clone: Clone, edits: int) -> bool:
    """Make the edits; returns whether the goal is met."""
    listed = clone.ask()
    before = clone.all_programs(listed)
    clone.remember()
    print(f"{len(clone.mains)} programs, {len(before)} targets")
    kinds, weights = zip(*KINDS)
    totals: Counter[str] = Counter()
    by_kind: Counter[str] = Counter()
    for number in range(edits):
        kind = clone.rng.choices(kinds, weights)[0]
        what = kind(clone)
        same = kind in AT_THE_END and number % 10
        after = clone.all_programs(listed if same else clone.ask())
        differs = {name for name in before if before[name] != after[name]}
        selected = clone.selected()
        by_pants = selected if number % 10 else clone.selected_by_pants()
        clone.undo()
        missed, surplus = sorted(differs - selected), sorted(selected - differs)
        by_kind[kind.__name__] += 1
        totals.update(
            affected=len(differs),
            selected=len(selected),
            missed=len(missed),
            surplus=len(surplus),
            other_by_pants=len(by_pants ^ selected),
        )
        print(
            f"{number + 1:4} {kind.__name__:20} {len(differs):4} affected, {len(missed)} missed, "
            f"{len(surplus)} too many  {what}{'' if number % 10 else '  (and by Pants)'}",
            flush=True,
        )
        for name in missed[:3]:
            print(f"     missed: {name}")
        for name in surplus[:3]:
            print(f"     too many: {name}")
        for name in sorted(by_pants ^ selected)[:3]:
            print(f"     Pants says something else of {name}")
    print(", ".join(f"{name} {count}" for name, count in sorted(by_kind.items())))
    share = totals["surplus"] / max(1, totals["selected"])
    print(
        f"{edits} edits: {totals['affected']} affected, {totals['selected']} selected, "
        f"{totals['missed']} missed, {totals['surplus']} too many ({share:.1%}), "
        f"{totals['other_by_pants']} otherwise by Pants"
    )
    return not totals["missed"] and share <= 0.02 and not totals["other_by_pants"]


def main() -> int:
    """Copy the clone, compare, and remove the copy with its daemon."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("clone", type=Path)
    parser.add_argument("--edits", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--go", default="go", help="the Go to compare with")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="selection-") as folder:
        clone = Clone(Path(folder).resolve() / "clone", options.go, random.Random(options.seed))
        shutil.copytree(options.clone, clone.root, symlinks=True)
        clone.undo()
        try:
            clone.prepare()
            return 0 if compare(clone, options.edits) else 1
        finally:
            for pid in clone.root.glob(".pids/*/pantsd/pid"):
                os.kill(int(pid.read_text()), 15)


if __name__ == "__main__":
    sys.exit(main())
