"""Writes a tree of Go modules that use each feature of Go that the build graph must get right.

`write(root)` makes `good/`, modules that build for every platform of Go and check themselves when
they run; `bad/`, modules that fail, each in one way; and `proxy/`, a module proxy in the layout
that a `file:` GOPROXY has. `CASES` says what is where, what to pass to the build, and what to
expect. The same bytes every time:

    python3 tests/data/feature_module.py DIRECTORY
"""

from __future__ import annotations

import argparse
import base64
import gzip
import hashlib
import io
import json
import posixpath
import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

PROXY = "proxy"


@dataclass(frozen=True)
class Case:
    """One way to build one module, and what comes of it.

    `module_dir` is relative to the root, `mains` to the module (`.` is the module itself). A good
    case has one text in `outputs` for each main: all that it prints, on any platform. A bad one has
    `error`, which Go's own message contains, `location`, the file and line that it names if it
    names one, and `fails_on`, the platforms that it fails on if it builds on the others.
    """

    name: str
    module_dir: str
    mains: tuple[str, ...]
    outputs: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    ldflags: tuple[str, ...] = ()
    gcflags: tuple[str, ...] = ()
    x_defs: tuple[tuple[str, str], ...] = ()
    needs_proxy: bool = False
    error: str = ""
    location: str = ""
    fails_on: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether it builds on every platform."""
        return not self.error

    def target_name(self, main: str) -> str:
        """The name of a main's `go_cross_binary` in the module's BUILD file."""
        base = posixpath.basename(main)
        return self.name if base in (".", self.name) else f"{self.name}-{base}"

    def address(self, main: str) -> str:
        """The address of a main's `go_cross_binary`, relative to the root."""
        return f"{self.module_dir}:{self.target_name(main)}"

    def go_build_flags(self) -> tuple[str, ...]:
        """The flags for a reproducible `go build` of the case, stamps included."""
        linker = ["-buildid=", *self.ldflags]
        linker += [_quote(f"-X={name}={value}") for name, value in self.x_defs]
        flags = ["-trimpath", "-buildvcs=false", f"-ldflags={' '.join(linker)}"]
        if self.tags:
            flags.append(f"-tags={','.join(self.tags)}")
        if self.gcflags:
            flags.append(f"-gcflags={' '.join(self.gcflags)}")
        return tuple(flags)


def _quote(word: str) -> str:
    """Quote one word of -ldflags, which knows both quotes and no escapes."""
    if not re.search(r"[\s'\"]", word):
        return word
    mark = '"' if "'" in word else "'"
    return f"{mark}{word}{mark}"


def proxy_url(root: Path) -> str:
    """The GOPROXY for cases that need one."""
    return (root / PROXY).absolute().as_uri()


STAMPS = (
    ("main.version", "v1.2.3+build.4"),
    ("main.message", "two words, and a=b"),
    ("main.quote", "it's one"),
    ("main.empty", ""),
    ("example.test/stamp/internal/info.Commit", "0123abcd"),
)

GOOD_CASES = (
    Case("asm", "good/asm", ("cmd/asm",), ("asm ok\n",)),
    Case("embed", "good/embed", (".",), ("embed ok\n",)),
    Case("tags", "good/tags", ("cmd/tags",), ("tags ok full\n",)),
    Case("tags-lite", "good/tags", ("cmd/tags",), ("tags ok lite\n",), tags=("lite", "unused")),
    Case("vendored", "good/vendored", (".",), ("vendored ok\n",)),
    Case("replace", "good/replace/app", (".",), ("replace ok\n",)),
    Case("work-alpha", "good/workspace/alpha", (".",), ("alpha ok 3\n",)),
    Case("work-beta", "good/workspace/beta", ("cmd/beta",), ("beta ok 3\n",)),
    Case("nogo", "good/nogo", (".",), ("nogo ok 333\n",)),
    Case("pgo", "good/pgo", ("cmd/hot", "cmd/cold"), ("hot ok\n", "cold ok\n")),
    Case(
        "stamp",
        "good/stamp",
        (".",),
        ("v1.2.3+build.4|two words, and a=b|it's one||0123abcd|default\n",),
        x_defs=STAMPS,
    ),
    Case("stamp-none", "good/stamp", (".",), ("|default|default|default|none|default\n",)),
    Case(
        "godebug",
        "good/godebug",
        ("cmd/block", "cmd/lines"),
        ("block ok nil\n", "lines ok *runtime.PanicNilError\n"),
    ),
    Case("tour", "good/tour", (".",), ("tour ok\n",)),
    Case("cgo-twin", "good/cgotwin", (".",), ("cgo-twin ok go\n",)),
    Case("static", "good/static", (".",), ("static ok\n",)),
    Case(
        "flags",
        "good/flags",
        (".",),
        ("flags ok\n",),
        ldflags=("-s", "-w"),
        gcflags=("-N", "-l"),
    ),
    Case("flags-all", "good/flags", (".",), ("flags ok\n",), gcflags=("all=-l",)),
    Case("proxied", "good/proxied", (".",), ("proxied ok v1.4.0\n",), needs_proxy=True),
)

BAD_CASES = (
    Case(
        "cgo",
        "bad/cgo",
        ("cmd/app",),
        error="build constraints exclude all Go files in",
    ),
    Case(
        "import-own",
        "bad/missing_import",
        ("cmd/own",),
        error="no required module provides package example.test/missing_import/nowhere",
        location="cmd/own/main.go:6",
    ),
    Case(
        "import-other",
        "bad/missing_import",
        ("cmd/other",),
        error="no required module provides package example.test/elsewhere/nowhere",
        location="cmd/other/main.go:3",
    ),
    Case(
        "import-std",
        "bad/missing_import",
        ("cmd/std",),
        error="package encoding/nowhere is not in std",
        location="cmd/std/main.go:3",
    ),
    Case(
        "compile",
        "bad/compile",
        ("cmd/one", "cmd/two"),
        error="undefined: undefinedName",
        location="lib/lib.go:5",
    ),
    Case(
        "constraints",
        "bad/constraints",
        ("cmd/app",),
        error="build constraints exclude all Go files in",
        fails_on=("windows/amd64", "darwin/arm64"),
    ),
    Case(
        "constraints-main",
        "bad/constraints",
        ("cmd/onlylinux",),
        error="build constraints exclude all Go files in",
        fails_on=("windows/amd64", "darwin/arm64"),
    ),
    Case(
        "sum-missing",
        "bad/sum_missing",
        (".",),
        needs_proxy=True,
        error="missing go.sum entry",
        location="main.go:6",
    ),
    Case(
        "sum-wrong",
        "bad/sum_wrong",
        (".",),
        needs_proxy=True,
        error="checksum mismatch",
    ),
    # `go build` makes an archive of it and says nothing; this is what `go run` says.
    Case("not-main", "bad/mains", ("library",), error="is not a main package"),
    Case("no-main-dir", "bad/mains", ("cmd/absent",), error="directory not found"),
    Case("no-go-files", "bad/mains", ("docs",), error="no Go files in"),
    Case(
        "no-main-func",
        "bad/mains",
        ("cmd/nofunc",),
        error="function main is undeclared in the main package",
    ),
    Case(
        "import-main",
        "bad/mains",
        ("cmd/importer",),
        error='import "example.test/mains/cmd/nofunc" is a program, not an importable package',
        location="cmd/importer/main.go:3",
    ),
    Case("cycle", "bad/cycle", (".",), error="import cycle not allowed"),
    Case(
        "internal",
        "bad/internal",
        ("cmd/app",),
        error="use of internal package example.test/internal/lib/internal/secret not allowed",
        location="cmd/app/main.go:3",
    ),
    Case(
        "syntax",
        "bad/syntax",
        (".",),
        error="syntax error: unexpected name two at end of statement",
        location="lib/lib.go:4",
    ),
    Case(
        "syntax-imports",
        "bad/syntax_imports",
        (".",),
        error="missing import path",
        location="lib/lib.go:3",
    ),
    Case(
        "embed-none",
        "bad/embed",
        (".",),
        error="pattern absent/*.txt: no matching files found",
        location="main.go:8",
    ),
    Case("vendor-stale", "bad/vendor_stale", (".",), error="inconsistent vendoring"),
    Case(
        "two-packages",
        "bad/two_packages",
        (".",),
        error="found packages one (one.go) and two (two.go)",
        location="main.go:3",
    ),
    Case("no-body", "bad/no_body", (".",), error="missing function body", location="main.go:3"),
    Case(
        "undefined-symbol",
        "bad/undefined_symbol",
        (".",),
        error="relocation target main.missing not defined",
    ),
    Case("newer-go", "bad/newer_go", (".",), error="requires go >= 1.99"),
)

CASES = (*GOOD_CASES, *BAD_CASES)

# Each file begins at a line `-- PATH --`. Tabs and line ends are as in the file.
GOOD = r"""
-- good/asm/go.mod --
module example.test/asm

go 1.21
-- good/asm/cmd/asm/main.go --
package main

import (
	"fmt"

	"example.test/asm/clock"
	"example.test/asm/level"
	"example.test/asm/sum"
	"example.test/asm/upcall"
)

func check(what string, got, want any) {
	if got != want {
		panic(fmt.Sprintf("%s: got %v, want %v", what, got, want))
	}
}

func main() {
	check("sum", sum.Pair(&sum.P{A: 1, B: 20}), uint64(1042))
	check("os", sum.System(), sum.WantSystem)
	check("upcall", upcall.Apply(20), int64(141))
	got, want := level.Levels()
	check("level", got, want)
	check("clock", clock.Runs(), true)
	fmt.Println("asm ok")
}
-- good/asm/sum/sum.go --
// Package sum has assembly on some architectures and operating systems only.
package sum

// Bias is const_Bias in the assembly.
const Bias = 1000

// P is P__size, P_A and P_B in the assembly.
type P struct {
	A uint8
	B uint64
}
-- good/asm/sum/sum_asm.go --
//go:build amd64 || arm64 || s390x

package sum

// Pair is (A+B)*2 + Bias.
//
//go:noescape
func Pair(p *P) uint64
-- good/asm/sum/sum_generic.go --
//go:build !amd64 && !arm64 && !s390x

package sum

// Pair is (A+B)*2 + Bias.
func Pair(p *P) uint64 {
	return (uint64(p.A)+p.B)*2 + Bias
}
-- good/asm/sum/scale.h --
// A header of this package's own.
#define SCALE FACTOR
-- good/asm/sum/factor_amd64.h --
#define FACTOR 2
-- good/asm/sum/factor_arm64.h --
#define FACTOR 2
-- good/asm/sum/factor_s390x.h --
#define FACTOR 2
-- good/asm/sum/sum_amd64.s --
#include "textflag.h"
#include "go_asm.h"
#include "factor_amd64.h"
#include "scale.h"

// func Pair(p *P) uint64
TEXT ·Pair(SB), NOSPLIT, $0-16
	MOVQ    p+0(FP), AX
	MOVBQZX P_A(AX), BX
	MOVQ    P_B(AX), CX
	ADDQ    BX, CX
	IMULQ   $SCALE, CX
	ADDQ    $const_Bias, CX
	MOVQ    CX, ret+8(FP)
	RET
-- good/asm/sum/sum_arm64.s --
#include "textflag.h"
#include "go_asm.h"
#include "factor_arm64.h"
#include "scale.h"

// func Pair(p *P) uint64
TEXT ·Pair(SB), NOSPLIT, $0-16
	MOVD  p+0(FP), R0
	MOVBU P_A(R0), R1
	MOVD  P_B(R0), R2
	ADD   R1, R2
	MOVD  $SCALE, R3
	MUL   R3, R2
	ADD   $const_Bias, R2
	MOVD  R2, ret+8(FP)
	RET
-- good/asm/sum/sum_s390x.s --
#include "textflag.h"
#include "go_asm.h"
#include "factor_s390x.h"
#include "scale.h"

// func Pair(p *P) uint64
TEXT ·Pair(SB), NOSPLIT, $0-16
	MOVD  p+0(FP), R1
	MOVBZ P_A(R1), R2
	MOVD  P_B(R1), R3
	ADD   R2, R3
	MULLD $SCALE, R3
	ADD   $const_Bias, R3
	MOVD  R3, ret+8(FP)
	RET
-- good/asm/sum/system_asm.go --
//go:build (linux || windows) && amd64

package sum

// WantSystem is what System says where it is assembly.
const WantSystem = int64(len(systemName))

// System is the length of the system's name.
func System() int64
-- good/asm/sum/system_generic.go --
//go:build !((linux || windows) && amd64)

package sum

// WantSystem is what System says where it is Go.
const WantSystem = int64(0)

// System is zero.
func System() int64 { return 0 }
-- good/asm/sum/system_linux.go --
package sum

const systemName = "linux"
-- good/asm/sum/system_windows.go --
package sum

const systemName = "windows"
-- good/asm/sum/os_linux.h --
#define OS_FROM_GOOS 1
-- good/asm/sum/os_windows.h --
#define OS_FROM_GOOS 2
-- good/asm/sum/os_linux_amd64.h --
#define OS_LENGTH 5
-- good/asm/sum/os_windows_amd64.h --
#define OS_LENGTH 7
-- good/asm/sum/system_linux_amd64.s --
#include "textflag.h"
#include "os_linux.h"
#include "os_linux_amd64.h"

// func System() int64
TEXT ·System(SB), NOSPLIT, $0-8
#ifdef GOOS_linux
	MOVQ $(OS_LENGTH + OS_FROM_GOOS - 1), AX
#endif
	MOVQ AX, ret+0(FP)
	RET
-- good/asm/sum/system_windows_amd64.s --
#include "textflag.h"
#include "os_windows.h"
#include "os_windows_amd64.h"

// func System() int64
TEXT ·System(SB), NOSPLIT, $0-8
#ifdef GOOS_windows
	MOVQ $(OS_LENGTH + OS_FROM_GOOS - 2), AX
#endif
	MOVQ AX, ret+0(FP)
	RET
-- good/asm/level/level.go --
// Package level compares the assembler's macros for the instruction set with the build information.
package level

import (
	"runtime/debug"
	"strings"
)

// Levels are the level that the assembler was told, and the one that the build information states.
func Levels() (assembler, stated string) {
	info, _ := debug.ReadBuildInfo()
	for _, setting := range info.Settings {
		if setting.Key == name {
			stated, _, _ = strings.Cut(setting.Value, ",")
		}
	}
	return levels[asmLevel()], stated
}
-- good/asm/level/level_arm.go --
package level

const name = "GOARM"

var levels = map[int32]string{5: "5", 6: "6", 7: "7"}

func asmLevel() int32
-- good/asm/level/level_arm.s --
#include "textflag.h"

// func asmLevel() int32
TEXT ·asmLevel(SB), NOSPLIT, $0-4
	MOVW $0, R0
#ifdef GOARM_5
	MOVW $5, R0
#endif
#ifdef GOARM_6
	MOVW $6, R0
#endif
#ifdef GOARM_7
	MOVW $7, R0
#endif
	MOVW R0, ret+0(FP)
	RET
-- good/asm/level/level_amd64.go --
package level

const name = "GOAMD64"

var levels = map[int32]string{1: "v1", 2: "v2", 3: "v3", 4: "v4"}

func asmLevel() int32
-- good/asm/level/level_amd64.s --
#include "textflag.h"

// func asmLevel() int32
TEXT ·asmLevel(SB), NOSPLIT, $0-4
	MOVL $0, AX
#ifdef GOAMD64_v1
	MOVL $1, AX
#endif
#ifdef GOAMD64_v2
	MOVL $2, AX
#endif
#ifdef GOAMD64_v3
	MOVL $3, AX
#endif
#ifdef GOAMD64_v4
	MOVL $4, AX
#endif
	MOVL AX, ret+0(FP)
	RET
-- good/asm/level/level_other.go --
//go:build !arm && !amd64

package level

const name = "none"

var levels = map[int32]string{}

func asmLevel() int32 { return 0 }
-- good/asm/upcall/upcall.go --
// Package upcall has assembly that calls Go and reads a Go variable.
package upcall

var offset int64 = 100

// double is called from assembly, by the old calling convention.
//
//go:noinline
func double(x int64) int64 { return 2 * x }

// Apply is double(x) + 1 + offset.
func Apply(x int64) int64 { return apply(x) }
-- good/asm/upcall/upcall_asm.go --
//go:build amd64 || arm64

package upcall

func apply(x int64) int64
-- good/asm/upcall/upcall_generic.go --
//go:build !amd64 && !arm64

package upcall

func apply(x int64) int64 { return double(x) + 1 + offset }
-- good/asm/upcall/upcall_amd64.s --
#include "funcdata.h"
#include "textflag.h"

// func apply(x int64) int64
TEXT ·apply(SB), 0, $16-16
	NO_LOCAL_POINTERS
	MOVQ x+0(FP), AX
	MOVQ AX, 0(SP)
	CALL ·double(SB)
	MOVQ 8(SP), AX
	INCQ AX
	ADDQ ·offset(SB), AX
	MOVQ AX, ret+8(FP)
	RET
-- good/asm/upcall/upcall_arm64.s --
#include "funcdata.h"
#include "textflag.h"

// func apply(x int64) int64
TEXT ·apply(SB), 0, $24-16
	NO_LOCAL_POINTERS
	MOVD x+0(FP), R0
	MOVD R0, 8(RSP)
	CALL ·double(SB)
	MOVD 16(RSP), R0
	ADD  $1, R0
	MOVD ·offset(SB), R1
	ADD  R1, R0
	MOVD R0, ret+8(FP)
	RET
-- good/asm/clock/clock.go --
// Package clock has a function without a body, which an empty assembly file makes legal.
package clock

import _ "unsafe" // for go:linkname

//go:linkname nanotime runtime.nanotime
func nanotime() int64

// Runs says whether time goes forward.
func Runs() bool {
	before := nanotime()
	return nanotime() >= before
}
-- good/asm/clock/empty.s --
// Nothing: its presence is what counts.
-- good/embed/go.mod --
module example.test/embed

go 1.20
-- good/embed/main.go --
package main

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"example.test/embed/internal/assets"
)

//go:embed hello.txt
var hello string

//go:embed blob.bin
var blob []byte

//go:embed "with space.txt" hello.txt
var two embed.FS

//go:embed data/*.txt
var glob embed.FS

//go:embed tree
var tree embed.FS

//go:embed all:tree
var all embed.FS

// A source file that is embedded must be the real one, comments and all.
//
//go:embed self.go
var self string

func names(files fs.FS) string {
	var found []string
	fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			panic(err)
		}
		if !entry.IsDir() {
			found = append(found, path)
		}
		return nil
	})
	return strings.Join(found, " ")
}

func check(what, got, want string) {
	if got != want {
		panic(fmt.Sprintf("%s: got %q, want %q", what, got, want))
	}
}

func main() {
	check("string", hello, "hello\n")
	check("bytes", fmt.Sprint(blob), "[0 1 2 255 10 13 10]")
	check("two", names(two), "hello.txt with space.txt")
	check("glob", names(glob), "data/a.txt data/b.txt")
	check("directory", names(tree), "tree/a.txt tree/sub/b.txt")
	check("all", names(all),
		"tree/.hidden tree/_draft.txt tree/a.txt tree/sub/.keep tree/sub/b.txt")
	check("dependency", names(assets.Files), "settings.json templates/index.html")
	check("answer", fmt.Sprint(answer()), "42")
	if !strings.Contains(self, "the number that answers") || !strings.Contains(self, "6 * 7") {
		panic("self.go is not embedded as it is: " + self)
	}
	fmt.Println("embed ok")
}
-- good/embed/self.go --
package main

// answer is the number that answers.
func answer() int {
	return 6 * 7
}
-- good/embed/main_test.go --
package main

import (
	_ "embed"
	"testing"
)

//go:embed testdata/only_for_tests.txt
var forTests string

func TestEmbed(t *testing.T) {
	if forTests != "tests\n" {
		t.Errorf("got %q", forTests)
	}
}
-- good/embed/testdata/only_for_tests.txt --
tests
-- good/embed/hello.txt --
hello
-- good/embed/with space.txt --
space
-- good/embed/data/a.txt --
a
-- good/embed/data/b.txt --
b
-- good/embed/data/c.md --
not embedded
-- good/embed/tree/a.txt --
a
-- good/embed/tree/.hidden --
hidden
-- good/embed/tree/_draft.txt --
draft
-- good/embed/tree/sub/b.txt --
b
-- good/embed/tree/sub/.keep --
-- good/embed/internal/assets/assets.go --
// Package assets is a dependency that embeds.
package assets

import "embed"

//go:embed *.json templates
var Files embed.FS
-- good/embed/internal/assets/settings.json --
{}
-- good/embed/internal/assets/templates/index.html --
<p>
-- good/tags/go.mod --
module example.test/tags

go 1.22
-- good/tags/cmd/tags/main.go --
package main

import (
	"fmt"
	"runtime"

	"example.test/tags/host"
	"example.test/tags/size"
)

func check(what, got, want string) {
	if got != want {
		panic(fmt.Sprintf("%s: got %q, want %q", what, got, want))
	}
}

func main() {
	system := "other"
	switch runtime.GOOS {
	case "linux", "windows", "darwin":
		system = runtime.GOOS
	}
	check("system", host.System, system)
	check("arm64", fmt.Sprint(host.ARM64), fmt.Sprint(runtime.GOARCH == "arm64"))
	check("pair", fmt.Sprint(host.Pair), fmt.Sprint(runtime.GOOS+runtime.GOARCH == "linuxarm64"))
	switch runtime.GOOS {
	case "linux", "darwin", "freebsd":
		check("unix", fmt.Sprint(host.Unix), "true")
	case "windows", "plan9", "js", "wasip1":
		check("unix", fmt.Sprint(host.Unix), "false")
	}
	check("release", host.Release, "go1.22 or later")
	fmt.Println("tags ok", size.Name())
}
-- good/tags/host/system_linux.go --
package host

const System = "linux"
-- good/tags/host/system_windows.go --
package host

const System = "windows"
-- good/tags/host/system_darwin.go --
package host

const System = "darwin"
-- good/tags/host/system_other.go --
//go:build !linux && !windows && !darwin

package host

const System = "other"
-- good/tags/host/cpu_arm64.go --
package host

const ARM64 = true
-- good/tags/host/cpu_other.go --
//go:build !arm64

package host

const ARM64 = false
-- good/tags/host/pair_linux_arm64.go --
package host

const Pair = true
-- good/tags/host/pair_other.go --
//go:build !(linux && arm64)

package host

const Pair = false
-- good/tags/host/unix.go --
//go:build unix

package host

// The name of this file says nothing: `unix` is a constraint, but no suffix.
const Unix = true
-- good/tags/host/not_unix.go --
//go:build !unix

package host

const Unix = false
-- good/tags/host/release.go --
//go:build go1.22

package host

const Release = "go1.22 or later"
-- good/tags/host/release_old.go --
//go:build !go1.22

package host

const Release = "older"
-- good/tags/host/host_test.go --
package host

import "testing"

func TestSystem(t *testing.T) {
	if System == "" {
		t.Fail()
	}
}
-- good/tags/size/full.go --
//go:build !lite

package size

import "example.test/tags/heavy"

// Name takes a package into the build that the lite one does without.
func Name() string { return heavy.Name() }
-- good/tags/size/lite.go --
//go:build lite

package size

func Name() string { return "lite" }
-- good/tags/heavy/heavy.go --
package heavy

import "text/template"

// Name goes through a template, to be heavy.
func Name() string {
	return template.Must(template.New("full").Parse("")).Name()
}
-- good/vendored/go.mod --
module example.test/vendored

go 1.22

require (
	example.test/lettercase v1.0.1
	example.test/rotate v0.3.0
)

replace example.test/lettercase v1.0.1 => example.test/lettercase-fork v1.0.2
-- good/vendored/main.go --
package main

import (
	"fmt"

	"example.test/lettercase"
)

func main() {
	if got := lettercase.Upper("ab1"); got != "AB1" {
		panic(got)
	}
	if got := lettercase.Mixed(1); got != 8 {
		panic(got)
	}
	fmt.Println("vendored ok")
}
-- good/vendored/vendor/modules.txt --
# example.test/lettercase v1.0.1 => example.test/lettercase-fork v1.0.2
## explicit; go 1.19
example.test/lettercase
example.test/lettercase/internal/ascii
# example.test/rotate v0.3.0
## explicit
example.test/rotate
-- good/vendored/vendor/example.test/lettercase/lettercase.go --
// Package lettercase is vendored and imports another vendored module.
package lettercase

import (
	_ "embed"
	"strings"

	"example.test/lettercase/internal/ascii"
	"example.test/rotate"
)

//go:embed table.txt
var table string

// Upper makes the letters of the table upper case.
func Upper(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(table, r) {
			return ascii.Upper(r)
		}
		return r
	}, s)
}

// Mixed is x rotated by three bits.
func Mixed(x uint32) uint32 { return rotate.Left3(x) }
-- good/vendored/vendor/example.test/lettercase/table.txt --
abcdefghijklmnopqrstuvwxyz
-- good/vendored/vendor/example.test/lettercase/internal/ascii/ascii.go --
package ascii

func Upper(r rune) rune { return r - 'a' + 'A' }
-- good/vendored/vendor/example.test/rotate/rotate.go --
// Package rotate is vendored, has assembly, and its module has no go line.
package rotate

const bits = 3
-- good/vendored/vendor/example.test/rotate/rotate_asm.go --
//go:build amd64 || arm64
// +build amd64 arm64

package rotate

// Left3 rotates by three bits.
func Left3(x uint32) uint32
-- good/vendored/vendor/example.test/rotate/rotate_generic.go --
//go:build !amd64 && !arm64
// +build !amd64,!arm64

package rotate

// Left3 rotates by three bits.
func Left3(x uint32) uint32 { return x<<bits | x>>(32-bits) }
-- good/vendored/vendor/example.test/rotate/rotate_amd64.s --
#include "textflag.h"
#include "go_asm.h"

// func Left3(x uint32) uint32
TEXT ·Left3(SB), NOSPLIT, $0-12
	MOVL x+0(FP), AX
	ROLL $const_bits, AX
	MOVL AX, ret+8(FP)
	RET
-- good/vendored/vendor/example.test/rotate/rotate_arm64.s --
#include "textflag.h"
#include "go_asm.h"

// func Left3(x uint32) uint32
TEXT ·Left3(SB), NOSPLIT, $0-12
	MOVWU x+0(FP), R0
	RORW  $(32 - const_bits), R0
	MOVW  R0, ret+8(FP)
	RET
-- good/replace/app/go.mod --
module example.test/replace/app

go 1.23

require example.test/replaced v1.5.0

replace example.test/replaced v1.5.0 => ../lib
-- good/replace/app/main.go --
package main

import (
	"fmt"

	"example.test/replaced"
	"example.test/replaced/deep/er"
)

func main() {
	// The library's go line is older than this module's: one loop variable for all rounds.
	if got := replaced.Captured(); got != 333 {
		panic(got)
	}
	captured := 0
	var rounds []func()
	for i := 1; i <= 3; i++ {
		rounds = append(rounds, func() { captured = captured*10 + i })
	}
	for _, round := range rounds {
		round()
	}
	if captured != 123 {
		panic(captured)
	}
	if er.Text != "from the sibling\n" {
		panic(er.Text)
	}
	fmt.Println("replace ok")
}
-- good/replace/lib/go.mod --
module example.test/replaced

go 1.18
-- good/replace/lib/replaced.go --
package replaced

// Captured is what closures make of a loop variable: 333 up to go 1.21, 123 from go 1.22 on.
func Captured() (captured int) {
	var rounds []func()
	last := 0
	for i := 1; i <= 3; i++ {
		last = i
		rounds = append(rounds, func() {
			if i > 3 {
				captured = captured*10 + i - 1
			} else {
				captured = captured*10 + i
			}
		})
	}
	_ = last
	for _, round := range rounds {
		round()
	}
	return captured
}
-- good/replace/lib/deep/er/er.go --
package er

import _ "embed"

//go:embed er.txt
var Text string
-- good/replace/lib/deep/er/er.txt --
from the sibling
-- good/workspace/go.work --
go 1.23

godebug panicnil=1

use (
	./alpha
	./beta
)
-- good/workspace/alpha/go.mod --
module example.test/work/alpha

go 1.23
-- good/workspace/alpha/main.go --
package main

import (
	"fmt"

	"example.test/work/beta/count"
)

// recovered is nil only if go.work's godebug line has come through.
func recovered() (value any) {
	defer func() { value = recover() }()
	panic(nil)
}

func main() {
	if value := recovered(); value != nil {
		panic(value)
	}
	fmt.Println("alpha ok", count.Words("one two three"))
}
-- good/workspace/beta/go.mod --
module example.test/work/beta

go 1.21
-- good/workspace/beta/count/count.go --
package count

import "strings"

// Words counts words.
func Words(text string) int { return len(strings.Fields(text)) }
-- good/workspace/beta/cmd/beta/main.go --
package main

import (
	"fmt"

	"example.test/work/beta/count"
)

func main() {
	fmt.Println("beta ok", count.Words("a b c"))
}
-- good/nogo/go.mod --
module example.test/nogo
-- good/nogo/main.go --
package main

import (
	"fmt"

	"example.test/nogo/lib"
)

func main() {
	captured := 0
	var rounds []func()
	for _, i := range []int{1, 2, 3} {
		rounds = append(rounds, func() { captured = captured*10 + i })
	}
	for _, round := range rounds {
		round()
	}
	fmt.Println(lib.Name, "ok", captured)
}
-- good/nogo/lib/lib.go --
package lib

const Name = "nogo"
-- good/nogo/lib/old.go --
// Without a go line, a constraint of the old kind counts.

// +build some_tag_that_nobody_sets

package lib

const Name = "twice"
-- good/pgo/go.mod --
module example.test/pgo

go 1.22
-- good/pgo/cmd/hot/main.go --
package main

import (
	"fmt"

	"example.test/pgo/mix"
)

func work(s mix.Stepper, rounds int) uint64 {
	x := uint64(1)
	for i := 0; i < rounds; i++ {
		x = mix.Round(x, uint64(i))
		x = s.Step(x)
	}
	return x
}

func main() {
	if work(&mix.Fast{Add: 3}, 1000) == 0 {
		panic("zero")
	}
	fmt.Println("hot ok")
}
-- good/pgo/cmd/cold/main.go --
package main

import (
	"fmt"

	"example.test/pgo/mix"
)

func main() {
	if mix.Round(1, 2) == 0 {
		panic("zero")
	}
	fmt.Println("cold ok")
}
-- good/pgo/mix/mix.go --
// Package mix has a function too big to be inlined unless a profile says that it is hot.
package mix

// Stepper is called through an interface, which a profile can turn into a direct call.
type Stepper interface{ Step(x uint64) uint64 }

// Fast is the one that the profile saw.
type Fast struct{ Add uint64 }

func (f *Fast) Step(x uint64) uint64 {
	return x*6364136223846793005 + f.Add
}

func Round(x, y uint64) uint64 {
	x ^= y >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	x ^= x >> 33
	y ^= x << 7
	y *= 0x9e3779b97f4a7c15
	y ^= y >> 29
	x += y
	x ^= x >> 31
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	x ^= x>>31 ^ y<<13 ^ x<<5 ^ y>>17
	x += y ^ x>>11 ^ y>>19 ^ x<<23
	x |= 1
	return x
}
-- good/stamp/go.mod --
module example.test/stamp

go 1.24
-- good/stamp/main.go --
package main

import (
	"fmt"
	"strings"

	"example.test/stamp/internal/info"
)

var (
	version string
	message = "default"
	quote   = "default"
	empty   = "default"
	// Not stamped: stays as it is.
	kept = "default"
)

func main() {
	fmt.Println(strings.Join([]string{version, message, quote, empty, info.Commit, kept}, "|"))
}
-- good/stamp/internal/info/info.go --
package info

// Commit is set by the linker, in a package that is not main.
var Commit = "none"
-- good/godebug/go.mod --
module example.test/godebug

go 1.24

godebug (
	default=go1.22
	panicnil=1
	http2client=0
)
-- good/godebug/internal/nilpanic/nilpanic.go --
package nilpanic

import "fmt"

// Kind is the type of what recover finds after panic(nil): GODEBUG's panicnil decides.
func Kind() (kind string) {
	defer func() {
		value := recover()
		kind = fmt.Sprintf("%T", value)
		if value == nil {
			kind = "nil"
		}
	}()
	panic(nil)
}
-- good/godebug/cmd/block/main.go --
package main

import (
	"fmt"

	"example.test/godebug/internal/nilpanic"
)

func main() { fmt.Println("block ok", nilpanic.Kind()) }
-- good/godebug/cmd/lines/main.go --
// Command lines takes back what go.mod says.

//go:debug panicnil=0
//go:debug execerrdot=0
package main

import (
	"fmt"

	"example.test/godebug/internal/nilpanic"
)

func main() { fmt.Println("lines ok", nilpanic.Kind()) }
-- good/tour/go.mod --
module example.test/tour

go 1.24

toolchain go1.25.0
-- good/tour/main.go --
package main

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	renamed "example.test/tour/dir-name.v2"
	"example.test/tour/generic/pairs"
	"example.test/tour/internal/order"
	_ "example.test/tour/internal/order/first"
	_ "example.test/tour/internal/order/second"
	. "example.test/tour/shapes"
)

var early = order.Add("main variable")

func init() { order.Add("main init") }

func init() { order.Add("main init again") }

func check(what string, got, want any) {
	if fmt.Sprint(got) != fmt.Sprint(want) {
		panic(fmt.Sprintf("%s: got %v, want %v", what, got, want))
	}
}

func main() {
	check("early", early, 3)
	check("order", strings.Join(order.Seen(), ", "),
		"first, second, main variable, main init, main init again")
	check("dot import", Square(3), Area(9))
	check("package name", renamed.Name, "realname")
	swapped := pairs.Swap(pairs.Of(1, "one"))
	check("generics", swapped, "one/1")
	check("alias", pairs.Vec[int]{1, 2}.Sum(), 3)
	check("iterator", slices.Collect(pairs.Count(3)), []int{0, 1, 2})
	text, err := xml.Marshal(struct{ XMLName xml.Name }{xml.Name{Local: "tour"}})
	check("xml", string(text), "<tour></tour>")
	check("error", err, nil)
	var table strings.Builder
	writer := tabwriter.NewWriter(&table, 0, 8, 1, ' ', 0)
	fmt.Fprintln(writer, "a\tb")
	writer.Flush()
	check("table", table.String(), "a b\n")
	check("method value", helper(), "helped")
	fmt.Println("tour ok")
}
-- good/tour/helper.go --
package main

type help struct{ past string }

func (h help) String() string { return h.past }

// helper is in a file of its own: a package has several.
func helper() string {
	method := help{"helped"}.String
	return method()
}
-- good/tour/gen.go --
//go:build ignore

// A program beside the program: `go run gen.go`. It is in no build.
package main

import "example.test/there/is/no/such/module"

func main() { module.Generate() }
-- good/tour/main_test.go --
package main

import "testing"

func TestHelper(t *testing.T) {
	if helper() != "helped" {
		t.Fail()
	}
}
-- good/tour/external_test.go --
package main_test

import (
	"testing"
	"testing/quick"

	"example.test/tour/internal/onlytests"
)

func TestOnlyTests(t *testing.T) {
	if err := quick.Check(onlytests.Even, nil); err != nil {
		t.Error(err)
	}
}
-- good/tour/internal/onlytests/onlytests.go --
// Package onlytests is imported by tests alone.
package onlytests

// Even says that twice a number is even.
func Even(x int32) bool { return (2*int64(x))%2 == 0 }
-- good/tour/internal/order/order.go --
package order

var seen []string

// Add notes who has run, and says how many have.
func Add(who string) int {
	seen = append(seen, who)
	return len(seen)
}

// Seen are those who have run, in order.
func Seen() []string { return seen }
-- good/tour/internal/order/first/first.go --
package first

import "example.test/tour/internal/order"

func init() { order.Add("first") }
-- good/tour/internal/order/second/second.go --
package second

import "example.test/tour/internal/order"

func init() { order.Add("second") }
-- good/tour/dir-name.v2/realname.go --
// Package realname is in a directory of another name.
package realname

const Name = "realname"
-- good/tour/shapes/shapes.go --
package shapes

// Area is an area.
type Area float64

// Square is a square's area.
func Square(side float64) Area { return Area(side * side) }
-- good/tour/generic/box/box.go --
package box

// Number is what has a sum.
type Number interface{ ~int | ~int64 | ~float64 }

// List is a generic type with a method, used by another generic package.
type List[T Number] []T

// Sum adds up.
func (l List[T]) Sum() (sum T) {
	for _, x := range l {
		sum += x
	}
	return sum
}
-- good/tour/generic/pairs/pairs.go --
package pairs

import (
	"fmt"
	"iter"

	"example.test/tour/generic/box"
)

// Pair is two values.
type Pair[A, B any] struct {
	First  A
	Second B
}

// Vec is a generic alias of another package's generic type.
type Vec[T box.Number] = box.List[T]

// Of makes a pair.
func Of[A, B any](a A, b B) Pair[A, B] { return Pair[A, B]{a, b} }

// Swap turns a pair round.
func Swap[A, B any](p Pair[A, B]) Pair[B, A] { return Of(p.Second, p.First) }

func (p Pair[A, B]) String() string { return fmt.Sprintf("%v/%v", p.First, p.Second) }

// Count counts from zero.
func Count(limit int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range limit {
			if !yield(i) {
				return
			}
		}
	}
}
-- good/tour/testdata/broken.go --
package broken is no Go at all
-- good/tour/_drafts/broken.go --
package broken is no Go at all
-- good/tour/.hidden/broken.go --
package broken is no Go at all
-- good/tour/nested/go.mod --
module example.test/tour/nested

go 1.24
-- good/tour/nested/broken.go --
package nested

// In a module of its own, which nobody builds.
import "example.test/tour/nowhere"
-- good/cgotwin/go.mod --
module example.test/cgotwin

go 1.22
-- good/cgotwin/main.go --
package main

import (
	"fmt"

	"example.test/cgotwin/twin"
)

func main() { fmt.Println("cgo-twin ok", twin.Language()) }
-- good/cgotwin/twin/twin_c.go --
package twin

// const char *language(void);
import "C"

// Language is the one that this package is built from.
func Language() string { return C.GoString(C.language()) }
-- good/cgotwin/twin/language.c --
//go:build cgo

const char *language(void) { return "c"; }
-- good/cgotwin/twin/twin_go.go --
//go:build !cgo

package twin

// Language is the one that this package is built from.
func Language() string { return "go" }
-- good/static/go.mod --
module example.test/static

go 1.22
-- good/static/main.go --
// Command static imports what makes a binary dynamic where cgo is on: it must be off.
package main

import (
	"fmt"
	"net"
	"os/user"
)

func main() {
	addresses, err := net.LookupHost("127.0.0.1")
	if err != nil || len(addresses) != 1 {
		panic(fmt.Sprint(addresses, err))
	}
	user.LookupId("0")
	fmt.Println("static ok")
}
-- good/flags/go.mod --
module example.test/flags

go 1.22
-- good/flags/main.go --
package main

import (
	"fmt"

	"example.test/flags/lib"
)

func small(x int) int { return x + 1 }

func main() {
	if small(lib.Small(1)) != 3 {
		panic("flags")
	}
	fmt.Println("flags ok")
}
-- good/flags/lib/lib.go --
package lib

func Small(x int) int { return x + 1 }
-- good/proxied/go.mod --
module example.test/proxied

go 1.22

require (
	example.test/Table v0.2.1
	example.test/tiny/colour v1.4.0
)
-- good/proxied/main.go --
package main

import (
	"fmt"

	"example.test/Table"
	"example.test/tiny/colour"
)

func main() {
	if table.Row("a", "b") != "a|b" {
		panic(table.Row("a", "b"))
	}
	fmt.Println("proxied ok", colour.Version)
}
"""

BAD = r"""
-- bad/cgo/go.mod --
module example.test/cgo

go 1.22
-- bad/cgo/cmd/app/main.go --
package main

import "example.test/cgo/a"

func main() { println(a.Answer()) }
-- bad/cgo/a/a.go --
// Package a is pure Go; what it imports is not.
package a

import "example.test/cgo/b"

func Answer() int { return b.Answer() }
-- bad/cgo/b/b.go --
package b

// int answer(void) { return 42; }
import "C"

func Answer() int { return int(C.answer()) }
-- bad/missing_import/go.mod --
module example.test/missing_import

go 1.22
-- bad/missing_import/cmd/own/main.go --
package main

import (
	"fmt"

	"example.test/missing_import/nowhere"
)

func main() { fmt.Println(nowhere.X) }
-- bad/missing_import/cmd/other/main.go --
package main

import "example.test/elsewhere/nowhere"

func main() { println(nowhere.X) }
-- bad/missing_import/cmd/std/main.go --
package main

import "encoding/nowhere"

func main() { println(nowhere.X) }
-- bad/compile/go.mod --
module example.test/compile

go 1.22
-- bad/compile/lib/lib.go --
package lib

// Value does not compile.
func Value() int {
	return undefinedName
}
-- bad/compile/cmd/one/main.go --
package main

import "example.test/compile/lib"

func main() { println(lib.Value()) }
-- bad/compile/cmd/two/main.go --
package main

import "example.test/compile/lib"

func main() { println(lib.Value() + 1) }
-- bad/constraints/go.mod --
module example.test/constraints

go 1.22
-- bad/constraints/cmd/app/main.go --
package main

import "example.test/constraints/lib"

func main() { println(lib.Name) }
-- bad/constraints/cmd/onlylinux/main_linux.go --
package main

func main() { println("linux") }
-- bad/constraints/lib/lib_linux.go --
package lib

const Name = "linux"
-- bad/sum_missing/go.mod --
module example.test/sum_missing

go 1.22

require (
	example.test/Table v0.2.1
	example.test/tiny/colour v1.4.0
)
-- bad/sum_missing/main.go --
package main

import (
	"fmt"

	"example.test/tiny/colour"
)

func main() { fmt.Println(colour.Version) }
-- bad/sum_wrong/go.mod --
module example.test/sum_wrong

go 1.22

require (
	example.test/Table v0.2.1
	example.test/tiny/colour v1.4.0
)
-- bad/sum_wrong/main.go --
package main

import (
	"fmt"

	"example.test/tiny/colour"
)

func main() { fmt.Println(colour.Version) }
-- bad/mains/go.mod --
module example.test/mains

go 1.22
-- bad/mains/library/library.go --
package library

func Main() {}
-- bad/mains/docs/README.md --
No Go here.
-- bad/mains/cmd/nofunc/main.go --
package main

func Main() {}
-- bad/mains/cmd/importer/main.go --
package main

import _ "example.test/mains/cmd/nofunc"

func main() {}
-- bad/cycle/go.mod --
module example.test/cycle

go 1.22
-- bad/cycle/main.go --
package main

import "example.test/cycle/a"

func main() { println(a.X) }
-- bad/cycle/a/a.go --
package a

import "example.test/cycle/b"

const X = b.X
-- bad/cycle/b/b.go --
package b

import "example.test/cycle/a"

const X = a.X
-- bad/internal/go.mod --
module example.test/internal

go 1.22
-- bad/internal/cmd/app/main.go --
package main

import "example.test/internal/lib/internal/secret"

func main() { println(secret.X) }
-- bad/internal/lib/internal/secret/secret.go --
package secret

const X = 1
-- bad/syntax/go.mod --
module example.test/syntax

go 1.22
-- bad/syntax/main.go --
package main

import "example.test/syntax/lib"

func main() { println(lib.Value()) }
-- bad/syntax/lib/lib.go --
package lib

func Value() int {
	return one two
}
-- bad/syntax_imports/go.mod --
module example.test/syntax_imports

go 1.22
-- bad/syntax_imports/main.go --
package main

import "example.test/syntax_imports/lib"

func main() { println(lib.Value()) }
-- bad/syntax_imports/lib/lib.go --
package lib

import fmt

func Value() int { return 1 }
-- bad/embed/go.mod --
module example.test/embed_none

go 1.22
-- bad/embed/main.go --
package main

import (
	"embed"
	"fmt"
)

//go:embed absent/*.txt
var files embed.FS

func main() { fmt.Println(files) }
-- bad/vendor_stale/go.mod --
module example.test/vendor_stale

go 1.22

require example.test/rotate v0.4.0
-- bad/vendor_stale/main.go --
package main

import "example.test/rotate"

func main() { println(rotate.X) }
-- bad/vendor_stale/vendor/modules.txt --
# example.test/rotate v0.3.0
## explicit; go 1.22
example.test/rotate
-- bad/vendor_stale/vendor/example.test/rotate/rotate.go --
package rotate

const X = 1
-- bad/two_packages/go.mod --
module example.test/two_packages

go 1.22
-- bad/two_packages/main.go --
package main

import "example.test/two_packages/lib"

func main() { println(one.X) }
-- bad/two_packages/lib/one.go --
package one

const X = 1
-- bad/two_packages/lib/two.go --
package two

const X = 2
-- bad/no_body/go.mod --
module example.test/no_body

go 1.22
-- bad/no_body/main.go --
package main

func missing() int

func main() { println(missing()) }
-- bad/undefined_symbol/go.mod --
module example.test/undefined_symbol

go 1.22
-- bad/undefined_symbol/main.go --
package main

func missing() int

func main() { println(missing()) }
-- bad/undefined_symbol/empty.s --
// Makes a function without a body legal, but defines none.
-- bad/newer_go/go.mod --
module example.test/newer_go

go 1.99
-- bad/newer_go/main.go --
package main

func main() {}
"""

# The modules of the proxy: (path, version) and their files.
PROXIED: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("example.test/tiny/colour", "v1.3.0"): {
        "go.mod": "module example.test/tiny/colour\n\ngo 1.20\n",
        "colour.go": 'package colour\n\nconst Version = "v1.3.0"\n\nconst Line = "|"\n',
    },
    ("example.test/tiny/colour", "v1.4.0"): {
        "go.mod": "module example.test/tiny/colour\n\ngo 1.20\n",
        "LICENSE": "Public domain.\n",
        "colour.go": 'package colour\n\nconst Version = "v1.4.0"\n\nconst Line = "|"\n',
        "colour_test.go": "package colour\n",
    },
    # An upper-case letter is written `!t` in the proxy and in the module cache. The older version
    # of its own requirement must not win.
    ("example.test/Table", "v0.2.1"): {
        "go.mod": (
            "module example.test/Table\n\ngo 1.19\n\nrequire example.test/tiny/colour v1.3.0\n"
        ),
        "table.go": (
            'package table\n\nimport (\n\t_ "embed"\n\n\t"example.test/tiny/colour"\n)\n\n'
            "//go:embed comma/empty.txt\nvar empty string\n\n"
            "func Row(a, b string) string { return a + empty + colour.Line + b }\n"
        ),
        "comma/empty.txt": "",
    },
}

# What the profile saw: a callee, the line that calls it, and how many samples that cost.
HOT_CALLS = (
    ("example.test/pgo/mix.Round", "func Round(", "mix.Round(x", 700),
    ("example.test/pgo/mix.(*Fast).Step", "func (f *Fast) Step(", "s.Step(x)", 200),
)


def parse_files(text: str) -> dict[str, str]:
    """Split a text at its `-- PATH --` lines into files."""
    parts = re.split(r"(?m)^-- (.+) --\n", text)
    return dict(zip(parts[1::2], parts[2::2]))


def _dirhash(files: Mapping[str, bytes]) -> str:
    """Go's `h1:` hash of a set of files: the hash of a sorted listing of their hashes."""
    listing = "".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n"
        for name, content in sorted(files.items())
    )
    digest = hashlib.sha256(listing.encode()).digest()
    return f"h1:{base64.b64encode(digest).decode()}"


def _zip(files: Mapping[str, bytes]) -> bytes:
    """A zip of files in the order of their names, all dated 1980."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def _escape(path: str) -> str:
    """A module path as it is in a proxy's URLs: upper-case letters after an exclamation mark."""
    return re.sub("[A-Z]", lambda match: f"!{match.group().lower()}", path)


def proxy_files() -> dict[str, bytes]:
    """The files of the proxy, relative to it."""
    found: dict[str, bytes] = {}
    for (path, version), files in PROXIED.items():
        folder = f"{_escape(path)}/@v"
        members = {f"{path}@{version}/{name}": text.encode() for name, text in files.items()}
        info = {"Version": version, "Time": "2024-01-02T03:04:05Z"}
        found[f"{folder}/list"] = found.get(f"{folder}/list", b"") + f"{version}\n".encode()
        found[f"{folder}/{version}.info"] = json.dumps(info).encode()
        found[f"{folder}/{version}.mod"] = files["go.mod"].encode()
        found[f"{folder}/{version}.zip"] = _zip(members)
    return found


def go_sum(*, wrong: Iterable[str] = (), missing: Iterable[str] = ()) -> str:
    """The go.sum of a module that uses all of the proxy; `missing` and `wrong` name paths."""
    lines = []
    for (path, version), files in sorted(PROXIED.items()):
        members = {f"{path}@{version}/{name}": text.encode() for name, text in files.items()}
        content = "h1:" + "A" * 43 + "=" if path in wrong else _dirhash(members)
        # Of a version that is not chosen, only the go.mod file counts.
        if path not in missing and version != "v1.3.0":
            lines.append(f"{path} {version} {content}")
        module_file = {"go.mod": files["go.mod"].encode()}
        lines.append(f"{path} {version}/go.mod {_dirhash(module_file)}")
    return "".join(f"{line}\n" for line in lines)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*found, value))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _line(text: str, needle: str) -> int:
    return text[: text.index(needle)].count("\n") + 1


def cpu_profile(files: Mapping[str, str]) -> bytes:
    """A CPU profile of cmd/hot, as a gzipped pprof message whose lines fit the sources."""
    strings = [""]

    def string(text: str) -> int:
        if text not in strings:
            strings.append(text)
        return strings.index(text)

    def value_type(kind: str, unit: str) -> bytes:
        return _number(1, string(kind)) + _number(2, string(unit))

    def function(number: int, name: str, file: str, start: int) -> bytes:
        found = _number(1, number) + _number(2, string(name)) + _number(3, string(name))
        return _message(5, found + _number(4, string(file)) + _number(5, start))

    def location(number: int, function_number: int, line: int) -> bytes:
        place = _message(4, _number(1, function_number) + _number(2, line))
        return _message(4, _number(1, number) + _number(2, 1) + place)

    main, mix = files["good/pgo/cmd/hot/main.go"], files["good/pgo/mix/mix.go"]
    body = _message(1, value_type("samples", "count"))
    body += _message(1, value_type("cpu", "nanoseconds"))
    body += _message(3, _number(1, 1))
    body += function(1, "main.work", "cmd/hot/main.go", _line(main, "func work("))
    for index, (name, declaration, call, samples) in enumerate(HOT_CALLS):
        callee, caller = 10 + index, 20 + index
        start = _line(mix, declaration)
        # The leaf comes first, then who called it.
        stack = _number(1, callee) + _number(1, caller)
        body += _message(2, stack + _number(2, samples) + _number(2, samples * 10_000_000))
        body += function(callee, name, "mix/mix.go", start)
        body += location(callee, callee, start + 1)
        body += location(caller, 1, _line(main, call))
    body += _message(11, value_type("cpu", "nanoseconds")) + _number(12, 10_000_000)
    body += b"".join(_message(6, text.encode()) for text in strings)
    buffer = io.BytesIO()
    # Level 0 stores: the bytes do not depend on the version of zlib.
    with gzip.GzipFile("", "wb", compresslevel=0, fileobj=buffer, mtime=0) as packed:
        packed.write(body)
    return buffer.getvalue()


def build_file(module_dir: str, cases: Iterable[Case] = CASES) -> str:
    """The BUILD file of a module: `go_module`, and a `go_cross_binary` for each main of a case."""
    blocks = ['go_module(name="mod")\n']
    for case in cases:
        if case.module_dir != module_dir:
            continue
        fields: dict[str, object] = {
            "build_tags": list(case.tags),
            "ldflags": list(case.ldflags),
            "gcflags": list(case.gcflags),
            "x_defs": dict(case.x_defs),
        }
        extra = "".join(f"    {name}={value!r},\n" for name, value in fields.items() if value)
        for main in case.mains:
            where = "" if main == "." else f'    main="{main}",\n'
            name = f'    name="{case.target_name(main)}",\n'
            blocks.append(f"go_cross_binary(\n{name}{where}{extra})\n")
    return "\n".join(blocks)


def files() -> dict[str, bytes]:
    """Every file of the tree, relative to its root."""
    texts = {**parse_files(GOOD), **parse_files(BAD)}
    for name in tuple(texts):
        folder, base = posixpath.split(name)
        if base == "go.mod" and folder != "good/tour/nested":
            texts[f"{folder}/BUILD"] = build_file(folder)
    texts["good/proxied/go.sum"] = go_sum()
    texts["bad/sum_missing/go.sum"] = go_sum(missing=("example.test/tiny/colour",))
    texts["bad/sum_wrong/go.sum"] = go_sum(wrong=("example.test/tiny/colour",))
    found = {name: text.encode() for name, text in texts.items()}
    found["good/embed/blob.bin"] = bytes((0, 1, 2, 255, 10, 13, 10))
    found["good/pgo/cmd/hot/default.pgo"] = cpu_profile(texts)
    found.update((f"{PROXY}/{name}", content) for name, content in proxy_files().items())
    return found


def write(root: Path) -> None:
    """Write the tree below a directory, which is made if it is not there."""
    for name, content in sorted(files().items()):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def main() -> None:
    """Write the tree that the command line asks for."""
    parser = argparse.ArgumentParser(description="Write Go modules that use every build feature.")
    parser.add_argument("directory", type=Path, help="where to write them; may be new")
    root = parser.parse_args().directory
    write(root)
    print(f"{root}: {len(GOOD_CASES)} cases that build, {len(BAD_CASES)} that do not")


if __name__ == "__main__":
    main()
