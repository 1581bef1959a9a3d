//go:build (!amd64 && !arm64) || purego

package about

func fnv1a(p []byte) uint64 {
	return fnv1aGo(p)
}
