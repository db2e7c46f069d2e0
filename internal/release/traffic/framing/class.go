package framing

// Classes of bytes, for one look instead of many comparisons.
const (
	token   = 1 << iota // tchar of RFC 9110 section 5.6.2
	text                // what a field value may have: field-vchar, SP and HTAB
	visible             // what a request target may have; bytes above 0x7f are escaped by net/http
	hostly              // what a host and port may have (RFC 3986 section 3.2.2)
	hex                 // HEXDIG
)

var class = classify() // a table, never changed

func classify() (t [256]uint8) {
	const digits, letters = "0123456789", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	mark := func(kind uint8, bytes string) {
		for i := range len(bytes) {
			t[bytes[i]] |= kind
		}
	}
	mark(token, digits+letters+"!#$%&'*+-.^_`|~")
	mark(hostly, digits+letters+"-._~%!$&'()*+,;=:[]")
	mark(hex, digits+"abcdefABCDEF")
	mark(text, "\t ")
	for c := '!'; c <= 0xff; c++ {
		if c != 0x7f {
			t[c] |= text | visible
		}
	}
	return t
}
