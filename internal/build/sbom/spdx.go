package sbom

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// SPDXMediaType is how registries and tools know an SPDX document in JSON.
const SPDXMediaType = "application/spdx+json"

const (
	spdxNone      = "NOASSERTION" // SPDX 2.3 for "nobody looked"
	spdxNamespace = "https://github.com/davit-dev/davit/spdx/"
)

// The fields are those of the JSON schema of SPDX 2.3, in the order of its text.

type spdxDocument struct {
	Version       string             `json:"spdxVersion"`
	License       string             `json:"dataLicense"`
	ID            string             `json:"SPDXID"`
	Name          string             `json:"name"`
	Namespace     string             `json:"documentNamespace"`
	Creation      spdxCreation       `json:"creationInfo"`
	Packages      []spdxPackage      `json:"packages"`
	Relationships []spdxRelationship `json:"relationships"`
}

type spdxCreation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type spdxPackage struct {
	ID               string         `json:"SPDXID"`
	Name             string         `json:"name"`
	Version          string         `json:"versionInfo,omitempty"`
	FileName         string         `json:"packageFileName,omitempty"`
	Supplier         string         `json:"supplier"`
	DownloadLocation string         `json:"downloadLocation"`
	FilesAnalyzed    bool           `json:"filesAnalyzed"`
	Checksums        []spdxChecksum `json:"checksums,omitempty"`
	SourceInfo       string         `json:"sourceInfo,omitempty"`
	LicenseConcluded string         `json:"licenseConcluded"`
	LicenseDeclared  string         `json:"licenseDeclared"`
	Copyright        string         `json:"copyrightText"`
	Comment          string         `json:"comment,omitempty"`
	External         []spdxExternal `json:"externalRefs,omitempty"`
	Purpose          string         `json:"primaryPackagePurpose"`
}

type spdxChecksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type spdxExternal struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type spdxRelationship struct {
	From string   `json:"spdxElementId"`
	Type relation `json:"relationshipType"`
	To   string   `json:"relatedSpdxElement"`
}

// SPDX returns the bill of materials as an SPDX 2.3 document. Programs are
// packages of one file each, since the format wants SHA-1 sums of what it calls
// a file.
func SPDX(f Facts) ([]byte, error) {
	if err := f.Validate(); err != nil {
		return nil, fmt.Errorf("write SPDX document: %w", err)
	}
	const document = "SPDXRef-DOCUMENT"
	b := f.bill()
	doc := spdxDocument{
		Version: "SPDX-2.3", License: "CC0-1.0", ID: document, Name: f.Name,
		Namespace: spdxNamespace + escape(f.Name) + "/" + strings.ReplaceAll(f.Digest, ":", "-"),
		Creation:  spdxCreation{Created: f.created(), Creators: []string{"Tool: davit-" + f.Builder}},
		Relationships: []spdxRelationship{
			{From: document, Type: "DESCRIBES", To: spdxID(b.parts[0].id)},
		},
	}
	for _, part := range b.parts {
		doc.Packages = append(doc.Packages, part.spdx())
	}
	for _, t := range b.ties {
		doc.Relationships = append(doc.Relationships, spdxRelationship{From: spdxID(t.from), Type: t.relation, To: spdxID(t.to)})
	}
	return json.Marshal(doc)
}

func spdxID(id string) string { return "SPDXRef-" + id }

func (c component) spdx() spdxPackage {
	p := spdxPackage{
		ID: spdxID(c.id), Name: c.name, Version: c.version, FileName: c.path,
		Supplier: spdxNone, DownloadLocation: spdxNone,
		LicenseConcluded: spdxNone, LicenseDeclared: spdxNone, Copyright: spdxNone,
		Comment: c.note,
		Purpose: map[kind]string{
			image: "CONTAINER", base: "CONTAINER", osPackage: "LIBRARY", program: "APPLICATION", module: "LIBRARY",
		}[c.kind],
	}
	if c.download != "" {
		p.DownloadLocation = c.download
	}
	if c.sha256 != "" {
		p.Checksums = []spdxChecksum{{Algorithm: "SHA256", Value: c.sha256}}
	}
	if c.sum != "" {
		p.SourceInfo = "go.sum " + c.sum
	}
	if c.purl != "" {
		p.External = []spdxExternal{{Category: "PACKAGE-MANAGER", Type: "purl", Locator: c.purl}}
	}
	return p
}

// DirHash returns the sum of a go.sum line in hexadecimal, as in-toto's digest
// "dirHash" has it; "" for a line of another form than h1.
func DirHash(sum string) string {
	text, found := strings.CutPrefix(sum, "h1:")
	if !found {
		return ""
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) != 32 {
		return ""
	}
	return hex.EncodeToString(raw)
}
