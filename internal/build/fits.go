package build

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/davit-dev/davit/internal/build/base"
)

// checkFits says why programs would not run on a base, or not do what they are
// made for, unless build.allow says that it is meant.
func (b *Builder) checkFits(programs []program, on base.Facts) error {
	for _, p := range programs {
		if err := errors.Join(checkLibraries(p, on), b.checkNeeds(p, on)); err != nil {
			return fmt.Errorf("%s does not fit base %s: %w", p.Main.Package, b.cfg.Base, err)
		}
	}
	return b.checkPorts()
}

// checkLibraries compares the dynamic linker and the libraries that a program
// asks for with those that the base has.
func checkLibraries(p program, on base.Facts) error {
	file, err := p.elf()
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	wanted, err := loader(file)
	if err != nil {
		return err
	}
	libraries, err := file.ImportedLibraries()
	if err != nil {
		return fmt.Errorf("read its libraries: %w", err)
	}
	if wanted == "" && len(libraries) == 0 {
		return nil
	}
	if !slices.Contains(on.Loaders, wanted) {
		return fmt.Errorf("it asks for the dynamic linker %q, and the base has %s: "+
			"a program that is linked with C needs a base with the same C library as this machine's (glibc or musl)",
			wanted, orNone(on.Loaders))
	}
	for _, library := range libraries {
		if !slices.ContainsFunc(on.Libraries, func(path string) bool { return strings.HasSuffix(path, "/"+library) }) {
			return fmt.Errorf("it asks for the library %s, which the base does not have", library)
		}
	}
	return nil
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// need is something outside of a program that shows by the functions in it.
type need struct {
	functions []string // any of them
	carried   string   // a function of the package that brings it along
	has       func(base.Facts) bool
	allow     string
	message   string
}

func needs() []need {
	return []need{
		{
			functions: []string{"crypto/x509.SystemCertPool\x00", "net/http.(*Client).do\x00", "crypto/tls.DialWithDialer\x00", "crypto/tls.(*Dialer).DialContext\x00"},
			carried:   "golang.org/x/crypto/x509roots/fallback.",
			has:       func(f base.Facts) bool { return f.HasCA },
			allow:     allowNoRoots,
			message:   "it is a client of TLS, and the base has no CA roots, so it would trust nobody: use base static",
		},
		{
			functions: []string{"time.LoadLocation\x00"},
			carried:   "time/tzdata.",
			has:       func(f base.Facts) bool { return f.HasZones },
			allow:     allowNoZones,
			message:   `it looks up time zones, and the base has none, so it would know UTC alone: use base static, or import _ "time/tzdata"`,
		},
	}
}

// checkNeeds looks for what a program uses in its table of function names, which
// is there in stripped programs too.
func (b *Builder) checkNeeds(p program, on base.Facts) error {
	for _, n := range needs() {
		if n.has(on) || slices.Contains(b.cfg.Allow, n.allow) {
			continue
		}
		found, err := p.mentions(append([]string{n.carried}, n.functions...))
		if err != nil {
			return err
		}
		if !found[n.carried] && len(found) > 0 {
			return fmt.Errorf("%s (build.allow: [%s] says that it does without)", n.message, n.allow)
		}
	}
	return nil
}

// mentions returns which texts are in the program's file.
func (p program) mentions(texts []string) (map[string]bool, error) {
	f, err := os.Open(p.Path)
	if err != nil {
		return nil, fmt.Errorf("open program: %w", err)
	}
	defer f.Close()
	const window, overlap = 1 << 20, 128 // bytes; no text is longer than overlap
	found := map[string]bool{}
	buffer := make([]byte, window)
	kept := 0
	for {
		n, err := io.ReadFull(f, buffer[kept:])
		for _, text := range texts {
			if !found[text] && bytes.Contains(buffer[:kept+n], []byte(text)) {
				found[text] = true
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return found, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read program: %w", err)
		}
		kept = copy(buffer, buffer[len(buffer)-overlap:])
	}
}

// checkPorts is about ports that only root may open.
func (b *Builder) checkPorts() error {
	const firstFree = 1024
	if uid, _, _ := strings.Cut(b.user, ":"); uid == "0" || slices.Contains(b.cfg.Allow, allowLowPort) ||
		slices.Contains(b.cfg.Capabilities, "net_bind_service") {
		return nil
	}
	for _, port := range b.ports {
		number, _, _ := strings.Cut(port, "/")
		if n, err := strconv.Atoi(number); err == nil && n < firstFree {
			return fmt.Errorf("port %d is for root alone, and the user of the image is %s: listen on a port from 1024 on, "+
				"or say build.capabilities: [net_bind_service], or build.allow: [%s] where the kernel is set so", n, b.user, allowLowPort)
		}
	}
	return nil
}
