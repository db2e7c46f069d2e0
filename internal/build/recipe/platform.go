package recipe

import (
	"fmt"
	"regexp"
	"runtime"
	"strings"
)

// platform is a system and a processor.
type platform struct{ os, arch, variant string }

var platformWord = regexp.MustCompile(`^[a-z0-9]+$`)

// parsePlatform reads "linux/arm/v7".
func parsePlatform(text string) (platform, error) {
	parts := strings.Split(strings.ToLower(text), "/")
	for _, part := range parts {
		if !platformWord.MatchString(part) {
			return platform{}, fmt.Errorf("%q is not a platform (allowed: linux/amd64, linux/arm64, linux/arm/v7 …)", text)
		}
	}
	p := platform{os: parts[0]}
	switch len(parts) {
	case 2, 3:
		p.arch = parts[1]
		if len(parts) == 3 {
			p.variant = parts[2]
		}
	default:
		return platform{}, fmt.Errorf("%q is not a platform (allowed: linux/amd64, linux/arm64, linux/arm/v7 …)", text)
	}
	if p.arch == "arm64" && p.variant == "v8" {
		p.variant = ""
	}
	if p.arch == "arm" && p.variant == "" {
		p.variant = "v7"
	}
	return p, nil
}

// String returns the form "linux/arm/v7".
func (p platform) String() string {
	if p.variant == "" {
		return p.os + "/" + p.arch
	}
	return p.os + "/" + p.arch + "/" + p.variant
}

// goarm is the value of GOARM.
func (p platform) goarm() string {
	if p.arch != "arm" {
		return ""
	}
	return strings.TrimPrefix(p.variant, "v")
}

// buildPlatform is this machine's, as a builder in a Linux container has it.
func buildPlatform() platform {
	p, err := parsePlatform("linux/" + runtime.GOARCH)
	if err != nil {
		return platform{os: "linux", arch: "amd64"}
	}
	return p
}
