package tree

import (
	"fmt"
	"strconv"
)

// quoteName returns a name for an error message: as it is, or quoted where a
// terminal or a reader could be misled.
func quoteName(s string) string {
	if plain(s) {
		return s
	}
	return strconv.Quote(s)
}

// plain reports whether s stands in a ledger as it is: printable ASCII that
// doesn't begin with a quote. The empty string is not plain.
func plain(s string) bool {
	if s == "" || s[0] == '"' {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// appendField appends s as a field of a canonical line. Quoting is to ASCII:
// which other characters count as printable changes with Go's Unicode tables.
func appendField(b []byte, s string) []byte {
	if plain(s) {
		return append(b, s...)
	}
	return strconv.AppendQuoteToASCII(b, s)
}

func quoteField(s string) string { return string(appendField(nil, s)) }

// parseField reads what appendField wrote.
func parseField(f string) (string, error) {
	if plain(f) {
		return f, nil
	}
	s, err := strconv.Unquote(f)
	if err != nil {
		return "", fmt.Errorf("field %q: bad quoting", f)
	}
	return s, nil
}
