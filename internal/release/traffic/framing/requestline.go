package framing

import "strings"

// method reads up to the first space of a request line. An empty line in front
// of it is refused too: section 2.2 allows to skip one, but two bytes more than
// the body should have are what smuggling looks like.
func (s *Scanner) method(p []byte) (int, error) {
	for i, c := range p {
		if class[c]&token == 0 {
			if c != ' ' || s.nameLen == 0 {
				return i, ErrMethod
			}
			if err := s.chooseTarget(); err != nil {
				return i, err
			}
			return i + 1, nil
		}
		s.keepName(c)
	}
	return len(p), nil
}

// chooseTarget chooses by the method how the request target is read.
func (s *Scanner) chooseTarget() error {
	first := !s.began
	s.began, s.place = true, atTarget
	switch string(s.name[:s.nameLen]) {
	case "CONNECT":
		s.connect = true
	case "OPTIONS":
		s.options = true
	case "PRI":
		if !first {
			return ErrPreface
		}
		s.place = inPreface
	}
	return nil
}

// preface compares what follows the method of the HTTP/2 connection preface (RFC
// 9113 section 3.4). Behind it are frames, whose lengths nobody reads in two ways.
func (s *Scanner) preface(p []byte) (int, error) {
	n, complete, err := s.match(p, "* HTTP/2.0\r\n\r\nSM\r\n\r\n", ErrPreface)
	if complete {
		s.place = beyond
	}
	return n, err
}

// target tells the usual form, a path, from the others.
func (s *Scanner) target(p []byte) (int, error) {
	if p[0] == '/' && !s.connect {
		s.place = inPath
	} else {
		s.valueLen, s.place = 0, inOtherTarget
	}
	return 0, nil
}

// path reads a request target that is looked at no further.
func (s *Scanner) path(p []byte) (int, error) {
	for i, c := range p {
		if class[c]&visible != 0 {
			continue
		}
		if c != ' ' {
			return i, ErrTarget
		}
		s.place = inProtocol
		return i + 1, nil
	}
	return len(p), nil
}

// otherTarget keeps the beginning of a target that is not a path, because its
// authority must be that of Host.
func (s *Scanner) otherTarget(p []byte) (int, error) {
	for i, c := range p {
		end := class[c]&visible == 0
		if !end && s.keepValue(c) {
			continue
		}
		if end && c != ' ' || !s.parseTarget(string(s.value[:s.valueLen]), end) {
			return i, ErrTarget
		}
		s.place = inPath // which also takes the space
		return i, nil
	}
	return len(p), nil
}

// parseTarget takes the forms of section 3.2 that are not origin-form: "*",
// host:port for CONNECT, and absolute URIs of http and https, whose authority it
// keeps. The path of such a URI may be cut off.
func (s *Scanner) parseTarget(target string, whole bool) bool {
	if s.connect {
		return whole && target != "" && validHost(target)
	}
	if target == "*" {
		return s.options
	}
	scheme, rest, found := strings.Cut(target, "://")
	if !found || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return false
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest, whole = rest[:end], true
	}
	s.authority = rest
	return whole && rest != "" && validHost(rest)
}

// protocol reads the version and the carriage return behind it.
func (s *Scanner) protocol(p []byte) (int, error) {
	const prefix = "HTTP/1."
	for i, c := range p {
		good := false
		switch {
		case s.matched < len(prefix):
			good = c == prefix[s.matched]
		case s.matched == len(prefix):
			good, s.minor = c == '0' || c == '1', c
		case c == '\r':
			s.matched, s.place = 0, atLineFeed
			return i + 1, nil
		}
		if !good {
			return i, ErrVersion
		}
		s.matched++
	}
	return len(p), nil
}

// lineFeed ends a request line or a field.
func (s *Scanner) lineFeed(p []byte) (int, error) {
	if p[0] != '\n' {
		return 0, ErrLineEnd
	}
	s.place = atField
	return 1, nil
}

// validHost reports whether h has only what a host and a port may have. User
// information is none of it: section 3.2 has no place for it.
func validHost[text string | []byte](h text) bool { return all(h, hostly) }

// all reports whether all bytes of s are of the kind.
func all[text string | []byte](s text, kind uint8) bool {
	for i := range len(s) {
		if class[s[i]]&kind == 0 {
			return false
		}
	}
	return true
}
