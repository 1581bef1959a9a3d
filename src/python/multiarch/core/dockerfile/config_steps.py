"""The instructions that change only an image's config.

Source: Docker's Dockerfile reference; OCI image-spec, config.md, for the keys.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from multiarch.core.dockerfile.errors import DockerfileError
from multiarch.core.dockerfile.expand import split_words
from multiarch.core.dockerfile.stages import exec_form, expanded, pairs, split_flags
from multiarch.core.dockerfile.syntax import Instruction, Source, parse
from multiarch.core.oci.config import ImageConfig

_PORT = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp|sctp))?\Z", re.I)
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+\Z")
_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9}
_DEFAULT_SHELL = {"windows": ["cmd", "/S", "/C"]}
CONFIG_KEYWORDS = frozenset(
    (
        *("CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD"),
        *("SHELL", "STOPSIGNAL", "USER", "VOLUME"),
    )
)


class ConfigSteps:
    """Applies config instructions of one stage; `cmd_set` remembers whether CMD is its own."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.cmd_set = False

    def apply(
        self, config: ImageConfig, instruction: Instruction, variables: Mapping[str, str]
    ) -> ImageConfig:
        """Apply one instruction; raises DockerfileError with the line."""
        method = getattr(self, f"_{instruction.keyword.lower()}")
        changed: ImageConfig = method(config, instruction, variables)
        return changed

    def _fail(self, instruction: Instruction, problem: str) -> DockerfileError:
        return DockerfileError(self.source.file, instruction.line, problem)

    def _words(self, instruction: Instruction, variables: Mapping[str, str]) -> list[str]:
        words = exec_form(instruction.rest) or split_words(instruction.rest, self.source.escape)
        return [expanded(self.source, instruction, word, variables) for word in words]

    def _command(self, config: ImageConfig, instruction: Instruction) -> list[str]:
        as_list = exec_form(instruction.rest)
        if as_list is not None:
            return as_list
        default = _DEFAULT_SHELL.get(config.platform.os, ["/bin/sh", "-c"])
        return [*(config.run.get("Shell") or default), instruction.rest]

    def _cmd(self, config: ImageConfig, i: Instruction, _: Mapping[str, str]) -> ImageConfig:
        self.cmd_set = True
        return config.with_run(Cmd=self._command(config, i))

    def _entrypoint(self, config: ImageConfig, i: Instruction, _: Mapping[str, str]) -> ImageConfig:
        # A base's CMD was meant for the base's ENTRYPOINT.
        inherited = {} if self.cmd_set else {"Cmd": None}
        return config.with_run(Entrypoint=self._command(config, i), **inherited)

    def _env(self, config: ImageConfig, i: Instruction, v: Mapping[str, str]) -> ImageConfig:
        for name, value in pairs(self.source, i, v):
            config = config.with_env(name, value)
        return config

    def _label(self, config: ImageConfig, i: Instruction, v: Mapping[str, str]) -> ImageConfig:
        labels = {**(config.run.get("Labels") or {}), **dict(pairs(self.source, i, v))}
        return config.with_run(Labels={name: labels[name] for name in sorted(labels)})

    def _maintainer(self, config: ImageConfig, i: Instruction, v: Mapping[str, str]) -> ImageConfig:
        # The OCI config has no author of Docker's kind but at its top; a label says the same.
        labels = {**(config.run.get("Labels") or {}), "maintainer": i.rest}
        return config.with_run(Labels=labels)

    def _expose(self, config: ImageConfig, i: Instruction, v: Mapping[str, str]) -> ImageConfig:
        ports = dict(config.run.get("ExposedPorts") or {})
        for word in self._words(i, v):
            ports.update({port: {} for port in self._ports(i, word)})
        return config.with_run(ExposedPorts={port: ports[port] for port in sorted(ports)})

    def _ports(self, instruction: Instruction, word: str) -> list[str]:
        match = _PORT.match(word)
        first, last, protocol = match.groups() if match else ("0", "0", "")
        ports = range(int(first), int(last or first) + 1)
        if not ports or ports[0] == 0 or ports[-1] > 65535:
            raise self._fail(instruction, f"EXPOSE: {word!r} is not a port such as 80 or 53/udp")
        return [f"{port}/{(protocol or 'tcp').lower()}" for port in ports]

    def _volume(self, config: ImageConfig, i: Instruction, v: Mapping[str, str]) -> ImageConfig:
        volumes = {**(config.run.get("Volumes") or {}), **{w: {} for w in self._words(i, v)}}
        return config.with_run(Volumes={name: volumes[name] for name in sorted(volumes)})

    def _user(self, config: ImageConfig, i: Instruction, v: Mapping[str, str]) -> ImageConfig:
        return config.with_run(User=expanded(self.source, i, i.rest, v))

    def _stopsignal(self, config: ImageConfig, i: Instruction, v: Mapping[str, str]) -> ImageConfig:
        return config.with_run(StopSignal=expanded(self.source, i, i.rest, v))

    def _shell(self, config: ImageConfig, i: Instruction, _: Mapping[str, str]) -> ImageConfig:
        words = exec_form(i.rest)
        if not words:
            raise self._fail(i, f'SHELL takes a JSON list such as ["/bin/sh", "-c"]: {i.rest!r}')
        return config.with_run(Shell=words)

    def _onbuild(self, config: ImageConfig, i: Instruction, _: Mapping[str, str]) -> ImageConfig:
        (inner,) = parse(i.rest, file=self.source.file).instructions
        if inner.keyword in ("ONBUILD", "FROM", "MAINTAINER"):
            raise self._fail(i, f"ONBUILD {inner.keyword} is not allowed")
        return config.with_run(OnBuild=[*(config.run.get("OnBuild") or ()), i.rest])

    def _healthcheck(
        self, config: ImageConfig, i: Instruction, _: Mapping[str, str]
    ) -> ImageConfig:
        flags, words = split_flags(self.source, i)
        keyword = words[0].upper() if words else ""
        if keyword == "NONE":
            return config.with_run(Healthcheck={"Test": ["NONE"]})
        command = i.rest[i.rest.upper().find("CMD") + 3 :].strip()
        if keyword != "CMD" or not command:
            raise self._fail(i, f"HEALTHCHECK takes `NONE` or `[flags] CMD command`: {i.rest!r}")
        as_list = exec_form(command)
        test = ["CMD", *as_list] if as_list is not None else ["CMD-SHELL", command]
        check: dict[str, Any] = {"Test": test}
        for flag, key in (
            ("interval", "Interval"),
            ("timeout", "Timeout"),
            ("start-period", "StartPeriod"),
            ("start-interval", "StartInterval"),
        ):
            if flag in flags:
                check[key] = self._nanoseconds(i, flags[flag])
        if "retries" in flags:
            if not flags["retries"].isdecimal():
                raise self._fail(i, f"--retries: {flags['retries']!r} is not a number")
            check["Retries"] = int(flags["retries"])
        return config.with_run(Healthcheck=check)

    def _nanoseconds(self, instruction: Instruction, text: str) -> int:
        if not _DURATION.match(text):
            raise self._fail(instruction, f"{text!r} is not a duration such as 30s or 1m30s")
        units = {**_UNITS, "h": 3600 * 10**9}
        found = re.findall(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)", text)
        return int(sum(float(number) * units[unit] for number, unit in found))
