// Package backup turns the members of a data folder into one file and back: a
// tar archive, compressed with gzip, whose first member is a manifest with the
// size and the SHA-256 sum of all others. Its invariant: what Read hands out was
// in the manifest, under a name that cannot leave a folder, with that size and,
// when it is at its end, with that sum; and what is not whole is an error.
//
// It is a leaf of the program: it knows neither the journal nor the registry.
package backup

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Format is the version of the archive's form that this package writes. It reads
// format 1, too, which has no certificates.
const Format = 2

// The names in an archive.
const (
	ManifestName = "davit-backup.json"
	JournalName  = "control.db"
	PublicName   = "journal.pub"
	KeyName      = "journal.key"
	PasswordName = "registry.password"
	EdgeKeyName  = "edge.key"
	SecretsName  = "secrets.age" // with the key that opens it, or not at all
	OpenerName   = "secrets.key"
	CertName     = "api.crt" // that davit has made for itself, with its key, or not at all
	CertKeyName  = "api.key"
	IndexName    = "registry/registry.db"
)

// CertificatesFolder holds the own CA, the account of another one, and what they have
// signed. All of it is as secret as a key.
const CertificatesFolder = "certificates"

var certificateForm = regexp.MustCompile(`^` + CertificatesFolder + `(/[\w@.-]+)+$`)

// IsCertificate says whether a name can be that of a file in CertificatesFolder.
func IsCertificate(name string) bool {
	return certificateForm.MatchString(name) && !strings.Contains(name, "..") && path.Clean(name) == name
}

// maxManifest bounds the manifest in bytes: some three hundred thousand members.
const maxManifest = 64 << 20

// Manifest says what is in an archive.
type Manifest struct {
	Format     int       `json:"format"`
	Made       time.Time `json:"made"`       // UTC, by the server's clock
	Davit      string    `json:"davit"`      // version that made it
	Checkpoint string    `json:"checkpoint"` // signed note over the journal inside
	Key        string    `json:"key"`        // verifier key of the note, in the form of sumdb/note
	Members    []Member  `json:"members"`    // in the order in which they follow
	Missing    []string  `json:"missing"`    // digests of content that the index names and that was damaged or gone
}

// Member is one file.
type Member struct {
	Name   string `json:"name"`   // below the data folder, with slashes
	Size   int64  `json:"size"`   // bytes
	SHA256 string `json:"sha256"` // of the content, in lower-case hexadecimal digits
}

// FormatError says that a newer davit made an archive.
type FormatError struct{ Format int }

// Error implements error.
func (e *FormatError) Error() string {
	return fmt.Sprintf("the backup has format %d, this davit knows formats up to %d: use the davit that made it", e.Format, Format)
}

// MemberError says which member of an archive is the first that is not as the
// manifest says.
type MemberError struct {
	Name string
	Err  error
}

// Error implements error.
func (e *MemberError) Error() string {
	return fmt.Sprintf("backup is damaged at %s: %v", e.Name, e.Err)
}

// Unwrap returns what is wrong.
func (e *MemberError) Unwrap() error { return e.Err }

// BlobName is the name of the member that holds content with a digest such as
// "sha256:…".
func BlobName(digest string) string {
	algorithm, sum, _ := strings.Cut(digest, ":")
	return path.Join("registry/blobs", algorithm, sum[:min(2, len(sum))], sum)
}

// BlobDigest is the inverse of BlobName; ok is false for what is no blob.
func BlobDigest(name string) (digest string, ok bool) {
	m := blobForm.FindStringSubmatch(name)
	if m == nil {
		return "", false
	}
	digest = m[1] + ":" + m[2]
	return digest, BlobName(digest) == name
}

var blobForm = regexp.MustCompile(`^registry/blobs/(sha256|sha512)/[0-9a-f]{2}/([0-9a-f]{64}|[0-9a-f]{128})$`)

// decodeManifest reads a manifest, strictly, and checks it.
func decodeManifest(data []byte) (Manifest, error) {
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return Manifest{}, fmt.Errorf("decode manifest: %w", err)
	}
	if version.Format > Format {
		return Manifest{}, &FormatError{version.Format}
	}
	var m Manifest
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return Manifest{}, fmt.Errorf("decode manifest: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Manifest{}, errors.New("decode manifest: more follows after it")
	}
	return m, m.validate()
}

// validate says what no davit has written.
func (m Manifest) validate() error {
	if m.Format < 1 {
		return fmt.Errorf("manifest has format %d, which no davit has written", m.Format)
	}
	seen := map[string]bool{}
	var total int64
	for _, member := range m.Members {
		if err := member.validate(); err != nil {
			return &MemberError{member.Name, err}
		}
		if seen[member.Name] {
			return &MemberError{member.Name, errors.New("it is there twice")}
		}
		seen[member.Name] = true
		if total += member.Size; total < 0 {
			return &MemberError{member.Name, errors.New("the sizes are too large")}
		}
	}
	for _, name := range []string{JournalName, PublicName, IndexName} {
		if !seen[name] {
			return &MemberError{name, errors.New("it is missing")}
		}
	}
	return nil
}

func (m Member) validate() error {
	digest, blob := BlobDigest(m.Name)
	switch m.Name {
	case JournalName, PublicName, KeyName, PasswordName, EdgeKeyName, SecretsName, OpenerName, CertName, CertKeyName, IndexName:
	default:
		if !blob && !IsCertificate(m.Name) {
			return errors.New("no davit writes a file of this name")
		}
	}
	sum, err := hex.DecodeString(m.SHA256)
	if err != nil || len(sum) != 32 || strings.ToLower(m.SHA256) != m.SHA256 {
		return fmt.Errorf("%q is not a SHA-256 sum", m.SHA256)
	}
	if m.Size < 0 {
		return fmt.Errorf("%d is not a size", m.Size)
	}
	if expected, ok := strings.CutPrefix(digest, "sha256:"); ok && expected != m.SHA256 {
		return errors.New("its sum is not that of its name")
	}
	return nil
}

// Size is how many bytes all members have together.
func (m Manifest) Size() int64 {
	var total int64
	for _, member := range m.Members {
		total += member.Size
	}
	return total
}

// Has says whether there is a member of a name.
func (m Manifest) Has(name string) bool {
	return slices.ContainsFunc(m.Members, func(member Member) bool { return member.Name == name })
}

// Blobs is how many members are content of the registry.
func (m Manifest) Blobs() int {
	count := 0
	for _, member := range m.Members {
		if _, ok := BlobDigest(member.Name); ok {
			count++
		}
	}
	return count
}
