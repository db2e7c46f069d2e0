package dockerfile

// Token is a piece of the source. The tokens of a file stand side by side: each
// begins where the one before it ends, and none is empty.
type Token struct {
	Span
	Kind TokenKind
}

// TokenKind says what a token is.
type TokenKind uint8

// The kinds of tokens.
const (
	BOM           TokenKind = iota // the byte order mark that a file may begin with
	Blank                          // white space before an instruction or comment, or a line of nothing else
	Comment                        // from # to the end of the line, without the line end
	DirectiveLine                  // a parser directive, like a comment
	Code                           // a part of an instruction that stands on one line
	Continuation                   // the escape character at the end of a line, up to and with the line end
	Newline                        // a line end
	HeredocBody                    // the lines of a heredoc
	HeredocEnd                     // the line that ends a heredoc
	Unread                         // what lies beyond the bounds of what is read
)
