package about

const (
	fnvOffset = 0xcbf29ce484222325
	fnvPrime  = 0x100000001b3
)

// fnv1aGo is the 64-bit FNV-1a hash in pure Go. The tests hold the assembly against it.
func fnv1aGo(p []byte) uint64 {
	hash := uint64(fnvOffset)
	for _, b := range p {
		hash = (hash ^ uint64(b)) * fnvPrime
	}
	return hash
}
