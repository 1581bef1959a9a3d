"""What a change of go.mod, go.work, go.sum or vendor/modules.txt means for packages.

Source: https://go.dev/ref/mod (go.mod file, vendoring); cmd/go/internal/modload/vendor.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from multiarch.core.golang.modfile import directives

# Of a module's own go.mod: what its packages' compile and the program's defaults depend on.
_OF_THE_MODULE = ("module", "go", "godebug")
_OF_OTHERS = ("require", "replace", "exclude")


@dataclass(frozen=True)
class VendoredModule:
    """A module as vendor/modules.txt states it; `replacement` is `PATH VERSION` or a directory."""

    path: str
    version: str
    replacement: str = ""
    go_version: str = ""


def vendored_packages(text: str) -> dict[str, VendoredModule]:
    """Read vendor/modules.txt: the module of each package."""
    found: dict[str, VendoredModule] = {}
    module = VendoredModule("", "")
    for line in text.splitlines():
        if line.startswith("## "):
            for note in line[3:].split(";"):
                name, _, version = note.strip().partition(" ")
                if name == "go":
                    module = VendoredModule(
                        module.path, module.version, module.replacement, version.strip()
                    )
        elif line.startswith("# "):
            module = _module(line[2:])
        elif line.strip():
            found[line.strip()] = module
    return found


def _module(text: str) -> VendoredModule:
    original, _, replacement = text.partition("=>")
    path, _, version = original.strip().partition(" ")
    return VendoredModule(path, version.strip(), replacement.strip())


def vendored_versions(text: str) -> dict[str, str]:
    """Read vendor/modules.txt: the version of each module, also of those without packages."""
    lines = (_module(line[2:]) for line in text.splitlines() if line.startswith("# "))
    return {module.path: module.version for module in lines if module.version}


def changed_packages(old: str, new: str) -> frozenset[str]:
    """The vendored packages whose module has another version, replacement or language version."""
    before, after = vendored_packages(old), vendored_packages(new)
    return frozenset(p for p in {*before, *after} if before.get(p) != after.get(p))


def _of(text: str, verbs: Iterable[str]) -> frozenset[tuple[str, str]]:
    return frozenset(
        (verb, " ".join(rest.split())) for verb, rest in directives(text) if verb in verbs
    )


def module_path(text: str) -> str:
    """The path that a go.mod gives its module.

    >>> module_path('module "example.com/m" // a comment')
    'example.com/m'
    """
    return next((rest.strip('"`') for verb, rest in directives(text) if verb == "module"), "")


def module_changed(old: str, new: str) -> bool:
    """Whether a go.mod gives its own packages another path, language version or GODEBUG."""
    return _of(old, _OF_THE_MODULE) != _of(new, _OF_THE_MODULE)


def requirements_changed(old: str, new: str) -> bool:
    """Whether a go.mod asks for other versions of other modules."""
    return _of(old, _OF_OTHERS) != _of(new, _OF_OTHERS)


def replacements_changed(old: str, new: str) -> bool:
    """Whether a go.mod replaces other modules, or by other ones."""
    return _of(old, ("replace",)) != _of(new, ("replace",))


def workspace_changed(old: str, new: str) -> bool:
    """Whether a go.work says anything else but which toolchain it would like."""
    verbs = ("use", *_OF_THE_MODULE, *_OF_OTHERS)
    return _of(old, verbs) != _of(new, verbs)


def sums_changed(old: str, new: str) -> bool:
    """Whether a go.sum has another sum, or none, for a module that it had one for."""
    before, after = _sums(old), _sums(new)
    return any(after.get(module) != sum_ for module, sum_ in before.items())


def _sums(text: str) -> Mapping[tuple[str, str], str]:
    lines = (line.split() for line in text.splitlines())
    return {(f[0], f[1]): f[2] for f in lines if len(f) == 3 and not f[1].endswith("/go.mod")}


def vendoring_agrees(go_mod: str, modules_txt: str) -> bool:
    """Whether each version that a go.mod requires is the vendored one; Go builds nothing else."""
    versions = vendored_versions(modules_txt)
    required = (rest.split() for verb, rest in directives(go_mod) if verb == "require")
    return all(versions.get(r[0].strip('"`')) == r[1] for r in required if len(r) >= 2)
