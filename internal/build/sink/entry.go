package sink

import (
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// What an entry of a layout's index calls its image: the tag (OCI image-spec
// 1.1, annotations.md), and the full name, which containerd, Docker and Podman
// read.
const (
	annotationTag  = "org.opencontainers.image.ref.name"
	annotationName = "io.containerd.image.name"
)

// layoutFile is the content of oci-layout (OCI image-spec 1.1, image-layout.md).
const layoutFile = `{"imageLayoutVersion":"1.0.0"}`

// entries returns what index.json says of an image: an entry for each name, or
// one for none.
func (c *contents) entries(names []string) []v1.Descriptor {
	root := c.root()
	entry := v1.Descriptor{MediaType: root.media, Digest: root.digest, Size: root.size}
	if !root.media.IsIndex() {
		entry.Platform = c.parts[0].platform
	}
	if len(names) == 0 {
		return []v1.Descriptor{entry}
	}
	var all []v1.Descriptor
	for _, name := range names {
		named := entry
		named.Annotations = map[string]string{annotationName: name, annotationTag: tagOf(name)}
		all = append(all, named)
	}
	return all
}

// tagOf returns the tag of a full name.
func tagOf(name string) string { return name[strings.LastIndexByte(name, ':')+1:] }

// fullNames returns the names with registry and tag, each once.
func fullNames(refs []Reference, local string) []string {
	var names []string
	seen := map[string]bool{}
	for _, ref := range refs {
		if name := ref.full(local); !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// blobPath is where a layout has a blob.
func blobPath(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }
