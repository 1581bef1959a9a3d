// Package flagfill fills flags that were not given on the command line.
//
// Call FromEnv and then FromFile after flag.Parse: the first source that has a value wins.
package flagfill

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"strings"
)

// FromEnv sets each flag that is still unset from PREFIX_NAME, as lookup finds it.
func FromEnv(flags *flag.FlagSet, prefix string, lookup func(string) (string, bool)) error {
	return fill(flags, func(name string) (string, string, bool) {
		key := prefix + "_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		value, found := lookup(key)
		return value, key, found
	})
}

// FromFile sets each flag that is still unset from lines of the form `name = value`.
// Empty lines and lines that begin with # are skipped; a name that is no flag is an error.
func FromFile(flags *flag.FlagSet, name string, file io.Reader) error {
	values := map[string]string{}
	lines := bufio.NewScanner(file)
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, found := strings.Cut(line, "=")
		key = strings.TrimSpace(key)
		if !found || flags.Lookup(key) == nil {
			return fmt.Errorf("%s:%d: %q sets no known flag; write `name = value`", name, number, line)
		}
		values[key] = strings.TrimSpace(value)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return fill(flags, func(key string) (string, string, bool) {
		value, found := values[key]
		return value, name, found
	})
}

func fill(flags *flag.FlagSet, find func(string) (value, origin string, found bool)) error {
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var failed error
	flags.VisitAll(func(f *flag.Flag) {
		value, origin, found := find(f.Name)
		if !found || given[f.Name] || failed != nil {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			failed = fmt.Errorf("%s: flag -%s: %w", origin, f.Name, err)
		}
	})
	return failed
}
