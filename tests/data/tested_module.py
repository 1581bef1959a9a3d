"""A module whose tests have every form that Go knows, and one that fails on big-endian machines.

`write` makes it. The packages: `cmd/app` (a program with a test), `calc` (an internal and an
external test; the external one imports `mirror`, which imports `calc` and so is compiled anew),
`plain` (without tests).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

PLATFORMS = ("linux/amd64", "linux/s390x")

FILES: Mapping[str, str] = {
    "BUILD": """\
go_module(name="mod")
go_cross_binary(name="app", main="cmd/app")
files(name="shared", sources=["shared/words.txt"])
go_cross_test(name="calc", package="calc", binary="e2e.test", dependencies=[":shared"])
go_cross_test(name="app-test", package="cmd/app", build_tags=["special"])
go_cross_test(name="plain", package="plain")
""",
    "go.mod": """\
module example.test/tested

go 1.25

require (
	example.org/both v1.0.0
	example.org/only v1.2.0
)
""",
    "vendor/modules.txt": """\
# example.org/both v1.0.0
## explicit; go 1.25
example.org/both
# example.org/only v1.2.0
## explicit; go 1.25
example.org/only
""",
    "vendor/example.org/both/both.go": """\
// Package both is used by the program and by tests.
package both

// Word is one.
const Word = "both"
""",
    "vendor/example.org/only/only.go": """\
// Package only is used by tests alone.
package only

import "example.org/both"

// Words are two.
func Words() string { return both.Word + " and only" }
""",
    "shared/words.txt": "shared\n",
    "plain/plain.go": "// Package plain has no tests.\npackage plain\n",
    "calc/calc.go": """\
// Package calc adds.
package calc

import "example.org/both"

var offset = 1

// Next is the number after n.
func Next(n int) int { return n + offset }

// Name is the package's.
func Name() string { return both.Word }
""",
    "calc/calc_test.go": """\
package calc

import (
	_ "embed"
	"encoding/binary"
	"fmt"
	"os"
	"testing"

	"example.org/only"
)

//go:embed testdata/embedded.txt
var embedded string

// SetOffset lets the external test reach inside.
func SetOffset(n int) { offset = n }

func TestNext(t *testing.T) {
	for name, n := range map[string]int{"one": 1} {
		t.Run(name, func(t *testing.T) {
			if Next(n) != n+1 {
				t.Errorf("got %d", Next(n))
			}
		})
	}
}

func TestFiles(t *testing.T) {
	for path, want := range map[string]string{
		"testdata/read.txt": "read\\n", "../shared/words.txt": "shared\\n", "note.txt": "note\\n",
	} {
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v", path, got, err)
		}
	}
	if embedded != "embedded\\n" || only.Words() != "both and only" || !testing.Testing() {
		t.Errorf("got %q, %q", embedded, only.Words())
	}
}

func TestByteOrder(t *testing.T) {
	var bytes [2]byte
	binary.NativeEndian.PutUint16(bytes[:], 1)
	if bytes[0] != 1 {
		t.Fatalf("the first byte of 1 is %d", bytes[0])
	}
}

func TestSkipped(t *testing.T) { t.Skip("not today") }

func ExampleNext() {
	fmt.Println(Next(2))
	// Output: 3
}
""",
    "calc/outside_test.go": """\
package calc_test

import (
	"testing"

	"example.test/tested/calc"
	"example.test/tested/mirror"
)

func TestMirror(t *testing.T) {
	calc.SetOffset(5)
	defer calc.SetOffset(1)
	if mirror.Next(1) != 6 {
		t.Errorf("got %d: the mirror shows another calc", mirror.Next(1))
	}
}
""",
    "calc/testdata/embedded.txt": "embedded\n",
    "calc/testdata/read.txt": "read\n",
    "calc/note.txt": "note\n",
    "mirror/mirror.go": """\
// Package mirror shows calc.
package mirror

import "example.test/tested/calc"

// Next is calc's.
func Next(n int) int { return calc.Next(n) }
""",
    "cmd/app/main.go": """\
package main

import (
	"fmt"

	"example.test/tested/mirror"
)

func main() { fmt.Println(answer()) }

func answer() int { return mirror.Next(41) }
""",
    "cmd/app/main_test.go": """\
package main

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	if os.Getenv("HOME") == "" {
		os.Exit(3)
	}
	os.Exit(m.Run())
}

func TestAnswer(t *testing.T) {
	if answer() != 42 || special != 1 {
		t.Error(answer(), special)
	}
}
""",
    "cmd/app/special_test.go": "//go:build special\n\npackage main\n\nconst special = 1\n",
}

# A package with C in it.
NATIVE = {
    "BUILD": """\
go_module(name="mod")
go_cross_test(name="off", package="native")
go_cross_test(name="static", package="native", cgo="static")
""",
    "go.mod": "module example.test/c\n\ngo 1.25\n",
    "native/native.go": """\
// Package native counts in C.
package native

// static int twice(int n) { return 2 * n; }
import "C"

// Twice is 2n.
func Twice(n int) int { return int(C.twice(C.int(n))) }

// Never is not tested.
func Never() int { return 0 }
""",
    "native/native_test.go": """\
package native

import "testing"

func TestTwice(t *testing.T) {
	if Twice(21) != 42 {
		t.Error(Twice(21))
	}
}
""",
}
# An external test of mirror.
OUTSIDE = """\
package mirror_test

import (
	"testing"

	"example.test/tested/mirror"
)

func TestOutside(t *testing.T) {
	if mirror.Next(1) != 2 {
		t.Error(mirror.Next(1))
	}
}
"""
# What vet does not like, in a test and in what it tests.
VET_TEST = """\
package calc

import "testing"

func TestVet(t *testing.T) {
	defer t.Logf("%d", "text")
}
"""
VET_PROGRAM = """\
package calc

import "fmt"

// Show does not.
func Show() { defer fmt.Printf("%d", "text") }
"""
# Ends the program within a test, on every platform.
CRASH = """\
package plain

import "testing"

func TestFine(t *testing.T) {}

func TestCrash(t *testing.T) { panic("out of order") }
"""
# Does not end.
ENDLESS = """\
package plain

import "testing"

func TestEndless(t *testing.T) { select {} }
"""
# Does not compile.
BROKEN = """\
package plain

import "testing"

func TestBroken(t *testing.T) { missing() }
"""
# Does not compile, in a program and in what is tested.
BROKEN_PROGRAM = "package calc\n\nvar _ = missing\n"


def write(root: Path) -> None:
    """Write the module."""
    for path, text in FILES.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
