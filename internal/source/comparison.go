package source

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // git names its objects so
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
)

// comparison finds out whether the files of a work tree are those of a commit,
// by naming each as git would. Git does the same in 'git status', but through
// filter programs that the tree may choose. Two changes that git makes on
// checkout are known: line ends (CRLF for LF) and Git LFS. A file of any other
// filter counts as changed.
type comparison struct {
	before  map[string]committed
	left    map[string]bool // of before, not seen yet
	changed bool
	current hash.Hash
}

func newComparison(before map[string]committed) *comparison {
	left := map[string]bool{}
	for name, file := range before {
		// A submodule is a repository of its own, which has its own revision.
		left[name] = file.mode != "160000"
	}
	return &comparison{before: before, left: left}
}

// dirty tells, after all files were compared, whether any differs, is new or
// is gone.
func (c *comparison) dirty() bool {
	if c.changed {
		return true
	}
	for _, missing := range c.left {
		if missing {
			return true
		}
	}
	return false
}

// begin returns what the content of a file has to be written to.
func (c *comparison) begin(name string, file content) io.Writer {
	c.current = blobHash(c.before[name].oid, file.size)
	return c.current
}

// end compares what was written since begin. sha256 is of the same content.
func (c *comparison) end(name string, file content, sha256 string) error {
	was, known := c.before[name]
	delete(c.left, name)
	if !known || was.mode != file.mode {
		c.changed = c.changed || !c.inSubmodule(name)
		return nil
	}
	if hex.EncodeToString(c.current.Sum(nil)) == was.oid || lfsPointer(was.oid, sha256, file.size) == was.oid {
		return nil
	}
	same, err := equalButLineEnds(file, was.oid)
	c.changed = c.changed || !same
	return err
}

// inSubmodule tells whether a path lies in a submodule of the commit.
func (c *comparison) inSubmodule(name string) bool {
	for i := range name {
		if name[i] == '/' && c.before[name[:i]].mode == "160000" {
			return true
		}
	}
	return false
}

// blobHash starts the name of a git blob, with the algorithm that the length of
// oid shows (git help gitformat-pack; "blob SIZE NUL" comes before the content).
func blobHash(oid string, size int64) hash.Hash {
	sum := sha1.New() //nolint:gosec // git names its objects so
	if len(oid) == hex.EncodedLen(sha256.Size) {
		sum = sha256.New()
	}
	fmt.Fprintf(sum, "blob %d\x00", size)
	return sum
}

// lfsPointer names the blob that Git LFS commits for a file (version 1 of its
// pointer format: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md).
func lfsPointer(oid, sha256 string, size int64) string {
	pointer := fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", sha256, size)
	sum := blobHash(oid, int64(len(pointer)))
	_, _ = io.WriteString(sum, pointer) // a hash does not fail
	return hex.EncodeToString(sum.Sum(nil))
}

// mostText bounds the files that are compared again without carriage returns;
// text that people write is smaller.
const mostText = 16 << 20

func equalButLineEnds(file content, oid string) (bool, error) {
	if file.size > mostText {
		return false, nil
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	text, err := io.ReadAll(io.LimitReader(file, mostText))
	if err != nil {
		return false, err
	}
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	sum := blobHash(oid, int64(len(text)))
	_, _ = sum.Write(text) // a hash does not fail
	return hex.EncodeToString(sum.Sum(nil)) == oid, nil
}
