package app

import "strings"

// pathBelow returns the path at which an app answers there.
func pathBelow(entry string) string {
	if _, path, below := strings.Cut(entry, "/"); below {
		return "/" + path + "/"
	}
	return "/"
}
