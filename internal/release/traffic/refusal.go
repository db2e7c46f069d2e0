package traffic

import "sync/atomic"

// refusal is why a request was answered by the edge without having a version.
type refusal int

const (
	refusedNoTable refusal = iota // there is no route table yet
	refusedNoHost                 // no app answers for its host
	refusedMethod                 // CONNECT
	refusedFraming                // ambiguous framing, on the level of the connection
	refusedHTTP2                  // what has no place in HTTP/1
	refusedLength                 // its body is longer than allowed
	refusedPlain                  // it was sent to https
	refusalReasons
)

// String returns the reason as metrics show it.
func (r refusal) String() string {
	return [refusalReasons]string{"no_table", "no_host", "method", "framing", "http2", "length", "plain"}[r]
}

// refusals counts refused requests of one listener by reason. The zero value has
// none; it is safe for concurrent use.
type refusals [refusalReasons]atomic.Uint64

func (c *refusals) add(r refusal) { c[r].Add(1) }
