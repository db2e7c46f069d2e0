package framing

// body skips what Content-Length announced.
func (s *Scanner) body(p []byte) (int, error) {
	n := s.skip(p)
	if s.left == 0 {
		s.place = atStart
	}
	return n, nil
}

func (s *Scanner) skip(p []byte) int {
	n := int(min(uint64(len(p)), s.left))
	s.left -= uint64(n)
	return n
}

// maxSizeDigits keeps a chunk size below 2^60, far from any overflow.
const maxSizeDigits = 15

// chunkSize reads the size of a chunk, up to its extension or the line's end.
func (s *Scanner) chunkSize(p []byte) (int, error) {
	for i, c := range p {
		switch {
		case class[c]&hex != 0 && s.digits < maxSizeDigits:
			s.left = s.left<<4 | nibble(c)
			s.digits++
			continue
		case s.digits == 0 || c != ';' && c != '\r':
			return i, ErrChunkSize
		case c == ';':
			s.place = atExtension
		default:
			s.place = atChunkLineFeed
		}
		return i + 1, nil
	}
	return len(p), nil
}

func nibble(c byte) uint64 {
	if c <= '9' {
		return uint64(c - '0')
	}
	return uint64(lower(c)-'a') + 10
}

// extensionStart wants the name of an extension right behind the semicolon. The
// white space that section 7.1.1 calls bad is not taken.
func (s *Scanner) extensionStart(p []byte) (int, error) {
	if class[p[0]]&token == 0 {
		return 0, ErrExtension
	}
	s.place = inExtension
	return 1, nil
}

// extension skips the rest of the extensions, which end with the line. A quoted
// value may hold any text, but no line end.
func (s *Scanner) extension(p []byte) (int, error) {
	for i, c := range p {
		if class[c]&text != 0 {
			continue
		}
		if c != '\r' {
			return i, ErrExtension
		}
		s.place = atChunkLineFeed
		return i + 1, nil
	}
	return len(p), nil
}

// chunkLineFeed ends the line of a chunk's size.
func (s *Scanner) chunkLineFeed(p []byte) (int, error) {
	if p[0] != '\n' {
		return 0, ErrLineEnd
	}
	s.place = inChunk
	if s.left == 0 {
		s.trailers, s.place = true, atField
	}
	return 1, nil
}

// chunk skips the data of a chunk.
func (s *Scanner) chunk(p []byte) (int, error) {
	n := s.skip(p)
	if s.left == 0 {
		s.place = atChunkEnd
	}
	return n, nil
}

// chunkEnd wants the line end behind the data of a chunk.
func (s *Scanner) chunkEnd(p []byte) (int, error) {
	n, complete, err := s.match(p, "\r\n", ErrChunkEnd)
	if complete {
		s.digits, s.place = 0, inChunkSize
	}
	return n, err
}
