package explain

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/davit-dev/davit/internal/build/attest"
	"github.com/davit-dev/davit/internal/build/sbom"
)

// recipes compares what the provenances know, which is more than the images do:
// with -trimpath Go writes no -ldflags into a program.
func (c *comparison) recipes(a, b *attest.Recipe) {
	if a == nil || b == nil {
		return
	}
	if !c.has(Toolchain) {
		c.add(Toolchain, "", a.Toolchain, b.Toolchain)
	}
	c.json(Parameter, a.Parameters, b.Parameters)
	c.add(Source, "", source(a.Source), source(b.Source))
	c.add(Base, "", base(a.Base), base(b.Base))
	pins := func(list []sbom.Pin) map[string]string {
		found := map[string]string{}
		for _, p := range list {
			found[strings.TrimSpace(p.Reference+" "+p.Platform)] = p.Digest
		}
		return found
	}
	if a.Base == b.Base { // else the base says it all
		c.texts(Base, "in davit.lock", pins(a.Pins), pins(b.Pins))
	}
	c.add(Setting, "davit", a.Builder, b.Builder)
}

func source(s sbom.Source) string {
	text := cmp.Or(s.Revision, "no commit")
	if s.Dirty {
		text += " with changes"
	}
	return text + " (" + cmp.Or(s.Tree, "no digest") + ")"
}

func base(p sbom.Pin) string {
	if p.Digest == "" {
		return p.Reference
	}
	return p.Reference + "@" + p.Digest
}

// configs compares what the image says of itself. What the layers make of the
// configuration (rootfs, history) is left to them.
func (c *comparison) configs(a, b []byte) {
	strip := func(data []byte) []byte {
		var fields map[string]json.RawMessage
		if json.Unmarshal(data, &fields) != nil {
			return data
		}
		for _, name := range []string{"rootfs", "history", "os", "architecture", "variant"} {
			delete(fields, name)
		}
		stripped, err := json.Marshal(fields)
		if err != nil {
			return data
		}
		return stripped
	}
	c.json(Config, strip(a), strip(b))
}

// json compares JSON value by value.
func (c *comparison) json(kind Kind, a, b []byte) {
	for _, d := range diffJSON(a, b) {
		c.add(kind, d.Name, d.A, d.B)
	}
}
