package build

import (
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/davit-dev/davit/internal/build/base"
	"github.com/davit-dev/davit/internal/build/layer"
	"github.com/davit-dev/davit/internal/source"
)

// program is a compiled main package in the cache.
type program struct {
	Main source.Main `json:"main"`
	Path string      `json:"path"` // of the file
	Size int64       `json:"size"` // bytes
	Sum  string      `json:"sum"`  // of the content
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
	info, err := f.Stat()
	if err != nil {
		return program{}, fmt.Errorf("look at program: %w", err)
	}
	made := program{Main: main, Path: path, Size: info.Size()}
	made.Inode, made.Modified = identity(info)
	if made.Sum = buildID(f); made.Sum != "" {
		return made, nil
	}
	made.Sum, err = made.sha256()
	return made, err
}

// buildID returns what the go command calls a program by: among others, a sum of
// its content ("go help buildid"), "" where there is none. Reading it spares
// reading the program.
func buildID(f *os.File) string {
	program, err := elf.NewFile(f)
	if err != nil {
		return ""
	}
	section := program.Section(".note.go.buildid")
	if section == nil {
		return ""
	}
	note, err := section.Data()
	const header = 16 // sizes, type and the name "Go\x00\x00" (elf(5), "Notes")
	if err != nil || len(note) <= header {
		return ""
	}
	id := trimZero(note[header:])
	if actions := strings.Count(id, "/"); actions != 3 {
		return "" // -ldflags=-buildid= chose another
	}
	return "go build id " + id
}

// toolchain returns the toolchain that made the program, in the form of
// GOTOOLCHAIN: "local" where it is none that could be had again.
func (p program) toolchain() string {
	const local = "local"
	info, err := buildinfo.ReadFile(p.Path)
	if err != nil {
		return local
	}
	version, _, _ := strings.Cut(info.GoVersion, " ") // what follows is about experiments
	if base.ValidateGo(version) != nil {
		return local
	}
	return version
}

// sha256 reads the whole program.
func (p program) sha256() (string, error) {
	f, err := os.Open(p.Path)
	if err != nil {
		return "", fmt.Errorf("open program: %w", err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", fmt.Errorf("read program: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
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
