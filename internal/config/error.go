package config

import (
	"errors"
	"fmt"
)

// Error says what is wrong in a configuration file, and where.
type Error struct {
	File    string
	Line    int    // from 1
	Column  int    // from 1, in characters
	Message string // what is wrong, and what is allowed
	Hint    string // what to do next, "" where the message says it all
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// More than so many errors, or so many characters of one, help nobody.
const (
	maxErrors  = 20
	maxMessage = 400
)

// problems collects what is wrong with a file.
type problems struct {
	file string
	errs []*Error
}

func (p *problems) add(at position, hint, format string, args ...any) {
	if len(p.errs) >= maxErrors {
		return
	}
	message := []rune(fmt.Sprintf(format, args...))
	if len(message) > maxMessage {
		message = append(message[:maxMessage], '…')
	}
	p.errs = append(p.errs, &Error{
		File: p.file, Line: at.line, Column: at.column, Message: string(message), Hint: hint,
	})
}

// join returns the errors as one, nil when there is none.
func (p *problems) join() error {
	errs := make([]error, 0, len(p.errs))
	for _, err := range p.errs {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
