package verify

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/davit-dev/davit/internal/driver"
)

// NoFiles as Config.HTTP says that no assertion file is read, also when there
// is a folder acceptance/.
const NoFiles = "none"

// DefaultFolder is read when Config.HTTP says nothing and it exists.
const DefaultFolder = "acceptance"

// Config is the verify part of davit.yaml: what is proved in staging before a
// version gets traffic.
type Config struct {
	HTTP string            `yaml:"http"` // assertion file, or folder of them, below the module; "": acceptance/ if there is one
	Load *LoadRun          `yaml:"load"` // nil: none
	Env  map[string]string `yaml:"env"`  // overrides run.env in staging
}

// DefaultConfig returns what a davit.yaml that is silent about it means.
func DefaultConfig() Config { return Config{} }

// Validate says what nothing can be proved with. The errors begin with the key,
// so that a caller can find its place in the file.
func (c Config) Validate() error {
	var errs []error
	if c.HTTP != "" && !filepath.IsLocal(c.HTTP) {
		errs = append(errs, fmt.Errorf("http: %q is not a path below the module's folder", c.HTTP))
	}
	if c.Load != nil {
		errs = append(errs, prefix("load.", c.Load.Validate()))
	}
	return errors.Join(append(errs, validateEnv(c.Env))...)
}

// validateEnv holds the names to the same rules as those of run.env.
func validateEnv(env map[string]string) error {
	run := driver.Default()
	run.Env = env
	return run.Validate()
}

// prefix puts key before each of the errors that were joined in err.
func prefix(key string, err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		if err == nil {
			return nil
		}
		return fmt.Errorf("%s%w", key, err)
	}
	var errs []error
	for _, err := range joined.Unwrap() {
		errs = append(errs, prefix(key, err))
	}
	return errors.Join(errs...)
}
