package makefile

import "fmt"

// place is a line of a makefile.
type place struct {
	file string
	line int
}

func (p place) String() string { return fmt.Sprintf("%s:%d", p.file, p.line) }

// UnsupportedError says what of a makefile is not understood, and where.
type UnsupportedError struct {
	Place string // "Makefile:12"; "" where it has none
	Err   error
}

// Error implements error.
func (e *UnsupportedError) Error() string {
	if e.Place == "" {
		return e.Err.Error()
	}
	return e.Place + ": " + e.Err.Error()
}

// Unwrap returns the reason without the place.
func (e *UnsupportedError) Unwrap() error { return e.Err }

func unsupported(at place, format string, args ...any) error {
	return &UnsupportedError{Place: at.String(), Err: fmt.Errorf(format, args...)}
}

// FailedError is a run of make that ends with a complaint, for everybody.
type FailedError struct{ Text string }

// Error implements error.
func (e *FailedError) Error() string { return e.Text }

func failed(at place, format string, args ...any) error {
	return &FailedError{Text: at.String() + ": " + fmt.Sprintf(format, args...)}
}
