package framing

import (
	"errors"
	"strings"
	"testing"
)

// crlf writes requests as they are read: a line each, and no indentation.
func crlf(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n" }

// passing are whole exchanges that nobody reads in two ways, by the bodies that
// they have.
var passing = map[string]struct {
	sent   string
	bodies []string
}{
	"plain":              {crlf("GET /a?b=c HTTP/1.1", "Host: a", ""), []string{""}},
	"pipelined":          {crlf("GET / HTTP/1.1", "Host: a", "", "GET /b HTTP/1.1", "Host: b:80", ""), []string{"", ""}},
	"HTTP/1.0":           {crlf("GET / HTTP/1.0", ""), []string{""}},
	"length":             {crlf("POST / HTTP/1.1", "Host: a", "Content-Length: 5", "") + "GET /", []string{"GET /"}},
	"no length":          {crlf("POST / HTTP/1.1", "Host: a", "Content-Length: 0", "", "GET / HTTP/1.1", "hOsT:a", ""), []string{"", ""}},
	"zeros":              {crlf("POST / HTTP/1.1", "Host: a", "Content-Length: 003", "") + "abc", []string{"abc"}},
	"spaces":             {crlf("POST / HTTP/1.1", "Host:  a  ", "Content-Length: 3 ", "") + "abc", []string{"abc"}},
	"chunked":            {crlf("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: Chunked", "", "3", "abc", "00A", "0123456789", "0", ""), []string{"abc0123456789"}},
	"chunk extension":    {crlf("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", "", "3;a=b;c=\"d e\"", "abc", "0;e", ""), []string{"abc"}},
	"trailers":           {crlf("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", "", "1", "a", "0", "X-Sum: 1", "", "GET / HTTP/1.1", "Host: a", ""), []string{"a", ""}},
	"star":               {crlf("OPTIONS * HTTP/1.1", "Host: a", ""), []string{""}},
	"absolute form":      {crlf("GET http://A:80/b HTTP/1.1", "Host: a:80", ""), []string{""}},
	"absolute, no path":  {crlf("GET http://a HTTP/1.1", "Host: a", ""), []string{""}},
	"absolute, long":     {crlf("GET http://a/"+strings.Repeat("b", 2*maxValue)+" HTTP/1.1", "Host: a", ""), []string{""}},
	"tunnel":             {crlf("CONNECT a:443 HTTP/1.1", "Host: a:443", ""), []string{""}},
	"many fields":        {crlf("GET / HTTP/1.1", "Host: a", strings.Repeat("X: y\r\n", maxFields-2)+"X: y", ""), []string{""}},
	"folded later":       {crlf("GET / HTTP/1.1", "Host: a", "X-A: b  ", "X-Empty:", ""), []string{""}},
	"high bytes":         {crlf("GET /\xc3\xa4 HTTP/1.1", "Host: a", "X-A: \xff\t\"", ""), []string{""}},
	"IPv6":               {crlf("GET / HTTP/1.1", "Host: [::1]:80", ""), []string{""}},
	"long names":         {crlf("GET / HTTP/1.1", "Host: a", "Transfer-Encodings: gzip", "Content-Lengt: 3", strings.Repeat("x", 100)+": y", ""), []string{""}},
	"expectation":        {crlf("POST / HTTP/1.1", "Host: a", "Expect: 100-continue", "Content-Length: 1", "") + "a", []string{"a"}},
	"HTTP/2":             {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00", nil},
	"empty Host":         {crlf("GET / HTTP/1.1", "Host:", ""), []string{""}},
	"a method like PRI":  {crlf("PRIX / HTTP/1.1", "Host: a", "", "pri / HTTP/1.1", "Host: a", ""), []string{"", ""}},
	"TRACE with a body":  {crlf("TRACE / HTTP/1.1", "Host: a", "Content-Length: 1", "") + "a", []string{"a"}},
	"GET with a body":    {crlf("GET / HTTP/1.1", "Host: a", "Content-Length: 1", "") + "a", []string{"a"}},
	"lookalike of Host":  {crlf("GET / HTTP/1.1", "Host: a", "X_Host: b", ""), []string{""}},
	"offer to upgrade":   {crlf("GET / HTTP/1.1", "Host: a", "Connection: Upgrade", "Upgrade: websocket", ""), []string{""}},
	"trailer, many bits": {crlf("POST / HTTP/1.1", "Host: a", "Trailer: X-A", "Transfer-Encoding: chunked", "", "0", "X-A: 1", "X-B: 2", ""), []string{""}},
}

// refused are beginnings of exchanges with the rule that they break, at their end.
var refused = map[string]struct {
	sent string
	rule Error
}{
	"both lengths":                 {crlf("POST / HTTP/1.1", "Host: a", "Content-Length: 4", "Transfer-Encoding: chunked", ""), ErrTwoLengths},
	"both lengths, other order":    {crlf("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", "Content-Length: 4", ""), ErrTwoLengths},
	"two codings":                  {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r", ErrCoding},
	"a coding and identity":        {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r", ErrCoding},
	"list of codings":              {"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r", ErrCoding},
	"chunked and a comma":          {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked,\r", ErrCoding},
	"comma and chunked":            {"POST / HTTP/1.1\r\nTransfer-Encoding: ,chunked\r", ErrCoding},
	"xchunked":                     {"POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r", ErrCoding},
	"quoted chunked":               {"POST / HTTP/1.1\r\nTransfer-Encoding: \"chunked\"\r", ErrCoding},
	"chunked with a tab":           {"POST / HTTP/1.1\r\nTransfer-Encoding:\tchunked\r", ErrCoding},
	"chunked with a vertical tab":  {"POST / HTTP/1.1\r\nTransfer-Encoding: \x0b", ErrValue},
	"chunked with a parameter":     {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked;q=1\r", ErrCoding},
	"identity":                     {"POST / HTTP/1.1\r\nTransfer-Encoding: identity\r", ErrCoding},
	"empty coding":                 {"POST / HTTP/1.1\r\nTransfer-Encoding:\r", ErrCoding},
	"coding in HTTP/1.0":           {crlf("POST / HTTP/1.0", "Host: a", "Transfer-Encoding: chunked", ""), ErrCoding},
	"long coding":                  {"POST / HTTP/1.1\r\nTransfer-Encoding: c" + strings.Repeat(" ", maxValue), ErrCoding},
	"Transfer_Encoding":            {"POST / HTTP/1.1\r\nTransfer_Encoding:", ErrLookalike},
	"Content_Length":               {"POST / HTTP/1.1\r\nContent_Length:", ErrLookalike},
	"same length twice":            {"POST / HTTP/1.1\r\nContent-Length: 4\r\nContent-Length: 4\r", ErrLength},
	"two lengths":                  {"POST / HTTP/1.1\r\nContent-Length: 4\r\nContent-Length: 5\r", ErrLength},
	"list of lengths":              {"POST / HTTP/1.1\r\nContent-Length: 4, 4\r", ErrLength},
	"signed length":                {"POST / HTTP/1.1\r\nContent-Length: +4\r", ErrLength},
	"negative length":              {"POST / HTTP/1.1\r\nContent-Length: -1\r", ErrLength},
	"hexadecimal length":           {"POST / HTTP/1.1\r\nContent-Length: 0x4\r", ErrLength},
	"length with an underscore":    {"POST / HTTP/1.1\r\nContent-Length: 1_0\r", ErrLength},
	"no digits":                    {"POST / HTTP/1.1\r\nContent-Length: \r", ErrLength},
	"length over 2^63":             {"POST / HTTP/1.1\r\nContent-Length: 18446744073709551620\r", ErrLength},
	"Arabic digits":                {"POST / HTTP/1.1\r\nContent-Length: \xd9\xa4\r", ErrLength},
	"a field too many":             {"GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: y\r\n", maxFields-1) + "X", ErrFields},
	"a trailer too many":           {chunkedHead + "0\r\n" + strings.Repeat("X: y\r\n", maxFields-2) + "X", ErrFields},
	"folded field":                 {"GET / HTTP/1.1\r\nX-A: b\r\n ", ErrFolded},
	"folded coding":                {"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\t", ErrFolded},
	"space before the first field": {"GET / HTTP/1.1\r\n ", ErrFolded},
	"space before the colon":       {"GET / HTTP/1.1\r\nContent-Length ", ErrName},
	"tab before the colon":         {"GET / HTTP/1.1\r\nTransfer-Encoding\t", ErrName},
	"field without a name":         {"GET / HTTP/1.1\r\n:", ErrName},
	"line without a colon":         {"GET / HTTP/1.1\r\nContent-Length\r", ErrName},
	"NUL in a name":                {"GET / HTTP/1.1\r\nContent\x00", ErrName},
	"NUL in a value":               {"GET / HTTP/1.1\r\nX-A: b\x00", ErrValue},
	"DEL in a value":               {"GET / HTTP/1.1\r\nX-A: b\x7f", ErrValue},
	"bare LF in a field":           {"GET / HTTP/1.1\r\nX-A: b\n", ErrLineEnd},
	"bare LF in a length":          {"GET / HTTP/1.1\r\nContent-Length: 4\n", ErrLineEnd},
	"bare LF at the head's end":    {"GET / HTTP/1.1\r\nHost: a\r\n\n", ErrName},
	"bare LF in the request line":  {"GET / HTTP/1.1\n", ErrVersion},
	"bare CR in a field":           {"GET / HTTP/1.1\r\nX-A: b\rX", ErrLineEnd},
	"bare CR in the request line":  {"GET / HTTP/1.1\rX", ErrLineEnd},
	"bare CR at the head's end":    {"GET / HTTP/1.1\r\nHost: a\r\n\rX", ErrLineEnd},
	"no Host":                      {crlf("GET / HTTP/1.1", "X-A: b", ""), ErrHost},
	"Host twice":                   {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r", ErrHost},
	"the same Host twice":          {"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r", ErrHost},
	"list of hosts":                {"GET / HTTP/1.1\r\nHost: a b\r", ErrHost},
	"Host with a path":             {"GET / HTTP/1.1\r\nHost: a/b\r", ErrHost},
	"Host with a user":             {"GET / HTTP/1.1\r\nHost: u@a\r", ErrHost},
	"Host with a tab":              {"GET / HTTP/1.1\r\nHost:\ta\r", ErrHost},
	"long Host":                    {"GET / HTTP/1.1\r\nHost: " + strings.Repeat("a", maxValue+1), ErrHost},
	"target of another Host":       {"GET http://b/ HTTP/1.1\r\nHost: a\r", ErrHost},
	"target of another port":       {"GET http://a:8080/ HTTP/1.1\r\nHost: a\r", ErrHost},
	"absolute form without Host":   {crlf("GET http://a/ HTTP/1.0", ""), ErrHost},
	"target with a user":           {"GET http://a@b/ ", ErrTarget},
	"target without a host":        {"GET http:/// ", ErrTarget},
	"another scheme":               {"GET ftp://a/ ", ErrTarget},
	"target without a slash":       {"GET a ", ErrTarget},
	"star for GET":                 {"GET * ", ErrTarget},
	"host without an end":          {"GET http://" + strings.Repeat("a", maxValue-6), ErrTarget},
	"tunnel to a path":             {"CONNECT /a ", ErrTarget},
	"two spaces before the target": {"GET  ", ErrTarget},
	"two spaces behind it":         {"GET /  ", ErrVersion},
	"tab in the request line":      {"GET\t", ErrMethod},
	"NUL in the target":            {"GET /\x00", ErrTarget},
	"HTTP/0.9":                     {"GET /\r", ErrTarget},
	"no target":                    {"GET\r", ErrMethod},
	"HTTP/1.2":                     {"GET / HTTP/1.2", ErrVersion},
	"HTTP/2.0 on a line":           {"GET / HTTP/2", ErrVersion},
	"http in lower case":           {"GET / h", ErrVersion},
	"space behind the version":     {"GET / HTTP/1.1 ", ErrVersion},
	"empty line first":             {"\r", ErrMethod},
	"space first":                  {" ", ErrMethod},
	"TLS":                          {"\x16", ErrMethod},
	"no chunk size":                {chunkedHead + "\r", ErrChunkSize},
	"chunk size with a sign":       {chunkedHead + "+", ErrChunkSize},
	"hexadecimal prefix":           {chunkedHead + "0x", ErrChunkSize},
	"space behind the size":        {chunkedHead + "3 ", ErrChunkSize},
	"space before the size":        {chunkedHead + " ", ErrChunkSize},
	"size of sixteen digits":       {chunkedHead + "0000000000000003", ErrChunkSize},
	"size ends with LF":            {chunkedHead + "3\n", ErrChunkSize},
	"size ends with CR":            {chunkedHead + "3\rX", ErrLineEnd},
	"space in an extension":        {chunkedHead + "3; ", ErrExtension},
	"empty extension":              {chunkedHead + "3;\r", ErrExtension},
	"LF in an extension":           {chunkedHead + "3;a\n", ErrExtension},
	"NUL in an extension":          {chunkedHead + "3;a=\x00", ErrExtension},
	"chunk longer than its size":   {chunkedHead + "3\r\nabcd", ErrChunkEnd},
	"chunk ends with LF":           {chunkedHead + "3\r\nabc\n", ErrChunkEnd},
	"chunk ends with CR":           {chunkedHead + "3\r\nabc\rX", ErrChunkEnd},
	"length in trailers":           {chunkedHead + "0\r\nContent-Length:", ErrTrailer},
	"coding in trailers":           {chunkedHead + "0\r\nTransfer-Encoding:", ErrTrailer},
	"Host in trailers":             {chunkedHead + "0\r\nHost:", ErrTrailer},
	"folded trailer":               {chunkedHead + "0\r\nX-A: b\r\n ", ErrFolded},
	"bare LF in trailers":          {chunkedHead + "0\r\nX-A: b\n", ErrLineEnd},
	"line end behind the body":     {crlf("POST / HTTP/1.1", "Host: a", "Content-Length: 1", "") + "a\r", ErrMethod},
	"HTTP/2 later":                 {crlf("GET / HTTP/1.1", "Host: a", "") + "PRI ", ErrPreface},
	"half of an HTTP/2 preface":    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\rX", ErrPreface},
	"lower HTTP/2 preface":         {"pri * ", ErrTarget},
}

const chunkedHead = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

// bodies reads byte by byte what the scanner takes for the bodies of whole
// requests. end is where the last of them ends.
func bodies(sent []byte) (whole []string, end int, s *Scanner, err error) {
	s = new(Scanner)
	var body []byte
	for i := range sent {
		at := s.place
		if _, err := s.Scan(sent[i : i+1]); err != nil {
			return whole, end, s, err
		}
		if at == inBody || at == inChunk {
			body = append(body, sent[i])
		}
		if s.place == atStart {
			whole, body, end = append(whole, string(body)), nil, i+1
		}
	}
	return whole, end, s, nil
}

func TestClearFramingPasses(t *testing.T) {
	for name, c := range passing {
		t.Run(name, func(t *testing.T) {
			var s Scanner
			if n, err := s.Scan([]byte(c.sent)); n != len(c.sent) || err != nil {
				t.Errorf("passed %d bytes of %d: %v", n, len(c.sent), err)
			}
			got, end, last, err := bodies([]byte(c.sent))
			if err != nil || strings.Join(got, "|") != strings.Join(c.bodies, "|") || len(got) != len(c.bodies) {
				t.Errorf("read the bodies %q, %v; want %q", got, err, c.bodies)
			}
			if end != len(c.sent) && last.place != beyond {
				t.Errorf("the last request ends at byte %d of %d", end, len(c.sent))
			}
		})
	}
}

func TestAmbiguousFramingIsRefused(t *testing.T) {
	for name, c := range refused {
		t.Run(name, func(t *testing.T) {
			// However the bytes come, the last one is what breaks the rule.
			for size := 1; size <= len(c.sent); size = size*2 + 1 {
				var s Scanner
				passed, err := 0, error(nil)
				for at := 0; at < len(c.sent) && err == nil; at += size {
					var n int
					n, err = s.Scan([]byte(c.sent[at:min(at+size, len(c.sent))]))
					passed += n
				}
				if !errors.Is(err, c.rule) {
					t.Fatalf("in pieces of %d: %v, want %v", size, err, c.rule)
				}
				if passed != len(c.sent)-1 {
					t.Errorf("in pieces of %d: passed %d bytes of %d", size, passed, len(c.sent))
				}
			}
		})
	}
}

func TestScanningAllocatesNothing(t *testing.T) {
	sent := []byte(crlf("POST /a/b?c=d HTTP/1.1", "Host: "+strings.Repeat("long.", 20)+"example", "User-Agent: test",
		"Content-Length: 3", "") + "abc" + crlf("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", "", "3", "abc", "0", ""))
	var s Scanner
	if n := testing.AllocsPerRun(100, func() {
		if _, err := s.Scan(sent); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for two requests", n)
	}
}

func TestReleaseLetsEverythingPass(t *testing.T) {
	var s Scanner
	s.Release()
	if n, err := s.Scan([]byte("\x81\x05hello")); n != 7 || err != nil {
		t.Errorf("passed %d bytes: %v", n, err)
	}
}
