package gocmd

import (
	"regexp"
	"strconv"
	"strings"
)

var (
	releaseName  = regexp.MustCompile(`^(\d)(?:\.(\d{1,3}))?(\.\d{1,3}|rc\d{1,2}|beta\d{1,2})?$`)
	distribution = regexp.MustCompile(`^(alpine(3\.\d{1,2})?|(bookworm|trixie|forky|bullseye|buster|stretch|jessie)(-slim)?)$`)
)

// Release reads the tag of an image golang: the version that it names, as in
// "1.22.3" or "1.22", "" for the newest, and whether that is a single release.
// ok is false for what is no release of Go 1.11 or later for Linux: before it
// there are no modules.
func Release(tag string) (version string, exact, ok bool) {
	if tag == "" || tag == "latest" || distribution.MatchString(tag) {
		return "", false, true
	}
	name, system, named := strings.Cut(tag, "-")
	match := releaseName.FindStringSubmatch(name)
	if match == nil || named && !distribution.MatchString(system) {
		return "", false, false
	}
	const first = 11
	minor, err := strconv.Atoi(match[2])
	if match[1] != "1" || match[2] != "" && (err != nil || minor < first) {
		return "", false, false
	}
	return name, match[3] != "", match[2] != "" || match[3] == ""
}
