package ko

import (
	"encoding/json"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// variables returns an environment by name; of equal names the last one counts.
func variables(environ []string) map[string]string {
	all := map[string]string{}
	for _, variable := range environ {
		if name, value, found := strings.Cut(variable, "="); found && name != "" {
			all[name] = value
		}
	}
	return all
}

// isKoVariable tells ko's variables from all others.
func isKoVariable(name string) bool {
	return strings.HasPrefix(name, "KO_") || name == "KOCACHE"
}

// readEnvironment lets the environment win over the file. As in ko, a variable
// that is empty is not set.
func (c *Config) readEnvironment() error {
	if base, set := c.variable("KO_DEFAULTBASEIMAGE"); set {
		if err := checkBase(base); err != nil {
			return err
		}
		c.base = base
	}
	for name, into := range map[string]*[]text{
		"KO_DEFAULTENV": &c.env, "KO_DEFAULTFLAGS": &c.flags, "KO_DEFAULTLDFLAGS": &c.ldflags,
	} {
		if value, set := c.variable(name); set {
			*into = spread(value, strings.Fields)
		}
	}
	if err := c.readOverrides(); err != nil {
		return err
	}
	if err := c.readPlatforms(); err != nil {
		return err
	}
	if builds, set := c.variable("KO_BUILDS"); set {
		return builds.at.errorf("write it into .ko.yaml and unset the variable", "builds cannot come from the environment, in ko neither")
	}
	return c.checkGo()
}

func (c *Config) variable(name string) (text, bool) {
	value := c.environ[name]
	return text{value, place{file: name}}, value != ""
}

// readOverrides reads a JSON object, which is what ko takes here.
func (c *Config) readOverrides() error {
	value, set := c.variable("KO_BASEIMAGEOVERRIDES")
	if !set {
		return nil
	}
	var all map[string]string
	if err := json.Unmarshal([]byte(value.value), &all); err != nil {
		return value.at.errorf(`write it as {"example.com/orders/cmd/api":"debian:13"}`, "not a JSON object of texts: %w", err)
	}
	c.overrides = nil
	for _, importPath := range slices.Sorted(maps.Keys(all)) {
		base := text{all[importPath], value.at}
		if err := checkBase(base); err != nil {
			return err
		}
		c.overrides = append(c.overrides, override{importPath, base})
	}
	return nil
}

// readPlatforms reads KO_DEFAULTPLATFORMS or, where nothing names a platform,
// GOOS, GOARCH and GOARM as ko does.
func (c *Config) readPlatforms() error {
	if value, set := c.variable("KO_DEFAULTPLATFORMS"); set {
		c.platforms = splitPlatforms([]text{value})
		if err := checkPlatforms(c.platforms); err != nil {
			return err
		}
	}
	if len(c.platforms) > 0 {
		for _, name := range []string{"GOOS", "GOARCH", "GOARM"} {
			if value, set := c.variable(name); set {
				return value.at.errorf("unset it", "%s=%s is set, and so are platforms (%s): one of them is not meant", name, value.value, c.platforms[0].at)
			}
		}
		return nil
	}
	goos, setOS := c.variable("GOOS")
	arch, setArch := c.variable("GOARCH")
	if !setOS || !setArch {
		return nil
	}
	platform := goos.value + "/" + arch.value
	if variant, set := c.variable("GOARM"); set && arch.value == "arm" {
		platform += "/v" + strings.TrimSuffix(strings.TrimSuffix(variant.value, ",softfloat"), ",hardfloat")
	}
	c.platforms = []text{{platform, place{file: "GOOS and GOARCH"}}}
	if err := checkPlatforms(c.platforms); err != nil {
		return err
	}
	return nil
}

// checkGo refuses a KO_GO_PATH that means another go command than the one that
// davit runs.
func (c *Config) checkGo() error {
	wanted, set := c.variable("KO_GO_PATH")
	if !set || wanted.value == "go" {
		return nil
	}
	here, err := exec.LookPath("go")
	if err == nil {
		here, err = filepath.EvalSymlinks(here)
	}
	there, otherErr := exec.LookPath(wanted.value)
	if otherErr == nil {
		there, otherErr = filepath.EvalSymlinks(there)
	}
	if err == nil && otherErr == nil && here == there {
		return nil
	}
	return wanted.at.errorf("put its folder first on PATH and unset the variable; davit.lock pins the toolchain",
		"%q is not the go command on PATH, which davit runs", wanted.value)
}
