"""How std is cut into layers that are built once and only when needed.

All of std costs about a CPU-minute a platform and a typical module needs half of it, so it is
built in a few groups with fixed contents: each is the closure of its patterns, without what the
groups before it hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from multiarch.core.golang.packages import Package, closure

GROUPS: tuple[tuple[str, ...], ...] = (
    ("fmt", "os", "runtime"),
    (
        *(
            "bufio",
            "compress/gzip",
            "container/heap",
            "container/list",
            "context",
            "crypto/sha256",
            "embed",
        ),
        *(
            "encoding/base64",
            "encoding/hex",
            "encoding/json",
            "flag",
            "hash/fnv",
            "io/ioutil",
            "log",
            "log/slog",
            "math/rand",
        ),
        *("math/rand/v2", "os/exec", "os/signal", "os/user", "path/filepath", "regexp"),
        *("runtime/debug", "sort", "text/tabwriter", "text/template"),
    ),
    ("net/http",),
    (
        *("archive/tar", "archive/zip", "compress/bzip2", "compress/lzw", "compress/zlib"),
        *("container/ring", "database/sql", "encoding/csv", "encoding/gob"),
        *("encoding/xml", "expvar", "hash/adler32", "hash/crc64", "hash/maphash"),
        *("html/template", "net/http/cookiejar", "net/http/httputil"),
        *("net/http/pprof", "net/mail", "net/rpc", "net/smtp", "runtime/metrics"),
        *("runtime/pprof", "runtime/trace", "structs", "testing", "text/scanner"),
    ),
    ("std",),
)

# What tests need besides: a group of its own on all but the last, which would be all of std.
TEST_PATTERNS: tuple[str, ...] = (
    *("net/http/httptest", "runtime/coverage", "testing/fstest", "testing/internal/testdeps"),
    *("testing/iotest", "testing/quick", "testing/slogtest", "testing/synctest"),
)
TEST_GROUP = len(GROUPS)


def patterns_of(group: int) -> tuple[str, ...]:
    """What a group is the closure of."""
    return TEST_PATTERNS if group == TEST_GROUP else GROUPS[group]


def lower_groups(group: int) -> range:
    """The groups whose packages a group leaves out."""
    return range(TEST_GROUP - 1 if group == TEST_GROUP else group)


# What a graph must list for the groups of its std packages to be known.
GROUP_ROOTS: tuple[str, ...] = tuple(p for group in GROUPS[:-1] for p in group)

# Build tags that std's own files ask for; any other tag leaves std as it is.
KNOWN_TAGS = frozenset(
    (
        *("asan", "boringcrypto", "compiler_bootstrap", "debuglog", "faketime", "math_big_pure_go"),
        *("msan", "netcgo", "netgo", "nethttpomithttp2", "osusergo", "purego", "race"),
        *("static", "timetzdata"),
    )
)


def std_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Keep the tags that change std, so that all others share one std."""
    return tuple(sorted(t for t in tags if t in KNOWN_TAGS))


def group_of(packages: Mapping[str, Package]) -> dict[str, int]:
    """Number the group of each std package of a graph that lists GROUP_ROOTS."""
    groups: dict[str, int] = {}
    for number, patterns in enumerate(GROUPS[:-1]):
        for path in closure(packages, patterns):
            groups.setdefault(path, number)
    for path, package in packages.items():
        if package.kind == "std":
            groups.setdefault(path, len(GROUPS) - 1)
    return groups


def groups_for_tests(packages: Mapping[str, Package]) -> dict[str, int]:
    """The same for a graph of tests, which lists TEST_PATTERNS too."""
    groups = group_of(packages)
    for path in closure(packages, TEST_PATTERNS):
        if groups.get(path) == len(GROUPS) - 1:
            groups[path] = TEST_GROUP
    return groups
