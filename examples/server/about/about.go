// Package about says what a program is: its version, its platform and the kernel it runs on.
//
// It is the library that the server, the pause program and the client share, and it has one of
// each thing that makes building for many platforms more than a loop: files for one operating
// system (kernel_linux.go, ...), assembly with a pure Go twin (fnv_*.s, fnv_generic.go) and an
// embedded file (banner.txt).
package about

import (
	_ "embed"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

//go:embed banner.txt
var banner string

// Build describes the running program.
type Build struct {
	Program string `json:"program"`
	Version string `json:"version"`
	GOOS    string `json:"goos"`
	GOARCH  string `json:"goarch"`
	// GOARM is 5, 6 or 7, and empty on any architecture but arm.
	GOARM  string `json:"goarm,omitempty"`
	Go     string `json:"go"`
	Kernel string `json:"kernel"`
}

// Read describes the running program. The version comes from its main package, where the linker
// has set it; all else is in the binary itself.
func Read(program, version string) Build {
	build := Build{
		Program: program,
		Version: version,
		GOOS:    runtime.GOOS,
		GOARCH:  runtime.GOARCH,
		Go:      runtime.Version(),
		Kernel:  kernel(),
	}
	// There is no runtime.GOARM: the level is known to the build information alone.
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "GOARM" {
				build.GOARM = setting.Value
			}
		}
	}
	return build
}

// Platform is the platform in Go's words: "linux/arm64", or "linux/arm GOARM=6".
func (b Build) Platform() string {
	platform := b.GOOS + "/" + b.GOARCH
	if b.GOARM != "" {
		platform += " GOARM=" + b.GOARM
	}
	return platform
}

// String is one line for a log: "server v1.2.0 linux/arm GOARM=6 (go1.27.3 on Linux 6.1.0)".
func (b Build) String() string {
	return fmt.Sprintf("%s %s %s (%s on %s)", b.Program, b.Version, b.Platform(), b.Go, b.Kernel)
}

// Banner is the greeting that is embedded in every program of the fleet.
func Banner() string {
	return strings.TrimSpace(banner)
}

// ETag is a short name for a text, for HTTP caches: the same on every platform.
func ETag(text string) string {
	return fmt.Sprintf("%q", fmt.Sprintf("%016x", fnv1a([]byte(text))))
}
