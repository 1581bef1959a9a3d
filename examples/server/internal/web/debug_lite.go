//go:build lite

package web

import "net/http"

// Small machines do without the profiler: `overrides` in cmd/server/BUILD sets the tag for them.
func addDebug(*http.ServeMux) {}
