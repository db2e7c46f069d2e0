package framing

// Scanner follows the requests on one connection. The zero value stands at the
// beginning of the connection. Its size is fixed: what passes is not kept, but
// for the few fields that frame and address a request.
type Scanner struct {
	request
	place place
	began bool // the connection's first request line has been read up to the target

	nameLen, valueLen int
	name              [maxName]byte
	value             [maxValue]byte
}

// request is what the scanner knows of the request that it is in.
type request struct {
	minor     byte   // of the version: '0' or '1'
	connect   bool   // the method is CONNECT
	options   bool   // the method is OPTIONS
	authority string // of a target in absolute form, without which it is ""

	hosts, lengths, codings int
	length                  uint64 // by Content-Length
	fields                  int    // begun so far, trailers included
	trailers                bool   // the fields belong to the trailer section

	field     field
	lookalike bool   // the field's name had an underscore
	matched   int    // bytes of a fixed text that were there
	digits    int    // of the chunk size
	left      uint64 // bytes of the body or the chunk that are to come
}

const (
	// maxName holds the longest name that matters, and one more byte.
	maxName = len("transfer-encoding") + 1
	// maxValue bounds Host, Content-Length and Transfer-Encoding: a host name of
	// 253 bytes, a colon and a port.
	maxValue = 260
	// maxFields bounds what net/http makes of a request: 64 KiB of fields that are as
	// short as can be cost two milliseconds.
	maxFields = 256
)

// place is where in a request the scanner is.
type place uint8

const (
	atStart place = iota
	inMethod
	atTarget
	inPath
	inOtherTarget
	inProtocol
	atLineFeed
	atField
	inName
	inPlainValue
	inKeptValue
	atHeadEnd
	inBody
	inChunkSize
	atExtension
	inExtension
	atChunkLineFeed
	inChunk
	atChunkEnd
	inPreface
	beyond // the connection is HTTP/1 no longer
)

// step reads as many bytes of p as belong to its place, at least one unless it
// sets another place, and says which rule the byte behind them breaks.
type step func(s *Scanner, p []byte) (int, error)

var steps = [...]step{ // a table, never changed
	atStart:         (*Scanner).start,
	inMethod:        (*Scanner).method,
	atTarget:        (*Scanner).target,
	inPath:          (*Scanner).path,
	inOtherTarget:   (*Scanner).otherTarget,
	inProtocol:      (*Scanner).protocol,
	atLineFeed:      (*Scanner).lineFeed,
	atField:         (*Scanner).fieldStart,
	inName:          (*Scanner).fieldName,
	inPlainValue:    (*Scanner).plainValue,
	inKeptValue:     (*Scanner).keptValue,
	atHeadEnd:       (*Scanner).headEnd,
	inBody:          (*Scanner).body,
	inChunkSize:     (*Scanner).chunkSize,
	atExtension:     (*Scanner).extensionStart,
	inExtension:     (*Scanner).extension,
	atChunkLineFeed: (*Scanner).chunkLineFeed,
	inChunk:         (*Scanner).chunk,
	atChunkEnd:      (*Scanner).chunkEnd,
	inPreface:       (*Scanner).preface,
	beyond:          (*Scanner).pass,
}

// Scan reads on. It returns how many bytes of p may be passed on, which is all
// of them unless there is an Error. After one the scanner is of no more use.
func (s *Scanner) Scan(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		n, err := steps[s.place](s, p[done:])
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// Release lets everything pass from now on, because the connection is no longer
// HTTP/1.
func (s *Scanner) Release() { s.place = beyond }

func (s *Scanner) pass(p []byte) (int, error) { return len(p), nil }

// start forgets the request before.
func (s *Scanner) start([]byte) (int, error) {
	s.request = request{}
	s.nameLen, s.place = 0, inMethod
	return 0, nil
}

// match compares p with the rest of the text and reports whether it is complete.
func (s *Scanner) match(p []byte, text string, broken Error) (int, bool, error) {
	for i, c := range p {
		if c != text[s.matched] {
			return i, false, broken
		}
		s.matched++
		if s.matched == len(text) {
			s.matched = 0
			return i + 1, true, nil
		}
	}
	return len(p), false, nil
}

// keepName adds a byte of a method or field name, as far as there is room.
func (s *Scanner) keepName(c byte) {
	if s.nameLen < maxName {
		s.name[s.nameLen] = c
		s.nameLen++
	}
}

// keepValue adds a byte to the kept value and reports whether there was room.
func (s *Scanner) keepValue(c byte) bool {
	if s.valueLen == maxValue {
		return false
	}
	s.value[s.valueLen] = c
	s.valueLen++
	return true
}
