// Package framing stands between a listener and net/http and reads along what
// clients send on HTTP/1 connections. Where two readers could disagree about
// where a request ends, or for whom it is, the bytes stop: net/http reads a
// malformed request in their place and answers 400. Everything else passes
// unchanged and is not kept. Requests with more fields than anybody means to send
// end the same way, before net/http makes a map of them.
//
// It is stricter than RFC 9112 where that lets a reader be lenient, and knows
// nothing of responses, routes or versions. It must not import anything of the
// project.
package framing
