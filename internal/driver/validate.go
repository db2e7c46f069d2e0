package driver

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// Validate says what an instance cannot be run with. The errors begin with the
// key, so that a caller can find its place in the file.
func (c Config) Validate() error {
	var errs []error
	if c.Port < 1 || c.Port > 65535 {
		errs = append(errs, fmt.Errorf("port: %d is not a port from 1 to 65535", c.Port))
	}
	for name := range c.Env {
		if err := validateEnvName(name); err != nil {
			errs = append(errs, fmt.Errorf("env.%s: %w", name, err))
		}
	}
	for i, wait := range c.Wait {
		if err := validateWait(wait); err != nil {
			errs = append(errs, fmt.Errorf("wait[%d]: %w", i, err))
		}
	}
	return errors.Join(append(errs, c.Health.validate())...)
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
