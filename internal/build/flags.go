package build

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// What davit.yaml may pass to the go command is a list of what is known to
// change the program and nothing else. Many other flags and variables start
// programs (-toolexec, -extld, CC), write files (-o, -cpuprofile) or read some
// from anywhere (-overlay), and davit.yaml comes with the tree, from anybody.

// buildFlags returns the flags of go build that are passed on.
func buildFlags() []string { return []string{"gcflags", "mod", "p", "pgo"} }

// compilerFlags returns what -gcflags may hold.
func compilerFlags() []string { return []string{"B", "N", "c", "l", "lang", "spectre"} }

// linkerFlags returns what build.ldflags may hold.
func linkerFlags() []string { return []string{"B", "X", "buildid", "compressdwarf", "s", "w"} }

// buildVariables returns what build.env may set, with the values that are
// allowed.
func buildVariables() map[string]*regexp.Regexp {
	list := regexp.MustCompile(`^[^\x00\r\n]*$`)
	return map[string]*regexp.Regexp{
		"GOAMD64": regexp.MustCompile(`^v[1-4]$`),
		// "path" would let a file of the tree's author be found as a toolchain.
		"GOTOOLCHAIN":  regexp.MustCompile(`^(local|auto|go1\.[0-9a-z.]+(\+auto)?)$`),
		"GOEXPERIMENT": list, "GOFIPS140": list,
		"GOPROXY": list, "GOPRIVATE": list, "GONOPROXY": list, "GONOSUMDB": list, "GOSUMDB": list,
	}
}

func validateBuildEnv(name, value string) error {
	allowed, found := buildVariables()[name]
	switch {
	case name == "GOFLAGS":
		return errors.New("is not passed on; use build.flags, build.tags and build.ldflags")
	case name == "GOOS" || name == "GOARCH":
		return errors.New("is not passed on; use build.platforms")
	case name == "CGO_ENABLED":
		return errors.New("is not passed on; use build.cgo")
	case !found:
		return fmt.Errorf("is not passed on (allowed: %s)", names(buildVariables()))
	case !allowed.MatchString(value):
		return fmt.Errorf("%q is not a value for it (allowed: %s)", value, allowed)
	}
	return nil
}

func validateFlag(flag string) error {
	name, value, found := strings.Cut(strings.TrimLeft(flag, "-"), "=")
	switch {
	case !strings.HasPrefix(flag, "-"):
		return fmt.Errorf("%q does not begin with -; write a flag and its value as one item, -name=value", flag)
	case name == "tags" || name == "ldflags":
		return fmt.Errorf("%q: use build.%s", flag, name)
	case !slices.Contains(buildFlags(), name):
		return fmt.Errorf("%q is not passed on (allowed: -%s)", flag, strings.Join(buildFlags(), ", -"))
	case !found || value == "":
		return fmt.Errorf("%q has no value; write -%s=value", flag, name)
	case name == "mod" && value != "readonly" && value != "vendor":
		return fmt.Errorf("%q is not supported (allowed: -mod=readonly, -mod=vendor), since it may change go.mod", flag)
	case name == "gcflags":
		return validateCompilerFlags(value)
	}
	return nil
}

func validateCompilerFlags(value string) error {
	// "all=-N -l" names packages first (go help build).
	if pattern, rest, found := strings.Cut(value, "="); found && !strings.HasPrefix(value, "-") {
		if strings.ContainsAny(pattern, " \t\n'\"") {
			return fmt.Errorf("gcflags: %q is not a package pattern", pattern)
		}
		value = rest
	}
	return validateToolFlags("gcflags", value, compilerFlags())
}

func validateLdflags(flags []string) error {
	return validateToolFlags("ldflags", strings.Join(flags, " "), linkerFlags())
}

// validateToolFlags looks at each word that could be a flag. What follows -X or
// another flag as a word of its own does not begin with a dash, and a word that
// does could be one, so it has to be allowed.
func validateToolFlags(key, text string, allowed []string) error {
	words := strings.Fields(text)
	for i, word := range words {
		bare := strings.TrimLeft(word, `'"`)
		if !strings.HasPrefix(bare, "-") {
			if i == 0 {
				return fmt.Errorf("%s: %q does not begin with -", key, word)
			}
			continue
		}
		name, _, _ := strings.Cut(strings.TrimRight(strings.TrimLeft(bare, "-"), `'"`), "=")
		if !slices.Contains(allowed, name) {
			return fmt.Errorf("%s: %q is not passed on (allowed: -%s)", key, word, strings.Join(allowed, ", -"))
		}
	}
	return nil
}

var buildTag = regexp.MustCompile(`^[\p{L}\p{Nd}_.]+$`)

func validateTag(tag string) error {
	if !buildTag.MatchString(tag) {
		return fmt.Errorf("%q is not a build tag (letters, digits, _ and .)", tag)
	}
	return nil
}

func names[V any](m map[string]V) string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return strings.Join(keys, ", ")
}
