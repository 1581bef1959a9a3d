"""What `build-support/fuzz.py` found, each kept as the input that showed it."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import tarfile
import time
from pathlib import Path
from typing import Any

import fuzz
import pytest
import zstandard
from fuzzing import images, mutation, texts
from fuzzing.target import Target
from multiarch.core.dockerfile.expand import ExpansionError, expand
from multiarch.core.dockerfile.patterns import ignore_rules, ignored, matches
from multiarch.core.dockerfile.run_step import run_step
from multiarch.core.dockerfile.stages import exec_form
from multiarch.core.dockerfile.syntax import parse
from multiarch.core.errors import MultiarchError
from multiarch.core.executables.archives import members
from multiarch.core.found_matrices import goreleaser_matrices, script_matrix
from multiarch.core.golang.constraints import TagSet
from multiarch.core.golang.embeds import resolve
from multiarch.core.golang.modfile import local_directories, requires_modules
from multiarch.core.golang.skeleton import go_skeleton
from multiarch.core.oci.changes import changes
from multiarch.core.oci.config import ImageConfig
from multiarch.core.oci.descriptor import (
    OCI,
    Descriptor,
    OciError,
    digest_of,
    manifest_blobs,
    manifest_json,
)
from multiarch.core.oci.layer import Entry, with_parents
from multiarch.core.oci.layout import (
    LAYOUT_FILE,
    LayoutSource,
    blob_path,
    layout_index,
    parse_json,
)
from multiarch.core.oci.selection import children
from multiarch.core.platforms import Platform
from multiarch.core.structure_test.definitions import DefinitionError
from multiarch.tools import archives
from multiarch.tools.archives import ArchiveError
from multiarch.tools.image_files import Tree, export, layer_tree
from multiarch.tools.registry.contents import read_node
from multiarch.tools.verify_release import archive_names
from multiarch.tools.yaml_document import read_yaml

from tests.unit.test_images import Build

TARGETS = (*images.TARGETS, *texts.TARGETS)


@pytest.mark.parametrize("target", TARGETS, ids=[target.name for target in TARGETS])
def test_each_target_runs(target: Target, tmp_path: Path) -> None:
    for number in range(5):
        folder = tmp_path / str(number)
        folder.mkdir()
        fuzz.fuzz_one(target, f"unit:{number}", folder)


def member(name: str, type: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    """One member of an archive."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = type, link
    return info


def layer(*members: tarfile.TarInfo, data: bytes = b"data") -> bytes:
    """An archive of these members."""
    return mutation.tar([(info, data) for info in members])


def unpacked(*layers: bytes) -> dict[str, Entry]:
    """The tree of these layers."""
    tree = Tree({})
    for number, data in enumerate(layers):
        tree = layer_tree(tree, data, f"layer {number}")
    return tree.entries


def test_a_file_below_a_link_is_where_the_link_leads_within_the_image(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    link = member("a", tarfile.SYMTYPE, str(outside))
    entries = unpacked(layer(link, member("a/x")))
    assert f"{outside}/x".lstrip("/") in entries
    assert "a/x" not in entries
    export(Tree(entries), "", tmp_path / "exported")
    assert not list(outside.iterdir())


def test_a_merged_usr_holds_what_a_layer_says_is_in_lib() -> None:
    base = layer(member("usr/lib", tarfile.DIRTYPE), member("lib", tarfile.SYMTYPE, "usr/lib"))
    entries = unpacked(base, layer(member("lib/x.so")), layer(member("lib/.wh.x.so")))
    assert set(entries) == {"usr/lib", "lib"}
    tree = Tree(unpacked(base)).with_layer((Entry("lib/y.so"),))
    assert tree.exists("/lib/y.so")
    assert "usr/lib/y.so" in tree.entries


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ([member("a"), member("a/b")], r"layer 0: 'a/b' is below what is no directory"),
        ([member("a", tarfile.LNKTYPE, "b")], r"layer 0: 'a' is another name of 'b', which is no"),
        ([member("a", tarfile.SYMTYPE, "b"), member("b", tarfile.SYMTYPE, "a"), member("a/x")],
         r"layer 0: 'a/x' is below what is no directory"),
        ([member("a", tarfile.SYMTYPE, "")], r"layer 0: not a tar, or a damaged one: 'a' -> '' is"),
    ],
)  # fmt: skip
def test_a_layer_that_no_engine_unpacks(members: list[tarfile.TarInfo], problem: str) -> None:
    with pytest.raises(MultiarchError, match=problem):
        unpacked(layer(*members))


def test_a_file_takes_the_place_of_a_directory_and_a_device_is_nothing() -> None:
    both = layer(member("a/b/c"), member("a"), member("d"), member("d", tarfile.CHRTYPE))
    assert set(unpacked(both)) == {"a"}


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"no tar", r"it: not a tar, or a damaged one: truncated header"),
        (b"", r"it: not a tar, or a damaged one: empty file"),
        (gzip.compress(layer(member("a")))[:-20], r"it: not a tar, or a damaged one: Compressed f"),
        (b"BZh91AY&SY" + bytes(40), r"it: not a tar, or a damaged one: Invalid data stream"),
        (b"\x28\xb5\x2f\xfd" + b"\xff" * 40, r"it: not a tar, or a damaged one: zstd decompr"),
        (layer(member("a"))[:1024] + b"x" * 512, r"it: not a tar, or a damaged one: what is at"),
    ],
    ids=["short", "empty", "gzip", "bzip2", "zstd", "header"],
)
def test_a_damaged_archive_is_said_so(data: bytes, problem: str) -> None:
    with pytest.raises(ArchiveError, match=problem):
        layer_tree(Tree({}), data, "it")


@pytest.mark.parametrize("size", [-1, 1 << 62])
def test_a_header_that_leads_nowhere_ends(size: int) -> None:
    data = bytearray(layer(member("a"), member("b")))
    data[124:136] = (b"\x80" if size > 0 else b"\xff") + size.to_bytes(11, "big", signed=True)
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    with pytest.raises(ArchiveError, match=r"^it: not a tar, or a damaged one|^it: it unpacks to"):
        layer_tree(Tree({}), bytes(data), "it")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """A bound that is soon reached."""
    monkeypatch.setattr(archives, "_SMALL", 1 << 20)
    return 1 << 20


@pytest.mark.parametrize("compression", ["+gzip", "+zstd", "+bzip2", "+xz"])
def test_a_bomb_is_not_unpacked(small: int, compression: str) -> None:
    bomb = mutation.COMPRESSIONS[compression](layer(member("zeros"), data=bytes(1 << 26)))
    assert len(bomb) * 100 < 1 << 26
    with pytest.raises(ArchiveError, match=r"^it: it unpacks to more than \d+ bytes: more than 1 "):
        layer_tree(Tree({}), bomb, "it")


def test_a_file_of_holes_is_counted(small: int) -> None:
    with pytest.raises(ArchiveError, match=r"^it: it unpacks to more than 1048576 bytes"):
        layer_tree(Tree({}), mutation.sparse_bomb(1 << 40), "it")


def test_what_shrinks_as_real_files_do_may_be_large(small: int) -> None:
    data = b"".join(b"%d\n" % number for number in range(1 << 18))
    packed = gzip.compress(layer(member("numbers"), data=data))
    assert len(data) > 1 << 20
    assert layer_tree(Tree({}), packed, "it").entries["numbers"].content == data


def test_gzip_and_zstd_in_several_parts_are_one_archive() -> None:
    data = layer(member("a"))
    halves = (data[:700], data[700:])
    frames = b"".join(zstandard.ZstdCompressor().compress(half) for half in halves)
    skipped = b"\x50\x2a\x4d\x18\x04\0\0\0note"
    for packed in (b"".join(map(gzip.compress, halves)), frames + skipped):
        assert set(layer_tree(Tree({}), packed, "it").entries) == {"a"}


def test_a_layer_that_is_not_what_its_diff_id_says() -> None:
    data = layer(member("a"))
    layer_tree(Tree({}), gzip.compress(data), "it", digest_of(data))
    with pytest.raises(OciError, match=r"^it: unpacked, the layer has the digest sha256:\w+; the "):
        layer_tree(Tree({}), gzip.compress(data), "it", digest_of(b""))
    with pytest.raises(OciError, match=r"^it: unpacked, .* says ''"):
        layer_tree(Tree({}), gzip.compress(data), "it", "")


def test_a_tar_whose_first_file_is_called_as_bzip2_begins() -> None:
    assert set(unpacked(layer(member("BZh9")))) == {"BZh9"}


def test_a_name_that_is_no_utf8_is_kept() -> None:
    info = member("caf\udce9")
    tree = unpacked(layer(info))
    assert set(tree) == {"caf\udce9"}
    assert [e.path for e in with_parents(tree.values())] == ["caf\udce9"]
    assert [e.path for e in changes({}, tree, read=lambda entry: b"")] == ["caf\udce9"]


def nested_indexes(levels: int, width: int) -> tuple[dict[str, bytes], Descriptor]:
    """A layout's files: indexes, each of which names the one below `width` times."""
    files, top = {"oci-layout": LAYOUT_FILE}, Descriptor.of(OCI.manifest, b"{}")
    for _ in range(levels):
        data = json.dumps({"manifests": [top.as_json()] * width}).encode()
        top = Descriptor.of(OCI.index, data)
        files[blob_path(top.digest)] = data
    files["index.json"] = files[blob_path(top.digest)]
    return files, top


def test_indexes_that_multiply_are_read_once() -> None:
    files, top = nested_indexes(30, 10)
    assert len(LayoutSource("it", files.get).manifests()) == 1
    with pytest.raises(
        OciError, match=r"^it: its indexes go deeper than 8, or name more than 4096"
    ):
        read_node(top, lambda d: files[blob_path(d.digest)], lambda d: (), where="it")
    deep, _ = nested_indexes(5000, 1)
    assert len(LayoutSource("it", deep.get).manifests()) == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[" * 100_000, r"^it: not JSON: it is nested too deeply"),
        ('{"a": "\\ud800"}', r"^it: not JSON: .*surrogates not allowed"),
        ("[]", r"^it: expected a JSON object, found list"),
    ],
)
def test_json_that_is_no_value(text: str, problem: str) -> None:
    with pytest.raises(OciError, match=problem):
        parse_json(text.encode(), where="it")


GOOD: dict[str, Any] = Descriptor.of(OCI.manifest, b"").as_json()


@pytest.mark.parametrize(
    ("index", "problem"),
    [
        ({"manifests": 1}, r"^it: 'manifests' must be a list, found 1"),
        ({"manifests": ["x"]}, r"^it: 'manifests' holds 'x', expected an object"),
        ({"manifests": [{**GOOD, "platform": "x"}]}, r"'platform' must be an object, found 'x'"),
        ({"manifests": [{**GOOD, "size": True}]}, r"'size' must be a number, found True"),
        ({"manifests": [{**GOOD, "size": -1}]}, r"has the size -1"),
        ({"manifests": [{**GOOD, "annotations": [1]}]}, r"'annotations' must be an object"),
        ({"manifests": [{**GOOD, "annotations": {"a": 1}}]}, r"'annotations' holds 1, expected"),
    ],
)
def test_an_index_of_other_kinds(index: Any, problem: str) -> None:
    with pytest.raises(OciError, match=problem):
        children(index, where="it")


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"os": 1}, r"^it: 'os' must be a text, found 1"),
        ({"config": {"Env": [1]}}, r"^it: 'Env' holds 1, expected a text"),
        ({"config": {"Labels": ["a"]}}, r"^it: 'Labels' must be an object, found \['a'\]"),
        ({"config": {"User": 0}}, r"^it: 'User' must be a text, found 0"),
        ({"config": {"Volumes": "a"}}, r"^it: 'Volumes' must be an object, found 'a'"),
        ({"history": [None]}, r"^it: 'history' holds None, expected an object"),
        ({"rootfs": {"diff_ids": 1}}, r"^it: 'diff_ids' must be a list, found 1"),
    ],
)
def test_a_config_of_other_kinds(config: Any, problem: str) -> None:
    with pytest.raises(OciError, match=problem):
        ImageConfig.parse({"os": "linux", "architecture": "arm64", **config}, where="it")


def test_a_manifest_without_a_config() -> None:
    with pytest.raises(OciError, match=r"^it: a descriptor needs 'mediaType', found \{\}"):
        manifest_blobs({"layers": []}, where="it")


def seconds(function: Any, *arguments: Any) -> float:
    """The CPU time of a call."""
    start = time.process_time()
    function(*arguments)
    return time.process_time() - start


@pytest.mark.parametrize(
    "text",
    [
        "package " + "/* */ " * 40 + ";",
        "package a\nimport (" + "/* */ " * 40 + "\n",
        "package a\nimport (" + '"a" /**/' * 40 + "\n",
        "/*" * 50_000,
    ],
)
def test_a_go_file_is_read_in_linear_time(text: str) -> None:
    assert seconds(go_skeleton, text) < 1


def test_patterns_with_many_stars_are_matched_in_bounded_time() -> None:
    path = "a" * 200
    assert seconds(matches, "*a" * 40 + "b", path) < 1
    assert seconds(resolve, ["*a" * 40 + "b"], [path]) < 1
    assert seconds(ignored, "a/" * 40 + "b", ignore_rules("**/" + "*/**/" * 20 + "c")) < 1
    assert seconds(expand, "${A%%" + "*a" * 40 + "b}", {"A": path}) < 1
    assert seconds(script_matrix, "PLATFORMS" * 10_000, "x") < 1


def test_digits_that_int_does_not_know() -> None:
    name = "#1/²".encode("latin-1")
    header = b"%-16s%-32s%-10d`\n" % (name, b"", 2)
    assert list(members(b"!<arch>\n" + header + b"ab")) == [("#1/²", b"ab")]
    assert TagSet("linux", "amd64", 27, False, frozenset()).has("go1.²") is False


def test_patterns_match_what_they_did() -> None:
    assert matches("a*b*c?[x-z]", "a1b2c3y")
    assert not matches("a*b*c", "a1c2b")
    assert matches("*[!a]", "ab")
    assert not matches("[z-a]", "b")
    assert not matches("[^a]", "/")
    rules = ignore_rules("**/vendor\na/**/b/*.go\n!a/x/b/keep.go\n[z-a]\n**")
    assert [ignored(p, rules[:-1]) for p in ("x/vendor/y", "a/b/c.go", "a/x/b/keep.go", "a")] == [
        True,
        True,
        False,
        False,
    ]
    assert ignored("x", rules)


def test_a_dockerfile_nested_too_deeply() -> None:
    deep = "${A:-" * 3000 + "}" * 3000
    with pytest.raises(ExpansionError, match=r"^the substitutions are nested too deeply"):
        expand(deep, {})
    assert exec_form("[" * 100_000) is None


@pytest.mark.parametrize("id", ["..", "/", "."])
def test_a_cache_of_a_run_stays_among_the_caches(id: str) -> None:
    source = parse(f"FROM a\nRUN --mount=type=cache,target=/x,id={id} true\n", file="Dockerfile")
    with pytest.raises(MultiarchError, match=r"^Dockerfile:2: .* is no name for a cache"):
        run_step(source, source.instructions[1], shell=("sh",), variables={})


def test_yaml_that_multiplies_is_refused_in_bounded_time() -> None:
    merged = "a0: &a0 {x: 1, y: 2}\n" + "".join(
        f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}], z{n}: 1}}\n" for n in range(1, 12)
    )
    for text in (texts.bomb(30), merged):
        with pytest.raises(
            DefinitionError, match=r"^it:\d+: not YAML: with its aliases written ou"
        ):
            read_yaml(text, file="it")


def test_a_matrix_of_another_tool_that_multiplies() -> None:
    import yaml

    document = yaml.safe_load(
        texts.bomb(9) + "builds: [{goos: *a8, main: *a8}, {targets: [*a8]}]\n"
    )
    assert seconds(goreleaser_matrices, document, "x") < 1
    many = [{"goos": [f"o{n}" for n in range(10_000)], "goarch": [f"a{n}" for n in range(10_000)]}]
    assert seconds(goreleaser_matrices, {"builds": many}, "x") < 1


def test_a_replace_without_its_other_half() -> None:
    text = "module m\nreplace a =>\nreplace =>\nrequire (\n)\n"
    assert local_directories(text, "m") == ()
    assert not requires_modules(text)


def test_an_archive_in_memory_is_asked_for_no_more_than_it_has() -> None:
    ended = archives._Ended(io.BytesIO(b"abc"))
    assert ended.read(1 << 62) == b"abc"


def test_an_archive_of_a_release_that_is_damaged(tmp_path: Path) -> None:
    for name, problem in (
        ("a.zip", r"^a.zip: not a zip, or a d"),
        ("a.tar.gz", r"^a.tar.gz: not a t"),
    ):
        (tmp_path / name).write_bytes(b"\x1f\x8bno")
        with pytest.raises(ArchiveError, match=problem):
            archive_names(tmp_path / name)


def base(folder: Path, layers: list[bytes], diff_ids: list[str]) -> str:
    """A layout of one image."""
    config = ImageConfig(Platform.parse("linux/amd64"), diff_ids=tuple(diff_ids)).as_json(0)
    blobs = [json.dumps(config).encode(), *layers]
    descriptors = [Descriptor.of(OCI.plain_layer, data) for data in layers]
    blobs.append(manifest_json(OCI, blobs[0], descriptors))
    manifest = Descriptor.of(OCI.manifest, blobs[-1])
    files = {blob_path(digest_of(data)): data for data in blobs}
    files.update({"oci-layout": LAYOUT_FILE, "index.json": layout_index(manifest, ())})
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return str(folder)


def on_base(folder: Path, layout: str, dockerfile: str) -> Path:
    """Assemble an image on a layout; returns where what a RUN needs is."""
    changes: dict[str, Any] = {"bases": {"base": {"path": layout, "reference": ""}}}
    build = Build(folder, "linux/amd64", **changes)
    (folder / "Dockerfile").write_text(dockerfile)
    with contextlib.suppress(KeyError, FileNotFoundError):
        build.run(dockerfile)
    return folder / "pending"


def test_a_bind_of_a_link_shows_what_it_leads_to_in_the_image(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    link = member("a", tarfile.SYMTYPE, str(outside))
    data = layer(link, member(f"{outside}/secret".lstrip("/")), data=b"of the image")
    layout = base(tmp_path / "base", [data], [digest_of(data)])
    text = "FROM base AS one\nFROM base\nRUN --mount=type=bind,from=one,source=/a,target=/m true\n"
    (run,) = on_base(tmp_path / "build", layout, text).iterdir()
    shown = run / "mounts/0"
    assert not shown.is_symlink()
    assert (shown / "secret").read_bytes() == b"of the image"


def test_a_base_whose_config_names_other_layers(tmp_path: Path) -> None:
    data = layer(member("a"))
    for number, ids in enumerate(([], [digest_of(data)] * 2)):
        layout = base(tmp_path / f"base{number}", [data], ids)
        with pytest.raises(
            OciError, match=r"^base: the manifest \S+ has 1 layers, and its config n"
        ):
            on_base(tmp_path / f"build{number}", layout, "FROM base\n")
    layout = base(tmp_path / "other", [data], [digest_of(b"")])
    with pytest.raises(OciError, match=r"^base: sha256:\w+: unpacked, the layer has the digest"):
        on_base(tmp_path / "build", layout, "FROM base\n")
