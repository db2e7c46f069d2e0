package layer

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

// shapeOf is what a layer has in common with the one before a change of its
// files: their names.
func shapeOf(entries []Entry, as Compression) string {
	sum := sha256.New()
	fmt.Fprintln(sum, as.format())
	for _, e := range entries {
		fmt.Fprintf(sum, "%q\n", e.Name)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// keyLength is that of a layer's key in hex digits.
const keyLength = 2 * sha256.Size

// last returns the blocks of the last layer of a shape; nil when there is none.
func (c Cache) last(shape string, as Compression) *blocks {
	data, err := os.ReadFile(c.lastFile(shape))
	if err != nil || len(data) < keyLength {
		return nil
	}
	places, err := parseBlocks(data[keyLength:])
	if err != nil {
		return nil
	}
	layer, err := os.Open(c.blob(filepath.Base(string(data[:keyLength])), as))
	if err != nil {
		return nil
	}
	return &blocks{layer: layer, places: places}
}

// remember writes down what the next layer of a shape can take over. When that
// is lost, or is damaged, the next layer takes longer to make, no more: so
// nothing waits for the disk here.
func (c Cache) remember(shape, key string, made []block) {
	if len(made) == 0 {
		return
	}
	_ = c.put(c.lastFile(shape), append([]byte(key), formatBlocks(made)...))
}

func (c Cache) lastFile(shape string) string { return filepath.Join(c.Dir, shape+".last") }
