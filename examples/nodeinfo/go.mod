module example.com/fleet/nodeinfo

go 1.25

require example.com/fleet/server v0.0.0

replace example.com/fleet/server => ../server
