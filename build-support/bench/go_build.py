#!/usr/bin/env python3
"""Compare `./pants package ::` with a shell loop of `go build`, in one run, by ratio.

    build-support/bench/go_build.py --module DIR --go GO [--platforms linux/amd64,...]

DIR is a Go module whose third-party packages are vendored; it is copied, never changed. Every
main package of it is built for every platform, by `go build` once per platform with a warm build
cache, and by Pants with a warm daemon. Both have std and their toolchain before the first
scenario. Each scenario changes the sources, then both build; wall-clock seconds are printed with
their ratio (go / pants: above 1, Pants is faster), the median of several rounds, but for the first
scenario. Outputs are compared byte for byte each time.
"""

from __future__ import annotations

import argparse
import filecmp
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PLATFORMS = "linux/amd64,linux/arm64,linux/arm/v7,linux/ppc64le,linux/s390x"
MAINS = '{{if and (eq .Name "main") .GoFiles}}{{.Dir}}{{end}}'
GO_ENV = {"GOENV": "off", "GOTOOLCHAIN": "local", "GOFLAGS": "", "GOPROXY": "off"}
HEAD = f"""[GLOBAL]
pants_version = "2.17.1"
backend_packages = ["multiarch.backend"]
pythonpath = ["{ROOT}/src/python"]

[go-toolchain]
source = "package-index"
"""


class Bench:
    """One module, built by both, in one temporary directory."""

    def __init__(self, module: Path, go: str, platforms: list[str], work: Path) -> None:
        self.go, self.platforms, self.work = go, platforms, work
        self.module = work / "module"
        shutil.copytree(module, self.module, ignore=shutil.ignore_patterns(".git", "dist", "BUILD"))
        self.mains = self._mains()
        version = subprocess.run(
            [go, "env", "GOVERSION"], capture_output=True, text=True, check=True
        ).stdout.strip()
        matrix = ", ".join(f'"{p}"' for p in platforms)
        (self.module / "pants.toml").write_text(
            f'{HEAD}version = "{version.removeprefix("go")}"\n\n'
            f"[multiarch]\ndefault_platforms = [{matrix}]\n"
        )
        targets = [f'go_cross_binary(name="{Path(m).name}", main="{m}")' for m in self.mains]
        (self.module / "BUILD").write_text("\n".join(['go_module(name="mod")', *targets, ""]))

    def _mains(self) -> list[str]:
        """The main packages that every platform can build."""
        found: set[str] | None = None
        for platform in self.platforms:
            listed = subprocess.run(
                [self.go, "list", "-f", MAINS, "./..."],
                cwd=self.module, env=self.env(platform), capture_output=True, text=True, check=True,
            ).stdout.split()  # fmt: skip
            here = {os.path.relpath(d, self.module) for d in listed}
            found = here if found is None else found & here
        return sorted(found or ())

    def env(self, platform: str) -> dict[str, str]:
        """The environment of a `go` for one platform."""
        os_, arch, *variant = platform.split("/")
        env = {**os.environ, **GO_ENV, "GOOS": os_, "GOARCH": arch, "CGO_ENABLED": "0"}
        env["GOCACHE"] = str(self.work / "gocache")
        if variant and arch == "arm":
            env["GOARM"] = variant[0].removeprefix("v")
        return env

    def run_go(self) -> float:
        """Build everything with `go build`, once per platform; returns seconds."""
        start = time.monotonic()
        for platform in self.platforms:
            output = self.work / "go-out" / platform
            output.mkdir(parents=True, exist_ok=True)
            subprocess.run(
                [self.go, "build", "-trimpath", "-buildvcs=false", "-ldflags=-buildid=",
                 "-o", f"{output}/", *(f"./{m}" for m in self.mains)],
                cwd=self.module, env=self.env(platform), check=True,
            )  # fmt: skip
        return time.monotonic() - start

    def run_pants(self) -> float:
        """Build everything with Pants; returns seconds."""
        start = time.monotonic()
        result = subprocess.run(
            [str(ROOT / "pants"), f"--local-store-dir={self.work}/store",
             f"--named-caches-dir={self.work}/named", "package", "::"],
            cwd=self.module, capture_output=True, text=True,
        )  # fmt: skip
        if result.returncode != 0:
            sys.exit(result.stderr)
        return time.monotonic() - start

    def identical(self) -> str:
        """Compare the outputs of both: `N of N`."""
        same = total = 0
        for platform in self.platforms:
            for main in self.mains:
                name = Path(main).name
                ours = self.module / "dist" / name / platform / name
                total += 1
                same += filecmp.cmp(ours, self.work / "go-out" / platform / name, shallow=False)
        return f"{same} of {total}"

    def touch_all(self, text: str) -> None:
        """Append a line to every Go file, vendored ones included."""
        for file in self.module.rglob("*.go"):
            with file.open("a") as stream:
                stream.write(text)

    def edit(self, file: Path, text: str) -> None:
        """Append declarations to one file."""
        with file.open("a") as stream:
            stream.write(text)

    def deep(self) -> Path:
        """A file of the local package that most local packages and mains import."""
        module = subprocess.run(
            [self.go, "list", "-m"], cwd=self.module, env=self.env(self.platforms[0]),
            capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
        counts: dict[str, int] = {}
        for main in self.mains:
            deps = subprocess.run(
                [self.go, "list", "-deps", "-f", "{{.ImportPath}} {{.Dir}}", f"./{main}"],
                cwd=self.module, env=self.env(self.platforms[0]), capture_output=True, text=True,
                check=True,
            ).stdout.splitlines()  # fmt: skip
            for line in deps:
                path, directory = line.split(" ", 1)
                if path.startswith(module + "/") and "/vendor/" not in directory:
                    counts[directory] = counts.get(directory, 0) + 1
        best = max(sorted(d for d in counts if not self._is_main(d)), key=lambda d: counts[d])
        names = subprocess.run(
            [self.go, "list", "-f", '{{join .GoFiles "\\n"}}', best],
            cwd=self.module, env=self.env(self.platforms[0]), capture_output=True, text=True,
            check=True,
        ).stdout.split()  # fmt: skip
        return Path(best, names[0])

    def _is_main(self, directory: str) -> bool:
        return os.path.relpath(directory, self.module) in self.mains


def scenarios(bench: Bench) -> list[tuple[str, Path | None, str]]:
    """Each scenario's name, the file it edits and what it appends; `{}` is the round's number."""
    deep = bench.deep()
    main = next(iter(sorted((bench.module / bench.mains[0]).glob("*.go"))))
    return [
        ("nothing changed", None, ""),
        ("body edit, deep package", deep, ""),
        ("comment added, deep package", deep, "\n// comment {}\n"),
        ("new exported function, deep package", deep, "\nfunc BenchAdded{}() int {{ return 1 }}\n"),
        ("edit of one main", main, "\nvar benchEdited{} = 1\n"),
    ]


def main() -> int:
    """Run all scenarios and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--module", required=True, type=Path, help="a vendored Go module")
    parser.add_argument("--go", required=True, help="the `go` program of the same version")
    parser.add_argument("--platforms", default=PLATFORMS, help=f"default: {PLATFORMS}")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of a scenario; default: 3")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="multiarch-bench-") as work:
        bench = Bench(
            options.module.resolve(), options.go, options.platforms.split(","), Path(work)
        )
        print(f"{len(bench.mains)} mains x {len(bench.platforms)} platforms", flush=True)
        deep = bench.deep()
        # Priming gives both their std and toolchain, and nothing else that the scenarios use. The
        # function is there from the start, so that the body edit is one.
        bench.edit(deep, '\n//go:noinline\nfunc benchBody() string { return "a" }\n')
        bench.edit(deep, "\nvar _ = benchBody\n")
        bench.touch_all("\n// primed\n")
        bench.run_go()
        bench.run_pants()
        bench.touch_all("// cold\n\nvar _ = 0\n")
        print(f"{'scenario':38} {'go':>8} {'pants':>8} {'go/pants':>9}  identical", flush=True)
        report(bench, "cold (std given)", [(bench.run_go(), bench.run_pants())])
        for name, file, text in scenarios(bench):
            times = []
            for number in range(options.rounds):
                if name.startswith("body"):
                    body = re.sub('return "a[0-9]*"', f'return "a{number}"', deep.read_text())
                    deep.write_text(body)
                elif file is not None:
                    bench.edit(file, text.format(number))
                times.append((bench.run_go(), bench.run_pants()))
            report(bench, name, times)
    return 0


def report(bench: Bench, name: str, times: list[tuple[float, float]]) -> None:
    """Print one row: the medians of both, and their ratio."""
    go, pants = (statistics.median(column) for column in zip(*times))
    print(f"{name:38} {go:7.2f}s {pants:7.2f}s {go / pants:8.2f}x  {bench.identical()}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
