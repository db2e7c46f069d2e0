package driver

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// MaxReplicas is how many instances of a version may run on one machine.
const MaxReplicas = 64

// Validate says what an instance cannot be run with. The errors begin with the
// key, so that a caller can find its place in the file.
func (c Config) Validate() error {
	var errs []error
	if c.Port < 1 || c.Port > 65535 {
		errs = append(errs, fmt.Errorf("port: %d is not a port from 1 to 65535", c.Port))
	}
	if c.Replicas < 0 || c.Replicas > MaxReplicas {
		errs = append(errs, fmt.Errorf("replicas: %d is not a number of instances from 1 to %d", c.Replicas, MaxReplicas))
	}
	for name := range c.Env {
		if err := validateEnvName(name); err != nil {
			errs = append(errs, fmt.Errorf("env.%s: %w", name, err))
		}
	}
	for i, name := range c.Secrets {
		if err := c.validateSecret(i, name); err != nil {
			errs = append(errs, fmt.Errorf("secrets[%d]: %w", i, err))
		}
	}
	for i, wait := range c.Wait {
		if err := validateWait(wait); err != nil {
			errs = append(errs, fmt.Errorf("wait[%d]: %w", i, err))
		}
	}
	return errors.Join(append(errs, c.Health.validate(), c.validateLimits(), c.validateVolumes())...)
}

func (h Health) validate() error {
	var errs []error
	if !strings.HasPrefix(h.Path, "/") {
		errs = append(errs, fmt.Errorf("health.path: %q must begin with /", h.Path))
	}
	if h.Interval <= 0 {
		errs = append(errs, errors.New("health.interval: must be above 0s"))
	}
	if h.Timeout <= 0 {
		errs = append(errs, errors.New("health.timeout: must be above 0s"))
	}
	if h.Failures < 1 {
		errs = append(errs, errors.New("health.failures: must be at least 1"))
	}
	if h.Start <= 0 {
		errs = append(errs, errors.New("health.start: must be above 0s"))
	}
	return errors.Join(errs...)
}

func validateEnvName(name string) error {
	if name == "" || strings.ContainsAny(name, "=\x00 \t\n") {
		return errors.New("is not a name for an environment variable")
	}
	if name == "PORT" || name == "HOST" {
		return errors.New("is given by davit to each instance; use $(PORT) or $(HOST) in other values")
	}
	return nil
}

// maxSecrets is how many secrets an instance may have.
const maxSecrets = 100

// VariableForm is what the name of a variable that holds a secret looks like.
const VariableForm = `^[A-Za-z_][A-Za-z0-9_]{0,127}$`

var variableForm = regexp.MustCompile(VariableForm)

func (c Config) validateSecret(i int, name string) error {
	_, plain := c.Env[name]
	switch {
	case i >= maxSecrets:
		return fmt.Errorf("at most %d secrets are allowed", maxSecrets)
	case !variableForm.MatchString(name):
		return fmt.Errorf("%q is not the name of a variable: letters, digits and _, no digit first", name)
	case plain:
		return fmt.Errorf("%s is in env, too; its value is either there or kept by davit", name)
	case slices.Contains(c.Secrets[:i], name):
		return fmt.Errorf("%s is there twice", name)
	}
	return validateEnvName(name)
}

func validateWait(wait string) error {
	u, err := url.Parse(wait)
	if err != nil {
		return fmt.Errorf("%q is not a URL such as tcp://127.0.0.1:5432", wait)
	}
	switch u.Scheme {
	case "tcp":
		if _, port, err := net.SplitHostPort(u.Host); err != nil || port == "" {
			return fmt.Errorf("%q names no port, such as tcp://127.0.0.1:5432", wait)
		}
	case "http", "https":
		if u.Host == "" {
			return fmt.Errorf("%q names no host", wait)
		}
	default:
		return fmt.Errorf("%q is neither tcp://, http:// nor https://", wait)
	}
	return nil
}
