"""The image config: what runs, as whom, with which environment, and how the image came to be.

Source: OCI image-spec, config.md. HEALTHCHECK, ONBUILD and SHELL are Docker's own additions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from multiarch.core.oci.descriptor import field as field_of
from multiarch.core.oci.descriptor import objects, parse_platform, text_map, texts
from multiarch.core.platforms import Platform

_TEXTS = ("Env", "Cmd", "Entrypoint", "Shell", "OnBuild")
_TEXT = ("User", "WorkingDir", "StopSignal")
_TABLES = ("ExposedPorts", "Volumes", "Healthcheck")


def timestamp(seconds: int) -> str:
    """Write seconds since 1970 as the specification wants times (RFC 3339, UTC)."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class History:
    """One step of how the image came to be."""

    created_by: str
    empty_layer: bool = False


@dataclass(frozen=True)
class ImageConfig:
    """An image's config. `run` holds the `config` object of the specification, by its own keys.

    `history` and `diff_ids` hold the image's own, a base's included; `base_history` what a base's
    config said, as it said it.
    """

    platform: Platform
    run: Mapping[str, Any] = field(default_factory=dict)
    history: tuple[Mapping[str, Any], ...] = ()
    diff_ids: tuple[str, ...] = ()
    os_version: str = ""

    @classmethod
    def parse(
        cls, value: Mapping[str, Any], *, where: str, claimed: Platform | None = None
    ) -> ImageConfig:
        """Read a base's config; raises OciError for one that is not as the specification has it.

        `claimed` is what an index says of the image. It has the last word on the variant where the
        config names none, as those that Docker made before version 20.10.
        """
        run = field_of(value, "config", dict, where=where)
        for name in _TEXTS:
            texts(run, name, where=where)
        for name in _TEXT:
            field_of(run, name, str, where=where)
        for name in _TABLES:
            field_of(run, name, dict, where=where)
        text_map(run, "Labels", where=where)
        platform = parse_platform(value, where=where)
        if claimed is not None and not value.get("variant"):
            same = (claimed.os, claimed.arch) == (platform.os, platform.arch)
            platform = claimed if same else platform
        return cls(
            platform,
            dict(run),
            objects(value, "history", where=where),
            texts(field_of(value, "rootfs", dict, where=where), "diff_ids", where=where),
            field_of(value, "os.version", str, where=where),
        )

    def with_run(self, **changes: Any) -> ImageConfig:
        """Set keys of the `config` object; None removes one."""
        run = {**self.run, **changes}
        return replace(self, run={k: v for k, v in run.items() if v is not None})

    @property
    def env(self) -> dict[str, str]:
        """The environment, by name."""
        pairs = (item.partition("=") for item in self.run.get("Env") or ())
        return {name: value for name, _, value in pairs}

    def with_env(self, name: str, value: str) -> ImageConfig:
        """Set one variable, in place if it was there."""
        env = {**self.env, name: value}
        return self.with_run(Env=[f"{n}={v}" for n, v in env.items()])

    def with_step(
        self, created_by: str, created: int, *, diff_id: str = "", comment: str = ""
    ) -> ImageConfig:
        """Add one step to the history, and its layer if it has one."""
        step: dict[str, Any] = {"created": timestamp(created), "created_by": created_by}
        if comment:
            step["comment"] = comment
        if not diff_id:
            step["empty_layer"] = True
        ids = (*self.diff_ids, diff_id) if diff_id else self.diff_ids
        return replace(self, history=(*self.history, step), diff_ids=ids)

    def as_json(self, created: int) -> dict[str, Any]:
        """The config's JSON object."""
        found: dict[str, Any] = {"created": timestamp(created), **self.platform.oci}
        if self.os_version:
            found["os.version"] = self.os_version
        found["config"] = {key: self.run[key] for key in sorted(self.run)}
        found["rootfs"] = {"type": "layers", "diff_ids": list(self.diff_ids)}
        found["history"] = [dict(step) for step in self.history]
        return found
