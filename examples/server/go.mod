module example.com/fleet/server

go 1.25

require example.org/flagfill v1.2.0
