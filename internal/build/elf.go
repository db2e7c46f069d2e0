package build

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
)

// errTruncated is about a program whose file ends before it does.
var errTruncated = errors.New("the file ends before the program does")

// checkProgram tells why the file at path cannot run in an image without
// libraries: it is not a whole, static program for linux/amd64.
func checkProgram(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open program: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("look at program: %w", err)
	}
	program, err := elf.NewFile(f)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errTruncated
	}
	if err != nil {
		return fmt.Errorf("it is not an ELF program: %w", err)
	}
	if err := checkWhole(program, uint64(info.Size())); err != nil {
		return err
	}
	return checkStatic(program)
}

// checkWhole looks for parts that lie behind the end of the file. The go command
// looks at the first bytes only and takes a file that was cut for up to date.
func checkWhole(program *elf.File, size uint64) error {
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

func checkStatic(program *elf.File) error {
	if program.Class != elf.ELFCLASS64 || program.Machine != elf.EM_X86_64 {
		return fmt.Errorf("it is for %s %s, not for linux/amd64", program.Class, program.Machine)
	}
	if program.Type != elf.ET_EXEC && program.Type != elf.ET_DYN {
		return fmt.Errorf("it is of type %s, which cannot be executed", program.Type)
	}
	for _, part := range program.Progs {
		if part.Type != elf.PT_INTERP {
			continue
		}
		loader := make([]byte, min(part.Filesz, 256))
		n, _ := part.ReadAt(loader, 0) // for the message only
		return fmt.Errorf("it asks for the dynamic linker %q, which the image does not have", trimZero(loader[:n]))
	}
	libraries, err := program.ImportedLibraries()
	if err != nil {
		return fmt.Errorf("read its libraries: %w", err)
	}
	if len(libraries) > 0 {
		return fmt.Errorf("it asks for the library %q, which the image does not have", libraries[0])
	}
	return nil
}

func trimZero(text []byte) string {
	for i, b := range text {
		if b == 0 {
			return string(text[:i])
		}
	}
	return string(text)
}
