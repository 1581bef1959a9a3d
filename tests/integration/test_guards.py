"""A module with a defect of each kind: `check` names each once, and levels decide what it means."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator

import pytest
from multiarch.core.report import sizes_of

from tests.data import guarded_module
from tests.integration.scratch import Repository, started

pytestmark = pytest.mark.integration

EXPERIMENTAL = '--multiarch-support={"linux/s390x": "experimental"}'


def deactivated(until: str) -> str:
    """The option that deactivates 32-bit ARM."""
    entry = {"issue": "https://example.com/7", "until": until}
    return f"--multiarch-deactivated={{'linux/arm/v7': {entry}}}"


def states(page: str, kind: str) -> dict[str, str]:
    """What a page about a run says of each platform, of one kind of cell."""
    data = page.partition('id="data">')[2].partition("</script>")[0]
    cells = [cell for cell in json.loads(data)["cells"] if cell["kind"] == kind]
    found = {cell["platform"]: cell["state"] for cell in cells}
    assert len(found) == len(cells)
    return found


@pytest.fixture
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """The generated module."""
    root = tmp_path_factory.mktemp("guards")
    guarded_module.write(root)
    found = Repository(root)
    found.configure(platforms=guarded_module.PLATFORMS)
    yield found
    found.stop()


def test_check_names_what_is_broken_once_and_compiles_nothing_twice(
    repository: Repository,
) -> None:
    # The machine's store may remember these packages from an earlier run; with this, it does not.
    name = f"internal/report/run{secrets.token_hex(4)}.go"
    repository.write(name, f"package report\n\nconst _ = {name!r}\n".replace("'", '"'))
    page = repository.root / "page.html"
    paged = f"--multiarch-report-file={page}"
    checked = repository.pants(paged, "check", "::", check=False)
    printed = checked.stderr
    assert checked.returncode == 1, printed
    assert states(page.read_text(), "check") == {
        "linux/386": "passed",
        "linux/amd64": "passed",
        "linux/arm64": "passed",
        "linux/arm/v7": "failed",
        "linux/s390x": "failed",
    }
    assert "vendor/example.org/endian/order.go:5:29: undefined: order" in page.read_text()
    report = "Compile example.test/guarded/internal/report for linux/"
    assert {line for line in started(checked) if line.startswith(report)} == {
        f"{report}{arch}" for arch in ("386", "amd64", "arm/v7", "arm64")
    }
    assert "Traceback" not in printed
    assert printed.count("undefined: order") == 1
    assert printed.count("(overflows)") == 1
    for part in (
        "example.org/endian does not compile on linux/s390x:\n",
        "  It is imported by example.test/guarded/cmd/app\n"
        "    -> example.test/guarded/internal/report\n"
        "    -> example.org/endian\n",
        "`order` is declared in vendor/example.org/endian/order_little.go (//go:build !s390x)",
        "example.test/guarded/internal/disk does not compile on linux/arm/v7:\n",
        "What to do: `int`, `uint` and `uintptr` have 32 bits there",
        "linux/386     3 packages clean\n",
        "linux/amd64   3 packages clean\n",
        "linux/arm64   3 packages clean\n",
        "linux/arm/v7  1 package clean, 1 package failed, 1 package not reached\n",
    ):
        assert part in printed

    # One broken platform is experimental and the other deactivated: nothing fails the run.
    options = (EXPERIMENTAL, deactivated("2999-01-31"))
    excused = repository.pants(*options, "check", "::")
    assert "does not compile on linux/s390x (experimental):" in excused.stderr
    assert "linux/arm/v7  " not in excused.stderr
    assert "linux/arm/v7 is deactivated until 2999-01-31 (https://example.com/7): skipped for" in (
        excused.stderr
    )

    packaged = repository.pants(*options, "package", ":app")
    again = [line for line in started(packaged) if line.startswith("Compile ")]
    # Failures are not remembered from run to run; what compiled was compiled by `check`.
    assert {line for line in again if "third-party" not in line} == set()
    assert (
        "Failed on experimental platforms; the run goes on:\n"
        "third-party packages [linux/s390x]\n  # example.org/endian\n" in packaged.stderr
    )
    dist = repository.root / "dist/app/linux"
    assert sorted(p.name for p in dist.iterdir()) == ["386", "amd64", "arm64"]

    # A `package` that fails says what was built beside what was not.
    failed = repository.pants(paged, "package", ":app", check=False)
    assert failed.returncode == 1
    assert (
        "3 outputs of 1 targets for 3 platforms"
        in failed.stderr.partition("Built in a run that failed:")[2]
    )
    text = page.read_text()
    built = {key for key, size in sizes_of(text).items() if size}
    assert {platform for *_, platform in built} == {"linux/386", "linux/amd64", "linux/arm64"}
    assert text.count('<td class="failed"') == 2

    passed = repository.pants(deactivated("2020-01-31"), "package", ":app", check=False)
    assert passed.returncode == 1
    assert (
        "linux/arm/v7 was deactivated until 2020-01-31 (https://example.com/7), and today is"
        in (passed.stderr)
    )


def test_vet_complains_where_it_applies_and_a_repaired_module_is_clean(
    repository: Repository,
) -> None:
    guarded_module.write(repository.root, guarded_module.REPAIRS)
    repository.write("internal/disk/disk.go", guarded_module.VET_DEFECT)
    printed = repository.pants("check", "::", check=False).stderr
    everywhere = "linux/386, linux/amd64, linux/arm/v7, linux/arm64, linux/s390x"
    assert (
        f"example.test/guarded/internal/disk is not clean for go vet on {everywhere}:\n"
        '  internal/disk/disk.go:8:14: fmt.Printf format %d has arg "text" of wrong type string\n'
    ) in printed
    repository.write("internal/disk/disk.go", guarded_module.FILES["internal/disk/disk.go"])
    # A finding in a file of one platform, and a system call that another lacks.
    only = repository.write("internal/disk/only_s390x.go", guarded_module.VET_DEFECT_OF_ONE)
    call = repository.write("internal/disk/call.go", guarded_module.OLD_SYSTEM_CALL)
    printed = repository.pants("check", "::", check=False).stderr
    assert "internal/disk is not clean for go vet on linux/s390x:\n  internal/disk/only" in printed
    assert (
        "internal/disk does not compile on linux/arm64:\n"
        "  internal/disk/call.go:6:36: undefined: syscall.Dup2\n" in printed
    )
    assert "the platform has no `syscall.Dup2`: use unix.Dup3(old, new, 0)" in printed
    only.unlink()
    call.unlink()
    assert "linux/s390x   3 packages clean" in repository.pants("check", "::").stderr


def test_an_image_and_a_list_do_without_what_may_fail(repository: Repository) -> None:
    repository.write(
        "BUILD",
        guarded_module.FILES["BUILD"] + 'multiarch_image(name="image", binaries=[":app"],\n'
        '    instructions=["FROM scratch", "COPY bin/app /app"])\n'
        'manifest_list(name="list", images=[":image"], tags=["1"])\n'
        'manifest_list(name="arms", images=[":image#linux/arm/v7"], tags=["1"])\n',
    )
    printed = repository.pants(
        EXPERIMENTAL, deactivated("2999-01-31"), "package", ":list", ":arms"
    ).stderr
    assert "without linux/arm/v7, linux/s390x" in printed
    assert "Left out: //:image#linux/s390x: a binary of it does not build, and linux/s390x is" in (
        printed
    )
    assert "Left out: //:arms: none of its images was built" in printed
    tars = sorted(p.name for p in (repository.root / "dist/list").glob("*.tar"))
    assert tars == ["list-linux-386.tar", "list-linux-amd64.tar", "list-linux-arm64.tar"]


def test_lint_prints_what_it_finds_and_honours_waivers_and_fields(repository: Repository) -> None:
    guarded_module.write(repository.root, guarded_module.REPAIRS)
    fetch = 'curl -LO "https://example.com/tool-linux-amd64"\n'
    repository.write("fetch.sh", fetch)
    repository.write("waived.sh", f"# multiarch:allow hard-coded-platform: one machine\n{fetch}")
    repository.write("img/Dockerfile", f"FROM scratch AS x\nRUN {fetch}")
    repository.write("img/BUILD", 'multiarch_image(name="image")\n')
    repository.write(
        "text/BUILD", 'multiarch_image(name="image", instructions=["FROM scratch", "USER 7"])\n'
    )
    linted = repository.pants("lint", "::", check=False)
    assert linted.returncode == 1
    assert "fetch.sh:1: the platform is hard-coded: `linux-amd64` in" in linted.stderr
    assert "waived.sh" not in linted.stderr
    assert "img/Dockerfile:2: " in linted.stderr
    assert "✕ multiarch-hard-coded-platforms failed." in linted.stderr
    assert "✕ multiarch-dockerfile-traps failed." in linted.stderr
    assert "✓ multiarch-atomic-alignment succeeded." in linted.stderr
    # An image with `instructions` needs no Dockerfile.
    assert "Unmatched glob" not in linted.stderr
    skips = "skip_hard_coded_platforms=True, skip_dockerfile_traps=True"
    repository.write("img/BUILD", f'multiarch_image(name="image", {skips})\n')
    skipped = repository.pants("lint", "::", check=False).stderr
    assert "img/Dockerfile" not in skipped
    assert "multiarch-dockerfile-traps" not in skipped
    (repository.root / "fetch.sh").unlink()
    assert repository.pants("lint", "::").returncode == 0
