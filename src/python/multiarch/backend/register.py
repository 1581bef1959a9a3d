"""What this backend brings: targets and rules. `backend_packages = ["multiarch.backend"]`."""

from __future__ import annotations

from collections.abc import Iterable

from pants.backend.python.util_rules import pex
from pants.engine.target import Target

from multiarch.backend import (
    c_toolchain,
    command_line,
    go_toolchain,
    platforms,
    publication,
    relocation,
    sandbox,
    summary,
    version,
)
from multiarch.backend.c_cross_binary import rules as c_cross_binary
from multiarch.backend.c_cross_binary.target_types import (
    CCrossBinaryPlatformTarget,
    CCrossBinaryTarget,
)
from multiarch.backend.check import rules as check
from multiarch.backend.go_build import (
    binaries,
    candidates,
    cgo,
    cgo_tests,
    compile,
    graph,
    host_tool,
    link,
    sources,
    std,
    test_link,
    tests,
    third_party,
)
from multiarch.backend.go_cross_binary import rules as go_cross_binary
from multiarch.backend.go_cross_binary.target_types import (
    GoCrossBinaryPlatformTarget,
    GoCrossBinaryTarget,
)
from multiarch.backend.go_cross_test import rules as go_cross_test
from multiarch.backend.go_cross_test.target_types import (
    GoCrossTestPlatformTarget,
    GoCrossTestTarget,
)
from multiarch.backend.go_module import changes, selection
from multiarch.backend.go_module import rules as go_module
from multiarch.backend.go_module.target_types import GoModuleTarget, GoSourcesTarget
from multiarch.backend.goals import (
    load_image,
    promote,
    tailor,
    update_image_lock,
    verify_release,
)
from multiarch.backend.goals import platforms as platforms_goal
from multiarch.backend.image import publish as publish_image
from multiarch.backend.image import rules as image
from multiarch.backend.image.target_types import (
    ImageBaseTarget,
    ImageLockTarget,
    MultiarchImagePlatformTarget,
    MultiarchImageTarget,
)
from multiarch.backend.image_test import rules as image_test
from multiarch.backend.image_test.target_types import ImageTestPlatformTarget, ImageTestTarget
from multiarch.backend.lint import atomics, text_rules
from multiarch.backend.manifest_list import publish as publish_manifest_list
from multiarch.backend.manifest_list import rules as manifest_list
from multiarch.backend.manifest_list.target_types import ManifestListTarget
from multiarch.backend.release import archives, attestations, libraries, members, parts
from multiarch.backend.release import publish as publish_release
from multiarch.backend.release import rules as release
from multiarch.backend.release.target_types import ReleaseArchiveTarget, ReleaseTarget


def target_types() -> Iterable[type[Target]]:
    """The targets users write, and those they generate."""
    return (
        GoModuleTarget,
        GoSourcesTarget,
        GoCrossBinaryTarget,
        GoCrossBinaryPlatformTarget,
        GoCrossTestTarget,
        GoCrossTestPlatformTarget,
        CCrossBinaryTarget,
        CCrossBinaryPlatformTarget,
        ImageBaseTarget,
        ImageLockTarget,
        MultiarchImageTarget,
        MultiarchImagePlatformTarget,
        ManifestListTarget,
        ImageTestTarget,
        ImageTestPlatformTarget,
        ReleaseTarget,
        ReleaseArchiveTarget,
    )


def rules() -> Iterable[object]:
    """All rules."""
    modules = (
        binaries,
        candidates,
        cgo,
        cgo_tests,
        compile,
        graph,
        link,
        sources,
        std,
        tests,
        test_link,
        third_party,
        c_cross_binary,
        go_module,
        changes,
        selection,
        go_cross_binary,
        go_cross_test,
        image,
        image_test,
        manifest_list,
        publication,
        publish_image,
        publish_manifest_list,
        members,
        archives,
        parts,
        libraries,
        release,
        publish_release,
        attestations,
        tailor,
        load_image,
        promote,
        update_image_lock,
        verify_release,
        platforms_goal,
        check,
        text_rules,
        atomics,
        host_tool,
    )
    found = (
        *c_toolchain.rules(),
        *command_line.rules(),
        *go_toolchain.rules(),
        *platforms.rules(),
        *relocation.rules(),
        *sandbox.rules(),
        *summary.rules(),
        *version.rules(),
        *pex.rules(),
    )
    return (*found, *(rule for module in modules for rule in module.rules()))
