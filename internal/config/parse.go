package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/davit-dev/davit/internal/check"
)

// Parse reads the content of a davit.yaml; name is what errors call the file.
func Parse(name, modulePath string, data []byte) (Config, error) {
	return parse(name, Default(modulePath), data)
}

// parse reads a file over the defaults that cfg holds.
func parse(name string, cfg Config, data []byte) (Config, error) {
	p := &problems{file: name}
	root := document(p, data)
	if root == nil {
		return cfg, p.join()
	}
	d := &decoder{problems: p, at: map[string]position{"": positionOf(root)}}
	if d.plain(root); len(p.errs) == 0 {
		d.value("", root, reflect.ValueOf(&cfg).Elem())
	}
	if _, named := d.at["hosts"]; !named && validName(cfg.Name) {
		cfg.Hosts = []string{defaultHost(cfg.Name)}
	}
	if len(p.errs) == 0 {
		d.rules(cfg)
	}
	if err := p.join(); err != nil {
		return Config{}, err
	}
	return cfg, nil
}

// document returns the only document of a file, nil when it is empty or cannot
// be read.
func document(p *problems, data []byte) *yaml.Node {
	start := position{1, 1}
	if len(data) > maxFile {
		p.add(start, "", "the file is larger than %d bytes", maxFile)
		return nil
	}
	if at := invalidUTF8(data); at >= 0 {
		before := data[:at]
		line := bytes.Count(before, []byte("\n")) + 1
		column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
		p.add(position{line, column}, "", "the file is not UTF-8 here")
		return nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	err := dec.Decode(&first)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		p.syntax(data, err)
		return nil
	}
	switch err := dec.Decode(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		p.syntax(data, err)
		return nil
	default:
		p.add(positionOf(&second), "", "a second document begins here, the file must hold one")
		return nil
	}
	root := first.Content[0]
	if root.Kind == yaml.ScalarNode && root.ShortTag() == nullTag && root.Value == "" {
		return nil
	}
	return root
}

func invalidUTF8(data []byte) int {
	for at := 0; at < len(data); {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return -1
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

// syntax adds an error of the YAML library, which knows the line only.
func (p *problems) syntax(data []byte, err error) {
	message := err.Error()
	match := yamlLine.FindStringSubmatch(message)
	lines := strings.Split(string(data), "\n")
	line := 1
	if n, err := strconv.Atoi(match[1]); err == nil {
		line = min(max(n, 1), len(lines))
	}
	hint := ""
	if strings.HasPrefix(strings.TrimLeft(lines[line-1], " "), "\t") {
		hint = "YAML is indented with spaces, not with tabs"
	}
	p.add(position{line, 1}, hint, "this is not YAML: %s", message[len(match[0]):])
}

// rules applies what the stages demand of their parts. Their errors begin with
// the key that they are about.
func (d *decoder) rules(cfg Config) {
	d.broken("", cfg.validate())
	d.broken("build", cfg.Build.Validate())
	d.broken("run", cfg.Run.Validate())
	d.broken("verify", cfg.Verify.Validate())
	d.broken("release", cfg.Release.Validate())
	d.broken("check", check.Validate(cfg.Check))
}

func (d *decoder) broken(section string, err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			d.broken(section, err)
		}
		return
	}
	text := err.Error()
	if section != "" {
		text = section + "." + text
	}
	d.add(d.find(section, text), "", "%s", text)
}

// find returns the place of the longest key that a message begins with, or of
// the part that it is about.
func (d *decoder) find(section, message string) position {
	for end := len(message); end > 0; {
		end = strings.LastIndexAny(message[:end], ":.[")
		if end < 0 {
			break
		}
		if at, known := d.at[message[:end]]; known {
			return at
		}
	}
	if at, known := d.at[section]; known {
		return at
	}
	return d.at[""]
}

// position is a place in the file, both from 1.
type position struct {
	line, column int
}

func positionOf(n *yaml.Node) position { return position{max(n.Line, 1), max(n.Column, 1)} }

// String is how a place is named within a message.
func (p position) String() string { return fmt.Sprintf("line %d", p.line) }
