package base

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/davit-dev/davit/internal/x/atomicfile"
)

// Facts is what a base has that a program may need.
type Facts struct {
	OS        string    `json:"os"` // ID of os-release, such as alpine; "" without one
	OSVersion string    `json:"os_version"`
	HasCA     bool      `json:"has_ca"`    // CA roots where Go looks for them
	HasZones  bool      `json:"has_zones"` // time zones
	HasShell  bool      `json:"has_shell"` // /bin/sh
	Loaders   []string  `json:"loaders"`   // absolute paths of dynamic linkers, also by way of /lib and /lib64
	Libraries []string  `json:"libraries"` // absolute paths of shared libraries
	Folders   []string  `json:"folders"`   // without slashes at their ends
	Packages  []Package `json:"packages"`
}

// Package is a package of the base's distribution.
type Package struct {
	Type         string `json:"type"` // "apk" or "deb", as in a package URL
	Name         string `json:"name"`
	Version      string `json:"version"`
	Architecture string `json:"architecture"`
}

// The bounds of what is read of a base.
const (
	mostEntries  = 500_000
	mostDatabase = 64 << 20 // bytes of a list of packages
	factsVersion = "1"
)

// Describe reads what an image has. That is kept, since an image does not change.
func (r *Resolver) Describe(ctx context.Context, image v1.Image) (Facts, error) {
	digest, err := image.ConfigName()
	if err != nil {
		return Facts{}, err
	}
	kept := filepath.Join(r.facts, digest.Hex+"."+factsVersion+".json")
	var facts Facts
	if data, err := os.ReadFile(kept); err == nil && json.Unmarshal(data, &facts) == nil {
		return facts, nil
	}
	if facts, err = describe(ctx, image); err != nil {
		return Facts{}, err
	}
	data, err := json.Marshal(facts)
	if err == nil && os.MkdirAll(r.facts, 0o700) == nil {
		_ = atomicfile.Write(kept, data, 0o600) // else it is read again the next time
	}
	return facts, err
}

func describe(ctx context.Context, image v1.Image) (Facts, error) {
	content := mutate.Extract(image)
	defer content.Close()
	s := survey{links: map[string]string{}}
	archive := tar.NewReader(content)
	for n := 0; ; n++ {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return s.result(), nil
		}
		switch {
		case err != nil:
			return Facts{}, fmt.Errorf("read base: %w", err)
		case ctx.Err() != nil:
			return Facts{}, context.Cause(ctx)
		case n > mostEntries:
			return Facts{}, fmt.Errorf("read base: it has more than %d files", mostEntries)
		}
		if err := s.see(header, archive); err != nil {
			return Facts{}, fmt.Errorf("read base: %s: %w", header.Name, err)
		}
	}
}

// survey collects facts while the files of an image pass by.
type survey struct {
	facts Facts
	links map[string]string // of folders in the root
}

var (
	loaderName  = regexp.MustCompile(`^ld-(linux|musl)[^/]*\.so(\.[0-9]+)*$|^ld(64)?\.so\.[0-9]+$`)
	libraryName = regexp.MustCompile(`\.so(\.[0-9]+)*$`)
)

func (s *survey) see(header *tar.Header, content io.Reader) error {
	name := strings.TrimPrefix(path.Clean("/"+header.Name), "/")
	switch header.Typeflag {
	case tar.TypeDir:
		if name != "" {
			s.facts.Folders = append(s.facts.Folders, name)
		}
		return nil
	case tar.TypeSymlink:
		if !strings.Contains(name, "/") {
			s.links[name] = strings.TrimPrefix(path.Clean("/"+header.Linkname), "/")
			s.facts.Folders = append(s.facts.Folders, name)
		}
	}
	switch base := path.Base(name); {
	case loaderName.MatchString(base):
		s.facts.Loaders = append(s.facts.Loaders, "/"+name)
		s.facts.Libraries = append(s.facts.Libraries, "/"+name)
	case libraryName.MatchString(base):
		s.facts.Libraries = append(s.facts.Libraries, "/"+name)
	}
	return s.seeFile(name, content)
}

func (s *survey) seeFile(name string, content io.Reader) error {
	switch name {
	case "etc/ssl/certs/ca-certificates.crt", "etc/pki/tls/certs/ca-bundle.crt", "etc/ssl/ca-bundle.pem",
		"etc/pki/tls/cacert.pem", "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "etc/ssl/cert.pem":
		s.facts.HasCA = true // where crypto/x509 looks on Linux
	case "bin/sh", "usr/bin/sh":
		s.facts.HasShell = true
	case "etc/os-release", "usr/lib/os-release":
		data, err := limited(content)
		s.release(data)
		return err
	case "lib/apk/db/installed", "usr/lib/apk/db/installed":
		data, err := limited(content)
		s.facts.Packages = append(s.facts.Packages, parseAPK(data)...)
		return err
	case "var/lib/dpkg/status":
		data, err := limited(content)
		s.facts.Packages = append(s.facts.Packages, parseDpkg(data)...)
		return err
	}
	if strings.HasPrefix(name, "usr/share/zoneinfo/") {
		s.facts.HasZones = true
	}
	if dir, file := path.Split(name); dir == "var/lib/dpkg/status.d/" && path.Ext(file) != ".md5sums" {
		data, err := limited(content) // distroless has a file for each package
		s.facts.Packages = append(s.facts.Packages, parseDpkg(data)...)
		return err
	}
	return nil
}

func limited(content io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(content, mostDatabase+1))
	if err == nil && len(data) > mostDatabase {
		err = fmt.Errorf("it is larger than %d bytes", mostDatabase)
	}
	return data, err
}

// release reads os-release(5). Of two, the one that says something counts.
func (s *survey) release(data []byte) {
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		value = strings.Trim(value, `"'`)
		switch {
		case key == "ID" && value != "":
			s.facts.OS = value
		case key == "VERSION_ID" && value != "":
			s.facts.OSVersion = value
		}
	}
}

// result adds the names that files have by way of links in the root: where /lib
// leads to usr/lib, what is in the one is in the other.
func (s *survey) result() Facts {
	for link, target := range s.links {
		for _, list := range []*[]string{&s.facts.Loaders, &s.facts.Libraries} {
			for _, name := range slices.Clone(*list) {
				if rest, found := strings.CutPrefix(name, "/"+target+"/"); found {
					*list = append(*list, "/"+link+"/"+rest)
				}
			}
		}
	}
	for _, list := range [][]string{s.facts.Loaders, s.facts.Libraries, s.facts.Folders} {
		slices.Sort(list)
	}
	slices.SortFunc(s.facts.Packages, func(a, b Package) int {
		return strings.Compare(a.Type+" "+a.Name+" "+a.Version, b.Type+" "+b.Name+" "+b.Version)
	})
	return s.facts
}

// parseAPK reads apk's list of installed packages: paragraphs of lines KEY:VALUE
// (apk-tools, doc/apk-v2.5.scd and the installed database).
func parseAPK(data []byte) []Package {
	return paragraphs(data, func(fields map[string]string) (Package, bool) {
		return Package{"apk", fields["P"], fields["V"], fields["A"]}, true
	}, ":")
}

// parseDpkg reads dpkg's status file (deb-control(5)).
func parseDpkg(data []byte) []Package {
	return paragraphs(data, func(fields map[string]string) (Package, bool) {
		status, said := fields["Status"]
		return Package{"deb", fields["Package"], fields["Version"], fields["Architecture"]},
			!said || strings.HasSuffix(status, " installed")
	}, ": ")
}

func paragraphs(data []byte, read func(map[string]string) (Package, bool), separator string) []Package {
	var all []Package
	for paragraph := range bytes.SplitSeq(data, []byte("\n\n")) {
		fields := map[string]string{}
		for line := range strings.Lines(string(paragraph)) {
			key, value, found := strings.Cut(strings.TrimRight(line, "\r\n"), separator)
			if _, twice := fields[key]; found && !twice && key != "" && key[0] != ' ' {
				fields[key] = strings.TrimSpace(value)
			}
		}
		if p, installed := read(fields); installed && p.Name != "" && p.Version != "" {
			all = append(all, p)
		}
	}
	return all
}
