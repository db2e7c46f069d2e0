package framing

import (
	"bytes"
	"strings"
)

// field is what a field means for the framing.
type field uint8

const (
	plain field = iota
	hostField
	lengthField
	codingField
)

// broken is the rule that a malformed field of this meaning breaks.
func (f field) broken() Error {
	switch f {
	case lengthField:
		return ErrLength
	case codingField:
		return ErrCoding
	default:
		return ErrHost
	}
}

// fieldStart looks at the first byte of a field, or of the empty line at the end.
func (s *Scanner) fieldStart(p []byte) (int, error) {
	switch c := p[0]; {
	case c == '\r':
		s.place = atHeadEnd
		return 1, nil
	case c == ' ' || c == '\t':
		return 0, ErrFolded
	case class[c]&token == 0:
		return 0, ErrName
	}
	if s.fields++; s.fields > maxFields {
		return 0, ErrFields
	}
	s.nameLen, s.lookalike, s.place = 0, false, inName
	return 0, nil
}

// fieldName keeps the name in lower case, with hyphens for underscores.
func (s *Scanner) fieldName(p []byte) (int, error) {
	for i, c := range p {
		if class[c]&token == 0 {
			if c != ':' {
				return i, ErrName
			}
			if err := s.recognize(); err != nil {
				return i, err
			}
			return i + 1, nil
		}
		if c == '_' {
			s.lookalike, c = true, '-'
		}
		s.keepName(lower(c))
	}
	return len(p), nil
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// recognize chooses how the value of the field is read. Names that only an
// underscore tells from a framing field are refused: servers that hand fields on
// as environment variables take them for one.
func (s *Scanner) recognize() error {
	s.field = plain
	switch string(s.name[:s.nameLen]) {
	case "host":
		s.field = hostField
	case "content-length":
		s.field = lengthField
	case "transfer-encoding":
		s.field = codingField
	}
	switch {
	case s.field == plain:
		s.place = inPlainValue
		return nil
	case s.lookalike:
		return ErrLookalike
	case s.trailers:
		return ErrTrailer
	}
	s.valueLen, s.place = 0, inKeptValue
	return nil
}

func (s *Scanner) plainValue(p []byte) (int, error) {
	for i, c := range p {
		if class[c]&text != 0 {
			continue
		}
		if c == '\r' {
			s.place = atLineFeed
			return i + 1, nil
		}
		return i, badByte(c)
	}
	return len(p), nil
}

// badByte tells a line that ends wrongly from a value that has no place.
func badByte(c byte) Error {
	if c == '\n' {
		return ErrLineEnd
	}
	return ErrValue
}

// keptValue reads the value of a field that frames or addresses the request. Of
// the white space around it only spaces are taken.
func (s *Scanner) keptValue(p []byte) (int, error) {
	for i, c := range p {
		switch {
		case c == '\r':
			if !s.frame(bytes.TrimRight(s.value[:s.valueLen], " ")) {
				return i, s.field.broken()
			}
			s.place = atLineFeed
			return i + 1, nil
		case class[c]&text == 0:
			return i, badByte(c)
		case c == ' ' && s.valueLen == 0:
		case !s.keepValue(c):
			return i, s.field.broken()
		}
	}
	return len(p), nil
}

// frame takes the value of a framing field and reports whether it is good. Each
// may stand once: a repetition that says the same is more than a client needs.
func (s *Scanner) frame(value []byte) bool {
	switch s.field {
	case lengthField:
		s.lengths++
		var ok bool
		s.length, ok = parseLength(value)
		return ok && s.lengths == 1
	case codingField:
		s.codings++
		return s.codings == 1 && strings.EqualFold(string(value), "chunked")
	default:
		s.hosts++
		return s.hosts == 1 && validHost(value) &&
			(s.authority == "" || strings.EqualFold(string(value), s.authority))
	}
}

// maxLengthDigits keeps a length below 10^18, far from any overflow.
const maxLengthDigits = 18

// parseLength takes decimal digits only, where others take a sign, a comma or
// white space.
func parseLength(value []byte) (length uint64, ok bool) {
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0, false
		}
		length = length*10 + uint64(c-'0')
	}
	return length, len(value) > 0 && len(value) <= maxLengthDigits
}

// headEnd ends a head or a trailer section and chooses how the body is read.
func (s *Scanner) headEnd(p []byte) (int, error) {
	if p[0] != '\n' {
		return 0, ErrLineEnd
	}
	s.place = atStart
	switch {
	case s.trailers:
	case s.hosts == 0 && (s.minor == '1' || s.authority != ""):
		return 0, ErrHost
	case s.codings > 0 && s.lengths > 0:
		return 0, ErrTwoLengths
	case s.codings > 0 && s.minor == '0':
		return 0, ErrCoding
	case s.codings > 0:
		s.digits, s.place = 0, inChunkSize
	case s.length > 0:
		s.left, s.place = s.length, inBody
	}
	return 1, nil
}
