// Command pause does nothing until it is told to stop. As process 1 of a container or of a pod it
// holds the namespaces open and buries the processes that lost their parents.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"example.com/fleet/server/about"
)

// version is set by the linker: see x_defs in the BUILD file.
var version = "unversioned"

func main() {
	show := flag.Bool("v", false, "print the version and the platform, and exit")
	flag.Parse()
	if *show {
		fmt.Println(about.Read("pause", version))
		return
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	startReaper()
	fmt.Fprintln(os.Stderr, "pause: stopped by", <-stop)
}
