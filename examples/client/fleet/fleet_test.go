package fleet

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func serve(t *testing.T, status int, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/version" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestVersionReadsTheBuild(t *testing.T) {
	url := serve(t, http.StatusOK, `{"program": "server", "goos": "linux", "goarch": "s390x"}`)
	build, err := Version(context.Background(), url+"/")
	if err != nil || build.Platform() != "linux/s390x" {
		t.Errorf("got %+v, %v", build, err)
	}
}

func TestVersionNamesTheFault(t *testing.T) {
	for want, url := range map[string]string{
		"answers 503 Service Unavailable": serve(t, http.StatusServiceUnavailable, ""),
		"is no server of the fleet":       serve(t, http.StatusOK, "<html>"),
	} {
		if _, err := Version(context.Background(), url); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
