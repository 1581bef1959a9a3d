// Package fleet talks to the servers of the fleet.
package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"example.com/fleet/server/about"
)

// Version asks the server at an address ("http://host:port") which build of it is running.
func Version(ctx context.Context, server string) (about.Build, error) {
	address := strings.TrimSuffix(server, "/") + "/version"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return about.Build{}, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return about.Build{}, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return about.Build{}, fmt.Errorf("%s answers %s", address, response.Status)
	}
	var build about.Build
	if err := json.NewDecoder(response.Body).Decode(&build); err != nil {
		return about.Build{}, fmt.Errorf("%s is no server of the fleet: %w", address, err)
	}
	return build, nil
}
