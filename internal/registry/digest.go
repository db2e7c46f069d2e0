package registry

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"regexp"
	"strings"
)

// digest is a content address (OCI image-spec, descriptor.md, "Digests").
type digest struct {
	algorithm string
	hex       string // lower case
}

func parseDigest(text string) (digest, error) {
	algorithm, encoded, _ := strings.Cut(text, ":")
	size, known := map[string]int{"sha256": sha256.Size, "sha512": sha512.Size}[algorithm]
	raw, err := hex.DecodeString(encoded)
	if !known || err != nil || len(raw) != size || strings.ToLower(encoded) != encoded {
		return digest{}, fmt.Errorf("%q is not a digest such as sha256:… or sha512:…", text)
	}
	return digest{algorithm, encoded}, nil
}

// String returns the digest as it is written.
func (d digest) String() string { return d.algorithm + ":" + d.hex }

func (d digest) hash() hash.Hash {
	if d.algorithm == "sha512" {
		return sha512.New()
	}
	return sha256.New()
}

func (d digest) matches(h hash.Hash) bool { return hex.EncodeToString(h.Sum(nil)) == d.hex }

// of returns the digest of data by the same algorithm.
func (d digest) of(data []byte) digest {
	h := d.hash()
	h.Write(data)
	return digest{d.algorithm, hex.EncodeToString(h.Sum(nil))}
}

func sha256Of(data []byte) digest { return digest{algorithm: "sha256"}.of(data) }

// verified is a blob's file that holds back its last bytes until the content is
// known to be right, so that nobody takes a wrong blob for a whole one.
type verified struct {
	file   *os.File
	digest digest
	hash   hash.Hash
	left   int64 // bytes not read yet
	done   bool  // verified
}

// Read implements io.Reader.
func (v *verified) Read(p []byte) (int, error) {
	if v.done {
		return 0, io.EOF
	}
	n, err := v.file.Read(p[:min(int64(len(p)), v.left)])
	v.hash.Write(p[:n])
	v.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("read blob %s: %w", v.digest, err)
	}
	if v.left > 0 && err == nil {
		return n, nil
	}
	if !v.digest.matches(v.hash) {
		return 0, fmt.Errorf("blob %s: %w", v.digest, ErrCorrupt)
	}
	v.done = true
	return n, nil
}

// Close implements io.Closer.
func (v *verified) Close() error { return v.file.Close() }

// The grammar of names (OCI distribution-spec 1.1, "Pulling manifests").
var (
	repositoryForm = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagForm        = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
)

// maxName bounds a repository's name.
const maxName = 255

func validRepository(name string) bool {
	return len(name) <= maxName && repositoryForm.MatchString(name)
}
