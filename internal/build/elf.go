package build

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// errTruncated is about a program whose file ends before it does.
var errTruncated = errors.New("the file ends before the program does")

// checkWhole says whether the file at path is a program with nothing missing.
func checkWhole(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = openELF(f)
	return err
}

// checkProgram tells why a file cannot run on a platform: it is not a whole
// program for it.
func checkProgram(f *os.File, p v1.Platform) error {
	program, err := openELF(f)
	if err != nil {
		return err
	}
	if want := platforms()[p.Architecture].machine; program.Machine != want {
		return fmt.Errorf("it is for %s, not for %s", program.Machine, p)
	}
	if program.Type != elf.ET_EXEC && program.Type != elf.ET_DYN {
		return fmt.Errorf("it is of type %s, which cannot be executed", program.Type)
	}
	return nil
}

func openELF(f *os.File) (*elf.File, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("look at program: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a file")
	}
	program, err := elf.NewFile(f)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, errTruncated
	}
	if err != nil {
		return nil, fmt.Errorf("it is not an ELF program: %w", err)
	}
	return program, checkLength(program, uint64(info.Size()))
}

// checkLength looks for parts that lie behind the end of the file. The go command
// looks at the first bytes only and takes a file that was cut for up to date.
func checkLength(program *elf.File, size uint64) error {
	for _, part := range program.Progs {
		if part.Off+part.Filesz > size || part.Off+part.Filesz < part.Off {
			return errTruncated
		}
	}
	for _, section := range program.Sections {
		end := section.Offset + section.FileSize
		if section.Type != elf.SHT_NOBITS && (end > size || end < section.Offset) {
			return errTruncated
		}
	}
	return nil
}

// loader returns the dynamic linker that a program asks for, "" when it is
// static.
func loader(program *elf.File) (string, error) {
	const longest = 256
	for _, part := range program.Progs {
		if part.Type != elf.PT_INTERP {
			continue
		}
		name := make([]byte, min(part.Filesz, longest))
		if _, err := part.ReadAt(name, 0); err != nil {
			return "", fmt.Errorf("read the name of its dynamic linker: %w", err)
		}
		return trimZero(name), nil
	}
	return "", nil
}

func trimZero(text []byte) string {
	for i, b := range text {
		if b == 0 {
			return string(text[:i])
		}
	}
	return string(text)
}
