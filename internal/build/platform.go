package build

import (
	"debug/elf"
	"fmt"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// platforms returns what programs are built for: OCI's name, the go command's
// settings for its variants (go help environment), and what ELF calls it.
func platforms() map[string]platformFacts {
	return map[string]platformFacts{
		"amd64":   {machine: elf.EM_X86_64, setting: "GOAMD64", variants: map[string]string{"v1": "v1", "v2": "v2", "v3": "v3", "v4": "v4"}},
		"arm64":   {machine: elf.EM_AARCH64, setting: "GOARM64", variants: map[string]string{"v8": "v8.0", "v9": "v9.0"}},
		"arm":     {machine: elf.EM_ARM, setting: "GOARM", variants: map[string]string{"v5": "5", "v6": "6", "v7": "7"}, usual: "v7"},
		"386":     {machine: elf.EM_386},
		"riscv64": {machine: elf.EM_RISCV},
		"ppc64le": {machine: elf.EM_PPC64},
		"s390x":   {machine: elf.EM_S390},
		"loong64": {machine: elf.EM_LOONGARCH},
	}
}

type platformFacts struct {
	machine  elf.Machine
	setting  string            // of the go command, for the variant
	variants map[string]string // OCI's names to the setting's values
	usual    string            // the variant that is meant when none is named
}

// ParsePlatform reads "linux/arm64" or "linux/arm/v7".
func ParsePlatform(text string) (v1.Platform, error) {
	parts := strings.Split(text, "/")
	bad := func(reason string) (v1.Platform, error) {
		return v1.Platform{}, fmt.Errorf("%q %s (allowed: linux/ARCH or linux/ARCH/VARIANT with %s)", text, reason, names(platforms()))
	}
	if len(parts) < 2 || len(parts) > 3 || parts[0] != "linux" {
		return bad("is not a platform")
	}
	facts, known := platforms()[parts[1]]
	if !known {
		return bad("is not a platform")
	}
	p := v1.Platform{OS: parts[0], Architecture: parts[1], Variant: facts.usual}
	if len(parts) == 3 {
		if _, known := facts.variants[parts[2]]; !known {
			return bad("has an unknown variant")
		}
		p.Variant = parts[2]
	}
	return p, nil
}

// hostPlatform is that of this machine.
func hostPlatform() v1.Platform {
	return v1.Platform{OS: "linux", Architecture: runtime.GOARCH, Variant: platforms()[runtime.GOARCH].usual}
}

// PlatformEnv returns the settings of the go command for a platform.
func PlatformEnv(p v1.Platform) []string {
	env := []string{"GOOS=" + p.OS, "GOARCH=" + p.Architecture}
	facts := platforms()[p.Architecture]
	if p.Variant != "" {
		env = append(env, facts.setting+"="+facts.variants[p.Variant])
	}
	return env
}

// ParsePlatforms reads a list; an empty one is this machine's.
func ParsePlatforms(list []string) ([]v1.Platform, error) {
	if len(list) == 0 {
		return []v1.Platform{hostPlatform()}, nil
	}
	var parsed []v1.Platform
	for i, text := range list {
		p, err := ParsePlatform(text)
		if err != nil {
			return nil, fmt.Errorf("platforms[%d]: %w", i, err)
		}
		if slices.ContainsFunc(parsed, p.Equals) {
			return nil, fmt.Errorf("platforms[%d]: %s is there twice", i, text)
		}
		parsed = append(parsed, p)
	}
	return parsed, nil
}

// Platforms returns what programs can be built for, without variants.
func Platforms() []string {
	var all []string
	for arch := range platforms() {
		all = append(all, "linux/"+arch)
	}
	slices.Sort(all)
	return all
}
