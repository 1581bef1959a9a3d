//go:build !linux && !darwin && !windows

package about

import "runtime"

func kernel() string {
	return runtime.GOOS
}
