package about

import "syscall"

func kernel() string {
	release, err := syscall.Sysctl("kern.osrelease")
	if err != nil {
		return "Darwin"
	}
	return "Darwin " + release
}
