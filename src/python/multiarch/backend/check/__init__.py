"""`pants check`: every package of every platform compiles, and `go vet` is clean."""
