"""Assembles one platform's image from a Dockerfile without RUN: no engine, reproducible bytes.

Request: `{"address", "platform", "dockerfile", "context", "build_args", "bases": {name: {"path"}},
"target", "labels", "annotations", "format", "source_date_epoch", "repo_tags", "output",
"metadata"}`. `output` becomes one tar that is an OCI layout and that `docker load` takes;
`metadata` a JSON file with the manifest's descriptor, the config's digest, and the layers.
"""

from __future__ import annotations

import io
import json
import posixpath
import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zlib_ng import zlib_ng

from multiarch.core.dockerfile import stages as dockerfile
from multiarch.core.dockerfile.config_steps import CONFIG_KEYWORDS, ConfigSteps
from multiarch.core.dockerfile.errors import DockerfileError
from multiarch.core.dockerfile.patterns import ignore_rules, ignored
from multiarch.core.dockerfile.stages import SCRATCH, Stage
from multiarch.core.dockerfile.syntax import Instruction, Source, parse
from multiarch.core.errors import MultiarchError, bullets, did_you_mean
from multiarch.core.executables.compatibility import matches
from multiarch.core.executables.inspection import inspect
from multiarch.core.executables.reader import ExecutableError
from multiarch.core.oci.config import ImageConfig
from multiarch.core.oci.descriptor import (
    FORMATS,
    Descriptor,
    OciError,
    canonical_json,
    digest_of,
)
from multiarch.core.oci.layer import GZIP_HEADER, Entry, with_parents, write_tar
from multiarch.core.oci.layout import (
    LAYOUT_FILE,
    LayoutSource,
    blob_path,
    candidates,
    choose,
    layout_index,
)
from multiarch.core.platforms import Platform
from multiarch.tools.copying import Copier
from multiarch.tools.image_files import Tree, context_tree, layer_tree, open_layout, read
from multiarch.tools.process import run

_LEVEL = 6


@dataclass(frozen=True)
class Layer:
    """One layer's blob, and the digest of its archive before compression."""

    descriptor: Descriptor
    diff_id: str
    data: bytes


@dataclass(frozen=True)
class State:
    """What a stage has become so far."""

    config: ImageConfig
    layers: tuple[Layer, ...]
    tree: Tree
    arguments: Mapping[str, str]
    workdir: str = "/"
    base_name: str = ""
    base_digest: str = ""

    @property
    def variables(self) -> dict[str, str]:
        """What may be expanded: the arguments, and the environment, which wins."""
        return {**self.arguments, **self.config.env}


def compress(data: bytes) -> bytes:
    """Compress with zlib-ng, whose output is the same on every CPU; the header names nothing."""
    deflate = zlib_ng.compressobj(_LEVEL, zlib_ng.DEFLATED, -15)
    body = deflate.compress(data) + deflate.flush()
    trailer = zlib.crc32(data).to_bytes(4, "little") + (len(data) & 0xFFFFFFFF).to_bytes(
        4, "little"
    )
    return GZIP_HEADER + bytes(body) + trailer


class Assembler:
    """Builds the stages of one Dockerfile for one platform."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self.request = request
        self.address: str = request["address"]
        self.platform = Platform.parse(request["platform"])
        self.types = FORMATS[request["format"]]
        self.epoch: int = request["source_date_epoch"]
        file = posixpath.basename(request["dockerfile"])
        text = Path(request["dockerfile"]).read_text()
        self.source: Source = parse(text, file=file)
        self.context = self._context(context_tree(request["context"]))
        self.states: dict[str, State] = {}
        self.used_args: set[str] = set()

    def _context(self, tree: Tree) -> Tree:
        rules = ignore_rules(tree.text(".dockerignore"))
        kept = {p: e for p, e in tree.entries.items() if not ignored(p, rules)}
        # A directory stays while something below it does.
        for path in tuple(kept):
            while path := posixpath.dirname(path):
                kept.setdefault(path, tree.entries[path])
        return Tree(kept)

    def build(self) -> State:
        """Build the wanted stage and what it needs."""
        args: Mapping[str, str] = self.request["build_args"]
        found = dockerfile.stages(self.source, target=self.platform, build_args=args)
        wanted = dockerfile.needed(found, self.source, self.request["target"] or "")
        numbers = {stage.name: n for n, stage in enumerate(found)}
        for stage in wanted:
            state = self.stage(stage)
            self.states[stage.name] = self.states[str(numbers[stage.name])] = state
        declared = {
            name.partition("=")[0]
            for i in self.source.instructions
            if i.keyword == "ARG"
            for name in i.rest.split()
        }
        unknown = sorted(set(args) - declared)
        if unknown:
            raise MultiarchError(
                f"{self.address}: `build_args` names {', '.join(unknown)}, which no ARG of "
                f"{self.source.file} declares.{did_you_mean(unknown[0], declared)}"
            )
        return self.states[wanted[-1].name]

    def stage(self, stage: Stage) -> State:
        """Build one stage, its base's ONBUILD triggers first."""
        state = self.base(stage)
        triggers = state.config.run.get("OnBuild") or ()
        state = replace(state, config=state.config.with_run(OnBuild=None))
        instructions = [
            replace(i, line=stage.line)
            for trigger in triggers
            for i in parse(trigger, file=self.source.file).instructions
        ]
        steps = ConfigSteps(self.source)
        for instruction in (*instructions, *stage.instructions):
            state = self.step(state, instruction, steps, stage)
        return state

    def base(self, stage: Stage) -> State:
        """What FROM starts with: nothing, an earlier stage, or a base of the target."""
        if stage.base == SCRATCH:
            return State(ImageConfig(stage.platform), (), Tree({}), {})
        if stage.base.lower() in self.states:
            return replace(self.states[stage.base.lower()], arguments={})
        return self.load(self.layout(stage.base, stage.line), stage)

    def layout(self, name: str, line: int) -> LayoutSource:
        """Open a base by the name that the Dockerfile has for it."""
        bases = self.request["bases"]
        if name not in bases:
            known = ", ".join([*bases, *(n for n in self.states if not n.isdigit())]) or "none"
            raise DockerfileError(
                self.source.file,
                line,
                f"{name!r} is neither a stage above nor one of the target's `bases`: {known}."
                f"{did_you_mean(name, [*bases, *self.states])} Write an `image_base` target and "
                "name it in `bases`.",
            )
        return open_layout(bases[name]["path"], name)

    def load(self, layout: LayoutSource, stage: Stage) -> State:
        """Read a base for the stage's platform; its platform is checked, not trusted."""
        manifests = []
        for descriptor in layout.manifests():
            named = Descriptor.parse(layout.json(descriptor)["config"], where=layout.name)
            stated = ImageConfig.parse(layout.json(named), where=layout.name).platform
            if descriptor.platform is not None and descriptor.platform != stated:
                raise OciError(
                    f"{layout.name}: the index says {descriptor.digest} is for "
                    f"`{descriptor.platform}`, but the image's own config says `{stated}`."
                )
            manifests.append((stated, descriptor))
        where = f"{self.source.file}:{stage.line}: {stage.base}"
        chosen = choose(manifests, stage.platform, where=where)
        assert any(p in candidates(stage.platform) for p, d in manifests if d == chosen)
        manifest = layout.json(chosen)
        config = ImageConfig.parse(
            layout.json(Descriptor.parse(manifest["config"], where=layout.name)), where=layout.name
        )
        tree, layers = Tree({}), []
        for value, diff_id in zip(manifest["layers"], config.diff_ids):
            descriptor = Descriptor.parse(value, where=layout.name)
            data = layout.blob(descriptor)
            tree = layer_tree(tree, data)
            # The blob stays as it is; only its media type follows the image's format.
            layers.append(Layer(replace(descriptor, media_type=self.types.layer), diff_id, data))
        config = replace(config, platform=stage.platform)
        workdir = config.run.get("WorkingDir") or "/"
        return State(config, tuple(layers), tree, {}, workdir, stage.base, chosen.digest)

    def step(
        self, state: State, instruction: Instruction, steps: ConfigSteps, stage: Stage
    ) -> State:
        """Apply one instruction."""
        keyword = instruction.keyword
        if keyword == "ARG":
            return self.argument(state, instruction, stage)
        if keyword in CONFIG_KEYWORDS:
            config = steps.apply(state.config, instruction, state.variables)
            return replace(state, config=config.with_step(instruction.text, self.epoch))
        if keyword == "WORKDIR":
            return self.workdir(state, instruction)
        if keyword in ("COPY", "ADD"):
            return self.copy(state, instruction)
        raise DockerfileError(
            self.source.file,
            instruction.line,
            f"{instruction.text!r}: RUN needs an engine, and images are assembled here without "
            "one. Do what it does before the image is built (a `go_cross_binary`, a file in the "
            "context), or in the image that `image_base` names.",
        )

    def argument(self, state: State, instruction: Instruction, stage: Stage) -> State:
        arguments = dict(state.arguments)
        given: Mapping[str, str] = self.request["build_args"]
        for name, default in dockerfile.declared(self.source, instruction, state.variables):
            value = given.get(name, default if default is not None else stage.arguments.get(name))
            if value is not None:
                arguments[name] = value
        return replace(state, arguments=arguments)

    def workdir(self, state: State, instruction: Instruction) -> State:
        path = dockerfile.expanded(self.source, instruction, instruction.rest, state.variables)
        workdir = posixpath.normpath(posixpath.join("/", state.workdir, path))
        state = replace(state, workdir=workdir, config=state.config.with_run(WorkingDir=workdir))
        inner = workdir.strip("/")
        if not inner or state.tree.is_directory(inner):
            config = state.config.with_step(instruction.text, self.epoch)
            return replace(state, config=config)
        entry = Entry(inner, 0o755, is_directory=True)
        return self.with_layer(state, (entry,), instruction)

    def copy(self, state: State, instruction: Instruction) -> State:
        step = dockerfile.copy_step(self.source, instruction, state.variables)
        origin, source = f"the build context of {self.address}", self.context
        if step.origin:
            name = step.origin.lower()
            if name in self.states:
                origin, source = f"the stage {step.origin!r}", self.states[name].tree
            else:
                base = Stage(name, step.origin, step.line, self.platform, (), {})
                layout = self.layout(step.origin, step.line)
                origin, source = f"the base {step.origin!r}", self.load(layout, base).tree
        copier = Copier(self.source.file, step, source, state.tree, state.workdir, origin)
        return self.with_layer(state, copier.entries(state.variables), instruction)

    def with_layer(
        self, state: State, entries: tuple[Entry, ...], instruction: Instruction
    ) -> State:
        """Add one layer, once its executables are known to be for the image's platform."""
        entries = with_parents(entries, state.tree.entries)
        self.check(entries, state.config.platform, instruction)
        buffer = io.BytesIO()
        files = {e.path: e for e in entries}
        write_tar(
            [replace(e, source=e.path if e.source else "") for e in entries],
            buffer,
            mtime=self.epoch,
            read=lambda path: read(files[path]),
        )
        plain = buffer.getvalue()
        data = compress(plain)
        diff_id = digest_of(plain)
        layer = Layer(Descriptor.of(self.types.layer, data), diff_id, data)
        return replace(
            state,
            config=state.config.with_step(instruction.text, self.epoch, diff_id=diff_id),
            layers=(*state.layers, layer),
            tree=state.tree.with_layer(entries),
        )

    def check(
        self, entries: tuple[Entry, ...], platform: Platform, instruction: Instruction
    ) -> None:
        problems = []
        for entry in entries:
            if entry.is_directory or entry.link:
                continue
            try:
                executable = inspect(io.BytesIO(read(entry)))
            except ExecutableError:
                continue
            problem = matches(executable, platform) if executable else None
            if problem:
                problems.append(f"/{entry.path}: {problem}")
        if problems:
            raise DockerfileError(
                self.source.file,
                instruction.line,
                f"{self.address}: {instruction.text!r} puts a file of another platform into an "
                f"image for `{platform}`:\n{bullets(problems)}",
            )


def finish(assembler: Assembler, state: State) -> tuple[Descriptor, dict[str, bytes]]:
    """Make config and manifest; returns the manifest's descriptor and every blob by digest."""
    request, types = assembler.request, assembler.types
    stated = dict(request["annotations"])
    if state.base_name:
        stated["org.opencontainers.image.base.name"] = state.base_name
        stated["org.opencontainers.image.base.digest"] = state.base_digest
    labels = {**stated, **(state.config.run.get("Labels") or {}), **request["labels"]}
    config = state.config
    if labels:
        config = config.with_run(Labels={name: labels[name] for name in sorted(labels)})
    config_data = canonical_json(config.as_json(assembler.epoch))
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": types.manifest,
        "config": Descriptor.of(types.config, config_data).as_json(),
        "layers": [layer.descriptor.as_json() for layer in state.layers],
    }
    if request["format"] == "oci" and stated:
        manifest["annotations"] = {name: stated[name] for name in sorted(stated)}
    manifest_data = canonical_json(manifest)
    descriptor = replace(
        Descriptor.of(types.manifest, manifest_data),
        platform=config.platform,
        os_version=config.os_version,
    )
    blobs = {digest_of(config_data): config_data, descriptor.digest: manifest_data}
    blobs.update((layer.descriptor.digest, layer.data) for layer in state.layers)
    return descriptor, blobs


def write_image(
    output: str, descriptor: Descriptor, blobs: Mapping[str, bytes], repo_tags: list[str]
) -> None:
    """Write the tar: an OCI layout, with the `manifest.json` that `docker load` reads."""
    manifest = json.loads(blobs[descriptor.digest])
    docker = [
        {
            "Config": blob_path(manifest["config"]["digest"]),
            "RepoTags": repo_tags,
            "Layers": [blob_path(layer["digest"]) for layer in manifest["layers"]],
        }
    ]
    files = {blob_path(digest): data for digest, data in blobs.items()}
    files["index.json"] = layout_index(descriptor, repo_tags)
    files["manifest.json"] = canonical_json(docker)
    files["oci-layout"] = LAYOUT_FILE
    entries = with_parents(Entry(path, content=data) for path, data in files.items())
    with open(output, "wb") as out:
        write_tar(entries, out, mtime=0, read=lambda path: b"")


def main(request: Mapping[str, Any]) -> None:
    """Assemble one image and write it with its metadata."""
    assembler = Assembler(request)
    state = assembler.build()
    descriptor, blobs = finish(assembler, state)
    write_image(request["output"], descriptor, blobs, list(request["repo_tags"]))
    config = json.loads(blobs[descriptor.digest])["config"]["digest"]
    metadata = {
        "descriptor": descriptor.as_json(),
        "config": config,
        "layers": [
            {**layer.descriptor.as_json(), "diff_id": layer.diff_id} for layer in state.layers
        ],
        "base": {"name": state.base_name, "digest": state.base_digest},
    }
    Path(request["metadata"]).write_text(json.dumps(metadata, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(run(main))
