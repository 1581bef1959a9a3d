package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"example.com/fleet/server/about"
)

func get(path string, header ...string) *httptest.ResponseRecorder {
	build := about.Build{Program: "server", Version: "v1.2.0", GOOS: "linux", GOARCH: "arm", GOARM: "6"}
	request := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response := httptest.NewRecorder()
	Handler(build, "hello").ServeHTTP(response, request)
	return response
}

func TestVersionStatesTheBuild(t *testing.T) {
	var got about.Build
	if err := json.Unmarshal(get("/version").Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Version != "v1.2.0" || got.Platform() != "linux/arm GOARM=6" {
		t.Errorf("got %+v", got)
	}
}

func TestGreetingIsCached(t *testing.T) {
	first := get("/")
	if first.Body.String() != "hello\n" {
		t.Errorf("got %q", first.Body)
	}
	second := get("/", "If-None-Match", first.Header().Get("ETag"))
	if second.Code != http.StatusNotModified {
		t.Errorf("got status %d", second.Code)
	}
}

func TestUnknownPathIsNotFound(t *testing.T) {
	if got := get("/nowhere").Code; got != http.StatusNotFound {
		t.Errorf("got status %d", got)
	}
}
