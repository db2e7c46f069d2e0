package traffic

import (
	"context"
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"
)

// guest is a stream that only notes that it left.
type guest struct{ left bool }

func (g *guest) leave() { g.left = true }

func TestStreamsLeaveOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 10 * time.Second
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		v := newVersion("r1")
		guests := make([]*guest, 100)
		for i := range guests {
			guests[i] = &guest{}
			v.streams.add(guests[i])
		}
		v.streams.remove(guests[0])
		f := newFarewell(ctx)
		gone := func() (n int) {
			f.dismiss(v, time.Now())
			for _, g := range guests {
				if g.left {
					n++
				}
			}
			return n
		}
		start, last := time.Now(), 0
		for time.Since(start) < limit {
			n := gone()
			switch passed := time.Since(start); {
			case passed < limit/2 && n != 0:
				t.Fatalf("%d left after %v", n, passed)
			case n-last > 30:
				t.Fatalf("%d left at once", n-last)
			case passed >= limit*9/10 && n != len(guests)-1:
				t.Fatalf("%d left after %v", n, passed)
			}
			last = n
			time.Sleep(100 * time.Millisecond) // of the bubble's clock
		}
		late := &guest{}
		v.streams.add(late)
		if f.dismiss(v, time.Now()); !late.left && !func() bool { f.dismiss(v, time.Now().Add(time.Nanosecond)); return late.left }() {
			t.Error("a stream that began at the end stays")
		}
	})
}

// FuzzFrames: in whatever pieces frames come, their ends are seen where they are.
func FuzzFrames(f *testing.F) {
	f.Add(uint16(0), uint16(3), byte(1), false)
	f.Add(uint16(125), uint16(126), byte(2), true)
	f.Add(uint16(65535), uint16(200), byte(7), false)
	f.Fuzz(func(t *testing.T, first, second uint16, piece byte, masked bool) {
		var all []byte
		ends := map[int]bool{0: true}
		for _, size := range []int{int(first), int(second), int(first) + 65536} {
			all = append(appendHead(all, uint64(size), masked), make([]byte, size)...)
			ends[len(all)] = true
		}
		var fr frames
		step := int(piece) + 1
		for at := 0; at < len(all); {
			n := min(step, len(all)-at)
			fr.follow(all[at : at+n])
			at += n
			if (fr.rest() == 0) != ends[at] {
				t.Fatalf("after %d bytes %d are to come, ends are at %v", at, fr.rest(), ends)
			}
		}
	})
}

// appendHead appends a frame's header by RFC 6455 section 5.2.
func appendHead(to []byte, size uint64, masked bool) []byte {
	mask := byte(0)
	if masked {
		mask = 0x80
	}
	switch {
	case size < 126:
		to = append(to, 0x82, mask|byte(size))
	case size < 65536:
		to = binary.BigEndian.AppendUint16(append(to, 0x82, mask|126), uint16(size))
	default:
		to = binary.BigEndian.AppendUint64(append(to, 0x82, mask|127), size)
	}
	if masked {
		to = append(to, 1, 2, 3, 4)
	}
	return to
}
