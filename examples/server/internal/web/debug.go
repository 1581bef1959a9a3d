//go:build !lite

package web

import (
	"encoding/json"
	"net/http"
	"runtime"
)

// addDebug shows what the process uses, as JSON.
func addDebug(mux *http.ServeMux) {
	mux.HandleFunc("GET /debug/memory", func(w http.ResponseWriter, _ *http.Request) {
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]uint64{
			"goroutines": uint64(runtime.NumGoroutine()),
			"heap_bytes": memory.HeapAlloc,
			"sys_bytes":  memory.Sys,
		})
	})
}
