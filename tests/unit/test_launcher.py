"""The launcher's pure parts: what is found, what is named after what, what a failure says."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import bootstrap
import pytest

LOCKS = sorted(bootstrap.REQUIREMENTS.glob("*-requirements.txt"))
CPYTHON = bootstrap.Interpreter("/opt/python3.9", (3, 9, 18))


def fake_python(
    path: Path, version: str = "[3, 9, 18]", implementation: str = "cpython", whole: str = "true"
) -> Path:
    """A program that answers the launcher's question as a Python of that kind does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    answer = (
        f'{{"implementation": "{implementation}", "version": {version}, '
        f'"executable": "{path}", "whole": {whole}}}'
    )
    path.write_text(f"#!/bin/sh\necho '{answer}'\n")
    path.chmod(0o755)
    return path


def searched(home: Path) -> dict[str, str]:
    return {"HOME": str(home), "PATH": str(home / "bin")}


class TestFindPython:
    def test_path_comes_before_pyenv_and_uv(self, tmp_path: Path) -> None:
        fake_python(tmp_path / ".pyenv/versions/3.9.5/bin/python3.9")
        fake_python(tmp_path / ".local/share/uv/python/cpython-3.9.7-x/bin/python3.9")
        on_path = fake_python(tmp_path / "bin/python3.9")
        assert bootstrap.find_python(searched(tmp_path)).executable == str(on_path)

    @pytest.mark.parametrize(
        "place",
        [
            "bin/python3",
            "bin/python",
            ".pyenv/versions/3.9.5/bin/python3.9",
            ".local/share/uv/python/cpython-3.9.7-linux-x86_64-gnu/bin/python3.9",
        ],
    )
    def test_each_place_is_searched(self, tmp_path: Path, place: str) -> None:
        python = fake_python(tmp_path / place)
        found = bootstrap.find_python(searched(tmp_path))
        assert found == bootstrap.Interpreter(str(python), (3, 9, 18))

    def test_folders_named_by_the_environment(self, tmp_path: Path) -> None:
        python = fake_python(tmp_path / "elsewhere/cpython-3.9.1-x/bin/python3.9")
        environ = {**searched(tmp_path), "UV_PYTHON_INSTALL_DIR": str(tmp_path / "elsewhere")}
        assert bootstrap.find_python(environ).executable == str(python)

    def test_a_broken_shim_is_passed_over(self, tmp_path: Path) -> None:
        shim = fake_python(tmp_path / "bin/python3.9")
        shim.write_text("#!/bin/sh\necho 'command not found' >&2\nexit 127\n")
        real = fake_python(tmp_path / ".pyenv/versions/3.9.18/bin/python3.9")
        assert bootstrap.find_python(searched(tmp_path)).executable == str(real)

    def test_none_says_what_was_looked_at_and_how_to_get_one(self, tmp_path: Path) -> None:
        newer = fake_python(tmp_path / "bin/python3", version="[3, 12, 1]")
        pypy = fake_python(tmp_path / "bin/python3.9", implementation="pypy")
        partial = fake_python(tmp_path / "bin/python", whole="false")
        with pytest.raises(
            bootstrap.BootstrapError, match=r"Pants 2\.17\.1 runs on CPython"
        ) as info:
            bootstrap.find_python(searched(tmp_path))
        text = str(info.value)
        for line in (
            "uv python install 3.9",
            "pyenv install 3.9",
            "apt-get install python3.9 python3.9-venv",
            f"{newer} is cpython 3.12.1",
            f"{pypy} is pypy 3.9.18",
            f"{partial} lacks venv and ensurepip",
        ):
            assert line in text
        assert not text.startswith("error:")

    def test_the_one_that_was_named_is_used_or_refused(self, tmp_path: Path) -> None:
        fake_python(tmp_path / "bin/python3.9")
        named = fake_python(tmp_path / "named")
        environ = {**searched(tmp_path), "MULTIARCH_PYTHON": str(named)}
        assert bootstrap.find_python(environ).executable == str(named)
        fake_python(named, version="[3, 11, 0]")
        with pytest.raises(
            bootstrap.BootstrapError, match=r"names .*/named, which is cpython 3\.11\.0; a CPython"
        ):
            bootstrap.find_python(environ)


class TestKeys:
    def test_every_part_changes_the_name(self) -> None:
        newer = bootstrap.Interpreter("/opt/python3.9", (3, 9, 19))
        moved = bootstrap.Interpreter("/usr/python3.9", (3, 9, 18))
        keys = [
            bootstrap.environment_key([b"a"], CPYTHON, b"x"),
            bootstrap.environment_key([b"b"], CPYTHON, b"x"),
            bootstrap.environment_key([b"a", b""], CPYTHON, b"x"),
            bootstrap.environment_key([b"a"], newer, b"x"),
            bootstrap.environment_key([b"a"], moved, b"x"),
            bootstrap.environment_key([b"a"], CPYTHON, b"y"),
        ]
        assert len(set(keys)) == len(keys)
        assert keys[0] == bootstrap.environment_key([b"a"], CPYTHON, b"x")

    @pytest.mark.parametrize(
        ("environ", "expected"),
        [
            ({"MULTIARCH_CACHE": "/c", "XDG_CACHE_HOME": "/x"}, "/c"),
            ({"XDG_CACHE_HOME": "/x"}, "/x/pants-multiarch"),
            ({}, os.path.expanduser("~/.cache/pants-multiarch")),
        ],
    )
    def test_the_cache_folder(self, environ: dict[str, str], expected: str) -> None:
        assert bootstrap.cache_root(environ) == Path(expected)

    @pytest.mark.parametrize(
        ("system", "machine", "expected"),
        [
            ("Linux", "x86_64", "linux_x86_64"),
            ("Linux", "aarch64", "linux_arm64"),
            ("Darwin", "arm64", "macos_arm64"),
        ],
    )
    def test_hosts_by_their_pants_names(self, system: str, machine: str, expected: str) -> None:
        assert bootstrap.pants_platform(system, machine) == expected

    def test_a_host_that_pants_is_not_built_for(self) -> None:
        with pytest.raises(bootstrap.BootstrapError, match="no build for Linux on s390x"):
            bootstrap.pants_platform("Linux", "s390x")


class TestReadyFile:
    def test_a_shell_reads_back_what_was_written(self, tmp_path: Path) -> None:
        folder = tmp_path / "it's a $(folder)"
        (folder / "pex-cli").mkdir(parents=True)
        (folder / "pex-cli/pex").write_bytes(b"12345")
        ready = tmp_path / "ready"
        ready.write_text(bootstrap.ready_text(folder, CPYTHON, "linux_x86_64"))
        script = f'set -eu; . {ready}; echo "$client"; printenv PANTS_PEX_CLI_KNOWN_VERSIONS'
        environ = {"PATH": os.environ["PATH"]}
        done = subprocess.run(["sh", "-c", script], env=environ, capture_output=True, text=True)
        client, known = done.stdout.splitlines()
        assert client == f"{folder}/bin/pants-client"
        assert re.fullmatch(r"\['v2\.1\.137\|linux_x86_64\|[0-9a-f]{64}\|5'\]", known)

    def test_what_the_user_set_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "pex-cli").mkdir()
        (tmp_path / "pex-cli/pex").write_bytes(b"")
        ready = tmp_path / "ready"
        ready.write_text(bootstrap.ready_text(tmp_path, CPYTHON, "linux_x86_64"))
        environ = {"PATH": os.environ["PATH"], "PANTS_PYTHON_BOOTSTRAP_SEARCH_PATH": "mine"}
        script = f". {ready}; printenv PANTS_PYTHON_BOOTSTRAP_SEARCH_PATH"
        done = subprocess.run(["sh", "-c", script], env=environ, capture_output=True, text=True)
        assert done.stdout == "mine\n"


class TestExplain:
    def test_a_wrong_hash(self) -> None:
        output = (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n"
            "    ansicolors==1.1.8 from index/ansicolors.whl:\n"
            "        Expected sha256 aaaa\n             Got        bbbb\n"
        )
        text = bootstrap.explain(output, Path("/logs/x.log"))
        assert "its sha256 differs" in text
        assert "ansicolors==1.1.8" in text
        assert "Expected sha256 aaaa\nGot        bbbb" in text
        assert text.endswith("pip's output: /logs/x.log")

    @pytest.mark.parametrize(
        ("output", "head"),
        [
            ("ERROR: No matching version (from versions: none)", "index could not be reached"),
            ("NewConnectionError: Failed to establish a new connection", "could not be reached"),
            ("OSError: [Errno 28] No space left on device", "the disk is full"),
            ("ERROR: something else", "pip failed"),
        ],
    )
    def test_other_failures_on_one_screen(self, output: str, head: str) -> None:
        text = bootstrap.explain("noise\n" * 100 + output, Path("/logs/x.log"))
        assert head in text.splitlines()[0]
        assert output in text
        assert len(text.splitlines()) < 12


class TestGuarded:
    def test_errors_become_one_message(self, capsys: pytest.CaptureFixture[str]) -> None:
        def fail() -> int:
            raise bootstrap.BootstrapError("first\nsecond")

        assert bootstrap.guarded(fail) == 1
        assert capsys.readouterr().err == "[pants] error: first\n[pants] second\n"

    def test_a_cache_that_cannot_be_written(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def fail() -> int:
            (tmp_path / "none/file").write_text("")
            return 0

        assert bootstrap.guarded(fail) == 1
        error = capsys.readouterr().err
        assert f"No such file or directory: {tmp_path}/none/file" in error
        assert "MULTIARCH_CACHE names another folder" in error

    def test_an_interrupt(self, capsys: pytest.CaptureFixture[str]) -> None:
        def interrupt() -> int:
            raise KeyboardInterrupt

        assert bootstrap.guarded(interrupt) == 130
        assert "interrupted" in capsys.readouterr().err


class TestRequirementsFiles:
    @pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
    def test_every_entry_has_a_version_and_hashes_and_no_address(self, path: Path) -> None:
        text = path.read_text()
        assert "://" not in text
        entries = re.split(r"(?<!\\)\n", text.strip())
        pinned = [entry for entry in entries if not entry.startswith("#")]
        assert pinned
        for entry in pinned:
            first, *rest = entry.split(" \\\n")
            assert re.fullmatch(r"[\w.-]+==\S+", first)
            assert rest
            assert all(re.fullmatch(r" {4}--hash=sha256:[0-9a-f]{64}", line) for line in rest)

    def test_one_version_of_a_package_in_what_runs_together(self) -> None:
        pins: dict[str, set[str]] = {}
        for path in LOCKS:
            # Those that run in a Python of their own.
            apart = [
                f"{name}-requirements.txt"
                for name in ("buildgrid", "check", "gcs-emulator", "moto", "spdx")
            ]
            if path.name not in apart:
                for name, version in re.findall(r"(?m)^([\w.-]+)==(\S+)", path.read_text()):
                    pins.setdefault(name, set()).add(version)
        assert {name for name, versions in pins.items() if len(versions) > 1} == set()

    def test_one_entry_with_its_hashes(self) -> None:
        lock = "a==1 \\\n    --hash=sha256:00\npex==2 \\\n    --hash=sha256:11\nz==3\n"
        assert bootstrap.pinned_version(lock, "PEX") == "2"
        assert bootstrap.requirement_lines(lock, "pex") == "pex==2 \\\n    --hash=sha256:11\n"
        with pytest.raises(bootstrap.BootstrapError, match="no line pins gone"):
            bootstrap.pinned_version(lock, "gone")
