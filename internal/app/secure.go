package app

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/davit-dev/davit/internal/certificate"
	"github.com/davit-dev/davit/internal/release/traffic"
	"github.com/davit-dev/davit/internal/x/quantity"
)

// What becomes of plain production requests for a host with a certificate.
const (
	PlainRedirect = "redirect" // they are sent to https
	PlainServe    = "serve"
)

// SecureConfig is production traffic in TLS.
type SecureConfig struct {
	Listen string        // address; "": there is none
	Plain  string        // PlainRedirect or PlainServe; "" means PlainRedirect
	Port   int           // at which clients reach it; 0: where it listens
	HSTS   time.Duration // for which browsers are told to come in https only; 0: they are not
	ACME   certificate.ACME
}

// maxPort is the largest number of a TCP port.
const maxPort = 1<<16 - 1

// Validate says which flags do not go together, or are out of range.
func (c SecureConfig) Validate() error {
	switch {
	case c.Plain != "" && c.Plain != PlainRedirect && c.Plain != PlainServe:
		return fmt.Errorf("--plain: %q is neither %s nor %s", c.Plain, PlainRedirect, PlainServe)
	case c.Port < 0 || c.Port > maxPort:
		return fmt.Errorf("--edge-tls-port: %d is not from 1 to %d", c.Port, maxPort)
	case c.HSTS%time.Second != 0:
		return fmt.Errorf("--hsts: %s is not in whole seconds", c.HSTS)
	}
	if err := c.ACME.Validate(); err != nil {
		return err
	}
	if c.Listen != "" {
		return nil
	}
	for flag, given := range map[string]bool{
		"--plain": c.Plain == PlainServe, "--edge-tls-port": c.Port != 0, "--hsts": c.HSTS != 0, "--acme-email": c.ACME.Email != "",
	} {
		if given {
			return errors.New(flag + " needs --edge-tls: the address of production traffic in TLS")
		}
	}
	return nil
}

// args returns c as flags of 'davit serve'.
func (c SecureConfig) args() []string {
	if c.Listen == "" {
		return nil
	}
	args := []string{"--edge-tls", c.Listen}
	if c.Plain == PlainServe {
		args = append(args, "--plain", c.Plain)
	}
	if c.Port != 0 {
		args = append(args, "--edge-tls-port", strconv.Itoa(c.Port))
	}
	if c.HSTS != 0 {
		args = append(args, "--hsts", c.HSTS.String())
	}
	for _, acme := range [][2]string{
		{"--acme-email", c.ACME.Email}, {"--acme-directory", c.ACME.Directory}, {"--acme-root", c.ACME.RootFile},
	} {
		if acme[1] != "" {
			args = append(args, acme[:]...)
		}
	}
	return args
}

// shows returns what the edge is to show.
func (c SecureConfig) shows(certificates []string) traffic.Secure {
	return traffic.Secure{
		Redirect: c.Plain != PlainServe, Port: c.Port, HSTS: quantity.Duration(c.HSTS), Certificates: certificates,
	}
}
