// Package web is what the server serves.
package web

import (
	"encoding/json"
	"fmt"
	"net/http"

	"example.com/fleet/server/about"
)

// Handler serves the greeting at /, the build at /version and the health check at /healthz.
func Handler(build about.Build, greeting string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		etag := about.ETag(greeting)
		w.Header().Set("ETag", etag)
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		fmt.Fprintln(w, greeting)
	})
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(build)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "ok")
	})
	addDebug(mux)
	return mux
}
