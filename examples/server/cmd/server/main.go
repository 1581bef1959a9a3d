// Command server greets, and says at /version which build of it is running.
//
// Each flag may also come from the environment (-listen is FLEET_LISTEN) or from a file
// of `name = value` lines (-config).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"example.com/fleet/server/about"
	"example.com/fleet/server/internal/web"
	"example.org/flagfill"
)

// version is set by the linker: see x_defs in the BUILD file.
var version = "unversioned"

func main() {
	if err := run(); err != nil {
		log.Fatal("server: ", err)
	}
}

func run() error {
	listen := flag.String("listen", ":8080", "address to listen on; port 0 takes a free one")
	greeting := flag.String("greeting", about.Banner(), "what to say at /")
	config := flag.String("config", "", "file of `name = value` lines with flags that are not given")
	show := flag.Bool("version", false, "print the version and the platform, and exit")
	flag.Parse()
	build := about.Read("server", version)
	if *show {
		fmt.Println(build)
		return nil
	}
	if err := flagfill.FromEnv(flag.CommandLine, "FLEET", os.LookupEnv); err != nil {
		return err
	}
	if *config != "" {
		file, err := os.Open(*config)
		if err != nil {
			return err
		}
		defer file.Close()
		if err := flagfill.FromFile(flag.CommandLine, *config, file); err != nil {
			return err
		}
	}

	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	fmt.Printf("%s listening on %s\n", build, listener.Addr())
	return serve(listener, web.Handler(build, *greeting))
}

// serve answers requests until SIGINT or SIGTERM; then it lets the running ones end.
func serve(listener net.Listener, handler http.Handler) error {
	stop, release := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer release()
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-stop.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		return err
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	fmt.Println("server stopped")
	return nil
}
