module example.com/fleet/client

go 1.25

require example.com/fleet/server v0.0.0

// The shared library is in the same repository: its sources are used as they are.
replace example.com/fleet/server => ../server
