package hadolint

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleArchive() rule.Rule {
	return rule.Rule{
		Code:     "DL3010",
		Severity: finding.Info,
		Title:    "Let ADD unpack archives",
		Why: "An archive that is copied and unpacked by a RUN stays in its layer for good, " +
			"twice the size and for nothing. ADD unpacks it on the way in.",
		Dockerfile: checkArchive,
	}
}

func checkArchive(p *rule.Pass, d *project.Dockerfile) {
	for _, s := range d.All() {
		var unpacked []string // archives that a command further down unpacks
		for _, run := range s.Runs {
			for _, c := range run.Commands {
				unpacked = append(unpacked, archivesOf(c)...)
			}
		}
		for _, i := range s.Instructions {
			if in := inner(i); in.Name == "COPY" && len(unpacked) > 0 && len(in.Args) > 1 {
				copied(p, d, in, unpacked)
			}
		}
	}
}

func copied(p *rule.Pass, d *project.Dockerfile, i *dockerfile.Instruction, unpacked []string) {
	if _, found := i.Flag("from"); found {
		return // ADD cannot take files from there
	}
	last := len(i.Args) - 1
	for _, source := range i.Args[:last] {
		name := baseName(bare(source))
		if as := baseName(bare(i.Args[last])); isArchive(as) {
			name = as
		}
		if slices.Contains(unpacked, name) {
			p.Report(d.File, rule.Report{
				At:      source.Span(),
				Message: fmt.Sprintf("%s is copied and unpacked later, and both stay in the image; ADD unpacks it right away", source),
			})
		}
	}
}

// archivesOf returns the names of the archives that a command unpacks, without
// their folders.
func archivesOf(c *project.Command) []string {
	unpacks := holdsTar
	switch c.Name() {
	case "tar", "bsdtar":
		if !extracts(c) {
			return nil
		}
		unpacks = isArchive // whatever tar reads is a tar
	case "unzip", "gunzip", "bunzip2", "unxz", "unlzma", "uncompress", "unzstd", "zcat", "bzcat", "xzcat", "zstdcat":
	default:
		return nil
	}
	var names []string
	for _, a := range c.Args[1:] {
		value := a.Text
		if strings.HasPrefix(value, "--") {
			_, value, _ = strings.Cut(value, "=")
		}
		if name := baseName(value); unpacks(name) {
			names = append(names, name)
		}
	}
	return names
}

// extracts reads the options of tar, which may be without a dash in the first
// argument.
func extracts(c *project.Command) bool {
	for k, a := range c.Args[1:] {
		switch {
		case a.Text == "--extract" || a.Text == "--get":
			return true
		case strings.HasPrefix(a.Text, "--"):
		case (strings.HasPrefix(a.Text, "-") || k == 0) && strings.Contains(a.Text, "x"):
			return true
		}
	}
	return false
}

func baseName(name string) string {
	return name[strings.LastIndexAny(name, `/\`)+1:]
}

// holdsTar knows the names of tar files, compressed or not. A compressed file
// of another kind is nothing that ADD unpacks.
func holdsTar(name string) bool {
	stem := strings.TrimSuffix(name, path.Ext(name))
	return isArchive(name) && (path.Ext(stem) == ".tar" || path.Ext(name) == ".tar" || strings.HasPrefix(path.Ext(name), ".t"))
}
