// Package hadolintfile turns the configuration of hadolint, .hadolint.yaml, into
// that of davit check.
//
// Its invariant: what cannot be taken over is said, with its place; a key that is
// not known is a warning only, since the file is hadolint's. It imports no rules.
package hadolintfile

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/rule"
)

// File is what a configuration file of hadolint says.
type File struct {
	Name     string      // of the file; empty: there is none
	Base     rule.Config // the keys that davit.yaml replaces as a whole, over davit's defaults
	Rules    rule.Config // those that davit.yaml adds to: Ignore, Severity and Labels
	Warnings []*Error    // about what is passed over
}

// Error says what is wrong with a file, and where.
type Error struct {
	File         string
	Line, Column int // counted from 1
	Message      string
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// names are those that are looked for, in hadolint's order.
func names() []string { return []string{".hadolint.yaml", ".hadolint.yml"} }

// Load reads the file in a folder, if there is one. What is wrong with it are
// errors of type *Error, joined.
func Load(dir string, set rule.Set) (File, error) {
	for _, name := range names() {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return File{}, fmt.Errorf("read %s: %w", name, err)
		}
		return Parse(name, data, set)
	}
	return File{Base: rule.DefaultConfig()}, nil
}

// Under returns a configuration of davit's with what the file says of rules and
// labels that it does not name itself. It was read over the file's own Config, so
// that the other keys are there already.
func (f File) Under(ours rule.Config, set rule.Set) rule.Config {
	named := map[string]bool{}
	for _, name := range slices.Concat(ours.Ignore, ours.Enable, slices.Collect(maps.Keys(ours.Severity))) {
		if found, known := set.Find(name); known {
			named[found.Code] = true
		}
	}
	ours.Ignore, ours.Severity, ours.Labels = slices.Clone(ours.Ignore), maps.Clone(ours.Severity), maps.Clone(ours.Labels)
	for _, code := range f.Rules.Ignore {
		if !named[code] {
			ours.Ignore = append(ours.Ignore, code)
		}
	}
	for code, severity := range f.Rules.Severity {
		if !named[code] {
			put(&ours.Severity, code, severity)
		}
	}
	for label, format := range f.Rules.Labels {
		if _, set := ours.Labels[label]; !set {
			put(&ours.Labels, label, format)
		}
	}
	return ours
}

func put[V any](m *map[string]V, key string, value V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[key] = value
}

// Parse reads the content of a file. set are the rules that it can be about.
func Parse(name string, data []byte, set rule.Set) (File, error) {
	r := reader{file: File{Name: name, Base: rule.DefaultConfig()}, set: set}
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		line := 1
		if match := yamlLine.FindStringSubmatch(err.Error()); match != nil {
			_, _ = fmt.Sscan(match[1], &line)
		}
		return File{}, &Error{File: name, Line: line, Column: 1, Message: "this is not YAML: " + yamlLine.ReplaceAllString(err.Error(), "")}
	}
	if len(document.Content) > 0 && document.Content[0].ShortTag() != "!!null" {
		r.top(document.Content[0])
	}
	if len(r.errs) > 0 {
		return File{}, errors.Join(r.errs...)
	}
	return r.file, nil
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

type reader struct {
	file   File
	set    rule.Set
	errs   []error
	noFail bool
}

func (r *reader) errorf(n *yaml.Node, format string, args ...any) {
	r.errs = append(r.errs, r.at(n, format, args...))
}

func (r *reader) warnf(n *yaml.Node, format string, args ...any) {
	r.file.Warnings = append(r.file.Warnings, r.at(n, format, args...))
}

func (r *reader) at(n *yaml.Node, format string, args ...any) *Error {
	return &Error{File: r.file.Name, Line: max(n.Line, 1), Column: max(n.Column, 1), Message: fmt.Sprintf(format, args...)}
}

// top reads the keys (hadolint's README, "Configure").
func (r *reader) top(n *yaml.Node) {
	cfg := &r.file.Base
	r.pairs(n, "the file", func(key, value *yaml.Node) {
		switch key.Value {
		case "ignored":
			r.ignore(r.codes(value, key.Value))
		case "override":
			r.override(value)
		case "failure-threshold":
			r.threshold(value)
		case "trustedRegistries":
			cfg.Registries = r.list(value, key.Value)
		case "label-schema":
			r.labels(value)
		case "strict-labels":
			cfg.StrictLabels = r.flag(value, key.Value)
		case "disable-ignore-pragma":
			cfg.Comments = !r.flag(value, key.Value)
		case "no-fail":
			r.noFail = r.flag(value, key.Value)
		case "no-color", "format", "verbose": // how hadolint prints is not how davit does
		default:
			r.warnf(key, "%q is not a key that davit knows; it is passed over", key.Value)
		}
	})
	if r.noFail {
		cfg.FailOn = finding.Never
	}
}

func (r *reader) ignore(codes []string) { r.file.Rules.Ignore = append(r.file.Rules.Ignore, codes...) }

// override gives rules other severities; hadolint's "ignore" switches them off.
func (r *reader) override(n *yaml.Node) {
	r.pairs(n, "override", func(key, value *yaml.Node) {
		codes := r.codes(value, "override."+key.Value)
		severity := finding.Severity(key.Value)
		switch {
		case key.Value == "ignore":
			r.ignore(codes)
		case severity.Valid():
			for _, code := range codes {
				put(&r.file.Rules.Severity, code, severity)
			}
		default:
			r.warnf(key, "%q is not a severity: error, warning, info, style or ignore; it is passed over", key.Value)
		}
	})
}

// threshold reads what makes the check fail. With hadolint's "ignore" and "none"
// any finding does.
func (r *reader) threshold(n *yaml.Node) {
	switch severity := finding.Severity(n.Value); {
	case severity.Valid():
		r.file.Base.FailOn = severity
	case n.Value == "ignore" || n.Value == "none":
		r.file.Base.FailOn = finding.Style
	default:
		r.errorf(n, "failure-threshold: %q is not one of error, warning, info, style, ignore and none", n.Value)
	}
}

func (r *reader) labels(n *yaml.Node) {
	r.pairs(n, "label-schema", func(key, value *yaml.Node) {
		format := rule.LabelFormat(value.Value)
		if value.Value == "rawtext" {
			format = rule.LabelText
		}
		if !slices.Contains(rule.LabelFormats(), format) {
			r.errorf(value, "label-schema.%s: %q is not the format of a label: text, url, semver, hash, rfc3339, spdx or email", key.Value, value.Value)
			return
		}
		put(&r.file.Rules.Labels, key.Value, format)
	})
}

// codes reads a list of rules. Those of hadolint that davit does not have need no
// word; there is nothing to switch off.
func (r *reader) codes(n *yaml.Node, key string) []string {
	var out []string
	for i, name := range r.list(n, key) {
		found, known := r.set.Find(name)
		switch {
		case known:
			out = append(out, found.Code)
		case !hadolintCode.MatchString(name):
			r.warnf(n.Content[i], "%s: %v; it is passed over", key, r.set.Unknown(name))
		}
	}
	return out
}

var hadolintCode = regexp.MustCompile(`^(?i:DL|SC)\d{4}$`)

func (r *reader) list(n *yaml.Node, key string) []string {
	if n.ShortTag() == "!!null" {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		r.errorf(n, "%s must be a list such as [a, b]", key)
		return nil
	}
	out := make([]string, len(n.Content))
	for i, item := range n.Content {
		if item.Kind != yaml.ScalarNode {
			r.errorf(item, "%s[%d] must be text", key, i)
		}
		out[i] = strings.TrimSpace(item.Value)
	}
	return out
}

func (r *reader) flag(n *yaml.Node, key string) bool {
	var on bool
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" || n.Decode(&on) != nil {
		r.errorf(n, "%s must be true or false", key)
	}
	return on
}

func (r *reader) pairs(n *yaml.Node, name string, each func(key, value *yaml.Node)) {
	if n.ShortTag() == "!!null" {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.errorf(n, "%s must be keys with values", name)
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		each(n.Content[i], n.Content[i+1])
	}
}
