package ko

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Scheme begins a reference to a main package in YAML.
const Scheme = "ko://"

// Manifest is a stream of YAML documents, or JSON, with references to main
// packages: texts, also keys, that begin with Scheme.
type Manifest struct {
	name string
	data []byte
	docs []*yaml.Node
	refs []reference // in the order of the text
}

// reference is a text that names a main package, and where in the data it is.
type reference struct {
	importPath string
	at         place
	span       span
}

// ParseManifest finds the references in data. name is what errors call it.
func ParseManifest(name string, data []byte) (Manifest, error) {
	m := Manifest{name: name, data: data}
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return Manifest{}, place{name, 1, 1}.errorf("save it as UTF-8", "the file is in UTF-16")
	}
	var err error
	if m.docs, err = decode(data); err != nil {
		return Manifest{}, syntaxError(name, err)
	}
	lines := newLines(data)
	for _, doc := range m.docs {
		if err := m.find(doc, lines); err != nil {
			return Manifest{}, err
		}
	}
	slices.SortFunc(m.refs, func(a, b reference) int { return a.span.start - b.span.start })
	return m, nil
}

func decode(data []byte) ([]*yaml.Node, error) {
	var docs []*yaml.Node
	for decoder := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var doc yaml.Node
		if err := decoder.Decode(&doc); errors.Is(err, io.EOF) {
			return docs, nil
		} else if err != nil {
			return nil, err
		}
		docs = append(docs, &doc)
	}
}

// isReference tells whether a node is a text that names a main package.
func isReference(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" && strings.HasPrefix(n.Value, Scheme)
}

// find adds the references below n. Aliases need no change of their own: they
// follow what they stand for.
func (m *Manifest) find(n *yaml.Node, lines lines) error {
	if isReference(n) {
		return m.add(n, lines)
	}
	for _, child := range n.Content {
		if err := m.find(child, lines); err != nil {
			return err
		}
	}
	return nil
}

// notPath matches what no import path holds (go help importpath).
var notPath = regexp.MustCompile("[\\s\\pC!\"#$%&'()*,:;<=>?[\\\\\\]^`{|}]")

func (m *Manifest) add(n *yaml.Node, lines lines) error {
	at := place{m.name, n.Line, n.Column}
	written := strings.TrimSpace(n.Value)
	importPath := strings.TrimPrefix(written, Scheme)
	if importPath == "" || notPath.MatchString(importPath) {
		return at.errorf("write the import path of a main package after ko://", "%q is not a reference to a package", written)
	}
	where, ok := lines.locate(n, written)
	if !ok {
		return at.errorf("write it as one word on one line", "%q is written in a way that cannot be replaced", written)
	}
	m.refs = append(m.refs, reference{importPath, at, where})
	return nil
}

// ImportPaths returns the import paths that are referred to, each once, in the
// order of the text.
func (m Manifest) ImportPaths() []string {
	var all []string
	for _, ref := range m.refs {
		if !slices.Contains(all, ref.importPath) {
			all = append(all, ref.importPath)
		}
	}
	return all
}

// first returns where an import path is referred to first.
func (m Manifest) first(importPath string) (place, bool) {
	for _, ref := range m.refs {
		if ref.importPath == importPath {
			return ref.at, true
		}
	}
	return place{}, false
}

// imageReference matches what can stand for a reference in YAML of any style.
var imageReference = regexp.MustCompile(`^[!-~]+$`)

// Replace returns the text with the images in place of the references to their
// import paths. All other bytes stay. What comes out is read again: where it would
// not mean just that, Replace fails.
func (m Manifest) Replace(images map[string]string) ([]byte, error) {
	var out bytes.Buffer
	from := 0
	for _, ref := range m.refs {
		image, known := images[ref.importPath]
		if !known {
			return nil, ref.at.errorf("", "no image was built for %s", ref.importPath)
		}
		if !imageReference.MatchString(image) {
			return nil, ref.at.errorf("", "%q is not the reference of an image", image)
		}
		out.Write(m.data[from:ref.span.start])
		out.WriteString(ref.span.write(image))
		from = ref.span.end
	}
	out.Write(m.data[from:])
	if err := m.verify(out.Bytes(), images); err != nil {
		return nil, m.refs[0].at.errorf("put the references into quotes", "images cannot be put in place here: %w", err)
	}
	return out.Bytes(), nil
}

// verify tells whether data is what the manifest says, with images in place of
// the references.
func (m Manifest) verify(data []byte, images map[string]string) error {
	if len(m.refs) == 0 {
		return nil
	}
	docs, err := decode(data)
	if err != nil {
		return err
	}
	if len(docs) != len(m.docs) {
		return fmt.Errorf("%d documents became %d", len(m.docs), len(docs))
	}
	for i, doc := range docs {
		if err := verify(m.docs[i], doc, images); err != nil {
			return err
		}
	}
	return nil
}

func verify(before, after *yaml.Node, images map[string]string) error {
	want, got := before.Value, after.Value
	if isReference(before) {
		want, got = images[strings.TrimPrefix(strings.TrimSpace(want), Scheme)], strings.TrimSpace(got)
	}
	if before.Kind != after.Kind || before.ShortTag() != after.ShortTag() || want != got || len(before.Content) != len(after.Content) {
		return fmt.Errorf("%q would become %q", before.Value, after.Value)
	}
	for i, child := range before.Content {
		if err := verify(child, after.Content[i], images); err != nil {
			return err
		}
	}
	return nil
}
