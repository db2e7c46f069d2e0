package traffic

import (
	"bytes"
	"net"
	"reflect"
	"testing"
)

// FuzzDecodeSecure: what can be read is the same when it is written and read again,
// and a ring can be made of whatever is in it.
func FuzzDecodeSecure(f *testing.F) {
	f.Add([]byte(`{"format":1,"redirect":true,"port":443,"hsts":"1h","certificates":["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]}`))
	f.Add([]byte(`{"format":1,"hsts":"0s","redirect":false,"certificates":null}`))
	f.Add([]byte(`{"format":2}`))
	f.Add([]byte(`{"format":1,"port":65536}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := DecodeSecure(data)
		if err != nil {
			return
		}
		k, errs := newKeyring(s, &net.TCPAddr{Port: 1})
		if len(k.names) == 0 && len(errs) != len(s.Certificates) {
			t.Fatalf("of %d certificates none is there, and %v", len(s.Certificates), errs)
		}
		once, err := s.Encode()
		if err != nil {
			t.Fatalf("read but not written: %v", err)
		}
		again, err := DecodeSecure(once)
		if err != nil || !reflect.DeepEqual(again, s) {
			t.Fatalf("%v\nread  %+v\nagain %+v", err, s, again)
		}
		if twice, _ := again.Encode(); !bytes.Equal(once, twice) {
			t.Fatalf("written %s\nthen    %s", once, twice)
		}
	})
}

// FuzzDecodeChallenges: what is taken leads to this machine, for hosts in the form
// under which they are looked up.
func FuzzDecodeChallenges(f *testing.F) {
	f.Add([]byte(`{"at":"127.0.0.1:80","hosts":["A.localhost"]}`))
	f.Add([]byte(`{"at":"[::1]:80","hosts":["a"]}`))
	f.Add([]byte(`{"at":"","hosts":[]}`))
	f.Add([]byte(`{"at":"192.0.2.1:80","hosts":["a"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := decodeChallenges(data)
		if err != nil {
			return
		}
		for _, h := range c.Hosts {
			if hostname(h) != h {
				t.Fatalf("%q is not how it is looked up", h)
			}
		}
		if err := c.validate(); err != nil {
			t.Fatal(err)
		}
	})
}
