package app

import "strings"

// hostOf returns the host name of an entry of a plan's hosts, which may have a path.
func hostOf(entry string) string {
	host, _, _ := strings.Cut(entry, "/")
	return host
}

// pathBelow returns the path at which an app answers there.
func pathBelow(entry string) string {
	if _, path, below := strings.Cut(entry, "/"); below {
		return "/" + path + "/"
	}
	return "/"
}
