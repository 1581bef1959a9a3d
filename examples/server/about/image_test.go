package about

import "testing"

func TestImageOfEachPlatform(t *testing.T) {
	const list = "registry.example.com:5000/fleet/pause:1.2"
	for want, build := range map[string]Build{
		"registry.example.com:5000/fleet/pause-amd64:1.2":         {GOOS: "linux", GOARCH: "amd64"},
		"registry.example.com:5000/fleet/pause-s390x:1.2":         {GOOS: "linux", GOARCH: "s390x"},
		"registry.example.com:5000/fleet/pause-arm:1.2":           {GOOS: "linux", GOARCH: "arm", GOARM: "7"},
		"registry.example.com:5000/fleet/pause-armv6:1.2":         {GOOS: "linux", GOARCH: "arm", GOARM: "6"},
		"registry.example.com:5000/fleet/pause-windows-amd64:1.2": {GOOS: "windows", GOARCH: "amd64"},
	} {
		if got := build.Image(list); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := (Build{GOOS: "linux", GOARCH: "arm64"}).Image("registry:5000/pause"); got != "registry:5000/pause-arm64" {
		t.Errorf("got %s", got)
	}
}
