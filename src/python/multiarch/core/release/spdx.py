"""SPDX 2.3 bills of materials: what an artefact is made of, from Go's build info and from images.

Source: the SPDX specification 2.3, its JSON format; package URLs for Go modules and for packages of
Debian and Alpine.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from multiarch.core.executables.build_info import BuildInfo, BuildModule

_ID = re.compile(r"SPDXRef-[A-Za-z0-9.-]+\Z")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")
_DOCUMENT = "SPDXRef-DOCUMENT"
_DIGITS = {"SHA256": 64, "SHA512": 128, "SHA1": 40}
_PURPOSES = {"binary": "APPLICATION", "archive": "ARCHIVE", "image": "CONTAINER", "file": "FILE"}


@dataclass(frozen=True, order=True)
class Component:
    """One thing that an artefact is made of; `purl` is its package URL, `comment` says more."""

    name: str
    version: str
    purl: str
    comment: str = ""


@dataclass(frozen=True)
class Subject:
    """The artefact that a bill is about: its name, kind and sums (`{"SHA256": digits}`)."""

    name: str
    version: str
    kind: str
    sums: Mapping[str, str]


def go_components(info: BuildInfo) -> tuple[Component, ...]:
    """The modules of a Go binary, and the standard library, as its build info has them."""
    found = [_module(m) for m in ((info.main,) if info.main else ()) + info.deps]
    version = info.go_version.partition(" ")[0].removeprefix("go")
    if version:
        found.append(Component("stdlib", version, f"pkg:golang/stdlib@{quote(version, safe='')}"))
    return tuple(found)


def _module(module: BuildModule) -> Component:
    used, comments = module.replacement or module, []
    version = "" if used.version == "(devel)" else used.version
    if module.replacement is not None:
        comments.append(f"in place of {module.path} {module.version}")
        if used.path.startswith((".", "/")):
            # A directory has no version, and its path says nothing elsewhere.
            used, version = module, ""
            comments = ["replaced by a directory of the repository"]
    if used.sum and version:
        comments.append(f"go.sum: {used.sum}")
    purl = f"pkg:golang/{quote(used.path.lower(), safe='/')}"
    purl += f"@{quote(version, safe='')}" if version else ""
    return Component(used.path, version, purl, "; ".join(comments))


def distribution_components(files: Mapping[str, str], release: str) -> tuple[Component, ...]:
    """The packages that an image's own databases name: `dpkg`'s and `apk`'s, by file name.

    `release` is the text of the image's os-release, which names the distribution.
    """
    fields = dict(line.split("=", 1) for line in release.splitlines() if "=" in line)
    system = fields.get("ID", "").strip("\"'")
    found: set[Component] = set()
    for path, text in files.items():
        keys = (
            ("P", "V", "A")
            if path.startswith("lib/apk/")
            else ("Package", "Version", "Architecture")
        )
        kind, vendor = ("apk", "alpine") if path.startswith("lib/apk/") else ("deb", "debian")
        for paragraph in text.split("\n\n"):
            lines = (line.partition(":") for line in paragraph.splitlines() if line[:1].strip())
            values = {name: value.strip() for name, _, value in lines}
            name, version, arch = (values.get(key, "") for key in keys)
            if name and version:
                purl = f"pkg:{kind}/{quote(system or vendor, safe='')}/{quote(name, safe='')}"
                purl += f"@{quote(version, safe='')}" + (f"?arch={quote(arch)}" if arch else "")
                found.add(Component(name, version, purl))
    return tuple(sorted(found))


def spdx_document(
    subject: Subject, components: Iterable[Component], *, created: str
) -> dict[str, Any]:
    """The bill of one artefact, in SPDX's JSON; the same for the same artefact and time."""
    digits = next(iter(subject.sums.values()), "")
    identity = uuid.uuid5(uuid.NAMESPACE_URL, f"{subject.name} {subject.version} {digits}")
    main: dict[str, Any] = {
        "SPDXID": "SPDXRef-artefact",
        "name": subject.name,
        "versionInfo": subject.version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "primaryPackagePurpose": _PURPOSES[subject.kind],
        "checksums": [
            {"algorithm": name, "checksumValue": value} for name, value in subject.sums.items()
        ],
    }
    packages, relationships = [main], [_relationship(_DOCUMENT, "DESCRIBES", main["SPDXID"])]
    for number, component in enumerate(sorted(set(components))):
        package = _package(f"SPDXRef-{number}", component)
        packages.append(package)
        relationships.append(_relationship(main["SPDXID"], "CONTAINS", package["SPDXID"]))
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": _DOCUMENT,
        "name": f"{subject.name} {subject.version}",
        "documentNamespace": f"urn:uuid:{identity}",
        "creationInfo": {"created": created, "creators": ["Tool: pants-multiarch"]},
        "packages": packages,
        "relationships": relationships,
    }


def _package(identifier: str, component: Component) -> dict[str, Any]:
    found: dict[str, Any] = {"SPDXID": identifier, "name": component.name}
    if component.version:
        found["versionInfo"] = component.version
    found.update(downloadLocation="NOASSERTION", filesAnalyzed=False)
    if component.comment:
        found["comment"] = component.comment
    found["externalRefs"] = [
        {
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": component.purl,
        }
    ]
    return found


def _relationship(one: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def spdx_problems(document: Any) -> tuple[str, ...]:
    """Everything about a bill that the specification does not allow, as one sentence each."""
    if not isinstance(document, Mapping):
        return (f"expected a JSON object, found {type(document).__name__}",)
    return (*_document_problems(document), *_content_problems(document))


def _document_problems(document: Mapping[str, Any]) -> Iterator[str]:
    for key, expected in (
        ("spdxVersion", "SPDX-2.3"), ("dataLicense", "CC0-1.0"), ("SPDXID", _DOCUMENT),
    ):  # fmt: skip
        if document.get(key) != expected:
            yield f"expected {key} {expected!r}, found {document.get(key)!r}"
    if not document.get("name"):
        yield "expected a name, found none"
    namespace = str(document.get("documentNamespace", ""))
    if not re.match(r"[a-z][a-z0-9+.-]*:[^\s#]+\Z", namespace):
        yield f"expected an absolute URI without `#` as documentNamespace, found {namespace!r}"
    creation = document.get("creationInfo") or {}
    if not _TIME.match(str(creation.get("created", ""))):
        yield f"expected the time of creation in UTC, found {creation.get('created')!r}"
    creators = creation.get("creators") or [""]
    if not all(re.match(r"(Tool|Person|Organization): .", str(c)) for c in creators):
        yield f"expected creators such as 'Tool: NAME', found {creators!r}"


def _content_problems(document: Mapping[str, Any]) -> Iterator[str]:
    known = {_DOCUMENT}
    for package in document.get("packages") or ():
        name, identifier = package.get("name"), str(package.get("SPDXID", ""))
        if not name or not package.get("downloadLocation"):
            yield f"the package {identifier!r} lacks its name or downloadLocation"
        if not _ID.match(identifier) or identifier in known:
            yield f"the package {name!r} has the SPDXID {identifier!r}, which is wrong or taken"
        known.add(identifier)
        for checksum in package.get("checksums") or ():
            digits = str(checksum.get("checksumValue", ""))
            length = _DIGITS.get(checksum.get("algorithm", ""), 0)
            if not re.fullmatch(rf"[0-9a-f]{{{length}}}", digits) or not length:
                yield f"the package {name!r} has the checksum {checksum!r}, which is none"
        for reference in package.get("externalRefs") or ():
            if not re.match(r"pkg:[a-z]+/[^\s]+\Z", str(reference.get("referenceLocator", ""))):
                yield f"the package {name!r} has the reference {reference!r}, no package URL"
    described = False
    for relationship in document.get("relationships") or ():
        ends = (relationship.get("spdxElementId"), relationship.get("relatedSpdxElement"))
        described |= relationship.get("relationshipType") == "DESCRIBES" and ends[0] == _DOCUMENT
        if not known >= set(ends):
            yield f"the relationship {relationship!r} is between elements that are not there"
    if not described:
        yield "expected a relationship DESCRIBES, found none"
