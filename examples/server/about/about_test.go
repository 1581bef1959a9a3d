package about

import (
	"bytes"
	"hash/fnv"
	"runtime"
	"strings"
	"testing"
)

func TestAssemblyAgreesWithGo(t *testing.T) {
	for size := range 70 {
		text := bytes.Repeat([]byte{0x00, 0x80, 0xff, byte(size)}, size)[:size]
		hash := fnv.New64a()
		hash.Write(text)
		if got := fnv1a(text); got != hash.Sum64() || got != fnv1aGo(text) {
			t.Errorf("fnv1a of %d bytes: got %x, want %x", size, got, hash.Sum64())
		}
	}
}

func TestReadStatesThePlatform(t *testing.T) {
	build := Read("server", "v1.2.0")
	if build.GOOS != runtime.GOOS || build.GOARCH != runtime.GOARCH {
		t.Errorf("got %s/%s, want %s/%s", build.GOOS, build.GOARCH, runtime.GOOS, runtime.GOARCH)
	}
	if want := "server v1.2.0 " + build.Platform(); !strings.HasPrefix(build.String(), want) {
		t.Errorf("got %q, want it to begin with %q", build, want)
	}
	if (build.GOARM != "") != (build.GOARCH == "arm") {
		t.Errorf("GOARM is %q on %s", build.GOARM, build.GOARCH)
	}
	if build.Kernel == "" {
		t.Error("the kernel is not stated")
	}
}

func TestPlatformStatesGOARM(t *testing.T) {
	build := Build{GOOS: "linux", GOARCH: "arm", GOARM: "6"}
	if got := build.Platform(); got != "linux/arm GOARM=6" {
		t.Errorf("got %q", got)
	}
}

func TestBannerIsEmbedded(t *testing.T) {
	if Banner() != "One source tree, every platform." {
		t.Errorf("got %q", Banner())
	}
	if ETag(Banner()) == ETag("") {
		t.Error("two texts have one ETag")
	}
}
