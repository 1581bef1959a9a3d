"""A release through Pants: equal trees, a branch cut that compiles nothing, and what is refused."""

from __future__ import annotations

import json
import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import bootstrap
import pytest
import yaml
from multiarch.core.oci.artifact import referrers_tag
from multiarch.core.oci.descriptor import OCI, digest_of

from tests.integration.registry import Registry
from tests.integration.scratch import Repository, environment, go_program, require, started

pytestmark = pytest.mark.integration

MODULE = f"example.test/release{secrets.token_hex(4)}"
FILES = {
    ".gitignore": "/dist/\n/.pants.d/\n/.pids/\n/there/\n/pants.toml\n",
    "go.mod": f"module {MODULE}\n\ngo 1.25\n",
    "word/word.go": 'package word\n\nfunc Word() string { return "hello" }\n',
    "cmd/hello/main.go": (
        f'package main\n\nimport "{MODULE}/word"\n\nvar version, major string\n\n'
        "func main() { println(word.Word(), version, major) }\n"
    ),
    "cmd/plain/main.go": (
        f'package main\n\nimport "{MODULE}/word"\n\n'
        "func main() { println(word.Word()) }\n"
    ),
    "Dockerfile": 'FROM scratch\nCOPY bin/hello /hello\nENTRYPOINT ["/hello"]\n',
    "LICENSE": "Do what you like.\n",
    "BUILD": """
go_module(name="mod")
go_cross_binary(
    name="hello",
    main="cmd/hello",
    x_defs={"main.version": "{version}", "main.major": "{gitMajor}"},
)
go_cross_binary(name="plain", main="cmd/plain")
multiarch_image(name="image", binaries=[":hello"], exclude=["windows/amd64"])
manifest_list(name="list", images=[":image"], repository=env("PUSHED", ""), attestations=True)
file(name="license", source="LICENSE")
release_archive(name="client", root="hello", members=[":hello", ":license"])
release(
    name="release",
    members=[":hello", ":plain", ":client", ":image", ":list", ":license"],
    destinations=[env("THERE", "/nowhere")],
)
""",
}  # fmt: skip
PLATFORMS = ("linux/amd64", "linux/arm/v6", "linux/arm/v7", "windows/amd64")


def git(root: Path, *argv: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    return subprocess.run(
        ["git", *identity, *argv], cwd=root, check=True, capture_output=True, text=True
    ).stdout.strip()


def repository(root: Path) -> Repository:
    """A checkout at the tag v1.36.0-rc.0, whose commit is always the same."""
    found = Repository(root)
    found.configure(platforms=PLATFORMS, version_source="git")
    for path, text in FILES.items():
        found.write(path, text)
    git(root, "init", "-q")
    git(root, "add", "-A")
    day = {"GIT_AUTHOR_DATE": "2024-01-02T03:04:05Z", "GIT_COMMITTER_DATE": "2024-01-02T03:04:05Z"}
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "start"],
        cwd=root, check=True, env={**environment(), **day},
    )  # fmt: skip
    git(root, "tag", "v1.36.0-rc.0")
    return found


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """One repository, its release packaged."""
    found = repository(tmp_path_factory.mktemp("release"))
    found.pants("package", ":release")
    yield found
    found.stop()


def tree(root: Path, version: str = "v1.36.0-rc.0") -> dict[str, tuple[bytes, bool]]:
    """Every file of a release: its bytes, and whether it may be executed."""
    top = root / "dist/release" / version
    return {
        str(f.relative_to(top)): (f.read_bytes(), bool(f.stat().st_mode & 0o100))
        for f in top.rglob("*")
        if f.is_file()
    }


def test_two_directories_give_equal_trees(
    shared: Repository, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = repository(tmp_path_factory.mktemp("elsewhere"))
    try:
        other.pants("--no-pantsd", "package", ":release")
    finally:
        other.stop()
    assert tree(other.root) == tree(shared.root)
    assert len(tree(shared.root)) > 30


def test_sums_build_info_and_the_program_agree_with_the_document(shared: Repository) -> None:
    top = shared.root / "dist/release/v1.36.0-rc.0"
    for program, sums in (("sha256sum", "SHA256SUMS"), ("sha512sum", "SHA512SUMS")):
        subprocess.run([program, "-c", "--quiet", sums], cwd=top, check=True)
    document = yaml.safe_load((top / "release.yaml").read_text())
    assert document["revision"] == git(shared.root, "rev-parse", "HEAD")
    assert (document["treeState"], document["built"]) == ("clean", "2024-01-02T03:04:05Z")
    binaries = [f for f in document["files"] if f["kind"] == "binary"]
    assert {f["path"] for f in binaries} == {
        f"bin/{platform}/{name}{'.exe' if platform.startswith('windows') else ''}"
        for platform in PLATFORMS
        for name in ("hello", "plain")
    }
    for file in binaries:
        said = subprocess.run(
            [go_program(), "version", "-m", top / file["path"]],
            env={**environment(), "GOTOOLCHAIN": "local"},
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        assert f": {file['go']['version']}\n" in said
        assert f"\tpath\t{file['go']['package']}\n" in said
        os, arch = file["platform"].split("/")[:2]
        assert f"\tbuild\tGOOS={os}\n" in said
        assert f"\tbuild\tGOARCH={arch}\n" in said
    hello = top / "bin/linux/amd64/hello"
    printed = subprocess.run([hello], capture_output=True, text=True, check=True).stderr
    assert printed == f"hello {document['version']} 1\n"


def test_an_spdx_validator_accepts_every_bill(shared: Repository) -> None:
    python = bootstrap.environment(
        "spdx", "an SPDX validator", [bootstrap.REQUIREMENTS / "spdx-requirements.txt"],
        bootstrap.find_python(environment()),
    )  # fmt: skip
    top = shared.root / "dist/release/v1.36.0-rc.0"
    code = (
        "import sys\n"
        "from spdx_tools.spdx.parser.parse_anything import parse_file\n"
        "from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document\n"
        "found = [str(m.validation_message) for f in sys.argv[1:]\n"
        "         for m in validate_full_spdx_document(parse_file(f))]\n"
        "print(len(sys.argv) - 1, found)\n"
    )
    bills = sorted(map(str, top.glob("sbom/**/*.spdx.json")))
    done = subprocess.run(
        [python / "bin/python", "-c", code, *bills], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{len(bills)} []\n"
    assert len(bills) >= 15


def test_a_branch_cut_compiles_nothing(shared: Repository) -> None:
    option = ("--multiarch-version-source=option", "--multiarch-version=v1.37.0-alpha.0")
    # What is stamped is linked anew; `plain` is not, and nothing is compiled.
    ran = started(shared.pants(*option, "package", ":release"))
    assert not [line for line in ran if line.startswith("Compile")]
    links = sorted(line for line in ran if line.startswith("Link"))
    assert links == sorted(f"Link //:hello#{platform}" for platform in PLATFORMS)
    assert started(shared.pants("package", ":release")) == []


def test_a_published_release_verifies_also_against_a_rebuild(shared: Repository) -> None:
    there = shared.root / "there"
    place = {"THERE": str(there)}
    shared.pants("publish", ":release", env=place)
    assert (there / "latest-1.36.txt").read_text() == "v1.36.0-rc.0"
    assert not (there / "stable.txt").exists()
    done = shared.pants("verify-release", "--rebuild", ":release", env=place)
    assert "built again it is the same" in done.stdout
    (there / "v1.36.0-rc.0/LICENSE").write_text("No.\n")
    done = shared.pants("verify-release", ":release", check=False, env=place)
    assert done.returncode != 0
    assert "LICENSE: release.yaml says size 18, found 4" in done.stderr


@pytest.fixture
def keys() -> Iterator[dict[str, str]]:
    """A throw-away key of gpg without a passphrase; the environment that finds it."""
    # The path of its agent's socket may not be long.
    with tempfile.TemporaryDirectory(prefix="gpg") as home:
        found = {"GNUPGHOME": home}
        key = ("--quick-generate-key", "Release <release@example.com>", "ed25519", "sign", "never")
        subprocess.run(
            [require("gpg"), "--batch", "--quiet", "--passphrase", "", *key],
            env={**environment(), **found}, check=True, capture_output=True,
        )  # fmt: skip
        yield found
        subprocess.run(["gpgconf", "--kill", "all"], env={**environment(), **found}, check=True)


# An image's signature is a signed text with its digest, which the test keeps in a folder.
SIGN = """
[multiarch-registry]
insecure = ["{registry}"]

[multiarch-publish]
redirect = {{"registry.example.com" = "{registry}"}}
sign_command = [
    "sh", "-c",
    'printf "%s\\n" "$1" | gpg --batch --clearsign --output "$GNUPGHOME/${{1##*:}}.asc"',
    "sign", "{{reference}}",
]

[multiarch-release]
builder_id = "https://ci.example.com/release"
sign_command = [
    "gpg", "--batch", "--armor", "--output", "{{signature}}", "--detach-sign", "{{file}}",
]
verify_command = ["gpg", "--batch", "--verify", "{{signature}}", "{{file}}"]
"""


def test_what_is_signed_and_attested_verifies_and_what_others_put_there_is_named(
    shared: Repository, registry: Registry, keys: dict[str, str], tmp_path: Path
) -> None:
    repository, place = "team/hello", f"{tmp_path}/there/v1.36.0-rc.0"
    name = f"{registry.name}/{repository}:v1.36.0-rc.0"
    stated = f"registry.example.com/{repository}"
    user = {**keys, "PUSHED": stated, "THERE": f"{tmp_path}/there"}
    (tmp_path / "sign.toml").write_text(SIGN.format(registry=registry.name))
    options = (f"--pants-config-files={tmp_path}/sign.toml",)

    def verify() -> str:
        done = shared.pants(*options, "verify-release", ":release", check=False, env=user)
        assert "Traceback" not in done.stderr
        assert (done.returncode == 0) == (not done.stderr.count("is not what it should be"))
        return done.stdout + done.stderr

    shared.pants(*options, "publish", ":list", ":release", env=user)
    digest = registry.tag(repository, "v1.36.0-rc.0")
    document = yaml.safe_load(Path(place, "release.yaml").read_text())
    (listed,) = document["lists"]
    assert (listed["digest"], listed["names"], listed["attestations"]) == (
        digest, [f"{stated}:v1.36.0-rc.0"], True,
    )  # fmt: skip
    # Each digest that got a tag is signed, and gpg itself accepts all signatures.
    signed = {file.stem for file in Path(keys["GNUPGHOME"]).glob("*.asc")}
    assert signed == {i["digest"][7:] for i in listed["images"]} | {digest[7:]}
    gpg = ["gpg", "--batch", "--verify"]
    for argv in (
        [*gpg, f"{keys['GNUPGHOME']}/{digest[7:]}.asc"],
        [*gpg, f"{place}/SHA256SUMS.sig", f"{place}/SHA256SUMS"],
    ):
        subprocess.run(argv, env={**environment(), **keys}, check=True, capture_output=True)
    said = verify()
    # Three images with a bill each, and provenance about them and the list.
    assert "provenance, 1 names in registries, 7 attestations there" in said
    assert "not checked" not in said
    provenance = json.loads(Path(place, "provenance.intoto.json").read_text())
    builder = provenance["predicate"]["runDetails"]["builder"]["id"]
    assert builder == "https://ci.example.com/release"
    # Somebody moves the tag, and moves it back.
    address = f"{registry.address}/v2/{repository}/manifests"
    index = registry.session.get(f"{address}/{digest}", headers={"Accept": OCI.index}).content
    other = json.dumps(json.loads(index)).encode()
    registry.manifest(repository, "v1.36.0-rc.0", other, OCI.index)
    assert f"{name}: the release has {digest}, the registry {digest_of(other)}" in verify()
    registry.manifest(repository, "v1.36.0-rc.0", index, OCI.index)
    # What is attached to the list is listed no more, and the sums have a signature that the same
    # key made of something else.
    empty = json.dumps({"schemaVersion": 2, "mediaType": OCI.index, "manifests": []}).encode()
    registry.manifest(repository, referrers_tag(digest), empty, OCI.index)
    kind = "application/vnd.in-toto+json"
    Path(place, "SHA256SUMS.sig").write_bytes(
        Path(keys["GNUPGHOME"], f"{digest[7:]}.asc").read_bytes()
    )
    said = verify()
    assert f"{name}: nothing of the type {kind} is attached to {digest}" in said
    assert "`[multiarch-release] verify_command` ended with " in said
    registry.stop()
    said = verify()
    assert (
        f"not checked: {name}: {registry.name}/{repository}: looking for v1.36.0-rc.0 fai" in said
    )
    assert kind not in said


def test_a_dirty_tree_is_refused_where_the_release_is_named(shared: Repository) -> None:
    (shared.root / "LICENSE").write_text("Ask first.\n")
    try:
        done = shared.pants("package", ":release", check=False)
        assert done.returncode != 0
        assert (
            "//:release: the tree has changes that no commit has (v1.36.0-rc.0-dirty), so that "
            "the release could not be made again."
        ) in done.stderr
        done = shared.pants("package", "::")
        assert "Left out: //:release: the tree has changes that no commit has" in done.stderr
        shared.pants("--multiarch-release-allow-dirty", "package", ":release")
        assert tree(shared.root, "v1.36.0-rc.0-dirty")["LICENSE"][0] == b"Ask first.\n"
    finally:
        git(shared.root, "checkout", "-q", "LICENSE")


def test_a_deactivated_platform_is_named_in_the_document(shared: Repository) -> None:
    off = '{"linux/arm/v6": {"issue": "https://example.com/7", "until": "2099-01-31"}}'
    done = shared.pants(f"--multiarch-deactivated={off}", "package", ":release")
    reason = "linux/arm/v6 is deactivated until 2099-01-31 (https://example.com/7)"
    assert reason in done.stderr
    document = yaml.safe_load(tree(shared.root)["release.yaml"][0])
    named = {d["target"]: d for d in document["deactivated"]}
    assert set(named) == {"//:hello", "//:plain", "//:client", "//:image", "//:list"}
    assert named["//:hello"] == {
        "target": "//:hello", "platform": "linux/arm/v6", "reason": reason,
        "issue": "https://example.com/7", "until": "2099-01-31",
    }  # fmt: skip
    assert not [f for f in document["files"] if f.get("platform") == "linux/arm/v6"]


def test_a_missing_artefact_is_refused_and_an_unknown_version_too(shared: Repository) -> None:
    build = shared.root / "BUILD"
    text = build.read_text()
    shared.write(
        "run/BUILD",
        'image_base(name="base", sources=["none.tar"], missing_hint="make it")\n'
        'multiarch_image(name="image", binaries=["//:hello"], bases=[":base"],\n'
        '    instructions=["FROM base"], platforms=["linux/amd64"])\n',
    )
    option = ("--multiarch-version-source=option", "--multiarch-version=v1.37.0")
    missing = ("--multiarch-engine-missing-engine=skip",)
    try:
        build.write_text(text.replace('":license"],\n    dest', '"run:image"],\n    dest'))
        done = shared.pants(*option, *missing, "package", ":release", check=False)
        assert done.returncode != 0
        assert "//:release: the release would lack artefacts of supported platforms:" in done.stderr
        assert "  * run:image#linux/amd64: " in done.stderr
    finally:
        build.write_text(text)
        (shared.root / "run/BUILD").unlink()
    done = shared.pants(option[0], "--multiarch-version=soon", "package", ":release", check=False)
    assert done.returncode != 0
    assert (
        "//:release: [multiarch].version: 'soon' is not a version; expected `X.Y.Z`" in done.stderr
    )
