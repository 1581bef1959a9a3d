// Command nodeinfo says what the C library knows of the machine it runs on: the size of a page, the
// user's name and the addresses of host names, which nsswitch.conf may take from anywhere.
package main

// #include "page.h"
import "C"

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/user"

	"example.com/fleet/server/about"
)

// version is set by the linker: see x_defs in the BUILD file.
var version = "unversioned"

func main() {
	flag.Parse()
	fmt.Println(about.Read("nodeinfo", version))
	fmt.Printf("C library: %s, pages of %d bytes\n", C.GoString(C.c_library()), C.page_size())
	if me, err := user.Current(); err != nil {
		fmt.Println("user:", err)
	} else {
		fmt.Printf("user: %s (%s)\n", me.Username, me.Uid)
	}
	for _, host := range flag.Args() {
		addresses, err := net.LookupHost(host)
		if err != nil {
			fmt.Fprintln(os.Stderr, "nodeinfo:", err)
			os.Exit(1)
		}
		fmt.Printf("%s: %v\n", host, addresses)
	}
}
