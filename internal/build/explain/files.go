package explain

import (
	"archive/tar"
	"fmt"
	"maps"
	"slices"
)

// files compares what the layers leave at each path.
func (c *comparison) files(a, b Description) {
	for _, name := range slices.Sorted(maps.Keys(union(a.Files, b.Files))) {
		x, inA := a.Files[name]
		y, inB := b.Files[name]
		switch {
		case !inB:
			c.add(Content, name, a.place(x)+x.String(), "")
		case !inA:
			c.add(Content, name, "", b.place(y)+y.String())
		case x.String() != y.String():
			c.add(Content, name, a.place(x)+x.String(), b.place(y)+y.String())
		}
	}
}

// place says which layer a file comes from.
func (d Description) place(f File) string { return fmt.Sprintf("layer %d, ", f.Layer+1) }

// String says all of a file that gets into a digest.
func (f File) String() string {
	kind := map[byte]string{tar.TypeReg: "file", tar.TypeDir: "folder", tar.TypeSymlink: "link to " + f.Link}[f.Kind]
	if kind == "" {
		kind = fmt.Sprintf("of tar type %q", f.Kind)
	}
	text := fmt.Sprintf("%s %04o %d:%d", kind, f.Mode, f.UID, f.GID)
	if f.SHA256 != "" {
		text += fmt.Sprintf(", %d bytes, sha256 %s", f.Size, short(f.SHA256))
	}
	if !f.Modified.IsZero() && f.Modified.Unix() != 0 {
		text += ", of " + f.Modified.UTC().Format("2006-01-02T15:04:05Z")
	}
	return text
}

// layers says what the files do not: how they are put into layers and packed.
func (c *comparison) layers(a, b Description) {
	if len(a.Layers) != len(b.Layers) {
		c.add(LayerKind, "", fmt.Sprintf("%d layers", len(a.Layers)), fmt.Sprintf("%d layers", len(b.Layers)))
		return
	}
	for i, x := range a.Layers {
		y := b.Layers[i]
		name := fmt.Sprintf("%d", i+1)
		switch {
		case x.DiffID != y.DiffID && !c.has(Content):
			c.add(LayerKind, name, "other order or headers of the same files: "+short(x.DiffID.Hex), short(y.DiffID.Hex))
		case x.DiffID == y.DiffID && x.Digest != y.Digest:
			c.add(LayerKind, name, "compressed otherwise: "+string(x.MediaType)+" "+short(x.Digest.Hex), string(y.MediaType)+" "+short(y.Digest.Hex))
		}
		c.add(LayerKind, name+" made by", x.CreatedBy, y.CreatedBy)
	}
}
