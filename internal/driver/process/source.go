package process

import (
	"bufio"
	"errors"
	"io"
	"os"
)

// source reads one log from its older file on, and across rotations.
type source struct {
	path    string
	file    *os.File
	lines   *bufio.Reader
	part    []byte // of a line that is not whole yet
	head    []byte // the next line, when it was read already
	rotated bool   // whether the file is no longer at path
}

// openSource opens the log at path at its beginning.
func openSource(path string) (*source, error) {
	s := &source{path: path, lines: bufio.NewReaderSize(nil, 2*maxLine)}
	err := s.open(path + olderName)
	if errors.Is(err, os.ErrNotExist) {
		err = s.open(path)
	}
	return s, err
}

func (s *source) open(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	s.close()
	s.file, s.rotated = f, false
	s.lines.Reset(f)
	return nil
}

func (s *source) close() {
	if s.file != nil {
		s.file.Close()
	}
}

// peek returns the next line, with its end. After io.EOF there may be more
// later.
func (s *source) peek() ([]byte, error) {
	for s.head == nil {
		text, err := s.lines.ReadBytes('\n')
		s.part = append(s.part, text...)
		if err == nil {
			s.head, s.part = s.part, nil
			break
		}
		if !errors.Is(err, io.EOF) {
			return nil, err
		}
		more, err := s.advance()
		if err != nil {
			return nil, err
		}
		if !more {
			return nil, io.EOF
		}
	}
	return s.head, nil
}

// take removes the line that peek returned.
func (s *source) take() []byte {
	line := s.head
	s.head = nil
	return line
}

// advance goes on to the file that took the place of the one that is at its end.
// When it sees that for the first time there may be lines that were written to
// the old one before, which are read first.
func (s *source) advance() (more bool, err error) {
	if s.rotated {
		err := s.open(s.path)
		if errors.Is(err, os.ErrNotExist) {
			return false, nil // it was removed
		}
		return err == nil, err
	}
	here, err := s.file.Stat()
	if err != nil {
		return false, err
	}
	there, err := os.Stat(s.path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return false, err
	}
	s.rotated = err == nil && !os.SameFile(here, there)
	return s.rotated, nil
}
