package main

import (
	"os"
	"os/signal"
	"syscall"
)

// startReaper waits for every child that ends, its own or an orphan that process 1 was given.
func startReaper() {
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	go func() {
		for range children {
			for reap() {
			}
		}
	}()
}

// reap buries one dead child, and says whether there was one.
func reap() bool {
	for {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if err != syscall.EINTR {
			return pid > 0
		}
	}
}
