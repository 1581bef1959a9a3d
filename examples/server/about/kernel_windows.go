package about

import (
	"fmt"
	"syscall"
	"unsafe"
)

var rtlGetNtVersionNumbers = syscall.NewLazyDLL("ntdll.dll").NewProc("RtlGetNtVersionNumbers")

func kernel() string {
	if rtlGetNtVersionNumbers.Find() != nil {
		return "Windows"
	}
	var major, minor, build uint32
	rtlGetNtVersionNumbers.Call(
		uintptr(unsafe.Pointer(&major)),
		uintptr(unsafe.Pointer(&minor)),
		uintptr(unsafe.Pointer(&build)),
	)
	// The top four bits say whether this is a checked or a free build.
	return fmt.Sprintf("Windows %d.%d.%d", major, minor, build&0x0fffffff)
}
