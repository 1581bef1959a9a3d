"""A module with one defect of each kind that `check` and `lint` are there to find.

`write` makes it; each defect is a file of its own, so that a test can put one right.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

PLATFORMS = ("linux/amd64", "linux/386", "linux/arm/v7", "linux/arm64", "linux/s390x")

FILES: Mapping[str, str] = {
    "BUILD": 'go_module(name="mod")\ngo_cross_binary(name="app", main="cmd/app")\n',
    "go.mod": """\
module example.test/guarded

go 1.25

require example.org/endian v1.0.0
""",
    "vendor/modules.txt": """\
# example.org/endian v1.0.0
## explicit; go 1.25
example.org/endian
""",
    # A constant that only one file has, and its build constraint leaves s390x out.
    "vendor/example.org/endian/order.go": """\
// Package endian knows the machine's byte order.
package endian

// Name is the byte order's name.
func Name() string { return order }
""",
    "vendor/example.org/endian/order_little.go": """\
//go:build !s390x

package endian

const order = "little"
""",
    "cmd/app/main.go": """\
package main

import (
	"fmt"

	"example.test/guarded/internal/disk"
	"example.test/guarded/internal/report"
)

func main() {
	fmt.Println(report.Text(), disk.Limit())
}
""",
    "internal/report/report.go": """\
// Package report says what it runs on.
package report

import "example.org/endian"

// Text is one word.
func Text() string { return endian.Name() }
""",
    "internal/disk/disk.go": """\
// Package disk knows limits.
package disk

// Limit is a size in bytes.
func Limit() int64 { return limit() }
""",
    "internal/disk/limit.go": """\
//go:build !arm

package disk

func limit() int64 { return 1 << 40 }
""",
    # A number that an int of 32 bits does not hold, in a file that only arm builds.
    "internal/disk/limit_arm.go": """\
package disk

func limit() int64 {
	var most int = 1 << 40
	return int64(most)
}
""",
}

# The same files without their defects.
REPAIRS: Mapping[str, str] = {
    "vendor/example.org/endian/order_little.go": """\
package endian

const order = "either"
""",
    "internal/disk/limit_arm.go": """\
package disk

func limit() int64 { return 1 << 40 }
""",
}

# An analysis of `go vet` that must find something, on every platform.
VET_DEFECT = """\
// Package disk knows limits.
package disk

import "fmt"

// Limit is a size in bytes.
func Limit() int64 {
	fmt.Printf("%d\\n", "text")
	return limit()
}
"""

# The same in a file that is for one platform alone.
VET_DEFECT_OF_ONE = """\
package disk

import "fmt"

func show() { fmt.Printf("%d\\n", "text") }
"""
# What linux/arm64 has no system call for.
OLD_SYSTEM_CALL = """\
package disk

import "syscall"

// Join makes standard error standard output.
func Join() error { return syscall.Dup2(1, 2) }
"""


def write(root: Path, files: Mapping[str, str] = FILES) -> None:
    """Write the files below `root`."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
