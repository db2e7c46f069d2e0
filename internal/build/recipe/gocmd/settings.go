package gocmd

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// passed are the variables of a Dockerfile that reach the go command. Those that
// say where modules come from and whether they are checked are this machine's,
// since its module cache is shared; where things lie is decided elsewhere.
func passed() map[string]*regexp.Regexp {
	word := regexp.MustCompile(`^[0-9A-Za-z_.,]*$`)
	return map[string]*regexp.Regexp{
		"GOOS": word, "GOARCH": word, "GOARM": word, "GOARM64": word, "GOAMD64": word, "GO386": word,
		"GOMIPS": word, "GOMIPS64": word, "GOPPC64": word, "GORISCV64": word, "GOEXPERIMENT": word,
		"GOFIPS140": regexp.MustCompile(`^[0-9a-z.]*$`),
		// "path" would let a program of the repository's author be found as Go.
		"GOTOOLCHAIN": regexp.MustCompile(`^(local|auto|go1\.[0-9a-z.]+(\+auto)?)$`),
	}
}

// Settings returns what the variables of a Dockerfile set for the go command,
// "NAME=value", sorted. What would start other programs is an error.
func Settings(lookup func(name string) string) ([]string, error) {
	var env []string
	for name, allowed := range passed() {
		value := lookup(name)
		switch {
		case value == "" || value == "local" && name == "GOTOOLCHAIN":
			continue
		case !allowed.MatchString(value):
			return nil, fmt.Errorf("%s=%s is not a value that is understood", name, value)
		}
		env = append(env, name+"="+value)
	}
	if lookup("GO111MODULE") == "off" {
		return nil, fmt.Errorf("GO111MODULE=off: packages outside a module are not built")
	}
	flags, err := goflags(lookup("GOFLAGS"))
	if err != nil {
		return nil, fmt.Errorf("GOFLAGS: %w", err)
	}
	if flags != "" {
		env = append(env, "GOFLAGS="+flags)
	}
	slices.Sort(env)
	return env, nil
}

// goflags lets those of GOFLAGS through that go build may have.
func goflags(text string) (string, error) {
	words, err := splitQuoted(text)
	if err != nil {
		return "", err
	}
	c := Command{}
	for _, word := range words {
		if !strings.HasPrefix(word, "-") {
			return "", fmt.Errorf("%q is not a flag", word)
		}
		f := flag{}
		f.name, f.value, f.hasValue = strings.Cut(strings.TrimLeft(word, "-"), "=")
		if err := c.take(f); err != nil {
			return "", err
		}
	}
	if c.Output != "" || c.Dir != "" {
		return "", fmt.Errorf("%q: -o and -C do not belong there", text)
	}
	for i, f := range c.Flags {
		if strings.ContainsAny(f, " \t\n'\"") {
			if strings.Contains(f, "'") {
				return "", fmt.Errorf("%q has a quote in it", f)
			}
			c.Flags[i] = "'" + f + "'"
		}
	}
	return strings.Join(c.Flags, " "), nil
}
