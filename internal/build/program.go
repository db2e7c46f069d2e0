package build

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/davit-dev/davit/internal/build/layer"
	"github.com/davit-dev/davit/internal/source"
)

// program is a compiled main package in the cache.
type program struct {
	Main source.Main `json:"main"`
	Path string      `json:"path"` // of the file
	Size int64       `json:"size"` // bytes
	Sum  string      `json:"sum"`  // SHA-256 of the content in hexadecimal
	// What tells that the file is still the one that was looked at.
	Inode    uint64 `json:"inode"`
	Modified int64  `json:"modified"` // ns since 1970
}

// openProgram looks at what the go command made.
func openProgram(main source.Main, path string, p v1.Platform) (program, error) {
	f, err := os.Open(path)
	if err != nil {
		return program{}, fmt.Errorf("open program: %w", err)
	}
	defer f.Close()
	if err := checkProgram(f, p); err != nil {
		return program{}, err
	}
	made := program{Main: main, Path: path}
	sum := sha256.New()
	if made.Size, err = io.Copy(sum, f); err != nil {
		return program{}, fmt.Errorf("read program: %w", err)
	}
	made.Sum = hex.EncodeToString(sum.Sum(nil))
	info, err := f.Stat()
	if err != nil {
		return program{}, fmt.Errorf("look at program: %w", err)
	}
	made.Inode, made.Modified = identity(info)
	return made, nil
}

// untouched says whether the file is the one that openProgram saw.
func (p program) untouched() bool {
	info, err := os.Lstat(p.Path)
	if err != nil || info.Size() != p.Size {
		return false
	}
	inode, modified := identity(info)
	return inode == p.Inode && modified == p.Modified
}

func identity(info os.FileInfo) (inode uint64, modified int64) {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		inode = stat.Ino
	}
	return inode, info.ModTime().UnixNano()
}

// entry returns the program as it stands in an image.
func (p program) entry(name string, capabilities []byte) layer.Entry {
	return layer.Entry{
		Name: strings.TrimPrefix(name, "/"), Mode: 0o755, Size: p.Size, Sum: p.Sum, Capabilities: capabilities,
		Open: func() (io.ReadCloser, error) { return os.Open(p.Path) },
	}
}

// elf opens the program for those who look into it.
func (p program) elf() (*elf.File, error) {
	f, err := elf.Open(p.Path)
	if err != nil {
		return nil, fmt.Errorf("read program: %w", err)
	}
	return f, nil
}
