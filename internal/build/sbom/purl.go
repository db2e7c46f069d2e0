package sbom

import (
	"net/url"
	"slices"
	"strings"
)

// purl writes a package URL (package-url.github.io, "purl-spec"):
// pkg:TYPE/NAMESPACE/NAME@VERSION?QUALIFIERS. The path is namespace and name.
func purl(kind, path, version string, qualifiers map[string]string) string {
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		segments[i] = escape(segment)
	}
	text := "pkg:" + kind + "/" + strings.Join(segments, "/")
	if version != "" {
		text += "@" + escape(version)
	}
	var pairs []string
	for key, value := range qualifiers {
		if value != "" {
			pairs = append(pairs, key+"="+escape(value))
		}
	}
	if len(pairs) == 0 {
		return text
	}
	slices.Sort(pairs)
	return text + "?" + strings.Join(pairs, "&")
}

// escape percent-encodes all but letters, digits, and ".-_~:".
func escape(text string) string {
	return strings.NewReplacer("+", "%20", "%3A", ":").Replace(url.QueryEscape(text))
}

// GoPURL returns the package URL of a Go module. The type golang wants its path
// in lower case.
func GoPURL(path, version string) string {
	return purl("golang", strings.ToLower(path), version, nil)
}

// Repository returns a reference without its tag and digest.
func Repository(reference string) string {
	repository, _, _ := strings.Cut(reference, "@")
	if colon := strings.LastIndex(repository, ":"); colon > strings.LastIndex(repository, "/") {
		return repository[:colon]
	}
	return repository
}

// ImagePURL returns the package URL of an image.
func ImagePURL(repository, digest string) string {
	name := repository[strings.LastIndex(repository, "/")+1:]
	where := ""
	if name != repository {
		where = strings.ToLower(repository)
	}
	return purl("oci", strings.ToLower(name), digest, map[string]string{"repository_url": where})
}

// purl returns the package URL of a distribution's package.
func (b Base) purl(p Package) string {
	distro := ""
	if b.OS != "" && b.OSVersion != "" {
		distro = b.OS + "-" + b.OSVersion
	}
	path := p.Name
	if b.OS != "" {
		path = b.OS + "/" + p.Name
	}
	return purl(p.Type, path, p.Version, map[string]string{"arch": p.Architecture, "distro": distro})
}
