package layer

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// changed returns the entries of large with some bytes of the first file
// changed, and some put in further back.
func changed() []Entry {
	entries := large()
	content, _ := entries[0].Open()
	data, _ := io.ReadAll(content)
	copy(data[blockSize+100:], "changed")
	data = slices.Insert(data, 3*blockSize+100, 'x', 'y')
	return []Entry{File("a", data), entries[1]}
}

func TestBlocksOfTheLastLayerAreTakenOver(t *testing.T) {
	c := Cache{Dir: t.TempDir()}
	if _, _, err := c.Layer(t.Context(), large(), Gzip); err != nil {
		t.Fatal(err)
	}
	var alone, after bytes.Buffer
	want, _, err := compress(t.Context(), &alone, changed(), Gzip, nil)
	if err != nil {
		t.Fatal(err)
	}
	known := c.last(shapeOf(changed(), Gzip), Gzip)
	defer known.close()
	writer := newGzipWriter(&after, known)
	if err := WriteTar(writer, changed()); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(alone.Bytes(), after.Bytes()) {
		t.Error("the layer is another one when blocks are taken over")
	}
	// Block 2 alone: the length in the header in 0 and something in 1 and 3 is
	// another, and all behind 3 has moved.
	if writer.reused != 1 {
		t.Errorf("%d blocks were taken over, want 1", writer.reused)
	}
	got, _, err := c.Layer(t.Context(), changed(), Gzip)
	if err != nil || got.described != want {
		t.Errorf("got %+v, %v; want %+v", got.described, err, want)
	}
}

// What is remembered can be lost, old or damaged: the layer is the same.
func TestDamageOfWhatIsRemembered(t *testing.T) {
	var alone bytes.Buffer
	want, _, err := compress(t.Context(), &alone, changed(), Gzip, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, harm := range map[string]func(c Cache, blob, last string) error{
		"no layer":    func(_ Cache, blob, _ string) error { return os.Remove(blob) },
		"cut layer":   func(_ Cache, blob, _ string) error { return os.Truncate(blob, 5000) },
		"other bytes": func(_ Cache, blob, _ string) error { return flip(blob) },
		"no memory":   func(_ Cache, _, last string) error { return os.Remove(last) },
		"cut memory":  func(_ Cache, _, last string) error { return os.Truncate(last, keyLength+blockBytes+1) },
		"short":       func(_ Cache, _, last string) error { return os.Truncate(last, 3) },
		"other key":   func(_ Cache, _, last string) error { return os.WriteFile(last, bytes.Repeat([]byte("../"), 40), 0o600) },
	} {
		c := Cache{Dir: t.TempDir()}
		l, _, err := c.Layer(t.Context(), large(), Gzip)
		if err != nil {
			t.Fatal(err)
		}
		if err := harm(c, l.path, c.lastFile(shapeOf(large(), Gzip))); err != nil {
			t.Fatal(err)
		}
		if got, _, err := c.Layer(t.Context(), changed(), Gzip); err != nil || got.described != want {
			t.Errorf("%s: got %+v, %v; want %+v", name, got.described, err, want)
		}
	}
}

// A block that begins a layer and one that has a window are not the same when
// together with their windows they hold the same bytes.
func TestTheWindowCounts(t *testing.T) {
	all := bytes.Repeat([]byte("window and block "), 4*blockSize/17)[:blockSize+blockSize/2]
	_, known := pack(t, all, nil)
	tail := all[blockSize-windowSize:]
	var out bytes.Buffer
	z := newGzipWriter(&out, known)
	if _, err := z.Write(tail); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	reader, err := gzip.NewReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := io.ReadAll(reader); err != nil || !bytes.Equal(back, tail) {
		t.Fatalf("read back %d of %d bytes, %v", len(back), len(tail), err)
	}
}

// flip changes every hundredth byte of a file.
func flip(path string) error {
	data, err := os.ReadFile(path)
	for i := 0; i < len(data); i += 100 {
		data[i] ^= 1
	}
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

// FuzzGzip reads back what was written in pieces, with and without the blocks
// of something that is like it.
func FuzzGzip(f *testing.F) {
	f.Add([]byte("content"), uint64(1), uint32(3*blockSize+5))
	f.Add([]byte{}, uint64(2), uint32(0))
	f.Add([]byte{0}, uint64(3), uint32(blockSize))
	f.Fuzz(func(t *testing.T, piece []byte, seed uint64, length uint32) {
		noise := rand.New(rand.NewPCG(seed, 0))
		var data []byte
		for uint32(len(data)) < length%(4*blockSize) {
			data = append(data, piece...)
			data = append(data, byte(noise.Uint32()))
		}
		first, known := pack(t, data, nil)
		again, _ := pack(t, data, known)
		if !bytes.Equal(first, again) {
			t.Fatal("the same content made another layer")
		}
		reader, err := gzip.NewReader(bytes.NewReader(first))
		if err != nil {
			t.Fatal(err)
		}
		back, err := io.ReadAll(reader)
		if err != nil || !bytes.Equal(back, data) {
			t.Fatalf("read back %d of %d bytes, %v", len(back), len(data), err)
		}
	})
}

// pack compresses data that is written in pieces of odd lengths.
func pack(t *testing.T, data []byte, known *blocks) ([]byte, *blocks) {
	t.Helper()
	var out bytes.Buffer
	z := newGzipWriter(&out, known)
	for piece := range slices.Chunk(data, 70_001) {
		if _, err := z.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if known != nil && z.reused != len(z.made) {
		t.Fatalf("%d of %d blocks were taken over", z.reused, len(z.made))
	}
	file, err := os.Create(t.TempDir() + "/layer")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	if _, err := file.Write(out.Bytes()); err != nil {
		t.Fatal(err)
	}
	places, err := parseBlocks(formatBlocks(z.made))
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), &blocks{layer: file, places: places}
}
