"""`go list` says the same of skeletons as of the files they stand for: shown over all of std."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from multiarch.core.platforms import Platform
from multiarch.tools.skeletons import main as mirror

from tests.integration.scratch import go_environment, go_program

pytestmark = pytest.mark.integration

FIELDS = (
    "ImportPath,Name,GoFiles,IgnoredGoFiles,InvalidGoFiles,CgoFiles,SFiles,HFiles,SysoFiles,"
    "EmbedPatterns,EmbedFiles,Imports,ImportMap,TestGoFiles,XTestGoFiles,TestImports,Error"
)


@pytest.fixture(scope="module")
def skeletons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GOROOT whose sources are skeletons."""
    real = go_program().parent.parent
    root = tmp_path_factory.mktemp("skeletons") / "go"
    shutil.copytree(real / "pkg", root / "pkg")
    for name in ("VERSION", "go.env"):
        shutil.copyfile(real / name, root / name)
    mirror({"source": str(real / "src"), "output": str(root / "src")})
    return root


def listing(goroot: Path, platform: str, cache: Path) -> str:
    env = go_environment(Platform.parse(platform), cache, GOROOT=str(goroot))
    return subprocess.run(
        [str(go_program()), "list", "-e", f"-json={FIELDS}", "std"],
        cwd=cache, env=env, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


@pytest.mark.parametrize("platform", ["linux/amd64", "linux/s390x", "windows/arm64", "js/wasm"])
def test_std_lists_the_same(skeletons: Path, platform: str, tmp_path: Path) -> None:
    real = listing(go_program().parent.parent, platform, tmp_path)
    assert len(real.split('"ImportPath"')) > 300
    assert listing(skeletons, platform, tmp_path) == real


def test_skeletons_are_much_smaller(skeletons: Path) -> None:
    def size(root: Path) -> int:
        return sum(f.stat().st_size for f in root.rglob("*.go"))

    assert size(skeletons / "src") * 3 < size(go_program().parent.parent / "src")
