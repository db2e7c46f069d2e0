package framing

// Error says why a connection was refused: the first rule that its client broke.
type Error string

// Error implements error.
func (e Error) Error() string { return string(e) }

// The rules that a client can break, with the section of RFC 9112 or of another.
const (
	ErrMethod     Error = "method is not a token"                                    // RFC 9110 section 9.1
	ErrTarget     Error = "request target is malformed"                              // section 3.2
	ErrVersion    Error = "protocol version is neither HTTP/1.0 nor HTTP/1.1"        // section 2.3
	ErrPreface    Error = "HTTP/2 preface is malformed or not first"                 // RFC 9113 section 3.4
	ErrLineEnd    Error = "line does not end with CR LF"                             // section 2.2
	ErrName       Error = "field name is not a token followed by a colon"            // section 5.1
	ErrValue      Error = "field value has a control character"                      // RFC 9110 section 5.5
	ErrFields     Error = "request has more than 256 fields"                         // RFC 6585 section 5
	ErrFolded     Error = "field is folded over lines"                               // section 5.2
	ErrLookalike  Error = "field name differs from a framing field by an underscore" // RFC 3875 section 4.1.18
	ErrHost       Error = "Host is malformed, repeated, missing or not the target's" // section 3.2
	ErrLength     Error = "Content-Length is malformed or repeated"                  // section 6.3
	ErrCoding     Error = "Transfer-Encoding is not exactly chunked"                 // section 6.1
	ErrTwoLengths Error = "Content-Length stands beside Transfer-Encoding"           // section 6.3
	ErrChunkSize  Error = "chunk size is malformed"                                  // section 7.1
	ErrExtension  Error = "chunk extension is malformed"                             // section 7.1.1
	ErrChunkEnd   Error = "chunk data is not followed by CR LF"                      // section 7.1
	ErrTrailer    Error = "trailer section has a framing or routing field"           // RFC 9110 section 6.5.1
)
