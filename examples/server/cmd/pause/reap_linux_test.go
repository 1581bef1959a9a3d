package main

import (
	"syscall"
	"testing"
	"time"
)

func TestReaperBuriesChildren(t *testing.T) {
	startReaper()
	// Not os/exec: it would wait for the child itself.
	child, err := syscall.ForkExec("/proc/self/exe", []string{"child", "-test.run=^$"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 500 {
		// A zombie still has its process ID; signal 0 only asks whether there is one.
		if syscall.Kill(child, 0) == syscall.ESRCH {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("process %d was never buried", child)
}
