package sbom

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
)

// CycloneDXMediaType is how registries and tools know a CycloneDX document in
// JSON.
const CycloneDXMediaType = "application/vnd.cyclonedx+json"

// The fields are those of the JSON schema of CycloneDX 1.6.

type cdxDocument struct {
	Schema       string          `json:"$schema"`
	Format       string          `json:"bomFormat"`
	SpecVersion  string          `json:"specVersion"`
	Serial       string          `json:"serialNumber"`
	Version      int             `json:"version"`
	Metadata     cdxMetadata     `json:"metadata"`
	Components   []cdxComponent  `json:"components"`
	Dependencies []cdxDependency `json:"dependencies"`
}

type cdxMetadata struct {
	Timestamp string       `json:"timestamp"`
	Tools     cdxTools     `json:"tools"`
	Component cdxComponent `json:"component"`
}

type cdxTools struct {
	Components []cdxComponent `json:"components"`
}

type cdxComponent struct {
	Ref        string        `json:"bom-ref,omitempty"`
	Type       string        `json:"type"`
	Name       string        `json:"name"`
	Version    string        `json:"version,omitempty"`
	Hashes     []cdxHash     `json:"hashes,omitempty"`
	PURL       string        `json:"purl,omitempty"`
	External   []cdxExternal `json:"externalReferences,omitempty"`
	Properties []cdxProperty `json:"properties,omitempty"`
}

type cdxHash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type cdxExternal struct {
	Type string `json:"type"`
	URL  string `json:"url"`
}

type cdxProperty struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type cdxDependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn,omitempty"`
}

// CycloneDX returns the bill of materials as a CycloneDX 1.6 document.
func CycloneDX(f Facts) ([]byte, error) {
	if err := f.Validate(); err != nil {
		return nil, fmt.Errorf("write CycloneDX document: %w", err)
	}
	b := f.bill()
	doc := cdxDocument{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
		Format: "CycloneDX", SpecVersion: "1.6", Serial: serial(f.Name + "\x00" + f.Digest), Version: 1,
		Metadata: cdxMetadata{
			Timestamp: f.created(),
			Tools:     cdxTools{Components: []cdxComponent{{Type: "application", Name: "davit", Version: f.Builder}}},
			Component: b.parts[0].cyclonedx(),
		},
		Components: []cdxComponent{},
	}
	needs := map[string][]string{}
	for _, t := range b.ties {
		needs[t.from] = append(needs[t.from], t.to)
	}
	for i, part := range b.parts {
		if i > 0 {
			doc.Components = append(doc.Components, part.cyclonedx())
		}
		doc.Dependencies = append(doc.Dependencies, cdxDependency{Ref: part.id, DependsOn: needs[part.id]})
	}
	return json.Marshal(doc)
}

// serial makes a UUID of a name, version 8 (RFC 9562, section 5.8), so that one
// image has one serial number.
func serial(name string) string {
	sum := sha256.Sum256([]byte("davit cyclonedx\x00" + name))
	sum[6] = sum[6]&0x0f | 0x80
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

func (c component) cyclonedx() cdxComponent {
	out := cdxComponent{
		Ref: c.id, Name: c.name, Version: c.version, PURL: c.purl,
		Type: map[kind]string{
			image: "container", base: "container", osPackage: "library", program: "application", module: "library",
		}[c.kind],
	}
	if c.sha256 != "" {
		out.Hashes = []cdxHash{{Algorithm: "SHA-256", Content: c.sha256}}
	}
	if c.download != "" {
		out.External = []cdxExternal{{Type: "vcs", URL: strings.TrimPrefix(c.download, "git+")}}
	}
	for _, p := range []cdxProperty{{"davit:go-sum", c.sum}, {"davit:note", c.note}, {"davit:path", c.path}} {
		if p.Value != "" {
			out.Properties = append(out.Properties, p)
		}
	}
	return out
}
