package about

import "strings"

// Image names an image for the running program's platform, where a registry has no manifest lists:
// of "registry.example.com/fleet/pause:1.2" it is "registry.example.com/fleet/pause-arm64:1.2".
// Where it has them, the name of the list serves every platform, and this is not needed.
func (b Build) Image(list string) string {
	suffix := b.GOARCH
	// 7 is what a plain arm is.
	if b.GOARCH == "arm" && b.GOARM != "" && b.GOARM != "7" {
		suffix += "v" + b.GOARM
	}
	if b.GOOS != "linux" {
		suffix = b.GOOS + "-" + suffix
	}
	name, tag := list, ""
	// A colon before the last slash is that of a port.
	if at := strings.LastIndex(list, ":"); at > strings.LastIndex(list, "/") {
		name, tag = list[:at], list[at:]
	}
	return name + "-" + suffix + tag
}
