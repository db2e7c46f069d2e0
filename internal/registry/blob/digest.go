package blob

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
)

// Digest is a content address (OCI image-spec, descriptor.md, "Digests"). The
// zero value is none.
type Digest struct {
	algorithm string
	hex       string // lower case
}

// The algorithms that are known.
const (
	sha256Name = "sha256"
	sha512Name = "sha512"
)

// algorithms lists them.
func algorithms() []string { return []string{sha256Name, sha512Name} }

// ParseDigest reads a digest as it is written.
func ParseDigest(text string) (Digest, error) {
	algorithm, encoded, _ := strings.Cut(text, ":")
	size, known := map[string]int{sha256Name: sha256.Size, sha512Name: sha512.Size}[algorithm]
	raw, err := hex.DecodeString(encoded)
	if !known || err != nil || len(raw) != size || strings.ToLower(encoded) != encoded {
		return Digest{}, fmt.Errorf("%q is not a digest such as sha256:… or sha512:…", text)
	}
	return Digest{algorithm, encoded}, nil
}

// SHA256 is the digest that content has where nobody asks for another.
func SHA256(data []byte) Digest { return Digest{algorithm: sha256Name}.Of(data) }

// Of returns the digest of data by the same algorithm.
func (d Digest) Of(data []byte) Digest {
	h := d.hash()
	h.Write(data)
	return Digest{d.algorithm, hex.EncodeToString(h.Sum(nil))}
}

// String returns the digest as it is written.
func (d Digest) String() string { return d.algorithm + ":" + d.hex }

// FileName returns the digest as a name for a file.
func (d Digest) FileName() string { return d.algorithm + "-" + d.hex }

func (d Digest) hash() hash.Hash {
	if d.algorithm == sha512Name {
		return sha512.New()
	}
	return sha256.New()
}

func (d Digest) matches(h hash.Hash) bool { return hex.EncodeToString(h.Sum(nil)) == d.hex }
