"""A program with misaligned 64-bit atomics of two kinds, and the same program put right."""

from __future__ import annotations

from collections.abc import Mapping

PLATFORMS = ("linux/amd64", "linux/386", "linux/arm/v7", "linux/arm64")

_MAIN = """\
package main

import (
	"fmt"
	"os"
	"sync/atomic"

	"example.test/atoms/stats"
)

type pool struct {
%s
	name   string
}

type server struct {
%s
}

type typed struct {
	ready bool
	size  atomic.Int64
}

func main() {
	t := &typed{}
	t.size.Add(1)
	if len(os.Args) > 1 {
		s := &server{}
		fmt.Println(s.Hit())
		return
	}
	p := &pool{}
	fmt.Println(atomic.AddInt64(&p.size, 1))
}
"""

FILES: Mapping[str, str] = {
    "BUILD": 'go_module(name="mod")\ngo_cross_binary(name="app", main="app")\n',
    "go.mod": "module example.test/atoms\n\ngo 1.25\n",
    # Right by itself: the word is the first of what is allocated.
    "stats/stats.go": """\
// Package stats counts.
package stats

import "sync/atomic"

// Counter counts hits.
type Counter struct {
	hits uint64
	last int32
}

// Hit counts one.
func (c *Counter) Hit() uint64 { return atomic.AddUint64(&c.hits, 1) }
""",
    "app/main.go": _MAIN % ("	closed bool\n	size   int64", "	ready bool\n	stats.Counter"),
}

# In the orders that the linter names.
FIXED = _MAIN % ("	size   int64\n	closed bool", "	stats.Counter\n	ready bool")
