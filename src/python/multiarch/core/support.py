"""What a failure on a platform means: support levels, and platforms deactivated for a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import TypeVar

from multiarch.core.errors import MultiarchError, bullets, did_you_mean
from multiarch.core.platform_config import Located
from multiarch.core.platforms import Platform, PlatformError

_T = TypeVar("_T")


class SupportLevel(Enum):
    """`supported` fails the build; `experimental` is reported, and the build goes on."""

    SUPPORTED = "supported"
    EXPERIMENTAL = "experimental"


class SupportError(MultiarchError):
    """Says what is wrong with the support levels or deactivations, and where."""


@dataclass(frozen=True)
class Deactivation:
    """A platform that is skipped up to and with the day `until`, and the issue that tracks it."""

    platform: Platform
    issue: str
    until: date
    where: str = ""

    def __str__(self) -> str:
        return f"{self.platform} is deactivated until {self.until} ({self.issue})"


@dataclass(frozen=True)
class Support:
    """The support level of every platform; one that is not named is supported."""

    levels: tuple[tuple[Platform, SupportLevel], ...] = ()
    deactivations: tuple[Deactivation, ...] = ()

    def level(self, platform: Platform) -> SupportLevel:
        """What a failure on the platform means."""
        return dict(self.levels).get(platform, SupportLevel.SUPPORTED)

    def is_experimental(self, platform: Platform) -> bool:
        """Whether a failure on the platform is reported without failing the run."""
        return self.level(platform) is SupportLevel.EXPERIMENTAL

    def fails_on(self, platform: Platform) -> bool:
        """Whether a failure on the platform fails the run."""
        return not self.is_experimental(platform) and self.deactivation(platform) is None

    def deactivation(self, platform: Platform) -> Deactivation | None:
        """The platform's deactivation, if it is deactivated."""
        return next((d for d in self.deactivations if d.platform == platform), None)

    def check_dates(self, today: date) -> None:
        """Raise SupportError for every deactivation whose last day has passed."""
        passed = [d for d in self.deactivations if d.until < today]
        if passed:
            raise SupportError(
                "platforms were deactivated until a day that has passed:\n"
                + bullets(
                    f"{d.where}: {d.platform} was deactivated until {d.until} ({d.issue}), and "
                    f"today is {today}. Take the entry away to build it again, or set a later "
                    "`until`."
                    for d in passed
                )
            )


def parse_support(levels: Mapping[str, Located], deactivated: Mapping[str, Located]) -> Support:
    """Read the `support` and `deactivated` tables; all problems are in one SupportError."""
    problems: list[str] = []
    found: dict[Platform, SupportLevel] = {}
    for name, level in levels.items():
        platform = _platform(name, level, problems)
        choices = [choice.value for choice in SupportLevel]
        if level.value not in choices:
            problems.append(
                f"{level.where}: the support level of `{name}` is {level.plain!r}; it is one of "
                f"{', '.join(choices)}.{did_you_mean(str(level.value), choices)}"
            )
        elif platform is not None:
            _add(found, platform, SupportLevel(level.value), level, problems)
    switched_off: dict[Platform, Deactivation] = {}
    for name, entry in deactivated.items():
        platform = _platform(name, entry, problems)
        deactivation = _deactivation(name, platform, entry, problems)
        if deactivation is not None:
            _add(switched_off, deactivation.platform, deactivation, entry, problems)
    if problems:
        raise SupportError(f"the support of platforms is not usable:\n{bullets(problems)}")
    return Support(tuple(found.items()), tuple(switched_off.values()))


def _platform(name: str, entry: Located, problems: list[str]) -> Platform | None:
    try:
        return Platform.parse(name)
    except PlatformError as error:
        problems.append(f"{entry.where}: {error}")
        return None


def _add(
    found: dict[Platform, _T],
    platform: Platform,
    value: _T,
    entry: Located,
    problems: list[str],
) -> None:
    if platform in found:
        problems.append(f"{entry.where}: `{platform}` is named twice.")
    found.setdefault(platform, value)


_KEYS = ("issue", "until")


def _deactivation(
    name: str, platform: Platform | None, entry: Located, problems: list[str]
) -> Deactivation | None:
    fields = entry.value if isinstance(entry.value, Mapping) else {}
    texts = {key: str(field.value) for key, field in fields.items()}
    wrong = [
        *(f"has no {key!r}" for key in _KEYS if not texts.get(key)),
        *(f"has {key!r}, which is not known" for key in texts if key not in _KEYS),
    ]
    if wrong:
        problems.append(
            f"{entry.where}: the entry of `{name}` {' and '.join(wrong)}. It is of the form "
            '{"issue": "https://...", "until": "2030-01-31"}.'
        )
        return None
    try:
        until = date.fromisoformat(texts["until"])
    except ValueError:
        problems.append(
            f"{fields['until'].where}: the `until` of `{name}` is {texts['until']!r}; it is a day "
            'such as "2030-01-31".'
        )
        return None
    return None if platform is None else Deactivation(platform, texts["issue"], until, entry.where)
