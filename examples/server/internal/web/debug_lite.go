//go:build lite

package web

import "net/http"

// Small machines do without it: `overrides` in cmd/server/BUILD sets the tag for them.
func addDebug(*http.ServeMux) {}
