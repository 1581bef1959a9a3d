"""Tests of the documents: links resolve, BUILD examples are valid, no host is named by accident."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BACKEND = ROOT / "src/python/multiarch/backend"
DOCS = sorted(
    (*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md"), *(ROOT / "examples").glob("*.md"))
)
PAGES = pytest.mark.parametrize("page", DOCS, ids=lambda p: str(p.relative_to(ROOT)))

# Pants' own targets that the examples use, with the fields they use of them.
PANTS_TARGETS = {
    "files": {"name", "sources"},
    "file": {"name", "source"},
    "remote_environment": {"name", "platform", "fallback_environment"},
    "__defaults__": {"all", "ignore_unknown_fields"},
}
# Pants' own fields that every target has.
PANTS_FIELDS = {"name", "description", "tags", "dependencies", "environment"}

FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)", re.DOTALL)
# A host name, by the ends that public ones have; `org.opencontainers...` keys do not end so.
HOST = re.compile(r"(?<![\w.@-])((?:[\w-]+\.)+(?:org|com|io|net|dev|cn))(?![\w-]|\.\w)")
ALLOWED_HOSTS = re.compile(r"(.*\.)?example\.(com|org)|www\.pantsbuild\.org|go\.dev|k8s\.io")
HOME = re.compile(r"(?<![\w.~$}-])/(root|home|Users|work|tmp|opt)/")


def class_constants(body: list[ast.stmt]) -> dict[str, ast.expr]:
    """The simple assignments of a class body."""
    return {
        target.id: statement.value
        for statement in body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }


def names_in(value: ast.expr | None) -> set[str]:
    """The names that a tuple of classes holds."""
    return {n.id for n in ast.walk(value) if isinstance(n, ast.Name)} if value else set()


def known_targets() -> dict[str, set[str]]:
    """Each target's alias with its fields' aliases, read from the source without importing it."""
    classes: dict[str, dict[str, ast.expr]] = {}
    bases: dict[str, set[str]] = {}
    for path in sorted((*BACKEND.glob("*/target_types.py"), *BACKEND.glob("*target_types.py"))):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                classes[node.name] = class_constants(node.body)
                bases[node.name] = {b.id for b in node.bases if isinstance(b, ast.Name)}

    def alias(name: str) -> str | None:
        if name not in classes:
            return None
        value = classes[name].get("alias")
        if isinstance(value, ast.Constant):
            return str(value.value)
        return "overrides" if "OverridesField" in bases[name] else None

    targets = {}
    for name, constants in classes.items():
        target = alias(name)
        # One with an underscore is written by nobody.
        if "core_fields" in constants and target and not target.startswith("_"):
            fields = names_in(constants["core_fields"]) | names_in(constants.get("moved_fields"))
            targets[target] = PANTS_FIELDS | {a for f in fields if (a := alias(f))}
    return targets


def fenced(page: Path, language: str) -> list[str]:
    """The page's code blocks in a language, without the indentation that the fence has."""
    return [
        re.sub(rf"^{m.group(1)}", "", m.group(3), flags=re.MULTILINE)
        for m in FENCE.finditer(page.read_text())
        if m.group(2) == language
    ]


def mistakes(example: str, targets: dict[str, set[str]]) -> Iterator[str]:
    """What is wrong with a BUILD example."""
    for statement in ast.parse(example).body:
        call = statement.value if isinstance(statement, ast.Expr) else None
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            yield f"not a target: {ast.unparse(statement)}"
            continue
        if call.func.id not in targets:
            yield f"no target is called {call.func.id}"
            continue
        for keyword in call.keywords:
            if keyword.arg not in targets[call.func.id]:
                yield f"{call.func.id} has no field {keyword.arg}"


def anchor(heading: str) -> str:
    """The anchor that a Markdown viewer gives a heading."""
    text = re.sub(r"[^\w\- ]", "", heading.strip().lower().replace("`", ""))
    return text.replace(" ", "-")


def anchors(page: Path) -> set[str]:
    """The anchors of a page; lines of code blocks are no headings."""
    text = FENCE.sub("", page.read_text())
    return {anchor(m) for m in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


def test_the_pages_are_found() -> None:
    names = {str(page.relative_to(ROOT)) for page in DOCS}
    assert {"README.md", "docs/how-to.md", "docs/reference.md", "examples/README.md"} <= names


def test_targets_are_read_from_the_source() -> None:
    targets = known_targets()
    assert set(targets) >= {"go_module", "go_cross_binary", "multiarch_image", "manifest_list"}
    assert {"main", "platforms", "overrides", "x_defs", "name"} <= targets["go_cross_binary"]
    assert "repository" not in targets["go_cross_binary"]


@PAGES
def test_links_resolve(page: Path) -> None:
    broken = []
    for link in LINK.findall(FENCE.sub("", page.read_text())):
        path, _, fragment = link.partition("#")
        if "://" in path:
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (fragment and fragment not in anchors(target)):
            broken.append(link)
    assert broken == []


@PAGES
def test_build_examples_are_valid(page: Path) -> None:
    targets = {**known_targets(), **PANTS_TARGETS}
    found = [m for example in fenced(page, "python") for m in mistakes(example, targets)]
    assert found == []


@pytest.mark.parametrize(
    ("example", "expected"),
    [
        ('go_binary(name="x")', "no target is called go_binary"),
        ('go_cross_binary(platform=["x"])', "go_cross_binary has no field platform"),
        ("x = 1", "not a target: x = 1"),
    ],
)
def test_a_wrong_example_is_noticed(example: str, expected: str) -> None:
    assert list(mistakes(example, known_targets())) == [expected]


def test_examples_exist_for_every_target_that_users_write() -> None:
    written = "".join(example for page in DOCS for example in fenced(page, "python"))
    generated = {
        *("go_module_sources", "go_cross_binary_platform", "multiarch_image_platform"),
        *("c_cross_binary_platform", "image_test_platform", "go_cross_test_platform"),
    }
    assert [t for t in known_targets() if t not in generated and f"{t}(" not in written] == []


@PAGES
def test_no_package_registry_is_named(page: Path) -> None:
    hosts = set(HOST.findall(page.read_text()))
    assert sorted(h for h in hosts if not ALLOWED_HOSTS.fullmatch(h)) == []


@PAGES
def test_no_path_of_one_machine_is_named(page: Path) -> None:
    assert [m.group() for m in HOME.finditer(page.read_text())] == []


def test_every_page_is_reached_from_the_readme() -> None:
    # What a run of the benchmarks wrote is reached from their page.
    linked = {
        (page.parent / link.partition("#")[0]).resolve()
        for page in (ROOT / "README.md", ROOT / "docs/benchmarks.md")
        for link in LINK.findall(page.read_text())
        if "://" not in link
    }
    assert [p.name for p in DOCS if p.name != "README.md" and p not in linked] == []


def test_the_reference_names_every_target_and_field() -> None:
    text = (ROOT / "docs/reference.md").read_text()
    for target, fields in known_targets().items():
        assert f"### `{target}`" in text
        assert [f for f in fields if f"`{f}`" not in text and not f.startswith("_")] == []
