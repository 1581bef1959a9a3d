"""Images without an engine: what a Dockerfile becomes, equal bytes, and each mistake."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
import zstandard
from multiarch.core.dockerfile import stages
from multiarch.core.dockerfile.errors import DockerfileError
from multiarch.core.dockerfile.expand import ExpansionError, expand, split_words
from multiarch.core.dockerfile.patterns import ignore_rules, ignored, matches
from multiarch.core.dockerfile.run_step import run_step
from multiarch.core.dockerfile.syntax import parse
from multiarch.core.errors import MultiarchError
from multiarch.core.oci.descriptor import OCI, Descriptor, OciError
from multiarch.core.oci.index import Child, sorted_children
from multiarch.core.platforms import Platform
from multiarch.tools import assemble, index
from multiarch.tools.archives import unpacked

from tests.unit.executables.samples import Elf

ARM64, V6, V7 = (Platform.parse(f"linux/{a}") for a in ("arm64", "arm/v6", "arm/v7"))


class Build:
    """One image in a directory of its own."""

    def __init__(self, root: Path, platform: str = "linux/arm64", **changes: Any) -> None:
        self.root, self.changes = root, {"platform": platform, **changes}
        (root / "context").mkdir(parents=True)

    def file(self, path: str, data: bytes = b"data", mode: int = 0o644) -> None:
        """Put a file into the context."""
        target = self.root / "context" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        target.chmod(mode)

    def run(self, dockerfile: str) -> Built:
        """Assemble; returns what came out."""
        (self.root / "Dockerfile").write_text(dockerfile)
        request = {
            "address": "//img:image#linux/arm64",
            "dockerfile": str(self.root / "Dockerfile"),
            "context": str(self.root / "context"),
            "build_args": {}, "bases": {}, "target": None, "labels": {}, "annotations": {},
            "build_platform": "linux/amd64", "capabilities": {}, "runs": {},
            "pending": str(self.root / "pending"),
            "format": "oci", "source_date_epoch": 0, "repo_tags": ["img/image:linux-arm64"],
            "output": str(self.root / "image.tar"), "metadata": str(self.root / "image.json"),
            **self.changes,
        }  # fmt: skip
        assemble.main(request)
        return Built(self.root)


class Built:
    """An assembled image, opened."""

    def __init__(self, root: Path) -> None:
        self.tar = root / "image.tar"
        self.metadata: dict[str, Any] = json.loads((root / "image.json").read_text())
        with tarfile.open(self.tar) as archive:
            self.files = {
                m.name: archive.extractfile(m).read()  # type: ignore[union-attr]
                for m in archive if m.isfile()
            }  # fmt: skip
        docker = json.loads(self.files["manifest.json"])[0]
        self.config: dict[str, Any] = json.loads(self.files[docker["Config"]])
        self.run: dict[str, Any] = self.config["config"]
        self.layers = [self.files[name] for name in docker["Layers"]]

    def entries(self) -> dict[str, tarfile.TarInfo]:
        """The members of all layers, later ones over earlier ones."""
        found = {}
        for layer in self.layers:
            with unpacked(layer, "it") as file, tarfile.open(fileobj=file) as archive:
                found.update({m.name.rstrip("/"): m for m in archive})
        return found


@pytest.fixture
def build(tmp_path: Path) -> Build:
    return Build(tmp_path / "one")


def test_an_image_has_its_platform_files_and_config(build: Build) -> None:
    build.file("bin/server", mode=0o755)
    found = build.run(
        'FROM scratch\nARG TARGETARCH\nENV A=1 B="two $A"\nWORKDIR /srv\nCOPY bin/server ./\n'
        "USER 7:7\nEXPOSE 80 53/udp\nVOLUME /v\nLABEL arch=$TARGETARCH\nSTOPSIGNAL SIGINT\n"
        'ENTRYPOINT ["/srv/server"]\nCMD ["-x"]\nHEALTHCHECK --interval=1m30s CMD ["/h"]\n'
    )
    assert (found.config["architecture"], found.config["variant"]) == ("arm64", "v8")
    assert found.metadata["descriptor"]["platform"]["variant"] == "v8"
    assert found.run == {
        "Cmd": ["-x"], "Entrypoint": ["/srv/server"], "Env": ["A=1", "B=two "],
        "ExposedPorts": {"53/udp": {}, "80/tcp": {}},
        "Healthcheck": {"Test": ["CMD", "/h"], "Interval": 90 * 10**9},
        "Labels": {"arch": "arm64"}, "StopSignal": "SIGINT", "User": "7:7",
        "Volumes": {"/v": {}}, "WorkingDir": "/srv",
    }  # fmt: skip
    entries = found.entries()
    assert sorted(entries) == ["srv", "srv/server"]
    assert (entries["srv/server"].mode, entries["srv/server"].mtime) == (0o755, 0)
    assert len(found.layers) == len(found.config["rootfs"]["diff_ids"]) == 2


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    texts = []
    for name, order in (("a", ("x", "y")), ("b", ("y", "x"))):
        found = Build(tmp_path / name)
        for file in order:
            found.file(f"d/{file}")
        texts.append(found.run("FROM scratch\nCOPY d /d/\n").tar.read_bytes())
    assert texts[0] == texts[1]


def test_stages_heredocs_patterns_owners_and_modes(build: Build) -> None:
    build.file("a.conf")
    build.file("b.conf")
    build.file(".hidden")
    found = build.run(
        "FROM scratch AS files\nARG WHO=me\nCOPY *.conf /etc/\nCOPY <<EOF <<'RAW' /made/\n"
        "hello $WHO\nEOF\n$WHO\nRAW\nFROM scratch AS unused\nCOPY absent /\n"
        "FROM scratch\nCOPY --from=files --chown=5:6 --chmod=0600 /etc/a.conf /a\n"
        "COPY --from=0 /made /made\nCOPY . /all/\n"
    )
    entries = found.entries()
    assert (entries["a"].uid, entries["a"].gid, entries["a"].mode) == (5, 6, 0o600)
    assert {"made/EOF", "made/RAW", "all/.hidden", "all/b.conf"} <= set(entries)
    text = b"".join(gzip.decompress(layer) for layer in found.layers)
    assert b"hello me\n" in text
    assert b"$WHO\n" in text


def test_an_ignored_file_is_not_in_the_context(build: Build) -> None:
    build.file(".dockerignore", b"*\n!keep\n")
    build.file("keep/x")
    build.file("drop")
    assert sorted(build.run("FROM scratch\nCOPY . /\n").entries()) == ["keep", "keep/x"]


@pytest.mark.parametrize(
    ("dockerfile", "error"),
    [
        ("", "Dockerfile:1: the Dockerfile is empty"),
        (
            "FROM scratch\nCOYP a b\n",
            "Dockerfile:2: unknown instruction 'COYP'. Did you mean `COPY`",
        ),
        ("COPY a b\n", "Dockerfile:1: COPY stands before the first FROM"),
        (
            "FROM scratch\nCOPY flie.txt /\n",
            "Dockerfile:2: .*no 'flie.txt'.*Did you mean `file.txt`",
        ),
        ("FROM scratch\n\nCOPY ../x /\n", "Dockerfile:3: .*'../x' leaves the build context"),
        (
            "FROM scratch\nCOPY out /\n",
            "Dockerfile:2: .*symbolic link to '/etc/passwd', which leaves",
        ),
        ("FROM scratch\nCOPY file.txt\n", "COPY needs at least one source and a destination"),
        ("FROM scratch\nCOPY --form=x a b\n", "COPY has no flag --form. Did you mean `from`"),
        ("FROM scratch\nCOPY --chmod=u+x file.txt /\n", "expected an octal mode"),
        (
            "FROM scratch\nCOPY --chown=web file.txt /\n",
            "/etc/passwd has no user 'web'; use a number",
        ),
        ("FROM scratch\nADD https://x.test/y /\n", "nothing is downloaded"),
        ("FROM scratch\nCOPY <<EOF /x\nno end\n", "here-document <<EOF has no end"),
        ("FROM scratch\nENV A=${B\n", "Dockerfile:2: .*has no closing"),
        ("FROM scratch\nEXPOSE 99999\n", "'99999' is not a port"),
        ("FROM alpine\n", "'alpine' is neither a stage above nor one of the target's `bases`"),
        ("FROM --platform=linux/amd46 scratch\n", "--platform: .*Did you mean `linux/amd64`"),
    ],
)
def test_each_mistake_names_its_line(build: Build, dockerfile: str, error: str) -> None:
    build.file("file.txt")
    (build.root / "context/out").symlink_to("/etc/passwd")
    with pytest.raises(DockerfileError, match=f"(?s){error}"):
        build.run(dockerfile)
    assert not (build.root / "image.tar").exists()


def test_a_file_of_another_platform_is_refused(build: Build) -> None:
    build.file("bin/server", Elf().bytes(), 0o755)
    with pytest.raises(DockerfileError, match=r"(?s)Dockerfile:2: .*`linux/arm64`.*/server: exp"):
        build.run("FROM scratch\nCOPY bin/server /server\n")


def test_a_build_argument_that_nobody_declares(tmp_path: Path) -> None:
    found = Build(tmp_path / "x", build_args={"PROT": "1"})
    with pytest.raises(MultiarchError, match=r"`build_args` names PROT.*Did you mean `PORT`"):
        found.run("FROM scratch\nARG PORT\nLABEL a=$PORT\n")


def based(tmp_path: Path, platform: str = "linux/arm64") -> tuple[Built, Build]:
    """A base with a user, and a build on it."""
    first = Build(tmp_path / "base")
    first.file("passwd", b"web:x:9:8::/:/sh\n")
    base = first.run(
        'FROM scratch\nCOPY passwd /etc/passwd\nENV P=1\nCMD ["old"]\nONBUILD LABEL from=base\n'
    )
    bases = {"base": {"path": str(base.tar)}}
    return base, Build(tmp_path / "top", platform, bases=bases)


def test_a_base_keeps_its_blobs_and_is_named(tmp_path: Path) -> None:
    base, top = based(tmp_path)
    top.file("x")
    found = top.run('FROM base\nCOPY --chown=web x /x\nENTRYPOINT ["/x"]\n')
    assert found.layers[0] == base.layers[0]
    assert found.entries()["x"].uid == 9
    assert found.entries()["x"].gid == 8
    assert "Cmd" not in found.run
    assert found.run["Env"] == ["P=1"]
    labels = found.run["Labels"]
    assert labels["from"] == "base"
    assert labels["org.opencontainers.image.base.digest"] == base.metadata["descriptor"]["digest"]


def test_a_base_without_the_platform_is_refused(tmp_path: Path) -> None:
    _, top = based(tmp_path, "linux/s390x")
    with pytest.raises(OciError, match="no image for `linux/s390x`; it has linux/arm64"):
        top.run("FROM base\n")


def test_a_damaged_base_is_refused(tmp_path: Path) -> None:
    base, top = based(tmp_path)
    folder = tmp_path / "folder"
    with tarfile.open(base.tar) as archive:
        archive.extractall(folder)
    layer = base.metadata["layers"][0]["digest"].removeprefix("sha256:")
    (folder / "blobs/sha256" / layer).write_bytes(b"other")
    top.changes["bases"] = {"base": {"path": str(folder)}}
    with pytest.raises(OciError, match="the layout is damaged"):
        top.run("FROM base\n")


def test_a_base_that_is_not_of_the_platform_it_claims_is_refused(tmp_path: Path) -> None:
    base, top = based(tmp_path, "linux/s390x")
    folder = tmp_path / "folder"
    with tarfile.open(base.tar) as archive:
        archive.extractall(folder)
    index = json.loads((folder / "index.json").read_text())
    index["manifests"][0]["platform"] = {"os": "linux", "architecture": "s390x"}
    (folder / "index.json").write_text(json.dumps(index))
    top.changes["bases"] = {"base": {"path": str(folder)}}
    said = (
        r"the index says that it is for `linux/s390x`, but the image's own config says "
        r"`linux/arm64`"
    )
    with pytest.raises(OciError, match=said):
        top.run("FROM base\nRUN true\n")


def with_zstd(built: Built, folder: Path) -> Path:
    """The same image with its layers compressed by zstd, in two frames each."""
    with tarfile.open(built.tar) as archive:
        archive.extractall(folder)
    index = json.loads((folder / "index.json").read_text())
    old = folder / "blobs/sha256" / index["manifests"][0]["digest"].removeprefix("sha256:")
    manifest = json.loads(old.read_text())
    for number, layer in enumerate(manifest["layers"]):
        blob = folder / "blobs/sha256" / layer["digest"].removeprefix("sha256:")
        plain = gzip.decompress(blob.read_bytes())
        data = zstandard.compress(plain[:512]) + zstandard.compress(plain[512:])
        made = Descriptor.of(OCI.zstd_layer, data)
        (folder / "blobs/sha256" / made.hex).write_bytes(data)
        manifest["layers"][number] = made.as_json()
    text = json.dumps(manifest).encode()
    made = Descriptor.of(OCI.manifest, text)
    (folder / "blobs/sha256" / made.hex).write_bytes(text)
    (folder / "index.json").write_text(json.dumps({"manifests": [made.as_json()]}))
    return folder


def test_a_base_with_zstd_keeps_its_layers(tmp_path: Path) -> None:
    base, top = based(tmp_path)
    folder = with_zstd(base, tmp_path / "zstd")
    top.changes["bases"] = {"base": {"path": str(folder)}}
    top.file("x")
    found = top.run("FROM base\nCOPY --chown=web x /x\n")
    kinds = [layer["mediaType"] for layer in found.metadata["layers"]]
    assert kinds == [OCI.zstd_layer, OCI.layer]
    assert found.entries()["x"].uid == 9
    top.changes["format"] = "docker"
    with pytest.raises(
        OciError, match=r"tar\+zstd'; an image of this format takes tar with gzip o"
    ):
        top.run("FROM base\n")


def registry_base(tmp_path: Path) -> Build:
    """A build on a base that was pulled for its platform alone."""
    base, top = based(tmp_path)
    name = "registry.example.com/team/base:1"
    paths = {"linux/arm64": str(base.tar)}
    top.changes["bases"] = {"base": {"paths": paths, "reference": name}}
    return top


@pytest.mark.parametrize("name", ["base", "registry.example.com/team/base:1"])
def test_a_base_of_a_registry_is_named_by_its_reference(tmp_path: Path, name: str) -> None:
    found = registry_base(tmp_path).run(f"FROM {name}\nUSER 5\n")
    labels = found.run["Labels"]
    assert labels["org.opencontainers.image.base.name"] == "registry.example.com/team/base:1"


def test_what_was_not_pulled_has_to_be_written_out(tmp_path: Path) -> None:
    top = registry_base(tmp_path)
    text = "FROM --platform=linux/amd64 base\n"
    with pytest.raises(DockerfileError, match=r"Dockerfile:1: the base 'base' comes from a regist"):
        top.run(text)


def test_what_a_dockerfile_takes_from_outside() -> None:
    text = (
        "ARG V=1\nFROM --platform=$BUILDPLATFORM golang:$V AS build\nRUN x\nFROM unused AS no\n"
        "FROM scratch AS made\nCOPY --from=build /x /\nFROM Debian\nCOPY --from=made / /\n"
        "COPY --from=tools /t /\nCOPY --from=0 / /\n"
    )
    source = parse(text, file="Dockerfile")
    found = stages.stages(source, target=ARM64, build=V7, build_args={"V": "2"})
    assert stages.outside(stages.needed(found, source, ""), ARM64) == (
        ("golang:2", V7), ("Debian", ARM64), ("tools", ARM64),
    )  # fmt: skip


def child(address: str, platform: Platform, kind: str = "oci") -> Child:
    described = Descriptor.of(assemble.FORMATS[kind].manifest, address.encode())
    return Child(address, assemble.replace(described, platform=platform))


def test_a_list_is_sorted_and_keeps_variants_apart() -> None:
    children = [child("b", V7), child("a", V6), child("c", ARM64)]
    found = sorted_children(children, format="oci", where="//l")
    assert [str(c.platform) for c in found] == ["linux/arm/v6", "linux/arm/v7", "linux/arm64"]


@pytest.mark.parametrize(
    ("children", "error"),
    [
        ([("a", V6, "oci"), ("b", V6, "oci")], "`linux/arm/v6` comes from both a and b"),
        ([("a", V6, "docker")], "cannot hold; give the `multiarch_image` format='oci'"),
        ([], "it has no images"),
    ],
)
def test_a_list_that_cannot_be(children: list[tuple[str, Platform, str]], error: str) -> None:
    with pytest.raises(OciError, match=error):
        sorted_children([child(*c) for c in children], format="oci", where="//l")


def test_a_layout_holds_the_index_and_every_blob_once(tmp_path: Path) -> None:
    values = []
    for platform in ("linux/arm/v7", "linux/amd64"):
        found = Build(tmp_path / platform.replace("/", "-"), platform)
        found.file("same")
        built = found.run("FROM scratch\nCOPY same /\n")
        values.append({"address": platform, "tar": str(built.tar),
                       "metadata": str(found.root / "image.json")})  # fmt: skip
    index.main({
        "address": "//l", "format": "oci", "children": values, "annotations": {"k": "v"},
        "ref_names": ["r.test/x:1"], "output": str(tmp_path / "layout"),
        "metadata": str(tmp_path / "list.json"),
    })  # fmt: skip
    top = json.loads((tmp_path / "layout/index.json").read_text())["manifests"][0]
    blob = tmp_path / "layout/blobs" / top["digest"].replace(":", "/")
    listed = json.loads(blob.read_bytes())
    assert [m["platform"]["architecture"] for m in listed["manifests"]] == ["amd64", "arm"]
    assert listed["annotations"] == {"k": "v"}
    # One layer that both share, two configs, two manifests, the index.
    assert len(list(blob.parent.iterdir())) == 6


def test_docker_format_has_dockers_media_types(tmp_path: Path) -> None:
    found = Build(tmp_path / "d", format="docker").run("FROM scratch\nLABEL a=b\n")
    assert found.metadata["descriptor"]["mediaType"].startswith("application/vnd.docker.")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$A${A}", "11"), ("${N:-x}", "x"), ("${E:-x}", "x"), ("${E-x}", ""), ("${A:+y}", "y"),
        ("${N+y}", ""), ("'$A'", "$A"), ('"$A b"', "1 b"), (r"\$A", "$A"), ("${F#*.}", "b.c"),
        ("${F##*.}", "c"), ("${F%.*}", "a.b"), ("${F%%.*}", "a"), ("${N:-${A}}", "1"), ("$", "$"),
    ],
)  # fmt: skip
def test_variables(text: str, value: str) -> None:
    assert expand(text, {"A": "1", "E": "", "F": "a.b.c"}) == value


def test_a_variable_that_must_be_set() -> None:
    with pytest.raises(ExpansionError, match="N: say it"):
        expand("${N:?say it}", {})


def test_words_keep_quotes_together() -> None:
    assert split_words("a=\"b c\" d\\ e ${x:-y z} 'q r'") == [
        'a="b c"', "d\\ e", "${x:-y z}", "'q r'"
    ]  # fmt: skip


def test_continuations_comments_and_another_escape() -> None:
    source = parse("# escape=`\nFROM a `\n# no\n\n AS b\nENV X=c:\\d\n", file="D")
    assert [(i.line, i.keyword, i.rest) for i in source.instructions] == [
        (2, "FROM", "a  AS b"), (6, "ENV", "X=c:\\d")
    ]  # fmt: skip


def test_patterns() -> None:
    assert matches("a/*.txt", "a/b.txt")
    assert not matches("*.txt", "a/b.txt")
    rules = ignore_rules("**/*.log\n/docs\n!docs/keep\n# c\n")
    assert [p for p in ("a/b.log", "docs/x", "docs/keep", "x") if ignored(p, rules)] == [
        "a/b.log", "docs/x"
    ]  # fmt: skip


def pending(build: Build, dockerfile: str) -> list[dict[str, Any]]:
    """The commands that the tool asks for, with what an engine is told of each."""
    (build.root / "Dockerfile").write_text(dockerfile)
    with pytest.raises(FileNotFoundError, match=r"image\.tar"):
        build.run(dockerfile)
    found = json.loads((build.root / "image.json").read_text())["pending"]
    for step in found:
        text = (build.root / "pending" / step["id"] / "run.json").read_text()
        step["run"] = json.loads(text)
    return found  # type: ignore[no-any-return]


def layer(path: Path, *members: tarfile.TarInfo) -> str:
    """A layer as an engine leaves it."""
    with tarfile.open(path, "w") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return str(path)


def member(name: str, size: int = 1) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mtime = size, 1_700_000_000
    return info


def test_run_asks_for_its_command_with_its_variables_and_no_more(build: Build) -> None:
    build.file("f")
    (found,) = pending(
        build,
        "FROM scratch\nCOPY f /\nARG WHO=me\nENV A=1\nLABEL not=asked\nWORKDIR /srv\nUSER 7\n"
        'RUN make $WHO\nENTRYPOINT ["/x"]\n',
    )
    assert (found["id"], found["line"], found["text"]) == ("0.1", 8, "RUN make $WHO")
    run = found["run"]
    assert run["argv"] == ["/bin/sh", "-c", "make $WHO"]
    assert run["env"] == {"WHO": "me", "A": "1"}
    with tarfile.open(build.root / "pending/0.1/image.tar") as archive:
        stream = archive.extractfile("manifest.json")
        assert stream
        inner = archive.extractfile(json.load(stream)[0]["Config"])
        assert inner
        config = json.load(inner)
    assert config["config"] == {"Env": ["WHO=me", "A=1"], "User": "7", "WorkingDir": "/srv"}
    assert config["rootfs"]["diff_ids"] == run["diff_ids"]


@pytest.mark.parametrize(
    ("instruction", "argv"),
    [
        ('RUN ["/a", "b c"]', ["/a", "b c"]),
        ("RUN <<EOF\none\ntwo\nEOF", ["/bin/sh", "-c", "one\ntwo\n"]),
        ("RUN cat <<EOF >/f\none\nEOF", ["/bin/sh", "-c", "cat <<EOF >/f\none\nEOF\n"]),
        ('SHELL ["/bin/bash", "-ec"]\nRUN x', ["/bin/bash", "-ec", "x"]),
        ("RUN --network=none a", ["/bin/sh", "-c", "a"]),
    ],
)
def test_each_form_of_run(build: Build, instruction: str, argv: list[str]) -> None:
    (found,) = pending(build, f"FROM scratch\n{instruction}\n")
    assert found["run"]["argv"] == argv


def test_stages_that_do_not_wait_for_each_other_ask_together(build: Build) -> None:
    text = (
        "FROM scratch AS a\nRUN one\nFROM scratch AS b\nRUN two\nFROM a AS c\nRUN three\n"
        "FROM scratch\nCOPY --from=b /x /\nCOPY --from=c /y /\n"
    )
    assert [step["id"] for step in pending(build, text)] == ["0.1", "1.1"]


def test_what_an_engine_made_becomes_a_layer_of_ours(build: Build) -> None:
    path = layer(
        build.root / "l.tar", member("made"), member("etc/hosts", 0), member("dev/null", 0)
    )
    build.changes["runs"] = {"0.1": path}
    found = build.run("FROM scratch\nRUN make\nUSER 5\n")
    assert list(found.entries()) == ["made"]
    assert found.entries()["made"].mtime == 0
    assert [step["created_by"] for step in found.config["history"]] == ["RUN make", "USER 5"]


def test_a_run_cannot_bring_a_file_of_another_platform(build: Build) -> None:
    data = Elf().bytes()
    info = member("usr/bin/x", len(data))
    with tarfile.open(build.root / "l.tar", "w") as archive:
        archive.addfile(info, io.BytesIO(data))
    build.changes["runs"] = {"0.1": str(build.root / "l.tar")}
    with pytest.raises(DockerfileError, match=r"Dockerfile:2: .*puts a file of another platform"):
        build.run("FROM scratch\nRUN make\n")


def test_capabilities_are_in_a_layer_without_an_engine(build: Build) -> None:
    build.file("server", mode=0o755)
    build.changes["capabilities"] = {"/server": "cap_net_bind_service=ep"}
    found = build.run("FROM scratch\nCOPY server /\nUSER 5\n")
    headers = found.entries()["server"].pax_headers
    value = headers["SCHILY.xattr.security.capability"].encode("utf-8", "surrogateescape")
    assert value.hex() == "0100000200040000" + "00" * 12
    assert found.entries()["server"].mode == 0o755


@pytest.mark.parametrize(
    ("capabilities", "message"),
    [
        ({"/serve": "cap_kill=ep"}, "`capabilities` for '/serve': the image has no such file. Did"),
        ({"/server": "cap_kil=ep"}, "`capabilities` for '/server': there is no capability"),
    ],
)
def test_wrong_capabilities_name_the_field(
    build: Build, capabilities: dict[str, str], message: str
) -> None:
    build.file("server", mode=0o755)
    build.changes["capabilities"] = capabilities
    with pytest.raises(MultiarchError, match=message):
        build.run("FROM scratch\nCOPY server /\n")


@pytest.mark.parametrize(
    ("instruction", "message"),
    [
        ("RUN --mount=type=ssh x", "Dockerfile:2: .*the type 'ssh' is not supported"),
        ("RUN --mount=type=cache,target=rel x", "`target` must be an absolute path"),
        ("RUN --mount=typ=cache x", "unknown 'typ'. Did you mean `type`"),
        ("RUN --network=some x", "expected one of default, none, host"),
        ("RUN --nework=none x", "RUN has no flag '--nework=none' here. Did you mean `network`"),
        ("RUN --network=none", "RUN needs a command"),
        ("RUN <<EOF\n#! \nEOF", "the first line of <<EOF is `#!` without a program"),
        ("RUN --mount=source=nofile,target=/x y", "no such file in the build context"),
        ("RUN --mount=from=nope,target=/x y", "there is no stage 'nope' above"),
    ],
)
def test_each_wrong_run_says_what_is_wrong(build: Build, instruction: str, message: str) -> None:
    with pytest.raises(MultiarchError, match=message):
        build.run(f"FROM scratch\n{instruction}\n")


def run_command(text: str) -> tuple[str, ...]:
    source = parse(f"FROM x\nRUN {text}\n", file="Dockerfile")
    return run_step(source, source.instructions[1], shell=("/bin/sh", "-c"), variables={}).argv


def test_a_heredoc_with_its_own_interpreter_is_given_to_it_unexpanded(tmp_path: Path) -> None:
    script = '<<EOF\n#! /bin/sh -eu\necho "$0 got: $(cat)"; echo "$HOME"; exit 3\nEOF'
    argv = run_command(script)
    assert argv[:2] == ("/bin/sh", "-c")
    assert argv[2].startswith("exec /bin/sh -eu /dev/fd/3 3<<'EOF'\n#! /bin/sh -eu\n")
    made = subprocess.run(
        argv, input="input", capture_output=True, text=True, env={"HOME": "/home dir"}
    )
    assert (made.returncode, made.stdout) == (3, "/dev/fd/3 got: input\n/home dir\n")
    assert "exec /usr/bin/env 'python3 -u' /dev/fd/3" in run_command(
        "<<EOF\n#!/usr/bin/env python3 -u\nEOF"
    )[2]  # fmt: skip


@pytest.mark.parametrize(
    ("flag", "required"),
    [("", False), (",required", True), (",required=true", True), (",required=false", False)],
)
def test_a_secret_is_required_only_when_it_says_so(flag: str, required: bool) -> None:
    source = parse(f"FROM x\nRUN --mount=type=secret,id=a{flag} x\n", file="Dockerfile")
    step = run_step(source, source.instructions[1], shell=(), variables={})
    assert [mount.required for mount in step.mounts] == [required]
