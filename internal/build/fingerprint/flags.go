package fingerprint

import (
	"fmt"
	"slices"
	"strings"
)

// outside says why a build reads what nobody can list, "" when it does not.
func (r Request) outside() string {
	switch cgo := variable(r.Env, "CGO_ENABLED"); {
	case cgo != "0" && cgo != "1":
		return "CGO_ENABLED is not set, so that it depends on the C compilers on this machine"
	case variable(r.Env, "GOFLAGS") != "":
		return "GOFLAGS is set"
	case variable(r.Env, "GOENV") != "off":
		return "GOENV is not off"
	}
	stamped := true // that is what go build does with revisions
	for _, flag := range r.Flags {
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(flag, "-"), "-"), "=")
		if !strings.HasPrefix(flag, "-") || !known(name, value) {
			return fmt.Sprintf("it is not known what the flag %q lets the go command read", flag)
		}
		if name == "buildvcs" {
			stamped = value != "false"
		}
	}
	if stamped {
		return "without -buildvcs=false the revision is a part of programs"
	}
	return ""
}

// known says whether a flag of go build lets it read nothing, or only what the
// fingerprint reads as well.
func known(name, value string) bool {
	switch name {
	case "a", "buildvcs", "mod", "modcacherw", "p", "pgo", "tags", "trimpath", "v", "x":
		return true
	case "buildmode":
		return value == "exe" || value == "default" || value == "pie"
	case "ldflags":
		return onlyFlags(value, "B", "X", "buildid", "compressdwarf", "s", "w")
	case "gcflags":
		return onlyFlags(value, "B", "N", "c", "l", "lang", "m", "spectre")
	}
	return false
}

// onlyFlags says whether all that could be a flag of the compiler or the linker
// in a text is among names.
func onlyFlags(text string, names ...string) bool {
	// "all=-N -l" names packages first (go help build).
	if pattern, rest, found := strings.Cut(text, "="); found && !strings.HasPrefix(strings.TrimSpace(pattern), "-") {
		text = rest
	}
	for word := range strings.FieldsSeq(text) {
		word = strings.TrimLeft(word, `'"`)
		name, _, _ := strings.Cut(strings.Trim(word, `-'"`), "=")
		if strings.HasPrefix(word, "-") && !slices.Contains(names, name) {
			return false
		}
	}
	return true
}

// profile returns the file of -pgo, "" when no flag names one.
func (r Request) profile() string {
	file := ""
	for _, flag := range r.Flags {
		if value, found := strings.CutPrefix(strings.TrimLeft(flag, "-"), "pgo="); found {
			file = value
		}
	}
	if file == "off" || file == "auto" {
		return ""
	}
	return file
}
