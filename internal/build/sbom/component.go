package sbom

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
)

// kind says what a component is.
type kind int

const (
	image kind = iota
	base
	osPackage
	program
	module
)

// component is a part of the image, before either format has words for it.
type component struct {
	id       string // letters, digits, "-" and "."; unique in the document
	kind     kind
	name     string
	version  string
	purl     string
	sha256   string // of the file or manifest, in hexadecimal
	path     string // of the file in the image
	sum      string // line of go.sum
	note     string
	download string // SPDX download location of the source; "" when nobody else finds it
}

// relation says how a component is tied to another.
type relation string

// The values are those of SPDX 2.3, section 11.1.
const (
	contains      relation = "CONTAINS"
	dependsOn     relation = "DEPENDS_ON"
	descendantOf  relation = "DESCENDANT_OF"
	generatedFrom relation = "GENERATED_FROM"
)

type tie struct {
	from string
	relation
	to string
}

// bill is the content of a document.
type bill struct {
	parts []component // the image first, all others by id
	ties  []tie
	known map[string]bool
}

func (f Facts) bill() *bill {
	b := &bill{known: map[string]bool{}}
	hex := strings.TrimPrefix(f.Digest, "sha256:")
	root := b.add(component{
		kind: image, name: f.Name, version: f.Digest, sha256: hex, purl: ImagePURL(f.Name, f.Digest),
		note: strings.Join(f.Platforms, ", "),
	})
	f.addBase(b, root)
	for _, binary := range f.Binaries {
		f.addBinary(b, root, binary)
	}
	slices.SortFunc(b.parts[1:], func(x, y component) int { return cmp.Compare(x.id, y.id) })
	slices.SortFunc(b.ties, func(x, y tie) int {
		return cmp.Or(cmp.Compare(x.from, y.from), cmp.Compare(x.relation, y.relation), cmp.Compare(x.to, y.to))
	})
	b.ties = slices.Compact(b.ties)
	return b
}

func (f Facts) addBase(b *bill, root string) {
	if f.Base.Name == "" || f.Base.Name == "scratch" {
		return
	}
	part := component{
		kind: base, name: f.Base.Name, version: f.Base.Digest,
		sha256: strings.TrimPrefix(f.Base.Digest, "sha256:"),
	}
	if f.Base.Digest != "" {
		part.purl = ImagePURL(Repository(f.Base.Name), f.Base.Digest)
	} else {
		part.note = "made by davit " + f.Builder
	}
	ground := b.add(part)
	b.tie(root, descendantOf, ground)
	for _, p := range f.Base.Packages {
		b.tie(ground, contains, b.add(component{
			kind: osPackage, name: p.Name, version: p.Version, purl: f.Base.purl(p),
		}))
	}
}

// add puts a component into the bill, once.
func (b *bill) add(c component) string {
	words := map[kind]string{image: "image", base: "base", osPackage: "os", program: "program", module: "module"}
	key := strings.Join([]string{words[c.kind], c.name, c.version, c.purl, c.path, c.sha256, c.sum, c.note}, "\x00")
	sum := sha256.Sum256([]byte(key))
	c.id = words[c.kind] + "-" + plain(c.name) + "-" + hex.EncodeToString(sum[:6])
	if !b.known[c.id] {
		b.known[c.id] = true
		b.parts = append(b.parts, c)
	}
	return c.id
}

func (b *bill) tie(from string, r relation, to string) {
	b.ties = append(b.ties, tie{from, r, to})
}

var notPlain = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// plain returns the text in the letters of an SPDX identifier (section 3.2).
func plain(text string) string { return strings.Trim(notPlain.ReplaceAllString(text, "-"), "-") }
