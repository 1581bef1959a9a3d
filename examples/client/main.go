// Command fleetctl asks a server of the fleet which build of it is running.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"example.com/fleet/client/fleet"
	"example.com/fleet/server/about"
)

// version is set by the linker: see x_defs in the BUILD file.
var version = "unversioned"

func main() {
	server := flag.String("server", "http://localhost:8080", "address of the server")
	timeout := flag.Duration("timeout", 10*time.Second, "how long to wait for its answer")
	show := flag.Bool("version", false, "print the client's version and platform, and exit")
	flag.Parse()
	fmt.Println(about.Read("fleetctl", version))
	if *show {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()
	build, err := fleet.Version(ctx, *server)
	if err != nil {
		fmt.Fprintln(os.Stderr, "fleetctl:", err)
		os.Exit(1)
	}
	fmt.Println(build)
}
