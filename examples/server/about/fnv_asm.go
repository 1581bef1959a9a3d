//go:build (amd64 || arm64) && !purego

package about

// fnv1a is in fnv_amd64.s and fnv_arm64.s.
//
//go:noescape
func fnv1a(p []byte) uint64
