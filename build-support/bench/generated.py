"""A Go module of any size, for benchmarks: layers of packages, and programs over them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PATH = "example.com/generated"
LAYERS = 10
IMPORTS = 4
FUNCTIONS = 12


@dataclass(frozen=True)
class Size:
    """How many programs and packages there are."""

    programs: int
    packages: int


def write_module(folder: Path, size: Size) -> None:
    """Write the module; the same size gives the same files.

    The packages stand in ten layers. Each imports four of the layer below, spread evenly, and each
    program four of the top layer, so a program reaches a few dozen packages or all, by their
    number. All import `base`, whose edit reaches everything.
    """
    write(folder / "go.mod", f"module {PATH}\n\ngo 1.25\n")
    write(folder / "base/base.go", BASE)
    width = max(1, size.packages // LAYERS)
    for layer in range(LAYERS):
        for number in range(width):
            name = f"p{layer}x{number}"
            below = [f"p{layer - 1}x{n}" for n in picks(number, width)] if layer else []
            write(folder / f"lib/{name}/{name}.go", package(name, below))
    for number in range(size.programs):
        top = [f"p{LAYERS - 1}x{n}" for n in picks(number, width)]
        write(folder / f"cmd/tool{number:04}/main.go", program(number, top))


def picks(number: int, width: int) -> list[int]:
    """The packages of a layer that one of the layer above, or a program, imports."""
    return sorted({(number + step * step) % width for step in range(IMPORTS)})


def package(name: str, imports: list[str]) -> str:
    """The one file of a package: functions with loops and maps, so that it costs a real compile."""
    lines = [f"package {name}", "", "import (", '\t"fmt"', '\t"sort"', '\t"strings"', ""]
    lines += [f'\t"{PATH}/base"', *(f'\t"{PATH}/lib/{other}"' for other in imports), ")", ""]
    for number in range(FUNCTIONS):
        lines += FUNCTION.format(name=name, number=number).splitlines()
    calls = " + ".join(["base.Length(text)", *(f"{other}.Count(text)" for other in imports)])
    lines += ["", "// Count counts.", "func Count(text string) int {", f"\treturn {calls}", "}", ""]
    return "\n".join(lines)


def program(number: int, imports: list[str]) -> str:
    """The main package of a program."""
    lines = ["package main", "", "import (", '\t"fmt"', '\t"os"', ""]
    lines += [f'\t"{PATH}/base"', *(f'\t"{PATH}/lib/{other}"' for other in imports), ")", ""]
    calls = " + ".join(f"{other}.Count(os.Args[0])" for other in imports)
    lines += ["func main() {", f"\tfmt.Println({number}, base.Version, {calls})", "}", ""]
    return "\n".join(lines)


def write(file: Path, text: str) -> None:
    """Write one file, its folders made."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


BASE = """package base

// Version is stamped by a release.
var Version = "dev"

// Length is what an edit of this package's body changes.
//
//go:noinline
func Length(text string) int { return len(text) }
"""
FUNCTION = """
// Table{number} sorts what it is given by how often each word stands in it.
func Table{number}(words []string) string {{
	seen := map[string]int{{}}
	for position, word := range words {{
		if strings.HasPrefix(word, "{name}") || position%({number}+2) == 1 {{
			seen[strings.ToUpper(word)] += position
		}}
	}}
	keys := make([]string, 0, len(seen))
	for key := range seen {{
		keys = append(keys, key)
	}}
	sort.Slice(keys, func(i, j int) bool {{ return seen[keys[i]] < seen[keys[j]] }})
	var out strings.Builder
	for _, key := range keys {{
		fmt.Fprintf(&out, "%s=%d;", key, seen[key])
	}}
	return out.String()
}}"""
