"""Assembles one platform's image from a Dockerfile: reproducible bytes, and no engine but for RUN.

Request: `{"address", "platform", "build_platform", "dockerfile", "context", "build_args", "bases":
{name: {"path", "paths", "reference"}}, "target", "labels", "capabilities", "annotations", "format",
"source_date_epoch", "repo_tags", "runs": {id: path}, "pending", "output", "metadata"}`. A base has
one `path` for all platforms, or `paths` by platform, and the `reference` that it has in a registry.
`output` becomes one tar that is an OCI layout and that `docker load` takes; `metadata` a JSON file
with the manifest's descriptor, the config's digest, and the layers.

A RUN is not executed here. `runs` has the layer that an engine made of it, by the RUN's id. For
each whose layer is not there yet and can be asked for, a folder `ID` of `pending` becomes the
image so far and the command, `metadata` says `{"pending": [{"id", "platform", "file", "line",
"text"}]}`, and there is no `output`: the tool is called again with what the engine made.
"""

from __future__ import annotations

import io
import json
import posixpath
import sys
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from zlib_ng import zlib_ng

from multiarch.core.dockerfile import stages as dockerfile
from multiarch.core.dockerfile.config_steps import CONFIG_KEYWORDS, ConfigSteps
from multiarch.core.dockerfile.errors import DockerfileError
from multiarch.core.dockerfile.patterns import ignore_rules, ignored
from multiarch.core.dockerfile.run_step import DEFAULT_SHELL, RunStep, run_step
from multiarch.core.dockerfile.stages import SCRATCH, Stage
from multiarch.core.dockerfile.syntax import Instruction, Source, parse
from multiarch.core.errors import MultiarchError, bullets, did_you_mean
from multiarch.core.executables.compatibility import matches
from multiarch.core.executables.executable import Executable
from multiarch.core.executables.inspection import inspect
from multiarch.core.executables.loading import missing_files
from multiarch.core.executables.reader import ExecutableError
from multiarch.core.oci.capabilities import CAPABILITY_XATTR, capability_xattr
from multiarch.core.oci.changes import changes
from multiarch.core.oci.config import ImageConfig
from multiarch.core.oci.descriptor import (
    DOCKER,
    FORMATS,
    OCI,
    Descriptor,
    MediaTypes,
    OciError,
    canonical_json,
    digest_of,
    manifest_blobs,
    manifest_json,
)
from multiarch.core.oci.layer import GZIP_HEADER, Entry, with_parents, write_tar
from multiarch.core.oci.layout import LAYOUT_FILE, LayoutSource, blob_path, layout_index
from multiarch.core.oci.reference import same_image
from multiarch.core.oci.selection import check_claim, choose
from multiarch.core.platforms import Platform
from multiarch.tools.copying import Copier
from multiarch.tools.image_files import (
    Tree,
    context_tree,
    export,
    layer_tree,
    open_layout,
    read,
)
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


class Pending(Exception):
    """A stage waits for what an engine makes of a RUN."""


def layer_type(descriptor: Descriptor, types: MediaTypes, *, where: str) -> str:
    """The media type that a base's layer has in an image of these types; raises OciError."""
    if descriptor.media_type in (OCI.layer, DOCKER.layer):
        return types.layer
    if descriptor.media_type in (OCI.plain_layer, DOCKER.plain_layer):
        return types.plain_layer
    if descriptor.media_type == OCI.zstd_layer and types.zstd_layer:
        return types.zstd_layer
    allowed = "gzip, zstd" if types.zstd_layer else "gzip"
    raise OciError(
        f"{where}: the layer {descriptor.digest} is {descriptor.media_type!r}; an image of this "
        f"format takes tar with {allowed} or without compression. Convert the base, such as by "
        "`skopeo copy --dest-compress-format gzip`."
    )


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
        self.pending: list[dict[str, Any]] = []
        self.runs = 0
        # What was copied and needs a loader or libraries: checked when the image is whole.
        self.dynamic: dict[Entry, tuple[Executable, Instruction]] = {}

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
        found = dockerfile.stages(
            self.source,
            target=self.platform,
            build=Platform.parse(self.request["build_platform"]),
            build_args=args,
        )
        wanted = dockerfile.needed(found, self.source, self.request["target"] or "")
        numbers = {stage.name: n for n, stage in enumerate(found)}
        waiting: set[str] = set()
        for stage in wanted:
            names = {stage.name, str(numbers[stage.name])}
            self.runs = 0
            try:
                if waiting & {origin.lower() for origin in dockerfile.origins(stage)}:
                    raise Pending
                state = self.stage(stage, numbers[stage.name])
            except Pending:
                waiting |= names
                continue
            self.states.update(dict.fromkeys(names, state))
        self.check_arguments(args)
        if waiting:
            raise Pending
        return self.states[wanted[-1].name]

    def check_arguments(self, args: Mapping[str, str]) -> None:
        """Every one of `build_args` must be an ARG of the Dockerfile."""
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

    def stage(self, stage: Stage, number: int) -> State:
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
            if instruction.keyword == "RUN":
                self.runs += 1
                state = self.run(state, instruction, f"{number}.{self.runs}")
            else:
                state = self.step(state, instruction, steps, stage)
        return state

    def base(self, stage: Stage) -> State:
        """What FROM starts with: nothing, an earlier stage, or a base of the target."""
        if stage.base == SCRATCH:
            return State(ImageConfig(stage.platform), (), Tree({}), {})
        if stage.base.lower() in self.states:
            return replace(self.states[stage.base.lower()], arguments={})
        return self.load(self.layout(stage.base, stage), stage)

    def base_named(self, name: str) -> Mapping[str, Any] | None:
        """One of `bases` by its target's name, or by the reference that it has in a registry."""
        bases: Mapping[str, Mapping[str, Any]] = self.request["bases"]
        if name in bases:
            return bases[name]
        return next((b for b in bases.values() if same_image(name, b.get("reference", ""))), None)

    def layout(self, name: str, stage: Stage) -> LayoutSource:
        """Open a base by the name that the Dockerfile has for it."""
        bases, line = self.request["bases"], stage.line
        base = self.base_named(name)
        if base is None:
            known = ", ".join([*bases, *(n for n in self.states if not n.isdecimal())]) or "none"
            raise DockerfileError(
                self.source.file,
                line,
                f"{name!r} is neither a stage above nor one of the target's `bases`: {known}."
                f"{did_you_mean(name, [*bases, *self.states])} Write an `image_base` target and "
                "name it in `bases`.",
            )
        path = base.get("path") or base.get("paths", {}).get(str(stage.platform))
        if path is None:
            raise DockerfileError(
                self.source.file,
                line,
                f"the base {name!r} comes from a registry, and what to pull is known before a "
                "variable of a stage is: write its name out",
            )
        return open_layout(path, name)

    def load(self, layout: LayoutSource, stage: Stage) -> State:
        """Read a base for the stage's platform; its platform is checked, not trusted."""
        manifests = []
        for descriptor in layout.manifests():
            named = manifest_blobs(layout.json(descriptor), where=layout.name)[0]
            claimed = descriptor.platform
            stated = ImageConfig.parse(layout.json(named), where=layout.name, claimed=claimed)
            check_claim(stated, claimed, where=f"{layout.name}: {descriptor.digest}")
            manifests.append((stated.platform, descriptor))
        where = f"{self.source.file}:{stage.line}: {stage.base}"
        chosen = choose(manifests, stage.platform, where=where)
        named, blobs = manifest_blobs(layout.json(chosen), where=layout.name)
        config = ImageConfig.parse(layout.json(named), where=layout.name)
        if len(blobs) != len(config.diff_ids):
            raise OciError(
                f"{layout.name}: the manifest {chosen.digest} has {len(blobs)} layers, and its "
                f"config names {len(config.diff_ids)}: whoever made it made it wrong"
            )
        tree, layers = Tree({}), []
        for descriptor, diff_id in zip(blobs, config.diff_ids):
            data = layout.blob(descriptor)
            tree = layer_tree(tree, data, f"{layout.name}: {descriptor.digest}", diff_id)
            # The blob stays as it is; only its media type follows the image's format.
            media_type = layer_type(descriptor, self.types, where=layout.name)
            layers.append(Layer(replace(descriptor, media_type=media_type), diff_id, data))
        config = replace(config, platform=stage.platform)
        workdir = config.run.get("WorkingDir") or "/"
        name = (self.base_named(stage.base) or {}).get("reference") or stage.base
        return State(config, tuple(layers), tree, {}, workdir, name, chosen.digest)

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
        raise AssertionError(keyword)

    def run(self, state: State, instruction: Instruction, id: str) -> State:
        """Add what an engine made of a RUN; raises Pending when that is not there yet."""
        shell = state.config.run.get("Shell") or DEFAULT_SHELL
        variables = state.variables
        step = run_step(self.source, instruction, shell=shell, variables=variables)
        path = self.request["runs"].get(id)
        if path is None:
            self.ask(state, step, id)
            self.pending.append(
                {
                    "id": id,
                    "file": self.source.file,
                    "line": instruction.line,
                    "text": instruction.text,
                    "platform": str(state.config.platform),
                }
            )
            raise Pending
        where = f"{self.source.file}:{instruction.line}: what the engine made of it"
        after = layer_tree(state.tree, Path(path).read_bytes(), where)
        mounted = tuple(mount.target.strip("/") for mount in step.mounts)
        made = changes(state.tree.entries, after.entries, read=read, mounted=mounted)
        return self.with_layer(state, made, instruction, after)

    def ask(self, state: State, step: RunStep, id: str) -> None:
        """Write the image so far and the command, and nothing that it does not depend on."""
        folder = Path(self.request["pending"], id)
        folder.mkdir(parents=True)
        variables = state.variables
        run = {
            "Env": [f"{name}={value}" for name, value in variables.items()],
            "User": state.config.run.get("User"),
            "WorkingDir": state.workdir,
        }
        config = ImageConfig(
            state.config.platform,
            {name: value for name, value in run.items() if value},
            diff_ids=state.config.diff_ids,
        )
        layers = tuple(
            replace(
                layer,
                descriptor=replace(
                    layer.descriptor,
                    media_type=layer_type(layer.descriptor, OCI, where=self.address),
                ),
            )
            for layer in state.layers
        )
        descriptor, blobs = image_blobs(config, layers, OCI, epoch=0, annotations={})
        write_image(str(folder / "image.tar"), descriptor, blobs, [])
        mounts = []
        for number, mount in enumerate(step.mounts):
            source = ""
            if mount.kind == "bind":
                source = f"mounts/{number}"
                self.export_bind(mount.origin, mount.source, folder / source, step)
            mounts.append({**asdict(mount), "source": source})
        request = {
            "platform": str(state.config.platform),
            "argv": step.argv,
            "env": variables,
            "network": step.network,
            "mounts": mounts,
            "diff_ids": state.config.diff_ids,
        }
        text = json.dumps(request, sort_keys=True, indent=1)
        (folder / "run.json").write_text(text + "\n")

    def export_bind(self, origin: str, path: str, target: Path, step: RunStep) -> None:
        """Write the files that a `--mount=type=bind` shows."""
        tree = self.context
        if origin:
            if origin.lower() not in self.states:
                raise MultiarchError(
                    f"{self.source.file}: --mount=from={origin}: there is no stage {origin!r} "
                    f"above.{did_you_mean(origin, self.states)}"
                )
            tree = self.states[origin.lower()].tree
        inner = posixpath.normpath(posixpath.join("/", path)).lstrip("/")
        # Where links lead in the image, not where they would on this machine.
        found = tree.resolve(inner)
        if found is None:
            raise MultiarchError(
                f"{self.source.file}: --mount=source={path}: there is no such file in "
                f"{f'the stage {origin!r}' if origin else 'the build context'}."
                f"{did_you_mean(inner, tree.entries)}"
            )
        try:
            export(tree, found, target)
        except (OSError, ValueError) as error:
            raise MultiarchError(
                f"{self.source.file}: --mount=source={path}: it cannot be written: {error}"
            ) from None

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
                layout = self.layout(step.origin, base)
                origin, source = f"the base {step.origin!r}", self.load(layout, base).tree
        copier = Copier(self.source.file, step, source, state.tree, state.workdir, origin)
        return self.with_layer(state, copier.entries(state.variables), instruction)

    def with_layer(
        self,
        state: State,
        entries: tuple[Entry, ...],
        instruction: Instruction,
        after: Tree | None = None,
    ) -> State:
        """Add one layer, once its executables are known to be for the image's platform.

        `after` is the tree with it, where that is known.
        """
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
            tree=after or state.tree.with_layer(entries),
        )

    def with_capabilities(self, state: State) -> State:
        """Give files their capabilities, in a layer of their own."""
        stated: Mapping[str, str] = self.request["capabilities"]
        if not stated:
            return state
        entries = []
        for path, text in sorted(stated.items()):
            inner = posixpath.normpath(posixpath.join("/", path)).lstrip("/")
            entry = state.tree.entries.get(inner)
            where = f"{self.address}: `capabilities` for {path!r}"
            if entry is None or entry.is_directory or entry.link:
                files = [f"/{p}" for p, e in state.tree.entries.items() if e.is_file]
                found = "it is not a file" if entry else "the image has no such file"
                raise MultiarchError(f"{where}: {found}.{did_you_mean(path, files)}")
            try:
                value = capability_xattr(text)
            except MultiarchError as error:
                raise MultiarchError(f"{where}: {error}") from None
            entries.append(replace(entry, hardlink="", xattrs=((CAPABILITY_XATTR, value),)))
        text = "capabilities " + " ".join(f"{p}={t}" for p, t in sorted(stated.items()))
        return self.with_layer(state, tuple(entries), Instruction("#", text, 0))

    def check(
        self, entries: tuple[Entry, ...], platform: Platform, instruction: Instruction
    ) -> None:
        problems = []
        for entry in entries:
            if not entry.is_file:
                continue
            try:
                executable = inspect(io.BytesIO(read(entry)))
            except ExecutableError:
                continue
            problem = matches(executable, platform) if executable else None
            if executable and executable.loaded and instruction.keyword in ("COPY", "ADD"):
                self.dynamic[entry] = (executable, instruction)
            if problem:
                problems.append(f"/{entry.path}: {problem}")
        if problems:
            raise DockerfileError(
                self.source.file,
                instruction.line,
                f"{self.address}: {instruction.text!r} puts a file of another platform into an "
                f"image for `{platform}`:\n{bullets(problems)}",
            )


def check_loading(assembler: Assembler, state: State) -> None:
    """Raise when a dynamic file that was copied lacks its loader or a library in the image."""
    directories = state.tree.library_directories(state.config.env)
    problems: dict[Instruction, list[str]] = {}
    for entry, (executable, instruction) in assembler.dynamic.items():
        there = state.tree.entries.get(state.tree.resolve(entry.path) or "")
        if there is None or replace(there, path=entry.path) != entry:
            continue
        path = f"/{entry.path}"
        absent = missing_files(executable, path, state.tree.exists, directories)
        if absent:
            text = f"{path} needs {', '.join(absent)}"
            problems.setdefault(instruction, []).append(text)
    for instruction, texts in problems.items():
        base = f"the base {state.base_name!r}" if state.base_name else "an empty base"
        raise DockerfileError(
            assembler.source.file,
            instruction.line,
            f"{assembler.address}: {instruction.text!r} puts a dynamic file on {base} that lacks "
            f"what it needs to start on `{state.config.platform}`:\n{bullets(texts)}\n"
            "Choose a base that has it, copy it into the image, or link the program statically "
            '(cgo="static").',
        )


def finish(assembler: Assembler, state: State) -> tuple[Descriptor, dict[str, bytes]]:
    """Add labels and annotations to the config, and make the image's blobs of it."""
    request, types = assembler.request, assembler.types
    stated = dict(request["annotations"])
    if state.base_name:
        stated["org.opencontainers.image.base.name"] = state.base_name
        stated["org.opencontainers.image.base.digest"] = state.base_digest
    labels = {**stated, **(state.config.run.get("Labels") or {}), **request["labels"]}
    config = state.config
    if labels:
        config = config.with_run(Labels={name: labels[name] for name in sorted(labels)})
    return image_blobs(
        config,
        state.layers,
        types,
        epoch=assembler.epoch,
        annotations=stated if request["format"] == "oci" else {},
    )


def image_blobs(
    config: ImageConfig,
    layers: tuple[Layer, ...],
    types: MediaTypes,
    *,
    epoch: int,
    annotations: Mapping[str, str],
) -> tuple[Descriptor, dict[str, bytes]]:
    """Make config and manifest; returns the manifest's descriptor and every blob by digest."""
    config_data = canonical_json(config.as_json(epoch))
    manifest_data = manifest_json(
        types, config_data, (layer.descriptor for layer in layers), annotations=annotations
    )
    descriptor = replace(
        Descriptor.of(types.manifest, manifest_data),
        platform=config.platform,
        os_version=config.os_version,
    )
    blobs = {digest_of(config_data): config_data, descriptor.digest: manifest_data}
    blobs.update((layer.descriptor.digest, layer.data) for layer in layers)
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
    try:
        state = assembler.build()
        check_loading(assembler, state)
        state = assembler.with_capabilities(state)
    except Pending:
        pending = {"pending": assembler.pending}
        Path(request["metadata"]).write_text(json.dumps(pending, indent=1) + "\n")
        return
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
